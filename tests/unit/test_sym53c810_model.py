"""The SCRIPTS processor against a second one, written from the data manual alone, over whole random programs.

The second one knows everything that needs no target: register moves, carry, memory moves, load and store, jumps, calls,
returns and interrupts.  What needs a target is in `test_sym53c810_scripts`.
"""

from collections import Counter
from random import Random

import pytest

from emu.hw.sym53c810.profile import SYM53C810, SYM53C810A, Profile
from tests.scsi_host import PROGRAM, Board, FakeTarget

SLOT_BYTES = 24  # an instruction of 8 or 12 bytes, and something that leads to the next slot
SLOTS = 12
MEMORY, MEMORY_BYTES = 0x6000, 0x40
SFBR, DSA, SCRATCHA, SCRATCHB, TEMP = 0x08, 0x10, 0x34, 0x5C, 0x1C
FREE = (*range(0x10, 0x14), *range(0x34, 0x38), *range(0x5C, 0x60))  # registers that are only storage
END = PROGRAM + SLOTS * SLOT_BYTES


class Manual:
    """Registers, memory and carry, and what the manual says an instruction does to them."""

    def __init__(self, memory: bytes) -> None:
        self.registers = bytearray(0x60)
        self.registers[0x10:0x14] = MEMORY.to_bytes(4, "little")
        self.memory = bytearray(memory)
        self.carry = 0
        self.dsp = PROGRAM
        self.dsps = 0
        self.flies = False
        self.dstat = 0x80

    def longword(self, register: int) -> int:
        return int.from_bytes(self.registers[register : register + 4], "little")

    def run(self, program: dict[int, int]) -> None:
        for _ in range(200):
            address = self.dsp
            first, second = program[address], program[address + 4]
            self.dsp += 8
            self.dsps = second
            if self.do(first, second, program.get(address + 8, 0)):
                return
        raise AssertionError("jumps go forwards, so a program ends")

    def do(self, first: int, second: int, third: int) -> bool:
        """Do one instruction; say whether it stops the processor."""
        top = first >> 29
        if top in (2, 3):
            self.io_or_register(first)
            return False
        if top in (4, 5):
            return self.transfer(first, second)
        if top == 6:
            return self.memory_move(first & 0xFF_FFFF, second, third)
        return self.load_or_store(first, second)

    def io_or_register(self, first: int) -> None:
        operation, operator = first >> 27 & 7, first >> 24 & 7
        if operation in (3, 4):
            if first & 0x400:
                self.carry = int(operation == 3)
            return
        place, data = first >> 16 & 0x7F, first >> 8 & 0xFF
        source = self.registers[SFBR if operation == 5 else place]
        carry, total = self.carry, 0
        if operator == 0:
            total = data
        elif operator == 1:
            self.carry, total = source >> 7, source << 1 & 0xFF | carry
        elif operator == 2:
            total = source | data
        elif operator == 3:
            total = source ^ data
        elif operator == 4:
            total = source & data
        elif operator == 5:
            self.carry, total = source & 1, source >> 1 | carry << 7
        else:
            total = source + data + (carry if operator == 7 else 0)
            self.carry, total = total >> 8, total & 0xFF
        self.registers[SFBR if operation == 6 else place] = total

    def transfer(self, first: int, second: int) -> bool:
        if first >> 21 & 1:
            true = bool(self.carry)
        elif first >> 18 & 1:
            ignored = first >> 8 & 0xFF
            true = (self.registers[SFBR] | ignored) == (first & 0xFF | ignored)
        else:
            true = True
        if true != bool(first >> 19 & 1):
            return False
        operation = first >> 27 & 7
        if operation == 2:
            self.dsp = self.longword(TEMP)
        elif operation == 3:
            if first >> 20 & 1:
                self.flies = True
                return False
            self.dstat |= 0x04
            return True
        else:
            if operation == 1:
                self.registers[TEMP : TEMP + 4] = self.dsp.to_bytes(4, "little")
            signed = (second & 0xFF_FFFF ^ 0x80_0000) - 0x80_0000
            self.dsp = self.dsp + signed if first >> 23 & 1 else second
        return False

    def memory_move(self, count: int, source: int, destination: int) -> bool:
        self.dsp += 4
        self.registers[TEMP : TEMP + 4] = destination.to_bytes(4, "little")
        if not count or source % 4 != destination % 4:
            self.dstat |= 0x01
            return True
        start, end = source - MEMORY, destination - MEMORY
        self.memory[end : end + count] = self.memory[start : start + count]
        return False

    def load_or_store(self, first: int, second: int) -> bool:
        count, place = first & 7, first >> 16 & 0x7F
        signed = (second & 0xFF_FFFF ^ 0x80_0000) - 0x80_0000
        address = self.longword(DSA) + signed if first >> 28 & 1 else second
        if not 1 <= count <= 4 or place % 4 + count > 4 or place % 4 != address % 4:
            self.dstat |= 0x01
            return True
        start = address - MEMORY
        if first >> 24 & 1:
            self.registers[place : place + count] = self.memory[start : start + count]
        else:
            self.memory[start : start + count] = self.registers[place : place + count]
        return False


