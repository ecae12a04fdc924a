"""SCRIPTS instructions: literal words from the data manual, and a second, tiny processor to agree with."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.hw.sym53c810.profile import SYM53C810A
from tests.scsi_host import PROGRAM, Board, FakeTarget

INT = (0x9808_0000, 0x00DD)
STOP = (0x9808_0000, 0x00EE)
SELECT = (0x4101_0000, PROGRAM + 0x800)  # SELECT ATN 1
DATA = 0x3000

many = settings(derandomize=True, deadline=None, max_examples=150)
byte = st.integers(0, 255)
longword = st.integers(0, 0xFFFF_FFFF)


def board(profile: object = None) -> Board:
    made = Board() if profile is None else Board(profile=SYM53C810A)
    made.initialise()
    return made


def connected(*steps: tuple[int, bytes | int]) -> tuple[Board, FakeTarget]:
    made = board()
    return made, FakeTarget(made.bus, 1, *steps)


# ---- register instructions


def operate(operator: int, source: int, data: int, carry: int) -> tuple[int, int]:
    """The arithmetic unit as the manual's table has it."""
    match operator:
        case 0:
            return data, carry
        case 1:
            return (source << 1 & 0xFE) + carry, source >> 7
        case 2:
            return source | data, carry
        case 3:
            return source ^ data, carry
        case 4:
            return source & data, carry
        case 5:
            return (source >> 1) + 128 * carry, source % 2
        case 6:
            return (source + data) % 256, (source + data) // 256
    return (source + data + carry) % 256, (source + data + carry) // 256


@many
@given(st.integers(5, 7), st.integers(0, 7), byte, byte, byte, st.booleans(), st.booleans())
def test_register_instructions_do_what_the_table_says(
    operation: int, operator: int, data: int, register: int, sfbr: int, carry: bool, with_sfbr: bool
) -> None:
    chip = board(SYM53C810A)
    chip.write(0x34, register)
    first = 0x4000_0000 | operation << 27 | operator << 24 | 0x34 << 16 | data << 8
    first |= 0x0080_0000 if with_sfbr else 0
    chip.run(
        0x5800_0400 if carry else 0x6000_0400,
        0,
        0x7000_0000 | sfbr << 8,  # MOVE sfbr TO SFBR
        0,
        first,
        0,
        0x9828_0000,  # INT IF CARRY
        1,
        0x9808_0000,
        0,
    )
    source = sfbr if operation == 5 else register
    result, carried = operate(operator, source, sfbr if with_sfbr else data, int(carry))
    assert chip.read(0x30, 4) == carried
    assert chip.read(0x08) == (result if operation == 6 else sfbr)
    assert chip.read(0x34) == (register if operation == 6 else result)


def test_the_first_chip_ignores_the_bit_for_sfbr_as_second_operand() -> None:
    chip = board()
    chip.run(0x7000_FF00, 0, 0x78B4_1200, 0, *INT)
    assert chip.read(0x34) == 0x12


def test_the_printed_examples_of_register_instructions() -> None:
    chip = board()
    chip.write(0x02, 0x80)
    chip.write(0x34, 0x0F)
    chip.run(0x7C02_7F00, 0, 0x7234_0000, 0, 0x7835_A500, 0, *INT)
    assert chip.read(0x02) == 0x00
    assert chip.read(0x08) == 0x0F
    assert chip.read(0x35) == 0xA5


def test_scripts_read_ctest2_with_its_side_effect() -> None:
    chip = board()
    chip.write(0x14, 0x20)
    chip.run(0x721A_0000, 0, *INT)
    assert chip.read(0x08) & 0x40
    assert not chip.read(0x14) & 0x20


# ---- transfer control


