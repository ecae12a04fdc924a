"""What reads bytes of strangers, each as a function of bytes.

A target may refuse its input in whatever words its protocol or file format has.  What gets out of it is a finding:
an exception that is none of these words, a model that no longer goes on, work or memory out of proportion to the
input.  `test_fuzz` tries every target in the default tests; `python -m tests.fuzz TARGET` goes on for as long as one
likes, guided by coverage.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from zlib import crc32

from drivers.cluster.node import Node
from drivers.message import Failure
from drivers.shadow.mount import MountRequest
from drivers.shadow.utility import Policy
from emu.core.block import BLOCK_BYTES
from emu.core.clock import MILLISECOND_NS, SECOND_NS, Scheduler
from emu.core.trace import Tracer
from emu.front.buslink.frames import FrameReader
from emu.front.telnet import Telnet
from emu.hw.firmware import Firmware, FirmwareError, parse_firmware
from emu.hw.mscp.controller import Controller
from emu.media.memory import MemoryDevice
from emu.shells.firmware_files import load_firmware
from emu.sim.lan import Station
from emu.sim.world import World, drive_for
from emu.trace.pcapng import PcapngError, PcapngWriter, read_events
from emu.wire.codes.scs import EVERYBODY, CnxFunction, Facility, LckFunction
from emu.wire.codes.shadowing import Request as RequestFunction
from emu.wire.decode import decode_packet
from emu.wire.generated.scs import ClusterMessage
from emu.wire.packet import ShortPacket
from tests.dumb_host import DATA, MEMORY_BYTES, RING_BASE, DumbHost, rx33
from tests.unit.test_console import Console
from tests.wire.wire_goldens import read_golden

ROOT = Path(__file__).resolve().parents[2]
PACKET_BYTES = 60
VOLUME_BLOCKS = 200
_FIRMWARE = sorted((ROOT / "firmware_images").glob("*.fw"))


@dataclass(frozen=True)
class Target:
    """A function of bytes, and inputs to begin with."""

    run: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]


class Reader:
    """Takes an input apart; at its end there are zeros."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    @property
    def empty(self) -> bool:
        return self._place >= len(self._data)

    def take(self, length: int) -> bytes:
        part = self._data[self._place : self._place + length]
        self._place += length
        return part.ljust(length, b"\0")

    def number(self, length: int) -> int:
        return int.from_bytes(self.take(length), "little")


@cache
def _firmware(name: str) -> Firmware:
    return load_firmware(name)


def _host(firmware: str) -> DumbHost:
    controller = Controller(Scheduler(), Tracer(), "PUA", _firmware(firmware), 0)
    if "RX33" in controller.firmware.drives:
        rx33(controller)
    else:
        medium = MemoryDevice(VOLUME_BLOCKS)
        controller.attach_unit(0, medium, drive_for(controller.firmware, medium))
    return DumbHost(controller, 2)


def _is_alive(host: DumbHost) -> bool:
    """Whether a controller still does what it must: it comes up again, and answers."""
    host.start()
    text = host.scc()
    return text[8] == 0x84 and text[10] & 0x1F == 0


def corpus(name: str) -> list[bytes]:
    """Read what is kept for a target: an input a line, in hexadecimal, and comments."""
    lines = Path(__file__).with_name("corpus").joinpath(f"{name}.hex").read_text().splitlines()
    return [bytes.fromhex(line) for line in lines if not line.startswith("#")]


def messages(data: bytes) -> None:
    """Commands of MSCP and DUP, and what else an envelope may say, to a controller that is up."""
    reader = Reader(data)
    host = _host(("rqdx3", "hbvs-shadow", "kda50-replace")[reader.number(1) % 3])
    host.start()
    host.scc()
    host.online()
    while not reader.empty and not host.sa() & 0x8000:
        length, envelope = reader.number(1) % (PACKET_BYTES + 1), reader.take(2)
        host.put(reader.take(length), envelope=length.to_bytes(2, "little") + envelope)
        host.poll()
        host.run()
        host.responses()
    assert _is_alive(host)


def rings(data: bytes) -> None:
    """Steps, rings and packets of a host that has lost its mind."""
    reader = Reader(data)
    host = _host("rqdx3")
    if reader.number(1) & 1:
        host.start()
    while not reader.empty:
        action = reader.number(1)
        if action < 0x40:
            host.write_sa(reader.number(2))
        elif action < 0x60:
            host.poll()
            host.run()
        elif action < 0x64:
            host.reset()
        elif action < 0xC0:
            host.ram.write_longword(RING_BASE - 8 + 4 * (action & 0x0F), reader.number(4))
        else:
            place = (host.packet(0) - 4 + 64 * (action & 7)) if action < 0xF8 else reader.number(2)
            host.ram.write(place % (MEMORY_BYTES - 64), reader.take(action & 0x3F))
    host.run(SECOND_NS)
    assert _is_alive(host)


