"""Operating registers and configuration space, byte by byte against the data manual's tables."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.hw.sym53c810.profile import SYM53C810A, SYM53C875
from emu.hw.sym53c810.registers import REGISTERS
from tests.scsi_host import Board, FakeTarget

# offset: value after reset; every other offset up to 5F reads 00.
RESET = {
    0x00: 0xC0,
    0x07: 0x0F,
    0x0C: 0x80,
    0x0F: 0x02,
    0x19: 0xF0,
    0x1A: 0x31,  # mapped in I/O and memory space, as the board enabled both
    0x46: 0x40,
    0x47: 0x0F,
    0x4C: 0x03,
}

# offset: bits a host can change; START, STD, RST and the status registers have tests of their own.
MASKS = {
    0x00: 0xDB,
    0x01: 0xE7,
    0x02: 0x80,
    0x03: 0x77,
    0x04: 0x67,
    0x05: 0xEF,
    0x06: 0x07,
    0x07: 0x03,
    0x08: 0x00,
    0x09: 0xFF,
    0x0A: 0x00,
    0x0B: 0x00,
    0x0D: 0x00,
    0x0E: 0x00,
    0x0F: 0x00,
    **dict.fromkeys(range(0x10, 0x14), 0xFF),  # DSA
    0x18: 0xFF,
    0x19: 0x00,
    0x1A: 0x00,
    0x1B: 0x03,
    **dict.fromkeys(range(0x1C, 0x20), 0xFF),  # TEMP
    0x21: 0xFF,
    0x22: 0x18,
    0x23: 0x00,
    **dict.fromkeys(range(0x24, 0x2C), 0xFF),  # DBC, DCMD, DNAD
    **dict.fromkeys(range(0x2C, 0x2F), 0xFF),  # DSP but for its last byte
    **dict.fromkeys(range(0x30, 0x38), 0xFF),  # DSPS, SCRATCHA
    0x38: 0xFF,
    0x39: 0x7D,
    0x3A: 0xFF,
    0x3B: 0xFB,
    **dict.fromkeys(range(0x3C, 0x40), 0x00),  # ADDER
    0x40: 0xFF,
    0x41: 0x07,
    0x42: 0x00,
    0x43: 0x00,
    0x44: 0xFF,
    0x45: 0x00,
    0x46: 0x0F,
    0x47: 0xCF,
    0x48: 0xFF,
    0x49: 0x0F,
    0x4A: 0xFF,
    0x4C: 0x00,
    0x4D: 0xC0,
    0x4E: 0x9B,
    0x4F: 0xF5,
    0x50: 0x00,
    0x54: 0xFF,
    0x58: 0x00,
    **dict.fromkeys(range(0x5C, 0x60), 0xFF),  # SCRATCHB
}


@pytest.mark.parametrize("offset", range(0x60))
def test_every_register_has_its_value_after_reset(offset: int) -> None:
    assert Board().read(offset) == RESET.get(offset, 0)


@pytest.mark.parametrize(("offset", "mask"), MASKS.items())
def test_a_host_changes_exactly_the_writable_bits(offset: int, mask: int) -> None:
    board = Board()
    before = board.read(offset)
    for pattern in (0xFF, 0x00, 0x5A):
        value = pattern
        if offset == 0x00:
            value &= ~0x20  # START
        if offset == 0x01:
            value &= ~0x08  # RST
        board.write(offset, value)
        expected = before & ~mask | value & mask
        if offset == 0x20:
            expected = board.read(0x24) & 0x7F
        assert board.read(offset) == expected


def test_the_table_covers_every_declared_byte_but_those_with_tests_of_their_own() -> None:
    declared = {
        register.offset + index for register in REGISTERS.registers for index in range(register.width)
    }
    assert declared - set(MASKS) == {0x0C, 0x14, 0x20, 0x2F}


def test_longwords_and_words_are_little_endian_bytes() -> None:
    board = Board()
    board.write(0x34, 0x4433_2211, 4)
    assert [board.read(0x34 + index) for index in range(4)] == [0x11, 0x22, 0x33, 0x44]
    assert board.read(0x36, 2) == 0x4433


def test_offsets_behind_the_registers_read_zero_and_take_nothing() -> None:
    board = Board()
    board.write(0x60, 0xFF)
    board.write(0xFC, 0xFFFF_FFFF, 4)
    assert board.read(0x60, 4) == board.read(0xFC, 4) == 0


def test_dfifo_equals_the_low_bits_of_the_byte_counter_so_that_nothing_is_in_the_fifo() -> None:
    board = Board()
    board.write(0x24, 0x81)
    assert board.read(0x20) == 0x01


def test_reading_ctest2_shows_sigp_once_and_clears_it() -> None:
    board = Board()
    board.write(0x14, 0x20)
    assert board.read(0x14) == 0x20
    assert board.read(0x1A) & 0x40
    assert board.read(0x14) == 0
    assert not board.read(0x1A) & 0x40


def test_writing_zero_to_sigp_clears_it_and_the_semaphore_stays_as_written() -> None:
    board = Board()
    board.write(0x14, 0x30)
    board.write(0x14, 0x10)
    assert board.read(0x14) == 0x10


def test_software_reset_restores_registers_and_keeps_configuration_space() -> None:
    board = Board()
    board.initialise()
    board.write(0x34, 0x1234_5678, 4)
    board.write(0x14, 0x40)
    assert board.read(0x14) == 0x40
    board.write(0x14, 0x00)
    assert [board.read(offset) for offset in range(0x60)] == [RESET.get(offset, 0) for offset in range(0x60)]
    assert board.chip.configuration.read_register(0x14, 4) == 0x8000_0000


def test_nothing_starts_while_software_reset_is_held() -> None:
    board = Board()
    board.write(0x14, 0x40)
    board.run(0x9808_0000, 0x1234)
    assert board.read(0x0C) == 0x80


def test_clearing_the_fifos_leaves_no_bit_behind() -> None:
    board = Board()
    board.write(0x1B, 0x0C)
    board.write(0x4F, 0x82)
    assert board.read(0x1B) == 0
    assert board.read(0x4F) == 0x80


def test_asserting_reset_raises_the_reset_interrupt_and_shows_in_sstat0() -> None:
    board = Board()
    board.initialise()
    board.write(0x01, 0x08)
    assert board.read(0x0D) & 0x02
    assert board.line.asserted
    assert board.read(0x42, 2) == 0x0002
    board.write(0x01, 0x00)
    assert not board.read(0x0D) & 0x02
    assert not board.line.asserted


def test_two_chips_have_nothing_in_common() -> None:
    first, second = Board(), Board()
    first.write(0x34, 0xFF)
    assert second.read(0x34) == 0


# ---- configuration space


def test_configuration_space_after_reset_reads_as_the_data_manual_says() -> None:
    chip = Board().chip
    chip.configuration.write_register(4, 0, 2)
    longwords = {
        offset: chip.configuration.read_register(offset, 4) for offset in (0x00, 0x04, 0x08, 0x2C, 0x3C)
    }
    assert longwords == {
        0x00: 0x0001_1000,
        0x04: 0x0200_0000,
        0x08: 0x0100_0002,
        0x2C: 0,
        0x3C: 0x4011_01FF,
    }


@pytest.mark.parametrize(
    ("offset", "answer"), [(0x10, 0xFFFF_FF01), (0x14, 0xFFFF_FF00), (0x18, 0), (0x30, 0)]
)
def test_writing_ones_to_a_base_address_tells_its_size(offset: int, answer: int) -> None:
    configuration = Board().chip.configuration
    configuration.write_register(offset, 0xFFFF_FFFF, 4)
    assert configuration.read_register(offset, 4) == answer


def test_the_command_register_has_the_implemented_bits_only() -> None:
    configuration = Board().chip.configuration
    configuration.write_register(4, 0xFFFF, 2)
    assert configuration.read_register(4, 2) == 0x0147
    later = Board(profile=SYM53C810A).chip.configuration
    later.write_register(4, 0xFFFF, 2)
    assert later.read_register(4, 2) == 0x0157


def test_profiles_have_their_identities() -> None:
    assert Board(profile=SYM53C810A).chip.configuration.read_register(0, 4) == 0x0001_1000
    assert Board(profile=SYM53C810A).chip.configuration.read_register(8, 1) >= 0x10
    assert Board(profile=SYM53C875).chip.configuration.read_register(0, 4) == 0x000F_1000


def test_status_errors_are_set_by_failed_cycles_and_cleared_by_ones() -> None:
    board = Board()
    board.start(0x00F0_0000)
    board.clock.run_soon()
    configuration = board.chip.configuration
    assert configuration.read_register(6, 2) == 0x2200
    configuration.write_register(6, 0x2000, 2)
    assert configuration.read_register(6, 2) == 0x0200


def test_the_registers_appear_once_more_in_configuration_space() -> None:
    board = Board()
    board.chip.configuration.write_register(0xB4, 0xCAFE_F00D, 4)
    assert board.read(0x34, 4) == 0xCAFE_F00D
    assert board.chip.configuration.read_register(0x80, 1) == 0xC0


def test_scripts_stand_still_until_the_chip_may_be_a_bus_master() -> None:
    board = Board()
    board.chip.configuration.write_register(4, 3, 2)
    board.run(0x9808_0000, 0x1234)
    assert board.read(0x30, 4) == 0
    board.chip.configuration.write_register(4, 7, 2)
    board.clock.run_soon()
    assert board.read(0x30, 4) == 0x1234


@settings(derandomize=True, deadline=None, max_examples=200)
@given(
    st.lists(
        st.tuples(
            st.booleans(),
            st.integers(0, 0xFF),
            st.sampled_from((1, 2, 4)),
            st.integers(0, 0xFFFF_FFFF),
            st.booleans(),
        ),
        max_size=40,
    )
)
def test_any_access_to_any_register_is_taken_and_reset_helps(
    accesses: list[tuple[bool, int, int, int, bool]],
) -> None:
    board = Board()
    FakeTarget(board.bus, 1, (1, b"0" * 40), (7, b"\0"))
    for is_write, offset, width, value, in_configuration in accesses:
        space = board.chip.configuration if in_configuration else board.chip
        if is_write:
            space.write_register(offset, value & (1 << 8 * width) - 1, width)
        else:
            assert 0 <= space.read_register(offset, width) < 1 << 8 * width
        for _ in range(3):
            board.clock.step()
    board.write(0x14, 0x00)
    board.write(0x14, 0x40)
    board.write(0x14, 0x00)
    command = board.chip.configuration.read_register(4, 2)
    mapped = (0x20 if command & 1 else 0) | (0x10 if command & 2 else 0)
    expected = {**RESET, 0x1A: 0x01 | mapped}
    latched = board.chip.core.latched_phase  # lines, not registers: reset of the chip does not change the bus
    for offset in range(0x60):
        if offset not in (0x0B, 0x0E, 0x1A, 0x50, 0x58):
            assert board.read(offset) == expected.get(offset, 0), hex(offset)
    assert board.read(0x1A) & 0x7F == expected[0x1A]
    assert board.read(0x0E) == latched