PLACES = (*range(0x34, 0x38), *range(0x5C, 0x60))
Words = tuple[int, ...]


def register_move(dice: Random) -> Words:
    operation, operator = dice.randrange(5, 8), dice.randrange(8)
    first = 0x4000_0000 | operation << 27 | operator << 24
    return first | dice.choice(PLACES) << 16 | dice.randrange(256) << 8, 0


def set_or_clear_carry(dice: Random) -> Words:
    return dice.choice((0x5800_0400, 0x6000_0400)), 0


def memory_move(dice: Random) -> Words:
    """Mostly one whose addresses lie alike; never one that overlaps itself."""
    source = dice.randrange(0x14)
    destination = 0x20 + (source if dice.random() < 0.9 else dice.randrange(0x14))
    count = dice.randrange(12) if dice.random() < 0.2 else dice.randrange(1, 12)
    return 0xC000_0000 | dice.randrange(2) << 24 | count, MEMORY + source, MEMORY + destination


def load_or_store(dice: Random) -> Words:
    register = dice.choice(PLACES)
    offset = 4 * dice.randrange(14) + (register % 4 if dice.random() < 0.9 else dice.randrange(4))
    count = dice.randrange(1, 5 - register % 4) if dice.random() < 0.9 else dice.randrange(8)
    relative = dice.randrange(2)
    first = 0xE000_0000 | dice.randrange(4) << 24 | relative << 28 | register << 16 | count
    return first, offset if relative else MEMORY + offset


def transfer(dice: Random, slot: int) -> Words:
    """A jump, call, return or interrupt; what it goes to is forwards, absolute or relative."""
    operation = dice.choice((0, 0, 1, 3))
    target = PROGRAM + SLOT_BYTES * dice.randrange(slot + 1, SLOTS + 1)
    first = 0x8000_0000 | operation << 27 | dice.choice((0, 0xFF, 0xF0, dice.randrange(256))) << 8
    first |= dice.randrange(256)
    for bit in (18, 19, 21):
        first |= dice.randrange(2) << bit
    if operation == 3:
        return first | (dice.random() < 0.8) << 20, dice.randrange(1 << 32)
    if dice.randrange(2):
        return first | 1 << 23, target - (PROGRAM + SLOT_BYTES * slot + 8) & 0xFF_FFFF
    return first, target


def program(dice: Random, load_store: bool) -> dict[int, int]:
    """Twelve instructions, the words that lead from one to the next, and INT; one of them may be CALL, RETURN."""
    words: dict[int, int] = {}
    kinds = [register_move, register_move, set_or_clear_carry, memory_move]
    if load_store:
        kinds.append(load_or_store)
    for slot in range(SLOTS):
        at = PROGRAM + SLOT_BYTES * slot
        instruction = transfer(dice, slot) if dice.random() < 0.3 else dice.choice(kinds)(dice)
        rest: Words = (0x8088_0000, 4, 0) if len(instruction) == 3 else (0x8000_0000, 0, 0x8000_0000, 0)
        for index, word in enumerate((*instruction, *rest)):
            words[at + 4 * index] = word
    if dice.random() < 0.5:  # a subroutine that sets a register, and the call of it
        routine = END + 8
        for index, word in enumerate((0x7834_0000 | dice.randrange(256) << 8, 0, 0x9008_0000, 0)):
            words[routine + 4 * index] = word
        at = PROGRAM + SLOT_BYTES * dice.randrange(SLOTS) + 8
        if words[at] == 0x8000_0000:
            words[at], words[at + 4] = 0x8808_0000, routine
    words[END], words[END + 4] = 0x9808_0000, 0x00DD
    return words


