"""READ."""

from emu.conform.clause import clause, expect, expect_that
from emu.conform.host import DATA, Host
from emu.conform.numbers import pattern
from emu.conform.target import Need


@clause("3.16", changes_data=True)
def it_delivers_what_was_written(host: Host) -> None:
    host.start_online()
    host.write_disk(11, pattern(11))
    expect("the block", host.read_disk(11), pattern(11))


@clause("3.16", changes_data=True)
def blocks_come_in_the_order_of_their_numbers(host: Host) -> None:
    host.start_online()
    for lbn in (22, 20, 21):
        host.write_disk(lbn, pattern(lbn))
    expect("three blocks", host.read_disk(20, 1536), pattern(20) + pattern(21) + pattern(22))


@clause("2.15", changes_data=True)
def a_part_of_a_block_can_be_read(host: Host) -> None:
    host.start_online()
    host.write_disk(12, pattern(12))
    host.write(DATA, b"\xee" * 512)
    end = host.transfer(0x21, 12, 100)
    expect("byte count", end.byte_count, 100)
    expect("buffer and what is behind it", host.read(DATA, 104), pattern(12)[:100] + b"\xee" * 4)


@clause("2.15", changes_data=True)
def a_count_that_ends_inside_a_block_is_exact(host: Host) -> None:
    host.start_online()
    host.write_disk(13, pattern(13, 1024))
    host.write(DATA, b"\xee" * 1024)
    host.transfer(0x21, 13, 700)
    expect("buffer and what is behind it", host.read(DATA, 704), pattern(13, 1024)[:700] + b"\xee" * 4)


@clause("2.15")
def many_blocks_can_be_read_at_once(host: Host) -> None:
    host.start_online()
    end = host.transfer(0x21, 0, 128 * 512)
    expect("status", end.status, 0)
    expect("byte count", end.byte_count, 128 * 512)


@clause("3.16", Need.NONEXISTENT_MEMORY)
def nonexistent_memory_ends_it_with_0069(host: Host) -> None:
    host.start_online()
    end = host.transfer(0x21, 0, address=(host.facts.nonexistent or 0) + 0x400)
    expect("status", end.status, 0x0069)
    expect("byte count", end.byte_count, 0)


@clause("2.7", Need.NONEXISTENT_MEMORY)
def it_counts_the_bytes_before_nonexistent_memory(host: Host) -> None:
    """For the end of memory behind each of 64 blocks, and inside some."""
    host.start_online()
    edge = host.facts.nonexistent or 0
    for before in (2, 510, 1022, 2046, *range(512, 64 * 512, 512)):
        end = host.transfer(0x21, 0, 64 * 512, address=edge - before)
        expect("status", end.status, 0x0069)
        expect(f"byte count with {before} bytes of memory", end.byte_count, before)


@clause("2.7", Need.NONEXISTENT_MEMORY, changes_data=True)
def the_bytes_before_nonexistent_memory_are_delivered(host: Host) -> None:
    host.start_online()
    host.write_disk(30, pattern(30, 1024))
    edge = host.facts.nonexistent or 0
    host.write(edge - 700, bytes(700))
    host.transfer(0x21, 30, 1024, address=edge - 700)
    expect("the end of memory", host.read(edge - 700, 700), pattern(30, 1024)[:700])


@clause("3.19", Need.NONEXISTENT_MEMORY)
def the_unit_stays_online_after_nonexistent_memory(host: Host) -> None:
    host.start_online()
    host.transfer(0x21, 0, address=(host.facts.nonexistent or 0) + 0x400)
    expect("status of the next READ", host.transfer(0x21, 0).status, 0)


@clause("2.6", Need.BAD_MEMORY)
def memory_of_bad_parity_ends_it_with_0089(host: Host) -> None:
    host.start_online()
    host.operator.spoil_memory(DATA + 600)
    end = host.transfer(0x21, 0, 1024)
    expect("status", end.status, 0x0089)
    expect("byte count", end.byte_count, 600)


@clause("2.3", Need.WHOLE_MSCP)
def with_compare_it_succeeds(host: Host) -> None:
    host.start_online()
    end = host.transfer(0x21, 0, 1024, modifiers=0x4000)
    expect("status", end.status, 0)
    expect("byte count", end.byte_count, 1024)


@clause("3.19", Need.BAD_BLOCKS)
def a_bad_block_ends_it_with_a_data_or_drive_error(host: Host) -> None:
    host.start_online()
    host.operator.spoil(host.facts.scratch, 42)
    end = host.transfer(0x21, 42)
    expect_that(end.status & 0x1F in (0x08, 0x0B), f"the status code is 8 or B, it is {end.status & 0x1F:X}")
    expect("byte count", end.byte_count, 0)


@clause("2.7", Need.BAD_BLOCKS)
def it_counts_the_blocks_before_a_bad_one(host: Host) -> None:
    """For every place of the bad block among 64."""
    host.start_online()
    host.operator.spoil(host.facts.scratch, 1000)
    for before in range(64):
        end = host.transfer(0x21, 1000 - before, 64 * 512)
        expect(f"byte count with {before} good blocks", end.byte_count, before * 512)
        expect_that(end.status & 0x1F in (0x08, 0x0B), "the status code is data or drive error")


@clause("3.19", Need.BAD_BLOCKS, changes_data=True)
def the_blocks_before_a_bad_one_are_delivered(host: Host) -> None:
    host.start_online()
    host.write_disk(50, pattern(50, 1024))
    host.operator.spoil(host.facts.scratch, 52)
    host.write(DATA, bytes(2048))
    host.transfer(0x21, 50, 2048)
    expect("two good blocks", host.read(DATA, 1024), pattern(50, 1024))


@clause("3.19", Need.BAD_BLOCKS)
def the_unit_stays_online_after_a_bad_block(host: Host) -> None:
    host.start_online()
    host.operator.spoil(host.facts.scratch, 42)
    host.transfer(0x21, 42)
    expect("status of READ elsewhere", host.transfer(0x21, 0).status, 0)


@clause("2.3", Need.BAD_BLOCKS)
def an_error_that_does_not_come_back_is_recovered(host: Host) -> None:
    host.start_online()
    host.operator.spoil(host.facts.scratch, 42, 1)
    end = host.transfer(0x21, 40, 2048)
    expect("status", end.status, 0)
    expect("byte count", end.byte_count, 2048)


@clause("2.3", Need.BAD_BLOCKS, Need.WHOLE_MSCP)
def with_serec_nothing_is_tried_again(host: Host) -> None:
    host.start_online()
    host.operator.spoil(host.facts.scratch, 42, 1)
    end = host.transfer(0x21, 40, 2048, modifiers=0x0100)
    expect_that(end.status & 0x1F in (0x08, 0x0B), "the one error ends the command")
    expect("byte count", end.byte_count, 1024)
