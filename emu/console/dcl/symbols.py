"""Symbols: tables by command level, and substitution.

An apostrophe asks for a symbol's value where it stands, two of them do so inside a string.  Outside of strings
the value is looked through again; an ampersand is replaced once, when the rest of the line is settled.
"""

import re
from collections.abc import Callable

from emu.console.dcl.errors import DclError

Symbol = int | str
_NAME = re.compile(r"[A-Z$_][\w$]*", re.IGNORECASE)
_DEEPEST = 100  # values found in values


class SymbolTables:
    """The global symbols, and the local ones of each command level."""

    def __init__(self) -> None:
        self.globals: dict[str, Symbol] = {}
        self.levels: list[dict[str, Symbol]] = [{}]

    @property
    def local(self) -> dict[str, Symbol]:
        return self.levels[-1]

    def get(self, name: str) -> Symbol | None:
        """Look a symbol up, from the present level outwards; None when it is undefined."""
        wanted = name.upper()
        for table in (*reversed(self.levels), self.globals):
            if wanted in table:
                return table[wanted]
        return None


Lookup = Callable[[str], Symbol | None]
Evaluate = Callable[[str], Symbol]


def substitute(line: str, lookup: Lookup, evaluate: Evaluate) -> str:
    """Replace apostrophes; `evaluate` is for a lexical function.  Raises DclError."""
    out: list[str] = []
    place, in_string, budget = 0, False, _DEEPEST
    while place < len(line):
        char = line[place]
        if char == '"':
            in_string = not in_string
        if char == "!" and not in_string:
            out.append(line[place:])
            break
        width = 2 if in_string else 1
        if char != "'" or (in_string and line[place : place + 2] != "''"):
            out.append(char)
            place += 1
            continue
        text, end = _reference(line, place + width)
        if not text:
            out.append(char)
            place += 1
            continue
        budget -= 1
        if budget < 0:
            raise DclError("EXPSYN", text)
        value = evaluate(text) if "(" in text else lookup(text)
        value = "" if value is None else str(value)
        if in_string:
            out.append(value.replace('"', '""'))
            place = end
        else:
            line, place = value + line[end:], 0
    return "".join(out)


def _reference(line: str, start: int) -> tuple[str, int]:
    """The symbol or lexical function that stands at `start`, and where it ends with its apostrophe."""
    match = _NAME.match(line, start)
    if match is None:
        return "", start
    end = match.end()
    if line[end : end + 1] == "(" and match[0][:2].upper() == "F$":
        depth, in_string = 1, False
        while depth and end < len(line) - 1:
            end += 1
            in_string ^= line[end] == '"'
            depth += (line[end] == "(") - (line[end] == ")") if not in_string else 0
        end += 1
    text = line[start:end]
    return text, end + 1 if line[end : end + 1] == "'" else end


def substitute_ampersands(line: str, lookup: Lookup) -> str:
    """Replace &NAME behind a blank or a delimiter, outside of strings."""

    def replace(match: re.Match[str]) -> str:
        if match[1] is None:
            return match[0]
        value = lookup(match[1])
        return "" if value is None else str(value)

    return re.sub(r'"(?:[^"]|"")*"?|(?<![\w$&])&([A-Z$_][\w$]*)', replace, line, flags=re.IGNORECASE)
