"""SCRIPTS words back to the assembler's language.

Every instruction of an initiator comes out as a statement that `emu.wire.scripts_assembler` turns into the same
words, given the address it stands at; anything else comes out as DATA.
"""

from collections.abc import Iterator, Mapping, Sequence

from emu.wire.codes.sym53c810 import (
    COMPARE_DATA,
    COMPARE_MASK_SHIFT,
    COMPARE_PHASE,
    COUNT_MASK,
    DATA_SHIFT,
    DESTINATION_MASK,
    DESTINATION_SHIFT,
    DSA_RELATIVE,
    IF_TRUE,
    INDIRECT,
    INITIATOR_MOVE,
    IO,
    LOAD,
    LOAD_COUNT_MASK,
    MOVE,
    NO_FLUSH,
    ON_THE_FLY,
    OPERATION_MASK,
    OPERATION_SHIFT,
    OPERATOR,
    PHASE_MASK,
    PHASE_SHIFT,
    REG,
    REGISTER_MASK,
    REGISTER_SHIFT,
    RELATIVE,
    RELATIVE_ALTERNATE,
    SELECT_FROM_TABLE,
    SELECT_WITH_ATN,
    STORE_NO_FLUSH,
    TABLE_INDIRECT,
    TEST_CARRY,
    TRANSFER,
    USE_SFBR,
    WAIT_PHASE,
)
from emu.wire.scripts_source import LATCHES, PHASES, REGISTERS

_PHASES = {phase: name for name, phase in reversed(PHASES.items())}
_REGISTERS = {place: name for name, place in REGISTERS.items()}
_SYMBOLS = {
    int(OPERATOR.OR): "|",
    int(OPERATOR.XOR): "^",
    int(OPERATOR.AND): "&",
    int(OPERATOR.ADD): "+",
    int(OPERATOR.ADD_WITH_CARRY): "+",
}


def instruction_length(first: int) -> int:
    """How many longwords an instruction has."""
    return 3 if first >> 29 == 6 else 2


def disassemble(
    words: Sequence[int], address: int = 0, names: Mapping[int, str] | None = None
) -> Iterator[tuple[int, Sequence[int], str]]:
    """Yield (address, words, statement) of a program.

    names: addresses that have a name, for jumps and memory moves.
    """
    index = 0
    while index < len(words):
        length = instruction_length(words[index])
        chunk = words[index : index + length]
        place = address + 4 * index
        text = statement(chunk, place, names or {}) if len(chunk) == length else None
        if text is None:
            chunk = words[index : index + 1]
            text = f"DATA {chunk[0]:#010x}"
        yield place, chunk, text
        index += len(chunk)


def statement(words: Sequence[int], address: int, names: Mapping[int, str]) -> str | None:
    """Return one instruction as a statement; None when it is none of an initiator's."""
    first, second = words[0], words[1]
    operation = first >> OPERATION_SHIFT & OPERATION_MASK
    match first >> 30:
        case 0:
            return _block_move(first, second, names)
        case 1 if operation >= MOVE.SFBR_TO_REGISTER:
            return _register_move(first, operation) if not second else None
        case 1:
            return _io(first, second, operation, address, names)
        case 2:
            return _transfer(first, second, operation, address, names)
    if not first & 0x2000_0000:
        return _memory_move(words, names)
    return _load_store(first, second, names)


def _address(value: int, names: Mapping[int, str]) -> str:
    return names.get(value, f"{value:#x}")


def _offset(value: int) -> str:
    signed = (value & 0x7F_FFFF) - (value & 0x80_0000)
    return f"-{-signed:#x}" if signed < 0 else f"{signed:#x}"


def _target(value: int, is_relative: bool, address: int, names: Mapping[int, str]) -> str | None:
    if not is_relative:
        return _address(value, names)
    if value & ~COUNT_MASK:
        return None
    place = address + 8 + (value & 0x7F_FFFF) - (value & 0x80_0000) & 0xFFFF_FFFF
    return f"REL({_address(place, names)})"


def _block_move(first: int, second: int, names: Mapping[int, str]) -> str | None:
    word = "MOVE" if first & INITIATOR_MOVE else "CHMOV"
    phase = _PHASES[first >> PHASE_SHIFT & PHASE_MASK]
    if first & TABLE_INDIRECT:
        if first & (INDIRECT | COUNT_MASK) or second & ~COUNT_MASK:
            return None
        return f"{word} FROM {_offset(second)}, WHEN {phase}"
    if not first & COUNT_MASK:
        return None
    pointer = "PTR " if first & INDIRECT else ""
    return f"{word} {first & COUNT_MASK}, {pointer}{_address(second, names)}, WHEN {phase}"


def _io(first: int, second: int, operation: int, address: int, names: Mapping[int, str]) -> str | None:
    fields = first & 0x07FF_FFFF
    is_relative = bool(fields & RELATIVE_ALTERNATE)
    if operation == IO.SELECT:
        target = _target(second, is_relative, address, names)
        attention = "ATN " if fields & SELECT_WITH_ATN else ""
        if fields & SELECT_FROM_TABLE:
            return target and f"SELECT {attention}FROM {_offset(fields & COUNT_MASK)}, {target}"
        if fields & COUNT_MASK & ~(DESTINATION_MASK << DESTINATION_SHIFT):
            return None
        return target and f"SELECT {attention}{fields >> DESTINATION_SHIFT & DESTINATION_MASK}, {target}"
    if operation == IO.WAIT_RESELECT:
        target = _target(second, is_relative, address, names)
        return f"WAIT RESELECT {target}" if target and not fields & ~RELATIVE_ALTERNATE else None
    if second:
        return None
    if operation == IO.WAIT_DISCONNECT:
        return "WAIT DISCONNECT" if not fields else None
    latches = [name for name, bit in LATCHES.items() if fields & bit]
    if not latches or fields & ~sum(LATCHES.values()):
        return None
    return f"{'SET' if operation == IO.SET else 'CLEAR'} {' AND '.join(latches)}"


