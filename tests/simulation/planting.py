"""Planting a bug: a copy of the project with a few lines changed, as a `.toml` in `planted/` says.

why: what is wrong.  file, old, new: the change; `old` is there exactly once.  test: the test that has to find it, if
one does in particular.  soak: after how many seeds the soak finds it (`planted_table` says); 0 if it need not.
"""

import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_PARTS = ("emu", "drivers", "firmware_images", "tests", "pyproject.toml")


@dataclass(frozen=True)
class Bug:
    """One wrong change."""

    name: str
    why: str
    file: str
    old: str
    new: str
    test: str = ""
    soak: int = 0

    def plant(self, directory: Path) -> None:
        """Make the copy; raises AssertionError when the text to change is not there once."""
        for name in _PARTS:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(
                    source, directory / name, ignore=shutil.ignore_patterns("__pycache__", "corpus")
                )
            else:
                shutil.copy(source, directory / name)
        (directory / self.file).write_text(self.changed())

    def changed(self) -> str:
        """Give the file as it is with the bug; raises AssertionError when the text to change is not there once."""
        text = (ROOT / self.file).read_text()
        old, new = self.old.strip("\n"), self.new.strip("\n")
        assert text.count(old) == 1, f"{self.name}: {self.file} has the text to change exactly once"
        return text.replace(old, new)


def bugs() -> list[Bug]:
    """All of them, by name."""
    return [
        Bug(name=path.stem, **tomllib.loads(path.read_text()))
        for path in sorted((ROOT / "tests" / "simulation" / "planted").glob("*.toml"))
    ]
