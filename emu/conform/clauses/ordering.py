"""Which commands wait for which."""

from emu.conform.clause import clause, expect, expect_that
from emu.conform.host import DATA, Host
from emu.conform.numbers import pattern
from emu.conform.target import Need


def _held(host: Host) -> int:
    """A READ that its drive keeps from going on."""
    host.start_online()
    host.operator.hold(host.facts.scratch)
    return host.send(0x21, parameters=host.extent(0, 512))


def _go_on(host: Host) -> None:
    host.operator.release(host.facts.scratch)


@clause("2.9", Need.HOLDING)
def online_waits_for_earlier_commands_of_its_unit(host: Host) -> None:
    _held(host)
    online = host.send(0x09, parameters=bytes(24))
    expect_that(host.end_of(online) is None, "ONLINE does not end before the READ in front of it")
    _go_on(host)
    expect("status", host.answer(online).status, 0x0100)


@clause("2.9", Need.HOLDING)
def a_transfer_waits_for_a_sequential_command_before_it(host: Host) -> None:
    """One of no bytes, for which the drive is not needed."""
    _held(host)
    host.send(0x09, parameters=bytes(24))
    late = host.send(0x21, parameters=host.extent(9, 0))
    expect_that(host.end_of(late) is None, "READ does not overtake the ONLINE in front of it")
    _go_on(host)
    expect("status", host.answer(late).status, 0)


@clause("2.9", Need.HOLDING, open_question="an RQDX3 answers DETERMINE ACCESS PATHS at once")
def determine_access_paths_waits_for_earlier_commands(host: Host) -> None:
    _held(host)
    late = host.send(0x0B)
    expect_that(host.end_of(late) is None, "it does not end before the READ in front of it")
    _go_on(host)
    host.answer(late)


@clause("2.9", Need.HOLDING, open_question="the class of FLUSH is not certain")
def flush_waits_for_earlier_commands(host: Host) -> None:
    _held(host)
    late = host.send(0x13, parameters=host.extent(0, 512))
    expect_that(host.end_of(late) is None, "it does not end before the READ in front of it")
    _go_on(host)
    expect("status", host.answer(late).status, 0)


@clause("2.9", Need.HOLDING, Need.OTHER_UNIT)
def another_units_commands_do_not_wait(host: Host) -> None:
    _held(host)
    expect("status of ONLINE", host.online(host.facts.other).status, 0)
    expect("status of READ", host.transfer(0x21, 0, unit=host.facts.other).status, 0)


@clause("2.9", Need.HOLDING)
def immediate_commands_of_a_busy_unit_do_not_wait(host: Host) -> None:
    _held(host)
    host.send(0x09, parameters=bytes(24))
    for opcode in (0x01, 0x02, 0x03, 0x04):
        expect(f"endcode of {opcode:02X}", host.ask(opcode, parameters=bytes(20)).endcode, opcode | 0x80)


@clause("2.9", Need.HOLDING)
def end_messages_come_as_commands_complete(host: Host) -> None:
    read = _held(host)
    status = host.send(0x03)
    host.answer(status)
    _go_on(host)
    host.answer(read)
    order = [message.crn for message in host.received]
    expect_that(order.index(status) < order.index(read), "the later command has ended first")


@clause("2.9", Need.HOLDING, changes_data=True)
def two_writes_around_a_sequential_command_are_done_in_order(host: Host) -> None:
    host.start_online()
    host.operator.hold(host.facts.scratch)
    host.write(DATA, pattern(1) + pattern(2))
    host.send(0x22, parameters=host.extent(20, 512, DATA))
    host.send(0x0A, parameters=bytes(24))
    last = host.send(0x22, parameters=host.extent(20, 512, DATA + 512))
    _go_on(host)
    expect("status", host.answer(last).status, 0)
    expect("the block", host.read_disk(20), pattern(2))


@clause("2.9", Need.HOLDING)
def sequential_commands_end_in_their_order(host: Host) -> None:
    _held(host)
    crns = [host.send(0x0A, parameters=bytes(24)) for _ in range(4)]
    _go_on(host)
    for crn in crns:
        host.answer(crn)
    order = [message.crn for message in host.received if message.crn in crns]
    expect("order", order, crns)


@clause("2.3", Need.HOLDING, Need.ELEVATOR)
def an_express_request_overtakes_others(host: Host) -> None:
    _held(host)
    late = [host.send(0x21, parameters=host.extent(lbn, 512)) for lbn in (20000, 15000, 10000)]
    express = host.send(0x21, modifiers=0x8000, parameters=host.extent(19000, 512))
    _go_on(host)
    for crn in (*late, express):
        host.answer(crn)
    order = [message.crn for message in host.received if message.crn in (*late, express)]
    expect("the first to end", order[0], express)


@clause("2.9", Need.HOLDING, Need.ELEVATOR, open_question="of the order no more is known than: by cylinder")
def transfers_are_sorted_by_cylinder(host: Host) -> None:
    _held(host)
    far, near, middle = [host.send(0x21, parameters=host.extent(lbn, 512)) for lbn in (20000, 5000, 12000)]
    _go_on(host)
    for crn in (far, near, middle):
        host.answer(crn)
    order = [message.crn for message in host.received if message.crn in (far, near, middle)]
    expect("order", order, [near, middle, far])
