"""Frames: a stream of bytes over a serial line that loses and damages some (docs/buslink.md, "On a serial line").

    DOWN ──OPEN──▶ UP ──OPEN with another number──▶ UP (a new session)
                   UP ──no progress, end of the line──▶ ENDED

`Framed` puts a byte machine on such a line, as the end that answers OPEN.  It sends again what is not acknowledged in
time, from the oldest on.
"""

from binascii import crc_hqx
from collections import deque
from collections.abc import Callable, Sequence

from emu.core.bus import Bytes
from emu.core.clock import MILLISECOND_NS, Clock, Timer
from emu.front import ByteMachine
from emu.wire.codes.buslink import (
    FRAME_CRC_START,
    FRAME_ESCAPE,
    FRAME_ESCAPED,
    FRAME_FLAG,
    FRAME_FLIP,
    FRAME_PAYLOAD_BYTES,
    FRAME_WINDOW,
    FrameKind,
)
from emu.wire.generated.buslink import FrameCheck, FrameHeader

RESEND_NS = 250 * MILLISECOND_NS
RESENDS = 40  # without progress, until the line is lost

_FLAG = bytes((FRAME_FLAG,))
_ESCAPE = bytes((FRAME_ESCAPE,))
_ESCAPES = [(bytes((byte,)), bytes((FRAME_ESCAPE, byte ^ FRAME_FLIP))) for byte in FRAME_ESCAPED]
_OVERHEAD_BYTES = FrameHeader.SIZE + FrameCheck.SIZE
_LONGEST_BYTES = 2 * (FRAME_PAYLOAD_BYTES + _OVERHEAD_BYTES)
_SEQUENCES = 256


def frame(kind: int, sequence: int, payload: Bytes = b"") -> bytes:
    """Make one frame, flags and all."""
    body = FrameHeader.pack_fields(kind, sequence) + payload
    body += FrameCheck.pack_fields(crc_hqx(body, FRAME_CRC_START))
    for byte, escaped in _ESCAPES:
        body = body.replace(byte, escaped)
    return _FLAG + body + _FLAG


class FrameReader:
    """Finds the frames in what comes over a line; damaged ones are counted and dropped."""

    def __init__(self) -> None:
        self.damaged = 0
        self._rest = b""

    def receive(self, data: bytes) -> list[tuple[int, int, bytes]]:
        """Take bytes; return kind, sequence and payload of each good frame."""
        *bodies, self._rest = (self._rest + data).split(_FLAG)
        if len(self._rest) > _LONGEST_BYTES:
            self._rest = self._rest[:_LONGEST_BYTES]  # enough to be found too long
        frames = []
        for body in bodies:
            if not body:
                continue
            good = self._check(body)
            if good is None:
                self.damaged += 1
            else:
                frames.append(good)
        return frames

    def _check(self, body: bytes) -> tuple[int, int, bytes] | None:
        first, *pieces = body.split(_ESCAPE)
        parts = [first]
        for piece in pieces:
            if not piece:
                return None  # an escape that escapes nothing
            parts.append(bytes((piece[0] ^ FRAME_FLIP,)) + piece[1:])
        body = b"".join(parts)
        if not _OVERHEAD_BYTES <= len(body) <= _OVERHEAD_BYTES + FRAME_PAYLOAD_BYTES:
            return None
        end = len(body) - FrameCheck.SIZE
        if crc_hqx(body[:end], FRAME_CRC_START) != FrameCheck.unpack(body, end).crc:
            return None
        header = FrameHeader.unpack(body)
        return header.kind, header.sequence, body[FrameHeader.SIZE : end]


