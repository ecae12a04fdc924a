"""Disks of other nodes: for every other member a class driver that connects to its MSCP server, if it has one."""

from drivers.classes.du_unit import DiskUnit
from drivers.classes.dudriver import DuDriver
from drivers.cluster.cluster import Cluster
from drivers.cluster.served_port import ServedPort
from drivers.cluster.view import MemberNode
from drivers.platform.process import Procedure
from drivers.port.mscp_port import PortState


class ServedDisks:
    """The served disks of one node.  drivers: by the name of the server's node."""

    def __init__(self, cluster: Cluster) -> None:
        self.drivers: dict[str, DuDriver[ServedPort]] = {}
        self._cluster = cluster
        cluster.lost.append(self._nodes_lost)
        cluster.manager.changed.append(self._members_changed)

    @property
    def units(self) -> list[DiskUnit]:
        return [unit for driver in self.drivers.values() for unit in driver.units.values()]

    def wait(self) -> Procedure:
        """Wait until what the present members serve is known."""
        for driver in list(self.drivers.values()):
            yield driver.ready

    def _members_changed(self, lost: tuple[MemberNode, ...]) -> None:
        for node in self._cluster.nodes:
            if node == self._cluster.node:
                continue
            driver = self.drivers.get(node)
            if driver is None:
                port = ServedPort(self._cluster, node)
                driver = self.drivers[node] = DuDriver(self._cluster.platform, port)
                port.start()
            elif driver.port.state is PortState.DEAD:
                driver.port.start()  # it may be a new life, with a server

    def _nodes_lost(self, names: tuple[str, ...]) -> None:
        for name in names:
            if name in self.drivers:
                self.drivers[name].port.node_left()
