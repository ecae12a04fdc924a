"""The SCRIPTS assembler: NCR's source language to words, patches and a listing.

(53C8xx programming guide, "SCRIPTS instruction set"; spec "SCSI", SCRIPTS instruction encoding.)  Two passes.  One
statement a line, comments behind `;`, keywords in any case, symbols as written.

    ARCH 810                          which chip; 810 has no LOAD and STORE
    ABSOLUTE name = value, ...        numbers that source and host agree on
    EXTERNAL name, ...                addresses the loader knows
    RELATIVE base name = offset, ...  places from an external base; the base is declared by this
    ENTRY label, ...                  labels the host may start at; PROC label: is one too
    label:
    DATA value, ...                   longwords; our own addition

    SELECT [ATN] id | FROM entry, alternate         WAIT RESELECT alternate         WAIT DISCONNECT
    SET | CLEAR  ACK [AND] ATN [AND] CARRY [AND] TARGET
    MOVE count, [PTR] address, WHEN phase           MOVE FROM entry, WHEN phase     CHMOV likewise
    MOVE value | reg | SFBR [op value | SFBR] TO reg | SFBR [WITH CARRY]        op: + - & | ^ AND OR XOR SHL SHR
    MOVE MEMORY [NO FLUSH] count, source, destination
    LOAD | STORE [NO FLUSH] reg, count, address | DSAREL(offset)
    JUMP | CALL address [, condition]    RETURN [, condition]    INT | INTFLY value [, condition]    NOP
    condition: IF | WHEN [NOT] phase | CARRY | value [AND MASK value] | phase AND value ..., with NOT phase OR value ...

An address is an expression of labels, externals and numbers, or REL(label) for a displacement from the next
instruction.  PASS(name) is an external without declaration.  Table entries are offsets from DSA.
"""

# DEVIATION: no target role (RESELECT, DISCONNECT, WAIT SELECT), no IF ATN, no structures of TABLE.

from collections.abc import Callable
from dataclasses import dataclass, field

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
    IO_OR_REGISTER,
    LOAD,
    LOAD_STORE,
    MEMORY_MOVE,
    MOVE,
    NO_FLUSH,
    ON_THE_FLY,
    OPERATION_SHIFT,
    OPERATOR,
    PHASE_SHIFT,
    REG,
    REGISTER_SHIFT,
    RELATIVE,
    RELATIVE_ALTERNATE,
    SELECT_FROM_TABLE,
    SELECT_WITH_ATN,
    STORE_NO_FLUSH,
    TABLE_INDIRECT,
    TEST_CARRY,
    TRANSFER,
    TRANSFER_CONTROL,
    USE_SFBR,
    WAIT_PHASE,
)
from emu.wire.scripts_image import ScriptsImage
from emu.wire.scripts_source import (
    ARCHITECTURES,
    LATCHES,
    OPERATORS,
    PHASES,
    REGISTERS,
    AssemblyError,
    SourceReader,
    Value,
)


@dataclass(frozen=True, slots=True)
class Program:
    """What one source gives."""

    image: ScriptsImage
    labels: dict[str, int]
    listing: str


@dataclass(slots=True)
class _Line:
    number: int
    text: str
    offset: int
    words: list[int] = field(default_factory=list)


def assemble(source: str, name: str) -> Program:
    """Assemble one source; `name` is for messages.

    Raises:
        AssemblyError: a line is wrong.
    """
    return _Assembler(source, name).assemble()


