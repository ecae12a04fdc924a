"""DISK COPY DATA: the controller copies from one of its units to another.  The command names the destination."""

from emu.conform.clause import clause, expect, expect_that
from emu.conform.host import Host, Message
from emu.conform.numbers import longwords, pattern, words
from emu.conform.target import Need


def _copy(
    host: Host, blocks: int, from_lbn: int, to_lbn: int, source: int | None = None, modifiers: int = 1
) -> Message:
    unit = host.facts.other if source is None else source
    parameters = (
        longwords(blocks) + words(unit or 0, 0) + bytes(8) + longwords(to_lbn, 0, 0, from_lbn) + bytes(16)
    )
    return host.ask(0x0D, modifiers=modifiers, parameters=parameters)


def _both_online(host: Host) -> None:
    host.start_online()
    host.online(host.facts.other)


@clause("2.16", Need.DISK_COPY_DATA, changes_data=True)
def blocks_are_copied_from_source_to_destination(host: Host) -> None:
    _both_online(host)
    host.write_disk(100, pattern(1, 2048), unit=host.facts.other)
    end = _copy(host, 4, 100, 500)
    expect("endcode", end.endcode, 0x8D)
    expect("status", end.status, 0)
    expect("the blocks", host.read_disk(500, 2048), pattern(1, 2048))


@clause("2.16", Need.DISK_COPY_DATA, changes_data=True)
def no_other_block_is_changed(host: Host) -> None:
    _both_online(host)
    host.write_disk(499, pattern(2, 6 * 512))
    _copy(host, 4, 100, 500)
    expect("the block before", host.read_disk(499), pattern(2, 6 * 512)[:512])
    expect("the block behind", host.read_disk(504), pattern(2, 6 * 512)[-512:])


@clause("2.16", Need.DISK_COPY_DATA)
def a_copy_of_no_blocks_succeeds(host: Host) -> None:
    _both_online(host)
    expect("status", _copy(host, 0, 100, 500).status, 0)


@clause("2.16", Need.DISK_COPY_DATA)
def the_destination_has_to_be_online(host: Host) -> None:
    host.start()
    host.online(host.facts.other)
    expect("status", _copy(host, 4, 100, 500).status, 0x0004)


@clause("2.16", Need.DISK_COPY_DATA)
def a_source_that_is_not_there_is_a_subcommand_error(host: Host) -> None:
    host.start_online()
    end = _copy(host, 4, 100, 500, host.facts.absent)
    expect("status, low 5 bits", end.status & 0x1F, 0x1E)
    expect("the source's bit of the status", end.status & 0x8000, 0x8000)


@clause("2.16", Need.DISK_COPY_DATA)
def a_destination_beyond_the_unit_is_invalid(host: Host) -> None:
    _both_online(host)
    size = host.online().u32(36)
    expect("status", _copy(host, 4, 100, size).status, 0x1C01)


@clause("2.16", Need.DISK_COPY_DATA)
def a_protected_destination_is_refused(host: Host) -> None:
    host.start()
    host.online(flags=0x1000, modifiers=0x0004)
    host.online(host.facts.other)
    expect("status", _copy(host, 4, 100, 500).status, 0x1006)


@clause("2.16", Need.DISK_COPY_DATA, Need.BAD_BLOCKS, changes_data=True)
def a_bad_block_of_the_source_is_the_sources_error(host: Host) -> None:
    _both_online(host)
    host.operator.spoil(host.facts.other or 0, 102)
    end = _copy(host, 4, 100, 500)
    expect("status", end.status, 0x809E)


@clause("2.16", Need.DISK_COPY_DATA, changes_data=True)
def forced_errors_are_copied(host: Host) -> None:
    """A block that is known to be wrong is no better as a copy."""
    _both_online(host)
    host.write_disk(101, pattern(3), unit=host.facts.other, modifiers=0x1000)
    _copy(host, 4, 100, 500)
    statuses = [host.transfer(0x21, lbn).status for lbn in range(500, 504)]
    expect("statuses of the copies", statuses, [0, 8, 0, 0])


@clause("2.16", Need.DISK_COPY_DATA, changes_data=True)
def a_retained_copy_path_is_told_in_the_end_flags(host: Host) -> None:
    _both_online(host)
    expect("end flag CPRET", _copy(host, 1, 100, 500, modifiers=5).flags & 0x01, 0x01)
    expect("end flag CPRET without RETCP", _copy(host, 1, 100, 500).flags & 0x01, 0)


@clause("2.9", Need.DISK_COPY_DATA, Need.HOLDING)
def a_copy_can_be_aborted(host: Host) -> None:
    _both_online(host)
    host.operator.hold(host.facts.scratch)
    parameters = (
        longwords(4) + words(host.facts.other or 0, 0) + bytes(8) + longwords(500, 0, 0, 100) + bytes(16)
    )
    copy = host.send(0x0D, modifiers=1, parameters=parameters)
    host.send(0x01, parameters=longwords(copy))
    host.operator.release(host.facts.scratch)
    end = host.answer(copy)
    expect_that(
        end.status in (0x0002, 0), f"the copy is aborted or was faster, its status is {end.status:04X}"
    )
