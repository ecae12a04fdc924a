"""Some thousands of the bad input that `python -m tests.soak.scsi` plays by the million."""

import tracemalloc
from random import Random

import pytest

from tests.soak.scsi import PROFILE_NAMES, Storm, play_cdbs, play_pdus
from tests.unit.iscsi_initiator import read_10, write_10


@pytest.mark.parametrize("name", PROFILE_NAMES)
def test_any_command_gets_one_answer_whoever_asks_and_whatever_came_before(name: str) -> None:
    seen = play_cdbs(name, 4000, seed=1)
    assert seen[0x00] > 100
    assert seen[0x02] > 1000


def test_any_pdu_is_answered_or_ends_its_session_and_others_go_on() -> None:
    seen = play_pdus(4000, seed=1)
    assert {0x20, 0x21, 0x22, 0x24, 0x26, 0x3F} <= set(seen)  # each kind of answer there is


def test_a_session_that_ends_takes_what_waited_for_its_own_tasks_along() -> None:
    storm = Storm(Random(1))
    storm.behave()
    bad = storm.bad
    for _ in range(4):  # unit attentions first
        bad.send(bad.command_pdu(bytes(6), 0x81, tag=1))
    bad.receive()
    bad.send(bad.command_pdu(write_10(0, 8), 0xA2, 4096, tag=2))  # ORDERED, and its data never comes
    bad.send(bad.command_pdu(read_10(0, 1), 0xC1, 512, tag=3))  # waits for it
    assert [pdu.opcode for pdu in bad.receive()] == [0x31]
    storm.close()


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
