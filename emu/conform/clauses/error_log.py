"""Error log messages: datagrams about what went wrong, to hosts that want them."""

from itertools import pairwise

from emu.conform.clause import clause, expect, expect_in, expect_that, require
from emu.conform.host import DATA, Host, Message
from emu.conform.target import Need

THIS, OTHER, MISC = 0x0010, 0x0020, 0x0040
RQDX = (7, 19)  # controllers that log small disk errors


def _nowhere(host: Host, flags: int = THIS) -> tuple[Message | None, Message]:
    """A READ into memory that is not there: its log, if one came, and its end message."""
    host.start(flags)
    host.online()
    end = host.transfer(0x21, 0, 1024, address=(host.facts.nonexistent or 0) - 512)
    return next(iter(host.logs()), None), end


def _bad_block(host: Host, flags: int = THIS, times: int | None = None) -> tuple[Message | None, Message]:
    """A READ over block 77, which is bad: its log, if one came, and its end message."""
    host.start(flags)
    host.online()
    host.operator.spoil(host.facts.scratch, 77, times)
    end = host.transfer(0x21, 76, 1024)
    return next(iter(host.logs()), None), end


def _there(log: Message | None) -> Message:
    if log is None:
        expect_that(False, "an error log message has come")
    assert log is not None, "expect_that has seen to it"
    return log


@clause("3.16", Need.NONEXISTENT_MEMORY)
def nonexistent_memory_is_logged_in_format_1(host: Host) -> None:
    log = _there(_nowhere(host)[0])
    expect("format", log.u8(8), 1)
    expect("length", log.length, 28)


@clause("2.10", Need.NONEXISTENT_MEMORY)
def logs_are_datagrams_of_the_disk_connection_without_credits(host: Host) -> None:
    log = _there(_nowhere(host)[0])
    expect("message type", log.type, 1)
    expect("connection", log.connection, 0)
    expect("credits", log.credits, 0)


@clause("2.10", Need.NONEXISTENT_MEMORY)
def a_log_names_the_command_and_the_unit(host: Host) -> None:
    log, end = _nowhere(host)
    expect("reference number", _there(log).crn, end.crn)
    expect("unit", _there(log).unit, host.facts.scratch)


@clause("2.10", Need.NONEXISTENT_MEMORY)
def the_event_code_is_the_status_of_the_command(host: Host) -> None:
    log, end = _nowhere(host)
    expect("event code", _there(log).u16(10), end.status)


@clause("2.10", Need.NONEXISTENT_MEMORY)
def a_log_names_the_controller(host: Host) -> None:
    log = _there(_nowhere(host)[0])
    characteristics = host.ask(0x04, parameters=bytes(20))
    expect("controller identifier", log.u64(12), characteristics.u64(20))
    expect("versions", log.u16(20), characteristics.u16(18))


@clause("2.10", Need.NONEXISTENT_MEMORY)
def format_1_tells_the_bus_address_that_failed(host: Host) -> None:
    log = _there(_nowhere(host)[0])
    expect("bus address", log.u32(24) & ~1, host.facts.nonexistent)


@clause("2.10", Need.NONEXISTENT_MEMORY)
def an_operation_that_failed_is_neither_successful_nor_continuing(host: Host) -> None:
    expect("log flags 80 and 40", _there(_nowhere(host)[0]).u8(9) & 0xC0, 0)


@clause("2.4", Need.NONEXISTENT_MEMORY)
def the_end_message_says_that_something_was_logged(host: Host) -> None:
    log, end = _nowhere(host)
    _there(log)
    expect("end flag ERLOG", end.flags & 0x20, 0x20)


@clause("2.10", Need.NONEXISTENT_MEMORY)
def the_log_comes_before_the_end_message(host: Host) -> None:
    log, end = _nowhere(host)
    order = [message.envelope + message.text for message in host.received]
    place = order.index(_there(log).envelope + _there(log).text)
    expect_that(place < order.index(end.envelope + end.text), "the log is in the ring before the end message")


