"""Interrupt status, stacking, masks, abort, single step, manual start, timers."""

import pytest

from emu.core.bus import ParityError
from emu.core.trace import Event, InterruptRequested, RegisterAccess
from tests.scsi_host import PROGRAM, Board, FakeTarget

INT = 0x9808_0000
JUMP = 0x8008_0000
INTFLY = 0x9818_0000
NOP = 0x8000_0000


def board() -> Board:
    made = Board()
    made.initialise()
    return made


def test_int_stops_with_its_vector_and_reading_dstat_clears_it() -> None:
    chip = board()
    chip.run(INT, 0xA0FF)
    assert chip.line.asserted
    assert chip.read(0x14) == 0x01
    assert chip.read(0x30, 4) == 0xA0FF
    assert chip.read(0x2C, 4) == PROGRAM + 8
    assert chip.read(0x0C) == 0x84
    assert not chip.line.asserted
    assert chip.read(0x0C) == 0x80


def test_a_masked_fatal_condition_stops_scripts_without_interrupt() -> None:
    chip = board()
    chip.write(0x39, 0x00)
    chip.run(INT, 1, INT, 2)
    assert chip.read(0x30, 4) == 1
    assert not chip.line.asserted
    assert chip.read(0x14) == 0
    assert chip.read(0x0C) == 0x84


def test_irqd_keeps_the_pin_quiet_but_not_the_status() -> None:
    chip = board()
    chip.write(0x3B, 0x03)
    chip.run(INT, 1)
    assert not chip.line.asserted
    assert chip.read(0x14) == 0x01
    chip.write(0x3B, 0x01)
    assert chip.line.asserted


def test_intfly_goes_on_and_is_cleared_by_writing_one() -> None:
    chip = board()
    chip.run(INTFLY, 5, JUMP, PROGRAM + 8)
    assert chip.line.asserted
    assert chip.chip.processor.running
    assert chip.read(0x14) == 0x04
    chip.write(0x14, 0x00)
    assert chip.read(0x14) == 0x04
    chip.write(0x14, 0x04)
    assert chip.read(0x14) == 0x00
    assert not chip.line.asserted


def test_what_happens_while_something_is_pending_waits_behind_it() -> None:
    chip = board()
    chip.run(INT, 1)
    chip.write(0x01, 0x08)  # bus reset
    chip.write(0x01, 0x00)
    assert chip.read(0x14) == 0x01
    assert chip.read(0x42, 2) == 0
    assert chip.read(0x0C) == 0x84
    assert chip.line.asserted
    assert chip.read(0x14) == 0x02
    assert chip.read(0x42, 2) == 0x0002
    assert chip.read(0x14) == 0x00
    assert not chip.line.asserted


def test_both_halves_of_scsi_status_are_of_one_moment() -> None:
    chip = board()
    chip.write(0x01, 0x08)
    chip.write(0x01, 0x00)
    chip.chip.interrupts.raise_scsi(0, 0x04)  # would stand in SIST1, behind the reset
    assert chip.read(0x42, 2) == 0x0002
    assert chip.read(0x42, 2) == 0x0400


def test_an_illegal_instruction_stops_behind_itself() -> None:
    chip = board()
    chip.run(0xA008_0000, 0)
    assert chip.read(0x0C) == 0x81
    assert chip.read(0x2C, 4) == PROGRAM + 8
    assert chip.read(0x27) == 0xA0


def test_a_fetch_from_nowhere_is_a_bus_fault_at_its_address() -> None:
    chip = board()
    chip.start(0x0100_0000)
    chip.clock.run_soon()
    assert chip.read(0x0C) == 0xA0
    assert chip.read(0x28, 4) == 0x0100_0000


def test_abort_ends_a_wait_and_comes_back_until_the_bit_is_taken_away() -> None:
    chip = board()
    chip.run(0x5000_0000, PROGRAM)
    assert chip.chip.processor.waiting
    chip.write(0x14, 0x80)
    assert chip.read(0x14) == 0x81
    assert chip.read(0x0C) == 0x90
    assert chip.line.asserted
    chip.write(0x14, 0x00)
    assert chip.read(0x0C) == 0x90
    assert chip.read(0x0C) == 0x80
    assert not chip.chip.processor.running


def test_abort_gives_up_arbitration() -> None:
    chip = board()
    other = FakeTarget(chip.bus, 3)
    other.won = lambda: None  # type: ignore[method-assign]  # somebody who keeps the bus
    chip.bus.arbitrate(other, 3)
    chip.clock.run_soon()
    chip.run(0x4101_0000, PROGRAM)
    assert chip.read(0x0D) & 0x10
    chip.write(0x14, 0x80)
    assert not chip.read(0x0D) & 0x10


