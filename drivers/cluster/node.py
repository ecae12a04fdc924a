"""A node: its platform, its controllers' drivers, its shadow driver."""

from collections.abc import Callable

from drivers.classes.disk import Disk
from drivers.classes.dkdriver import DkDriver
from drivers.classes.dudriver import DuDriver
from drivers.cluster.link import Cluster, Exchange
from drivers.message import Failure, Message
from drivers.platform.alpha import AlphaPlatform
from drivers.platform.alpha_pci import PciBridge, PciSlot
from drivers.platform.host import Platform
from drivers.platform.process import Procedure
from drivers.port.pkedriver import PkeDriver
from drivers.port.pudriver import PortState, PuDriver
from drivers.shadow.membership import ShadowDriver
from drivers.shadow.utilities import ShadowUtilities
from emu.core.bus import RegisterSpace
from emu.wire.scripts_image import ScriptsImage

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Node:
    """One VMS system.

    name: SCS node name.  controllers: class drivers of MSCP disks, adapters: of SCSI disks, in the order of their
    letters.
    """

    def __init__(self, name: str, platform: Platform, exchange: Exchange) -> None:
        self.name = name
        self.platform = platform
        self.cluster = Cluster(name, exchange)
        self.controllers: list[DuDriver] = []
        self.adapters: list[DkDriver] = []
        self.shadow = ShadowDriver(platform, name, self.cluster, self.disk)
        self.utilities = ShadowUtilities(self.shadow)

    @property
    def kind(self) -> str:
        return self.platform.kind

    def configure_port(self, registers: RegisterSpace) -> PuDriver:
        """Load the drivers for a UQSSP port; `boot` starts them."""
        letter = _LETTERS[len(self.controllers)]
        port = PuDriver(self.platform, f"PU{letter}0", registers)
        self.controllers.append(DuDriver(self.platform, port, letter))
        return port

    def configure_scsi(
        self, bridge: PciBridge, slot: PciSlot, program: ScriptsImage, scsi_id: int = 7
    ) -> PkeDriver:
        """Load the drivers for a 53C810 on an Alpha's PCI bus; `boot` starts them."""
        assert isinstance(self.platform, AlphaPlatform), "only an Alpha has a PCI bus"
        letter = _LETTERS[len(self.adapters)]
        port = PkeDriver(self.platform, bridge, f"PK{letter}0", slot, program, scsi_id)
        self.adapters.append(DkDriver(self.platform, port, letter))
        return port

    def boot(self) -> Procedure:
        """Start every port that is down, and wait until the units of all are known."""
        drivers: list[DuDriver | DkDriver] = [*self.controllers, *self.adapters]
        for driver in drivers:
            if driver.port.state is PortState.DOWN:
                driver.port.start()
        for driver in drivers:
            yield driver.ready

    @property
    def disks(self) -> list[Disk]:
        drivers: list[DuDriver | DkDriver] = [*self.controllers, *self.adapters]
        return [unit for driver in drivers for unit in driver.units.values()]

    def disk(self, name: str) -> Disk:
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
