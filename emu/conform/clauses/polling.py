"""Polling: a read of IP has the controller take what is in the command ring."""

from emu.conform.clause import clause, expect
from emu.conform.host import Host


@clause("1.11")
def a_poll_has_a_command_taken_and_answered(host: Host) -> None:
    host.initialise()
    expect("endcode", host.ask(0x04, parameters=bytes(20)).endcode, 0x84)


@clause("1.11")
def one_poll_is_enough_for_many_commands(host: Host) -> None:
    """The controller takes all it finds until a descriptor is not its own."""
    host.start()
    crns = [host.put_command(0x03) for _ in range(6)]
    host.poll()
    for crn in crns:
        host.answer(crn)


@clause("1.11")
def a_poll_of_an_empty_ring_does_nothing(host: Host) -> None:
    host.start()
    taken = len(host.received)
    host.poll()
    host.idle()
    host.take_all()
    expect("messages", len(host.received), taken)
    expect("bit 15 of SA", host.read_sa() & 0x8000, 0)


@clause("1.11")
def polling_goes_on_after_an_empty_ring(host: Host) -> None:
    host.start()
    host.poll()
    host.poll()
    expect("endcode", host.ask(0x03).endcode, 0x83)


@clause("1.11")
def commands_are_taken_in_the_order_of_the_ring(host: Host) -> None:
    """Seen at immediate commands, which are answered as they come."""
    host.start()
    crns = [host.put_command(0x03) for _ in range(5)]
    host.poll()
    host.end_of(crns[-1], 10)
    expect("order of end messages", [message.crn for message in host.received][-5:], crns)
