"""Invalid commands: the offset of the offending field, times 256, plus 1."""

from emu.conform.clause import clause, expect, expect_in
from emu.conform.host import Host


@clause("2.8")
def an_unknown_opcode_ends_with_0801(host: Host) -> None:
    host.start()
    expect("status", host.ask(0x3F).status, 0x0801)


@clause("2.8")
def an_unknown_opcode_has_endcode_80_alone(host: Host) -> None:
    host.start()
    expect("endcode", host.ask(0x3F).endcode, 0x80)


@clause("2.8")
def the_end_of_an_unknown_opcode_is_12_bytes_long(host: Host) -> None:
    host.start()
    expect("length", host.ask(0x3F).length, 12)


@clause("2.8")
def an_unknown_opcode_gives_back_the_unit_number(host: Host) -> None:
    host.start()
    expect("unit", host.ask(0x3F, 7).unit, 7)


@clause("2.8")
def opcode_zero_is_invalid(host: Host) -> None:
    host.start()
    end = host.ask(0x00)
    expect("endcode", end.endcode, 0x80)
    expect("status", end.status, 0x0801)


@clause("2.8")
def tape_commands_are_invalid_for_a_disk(host: Host) -> None:
    host.start()
    for opcode in (0x16, 0x24, 0x25):
        end = host.ask(opcode)
        expect(f"endcode of opcode {opcode:02X}", end.endcode, 0x80)
        expect(f"status of opcode {opcode:02X}", end.status, 0x0801)


@clause("2.8")
def an_end_code_as_opcode_is_invalid(host: Host) -> None:
    host.start()
    for opcode in (0x80, 0xA1):
        expect(f"status of opcode {opcode:02X}", host.ask(opcode).status, 0x0801)


@clause("2.8")
def an_attention_code_as_opcode_is_invalid(host: Host) -> None:
    host.start()
    expect("status of opcode 40", host.ask(0x40).status, 0x0801)


@clause("2.8")
def an_invalid_command_costs_no_credit(host: Host) -> None:
    host.start()
    for _ in range(40):
        expect_in("credits", host.ask(0x3F).credits, range(1, 16))


@clause("2.8")
def the_connection_goes_on_after_an_invalid_command(host: Host) -> None:
    host.start_online()
    host.ask(0x3F)
    expect("status of READ", host.transfer(0x21, 0).status, 0)
