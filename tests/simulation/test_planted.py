"""Each planted bug makes the test fail that is there to find it."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLANTED = sorted((ROOT / "tests" / "simulation" / "planted").glob("*.toml"))


@pytest.mark.parametrize("path", PLANTED, ids=lambda path: path.stem)
def test_the_bug_is_found(path: Path, tmp_path: Path) -> None:
    bug = tomllib.loads(path.read_text())
    for name in ("emu", "drivers", "firmware_images", "tests", "pyproject.toml"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path / name)
    victim = tmp_path / bug["file"]
    text = victim.read_text()
    old, new = bug["old"].strip("\n"), bug["new"].strip("\n")
    assert text.count(old) == 1, f"{bug['file']} has the text to change exactly once"
    victim.write_text(text.replace(old, new))
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", bug["test"]],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert run.returncode == 1, f"not found: {bug['why']}\n{run.stdout[-2000:]}{run.stderr[-2000:]}"
    assert "FAILURES" in run.stdout
