"""A host for controller tests, deliberately dumb: literal numbers from the book, one ring slot per packet.

It knows the bytes of rings and envelopes and nothing else; it is not the project's driver, so that a
driver's mistake and a controller's mistake cannot hide each other.  Addresses are physical and bus at once.
"""

from typing import Protocol

from emu.core.block import BlockRequest
from emu.core.bus import HostMemory, RegisterSpace
from emu.core.clock import Scheduler
from emu.core.trace import Tracer
from emu.hw.firmware import Firmware
from emu.hw.memory.ram import Ram
from emu.hw.mscp.controller import Controller
from emu.media.memory import MemoryDevice
from emu.shells.firmware_files import load_firmware

IP, SA = 0, 2
OWN, FLAG = 0x80000000, 0x40000000
RING_BASE = 0x1008  # the communications area begins 8 bytes before
PACKETS = 0x2000  # responses at +64 i, commands behind all responses
DATA = 0x10000
MEMORY_BYTES = 1 << 20
VECTOR = 0x6C  # 154 octal, customary on PDP-11s


class Line:
    """An interrupt line that remembers."""

    def __init__(self) -> None:
        self.requests: list[int] = []
        self.withdrawn = 0

    def request(self, vector: int) -> None:
        self.requests.append(vector)

    def withdraw(self) -> None:
        self.withdrawn += 1


class Time(Protocol):
    """Whatever makes a controller go on."""

    def run_for(self, duration_ns: int) -> None: ...


class RingHost:
    """One host at one port, whoever made that; rings of 2^`log2` descriptors both."""

    def __init__(
        self, clock: Time, ram: HostMemory, port: RegisterSpace, log2: int = 3, *, vector: int = VECTOR
    ) -> None:
        self.clock = clock
        self.ram = ram
        self.port = port
        self.log2 = log2
        self.count = 1 << log2
        self.vector = vector
        self.command_ring = RING_BASE + 4 * self.count
        self.command_next = 0
        self.response_next = 0
        self.crf = 0
        self.credits = 1

    # ---- registers and init

    def run(self, nanoseconds: int = 2_000_000) -> None:
        self.clock.run_for(nanoseconds)

    def sa(self) -> int:
        return self.port.read_register(SA, 2)

    def write_sa(self, value: int) -> int:
        """Write SA, let the step appear, read it."""
        self.port.write_register(SA, value, 2)
        self.run()
        return self.sa()

    def poll(self) -> None:
        self.port.read_register(IP, 2)

    def reset(self) -> int:
        self.port.write_register(IP, 0, 2)
        self.run()
        return self.sa()

    def start(self, last_fail: bool = False, ring_base: int = RING_BASE) -> None:
        """Go through all steps and hand out the response slots."""
        self.reset()
        self.write_sa(0x8000 | self.log2 << 11 | self.log2 << 8 | self.vector >> 2)
        self.write_sa(ring_base & 0xFFFF)
        self.write_sa(ring_base >> 16)
        self.port.write_register(SA, 3 if last_fail else 1, 2)
        self.command_next = self.response_next = 0
        self.credits = 1
        for index in range(self.count):
            self.arm(index)

    # ---- rings

    def packet(self, index: int) -> int:
        """Where packet `index` has its text: responses first, then commands."""
        return PACKETS + 64 * index + 4

    def arm(self, index: int) -> None:
        self.ram.write_longword(RING_BASE + 4 * index, OWN | FLAG | self.packet(index))

    def put(self, text: bytes, *, envelope: bytes | None = None) -> None:
        """Place a command without telling the controller."""
        index = self.command_next
        place = self.packet(self.count + index)
        self.ram.write(place - 4, bytes(64))
        self.ram.write(place - 4, envelope or len(text).to_bytes(2, "little") + bytes(2))
        self.ram.write(place, text)
        self.ram.write_longword(self.command_ring + 4 * index, OWN | FLAG | place)
        self.command_next = (index + 1) % self.count
        self.credits -= 1

    def take(self) -> bytes | None:
        """Take the next response, envelope and all; None when there is none."""
        index = self.response_next
        if self.ram.read_longword(RING_BASE + 4 * index) & OWN:
            return None
        place = self.packet(index)
        length = int.from_bytes(self.ram.read(place - 4, 2), "little")
        packet = bytes(self.ram.read(place - 4, 4 + length))
        self.arm(index)
        self.response_next = (index + 1) % self.count
        self.credits += packet[2] & 0x0F
        return packet

    def answer(self) -> bytes | None:
        """Take the answer to a command, which is there at once; a slower controller overrides this."""
        return self.take()

    def responses(self) -> list[bytes]:
        taken = []
        while (packet := self.take()) is not None:
            taken.append(packet)
        return taken

    # ---- commands

    def command(self, opcode: int, unit: int = 0, modifiers: int = 0, parameters: bytes = b"") -> bytes:
        self.crf += 1
        head = self.crf.to_bytes(4, "little") + unit.to_bytes(2, "little") + bytes(2)
        return head + bytes([opcode, 0]) + modifiers.to_bytes(2, "little") + parameters

    def send(self, opcode: int, unit: int = 0, modifiers: int = 0, parameters: bytes = b"") -> int:
        """Send a command and poll; return its reference number."""
        self.put(self.command(opcode, unit, modifiers, parameters))
        self.poll()
        return self.crf

    def ask(self, opcode: int, unit: int = 0, modifiers: int = 0, parameters: bytes = b"") -> bytes:
        """Send a command and return the text of the one message that answers."""
        self.send(opcode, unit, modifiers, parameters)
        packet = self.answer()
        assert packet is not None, f"no answer to opcode {opcode:#x}, SA {self.sa():#x}"
        return packet[4:]

    def scc(self, flags: int = 0, timeout: int = 0, version: int = 0) -> bytes:
        return self.ask(0x04, parameters=words(version, flags, timeout) + bytes(14))

    def online(self, unit: int = 0, flags: int = 0, modifiers: int = 0) -> bytes:
        return self.ask(0x09, unit, modifiers, words(0, flags) + bytes(20))

    def transfer(
        self,
        opcode: int,
        lbn: int,
        count: int,
        address: int = DATA,
        *,
        unit: int = 0,
        modifiers: int = 0,
        pte: int = 0,
    ) -> bytes:
        return self.ask(opcode, unit, modifiers, extent(lbn, count, address, pte))

    def read(self, lbn: int, count: int, address: int = DATA, **more: int) -> bytes:
        return self.transfer(0x21, lbn, count, address, **more)

    def write(self, lbn: int, count: int, address: int = DATA, **more: int) -> bytes:
        return self.transfer(0x22, lbn, count, address, **more)


