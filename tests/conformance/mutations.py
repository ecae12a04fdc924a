"""`python -m tests.conformance.mutations`: does the suite find wrong changes to the controller?

Each file in `planted` is one wrong change to `emu/hw` and the clause that must find it.  The command plants each in
turn in a copy, runs the whole suite on it, and writes a table into docs/conformance.md.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "conformance.md"
BEGIN, END = "<!-- printed by tests.conformance.mutations -->", "<!-- end of mutations -->"
PATIENCE_S = 100

# Another copy of `emu.hw` takes its place before anything of it is imported.
PLANT = """
import runpy, sys
import emu.hw
emu.hw.__path__[:] = [sys.argv.pop(1)]
runpy.run_module("tests.conformance.mutant", run_name="__main__")
"""


@dataclass(frozen=True, slots=True)
class Planted:
    """One wrong change: `old` stands once in `file`; `controller` is the image whose clauses are tried."""

    name: str
    why: str
    file: str
    clause: str
    old: str
    new: str
    controller: str


def planted_bugs() -> list[Planted]:
    """All of them, by name."""
    return [_read(path) for path in sorted((ROOT / "tests" / "conformance" / "planted").glob("*.toml"))]


def _read(path: Path) -> Planted:
    bug = tomllib.loads(path.read_text())
    controller = bug.get("controller", "rqdx3")
    return Planted(path.stem, bug["why"], bug["file"], bug["clause"], bug["old"], bug["new"], controller)


def found_by(bug: Planted, *patterns: str) -> list[str]:
    """The clauses that a controller with this bug fails, among those that match; all of them without any."""
    with tempfile.TemporaryDirectory() as scratch:
        hardware = Path(scratch, "hw")
        shutil.copytree(ROOT / "emu" / "hw", hardware, ignore=shutil.ignore_patterns("__pycache__"))
        victim = hardware / Path(bug.file).relative_to("emu/hw")
        text = victim.read_text()
        assert text.count(bug.old) == 1, f"{bug.name}: {bug.file} has the text to change exactly once"
        victim.write_text(text.replace(bug.old, bug.new))
        run = subprocess.run(
            [sys.executable, "-c", PLANT, str(hardware), bug.controller, *patterns],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
    assert run.returncode == 0, f"{bug.name}: {run.stderr[-2000:]}"
    found: list[str] = json.loads(run.stdout)
    return found


def main() -> int:
    """Plant every bug in turn; write the table; 1 when a clause has not found its bug."""
    lines, missed = ["| Wrong change | In | Found by | Clauses |", "|---|---|---|---|"], 0
    for bug in planted_bugs():
        found = found_by(bug)
        mark = f"`{bug.clause}`" if bug.clause in found else f"NOT by `{bug.clause}`"
        missed += bug.clause not in found
        lines.append(f"| {bug.why} | `{bug.file}` | {mark} | {len(found)} |")
        print(lines[-1], flush=True)
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    assert end, f"{PAGE} has the marks of the table"
    text = "\n".join(
        (BEGIN, f"{len(lines) - 2} wrong changes, {len(lines) - 2 - missed} found.", "", *lines, END)
    )
    PAGE.write_text(f"{before}{text}{after}")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
