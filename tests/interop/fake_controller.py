"""A controller's end of the bus link that says what a test tells it to, with the numbers of docs/buslink.md typed anew.

Nothing here comes from the project: if both sides of our own had the same mistake, this one would show it.
"""

import os
import select
import socket
import struct
import termios
import tty
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

HELLO, GOODBYE, WRITE, READ, RESET, TICK, DMA_DATA, DMA_DONE, GRANTED = range(1, 10)
ANSWER, SHADOW, WATCH, DMA_READ, DMA_WRITE, ANNOUNCE, INTERRUPT, WITHDRAW, CALL = range(10, 19)

WAIT, NONEXISTENT = 1, 2
TELL_READ, WAIT_WRITE, RESETS = 1, 2, 4

HEADER = "<BBHIIIII"
PATIENCE_S = 15.0


@dataclass(frozen=True)
class Message:
    """A message that came; `number` counts them."""

    number: int
    kind: int
    flags: int
    epoch: int
    address: int
    value: int
    count: int
    time: int
    data: bytes


def extent(address: int, data: bytes) -> bytes:
    """Make an extent with its bytes."""
    return struct.pack("<II", address, len(data)) + data


def message(
    kind: int,
    *,
    flags: int = 0,
    epoch: int = 0,
    address: int = 0,
    value: int = 0,
    count: int = 0,
    data: bytes = b"",
) -> bytes:
    """Make a message."""
    return struct.pack(HEADER, kind, flags, epoch, len(data), address, value, count, 0) + data


class Bytes(Protocol):
    """Whatever carries the stream."""

    def send(self, data: bytes) -> None: ...

    def receive(self) -> bytes:
        """What has come, b"" at the end."""
        ...

    def close(self) -> None: ...


class SocketBytes:
    """A stream that a socket carries."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        connection.settimeout(PATIENCE_S)
        if connection.family != socket.AF_UNIX:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data: bytes) -> None:
        self._connection.sendall(data)

    def receive(self) -> bytes:
        try:
            return self._connection.recv(1 << 16)
        except ConnectionResetError:
            return b""

    def close(self) -> None:
        self._connection.close()


class FakeController:
    """One connection of a simulator."""

    def __init__(self, stream: Bytes) -> None:
        self.stream = stream
        self.epoch = 0
        self.received = 0
        self._rest = b""

    def receive(self) -> Message:
        """Wait for the next message; its epoch is ours from then on if it is a WRITE or a RESET."""
        header = self._take(24)
        kind, flags, epoch, length, address, value, count, time = struct.unpack(HEADER, header)
        self.received += 1
        if kind in (WRITE, RESET):
            self.epoch = epoch
        return Message(self.received, kind, flags, epoch, address, value, count, time, self._take(length))

    def expect(self, kind: int) -> Message:
        """Wait for the next message, which is of this kind."""
        came = self.receive()
        assert came.kind == kind, f"a message of kind {kind} was expected, not {came}"
        return came

    def expect_end(self) -> None:
        """Wait until the simulator has closed the connection."""
        while self.stream.receive():
            pass

    def send(
        self,
        kind: int,
        *,
        flags: int = 0,
        epoch: int | None = None,
        address: int = 0,
        value: int = 0,
        data: bytes = b"",
    ) -> None:
        """Send a message, of the present epoch unless told otherwise."""
        self.stream.send(
            message(
                kind,
                flags=flags,
                epoch=self.epoch if epoch is None else epoch,
                address=address,
                value=value,
                count=self.received,
                data=data,
            )
        )

    def answer(self, to: Message) -> None:
        self.send(ANSWER, value=to.number)

    def greet(self, name: bytes = b"FAKE-1", version: int = 1) -> Message:
        """Take the simulator's HELLO and answer it; SA shows 0, IP 0."""
        hello = self.expect(HELLO)
        self.stream.send(
            message(HELLO, data=struct.pack("<4sHBBII16x32s", b"HBVS", version, 1, 0, 0, 0, name))
            + message(SHADOW, flags=TELL_READ | RESETS, address=0)
            + message(SHADOW, address=2)
        )
        return hello

    def _take(self, length: int) -> bytes:
        while len(self._rest) < length:
            came = self.stream.receive()
            assert came, "the simulator has closed the connection"
            self._rest += came
        data, self._rest = self._rest[:length], self._rest[length:]
        return data


