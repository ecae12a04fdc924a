"""From a line to a command, by the tables.

Verbs, qualifiers and keywords may be abbreviated as long as they stay unique, and four characters always are.
Words keep the case they were typed in: a device name does not care, a file of the host does.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from drivers.message import Failure, Message
from emu.console.dcl.errors import DclError, MissingParameter
from emu.console.dcl.line import Element, ParameterItem, QualifierItem, read_line
from emu.console.dcl.tables import Keyword, Kind, Parameter, Verb, available
from emu.console.times import parse_delta_ns

_NUMBERS_BEGIN = tuple("%0123456789")
_SIGNIFICANT = 4  # characters of a name that DCL looks at
_SLASH_HINT = 'a file name that holds a slash is written in quotation marks: "/tmp/payroll.img"'


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

    def number_in(self, name: str, default: int, lowest: int, highest: int) -> int:
        """The number a qualifier gives; raises Failure when it is out of range."""
        number = self.number(name, default)
        if not lowest <= number <= highest:
            text = f"/{name}={number} is out of range, {lowest} to {highest} are allowed"
            raise Failure(Message("CLI", "F", "IVVALU", text))
        return number

    def keyword(self, name: str, keyword: str) -> Given | None:
        """The keyword of a qualifier, if it was given; given twice, the last one counts."""
        given = self.qualifiers.get(name)
        keywords = reversed(given.keywords) if given is not None else ()
        return next((k for k in keywords if k.name == keyword), None)


def parse_number(text: str) -> int:
    """Read a number, %X and %O before hexadecimal and octal ones; raises DclError."""
    match = re.fullmatch(r"(?:%([XDO]))?([0-9A-F]+)", text.upper())
    try:
        if match is not None:
            return int(match[2], {"X": 16, "O": 8}.get(match[1] or "", 10))
    except ValueError:
        pass
    raise DclError("NUMBER", text)


def parse(line: str, verbs: Sequence[Verb], kind: str) -> Command | None:
    """Make a command of a line, for a node of this kind; None when nothing stands there.

    Raises:
        MissingParameter: ask, append the answer to the line, and parse again.
        DclError: the line is no command.
    """
    line = without_dollar(line)
    verbatim = _parse_verbatim(line, verbs, kind)
    if verbatim is not None:
        return verbatim
    items = read_line(line)
    if not items:
        return None
    first = items.pop(0)
    if isinstance(first, QualifierItem) or first.values[0].quoted:
        raise DclError("NOCOMD")
    if len(first.values) > 1:
        raise DclError("PARMDEL", ",")
    verb = find_verb(first.values[0].text, available(verbs, kind), "VERB")
    path = verb.name
    words = [item.values for item in items if isinstance(item, ParameterItem)]
    while verb.options:
        if not words:
            raise MissingParameter("What")
        if len(words[0]) > 1:
            raise DclError("NOLIST", words[0][1].text)
        verb = find_verb(words.pop(0)[0].text, available(verb.options, kind), "KEYW")
        path += " " + verb.name
    command = Command(verb, path, {}, _qualifiers(verb, items, kind, path.count(" ")))
    _take_parameters(command, _parameters(verb, command.qualifiers), words)
    for combination in verb.disallow:
        if all(_holds(command, element) for element in combination):
            raise DclError("CONFLICT", next((e for e in combination if e[0] != "!"), verb.name))
    return command


_NAME = re.compile(r"\s*([A-Z$_][\w$]*|@)", re.IGNORECASE)
_QUALIFIERS = re.compile(r'(?:\s*/\s*(?:"[^"]*"?|[^\s"/])+)*')


def _parse_verbatim(line: str, verbs: Sequence[Verb], kind: str) -> Command | None:
    """Parse a line whose verb reads the rest of it by itself; None for other lines."""
    names: list[str] = []
    end, options = 0, verbs
    while options:
        match = _NAME.match(line, end)
        try:
            verb = find_verb(match[1] if match is not None else "", available(options, kind), "VERB")
        except DclError:
            return None
        assert match is not None, "nothing is no verb"
        names.append(verb.name)
        end, options = match.end(), verb.options
    if not any(parameter.verbatim for parameter in verb.parameters):
        return None
    match = _QUALIFIERS.match(line, end)
    assert match is not None, "there may be none"
    command = Command(verb, " ".join(names), {}, _qualifiers(verb, read_line(match[0]), kind, 0))
    rest = line[match.end() :].strip()
    for parameter in verb.parameters:
        word, behind = rest, ""
        if not parameter.verbatim:
            word, _, behind = re.sub(r"\s+", " ", rest, count=1).partition(" ")
        if word:
            command.parameters[parameter.name] = [word]
        elif parameter.required:
            raise MissingParameter(parameter.prompt)
        rest = behind.strip()
    return command


def _parameters(verb: Verb, given: dict[str, Given]) -> tuple[Parameter, ...]:
    for qualifier in verb.qualifiers:
        if qualifier.parameters is not None and qualifier.name in given:
            return qualifier.parameters
    return verb.parameters


def without_dollar(line: str) -> str:
    """Drop the dollar sign that lines of command procedures begin with."""
    return re.sub(r"^\s*\$\s*(?![\d$])", "", line)


def _holds(command: Command, element: str) -> bool:
    if element.startswith("!"):
        return not _holds(command, element[1:])
    return element in command.qualifiers or element in command.parameters


def begins(name: str, wanted: str) -> bool:
    """Whether `wanted` means `name`: its beginning, or its first four characters, whatever follows them."""
    return name.startswith(wanted) or (
        len(wanted) > _SIGNIFICANT and name[:_SIGNIFICANT] == wanted[:_SIGNIFICANT]
    )


def find_verb(text: str, verbs: Iterable[Verb], what: str) -> Verb:
    """Find a verb or an option by abbreviation; raises DclError."""
    wanted = text.upper()
    found = [verb for verb in verbs if begins(verb.name, wanted)]
    exact = [verb for verb in found if verb.name.startswith(wanted)]
    exact = [verb for verb in exact if verb.name == wanted] or [v for v in exact if not v.yields] or exact
    if len(exact or found) == 1:
        return (exact or found)[0]
    raise DclError(("AB" if found else "IV") + what, wanted)


def find_keyword(text: str, keywords: Iterable[Keyword], unknown: str) -> tuple[Keyword, bool]:
    """Find a qualifier or keyword by abbreviation: (it, whether it is negated); raises DclError."""
    wanted = text.upper()
    found: dict[str, tuple[Keyword, bool]] = {}
    not_negatable = False
    for keyword in keywords:
        if begins(keyword.name, wanted):
            found[keyword.name] = keyword, False
        if "NO".startswith(wanted[:2]) and begins(keyword.name, wanted[2:]):
            if keyword.negatable:
                found["NO" + keyword.name] = keyword, True
            elif len(wanted) > 2:
                not_negatable = True
    if wanted in found:
        return found[wanted]
    found = {name: entry for name, entry in found.items() if name.startswith(wanted)} or found
    if len(found) == 1:
        return next(iter(found.values()))
    raise DclError("ABKEYW" if found else "NOTNEG" if not_negatable else unknown, wanted)


def _qualifiers(
    verb: Verb, items: Sequence[ParameterItem | QualifierItem], kind: str, options: int
) -> dict[str, Given]:
    """The qualifiers of a line; its first `options` words belong to the verb."""
    known = available(verb.qualifiers, kind)
    given: dict[str, Given] = {}
    words = -options
    for item in items:
        if isinstance(item, ParameterItem):
            words += 1
            continue
        if not verb.qualifiers:
            raise DclError("NOQUAL", item.name.upper(), _slash_hint(verb))
        try:
            keyword, negated = find_keyword(item.name, known, "IVQUAL")
        except DclError as error:
            if error.ident == "IVQUAL":
                error.hint = _slash_hint(verb)
            raise
        place = verb.parameters[words - 1].name if 0 < words <= len(verb.parameters) else ""
        if keyword.behind and keyword.behind != place:
            raise DclError("IVQUAL", keyword.name)
        given[keyword.name] = _given(keyword, negated, item.values, kind)  # the last one counts
    return given


def _slash_hint(verb: Verb) -> str:
    return _SLASH_HINT if any(p.kind is Kind.FILE for p in verb.parameters) else ""


def _given(keyword: Keyword, negated: bool, elements: tuple[Element, ...] | None, kind: str) -> Given:
    value = keyword.value
    if elements is None:
        if value is not None and value.required and not negated:
            raise DclError("VALREQ", keyword.name)
        return Given(keyword.name, negated)
    if value is None or negated:
        raise DclError("NOVALU", elements[0].text.upper())
    if len(elements) > 1 and not value.many:
        raise DclError("ONEVAL", elements[1].text.upper())
    if value.keywords and not (value.kind is Kind.NUMBER and elements[0].text[:1] in _NUMBERS_BEGIN):
        known = available(value.keywords, kind)
        keywords = tuple(_given_keyword(element, known, kind) for element in elements)
        return Given(keyword.name, False, (), keywords)
    for element in elements:
        if element.values is not None:
            raise DclError("NOVALU", element.values[0].text.upper())
        _check(element.text, value.kind)
    return Given(keyword.name, False, tuple(element.text for element in elements))


def _given_keyword(element: Element, known: list[Keyword], kind: str) -> Given:
    text, values = element.text, element.values
    if values is None and ":" in text:
        text, _, rest = text.partition(":")
        values = (Element(rest, False),) if rest else None
    keyword, negated = find_keyword(text, known, "IVKEYW")
    return _given(keyword, negated, values, kind)


def _take_parameters(
    command: Command, parameters: tuple[Parameter, ...], words: list[tuple[Element, ...]]
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
