"""WRITE."""

from emu.conform.clause import clause, expect, expect_in, expect_that
from emu.conform.host import DATA, Host
from emu.conform.numbers import pattern
from emu.conform.target import Need


@clause("3.16", changes_data=True)
def it_writes_the_named_blocks_and_no_others(host: Host) -> None:
    host.start_online()
    host.write_disk(60, pattern(60, 2048))
    host.write_disk(61, pattern(7, 1024))
    data = pattern(60, 2048)
    expect("four blocks", host.read_disk(60, 2048), data[:512] + pattern(7, 1024) + data[1536:])


@clause("3.16", changes_data=True)
def its_end_message_has_32_or_36_bytes(host: Host) -> None:
    host.start_online()
    expect_in("length", host.write_disk(60, pattern(1)).length, (32, 36))


@clause("3.16", changes_data=True)
def its_byte_count_is_that_of_the_command(host: Host) -> None:
    host.start_online()
    expect("byte count", host.write_disk(60, pattern(1, 1536)).byte_count, 1536)


@clause("2.15", changes_data=True)
def the_rest_of_a_partial_block_becomes_zero(host: Host) -> None:
    host.start_online()
    host.write_disk(62, b"\xee" * 512)
    host.write_disk(62, pattern(3)[:100])
    expect("the block", host.read_disk(62), pattern(3)[:100] + bytes(412))


@clause("2.15", changes_data=True)
def the_last_block_of_the_unit_can_be_written(host: Host) -> None:
    host.start()
    size = host.online().u32(36)
    host.write_disk(size - 1, pattern(4))
    expect("the block", host.read_disk(size - 1), pattern(4))


@clause("2.15", changes_data=True)
def many_blocks_can_be_written_at_once(host: Host) -> None:
    host.start_online()
    data = pattern(5, 128 * 512)
    host.write_disk(100, data)
    expect("128 blocks", host.read_disk(100, 128 * 512), data)


@clause("2.6", changes_data=True)
def a_refused_write_writes_nothing(host: Host) -> None:
    host.start_online()
    host.write_disk(63, pattern(1))
    host.ask(0x0A, modifiers=0x0004, parameters=b"\0\0\0\x10" + bytes(20))
    host.write(DATA, pattern(2))
    host.transfer(0x22, 63)
    expect("the block", host.read_disk(63), pattern(1))


@clause("3.16", Need.NONEXISTENT_MEMORY)
def nonexistent_memory_ends_it_with_0069(host: Host) -> None:
    """Even when it is the first word that is not there."""
    host.start_online()
    end = host.transfer(0x22, 64, address=(host.facts.nonexistent or 0) + 0x400)
    expect("status", end.status, 0x0069)
    expect("byte count", end.byte_count, 0)


@clause("2.7", Need.NONEXISTENT_MEMORY, changes_data=True)
def it_counts_what_it_wrote_before_nonexistent_memory(host: Host) -> None:
    """Whole blocks, or the bytes that were there: then the rest of their block is zero."""
    host.start_online()
    edge = host.facts.nonexistent or 0
    host.write_disk(65, pattern(1, 1536))
    host.write(edge - 700, pattern(2, 700))
    end = host.transfer(0x22, 65, 1536, address=edge - 700)
    expect("status", end.status, 0x0069)
    expect_that(end.byte_count in (512, 700), f"the byte count is 512 or 700, it is {end.byte_count}")
    expect("the first block", host.read_disk(65), pattern(2)[:512])
    expect("the third block", host.read_disk(67), pattern(1, 1536)[1024:])


@clause("2.6", Need.BAD_MEMORY)
def memory_of_bad_parity_ends_it_with_0089(host: Host) -> None:
    host.start_online()
    host.operator.spoil_memory(DATA)
    expect("status", host.transfer(0x22, 64).status, 0x0089)


@clause("2.3", Need.WHOLE_MSCP, changes_data=True)
def with_compare_it_succeeds(host: Host) -> None:
    host.start_online()
    host.write(DATA, pattern(6, 1024))
    end = host.transfer(0x22, 66, 1024, modifiers=0x4000)
    expect("status", end.status, 0)
    expect("byte count", end.byte_count, 1024)


@clause("3.19", Need.BAD_BLOCKS, Need.LASTING_BAD_BLOCKS, changes_data=True)
def a_bad_block_ends_it_with_an_error(host: Host) -> None:
    host.start_online()
    host.operator.spoil(host.facts.scratch, 42)
    end = host.transfer(0x22, 42)
    expect_that(end.status & 0x1F in (0x08, 0x0B), f"the status code is 8 or B, it is {end.status & 0x1F:X}")
    expect("byte count", end.byte_count, 0)


@clause("2.7", Need.BAD_BLOCKS, Need.LASTING_BAD_BLOCKS, changes_data=True)
def it_counts_the_blocks_before_a_bad_one(host: Host) -> None:
    """For every place of the bad block among 64."""
    host.start_online()
    host.operator.spoil(host.facts.scratch, 1000)
    for before in range(64):
        end = host.transfer(0x22, 1000 - before, 64 * 512)
        expect(f"byte count with {before} good blocks", end.byte_count, before * 512)


@clause("3.19", Need.BAD_BLOCKS, Need.LASTING_BAD_BLOCKS, changes_data=True)
def the_blocks_before_a_bad_one_are_written(host: Host) -> None:
    host.start_online()
    host.operator.spoil(host.facts.scratch, 52)
    host.write(DATA, pattern(8, 2048))
    host.transfer(0x22, 50, 2048)
    expect("two good blocks", host.read_disk(50, 1024), pattern(8, 1024))


@clause("2.9", changes_data=True)
def a_read_after_its_end_sees_the_data(host: Host) -> None:
    host.start_online()
    for turn in range(4):
        host.write_disk(70, pattern(turn))
        expect("the block", host.read_disk(70), pattern(turn))


@clause("3.16", Need.OTHER_UNIT, changes_data=True)
def it_writes_to_the_unit_that_it_names(host: Host) -> None:
    host.start_online()
    host.online(host.facts.other)
    before = host.read_disk(71, unit=host.facts.other)
    host.write_disk(71, pattern(9))
    expect("the same block of the other unit", host.read_disk(71, unit=host.facts.other), before)


@clause("2.5", changes_data=True)
def data_is_kept_over_an_initialisation(host: Host) -> None:
    host.start_online()
    host.write_disk(72, pattern(10))
    host.start_online()
    expect("the block", host.read_disk(72), pattern(10))
