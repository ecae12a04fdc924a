"""Where the applications of a simulated world read and write: patterns that programs have."""

from collections.abc import Callable
from enum import Enum
from random import Random

STRUCTURE_BLOCKS = 6  # of the file system: headers, a bitmap, a directory
STRUCTURE_SHARE = 0.4  # of its requests


class Workload(Enum):
    """What an application does."""

    RANDOM = "anywhere"
    SEQUENTIAL = "one after the other"
    FILES = "as a file system"


def chooser(workload: Workload, first: int, end: int, largest: int) -> Callable[[Random], int] | None:
    """Make what chooses the LBN of an application's next request; None for anywhere.

    first, end: blocks that it works on.  largest: its largest request in blocks; a sequence goes on behind it, so that
    requests meet neither gap nor overlap where they are of that size, and leave gaps where they are smaller.
    """
    if workload is Workload.RANDOM:
        return None
    following = first

    def in_sequence(stream: Random) -> int:
        nonlocal following
        lbn = following
        following = lbn + largest if lbn + largest < end else first
        return lbn

    def as_files(stream: Random) -> int:
        """Write a few blocks of structure again and again, and data behind them, file after file."""
        if stream.random() < STRUCTURE_SHARE:
            return first + stream.randrange(min(STRUCTURE_BLOCKS, end - first))
        return in_sequence(stream)

    return in_sequence if workload is Workload.SEQUENTIAL else as_files
