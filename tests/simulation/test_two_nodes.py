"""An Alpha and a VAX on one controller: the VAX writes, the Alpha's bitmap knows."""

import pytest

from drivers.classes.disk import UnitState
from drivers.message import Failure
from drivers.shadow.mount import MountRequest
from drivers.shadow.utility import Policy
from emu.core.block import BLOCK_BYTES
from emu.sim.ledger import Ledger
from tests.simulation.stage import LABEL, NORMAL, SET, Stage

LEAVING = "$1$DUA11:"
BLOCK = b"\x24" * BLOCK_BYTES


def both(**options: object) -> Stage:
    stage = Stage(vax=True, **options)  # type: ignore[arg-type]
    stage.ready()
    stage.mount([], node=stage.vax)
    return stage


def test_writes_of_the_vax_set_bits_of_the_alphas_master_bitmap() -> None:
    stage = both()
    assert stage.vax is not None
    stage.dismount(LEAVING, Policy.MINICOPY)
    vax_vu = stage.vax.shadow.units[SET]
    assert stage.write_now(vax_vu, 127, 2 * BLOCK, stage.vax) == NORMAL
    (bitmap,) = stage.alpha.shadow.bitmaps.values()
    assert (bitmap.set_count, bitmap.is_set(127), bitmap.is_set(126)) == (1, True, False)
    assert stage.vax.shadow.bitmaps == {}
    assert stage.vax.shadow.recorder.messages == 1


def test_a_member_that_left_is_available_to_both_nodes() -> None:
    stage = both()
    assert stage.vax is not None
    stage.dismount(LEAVING)
    stage.world.clock.run_for(1_000_000)
    assert [node.disk(LEAVING).state.value for node in (stage.alpha, stage.vax)] == ["available"] * 2
    assert all(11 not in server.online for server in stage.controller.servers)


def test_the_vax_waits_until_the_master_has_set_the_bits() -> None:
    stage = both()
    assert stage.vax is not None
    stage.dismount(LEAVING, Policy.MINICOPY)
    (bitmap,) = stage.alpha.shadow.bitmaps.values()
    irp = stage.write(stage.vax.shadow.units[SET], 1_000, BLOCK, stage.vax)
    disk = stage.disk("$1$DUA10:")
    while not bitmap.is_set(1_000):
        assert disk.content[1_000 * 512 : 1_001 * 512] == bytes(512)
        assert stage.world.clock.step()
    assert stage.world.settle(lambda: irp.finished.is_set)


def test_the_vax_refuses_to_make_a_bitmap_and_the_member_stays() -> None:
    stage = both()
    assert stage.vax is not None
    for policy in (Policy.MINICOPY, Policy.OPTIONAL):
        refused = stage.refusal(lambda policy=policy: stage.dismount(LEAVING, policy, node=stage.vax))
        assert refused == ["REQ_WBM_FAIL", "UNSUPPORTED"]
        refused = stage.refusal(lambda policy=policy: stage.mount([LEAVING], policy, node=stage.vax))
        assert refused == ["REQ_WBM_FAIL", "UNSUPPORTED"]
    assert len(stage.alpha.shadow.units[SET].members) == 3


def test_a_member_that_returns_by_way_of_the_vax_is_copied_whole() -> None:
    stage = both()
    assert stage.vax is not None
    stage.dismount(LEAVING, Policy.MINICOPY)
    stage.write_now(stage.alpha.shadow.units[SET], 1_000, BLOCK)
    stage.mount([LEAVING], node=stage.vax)
    stage.wait_for_copies(stage.vax.shadow.units[SET])
    assert stage.alpha.shadow.server.copies == []
    assert stage.vax.shadow.server.copies[-1].blocks_copied == 20_000
    assert stage.alpha.shadow.bitmaps == {}
    stage.assert_members_identical(stage.alpha.shadow.units[SET])


