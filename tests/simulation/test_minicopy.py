"""A member leaves with a write bitmap, is backed up while the application goes on, and returns by minicopy."""

import pytest

from drivers.message import Failure
from drivers.shadow.mount import MountRequest
from drivers.shadow.state import MemberState
from drivers.shadow.utility import Policy
from drivers.shadow.volume import write_blocks
from emu.core.block import BLOCK_BYTES, BlockRequest, Function
from emu.core.clock import SECOND_NS
from emu.core.trace import BlocksMoved, Event
from emu.media.faulty import Hold
from tests.simulation.stage import LABEL, NORMAL, SET, Stage, contents

LEAVING = "$1$DUA11:"
BLOCK = b"\x5a" * BLOCK_BYTES


def hold_data() -> Hold:
    """Keep what changes data, but not the structure of the volume."""
    return Hold(lambda request: request.function in (Function.WRITE, Function.COPY) and request.lbn > 34)


@pytest.mark.parametrize("firmware", ["hbvs-shadow", "kdm70"])
@pytest.mark.parametrize("seed", range(4))
def test_a_member_is_backed_up_and_returns_while_the_application_goes_on(firmware: str, seed: int) -> None:
    stage = Stage(seed=seed, firmware=firmware, latency_us=(50, 5_000))
    vu = stage.ready()
    application = stage.application(vu, depth=6)
    application.start()
    stage.world.settle(lambda: application.writes >= 100)
    stage.dismount(LEAVING, Policy.MINICOPY)
    backup_of = application.departures[LEAVING].written
    stage.world.settle(lambda: application.writes >= 200)
    backup = contents(stage.disk(LEAVING))
    (bitmap,) = stage.alpha.shadow.bitmaps.values()

    moved: list[BlocksMoved] = []

    def hear(event: Event) -> None:
        if isinstance(event, BlocksMoved) and event.function == "COPY":
            moved.append(event)

    bits_at_return = bitmap.set_count
    writes_at_return = application.blocks_written
    stage.world.tracer.subscribe(hear)
    stage.mount([LEAVING], Policy.MINICOPY)
    assert stage.idents()[-1] == "SHDWMEMMCPY"
    bits_meanwhile = application.blocks_written - writes_at_return  # at most one a block
    stage.wait_for_copies(vu)
    copy = stage.alpha.shadow.server.copies[-1]
    application.stop()
    stage.finish(application)

    assert application.faults == []
    assert backup_of
    assert all(
        backup[lbn * 512 : lbn * 512 + 8] == number.to_bytes(8, "little") for lbn, number in backup_of.items()
    )
    stage.assert_members_identical(vu)
    stage.assert_holds(LEAVING, application.written)
    assert copy.blocks_copied <= 127 * (bits_at_return + bits_meanwhile)
    assert copy.by_command == (firmware == "hbvs-shadow")
    assert sum(event.byte_count for event in moved) <= copy.blocks_copied * BLOCK_BYTES
    assert stage.alpha.shadow.bitmaps == {}


