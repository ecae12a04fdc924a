"""A ladder: what passed between one host and one controller, as rungs, and the rungs as lines of text.

The host stands on the left, the controller on the right, time runs down the page in microseconds from the
first event.  An arrow is something that crossed the bus: a message, a register access, an interrupt.  What has no
arrow happened on the side where it stands.  Messages are named and explained by `emu.wire.decode`; of a packet
the ladder shows the fields that tell one command from another, by the manual's names.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

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
    TaskEnded,
    TaskTaken,
)
from emu.wire.codes import Code
from emu.wire.codes.mscp import END, OP, ST, ST_MASK
from emu.wire.codes.scsi import Opcode, Status
from emu.wire.codes.uqssp import CREDITS_MASK
from emu.wire.decode import QUIET, STATUSES, TELLING, FieldLine, decode_packet

WIDTH = 90  # between the two sides
TIME_WIDTH = 10
MICROSECOND_NS = 1000


class Way(Enum):
    """Which way a rung goes, or where it stands."""

    TO_CONTROLLER = "to the controller"
    TO_HOST = "to the host"
    AT_HOST = "at the host"
    AT_CONTROLLER = "at the controller"


@dataclass(frozen=True, slots=True)
class Rung:
    """One event as it is drawn.

    is_data: a message or a command, not a register access or an interrupt.  has_failed: an end that is no success.
    """

    now_ns: int
    source: str
    way: Way
    text: str
    is_data: bool = False
    has_failed: bool = False


class Ladder:
    """Draws one host and one controller; subscribe `hear`, or call it with the events of interest.

    host, controller: what stands above the two sides.  lines: what was drawn so far, without the heading.
    """

    def __init__(self, host: str = "host", controller: str = "controller") -> None:
        self.lines: list[str] = []
        self._heading = f"{'µs':>{TIME_WIDTH}}  {host}{controller:>{WIDTH - len(host)}}"
        self._start_ns: int | None = None
        self._shown_ns = -1

    def text(self) -> str:
        return "\n".join((self._heading, *self.lines)) + "\n"

    def hear(self, event: Event) -> None:
        """Draw an event; a kind it does not know is no part of a ladder."""
        rung = rung_of(event)
        if rung is not None:
            self.draw(rung)

    def draw(self, rung: Rung) -> None:
        self.lines.append(f"{self._time(rung.now_ns)}  {_line(rung)}".rstrip())

    def _time(self, now_ns: int) -> str:
        """The time, or blanks under an equal one."""
        if self._start_ns is None:
            self._start_ns = now_ns
        if now_ns == self._shown_ns:
            return " " * TIME_WIDTH
        self._shown_ns = now_ns
        return f"{(now_ns - self._start_ns) / MICROSECOND_NS:{TIME_WIDTH}.1f}"


def _line(rung: Rung) -> str:
    line = "─" if rung.is_data else "┄"
    match rung.way:
        case Way.TO_CONTROLLER:
            return f"{rung.text} ".ljust(WIDTH - 1, line) + "▶"
        case Way.TO_HOST:
            return "◀" + f" {rung.text}".rjust(WIDTH - 1, line)
        case Way.AT_CONTROLLER:
            return rung.text.rjust(WIDTH)
        case Way.AT_HOST:
            return rung.text


def rung_of(event: Event) -> Rung | None:
    """Say what is drawn for an event; None for a kind that is no part of a ladder."""
    match event:
        case MessageMoved():
            return _message(event)
        case TaskTaken():
            text = f"{_code_words(Opcode, event.cdb[0] if event.cdb else 0)}: tag {event.tag}, {event.cdb.hex(' ')}"
            return _rung(event, Way.TO_CONTROLLER, text, is_data=True)
        case TaskEnded():
            sense = f", sense {event.sense.hex(' ')}" if event.sense else ""
            text = f"{_code_words(Status, event.status)}: tag {event.tag}{sense}"
            return _rung(event, Way.TO_HOST, text, is_data=True, has_failed=event.status != Status.GOOD)
        case InterruptRequested():
            return _rung(event, Way.TO_HOST, f"interrupt, vector {event.vector:o}")
        case RegisterAccess(kind="read"):
            if event.register == "IP":  # reading it polls: what counts goes to the controller
                return _rung(event, Way.TO_CONTROLLER, "read IP")
            return _rung(event, Way.TO_HOST, _register(event))
        case RegisterAccess():
            return _rung(event, Way.TO_CONTROLLER, _register(event))
        case BlocksMoved():
            blocks = _count(-(-event.byte_count // BLOCK_BYTES), "block")
            text = f"unit {event.unit}: {event.function} {blocks} at LBN {event.lbn}"
            return _rung(event, Way.AT_CONTROLLER, text)
        case BitmapChanged():
            last = event.first + event.count - 1
            bits = f"bit {event.first}" if event.count == 1 else f"bits {event.first} to {last}"
            text = f"bitmap {event.bitmap:08X}: {bits} {'set' if event.value else 'cleared'}"
            return _rung(event, Way.AT_HOST, text)
        case CopyMoved():
            return _rung(event, Way.AT_HOST, f"{event.member} is equal below LBN {event.fence_lbn}")
        case StateChanged():
            # A driver's source is NODE/thing, a port's is the port.
            _, is_host, thing = event.source.partition("/")
            text = f"{thing if is_host else event.source} {event.before} → {event.after}"
            return _rung(event, Way.AT_HOST if is_host else Way.AT_CONTROLLER, text)
        case ConsoleLine():
            return _rung(event, Way.AT_HOST, event.text)
        case _:
            return None


def _rung(event: Event, way: Way, text: str, *, is_data: bool = False, has_failed: bool = False) -> Rung:
    return Rung(event.now_ns, event.source, way, text, is_data, has_failed)


def sides(rungs: Iterable[Rung]) -> tuple[list[str], list[str]]:
    """Name the hosts and the controllers of a ladder, in the order in which they come."""
    hosts: list[str] = []
    controllers: list[str] = []
    for rung in rungs:
        if rung.way is Way.AT_HOST:
            side, name = hosts, rung.source.partition("/")[0]
        else:
            side, name = controllers, rung.source
        if name not in side:
            side.append(name)
    return hosts, controllers


def _message(event: MessageMoved) -> Rung:
    way = Way.TO_CONTROLLER if event.direction == "H>C" else Way.TO_HOST
    fields = _fields(event.data)
    has_failed = _has_failed(fields)
    return _rung(event, way, _words(fields), is_data=True, has_failed=has_failed)


def _has_failed(fields: Mapping[str, FieldLine]) -> bool:
    """Whether it is an end message that tells of no success; a unit that is asked may well say that it is available."""
    status, opcode = fields.get("sts"), fields["opcd"].raw if "opcd" in fields else 0
    code = status.raw & ST_MASK if status is not None and isinstance(status.raw, int) else int(ST.SUC)
    return code != ST.SUC and not (code == ST.AVL and opcode == OP.GUS | END)


def _register(event: RegisterAccess) -> str:
    return f"{event.kind} {event.register} {event.value:04X}"


def message_words(packet: bytes) -> str:
    """Name a message and give the fields that tell it from others."""
    return _words(_fields(packet))


def _fields(packet: bytes) -> dict[str, FieldLine]:
    return {line.name: line for line in decode_packet(packet, with_envelope=True)}


def _words(fields: Mapping[str, FieldLine]) -> str:
    opcode = fields.get("opcd")
    lines = [fields[name] for name in TELLING if name in fields]
    shown = [_field(line) for line in lines if line.raw or line.name not in QUIET]
    credits_type = fields["credits_type"].raw
    assert isinstance(credits_type, int), "the envelope has one byte for credits and type"
    if credits_type & CREDITS_MASK:
        shown.append(f"+{_count(credits_type & CREDITS_MASK, 'credit')}")
    return f"{opcode.meaning if opcode is not None else 'error log'}: {', '.join(shown)}"


def _field(line: FieldLine) -> str:
    return line.meaning if line.name in STATUSES else f"{line.name} {line.meaning}"


def _code_words(code: type[Code], value: int) -> str:
    return next((member.words for member in code if member == value), f"{code.__name__.lower()} {value:02X}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
