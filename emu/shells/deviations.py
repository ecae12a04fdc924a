"""Prints docs/deviations.md from the DEVIATION: and UNCERTAIN: marks in the sources.

`python -m emu.shells.deviations` in the root of a checkout writes the page.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

MARK = re.compile(r"(?:#|^)\s*(DEVIATION|UNCERTAIN):?\s*(.*)")
SOURCES = ("emu/**/*.py", "drivers/**/*.py", "firmware_images/sources/*.toml")
HEADINGS = {
    "DEVIATION": "Where the model knowingly differs",
    "UNCERTAIN": "Where public documents are silent or doubtful, and a choice was made",
}


def marks(path: Path) -> Iterator[tuple[str, int, str]]:
    """Yield (kind, line number, text) of every mark; a text runs on over the comment's or docstring's lines."""
    lines = path.read_text().splitlines()
    for index, line in enumerate(lines):
        match = MARK.search(line)
        if match is None or "re.compile" in line:
            continue
        kind, text = match.groups()
        is_comment = "#" in line[: match.start() + 1]
        subject = line[: match.start()].split("=")[0].strip(' "') if is_comment else ""
        for following in lines[index + 1 :]:
            words = following.strip()
            if is_comment and not words.startswith("#"):
                break
            words = words.lstrip("#").strip()
            if not words or words.startswith('"""') or MARK.search(following):
                break
            text += " " + words
        yield kind, index + 1, f"`{subject}`: {text.strip()}" if subject else text.strip()


def deviations_page(root: Path) -> str:
    """Return the page for the checkout at `root`."""
    found: dict[str, list[str]] = {kind: [] for kind in HEADINGS}
    for pattern in SOURCES:
        for path in sorted(root.glob(pattern)):
            place = path.relative_to(root).as_posix()
            if "generated" in place:
                continue
            for kind, _, text in marks(path):
                found[kind].append(f"* `{place}`: {text}")
    page = "# Deviations and uncertainties\n\nPrinted from the marks in the sources by "
    page += "`python -m emu.shells.deviations`; a test keeps it current.\n"
    for kind, heading in HEADINGS.items():
        page += f"\n## {heading}\n\n" + "\n".join(found[kind]) + "\n"
    return page


if __name__ == "__main__":
    root = Path.cwd()
    if not (root / "emu").is_dir():
        sys.exit("run this in the root of a checkout")
    (root / "docs" / "deviations.md").write_text(deviations_page(root))