@many
@given(
    st.integers(0, 3),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.sampled_from((1, 7)),
    byte,
    byte,
    byte,
)
def test_transfer_control_compares_as_the_table_says(
    operation: int,
    relative: bool,
    test_carry: bool,
    if_true: bool,
    compare_data: bool,
    compare_phase: bool,
    wait: bool,
    phase: int,
    mask: int,
    data: int,
    sfbr: int,
) -> None:
    chip, _ = connected((7, b"\x05"))
    here = PROGRAM + 7 * 8
    first = 0x8000_0000 | operation << 27 | phase << 24 | mask << 8 | data
    for wanted, bit in (
        (relative and operation < 2, 23),
        (test_carry, 21),
        (if_true, 19),
        (compare_data, 18),
        (compare_phase, 17),
        (wait, 16),
    ):
        first |= wanted << bit
    second = 0x40 if relative or operation == 3 else here + 0x48
    for index, scratch in enumerate(((here + 0x48) & 0xFF, (here + 0x48) >> 8 & 0xFF, 0, 0)):
        chip.write(0x1C + index, scratch)  # TEMP, for RETURN
    chip.load(INT, here + 0x48)
    chip.run(
        *SELECT,
        0x8000_0000,
        0,
        0x5800_0400,  # SET CARRY
        0,
        0x8203_0000,  # JUMP WHEN NOT COMMAND: waits for REQ and latches the phase
        PROGRAM + 0x20,
        0x7000_0000 | sfbr << 8,
        0,
        0x8000_0000,
        0,
        0x8000_0000,
        0,
        first,
        second,
        *STOP,
    )
    if test_carry:
        holds = True
    else:
        holds = True
        if compare_data:
            holds = all((sfbr ^ data) >> bit & 1 == 0 for bit in range(8) if not mask >> bit & 1)
        if compare_phase and phase != 7:
            holds = False
    acts = holds == if_true
    vector = chip.read(0x30, 4)
    if not acts:
        assert vector == 0xEE
    elif operation == 3:
        assert vector == 0x40
    else:
        assert vector == 0xDD
        assert operation != 1 or chip.read(0x1C, 4) == here + 8


def test_call_and_return() -> None:
    chip = board()
    chip.load((0x9008_0000, 0), PROGRAM + 0x100)
    chip.run(0x8808_0000, PROGRAM + 0x100, *INT)
    assert chip.read(0x1C, 4) == PROGRAM + 8
    assert chip.read(0x30, 4) == 0xDD


def test_a_relative_jump_goes_backwards_too() -> None:
    chip = board()
    chip.load(INT, PROGRAM - 8)
    chip.run(0x8088_0000, 0x00FF_FFF0)
    assert chip.read(0x30, 4) == 0xDD


# ---- memory


@many
@given(st.integers(0, 3), st.integers(1, 600), st.integers(0, 3), st.binary(min_size=16, max_size=16))
def test_memory_moves_copy_what_lies_alike_and_refuse_the_rest(
    from_low: int, count: int, to_low: int, pattern: bytes
) -> None:
    chip = board()
    data = (pattern * 40)[:count]
    chip.memory.write(0x6000 + from_low, data)
    chip.run(0xC000_0000 | count, 0x6000 + from_low, 0x7000 + to_low, *INT)
    if from_low == to_low:
        assert bytes(chip.memory.read(0x7000 + to_low, count)) == data
        assert chip.read(0x30, 4) == 0xDD
        assert chip.read(0x1C, 4) == 0x7000 + to_low  # TEMP is overwritten
    else:
        assert chip.read(0x0C) == 0x81
        assert chip.read(0x2C, 4) == PROGRAM + 12


def test_a_memory_move_reaches_the_chips_own_registers() -> None:
    chip = board()
    chip.memory.write_longword(0x6000, 0x1234_5678)
    chip.run(
        *(0xC000_0004, 0x6000, 0x8000_0034),
        *(0xC000_0002, 0x8000_0034, 0x6104),
        *(0xC000_0004, 0x8000_0034, 0x8000_005C),
        *INT,
    )
    assert chip.read(0x34, 4) == 0x1234_5678
    assert bytes(chip.memory.read(0x6104, 3)) == b"\x78\x56\x00"
    assert chip.read(0x5C, 4) == 0x1234_5678


