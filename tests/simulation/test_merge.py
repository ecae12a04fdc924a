"""A merge: after a crash all members stay members, and nobody sees two answers for one block."""

from dataclasses import replace

import pytest

from drivers.cluster.request import NodeLost
from drivers.shadow.requests import Adopt, LockRange, MergeRange, Stall
from drivers.shadow.state import MemberState
from drivers.shadow.utility import Policy
from emu.core.block import BLOCK_BYTES
from emu.media.faulty import BadBlocks
from emu.media.memory import MemoryDevice
from emu.wire.codes.ods2 import SHADOW_STATUS
from emu.wire.generated.ods2 import StorageControlBlock
from tests.simulation.stage import NORMAL, Stage, contents

OLD, NEW = b"\x01" * BLOCK_BYTES, b"\x02" * BLOCK_BYTES
LBN = 900


def torn(lbns: tuple[int, ...] = (LBN,), *, block_count: int = 2000, **options: object) -> Stage:
    """A stage whose set was in use when the node died: the first disk has writes that the others have not."""
    first = Stage(block_count=block_count)
    vu = first.ready()
    for lbn in lbns:
        first.write_now(vu, lbn, OLD)
    disks = first.disks
    for lbn in lbns:
        disks[0].content[lbn * BLOCK_BYTES : (lbn + 1) * BLOCK_BYTES] = NEW
    return Stage(disks=disks, **options)  # type: ignore[arg-type]


def block(disk: MemoryDevice, lbn: int) -> bytes:
    return contents(disk)[lbn * BLOCK_BYTES : (lbn + 1) * BLOCK_BYTES]


def test_members_of_a_set_that_was_not_dismounted_are_merged_and_none_is_copied() -> None:
    stage = torn()
    vu = stage.mount()
    assert [member.state for member in vu.members] == [MemberState.SOURCE] * 3
    assert stage.idents() == ["MOUNTED", "SHDWMEMERGE", "SHDWMEMERGE", "SHDWMEMERGE"]
    stage.wait_for_copies(vu)
    stage.assert_members_identical(vu)
    assert stage.alpha.shadow.server.copies == []
    (merge,) = stage.alpha.shadow.server.merges
    assert (merge.repairs, merge.read_repairs) == (1, 0)


def test_the_master_member_is_right_where_members_differ() -> None:
    stage = torn()
    vu = stage.mount()
    stage.wait_for_copies(vu)
    assert [block(disk, LBN) for disk in stage.disks] == [NEW] * 3


def test_a_read_ahead_of_the_fence_makes_members_equal_before_it_is_answered() -> None:
    stage = torn(latency_us=(1000, 1000))
    vu = stage.mount()
    assert vu.merge is not None
    assert vu.merge.fence_lbn < LBN
    for _ in range(4):  # whichever member would have been read
        assert stage.read_now(vu, LBN, BLOCK_BYTES) == (NORMAL, NEW)
    assert [block(disk, LBN) for disk in stage.disks] == [NEW] * 3
    assert vu.merge.read_repairs == 1
    assert vu.merge.fence_lbn < LBN


def test_another_node_reads_ahead_of_the_fence_too() -> None:
    stage = torn(latency_us=(1000, 1000), vax=True)
    vu = stage.mount()
    stage.mount([], node=stage.vax)
    assert stage.vax is not None
    assert vu.merge is not None
    status, data = stage.read_now(stage.vax.shadow.units["DSA1:"], LBN, BLOCK_BYTES, stage.vax)
    assert (status, data) == (NORMAL, NEW)
    assert [block(disk, LBN) for disk in stage.disks] == [NEW] * 3


def test_writes_and_reads_go_on_while_members_are_merged() -> None:
    stage = torn((300, 900, 1500), latency_us=(50, 2000))
    vu = stage.mount()
    application = stage.application(vu)
    stage.run_application(application, 200)
    assert application.faults == []
    stage.wait_for_copies(vu)
    stage.assert_members_identical(vu)
    for disk in stage.names:
        stage.assert_holds(disk, application.written)


def test_no_bitmap_is_made_while_members_may_differ() -> None:
    stage = torn(latency_us=(1000, 1000))
    stage.mount()
    assert stage.refusal(lambda: stage.dismount("$1$DUA11:", Policy.MINICOPY)) == ["CANNOTDMT", "WBMFAIL"]
    stage.idents()
    stage.dismount("$1$DUA11:", Policy.OPTIONAL)
    assert stage.idents() == ["WBMNOTSTARTED"]


def test_mount_makes_no_bitmap_for_a_set_that_needs_a_merge() -> None:
    stage = torn()
    assert stage.refusal(lambda: stage.mount(stage.names[:2], Policy.MINICOPY)) == ["REQ_WBM_MERGE"]
    vu = stage.mount(stage.names[:2], Policy.OPTIONAL)
    assert stage.idents() == ["OPT_WBM_MERGE", "MOUNTED", "SHDWMEMERGE", "SHDWMEMERGE"]
    assert vu.state.bitmaps == ()


