"""GET COMMAND STATUS."""

from emu.conform.clause import clause, expect, expect_that
from emu.conform.host import Host
from emu.conform.numbers import longwords
from emu.conform.target import Need


@clause("3.2")
def its_end_message_has_20_bytes(host: Host) -> None:
    host.start()
    expect("length", host.ask(0x02, parameters=longwords(1)).length, 20)


@clause("3.2")
def it_succeeds_when_there_is_no_such_command(host: Host) -> None:
    host.start()
    end = host.ask(0x02, parameters=longwords(0x00ABCDEF))
    expect("status", end.status, 0)
    expect("command status", end.u32(16), 0)


@clause("3.2")
def it_succeeds_when_there_is_no_such_unit(host: Host) -> None:
    host.start()
    end = host.ask(0x02, host.facts.absent, parameters=longwords(1))
    expect("status", end.status, 0)
    expect("command status", end.u32(16), 0)


@clause("3.2")
def it_gives_back_the_outstanding_reference_number(host: Host) -> None:
    host.start()
    expect("at offset 12", host.ask(0x02, parameters=longwords(0x00ABCDEF)).u32(12), 0x00ABCDEF)


@clause("2.9", Need.HOLDING)
def an_active_transfer_has_work_left(host: Host) -> None:
    host.start_online()
    host.operator.hold(host.facts.scratch)
    read = host.send(0x21, parameters=host.extent(0, 8192))
    expect_that(
        host.ask(0x02, parameters=longwords(read)).u32(16) > 0, "an active transfer has a command status"
    )
    host.operator.release(host.facts.scratch)


@clause("2.9", Need.HOLDING)
def it_is_answered_while_the_unit_is_busy(host: Host) -> None:
    host.start_online()
    host.operator.hold(host.facts.scratch)
    read = host.send(0x21, parameters=host.extent(0, 512))
    host.send(0x09, parameters=bytes(24))
    expect("status", host.ask(0x02, parameters=longwords(read)).status, 0)


@clause("2.9", Need.HOLDING, open_question="RQDX3 and SIMH report 0 for a command that waits")
def a_command_further_back_has_a_greater_value(host: Host) -> None:
    """So that it shrinks as the queue does."""
    host.start_online()
    host.operator.hold(host.facts.scratch)
    first = host.send(0x21, parameters=host.extent(0, 512))
    second = host.send(0x09, parameters=bytes(24))
    third = host.send(0x21, parameters=host.extent(0, 512))
    values = [host.ask(0x02, parameters=longwords(crn)).u32(16) for crn in (first, second, third)]
    expect_that(values[0] < values[2], f"the third command's status is above the first's, they are {values}")
    expect_that(values[1] > 0, "a command that waits has work left")


@clause("2.9", Need.HOLDING, open_question="RQDX3 and SIMH report 0 for a command that waits")
def the_value_of_a_waiting_command_shrinks_when_one_before_it_ends(host: Host) -> None:
    host.start_online()
    host.operator.hold(host.facts.scratch)
    first = host.send(0x21, parameters=host.extent(0, 512))
    host.send(0x21, parameters=host.extent(8, 512))
    waiting = host.send(0x09, parameters=bytes(24))
    before = host.ask(0x02, parameters=longwords(waiting)).u32(16)
    host.send(0x01, parameters=longwords(first))
    host.answer(first)
    after = host.ask(0x02, parameters=longwords(waiting)).u32(16)
    expect_that(after < before, f"the command status has shrunk, it was {before:X} and is {after:X}")


@clause("3.2")
def a_command_that_has_ended_is_not_found(host: Host) -> None:
    host.start_online()
    read = host.send(0x21, parameters=host.extent(0, 512))
    host.answer(read)
    expect("command status", host.ask(0x02, parameters=longwords(read)).u32(16), 0)