class FakeListener:
    """Where a simulator connects; `address` is what to ATTACH."""

    def __init__(self, path: Path | None = None) -> None:
        if path is None:
            self._socket = socket.create_server(("127.0.0.1", 0))
            self.address = f"tcp:127.0.0.1:{self._socket.getsockname()[1]}"
        else:
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.bind(str(path))
            self._socket.listen()
            self.address = f"unix:{path}"
        self._socket.settimeout(PATIENCE_S)
        self._streams: list[Bytes] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def accept(self) -> FakeController:
        stream = SocketBytes(self._socket.accept()[0])
        self._streams.append(stream)
        return FakeController(stream)

    def close(self) -> None:
        for stream in self._streams:
            stream.close()
        self._socket.close()


# ---- a serial line

DATA_FRAME, ACK_FRAME, AGAIN_FRAME, OPEN_FRAME, OPENED_FRAME = range(5)


def crc16(data: bytes) -> int:
    """CRC-16, polynomial 1021 (16), start FFFF (16), not reflected."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = crc << 1 ^ (0x1021 if crc & 0x8000 else 0)
        crc &= 0xFFFF
    return crc


def frame(kind: int, sequence: int, payload: bytes = b"") -> bytes:
    """Make a frame."""
    body = bytes((kind, sequence)) + payload
    body += struct.pack("<H", crc16(body))
    escaped = b"".join(
        bytes((0x7D, byte ^ 0x20)) if byte in (0x7D, 0x7E, 0x11, 0x13) else bytes((byte,)) for byte in body
    )
    return b"\x7e" + escaped + b"\x7e"


class FakeLine:
    """The far end of a serial line: a stream in frames.  What it drops and damages a test decides.

    drop_sent, drop_received: sequences of DATA frames that get lost once.  damage_sent: that arrive with a bit wrong.
    """

    def __init__(self) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._master, termios.TCSANOW)
        self.address = f"serial:{os.ttyname(self._slave)},115200"
        self.drop_sent: list[int] = []
        self.drop_received: list[int] = []
        self.damage_sent: list[int] = []
        self.opened = 0
        self.heard: list[tuple[int, int]] = []  # kind and sequence of every good frame
        self._raw = b""
        self._stream = b""
        self._expected = 0
        self._sent: list[bytes] = []  # all payloads of this session
        self._acknowledged = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        for descriptor in (self._master, self._slave):
            os.close(descriptor)

    def await_open(self) -> None:
        """Take frames until the simulator has opened a session."""
        before = self.opened
        while self.opened == before:
            self._hear()

    def send(self, data: bytes) -> None:
        for start in range(0, len(data), 240):
            self._sent.append(data[start : start + 240])
            self._send_again(len(self._sent) - 1)

    def receive(self) -> bytes:
        while not self._stream:
            self._hear()
        data, self._stream = self._stream, b""
        return data

    def settle(self) -> None:
        """Take frames until everything sent is acknowledged."""
        while self._acknowledged < len(self._sent):
            self._hear()

    def _send_again(self, number: int) -> None:
        while number < len(self._sent):
            sent = frame(DATA_FRAME, number & 0xFF, self._sent[number])
            if number in self.drop_sent:
                self.drop_sent.remove(number)
            elif number in self.damage_sent:
                self.damage_sent.remove(number)
                os.write(self._master, sent[:3] + bytes((sent[3] ^ 0x40,)) + sent[4:])
            else:
                os.write(self._master, sent)
            number += 1

    def _hear(self) -> None:
        readable, _, _ = select.select([self._master], [], [], PATIENCE_S)
        assert readable, "the line is silent"
        self._raw += os.read(self._master, 4096)
        *frames, self._raw = self._raw.split(b"\x7e")
        for coded in frames:
            parts = coded.split(b"\x7d")
            body = parts[0] + b"".join(bytes((part[0] ^ 0x20,)) + part[1:] for part in parts[1:])
            if body:
                assert struct.pack("<H", crc16(body[:-2])) == body[-2:], "the simulator sends good frames"
                self._take(body[0], body[1], body[2:-2])

    def _take(self, kind: int, sequence: int, payload: bytes) -> None:
        self.heard.append((kind, sequence))
        if kind == OPEN_FRAME:
            self.opened += 1
            self._stream, self._sent, self._expected, self._acknowledged = b"", [], 0, 0
            os.write(self._master, frame(OPENED_FRAME, sequence))
        elif kind == DATA_FRAME and sequence == self._expected & 0xFF:
            if self._expected in self.drop_received:
                self.drop_received.remove(self._expected)
                return
            self._stream += payload
            self._expected += 1
            os.write(self._master, frame(ACK_FRAME, self._expected & 0xFF))
        elif kind == DATA_FRAME:
            os.write(self._master, frame(AGAIN_FRAME, self._expected & 0xFF))
        elif kind in (ACK_FRAME, AGAIN_FRAME):
            self._acknowledged += (sequence - self._acknowledged) & 0xFF
            if kind == AGAIN_FRAME:
                self._send_again(self._acknowledged)
