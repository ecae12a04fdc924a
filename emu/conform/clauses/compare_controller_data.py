"""COMPARE CONTROLLER DATA."""

from emu.conform.clause import clause, expect
from emu.conform.host import DATA, Host


@clause("3.11")
def it_succeeds_on_a_unit_with_one_copy(host: Host) -> None:
    host.start_online()
    end = host.transfer(0x11, 0, 1024)
    expect("endcode", end.endcode, 0x91)
    expect("status", end.status, 0)


@clause("3.11", open_question="RQDX3 and SIMH answer with plain success, SIMH in 12 bytes")
def its_end_message_has_32_bytes(host: Host) -> None:
    host.start_online()
    expect("length", host.transfer(0x11, 0, 1024).length, 32)


@clause("3.11")
def it_moves_no_data(host: Host) -> None:
    host.start_online()
    host.write(DATA, b"\xee" * 512)
    host.transfer(0x11, 0)
    expect("memory at the buffer address", host.read(DATA, 512), b"\xee" * 512)
