"""What passes over a bus link: a relay that writes down registers, SA and packets; numbers are docs/buslink.md's."""

import socket
import struct
from select import select
from threading import Thread

from tests.interop.serving import dial

WRITE, READ, SHADOW, DMA_WRITE = 3, 4, 11, 14
PACKET = 64


class Wiretap:
    """A TCP relay to `url`; `heard` is what passed, as lines.

    WR IP 0000, WR SA 8000: the host wrote.  RD IP: it read.  SA 0B40: what SA shows from now on.  > 003C 0000 ...: a
    command packet, < ...: what the controller put where a response descriptor points; words of envelope and text, as
    many as the envelope's length says (a host that says 0 means a whole packet).
    """

    def __init__(self, url: str) -> None:
        self.heard: list[str] = []
        self._controller = url
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"tcp:127.0.0.1:{self._listener.getsockname()[1]}"
        self._responses: set[int] = set()
        self._thread = Thread(target=self._relay, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.close()
        self._thread.join(10)

    def _relay(self) -> None:
        try:
            host, _ = self._listener.accept()
        except OSError:
            return
        controller = dial(self._controller)
        rest = {host: b"", controller: b""}
        with host, controller:
            while True:
                for end in select([host, controller], [], [])[0]:
                    try:
                        data = end.recv(1 << 20)
                    except OSError:
                        data = b""
                    if not data:
                        return
                    rest[end] = self._hear(rest[end] + data)
                    (controller if end is host else host).sendall(data)

    def _hear(self, data: bytes) -> bytes:
        while len(data) >= 24:
            kind, _, _, length, address, value, _, _ = struct.unpack_from("<BBHIIIII", data)
            if len(data) < 24 + length:
                break
            self._note(kind, address, value, data[24 : 24 + length])
            data = data[24 + length :]
        return data

    def _note(self, kind: int, address: int, value: int, body: bytes) -> None:
        register = {0: "IP", 2: "SA"}.get(address, "?")
        if kind == WRITE:
            self.heard.append(f"WR {register} {value:04X}")
        elif kind == SHADOW and address == 2:
            self.heard.append(f"SA {value:04X}")
        elif kind == READ:
            self.heard.append(f"RD {register}")
            for _, bytes_there in extents(body):
                if len(bytes_there) == PACKET:
                    self.heard.append("> " + words(bytes_there))
                else:
                    self._responses |= {longword & 0x3FFFFF for longword in longwords(bytes_there)}
        elif kind == DMA_WRITE:
            for place, bytes_there in extents(body):
                if place + 4 in self._responses and 12 <= len(bytes_there) <= PACKET:
                    self.heard.append("< " + words(bytes_there))


def extents(data: bytes) -> list[tuple[int, bytes]]:
    found = []
    while data:
        address, length = struct.unpack_from("<II", data)
        found.append((address, data[8 : 8 + length]))
        data = data[8 + length :]
    return found


def longwords(data: bytes) -> list[int]:
    return [longword for (longword,) in struct.iter_unpack("<I", data)]


def words(packet: bytes) -> str:
    length = struct.unpack_from("<H", packet)[0] or PACKET - 4
    return " ".join(f"{word:04X}" for (word,) in struct.iter_unpack("<H", packet[: 4 + length]))
