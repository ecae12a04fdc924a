"""A node with the port and class drivers of one controller: what driver tests are played on."""

from collections.abc import Callable, Sequence

from drivers.classes.du_unit import DiskUnit
from drivers.classes.dudriver import DuDriver
from drivers.platform.alpha import AlphaPlatform
from drivers.platform.host import Platform
from drivers.platform.irp import Irp
from drivers.platform.process import Procedure
from drivers.platform.vax import VaxPlatform
from drivers.port.pudriver import PuDriver
from emu.core.block import BLOCK_BYTES, BlockDevice
from emu.core.bus import HostMemory, RegisterSpace
from emu.core.clock import Scheduler
from emu.core.trace import ConsoleLine, Event, Tracer
from emu.hw.firmware import Firmware, PortKind
from emu.hw.memory.qbus_map import QbusMap
from emu.hw.memory.ram import Ram
from emu.hw.mscp.controller import Controller
from emu.hw.uqssp.port import UqsspPort
from emu.media.memory import MemoryDevice
from emu.shells.firmware_files import load_firmware
from emu.sim.world import drive_for

MEMORY_BYTES = 1 << 20
BLOCKS = 800  # an RX50, or what a user asks for
READ, WRITE, COMPARE, ERASE, COPY = 12, 11, 10, 21, 22  # IO$_READPBLK and so on
NORMAL = 1  # SS$_NORMAL
SECOND_NS = 1_000_000_000


class Request(Irp):
    """A request that writes into a log when it is answered."""

    __slots__ = ("answers", "log")

    def __init__(
        self, log: "list[Request]", function: int, lbn: int = 0, byte_count: int = 512, address: int = 0
    ) -> None:
        super().__init__(function, lbn, byte_count, address)
        self.log = log
        self.answers = 0

    def complete(self) -> None:
        self.answers += 1
        self.log.append(self)


def alpha(clock: Scheduler, tracer: Tracer, name: str = "ALPHA1") -> tuple[Platform, HostMemory]:
    """Make an Alpha and its memory as a controller on the XMI sees it."""
    ram = Ram(MEMORY_BYTES)
    return AlphaPlatform(name, clock, ram, MEMORY_BYTES, tracer), ram


def vax(clock: Scheduler, tracer: Tracer, name: str = "VAX1") -> tuple[Platform, HostMemory]:
    """Make a MicroVAX and its memory as a controller on the Q-bus sees it."""
    ram = Ram(MEMORY_BYTES)
    qbus = QbusMap(ram)
    return VaxPlatform(name, clock, ram, MEMORY_BYTES, qbus.registers, tracer), qbus


NODES = {"Alpha": alpha, "VAX": vax}


class DiskHost:
    """One node and one controller, and the drivers between them.

    beside: another host, to share its clock; with `platform` also its processor, with `controller` its
    controller.  memory, registers: put something between controller and memory, driver and registers.
    """

    def __init__(
        self,
        firmware: str | Firmware = "hbvs-shadow",
        kind: str = "Alpha",
        media: Sequence[BlockDevice] | None = None,
        *,
        beside: "DiskHost | None" = None,
        controller: Controller | None = None,
        platform: tuple[Platform, HostMemory] | None = None,
        memory: Callable[[HostMemory], HostMemory] = lambda memory: memory,
        registers: Callable[[UqsspPort], RegisterSpace] = lambda port: port,
        letter: str = "A",
    ) -> None:
        self.clock: Scheduler = beside.clock if beside else Scheduler()
        self.tracer: Tracer = beside.tracer if beside else Tracer()
        self.said: list[str] = []
        self.tracer.subscribe(self._hear)
        image = load_firmware(firmware) if isinstance(firmware, str) else firmware
        self.controller = controller or Controller(self.clock, self.tracer, "PUA", image, 1)
        self.media = list([MemoryDevice(BLOCKS)] if media is None else media)
        if controller is None:
            for number, medium in enumerate(self.media):
                self.attach(number, medium)
        self.attachment = platform or NODES[kind](self.clock, self.tracer)
        self.platform, bus = self.attachment
        self.hardware = self.controller.attach_port(
            memory(bus), self.platform.interrupt_line(), PortKind.QBUS if kind == "VAX" else None
        )
        self.port = PuDriver(self.platform, f"PU{letter}0", registers(self.hardware))
        self.driver = DuDriver(self.platform, self.port, letter)
        self.log: list[Request] = []

    def _hear(self, event: Event) -> None:
        if isinstance(event, ConsoleLine):
            self.said.append(event.text)

    def attach(self, number: int, medium: BlockDevice) -> None:
        self.controller.attach_unit(number, medium, drive_for(self.controller.firmware, medium))

    def boot(self) -> bool:
        """Start the port; True when the controller came up, its units known."""
        self.port.start()
        assert self.clock.run_until(lambda: self.driver.ready.is_set), "a boot ends, well or not"
        return bool(self.driver.ready.value)

    def run(self, procedure: Procedure) -> object:
        """Run a procedure to its end."""
        finished = self.platform.process("test", procedure).finished
        assert self.clock.run_until(lambda: finished.is_set), "the procedure ends"
        return finished.value

    def booted(self) -> "DiskHost":
        """Boot and bring every unit on line."""
        assert self.boot()
        for unit in self.driver.units.values():
            assert self.run(unit.online()) == NORMAL
        return self

    def unit(self, number: int = 0) -> DiskUnit:
        return self.driver.units[number]

    # -- requests

    def buffer(self, data: bytes) -> int:
        address = self.platform.pool.allocate(len(data))
        self.platform.memory.write(address, data)
        return address

    def read_buffer(self, irp: Irp) -> bytes:
        return bytes(self.platform.window(irp.address, irp.byte_count))

    def queue(
        self, function: int, lbn: int = 0, data: bytes = bytes(BLOCK_BYTES), number: int = 0
    ) -> Request:
        """Queue a request with a buffer of its own that holds `data`."""
        irp = Request(self.log, function, lbn, len(data), self.buffer(data))
        self.unit(number).queue_io(irp)
        return irp

    def queue_copy(self, lbn: int, blocks: int, source: int, target: int) -> Request:
        irp = Request(self.log, COPY, lbn, blocks * BLOCK_BYTES)
        irp.source, irp.source_lbn = self.unit(source), lbn
        self.unit(target).queue_io(irp)
        return irp

    def finish(self, *irps: Request) -> None:
        """Wait until these are answered, or everything so far."""
        assert self.clock.run_until(lambda: all(irp.answers for irp in irps)), "every request is answered"

    def do(self, function: int, lbn: int = 0, data: bytes = bytes(BLOCK_BYTES), number: int = 0) -> int:
        """Do one request; return its status."""
        irp = self.queue(function, lbn, data, number)
        self.finish(irp)
        return irp.status


def block(number: int) -> bytes:
    """A block that tells its number."""
    return (b"block %04d " % number * 47)[:BLOCK_BYTES]
