"""A task that fails, and the others: auto contingent allegiance (NACA, CLEAR ACA), error recovery by QERR."""

import pytest

from emu.core.block import Function
from emu.media.faulty import FaultyDevice, Hold
from emu.media.memory import MemoryDevice
from emu.wire.codes.scsi import Attribute, Response, TaskManagement
from tests.unit.scsi_initiator import ABORTED, ACA_ACTIVE, BUSY, CHECK_CONDITION, GOOD, HeldSenseTask, Stage

READ = "28 00 00000000 00 0001 00"
WRITE_ORDERED = "2a 00 00000005 00 0001 00"
BEYOND, BEYOND_NACA = "28 00 00100000 00 0001 00", "28 00 00100000 00 0001 04"
READY, READY_NACA = "00 00 00 00 00 00", "00 00 00 00 00 04"
SENSE = "03 00 00 00 12 00"
ACA = Attribute.ACA
LUN_RESET = 5


def held_stage(**changes):
    hold = Hold()
    stage = Stage(medium=FaultyDevice(MemoryDevice(1000), [hold]), **changes)
    return stage, hold


def failed(**changes):
    """A stage whose initiator has an ACA condition."""
    stage = Stage(**changes)
    assert stage.refused(BEYOND_NACA) == "05/21/00"
    return stage


def clear(stage, nexus=None):
    return stage.target.manage(TaskManagement.CLEAR_ACA, nexus or stage.nexus, 0)


# -- ACA


def test_a_disk_says_that_it_knows_aca():
    stage = Stage()
    assert stage.good("12 00 00 00 24 00")[3] == 0x22
    assert stage.good("a3 0d 00 00 00 00 00 00 00 04 00 00")[0] & 0x20


def test_a_command_that_is_cut_off_has_no_naca():
    stage = Stage()
    stage.initiator("other")
    nexus = stage.initiator("new")
    stage.target.manage(5, nexus, 0)
    assert stage.refused("28", nexus=nexus) == "06/29/03"
    assert stage.ask(READ, nexus=nexus).status == GOOD


def test_an_error_without_naca_stops_nobody():
    stage = Stage()
    assert stage.refused(BEYOND) == "05/21/00"
    stage.good(READY)


def test_after_an_error_with_naca_only_tasks_of_attribute_aca_are_taken():
    stage = failed()
    assert stage.ask(READY).status == ACA_ACTIVE
    assert stage.ask(READY, attribute=Attribute.HEAD_OF_QUEUE).status == ACA_ACTIVE
    assert stage.ask(READY, attribute=ACA).status == GOOD
    assert stage.good(READ, attribute=ACA) == bytes(512)


def test_one_aca_task_at_a_time():
    stage, hold = held_stage()
    assert stage.refused(BEYOND_NACA) == "05/21/00"
    first = stage.start(READ, attribute=ACA)
    assert stage.start(READ, attribute=ACA).status == ACA_ACTIVE
    hold.release(first)
    assert first.status == GOOD


def test_others_are_busy_or_are_told_of_the_condition():
    stage = Stage()
    other = stage.initiator("other")
    assert stage.refused(BEYOND_NACA) == "05/21/00"
    assert stage.ask(READY, nexus=other).status == BUSY
    assert stage.ask(READY_NACA, nexus=other).status == ACA_ACTIVE
    assert stage.ask(READY, nexus=other, attribute=ACA).status == BUSY


def test_clear_aca_lets_the_initiator_go_on_and_everybody_else():
    stage = Stage()
    other = stage.initiator("other")
    assert stage.refused(BEYOND_NACA) == "05/21/00"
    assert clear(stage, other) is Response.COMPLETE  # it has none: nothing happens
    assert stage.ask(READY).status == ACA_ACTIVE
    assert clear(stage) is Response.COMPLETE
    stage.good(READY)
    stage.good(READY, nexus=other)


def test_clear_aca_ends_what_was_sent_to_recover():
    stage, _ = held_stage()
    assert stage.refused(BEYOND_NACA) == "05/21/00"
    task = stage.start(READ, attribute=ACA)
    clear(stage)
    assert task.was_aborted


def test_what_had_not_started_waits_for_the_end_of_the_condition():
    stage, hold = held_stage()
    first = stage.start(READ)
    ordered = stage.start(BEYOND_NACA, attribute=Attribute.ORDERED)
    last = stage.start(READ)
    hold.release(first)
    assert ordered.status == CHECK_CONDITION
    assert not hold.held
    assert last.ends == 0
    clear(stage)
    assert hold.held == [last]
    hold.release(last)
    assert last.status == GOOD


def test_a_recovery_that_fails_without_naca_ends_the_condition():
    stage = failed()
    assert stage.refused(BEYOND, attribute=ACA) == "05/21/00"
    stage.good(READY)


