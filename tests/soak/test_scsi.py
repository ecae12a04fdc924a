"""Some thousands of the bad input that `python -m tests.soak.scsi` plays by the million."""

import tracemalloc

import pytest

from tests.soak.scsi import PROFILE_NAMES, play_cdbs, play_pdus


@pytest.mark.parametrize("name", PROFILE_NAMES)
def test_any_command_gets_one_answer_whoever_asks_and_whatever_came_before(name: str) -> None:
    seen = play_cdbs(name, 4000, seed=1)
    assert seen[0x00] > 100
    assert seen[0x02] > 1000


def test_any_pdu_is_answered_or_ends_its_session_and_others_go_on() -> None:
    seen = play_pdus(4000, seed=1)
    assert {0x20, 0x21, 0x22, 0x24, 0x26, 0x3F} <= set(seen)  # each kind of answer there is


def test_what_bad_input_leaves_behind_is_bounded() -> None:
    play_cdbs("DISK", 500, seed=2)
    play_pdus(500, seed=2)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        play_cdbs("DISK", 1000, seed=2)
        play_pdus(1000, seed=2)
        left = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert left < 2 << 20  # one unit's medium and caches; not the sum of all that came
