"""What every end message has: reference number, unit, endcode, status."""

from emu.conform.clause import clause, expect, expect_that
from emu.conform.host import Host
from emu.conform.numbers import number


@clause("2.1")
def the_reference_number_comes_back_whole(host: Host) -> None:
    host.start()
    host.put(host.command(0x03, crn=0xFEDCBA98))
    host.poll()
    expect("reference number", host.answer(0xFEDCBA98).crn, 0xFEDCBA98)


@clause("2.1")
def a_reference_number_of_zero_is_good(host: Host) -> None:
    """Boot programs use it all the time."""
    host.start()
    host.put(host.command(0x03, crn=0))
    host.poll()
    expect("endcode", host.answer(0).endcode, 0x83)


@clause("2.1")
def a_reference_number_may_be_used_again(host: Host) -> None:
    """VMB numbers every command 1."""
    host.start_online()
    for _ in range(3):
        host.put(host.command(0x21, parameters=host.extent(0, 512), crn=1))
        host.poll()
        expect("status", host.answer(1).status, 0)


@clause("2.1")
def the_unit_number_comes_back(host: Host) -> None:
    host.start()
    expect("unit", host.ask(0x09, 199).unit, 199)


@clause("2.1")
def the_endcode_is_the_opcode_with_bit_7(host: Host) -> None:
    host.start_online()
    for opcode in (0x03, 0x04, 0x09, 0x0A, 0x10, 0x20, 0x21, 0x08):
        expect("endcode", host.ask(opcode, parameters=bytes(24)).endcode, opcode | 0x80)


@clause("2.1")
def the_sequence_number_is_zero_when_nothing_was_logged(host: Host) -> None:
    host.start_online(flags=0x0010)
    expect("sequence number", host.transfer(0x21, 0).u16(6), 0)


@clause("2.4")
def the_end_flags_are_zero_when_all_is_well(host: Host) -> None:
    host.start_online(flags=0x0010)
    expect("end flags of READ", host.transfer(0x21, 0).flags, 0)


@clause("2.1")
def what_the_host_does_not_send_is_zero(host: Host) -> None:
    """SIMH's PDP-11 boot program sends ONLINE with a length of 16."""
    host.start()
    end = host.ask(0x09, parameters=bytes(4))
    expect("status", end.status & 0x1F, 0)
    expect("length", end.length, 44)


@clause("2.1")
def a_reserved_word_of_the_header_does_not_disturb(host: Host) -> None:
    host.start()
    text = bytearray(host.command(0x03))
    text[6:8] = b"\xff\xff"
    host.put(bytes(text))
    host.poll()
    expect("endcode", host.answer(number(bytes(text), 0, 4)).endcode, 0x83)


@clause("2.1")
def end_messages_are_not_longer_than_their_layout(host: Host) -> None:
    host.start_online()
    for opcode, lengths in ((0x01, (16,)), (0x02, (20,)), (0x03, (48, 52)), (0x04, (28, 32)), (0x0B, (12,))):
        length = host.ask(opcode, parameters=bytes(24)).length
        expect_that(
            length in lengths, f"the end message of opcode {opcode:02X} has {length} bytes, not {lengths}"
        )
