"""An Alpha with the port driver of one 53C810: what its tests are played on, with fake targets and real ones."""

from collections.abc import Sequence
from random import Random

from drivers.platform.alpha import AlphaPlatform
from drivers.platform.alpha_pci import PciBridge, PciSlot
from drivers.port.mscp_port import PortState
from drivers.port.pkedriver import PkeDriver
from drivers.port.scsi_request import PortStatus, ScsiRequest
from emu.core.clock import SECOND_NS, Scheduler
from emu.core.trace import ConsoleLine, Event, Tracer
from emu.hw.memory.pci_window import PciWindows
from emu.hw.memory.ram import Ram
from emu.hw.memory.store_buffer import StoreBuffer
from emu.hw.scsibus.bus import ParallelBus
from emu.hw.sym53c810.chip import Sym53c810
from emu.shells.firmware_files import load_scripts

MEMORY_BYTES = 2 << 20


class Command(ScsiRequest):
    """A request that writes itself into a log when it is answered."""

    __slots__ = ("answers", "host")

    def __init__(self, host: "PkeHost", target: int, cdb: bytes, **options: int) -> None:
        timeout_ns = options.pop("timeout_s", 30) * SECOND_NS
        super().__init__(target, options.pop("lun", 0), cdb, timeout_ns, **options)
        self.host = host
        self.answers = 0

    def complete(self) -> None:
        self.answers += 1
        self.host.log.append(self)

    @property
    def data(self) -> bytes:
        return bytes(self.host.ram.read(self.address, self.byte_count))


class PkeHost:
    """The driver, its chip, its bus."""

    def __init__(
        self, bus: ParallelBus | None = None, clock: Scheduler | None = None, scsi_id: int = 7
    ) -> None:
        self.clock = clock or Scheduler()
        self.tracer = Tracer()
        self.events: list[Event] = []
        self.tracer.subscribe(self.events.append)
        self.bus = bus or ParallelBus(self.clock, Tracer())
        self.ram = Ram(MEMORY_BYTES)
        self.stores = StoreBuffer(self.ram, 6, Random(1).randrange)
        self.platform = AlphaPlatform(
            "ALPHA1", self.clock, self.stores, MEMORY_BYTES, self.tracer, self.stores.barrier
        )
        self.windows = PciWindows(self.ram)
        self.bridge = PciBridge(self.platform, self.windows)
        self.chip = Sym53c810(
            self.clock, self.windows, self.platform.pci_interrupt_line(), self.bus, self.tracer
        )
        self.program = load_scripts("pke")
        slot = PciSlot(self.chip.configuration, self.chip)
        self.driver = PkeDriver(self.platform, self.bridge, "PKA0", slot, self.program, scsi_id)
        self.driver.connect(self)
        self.ready = self.lost = 0
        self.log: list[Command] = []

    def port_ready(self) -> None:
        self.ready += 1

    def port_lost(self) -> None:
        self.lost += 1

    def booted(self) -> "PkeHost":
        self.driver.start()
        self.until(lambda: self.driver.state in (PortState.RUNNING, PortState.DEAD))
        return self

    def until(self, condition: object, seconds: int = 60) -> None:
        assert self.clock.run_until(condition, self.clock.now_ns + seconds * SECOND_NS)  # type: ignore[arg-type]

    def send(self, target: int, cdb: bytes, length: int = 0, data: bytes = b"", **options: int) -> Command:
        """Start a command with a buffer of its own."""
        length = length or len(data)
        address = self.platform.pool.allocate(length) if length else 0
        self.ram.write(address, data)
        command = Command(self, target, cdb, address=address, byte_count=length, **options)
        self.driver.send(command)
        assert not command.answers, "a request completes later"
        return command

    def finish(self, *commands: Command) -> None:
        self.until(lambda: all(command.answers for command in commands))
        assert [command.answers for command in commands] == [1] * len(commands)

    def do(self, target: int, cdb: bytes, length: int = 0, data: bytes = b"", **options: int) -> Command:
        command = self.send(target, cdb, length, data, **options)
        self.finish(command)
        return command

    @property
    def console(self) -> str:
        return "\n".join(event.text for event in self.events if isinstance(event, ConsoleLine))


def statuses(commands: Sequence[Command]) -> list[PortStatus]:
    return [command.port_status for command in commands]
