"""Non-paged pool: what is given out never overlaps, and everything comes back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.platform.pool import InsufficientMemory, Pool

START, SIZE = 8192, 64 * 1024
ALIGNMENTS = st.sampled_from((1, 8, 64, 512, 4096, 8192))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("allocate"), st.integers(1, 9000), ALIGNMENTS),
        st.tuples(st.just("free"), st.integers(0, 1000), st.just(0)),
    ),
    max_size=60,
)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(STEPS)
def test_pieces_lie_apart_inside_and_aligned_and_all_of_them_come_back(
    steps: list[tuple[str, int, int]],
) -> None:
    pool = Pool(START, SIZE)
    pieces: list[tuple[int, int]] = []
    for step, number, alignment in steps:
        if step == "free":
            if pieces:
                address, _ = pieces.pop(number % len(pieces))
                pool.free(address)
            continue
        try:
            address = pool.allocate(number, alignment)
        except InsufficientMemory:
            continue
        assert address % alignment == 0
        assert address % 64 == 0
        assert address >= START
        assert address + number <= START + SIZE
        assert all(address + number <= other or other + size <= address for other, size in pieces)
        pieces.append((address, number))
        assert pool.free_bytes == SIZE - sum(-(-size // 64) * 64 for _, size in pieces)
    for address, _ in pieces:
        pool.free(address)
    assert pool.free_bytes == SIZE
    assert pool.allocate(SIZE) == START, "neighbours were joined again"


def test_the_lowest_piece_that_fits_is_taken() -> None:
    pool = Pool(0, 1024)
    first, second, third = (pool.allocate(256) for _ in range(3))
    pool.free(first)
    assert pool.allocate(512 - 256) == 0
    assert (second, third) == (256, 512)


def test_pool_that_is_empty_says_how_much_was_wanted() -> None:
    pool = Pool(0, 1024)
    with pytest.raises(InsufficientMemory, match="no 2048 contiguous bytes"):
        pool.allocate(2000)


def test_an_alignment_leaves_the_bytes_before_it_free() -> None:
    pool = Pool(64, 8192)
    assert pool.allocate(64, 4096) == 4096
    assert pool.allocate(4096 - 64) == 64


def test_nothing_is_not_allocated() -> None:
    with pytest.raises(AssertionError, match="has bytes"):
        Pool(0, 1024).allocate(0)
