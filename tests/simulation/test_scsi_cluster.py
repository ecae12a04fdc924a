"""Two Alphas on one SCSI bus with one shadow set: one dies, disks go and come back, and nothing is lost."""

import pytest

from drivers.shadow.state import MemberState
from drivers.shadow.utility import Policy
from emu.core.clock import MILLISECOND_NS, SECOND_NS
from emu.hw.scsi.logical_unit import LogicalUnit
from emu.sim.lan import Weather
from tests.simulation.scsi_stage import TARGET, ScsiStage
from tests.simulation.stage import SET
from tests.simulation.test_node_crash import BAD, RECOVERED_NS, Crashing, die_at_random

LEAVING = "$1$DKA101:"


class OnOneBus(Crashing, ScsiStage):
    """ALPHA1 and ALPHA2, which goes on only with the other one's votes."""

    node_names = ("ALPHA1", "ALPHA2")

    def __init__(self, *, seed: int = 1, weather: Weather | None = None, **options: object) -> None:
        ScsiStage.__init__(
            self,
            seed=seed,
            alphas=2,
            votes=(2, 1),
            latency_us=(1_000, 20_000),
            block_count=1_500,
            **options,  # type: ignore[arg-type]
        )
        self.begin(weather)

    def take_out(self, lun: int) -> LogicalUnit:
        return self.shelf.targets[TARGET].detach(lun)

    def put_back(self, lun: int, unit: LogicalUnit) -> None:
        self.shelf.targets[TARGET].attach(lun, unit)

    def writes(self) -> list[int]:
        return [self.applications[name].writes for name in self.node_names]

    def members(self, node: str = "ALPHA1") -> list[tuple[str, MemberState]]:
        return [(member.device, member.state) for member in self.vu(node).members]


def test_who_is_left_merges_what_the_dead_node_was_writing() -> None:
    stage = OnOneBus()
    stage.go_on(SECOND_NS)
    stage.crash("ALPHA2")
    stage.go_on(RECOVERED_NS)
    assert stage.vu("ALPHA1").state.nodes == ("ALPHA1",)
    stage.end()
    assert len(stage.alpha.shadow.server.merges) == 1
    assert stage.alpha.shadow.server.copies == []


def test_a_bus_that_a_node_held_when_it_died_is_reset_by_the_other_when_its_own_command_takes_too_long() -> (
    None
):
    stage = OnOneBus()
    bus, port = stage.shelf.bus, stage.alpha.adapters[0].port
    dying = stage.node("ALPHA2").adapters[0].port
    stage.go_on(MILLISECOND_NS * 50)
    assert stage.world.settle(lambda: bus.initiator is not None and dying.active is not None)
    resets, before = port.resets, stage.applications["ALPHA1"].writes
    stage.crash("ALPHA2")
    stage.go_on(RECOVERED_NS)
    assert not bus.free
    assert stage.applications["ALPHA1"].writes == before
    stage.go_on(30 * SECOND_NS)
    assert port.resets == resets + 1
    assert stage.applications["ALPHA1"].writes > before + 50
    stage.end()


def test_both_nodes_die_and_the_set_is_merged_when_it_is_mounted_anew() -> None:
    stage = OnOneBus()
    stage.go_on(SECOND_NS)
    stage.crash("ALPHA2")
    stage.crash("ALPHA1")
    stage.go_on(SECOND_NS)
    stage.alpha = stage.world.reboot("ALPHA1")
    second = stage.world.reboot("ALPHA2")
    stage.world.boot()
    stage.mount(node=stage.alpha)
    assert stage.vu("ALPHA1").state.merging
    stage.mount([], node=second)
    for name in stage.node_names:
        stage.load(name)
    stage.go_on(SECOND_NS)
    stage.end()
    assert stage.alpha.shadow.server.copies == []


def test_a_minicopy_by_extended_copy_dies_with_its_node_and_is_done_by_the_other() -> None:
    stage = OnOneBus()
    second = stage.node("ALPHA2")
    stage.dismount(LEAVING, Policy.MINICOPY, node=second)
    stage.go_on(SECOND_NS)
    stage.mount([LEAVING], Policy.MINICOPY, node=second)
    assert stage.vu("ALPHA1").state.copier == "ALPHA2"
    stage.crash("ALPHA2")
    stage.go_on(RECOVERED_NS)
    stage.end()
    assert len(stage.members()) == 3
    assert stage.alpha.shadow.server.copies[-1].by_command


def test_a_disk_that_is_back_in_time_stays_a_member_on_both_nodes() -> None:
    stage = OnOneBus()
    stage.go_on(SECOND_NS // 2)
    unit = stage.take_out(1)
    stage.go_on(60 * SECOND_NS)
    before = stage.writes()
    stage.go_on(20 * SECOND_NS)
    assert stage.writes() == before
    stage.put_back(1, unit)
    stage.go_on(10 * SECOND_NS)
    assert all(now > then for now, then in zip(stage.writes(), before, strict=True))
    assert stage.members() == stage.members("ALPHA2")
    assert [state for _, state in stage.members()] == [MemberState.SOURCE] * 3
    stage.end()


def test_a_disk_that_stays_away_is_removed_on_both_nodes_and_returns_by_a_copy() -> None:
    stage = OnOneBus()
    stage.go_on(SECOND_NS // 2)
    unit = stage.take_out(1)
    stage.go_on(200 * SECOND_NS)
    assert [device for device, _ in stage.members("ALPHA2")] == ["$1$DKA100:", "$1$DKA102:"]
    stage.put_back(1, unit)
    stage.mount([LEAVING], node=stage.node("ALPHA2"))
    stage.go_on(SECOND_NS)
    stage.end()
    assert len(stage.members()) == 3


def test_a_set_whose_disks_are_all_away_is_in_mount_verification_until_they_are_back() -> None:
    stage = OnOneBus()
    stage.go_on(SECOND_NS // 2)
    units = [stage.take_out(lun) for lun in range(3)]
    stage.go_on(300 * SECOND_NS)
    assert all(stage.vu(name).stalled for name in stage.node_names)
    before = stage.writes()
    for lun, unit in enumerate(units):
        stage.put_back(lun, unit)
    stage.go_on(20 * SECOND_NS)
    assert all(now > then for now, then in zip(stage.writes(), before, strict=True))
    assert [state for _, state in stage.members()] == [MemberState.SOURCE] * 3
    stage.end()


@pytest.mark.parametrize("seed", range(4))
def test_nodes_die_at_random_instants_of_changes_and_copies(seed: int) -> None:
    die_at_random(OnOneBus(seed=seed, weather=BAD if seed % 2 else None, drives=seed > 1))


def test_both_nodes_know_the_set_by_one_name() -> None:
    stage = OnOneBus()
    assert {node.name: list(node.shadow.units) for node in stage.alphas} == {"ALPHA1": [SET], "ALPHA2": [SET]}
    stage.end()
