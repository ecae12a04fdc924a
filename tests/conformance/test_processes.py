"""The suite before controllers in other processes: ours at a bus link, SIMH's RQ."""

from pathlib import Path

import pytest

from emu.conform.clauses import all_clauses
from emu.conform.expectation import reasons
from emu.conform.suite import Outcome, Result, run_suite
from emu.shells.conform_targets import OpenTarget, open_target
from tests.interop.debian import require
from tests.interop.serving import Serving

# Some of each kind: all would take a quarter of a minute at the link, and a minute in SIMH.
CHAPTERS = (
    "wrap",
    "step_interrupts",
    "polling",
    "last_fail",
    "read",
    "write",
    "compare_modifier",
    "dup",
    "flush",
)


def bad_ones(opened: OpenTarget, *chapters: str) -> list[Result]:
    clauses = [clause for clause in all_clauses() if clause.chapter in chapters]
    try:
        results = [*run_suite(opened.target, clauses, reasons(opened.expected), dataloss=True)]
    finally:
        opened.target.close()
    assert any(result.outcome is Outcome.PASSED for result in results)
    return [result for result in results if result.outcome.is_bad]


@pytest.mark.parametrize("firmware", ["rqdx3", "uda50a"])
def test_a_controller_process_of_ours_keeps_the_clauses(firmware: str, tmp_path: Path) -> None:
    drive, blocks, bus = ("RD31", 41560, "QBUS") if firmware == "rqdx3" else ("RAUSER", 5000, "UNIBUS")
    units = []
    for number, name in enumerate("ab"):
        image = tmp_path / f"{name}.dsk"
        with image.open("wb") as file:
            file.truncate(blocks * 512)
        units += ["--unit", f"DUA{number}={image},drive={drive}"]
    url = f"unix://{tmp_path}/bus"
    with Serving("--bus", url, "--controller", firmware, *units):
        model = 19 if firmware == "rqdx3" else 6
        has = "dup,replaces,whole" + (",programs" if firmware == "rqdx3" else "")
        opened = open_target(f"buslink:{url}?bus={bus}&other=1&model={model}&has={has}")
        assert bad_ones(opened, *CHAPTERS, "purges") == []


def test_simhs_rq_does_what_we_know_of_it_and_no_more() -> None:
    require("pdp11", "simh")
    assert bad_ones(open_target("simh:pdp11"), "wrap", "header", "credits", "forced_error", "dup") == []
