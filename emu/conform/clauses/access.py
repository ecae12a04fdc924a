"""ACCESS."""

from emu.conform.clause import clause, expect, expect_that
from emu.conform.host import DATA, Host
from emu.conform.target import Need


@clause("3.10")
def it_succeeds_on_good_blocks(host: Host) -> None:
    host.start_online()
    end = host.transfer(0x10, 0, 4096)
    expect("endcode", end.endcode, 0x90)
    expect("status", end.status, 0)
    expect("byte count", end.byte_count, 4096)


@clause("3.10")
def it_moves_no_data(host: Host) -> None:
    host.start_online()
    host.write(DATA, b"\xee" * 512)
    host.transfer(0x10, 0)
    expect("memory at the buffer address", host.read(DATA, 512), b"\xee" * 512)


@clause("3.10", Need.NONEXISTENT_MEMORY)
def it_does_not_look_at_memory(host: Host) -> None:
    host.start_online()
    expect("status", host.transfer(0x10, 0, address=(host.facts.nonexistent or 0) + 0x400).status, 0)


@clause("3.10", Need.BAD_BLOCKS)
def it_finds_a_bad_block(host: Host) -> None:
    host.start_online()
    host.operator.spoil(host.facts.scratch, 43)
    end = host.transfer(0x10, 40, 4096)
    expect_that(end.status & 0x1F in (0x08, 0x0B), "the status code is data or drive error")
    expect("byte count", end.byte_count, 3 * 512)


@clause("3.10")
def it_can_look_at_more_than_memory_holds(host: Host) -> None:
    host.start_online()
    end = host.transfer(0x10, 0, 2048 * 512)
    expect("status", end.status, 0)
    expect("byte count", end.byte_count, 2048 * 512)
