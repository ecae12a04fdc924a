"""Forced errors: blocks whose data is known to be wrong, because a host has said so when it wrote them.

(spec "MSCP", forced error.)  Blocks are of 512 bytes; an extent is [lbn, end).
"""

# DEVIATION: a real drive has the mark on the block itself; here it is among the drive's own blocks, and is not seen by
# whoever reaches the medium by another door.

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence


class ForcedErrors:
    """The marked blocks of a unit, as extents that neither meet nor overlap.

    starts: of the extents, in order; empty while nothing is marked.
    extents: those marked from the beginning.  changed: called with all of them after every change; what it
    raises, whoever has changed them gets.
    """

    __slots__ = ("_changed", "_ends", "starts")

    def __init__(
        self,
        extents: Sequence[tuple[int, int]] = (),
        changed: Callable[[Sequence[tuple[int, int]]], None] = lambda extents: None,
    ) -> None:
        self.starts = [start for start, _ in extents]
        self._ends = [end for _, end in extents]
        self._changed = changed

    def _tell(self) -> None:
        self._changed([*zip(self.starts, self._ends, strict=True)])

    @property
    def block_count(self) -> int:
        """How many blocks are marked."""
        return sum(self._ends) - sum(self.starts)

    def first(self, lbn: int, end: int) -> int | None:
        """Find the first marked block of an extent."""
        index = bisect_right(self._ends, lbn)
        if index == len(self.starts):
            return None
        found = max(lbn, self.starts[index])
        return found if found < end else None

    def mark(self, lbn: int, end: int) -> None:
        if lbn >= end:
            return
        first, last = bisect_left(self._ends, lbn), bisect_right(self.starts, end)
        if first < last:
            lbn, end = min(lbn, self.starts[first]), max(end, self._ends[last - 1])
        self.starts[first:last] = [lbn]
        self._ends[first:last] = [end]
        self._tell()

    def clear(self, lbn: int, end: int) -> None:
        if lbn >= end:
            return
        first, last = bisect_right(self._ends, lbn), bisect_left(self.starts, end)
        if first >= last:
            return
        left, right = self.starts[first], self._ends[last - 1]
        kept = [(left, lbn)] if left < lbn else []
        if end < right:
            kept.append((end, right))
        self.starts[first:last] = [start for start, _ in kept]
        self._ends[first:last] = [stop for _, stop in kept]
        self._tell()

    def copy(self, lbn: int, end: int, source: "ForcedErrors", source_lbn: int) -> None:
        """Mark what is marked in an extent of another unit, and nothing else."""
        self.clear(lbn, end)
        place, limit = source_lbn, source_lbn + end - lbn
        while (guilty := source.first(place, limit)) is not None:
            place = min(source.end_of(guilty), limit)
            self.mark(lbn + guilty - source_lbn, lbn + place - source_lbn)

    def end_of(self, lbn: int) -> int:
        """Return the end of the extent that a marked block belongs to."""
        return self._ends[bisect_right(self._ends, lbn)]
