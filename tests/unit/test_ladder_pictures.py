"""Ladders as SVG and Mermaid, and `hbvs ladder`, which draws them from a capture."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from emu.__main__ import main
from emu.core.trace import (
    BlocksMoved,
    ConsoleLine,
    Event,
    InterruptRequested,
    MessageMoved,
    StateChanged,
    TaskEnded,
    TaskTaken,
)
from emu.trace.ladder import Rung, Way, rung_of, sides
from emu.trace.mermaid import mermaid
from emu.trace.pcapng import PcapngWriter
from emu.trace.svg import svg

WRITE = bytes.fromhex("20000000 07000000 02000000 22000000 00020000" + "00" * 12 + "05000000")
WRITE_END = bytes.fromhex("20000100 07000000 02000000 a2000000 00020000" + "00" * 16)
BAD_LBN_END = bytes.fromhex("20000300 07000000 02000000 a200011c 00000000" + "00" * 16)
UNIT_AVAILABLE_END = bytes.fromhex("30000100 07000000 02000000 83000400" + "00" * 36)

STORY: list[Event] = [
    StateChanged(1_000, "ALPHA1/PUA0", "down", "running"),
    MessageMoved(1_000, "PUA", "H>C", WRITE),
    BlocksMoved(1_000, "PUA", "WRITE", 2, 5, 512),
    MessageMoved(3_500, "PUA", "C>H", WRITE_END),
    InterruptRequested(3_500, "PUA", 0o774),
    ConsoleLine(2_000_000_000, "ALPHA1", "<done> & gone; #1"),
]


def rungs(*events: Event) -> list[Rung]:
    return [rung for rung in map(rung_of, events) if rung is not None]


def capture(path: Path, *events: Event) -> str:
    with path.open("wb") as file:
        writer = PcapngWriter(file.write)
        for event in events:
            writer.hear(event)
    return str(path)


SVG = "{http://www.w3.org/2000/svg}"


def test_every_rung_is_in_the_picture_with_its_text() -> None:
    picture = ElementTree.fromstring(svg(rungs(*STORY), "ALPHA1", "PUA"))
    texts = [element.text for element in picture.iter(f"{SVG}text")]
    assert texts == [
        "ALPHA1",
        "PUA",
        "0.0 µs",
        "PUA0 down → running",
        "WRITE: crf 0x7, unit 2, bcnt 512, lbn 5",
        "unit 2: WRITE 1 block at LBN 5",
        "2.5 µs",
        "WRITE end: crf 0x7, unit 2, bcnt 512, success, +1 credit",
        "interrupt, vector 774",
        "1999999.0 µs",
        "<done> & gone; #1",
    ]


def test_arrows_point_where_the_message_went() -> None:
    picture = ElementTree.fromstring(svg(rungs(*STORY), "ALPHA1", "PUA"))
    heads = [element.attrib["points"].split()[0].split(",")[0] for element in picture.iter(f"{SVG}polygon")]
    lines = [element.attrib["x1"] for element in picture.iter(f"{SVG}line")][:2]
    assert heads == [lines[1], lines[0], lines[0]]


def test_a_picture_is_wide_enough_for_its_longest_line() -> None:
    wide = ElementTree.fromstring(svg(rungs(ConsoleLine(0, "A", "x" * 200)), "A", "B"))
    assert int(wide.attrib["width"]) > 200 * 7


def test_control_characters_do_not_break_the_picture() -> None:
    ElementTree.fromstring(svg(rungs(ConsoleLine(0, "A", "a\x07b\x1bc")), "A", "B"))


def test_an_empty_ladder_is_a_picture_too() -> None:
    ElementTree.fromstring(svg([], "host", "controller"))


@pytest.mark.parametrize(
    ("event", "has_failed"),
    [
        (MessageMoved(0, "PUA", "C>H", WRITE_END), False),
        (MessageMoved(0, "PUA", "C>H", BAD_LBN_END), True),
        (MessageMoved(0, "PUA", "C>H", UNIT_AVAILABLE_END), False),
        (TaskEnded(0, "DKA0", 7, 0, b""), False),
        (TaskEnded(0, "DKA0", 7, 2, b"\x70"), True),
    ],
)
def test_an_end_that_is_no_success_is_told_from_others(event: Event, has_failed: bool) -> None:
    (rung,) = rungs(event)
    assert rung.has_failed == has_failed


def test_a_scsi_command_is_drawn_by_its_name() -> None:
    taken, ended = rungs(
        TaskTaken(0, "DKA0", 0, 7, bytes.fromhex("28000000000500000100")),
        TaskEnded(1, "DKA0", 7, 2, b"\x70\x00"),
    )
    assert (taken.way, taken.text) == (Way.TO_CONTROLLER, "READ(10): tag 7, 28 00 00 00 00 05 00 00 01 00")
    assert (ended.way, ended.text) == (Way.TO_HOST, "CHECK CONDITION: tag 7, sense 70 00")


def test_mermaid_has_a_statement_for_every_rung() -> None:
    assert mermaid(rungs(*STORY), "ALPHA1", "PUA").splitlines() == [
        "sequenceDiagram",
        "    participant H as ALPHA1",
        "    participant C as PUA",
        "    Note over H,C: 0.0 µs",
        "    Note right of H: PUA0 down → running",
        "    H->>C: WRITE: crf 0x7, unit 2, bcnt 512, lbn 5",
        "    Note left of C: unit 2: WRITE 1 block at LBN 5",
        "    Note over H,C: 2.5 µs",
        "    C->>H: WRITE end: crf 0x7, unit 2, bcnt 512, success, +1 credit",
        "    C-->>H: interrupt, vector 774",
        "    Note over H,C: 1999999.0 µs",
        "    Note right of H: #60;done#62; & gone#59; #35;1",
    ]


def test_the_sides_are_named_by_who_spoke() -> None:
    assert sides(rungs(*STORY)) == (["ALPHA1"], ["PUA"])


def test_the_command_draws_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ladder", capture(tmp_path / "t.pcapng", *STORY)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["µs", "ALPHA1", "PUA"]
    assert len(lines) == 7


def test_the_command_writes_pictures(tmp_path: Path) -> None:
    file = capture(tmp_path / "t.pcapng", *STORY)
    assert main(["ladder", file, "--svg", str(tmp_path / "t.svg")]) == 0
    assert (tmp_path / "t.svg").read_text() == svg(rungs(*STORY), "ALPHA1", "PUA")
    assert main(["ladder", file, "--mermaid", str(tmp_path / "t.mmd")]) == 0
    assert (tmp_path / "t.mmd").read_text() == mermaid(rungs(*STORY), "ALPHA1", "PUA")


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (["--packets"], 2),
        (["--source", "PUA"], 4),
        (["--source", "ALPHA1"], 2),
        (["--from", "1"], 1),
        (["--until", "0.000001"], 3),
    ],
)
def test_the_command_draws_a_part(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], count: int
) -> None:
    assert main(["ladder", capture(tmp_path / "t.pcapng", *STORY), *arguments]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + count


def test_of_several_controllers_each_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events = [MessageMoved(0, "PUA", "H>C", WRITE), MessageMoved(0, "PUB", "H>C", WRITE)]
    assert main(["ladder", capture(tmp_path / "t.pcapng", *events)]) == 0
    out = capsys.readouterr().out
    assert "PUA, PUB" in out
    assert "  PUB: WRITE: crf 0x7" in out


@pytest.mark.parametrize("content", [b"nonsense", None])
def test_what_cannot_be_drawn_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None
) -> None:
    path = tmp_path / "t.pcapng"
    if content is not None:
        path.write_bytes(content)
    assert main(["ladder", str(path)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("%HBVS-F-LADDER, ")


def test_a_trace_of_a_console_session_can_be_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t.pcapng"
    assert main(["console", "--trace", str(path), "-c", "SHOW DEVICE D"]) == 0
    assert f"packets are in {path}" in capsys.readouterr().err
    assert main(["ladder", str(path), "--packets"]) == 0
    assert "SET CONTROLLER CHARACTERISTICS: crf 0x1" in capsys.readouterr().out


@pytest.mark.parametrize("command", [["console", "-c", "SHOW DEVICE D"], ["serve"], ["demo"]])
def test_a_trace_that_cannot_be_written_is_said_before_anything_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    assert main([*command, "--trace", str(tmp_path / "none" / "t.pcapng")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "No such file or directory" in line


def test_a_full_disk_ends_the_trace_and_not_the_session(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["console", "--trace", "/dev/full", "-c", "SHOW DEVICE D"]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "%HBVS-W-TRACE, /dev/full: No space left on device; the trace ends"
