"""ERASE."""

from emu.conform.clause import clause, expect, expect_that
from emu.conform.host import DATA, Host
from emu.conform.numbers import pattern
from emu.conform.target import Need


def _erased(host: Host, byte_count: int) -> None:
    """Blocks 90 to 92 had a pattern; then `byte_count` bytes are erased from block 91 on."""
    host.start_online()
    host.write_disk(90, pattern(90, 2048))
    end = host.transfer(0x12, 91, byte_count)
    expect("endcode", end.endcode, 0x92)
    expect("status", end.status, 0)
    expect("byte count", end.byte_count, byte_count)


@clause("3.12", changes_data=True)
def erased_blocks_read_as_zeros(host: Host) -> None:
    _erased(host, 1024)
    expect("the blocks", host.read_disk(91, 1024), bytes(1024))


@clause("3.12", changes_data=True)
def blocks_before_and_behind_are_left_alone(host: Host) -> None:
    _erased(host, 1024)
    expect("the block before", host.read_disk(90), pattern(90, 2048)[:512])
    expect("the block behind", host.read_disk(93), pattern(90, 2048)[1536:])


@clause("3.12", changes_data=True)
def a_partial_block_is_erased_as_a_whole(host: Host) -> None:
    _erased(host, 600)
    expect("the blocks", host.read_disk(91, 1024), bytes(1024))


@clause("3.12", Need.NONEXISTENT_MEMORY, changes_data=True)
def it_does_not_look_at_memory(host: Host) -> None:
    host.start_online()
    expect("status", host.transfer(0x12, 91, address=(host.facts.nonexistent or 0) + 0x400).status, 0)


@clause("3.12", changes_data=True)
def memory_at_the_buffer_address_is_left_alone(host: Host) -> None:
    host.start_online()
    host.write(DATA, b"\xee" * 512)
    host.transfer(0x12, 91)
    expect("memory", host.read(DATA, 512), b"\xee" * 512)


@clause("3.12", changes_data=True)
def it_can_erase_more_than_memory_holds(host: Host) -> None:
    host.start_online()
    host.write_disk(2000, pattern(1))
    expect("status", host.transfer(0x12, 0, 2048 * 512).status, 0)
    expect("a block of it", host.read_disk(2000), bytes(512))


@clause("2.7", Need.BAD_BLOCKS, Need.LASTING_BAD_BLOCKS, changes_data=True)
def it_counts_the_blocks_before_a_bad_one(host: Host) -> None:
    host.start_online()
    host.operator.spoil(host.facts.scratch, 43)
    end = host.transfer(0x12, 40, 4096)
    expect_that(end.status & 0x1F in (0x08, 0x0B), "the status code is data or drive error")
    expect("byte count", end.byte_count, 3 * 512)
