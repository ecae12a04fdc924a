"""The replacement control table, and REPLACE where the host replaces bad blocks.  Numbers are the spec's."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.media.faulty import BadBlocks, FaultyDevice, Hold
from emu.media.memory import MemoryDevice
from tests.dumb_host import (
    DATA,
    DumbHost,
    byte_count,
    extent,
    longword,
    longwords,
    make_controller,
    status,
    words,
)

BLOCKS, RCT_BLOCKS, RCT_COPIES, RBNS = 1000, 4, 7, 200
BBLKR = 0x80


def replacing(rule: object = None, firmware: str = "kda50-replace") -> DumbHost:
    """Make a host with a small disk online at a controller that leaves replacement to it."""
    controller = make_controller(firmware)
    medium = MemoryDevice(BLOCKS)
    device = FaultyDevice(medium, [rule]) if rule else medium  # type: ignore[list-item]
    drive = replace(
        controller.firmware.drives["RA70"],
        block_count=BLOCKS,
        rct_size=RCT_BLOCKS,
        rct_copies=RCT_COPIES,
        rbns=RBNS,
    )
    controller.attach_unit(0, device, drive, serial=0x0102_0304_0506)
    host = DumbHost(controller)
    host.start()
    host.scc()
    assert status(host.online()) == 0
    return host


def table(host: DumbHost, block: int) -> bytes:
    """Read a block of the table, counted through all copies."""
    assert outcome(host.read(BLOCKS + block, 512)) == (0, 512)
    return bytes(host.ram.read(DATA, 512))


def outcome(end: bytes) -> tuple[int, int]:
    return status(end), byte_count(end)


def replace_block(host: DumbHost, lbn: int, rbn: int = 0, modifiers: int = 1) -> bytes:
    return host.ask(0x14, 0, modifiers, longwords(rbn, 0, 0, 0, lbn))


# ---- the table


@pytest.mark.parametrize("firmware", ["kda50", "kda50-replace"])
def test_a_fresh_table_has_the_volume_serial_number_and_every_replacement_block_free(firmware: str) -> None:
    host = replacing(firmware=firmware)
    assert table(host, 0) == bytes.fromhex("06 05 04 03 00 00 00 00") + bytes(504)
    assert table(host, 1) == bytes(512)
    descriptors = table(host, 2) + table(host, 3)
    assert descriptors == bytes(4 * 200) + longwords(*[0x80000000] * 56)


def test_an_rqdx3_has_a_table_as_well() -> None:
    controller = make_controller()
    controller.attach_unit(0, MemoryDevice(41560), controller.firmware.drives["RD31"])
    host = DumbHost(controller)
    host.start()
    host.online()
    assert outcome(host.read(41562, 512)) == (0, 512)
    assert host.ram.read(DATA, 512) == bytes(400) + longwords(*[0x80000000] * 28), "100 RBNs in three blocks"
    assert status(host.read(41563, 512)) == 0x1C01, "the first copy only"
    assert status(host.write(41560, 512)) == 0x1C01


def test_a_host_that_replaces_writes_the_table_and_no_other_may() -> None:
    host = replacing()
    host.ram.write(DATA, b"\xa5" * 512)
    assert outcome(host.write(BLOCKS + 1, 512, modifiers=0x4000)) == (0, 512)
    host.ram.write(DATA, bytes(512))
    assert table(host, 1) == b"\xa5" * 512
    other = replacing(firmware="kda50")
    assert status(other.write(BLOCKS + 1, 512)) == 0x1C01


def test_every_copy_is_there_for_a_host_that_replaces_and_each_is_its_own() -> None:
    host = replacing()
    last = 4 * 7 - 1
    host.ram.write(DATA, b"\x5a" * 512)
    assert outcome(host.write(BLOCKS + last, 512)) == (0, 512)
    assert table(host, last) == b"\x5a" * 512
    assert status(host.read(BLOCKS + last + 1, 512)) == 0x1C01
    assert status(host.write(BLOCKS + last + 1, 512)) == 0x1C01


@pytest.mark.parametrize("opcode", [0x21, 0x22])
@pytest.mark.parametrize("count", [0, 510, 1024])
def test_the_table_is_moved_block_by_block(opcode: int, count: int) -> None:
    assert status(replacing().transfer(opcode, BLOCKS, count)) == 0x0C01


@pytest.mark.parametrize("opcode", [0x10, 0x12, 0x20])
def test_other_transfers_do_not_reach_the_table(opcode: int) -> None:
    assert status(replacing().transfer(opcode, BLOCKS, 512)) == 0x1C01


def test_a_bad_copy_can_be_marked_with_a_forced_error() -> None:
    host = replacing()
    host.write(BLOCKS, 512, modifiers=0x1000)
    assert outcome(host.read(BLOCKS, 512)) == (0x0008, 0)
    host.write(BLOCKS, 512)
    assert outcome(host.read(BLOCKS, 512)) == (0, 512)


def test_a_table_write_from_memory_that_ends_changes_nothing() -> None:
    host = replacing()
    before = table(host, 0)
    assert outcome(host.write(BLOCKS, 512, (1 << 20) - 100)) == (0x0069, 0)
    assert table(host, 0) == before


@pytest.mark.parametrize(("flags", "wanted"), [(0, 0), (0x8000, 0x0400), (0x4000, 0x0400), (0x2080, 0)])
def test_online_tells_a_host_that_replaces_of_a_replacement_not_finished(flags: int, wanted: int) -> None:
    host = replacing()
    host.ram.write(DATA, bytes(8) + words(flags) + bytes(502))
    host.write(BLOCKS, 512)
    host.start()
    assert status(host.online()) == wanted


# ---- REPLACE


def test_a_bad_block_is_reported_replaced_written_and_read() -> None:
    host = replacing(BadBlocks([77]))
    end = host.read(70, 8192)
    assert (outcome(end), end[9], longword(end, 28)) == ((0x00E8, 7 * 512), BBLKR, 77)
    end = replace_block(host, 77)
    assert (len(end), end[8], status(end)) == (12, 0x94, 0)
    host.ram.write(DATA, bytes(range(256)) * 32)
    assert outcome(host.write(70, 8192, modifiers=0x4000)) == (0, 8192)
    host.ram.write(DATA, bytes(8192))
    end = host.read(70, 8192)
    assert (outcome(end), end[9]) == ((0, 8192), 0)
    assert host.ram.read(DATA, 8192) == bytes(range(256)) * 32
    assert outcome(host.transfer(0x12, 77, 512)) == (0, 512)
    host.read(77, 512)
    assert host.ram.read(DATA, 512) == bytes(512)


def test_a_write_that_ends_inside_a_replaced_block_fills_it_with_zeros() -> None:
    host = replacing(BadBlocks([1]))
    replace_block(host, 1)
    host.ram.write(DATA, b"\xff" * 1024)
    assert outcome(host.write(0, 1024)) == (0, 1024)
    assert outcome(host.write(0, 514)) == (0, 514)
    host.read(1, 512)
    assert host.ram.read(DATA, 512) == b"\xff" * 2 + bytes(510)


@pytest.mark.parametrize(
    ("lbn", "rbn", "wanted"),
    [(999, 199, 0), (1000, 0, 0x1C01), (0, 200, 0x0C01)],
)
def test_replace_wants_a_block_of_the_unit_and_a_replacement_block(lbn: int, rbn: int, wanted: int) -> None:
    assert status(replace_block(replacing(), lbn, rbn)) == wanted


def test_replace_wants_the_unit_online_and_not_protected() -> None:
    host = replacing()
    host.ask(0x0A, 0, 4, words(0, 0x1000) + bytes(20))
    assert status(replace_block(host, 5)) == 0x1006
    host.ask(0x08)
    assert status(replace_block(host, 5)) == 0x0004
    assert status(host.ask(0x14, 9, 0, bytes(20))) == 0x0003


def test_replace_waits_for_earlier_transfers() -> None:
    hold = Hold()
    host = replacing(hold)
    read = host.send(0x21, parameters=extent(5, 512))
    replace = host.send(0x14, 0, 0, longwords(0, 0, 0, 0, 5))
    assert host.responses() == []
    hold.release()
    assert [longword(packet, 4) for packet in host.responses()] == [read, replace]


@pytest.mark.parametrize("firmware", ["kda50", "uda50", "uda50a", "kdm70"])
def test_a_controller_that_replaces_by_itself_does_not_know_the_command(firmware: str) -> None:
    end = make_and_ask(firmware)
    assert (end[8], status(end)) == (0x80, 0x0801)


def make_and_ask(firmware: str) -> bytes:
    host = DumbHost(make_controller(firmware))
    host.start()
    return host.ask(0x14, 0, 0, bytes(20))


@pytest.mark.parametrize("firmware", ["kda50-replace", "uda50a-replace"])
def test_a_controller_that_leaves_replacement_to_the_host_shows_it_in_both_flag_words(firmware: str) -> None:
    host = replacing(firmware=firmware)
    assert host.scc()[15] & 0x80 == 0
    assert host.ask(0x03)[15] & 0x80 == 0


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    st.lists(st.integers(0, 11), max_size=4),
    st.lists(
        st.tuples(st.sampled_from([0x12, 0x22]), st.integers(0, 11), st.integers(1, 2500)),
        max_size=6,
    ),
)
def test_replaced_blocks_hold_data_as_others_do(bad: list[int], steps: list[tuple[int, int, int]]) -> None:
    host = replacing(BadBlocks(bad))
    content = bytearray(20 * 512)
    for lbn in bad:
        assert status(replace_block(host, lbn, rbn=lbn)) == 0
    for value, (opcode, lbn, half) in enumerate(steps, 1):
        count = 2 * half
        host.ram.write(DATA, bytes([value]) * count)
        assert outcome(host.transfer(opcode, lbn, count)) == (0, count)
        filled = bytes([value]) * count if opcode == 0x22 else bytes(count)
        content[512 * lbn : 512 * lbn + count + -count % 512] = filled + bytes(-count % 512)
    assert outcome(host.read(0, 20 * 512)) == (0, 20 * 512)
    assert host.ram.read(DATA, 20 * 512) == content


def test_a_drive_without_a_table_goes_online_all_the_same() -> None:
    controller = make_controller("kda50-replace")
    controller.attach_unit(0, MemoryDevice(100), controller.firmware.drives["RAUSER"].user_sized(100))
    host = DumbHost(controller)
    host.start()
    assert status(host.online()) == 0
    assert status(host.read(100, 512)) == 0x1C01
