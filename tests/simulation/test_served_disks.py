"""Disks that another node serves: the VAX has no controller, its only way is the Alpha's MSCP server."""

import pytest

from drivers.classes.disk import Disk, UnitState
from drivers.cluster.node import Node
from drivers.platform.host import WaitingIrp
from drivers.shadow.mount import MountRequest
from drivers.shadow.shdriver import VirtualUnit
from drivers.shadow.state import MemberState
from drivers.shadow.utility import Policy
from emu.core.block import BLOCK_BYTES
from emu.core.chance import Chance
from emu.core.clock import MILLISECOND_NS, SECOND_NS
from emu.media.memory import MemoryDevice
from emu.shells.firmware_files import load_firmware, load_scripts
from emu.sim.lan import Weather
from emu.sim.storage_shelf import HSZ
from emu.sim.world import SERVES_DISKS, World, drive_for
from emu.wire.codes.vms import IO, SS
from tests.simulation.stage import LABEL, NORMAL, contents
from tests.simulation.test_node_crash import BAD, BLOCK, LEAVING, RECOVERED_NS, SET, Crashing, die_at_random

LONG_BYTES = 300 * BLOCK_BYTES  # more than two fragments


class Pair:
    """An Alpha with two disks, and a VAX that reaches them through it; or the other way round."""

    def __init__(self, server: str = "Alpha", weather: Weather | None = None) -> None:
        self.world = World()
        self.controller = self.world.add_controller(load_firmware("hbvs-shadow"))
        self.media = [MemoryDevice(2_000), MemoryDevice(2_000)]
        for number, medium in enumerate(self.media):
            self.controller.attach_unit(number, medium, drive_for(self.controller.firmware, medium))
        if weather is not None:
            self.world.lan.storm(weather, Chance(1).stream("lan"))
        makers = {"Alpha": self.world.add_alpha, "VAX": self.world.add_vax}
        self.server = makers.pop(server)("SERVER", self.controller, parameters=SERVES_DISKS)
        ((_, make),) = makers.items()
        self.client: Node = make("CLIENT")
        self.world.boot()
        assert self.world.settle(lambda: len(self.client.disks) == 2)

    @property
    def disk(self) -> Disk:
        return self.client.disk("DUA0")

    def start(self, function: IO, lbn: int, data: bytes) -> WaitingIrp:
        platform = self.client.platform
        address = platform.pool.allocate(len(data))
        platform.window(address, len(data))[:] = data
        irp = WaitingIrp(platform, function, lbn, len(data), address)
        self.disk.queue_io(irp)
        return irp

    def finish(self, irp: WaitingIrp) -> int:
        assert self.world.settle(lambda: irp.finished.is_set)
        return irp.status

    def online(self) -> object:
        return self.world.run(self.client, self.disk.online())


@pytest.mark.parametrize("server", ["Alpha", "VAX"])
def test_what_is_written_through_the_server_is_on_the_disk_and_is_read_back(server: str) -> None:
    pair = Pair(server, BAD)
    assert pair.online() == NORMAL
    data = Chance(2).stream("data").randbytes(LONG_BYTES)
    assert pair.finish(pair.start(IO.WRITEPBLK, 7, data)) == NORMAL
    assert contents(pair.media[0])[7 * BLOCK_BYTES :][:LONG_BYTES] == data
    assert pair.finish(pair.start(IO.WRITECHECK, 7, data)) == NORMAL
    assert pair.finish(pair.start(IO.WRITECHECK, 8, data)) == SS.DATACHECK
    irp = pair.start(IO.READPBLK, 7, bytes(LONG_BYTES))
    assert pair.finish(irp) == NORMAL
    assert bytes(pair.client.platform.window(irp.address, LONG_BYTES)) == data
    assert irp.transferred == LONG_BYTES


def test_a_served_disk_has_the_name_and_the_identity_that_it_has_at_its_server() -> None:
    pair = Pair()
    assert pair.online() == NORMAL
    there = pair.server.disk("DUA0")
    assert (pair.disk.name, pair.disk.identifier, pair.disk.media, pair.disk.block_count) == (
        "$1$DUA0:",
        there.identifier,
        there.media,
        2_000,
    )
    assert (pair.disk.served_by, pair.disk.copy_delay_s, there.copy_delay_s) == ("SERVER", 30, 0)
    assert pair.disk.read_cost > there.read_cost


def test_a_direct_way_comes_before_a_served_one() -> None:
    world = World()
    controller = world.add_controller(load_firmware("hbvs-shadow"))
    medium = MemoryDevice(2_000)
    controller.attach_unit(0, medium, drive_for(controller.firmware, medium))
    world.add_alpha("ALPHA1", controller, parameters=SERVES_DISKS)
    vax = world.add_vax("VAX1", controller)
    world.boot()
    assert world.settle(lambda: len(vax.served.units) == 1)
    assert [(disk.name, disk.served_by) for disk in vax.disks] == [("$1$DUA0:", "")]