def test_single_step_interrupts_behind_every_instruction() -> None:
    chip = board()
    chip.write(0x3B, 0x11)
    chip.run(NOP, 0, NOP, 0, INT, 7)
    for done in (8, 16):
        assert chip.read(0x0C) == 0x88
        assert chip.read(0x2C, 4) == PROGRAM + done
        chip.write(0x3B, 0x15)  # STD
        chip.clock.run_soon()
    assert chip.read(0x0C) == 0x84


def test_manual_start_waits_for_std() -> None:
    chip = board()
    chip.write(0x38, 0x01)
    chip.run(INT, 7)
    assert not chip.line.asserted
    chip.write(0x3B, 0x05)
    chip.clock.run_soon()
    assert chip.read(0x30, 4) == 7


def test_only_the_last_byte_of_dsp_starts() -> None:
    chip = board()
    chip.load((INT, 7))
    for index in range(3):
        chip.write(0x2C + index, PROGRAM >> 8 * index & 0xFF)
        chip.clock.run_soon()
        assert not chip.line.asserted
    chip.write(0x2F, 0)
    chip.clock.run_soon()
    assert chip.line.asserted


def test_an_endless_loop_lets_time_go_on() -> None:
    chip = board()
    fired: list[int] = []
    chip.clock.call_after(10_000_000, lambda: fired.append(chip.clock.now_ns))
    chip.run(JUMP, PROGRAM)
    chip.until(lambda: bool(fired))
    assert chip.chip.processor.running
    chip.write(0x14, 0x80)
    assert not chip.chip.processor.running


class Endless(FakeTarget):
    """Says COMMAND COMPLETE to whoever selects it."""

    def selected(self, target_id: int, initiator_id: int | None) -> bool:
        self.steps = [(7, b"\0")]
        return super().selected(target_id, initiator_id)


def test_a_loop_of_selections_lets_time_go_on() -> None:
    chip = board()
    target = Endless(chip.bus, 1)
    fired: list[int] = []
    chip.clock.call_after(5_000_000, lambda: fired.append(1))
    message = (0x0F00_0001, 0x1000, 0x7C02_7F00, 0, 0x6000_0040, 0)
    chip.run(0x4001_0000, PROGRAM, *message, 0x4800_0000, 0, JUMP, PROGRAM)
    chip.until(lambda: bool(fired))
    assert chip.chip.processor.running
    assert len(target.attention) > 1000


def test_a_target_that_leaves_at_once_is_an_unexpected_disconnect() -> None:
    chip = board()
    FakeTarget(chip.bus, 1)
    chip.run(0x4001_0000, PROGRAM, 0x8E0B_0000, PROGRAM)
    assert chip.read(0x42, 2) == 0x0004
    assert chip.bus.free


@pytest.mark.parametrize(
    ("code", "microseconds"), [(1, 125), (2, 250), (4, 1_000), (0x0C, 256_000), (0x0F, 2_048_000)]
)
def test_selection_times_out_after_stime0_and_the_abort_time(code: int, microseconds: int) -> None:
    chip = board()
    chip.write(0x48, code)
    chip.run(0x4105_0000, PROGRAM + 0x100, 0x8E0B_0000, PROGRAM)  # SELECT ATN 5, then a WHEN that waits
    started_ns = chip.clock.now_ns
    chip.until(lambda: chip.line.asserted)
    assert chip.clock.now_ns - started_ns == (microseconds + 200) * 1_000
    assert chip.read(0x42, 2) == 0x0400
    assert chip.read(0x2C, 4) == PROGRAM + 16
    assert chip.bus.free


def test_without_a_selection_timer_the_chip_waits_for_ever() -> None:
    chip = board()
    chip.write(0x48, 0x00)
    chip.run(0x4105_0000, PROGRAM + 0x100, 0x8E0B_0000, PROGRAM)
    assert chip.clock.next_deadline_ns() is None
    assert chip.chip.processor.waiting


def test_the_general_purpose_timer_reports_and_scripts_go_on() -> None:
    chip = board()
    chip.write(0x41, 0x06)
    chip.write(0x49, 0x04)
    chip.run(0x5000_0000, PROGRAM)
    chip.until(lambda: chip.line.asserted)
    assert chip.clock.now_ns == 1_000_000
    assert chip.read(0x42, 2) == 0x0200
    assert chip.chip.processor.running


