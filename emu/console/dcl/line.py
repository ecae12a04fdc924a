"""A line taken apart: words, quoted strings, qualifiers and lists, and nothing said about what they mean."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedInput, UnexpectedToken

from emu.console.dcl.errors import DclError

_GRAMMAR = r"""
    start: (parameter | qualifier)*
    parameter: value (("," | "+") value)*
    qualifier: "/" WORD ["=" element | "="? group]
    group: "(" element ("," element)* ")"
    element: value ["=" value | "="? group]
    value: WORD | STRING

    WORD: /(\[[^\s\/=()\[\]"!]*\]|[^\s\/=,+()"!])+/
    STRING: /"(?:[^"]|"")*"?/
    COMMENT: /![^\n]*/
    %ignore /\s+/
    %ignore COMMENT
"""


@dataclass(frozen=True, slots=True)
class Element:
    text: str
    quoted: bool
    values: "tuple[Element, ...] | None" = None


@dataclass(frozen=True, slots=True)
class ParameterItem:
    values: tuple[Element, ...]


@dataclass(frozen=True, slots=True)
class QualifierItem:
    name: str
    values: tuple[Element, ...] | None


class _Lines(Transformer[Token, list[ParameterItem | QualifierItem]]):
    def start(self, items: list[ParameterItem | QualifierItem]) -> list[ParameterItem | QualifierItem]:
        return items

    def value(self, items: list[Token]) -> Element:
        token = items[0]
        if token.type == "STRING":
            match = re.fullmatch(r'"((?:[^"]|"")*)"?', token, re.DOTALL)
            assert match is not None, "the lexer found a string"
            return Element(match[1].replace('""', '"'), True)
        return Element(str(token), False)

    def parameter(self, items: list[Element]) -> ParameterItem:
        return ParameterItem(tuple(items))

    def group(self, items: list[Element]) -> tuple[Element, ...]:
        return tuple(items)

    def element(self, items: list[Any]) -> Element:
        key, values = items[0], items[1] if len(items) > 1 else None
        if values is None:
            return key if isinstance(key, Element) else Element(str(key), False)
        values = values if isinstance(values, tuple) else (values,)
        return Element(key.text.removesuffix(":"), key.quoted, values)

    def qualifier(self, items: list[Any]) -> QualifierItem:
        name, values = str(items[0]), items[1]
        if values is None and ":" in name:
            name, _, text = name.partition(":")
            values = Element(text, False) if text else None
        if values is not None and not isinstance(values, tuple):
            values = (values,)
        return QualifierItem(name.removesuffix(":"), values)


@cache
def _grammar() -> Lark:
    return Lark(_GRAMMAR, parser="lalr", transformer=_Lines(), maybe_placeholders=True)


def read_line(line: str) -> list[ParameterItem | QualifierItem]:
    try:
        items: Any = _grammar().parse(line)
    except UnexpectedToken as error:
        expected, ended = error.expected, error.token.type == "$END"
        if "WORD" in expected and "STRING" not in expected:
            raise DclError("NOKEYW", "/") from None
        if "RPAR" in expected and (ended or error.token.type == "WORD"):
            raise DclError("NOPAREN") from None
        if ended and "LPAR" in expected:
            raise DclError("VALREQ", "=") from None
        raise DclError("PARMDEL", line.rstrip()[-1:] if ended else str(error.token).upper()) from None
    except UnexpectedInput as error:
        raise DclError("PARMDEL", line[error.pos_in_stream : (error.pos_in_stream or 0) + 1]) from None
    return list(items)
