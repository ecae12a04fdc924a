"""Forced errors: the modifier sets them, reading tells of them, a good write clears them.  Numbers are the spec's."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.hw.mscp.forced_error import ForcedErrors
from emu.media.faulty import BadBlocks, FaultyDevice
from emu.media.memory import MemoryDevice
from tests.dumb_host import DATA, DumbHost, byte_count, longwords, make_controller, started, status, words

FORCE, COMPARE = 0x1000, 0x4000
PATTERN = bytes(range(251)) * 9


def outcome(end: bytes) -> tuple[int, int]:
    return status(end), byte_count(end)


def marked(lbn: int = 3, blocks: int = 1) -> DumbHost:
    """Make a host whose unit has a pattern in its first four blocks, some of them with a forced error."""
    host = started()
    host.ram.write(DATA, PATTERN[:2048])
    host.write(0, 2048)
    assert outcome(host.write(lbn, 512 * blocks, DATA + 512 * lbn, modifiers=FORCE)) == (0, 512 * blocks)
    host.ram.write(DATA, bytes(4096))
    return host


def test_a_read_tells_of_a_forced_error_counts_what_is_before_and_delivers_the_block() -> None:
    host = marked(lbn=2)
    assert outcome(host.read(0, 2048)) == (0x0008, 1024)
    assert host.ram.read(DATA, 2048) == PATTERN[:1536] + bytes(512)


def test_a_forced_error_is_no_bad_block_and_not_logged() -> None:
    host = marked()
    host.scc(0x10)
    end = host.read(3, 512)
    assert (outcome(end), end[9]) == ((0x0008, 0), 0)


def test_a_read_beside_a_forced_error_is_good() -> None:
    host = marked()
    assert outcome(host.read(0, 1536)) == (0, 1536)
    assert outcome(host.read(4, 512)) == (0, 512)


@pytest.mark.parametrize("opcode", [0x10, 0x20])
def test_access_and_compare_tell_of_it_too(opcode: int) -> None:
    host = marked()
    host.ram.write(DATA, PATTERN[:2048])
    assert outcome(host.transfer(opcode, 0, 2048)) == (0x0008, 1536)


def test_a_difference_before_the_forced_error_is_found_first() -> None:
    host = marked()
    assert outcome(host.transfer(0x20, 0, 2048)) == (0x0007, 1)


def test_a_comparing_read_compares_what_is_before_it() -> None:
    assert outcome(marked().read(0, 2048, modifiers=COMPARE)) == (0x0008, 1536)


def test_memory_that_ends_before_the_forced_error_is_the_first_thing_wrong() -> None:
    host = marked()
    assert outcome(host.read(0, 2048, (1 << 20) - 700)) == (0x0069, 700)
    assert outcome(host.read(3, 1024, (1 << 20) - 700)) == (0x0008, 0)


def test_a_bad_block_before_the_forced_error_is_the_first_thing_wrong() -> None:
    host = marked()
    unit = host.controller.units[0]
    assert unit.medium is not None
    unit.medium = FaultyDevice(unit.medium, [BadBlocks([1])])
    assert outcome(host.read(0, 2048)) == (0x00E8, 512)


@pytest.mark.parametrize("opcode", [0x22, 0x12])
def test_a_write_or_erase_without_the_modifier_clears_it(opcode: int) -> None:
    host = marked()
    assert outcome(host.transfer(opcode, 3, 512)) == (0, 512)
    assert outcome(host.read(3, 512)) == (0, 512)


def test_an_erase_with_the_modifier_marks_every_block_it_touches() -> None:
    host = started()
    assert outcome(host.transfer(0x12, 10, 514, modifiers=FORCE)) == (0, 514)
    assert [status(host.read(lbn, 512)) for lbn in (9, 10, 11, 12)] == [0, 8, 8, 0]


def test_a_write_with_both_modifiers_compares_what_it_has_written() -> None:
    host = started()
    assert outcome(host.write(5, 1024, modifiers=FORCE | COMPARE)) == (0, 1024)
    assert outcome(host.read(5, 512)) == (0x0008, 0)
    assert outcome(host.write(5, 1024, modifiers=COMPARE)) == (0, 1024)
    assert outcome(host.read(5, 512)) == (0, 512)


def test_a_write_that_fails_changes_the_marks_of_what_it_has_written_only() -> None:
    host = marked(lbn=1, blocks=3)
    unit = host.controller.units[0]
    assert unit.medium is not None
    good, unit.medium = unit.medium, FaultyDevice(unit.medium, [BadBlocks([2])])
    assert outcome(host.write(0, 2048)) == (0x000B, 1024)
    unit.medium = good
    assert [status(host.read(lbn, 512)) for lbn in range(4)] == [0, 0, 8, 8]


def test_a_refused_write_changes_nothing() -> None:
    host = marked()
    host.ask(0x0A, 0, 4, words(0, 0x1000) + bytes(20))
    assert status(host.write(3, 512)) == 0x1006
    assert status(host.read(3, 512)) == 0x0008


def test_marks_outlive_available_and_initialisation() -> None:
    host = marked()
    host.ask(0x08)
    host.start()
    host.online()
    assert status(host.read(3, 512)) == 0x0008


def test_disk_copy_data_copies_forced_errors_and_clears_others() -> None:
    controller = make_controller("hbvs-shadow")
    drive = controller.firmware.drives["RAUSER"].user_sized(100)
    host = DumbHost(controller)
    host.start()
    host.scc()
    for number in (0, 1):
        controller.attach_unit(number, MemoryDevice(100), drive)
        host.online(number)
    host.write(12, 1024, modifiers=FORCE)
    host.write(40, 1024, unit=1, modifiers=FORCE)
    copy = longwords(20, 0, 0, 0, 30, 0, 0, 10) + bytes(16)  # LBN 10 to 29 of unit 0, to LBN 30 of unit 1
    assert status(host.ask(0x0D, 1, 1, copy)) == 0
    wrong = [lbn for lbn in range(100) if status(host.read(lbn, 512, unit=1))]
    assert wrong == [32, 33]


@settings(derandomize=True, deadline=None, max_examples=150)
@given(
    st.lists(
        st.tuples(st.sampled_from(["mark", "clear", "copy"]), st.integers(0, 20), st.integers(0, 6)),
        max_size=25,
    )
)
def test_extents_behave_as_a_set_of_blocks(steps: list[tuple[str, int, int]]) -> None:
    forced, other, blocks = ForcedErrors(), ForcedErrors(), bytearray(40)
    other.mark(3, 5)
    other.mark(7, 8)
    theirs = [lbn in (3, 4, 7) for lbn in range(40)]
    for what, lbn, count in steps:
        if what == "copy":
            forced.copy(lbn, lbn + count, other, 2)
            blocks[lbn : lbn + count] = bytes(theirs[2 : 2 + count])
        else:
            getattr(forced, what)(lbn, lbn + count)
            blocks[lbn : lbn + count] = bytes([what == "mark"]) * count
        assert bool(forced.starts) == any(blocks)
        for start in range(0, 28, 3):
            wanted = next((place for place in range(start, start + 5) if blocks[place]), None)
            assert forced.first(start, start + 5) == wanted
