"""FLUSH."""

from emu.conform.clause import clause, expect, expect_in
from emu.conform.host import Host
from emu.conform.numbers import pattern


@clause("3.13")
def it_succeeds_for_an_extent(host: Host) -> None:
    host.start_online()
    end = host.transfer(0x13, 0, 1024)
    expect("endcode", end.endcode, 0x93)
    expect("status", end.status, 0)


@clause("3.13")
def it_succeeds_for_the_entire_unit(host: Host) -> None:
    host.start_online()
    expect("status with FLENU", host.ask(0x13, modifiers=0x0001).status, 0)
    expect("status with FLENU and VOLTL", host.ask(0x13, modifiers=0x0003).status, 0)


@clause("2.2")
def its_end_message_has_12_or_32_bytes(host: Host) -> None:
    host.start_online()
    expect_in("length", host.transfer(0x13, 0, 1024).length, (12, 32))


@clause("3.13", changes_data=True)
def it_changes_no_data(host: Host) -> None:
    host.start_online()
    host.write_disk(95, pattern(95))
    host.transfer(0x13, 95)
    expect("the block", host.read_disk(95), pattern(95))
