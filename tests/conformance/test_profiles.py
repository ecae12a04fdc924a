"""Our controllers keep every clause of the suite, each profile by itself."""

import pytest

from emu.conform.clauses import CHAPTERS, all_clauses
from emu.conform.expectation import reasons
from emu.conform.suite import Outcome, run_suite
from emu.shells.conform_targets import open_target
from emu.shells.firmware_files import known_firmware

CLAUSES = all_clauses()


@pytest.mark.parametrize("chapter", CHAPTERS)
@pytest.mark.parametrize("profile", known_firmware())
def test_our_controller_keeps_every_clause(profile: str, chapter: str) -> None:
    opened = open_target(f"emulation:{profile}")
    clauses = [clause for clause in CLAUSES if clause.chapter == chapter]
    bad = [
        f"{result.clause.name}: {result.reason}\n" + "\n".join(result.exchange)
        for result in run_suite(opened.target, clauses, reasons(opened.expected), dataloss=True)
        if result.outcome not in (Outcome.PASSED, Outcome.SKIPPED, Outcome.EXPECTED)
    ]
    assert not bad, "\n\n".join(bad)