def test_a_memory_move_to_io_space_finds_the_registers_at_base_address_0() -> None:
    chip = board()
    chip.write(0x38, 0x10)
    chip.memory.write_longword(0x6000, 0xAABB_CCDD)
    chip.run(0xC000_0004, 0x6000, 0x0001_0034, *INT)
    assert chip.read(0x34, 4) == 0xAABB_CCDD
    chip.run(0xC000_0004, 0x6000, 0x0002_0000, *INT)
    assert chip.read(0x0C) == 0x84
    assert chip.read(0x0C) == 0xA0


def test_a_memory_move_of_nothing_is_illegal() -> None:
    chip = board()
    chip.run(0xC000_0000, 0x6000, 0x7000)
    assert chip.read(0x0C) == 0x81


def test_a_memory_move_over_the_end_of_memory_is_a_bus_fault() -> None:
    chip = board()
    chip.memory.write(0x1_FFF0, b"0123456789abcdef")
    chip.run(0xC000_0020, 0x1_FFF0, 0x7000)
    assert chip.read(0x0C) == 0xA0
    assert chip.read(0x28, 4) == 0x2_0000
    assert bytes(chip.memory.read(0x7000, 16)) == b"0123456789abcdef"


@many
@given(st.integers(0, 8), st.integers(0, 3), st.integers(0, 3), st.booleans(), st.booleans())
def test_load_and_store_move_bytes_within_one_longword(
    count: int, low: int, address_low: int, load: bool, dsa_relative: bool
) -> None:
    chip = board(SYM53C810A)
    chip.write(0x10, 0x6000 + 0x100, 4)
    chip.memory.write(0x60F8, bytes(range(0x10, 0x18)))
    chip.write(0x5C, 0x4433_2211, 4)
    first = 0xE000_0000 | (0x5C + low) << 16 | count & 7 | load << 24 | dsa_relative << 28
    second = (0x00FF_FFF8 if dsa_relative else 0x60F8) + address_low
    chip.run(first, second, *INT)
    if not 1 <= count <= 4 or low + count > 4 or low != address_low:
        assert chip.read(0x0C) == 0x81
        return
    memory = bytearray(range(0x10, 0x18))
    registers = bytearray(b"\x11\x22\x33\x44")
    if load:
        registers[low : low + count] = memory[low : low + count]
    else:
        memory[low : low + count] = registers[low : low + count]
    assert bytes(chip.memory.read(0x60F8, 8)) == memory
    assert [chip.read(0x5C + index) for index in range(4)] == list(registers)


def test_the_first_chip_knows_no_load_and_store() -> None:
    chip = board()
    chip.run(0xE134_0001, 0x6000)
    assert chip.read(0x0C) == 0x81


# ---- block moves


@pytest.mark.parametrize("phase", [0, 2, 6])
def test_outbound_moves_bring_bytes_from_memory_to_the_target(phase: int) -> None:
    chip, target = connected((phase, 5), (7, b"\0"))
    chip.memory.write(DATA, b"outgo")
    chip.run(*SELECT, 0x0800_0005 | phase << 24, DATA, *INT)
    assert target.heard == [b"outgo"]
    assert chip.read(0x30, 4) == 0xDD
    assert chip.read(0x28, 4) == DATA + 5
    assert chip.read(0x54) == ord("o")


@pytest.mark.parametrize("phase", [1, 3, 7])
def test_inbound_moves_bring_bytes_to_memory_and_the_first_one_to_sfbr(phase: int) -> None:
    chip, _ = connected((phase, b"Incoming"), (7, b"\0"))
    chip.run(*SELECT, 0x0800_0008 | phase << 24, DATA, *INT)
    assert bytes(chip.memory.read(DATA, 8)) == b"Incoming"
    assert chip.read(0x08) == ord("I")
    assert chip.read(0x50) == ord("g")


def test_synchronous_data_does_not_reach_sfbr() -> None:
    chip, _ = connected((1, b"X"), (7, b"\0"))
    chip.write(0x05, 0x08)
    chip.run(*SELECT, 0x0900_0001, DATA, *INT)
    assert chip.read(0x08) == 0