def test_a_connection_that_breaks_costs_time_and_nothing_else() -> None:
    pair = Pair(weather=Weather(latency_ns=(MILLISECOND_NS, 2 * MILLISECOND_NS)))
    pair.online()
    irps = [pair.start(IO.WRITEPBLK, 300 * n, bytes((n,)) * LONG_BYTES) for n in range(4)]
    pair.world.clock.run_for(20 * MILLISECOND_NS)
    assert not any(irp.finished.is_set for irp in irps)
    (host,) = pair.server.server.hosts
    host.connection.circuit.close()
    assert pair.world.settle(lambda: pair.disk.state is UnitState.RECOVERING)
    assert [pair.finish(irp) for irp in irps] == [NORMAL] * 4
    assert pair.disk.state is UnitState.ONLINE
    data = contents(pair.media[0])
    for n in range(4):
        assert data[300 * n * BLOCK_BYTES :][:LONG_BYTES] == bytes((n,)) * LONG_BYTES


def test_requests_fail_when_the_server_s_node_leaves_the_cluster_and_the_disk_returns_with_it() -> None:
    pair = Pair()
    pair.online()
    pair.world.crash("SERVER")
    irp = pair.start(IO.READPBLK, 0, bytes(BLOCK_BYTES))
    # The client has no quorum alone, but it is a class driver's time-out that counts here.
    pair.client.cluster.manager.expected_votes = 1
    pair.world.reboot("SERVER")
    pair.world.boot()
    assert pair.finish(irp) in (SS.MEDOFL, SS.DEVOFFLINE)
    assert pair.world.settle(lambda: pair.disk.state is UnitState.AVAILABLE)
    assert pair.online() == NORMAL
    assert pair.finish(pair.start(IO.READPBLK, 0, bytes(BLOCK_BYTES))) == NORMAL


def test_a_unit_that_appears_at_the_server_is_announced() -> None:
    pair = Pair()
    medium = MemoryDevice(2_000)
    pair.controller.attach_unit(5, medium, drive_for(pair.controller.firmware, medium))
    assert pair.world.settle(lambda: len(pair.client.disks) == 3)
    assert pair.client.disk("DUA5").served_by == "SERVER"


def test_scsi_disks_are_served_to_a_node_that_has_no_scsi() -> None:
    world = World()
    shelf = world.add_shelf()
    medium = MemoryDevice(2_000)
    shelf.add_disk(1, medium, HSZ)
    world.add_alpha("ALPHA1", shelves=[shelf], program=load_scripts("pke"), parameters=SERVES_DISKS)
    vax = world.add_vax("VAX1")
    world.boot()
    assert world.settle(lambda: len(vax.disks) == 1)
    disk = vax.disk("$1$DKA100:")
    assert world.run(vax, disk.online()) == NORMAL
    platform = vax.platform
    address = platform.pool.allocate(LONG_BYTES)
    data = Chance(3).stream("data").randbytes(LONG_BYTES)
    platform.window(address, LONG_BYTES)[:] = data
    write = WaitingIrp(platform, IO.WRITEPBLK, 9, LONG_BYTES, address)
    disk.queue_io(write)
    assert world.settle(lambda: write.finished.is_set)
    assert write.status == NORMAL
    assert contents(medium)[9 * BLOCK_BYTES :][:LONG_BYTES] == data
    assert world.run(vax, disk.force_error(9)) == NORMAL
    read = WaitingIrp(platform, IO.READPBLK, 9, BLOCK_BYTES, address)
    disk.queue_io(read)
    assert world.settle(lambda: read.finished.is_set)
    assert read.status in (SS.PARITY, SS.FORCEDERROR)


# ---- one shadow set, two nodes, one way