def test_writing_zero_stops_the_general_purpose_timer() -> None:
    chip = board()
    chip.write(0x41, 0x06)
    chip.write(0x49, 0x04)
    chip.write(0x49, 0x00)
    chip.clock.run_for(10_000_000)
    assert chip.read(0x42, 2) == 0


def test_the_handshake_timer_tells_of_a_target_that_says_nothing() -> None:
    chip = board()
    chip.write(0x48, 0x4C)
    chip.write(0x41, 0x05)
    FakeTarget(chip.bus, 1).stays = True
    chip.run(0x4101_0000, PROGRAM, 0x0F00_0001, 0x1000)
    chip.until(lambda: chip.line.asserted)
    assert chip.clock.now_ns == 1_000_000
    assert chip.read(0x42, 2) == 0x0100
    assert chip.chip.processor.waiting


def test_start_in_scntl0_arbitrates_selects_and_completes() -> None:
    chip = board()
    target = FakeTarget(chip.bus, 2)
    target.stays = True
    chip.write(0x06, 2)
    chip.write(0x00, 0xFA)
    chip.clock.run_soon()
    assert chip.bus.attention
    assert target.initiator == 7
    assert chip.read(0x01) & 0x10
    assert not chip.read(0x00) & 0x20
    assert chip.read(0x42) == 0x40  # function complete; the mask of the driver does not want it
    assert not chip.line.asserted


class BadMemory:
    """Memory with bad parity at one place."""

    distant = None

    def __init__(self, inner: object, bad: int) -> None:
        self.inner = inner
        self.bad = bad

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    def read(self, address: int, length: int) -> object:
        if address <= self.bad < address + length:
            raise ParityError(self.bad)
        return self.inner.read(address, length)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("mpee", "dstat"), [(0x08, 0xC0), (0x00, 0xA0)])
def test_bad_parity_in_host_memory_is_reported(mpee: int, dstat: int) -> None:
    made = Board(memory=lambda memory: BadMemory(memory, PROGRAM + 12))
    made.initialise()
    made.write(0x21, mpee)
    made.run(NOP, 0, NOP, 0)
    assert made.read(0x0C) == dstat
    assert made.read(0x28, 4) == PROGRAM + 12
    assert made.chip.configuration.read_register(6, 2) == 0x8300


@pytest.mark.parametrize("word", [0x0900_0004, 0x4101_0000, 0x4800_0000, 0x5000_0000])
def test_the_target_role_is_not_there(word: int) -> None:
    chip = board()
    chip.run(0x5800_0200, 0, word, 0)
    assert chip.read(0x00) & 0x01
    assert chip.read(0x0C) == 0x81
    chip.run(0x6000_0200, 0, INT, 0)
    assert not chip.read(0x00) & 0x01


def test_a_host_may_start_scripts_from_inside_the_interrupt() -> None:
    chip = board()
    vectors: list[int] = []

    def serve(vector: int) -> None:
        assert chip.read(0x0C) == 0x84
        vectors.append(chip.read(0x30, 4))
        if len(vectors) < 3:
            chip.start(PROGRAM)

    chip.line.request = serve  # type: ignore[method-assign]
    chip.run(INT, 5)
    assert vectors == [5, 5, 5]
    assert not chip.chip.processor.running


def test_a_chip_reset_while_connected_leaves_the_bus_hanging_until_a_bus_reset() -> None:
    chip = board()
    FakeTarget(chip.bus, 1, (7, b"\0"))
    chip.run(0x4001_0000, PROGRAM, 0x4800_0000, 0)
    chip.write(0x14, 0x40)
    chip.write(0x14, 0x00)
    assert not chip.bus.free
    chip.write(0x01, 0x08)
    chip.write(0x01, 0x00)
    assert chip.bus.free


def test_what_the_host_does_and_hears_can_be_seen() -> None:
    chip = board()
    seen: list[Event] = []
    chip.tracer.subscribe(seen.append)
    chip.run(INT, 5)
    chip.read(0x0C)
    chip.read(0x70)
    accesses = [
        (event.kind, event.register, event.value) for event in seen if isinstance(event, RegisterAccess)
    ]
    assert accesses == [("write", "DSP", PROGRAM), ("read", "DSTAT", 0x84), ("stray read", "0x70", 0)]
    assert [event.vector for event in seen if isinstance(event, InterruptRequested)] == [0xFF]
