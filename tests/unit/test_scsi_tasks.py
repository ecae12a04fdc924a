"""Tasks and nexuses: attributes, aborts and resets, unit attentions, held sense."""

import pytest

from emu.core.block import Function
from emu.hw.scsi.profiles import PROFILES
from emu.media.faulty import FaultyDevice, Hold
from emu.media.memory import MemoryDevice
from emu.wire.codes.scsi import Attribute, Response, TaskManagement
from tests.unit.scsi_initiator import ABORTED, BUSY, CHECK_CONDITION, FULL, GOOD, HeldSenseTask, Stage

WRITE = "2a 00 00000000 00 0001 00"
READ = "28 00 00000000 00 0001 00"
READY = "00 00 00 00 00 00"
ONE, TWO = b"\x11" * 512, b"\x22" * 512
ABORT_TASK, ABORT_TASK_SET, CLEAR_TASK_SET, LUN_RESET, WARM, COLD = 1, 2, 4, 5, 6, 7


def held_stage(**changes):
    hold = Hold()
    stage = Stage(medium=FaultyDevice(MemoryDevice(1000), [hold]), **changes)
    return stage, hold


def test_simple_tasks_go_on_side_by_side():
    stage, hold = held_stage()
    first, second = stage.start(READ), stage.start(READ)
    assert len(hold.held) == 2
    hold.release(second)
    assert (first.ends, second.status) == (0, GOOD)


def test_an_ordered_task_waits_for_all_before_it_and_holds_all_behind_it():
    stage, hold = held_stage()
    first = stage.start(READ)
    ordered = stage.start(WRITE, ONE, attribute=Attribute.ORDERED)
    last = stage.start(READ)
    assert hold.held == [first]
    hold.release(first)
    assert hold.held == [ordered]
    hold.release(ordered)
    assert hold.held == [last]
    hold.release(last)
    assert [task.status for task in (first, ordered, last)] == [GOOD] * 3


def test_a_head_of_queue_task_starts_at_once_and_holds_what_comes_later():
    stage, hold = held_stage()
    first = stage.start(READ)
    ordered = stage.start(WRITE, ONE, attribute=Attribute.ORDERED)
    head = stage.start(READ, attribute=Attribute.HEAD_OF_QUEUE)
    assert hold.held == [first, head]
    hold.release(first)
    assert hold.held == [head]
    hold.release(head)
    assert hold.held == [ordered]


def test_nothing_comes_between_the_halves_of_compare_and_write():
    stage, hold = held_stage()
    swap = stage.start("89 00" + "00" * 8 + "000000 01 00 00", bytes(512) + ONE)
    write = stage.start(WRITE, TWO)
    assert hold.held == [swap]
    hold.release(swap)
    assert (hold.held, swap.function) == ([swap], Function.WRITE)
    hold.release(swap)
    assert swap.status == GOOD
    hold.release(write)
    assert write.status == GOOD


def test_two_tasks_of_one_tag_are_overlapped_and_both_end():
    stage, _ = held_stage()
    first, second = stage.start(READ, tag=9), stage.start(READ, tag=9)
    assert first.was_aborted
    assert second.why == "0b/4e/00"


def test_a_second_untagged_task_is_overlapped():
    stage, _ = held_stage(task_type=HeldSenseTask)
    first = stage.start(READ, attribute=Attribute.UNTAGGED)
    second = stage.start(READ, attribute=Attribute.UNTAGGED)
    assert first.was_aborted
    assert second.status == CHECK_CONDITION
    assert stage.good("03 00 00 00 12 00")[12:14] == b"\x4e\x00"


def test_where_every_task_has_a_tag_untagged_is_simple():
    stage, hold = held_stage()
    first = stage.start(READ, attribute=Attribute.UNTAGGED, tag=7)
    second = stage.start(READ, attribute=Attribute.UNTAGGED, tag=8)
    assert stage.target.manage(ABORT_TASK, stage.nexus, 0, 7) is Response.COMPLETE
    assert first.was_aborted
    hold.release(second)
    assert (second.status, second.tag) == (GOOD, 8)


def test_without_an_aca_condition_there_is_none_to_have_a_task_in():
    assert Stage().refused(READY, attribute=Attribute.ACA) == "05/49/00"


