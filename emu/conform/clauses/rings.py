"""Ring descriptors: who owns what, and what the controller writes back."""

from emu.conform.clause import clause, expect, expect_that, require
from emu.conform.host import FLAG, RING_BASE, Host
from emu.conform.numbers import words


@clause("1.6")
def a_taken_command_descriptor_is_the_hosts_again(host: Host) -> None:
    host.initialise()
    host.ask(0x04, parameters=bytes(20))
    expect("OWN of the command descriptor", host.command_descriptor(0) >> 31, 0)


@clause("1.6")
def a_taken_command_descriptor_has_flag_set(host: Host) -> None:
    host.initialise()
    host.ask(0x04, parameters=bytes(20), flags=FLAG)
    expect("F of the command descriptor", host.command_descriptor(0) >> 30, 1)


@clause("1.6")
def flag_is_set_on_return_though_the_host_had_not_set_it(host: Host) -> None:
    """2.11BSD reclaims a command slot only when OWN is clear and F is set."""
    host.initialise()
    host.ask(0x04, parameters=bytes(20), flags=0)
    expect("OWN and F of the command descriptor", host.command_descriptor(0) >> 30, 1)


@clause("1.6")
def the_address_of_a_command_descriptor_is_left_alone(host: Host) -> None:
    host.initialise()
    host.ask(0x04, parameters=bytes(20))
    expect("address", host.command_descriptor(0) & 0x003FFFFE, host.place(host.responses))


@clause("1.6")
def a_filled_response_descriptor_is_the_hosts_with_flag_set(host: Host) -> None:
    host.initialise(flags=0)
    host.arming = False
    host.ask(0x04, parameters=bytes(20))
    expect("descriptor", host.descriptor(0), FLAG | host.place(0))


@clause("1.6")
def a_response_is_written_where_the_descriptor_points(host: Host) -> None:
    """The descriptor points at the text; the envelope is in the four bytes before it."""
    host.initialise(arm=False)
    host.write(0xC000, b"\xee" * 128)
    host.give(0, 0xC004)
    host.put(host.command(0x04, parameters=bytes(20), crn=0x12345678))
    host.poll()
    host.idle()
    expect("reference number in the text", host.read(0xC004, 4), bytes.fromhex("78563412"))
    expect("length in the envelope", host.read(0xC000, 2), bytes.fromhex("2000"))


@clause("1.6")
def nothing_is_written_beyond_60_bytes_of_a_response_slot(host: Host) -> None:
    host.initialise(arm=False)
    host.write(0xC000, b"\xee" * 128)
    host.give(0, 0xC004)
    host.put(host.command(0x03))
    host.poll()
    host.idle()
    expect("memory behind the slot", host.read(0xC040, 64), b"\xee" * 64)


@clause("1.6")
def a_command_without_own_is_not_taken(host: Host) -> None:
    host.start()
    index = host.put(host.command(0x03))
    place = RING_BASE + 4 * (host.responses + index)
    host.write(place + 2, words(0))
    host.poll()
    host.idle()
    taken = len(host.received)
    host.take_all()
    expect("new messages", len(host.received) - taken, 0)


@clause("1.6")
def both_rings_are_walked_round_and_round(host: Host) -> None:
    host.initialise(commands=1, responses=1)
    for turn in range(7):
        end = host.ask(0x04, parameters=bytes(20))
        expect(f"status of command {turn}", end.status, 0)


@clause("1.6")
def a_response_waits_for_a_slot(host: Host) -> None:
    """Nothing is dropped, and the port does not die."""
    host.initialise(responses=0)
    host.arming = False
    host.ask(0x04, parameters=bytes(20))
    crn = host.send(0x03)
    host.idle()
    expect("bit 15 of SA", host.read_sa() & 0x8000, 0)
    host.arm(0)
    host.arming = True
    expect("endcode of the late response", host.answer(crn).endcode, 0x83)


@clause("1.6")
def waiting_responses_come_in_their_order(host: Host) -> None:
    host.initialise(responses=0)
    host.ask(0x04, parameters=bytes(20))
    host.arming = False
    crns = [host.put_command(0x03) for _ in range(4)]
    host.poll()
    host.idle()
    host.arming = True
    for crn in crns:
        host.answer(crn)
    expect("order of end messages", [message.crn for message in host.received][-4:], crns)


@clause("1.6")
def a_response_waits_as_long_as_the_host_likes(host: Host) -> None:
    """A response ring that stays exhausted for a second is no error."""
    host.initialise(responses=0)
    host.arming = False
    host.ask(0x04, parameters=bytes(20))
    crn = host.send(0x03)
    host.idle(1.0)
    host.arm(0)
    host.arming = True
    host.answer(crn)


@clause("1.8")
def the_length_in_a_commands_envelope_is_not_trusted(host: Host) -> None:
    """The M9312's boot PROM claims 0504 bytes."""
    host.initialise()
    expect("endcode", host.ask(0x04, parameters=bytes(20), length=0x0504).endcode, 0x84)


@clause("1.8")
def a_command_of_length_zero_is_carried_out(host: Host) -> None:
    host.initialise()
    expect("endcode", host.ask(0x04, parameters=bytes(20), length=0).endcode, 0x84)


@clause("1.10")
def the_length_of_a_response_slot_is_not_looked_at(host: Host) -> None:
    """All responses fit into 60 bytes; boot programs leave 0 there."""
    host.initialise(arm=False)
    host.arm(0, length=0)
    expect("endcode", host.ask(0x04, parameters=bytes(20)).endcode, 0x84)


@clause("1.8")
def the_controller_overwrites_the_length_of_a_response_slot(host: Host) -> None:
    host.initialise()
    expect("length in the envelope", host.ask(0x04, parameters=bytes(20)).length, 32)


@clause("1.8")
def end_messages_are_sequential_messages_of_the_disk_connection(host: Host) -> None:
    host.initialise()
    end = host.ask(0x04, parameters=bytes(20))
    expect("message type", end.type, 0)
    expect("connection", end.connection, 0)


@clause("1.6")
def a_slot_with_the_flag_left_from_the_last_return_is_taken(host: Host) -> None:
    """VMB gives a command with F set because the controller had returned it so."""
    host.initialise(commands=0, responses=0, vector=0)
    for _ in range(3):
        expect("status", host.ask(0x04, parameters=bytes(20), flags=FLAG).status, 0)


@clause("1.7")
def the_interrupt_words_are_left_alone_without_flag(host: Host) -> None:
    host.initialise(flags=0, commands=0, responses=0)
    host.arming = False
    host.ask(0x04, parameters=bytes(20), flags=0)
    expect("interrupt words", host.read(RING_BASE - 4, 4), bytes(4))


@clause("1.6")
def reserved_bits_of_a_descriptor_do_not_disturb(host: Host) -> None:
    """Bits 29-22 are reserved on buses of 18 and 22 bits; bits 21-18 on a UNIBUS are beyond the bus."""
    host.initialise()
    require(host.facts.bus_address_bits <= 22, "a bus of 18 or 22 address bits")
    place = host.place(host.responses)
    host.put(host.command(0x04, parameters=bytes(20)), address=place | 0x00400000)
    host.poll()
    host.idle()
    expect_that(host.take() is not None, "a command behind a descriptor with a reserved bit set is answered")
