"""DCL: the grammar, the tables, every complaint about a line."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.console.dcl import (
    Command,
    DclError,
    Keyword,
    Kind,
    MissingParameter,
    Parameter,
    Value,
    Verb,
    available,
    parse,
    parse_number,
)
from emu.console.dcl.quoting import logical_lines
from emu.console.times import absolute_time, parse_delta_ns
from emu.console.verbs import VERBS

TOY = (
    Verb(
        "PAINT",
        "",
        parameters=(Parameter("WHAT", "What", many=True), Parameter("WITH", "With", required=False)),
        qualifiers=(
            Keyword("COLOUR", "", Value(many=True)),
            Keyword("COATS", "", Value(kind=Kind.NUMBER)),
            Keyword("DRY", negatable=True),
            Keyword("LACQUER", "", Value(required=False)),
            Keyword("AT", "", Value(kind=Kind.TIME)),
            Keyword("HURRY", nodes="Alpha"),
            Keyword(
                "PLAN",
                "",
                Value(
                    many=True,
                    keywords=(
                        Keyword("START", "", Value(kind=Kind.NUMBER)),
                        Keyword("SLOW", negatable=True),
                        Keyword("ROOMS", "", Value(many=True)),
                    ),
                ),
            ),
        ),
        disallow=(("DRY", "LACQUER"),),
    ),
    Verb("PARK", "", parameters=(Parameter("WHERE", "Where"),)),
    Verb("REST", ""),
)


def toy(line: str, kind: str = "Alpha") -> Command:
    command = parse(line, TOY, kind)
    assert command is not None
    return command


def complaint(line: str, kind: str = "Alpha") -> tuple[str, str]:
    with pytest.raises(DclError) as caught:
        parse(line, TOY, kind)
    return caught.value.ident, caught.value.token


def test_qualifiers_stand_anywhere() -> None:
    for line in ("PAINT/DRY WALL", "PAINT WALL/DRY", "PAINT WALL /DRY", "PAINT / DRY WALL"):
        command = toy(line)
        assert command.is_given("DRY")
        assert command.parameters == {"WHAT": ["WALL"]}


def test_words_keep_their_case_and_verbs_do_not_care() -> None:
    command = toy("paint Wall.img/colour=Red")
    assert command.path == "PAINT"
    assert command.parameter("WHAT") == "Wall.img"
    assert command.values("COLOUR") == ("Red",)


def test_parameter_lists_have_commas_or_plus_signs_and_blanks_around_them() -> None:
    assert toy("PAINT A:,B: , C:+D: E").parameters == {"WHAT": ["A:", "B:", "C:", "D:"], "WITH": ["E"]}


def test_a_value_is_single_or_a_list_in_parentheses() -> None:
    assert toy("PAINT X/COLOUR=RED").values("COLOUR") == ("RED",)
    assert toy("PAINT X/COLOUR=(RED,$1$DUA10:, BLUE)").values("COLOUR") == ("RED", "$1$DUA10:", "BLUE")
    assert toy("PAINT X/COLOUR:RED").values("COLOUR") == ("RED",)
    assert toy("PAINT X/COLOUR:(RED,BLUE)").values("COLOUR") == ("RED", "BLUE")


def test_keywords_take_values_with_equals_sign_or_colon() -> None:
    for text in ("(START=5,NOSLOW)", "(START:5,NOSLOW)", "(NOSLOW,STAR:%X5)"):
        command = toy(f"PAINT X/PLAN={text}")
        start, slow = command.keyword("PLAN", "START"), command.keyword("PLAN", "SLOW")
        assert start is not None
        assert parse_number(start.values[0]) == 5
        assert slow is not None
        assert slow.negated


def test_keywords_take_lists() -> None:
    rooms = toy("PAINT X/PLAN=(ROOMS=(HALL,CELLAR))").keyword("PLAN", "ROOMS")
    assert rooms is not None
    assert rooms.values == ("HALL", "CELLAR")


def test_quoted_strings_hold_anything_and_double_their_quotes() -> None:
    assert toy('PAINT "a/b ""c"" !d,e"').parameter("WHAT") == 'a/b "c" !d,e'
    assert toy('PAINT ""').parameters == {"WHAT": [""]}


def test_a_quote_that_is_not_closed_ends_with_the_line() -> None:
    assert toy('PAINT "a b').parameter("WHAT") == "a b"


def test_comments_and_blank_lines_are_nothing() -> None:
    assert parse("  ! PAINT", TOY, "Alpha") is None
    assert parse("", TOY, "Alpha") is None
    assert toy("PAINT A ! B /C").parameters == {"WHAT": ["A"]}


def test_the_dollar_sign_of_procedures_is_dropped() -> None:
    assert toy("$ PAINT $1$DUA1:").parameter("WHAT") == "$1$DUA1:"


def test_negation() -> None:
    command = toy("PAINT A/NODRY")
    assert command.is_negated("DRY")
    assert not command.is_given("DRY")


def test_the_last_of_equal_qualifiers_counts() -> None:
    assert toy("PAINT A/DRY/NODRY").is_negated("DRY")


def test_abbreviations_are_good_as_long_as_they_are_unique() -> None:
    assert toy("PAI A/COL=RED/DR").is_given("DRY")
    assert complaint("PA A") == ("ABVERB", "PA")
    assert complaint("PAINT A/CO=3") == ("ABKEYW", "CO")
    assert complaint("PAINT A/PLAN=(S:1)") == ("ABKEYW", "S")


def test_an_exact_name_is_not_ambiguous() -> None:
    verbs = (Verb("SET", ""), Verb("SETTLE", ""))
    command = parse("SET", verbs, "VAX")
    assert command is not None
    assert command.path == "SET"


@pytest.mark.parametrize(
    ("line", "ident", "token"),
    [
        ("FOO", "IVVERB", "FOO"),
        ("PANTS A", "IVVERB", "PANTS"),
        ("/DRY", "NOCOMD", ""),
        ('"PAINT" A', "NOCOMD", ""),
        ("PAINT A/WET", "IVQUAL", "WET"),
        ("PAINT A/PLAN=FAST", "IVKEYW", "FAST"),
        ("PAINT A/NOCOATS", "NOTNEG", "NOCOATS"),
        ("PAINT A/PLAN=(NOSTART)", "NOTNEG", "NOSTART"),
        ("PAINT A/DRY=YES", "NOVALU", "YES"),
        ("PAINT A/COLOUR=(RED=3)", "NOVALU", "3"),
        ("PAINT A/COATS", "VALREQ", "COATS"),
        ("PAINT A/COATS=", "VALREQ", "="),
        ("PAINT A/PLAN=START", "VALREQ", "START"),
        ("PAINT A/COATS=MANY", "NUMBER", "MANY"),
        ("PAINT A/COATS=%XG", "NUMBER", "%XG"),
        ("PAINT A/COATS=%O8", "NUMBER", "%O8"),
        ("PAINT A/COATS=(1,2)", "ONEVAL", "2"),
        ("PAINT A/AT=25:00", "IVDTIME", "25:00"),
        ("PAINT A B C", "MAXPARM", "C"),
        ("PAINT A B,C", "NOLIST", "C"),
        ("REST NOW", "MAXPARM", "NOW"),
        ("REST/LONG", "NOQUAL", "LONG"),
        ("PAINT A/COLOUR=(RED", "NOPAREN", ""),
        ("PAINT A /", "NOKEYW", "/"),
        ("PAINT A//DRY", "NOKEYW", "/"),
        ("PAINT (A)", "PARMDEL", "("),
        ("PAINT A=B", "PARMDEL", "="),
        ("PAINT,A", "PARMDEL", ","),
        ("PAINT A/DRY/LACQUER", "CONFLICT", "DRY"),
    ],
)
def test_a_bad_line_is_refused_by_name(line: str, ident: str, token: str) -> None:
    assert complaint(line) == (ident, token)


def test_what_a_node_lacks_is_as_unknown_as_a_misspelling() -> None:
    assert toy("PAINT A/HURRY").is_given("HURRY")
    assert complaint("PAINT A/HURRY", "VAX") == ("IVQUAL", "HURRY")


def test_a_missing_parameter_is_asked_for_by_its_prompt() -> None:
    with pytest.raises(MissingParameter) as caught:
        toy("PARK")
    assert caught.value.prompt == "Where"
    assert str(caught.value.messages[0]) == (
        "%DCL-W-INSFPRM, missing command parameters - supply all required parameters"
    )


def test_numbers_have_three_radixes() -> None:
    assert [parse_number(text) for text in ("10", "%X1f", "%O17", "%D09")] == [10, 31, 15, 9]


def test_lines_that_end_with_a_hyphen_go_on() -> None:
    lines = ["MOUNT DSA1: -  ! the set\n", "  /SYSTEM -\n", " PAYROLL\n", "EXIT"]
    assert list(logical_lines(lines)) == ["MOUNT DSA1:    /SYSTEM   PAYROLL", "EXIT"]


def every_verb(verbs: tuple[Verb, ...], kind: str) -> Iterator[Verb]:
    for verb in available(verbs, kind):
        yield verb
        yield from every_verb(verb.options, kind)


def test_four_letters_tell_every_verb() -> None:
    names = [verb.name[:4] for verb in VERBS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("verb", list(every_verb(VERBS, "Alpha")), ids=lambda verb: verb.name)
def test_every_verb_is_explained_and_its_examples_parse(verb: Verb) -> None:
    assert verb.help
    assert bool(verb.options) != bool(verb.routine)
    assert verb.examples or verb.options
    for qualifier in verb.qualifiers:
        assert qualifier.help
    for example in verb.examples:
        command = parse(example, VERBS, "Alpha")
        assert command is not None
        assert command.verb is verb


def test_times() -> None:
    assert absolute_time(0) == "17-NOV-1858 00:00:00.00"
    assert absolute_time(0x00A0_2F1A_9C3E_0000) == absolute_time(0x00A0_2F1A_9C3E_0000 + 9)
    assert parse_delta_ns("00:00:10") == 10_000_000_000
    assert parse_delta_ns("1-02:03:04.5") == 93_784_500_000_000
    assert parse_delta_ns("::0.05") is None
    assert parse_delta_ns("DSA1:") is None
    assert parse_delta_ns("") is None


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.text(alphabet="PAINT SHOWDE/=(),:+\"!$1%-'\t\\", max_size=40))
def test_no_line_does_more_than_parse_or_be_refused(line: str) -> None:
    for kind in ("Alpha", "VAX"):
        for verbs in (TOY, VERBS):
            with suppress(DclError):
                parse(line, verbs, kind)
