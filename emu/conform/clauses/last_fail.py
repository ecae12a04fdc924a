"""The last-fail datagram: what the controller died of, told after the next GO."""

from emu.conform.clause import clause, expect, expect_that
from emu.conform.host import Host, Message


def _die(host: Host) -> None:
    host.start()
    host.put(host.command(0x03), connection=0x37)
    host.poll()
    host.await_fatal()


def _last_fail(host: Host) -> Message:
    _die(host)
    host.initialise(go=0x0003)
    return host.await_message(1.0)


@clause("1.14")
def it_comes_after_go_when_asked_for(host: Host) -> None:
    message = _last_fail(host)
    expect("message type", message.type, 1)


@clause("1.14")
def it_comes_over_the_maintenance_connection(host: Host) -> None:
    expect("connection", _last_fail(host).connection, 0xFF)


@clause("1.14")
def it_is_24_bytes_long(host: Host) -> None:
    expect("length", _last_fail(host).length, 24)


@clause("1.14")
def it_carries_no_credits(host: Host) -> None:
    expect("credits", _last_fail(host).credits, 0)


@clause("1.14")
def it_is_a_controller_error_log_of_no_command(host: Host) -> None:
    message = _last_fail(host)
    expect("reference number", message.crn, 0)
    expect("unit", message.unit, 0)
    expect("format", message.u8(8), 0)
    expect("event code", message.u16(10), 0x000A)


@clause("1.14")
def its_sequence_number_is_zero_and_reset(host: Host) -> None:
    message = _last_fail(host)
    expect("sequence number", message.u16(6), 0)
    expect("log flags", message.u8(9), 0x01)


@clause("1.14")
def it_names_the_controller(host: Host) -> None:
    message = _last_fail(host)
    expect("model", message.u8(18), host.facts.model)
    expect("class", message.u8(19), 1)
    end = host.ask(0x04, parameters=bytes(20))
    expect("controller identifier", message.u64(12), end.u64(20))
    expect("versions", message.u16(20), end.u16(18))


@clause("1.14")
def it_tells_the_fatal_code(host: Host) -> None:
    expect("fatal code", _last_fail(host).u16(22), 14)


@clause("1.14")
def it_is_sent_once(host: Host) -> None:
    _last_fail(host)
    host.initialise(go=0x0003)
    host.idle()
    host.take_all()
    expect("messages", len(host.received), 0)


@clause("1.14")
def it_is_not_sent_without_lf(host: Host) -> None:
    _die(host)
    host.initialise(go=0x0001)
    host.idle()
    host.take_all()
    expect("messages", len(host.received), 0)


@clause("1.14")
def it_is_not_sent_when_nothing_has_failed(host: Host) -> None:
    """Whatever an earlier life left is asked for first."""
    host.initialise(go=0x0003)
    host.idle()
    host.initialise(go=0x0003)
    host.idle()
    host.take_all()
    expect("messages", len(host.received), 0)


@clause("1.14", open_question="SIMH forgets it at the next GO, asked for or not")
def it_is_kept_over_an_initialisation_that_does_not_ask_for_it(host: Host) -> None:
    _die(host)
    host.initialise(go=0x0001)
    host.initialise(go=0x0003)
    expect("fatal code", host.await_message(1.0).u16(22), 14)


@clause("1.14")
def it_comes_before_any_end_message(host: Host) -> None:
    _die(host)
    host.initialise(go=0x0003)
    host.ask(0x04, parameters=bytes(20))
    expect_that(host.received[0].is_datagram, "the last-fail datagram is the first message")
