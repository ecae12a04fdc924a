"""Compare: READ and WRITE that look at the data a second time."""

from emu.conform.clause import clause, expect, require
from emu.conform.host import DATA, PAGE_TABLE, Host
from emu.conform.numbers import longwords, pattern, words
from emu.conform.target import Need

# A buffer whose two pages are one: what was read first is overwritten by what is read second, and does not compare.
ONE_PAGE_TWICE = longwords(0x80000088, 0x80000088)


def _two_blocks(host: Host) -> None:
    host.start_online()
    require(host.steps[0] & 0x0040, "mapped buffers (MP of step 1)")
    host.write_disk(300, pattern(300))
    host.write_disk(301, pattern(301))
    host.write(PAGE_TABLE, ONE_PAGE_TWICE)


@clause("2.3", Need.WHOLE_MSCP, changes_data=True)
def a_read_whose_memory_differs_afterwards_ends_with_0007(host: Host) -> None:
    _two_blocks(host)
    end = host.transfer(0x21, 300, 1024, address=0x80000000, pte_base=PAGE_TABLE, modifiers=0x4000)
    expect("status", end.status, 0x0007)
    expect("byte count, up to the word that differs", end.byte_count & ~3, 0)


@clause("2.3", Need.WHOLE_MSCP, changes_data=True)
def without_compare_nobody_looks(host: Host) -> None:
    _two_blocks(host)
    end = host.transfer(0x21, 300, 1024, address=0x80000000, pte_base=PAGE_TABLE)
    expect("status", end.status, 0)


@clause("2.4", Need.WHOLE_MSCP, changes_data=True)
def the_unit_flag_cmprd_compares_all_reads(host: Host) -> None:
    _two_blocks(host)
    host.ask(0x0A, parameters=words(0, 0x0001) + bytes(20))
    end = host.transfer(0x21, 300, 1024, address=0x80000000, pte_base=PAGE_TABLE)
    expect("status", end.status, 0x0007)


@clause("2.4", Need.WHOLE_MSCP, changes_data=True)
def the_unit_flag_cmpwr_does_not_compare_reads(host: Host) -> None:
    _two_blocks(host)
    host.ask(0x0A, parameters=words(0, 0x0002) + bytes(20))
    end = host.transfer(0x21, 300, 1024, address=0x80000000, pte_base=PAGE_TABLE)
    expect("status", end.status, 0)


@clause("2.4", Need.WHOLE_MSCP, changes_data=True)
def writes_under_cmpwr_succeed(host: Host) -> None:
    host.start()
    host.online(flags=0x0002)
    host.write_disk(302, pattern(302, 1536))
    expect("the blocks", host.read_disk(302, 1536), pattern(302, 1536))


@clause("2.3", Need.WHOLE_MSCP, changes_data=True)
def a_partial_block_is_compared_up_to_the_count(host: Host) -> None:
    host.start_online()
    host.write(DATA, pattern(5))
    end = host.transfer(0x22, 303, 100, modifiers=0x4000)
    expect("status", end.status, 0)
    expect("byte count", end.byte_count, 100)