def _register_move(first: int, operation: int) -> str | None:
    operator = first >> PHASE_SHIFT & 7
    place = first >> REGISTER_SHIFT & REGISTER_MASK
    data = first >> DATA_SHIFT & 0xFF
    name = _REGISTERS.get(place)
    if name is None or first & 0xFF or place == REG.SFBR:
        return None
    source = "SFBR" if operation == MOVE.SFBR_TO_REGISTER else name
    destination = "SFBR" if operation == MOVE.REGISTER_TO_SFBR else name
    if operator == OPERATOR.IMMEDIATE:
        # One way only to write each: a number goes to a register, or to SFBR, which names no other.
        if operation == MOVE.SFBR_TO_REGISTER or first & USE_SFBR or (destination == "SFBR" and place):
            return None
        return f"MOVE {data:#04x} TO {destination}"
    if operator in (OPERATOR.SHIFT_LEFT, OPERATOR.SHIFT_RIGHT):
        if data or first & USE_SFBR:
            return None
        return f"MOVE {source} {'SHL' if operator == OPERATOR.SHIFT_LEFT else 'SHR'} TO {destination}"
    carry = " WITH CARRY" if operator == OPERATOR.ADD_WITH_CARRY else ""
    if first & USE_SFBR:
        return f"MOVE {source} {_SYMBOLS[operator]} SFBR TO {destination}{carry}" if not data else None
    if operator == OPERATOR.OR and not data:
        return (
            f"MOVE {source} TO {destination}" if source != destination else f"MOVE {source} | 0 TO {source}"
        )
    return f"MOVE {source} {_SYMBOLS[operator]} {data:#04x} TO {destination}{carry}"


def _transfer(first: int, second: int, operation: int, address: int, names: Mapping[int, str]) -> str | None:
    if operation > TRANSFER.INT or first & 0x0040_0000:
        return None
    if first == 0x8000_0000 and not second:
        return "NOP"
    condition = _condition(first)
    if condition is None:
        return None
    is_relative = bool(first & RELATIVE)
    if operation == TRANSFER.INT:
        if is_relative:
            return None
        return f"{'INTFLY' if first & ON_THE_FLY else 'INT'} {second:#x}{condition}"
    if first & ON_THE_FLY:
        return None
    if operation == TRANSFER.RETURN:
        return f"RETURN{condition}" if not second and not is_relative else None
    target = _target(second, is_relative, address, names)
    return target and f"{'CALL' if operation == TRANSFER.CALL else 'JUMP'} {target}{condition}"


def _condition(first: int) -> str | None:
    """Return the condition behind an instruction, empty when it is always done; None for odd bits."""
    used = IF_TRUE | WAIT_PHASE
    holds = bool(first & IF_TRUE)
    words = [", WHEN" if first & WAIT_PHASE else ", IF"]
    if not holds:
        words.append("NOT")
    if first & TEST_CARRY:
        words.append("CARRY")
        used |= TEST_CARRY
    else:
        if first & COMPARE_PHASE:
            used |= COMPARE_PHASE | PHASE_MASK << PHASE_SHIFT
            words.append(_PHASES[first >> PHASE_SHIFT & PHASE_MASK])
        if first & COMPARE_DATA:
            used |= COMPARE_DATA | 0xFFFF
            if first & COMPARE_PHASE:
                words.append("AND" if holds else "OR")
            words.append(f"{first & 0xFF:#04x}")
            if first >> COMPARE_MASK_SHIFT & 0xFF:
                words.append(f"AND MASK {first >> COMPARE_MASK_SHIFT & 0xFF:#04x}")
        if not first & (COMPARE_PHASE | COMPARE_DATA):
            # Nothing is compared: always, or (but for NOP) nothing one can say.
            return "" if holds and not first & (WAIT_PHASE | 0x0700_FFFF) else None
    fields = 0x0700_0000 | IF_TRUE | WAIT_PHASE | TEST_CARRY | COMPARE_DATA | COMPARE_PHASE | 0xFFFF
    return " ".join(words) if not first & fields & ~used else None


def _memory_move(words: Sequence[int], names: Mapping[int, str]) -> str | None:
    first, source, destination = words
    if first & 0x1E00_0000:
        return None
    flush = "NO FLUSH " if first & NO_FLUSH else ""
    return (
        f"MOVE MEMORY {flush}{first & COUNT_MASK}, {_address(source, names)}, {_address(destination, names)}"
    )


def _load_store(first: int, second: int, names: Mapping[int, str]) -> str | None:
    count = first & LOAD_COUNT_MASK
    name = _REGISTERS.get(first >> REGISTER_SHIFT & REGISTER_MASK)
    if name is None or not 1 <= count <= 4 or first & 0x0C80_FFF8:
        return None
    word = "LOAD" if first & LOAD else "STORE"
    flush = "NO FLUSH " if first & STORE_NO_FLUSH else ""
    if first & DSA_RELATIVE:
        if second & ~COUNT_MASK:
            return None
        return f"{word} {flush}{name}, {count}, DSAREL({_offset(second)})"
    return f"{word} {flush}{name}, {count}, {_address(second, names)}"
