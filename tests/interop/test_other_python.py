"""Another version of Python, if this machine has one, plays the same seeds to the same digest."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.interop.serving import ROOT

VERSIONS = ["3.11", "3.12", "3.13", "3.14"]
SOAK = ["-m", "emu", "soak", "--seeds", "10", "--jobs", "1"]
INSTALL_SECONDS = 300


def another_python() -> str:
    """Find an interpreter that is not this one: on the path, or beside where this one is installed."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    for version in VERSIONS:
        if version != here:
            beside = sorted(Path(sys.base_prefix).parent.glob(f"*/bin/python{version}"))
            for place in [*map(str, beside), shutil.which(f"python{version}") or ""]:
                if (
                    place
                    and subprocess.run([place, "-c", ""], capture_output=True, check=False).returncode == 0
                ):
                    return place
    pytest.skip("there is no other Python on this machine")


def digest(python: str) -> str:
    run = subprocess.run([python, *SOAK], cwd=ROOT, capture_output=True, text=True, check=False)
    found = re.search(r"^digest ([0-9a-f]{16})$", run.stdout, re.MULTILINE)
    assert found is not None, run.stdout + run.stderr
    return found[1]


def test_another_python_comes_to_the_same_digest(tmp_path: Path) -> None:
    subprocess.run([another_python(), "-m", "venv", tmp_path / "venv"], check=True, capture_output=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    needed = ["bitarray>=3.0", "construct==2.10.70", "rich>=13.9"]
    installed = subprocess.run(
        [python, "-m", "pip", "install", "-q", *needed],
        capture_output=True,
        timeout=INSTALL_SECONDS,
        check=False,
    )
    if installed.returncode:
        pytest.skip("what it needs could not be installed for the other Python")
    assert digest(python) == digest(sys.executable)
