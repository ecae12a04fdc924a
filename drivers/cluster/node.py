"""A node: its platform, its controllers' drivers, its shadow driver."""

import re
from collections.abc import Callable

from drivers.classes.disk import Disk, UnitState
from drivers.classes.dkdriver import DkDriver
from drivers.classes.dudriver import DuDriver
from drivers.cluster.cluster import Cluster
from drivers.cluster.mscp_server import MscpServer, server_identifier
from drivers.cluster.served_disks import ServedDisks
from drivers.message import Failure, Message
from drivers.platform import process
from drivers.platform.alpha import AlphaPlatform
from drivers.platform.alpha_pci import PciBridge, PciSlot
from drivers.platform.host import Platform
from drivers.platform.process import Procedure
from drivers.port.mscp_port import PortState
from drivers.port.pkedriver import PkeDriver
from drivers.port.pudriver import PuDriver
from drivers.shadow.membership import ShadowDriver
from drivers.shadow.utilities import ShadowUtilities
from emu.core.bus import RegisterSpace
from emu.wire.scripts_image import ScriptsImage

_DEVICE_NAME = re.compile(r"_*([A-Z0-9$_]*):?")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def device_name(text: str) -> str:
    """A device's name without what may be left out before and behind it; raises Failure when it can be none."""
    match = _DEVICE_NAME.fullmatch(text.upper())
    if match is None or not match[1]:
        raise Failure(Message("SYSTEM", "F", "IVDEVNAM", "invalid device name"))
    return match[1]


class Node:
    """One VMS system.

    name: SCS node name.  controllers: class drivers of MSCP disks, adapters: of SCSI disks, in the order of their
    letters.  served: what other nodes' MSCP servers offer; server: this node's.  reset_buses: what a crash does to the
    hardware.  crashed: whether it has stopped for ever.
    """

    def __init__(self, name: str, platform: Platform, cluster: Cluster) -> None:
        self.name = name
        self.platform = platform
        self.cluster = cluster
        self.controllers: list[DuDriver[PuDriver]] = []
        self.adapters: list[DkDriver] = []
        self.served = ServedDisks(cluster)
        self.server = MscpServer(
            platform, server_identifier(cluster.manager.identity.system), lambda: self.direct_disks
        )
        cluster.lost.append(self.server.nodes_lost)
        cluster.manager.worked.append(lambda: platform.block_io(blocked=not cluster.works))
        self.shadow = ShadowDriver(platform, name, self.cluster, self.disk, lambda: self.disks)
        cluster.lost.append(lambda names: platform.nodes_lost())
        self.utilities = ShadowUtilities(self.shadow)
        self.reset_buses: list[Callable[[], None]] = []
        cluster.manager.exit = self._cluster_exit

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

    @property
    def crashed(self) -> bool:
        return self.platform.halted

    def boot(self, *, alone: bool = True) -> Procedure:
        """Start every port that is down, and wait until the units of all are known and the cluster is joined.

        alone: there is no cluster to join.
        """
        if not self.cluster.joined.is_set:
            if self.platform.parameters.serves_disks and self.cluster.scs is not None:
                self.server.start(self.cluster.scs)
            self.cluster.start(alone=alone)
        drivers: list[DuDriver[PuDriver] | DkDriver] = [*self.controllers, *self.adapters]
        for driver in drivers:
            if driver.port.state is PortState.DOWN:
                driver.port.start()
        for driver in drivers:
            yield driver.ready
        yield self.cluster.joined
        yield from self.served.wait()

    def crash(self, *, last_gasp: bool = False) -> None:
        """Stop at this instant and for ever: memory is lost, ports forget this host.

        last_gasp: the other nodes are told, as a bugcheck does; without it they find out.
        """
        if not self.crashed:
            self.cluster.stop(last_gasp=last_gasp)
            self.platform.halt()
            for reset in self.reset_buses:
                reset()

    def _cluster_exit(self, why: str) -> None:
        self.platform.operator(f"%BUGCHECK, CLUEXIT, node voluntarily exiting VMScluster: {why}")
        self.crash(last_gasp=True)

    @property
    def direct_disks(self) -> list[Disk]:
        """The disks of this node's own controllers and adapters."""
        drivers: list[DuDriver[PuDriver] | DkDriver] = [*self.controllers, *self.adapters]
        return [unit for driver in drivers for unit in driver.units.values()]

    @property
    def disks(self) -> list[Disk]:
        """Every disk once: the direct way before a served one, a server that answers before one that does not.

        DEVIATION: VMS goes over to another server by itself when one is lost; here a disk keeps its way as long as
        it is mounted.
        """
        found: dict[str, Disk] = {disk.name: disk for disk in self.direct_disks}
        for unit in sorted(self.served.units, key=lambda unit: unit.state is UnitState.OFFLINE):
            found.setdefault(unit.name, unit)
        return list(found.values())

    def disk(self, name: str) -> Disk:
        """Find a disk by device name, with or without allocation class and colon; raises Failure."""
        for unit in self.direct_disks:
            if unit.name == name:  # as most ask for it
                return unit
        wanted = device_name(name)
        for unit in self.disks:
            full = unit.name.rstrip(":")
            if wanted in (full, full.rsplit("$", 1)[-1]):
                return unit
        raise Failure(Message("SYSTEM", "W", "NOSUCHDEV", "no such device available"))

    def run(self, name: str, body: Procedure, ended: Callable[[object], None]) -> None:
        """Run a procedure as a process; `ended` gets its result, or the Failure it raised."""
        process.run(self.platform.clock, name, body, ended)
