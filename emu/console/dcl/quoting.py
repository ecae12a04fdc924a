"""Looking at a line without falling for what stands in its quoted strings."""

import re
from collections.abc import Iterable, Iterator

_PIECE = re.compile(r'"(?:[^"]|"")*"?|[^"]+')


def masked(line: str) -> str:
    """The line, of the same length, with blanks for all quoted strings."""
    return _PIECE.sub(lambda match: " " * len(match[0]) if match[0][0] == '"' else match[0], line)


def without_comment(line: str) -> str:
    """The line up to an exclamation point that is in no string."""
    place = masked(line).find("!")
    return line if place < 0 else line[:place]


def is_continued(line: str) -> bool:
    """Whether the line ends with a hyphen, and the next one belongs to it."""
    return without_comment(line).rstrip().endswith("-")


def logical_lines(lines: Iterable[str]) -> Iterator[str]:
    """Join lines that end with a hyphen with the next ones, as command procedures write them."""
    held = ""
    for line in lines:
        text = held + line.rstrip("\r\n")
        if is_continued(text):
            held = without_comment(text).rstrip()[:-1] + " "
        else:
            held = ""
            yield text
    if held:
        yield held


def unquoted(text: str) -> str:
    """The text of a quoted string, or the text itself."""
    if text.startswith('"'):
        return text[1:].removesuffix('"').replace('""', '"')
    return text
