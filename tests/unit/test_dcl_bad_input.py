"""Bad input for every command there is: the cases are made from the tables, so that a new verb brings its own."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emu.console.dcl import Command, DclError, Keyword, Kind, MissingParameter, Value, Verb, available, parse
from emu.console.verbs import VERBS
from tests.unit.test_console import A, B, C, Console

KINDS = ("Alpha", "VAX")


def leaves(verbs: tuple[Verb, ...], kind: str, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Verb]]:
    """Every verb that does something, by the words that lead to it."""
    for verb in available(verbs, kind):
        here = (*path, verb.name)
        if verb.options:
            yield from leaves(verb.options, kind, here)
        else:
            yield " ".join(here), verb


def is_verbatim(verb: Verb) -> bool:
    return any(parameter.verbatim for parameter in verb.parameters)


COMMANDS = [(kind, path, verb) for kind in KINDS for path, verb in leaves(VERBS, kind)]
PLAIN = [(kind, path, verb) for kind, path, verb in COMMANDS if not is_verbatim(verb)]
QUALIFIERS = [
    (kind, path, verb, qualifier)
    for kind, path, verb in PLAIN
    for qualifier in available(verb.qualifiers, kind)
]


def names(cases: list[tuple[str, str, Verb]]) -> list[str]:
    return [f"{kind}-{path}" for kind, path, _ in cases]


def complaint(line: str, kind: str) -> str:
    """What DCL says about a line, "" for nothing."""
    try:
        parse(line, VERBS, kind)
    except DclError as error:
        return error.ident
    return ""


def good(kind: str, verb: Verb) -> str:
    """A line that is right."""
    lines = [example for example in verb.examples if not complaint(example, kind)]
    if not lines:
        pytest.skip(f"a {kind} has no example of it")
    return lines[0]


def parsed(line: str, kind: str) -> Command:
    command = parse(line, VERBS, kind)
    assert command is not None
    return command


@pytest.mark.parametrize(("kind", "path", "verb"), PLAIN, ids=names(PLAIN))
def test_too_many_parameters(kind: str, path: str, verb: Verb) -> None:
    if any(parameter.rest for parameter in verb.parameters):
        pytest.skip("takes all that follows")
    assert complaint(good(kind, verb) + " X" * 9, kind) in ("MAXPARM", "NUMBER")


@pytest.mark.parametrize(("kind", "path", "verb"), COMMANDS, ids=names(COMMANDS))
def test_a_missing_parameter_is_asked_for_by_its_prompt(kind: str, path: str, verb: Verb) -> None:
    wanted = next((p.prompt for p in verb.parameters if p.required), None)
    if wanted is None:
        pytest.skip("needs none")
    with pytest.raises(MissingParameter) as caught:
        parse(path, VERBS, kind)
    assert caught.value.prompt == wanted


@pytest.mark.parametrize(("kind", "path", "verb"), PLAIN, ids=names(PLAIN))
def test_a_qualifier_that_does_not_exist(kind: str, path: str, verb: Verb) -> None:
    assert complaint(good(kind, verb) + "/ZZZZ", kind) == ("IVQUAL" if verb.qualifiers else "NOQUAL")


@pytest.mark.parametrize(("kind", "path", "verb"), PLAIN, ids=names(PLAIN))
def test_a_list_where_one_value_is_wanted(kind: str, path: str, verb: Verb) -> None:
    for number, parameter in enumerate(verb.parameters):
        if not parameter.many and not parameter.rest:
            line = path + " 1" * number + " 1,2"
            assert complaint(line, kind) == "NOLIST"


def sample(value: Value) -> str:
    """A value that fits."""
    if value.keywords:
        return value.keywords[0].name + (f"={sample(inner)}" if (inner := value.keywords[0].value) else "")
    return {Kind.NUMBER: "1", Kind.TIME: "00:00:01"}.get(value.kind, "X")


def bad_uses(qualifier: Keyword, others: list[Keyword]) -> Iterator[tuple[str, str]]:
    """Wrong ways to give a qualifier, and what DCL says."""
    name, value = qualifier.name, qualifier.value
    if value is None:
        yield f"/{name}=1", "NOVALU"
        yield f"/{name}=(1,2)", "NOVALU"
    else:
        if value.required:
            yield f"/{name}", "VALREQ"
            yield f"/{name}=", "VALREQ"
        if value.keywords:
            yield f"/{name}=ZZZZ", "IVKEYW"
        if value.kind is Kind.NUMBER and not value.keywords:
            yield f"/{name}=XYZ", "NUMBER"
        if not value.many:
            yield f"/{name}=({sample(value)},{sample(value)})", "ONEVAL"
        yield f"/{name}=({sample(value)}", "NOPAREN"
    if qualifier.negatable:
        yield f"/NO{name}=1", "NOVALU"
    elif not any(other.name.startswith("NO") for other in others):
        yield f"/NO{name}", "NOTNEG"


@pytest.mark.parametrize(
    ("kind", "path", "verb", "qualifier"), QUALIFIERS, ids=[f"{k}-{p}/{q.name}" for k, p, _, q in QUALIFIERS]
)
def test_a_qualifier_given_wrongly(kind: str, path: str, verb: Verb, qualifier: Keyword) -> None:
    line = good(kind, verb)
    for text, ident in bad_uses(qualifier, available(verb.qualifiers, kind)):
        assert complaint(line + text, kind) == ident, text


@pytest.mark.parametrize(
    ("kind", "path", "verb", "qualifier"), QUALIFIERS, ids=[f"{k}-{p}/{q.name}" for k, p, _, q in QUALIFIERS]
)
def test_of_a_qualifier_given_twice_the_last_one_counts(
    kind: str, path: str, verb: Verb, qualifier: Keyword
) -> None:
    line, name = good(kind, verb), qualifier.name
    text = f"/{name}" + (f"={sample(qualifier.value)}" if qualifier.value else "")
    once = complaint(line + text, kind)
    assert complaint(line + text + text, kind) == once
    if qualifier.negatable and not once:
        assert parsed(f"{line}{text}/NO{name}", kind).is_negated(name)
        assert parsed(f"{line}/NO{name}{text}", kind).is_given(name)


@pytest.mark.parametrize(("kind", "path", "verb"), PLAIN, ids=names(PLAIN))
def test_contradictions(kind: str, path: str, verb: Verb) -> None:
    known = {qualifier.name: qualifier for qualifier in available(verb.qualifiers, kind)}
    for combination in verb.disallow:
        wanted = [element for element in combination if not element.startswith("!")]
        if not all(element in known for element in wanted):
            continue
        line = path
        for element in wanted:
            value = known[element].value
            line += f"/{element}" + (f"={sample(value)}" if value is not None and value.required else "")
        line += " 1" * sum(parameter.required for parameter in verb.parameters)
        assert complaint(line, kind) == "CONFLICT", line


def families(verbs: tuple[Verb, ...], kind: str) -> Iterator[tuple[str, list[str], str]]:
    """Names that stand beside each other: (the words before them, they, what an ambiguous one is called)."""

    def below(verbs: tuple[Verb, ...], path: str) -> Iterator[tuple[str, list[str], str]]:
        known = available(verbs, kind)
        yield path, [verb.name for verb in known if not verb.yields], "ABKEYW" if path else "ABVERB"
        for verb in known:
            if verb.options:
                yield from below(verb.options, f"{path}{verb.name} ")
            elif not is_verbatim(verb):
                keywords = available(verb.qualifiers, kind)
                known_names = [k.name for k in keywords] + ["NO" + k.name for k in keywords if k.negatable]
                yield f"{path}{verb.name}/", known_names, "ABKEYW"

    yield from below(verbs, "")


@pytest.mark.parametrize("kind", KINDS)
def test_an_abbreviation_is_refused_exactly_when_it_may_mean_two(kind: str) -> None:
    for path, family, ident in families(VERBS, kind):
        for name in family:
            for length in range(1, len(name) + 1):
                short = name[:length]
                means = [other for other in family if other.startswith(short)]
                is_ambiguous = len(means) > 1 and short not in family
                assert (complaint(path + short, kind) == ident) == is_ambiguous, path + short


@pytest.mark.parametrize("kind", KINDS)
def test_four_characters_tell_all_names_apart(kind: str) -> None:
    for path, family, _ in families(VERBS, kind):
        heads = [name[: 6 if name.startswith("NO") and name[2:] in family else 4] for name in family]
        assert len(set(heads)) == len(heads), (path, sorted(family))


def test_a_vax_knows_nothing_of_what_only_an_alpha_has() -> None:
    for path, verb in leaves(VERBS, "Alpha"):
        for qualifier in verb.qualifiers:
            if qualifier.nodes == "Alpha":
                assert complaint(f"{path}/{qualifier.name}", "VAX") in ("IVQUAL", "IVVERB", "IVKEYW"), path


# ---- token soup

WORDS = sorted(
    {word for _, path, _ in COMMANDS for word in path.split()} - {"LOAD", "SHUTDOWN"}
    | {qualifier.name for *_, qualifier in QUALIFIERS}
)
ODDITIES = [
    *"/=(),+\"'&!@-:$%.",
    "DSA42:", "DSA7:", A, B, C, "PAYROLL", "1", "%XZ", "00:00:01", "F$TIME()", "F$GETDVI(",
    ".EQ.", "THEN", "NO", "é", "\x00", "''", "P1", "SYS$OUTPUT", "00010001", "MINICOPY", "OPTIONAL",
]  # fmt: skip


@pytest.fixture(scope="module")
def console() -> Console:
    console = Console()
    console.well(f"INIT/SHADOW=({A},{B}) PAYROLL", f"MOUNT DSA42:/SHADOW=({A},{B}) PAYROLL")
    return console


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    soup=st.lists(st.sampled_from(WORDS) | st.sampled_from(ODDITIES), max_size=9),
    glue=st.sampled_from(["", " "]),
    answer=st.sampled_from([None, "", "X", "Y", "/"]),
)
def test_no_line_breaks_the_console(console: Console, soup: list[str], glue: str, answer: str | None) -> None:
    console.answers = [answer] * 3
    console.do(glue.join(soup))
    assert not console.interpreter.busy
    assert len(console.interpreter.process.levels) == 1
    console.interpreter.process.level.blocks.clear()
    console.interpreter.process.symbols.globals.clear()
    console.interpreter.process.symbols.local.clear()
    console.do("")  # should the line have ended with a hyphen
    assert console.do("SHOW TIME")
