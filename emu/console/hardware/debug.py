"""Trace events as lines: on a console, or in a file.

The kinds are those of `emu.core.trace`; messages are told as the ladder tells them.
"""

from collections.abc import Callable, Mapping

from emu.console.hardware.places import controllers
from emu.console.host_files import HostFileError, TextFile
from emu.core.block import BLOCK_BYTES
from emu.core.trace import (
    BitmapChanged,
    BlocksMoved,
    ConsoleLine,
    CopyMoved,
    Event,
    InterruptRequested,
    MessageMoved,
    RegisterAccess,
    StateChanged,
)
from emu.sim.world import World
from emu.trace.ladder import message_words

KINDS: Mapping[str, type[Event]] = {
    "REGISTERS": RegisterAccess,
    "STATES": StateChanged,
    "MESSAGES": MessageMoved,
    "INTERRUPTS": InterruptRequested,
    "BLOCKS": BlocksMoved,
    "BITMAPS": BitmapChanged,
    "COPIES": CopyMoved,
    "OPERATOR": ConsoleLine,
}
_NAMES = {kind: name for name, kind in KINDS.items()}


class Debug:
    """What one console shows.

    chosen: kinds by controller, "" for everything that is of no controller named.  file_name: where the lines go, ""
    for the console.
    """

    def __init__(self, world: World, say: Callable[[str], None]) -> None:
        self.chosen: dict[str, list[str]] = {}
        self.file_name = ""
        self._world = world
        self._say = say
        self._file: TextFile | None = None
        self._subscribed = False

    def choose(self, controller: str, kinds: list[str]) -> None:
        """Show these kinds of a controller's events, of all there is with ""."""
        before = self.chosen.get(controller, [])
        self.chosen[controller] = [kind for kind in KINDS if kind in before or kind in kinds]
        if not self._subscribed:
            self._world.tracer.subscribe(self._hear)
            self._subscribed = True

    def drop(self, controller: str, kinds: list[str]) -> None:
        """Stop showing these kinds."""
        left = [kind for kind in self.chosen.get(controller, []) if kind not in kinds]
        self.chosen[controller] = left
        if not left:
            del self.chosen[controller]
        if not self.chosen:
            self._unsubscribe()

    def write_to(self, name: str, file: TextFile | None) -> None:
        """Put the lines into a file, or on the console again with None."""
        if self._file is not None:
            self._file.close()
        self._file, self.file_name = file, name

    def stop(self) -> None:
        self.chosen.clear()
        self._unsubscribe()
        self.write_to("", None)

    def _unsubscribe(self) -> None:
        if self._subscribed:
            self._world.tracer.unsubscribe(self._hear)
            self._subscribed = False

    def _hear(self, event: Event) -> None:
        name = _NAMES.get(type(event))
        if name is None:
            return
        source = self._source(event)
        if name not in self.chosen.get("", ()) and name not in self.chosen.get(source.split(".")[0], ()):
            return
        line = f"DBG({event.now_ns / 1000:.3f})> {source} {name}: {describe(event)}"
        try:
            (self._file.write_line if self._file is not None else self._say)(line)
        except HostFileError as error:
            self.write_to("", None)
            self._say(f"Debug output comes here again: {error}")

    def _source(self, event: Event) -> str:
        """Who speaks, by the name the console has for it."""
        for place in controllers(self._world):
            name = place.controller.name
            if event.source == name or event.source.startswith(f"{name}."):
                return place.name + event.source.removeprefix(name)
        return event.source


def describe(event: Event) -> str:
    """Tell an event in one line."""
    match event:
        case RegisterAccess():
            return f"{event.kind} {event.register} {event.value:06o}"
        case StateChanged():
            return f"{event.before} to {event.after}"
        case MessageMoved():
            return f"{event.direction} {message_words(event.data)}"
        case InterruptRequested():
            return f"vector {event.vector:o}"
        case BlocksMoved():
            blocks = -(-event.byte_count // BLOCK_BYTES)
            return f"unit {event.unit} {event.function} {blocks} blocks at LBN {event.lbn}"
        case BitmapChanged():
            what = "set" if event.value else "cleared"
            return f"bitmap {event.bitmap:08X}, {event.count} bits from {event.first} {what}"
        case CopyMoved():
            return f"{event.member} is equal below LBN {event.fence_lbn}"
        case ConsoleLine():
            return event.text
        case _:
            raise AssertionError("every kind has its words")
