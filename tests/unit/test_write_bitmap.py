"""The write bitmap: one bit, 127 blocks; sizes are the manual's."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.platform.alpha import AlphaPlatform
from drivers.shadow.state import BitmapRecord
from drivers.shadow.write_bitmap import WriteBitmap
from emu.core.clock import Scheduler
from emu.core.trace import Tracer
from emu.hw.memory.ram import Ram

RECORD = BitmapRecord(0x00010001, "DSA1:", "ALPHA1", "$1$DUA1:", 1, b"", 1, 0)
MEMORY_BYTES = 1 << 20


def make(block_count: int) -> tuple[WriteBitmap, AlphaPlatform, Ram]:
    ram = Ram(MEMORY_BYTES)
    platform = AlphaPlatform("ALPHA1", Scheduler(), ram, MEMORY_BYTES, Tracer())
    return WriteBitmap(platform, RECORD, block_count), platform, ram


@pytest.mark.parametrize(
    ("block_count", "bits", "size_bytes"),
    [
        (2_097_152, 16_514, 2_068),
        (8_388_608, 66_053, 8_260),
        (18_874_368, 148_618, 18_580),
        (37_748_736, 297_235, 37_156),
        (75_497_472, 594_469, 74_312),
        (104_857_600, 825_651, 103_208),
        (419_430_400, 3_302_602, 412_828),
    ],
)
def test_sizes_are_those_of_the_manuals_table(block_count: int, bits: int, size_bytes: int) -> None:
    bitmap, _, _ = make(block_count)
    assert (bitmap.bit_count, bitmap.size_bytes) == (bits, size_bytes)


def test_the_bits_are_bytes_of_host_memory_low_bit_first() -> None:
    bitmap, _, ram = make(20_000)
    bitmap.set_range(0, 1)
    bitmap.set_range(127 * 9, 127 * 2)
    assert bytes(ram.read(bitmap.address, 4)) == b"\x01\x06\x00\x00"


def test_a_fresh_bitmap_is_clear_whatever_memory_held() -> None:
    bitmap, platform, _ = make(20_000)
    bitmap.set_range(0, 20_000)
    address = bitmap.address
    bitmap.release()
    again = WriteBitmap(platform, RECORD, 20_000)
    assert again.address == address
    assert again.set_count == 0


def test_the_last_bit_stands_for_the_blocks_that_are_left() -> None:
    bitmap, _, _ = make(1_000)
    assert bitmap.bit_count == 8
    assert bitmap.blocks_of(7, 1) == (889, 111)
    assert bitmap.blocks_of(6, 2) == (762, 238)


writes = st.lists(st.tuples(st.integers(0, 4_999), st.integers(1, 600)), max_size=30)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(writes, st.lists(st.tuples(st.integers(0, 39), st.integers(1, 5)), max_size=5))
def test_a_bitmap_is_the_set_of_segments_written(
    extents: list[tuple[int, int]], cleared: list[tuple[int, int]]
) -> None:
    bitmap, _, _ = make(5_000)
    model: set[int] = set()
    for lbn, wanted in extents:
        count = min(wanted, 5_000 - lbn)
        bitmap.set_range(lbn, count)
        model |= {block // 127 for block in range(lbn, lbn + count)}
    for first, wanted in cleared:
        count = min(wanted, bitmap.bit_count - first)
        bitmap.clear(first, count)
        model -= set(range(first, first + count))
    assert bitmap.set_count == len(model)
    runs, bit = [], 0
    while (run := bitmap.next_run(bit)) is not None:
        runs.append(run)
        bit = sum(run)
    assert [bit for first, count in runs for bit in range(first, first + count)] == sorted(model)
    assert all(sum(one) < two[0] for one, two in pairwise(runs)), "neighbours are joined"