class DumbHost(RingHost):
    """A host with memory of its own at one port of one of our controllers."""

    def __init__(self, controller: Controller, log2: int = 3, *, vector: int = VECTOR) -> None:
        self.controller = controller
        self.line = Line()
        ram = Ram(MEMORY_BYTES)
        super().__init__(controller.clock, ram, controller.attach_port(ram, self.line), log2, vector=vector)


def words(*values: int) -> bytes:
    return b"".join(value.to_bytes(2, "little") for value in values)


def longwords(*values: int) -> bytes:
    return b"".join(value.to_bytes(4, "little") for value in values)


def extent(lbn: int, count: int, address: int = DATA, pte: int = 0) -> bytes:
    """Make the parameters of a transfer command: byte count, buffer descriptor, LBN."""
    return longwords(count, address, pte, 0, lbn)


def word(text: bytes, offset: int) -> int:
    return int.from_bytes(text[offset : offset + 2], "little")


def longword(text: bytes, offset: int) -> int:
    return int.from_bytes(text[offset : offset + 4], "little")


def status(text: bytes) -> int:
    return word(text, 10)


def byte_count(text: bytes) -> int:
    return longword(text, 12)


class SparseBlocks:
    """A blank disk without its bytes: reads give zeros."""

    descriptor = None
    write_protected = False

    def __init__(self, block_count: int) -> None:
        self.block_count = block_count

    def submit(self, request: BlockRequest) -> None:
        for view in request.views:
            view[:] = bytes(len(view))
        request.done(None)

    def close(self) -> None:
        return None


def make_controller(firmware: str | Firmware = "rqdx3", *, serial: int = 0, name: str = "PUA") -> Controller:
    """Make a controller on a clock of its own."""
    image = load_firmware(firmware) if isinstance(firmware, str) else firmware
    return Controller(Scheduler(), Tracer(), name, image, serial)


def rx33(controller: Controller, number: int = 0, **more: int) -> MemoryDevice:
    """Plug in the smallest drive there is, 2400 blocks in memory."""
    medium = MemoryDevice(2400)
    controller.attach_unit(number, medium, controller.firmware.drives["RX33"], **more)
    return medium


def started(firmware: str | Firmware = "rqdx3", log2: int = 3) -> DumbHost:
    """Make a running host with an RX33 online as unit 0, all credits in its hands."""
    controller = make_controller(firmware)
    rx33(controller)
    host = DumbHost(controller, log2)
    host.start()
    host.scc()
    assert status(host.online()) == 0
    return host