def test_a_vax_writes_through_the_server_and_a_member_returns_by_minicopy() -> None:
    stage = Crashing(served=True)
    stage.go_on(SECOND_NS // 2)
    stage.applications.pop("ALPHA1").stop()
    stage.applications.pop("VAX1").stop()
    stage.world.clock.run_for(SECOND_NS)
    stage.dismount(LEAVING, Policy.MINICOPY)
    (bitmap,) = stage.alpha.shadow.bitmaps.values()
    assert not bitmap.set_count
    stage.load("VAX1")
    stage.go_on(SECOND_NS // 2)
    assert bitmap.set_count
    stage.mount([LEAVING], node=stage.alpha)
    stage.go_on(SECOND_NS // 2)
    stage.end()
    assert stage.alpha.shadow.server.copies[-1].bitmap is bitmap
    assert [member.unit.served_by for member in stage.vu("VAX1").members] == ["ALPHA1"] * 3


def test_a_set_waits_for_the_server_that_died_and_goes_on_with_it() -> None:
    stage = Crashing(served=True)
    stage.go_on(SECOND_NS)
    stage.crash("ALPHA1")
    irp = stage.write(stage.vu("VAX1"), 1_499, BLOCK, stage.node("VAX1"))
    stage.go_on(RECOVERED_NS)
    assert not irp.finished.is_set
    stage.boot_again("ALPHA1")
    stage.go_on(2 * SECOND_NS)
    assert irp.status == NORMAL
    stage.end()


class Mixed:
    """A set on a VAX: $1$DUA10: is served by an Alpha that may go, $1$DUA11: is the VAX's own."""

    def __init__(self) -> None:
        self.world = World()
        firmware = load_firmware("hbvs-shadow")
        far, near = self.world.add_controller(firmware), self.world.add_controller(firmware)
        self.media = [MemoryDevice(2_000), MemoryDevice(2_000)]
        for controller, number, medium in zip((far, near), (10, 11), self.media, strict=True):
            controller.attach_unit(number, medium, drive_for(firmware, medium))
        self.world.add_alpha("ALPHA1", far, parameters=SERVES_DISKS, cluster={"votes": 1})
        self.vax = self.world.add_vax("VAX1", near, cluster={"votes": 3})
        self.world.boot()
        assert self.world.settle(lambda: len(self.vax.disks) == 2)
        names = ["$1$DUA10:", "$1$DUA11:"]
        self.world.run(self.vax, self.vax.utilities.initialize(names, LABEL, shadow=True))
        self.mount(*names)

    @property
    def vu(self) -> VirtualUnit:
        return self.vax.shadow.units[SET]

    def mount(self, *names: str) -> None:
        request = MountRequest(SET, list(names), LABEL)
        self.world.run(self.vax, self.vax.utilities.mount(request, ("VAX1",), lambda message: None))

    def queue(self, function: IO, lbn: int) -> WaitingIrp:
        platform = self.vax.platform
        address = platform.pool.allocate(BLOCK_BYTES)
        platform.window(address, BLOCK_BYTES)[:] = BLOCK
        irp = WaitingIrp(platform, function, lbn, BLOCK_BYTES, address)
        self.vu.queue_io(irp)
        return irp

    def server_is_away(self, seconds: int) -> None:
        self.world.crash("ALPHA1")
        self.world.clock.run_for(seconds * SECOND_NS)
        self.world.reboot("ALPHA1")
        self.world.boot()
        self.world.clock.run_for(10 * SECOND_NS)


def test_reads_go_to_the_member_that_has_a_direct_way() -> None:
    mixed = Mixed()
    served, direct = (mixed.vax.disk(name) for name in ("DUA10", "DUA11"))
    before = served.operations, direct.operations
    reads = [mixed.queue(IO.READPBLK, lbn) for lbn in range(20)]
    assert mixed.world.settle(lambda: all(read.status for read in reads))
    assert (served.operations, direct.operations) == (before[0], before[1] + 20)


def test_reads_stay_local_whatever_they_cost_where_that_is_enforced() -> None:
    mixed = Mixed()
    served, direct = (mixed.vax.disk(name) for name in ("DUA10", "DUA11"))
    direct.read_cost = 5_000
    read = mixed.queue(IO.READPBLK, 7)
    assert mixed.world.settle(lambda: read.finished.is_set)
    mixed.vax.platform.parameters.write_active("SHADOW_SYS_DISK", 65_536)
    before = served.operations, direct.operations
    reads = [mixed.queue(IO.READPBLK, lbn) for lbn in range(20)]
    assert mixed.world.settle(lambda: all(read.status for read in reads))
    assert (served.operations, direct.operations) == (before[0], before[1] + 20)


def test_a_served_member_that_is_back_in_time_stays_a_member() -> None:
    mixed = Mixed()
    mixed.world.crash("ALPHA1")
    write = mixed.queue(IO.WRITEPBLK, 1_500)
    mixed.server_is_away(100)  # of which the VAX has noticed 70, less than SHADOW_MBR_TMO
    assert write.status == NORMAL
    assert [member.state for member in mixed.vu.members] == [MemberState.SOURCE] * 2
    assert contents(mixed.media[0]) == contents(mixed.media[1])


def test_a_served_member_that_stays_away_is_removed_and_returns_by_a_copy() -> None:
    mixed = Mixed()
    mixed.world.crash("ALPHA1")
    write = mixed.queue(IO.WRITEPBLK, 1_500)
    mixed.server_is_away(200)
    assert write.status == NORMAL
    assert [member.device for member in mixed.vu.members] == ["$1$DUA11:"]
    mixed.mount("$1$DUA10:")
    mixed.world.clock.run_for(60 * SECOND_NS)
    assert [member.state for member in mixed.vu.members] == [MemberState.SOURCE] * 2
    assert contents(mixed.media[0]) == contents(mixed.media[1])


@pytest.mark.parametrize("seed", range(2))
def test_the_server_or_its_client_dies_at_random_instants(seed: int) -> None:
    die_at_random(Crashing(seed=seed, weather=BAD if seed % 2 else None, served=True))
