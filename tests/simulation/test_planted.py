"""Each planted bug is found: by the test that is there to find it, or by the soak.

`python -m tests.simulation.planted_table` says after how many seeds the soak finds each.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.planting import Bug, bugs

BY_TEST = [bug for bug in bugs() if bug.test]
BY_SOAK = [bug for bug in bugs() if 0 < bug.soak <= 6]  # those that are found soon; the table tries all
SEEDS = 2000


def run(directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(directory), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.parametrize("bug", BY_TEST, ids=lambda bug: bug.name)
def test_the_bug_is_found(bug: Bug, tmp_path: Path) -> None:
    bug.plant(tmp_path)
    done = run(tmp_path, "pytest", "-q", "-x", "-p", "no:cacheprovider", bug.test)
    assert done.returncode == 1, f"not found: {bug.why}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    assert "FAILURES" in done.stdout


@pytest.mark.parametrize("bug", BY_SOAK[:4], ids=lambda bug: bug.name)
def test_the_soak_finds_the_bug(bug: Bug, tmp_path: Path) -> None:
    bug.plant(tmp_path)
    done = run(tmp_path, "emu", "soak", "--seeds", "100", "--jobs", "1", "--until-failure")
    assert done.returncode == 1, f"not found: {bug.why}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    assert re.search(r"runs failed: seeds \d", done.stdout)


@pytest.mark.parametrize("bug", bugs(), ids=lambda bug: bug.name)
def test_a_bug_is_somebodys_to_find(bug: Bug) -> None:
    assert bug.test or bug.soak
    compile(bug.changed(), bug.file, "exec")
