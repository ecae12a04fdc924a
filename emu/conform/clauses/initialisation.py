"""The four steps of initialisation, and what the controller does to the communications area."""

from emu.conform.clause import clause, expect, expect_in, expect_that, require
from emu.conform.host import RING_BASE, Host
from emu.conform.target import Need


@clause("1.1")
def a_write_to_ip_leads_to_step_1(host: Host) -> None:
    expect("bits 15-11 of SA", host.reset() & 0xF800, 0x0800)


@clause("1.1")
def any_value_written_to_ip_initialises(host: Host) -> None:
    host.initialise()
    host.write_ip(0xFFFF)
    expect("bits 15-11 of SA", host.await_sa(0x8800) & 0xF800, 0x0800)


@clause("1.1", open_question="how soon step 1 may come is not known; SIMH shows it at once")
def sa_does_not_show_step_1_in_the_same_bus_cycle(host: Host) -> None:
    """The self test takes time, and SA reads 0 until it is over."""
    host.write_ip()
    expect("SA right after IP was written", host.read_sa(), 0)


@clause("1.1")
def ip_reads_as_zero(host: Host) -> None:
    host.reset()
    expect("IP", host.poll(), 0)
    host.initialise()
    expect("IP while running", host.poll(), 0)


@clause("1.2")
def reserved_bits_of_step_1_are_zero(host: Host) -> None:
    expect("bits 3-0 of SA", host.reset() & 0x000F, 0)


@clause("1.2")
def step_1_shows_22_bit_addressing_on_a_q_bus_only(host: Host) -> None:
    require(host.facts.bus_address_bits in (18, 22), "a UNIBUS or a Q-bus")
    expect("QB of step 1", host.reset() & 0x0200, 0x0200 if host.facts.bus_address_bits == 22 else 0)


@clause("1.2")
def step_2_shows_port_type_zero(host: Host) -> None:
    host.reset()
    expect("bits 15-8 of SA", host.step(0x8000, 0x1000) & 0xFF00, 0x1000)


@clause("1.2")
def step_2_echoes_the_upper_byte_of_the_step_1_word(host: Host) -> None:
    host.reset()
    expect("SA at step 2", host.step(0x9A1B, 0x1000), 0x109A)


@clause("1.2")
def step_2_of_the_boot_roms_is_1080(host: Host) -> None:
    host.reset()
    expect("SA at step 2", host.step(0x8000, 0x1000), 0x1080)


@clause("1.2")
def step_3_echoes_the_lower_byte_of_the_step_1_word(host: Host) -> None:
    host.reset()
    host.step(0x9B1B, 0x1000)
    expect("SA at step 3", host.step(RING_BASE, 0x2000), 0x201B)


@clause("1.2")
def step_3_echoes_the_interrupt_enable_bit(host: Host) -> None:
    host.reset()
    host.step(0x9B9B, 0x1000)
    expect("SA at step 3", host.step(RING_BASE, 0x2000), 0x209B)


@clause("1.2")
def step_4_shows_the_controller_model(host: Host) -> None:
    host.initialise()
    expect("model in step 4", (host.steps[3] & 0x07F0) >> 4, host.facts.model)


@clause("1.2")
def step_4_has_no_other_bits_set(host: Host) -> None:
    host.initialise()
    expect("bits 15-11 of SA at step 4", host.steps[3] & 0xF800, 0x4000)


@clause("1.2")
def a_step_1_word_without_bit_15_is_not_taken(host: Host) -> None:
    """An RQDX3 goes on showing step 1, a UDA50 dies of it; neither goes to step 2."""
    host.reset()
    host.write_sa(0x1B1B)
    host.idle()
    expect_that(not host.read_sa() & 0x7000, "a step-1 word without bit 15 does not lead to step 2")


@clause("1.17")
def reading_ip_during_the_steps_does_nothing(host: Host) -> None:
    host.reset()
    host.poll()
    expect("bits 15-11 of SA at step 1", host.read_sa() & 0xF800, 0x0800)
    host.step(0x8000, 0x1000)
    host.poll()
    host.idle()
    expect("SA at step 2", host.read_sa(), 0x1080)


@clause("1.1")
def a_write_to_ip_in_the_middle_of_the_steps_starts_again(host: Host) -> None:
    host.reset()
    host.step(0x8000, 0x1000)
    expect("bits 15-11 of SA", host.reset() & 0xF800, 0x0800)
    expect("SA at step 2", host.step(0xA400, 0x1000), 0x10A4)


@clause("1.2")
def the_communications_area_is_cleared_from_the_interrupt_words_on(host: Host) -> None:
    """Without PI: from ring base - 4 to the end of the command ring, here 8 and 4 descriptors."""
    host.write(RING_BASE - 16, b"\xff" * 96)
    host.initialise(responses=3, commands=2, arm=False)
    expect("interrupt words and rings", host.read(RING_BASE - 4, 4 + 4 * 12), bytes(52))


@clause("1.2")
def the_purge_words_are_left_alone_without_purge_interrupts(host: Host) -> None:
    host.write(RING_BASE - 16, b"\xff" * 96)
    host.initialise(responses=3, commands=2, arm=False)
    expect("the words at ring base - 8", host.read(RING_BASE - 8, 4), b"\xff" * 4)


@clause("1.2")
def the_purge_words_are_cleared_with_purge_interrupts(host: Host) -> None:
    host.write(RING_BASE - 16, b"\xff" * 96)
    host.initialise(responses=3, commands=2, arm=False, purges=True)
    expect("the words at ring base - 8", host.read(RING_BASE - 8, 4), bytes(4))


