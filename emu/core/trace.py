"""Everything that can be observed: this list of event types is the list of what can be seen.

Models emit events; sinks elsewhere turn them into digests, ladders, captures, pages.  Emission has
no side effect.  A model asks first whether the kind is in `tracer.heard`, so that an event nobody hears is never made.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """When and where; times are virtual nanoseconds, `source` names the object that speaks."""

    now_ns: int
    source: str


@dataclass(frozen=True, slots=True)
class RegisterAccess(Event):
    """A register was read or written ("read", "write", and "stray read" for one nobody declared)."""

    kind: str
    register: str
    value: int


@dataclass(frozen=True, slots=True)
class StateChanged(Event):
    """A state machine moved."""

    before: str
    after: str


@dataclass(frozen=True, slots=True)
class MessageMoved(Event):
    """A message crossed a ring; `direction` is "H>C" or "C>H", `data` the envelope and the text."""

    direction: str
    data: bytes


@dataclass(frozen=True, slots=True)
class InterruptRequested(Event):
    """A device asked for an interrupt."""

    vector: int


@dataclass(frozen=True, slots=True)
class TaskTaken(Event):
    """A logical unit was given a SCSI command."""

    unit: int
    tag: int
    cdb: bytes


@dataclass(frozen=True, slots=True)
class TaskEnded(Event):
    """A logical unit ended a SCSI command; `sense` is empty where there is none."""

    tag: int
    status: int
    sense: bytes


@dataclass(frozen=True, slots=True)
class BlocksMoved(Event):
    """A unit's medium was asked to move blocks."""

    function: str
    unit: int
    lbn: int
    byte_count: int


@dataclass(frozen=True, slots=True)
class BitmapChanged(Event):
    """Bits of a write bitmap were set or cleared: `count` bits from `first`."""

    bitmap: int
    first: int
    count: int
    value: bool


@dataclass(frozen=True, slots=True)
class CopyMoved(Event):
    """A copy fence moved: all below `fence_lbn` is equal."""

    member: str
    fence_lbn: int


@dataclass(frozen=True, slots=True)
class ConsoleLine(Event):
    """A driver told the operator something."""

    text: str


KINDS: tuple[type[Event], ...] = (
    RegisterAccess,
    StateChanged,
    MessageMoved,
    InterruptRequested,
    TaskTaken,
    TaskEnded,
    BlocksMoved,
    BitmapChanged,
    CopyMoved,
    ConsoleLine,
)


class Tracer:
    """Hands events to whoever subscribed to their kind.

    heard: the kinds somebody wants, with who hears them in the order in which they subscribed.
    """

    def __init__(self) -> None:
        self.heard: dict[type[Event], list[Callable[[Event], None]]] = {}

    def subscribe(self, sink: Callable[[Event], None], *kinds: type[Event]) -> None:
        """Let `sink` hear events of these kinds, or of all when none is named."""
        for kind in kinds or KINDS:
            self.heard.setdefault(kind, []).append(sink)

    def unsubscribe(self, sink: Callable[[Event], None]) -> None:
        """Let `sink` hear no more."""
        for kind in [kind for kind, sinks in self.heard.items() if sink in sinks]:
            self.heard[kind].remove(sink)
            if not self.heard[kind]:
                del self.heard[kind]

    def emit(self, event: Event) -> None:
        for sink in self.heard.get(type(event), ()):
            sink(event)