def assert_alike(words: dict[int, int], memory: bytes, profile: Profile, seed: int) -> int:
    """Run a program on both; return how it ended (DSTAT)."""
    manual = Manual(memory)
    board = Board(profile=profile)
    board.initialise()
    for address, word in words.items():
        board.memory.write_longword(address, word)
    board.memory.write(MEMORY, memory)
    board.write(DSA, MEMORY, 4)
    board.start()
    board.clock.run_soon()
    manual.run(words)
    ours = {
        "DSP": board.read(0x2C, 4),
        "DSPS": board.read(0x30, 4),
        "INTF": bool(board.read(0x14) & 0x04),
        "DSTAT": board.read(0x0C),
        "carry": board.chip.processor.carry,
        "SFBR": board.read(SFBR),
        "TEMP": board.read(TEMP, 4),
        "free": bytes(board.read(register) for register in FREE),
        "memory": bytes(board.memory.read(MEMORY, MEMORY_BYTES)),
    }
    assert ours == {
        "DSP": manual.dsp,
        "DSPS": manual.dsps,
        "INTF": manual.flies,
        "DSTAT": manual.dstat,
        "carry": bool(manual.carry),
        "SFBR": manual.registers[SFBR],
        "TEMP": manual.longword(TEMP),
        "free": bytes(manual.registers[register] for register in FREE),
        "memory": bytes(manual.memory),
    }, f"seed {seed}"
    return manual.dstat


@pytest.mark.parametrize("profile", [SYM53C810, SYM53C810A], ids=lambda profile: profile.name)
def test_whole_programs_end_as_the_manual_has_them(profile: Profile) -> None:
    ends = Counter()
    for seed in range(500):
        dice = Random(seed)
        words = program(dice, load_store=profile is SYM53C810A)
        ends[assert_alike(words, dice.randbytes(MEMORY_BYTES), profile, seed)] += 1
    assert min(ends[0x84], ends[0x81]) > 50, (
        "programs end in both ways: by INT, and by an illegal instruction"
    )


# -- which words are instructions at all

ILLEGAL_ON_ANY = {
    *(opcode for opcode in range(0x40) if not opcode & 0x08),  # CHMOV
    *range(0xA0, 0xC0),
    *range(0xC2, 0xE0),
    *(opcode for opcode in range(0xE0, 0x100) if opcode & 0x0C),
}
LOAD_AND_STORE = {0xE0, 0xE1, 0xE2, 0xE3, 0xF0, 0xF1, 0xF2, 0xF3}


@pytest.mark.parametrize(
    ("profile", "illegal"),
    [(SYM53C810, ILLEGAL_ON_ANY | LOAD_AND_STORE), (SYM53C810A, ILLEGAL_ON_ANY)],
    ids=["53C810", "53C810A"],
)
def test_every_first_byte_is_an_instruction_or_is_told_to_be_none(
    profile: Profile, illegal: set[int]
) -> None:
    found = set()
    for opcode in range(256):
        board = Board(profile=profile)
        board.initialise()
        board.memory.write(MEMORY, b"\x04\0\x08\x98\0\x70\0\0")  # INT; as a table entry: bytes at 7000
        board.write(TEMP, MEMORY, 4)
        board.run(opcode << 24 | 0x34_0004, MEMORY, 0x9808_0000, 0)  # and INT, or where nothing is
        if board.read(0x0C) & 0x01:
            found.add(opcode)
    assert found == illegal


# -- forms of instructions that only differ by a bit


@pytest.mark.parametrize("first", [0x4001_0000, 0x4101_0000, 0x4401_0000, 0x4501_0000])
def test_a_selection_is_with_or_without_attention_its_alternate_absolute_or_relative(first: int) -> None:
    board = Board()
    board.initialise()
    target = FakeTarget(board.bus, 1, (7, b"\0"))
    board.run(first, 0x100, 0x9808_0000, 0xDD)
    assert target.initiator == 7
    assert board.bus.attention is bool(first & 0x0100_0000)
    assert board.read(0x30, 4) == 0xDD


