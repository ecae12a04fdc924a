"""A command procedure as DCL reads it: lines, where its labels are, and in which IF blocks.

A line that begins with a dollar sign is a command, every other one is data for the command before it; a file in
which no line has one is all commands.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from emu.console.dcl.quoting import logical_lines, masked

_LABEL = re.compile(r"\s*\$?\s*([A-Z$_][\w$]*)\s*:(?![=:])", re.IGNORECASE)
_WORD = re.compile(r"\s*\$?\s*([A-Z]+)\b", re.IGNORECASE)
_THEN = re.compile(r"\bTHEN\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Label:
    """A label's line, and the lines of the IF blocks around it."""

    line: int
    blocks: tuple[int, ...]


class Source:
    """The lines of a procedure, and the place in them.

    next: the line to be read next.
    """

    def __init__(self, name: str, lines: Iterable[str]) -> None:
        self.name = name
        self.lines = [line for line in logical_lines(lines) if line.strip()]
        self.next = 0
        self._all_commands = not any(line.startswith("$") for line in self.lines)
        self.labels = self._find_labels()

    def _is_command(self, line: str) -> bool:
        return self._all_commands or line.startswith("$")

    def command(self) -> str | None:
        """Read the next line; None at the end.  Raises nothing; data that nobody read is passed over."""
        while self.next < len(self.lines):
            line = self.lines[self.next]
            self.next += 1
            if self._is_command(line):
                return line
        return None

    def data(self) -> str | None:
        """Read a line of data; None where a command, or the end, stands next."""
        if self.next == len(self.lines) or self._is_command(self.lines[self.next]):
            return None
        self.next += 1
        return self.lines[self.next - 1]

    def _find_labels(self) -> dict[str, Label]:
        labels: dict[str, Label] = {}
        blocks: list[int] = []
        for number, line in enumerate(self.lines):
            if not self._is_command(line):
                continue
            text = line
            while match := _LABEL.match(text):
                labels.setdefault(match[1].upper(), Label(number, tuple(blocks)))
                text = text[match.end() :]
            word = _WORD.match(text)
            if word is None:
                continue
            if word[1].upper() == "IF" and begins_block(text):
                blocks.append(number)
            elif word[1].upper() == "ENDIF" and blocks:
                blocks.pop()
        return labels


def take_label(line: str) -> tuple[str, str]:
    """Split a line into its label, "" when it has none, and what follows."""
    match = _LABEL.match(line)
    return (match[1].upper(), line[match.end() :]) if match is not None else ("", line)


def first_word(line: str) -> str:
    """The verb of a line as it is written, in capitals."""
    match = _WORD.match(line)
    return match[1].upper() if match is not None else ""


def split_then(text: str) -> tuple[str, str | None]:
    """Split at THEN: (what stands before it, what follows); None when there is no THEN."""
    match = _THEN.search(masked(text))
    return (text[: match.start()].strip(), text[match.end() :].strip()) if match is not None else (text, None)


def begins_block(line: str) -> bool:
    """Whether an IF is followed by lines that belong to it."""
    return not split_then(line)[1]
