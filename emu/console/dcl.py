"""DCL: from a line to a command, by tables.

The grammar knows words, quoted strings, qualifiers and lists and nothing else.  What a word means stand the tables
of `verbs` to say, in the spirit of the Command Definition Utility: a verb has parameters and qualifiers, a
qualifier may take a value, a value may be keywords that take values again.  Help and completion read the same tables.

Verbs, qualifiers and keywords may be abbreviated as long as they stay unique; qualifiers may stand anywhere.
Words keep the case they were typed in: a device name does not care, a file of the host does.

UNCERTAIN: message texts are from general knowledge of VMS; the identifications are its own.
"""

import re
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from typing import Any, TypeVar

from lark import Lark, Token, Transformer, UnexpectedInput, UnexpectedToken

from drivers.message import Failure, Message
from emu.console.times import parse_delta_ns

_GRAMMAR = r"""
    start: (parameter | qualifier)*
    parameter: value (("," | "+") value)*
    qualifier: "/" WORD ["=" element | "="? group]
    group: "(" element ("," element)* ")"
    element: value ["=" value | "="? group]
    value: WORD | STRING

    WORD: /[^\s\/=,+()"!]+/
    STRING: /"(?:[^"]|"")*"?/
    COMMENT: /![^\n]*/
    %ignore /\s+/
    %ignore COMMENT
"""


class DclError(Failure):
    """A line that is no command; `token` is the part at fault, `hint` what people may not know."""

    def __init__(self, ident: str, token: str = "", hint: str = "") -> None:
        super().__init__(Message("DCL", "W", ident, _TEXTS[ident]))
        self.ident = ident
        self.token = token
        self.hint = hint


class MissingParameter(DclError):
    """A required parameter is not there; a terminal is asked for it with `prompt`."""

    def __init__(self, prompt: str) -> None:
        super().__init__("INSFPRM")
        self.prompt = prompt


_TEXTS = {
    "ABKEYW": "ambiguous qualifier or keyword - supply more characters",
    "ABVERB": "ambiguous command verb - supply more characters",
    "CONFLICT": "illegal combination of command elements - check documentation",
    "INSFPRM": "missing command parameters - supply all required parameters",
    "IVDTIME": "invalid delta time - use DDDD-HH:MM:SS.CC format",
    "IVKEYW": "unrecognized keyword - check validity and spelling",
    "IVQUAL": "unrecognized qualifier - check validity, spelling, and placement",
    "IVVERB": "unrecognized command verb - check validity and spelling",
    "MAXPARM": "too many parameters - reenter command with fewer parameters",
    "NOCOMD": "no command on line - reenter with alphabetic first character",
    "NOKEYW": "qualifier name is missing - append the name to the slash",
    "NOLIST": "list of parameter values not allowed - check use of comma (,)",
    "NOPAREN": "value improperly delimited - supply parenthesis",
    "NOQUAL": "qualifiers not allowed - supply only verb and parameters",
    "NOTNEG": 'qualifier or keyword not negatable - remove "NO" or omit',
    "NOVALU": "value not allowed - remove value specification",
    "NUMBER": "invalid numeric value - supply an integer",
    "ONEVAL": "list of values not allowed - check use of comma (,)",
    "PARMDEL": "invalid parameter delimiter - check use of special characters",
    "VALREQ": "missing qualifier or keyword value - supply all required values",
}


_SLASH_HINT = 'a file name that holds a slash is written in quotation marks: "/tmp/payroll.img"'


# ---- the tables


class Kind(Enum):
    """What a value is; completion and the checks go by it."""

    TEXT = "text"
    NUMBER = "number"
    DEVICE = "device"
    FILE = "host file"
    NODE = "node"
    TIME = "delta time"
    TOPIC = "help topic"