@pytest.mark.parametrize(
    ("first", "alternate"), [(0x4101_0000, PROGRAM + 0x108), (0x4501_0000, 0x100), (0x4700_0008, 0x100)]
)
def test_a_chip_that_is_reselected_instead_goes_to_the_alternate(first: int, alternate: int) -> None:
    board = Board()
    board.initialise()
    board.write(DSA, MEMORY, 4)
    board.memory.write_longword(MEMORY + 8, 0x0301_0000)
    target = FakeTarget(board.bus, 1)
    target.come_back((7, b"\x80"))
    board.clock.run_soon()
    board.load((0x9808_0000, 0xAA), PROGRAM + 0x108)
    board.run(first, alternate, 0x9808_0000, 0xDD)
    assert board.read(0x30, 4) == 0xAA


def test_set_and_clear_target_change_the_role_in_scntl0() -> None:
    board = Board()
    board.initialise()
    board.run(0x5800_0200, 0, 0x9808_0000, 1)
    assert board.read(0x00) & 0x01
    board.run(0x6000_0200, 0, 0x9808_0000, 1)
    assert not board.read(0x00) & 0x01


@pytest.mark.parametrize(("first", "lines"), [(0x5800_0048, 0x48), (0x5800_0040, 0x40), (0x5800_0008, 0x08)])
def test_set_and_clear_change_acknowledge_and_attention_alone_and_together(first: int, lines: int) -> None:
    board = Board()
    board.initialise()
    FakeTarget(board.bus, 1, (7, b"\0")).stays = True
    board.run(0x4001_0000, 0, first, 0, 0x9808_0000, 1)
    assert board.read(0x09) & 0x48 == lines
    board.run(first & ~0x1800_0000 | 0x2000_0000, 0, 0x9808_0000, 1)
    assert board.read(0x09) & 0x48 == 0


# -- registers that show what is going on


def test_adder_shows_the_last_address_that_was_added_up() -> None:
    board = Board()
    board.initialise()
    board.load((0x9808_0000, 1), PROGRAM + 0x48)
    board.run(0x8088_0000, 0x40)
    assert board.read(0x3C, 4) == PROGRAM + 0x48


def test_data_lines_and_latches_show_the_byte_on_the_bus() -> None:
    board = Board()
    board.initialise()
    FakeTarget(board.bus, 1, (7, b"\x5a"), (7, b"\xa5"))
    board.run(0x4001_0000, 0, 0x0F00_0001, MEMORY, 0x9808_0000, 1)
    assert (board.read(0x50), board.read(0x58), board.read(0x08)) == (0x5A, 0x5A, 0x5A)


def test_ctest2_shows_which_way_data_goes() -> None:
    board = Board()
    board.initialise()
    FakeTarget(board.bus, 1, (1, b"in"), (0, 2), (7, b"\0"))
    board.run(0x4001_0000, 0, 0x0900_0002, MEMORY, 0x9808_0000, 1)
    assert not board.read(0x1A) & 0x80  # the target has gone on to DATA OUT
    board.run(0x0800_0002, MEMORY, 0x9808_0000, 1)
    assert board.read(0x1A) & 0x80


def test_sstat0_tells_of_arbitration_won_and_sstat2_of_a_connection() -> None:
    board = Board()
    board.initialise()
    assert board.read(0x0F) == 0x02
    FakeTarget(board.bus, 1, (7, b"\0"))
    board.run(0x4001_0000, 0, 0x9808_0000, 1)
    assert board.read(0x0D) & 0x04
    assert board.read(0x0F) == 0
    assert board.read(0x06) == 1


def test_a_selection_timeout_shows_in_sist1_and_is_gone_when_it_has_been_read() -> None:
    board = Board()
    board.initialise()
    board.run(0x4001_0000, 0, 0x4800_0000, 0)
    board.until(lambda: board.line.asserted)
    assert board.read(0x14) & 0x02
    assert board.read(0x43) == 0x04
    assert board.read(0x43) == 0
    assert not board.line.asserted