class _Assembler(SourceReader):
    """One source on its way through two passes; in the first, unknown labels are 0."""

    def __init__(self, source: str, name: str) -> None:
        super().__init__(name)
        self._source = source
        self._entries: list[str] = []
        self._label_patches: list[int] = []
        self._has_load_store = False
        self._words: list[int] = []
        self._statements: dict[str, Callable[[], None]] = {
            "ARCH": self._arch,
            "ABSOLUTE": self._absolute,
            "EXTERNAL": self._external,
            "RELATIVE": self._relative,
            "ENTRY": self._entry,
            "DATA": self._data,
            "SELECT": self._select,
            "WAIT": self._wait,
            "SET": lambda: self._latch(IO.SET),
            "CLEAR": lambda: self._latch(IO.CLEAR),
            "MOVE": self._move,
            "CHMOV": lambda: self._block_move(0),
            "LOAD": lambda: self._load_store(LOAD),
            "STORE": lambda: self._load_store(0),
            "JUMP": lambda: self._transfer(TRANSFER.JUMP),
            "CALL": lambda: self._transfer(TRANSFER.CALL),
            "RETURN": lambda: self._transfer(TRANSFER.RETURN),
            "INT": lambda: self._transfer(TRANSFER.INT),
            "INTFLY": lambda: self._transfer(TRANSFER.INT, ON_THE_FLY),
            "NOP": lambda: self._emit(TRANSFER_CONTROL, Value(0)),
        }

    def assemble(self) -> Program:
        list(self._pass())
        self._is_final = True
        self._words, self._label_patches = [], []
        self._externals = {name: [] for name in self._externals}
        lines = list(self._pass())
        for entry in self._entries:
            if entry not in self._labels:
                raise AssemblyError(f"{self._name}: ENTRY {entry} is no label")
        image = ScriptsImage(
            words=tuple(self._words),
            label_patches=tuple(self._label_patches),
            externals={name: tuple(patches) for name, patches in self._externals.items() if patches},
            entries={entry: self._labels[entry] for entry in dict.fromkeys(self._entries)},
            constants=dict(self._constants),
        )
        return Program(image, dict(self._labels), "".join(_print(line) for line in lines))

    def _pass(self) -> list[_Line]:
        lines = []
        for number, text in enumerate(self._source.splitlines(), 1):
            self._line = number
            line = _Line(number, text, len(self._words) * 4)
            self._tokens = self._tokenize(text.partition(";")[0])
            self._statement()
            if self._tokens:
                raise self._error(f"{self._tokens[0]} is too much")
            line.words = self._words[line.offset // 4 :]
            lines.append(line)
        return lines

    def _statement(self) -> None:
        tokens = self._tokens
        if tokens and tokens[0].upper() == "PROC":
            tokens.pop(0)
            if tokens:
                self._entries.append(tokens[0])
        while len(tokens) > 1 and tokens[1] == ":":
            label = tokens.pop(0)
            tokens.pop(0)
            if not self._is_final and (label in self._labels or label in self._constants):
                raise self._error(f"{label} is defined twice")
            self._labels[label] = len(self._words) * 4
        if tokens:
            word = tokens.pop(0)
            statement = self._statements.get(word.upper())
            if statement is None:
                raise self._error(f"{word} is no instruction")
            statement()

    # ---- output

    def _emit(self, *values: int | Value) -> None:
        for value in values:
            number = value if isinstance(value, int) else self._note_patch(value)
            self._words.append(number & 0xFFFF_FFFF)

    def _note_patch(self, value: Value) -> int:
        """Have the next word patched by the loader if it is an address."""
        if value.is_label:
            self._label_patches.append(len(self._words))
        elif value.external is not None:
            self._externals[value.external].append(len(self._words))
        return value.number

    def _emit_jump(self, first: int, target: Value, is_relative: bool, relative_bit: int) -> None:
        if is_relative:
            if self._is_final and not target.is_label:
                raise self._error("REL wants a label")
            displacement = target.number - (len(self._words) * 4 + 8)
            self._emit(first | relative_bit, displacement & COUNT_MASK)
        else:
            self._emit(first, target)

    # ---- declarations

    def _arch(self) -> None:
        chip = self._take()
        while self._tokens:  # 810A is two tokens
            chip += self._take()
        if chip.upper() not in ARCHITECTURES:
            raise self._error(f"{chip} is no chip: known are {', '.join(ARCHITECTURES)}")
        self._has_load_store = ARCHITECTURES[chip.upper()]

    def _listed(self, take_one: Callable[[], object]) -> None:
        take_one()
        while self._accept(","):
            take_one()

    def _absolute(self) -> None:
        def one() -> None:
            name = self._symbol()
            self._expect("=")
            value = self._expression()
            if not value.is_constant:
                raise self._error(f"{name} has to be a number")
            if not self._is_final and (name in self._constants or name in self._labels):
                raise self._error(f"{name} is defined twice")
            self._constants[name] = value.number & 0xFFFF_FFFF

        self._listed(one)

    def _external(self) -> None:
        self._listed(lambda: self._externals.setdefault(self._symbol(), []))

    def _relative(self) -> None:
        base = self._symbol()
        self._externals.setdefault(base, [])

        def one() -> None:
            name = self._symbol()
            self._expect("=")
            self._places[name] = Value(self._constant(0, COUNT_MASK, "the offset"), external=base)

        self._listed(one)

    def _entry(self) -> None:
        self._listed(lambda: self._entries.append(self._symbol()))

    def _data(self) -> None:
        self._listed(lambda: self._emit(self._expression()))

    # ---- I/O

    def _select(self) -> None:
        first = IO_OR_REGISTER | IO.SELECT << OPERATION_SHIFT
        if self._accept("ATN"):
            first |= SELECT_WITH_ATN
        if self._accept("FROM"):
            first |= SELECT_FROM_TABLE | self._offset()
        else:
            first |= self._constant(0, DESTINATION_MASK, "the identifier") << DESTINATION_SHIFT
        self._expect(",")
        self._emit_jump(first, *self._address(), RELATIVE_ALTERNATE)

    def _wait(self) -> None:
        if self._accept("DISCONNECT"):
            self._emit(IO_OR_REGISTER | IO.WAIT_DISCONNECT << OPERATION_SHIFT, 0)
            return
        self._expect("RESELECT")
        first = IO_OR_REGISTER | IO.WAIT_RESELECT << OPERATION_SHIFT
        self._emit_jump(first, *self._address(), RELATIVE_ALTERNATE)

    def _latch(self, operation: int) -> None:
        first = IO_OR_REGISTER | operation << OPERATION_SHIFT
        while True:
            name = self._take().upper()
            if name not in LATCHES:
                raise self._error(f"{name} cannot be set or cleared")
            first |= LATCHES[name]
            if not self._tokens:
                break
            if not self._accept("AND"):
                self._accept(",")
        self._emit(first, 0)

    # ---- moves

    def _move(self) -> None:
        if self._accept("MEMORY"):
            self._memory_move()
        elif any(token.upper() == "TO" for token in self._tokens):
            self._register_move()
        else:
            self._block_move(INITIATOR_MOVE)

    def _block_move(self, first: int) -> None:
        if self._accept("FROM"):
            target: int | Value = self._offset()
            first |= TABLE_INDIRECT
        else:
            first |= self._count()
            self._expect(",")
            if self._accept("PTR"):
                first |= INDIRECT
            target = self._expression()
        self._expect(",")
        if not self._accept("WITH"):
            self._expect("WHEN")
        self._emit(first | self._phase() << PHASE_SHIFT, target)

    def _memory_move(self) -> None:
        first = MEMORY_MOVE
        if self._accept("NO", "FLUSH"):
            first |= NO_FLUSH
        first |= self._count()
        self._expect(",")
        source = self._expression()
        self._expect(",")
        destination = self._expression()
        self._emit(first, source, destination)

    def _register_move(self) -> None:
        source = self._operand()
        operator, operand = int(OPERATOR.IMMEDIATE), 0
        word = self._take().upper()
        if word in OPERATORS:
            operator = int(OPERATORS[word])
            if operator not in (OPERATOR.SHIFT_LEFT, OPERATOR.SHIFT_RIGHT):
                operand = self._second_operand(negative=word == "-")
            elif self._tokens and self._tokens[0].upper() in REGISTERS:
                self._take()  # NCR writes the register twice: MOVE SFBR SHL SFBR TO SFBR
            self._expect("TO")
        elif word != "TO":
            raise self._error(f"{word} is no operator")
        destination = self._register()
        if self._accept("WITH", "CARRY"):
            if operator != OPERATOR.ADD:
                raise self._error("only + may be WITH CARRY")
            operator = int(OPERATOR.ADD_WITH_CARRY)
        self._emit(self._register_word(source, operator, operand, destination), 0)

    def _operand(self) -> tuple[int | None, int]:
        """Take what stands first: a register, or a number."""
        if self._tokens and self._tokens[0].upper() in REGISTERS:
            return self._register(), 0
        return None, self._byte("the value")

    def _second_operand(self, negative: bool) -> int:
        """Return bits 23 and 15-8."""
        if self._accept("SFBR"):
            if negative:
                raise self._error("SFBR cannot be subtracted")
            return USE_SFBR
        value = self._byte("the value")
        return (-value & 0xFF if negative else value) << DATA_SHIFT

    def _register_word(
        self, source: tuple[int | None, int], operator: int, operand: int, destination: int
    ) -> int:
        register, value = source
        if register is None:
            if operator != OPERATOR.IMMEDIATE:
                raise self._error("an operator wants a register on its left")
            operand = value << DATA_SHIFT
        elif operator == OPERATOR.IMMEDIATE:
            operator = int(OPERATOR.OR)  # a plain copy is OR 0
        if destination == REG.SFBR:
            move, place = MOVE.REGISTER_TO_SFBR, register or 0
        elif register == REG.SFBR:
            move, place = MOVE.SFBR_TO_REGISTER, destination
        elif register in (None, destination):
            move, place = MOVE.REGISTER_TO_REGISTER, destination
        else:
            raise self._error("a register goes to itself or to SFBR")
        return (
            IO_OR_REGISTER
            | int(move) << OPERATION_SHIFT
            | operator << PHASE_SHIFT
            | place << REGISTER_SHIFT
            | operand
        )

    def _load_store(self, first: int) -> None:
        if not self._has_load_store:
            raise self._error("this chip has no LOAD and STORE: say so by ARCH")
        first |= LOAD_STORE
        if self._accept("NO", "FLUSH"):
            first |= STORE_NO_FLUSH
        first |= self._register() << REGISTER_SHIFT
        self._expect(",")
        first |= self._constant(1, 4, "the count")
        self._expect(",")
        if self._accept("DSAREL"):
            self._expect("(")
            self._emit(first | DSA_RELATIVE, self._offset())
            self._expect(")")
        else:
            self._emit(first, self._expression())

    # ---- transfer control

    def _transfer(self, operation: int, bits: int = 0) -> None:
        first = TRANSFER_CONTROL | operation << OPERATION_SHIFT | bits
        target, is_relative = Value(0), False
        if operation == TRANSFER.INT:
            target = Value(0) if bits and not self._tokens else self._expression()
        elif operation != TRANSFER.RETURN:
            target, is_relative = self._address()
        first |= self._condition() if self._accept(",") else IF_TRUE
        self._emit_jump(first, target, is_relative, RELATIVE)

    def _condition(self) -> int:
        bits = IF_TRUE
        if self._accept("WHEN"):
            bits |= WAIT_PHASE
        else:
            self._expect("IF")
        if self._accept("NOT"):
            bits &= ~IF_TRUE
        if self._accept("CARRY"):
            return bits | TEST_CARRY
        if self._tokens and self._tokens[0].upper() in PHASES:
            bits |= COMPARE_PHASE | self._phase() << PHASE_SHIFT
            # Both compares together hold or do not: NOT (phase AND data) is NOT phase OR NOT data.
            if not self._accept("AND" if bits & IF_TRUE else "OR"):
                return bits
        bits |= COMPARE_DATA | self._byte("the data")
        if self._accept("AND", "MASK"):
            bits |= self._byte("the mask") << COMPARE_MASK_SHIFT
        return bits


def _print(line: _Line) -> str:
    words = " ".join(f"{word:08X}" for word in line.words[:3])
    where = f"{line.offset:04X}" if line.words else ""
    printed = f"{where:4} {words:26} {line.number:4} {line.text}".rstrip() + "\n"
    for index in range(3, len(line.words), 3):
        more = " ".join(f"{word:08X}" for word in line.words[index : index + 3])
        printed += f"{line.offset + 4 * index:04X} {more}\n"
    return printed