@dataclass(frozen=True, slots=True)
class Value:
    """A value a qualifier or keyword takes.

    many: a list in parentheses may be given.  keywords: if there are any, the value is one of them.
    """

    name: str = "value"
    kind: Kind = Kind.TEXT
    required: bool = True
    many: bool = False
    keywords: "tuple[Keyword, ...]" = ()


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter by position.  many: a list may be given.  rest: takes all words that follow."""

    name: str
    prompt: str
    kind: Kind = Kind.TEXT
    required: bool = True
    many: bool = False
    rest: bool = False


@dataclass(frozen=True, slots=True)
class Keyword:
    """A keyword, or a qualifier.

    nodes: the kinds of node that have it, "" for all; elsewhere it is as unknown as any misspelling.
    parameters: what the verb's parameters become when the qualifier is given.
    """

    name: str
    help: str = ""
    value: Value | None = None
    negatable: bool = False
    nodes: str = ""
    parameters: tuple[Parameter, ...] | None = None


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb, or one of the options its first word chooses from (SHOW DEVICE).

    disallow: combinations of elements that are illegal; "!X" means that X is absent.
    routine: called as routine(job, command); its result is a procedure, carried out on the node.
    cancellable: the routine looks out for Ctrl-C.
    """

    name: str
    help: str
    routine: Callable[[Any, "Command"], Generator[Any, Any, Any]] | None = None
    parameters: tuple[Parameter, ...] = ()
    qualifiers: tuple[Keyword, ...] = ()
    examples: tuple[str, ...] = ()
    options: tuple["Verb", ...] = ()
    disallow: tuple[tuple[str, ...], ...] = ()
    nodes: str = ""
    cancellable: bool = False


# ---- a command


@dataclass(frozen=True, slots=True)
class Given:
    """A qualifier or keyword as it was given."""

    name: str
    negated: bool = False
    values: tuple[str, ...] = ()
    keywords: "tuple[Given, ...]" = ()


@dataclass(frozen=True, slots=True)
class Command:
    """A line that the tables allow."""

    verb: Verb
    path: str
    parameters: dict[str, list[str]] = field(default_factory=dict)
    qualifiers: dict[str, Given] = field(default_factory=dict)

    def parameter(self, name: str) -> str:
        """The value of a parameter, "" when it was left out."""
        values = self.parameters.get(name)
        return values[0] if values else ""

    def is_given(self, name: str) -> bool:
        """Tell whether a parameter or an unnegated qualifier was given."""
        given = self.qualifiers.get(name)
        return not given.negated if given is not None else name in self.parameters

    def is_negated(self, name: str) -> bool:
        given = self.qualifiers.get(name)
        return given is not None and given.negated

    def values(self, name: str) -> tuple[str, ...]:
        given = self.qualifiers.get(name)
        return given.values if given is not None else ()

    def number(self, name: str, default: int) -> int:
        values = self.values(name)
        return parse_number(values[0]) if values else default

    def keyword(self, name: str, keyword: str) -> Given | None:
        """The keyword of a qualifier, if it was given."""
        given = self.qualifiers.get(name)
        return next((k for k in given.keywords if k.name == keyword), None) if given is not None else None


def parse_number(text: str) -> int:
    """Read a number, %X and %O before hexadecimal and octal ones; raises DclError."""
    match = re.fullmatch(r"(?:%([XDO]))?([0-9A-F]+)", text.upper())
    try:
        if match is not None:
            return int(match[2], {"X": 16, "O": 8}.get(match[1] or "", 10))
    except ValueError:
        pass
    raise DclError("NUMBER", text)


# ---- a line


@dataclass(frozen=True, slots=True)
class _Element:
    text: str
    quoted: bool
    values: "tuple[_Element, ...] | None" = None


@dataclass(frozen=True, slots=True)
class _Parameter:
    values: tuple[_Element, ...]


@dataclass(frozen=True, slots=True)
class _Qualifier:
    name: str
    values: tuple[_Element, ...] | None


