"""Nodes that die, at any instant, with writes under way: who is left agrees, and no acknowledged write is lost."""

from random import Random

import pytest

from drivers.classes.disk import UnitState
from drivers.cluster.node import Node
from drivers.message import Failure
from drivers.shadow.mount import MountRequest
from drivers.shadow.requests import Query
from drivers.shadow.shdriver import VirtualUnit
from drivers.shadow.utility import Policy
from emu.core.block import BLOCK_BYTES
from emu.core.clock import MILLISECOND_NS, SECOND_NS
from emu.media.faulty import Hold
from emu.sim.application import Application
from emu.sim.lan import Weather
from emu.sim.ledger import Ledger
from tests.simulation.stage import LABEL, NORMAL, SET, Stage, contents

LEAVING = "$1$DUA11:"
BLOCK = b"\x24" * BLOCK_BYTES
RECOVERED_NS = 45 * SECOND_NS  # circuits time out, RECNXINTERVAL, a change of the set
BAD = Weather(latency_ns=(MILLISECOND_NS // 10, 2 * MILLISECOND_NS), loss=0.03, doubling=0.03)


class Crashing(Stage):
    """An Alpha and a VAX that write to one set, and share a ledger."""

    node_names = ("ALPHA1", "VAX1")

    def __init__(self, *, seed: int = 1, weather: Weather | None = None, **options: object) -> None:
        super().__init__(seed=seed, vax=True, latency_us=(1_000, 20_000), block_count=1_500, **options)  # type: ignore[arg-type]
        self.begin(weather)

    def begin(self, weather: Weather | None) -> None:
        if weather is not None:
            self.world.lan.storm(weather, self.chance.stream("lan"))
        self.ready()
        self.mount([], node=self.node(self.node_names[1]))
        self.ledger = Ledger()
        self.applications: dict[str, Application] = {}
        for name in self.node_names:
            self.load(name)

    def node(self, name: str) -> Node:
        return self.world.nodes[name]

    def vu(self, name: str) -> VirtualUnit:
        return self.node(name).shadow.units[SET]

    def load(self, name: str) -> None:
        application = self.application(self.vu(name), self.node(name), ledger=self.ledger)
        self.applications[name] = application
        application.start()

    def crash(self, name: str) -> None:
        self.applications.pop(name).abandon()
        self.world.crash(name)

    def boot_again(self, name: str) -> None:
        """Boot a node, have it mount the set and write to it."""
        node = self.world.reboot(name)
        if name == "ALPHA1":
            self.alpha = node
        self.world.boot()
        self.mount(self.names if not self.is_mounted(but=name) else [], node=node)
        self.load(name)

    def is_mounted(self, but: str = "") -> bool:
        return any(
            SET in node.shadow.units
            for node in self.world.nodes.values()
            if not node.crashed and node.name != but
        )

    def go_on(self, duration_ns: int) -> None:
        """Let time pass; for long with little load, since most of it is waiting for time-outs."""
        for application in self.applications.values():
            application.depth = 1 if duration_ns > SECOND_NS else 8
        self.world.clock.run_for(duration_ns)

    def end(self) -> None:
        """Wait for everything, and look at the disks."""
        units = [node.shadow.units for node in self.world.nodes.values() if not node.crashed]
        everywhere = [mounted[SET] for mounted in units if SET in mounted]
        vu = everywhere[0]
        for application in self.applications.values():
            application.stop()
        self.finish(*self.applications.values())
        clock = self.world.clock

        def is_steady() -> bool:
            busy = any(each.targets or each.state.merging or each.stalled for each in everywhere)
            return not busy and all(each.state == vu.state for each in everywhere)

        quiet = clock.run_until(is_steady, clock.now_ns + 300 * SECOND_NS)
        assert quiet, "the set becomes steady"
        assert [application.faults for application in self.applications.values()] == [[]] * len(
            self.applications
        )
        self.assert_members_identical(vu)
        data = contents(self.disk(vu.members[0].device))
        for lbns, promised in self.ledger.extents():
            extent = data[lbns.start * BLOCK_BYTES : lbns.stop * BLOCK_BYTES]
            assert self.ledger.fault_in(extent, lbns, promised) == ""
        assert not any(node.kind == "VAX" and node.shadow.bitmaps for node in self.world.nodes.values())


def test_an_application_goes_on_when_another_node_dies() -> None:
    stage = Crashing()
    stage.go_on(SECOND_NS)
    stage.crash("VAX1")
    before = stage.applications["ALPHA1"].writes
    stage.go_on(RECOVERED_NS)
    assert stage.applications["ALPHA1"].writes > before + 50
    assert stage.vu("ALPHA1").state.nodes == ("ALPHA1",)
    stage.end()


def test_a_node_without_quorum_stalls_until_the_votes_are_back() -> None:
    stage = Crashing()
    stage.go_on(SECOND_NS)
    stage.crash("ALPHA1")
    stage.go_on(RECOVERED_NS)
    assert stage.vu("VAX1").stalled
    stage.boot_again("ALPHA1")
    stage.go_on(2 * SECOND_NS)
    assert not stage.vu("VAX1").stalled
    assert sorted(stage.vu("VAX1").state.nodes) == ["ALPHA1", "VAX1"]
    stage.end()


def test_a_bitmap_is_lost_with_its_master_and_the_member_returns_by_full_copy() -> None:
    stage = Crashing()
    stage.go_on(SECOND_NS)
    stage.dismount(LEAVING, Policy.MINICOPY)
    stage.go_on(SECOND_NS)
    assert len(stage.vu("VAX1").state.bitmaps) == 1
    stage.crash("ALPHA1")
    stage.boot_again("ALPHA1")
    stage.go_on(SECOND_NS)
    assert stage.vu("VAX1").state.bitmaps == ()
    stage.mount([LEAVING], node=stage.alpha)
    stage.go_on(SECOND_NS)
    assert stage.vu("ALPHA1").state.bitmaps == ()
    stage.end()


def test_a_copy_fails_over_to_another_node() -> None:
    stage = Crashing()
    stage.dismount(LEAVING)
    stage.mount([LEAVING], node=stage.node("VAX1"))
    assert stage.vu("ALPHA1").state.copier == "VAX1"
    stage.crash("VAX1")
    stage.go_on(RECOVERED_NS)
    stage.end()
    assert len(stage.vu("ALPHA1").members) == 3


def test_a_write_that_waits_for_a_lost_master_or_copier_goes_on() -> None:
    stage = Crashing()
    vax = stage.node("VAX1")
    vax.shadow.recorder.keeps_local = False  # so that every write waits for the master
    stage.dismount(LEAVING, Policy.MINICOPY)
    stage.go_on(SECOND_NS)
    stage.crash("ALPHA1")
    irp = stage.write(stage.vu("VAX1"), 1_499, BLOCK, vax)
    stage.go_on(RECOVERED_NS)
    assert not irp.finished.is_set
    stage.world.reboot("ALPHA1")
    stage.world.boot()
    stage.go_on(SECOND_NS)
    assert irp.status == NORMAL


def test_both_nodes_die_and_the_set_is_mounted_anew() -> None:
    stage = Crashing()
    stage.go_on(SECOND_NS)
    stage.crash("VAX1")
    stage.crash("ALPHA1")
    stage.go_on(SECOND_NS)
    stage.alpha = stage.world.reboot("ALPHA1")
    stage.world.reboot("VAX1")
    stage.world.boot()
    stage.mount(node=stage.alpha)
    stage.mount([], node=stage.node("VAX1"))
    stage.load("ALPHA1")
    stage.load("VAX1")
    stage.go_on(SECOND_NS)
    stage.end()


def _change(stage: Crashing, stream: Random, node: Node) -> None:
    """Begin a change of the set on a node; it may die with it."""
    vu = node.shadow.units.get(SET)
    if vu is None:
        return
    away = [name for name in stage.names if vu.state.member(name) is None]
    if away and stream.random() < 0.6:
        request = MountRequest(SET, [stream.choice(away)], LABEL)
        procedure = node.utilities.mount(request, node.cluster.nodes, stage.said.append)
    else:
        policy = stream.choice((Policy.MINICOPY, Policy.DEFAULT)) if node.kind == "Alpha" else Policy.DEFAULT
        procedure = node.utilities.dismount_member(stream.choice(stage.names), policy, stage.said.append)
    node.run("change", procedure, lambda result: None)


def die_at_random(stage: Crashing) -> None:
    """Change the set again and again, and have a node die each time, by the stage's seed."""
    stream = stage.chance.stream("crashes")
    for _ in range(3):
        for _ in range(stream.randrange(3)):
            _change(stage, stream, stage.node(stream.choice(stage.node_names)))
            stage.go_on(stream.randrange(20 * MILLISECOND_NS))
        victim = stream.choice(stage.node_names)
        _change(stage, stream, stage.node(victim))
        stage.go_on(stream.randrange(120 * MILLISECOND_NS))
        stage.crash(victim)
        stage.go_on(stream.randrange(RECOVERED_NS))
        stage.boot_again(victim)
        stage.go_on(stream.randrange(SECOND_NS))
    stage.end()


@pytest.mark.parametrize("seed", range(6))
def test_nodes_die_at_random_instants_of_changes_and_copies(seed: int) -> None:
    die_at_random(Crashing(seed=seed, weather=BAD if seed % 2 else None))


@pytest.mark.parametrize("seed", range(2))
def test_who_loses_its_cable_stops_before_the_others_go_on_without_it(seed: int) -> None:
    stage = Crashing(seed=seed)
    stream = stage.chance.stream("cables")
    stage.go_on(SECOND_NS)
    stage.world.lan.isolate("VAX1")
    stage.go_on(12 * SECOND_NS + stream.randrange(SECOND_NS))
    assert stage.vu("VAX1").stalled
    stage.go_on(25 * SECOND_NS)
    stage.world.lan.mend()
    stage.go_on(6 * SECOND_NS)
    assert stage.node("VAX1").crashed
    stage.applications.pop("VAX1").abandon()
    stage.boot_again("VAX1")
    stage.go_on(SECOND_NS)
    stage.end()


def test_minicopy_is_off_while_one_node_has_no_write_bitmaps() -> None:
    stage = Stage(vax=True)
    assert stage.vax is not None
    stage.ready()
    stage.mount([], node=stage.vax)
    stage.world.crash("VAX1")
    old = stage.world.reboot("VAX1")
    old.cluster.manager.capabilities = 0
    stage.world.boot()
    assert not stage.alpha.cluster.minicopy_enabled
    assert stage.refusal(lambda: stage.dismount(LEAVING, Policy.MINICOPY)) == ["CANNOTDMT", "WBMFAIL"]
    stage.dismount(LEAVING, Policy.OPTIONAL)
    assert stage.idents()[-1] == "WBMNOTSTARTED"
    assert stage.alpha.shadow.bitmaps == {}


def test_a_command_that_waits_for_a_lost_node_is_told_so() -> None:
    stage = Crashing()
    with pytest.raises(Failure, match="NODELEAVE"):
        stage.world.run(stage.alpha, stage.alpha.cluster.ask("NOBODY", Query(SET)))


def test_a_member_that_one_node_cannot_reach_is_refused() -> None:
    stage = Stage(vax=True)
    assert stage.vax is not None
    stage.ready()
    stage.mount([], node=stage.vax)
    stage.dismount(LEAVING)
    (driver,) = stage.vax.controllers
    del driver.units[11]
    assert stage.refusal(lambda: stage.mount([LEAVING])) == ["SHADOWFAIL", "DEVOFFLINE"]
    assert len(stage.alpha.shadow.units[SET].members) == 2


def test_who_changes_a_set_takes_the_new_state_last() -> None:
    stage = Crashing(weather=BAD)
    procedure = stage.alpha.utilities.dismount_member(LEAVING, Policy.DEFAULT, stage.said.append)
    stage.alpha.run("change", procedure, lambda result: None)
    assert stage.world.settle(lambda: len(stage.vu("ALPHA1").members) == 2)
    assert len(stage.vu("VAX1").members) == 2
    assert stage.vu("ALPHA1").state == stage.vu("VAX1").state
    stage.end()


def test_no_bitmap_is_made_while_a_lost_node_may_have_torn_the_set() -> None:
    stage = Crashing()
    stage.go_on(SECOND_NS)
    stage.crash("VAX1")  # nobody has noticed yet
    refused = stage.refusal(lambda: stage.dismount(LEAVING, Policy.MINICOPY))
    assert refused == ["CANNOTDMT", "WBMFAIL"]
    assert stage.vu("ALPHA1").state.merging
    stage.go_on(RECOVERED_NS)
    stage.end()


def test_a_node_without_quorum_stops_when_the_others_have_a_cluster_of_their_own() -> None:
    stage = Crashing()
    stage.go_on(SECOND_NS)
    stage.world.lan.cut("ALPHA1", "VAX1")
    stage.crash("ALPHA1")
    stage.alpha = stage.world.reboot("ALPHA1")
    stage.world.boot()
    stage.go_on(RECOVERED_NS)
    assert stage.node("ALPHA1").cluster.works  # with two votes of three it forms a cluster by itself
    assert not stage.node("VAX1").crashed
    stage.world.lan.mend()
    stage.go_on(RECOVERED_NS)
    assert stage.node("VAX1").crashed
    assert stage.node("ALPHA1").cluster.works


def test_no_bitmap_is_made_before_the_loss_of_a_node_that_is_back_is_recovered_from() -> None:
    stage = Crashing()
    stage.go_on(SECOND_NS)
    locked: list[object] = []
    stage.alpha.run("something long", stage.alpha.cluster.lock(SET), locked.append)
    assert stage.world.settle(lambda: bool(locked))
    refusals: list[object] = []
    leave = stage.alpha.utilities.dismount_member(LEAVING, Policy.MINICOPY, stage.said.append)
    stage.alpha.run("dismount", leave, refusals.append)
    stage.crash("VAX1")
    stage.world.reboot("VAX1")
    stage.world.boot()
    stage.alpha.cluster.unlock(SET)
    assert stage.world.settle(lambda: bool(refusals))
    assert isinstance(refusals[0], Failure)
    assert [message.ident for message in refusals[0].messages] == ["CANNOTDMT", "WBMFAIL"]
    stage.go_on(RECOVERED_NS)
    stage.end()


def test_a_set_whose_only_other_node_is_lost_while_it_is_mounted_is_merged_and_forgets_that_node() -> None:
    hold = Hold(lambda request: request.lbn == 500)
    stage = Stage(vax=True, block_count=1_500, rules=[[hold], [], []])
    alpha, vax = stage.alpha, stage.world.nodes["VAX1"]
    stage.initialize()
    vu = stage.mount(node=vax)
    ended: list[object] = []
    request = MountRequest(SET, [], LABEL)
    alpha.run("mount", alpha.utilities.mount(request, alpha.cluster.nodes, stage.said.append), ended.append)
    stage.world.settle(lambda: all(alpha.disk(name).state is UnitState.ONLINE for name in stage.names))
    stage.write(vu, 500, BLOCK, vax)
    stage.world.clock.run_for(SECOND_NS)
    assert not ended  # it waits until the write has ended
    stage.world.crash("VAX1")
    stage.world.clock.run_for(RECOVERED_NS)
    assert ended == [None]
    vu = alpha.shadow.units[SET]
    assert vu.state.nodes == ("ALPHA1",)
    assert len(alpha.shadow.server.merges) == 1
    assert not vu.state.merging  # any more
    stage.assert_members_identical(vu)


def test_a_node_that_died_while_a_set_was_mounted_elsewhere_joins_it_in_a_new_life() -> None:
    stage = Stage(vax=True, block_count=1_500)
    alpha = stage.alpha
    stage.initialize()
    stage.world.crash("VAX1")
    ended: list[object] = []
    request = MountRequest(SET, stage.names, LABEL)  # asks the VAX too, which is not known to be lost yet
    alpha.run("mount", alpha.utilities.mount(request, alpha.cluster.nodes, stage.said.append), ended.append)
    vax = stage.world.reboot("VAX1")
    stage.world.boot()
    assert stage.world.settle(lambda: bool(ended))
    stage.mount([], node=vax)
    stage.world.run(alpha, alpha.utilities.dismount_member(LEAVING, Policy.NOMINICOPY, stage.said.append))
    assert alpha.shadow.units[SET].state.nodes == ("ALPHA1", "VAX1")
    assert not alpha.shadow.server.merges
