"""Interrupts of the rings: at transitions only, and as the host has asked."""

from emu.conform.clause import clause, expect
from emu.conform.host import FLAG, RING_BASE, VECTOR, Host
from emu.conform.numbers import number
from emu.conform.target import Need


def _words(host: Host) -> tuple[int, int]:
    """The interrupt words of command and response ring."""
    data = host.read(RING_BASE - 4, 4)
    return number(data, 0, 2), number(data, 2, 2)


@clause("1.7")
def a_response_into_an_empty_ring_sets_the_response_word(host: Host) -> None:
    host.initialise()
    host.ask(0x04, parameters=bytes(20))
    expect("response interrupt word", _words(host)[1], 1)


@clause("1.7")
def a_command_from_a_ring_that_was_not_full_leaves_the_command_word(host: Host) -> None:
    host.initialise()
    host.ask(0x04, parameters=bytes(20))
    expect("command interrupt word", _words(host)[0], 0)


@clause("1.7")
def a_full_command_ring_that_is_no_longer_full_sets_the_command_word(host: Host) -> None:
    host.initialise(commands=1)
    host.ask(0x04, parameters=bytes(20))
    host.write(RING_BASE - 4, bytes(4))
    for _ in range(2):
        host.put(host.command(0x03))
    host.poll()
    host.idle()
    expect("command interrupt word", _words(host)[0], 1)


@clause("1.7")
def a_command_ring_of_one_always_makes_its_transition(host: Host) -> None:
    host.initialise(commands=0)
    host.ask(0x04, parameters=bytes(20))
    expect("command interrupt word", _words(host)[0], 1)


@clause("1.7")
def a_response_ring_of_one_always_makes_its_transition(host: Host) -> None:
    host.initialise(responses=0)
    for _ in range(2):
        host.write(RING_BASE - 4, bytes(4))
        host.ask(0x04, parameters=bytes(20))
        expect("response interrupt word", _words(host)[1], 1)


@clause("1.7")
def a_full_command_ring_without_flag_leaves_the_command_word(host: Host) -> None:
    host.initialise(commands=1)
    host.ask(0x04, parameters=bytes(20))
    host.write(RING_BASE - 4, bytes(4))
    for _ in range(2):
        host.put(host.command(0x03), flags=0)
    host.poll()
    host.idle()
    expect("command interrupt word", _words(host)[0], 0)


@clause("1.7")
def the_response_word_is_set_without_a_vector_too(host: Host) -> None:
    host.initialise(vector=0)
    host.ask(0x04, parameters=bytes(20))
    expect("response interrupt word", _words(host)[1], 1)


@clause("1.7", Need.INTERRUPTS)
def a_response_into_an_empty_ring_interrupts(host: Host) -> None:
    host.initialise()
    host.interrupts()
    host.ask(0x04, parameters=bytes(20))
    host.idle(0.001)
    expect("interrupts", list(host.interrupts()), [VECTOR])


@clause("1.7", Need.INTERRUPTS)
def a_vector_of_zero_means_no_interrupt(host: Host) -> None:
    host.initialise(vector=0)
    host.interrupts()
    host.ask(0x04, parameters=bytes(20))
    host.idle()
    expect("interrupts", list(host.interrupts()), [])


@clause("1.7", Need.INTERRUPTS)
def a_response_behind_an_unread_one_does_not_interrupt(host: Host) -> None:
    """The descriptor before it is the host's: the ring was not empty."""
    host.initialise()
    host.ask(0x04, parameters=bytes(20))
    host.idle(0.001)
    host.arming = False
    first, second = host.command(0x03), host.command(0x03)
    host.put(first)
    host.poll()
    host.idle()
    host.interrupts()
    host.write(RING_BASE - 4, bytes(4))
    host.put(second)
    host.poll()
    host.idle()
    expect("interrupts", list(host.interrupts()), [])
    expect("response interrupt word", _words(host)[1], 0)


@clause("1.7", Need.INTERRUPTS)
def slots_without_flag_do_not_interrupt(host: Host) -> None:
    host.initialise(flags=0)
    host.interrupts()
    host.ask(0x04, parameters=bytes(20), flags=0)
    host.idle()
    expect("interrupts", list(host.interrupts()), [])


@clause("1.7", Need.INTERRUPTS)
def the_step_1_enable_bit_does_not_affect_ring_interrupts(host: Host) -> None:
    """The host's initialisation leaves it clear, and rings interrupt all the same."""
    host.initialise()
    host.interrupts()
    host.ask(0x04, parameters=bytes(20))
    host.idle(0.001)
    expect("number of interrupts", len(host.interrupts()), 1)


@clause("1.7", Need.INTERRUPTS)
def a_full_command_ring_interrupts_when_it_is_no_longer_full(host: Host) -> None:
    """Responses do not ask for any here."""
    host.initialise(commands=1, flags=0)
    host.ask(0x04, parameters=bytes(20))
    for index in range(host.responses):
        host.arm(index, flags=0)
    host.interrupts()
    for _ in range(2):
        host.put(host.command(0x03), flags=FLAG)
    host.poll()
    host.idle()
    expect("interrupts", list(host.interrupts()), [VECTOR])


@clause("1.7", Need.INTERRUPTS)
def the_interrupt_comes_after_the_response_is_in_the_ring(host: Host) -> None:
    host.initialise()
    host.interrupts()
    host.put(host.command(0x04, parameters=bytes(20)))
    host.poll()
    host.target.wait(lambda: bool(host.interrupts()), 1.0)
    expect("OWN of the response descriptor", host.descriptor(0) >> 31, 0)
