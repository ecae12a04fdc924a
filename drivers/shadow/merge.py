"""Merge: makes the full members of a set equal, after writes may have reached some of them only (spec 2.5).

All members stay full members throughout.  One node goes through the disk in ascending ranges, compares all members and
mends what differs from the master member, the first one; the fence is where it is.  What an application reads at or above
the fence is merged first, out of turn, so that nobody ever sees two answers for one block:

    read ──below the fence───────────────────────────▶ any member
      └────at or above it──▶ the merging node locks the range, makes it equal, unlocks ──▶ any member

The goal is equal members, not the newest data: a write that was not acknowledged may be kept or undone.
"""

from typing import TYPE_CHECKING

from drivers.platform.pool import InsufficientMemory
from drivers.platform.process import Procedure
from drivers.shadow.equalize import PIECE_BLOCKS, PIECE_BYTES, Equalized, equalize
from emu.core.trace import CopyMoved
from emu.wire.codes.vms import SS

if TYPE_CHECKING:
    from drivers.shadow.shdriver import VirtualUnit

_NORMAL = int(SS.NORMAL)


class MergeThread:
    """The merge of one set, on the node that does it.

    fence_lbn: all below is equal.  repairs, read_repairs: ranges that the thread, and reads of applications, found
    different.
    """

    def __init__(self, vu: "VirtualUnit") -> None:
        self.vu = vu
        self.started_ns = vu.platform.clock.now_ns
        self.ended_ns: int | None = None
        self.fence_lbn = 0
        self.repairs = 0
        self.read_repairs = 0
        self.cancelled = False
        assert vu.ranges is not None, "the set knows that it is being merged"
        self._locks = vu.ranges

    @property
    def percent(self) -> float:
        return 100 * self.fence_lbn / self.vu.block_count

    def run(self) -> Procedure:
        """Merge everything; returns True when all members are equal, False when somebody else has to go on."""
        vu = self.vu
        while self.fence_lbn < vu.block_count:
            if vu.stalled:
                yield vu.resumed
            elif self.cancelled:
                return False
            else:
                end = min(self.fence_lbn + PIECE_BLOCKS, vu.block_count)
                result: Equalized = yield from self._merge(self.fence_lbn, end)
                if result.status != _NORMAL:
                    return False
                self.repairs += result.written_blocks > 0
                self.fence_lbn = end
                self._trace()
        return not self.cancelled

    def merge_for_a_read(self, lbn: int, end: int) -> Procedure:
        """Make a range equal that somebody wants to read."""
        for first in range(lbn, end, PIECE_BLOCKS):
            result: Equalized = yield from self._merge(first, min(first + PIECE_BLOCKS, end))
            self.read_repairs += result.written_blocks > 0

    def _merge(self, lbn: int, end: int) -> Procedure:
        """Make one range equal, with its lock; returns Equalized.  A member that cannot be written is reported."""
        vu, platform = self.vu, self.vu.platform
        granted = platform.flag()
        vu.active += 1
        lock = self._locks.lock(lbn, end, granted.set)
        try:
            yield granted
            try:
                address = platform.pool.allocate(PIECE_BYTES)
            except InsufficientMemory:
                return Equalized(int(SS.INSFMEM))
            try:
                result: Equalized = yield from equalize(
                    platform, vu.sources, vu.sources, lbn, end - lbn, address
                )
            finally:
                platform.pool.free(address)
        finally:
            self._locks.unlock(lock)
            vu.leave()
        if result.culprit is not None:
            vu.suspects.append(result.culprit)
            vu.driver.process_volume(vu)
        return result

    def _trace(self) -> None:
        platform = self.vu.platform
        if platform.tracer.listening:
            source = f"{platform.name}/{self.vu.name}"
            platform.tracer.emit(CopyMoved(platform.clock.now_ns, source, self.vu.name, self.fence_lbn))