def test_a_full_task_set_says_so_and_busy_to_whom_has_no_task_in_it():
    stage, hold = held_stage(queue_depth=2)
    other = stage.initiator("other")
    stage.start(READ)
    stage.start(READ)
    assert stage.start(READ).status == FULL
    assert stage.start(READ, nexus=other).status == BUSY
    hold.release()
    assert stage.start(READ).status is None


def test_an_aborted_task_ends_unheard_and_moves_nothing():
    stage, hold = held_stage()
    task = stage.start(WRITE, ONE)
    assert stage.target.manage(ABORT_TASK, stage.nexus, 0, task.tag) is Response.COMPLETE
    assert task.was_aborted
    assert stage.target.manage(ABORT_TASK, stage.nexus, 0, task.tag) is Response.NO_TASK
    hold.holding = False
    hold.release()
    assert stage.good(READ) == bytes(512)


def test_data_that_comes_for_an_aborted_task_is_not_looked_at():
    stage = Stage()
    task = stage.start(WRITE, None)
    stage.target.manage(ABORT_TASK_SET, stage.nexus, 0)
    task.deliver(ONE)
    assert task.ends == 1
    assert stage.good(READ) == bytes(512)


def test_an_abort_lets_what_waited_for_the_task_go_on():
    stage, hold = held_stage()
    stage.start(READ)
    ordered = stage.start(WRITE, ONE, attribute=Attribute.ORDERED)
    last = stage.start(READ)
    stage.target.manage(ABORT_TASK, stage.nexus, 0, ordered.tag)
    assert len(hold.held) == 2
    assert not last.ends


def test_clear_task_set_ends_the_tasks_of_all_and_tells_the_others():
    stage, _ = held_stage()
    other = stage.initiator("other")
    mine, theirs = stage.start(READ), stage.start(READ, nexus=other)
    assert stage.target.manage(CLEAR_TASK_SET, stage.nexus, 0) is Response.COMPLETE
    assert (mine.was_aborted, theirs.was_aborted) == (True, True)
    assert stage.refused(READY, nexus=other) == "06/2f/00"
    stage.good(READY)


def test_with_tas_the_tasks_of_others_end_with_task_aborted():
    stage, _ = held_stage()
    other = stage.initiator("other")
    stage.good("15 10 00 00 10 00", bytes.fromhex("00000000 0a0a00000040 0000ffff0000"))
    assert stage.refused(READY, nexus=other) == "06/2a/01"
    theirs = stage.start(READ, nexus=other)
    stage.target.manage(CLEAR_TASK_SET, stage.nexus, 0)
    assert theirs.status == ABORTED
    stage.good(READY, nexus=other)


@pytest.mark.parametrize(
    ("function", "why"), [(LUN_RESET, "06/29/03"), (WARM, "06/29/03"), (COLD, "06/29/00")]
)
def test_a_reset_ends_everything_and_tells_everybody_once(function, why):
    stage, _ = held_stage()
    other = stage.initiator("other")
    task = stage.start(READ)
    stage.good("16 00 00 00 00 00", nexus=other)
    assert stage.target.manage(function, stage.nexus, 0) is Response.COMPLETE
    assert task.was_aborted
    for nexus in (stage.nexus, other):
        assert stage.refused(READY, nexus=nexus) == why
        stage.good(READY, nexus=nexus)


def test_a_reset_makes_saved_mode_pages_current():
    stage = Stage()
    stage.good("15 10 00 00 10 00", bytes.fromhex("00000000 0a0a00000800 0000ffff0000"))
    assert stage.refused(WRITE, ONE) == "07/27/02"
    stage.target.manage(LUN_RESET, stage.nexus, 0)
    assert stage.refused(READY) == "06/29/03"
    stage.good(WRITE, ONE)


def test_functions_for_what_is_not_there():
    stage = Stage()
    assert stage.target.manage(LUN_RESET, stage.nexus, 5) is Response.NO_LUN
    old = Stage(PROFILES["RZ28M"], block_count=1000)
    assert old.target.manage(TaskManagement.CLEAR_ACA, old.nexus, 0) is Response.NOT_SUPPORTED
    assert stage.target.manage(TaskManagement.TASK_REASSIGN, stage.nexus, 0) is Response.NOT_SUPPORTED
    assert stage.target.manage(99, stage.nexus, 0) is Response.NOT_SUPPORTED