def test_an_indirect_move_reads_the_address_of_the_data() -> None:
    chip, _ = connected((1, b"Y" * 4), (7, b"\0"))
    chip.memory.write_longword(0x2000, DATA + 2)
    chip.run(*SELECT, 0x2900_0004, 0x2000, *INT)
    assert bytes(chip.memory.read(DATA, 8)) == b"\0\0YYYY\0\0"


@pytest.mark.parametrize(("offset", "entry"), [(8, 0x2008), (0x00FF_FFF8, 0x1FF8)])
def test_a_table_indirect_move_takes_count_and_address_from_dsa(offset: int, entry: int) -> None:
    chip, _ = connected((1, b"Z" * 600), (7, b"\0"))
    chip.write(0x10, 0x2000, 4)
    chip.load((0xFF00_0258, DATA), entry)
    chip.run(*SELECT, 0x1900_0000, offset, *INT)
    assert bytes(chip.memory.read(DATA, 601)) == b"Z" * 600 + b"\0"


def test_a_move_of_nothing_is_illegal() -> None:
    chip, _ = connected((1, b"Z"))
    chip.run(*SELECT, 0x0900_0000, DATA)
    assert chip.read(0x0C) == 0x81


def test_chmov_is_illegal_on_a_narrow_chip() -> None:
    chip, _ = connected((1, b"Z"))
    chip.run(*SELECT, 0x0100_0001, DATA)
    assert chip.read(0x0C) == 0x81


def test_another_phase_than_wanted_is_a_mismatch_with_nothing_moved() -> None:
    chip, _ = connected((3, b"\x02"))
    chip.run(*SELECT, 0x0900_0200, DATA, *INT)
    assert chip.read(0x42, 2) == 0x0080
    assert chip.read(0x24, 4) == 0x0900_0200
    assert chip.read(0x28, 4) == DATA
    assert chip.read(0x2C, 4) == PROGRAM + 16
    assert chip.read(0x0E) & 7 == 3
    assert chip.read(0x0C) == 0x80  # the FIFO is empty


@many
@given(st.integers(1, 400), st.integers(1, 400), st.booleans(), st.integers(1, 5))
def test_a_phase_change_on_the_way_leaves_exact_counters(
    asked: int, moved: int, inbound: bool, pieces: int
) -> None:
    """Residual as an initiator computes it: DBC, as DFE is set; the address is where the next byte goes."""
    runs: list[tuple[int, bytes | int]] = []
    left = moved
    for index in range(pieces):
        length = left if index == pieces - 1 else left // 2
        if length:
            runs.append((1, b"q" * length) if inbound else (0, length))
        left -= length
    chip, target = connected(*runs, (3, b"\0"), (7, b"\0"))
    chip.memory.write(DATA, b"w" * 400)
    chip.run(*SELECT, 0x0800_0000 | inbound << 24 | asked, DATA, *INT)
    through = min(asked, moved)
    assert chip.read(0x28, 4) == DATA + through
    if moved < asked:
        assert chip.read(0x42, 2) == 0x0080
        assert chip.read(0x24, 3) == asked - moved
    elif moved == asked:
        assert chip.read(0x30, 4) == 0xDD
    if inbound:
        assert bytes(chip.memory.read(DATA, 400)) == b"q" * through + b"w" * (400 - through)
    elif moved <= asked:
        assert b"".join(target.heard) == b"w" * moved


def test_data_for_memory_that_is_not_there_stops_where_memory_ends() -> None:
    chip, _ = connected((1, b"0123456789"))
    chip.run(*SELECT, 0x0900_000A, 0x2_0000 - 4, *INT)
    assert chip.read(0x0C) == 0xA0
    assert bytes(chip.memory.read(0x2_0000 - 4, 4)) == b"0123"
    assert chip.read(0x24, 3) == 6