class _Lines(Transformer[Token, list[_Parameter | _Qualifier]]):
    def start(self, items: list[_Parameter | _Qualifier]) -> list[_Parameter | _Qualifier]:
        return items

    def value(self, items: list[Token]) -> _Element:
        token = items[0]
        if token.type == "STRING":
            match = re.fullmatch(r'"((?:[^"]|"")*)"?', token, re.DOTALL)
            assert match is not None, "the lexer found a string"
            return _Element(match[1].replace('""', '"'), True)
        return _Element(str(token), False)

    def parameter(self, items: list[_Element]) -> _Parameter:
        return _Parameter(tuple(items))

    def group(self, items: list[_Element]) -> tuple[_Element, ...]:
        return tuple(items)

    def element(self, items: list[Any]) -> _Element:
        key, values = items[0], items[1] if len(items) > 1 else None
        if values is None:
            return key if isinstance(key, _Element) else _Element(str(key), False)
        values = values if isinstance(values, tuple) else (values,)
        return _Element(key.text.removesuffix(":"), key.quoted, values)

    def qualifier(self, items: list[Any]) -> _Qualifier:
        name, values = str(items[0]), items[1]
        if values is None and ":" in name:
            name, _, text = name.partition(":")
            values = _Element(text, False) if text else None
        if values is not None and not isinstance(values, tuple):
            values = (values,)
        return _Qualifier(name.removesuffix(":"), values)


@cache
def _grammar() -> Lark:
    return Lark(_GRAMMAR, parser="lalr", transformer=_Lines(), maybe_placeholders=True)


def _read_line(line: str) -> list[_Parameter | _Qualifier]:
    try:
        items: Any = _grammar().parse(line)
    except UnexpectedToken as error:
        expected, ended = error.expected, error.token.type == "$END"
        if "WORD" in expected and "STRING" not in expected:
            raise DclError("NOKEYW", "/") from None
        if ended and "RPAR" in expected:
            raise DclError("NOPAREN") from None
        if ended and "LPAR" in expected:
            raise DclError("VALREQ", "=") from None
        raise DclError("PARMDEL", line.rstrip()[-1:] if ended else str(error.token)) from None
    except UnexpectedInput as error:
        raise DclError("PARMDEL", line[error.pos_in_stream : (error.pos_in_stream or 0) + 1]) from None
    return list(items)


_Entry = TypeVar("_Entry", Verb, Keyword)


def available(entries: Iterable[_Entry], kind: str) -> list[_Entry]:
    """The entries that a node of this kind has."""
    return [entry for entry in entries if entry.nodes in ("", kind)]


def parse(line: str, verbs: Sequence[Verb], kind: str) -> Command | None:
    """Make a command of a line, for a node of this kind; None when nothing stands there.

    Raises:
        MissingParameter: ask, append the answer to the line, and parse again.
        DclError: the line is no command.
    """
    items = _read_line(_without_dollar(line))
    if not items:
        return None
    first = items.pop(0)
    if isinstance(first, _Qualifier) or first.values[0].quoted:
        raise DclError("NOCOMD")
    if len(first.values) > 1:
        raise DclError("PARMDEL", ",")
    verb = _find_verb(first.values[0].text, available(verbs, kind), "VERB")
    path = verb.name
    words = [item.values for item in items if isinstance(item, _Parameter)]
    while verb.options:
        if not words:
            raise MissingParameter("What")
        if len(words[0]) > 1:
            raise DclError("NOLIST", words[0][1].text)
        verb = _find_verb(words.pop(0)[0].text, available(verb.options, kind), "KEYW")
        path += " " + verb.name
    given = _qualifiers(verb, [item for item in items if isinstance(item, _Qualifier)], kind)
    parameters = verb.parameters
    for qualifier in verb.qualifiers:
        if qualifier.parameters is not None and qualifier.name in given:
            parameters = qualifier.parameters
    command = Command(verb, path, {}, given)
    _take_parameters(command, parameters, words)
    for combination in verb.disallow:
        if all(_holds(command, element) for element in combination):
            raise DclError("CONFLICT", next((e for e in combination if e[0] != "!"), verb.name))
    return command


def _without_dollar(line: str) -> str:
    """Drop the dollar sign that lines of command procedures begin with."""
    return re.sub(r"^\s*\$\s*(?![\d$])", "", line)


def _holds(command: Command, element: str) -> bool:
    if element.startswith("!"):
        return not _holds(command, element[1:])
    return element in command.qualifiers or element in command.parameters


def _find_verb(text: str, verbs: list[Verb], what: str) -> Verb:
    wanted = text.upper()
    found = [verb for verb in verbs if verb.name.startswith(wanted)]
    exact = [verb for verb in found if verb.name == wanted]
    if len(exact or found) == 1:
        return (exact or found)[0]
    raise DclError(("AB" if found else "IV") + what, wanted)


