"""COMPARE HOST DATA."""

from emu.conform.clause import clause, expect, expect_that
from emu.conform.host import DATA, Host
from emu.conform.numbers import pattern
from emu.conform.target import Need


def _written(host: Host, length: int = 1536) -> None:
    """Blocks 80 and later hold the pattern, and so does the buffer."""
    host.start_online()
    host.write_disk(80, pattern(80, length))


@clause("3.16", changes_data=True)
def equal_data_is_success(host: Host) -> None:
    _written(host)
    end = host.transfer(0x20, 80, 1536)
    expect("endcode", end.endcode, 0xA0)
    expect("status", end.status, 0)
    expect("byte count", end.byte_count, 1536)


@clause("3.16", changes_data=True)
def different_data_ends_it_with_0007(host: Host) -> None:
    _written(host)
    host.write(DATA, b"\x55\xaa")
    expect("status", host.transfer(0x20, 80, 1536).status, 0x0007)


@clause("3.16", changes_data=True)
def it_counts_the_equal_bytes(host: Host) -> None:
    """Up to the byte or the word that differs."""
    for place in (0, 2, 300, 510, 512, 1534):
        _written(host)
        host.write(DATA + place, b"\x55\xaa")
        end = host.transfer(0x20, 80, 1536)
        expect("byte count", end.byte_count & ~1, place)


@clause("3.16", changes_data=True)
def the_last_byte_is_compared(host: Host) -> None:
    _written(host)
    last = pattern(80, 1536)[-1]
    host.write(DATA + 1535, bytes([last ^ 1]))
    expect("status", host.transfer(0x20, 80, 1536).status, 0x0007)


@clause("3.16", changes_data=True)
def nothing_behind_the_count_is_compared(host: Host) -> None:
    _written(host)
    host.write(DATA + 700, b"\x55\xaa")
    end = host.transfer(0x20, 80, 700)
    expect("status", end.status, 0)
    expect("byte count", end.byte_count, 700)


@clause("3.16", changes_data=True)
def neither_disk_nor_memory_is_changed(host: Host) -> None:
    _written(host)
    host.write(DATA, bytes(512))
    host.transfer(0x20, 80, 1536)
    expect("the buffer", host.read(DATA, 512), bytes(512))
    expect("the block", host.read_disk(80), pattern(80)[:512])


@clause("3.16", Need.NONEXISTENT_MEMORY)
def nonexistent_memory_ends_it_with_0069(host: Host) -> None:
    host.start_online()
    end = host.transfer(0x20, 0, address=(host.facts.nonexistent or 0) + 0x400)
    expect("status", end.status, 0x0069)
    expect("byte count", end.byte_count, 0)


@clause("2.7", Need.NONEXISTENT_MEMORY, changes_data=True)
def it_counts_the_equal_bytes_before_nonexistent_memory(host: Host) -> None:
    _written(host)
    edge = host.facts.nonexistent or 0
    host.write(edge - 600, pattern(80, 1536)[:600])
    end = host.transfer(0x20, 80, 1536, address=edge - 600)
    expect("status", end.status, 0x0069)
    expect("byte count", end.byte_count, 600)


@clause("2.6", Need.LOCKED_UNIT)
def a_protected_unit_can_be_compared(host: Host) -> None:
    host.start()
    host.online(host.facts.locked)
    host.transfer(0x21, 0, unit=host.facts.locked)
    expect("status", host.transfer(0x20, 0, unit=host.facts.locked).status, 0)


@clause("2.7", Need.BAD_BLOCKS)
def it_counts_the_blocks_before_a_bad_one(host: Host) -> None:
    host.start_online()
    host.transfer(0x21, 40, 4096)
    host.operator.spoil(host.facts.scratch, 43)
    end = host.transfer(0x20, 40, 4096)
    expect_that(end.status & 0x1F in (0x08, 0x0B), "the status code is data or drive error")
    expect("byte count", end.byte_count, 3 * 512)