def test_attention_is_dropped_before_the_last_byte_of_a_message() -> None:
    chip, target = connected((6, 1), (6, 1), (6, 1), (7, b"\0"))
    chip.memory.write(DATA, b"\xc0\x20\x01")
    chip.run(*SELECT, 0x0E00_0003, DATA, *INT)
    assert b"".join(target.heard) == b"\xc0\x20\x01"
    assert target.attention == [True, True, False]


def test_acknowledge_stays_behind_a_message_until_it_is_cleared() -> None:
    chip, target = connected((7, b"\x04"), (7, b"\x00"))
    chip.run(*SELECT, 0x0F00_0001, DATA, *INT)
    assert chip.read(0x0B) == 0x40 | 0x20 | 0x08 | 7  # ACK, BSY, ATN
    assert len(target.steps) == 1
    chip.run(0x6000_0040, 0, *STOP)
    assert not target.steps
    assert chip.read(0x0B) & 0xC0 == 0x80


def test_set_atn_is_seen_by_the_target_when_acknowledge_goes() -> None:
    chip, target = connected((7, b"\x04"), (6, 1), (7, b"\0"))
    chip.run(*SELECT, 0x6000_0008, 0, 0x0F00_0001, DATA, 0x5800_0008, 0, 0x6000_0040, 0, *INT)
    assert target.attention == [True]
    assert chip.read(0x09) == 0x08


# ---- parity


def test_bad_parity_stops_behind_the_byte_and_asserts_atn() -> None:
    chip, _ = connected((1, b"0123456789"), (7, b"\0"))
    chip.bus.noise = lambda phase, length: 3 if phase == 1 else None
    chip.run(0x4001_0000, PROGRAM, 0x0900_000A, DATA, *INT)
    assert chip.read(0x42, 2) == 0x0001
    assert chip.read(0x24, 3) == 6
    assert chip.bus.attention


def test_bad_parity_is_not_looked_for_without_epc() -> None:
    chip, _ = connected((1, b"0123456789"), (7, b"\0"))
    chip.write(0x00, 0xC0)
    chip.bus.noise = lambda phase, length: 0
    chip.run(0x4001_0000, PROGRAM, 0x0900_000A, DATA, *INT)
    assert chip.read(0x30, 4) == 0xDD
    assert bytes(chip.memory.read(DATA, 10)) == b"0123456789"


# ---- selection, reselection, disconnect


def test_select_takes_its_parameters_from_the_table() -> None:
    chip, target = connected((7, b"\0"))
    target.scsi_id = 3
    chip.write(0x10, 0x2000, 4)
    chip.memory.write_longword(0x2010, 0x1303_4800)
    chip.run(0x4300_0010, PROGRAM + 0x100, *INT)
    assert target.initiator == 7
    assert [chip.read(offset) for offset in (0x03, 0x05, 0x06)] == [0x13, 0x48, 0x03]
    assert chip.read(0x02) == 0x80
    assert chip.read(0x0F) == 0x00
    assert chip.read(0x14) & 0x08
    assert chip.read(0x01) & 0x10


def test_wait_reselect_goes_on_with_the_targets_identifier() -> None:
    chip, target = connected()
    chip.run(0x5000_0000, PROGRAM + 0x100, *INT)
    target.come_back((7, b"\x80"))
    chip.clock.run_soon()
    assert chip.read(0x30, 4) == 0xDD
    assert chip.read(0x0A) == 0x81
    assert chip.read(0x02) == 0x80
    assert chip.read(0x42) == 0x10
    assert chip.read(0x08) == 0  # COM: SFBR is not overwritten by identifiers


def test_in_700_compatibility_sfbr_shows_the_identifiers() -> None:
    chip, target = connected()
    chip.write(0x3B, 0x00)
    target.come_back((7, b"\x80"))
    chip.clock.run_soon()
    assert chip.read(0x08) == 0x82


def test_sigp_sends_wait_reselect_to_its_alternate() -> None:
    chip, _ = connected()
    chip.load(STOP, PROGRAM + 0x100)
    chip.run(0x5000_0000, PROGRAM + 0x100, *INT)
    chip.write(0x14, 0x20)
    chip.clock.run_soon()
    assert chip.read(0x30, 4) == 0xEE
    assert chip.read(0x14) == 0x21