def find_keyword(text: str, keywords: Iterable[Keyword], unknown: str) -> tuple[Keyword, bool]:
    """Find a qualifier or keyword by abbreviation: (it, whether it is negated); raises DclError."""
    wanted = text.upper()
    found: dict[str, tuple[Keyword, bool]] = {}
    not_negatable = False
    for keyword in keywords:
        if keyword.name.startswith(wanted):
            found[keyword.name] = keyword, False
        elif wanted.startswith("NO") and len(wanted) > 2 and keyword.name.startswith(wanted[2:]):
            if keyword.negatable:
                found["NO" + keyword.name] = keyword, True
            else:
                not_negatable = True
    if wanted in found:
        return found[wanted]
    if len(found) == 1:
        return next(iter(found.values()))
    raise DclError("ABKEYW" if found else "NOTNEG" if not_negatable else unknown, wanted)


def _qualifiers(verb: Verb, items: list[_Qualifier], kind: str) -> dict[str, Given]:
    known = available(verb.qualifiers, kind)
    if items and not verb.qualifiers:
        raise DclError("NOQUAL", items[0].name.upper())
    given: dict[str, Given] = {}
    for item in items:
        try:
            keyword, negated = find_keyword(item.name, known, "IVQUAL")
        except DclError as error:
            if error.ident == "IVQUAL" and any(p.kind is Kind.FILE for p in verb.parameters):
                error.hint = _SLASH_HINT
            raise
        given[keyword.name] = _given(keyword, negated, item.values, kind)  # the last one counts
    return given


def _given(keyword: Keyword, negated: bool, elements: tuple[_Element, ...] | None, kind: str) -> Given:
    value = keyword.value
    if elements is None:
        if value is not None and value.required and not negated:
            raise DclError("VALREQ", keyword.name)
        return Given(keyword.name, negated)
    if value is None or negated:
        raise DclError("NOVALU", elements[0].text.upper())
    if len(elements) > 1 and not value.many:
        raise DclError("ONEVAL", elements[1].text.upper())
    if value.keywords:
        known = available(value.keywords, kind)
        keywords = tuple(_given_keyword(element, known, kind) for element in elements)
        return Given(keyword.name, False, (), keywords)
    for element in elements:
        if element.values is not None:
            raise DclError("NOVALU", element.values[0].text.upper())
        _check(element.text, value.kind)
    return Given(keyword.name, False, tuple(element.text for element in elements))


def _given_keyword(element: _Element, known: list[Keyword], kind: str) -> Given:
    text, values = element.text, element.values
    if values is None and ":" in text:
        text, _, rest = text.partition(":")
        values = (_Element(rest, False),) if rest else None
    keyword, negated = find_keyword(text, known, "IVKEYW")
    return _given(keyword, negated, values, kind)


def _take_parameters(
    command: Command, parameters: tuple[Parameter, ...], words: list[tuple[_Element, ...]]
) -> None:
    for parameter in parameters:
        if not words:
            if parameter.required:
                raise MissingParameter(parameter.prompt)
            return
        values = [element.text for element in words.pop(0)]
        if len(values) > 1 and not parameter.many:
            raise DclError("NOLIST", values[1].upper())
        if parameter.rest:
            values += [element.text for word in words for element in word]
            words.clear()
        for value in values:
            _check(value, parameter.kind)
        command.parameters[parameter.name] = values
    if words:
        raise DclError("MAXPARM", words[0][0].text.upper())


def _check(text: str, kind: Kind) -> None:
    if kind is Kind.NUMBER:
        parse_number(text)
    elif kind is Kind.TIME and parse_delta_ns(text) is None:
        raise DclError("IVDTIME", text)


def logical_lines(lines: Iterable[str]) -> Iterator[str]:
    """Join lines that end with a hyphen with the next ones, as command procedures write them."""
    held = ""
    for line in lines:
        text = held + line.rstrip("\n")
        if text.split("!")[0].rstrip().endswith("-"):
            held = text.split("!")[0].rstrip()[:-1] + " "
        else:
            held = ""
            yield text
    if held:
        yield held