@clause("2.1", Need.NONEXISTENT_MEMORY)
def the_end_message_has_the_sequence_number_of_the_log(host: Host) -> None:
    log, end = _nowhere(host)
    expect("sequence number", end.u16(6), _there(log).u16(6))


@clause("2.10", Need.NONEXISTENT_MEMORY)
def without_this_nothing_is_logged(host: Host) -> None:
    log, end = _nowhere(host, OTHER | MISC)
    expect_that(log is None, "no log is sent to a host that does not want those of its own commands")
    expect("status", end.status, 0x0069)


@clause("2.4", Need.NONEXISTENT_MEMORY)
def without_a_log_the_end_message_does_not_speak_of_one(host: Host) -> None:
    _, end = _nowhere(host, 0)
    expect("end flag ERLOG", end.flags & 0x20, 0)
    expect("sequence number", end.u16(6), 0)


@clause(
    "2.10", Need.NONEXISTENT_MEMORY, Need.WHOLE_MSCP, open_question="an RQDX3 always sends 0 with the flag"
)
def sequence_numbers_count(host: Host) -> None:
    _nowhere(host)
    for _ in range(3):
        host.transfer(0x21, 0, address=host.facts.nonexistent or 0)
    numbers = [log.u16(6) for log in host.logs()]
    expect(
        "steps between sequence numbers",
        [b - a for a, b in pairwise(numbers)],
        [1, 1, 1],
    )


@clause("2.10", Need.NONEXISTENT_MEMORY, Need.WHOLE_MSCP)
def the_first_log_says_that_the_number_was_reset(host: Host) -> None:
    expect("log flag 01", _there(_nowhere(host)[0]).u8(9) & 0x01, 0x01)


@clause("2.10", Need.NONEXISTENT_MEMORY)
def no_log_is_sent_for_a_refused_command(host: Host) -> None:
    host.start(THIS)
    host.online()
    end = host.transfer(0x21, 0, 511)
    expect("end flag ERLOG", end.flags & 0x20, 0)
    expect("number of logs", len(host.logs()), 0)


@clause("3.19", Need.BAD_BLOCKS)
def a_bad_block_is_logged(host: Host) -> None:
    log, end = _bad_block(host)
    expect_in("format", _there(log).u8(8), (4,) if host.facts.model in RQDX else (2, 3))
    expect("end flag ERLOG", end.flags & 0x20, 0x20)


@clause("2.10", Need.BAD_BLOCKS)
def a_disk_error_log_names_the_unit(host: Host) -> None:
    log = _there(_bad_block(host)[0])
    status = host.ask(0x03)
    expect("multi-unit code", log.u16(22), status.u16(12))
    expect("unit identifier", log.u64(24), status.u64(20))


@clause("2.10", Need.BAD_BLOCKS)
def a_disk_error_log_tells_the_volume_serial_number(host: Host) -> None:
    log = _there(_bad_block(host)[0])
    expect("volume serial number", log.u32(36), host.online().u32(40))


@clause("2.10", Need.BAD_BLOCKS)
def the_event_of_a_bad_block_is_a_data_or_drive_error(host: Host) -> None:
    log = _there(_bad_block(host)[0])
    expect_in("event code, low 5 bits", log.u16(10) & 0x1F, (0x08, 0x0B))


@clause("2.10", Need.BAD_BLOCKS)
def an_rqdx_logs_bad_blocks_in_format_4(host: Host) -> None:
    require(host.facts.model in RQDX, "an RQDX controller")
    log = _there(_bad_block(host)[0])
    expect("format", log.u8(8), 4)
    expect_in("length", log.length, (46, 48))


