"""Fatal errors: what kills a port, the code in SA, and what a dead port does."""

from emu.conform.clause import clause, expect, expect_that, require
from emu.conform.host import DATA, FLAG, IP, OWN, PAGE_TABLE, RING_BASE, VECTOR, Host
from emu.conform.numbers import longwords, number, words
from emu.conform.target import Need


def _kill(host: Host) -> None:
    """Die of a connection that nobody answers at."""
    host.start()
    host.put(host.command(0x03), connection=0x37)
    host.poll()
    expect("fatal code", host.await_fatal(), 14)


@clause("1.13")
def an_unknown_connection_is_fatal_14(host: Host) -> None:
    _kill(host)


@clause("1.13")
def the_tape_connection_of_a_disk_controller_is_fatal_14(host: Host) -> None:
    host.start()
    host.put(host.command(0x03), connection=1)
    host.poll()
    expect("fatal code", host.await_fatal(), 14)


@clause("1.13")
def a_command_that_is_no_sequential_message_is_fatal_20(host: Host) -> None:
    host.start()
    host.put(host.command(0x03), kind=1)
    host.poll()
    expect("fatal code", host.await_fatal(), 20)


@clause("1.13", Need.NONEXISTENT_MEMORY)
def a_command_that_cannot_be_read_is_fatal_1(host: Host) -> None:
    host.start()
    host.put(host.command(0x03), address=(host.facts.nonexistent or 0) + 0x100)
    host.poll()
    expect("fatal code", host.await_fatal(), 1)


@clause("1.13", Need.NONEXISTENT_MEMORY)
def a_response_that_cannot_be_written_is_fatal_2(host: Host) -> None:
    host.initialise(arm=False)
    host.give(0, (host.facts.nonexistent or 0) + 0x104)
    host.put(host.command(0x04, parameters=bytes(20)))
    host.poll()
    expect("fatal code", host.await_fatal(), 2)


@clause("1.13", Need.BAD_MEMORY)
def a_command_ring_that_cannot_be_read_is_fatal_6(host: Host) -> None:
    host.start()
    host.operator.spoil_memory(host.ring_base + 4 * (host.responses + 1))
    host.poll()
    expect("fatal code", host.await_fatal(), 6)


@clause("1.13", Need.BAD_MEMORY)
def a_response_ring_that_cannot_be_read_is_fatal_6(host: Host) -> None:
    host.start()
    host.operator.spoil_memory(host.ring_base + 4)
    host.put(host.command(0x03))
    host.poll()
    expect("fatal code", host.await_fatal(), 6)


@clause("1.13", Need.BAD_MEMORY)
def an_interrupt_word_that_cannot_be_written_is_fatal_7(host: Host) -> None:
    host.start()
    host.operator.spoil_memory(host.ring_base - 2)
    host.put(host.command(0x03))
    host.poll()
    expect("fatal code", host.await_fatal(), 7)


@clause("1.15", Need.NONEXISTENT_MEMORY)
def a_page_table_that_cannot_be_read_is_fatal_22(host: Host) -> None:
    host.start_online()
    require(host.steps[0] & 0x0040, "mapped buffers (MP of step 1)")
    nowhere = (host.facts.nonexistent or 0) + 0x200
    host.send(0x21, parameters=host.extent(0, 512, 0x80000000, nowhere))
    expect("fatal code", host.await_fatal(), 22)


@clause("1.15")
def a_mapped_buffer_without_mapping_is_fatal_23(host: Host) -> None:
    host.start_online()
    require(not host.steps[0] & 0x0040, "a port without mapped buffers")
    host.send(0x21, parameters=host.extent(0, 512, 0x80000000, PAGE_TABLE))
    expect("fatal code", host.await_fatal(), 23)


@clause("1.13")
def a_fatal_error_sets_bit_15_and_no_step_bit(host: Host) -> None:
    _kill(host)
    expect("bits 15-11 of SA", host.read_sa() & 0xF800, 0x8000)


@clause("1.13")
def sa_keeps_the_code(host: Host) -> None:
    _kill(host)
    before = host.read_sa()
    host.write_sa(0)
    host.write_sa(0x8000)
    host.poll()
    host.idle()
    expect("SA", host.read_sa(), before)


@clause("1.13")
def a_dead_port_takes_no_command(host: Host) -> None:
    _kill(host)
    index = host.put(host.command(0x03))
    host.poll()
    host.idle()
    expect("OWN of the command descriptor", host.command_descriptor(index) >> 31, 1)


@clause("1.13", Need.HOLDING)
def outstanding_commands_of_a_dead_port_are_not_answered(host: Host) -> None:
    host.start_online()
    host.operator.hold(host.facts.scratch)
    crn = host.send(0x21, parameters=host.extent(0, 512))
    host.put(host.command(0x03), connection=0x37)
    host.poll()
    host.await_fatal()
    host.operator.release(host.facts.scratch)
    expect_that(host.end_of(crn) is None, "a dead port answers nothing")


@clause("1.13", Need.HOLDING)
def a_dead_port_does_not_touch_host_memory(host: Host) -> None:
    host.start_online()
    host.write(DATA, b"\xee" * 512)
    host.operator.hold(host.facts.scratch)
    host.send(0x21, parameters=host.extent(0, 512))
    host.put(host.command(0x03), connection=0x37)
    host.poll()
    host.await_fatal()
    host.operator.release(host.facts.scratch)
    host.idle()
    expect("the buffer", host.read(DATA, 512), b"\xee" * 512)


@clause("1.13")
def a_write_to_ip_revives_a_dead_port(host: Host) -> None:
    _kill(host)
    expect("endcode", host.start().endcode, 0x84)


@clause("2.5")
def units_of_a_dead_port_are_available_afterwards(host: Host) -> None:
    host.start_online()
    host.put(host.command(0x03), connection=0x37)
    host.poll()
    host.await_fatal()
    host.start()
    expect("status of GET UNIT STATUS", host.ask(0x03).status, 0x0004)


@clause("1.7", Need.INTERRUPTS)
def a_fatal_error_of_an_rqdx3_interrupts(host: Host) -> None:
    require(host.facts.model == 19, "an RQDX3: of the others it is not known")
    host.start()
    host.interrupts()
    host.put(host.command(0x03), connection=0x37, flags=0)
    host.poll()
    host.await_fatal()
    host.idle()
    expect("the last interrupt", [*host.interrupts()][-1:], [VECTOR])


@clause("1.2")
def a_step_1_word_without_bit_15_kills_a_uda50(host: Host) -> None:
    require(host.facts.model in (2, 6), "a UDA50")
    host.reset()
    host.write_sa(0x1B1B)
    host.await_fatal()
    expect("SA", host.read_sa(), 0x8C80)


@clause("1.13")
def a_port_that_has_died_often_still_works(host: Host) -> None:
    for _ in range(4):
        _kill(host)
    expect("endcode", host.start().endcode, 0x84)


@clause("1.6")
def a_descriptor_whose_halves_come_one_after_the_other_is_safe(host: Host) -> None:
    """The host writes the address first and OWN in a second store: what is half written is not taken."""
    host.start()
    place = host.place(host.responses + 1)
    text = host.command(0x03)
    host.write(place - 4, words(len(text), 0) + text)
    descriptor = RING_BASE + 4 * (host.responses + 1)
    host.write(descriptor, words(place & 0xFFFF))
    host.poll()
    host.idle()
    host.write(descriptor + 2, longwords(OWN | FLAG | place)[2:])
    host.target.read_register(IP)
    host.answer(number(text, 0, 4))