def firmware(data: bytes) -> None:
    """A firmware image, and the same with a check sum that is right."""
    body = data[:-4]
    for image in (data, body + crc32(body).to_bytes(4, "little")):
        with suppress(FirmwareError):
            parse_firmware(image)


def packets(data: bytes) -> None:
    """A packet that somebody wants explained."""
    for with_envelope in (None, False, True):
        with suppress(ShortPacket, ValueError):
            decode_packet(data, with_envelope=with_envelope)


def captures(data: bytes) -> None:
    """A capture, to be drawn as a ladder."""
    with suppress(PcapngError):
        for _ in read_events(data):
            pass


def frames(data: bytes) -> None:
    """A serial line with frames on it, in two pieces."""
    reader = FrameReader()
    cut = len(data) // 3
    for piece in (data[:cut], data[cut:]):
        for _ in reader.receive(piece):
            pass


def telnet(data: bytes) -> None:
    """A telnet client."""
    peer = Telnet()
    offers = len(peer.replies())
    read = peer.decode(data)
    assert len(read) <= len(data)
    assert len(peer.replies()) <= offers + 8 * len(data), "an answer is no louder than the question"


@cache
def _volume_image() -> bytes:
    """The whole of a small volume, as INITIALIZE makes it."""
    world, node, medium = _volume_world(bytes(VOLUME_BLOCKS * BLOCK_BYTES))
    world.run(node, node.utilities.initialize(["DUA10:"], "FUZZ", shadow=True))
    return bytes(medium.content)


def _volume_world(image: bytes) -> tuple[World, Node, MemoryDevice]:
    world = World()
    controller = world.add_controller(_firmware("hbvs-shadow"))
    medium = MemoryDevice(VOLUME_BLOCKS)
    medium.content[:] = image
    controller.attach_unit(10, medium, drive_for(controller.firmware, medium))
    node = world.add_alpha("ALPHA1", controller, memory_bytes=1 << 20)
    world.boot()
    return world, node, medium


def volumes(data: bytes) -> None:
    """A disk whose blocks are not what they should be, mounted as a shadow set and by itself.

    The input is patches: a block's number, an offset in it, a length, bytes.
    """
    image = bytearray(_volume_image())
    reader = Reader(data)
    while not reader.empty:
        block, offset, length = (
            reader.number(1) % VOLUME_BLOCKS,
            reader.number(2) % BLOCK_BYTES,
            reader.number(1),
        )
        part = reader.take(min(length, BLOCK_BYTES - offset))
        place = block * BLOCK_BYTES + offset
        image[place : place + len(part)] = part
    world, node, medium = _volume_world(bytes(image))
    before = bytes(medium.content)
    with suppress(Failure):
        world.run(
            node, node.utilities.mount_disk("$1$DUA10:", "FUZZ", write=False, override=False, say=_nobody)
        )
    assert bytes(medium.content) == before, "a disk is not changed unasked"
    world, node, medium = _volume_world(bytes(image))
    request = MountRequest("DSA1:", ["$1$DUA10:"], "FUZZ", Policy.DEFAULT, True)
    with suppress(Failure):
        world.run(node, node.utilities.mount(request, node.cluster.nodes, _nobody))


def _nobody(_: object) -> None:
    return None


def _cluster_world() -> tuple[World, Node, Node]:
    """An Alpha and a VAX that know each other, and no disks."""
    world = World()
    alpha = world.add_alpha("ALPHA1", memory_bytes=1 << 20)
    vax = world.add_vax("VAX1", memory_bytes=1 << 20)
    world.boot()
    return world, alpha, vax


def datagrams(data: bytes) -> None:
    """Datagrams of a stranger on the LAN: a length, and the bytes."""
    reader = Reader(data)
    world, _, _ = _cluster_world()
    stranger = world.lan.station("MAD")
    while not reader.empty:
        stranger.send(reader.take(reader.number(1)), EVERYBODY)
        world.clock.run_for(MILLISECOND_NS)
    world.clock.run_for(60 * SECOND_NS)


def cluster_messages(data: bytes) -> None:
    """Messages of a member that has gone mad, to the SYSAP of another: facility, function, a length, and the bytes."""
    reader = Reader(data)
    world, alpha, vax = _cluster_world()
    while not reader.empty:
        facility, function, length = reader.number(1), reader.number(1), reader.number(1) % 100
        body = reader.take(length)
        header = ClusterMessage(rspid=1, facility=facility, func=function, length=length)
        for csb in vax.cluster.manager.csbs.values():
            if csb.connection is not None:
                csb.connection.send_message(header.pack() + body)
        world.clock.run_for(SECOND_NS)
    vax.crash()
    world.clock.run_for(60 * SECOND_NS)
    assert alpha.crashed or alpha.cluster.nodes == ("ALPHA1",), "who is mad is put out"


