"""Completion of DCL lines, by the same tables that parse them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from emu.console.dcl import Keyword, Kind, Parameter, Verb, available
from emu.console.session import Session


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What may stand at the cursor: `text` replaces the last `length` characters; `help` explains it."""

    text: str
    length: int
    help: str = ""


def suggestions(session: Session, before_cursor: str) -> Iterator[Suggestion]:
    """Suggest how the word before the cursor may go on."""
    kind = session.node.kind
    last = re.split(r"[\s/=,+()]", before_cursor)[-1]
    separator = before_cursor[: len(before_cursor) - len(last)][-1:]
    qualifier = _qualifier_before(before_cursor)
    words = re.findall(r'"[^"]*"?|[^\s/]+', re.sub(r"/[^\s/(]*(\([^)]*\)?)?", " ", before_cursor))
    if words and not qualifier and separator != "/" and not before_cursor[-1:].isspace():
        words.pop()  # it is the one being typed
    if not words and separator != "/":
        yield from _entries(available(session.verbs, kind), last)
        return
    verb, used = _verb(available(session.verbs, kind), words, kind)
    if verb is None:
        return
    if separator == "/":
        for keyword in available(verb.qualifiers, kind):
            yield from _keyword(keyword, last)
    elif qualifier:
        yield from _values(session, verb, qualifier, last)
    elif verb.options:
        yield from _entries(available(verb.options, kind), last)
    elif verb.parameters:
        yield from _parameter(session, verb.parameters, len(words) - used, last)


def _verb(verbs: Sequence[Verb], words: Sequence[str], kind: str) -> tuple[Verb | None, int]:
    """The verb, or the option of it, that the words have come to, and how many words that took."""
    verb: Verb | None = None
    for used, word in enumerate(words):
        found = [entry for entry in verbs if entry.name.startswith(word.upper().lstrip("$"))]
        if len(found) != 1:
            return verb, used
        verb = found[0]
        verbs = available(verb.options, kind)
        if not verbs:
            return verb, used + 1
    return verb, len(words)


def _qualifier_before(text: str) -> str:
    match = re.search(r"/([A-Za-z_]+)=(?:\([^)]*|[^\s/]*)$", text)
    return match[1].upper() if match is not None else ""


def _entries(verbs: Sequence[Verb], last: str) -> Iterator[Suggestion]:
    for verb in verbs:
        if verb.name.startswith(last.upper()):
            yield Suggestion(verb.name + " ", len(last), verb.help.split(".")[0])


def _keyword(keyword: Keyword, last: str) -> Iterator[Suggestion]:
    names = [keyword.name, f"NO{keyword.name}"] if keyword.negatable else [keyword.name]
    for name in names:
        if name.startswith(last.upper()):
            takes_value = keyword.value is not None and keyword.value.required and name == keyword.name
            yield Suggestion(name + ("=" if takes_value else ""), len(last), keyword.help.split(".")[0])


def _values(session: Session, verb: Verb, name: str, last: str) -> Iterator[Suggestion]:
    keywords = [k for k in available(verb.qualifiers, session.node.kind) if k.name.startswith(name)]
    for keyword in keywords[:1]:
        value = keyword.value
        if value is None:
            return
        for choice in available(value.keywords, session.node.kind):
            yield from _keyword(choice, last)
        if value.kind is Kind.DEVICE:
            yield from _devices(session, last)


def _parameter(
    session: Session, parameters: Sequence[Parameter], position: int, last: str
) -> Iterator[Suggestion]:
    parameter = parameters[min(position, len(parameters) - 1)]
    if parameter.kind is Kind.DEVICE or parameter.kind is Kind.FILE:
        yield from _devices(session, last)
    elif parameter.kind is Kind.NODE:
        for name in session.world.nodes:
            if name.startswith(last.upper()):
                yield Suggestion(name, len(last))
    elif parameter.kind is Kind.TOPIC:
        yield from _entries(available(session.verbs, session.node.kind), last)


def _devices(session: Session, last: str) -> Iterator[Suggestion]:
    node = session.node
    wanted = last.upper().lstrip("_")
    for name, help_text in (
        *((vu.name, vu.state.label) for vu in node.shadow.units.values()),
        *((unit.name, unit.media) for unit in node.disks),
    ):
        if last and (name.startswith(wanted) or name.rsplit("$", 1)[-1].startswith(wanted)):
            yield Suggestion(name, len(last), help_text)
        elif not last:
            yield Suggestion(name, 0, help_text)
