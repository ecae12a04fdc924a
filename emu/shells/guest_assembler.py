"""MACRO-11 and MACRO-32, as much of them as the guest programs use.

Two passes over one source give memory contents and a listing. Languages: PDP-11 MACRO-11 and VAX MACRO
language reference manuals; encodings: PDP-11 processor handbook, VAX architecture reference manual. Macros,
program sections and relocation are not here; `.PATTERN` is ours. Local labels (`10$`) live between two
ordinary labels; expressions go from left to right, `<` and `>` group. MACRO-11 counts in octal, a dot behind
a number makes it decimal; MACRO-32 counts in decimal. A label as a VAX operand is a word displacement off PC.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?(?![\w$]))|(?P<radix>\^[OXDB])(?P<digits>\w+)|(?P<not>\^C)|'(?P<character>.)"
    r"|(?P<symbol>[A-Za-z_.$\d][\w.$]*)|(?P<sign>[-+*/&!<>]))"
)
STATEMENT = re.compile(r"\s*(?P<operation>\.?[A-Za-z]\w*)\s*(?P<operands>.*)$")
LABEL = re.compile(r"\s*([A-Za-z_.$\d][\w.$]*):")
ASSIGNMENT = re.compile(r"\s*([A-Za-z_.$][\w.$]*)\s*=\s*(.*)$")
RADIXES = {"^O": 8, "^X": 16, "^D": 10, "^B": 2}
TITLES = (".TITLE", ".SBTTL", ".IDENT", ".ASECT", ".ENABL", ".PAGE", ".END")


class AssemblyError(Exception):
    """A source line that is not understood; the text names file and line."""


@dataclass(frozen=True, slots=True)
class Assembly:
    """What one source gives: contiguous pieces of memory (address, bytes), symbols, the listing."""

    pieces: list[tuple[int, bytes]]
    symbols: dict[str, int]
    listing: str


def assemble_pdp11(source: str, name: str) -> Assembly:
    """Assemble MACRO-11.

    Raises:
        AssemblyError: a line is wrong.
    """
    return _Assembler(source, name, radix=8, instruction=_pdp11_instruction).assemble(_octal_line)


def assemble_vax(source: str, name: str) -> Assembly:
    """Assemble MACRO-32.

    Raises:
        AssemblyError: a line is wrong.
    """
    return _Assembler(source, name, radix=10, instruction=_vax_instruction).assemble(_hexadecimal_line)


@dataclass(slots=True)
class _Line:
    number: int
    text: str
    address: int | None = None  # None: nothing stands there, a comment or a definition
    contents: bytearray = field(default_factory=bytearray)


class _Assembler:
    """One source on its way through two passes; `value` gives 0 for what the first pass does not know yet."""

    def __init__(
        self, source: str, name: str, radix: int, instruction: "Callable[[_Assembler, str, list[str]], None]"
    ) -> None:
        self.source = source
        self.name = name
        self.radix = radix
        self.instruction = instruction
        self.symbols: dict[str, int] = {}
        self.final = False
        self.location = 0
        self._scope = ""
        self._line = _Line(0, "")

    def assemble(self, print_line: Callable[[_Line], Iterator[str]]) -> Assembly:
        list(self._pass())
        self.final = True
        lines = list(self._pass())
        printed = [text for line in lines for text in print_line(line)]
        named = {symbol: value for symbol, value in self.symbols.items() if "$$" not in symbol}
        pieces: list[tuple[int, bytearray]] = []
        for line in lines:
            if not line.contents or line.address is None:
                continue
            if pieces and pieces[-1][0] + len(pieces[-1][1]) == line.address:
                pieces[-1][1].extend(line.contents)
            else:
                pieces.append((line.address, bytearray(line.contents)))
        return Assembly(
            [(address, bytes(contents)) for address, contents in pieces],
            named,
            "\n".join(text.rstrip() for text in printed) + "\n",
        )

    def emit(self, value: int, size_bytes: int) -> None:
        """Put a number at the location counter, low byte first, cut to its size."""
        self.emit_bytes(bytes((value >> 8 * place) & 0xFF for place in range(size_bytes)))

    def emit_bytes(self, contents: bytes) -> None:
        if self._line.address is None:
            self._line.address = self.location
        self._line.contents.extend(contents)
        self.location += len(contents)

    def known(self, expression: str) -> int:
        """Evaluate what must be known in the first pass, as sizes hang on it."""
        was_final, self.final = self.final, True
        try:
            return self.value(expression)
        finally:
            self.final = was_final

    def value(self, expression: str) -> int:
        """Evaluate an expression."""
        tokens = self._tokens(expression)
        value = self._expression(tokens)
        self.check(not tokens, f"{expression!r} goes on after its end")
        return value

    def check(self, is_right: bool, complaint: str) -> None:
        if not is_right:
            raise AssemblyError(f"{self.name}:{self._line.number}: {complaint}")

    def _pass(self) -> Iterator[_Line]:
        self.location = 0
        self._scope = ""
        for number, text in enumerate(self.source.splitlines(), 1):
            self._line = _Line(number, text)
            self._statement(_without_comment(text))
            yield self._line

    def _statement(self, text: str) -> None:
        while label := LABEL.match(text):
            self._define(label[1], self.location, is_label=True)
            self._line.address = self.location
            text = text[label.end() :]
        if assignment := ASSIGNMENT.match(text):
            symbol, expression = assignment.groups()
            if symbol == ".":
                self._move(self.known(expression))
            else:
                self._define(symbol, self.value(expression), is_label=False)
            return
        if not text.strip():
            return
        statement = STATEMENT.match(text)
        assert statement is not None, "any text that is not blank has a first word"
        operation, rest = statement["operation"].upper(), statement["operands"].strip()
        if operation in TITLES:
            return
        if operation.startswith("."):
            self._directive(operation, rest)
        else:
            self.instruction(self, operation, _split_operands(rest))

    def _directive(self, operation: str, rest: str) -> None:
        sizes = {".BYTE": 1, ".WORD": 2, ".LONG": 4}
        if operation in sizes:
            for item in _split_operands(rest):
                self.emit(self.value(item), sizes[operation])
        elif operation in (".ASCII", ".ASCIZ"):
            self.emit_bytes(self._text(rest) + (b"\0" if operation == ".ASCIZ" else b""))
        elif operation in (".BLKB", ".BLKW"):
            self._line.address = self.location
            self._move(self.location + self.known(rest) * (2 if operation == ".BLKW" else 1))
        elif operation == ".EVEN":
            self.emit_bytes(bytes(self.location % 2))
        elif operation == ".PATTERN":  # ours: count, step: so many longwords, each the last one plus step
            count, step = map(self.known, _split_operands(rest))
            for index in range(count):
                self.emit(index * step, 4)
        else:
            self.check(False, f"{operation} is not known")

    def _text(self, rest: str) -> bytes:
        """Read /delimited text/ and <character codes>, in any order."""
        contents = bytearray()
        while rest := rest.lstrip():
            opening = rest[0]
            end = rest.find(">" if opening == "<" else opening, 1)
            self.check(end > 0, "a text without its end")
            contents += bytes([self.value(rest[1:end])]) if opening == "<" else rest[1:end].encode("ascii")
            rest = rest[end + 1 :]
        return bytes(contents)

    def _move(self, location: int) -> None:
        self.check(location >= self.location, "the location counter goes back")
        self.location = location

    def _define(self, symbol: str, value: int, *, is_label: bool) -> None:
        if is_label and not symbol.endswith("$"):
            self._scope = symbol
        key = self._key(symbol)
        is_new = key not in self.symbols or self.symbols[key] == value or not is_label
        self.check(is_new, f"{symbol} is defined twice, or not at the same place in both passes")
        self.symbols[key] = value

    def _key(self, symbol: str) -> str:
        return f"{self._scope}$${symbol}" if symbol[0].isdigit() else symbol

    def _tokens(self, expression: str) -> list[re.Match[str]]:
        tokens, position = [], 0
        while expression[position:].strip():
            token = TOKEN.match(expression, position)
            if token is None:
                raise AssemblyError(f"{self.name}:{self._line.number}: {expression!r} is no expression")
            tokens.append(token)
            position = token.end()
        return tokens[::-1]

    def _expression(self, tokens: list[re.Match[str]]) -> int:
        value = self._term(tokens)
        while tokens and (sign := tokens[-1]["sign"]) and sign in "+-*/&!":
            tokens.pop()
            other = self._term(tokens)
            if sign == "+":
                value += other
            elif sign == "-":
                value -= other
            elif sign == "*":
                value *= other
            elif sign == "/":
                value = value // other if other else 0
            elif sign == "&":
                value &= other
            else:
                value |= other
        return value

    def _term(self, tokens: list[re.Match[str]]) -> int:
        self.check(bool(tokens), "an expression ends too soon")
        token = tokens.pop()
        if number := token["number"]:
            return int(number[:-1]) if number.endswith(".") else int(number, self.radix)
        if token["radix"]:
            return int(token["digits"], RADIXES[token["radix"]])
        if token["not"]:
            return ~self._term(tokens)
        if token["character"]:
            return ord(token["character"])
        if symbol := token["symbol"]:
            if symbol == ".":
                return self.location
            key = self._key(symbol)
            self.check(key in self.symbols or not self.final, f"{symbol} is not defined")
            return self.symbols.get(key, 0)
        if token["sign"] == "-":
            return -self._term(tokens)
        self.check(token["sign"] == "<", f"{token[0].strip()!r} has no place here")
        value = self._expression(tokens)
        self.check(bool(tokens) and tokens.pop()["sign"] == ">", "a < without its >")
        return value


def _without_comment(text: str) -> str:
    """Cut a comment off; a semicolon inside of /text/ is none."""
    is_text = re.match(r"[^;]*\.ASCI[IZ]\s+(/[^/]*/|<[^>]*>|\s)*", text)
    start = is_text.end() if is_text else 0
    return text[:start] + text[start:].partition(";")[0]


def _split_operands(rest: str) -> list[str]:
    return [operand.strip() for operand in rest.split(",")] if rest else []


def _octal_line(line: _Line) -> Iterator[str]:
    """List a line as MACRO-11 does: up to three words, or bytes where a word is not whole."""
    contents = bytes(line.contents)
    is_words = len(contents) % 2 == 0 and (line.address or 0) % 2 == 0
    step = 2 if is_words else 1
    items = [
        f"{contents[place] | contents[place + 1] << 8:06o}" if is_words else f"   {contents[place]:03o}"
        for place in range(0, len(contents), step)
    ]
    address = "" if line.address is None else f"{line.address:06o}"
    yield f"{line.number:5} {address:6} {' '.join(items[:3]):20} {line.text.expandtabs()}"
    for place in range(3, len(items), 3):
        yield f"{'':5} {(line.address or 0) + place * step:06o} {' '.join(items[place : place + 3])}"


def _hexadecimal_line(line: _Line) -> Iterator[str]:
    """List a line as bytes in memory order (VAX MACRO prints them from right to left)."""
    rows = [line.contents[place : place + 8] for place in range(0, len(line.contents), 8)] or [bytearray()]
    address = "" if line.address is None else f"{line.address:04X}"
    yield f"{line.number:5} {address:4} {rows[0].hex(' ').upper():23} {line.text.expandtabs()}"
    if len(rows) > 8:
        yield f"{'':10} ... {len(line.contents)} bytes"
        return
    for index, row in enumerate(rows[1:], 1):
        yield f"{'':5} {(line.address or 0) + index * 8:04X} {row.hex(' ').upper()}"


# PDP-11

PDP11_REGISTERS = {**{f"R{number}": number for number in range(8)}, "SP": 6, "PC": 7}
PDP11_TWO_OPERANDS = {
    **{name: code << 12 for code, name in enumerate(("MOV", "CMP", "BIT", "BIC", "BIS", "ADD"), 1)},
    **{name: 0o100000 | code << 12 for code, name in enumerate(("MOVB", "CMPB", "BITB", "BICB", "BISB"), 1)},
    "SUB": 0o160000,
}
PDP11_ONE_OPERAND = {
    "JMP": 0o000100,
    "SWAB": 0o000300,
    **{
        name: 0o005000 + (code << 6)
        for code, name in enumerate(
            ("CLR", "COM", "INC", "DEC", "NEG", "ADC", "SBC", "TST", "ROR", "ROL", "ASR", "ASL")
        )
    },
    **{
        name: 0o105000 + (code << 6)
        for code, name in enumerate(("CLRB", "COMB", "INCB", "DECB", "NEGB", "ADCB", "SBCB", "TSTB"))
    },
    "SXT": 0o006700,
}
PDP11_BRANCHES = {
    **{name: code << 8 for code, name in enumerate(("BR", "BNE", "BEQ", "BGE", "BLT", "BGT", "BLE"), 1)},
    **{
        name: 0o100000 | code << 8
        for code, name in enumerate(("BPL", "BMI", "BHI", "BLOS", "BVC", "BVS", "BCC", "BCS"))
    },
    "BHIS": 0o103000,
    "BLO": 0o103400,
}
PDP11_ALONE = {
    "HALT": 0,
    "WAIT": 1,
    "RTI": 2,
    "RESET": 5,
    "NOP": 0o240,
    "CLC": 0o241,
    "SEC": 0o261,
}
PDP11_OPERANDS = {
    **dict.fromkeys(PDP11_ALONE, 0),
    **dict.fromkeys([*PDP11_ONE_OPERAND, *PDP11_BRANCHES, "RTS"], 1),
    **dict.fromkeys([*PDP11_TWO_OPERANDS, "SOB", "JSR"], 2),
}
PDP11_MODES = (
    (re.compile(r"@-\((\w+)\)$"), 0o50),
    (re.compile(r"@\((\w+)\)\+$"), 0o30),
    (re.compile(r"-\((\w+)\)$"), 0o40),
    (re.compile(r"\((\w+)\)\+$"), 0o20),
    (re.compile(r"\((\w+)\)$"), 0o10),
    (re.compile(r"@(\w+)$"), 0o10),
    (re.compile(r"(\w+)$"), 0o00),
)
PDP11_INDEXED = re.compile(r"(@?)(.+)\((\w+)\)$")


def _pdp11_instruction(assembler: _Assembler, operation: str, operands: list[str]) -> None:
    assembler.check(assembler.location % 2 == 0, "an instruction at an odd address")
    assembler.check(operation in PDP11_OPERANDS, f"{operation} is not known")
    count = PDP11_OPERANDS[operation]
    assembler.check(len(operands) == count, f"{operation} has {count} operands")
    if operation in PDP11_ALONE:
        assembler.emit(PDP11_ALONE[operation], 2)
    elif operation in PDP11_TWO_OPERANDS:
        source, destination = operands
        _pdp11_emit(assembler, PDP11_TWO_OPERANDS[operation], (source, 6), (destination, 0))
    elif operation in PDP11_ONE_OPERAND:
        _pdp11_emit(assembler, PDP11_ONE_OPERAND[operation], (operands[0], 0))
    elif operation in PDP11_BRANCHES:
        distance = assembler.value(operands[0]) - assembler.location - 2
        assembler.check(not assembler.final or -256 <= distance <= 254, f"{operands[0]} is too far")
        assembler.emit(PDP11_BRANCHES[operation] | (distance >> 1 & 0xFF), 2)
    elif operation == "SOB":
        distance = assembler.location + 2 - assembler.value(operands[1])
        assembler.check(not assembler.final or 0 <= distance <= 126, f"{operands[1]} is too far")
        assembler.emit(0o077000 | _pdp11_register(assembler, operands[0]) << 6 | (distance >> 1 & 0o77), 2)
    elif operation == "JSR":
        code = 0o004000 | _pdp11_register(assembler, operands[0]) << 6
        _pdp11_emit(assembler, code, (operands[1], 0))
    else:
        assembler.emit(0o000200 | _pdp11_register(assembler, operands[0]), 2)  # RTS


def _pdp11_register(assembler: _Assembler, name: str) -> int:
    assembler.check(name in PDP11_REGISTERS, f"{name} is no register")
    return PDP11_REGISTERS[name]


def _pdp11_emit(assembler: _Assembler, code: int, *operands: tuple[str, int]) -> None:
    """Emit an instruction and what its address modes append; an operand comes with its place in the code."""
    start = assembler.location
    appended: list[int] = []
    for operand, shift in operands:
        mode, words = _pdp11_operand(assembler, operand, start + 2 + 2 * len(appended))
        code |= mode << shift
        appended += words
    for word in (code, *appended):
        assembler.emit(word, 2)


def _pdp11_operand(assembler: _Assembler, operand: str, place: int) -> tuple[int, list[int]]:
    for pattern, mode in PDP11_MODES:
        if (match := pattern.match(operand)) and match[1] in PDP11_REGISTERS:
            return mode | PDP11_REGISTERS[match[1]], []
    if operand.startswith("@#"):
        return 0o37, [assembler.value(operand[2:])]
    if operand.startswith("#"):
        return 0o27, [assembler.value(operand[1:])]
    if match := PDP11_INDEXED.match(operand):
        return (0o70 if match[1] else 0o60) | PDP11_REGISTERS[match[3]], [assembler.value(match[2])]
    if operand.startswith("@"):
        return 0o77, [assembler.value(operand[1:]) - place - 2]
    return 0o67, [assembler.value(operand) - place - 2]


# VAX

VAX_REGISTERS = {**{f"R{number}": number for number in range(12)}, "AP": 12, "FP": 13, "SP": 14, "PC": 15}
VAX_SIZES = {"b": 1, "w": 2, "l": 4}
# Opcode, then the operands: a size in which immediates are stored, or a branch of one (<) or two (>) bytes.
VAX_INSTRUCTIONS: Mapping[str, tuple[int, str]] = {
    "HALT": (0x00, ""),
    "NOP": (0x01, ""),
    "RSB": (0x05, ""),
    "BRB": (0x11, "<"),
    "BNEQ": (0x12, "<"),
    "BEQL": (0x13, "<"),
    "BGTR": (0x14, "<"),
    "BLEQ": (0x15, "<"),
    "BGEQ": (0x18, "<"),
    "BLSS": (0x19, "<"),
    "BSBW": (0x30, ">"),
    "BRW": (0x31, ">"),
    "MOVZWL": (0x3C, "wl"),
    "ASHL": (0x78, "bll"),
    "MOVB": (0x90, "bb"),
    "CMPB": (0x91, "bb"),
    "BITB": (0x93, "bb"),
    "TSTB": (0x95, "b"),
    "MOVZBL": (0x9A, "bl"),
    "ROTL": (0x9C, "bll"),
    "MOVAB": (0x9E, "bl"),
    "PUSHAB": (0x9F, "b"),
    "ADDL2": (0xC0, "ll"),
    "ADDL3": (0xC1, "lll"),
    "SUBL2": (0xC2, "ll"),
    "MULL3": (0xC5, "lll"),
    "BICL2": (0xCA, "ll"),
    "BICL3": (0xCB, "lll"),
    "MOVL": (0xD0, "ll"),
    "CMPL": (0xD1, "ll"),
    "CLRL": (0xD4, "l"),
    "TSTL": (0xD5, "l"),
    "INCL": (0xD6, "l"),
    "DECL": (0xD7, "l"),
    "MTPR": (0xDA, "ll"),
    "MFPR": (0xDB, "ll"),
    "PUSHL": (0xDD, "l"),
    "BBC": (0xE1, "lb<"),
    "BLBS": (0xE8, "l<"),
    "BLBC": (0xE9, "l<"),
    "AOBLSS": (0xF2, "ll<"),
    "SOBGTR": (0xF5, "l<"),
    "CALLS": (0xFB, "lb"),
}
VAX_MODES = (
    (re.compile(r"@\((\w+)\)\+$"), 0x90),
    (re.compile(r"-\((\w+)\)$"), 0x70),
    (re.compile(r"\((\w+)\)\+$"), 0x80),
    (re.compile(r"\((\w+)\)$"), 0x60),
    (re.compile(r"(\w+)$"), 0x50),
)
VAX_DISPLACED = re.compile(r"([^(]+)\((\w+)\)$")


def _vax_instruction(assembler: _Assembler, operation: str, operands: list[str]) -> None:
    assembler.check(operation in VAX_INSTRUCTIONS, f"{operation} is not known")
    opcode, kinds = VAX_INSTRUCTIONS[operation]
    assembler.check(len(operands) == len(kinds), f"{operation} has {len(kinds)} operands")
    assembler.emit(opcode, 1)
    for operand, kind in zip(operands, kinds, strict=True):
        if kind in "<>":
            size_bytes = 1 if kind == "<" else 2
            distance = assembler.value(operand) - assembler.location - size_bytes
            reach = 1 << 8 * size_bytes - 1
            assembler.check(not assembler.final or -reach <= distance < reach, f"{operand} is too far")
            assembler.emit(distance, size_bytes)
        else:
            _vax_operand(assembler, operand, VAX_SIZES[kind])


def _vax_operand(assembler: _Assembler, operand: str, size_bytes: int) -> None:
    for pattern, mode in VAX_MODES:
        if (match := pattern.match(operand)) and match[1] in VAX_REGISTERS:
            assembler.emit(mode | VAX_REGISTERS[match[1]], 1)
            return
    if operand.startswith("#"):
        value = assembler.known(operand[1:])
        if 0 <= value < 64:
            assembler.emit(value, 1)  # short literal
        else:
            assembler.emit(0x8F, 1)
            assembler.emit(value, size_bytes)
    elif match := VAX_DISPLACED.match(operand):
        displacement = assembler.known(match[1])
        mode, width = (0xA0, 1) if -128 <= displacement < 128 else (0xC0, 2)
        assembler.emit(mode | VAX_REGISTERS[match[2]], 1)
        assembler.emit(displacement, width)
    else:  # a label: word displacement off PC
        assembler.emit(0xCF, 1)
        assembler.emit(assembler.value(operand) - assembler.location - 2, 2)
