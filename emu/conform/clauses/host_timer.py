"""The host access timer: a controller expects to hear from its host."""

from emu.conform.clause import clause, expect
from emu.conform.host import Host
from emu.conform.target import Need


@clause("1.12", Need.LONG_TIMES)
def it_is_60_seconds_after_go(host: Host) -> None:
    host.initialise()
    host.idle(55)
    expect("bit 15 of SA after 55 s", host.read_sa() & 0x8000, 0)
    expect("fatal code", host.await_fatal(10), 9)


@clause("1.12", Need.LONG_TIMES)
def a_timeout_of_zero_is_for_ever(host: Host) -> None:
    host.start(timeout=0)
    host.idle(600)
    expect("bit 15 of SA after 10 minutes", host.read_sa() & 0x8000, 0)


@clause("1.12", Need.LONG_TIMES)
def the_host_sets_it(host: Host) -> None:
    host.start(timeout=10)
    host.idle(9)
    expect("bit 15 of SA after 9 s", host.read_sa() & 0x8000, 0)
    expect("fatal code", host.await_fatal(10), 9)


@clause("1.12", Need.LONG_TIMES)
def a_command_starts_it_anew(host: Host) -> None:
    host.start(timeout=10)
    for _ in range(5):
        host.idle(8)
        host.ask(0x03)
    expect("bit 15 of SA after 40 s", host.read_sa() & 0x8000, 0)


@clause("1.12", Need.LONG_TIMES)
def a_poll_of_an_empty_ring_is_no_sign_of_life(host: Host) -> None:
    """It is the fetching of a command that stops the timer."""
    host.start(timeout=10)
    host.idle(8)
    host.poll()
    expect("fatal code", host.await_fatal(6), 9)


@clause("1.12", Need.LONG_TIMES, Need.HOLDING)
def it_does_not_run_while_a_command_is_outstanding(host: Host) -> None:
    host.start_online()
    host.ask(0x04, parameters=bytes(4) + b"\x0a\x00" + bytes(14))
    host.operator.hold(host.facts.scratch)
    crn = host.send(0x21, parameters=host.extent(0, 512))
    host.idle(60)
    expect("bit 15 of SA after a minute", host.read_sa() & 0x8000, 0)
    host.operator.release(host.facts.scratch)
    expect("status of READ", host.answer(crn).status, 0)


@clause("1.12", Need.LONG_TIMES)
def it_makes_online_units_available(host: Host) -> None:
    host.start_online()
    host.ask(0x04, parameters=bytes(4) + b"\x0a\x00" + bytes(14))
    host.await_fatal(30)
    host.start()
    expect("status of GET UNIT STATUS", host.ask(0x03).status, 0x0004)


@clause("1.12", Need.LONG_TIMES)
def it_is_told_by_last_fail(host: Host) -> None:
    host.start(timeout=10)
    host.await_fatal(30)
    host.initialise(go=0x0003)
    expect("fatal code in the datagram", host.await_message(1.0).u16(22), 9)


@clause("1.12", Need.LONG_TIMES)
def initialising_sets_it_to_60_seconds_again(host: Host) -> None:
    host.start(timeout=0)
    host.initialise()
    host.idle(55)
    expect("bit 15 of SA after 55 s", host.read_sa() & 0x8000, 0)
    expect("fatal code", host.await_fatal(10), 9)