def test_tasks_can_be_asked_for():
    stage, _ = held_stage()
    query = TaskManagement.QUERY_TASK
    task = stage.start(READ)
    assert stage.target.manage(query, stage.nexus, 0, task.tag) is Response.SUCCEEDED
    assert stage.target.manage(query, stage.nexus, 0, 999) is Response.COMPLETE
    assert stage.target.manage(TaskManagement.QUERY_TASK_SET, stage.nexus, 0) is Response.SUCCEEDED


def test_a_lost_nexus_takes_its_tasks_and_its_reserve_along():
    stage, _ = held_stage()
    other = stage.initiator("other")
    stage.good("16 00 00 00 00 00")
    task = stage.start(READ)
    stage.target.disconnect(stage.nexus)
    assert task.was_aborted
    stage.good("16 00 00 00 00 00", nexus=other)


def test_a_nexus_that_begins_again_has_lost_what_it_had():
    stage, _ = held_stage()
    task = stage.start(READ)
    stage.target.connect(stage.nexus)
    assert task.was_aborted
    assert stage.refused(READY) == "06/29/00"


def test_inquiry_report_luns_and_request_sense_pass_a_unit_attention():
    stage = Stage()
    stage.target.manage(LUN_RESET, stage.nexus, 0)
    stage.good("12 00 00 00 24 00")
    stage.good("a0 00 00 00 00 00 00 00 00 10 00 00")
    sense = stage.good("03 00 00 00 12 00")
    assert (sense[2], sense[12], sense[13]) == (0x06, 0x29, 0x03)
    stage.good(READY)
    assert stage.good("03 00 00 00 12 00").hex() == "70000000000000" + "0a" + "00" * 10
    assert stage.good("03 01 00 00 12 00").hex() == "72" + "00" * 7


def test_a_new_unit_is_told_until_the_luns_are_reported():
    stage = Stage()
    stage.target.attach(1, stage.make_unit("SN2", MemoryDevice(100)))
    assert stage.refused(READY) == "06/3f/0e"
    stage.target.attach(2, stage.make_unit("SN3", MemoryDevice(100)))
    luns = stage.good("a0 00 00 00 00 00 00 00 00 ff 00 00")
    assert luns.hex() == "0000001800000000" + "0000" + "00" * 6 + "0001" + "00" * 6 + "0002" + "00" * 6
    stage.good(READY)
    stage.target.detach(2)
    assert stage.refused(READY) == "06/3f/0e"


def test_sense_is_held_for_request_sense_where_the_transport_has_no_autosense():
    stage = Stage(PROFILES["RZ26"], task_type=HeldSenseTask, block_count=1000)
    task = stage.ask("28 00 00 00 03 e8 00 00 01 00")
    assert (task.status, task.sense) == (CHECK_CONDITION, b"")
    sense = stage.good("03 00 00 00 12 00")
    assert (sense[2], sense[12], sense[13]) == (0x05, 0x21, 0x00)
    assert stage.good("03 00 00 00 12 00")[2] == 0


def test_held_sense_is_lost_with_the_next_command():
    stage = Stage(PROFILES["RZ26"], task_type=HeldSenseTask, block_count=1000)
    stage.ask("28 00 00 00 03 e8 00 00 01 00")
    stage.good(READY)
    assert stage.good("03 00 00 00 12 00")[2] == 0


def test_while_sense_is_held_what_is_queued_stays_queued():
    hold = Hold()
    medium = FaultyDevice(MemoryDevice(1000), [hold])
    stage = Stage(PROFILES["RZ26"], medium, HeldSenseTask, block_count=1000)
    first = stage.start(READ)
    bad = stage.start("28 00 00 00 03 e8 00 00 01 00", attribute=Attribute.ORDERED)
    queued = stage.start(READ, attribute=Attribute.ORDERED)
    hold.release(first)
    assert bad.status == CHECK_CONDITION
    assert hold.held == []
    assert stage.start("03 00 00 00 12 00", attribute=Attribute.HEAD_OF_QUEUE).data_in[12] == 0x21
    assert hold.held == [queued]