@clause("2.10", Need.BAD_BLOCKS)
def format_4_tells_the_place_on_the_disk(host: Host) -> None:
    require(host.facts.model in RQDX, "an RQDX controller")
    log = _there(_bad_block(host)[0])
    status = host.ask(0x03)
    track, surfaces = status.u16(36), status.u16(38) * status.u16(40)
    expect("cylinder", log.u16(34), 77 // track // surfaces)
    expect("sector", log.u8(43), 77 % track)
    expect("surface", log.u8(44), 77 // track % surfaces)


@clause("2.10", Need.BAD_BLOCKS)
def formats_2_and_3_tell_the_block_in_the_header_code(host: Host) -> None:
    """Bits 31-28: 0 for an LBN."""
    require(host.facts.model not in RQDX, "a controller for SDI drives")
    log = _there(_bad_block(host)[0])
    expect("header code", log.u32(40), 77)


@clause("2.10", Need.BAD_BLOCKS)
def an_error_that_was_recovered_is_logged_as_successful(host: Host) -> None:
    log, end = _bad_block(host, times=1)
    expect("status", end.status, 0)
    expect("log flags 80 and 40", _there(log).u8(9) & 0xC0, 0x80)
    expect("end flag ERLOG", end.flags & 0x20, 0x20)


@clause("2.10", Need.BAD_BLOCKS)
def a_log_fits_into_a_response_slot(host: Host) -> None:
    log = _there(_bad_block(host)[0])
    expect_that(log.length <= 60, f"the log has 60 bytes at most, it has {log.length}")


@clause("2.10", Need.SECOND_HOST, Need.NONEXISTENT_MEMORY)
def other_hosts_get_the_log_if_they_want_it(host: Host) -> None:
    other = host.second_host()
    other.start(OTHER)
    _nowhere(host)
    expect("number of logs at the other host", len(other.logs()), 1)
    expect("format", other.logs()[0].u8(8), 1)


@clause("2.10", Need.SECOND_HOST, Need.NONEXISTENT_MEMORY)
def other_hosts_get_no_log_that_they_do_not_want(host: Host) -> None:
    other = host.second_host()
    other.start(THIS | MISC)
    _nowhere(host)
    expect("number of logs at the other host", len(other.logs()), 0)


@clause("2.10", Need.SECOND_HOST, Need.WHOLE_MSCP)
def a_port_that_dies_is_logged_for_hosts_that_want_miscellaneous_logs(host: Host) -> None:
    other = host.second_host()
    other.start(MISC)
    host.start()
    host.put(host.command(0x03), connection=0x37)
    host.poll()
    host.await_fatal()
    other.idle()
    log = _there(next(iter(other.logs()), None))
    expect("format", log.u8(8), 0)
    expect("reference number", log.crn, 0)
    expect("event code, low 5 bits", log.u16(10) & 0x1F, 0x0A)


@clause("2.10", Need.NONEXISTENT_MEMORY)
def logs_that_find_no_slot_do_not_stop_the_port(host: Host) -> None:
    """They may be lost; end messages may not."""
    host.start(THIS, responses=1, commands=4)
    host.online()
    host.arming = False
    nowhere = host.extent(0, 512, host.facts.nonexistent or 0)
    host.idle()
    crns = [host.send(0x21, parameters=nowhere) for _ in range(8)]
    host.idle()
    expect("bit 15 of SA", host.read_sa() & 0x8000, 0)
    host.take_all()
    host.arming = True
    host.arm_all()
    for crn in crns:
        expect("status", host.answer(crn).status, 0x0069)


@clause("2.10", Need.BAD_MEMORY)
def bad_parity_is_logged_in_format_1_with_its_address(host: Host) -> None:
    host.start(THIS)
    host.online()
    host.operator.spoil_memory(DATA + 514)
    host.transfer(0x21, 0, 1024)
    log = _there(next(iter(host.logs()), None))
    expect("format", log.u8(8), 1)
    expect("event code", log.u16(10), 0x0089)
    expect("bus address", log.u32(24) & ~1, DATA + 514)
