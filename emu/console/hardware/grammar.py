"""One table of operations, two ways to say them: `hbvs>` as SIMH speaks, `HBVS>` as an HSZ does.

A form is what an operator types, written down as HELP shows it:

    SET          a word that stands there; it may be abbreviated
    unit         a parameter
    REPLACE=disk a word with a value
    [FULL]       what may be left out
    disk...      once or more often
    <text>       the rest of the line, as it was typed

SIMH takes an abbreviation for the first verb of its list that begins so, therefore E is EXAMINE and D is DEPOSIT;
the order of the table is the order of that list.  An HSZ wants it to be unique.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from drivers.platform.process import Procedure
from emu.console.hardware.refusal import Reason, Refused

_TOKEN = re.compile(r"(?:\"[^\"]*\"?|'[^']*'?|[^\s\"'])+")
_SWITCHES = re.compile(r"-([A-Za-z]+)(?:\s+|$)")


class Grammar(Enum):
    """The two grammars; the value is the prompt."""

    SIMH = "hbvs> "
    HSOF = "HBVS> "


@dataclass(frozen=True, slots=True)
class Element:
    """One place of a form.  word: "" for a parameter.  name: of the parameter, "" for a bare word."""

    word: str
    name: str
    optional: bool
    many: bool
    rest: bool


@dataclass(frozen=True, slots=True)
class Form:
    """One way to say an operation."""

    text: str
    elements: tuple[Element, ...]

    @property
    def verb(self) -> str:
        return self.elements[0].word


@dataclass(frozen=True, slots=True)
class Arguments:
    """What was typed: parameters by name, single words given, and the letters of the switches."""

    values: dict[str, list[str]] = field(default_factory=dict)
    words: frozenset[str] = frozenset()
    switches: str = ""

    def __getitem__(self, name: str) -> str:
        """The value of a parameter, "" when it was left out."""
        values = self.values.get(name)
        return values[0] if values else ""

    def all(self, name: str) -> list[str]:
        return self.values.get(name, [])


@dataclass(frozen=True, slots=True)
class Operation:
    """Something an operator may do.

    routine: called as routine(session, arguments); a Procedure that it returns is carried out to its end.
    simh, hsof: the forms.  switches: letters SIMH's forms take, with their meaning.
    """

    help: str
    routine: Callable[[Any, Arguments], Procedure | None]
    simh: tuple[Form, ...] = ()
    hsof: tuple[Form, ...] = ()
    switches: tuple[tuple[str, str], ...] = ()

    def forms(self, grammar: Grammar) -> tuple[Form, ...]:
        return self.simh if grammar is Grammar.SIMH else self.hsof


def operation(
    help_text: str,
    routine: Callable[[Any, Arguments], Procedure | None],
    *,
    simh: Sequence[str] = (),
    hsof: Sequence[str] = (),
    **switches: str,
) -> Operation:
    """Declare an operation with its forms as text."""
    return Operation(
        help_text, routine, tuple(map(form, simh)), tuple(map(form, hsof)), tuple(switches.items())
    )


def form(text: str) -> Form:
    """Read a form."""
    elements = []
    for each in text.split():
        optional = each.startswith("[")
        part = each.strip("[]")
        many = part.endswith("...")
        word, _, name = part.removesuffix("...").partition("=")
        rest = word.startswith("<") or name.startswith("<")
        if not word.isupper():
            word, name = "", word
        elements.append(Element(word, name.strip("<>"), optional, many, rest))
    return Form(text, tuple(elements))


@dataclass(frozen=True, slots=True)
class Call:
    """A line that the table allows."""

    operation: Operation
    form: Form
    arguments: Arguments


def parse(line: str, operations: Iterable[Operation], grammar: Grammar) -> Call | None:
    """Find what a line asks for; None when nothing stands there.

    Raises:
        Refused: the line is no command, in the words of the grammar.
    """
    text = line.strip()
    if not text or text[0] in ";!#":
        return None
    table = [(op, each) for op in operations for each in op.forms(grammar)]
    spelling, text = _first_token(text)
    verb = _find(unquoted(spelling), list(dict.fromkeys(each.verb for _, each in table)), grammar)
    if verb is None:
        raise Refused(Reason.UNKNOWN, f"{spelling.upper()} is no command; HELP shows what there is")
    candidates = [(op, each) for op, each in table if each.verb == verb]
    switches = ""
    if grammar is Grammar.SIMH and any(op.switches for op, _ in candidates):
        while (match := _SWITCHES.match(text)) is not None:
            switches += match[1].lower()
            text = text[match.end() :]
    misses: list[tuple[int, Reason, str]] = []
    matches: list[tuple[int, int, Call]] = []
    for op, each in candidates:
        try:
            score, arguments = _Match(text, switches).match(each)
        except _Miss as miss:
            misses.append((miss.depth, miss.reason, miss.token))
        else:
            matches.append((*score, Call(op, each, arguments)))
    if not matches:
        _, reason, token = max(misses, key=lambda miss: miss[0])  # the form that came furthest
        raise Refused(reason, _miss_sentence(reason, token, verb))
    best = max(match[:2] for match in matches)
    calls = [match[2] for match in matches if match[:2] == best]
    if len(calls) > 1 and grammar is Grammar.HSOF:
        raise Refused(
            Reason.ARGUMENT, f"{text.upper()} is ambiguous: {' or '.join(c.form.text for c in calls)}"
        )
    call = calls[0]
    known = [letter for letter, _ in call.operation.switches]
    if any(letter not in known for letter in switches):
        raise Refused(Reason.SWITCH, f"{verb} takes {', '.join('-' + k for k in known) or 'no switch'}")
    return call


def unquoted(token: str) -> str:
    """Take the quotation marks off a token that has them all around."""
    if len(token) > 1 and token[0] in "\"'" and token[-1] == token[0]:
        return token[1:-1]
    return token


def _first_token(text: str) -> tuple[str, str]:
    match = _TOKEN.match(text)
    assert match is not None, "blanks have been stripped"
    return match[0], text[match.end() :].lstrip()


def _find(spelling: str, words: Sequence[str], grammar: Grammar) -> str | None:
    wanted = spelling.upper()
    found = [word for word in words if word.startswith(wanted)]
    if wanted in found:
        return wanted
    if len(found) > 1 and grammar is Grammar.HSOF:
        raise Refused(Reason.UNKNOWN, f"{wanted} is ambiguous: {', '.join(found)}")
    return found[0] if found else None


def _miss_sentence(reason: Reason, token: str, verb: str) -> str:
    if reason is Reason.TOO_FEW:
        return f"{verb} needs more: HELP {verb}"
    return f"{token} is not what {verb} takes here: HELP {verb}"


class _Miss(Exception):
    def __init__(self, depth: int, reason: Reason, token: str = "") -> None:
        super().__init__(token)
        self.depth = depth
        self.reason = reason
        self.token = token


class _Match:
    """One line held against one form."""

    def __init__(self, text: str, switches: str) -> None:
        self._text = text
        self._switches = switches
        self._values: dict[str, list[str]] = {}
        self._words: list[str] = []
        self._exact = 0
        self._depth = 0

    def match(self, wanted: Form) -> tuple[tuple[int, int], Arguments]:
        """Bind the parameters; returns how well the words fit, and the arguments.  Raises _Miss."""
        for element in wanted.elements[1:]:
            self._take(element)
        if self._text:
            raise _Miss(self._depth, Reason.TOO_MANY, self._text)
        score = len(self._words), self._exact
        return score, Arguments(self._values, frozenset(self._words), self._switches)

    def _take(self, element: Element) -> None:
        if not self._text:
            if not element.optional:
                raise _Miss(self._depth, Reason.TOO_FEW)
            return
        if element.rest and not element.word:
            self._values[element.name] = [self._text]
            self._text = ""
            return
        token, rest = _first_token(self._text)
        if element.word:
            token_word, equals, value = token.partition("=")
            if not token_word or not element.word.startswith(token_word.upper()):
                if element.optional:
                    return
                reason = Reason.NO_PARAMETER if self._depth else Reason.ARGUMENT
                raise _Miss(self._depth, reason, token.upper())
            if bool(equals) != bool(element.name) or (equals and not value):
                raise _Miss(self._depth + 1, Reason.MISSING_VALUE if element.name else Reason.ARGUMENT, token)
            self._words.append(element.word)
            self._exact += token_word.upper() == element.word
            token = value
        if element.name:
            self._values.setdefault(element.name, []).append(unquoted(token))
        self._text = rest
        self._depth += 1
        if element.many and self._text:
            self._take(element)