def test_a_minicopy_writes_only_set_ranges_and_the_control_block_on_the_target() -> None:
    stage = Stage()
    vu = stage.ready()
    stage.dismount(LEAVING, Policy.MINICOPY)
    for lbn in (300, 5_000, 5_130, 19_999):
        assert stage.write_now(vu, lbn, BLOCK) == NORMAL
    moved: list[BlocksMoved] = []
    stage.world.tracer.subscribe(lambda e: moved.append(e) if isinstance(e, BlocksMoved) else None)
    stage.mount([LEAVING], Policy.MINICOPY)
    stage.wait_for_copies(vu)
    touched = {(e.function, e.lbn, e.byte_count // 512) for e in moved if e.unit == 11}
    # bits 2, 39, 40 (one run) and 157, whose last block is the disk's last
    assert {e for e in touched if e[0] == "COPY"} == {
        ("COPY", 254, 127),
        ("COPY", 4953, 254),
        ("COPY", 19939, 61),
    }
    assert {e for e in touched if e[0] == "WRITE"} == {("WRITE", 29, 1)}
    assert {e for e in touched if e[0] == "READ"} == {
        ("READ", lbn, 1) for lbn in (1, 7, 29)
    }  # home block, header of BITMAP.SYS, control block


def test_a_bit_is_set_before_the_data_goes_out() -> None:
    seen: list[bool] = []

    class Watch:
        def on_request(self, request: BlockRequest) -> None:
            if request.function == Function.WRITE and request.lbn > 34:  # behind BITMAP.SYS
                (bitmap,) = stage.alpha.shadow.bitmaps.values()
                seen.append(all(bitmap.is_set(lbn) for lbn in (request.lbn, request.lbn + 1)))

    stage = Stage(rules=[[Watch()], [], [Watch()]])
    vu = stage.ready()
    stage.dismount(LEAVING, Policy.MINICOPY)
    for lbn in (126, 1_000, 18_000):
        stage.write_now(vu, lbn, 2 * BLOCK)
    assert seen == [True] * 6


def test_a_write_is_complete_only_when_all_members_have_it() -> None:
    hold = Hold(lambda request: request.function == Function.WRITE)
    hold.holding = False
    stage = Stage(rules=[[], [], [hold]])
    vu = stage.ready()
    hold.holding = True
    irp = stage.write(vu, 500, BLOCK)
    stage.world.clock.run_for(1_000_000)
    assert contents(stage.disks[0])[500 * 512 : 501 * 512] == BLOCK
    assert not irp.finished.is_set
    hold.release()
    assert stage.world.settle(lambda: irp.finished.is_set)
    assert irp.status == NORMAL


@pytest.mark.parametrize("firmware", ["hbvs-shadow", "kdm70"])
def test_a_write_to_the_range_being_copied_waits_and_is_not_undone(firmware: str) -> None:
    hold = hold_data()
    hold.holding = False
    stage = Stage(rules=[[], [hold]], firmware=firmware)
    vu = stage.ready()
    stage.dismount(LEAVING, Policy.MINICOPY)
    stage.write_now(vu, 1_270, BLOCK)
    hold.holding = True
    stage.mount([LEAVING], Policy.MINICOPY)
    stage.world.settle(lambda: bool(hold.held))  # the old data of bit 10 is on its way to the target
    inside = stage.write(vu, 1_300, b"\x77" * BLOCK_BYTES)
    before, outside = vu.operations, stage.write(vu, 9_000, BLOCK)
    stage.world.clock.run_for(1_000_000)
    assert not inside.finished.is_set
    assert contents(stage.disks[0])[1_300 * 512 : 1_301 * 512] == bytes(512)
    assert contents(stage.disks[0])[9_000 * 512 : 9_001 * 512] == BLOCK
    hold.holding = False
    hold.release()
    assert stage.world.settle(lambda: inside.finished.is_set and outside.finished.is_set)
    stage.wait_for_copies(vu)
    assert vu.operations == before + 2
    assert contents(stage.disks[0])[1_300 * 512 : 1_301 * 512] == b"\x77" * BLOCK_BYTES
    stage.assert_members_identical(vu)


def test_a_target_gets_a_write_only_after_the_full_members_have_it() -> None:
    on_source, on_target = hold_data(), hold_data()
    on_source.holding = on_target.holding = False
    stage = Stage(rules=[[on_source], [], [on_target]])
    vu = stage.ready()
    stage.dismount("$1$DUA12:", Policy.MINICOPY)
    stage.write_now(vu, 1_000, BLOCK)
    on_target.holding = True  # the copy stands at its first range
    stage.mount(["$1$DUA12:"], Policy.MINICOPY)
    stage.world.settle(lambda: bool(on_target.held))
    on_source.holding = True
    irp = stage.write(vu, 9_000, BLOCK)
    stage.world.clock.run_for(1_000_000)
    assert [request.lbn for request in on_source.held] == [9_000]
    assert [request.lbn for request in on_target.held] == [889]
    on_source.holding = False
    on_source.release()
    stage.world.clock.run_for(1_000_000)
    assert [request.lbn for request in on_target.held] == [889, 9_000]
    assert not irp.finished.is_set
    on_target.holding = False
    on_target.release()
    stage.wait_for_copies(vu)
    assert irp.status == NORMAL
    stage.assert_members_identical(vu)


@pytest.mark.parametrize("seed", range(6))
def test_a_hot_spot_under_the_copy_leaves_equal_members(seed: int) -> None:
    stage = Stage(seed=seed, latency_us=(10, 20_000), block_count=3_000)
    vu = stage.ready()
    stage.dismount(LEAVING, Policy.MINICOPY)
    application = stage.application(vu, depth=12, block_limit=8, read_share=0.1, region=(900, 1_500))
    application.start()
    stage.world.settle(lambda: application.writes >= 60)
    stage.mount([LEAVING])
    stage.wait_for_copies(vu)
    application.stop()
    stage.finish(application)
    assert application.faults == []
    assert stage.alpha.shadow.server.copies[-1].ranges_copied
    stage.assert_members_identical(vu)


def test_a_disk_that_changed_while_it_was_away_is_copied_whole() -> None:
    stage = Stage()
    vu = stage.ready()
    stage.dismount(LEAVING, Policy.MINICOPY)
    utilities = stage.alpha.utilities
    mount = utilities.mount_disk(LEAVING, "PAYROLL", write=True, override=True, say=stage.said.append)
    stage.world.run(stage.alpha, mount)
    unit = stage.alpha.disk(LEAVING)
    stage.write_now(unit, 7_000, BLOCK)  # type: ignore[arg-type]
    stage.world.run(stage.alpha, utilities.dismount_disk(LEAVING))
    stage.idents()
    assert stage.refusal(lambda: stage.mount([LEAVING], Policy.MINICOPY)) == ["REQ_WBM_FAIL"]
    stage.mount([LEAVING], Policy.OPTIONAL)
    assert stage.idents() == ["SHDWNOMCPY", "SHDWMEMCOPY"]
    stage.wait_for_copies(vu)
    assert stage.alpha.shadow.server.copies[-1].blocks_copied == 20_000
    stage.assert_members_identical(vu)


def test_only_the_generation_it_left_with_finds_the_bitmap() -> None:
    """The same disk with the same mount time, but a control block from before another change of the set."""
    stage = Stage()
    vu = stage.ready()
    old = contents(stage.disk(LEAVING))[29 * 512 : 30 * 512]  # the first block of BITMAP.SYS
    stage.dismount("$1$DUA12:")  # a change: the leaving disk now holds a newer generation
    stage.dismount(LEAVING, Policy.MINICOPY)
    stage.write_now(vu, 7_000, BLOCK)
    unit = stage.alpha.disk(LEAVING)
    stage.world.run(stage.alpha, unit.online())
    stage.world.run(stage.alpha, write_blocks(stage.alpha.platform, unit, 29, old))  # a restored old image
    stage.mount([LEAVING])
    assert stage.idents()[-1] == "SHDWMEMCOPY"
    stage.wait_for_copies(vu)
    stage.assert_members_identical(vu)


def test_a_bitmap_serves_once() -> None:
    stage = Stage()
    vu = stage.ready()
    stage.dismount(LEAVING, Policy.MINICOPY)
    stage.mount([LEAVING], Policy.MINICOPY)
    stage.wait_for_copies(vu)
    stage.dismount(LEAVING)
    assert stage.refusal(lambda: stage.mount([LEAVING], Policy.MINICOPY)) == ["REQ_WBM_FAIL"]


def test_two_members_leave_with_a_bitmap_each_and_return_one_after_the_other() -> None:
    stage = Stage()
    vu = stage.ready()
    stage.dismount("$1$DUA11:", Policy.MINICOPY)
    stage.write_now(vu, 1_000, BLOCK)
    stage.dismount("$1$DUA12:", Policy.MINICOPY)
    stage.write_now(vu, 2_000, BLOCK)
    first, second = stage.alpha.shadow.bitmaps.values()
    assert (first.record.identifier, second.record.identifier) == (0x00010001, 0x00010002)
    assert (first.set_count, second.set_count) == (2, 1)
    for name in ("$1$DUA12:", "$1$DUA11:"):
        stage.mount([name], Policy.MINICOPY)
        stage.wait_for_copies(vu)
    assert [copy.blocks_copied for copy in stage.alpha.shadow.server.copies] == [127, 254]
    stage.assert_members_identical(vu)


def test_writes_after_the_return_set_no_bit_of_the_bitmap_in_use_but_of_others() -> None:
    hold = hold_data()
    hold.holding = False
    stage = Stage(rules=[[], [hold]])
    vu = stage.ready()
    stage.dismount("$1$DUA11:", Policy.MINICOPY)
    stage.dismount("$1$DUA12:", Policy.MINICOPY)
    stage.write_now(vu, 1_000, BLOCK)
    hold.holding = True
    stage.mount(["$1$DUA11:"], Policy.MINICOPY)
    in_use, other = stage.alpha.shadow.bitmaps.values()
    stage.write(vu, 9_000, BLOCK)
    stage.world.clock.run_for(1_000_000)
    assert (in_use.is_set(9_000), other.is_set(9_000)) == (False, True)
    hold.holding = False
    hold.release()
    stage.wait_for_copies(vu)


def test_no_memory_for_a_bitmap_keeps_the_member_unless_it_is_optional() -> None:
    stage = Stage(members=2, block_count=600_000)  # a bitmap of 592 bytes
    vu = stage.ready()
    pool = stage.alpha.platform.pool
    enough_for_a_control_block = pool.allocate(576)
    while pool.free_bytes:
        pool.allocate(max(size for _, size in pool._free))
    pool.free(enough_for_a_control_block)
    assert stage.refusal(lambda: stage.dismount(LEAVING, Policy.MINICOPY)) == ["CANNOTDMT", "WBMFAIL"]
    assert vu.state.member(LEAVING) is not None
    stage.dismount(LEAVING, Policy.OPTIONAL)
    assert stage.idents() == ["MOUNTED", "SHDWMEMSUCC", "SHDWMEMSUCC", "WBMNOTSTARTED"]
    assert vu.state.member(LEAVING) is None


def test_a_set_has_six_bitmaps_at_most() -> None:
    stage = Stage(members=9, block_count=2_000)
    stage.initialize(stage.names[:2])
    vu = stage.mount(stage.names[:2])
    for leaving, coming in zip(stage.names[1:7], stage.names[2:8], strict=True):
        stage.dismount(leaving, Policy.MINICOPY)
        stage.mount([coming])
        stage.wait_for_copies(vu)
    assert len(vu.state.bitmaps) == 6
    assert stage.refusal(lambda: stage.dismount(stage.names[7], Policy.MINICOPY)) == ["CANNOTDMT", "WBMFAIL"]
    assert len(vu.state.bitmaps) == 6
    stage.idents()
    stage.dismount(stage.names[7], Policy.OPTIONAL)
    assert stage.idents() == ["WBMNOTSTARTED"]


def test_the_only_full_member_cannot_leave() -> None:
    stage = Stage(members=2)
    stage.ready()
    stage.dismount("$1$DUA10:")
    assert stage.refusal(lambda: stage.dismount("$1$DUA11:", Policy.MINICOPY)) == ["CANNOTDMT", "SRCMEM"]


def test_a_copy_target_leaves_without_a_bitmap() -> None:
    hold = hold_data()
    hold.holding = False
    stage = Stage(rules=[[], [hold]])
    vu = stage.ready()
    stage.dismount(LEAVING)
    stage.write_now(vu, 1_000, BLOCK)
    hold.holding = True
    stage.mount([LEAVING])
    stage.world.settle(lambda: bool(hold.held))
    hold.holding = False
    hold.release()
    assert stage.refusal(lambda: stage.dismount(LEAVING, Policy.MINICOPY)) == ["CANNOTDMT", "WBMFAIL"]
    stage.dismount(LEAVING, Policy.OPTIONAL)
    assert vu.state.member(LEAVING) is None
    assert vu.state.copier == ""
    assert stage.write_now(vu, 1_000, BLOCK) == NORMAL


def test_a_bitmap_can_be_made_when_a_set_is_mounted_minus_one_member() -> None:
    stage = Stage()
    stage.ready()
    stage.dismount(SET)
    vu = stage.mount(stage.names[:2], Policy.MINICOPY)
    stage.write_now(vu, 4_000, BLOCK)
    stage.mount([stage.names[2]], Policy.MINICOPY)
    stage.wait_for_copies(vu)
    assert stage.alpha.shadow.server.copies[-1].blocks_copied == 127
    stage.assert_members_identical(vu)


def test_unused_bitmaps_go_when_the_unit_is_mounted_again() -> None:
    stage = Stage()
    stage.ready()
    stage.dismount(LEAVING, Policy.MINICOPY)
    free = stage.alpha.platform.pool.free_bytes
    stage.dismount(SET)
    assert list(stage.alpha.shadow.bitmaps) == [0x00010001]
    vu = stage.mount(["$1$DUA10:", "$1$DUA12:"])
    assert stage.alpha.shadow.bitmaps == {}
    assert stage.alpha.platform.pool.free_bytes > free
    assert [member.state for member in vu.members] == [MemberState.SOURCE] * 2


def test_a_deleted_bitmap_records_nothing_and_serves_nobody() -> None:
    stage = Stage()
    vu = stage.ready()
    stage.dismount(LEAVING, Policy.MINICOPY)
    stage.world.run(stage.alpha, stage.alpha.utilities.delete_bitmap(0x00010001))
    assert stage.alpha.shadow.bitmaps == {}
    assert stage.write_now(vu, 4_000, BLOCK) == NORMAL
    stage.mount([LEAVING])
    assert stage.idents()[-1] == "SHDWMEMCOPY"


def test_a_member_leaves_when_there_is_memory_for_its_control_block_again() -> None:
    stage = Stage()
    vu = stage.ready()
    pool = stage.alpha.platform.pool
    taken = [pool.allocate(size) for _, size in list(pool._free)]
    ended: list[object] = []
    leaving = stage.alpha.utilities.dismount_member(LEAVING, Policy.NOMINICOPY, stage.said.append)
    stage.alpha.run("dismount", leaving, ended.append)
    stage.world.clock.run_for(SECOND_NS)
    assert not ended
    for address in taken:
        pool.free(address)
    stage.world.clock.run_for(SECOND_NS)
    assert ended == [None]
    assert [member.device for member in vu.members] == ["$1$DUA10:", "$1$DUA12:"]
    assert stage.write_now(vu, 100, BLOCK) == NORMAL


def test_a_bitmap_that_a_mount_is_about_to_use_is_not_deleted() -> None:
    stage = Stage()
    vu = stage.ready()
    stage.dismount("$1$DUA11:", Policy.MINICOPY)
    (bitmap,) = vu.state.bitmaps
    ended: list[object] = []
    node, utilities = stage.alpha, stage.alpha.utilities
    request = MountRequest(SET, ["$1$DUA11:"], LABEL, Policy.MINICOPY)
    node.run("mount", utilities.mount(request, node.cluster.nodes, stage.said.append), ended.append)
    stage.world.clock.run_until(lambda: vu.changing)
    node.run("delete", utilities.delete_bitmap(bitmap.identifier), ended.append)
    assert stage.world.settle(lambda: len(ended) == 2)
    refusal = next(end for end in ended if isinstance(end, Failure))
    assert [message.ident for message in refusal.messages] == ["BITMAPINUSE"]
    stage.wait_for_copies(vu)
    stage.assert_members_identical(vu)
