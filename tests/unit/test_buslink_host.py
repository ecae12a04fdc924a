"""The host's end of a bus link, in literal numbers from docs/buslink.md."""

import struct

from emu.front.buslink.host import HostEnd
from emu.hw.memory.ram import Ram
from emu.wire.codes.buslink import Bus

HELLO, GOODBYE, WRITE, READ, DMA_DATA, DMA_DONE, GRANTED = 1, 2, 3, 4, 7, 8, 9
ANSWER, SHADOW, WATCH, DMA_READ, DMA_WRITE, ANNOUNCE, INTERRUPT = range(10, 17)
WAIT, NONEXISTENT = 1, 2
TELL_READ, WAIT_WRITE, RESETS = 1, 2, 4
HELLO_DATA = struct.pack("<4sHBBII16x32s", b"HBVS", 1, 1, 0, 0, 0, b"a board")


class Peer:
    """A controller's end that says what a test tells it to."""

    def __init__(self) -> None:
        self.ram = Ram(0x1000)
        self.vectors: list[int] = []
        self.host = HostEnd(self.ram, 0x1000, Bus.QBUS, self.vectors.append)
        self.epoch = 0

    def say(self, kind: int, *, flags: int = 0, address: int = 0, value: int = 0, data: bytes = b"") -> None:
        head = struct.pack("<BBHIIIII", kind, flags, self.epoch, len(data), address, value, 0, 0)
        self.host.receive(head + data)

    def hear(self) -> list[tuple[int, int, int, int, int, bytes]]:
        """What the host says: kind, flags, epoch, address, value, data."""
        stream, heard = b"".join(bytes(part) for part in self.host.outgoing()), []
        while stream:
            kind, flags, epoch, length, address, value, _, _ = struct.unpack_from("<BBHIIIII", stream)
            heard.append((kind, flags, epoch, address, value, stream[24 : 24 + length]))
            stream = stream[24 + length :]
        return heard


def greeted() -> Peer:
    peer = Peer()
    peer.hear()
    peer.say(HELLO, data=HELLO_DATA)
    peer.say(SHADOW, flags=TELL_READ | RESETS, address=0)
    peer.say(SHADOW, flags=WAIT_WRITE, address=2, value=0x0B40)
    return peer


def test_the_host_speaks_first_and_says_what_memory_there_is() -> None:
    ((kind, _, _, _, _, data),) = Peer().hear()
    assert kind == HELLO
    assert data[:8] == b"HBVS\x01\x00\x01\x00"
    assert struct.unpack_from("<II", data, 8) == (0x3FF468, 0x1000)


def test_a_register_is_read_from_its_shadow() -> None:
    peer = greeted()
    assert peer.host.controller == "a board"
    assert peer.host.read_register(2) == 0x0B40
    assert peer.hear() == []


def test_a_write_that_waits_waits_for_its_answer() -> None:
    peer = greeted()
    peer.host.write_register(2, 0x8000)
    assert peer.host.waiting
    assert peer.hear() == [(WRITE, WAIT, 0, 2, 0x8000, b"")]
    peer.say(ANSWER, value=2)  # the second message, after HELLO
    assert not peer.host.waiting


def test_a_reset_starts_an_epoch_and_what_is_of_the_last_one_is_not_applied() -> None:
    peer = greeted()
    peer.host.write_register(0, 0)
    assert peer.hear() == [(WRITE, 0, 1, 0, 0, b"")]
    peer.say(DMA_WRITE, data=struct.pack("<II", 0x100, 2) + b"\xaa\xbb")
    peer.say(INTERRUPT, value=0x6C)
    assert bytes(peer.ram.read(0x100, 2)) == bytes(2)
    assert peer.vectors == []
    assert peer.host.read_register(2) == 0


def test_a_poll_brings_rings_and_the_packets_in_them() -> None:
    peer = greeted()
    peer.ram.write(
        0x200, bytes.fromhex("04 03 00 80 04 04 00 40")
    )  # one of two descriptors is the controller's
    watches = struct.pack("<HHIIHHII", 0, 0, 0x200, 8, 1, 0, 0x200, 8)
    peer.say(WATCH, data=watches)
    peer.host.read_register(0)
    ((kind, _, _, address, _, data),) = peer.hear()
    assert (kind, address) == (READ, 0)
    assert struct.unpack_from("<II", data) == (0x200, 8)
    assert struct.unpack_from("<II", data, 16) == (0x300, 64)
    assert len(data) == 16 + 8 + 64


def test_memory_that_is_not_there_is_told_with_its_address() -> None:
    peer = greeted()
    peer.ram.write(0xFFC, b"\x01\x02\x03\x04")
    peer.say(DMA_READ, value=7, data=struct.pack("<II", 0xFFC, 8))
    peer.say(DMA_READ, value=8, data=struct.pack("<II", 0x2000, 8))
    peer.say(DMA_WRITE, flags=WAIT, value=9, data=struct.pack("<II", 0xFFE, 4) + b"\x05\x06\x07\x08")
    assert peer.hear() == [
        (DMA_DATA, NONEXISTENT, 0, 0x1000, 7, b"\x01\x02\x03\x04"),
        (DMA_DATA, NONEXISTENT, 0, 0x2000, 8, b""),
        (DMA_DONE, NONEXISTENT, 0, 0x1000, 9, b""),
    ]
    assert bytes(peer.ram.read(0xFFC, 4)) == b"\x01\x02\x05\x06"


def test_an_announcement_counts_when_the_longword_has_bit_31() -> None:
    peer = greeted()
    data = struct.pack("<II", 0x100, 2) + b"\x01\x00"
    peer.say(ANNOUNCE, address=0x200, value=0x6C, data=data)
    assert (peer.vectors, bytes(peer.ram.read(0x100, 2))) == ([], b"\x00\x00")
    peer.ram.write(0x200, b"\x00\x00\x00\x80")
    peer.say(ANNOUNCE, address=0x200, value=0x6C, data=data)
    assert (peer.vectors, bytes(peer.ram.read(0x100, 2))) == ([0x6C], b"\x01\x00")
    assert [kind for kind, *_ in peer.hear()] == [GRANTED]


def test_what_is_no_message_of_a_controller_ends_the_conversation() -> None:
    for kind, data in (
        (WRITE, b""),
        (DMA_WRITE, b"\x00\x01"),
        (DMA_READ, b"\x00\x01"),
        (WATCH, b"\x00"),
        (HELLO, b"XXXX" + HELLO_DATA[4:]),
        (HELLO, b"HBVS"),
        (ANNOUNCE, b""),
    ):
        peer = Peer()
        peer.hear()
        peer.say(kind, address=0x2000, data=data)
        assert peer.host.ended
        assert peer.hear()[-1][0] == GOODBYE


def test_a_farewell_is_remembered() -> None:
    peer = greeted()
    peer.say(GOODBYE, data=b"switched off")
    assert (peer.host.ended, peer.host.farewell) == (True, "switched off")
