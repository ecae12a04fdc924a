"""Forced error: blocks that the host has marked as having no good data."""

from emu.conform.clause import clause, expect, expect_that
from emu.conform.host import DATA, Host
from emu.conform.numbers import pattern
from emu.conform.target import Need

FORCED = 0x1000


def _marked(host: Host, lbn: int = 200, blocks: int = 1) -> None:
    """Blocks 190 to 209 have a pattern, one or some of them a forced error too."""
    host.start_online()
    host.write_disk(190, pattern(190, 20 * 512))
    host.write_disk(lbn, pattern(lbn, 512 * blocks), modifiers=FORCED)


@clause("2.14", Need.WHOLE_MSCP, changes_data=True)
def a_block_written_with_force_error_reads_with_0008(host: Host) -> None:
    _marked(host)
    end = host.transfer(0x21, 200)
    expect("status", end.status, 0x0008)
    expect("byte count", end.byte_count, 0)


@clause("2.14", Need.WHOLE_MSCP, changes_data=True)
def the_write_itself_succeeds(host: Host) -> None:
    host.start_online()
    end = host.write_disk(200, pattern(1), modifiers=FORCED)
    expect("byte count", end.byte_count, 512)
    expect("end flags", end.flags, 0)


@clause("2.14", Need.WHOLE_MSCP, changes_data=True)
def access_finds_a_forced_error(host: Host) -> None:
    _marked(host)
    end = host.transfer(0x10, 198, 4 * 512)
    expect("status", end.status, 0x0008)
    expect("byte count", end.byte_count, 1024)


@clause("2.14", Need.WHOLE_MSCP, changes_data=True)
def compare_host_data_finds_a_forced_error(host: Host) -> None:
    _marked(host)
    host.write(DATA, pattern(200))
    expect("status", host.transfer(0x20, 200).status, 0x0008)


@clause("2.14", Need.WHOLE_MSCP, changes_data=True)
def a_read_counts_the_blocks_before_it(host: Host) -> None:
    _marked(host)
    for before in range(8):
        end = host.transfer(0x21, 200 - before, 10 * 512)
        expect("status", end.status, 0x0008)
        expect(f"byte count with {before} blocks before", end.byte_count, before * 512)


@clause("2.14", Need.WHOLE_MSCP, changes_data=True)
def a_read_reports_no_bad_block(host: Host) -> None:
    _marked(host)
    expect("end flag BBLKR", host.transfer(0x21, 200).flags & 0x80, 0)


@clause("2.14", Need.WHOLE_MSCP, changes_data=True)
def a_plain_write_takes_the_mark_away(host: Host) -> None:
    _marked(host)
    host.write_disk(200, pattern(3))
    expect("the block", host.read_disk(200), pattern(3))


@clause("2.14", Need.WHOLE_MSCP, changes_data=True)
def only_the_blocks_of_the_write_are_marked(host: Host) -> None:
    _marked(host, 200, 2)
    for lbn in (199, 202):
        expect(f"status of READ of block {lbn}", host.transfer(0x21, lbn).status, 0)
    for lbn in (200, 201):
        expect(f"status of READ of block {lbn}", host.transfer(0x21, lbn).status, 0x0008)


@clause("2.14", Need.WHOLE_MSCP, changes_data=True)
def a_plain_write_in_the_middle_leaves_marks_on_both_sides(host: Host) -> None:
    _marked(host, 200, 5)
    host.write_disk(202, pattern(4))
    statuses = [host.transfer(0x21, lbn).status for lbn in range(199, 206)]
    expect("statuses of blocks 199 to 205", statuses, [0, 8, 8, 0, 8, 8, 0])


@clause("3.12", Need.WHOLE_MSCP, changes_data=True)
def erase_with_force_error_marks_its_blocks(host: Host) -> None:
    host.start_online()
    host.write_disk(200, pattern(200, 1536))
    expect("status", host.transfer(0x12, 201, modifiers=FORCED).status, 0)
    statuses = [host.transfer(0x21, lbn).status for lbn in (200, 201, 202)]
    expect("statuses of blocks 200 to 202", statuses, [0, 8, 0])


@clause("3.12", Need.WHOLE_MSCP, changes_data=True)
def a_plain_erase_takes_the_mark_away(host: Host) -> None:
    _marked(host)
    host.transfer(0x12, 200)
    expect("the block", host.read_disk(200), bytes(512))


@clause("2.14", Need.WHOLE_MSCP, changes_data=True)
def the_mark_is_kept_over_an_initialisation(host: Host) -> None:
    _marked(host)
    host.start_online()
    expect("status", host.transfer(0x21, 200).status, 0x0008)


@clause("2.14", Need.WHOLE_MSCP, Need.LOADING, changes_data=True)
def the_mark_stays_on_the_medium(host: Host) -> None:
    _marked(host)
    host.operator.unload(host.facts.scratch)
    host.operator.load(host.facts.scratch)
    host.online()
    expect("status", host.transfer(0x21, 200).status, 0x0008)


@clause(
    "2.14",
    Need.WHOLE_MSCP,
    changes_data=True,
    open_question="whether the data of a marked block is delivered",
)
def the_data_of_a_marked_block_is_delivered_all_the_same(host: Host) -> None:
    _marked(host)
    host.write(DATA, bytes(512))
    host.transfer(0x21, 200)
    expect("the buffer", host.read(DATA, 512), pattern(200))


@clause("2.14", Need.WHOLE_MSCP, changes_data=True)
def a_forced_error_is_not_logged(host: Host) -> None:
    """Nothing went wrong: the host has said so itself."""
    host.start(0x0010)
    host.online()
    host.write_disk(200, pattern(1), modifiers=FORCED)
    end = host.transfer(0x21, 200)
    expect("end flag ERLOG", end.flags & 0x20, 0)
    expect_that(not host.logs(), "no error log was sent")


@clause("2.14", Need.WHOLE_MSCP, Need.SECOND_HOST, changes_data=True)
def another_host_sees_the_mark(host: Host) -> None:
    other = host.second_host()
    _marked(host)
    other.start_online()
    expect("status", other.transfer(0x21, 200).status, 0x0008)