def console_lines(data: bytes) -> None:
    """Lines that somebody types at the $ prompt."""
    console = Console(disks=1)
    for line in data.decode("latin-1").split("\n")[:20]:
        console.do(line)


def _goldens() -> list[bytes]:
    return [read_golden(path).data for path in sorted((ROOT / "tests" / "wire" / "golden").glob("*.hex"))]


def _commands() -> list[bytes]:
    """A few packets each, from captures, in the form that `messages` takes apart."""
    wanted = [data[4:] for data in _goldens() if len(data) <= 4 + PACKET_BYTES]
    return [
        bytes([index % 3])
        + b"".join(bytes([len(text), 0, index & 2]) + text for text in wanted[index : index + 3])
        for index in range(len(wanted))
    ]


def _steps() -> list[bytes]:
    """A start by the book, and a command of length nonsense."""
    start = b"\0" + b"".join(b"\1" + word.to_bytes(2, "little") for word in (0x9100, RING_BASE, 0, 1))
    ring = b"".join(
        bytes([0x80 + n]) + (0xC0000000 | DATA + 64 * n).to_bytes(4, "little") for n in range(2, 10)
    )
    return [start, start + ring + b"\x50", b"\1" + ring + b"\x50" + b"\xff" + bytes(40)]


def _captures() -> list[bytes]:
    parts: list[bytes] = []
    writer = PcapngWriter(parts.append)
    tracer = Tracer()
    tracer.subscribe(writer.hear)
    controller = Controller(Scheduler(), tracer, "PUA", _firmware("rqdx3"), 0)
    rx33(controller)
    host = DumbHost(controller, 2)
    host.start()
    host.scc()
    host.online()
    host.read(1, 512)
    return [b"".join(parts)]


def _datagrams() -> list[bytes]:
    """Those of a cluster that forms, some at a time."""
    heard: list[bytes] = []
    world = World()
    carry = world.lan.carry

    def carry_and_listen(sender: Station, datagram: bytes, system: int) -> None:
        heard.append(datagram)
        carry(sender, datagram, system)

    world.lan.carry = carry_and_listen  # type: ignore[method-assign]
    world.add_alpha("ALPHA1", memory_bytes=1 << 20)
    world.add_vax("VAX1", memory_bytes=1 << 20)
    world.boot()
    framed = [bytes([len(text)]) + text for text in heard if len(text) < 256]
    return [b"".join(framed[place : place + 6]) for place in range(0, len(framed), 6)]


def _cluster_messages() -> list[bytes]:
    facilities = [
        (Facility.CNX, CnxFunction),
        (Facility.LCK, LckFunction),
        (Facility.REQUEST, RequestFunction),
    ]
    return [
        bytes([facility, function, 60]) + bytes(range(60))
        for facility, functions in facilities
        for function in functions
    ]


def _console_lines() -> list[bytes]:
    return [
        b"INITIALIZE/SHADOW=($1$DUA10:) X\nMOUNT DSA1:/SHADOW=($1$DUA10:) X\nSHOW DEVICE/FULL DSA1:",
        b"SET PROCESS\nSHOW SYMBOL/ALL\nA = 1 + F$LENGTH(\"X'B'\")\nIF A .EQ. 2 THEN SHOW TIME",
        b"DISMOUNT DSA1:/POLICY=MINICOPY\nSHOW DEVICE/BITMAP DSA1:\nDELETE/BITMAP 1",
        b"EXAMINE/BLOCK $1$DUA10: 1\nDIRECTORY DSA1:[000000]*.*;*\nHELP MOUNT",
    ]


TARGETS = {
    "messages": Target(messages, _commands),
    "rings": Target(rings, _steps),
    "firmware": Target(firmware, lambda: [path.read_bytes() for path in _FIRMWARE]),
    "packets": Target(packets, _goldens),
    "captures": Target(captures, _captures),
    "frames": Target(frames, lambda: [b"\xc0\0\0abc"]),
    "telnet": Target(
        telnet, lambda: [b"hello\r\n", bytes([255, 251, 31, 255, 250, 31, 0, 80, 0, 24, 255, 240])]
    ),
    "datagrams": Target(datagrams, _datagrams),
    "cluster_messages": Target(cluster_messages, _cluster_messages),
    "console_lines": Target(console_lines, _console_lines),
    "volumes": Target(volumes, lambda: [b"", bytes([1, 0, 0, 4, 1, 2, 3, 4])]),
}
