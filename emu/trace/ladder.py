"""A ladder: what passed between one host and one controller, as lines of text.

The host stands on the left, the controller on the right, time runs down the page in microseconds from the
first event.  An arrow is something that crossed the bus: a message, a register access, an interrupt.  What has no
arrow happened on the side where it stands.  Messages are named and explained by `emu.wire.decode`; of a packet
the ladder shows the fields that tell one command from another, by the manual's names.
"""

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
from emu.wire.codes.uqssp import CREDITS_MASK
from emu.wire.decode import FieldLine, decode_packet

WIDTH = 90  # between the two sides
TIME_WIDTH = 10
FIELDS = (
    *("crf", "unit", "otrf", "mod", "bcnt", "lbn"),
    *("lbcount", "src_unum", "src_lbn", "dest_lbn"),
    *("cntf", "unsz", "sts", "evnt"),
)
STATUSES = ("sts", "evnt")  # said in words alone
QUIET = ("mod", "cntf", "unsz")  # said when they are not zero


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
        drawn = _draw(event)
        if drawn is not None:
            self.lines.append(f"{self._time(event.now_ns)}  {drawn}".rstrip())

    def _time(self, now_ns: int) -> str:
        """The time, or blanks under an equal one."""
        if self._start_ns is None:
            self._start_ns = now_ns
        if now_ns == self._shown_ns:
            return " " * TIME_WIDTH
        self._shown_ns = now_ns
        return f"{(now_ns - self._start_ns) / 1000:{TIME_WIDTH}.1f}"


def _draw(event: Event) -> str | None:
    match event:
        case MessageMoved(direction="H>C"):
            return _right(message_words(event.data))
        case MessageMoved():
            return _left(message_words(event.data))
        case InterruptRequested():
            return _left(f"interrupt, vector {event.vector:o}", "┄")
        case RegisterAccess(kind="read"):
            return _right("read IP", "┄") if event.register == "IP" else _left(_register(event), "┄")
        case RegisterAccess():
            return _right(_register(event), "┄")
        case BlocksMoved():
            blocks = _count(-(-event.byte_count // BLOCK_BYTES), "block")
            return _at_controller(f"unit {event.unit}: {event.function} {blocks} at LBN {event.lbn}")
        case BitmapChanged():
            last = event.first + event.count - 1
            bits = f"bit {event.first}" if event.count == 1 else f"bits {event.first} to {last}"
            return f"bitmap {event.bitmap:08X}: {bits} {'set' if event.value else 'cleared'}"
        case CopyMoved():
            return f"{event.member} is equal below LBN {event.fence_lbn}"
        case StateChanged():
            # A driver's source is NODE/thing, a port's is the port.
            _, is_host, thing = event.source.partition("/")
            text = f"{thing if is_host else event.source} {event.before} → {event.after}"
            return text if is_host else _at_controller(text)
        case ConsoleLine():
            return event.text
        case _:
            return None


def _right(text: str, line: str = "─") -> str:
    return f"{text} ".ljust(WIDTH - 1, line) + "▶"


def _left(text: str, line: str = "─") -> str:
    return "◀" + f" {text}".rjust(WIDTH - 1, line)


def _at_controller(text: str) -> str:
    return text.rjust(WIDTH)


def _register(event: RegisterAccess) -> str:
    return f"{event.kind} {event.register} {event.value:04X}"


def message_words(packet: bytes) -> str:
    """Name a message and give the fields that tell it from others."""
    fields = {line.name: line for line in decode_packet(packet, with_envelope=True)}
    opcode = fields.get("opcd")
    lines = [fields[name] for name in FIELDS if name in fields]
    shown = [_field(line) for line in lines if line.raw or line.name not in QUIET]
    credits_type = fields["credits_type"].raw
    assert isinstance(credits_type, int), "the envelope has one byte for credits and type"
    if credits_type & CREDITS_MASK:
        shown.append(f"+{_count(credits_type & CREDITS_MASK, 'credit')}")
    return f"{opcode.meaning if opcode is not None else 'error log'}: {', '.join(shown)}"


def _field(line: FieldLine) -> str:
    return line.meaning if line.name in STATUSES else f"{line.name} {line.meaning}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
