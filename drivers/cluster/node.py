"""A node: its platform, its controllers' drivers, its shadow driver."""

from collections.abc import Callable

from drivers.classes.dudriver import DiskUnit, DuDriver
from drivers.cluster.link import Cluster
from drivers.message import Failure, Message
from drivers.platform.host import Platform
from drivers.platform.process import Procedure
from drivers.port.pudriver import PortState, PuDriver
from drivers.shadow.membership import ShadowDriver
from drivers.shadow.utilities import ShadowUtilities
from emu.core.bus import RegisterSpace


class Node:
    """One VMS system.

    name: SCS node name.  controllers: disk class drivers, in the order of their letters.
    """

    def __init__(self, name: str, platform: Platform, cluster: Cluster) -> None:
        self.name = name
        self.platform = platform
        self.cluster = cluster
        self.controllers: list[DuDriver] = []
        self.shadow = ShadowDriver(platform, name, cluster, self.disk)
        self.utilities = ShadowUtilities(self.shadow)
        cluster.nodes.append(name)

    @property
    def kind(self) -> str:
        return self.platform.kind

    def configure_port(self, registers: RegisterSpace) -> PuDriver:
        """Load the drivers for a UQSSP port; `boot` starts them."""
        letter = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[len(self.controllers)]
        port = PuDriver(self.platform, f"PU{letter}0", registers)
        self.controllers.append(DuDriver(self.platform, port, letter))
        return port

    def boot(self) -> Procedure:
        """Start every port that is down, and wait until the units of all are known."""
        for controller in self.controllers:
            if controller.port.state is PortState.DOWN:
                controller.port.start()
        for controller in self.controllers:
            yield controller.ready

    @property
    def disks(self) -> list[DiskUnit]:
        return [unit for controller in self.controllers for unit in controller.units.values()]

    def disk(self, name: str) -> DiskUnit:
        """Find a disk by device name, with or without allocation class and colon; raises Failure."""
        wanted = name.upper().lstrip("_").rstrip(":")
        for unit in self.disks:
            full = unit.name.rstrip(":")
            if wanted in (full, full.rsplit("$", 1)[-1]):
                return unit
        raise Failure(Message("SYSTEM", "W", "NOSUCHDEV", f"no such device available, {name}"))

    def run(self, name: str, body: Procedure, ended: Callable[[object], None]) -> None:
        """Run a procedure as a process; `ended` gets its result, or the Failure it raised."""

        def guarded() -> Procedure:
            try:
                result = yield from body
            except Failure as failure:
                result = failure
            ended(result)

        self.platform.process(name, guarded())
