"""Two Alphas on one SCSI bus, identifiers 7 and 6: what the units keep for each of them."""

from drivers.classes.disk import UnitState
from drivers.classes.dk_unit import DkUnit
from drivers.cluster.node import Node
from drivers.platform.host import WaitingIrp
from emu.wire.codes.vms import IO
from tests.simulation.scsi_stage import TARGET, ScsiStage
from tests.simulation.stage import NORMAL

MEDOFL = 0x1A4
RESERVE, RELEASE = bytes((0x16, 0, 0, 0, 0, 0)), bytes((0x17, 0, 0, 0, 0, 0))
MODE_SELECT = bytes((0x15, 0x10, 0, 0, 16, 0))
SWP_OFF_TAS_ON = bytes.fromhex("00000000 0a0a00000040 0000ffff0000")


class Hosts:
    """A stage with two Alphas, and disk $1$DKA100: as each of them has it, on line."""

    def __init__(self) -> None:
        self.stage = ScsiStage(alphas=2, members=2, latency_us=None)
        self.nodes = self.stage.alphas
        for node in self.nodes:
            assert self.stage.world.run(node, self.disk(node).online()) == NORMAL
        self.unit = self.stage.shelf.targets[TARGET].units[0]

    def disk(self, node: Node) -> DkUnit:
        disk = node.disk("DKA100")
        assert isinstance(disk, DkUnit)
        return disk

    def tell(self, node: Node, cdb: bytes, data: bytes = b"") -> int:
        """Send a command as a host's own software may (IO$_DIAGNOSE); return its status."""
        disk = self.disk(node)
        exchanges = disk.driver.exchanges
        procedure = exchanges.tell(disk, cdb, data) if data else exchanges.exchange(disk, cdb)
        return self.stage.world.run(node, procedure).status

    def read(self, node: Node) -> int:
        platform = node.platform
        irp = WaitingIrp(platform, IO.READPBLK, 0, 512, platform.pool.allocate(512))
        self.disk(node).queue_io(irp)
        assert self.stage.world.settle(lambda: irp.finished.is_set)
        return irp.status


def test_a_unit_knows_both_hosts_by_their_identifiers() -> None:
    hosts = Hosts()
    assert sorted(hosts.unit.nexuses) == ["6,t,1", "7,t,1"]
    assert [hosts.read(node) for node in hosts.nodes] == [NORMAL, NORMAL]


def test_a_unit_one_host_has_reserved_is_off_line_for_the_other_until_it_is_released() -> None:
    hosts = Hosts()
    first, second = hosts.nodes
    assert hosts.tell(first, RESERVE) == 0x00
    assert hosts.unit.reserved_by == "7,t,1"
    assert (hosts.read(first), hosts.read(second)) == (NORMAL, MEDOFL)
    assert hosts.tell(second, RESERVE) == 0x18
    assert hosts.tell(second, RELEASE) == 0x00  # and changes nothing
    assert hosts.unit.reserved_by == "7,t,1"
    assert hosts.tell(first, RELEASE) == 0x00
    assert hosts.read(second) == NORMAL


def test_a_bus_reset_by_one_host_ends_the_reservation_of_the_other() -> None:
    hosts = Hosts()
    first, second = hosts.nodes
    assert hosts.tell(first, RESERVE) == 0x00
    second.adapters[0].port.reset_bus("the test wants it")
    assert hosts.stage.world.settle(lambda: not hosts.unit.reserved_by)
    assert [hosts.read(node) for node in hosts.nodes] == [NORMAL, NORMAL]


def test_each_host_hears_of_a_bus_reset_once_and_finds_its_disk_again() -> None:
    hosts = Hosts()
    hosts.nodes[1].adapters[0].port.reset_bus("the test wants it")
    assert hosts.stage.world.settle(lambda: all(itl.unit_attentions == [0x2902] for itl in attending(hosts)))
    assert [hosts.read(node) for node in hosts.nodes] == [NORMAL, NORMAL]
    assert all(not itl.unit_attentions for itl in attending(hosts))
    assert [hosts.disk(node).state for node in hosts.nodes] == [UnitState.ONLINE] * 2


def test_mode_parameters_one_host_sets_are_an_attention_for_the_other_alone() -> None:
    hosts = Hosts()
    first, second = hosts.nodes
    assert hosts.tell(first, MODE_SELECT, SWP_OFF_TAS_ON) == 0x00
    waiting = {itl.nexus.name: itl.unit_attentions for itl in attending(hosts)}
    assert waiting == {"7,t,1": [], "6,t,1": [0x2A01]}
    assert hosts.read(second) == NORMAL  # after it has looked at the unit again
    assert hosts.disk(second).state is UnitState.ONLINE


def attending(hosts: Hosts) -> list:  # type: ignore[type-arg]
    return list(hosts.unit.nexuses.values())