@pytest.mark.parametrize("seed", range(5))
def test_both_write_while_a_member_leaves_and_returns(seed: int) -> None:
    stage = both(seed=seed, latency_us=(20, 4_000), block_count=6_000)
    assert stage.vax is not None
    alpha_vu, vax_vu = stage.alpha.shadow.units[SET], stage.vax.shadow.units[SET]
    on_alpha = stage.application(alpha_vu, region=(31, 3_000))
    on_vax = stage.application(vax_vu, stage.vax, ledger=Ledger(1 << 32), region=(3_000, 6_000))
    applications = (on_alpha, on_vax)
    for application in applications:
        application.start()
    stage.world.settle(lambda: all(a.writes >= 30 for a in applications))
    stage.dismount(LEAVING, Policy.MINICOPY)
    left = [a.departures[LEAVING].written for a in applications]
    for written in left:
        stage.assert_holds(LEAVING, written)
    stage.world.settle(lambda: all(a.writes >= 80 for a in applications))
    stage.mount([LEAVING], Policy.MINICOPY)
    stage.wait_for_copies(alpha_vu)
    for application in applications:
        application.stop()
    stage.finish(*applications)
    assert [a.faults for a in applications] == [[], []]
    stage.assert_members_identical(alpha_vu)
    for application in applications:
        stage.assert_holds(LEAVING, application.written)


@pytest.mark.parametrize("seed", range(4))
def test_the_vax_writes_into_the_range_that_the_alpha_copies(seed: int) -> None:
    stage = both(seed=seed, latency_us=(10, 20_000), block_count=3_000)
    assert stage.vax is not None
    alpha_vu, vax_vu = stage.alpha.shadow.units[SET], stage.vax.shadow.units[SET]
    stage.dismount(LEAVING, Policy.MINICOPY)
    application = stage.application(vax_vu, stage.vax, depth=12, block_limit=8, region=(900, 1_500))
    application.start()
    stage.world.settle(lambda: application.writes >= 60)
    stage.mount([LEAVING], Policy.MINICOPY)
    stage.wait_for_copies(alpha_vu)
    application.stop()
    stage.finish(application)
    assert application.faults == []
    stage.assert_members_identical(alpha_vu)


def test_one_node_dismounts_and_the_other_goes_on() -> None:
    stage = both()
    assert stage.vax is not None
    stage.dismount(SET)
    assert stage.write_now(stage.vax.shadow.units[SET], 55, BLOCK, stage.vax) == NORMAL
    stage.dismount(SET, node=stage.vax)
    vu = stage.mount()
    assert not vu.targets
    assert stage.read_now(vu, 55, 512) == (NORMAL, BLOCK)


def test_the_copy_goes_on_elsewhere_when_its_node_dismounts() -> None:
    stage = both(latency_us=(10, 2_000))
    assert stage.vax is not None
    stage.dismount(LEAVING)
    stage.write_now(stage.alpha.shadow.units[SET], 77, BLOCK)
    stage.mount([LEAVING])
    stage.dismount(SET)
    vax_vu = stage.vax.shadow.units[SET]
    assert vax_vu.state.copier == "VAX1"
    stage.wait_for_copies(vax_vu)
    stage.assert_members_identical(vax_vu)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_of_two_mounts_of_a_set_at_once_one_is_refused(elsewhere: bool) -> None:
    stage = Stage(vax=True)
    stage.initialize()
    if elsewhere:
        stage.mount(node=stage.vax)
    results: list[object] = []
    for _ in range(2):
        request = MountRequest(SET, [] if elsewhere else stage.names, LABEL)
        mount = stage.alpha.utilities.mount(request, stage.alpha.cluster.nodes, stage.said.append)
        stage.alpha.run("mount", mount, results.append)
    assert stage.world.settle(lambda: len(results) == 2)
    refused = [result for result in results if isinstance(result, Failure)]
    assert [message.ident for message in refused[0].messages] == ["DEVMOUNT"]
    assert len(refused) == 1
    assert len(stage.alpha.shadow.units[SET].members) == 3


def test_a_disk_that_one_node_mounts_comes_on_line_at_the_other_without_volume_processing() -> None:
    stage = both()
    assert stage.vax is not None
    stage.dismount(LEAVING)
    stage.mount([LEAVING])
    vu = stage.vax.shadow.units[SET]
    (target,) = vu.targets
    assert target.unit.state is UnitState.ONLINE
    assert stage.write_now(vu, 77, BLOCK, stage.vax) == NORMAL
    assert target.strikes == 0
