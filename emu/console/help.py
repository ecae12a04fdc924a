"""HELP: the tables, for people."""

from collections.abc import Iterator, Sequence
from textwrap import wrap

from emu.console.dcl import DclError, Keyword, Kind, Parameter, Verb, available, parse

WIDTH = 78


def known_topics(verbs: Sequence[Verb], topics: Sequence[str], kind: str) -> list[str]:
    """The verb, and the options of it, that the topics begin with."""
    path: list[str] = []
    for topic in topics:
        entries = available(verbs, kind)
        found = [entry for entry in entries if entry.name.startswith(topic)]
        found = [entry for entry in found if entry.name == topic] or found
        if not found:
            break
        path.append(found[0].name)
        verbs = found[0].options
    return path


def leads_on(verbs: Sequence[Verb], path: Sequence[str], kind: str) -> bool:
    """Whether there is something below a topic to ask for."""
    verb: Verb | None = None
    for name in path:
        verb = next(entry for entry in available(verbs, kind) if entry.name == name)
        verbs = verb.options
    return verb is None or bool(verb.options) or bool(available(verb.qualifiers, kind))


def help_lines(verbs: Sequence[Verb], topics: Sequence[str], kind: str) -> Iterator[str]:
    """Explain a topic, by the words that lead to it; say what there is when there are none."""
    entries = available(verbs, kind)
    path: list[str] = []
    verb: Verb | None = None
    yield ""
    for wanted in topics:
        found = [entry for entry in entries if entry.name.startswith(wanted)]
        found = [entry for entry in found if entry.name == wanted] or found
        if found:
            verb = found[0]
            entries = available(verb.options, kind)
            path.append(verb.name)
            continue
        if verb is not None:
            keywords = [
                k for k in available(verb.qualifiers, kind) if k.name.startswith(wanted.removeprefix("NO"))
            ]
            if keywords:
                yield " ".join(path)
                yield ""
                for keyword in keywords:
                    yield from _keyword(keyword, kind)
                return
        yield f"Sorry, no documentation on {' '.join((*path, wanted))}"
        yield ""
        names = [entry.name for entry in entries]
        if verb is not None and not names:
            names = [f"/{qualifier.name}" for qualifier in available(verb.qualifiers, kind)]
        yield from _topics("Additional information available:", names)
        return
    if verb is None:
        yield from _topics("Information available:", [entry.name for entry in entries])
        return
    yield from _verb(verb, path, kind, [e for e in verb.examples if _is_command(e, verbs, kind)])


def _verb(verb: Verb, path: list[str], kind: str, examples: Sequence[str]) -> Iterator[str]:
    yield " ".join(path)
    yield ""
    yield from _paragraph(verb.help)
    if verb.options:
        yield from _topics(
            "Additional information available:", [o.name for o in available(verb.options, kind)]
        )
        return
    yield f"  Format:  {' '.join((*path, *map(_placeholder, verb.parameters)))}"
    for qualifier in available(verb.qualifiers, kind):
        if qualifier.parameters is not None:
            form = f"{' '.join(path)}/{qualifier.name}"
            yield f"           {' '.join((form + _value(qualifier, kind), *map(_placeholder, qualifier.parameters)))}"
    yield ""
    for qualifier in available(verb.qualifiers, kind):
        yield from _keyword(qualifier, kind)
    if examples:
        yield "  Examples:"
        for example in examples:
            yield f"    $ {example}"
        yield ""


def _is_command(example: str, verbs: Sequence[Verb], kind: str) -> bool:
    """Whether a node of this kind takes the example: a VAX has no commands for bitmaps."""
    try:
        parse(example, verbs, kind)
    except DclError:
        return False
    return True


def _keyword(keyword: Keyword, kind: str) -> Iterator[str]:
    yield f"  /{'[NO]' if keyword.negatable else ''}{keyword.name}{_value(keyword, kind)}"
    values = available(keyword.value.keywords, kind) if keyword.value is not None else []
    yield from _paragraph(" ".join(filter(None, (keyword.help, *(value.help for value in values)))), "      ")


def _value(keyword: Keyword, kind: str) -> str:
    value = keyword.value
    if value is None:
        return ""
    keywords = available(value.keywords, kind)
    text = (
        "|".join(f"{'[NO]' if k.negatable else ''}{k.name}{_value(k, kind)}" for k in keywords)
        or value.name.lower()
    )
    if value.keywords and value.kind is Kind.NUMBER:
        text += f"|{value.name.lower()}"
    text = f"({text},...)" if value.many else text
    return f"={text}" if value.required else f"[={text}]"


def _placeholder(parameter: Parameter) -> str:
    name = parameter.name.lower().replace("_", "-")
    return name if parameter.required else f"[{name}]"


def _paragraph(text: str, indent: str = "  ") -> Iterator[str]:
    yield from wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent)
    yield ""


def _topics(heading: str, names: Sequence[str]) -> Iterator[str]:
    if not names:
        return
    yield f"  {heading}"
    yield ""
    width = max(12, *(len(name) + 2 for name in names))
    a_line = 72 // width
    for start in range(0, len(names), a_line):
        yield "  " + "".join(f"{name:{width}}" for name in names[start : start + a_line]).rstrip()
    yield ""