def test_an_alternate_may_be_relative() -> None:
    chip, _ = connected()
    chip.load(STOP, PROGRAM + 0x48)
    chip.write(0x14, 0x20)
    chip.run(0x5400_0000, 0x40, *INT)
    assert chip.read(0x30, 4) == 0xEE


def test_a_selection_that_loses_to_a_reselection_takes_the_alternate() -> None:
    chip, target = connected()
    chip.write(0x04, 0x45)  # identifier 5, and the target's 6 wins; it still answers as 7
    target.scsi_id = 6
    somebody = FakeTarget(chip.bus, 4)
    somebody.won = lambda: None  # type: ignore[method-assign]  # keeps the bus for a while
    chip.bus.arbitrate(somebody, 4)
    chip.clock.run_soon()
    chip.load(STOP, PROGRAM + 0x800)
    chip.run(*SELECT, *INT)
    assert chip.chip.processor.waiting
    target.come_back((7, b"\x80"))
    chip.bus.abandon(somebody)
    chip.clock.run_soon()
    assert chip.read(0x30, 4) == 0xEE
    assert chip.read(0x0A) == 0x86
    assert chip.read(0x0D) & 0x08  # arbitration lost


def test_a_chip_that_must_not_answer_is_not_reselected() -> None:
    chip, target = connected()
    chip.write(0x04, 0x07)
    target.come_back((7, b"\x80"))
    chip.clock.run_soon()
    assert chip.read(0x0A) == 0
    chip.write(0x04, 0x47)
    chip.write(0x4A, 0x40)
    assert not chip.chip.core.reselected(7, 1)


def test_a_surprising_bus_free_is_an_unexpected_disconnect() -> None:
    chip, _ = connected((7, b"\0"))
    chip.run(*SELECT, 0x0F00_0001, DATA, 0x6000_0040, 0, 0x4800_0000, 0, *INT)
    assert chip.read(0x42, 2) == 0x0004
    assert chip.read(0x0F) == 0x02
    assert not chip.read(0x14) & 0x08


def test_an_announced_bus_free_lets_wait_disconnect_go_on() -> None:
    chip, _ = connected((7, b"\0"))
    chip.run(*SELECT, 0x0F00_0001, DATA, 0x7C02_7F00, 0, 0x6000_0040, 0, 0x4800_0000, 0, *INT)
    assert chip.read(0x30, 4) == 0xDD
    assert chip.bus.free


def test_a_target_that_is_back_before_scripts_have_looked_has_left_all_the_same() -> None:
    chip, target = connected((7, b"\0"))
    target.stays = True
    chip.load(STOP, PROGRAM + 0x100)
    program = (
        0x0F00_0001,
        DATA,
        0x7C02_7F00,
        0,
        0x6000_0040,
        0,
        0x4800_0000,
        0,
        0x5000_0000,
        PROGRAM + 0x100,
    )
    chip.run(*SELECT, *program, *INT)
    assert chip.chip.processor.waiting
    target.bus.release()
    target.come_back()
    target.won()
    chip.clock.run_soon()
    assert chip.read(0x30, 4) == 0xDD
    assert chip.read(0x0A) == 0x81


def test_a_bus_reset_stops_scripts_that_wait_for_a_target() -> None:
    chip, target = connected()
    chip.run(0x5000_0000, PROGRAM)
    chip.bus.assert_reset(target, True)
    assert chip.read(0x42, 2) == 0x0002
    assert not chip.chip.processor.running


# ---- decoding is total


@many
@given(longword, longword, longword)
def test_any_three_words_end_wait_or_run_on_but_never_crash(first: int, second: int, third: int) -> None:
    chip, target = connected((1, b"0" * 40), (7, b"\0"))
    target.stays = True
    chip.load((*SELECT, first, second, third, *INT))
    chip.start()
    for _ in range(50):
        if not chip.clock.step():
            break
    processor = chip.chip.processor
    assert not processor.running or processor.waiting or chip.clock.next_deadline_ns() is not None
