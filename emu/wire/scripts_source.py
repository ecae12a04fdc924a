"""The words of SCRIPTS source: names, numbers, and expressions of addresses, read from one line at a time.

(53C8xx programming guide, "SCRIPTS instruction set".)
"""

import re
from dataclasses import dataclass

from emu.wire.codes.sym53c810 import (
    COUNT_MASK,
    NUMBERED_REGISTERS,
    OPERATOR,
    REG,
    SET_ACK,
    SET_ATN,
    SET_CARRY,
    SET_TARGET,
)

PHASES = {
    "DATA_OUT": 0,
    "DATA_IN": 1,
    "COMMAND": 2,
    "CMD": 2,
    "STATUS": 3,
    "RES4": 4,
    "RES5": 5,
    "MSG_OUT": 6,
    "MSG_IN": 7,
}
LATCHES = {"ACK": SET_ACK, "ATN": SET_ATN, "CARRY": SET_CARRY, "TARGET": SET_TARGET}
OPERATORS = {
    "|": OPERATOR.OR,
    "OR": OPERATOR.OR,
    "^": OPERATOR.XOR,
    "XOR": OPERATOR.XOR,
    "&": OPERATOR.AND,
    "AND": OPERATOR.AND,
    "+": OPERATOR.ADD,
    "-": OPERATOR.ADD,
    "SHL": OPERATOR.SHIFT_LEFT,
    "SHR": OPERATOR.SHIFT_RIGHT,
}
REGISTERS: dict[str, int] = {
    **{register.name: int(register) for register in REG if register.name not in NUMBERED_REGISTERS},
    **{
        f"{name}{index}": REG[name] + index
        for name, width in NUMBERED_REGISTERS.items()
        for index in range(width)
    },
}
ARCHITECTURES = {
    "810": False,
    "810A": True,
    "825": False,
    "825A": True,
    "860": True,
    "875": True,
    "895": True,
}

TOKEN = re.compile(r"\s*(0[xX][0-9A-Fa-f]+|\d+|[A-Za-z_.$][\w.$]*|[-+&|^(),=:])")


class AssemblyError(Exception):
    """A source line that is not understood; the text names file and line."""


@dataclass(frozen=True, slots=True)
class Value:
    """A number, perhaps from the start of the program (`is_label`) or from an address of the loader's."""

    number: int
    is_label: bool = False
    external: str | None = None

    @property
    def is_constant(self) -> bool:
        return not self.is_label and self.external is None


class SourceReader:
    """A line's words, and the symbols that give them a meaning; until `_is_final`, an unknown label is 0."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._line = 0
        self._tokens: list[str] = []
        self._is_final = False
        self._labels: dict[str, int] = {}
        self._constants: dict[str, int] = {}
        self._places: dict[str, Value] = {}  # members of RELATIVE
        self._externals: dict[str, list[int]] = {}

    def _tokenize(self, text: str) -> list[str]:
        tokens = []
        position = 0
        text = text.rstrip()
        while position < len(text):
            match = TOKEN.match(text, position)
            if match is None:
                raise self._error(f"{text[position:].strip()!r} is not understood")
            tokens.append(match[1])
            position = match.end()
        return tokens

    def _error(self, text: str) -> AssemblyError:
        return AssemblyError(f"{self._name}:{self._line}: {text}")

    def _accept(self, *words: str) -> bool:
        """Take these words if they come next."""
        if [token.upper() for token in self._tokens[: len(words)]] != list(words):
            return False
        del self._tokens[: len(words)]
        return True

    def _expect(self, word: str) -> None:
        if not self._accept(word):
            found = self._tokens[0] if self._tokens else "the end of the line"
            raise self._error(f"{word} is missing before {found}")

    def _take(self) -> str:
        if not self._tokens:
            raise self._error("something is missing at the end of the line")
        return self._tokens.pop(0)

    def _symbol(self) -> str:
        symbol = self._take()
        if not re.match(r"[A-Za-z_.$]", symbol):
            raise self._error(f"{symbol} is not a name")
        return symbol

    # ---- expressions

    def _expression(self) -> Value:
        value = self._term()
        while self._tokens and self._tokens[0] in "+-":
            sign = -1 if self._take() == "-" else 1
            value = self._add(value, self._term(), sign)
        return value

    def _add(self, left: Value, right: Value, sign: int) -> Value:
        number = left.number + sign * right.number
        if right.is_constant:
            return Value(number, left.is_label, left.external)
        if sign > 0 and left.is_constant:
            return Value(number, right.is_label, right.external)
        if sign < 0 and left.is_label and right.is_label:
            return Value(number)
        raise self._error("these addresses cannot be added")

    def _term(self) -> Value:
        token = self._take()
        if token == "-":
            term = self._term()
            return self._add(Value(0), term, -1)
        if token == "(":
            value = self._expression()
            self._expect(")")
            return value
        if token[0].isdigit():
            return Value(int(token, 0) if token[:2].lower() == "0x" else int(token))
        if token.upper() == "PASS" and self._accept("("):
            name = self._symbol()
            self._expect(")")
            self._externals.setdefault(name, [])
            return Value(0, external=name)
        if token in self._constants:
            return Value(self._constants[token])
        if token in self._places:
            return self._places[token]
        if token in self._externals:
            return Value(0, external=token)
        if token in self._labels:
            return Value(self._labels[token], is_label=True)
        if self._is_final or not re.match(r"[A-Za-z_.$]", token):
            raise self._error(f"{token} is not defined")
        return Value(0, is_label=True)

    def _constant(self, low: int, high: int, what: str) -> int:
        value = self._expression()
        if not value.is_constant:
            if self._is_final:
                raise self._error(f"{what} has to be a number")
            return 0
        if not low <= value.number <= high:
            raise self._error(f"{what} is {value.number:#x}, not from {low:#x} to {high:#x}")
        return value.number

    def _byte(self, what: str) -> int:
        return self._constant(-0x80, 0xFF, what) & 0xFF

    def _count(self) -> int:
        return self._constant(0, COUNT_MASK, "the count")

    def _offset(self) -> int:
        """Take a signed 24-bit offset from DSA."""
        return self._constant(-0x80_0000, 0x7F_FFFF, "the offset") & COUNT_MASK

    def _register(self) -> int:
        name = self._take()
        if name.upper() not in REGISTERS:
            raise self._error(f"{name} is no register")
        return REGISTERS[name.upper()]

    def _phase(self) -> int:
        name = self._take()
        if name.upper() not in PHASES:
            raise self._error(f"{name} is no phase")
        return PHASES[name.upper()]

    def _address(self) -> tuple[Value, bool]:
        """Take an address; True for REL(address)."""
        if self._accept("REL"):
            self._expect("(")
            value = self._expression()
            self._expect(")")
            return value, True
        return self._expression(), False
