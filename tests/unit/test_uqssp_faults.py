"""Fatal codes that no host causes, the init sequence given up, and what step 4 offers.  Numbers are the spec's."""

from dataclasses import replace

import pytest

from emu.core.chance import Chance
from emu.core.clock import MILLISECOND_NS, SECOND_NS
from emu.hw.firmware import Behaviour
from emu.hw.uqssp.board import DiesRunning, DiesStarting, FailsSelfTest, random_board
from emu.shells.firmware_files import load_firmware
from tests.dumb_host import RING_BASE, SA, DumbHost, longwords, make_controller, status, words

SELF_TEST = [3, 4, 5, 12, 18]
RUNNING = [4, 5, 8, 11, 13, 15, 16, 17, 475, 476, 477, 478]


@pytest.mark.parametrize("code", SELF_TEST)
def test_a_self_test_that_fails_shows_its_code_in_place_of_step_1(code: int) -> None:
    host = DumbHost(make_controller())
    host.port.board = FailsSelfTest(code)
    for _ in range(2):
        assert host.reset() == 0x8000 | code
    assert host.write_sa(0x8000) == 0x8000 | code, "nothing but another init helps"


def test_a_self_test_may_succeed_at_the_second_try() -> None:
    host = DumbHost(make_controller())
    host.port.board = FailsSelfTest(18, times=1)
    assert [host.reset(), host.reset()] == [0x8012, 0x0B40]


@pytest.mark.parametrize("code", RUNNING)
def test_a_board_that_dies_running_shows_its_code_and_tells_it_once_more_when_asked(code: int) -> None:
    host = DumbHost(make_controller())
    host.port.board = DiesRunning(code, 5 * MILLISECOND_NS)
    host.start()
    assert status(host.scc()) == 0
    interrupts = len(host.line.requests)
    host.run(5 * MILLISECOND_NS)
    assert host.sa() == 0x8000 | code
    assert len(host.line.requests) == interrupts + 1
    host.start(last_fail=True)
    host.run(5 * MILLISECOND_NS)  # the slots came after GO
    packet = host.take()
    assert packet is not None
    assert packet[:4] == bytes.fromhex("18 00 10 FF")
    assert packet[26:28] == words(code)
    host.run(SECOND_NS)
    assert host.sa() == 0, "it dies once"


def test_a_reset_before_its_time_saves_the_board_until_the_next_go() -> None:
    host = DumbHost(make_controller())
    host.port.board = DiesRunning(13, 20 * MILLISECOND_NS)
    host.start()
    host.run(19 * MILLISECOND_NS)
    host.start()
    host.run(19 * MILLISECOND_NS)
    assert host.sa() == 0
    host.run(MILLISECOND_NS)
    assert host.sa() == 0x800D


def test_a_board_may_die_in_the_midst_of_the_init_sequence_and_be_sound_after_that() -> None:
    host = DumbHost(make_controller())
    host.port.board = DiesStarting(13, 3 * MILLISECOND_NS, times=2)
    for _ in range(2):
        assert host.reset() == 0x0B40
        host.run(3 * MILLISECOND_NS)
        assert host.sa() == 0x800D
    host.start()
    host.run(SECOND_NS)
    assert host.sa() == 0


def test_a_port_that_hangs_shows_nothing_of_it_and_answers_again_after_another_init() -> None:
    host = DumbHost(make_controller())
    host.start()
    assert status(host.scc()) == 0
    interrupts = len(host.line.requests)
    host.port.hang()
    host.send(0x03)
    host.run(100 * SECOND_NS)
    assert (host.sa(), host.take(), len(host.line.requests)) == (0, None, interrupts)
    host.start()
    assert status(host.scc()) == 0


def test_a_seed_chooses_the_failure_and_every_one_of_them_is_chosen() -> None:
    seen = set()
    for seed in range(200):
        host = DumbHost(make_controller())
        host.port.board = random_board(Chance(seed), 10 * MILLISECOND_NS)
        sa = host.reset()
        if sa == 0x0B40:
            host.start()
            host.run(10 * MILLISECOND_NS)
            sa = host.sa()
        seen.add(sa - 0x8000)
    assert seen == {*SELF_TEST, *RUNNING}


def impatient() -> DumbHost:
    firmware = load_firmware("rqdx3")
    return DumbHost(make_controller(replace(firmware, behaviour=firmware.behaviour | Behaviour.INIT_TIMEOUT)))


@pytest.mark.parametrize("steps", [[], [0x8000], [0x8000, RING_BASE], [0x8000, RING_BASE, 0]])
def test_a_controller_that_gives_up_dies_when_a_step_is_not_answered(steps: list[int]) -> None:
    host = impatient()
    host.reset()
    for step in steps:
        host.write_sa(step)
    host.run(9 * SECOND_NS)
    assert not host.sa() & 0x8000
    host.run(SECOND_NS)
    assert host.sa() == 0x8013


def test_wrap_mode_and_normal_operation_are_no_steps() -> None:
    host = impatient()
    host.reset()
    host.write_sa(0xC123)
    host.run(60 * SECOND_NS)
    assert host.sa() == 0xC123
    host.start()
    host.scc()
    host.run(60 * SECOND_NS)
    assert host.sa() == 0


def test_an_rqdx3_waits_for_its_host_for_ever() -> None:
    host = DumbHost(make_controller())
    host.reset()
    host.run(3600 * SECOND_NS)
    assert host.sa() == 0x0B40


def at_step_4() -> DumbHost:
    host = DumbHost(make_controller())
    host.reset()
    for word in (0x8000, RING_BASE, 0):
        host.write_sa(word)
    return host


def test_the_burst_may_come_before_go() -> None:
    host = at_step_4()
    assert host.write_sa(15 << 2) == 0x4133
    assert host.port.initialisation.burst == 16
    assert host.write_sa(1) == 0
    assert host.port.running


def test_a_scratchpad_is_read_from_in_front_of_the_communications_area() -> None:
    host = at_step_4()
    host.ram.write(RING_BASE - 16, words(0, 512) + longwords(0x8000))
    host.port.write_register(SA, 0x0401, 2)
    assert host.port.running
    assert host.port.initialisation.scratchpad == (0x8000, 512)


def test_a_node_name_and_special_functions_are_accepted() -> None:
    host = at_step_4()
    assert host.write_sa(0x0301) == 0
    assert host.port.running
