"""OPCOM: messages to operators, at their terminals and in the operator log.

UNCERTAIN: which class a message has is not published for all of them; here its facility decides.
"""

from collections.abc import Callable, Iterable, Iterator

from emu.console.host_files import HostFileError, TextFile
from emu.console.times import absolute_time
from emu.core.trace import ConsoleLine, Event
from emu.sim.world import World

CLASSES = ("CENTRAL", "CLUSTER", "DEVICES", "DISKS")
_CLASS_OF = {
    "%CNXMAN": "CLUSTER",
    "%SHADOW": "DISKS",
    "%WBM": "DISKS",
    "%PU": "DEVICES",
    "%PKE": "DEVICES",
    "%DU": "DEVICES",
    "%DK": "DEVICES",
}


def class_of(text: str) -> str:
    """The class of a message."""
    return next((kind for facility, kind in _CLASS_OF.items() if text.startswith(facility)), "CENTRAL")


def opcom(world: World, event: ConsoleLine, here: str = "") -> Iterator[str]:
    """A message as OPCOM writes it; of another node than `here` it says so."""
    time = absolute_time(world.boot_time + event.now_ns // 100)
    yield f"%%%%%%%%%%%  OPCOM  {time}  %%%%%%%%%%%"
    if here not in ("", event.source):
        yield f"(from node {event.source} at {time})"
    yield f"Message from user SYSTEM on {event.source}"
    yield event.text


class OperatorTerminal:
    """What one terminal gets to see.  node: tells where its operator is.  classes: those it is enabled for."""

    def __init__(self, world: World, node: Callable[[], str], say: Callable[[str], None]) -> None:
        self._world = world
        self._node = node
        self._say = say
        self.classes: set[str] = set()

    def enable(self, classes: Iterable[str]) -> None:
        """Show messages of these classes."""
        if not self.classes:
            self._world.tracer.subscribe(self._hear, ConsoleLine)
        self.classes |= set(classes)

    def disable(self, classes: Iterable[str]) -> None:
        """Show messages of these classes no more."""
        was = bool(self.classes)
        self.classes -= set(classes)
        if was and not self.classes:
            self._world.tracer.unsubscribe(self._hear)

    def _hear(self, event: Event) -> None:
        if isinstance(event, ConsoleLine) and class_of(event.text) in self.classes:
            for line in opcom(self._world, event, self._node()):
                self._say(line)


class OperatorLog:
    """The operator log of a world: all messages, in a text file, while it is open."""

    def __init__(self) -> None:
        self._file: TextFile | None = None
        self._world: World | None = None

    def open(self, world: World, file: TextFile) -> None:
        """Write into another file from now on."""
        self.close()
        self._file, self._world = file, world
        world.tracer.subscribe(self._hear, ConsoleLine)

    def close(self) -> None:
        """Write no more."""
        if self._file is not None and self._world is not None:
            self._world.tracer.unsubscribe(self._hear)
            self._file.close()
            self._file = None

    def _hear(self, event: Event) -> None:
        if not isinstance(event, ConsoleLine) or self._file is None or self._world is None:
            return
        try:
            for line in (*opcom(self._world, event), ""):
                self._file.write_line(line)
        except HostFileError:
            self.close()  # a log that cannot be written holds up nobody