class Framed:
    """A line with a machine at it, as a ByteMachine; every OPEN brings a new machine.

    make: makes the machine.  wake: called when there is something to send though nothing came in.
    """

    def __init__(self, clock: Clock, make: Callable[[], ByteMachine]) -> None:
        self.ended = False
        self.wake: Callable[[], None] = _nobody
        self.resent = 0
        self._clock = clock
        self._make = make
        self._machine: ByteMachine | None = None
        self._reader = FrameReader()
        self._opening: int | None = None  # the number of the OPEN in force
        self._expected = 0
        self._heard = False  # DATA since OPEN
        self._asked_again = False
        self._next = 0  # sequence of the next new DATA
        self._unsent = bytearray()  # of the stream
        self._under_way: deque[tuple[int, bytes]] = deque()  # sequence and frame, oldest first
        self._out: list[bytes] = []
        self._timer: Timer | None = None
        self._resends = 0

    @property
    def machine(self) -> ByteMachine | None:
        """Whoever talks over the line now."""
        return self._machine

    # ---- ByteMachine

    def receive(self, data: bytes) -> None:
        acknowledge = False
        for kind, sequence, payload in self._reader.receive(data):
            if kind == FrameKind.OPEN:
                self._take_open(sequence)
            elif self._machine is None:
                continue
            elif kind == FrameKind.DATA:
                acknowledge = True
                self._take_data(sequence, payload)
            elif kind == FrameKind.ACK:
                self._take_ack(sequence)
            elif kind == FrameKind.AGAIN:
                self._take_ack(sequence)
                self._send_again()
        if acknowledge and not self._asked_again:
            self._out.append(frame(FrameKind.ACK, self._expected))

    def outgoing(self) -> Sequence[Bytes]:
        machine = self._machine
        if machine is not None:
            for part in machine.outgoing():
                self._unsent += part
            self._send_new()
            if machine.ended and not self._unsent and not self._under_way:
                self._close()
        out, self._out = self._out, []
        return out

    def lost(self) -> None:
        self.ended = True
        self._close()

    # ---- frames in

    def _take_open(self, number: int) -> None:
        if number != self._opening or self._heard or self._machine is None:
            self._close()
            self._opening = number
            self._machine = self._make()
        self._out.append(frame(FrameKind.OPENED, number))

    def _take_data(self, sequence: int, payload: bytes) -> None:
        machine = self._machine
        assert machine is not None, "data comes to a session"
        if sequence == self._expected:
            self._heard = True
            self._asked_again = False
            self._expected = (sequence + 1) % _SEQUENCES
            machine.receive(payload)
        elif (sequence - self._expected) % _SEQUENCES < FRAME_WINDOW and not self._asked_again:
            self._asked_again = True
            self._out.append(frame(FrameKind.AGAIN, self._expected))

    def _take_ack(self, sequence: int) -> None:
        under_way = self._under_way
        if not under_way or (sequence - under_way[0][0]) % _SEQUENCES > len(under_way):
            return  # of frames acknowledged long ago
        before = len(under_way)
        while under_way and under_way[0][0] != sequence:
            under_way.popleft()
        if len(under_way) < before:
            self._resends = 0
            self._set_timer()

    # ---- frames out

    def _send_new(self) -> None:
        unsent, under_way = self._unsent, self._under_way
        if not unsent or len(under_way) >= FRAME_WINDOW:
            return
        while unsent and len(under_way) < FRAME_WINDOW:
            made = frame(FrameKind.DATA, self._next, unsent[:FRAME_PAYLOAD_BYTES])
            del unsent[:FRAME_PAYLOAD_BYTES]
            under_way.append((self._next, made))
            self._out.append(made)
            self._next = (self._next + 1) % _SEQUENCES
        if self._timer is None:
            self._set_timer()

    def _send_again(self) -> None:
        self.resent += len(self._under_way)
        self._out += [made for _, made in self._under_way]

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._under_way:
            self._timer = self._clock.call_after(RESEND_NS, self._time_out)

    def _time_out(self) -> None:
        self._timer = None
        self._resends += 1
        if self._resends > RESENDS:
            self._close()
            return
        self._asked_again = False
        self._send_again()
        self._set_timer()
        self.wake()

    def _close(self) -> None:
        """End the session; the line stays."""
        machine, self._machine = self._machine, None
        self._opening = None
        self._expected = self._next = self._resends = 0
        self._heard = self._asked_again = False
        self._unsent.clear()
        self._under_way.clear()
        self._set_timer()
        if machine is not None and not machine.ended:
            machine.lost()


def _nobody() -> None:
    return None
