"""Merge: makes the full members of a set equal, after writes may have reached some of them only (spec 2.5).

All members stay full members throughout.  One node goes through the disk in ascending ranges, compares all members
and mends what differs from the master member, the first one; the fence is where it is.  What an application reads at
or above the fence is merged first, out of turn, so that nobody ever sees two answers for one block:

    read ──below the fence───────────────────────────▶ any member
      └────at or above it──▶ the merging node locks the range, makes it equal, unlocks ──▶ any member

The goal is equal members, not the newest data: a write that was not acknowledged may be kept or undone.

DEVIATION: there is no minimerge: V7.3 merges by the write history of HSC and HSJ controllers what a lost node had
under way, here every merge goes through the whole disk.
"""

from typing import TYPE_CHECKING

from drivers.platform.process import Procedure
from drivers.shadow.equalize import PIECE_BLOCKS, PIECE_BYTES, Equalized, equalize
from drivers.shadow.throttle import Throttle
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
        self.number = 0  # by which the server speaks of it
        self.fence_lbn = vu.merge_fence_lbn
        self.repairs = 0
        self.read_repairs = 0
        self.cancelled = False
        assert vu.ranges is not None, "the set knows that it is being merged"
        self._locks = vu.ranges
        self._throttle = Throttle(vu.platform.logical_names, vu.name)

    @property
    def delay_factor(self) -> int:
        """How much longer than ideal its I/Os may take, in percent, before it gives way."""
        return self._throttle.factor

    @property
    def percent(self) -> float:
        return 100 * self.fence_lbn / self.vu.block_count

    def run(self) -> Procedure:
        """Merge on from the fence; returns True when all members are equal, False when something else comes first.

        That is a copy, or a member that is being put out; or the merge is another node's now.
        """
        vu = self.vu
        waited = False
        while self.fence_lbn < vu.block_count:
            if vu.stalled:
                yield vu.resumed
            elif self.cancelled or vu.targets:
                return False
            elif self._throttle.delay_ns and not waited:
                waited = True
                yield self._throttle.delay_ns
            else:
                waited = False
                end = min(self.fence_lbn + PIECE_BLOCKS, vu.block_count)
                result: Equalized = yield from self._merge(self.fence_lbn, end, self._throttle)
                if result.status != _NORMAL:
                    return False
                self.repairs += result.written_blocks > 0
                self.fence_lbn = end
                self._trace()
        return not self.cancelled

    def merge_for_a_read(self, lbn: int, end: int) -> Procedure:
        """Make a range equal that somebody wants to read; returns whether it is."""
        for first in range(lbn, end, PIECE_BLOCKS):
            result: Equalized = yield from self._merge(first, min(first + PIECE_BLOCKS, end))
            if result.status != _NORMAL:
                return False
            self.read_repairs += result.written_blocks > 0
        return True

    def _merge(self, lbn: int, end: int, throttle: Throttle | None = None) -> Procedure:
        """Make one range equal, with its lock; returns Equalized.

        When it is not, the members at fault are suspects, and the set is about to change.  throttle: told how long a
        whole range took that was equal already; others take longer on a quiet set, too.
        """
        vu, platform = self.vu, self.vu.platform
        vu.active += 1
        io_epoch = platform.io_epoch
        address = yield from platform.allocate(PIECE_BYTES)
        granted = platform.flag()
        lock = self._locks.lock(lbn, end, granted.set)
        try:
            yield granted
            began_ns = platform.clock.now_ns
            result: Equalized = yield from equalize(
                platform, vu.sources, vu.sources, lbn, end - lbn, address, io_epoch
            )
        finally:
            self._locks.unlock(lock)
            platform.pool.free(address)
            vu.leave()
        if throttle is not None and not result.written_blocks and end - lbn == PIECE_BLOCKS:
            throttle.took(platform.clock.now_ns - began_ns)
        if result.status != _NORMAL:
            vu.suspects += [result.culprit] if result.culprit is not None else vu.sources
            vu.driver.volume_processing.process(vu)
        return result

    def _trace(self) -> None:
        platform = self.vu.platform
        if CopyMoved in platform.tracer.heard:
            source = f"{platform.name}/{self.vu.name}"
            platform.tracer.emit(CopyMoved(platform.clock.now_ns, source, self.vu.name, self.fence_lbn))
