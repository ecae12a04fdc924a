"""FORMAT: the standard opcode 18, and RQDX3's 2F for the RX33."""

from emu.conform.clause import clause, expect, require
from emu.conform.host import Host, Message
from emu.conform.numbers import longwords, pattern
from emu.conform.target import Need

RX33 = 0x8000011A  # function 282, and the bit that says it is meant


def _format(host: Host, opcode: int, function: int, unit: int | None) -> Message:
    return host.ask(opcode, unit, parameters=longwords(0, 0, 0, 0, function))


@clause("3.15", Need.FORMAT, changes_data=True)
def an_available_unit_is_formatted(host: Host) -> None:
    host.start()
    end = _format(host, 0x18, 0, host.facts.scratch)
    expect("endcode", end.endcode, 0x98)
    expect("status", end.status, 0)
    expect("length", end.length, 12)


@clause("3.15", Need.FORMAT, changes_data=True)
def an_online_unit_becomes_available_0404(host: Host) -> None:
    host.start_online()
    expect("status", _format(host, 0x18, 0, host.facts.scratch).status, 0x0404)
    expect("status of GET UNIT STATUS", host.ask(0x03).status, 0x0004)


@clause("3.15", Need.FORMAT)
def an_unknown_function_is_refused_with_1c01(host: Host) -> None:
    host.start()
    expect("status", _format(host, 0x18, 99, host.facts.scratch).status, 0x1C01)


@clause("3.15", Need.FORMAT, Need.LOCKED_UNIT)
def a_locked_unit_is_refused_with_2006(host: Host) -> None:
    host.start()
    expect("status", _format(host, 0x18, 0, host.facts.locked).status, 0x2006)


@clause("3.15", Need.FORMAT_RX33, changes_data=True)
def an_rqdx3_formats_an_rx33(host: Host) -> None:
    host.start()
    host.online(host.facts.other)
    host.write_disk(5, pattern(5), unit=host.facts.other)
    host.ask(0x08, host.facts.other)
    end = _format(host, 0x2F, RX33, host.facts.other)
    expect("endcode", end.endcode, 0xAF)
    expect("status", end.status, 0)
    host.online(host.facts.other)
    expect("a block", host.read_disk(5, unit=host.facts.other), bytes(512))


@clause("3.15", Need.FORMAT_RX33)
def an_rqdx3_wants_bit_15_at_offset_30(host: Host) -> None:
    host.start()
    expect("status", _format(host, 0x2F, 0x0000011A, host.facts.other).status, 0x1C01)


@clause("3.15", Need.FORMAT_RX33)
def an_rqdx3_formats_no_winchester(host: Host) -> None:
    host.start()
    expect("status", _format(host, 0x2F, RX33, host.facts.scratch).status, 0x0801)


@clause("3.15", Need.FORMAT_RX33)
def an_online_rx33_becomes_available_0404(host: Host) -> None:
    host.start()
    host.online(host.facts.other)
    expect("status", _format(host, 0x2F, RX33, host.facts.other).status, 0x0404)
    expect("status of GET UNIT STATUS", host.ask(0x03, host.facts.other).status, 0x0004)


@clause("3.15", Need.FORMAT_RX33, Need.LOCKED_UNIT)
def a_locked_rx33_is_refused_with_2006(host: Host) -> None:
    host.start()
    expect("status", _format(host, 0x2F, RX33, host.facts.locked).status, 0x2006)


@clause("3.15", Need.FORMAT_RX33, Need.EMPTY_UNIT)
def a_drive_without_a_diskette_is_offline_0023(host: Host) -> None:
    host.start()
    expect("status", _format(host, 0x2F, RX33, host.facts.empty).status, 0x0023)


@clause("2.2")
def a_controller_without_format_refuses_it(host: Host) -> None:
    require(host.facts.missing(Need.FORMAT), "a controller without FORMAT")
    host.start()
    end = _format(host, 0x18, 0, host.facts.scratch)
    expect("endcode", end.endcode, 0x80)
    expect("status", end.status, 0x0801)
