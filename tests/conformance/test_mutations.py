"""Clauses can fail: some of the planted bugs, each found by its clause; `tests.conformance.mutations` tries all."""

from random import Random

import pytest

from emu.conform.clauses import all_clauses
from emu.shells.firmware_files import known_firmware
from tests.conformance.mutations import ROOT, Planted, found_by, planted_bugs

BUGS = planted_bugs()


@pytest.mark.parametrize("bug", Random(11).sample(BUGS, 6), ids=lambda bug: bug.name)
def test_the_clause_finds_the_bug(bug: Planted) -> None:
    assert found_by(bug, bug.clause) == [bug.clause]


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_the_bug_can_be_planted(bug: Planted) -> None:
    assert (ROOT / bug.file).read_text().count(bug.old) == 1
    assert bug.new != bug.old
    assert bug.clause in {clause.name for clause in all_clauses()}
    assert bug.controller in known_firmware()


def test_there_are_forty_bugs_in_port_and_server() -> None:
    for part in ("emu/hw/uqssp/", "emu/hw/mscp/"):
        assert sum(bug.file.startswith(part) for bug in BUGS) >= 20
