"""ABORT."""

from emu.conform.clause import clause, expect, expect_that
from emu.conform.host import DATA, Host
from emu.conform.numbers import longwords, pattern
from emu.conform.target import Need


def _held_read(host: Host, lbn: int = 0) -> int:
    return host.send(0x21, parameters=host.extent(lbn, 512))


def _started(host: Host) -> None:
    host.start_online()
    host.operator.hold(host.facts.scratch)


def _abort(host: Host, crn: int, unit: int | None = None) -> int:
    return host.send(0x01, unit, parameters=longwords(crn))


@clause("3.1")
def it_succeeds_when_there_is_no_such_command(host: Host) -> None:
    host.start()
    expect("status", host.ask(0x01, parameters=longwords(0x00ABCDEF)).status, 0)


@clause("3.1")
def it_succeeds_when_there_is_no_such_unit(host: Host) -> None:
    host.start()
    expect("status", host.ask(0x01, host.facts.absent, parameters=longwords(1)).status, 0)


@clause("3.1")
def its_end_message_has_16_bytes(host: Host) -> None:
    host.start()
    expect("length", host.ask(0x01, parameters=longwords(1)).length, 16)


@clause("3.1")
def it_gives_back_the_outstanding_reference_number(host: Host) -> None:
    host.start()
    expect("at offset 12", host.ask(0x01, parameters=longwords(0x00ABCDEF)).u32(12), 0x00ABCDEF)


@clause("3.1", Need.HOLDING)
def an_active_command_ends_with_0002(host: Host) -> None:
    _started(host)
    read = _held_read(host)
    _abort(host, read)
    end = host.answer(read)
    expect("status", end.status, 0x0002)
    expect("endcode", end.endcode, 0xA1)


@clause("3.1", Need.HOLDING)
def a_queued_command_ends_with_0002(host: Host) -> None:
    """An ONLINE behind a READ waits for it: it is sequential."""
    _started(host)
    _held_read(host)
    online = host.send(0x09, parameters=bytes(24))
    _abort(host, online)
    end = host.answer(online)
    expect("status", end.status, 0x0002)
    expect("endcode", end.endcode, 0x89)


@clause("3.1", Need.HOLDING)
def the_end_of_the_aborted_command_comes_before_the_end_of_abort(host: Host) -> None:
    _started(host)
    read = _held_read(host)
    abort = _abort(host, read)
    host.answer(abort)
    order = [message.crn for message in host.received]
    expect_that(read in order, "the aborted command has ended when ABORT ends")
    expect_that(order.index(read) < order.index(abort), "the aborted command ends before ABORT")


@clause("3.1", Need.HOLDING)
def an_aborted_transfer_that_has_moved_nothing_has_byte_count_zero(host: Host) -> None:
    _started(host)
    read = _held_read(host)
    _abort(host, read)
    expect("byte count", host.answer(read).byte_count, 0)


@clause("3.1", Need.HOLDING)
def an_aborted_read_touches_host_memory_no_more(host: Host) -> None:
    _started(host)
    host.write(DATA, b"\xee" * 512)
    read = _held_read(host)
    _abort(host, read)
    host.answer(read)
    host.operator.release(host.facts.scratch)
    host.idle()
    expect("the buffer", host.read(DATA, 512), b"\xee" * 512)


@clause("3.1", Need.HOLDING, changes_data=True)
def an_aborted_write_writes_no_more(host: Host) -> None:
    host.start_online()
    host.write_disk(4, pattern(1))
    host.operator.hold(host.facts.scratch)
    host.write(DATA, pattern(2))
    write = host.send(0x22, parameters=host.extent(4, 512))
    _abort(host, write)
    host.answer(write)
    host.operator.release(host.facts.scratch)
    host.idle()
    expect("the block", host.read_disk(4), pattern(1))


@clause("3.1", Need.HOLDING)
def other_commands_are_left_alone(host: Host) -> None:
    _started(host)
    reads = [_held_read(host, lbn) for lbn in range(3)]
    _abort(host, reads[1])
    expect("status of the aborted one", host.answer(reads[1]).status, 0x0002)
    host.operator.release(host.facts.scratch)
    for read in (reads[0], reads[2]):
        expect("status of another", host.answer(read).status, 0)


@clause("3.1", Need.HOLDING, Need.OTHER_UNIT)
def it_looks_at_the_unit_that_it_names(host: Host) -> None:
    _started(host)
    read = _held_read(host)
    host.answer(_abort(host, read, host.facts.other))
    host.operator.release(host.facts.scratch)
    expect("status of READ", host.answer(read).status, 0)


@clause("3.1", Need.HOLDING)
def the_unit_goes_on_after_it(host: Host) -> None:
    """What waited behind the aborted command starts."""
    _started(host)
    read = _held_read(host)
    online = host.send(0x09, parameters=bytes(24))
    _abort(host, read)
    host.answer(read)
    expect("status of ONLINE", host.answer(online).status, 0x0100)


@clause("3.1", Need.HOLDING)
def it_does_not_wait_behind_the_queue(host: Host) -> None:
    _started(host)
    for lbn in range(4):
        _held_read(host, lbn)
    expect("status", host.answer(_abort(host, 0x00ABCDEF)).status, 0)


@clause("3.1", Need.HOLDING)
def an_aborted_command_gives_back_its_credit(host: Host) -> None:
    _started(host)
    for _ in range(40):
        read = _held_read(host)
        _abort(host, read)
        host.answer(read)
    expect("bit 15 of SA", host.read_sa() & 0x8000, 0)
