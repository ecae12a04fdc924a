"""A node whose disk controller nobody here wrote: our drivers over SIMH's RQ.

The drivers are those of every other node; only the platform is new, a Q-bus PDP-11 without a map, and the smallest
there can be.

DEVIATION: no VMS runs on a PDP-11.  Drivers are not code of the simulated processor: they run between two of its
instructions, in no time.
"""

from types import TracebackType
from typing import ClassVar

from drivers.cluster.cluster import Cluster
from drivers.cluster.node import Node
from drivers.message import Failure
from drivers.platform.host import Platform
from drivers.platform.process import Procedure
from emu.core.bus import HostMemory
from emu.core.clock import Scheduler
from emu.core.trace import Tracer
from emu.shells.simh_bus import FIRST_FREE, RQ_CSR, Disk, SimhBus
from emu.shells.simh_prompt import SimhPrompt


class Pdp11Platform(Platform):
    """A PDP-11 on a 22-bit Q-bus: a controller sees physical addresses, nothing needs mapping."""

    kind: ClassVar[str] = "PDP-11"
    page_bytes: ClassVar[int] = 512
    masters_bitmaps: ClassVar[bool] = True
    maximum_buffer_bytes: ClassVar[int] = 1 << 22

    def __init__(
        self, name: str, clock: Scheduler, memory: HostMemory, memory_bytes: int, tracer: Tracer
    ) -> None:
        super().__init__(name, clock, memory, FIRST_FREE, memory_bytes - FIRST_FREE, tracer)

    def map_buffer(self, address: int, length: int) -> int:
        return address

    def map_area(self, address: int, length: int) -> int:
        return address


class SimhWorld:
    """One simulated PDP-11 with our drivers as its system; also a context manager that ends it.

    disks: units 0 to 3 of the controller.  program: the simulator.  `port` and `driver` are the node's own.
    """

    def __init__(self, *disks: Disk, program: str = "pdp11", memory_bytes: int = 1 << 20) -> None:
        self.clock = Scheduler()
        self.tracer = Tracer()
        self.prompt = SimhPrompt(program)
        try:
            self.bus = SimhBus(self.prompt, self.clock, disks, memory_bytes)
        except BaseException:
            self.prompt.close()
            raise
        self.platform = Pdp11Platform("PDP11", self.clock, self.bus.memory, memory_bytes, self.tracer)
        self.bus.line = self.platform.interrupt_line()
        self.node = Node("PDP11", self.platform, Cluster(self.platform, None))
        self.port = self.node.configure_port(self.bus.registers(RQ_CSR))
        (self.driver,) = self.node.controllers

    def boot(self) -> bool:
        """Start the port; True when the controller came up, its units known."""
        self.run(self.node.boot())
        return bool(self.driver.ready.value)

    def run(self, procedure: Procedure) -> object:
        """Run a procedure of a driver to its end; returns its result, raises its Failure."""
        results: list[object] = []
        self.node.run("procedure", procedure, results.append)
        assert self.bus.run_until(lambda: bool(results)), "the procedure ends"
        if isinstance(results[0], Failure):
            raise results[0]
        return results[0]

    def close(self) -> None:
        self.prompt.close()

    def __enter__(self) -> "SimhWorld":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