def test_a_recovery_that_fails_with_naca_begins_another_one():
    stage = failed()
    assert stage.refused(BEYOND_NACA, attribute=ACA) == "05/21/00"
    assert stage.ask(READY).status == ACA_ACTIVE
    assert stage.ask(READY, attribute=ACA).status == GOOD


@pytest.mark.parametrize("function", [LUN_RESET, 6, 7])
def test_a_reset_ends_the_condition(function):
    stage = failed()
    stage.target.manage(function, stage.nexus, 0)
    assert stage.refused(READY)[:5] == "06/29"
    stage.good(READY)


def test_a_nexus_that_is_lost_takes_its_condition_along():
    stage = Stage()
    other = stage.initiator("other")
    assert stage.refused(BEYOND_NACA) == "05/21/00"
    stage.target.disconnect(stage.nexus)
    stage.good(READY, nexus=other)


def test_preempt_and_abort_by_another_ends_the_condition():
    stage = Stage()
    other = stage.initiator("other")
    for nexus, key in ((stage.nexus, "11" * 8), (other, "22" * 8)):
        stage.good("5f 00 00 00 00 00 00 00 18 00", bytes.fromhex("00" * 8 + key + "00" * 8), nexus=nexus)
    assert stage.refused(BEYOND_NACA) == "05/21/00"
    preempt = bytes.fromhex("22" * 8 + "11" * 8 + "00" * 8)
    assert stage.ask("5f 04 01 00 00 00 00 00 18 00", preempt, nexus=other).status == BUSY
    stage.good("5f 05 01 00 00 00 00 00 18 00", preempt, nexus=other)
    stage.good(READY, nexus=other)
    assert stage.refused(READY) == "06/2a/05"
    stage.good(READY)


def test_sense_held_for_request_sense_is_fetched_by_an_aca_task():
    stage = Stage(task_type=HeldSenseTask)
    assert stage.ask(BEYOND_NACA).status == CHECK_CONDITION
    assert stage.ask(SENSE).status == ACA_ACTIVE
    assert stage.good(SENSE, attribute=ACA)[2] == 5


# -- QERR


def set_qerr(stage, value, nexus=None):
    page = f"0a0a00{value << 1:02x}0000 0000ffff0000"
    stage.good("15 10 00 00 10 00", bytes.fromhex("00000000" + page), nexus=nexus)


def three(stage, other):
    """A task under way for each of two initiators, and one more that fails."""
    mine, theirs = stage.start(READ), stage.start(READ, nexus=other)
    guilty = stage.start(BEYOND)
    assert guilty.status == CHECK_CONDITION
    return mine, theirs


def test_qerr_0_lets_the_others_go_on():
    stage, _ = held_stage()
    mine, theirs = three(stage, stage.initiator("other"))
    assert (mine.ends, theirs.ends) == (0, 0)


def test_qerr_1_aborts_every_task_and_tells_the_other_initiators():
    stage, hold = held_stage()
    other = stage.initiator("other")
    set_qerr(stage, 1)
    assert stage.refused(READY, nexus=other) == "06/2a/01"
    mine, theirs = three(stage, other)
    assert (mine.was_aborted, theirs.was_aborted) == (True, True)
    assert stage.refused(READY, nexus=other) == "06/2f/00"
    stage.good(READY)
    hold.release()


def test_qerr_3_aborts_the_tasks_of_the_initiator_alone():
    stage, hold = held_stage()
    other = stage.initiator("other")
    set_qerr(stage, 3)
    assert stage.refused(READY, nexus=other) == "06/2a/01"
    mine, theirs = three(stage, other)
    assert (mine.was_aborted, theirs.ends) == (True, 0)
    hold.release()
    assert theirs.status == GOOD


def test_with_tas_the_tasks_of_others_end_with_a_status():
    stage, _ = held_stage()
    other = stage.initiator("other")
    stage.good("15 10 00 00 10 00", bytes.fromhex("00000000 0a0a00020040 0000ffff0000"))
    assert stage.refused(READY, nexus=other) == "06/2a/01"
    mine, theirs = three(stage, other)
    assert (mine.was_aborted, theirs.status) == (True, ABORTED)
    stage.good(READY, nexus=other)


def test_the_reserved_qerr_is_refused_with_a_pointer_at_it():
    task = Stage().ask("15 10 00 00 10 00", bytes.fromhex("00000000 0a0a00040000 0000ffff0000"))
    assert (task.why, task.sense[15:18].hex()) == ("05/26/00", "8a0007")


def test_an_aborted_write_moves_nothing_more():
    stage, hold = held_stage()
    set_qerr(stage, 1)
    write = stage.start(WRITE_ORDERED, None, attribute=Attribute.ORDERED)
    assert write.wanted is not None
    assert stage.start(BEYOND, attribute=Attribute.HEAD_OF_QUEUE).status == CHECK_CONDITION
    write.deliver(b"\x55" * 512)
    assert write.was_aborted
    assert not any(request.function == Function.WRITE for request in hold.held)
