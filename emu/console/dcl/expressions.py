"""Expressions: integers of 32 bits and strings, with the operators of VMS.

From the loosest to the tightest: .OR. .AND. .NOT., comparisons, + and -, * and /, signs (OpenVMS User's Manual V7.3,
12.8.5).  The closing dot of an operator may be left out.
"""

from collections.abc import Callable, Sequence
from functools import cache

from lark import Lark, Token, Transformer, Tree, UnexpectedInput, v_args
from lark.exceptions import VisitError

from drivers.message import Failure
from emu.console.dcl.errors import DclError
from emu.console.dcl.quoting import unquoted
from emu.console.dcl.symbols import Lookup, Symbol

_GRAMMAR = r"""
    ?start: union
    list: union ("," union)*
    ?union: intersection | union OR intersection
    ?intersection: complement | intersection AND complement
    ?complement: comparison | NOT complement -> negation
    ?comparison: sum | comparison COMPARE sum
    ?sum: product | sum ADD product
    ?product: sign | product MULTIPLY sign
    ?sign: atom | ADD sign -> signed
    ?atom: NUMBER -> number
        | STRING -> string
        | NAME -> symbol
        | NAME "(" [argument ("," argument)*] ")" -> call
        | "(" union ")"
    ?argument: union | -> nothing

    OR.2: /\.X?OR\b\.?/i
    AND.2: /\.AND\b\.?/i
    NOT.2: /\.NOT\b\.?/i
    COMPARE.2: /\.(EQ|NE|LT|LE|GT|GE)S?\b\.?/i
    ADD: /[-+]/
    MULTIPLY: /[*\/]/
    NUMBER: /%X[0-9A-F]+|%O[0-7]+|%D[0-9]+|[0-9]+(?![\w$])/i
    NAME: /[A-Z$_][\w$]*/i
    STRING: /"(?:[^"]|"")*"?/
    %ignore /\s+/
"""

Call = Callable[[str, Sequence[Symbol | None]], Symbol]

_COMPARISONS: dict[str, Callable[[Symbol, Symbol], bool]] = {
    "EQ": lambda left, right: left == right,
    "NE": lambda left, right: left != right,
    "LT": lambda left, right: left < right,  # type: ignore[operator]  # both are of one kind
    "LE": lambda left, right: left <= right,  # type: ignore[operator]
    "GT": lambda left, right: left > right,  # type: ignore[operator]
    "GE": lambda left, right: left >= right,  # type: ignore[operator]
}


def longword(value: int) -> int:
    """The value as a signed longword: what does not fit is lost."""
    return (value + 0x8000_0000 & 0xFFFF_FFFF) - 0x8000_0000


def integer(value: Symbol) -> int:
    """A value as an integer: a string is a number, or whether it begins like TRUE or YES."""
    if isinstance(value, int):
        return value
    text = value.strip()
    sign = -1 if text.startswith("-") else 1
    text = text.lstrip("+-").upper()
    base = {"%X": 16, "%O": 8, "%D": 10}.get(text[:2])
    try:
        return longword(sign * (int(text[2:], base) if base else int(text)))
    except ValueError:
        return 1 if text[:1] in ("T", "Y") else 0


def is_true(value: Symbol) -> bool:
    """Odd numbers are true, and strings that begin like TRUE or YES."""
    return bool(integer(value) & 1)


@v_args(inline=True)
class _Evaluator(Transformer[Token, Symbol]):
    def __init__(self, lookup: Lookup, call: Call) -> None:
        super().__init__()
        self._lookup = lookup
        self._call = call

    def number(self, token: Token) -> int:
        return integer(str(token))

    def string(self, token: Token) -> str:
        return unquoted(str(token))

    def symbol(self, token: Token) -> Symbol:
        value = self._lookup(str(token))
        if value is None:
            raise DclError("UNDSYM", str(token).upper())
        return value

    def nothing(self) -> None:
        return None

    def call(self, name: Token, *arguments: Symbol | None) -> Symbol:
        while arguments and arguments[-1] is None:
            arguments = arguments[:-1]
        return self._call(str(name).upper(), arguments)

    def signed(self, sign: Token, value: Symbol) -> int:
        return longword(-integer(value) if sign == "-" else integer(value))

    def product(self, left: Symbol, operator: Token, right: Symbol) -> int:
        a, b = integer(left), integer(right)
        if operator == "*":
            return longword(a * b)
        if b == 0:
            return 0  # UNCERTAIN: what VMS makes of a division by zero is not published
        return longword(abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1))

    def sum(self, left: Symbol, operator: Token, right: Symbol) -> Symbol:
        if isinstance(left, str) and isinstance(right, str):
            return left + right if operator == "+" else left.replace(right, "", 1)
        a, b = integer(left), integer(right)
        return longword(a + b if operator == "+" else a - b)

    def comparison(self, left: Symbol, operator: Token, right: Symbol) -> int:
        name = str(operator).strip(".").upper()
        compare = _COMPARISONS[name[:2]]
        if name.endswith("S") and len(name) == 3:
            return int(compare(str(left), str(right)))
        return int(compare(integer(left), integer(right)))

    def negation(self, _: Token, value: Symbol) -> int:
        return ~integer(value)

    def intersection(self, left: Symbol, _: Token, right: Symbol) -> int:
        return integer(left) & integer(right)

    def union(self, left: Symbol, operator: Token, right: Symbol) -> int:
        if "X" in str(operator).upper():
            return integer(left) ^ integer(right)
        return integer(left) | integer(right)

    def list(self, *values: Symbol) -> "tuple[Symbol, ...]":
        return values


@cache
def _grammar() -> Lark:
    return Lark(_GRAMMAR, parser="lalr", start=["start", "list"], maybe_placeholders=False)


def _evaluate(text: str, start: str, lookup: Lookup, call: Call) -> object:
    try:
        tree = _grammar().parse(text, start=start)
    except UnexpectedInput as error:
        place = error.pos_in_stream
        raise DclError(
            "EXPSYN", text[place:].strip()[:20] if place is not None and place >= 0 else ""
        ) from None
    if not isinstance(tree, Tree):
        return tree
    try:
        return _Evaluator(lookup, call).transform(tree)
    except VisitError as error:
        if isinstance(error.orig_exc, Failure):
            raise error.orig_exc from None
        raise
    except RecursionError:  # a thousand signs in a row
        raise DclError("EXPSYN", text[:20]) from None


def evaluate(text: str, lookup: Lookup, call: Call) -> Symbol:
    """Evaluate an expression; raises DclError, and what `call` raises."""
    value = _evaluate(text, "start", lookup, call)
    assert isinstance(value, int | str), "an expression has a value"
    return value


def evaluate_list(text: str, lookup: Lookup, call: Call) -> tuple[Symbol, ...]:
    """Evaluate expressions with commas between them; raises DclError, and what `call` raises."""
    values = _evaluate(text, "list", lookup, call)
    assert isinstance(values, tuple), "a list has values"
    return values