@clause("1.2")
def nothing_beyond_the_command_ring_is_cleared(host: Host) -> None:
    host.write(RING_BASE, b"\xff" * 96)
    host.initialise(responses=3, commands=2, arm=False)
    expect("memory behind the command ring", host.read(RING_BASE + 48, 48), b"\xff" * 48)


@clause("1.2")
def nothing_before_the_communications_area_is_cleared(host: Host) -> None:
    host.write(RING_BASE - 16, b"\xff" * 96)
    host.initialise(responses=0, commands=0, arm=False, purges=True)
    expect("memory before it", host.read(RING_BASE - 16, 8), b"\xff" * 8)


@clause("1.2", Need.NONEXISTENT_MEMORY)
def a_communications_area_that_cannot_be_written_is_fatal_7(host: Host) -> None:
    nowhere = host.facts.nonexistent or 0
    host.reset()
    host.step(0x8000, 0x1000)
    host.step(nowhere & 0xFFFE, 0x2000)
    host.write_sa(nowhere >> 16)
    expect("fatal code", host.await_fatal(), 7)


@clause("1.2")
def the_ring_base_needs_word_alignment_only(host: Host) -> None:
    """The KA655's console uses 01C6."""
    host.initialise(ring_base=0x21C6, commands=0, responses=0)
    expect("endcode", host.ask(0x04, parameters=bytes(20)).endcode, 0x84)


@clause("1.2")
def rings_of_one_descriptor_work(host: Host) -> None:
    host.initialise(commands=0, responses=0)
    for _ in range(3):
        expect("status", host.ask(0x04, parameters=bytes(20)).status, 0)


@clause("1.2")
def rings_of_128_descriptors_work(host: Host) -> None:
    host.initialise(commands=7, responses=7)
    for _ in range(130):
        expect("status", host.ask(0x04, parameters=bytes(20)).status, 0)


@clause("1.2")
def command_and_response_ring_may_differ_in_length(host: Host) -> None:
    host.initialise(commands=1, responses=4)
    for _ in range(20):
        expect("status", host.ask(0x04, parameters=bytes(20)).status, 0)


@clause("1.2")
def go_may_come_in_a_second_word(host: Host) -> None:
    """NetBSD and ULTRIX-11 write the burst first."""
    host.initialise(go=0x000C)
    host.write_sa(0x0001)
    host.settle()
    expect("status", host.ask(0x04, parameters=bytes(20)).status, 0)


@clause("1.2")
def without_go_no_command_is_taken(host: Host) -> None:
    host.initialise(go=0x000C)
    host.put(host.command(0x04, parameters=bytes(20)))
    host.poll()
    host.idle()
    expect("OWN of the command descriptor", host.command_descriptor(0) >> 31, 1)


@clause("1.2")
def a_burst_of_sixteen_does_not_disturb(host: Host) -> None:
    """Burst 16, as Ultrix writes it for a KDM70."""
    host.initialise(go=0x003D)
    expect("status", host.ask(0x04, parameters=bytes(20)).status, 0)


@clause("6")
def sa_reads_zero_after_go(host: Host) -> None:
    """VMS's bootstrap wants it so; an RQDX3 is said to leave its vector there."""
    host.initialise()
    expect("SA", host.read_sa(), 0)


@clause("1.1")
def bit_15_of_sa_stays_clear_while_running(host: Host) -> None:
    host.start()
    expect("bit 15 of SA", host.read_sa() & 0x8000, 0)


@clause("1.1")
def initialising_a_running_controller_forgets_its_commands(host: Host) -> None:
    """What was in the ring and not taken is not answered in the next life."""
    host.start()
    host.put(host.command(0x03))
    host.initialise()
    host.poll()
    host.idle()
    host.take_all()
    expect("messages", len(host.received), 0)


@clause("2.5")
def initialising_makes_online_units_available(host: Host) -> None:
    host.start_online()
    host.start()
    expect("status of GET UNIT STATUS", host.ask(0x03).status, 0x0004)


@clause("2.5")
def initialising_forgets_the_controller_flags(host: Host) -> None:
    """The first SET CONTROLLER CHARACTERISTICS sets flags anew; none are left of before."""
    host.start(0x00F0)
    end = host.start(0)
    expect("host's flags", end.u16(14) & 0x00F0, 0)


@clause("2.5")
def initialising_forgets_the_unit_flags(host: Host) -> None:
    host.start()
    host.online(flags=0x1000, modifiers=0x0004)
    host.start_online()
    expect("unit flag WRTPS", host.ask(0x03).u16(14) & 0x1000, 0)


@clause("1.9")
def initialising_gives_the_credits_of_a_new_connection(host: Host) -> None:
    """However many the last connection had: the first end message opens the window again."""
    host.initialise()
    first = [host.ask(0x04, parameters=bytes(20)).credits for _ in range(4)]
    host.initialise()
    expect("credits", [host.ask(0x04, parameters=bytes(20)).credits for _ in range(4)], first)


@clause("1.16")
def the_model_is_the_same_in_step_4_and_the_controller_identifier(host: Host) -> None:
    end = host.start()
    expect("model", end.u8(26), (host.steps[3] & 0x07F0) >> 4)


@clause("1.2")
def the_step_words_come_one_at_a_time(host: Host) -> None:
    """Exactly one of S1 to S4 is set."""
    host.initialise()
    expect("step bits", [step & 0x7800 for step in host.steps], [0x0800, 0x1000, 0x2000, 0x4000])


@clause("1.2")
def step_data_is_not_ready_in_the_cycle_of_the_write(host: Host) -> None:
    """RSX-11M-PLUS misses a step that is ready too soon."""
    host.reset()
    host.write_sa(0x8000)
    expect_in("SA right after the write", host.read_sa() & 0x1000, (0,))
