"""`hbvs conform mscp` as people and CI use it."""

from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from emu.__main__ import main
from emu.conform.clauses import all_clauses
from emu.conform.expectation import reasons
from emu.shells.conform_targets import open_target, simh_expectations
from emu.shells.firmware_files import known_firmware

ROOT = Path(__file__).resolve().parents[2]
NAMES = [clause.name for clause in all_clauses()]


def conform(*arguments: str) -> int:
    return main(["conform", "mscp", "--target", "emulation:rqdx3", *arguments])


def test_a_controller_that_keeps_the_rules_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert conform("--clause", "wrap") == 0
    said = capsys.readouterr().out
    assert "     +  1.3   wrap.a_step_1_word_with_wr_is_copied_back\n" in said
    assert said.endswith("5 clauses: 5 passed\n")


def test_clauses_are_listed_without_a_controller(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conform", "mscp", "--list", "--clause", "wrap"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 5
    assert main(["conform", "mscp", "--clause", "wrap"]) == 2
    assert "which controller?" in capsys.readouterr().err


def test_a_line_that_breaks_fails_a_clause_and_not_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "loose.py"
    path.write_text(
        "from emu.shells.conform_emulation import EmulationTarget\n"
        "class Loose(EmulationTarget):\n"
        "    def write_register(self, offset, word):\n"
        "        raise OSError('the cable is out')\n"
        "def target():\n"
        "    return Loose('rqdx3')\n"
    )
    assert main(["conform", "mscp", "--target", f"python:{path}", "--clause", "wrap"]) == 1
    said = capsys.readouterr().out
    assert "wrap.no_word_leads_out_of_wrap_mode: the cable is out" in said
    assert said.endswith("5 clauses: 5 failed\n")


def test_without_leave_no_data_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert conform("--clause", "erase.erased_blocks_read_as_zeros") == 0
    assert "1 clauses: 1 skipped" in capsys.readouterr().out


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A target whose SA shows one bit too many at step 2."""
    path = tmp_path / "broken.py"
    path.write_text(
        "from emu.shells.conform_emulation import EmulationTarget\n"
        "class Broken(EmulationTarget):\n"
        "    def read_register(self, offset):\n"
        "        word = super().read_register(offset)\n"
        "        return word | 0x0100 if offset == 2 and word & 0x1000 else word\n"
        "def target():\n"
        "    return Broken('rqdx3')\n"
    )
    return path


def test_what_fails_is_told_with_what_passed(
    broken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--clause", "initialisation.step_2*", "--clause", "header.the_unit*"]
    files = ["--junit", str(tmp_path / "j.xml"), "--html", str(tmp_path / "p.html")]
    assert main(["conform", "mscp", "--target", f"python:{broken}", *arguments, *files]) == 1
    said = capsys.readouterr().out
    assert "SA at step 2 is 1180, the rule says 1080" in said
    assert "    write SA 8000\n    SA reads 1180\n" in said
    suite = Xml.parse(tmp_path / "j.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("4", "3")
    assert "SA reads 1180" in str(suite[1][0].text)
    page = (tmp_path / "p.html").read_text()
    assert "Step 2 of the boot roms is 1080" in page
    assert "<script" not in page
    assert "http" not in page


def test_an_expected_failure_is_no_failure_and_an_unexpected_pass_is_one(
    broken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = tmp_path / "known.toml"
    expected.write_text(
        '[[failure]]\nclauses = ["initialisation.step_2_of_the_boot_roms_is_1080"]\nwhy = "a bit too many"\n'
    )
    arguments = ["--clause", "initialisation.step_2_of*", "--expected", str(expected)]
    assert main(["conform", "mscp", "--target", f"python:{broken}", *arguments]) == 0
    assert (
        "x  1.2   initialisation.step_2_of_the_boot_roms_is_1080: a bit too many" in capsys.readouterr().out
    )
    assert conform(*arguments) == 1
    assert "1 unexpected pass" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--target", "rqdx3"], "'rqdx3' is no target: it is emulation:… or"),
        (["--target", "emulation:nonesuch"], "no firmware 'nonesuch'"),
        (["--target", "buslink:unix:///nowhere/at/all"], "cannot be connected to"),
        (["--target", "buslink:tcp://127.0.0.1:1?bus=VME"], "VME is no bus"),
        (["--target", "buslink:serial:///dev/ttyS0"], "by tcp://HOST:PORT or unix:///PATH"),
        (["--target", "simh:/no/such/simulator"], "No such file"),
        (["--target", "python:/no/such/file.py"], "No such file"),
        (["--target", "emulation:rqdx3", "--clause", "nothing"], "no clause matches nothing"),
        (["--target", "emulation:rqdx3", "--expected", "/no/such"], "cannot read /no/such"),
    ],
)
def test_wrong_usage_is_told_in_a_line(
    arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["conform", "mscp", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("%HBVS-F-CONFORM, ")
    assert text in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[[failure]]\nwhy = 'x'\n", "an entry has no 'clauses'"),
        ("[[failure]]\nclauses = ['a.b']\nwhy = 'x'\n", "there is no clause a.b"),
        ("failure = 3\n", "not iterable"),
        ("= 3\n", "Invalid"),
    ],
)
def test_a_list_of_failures_that_is_none_is_refused(
    text: str, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "known.toml"
    path.write_text(text)
    assert conform("--expected", str(path)) == 2
    assert complaint in capsys.readouterr().err


def test_there_are_three_hundred_clauses_and_each_says_one_thing() -> None:
    assert len(NAMES) >= 300
    assert (
        len(
            {
                clause.check.__code__.co_code + str(clause.check.__code__.co_consts).encode()
                for clause in all_clauses()
            }
        )
        >= 300
    )


def test_what_simh_is_known_not_to_do_names_clauses() -> None:
    assert set(reasons(simh_expectations())) <= set(NAMES)


def test_the_page_has_every_clause_and_every_controller() -> None:
    """Written by `python -m emu.shells.conform_scores`."""
    page = (ROOT / "docs" / "conformance.md").read_text()
    rows = {
        line.split(" | ")[0].removeprefix("| "): line for line in page.splitlines() if line.startswith("| ")
    }
    for name in NAMES:
        assert name in rows, f"{name}: print docs/conformance.md again"
        assert "FAILED" not in rows[name]
    for firmware in known_firmware():
        assert firmware in rows


def test_every_kind_of_target_is_told_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["conform", "mscp", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    for kind in ("emulation:", "buslink:", "simh:", "python:"):
        assert kind in said


def test_a_target_by_name_is_opened_and_closed() -> None:
    opened = open_target("emulation:kda50")
    assert opened.target.facts.model == 13
    opened.target.close()