def test_a_set_dismounted_before_its_merge_is_done_is_merged_when_it_is_mounted_again() -> None:
    stage = torn(latency_us=(1000, 1000))
    stage.mount()
    stage.dismount("DSA1:")
    assert block(stage.disks[1], LBN) == OLD
    vu = stage.mount()
    assert vu.state.merging
    stage.wait_for_copies(vu)
    stage.assert_members_identical(vu)
    stage.dismount("DSA1:")
    assert not stage.mount().state.merging


def test_a_copy_comes_before_the_merge() -> None:
    stage = torn(latency_us=(1000, 1000))
    vu = stage.mount(stage.names[:2])
    stage.mount([stage.names[2]])
    server = stage.alpha.shadow.server
    stage.wait_for_copies(vu)
    assert [copy.target.device for copy in server.copies] == [stage.names[2]]
    assert server.copies[0].ended_ns is not None
    (merge,) = server.merges
    assert merge.ended_ns is not None
    assert merge.ended_ns > server.copies[0].ended_ns
    stage.assert_members_identical(vu)


def test_a_block_that_one_member_cannot_read_is_mended_by_the_merge() -> None:
    stage = torn(rules=[[], [BadBlocks([1200])], []])
    vu = stage.mount()
    stage.wait_for_copies(vu)
    # The medium goes on refusing the block, so the member that cannot be mended is put out.
    assert [member.device for member in vu.members] == [stage.names[0], stage.names[2]]


@pytest.mark.parametrize("leaving", ["alpha", "vax"])
def test_the_other_node_goes_on_when_the_merging_one_dismounts(leaving: str) -> None:
    stage = torn(latency_us=(500, 500), vax=True)
    assert stage.vax is not None
    merging, other = (stage.alpha, stage.vax) if leaving == "alpha" else (stage.vax, stage.alpha)
    stage.mount(node=merging)
    vu = stage.mount([], node=other)
    thread = merging.shadow.units["DSA1:"].merge
    assert thread is not None
    assert stage.world.settle(lambda: thread.fence_lbn > 0)
    stage.dismount("DSA1:", node=merging)
    assert vu.state.merging
    assert vu.state.merge_fence_lbn == thread.fence_lbn  # where it goes on
    assert thread.fence_lbn < LBN
    stage.wait_for_copies(vu)
    assert vu.state.merge_fence_lbn == 0
    stage.assert_members_identical(vu)
    assert [block(disk, LBN) for disk in stage.disks] == [NEW] * 3
    assert len(other.shadow.server.merges) == 1


def test_control_blocks_tell_of_a_merge_while_it_goes_on_and_no_longer() -> None:
    stage = torn(latency_us=(1000, 1000))
    vu = stage.mount()

    def statuses() -> list[int]:
        return [
            StorageControlBlock.unpack(block(disk, vu.state.scb_lbn)).shadow_status for disk in stage.disks
        ]

    assert statuses() == [SHADOW_STATUS.NORMAL | SHADOW_STATUS.MERGING] * 3
    stage.wait_for_copies(vu)
    assert statuses() == [SHADOW_STATUS.NORMAL] * 3


def ask_ahead(stage: Stage) -> list[int | None | NodeLost]:
    """Have the VAX ask for a range by a state that the merging node has not adopted yet.

    Returns the answers to come.
    """
    assert stage.vax is not None
    answers: list[int | None | NodeLost] = []
    version = stage.alpha.shadow.units["DSA1:"].state.version + 1
    stage.vax.cluster.request("ALPHA1", MergeRange("DSA1:", LBN, LBN + 1, version), answers.append)
    stage.world.clock.run_for(1_000_000)
    return answers


def test_who_asks_by_a_newer_state_waits_until_it_is_adopted_here_too() -> None:
    stage = torn(latency_us=(1000, 1000), vax=True)
    vu = stage.mount()
    stage.mount([], node=stage.vax)
    assert stage.vax is not None
    stage.world.run(stage.vax, stage.vax.cluster.ask("ALPHA1", Stall("DSA1:")))
    answers = ask_ahead(stage)
    assert answers == []
    newer = replace(vu.state, version=vu.state.version + 1)
    stage.world.run(stage.vax, stage.vax.cluster.ask("ALPHA1", Adopt(newer, "VAX1")))
    assert stage.world.settle(lambda: bool(answers))
    assert isinstance(answers[0], int)
    assert block(stage.disks[1], LBN) == NEW


def test_who_asks_by_a_newer_state_is_refused_when_another_change_begins() -> None:
    stage = torn(latency_us=(1000, 1000), vax=True)
    vu = stage.mount()
    stage.mount([], node=stage.vax)
    answers = ask_ahead(stage)
    vu.stall()  # a recovery does so, when the author of the state was lost
    assert stage.world.settle(lambda: bool(answers))
    assert answers == [None]


def test_who_asks_for_a_range_where_nothing_is_copied_gets_nothing() -> None:
    stage = Stage(vax=True)
    vu = stage.ready()
    stage.mount([], node=stage.vax)
    assert stage.vax is not None
    for kind in (LockRange, MergeRange):
        question = kind("DSA1:", LBN, LBN + 1, vu.state.version)
        assert stage.world.run(stage.vax, stage.vax.cluster.ask("ALPHA1", question)) is None
