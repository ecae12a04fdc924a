"""The copy thread: makes a target equal to the full members.

A full copy walks the whole disk, a minicopy the set bits of a write bitmap; adjacent bits are joined.  A range is
moved by a copy command where the target takes one from a source (MSCP's DISK COPY DATA, SCSI's EXTENDED COPY), else by
reading a source and writing what differs on the target; a block that no source can read is marked on the target too
(forced error).  Several ranges are under way at a time; application reads and writes go on, a write waits only while
its own blocks are being copied (`range_lock`).

DEVIATION: V7.3 copies without a lock and reads again until source and target are seen equal; a controller's copy
command gives no such second look, so ranges are locked here for both methods.
UNCERTAIN: only a full copy compares first, in a minicopy set bits say what differs.  Not published, but the manual's
times, 35 s for each per cent of a minicopy and 41 s of a full copy, fit that.
DEVIATION: bits are cleared as their range becomes equal (the order is not published).
"""

from collections import deque
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from drivers.platform.host import POOL_POLL_NS
from drivers.platform.irp import Irp
from drivers.platform.process import EventFlag, Procedure
from drivers.shadow.equalize import PIECE_BLOCKS, PIECE_BYTES, Equalized, equalize
from drivers.shadow.shdriver import MEMBER_LOST, Member, VirtualUnit
from drivers.shadow.write_bitmap import BLOCKS_PER_BIT, WriteBitmap
from emu.core.block import BLOCK_BYTES
from emu.core.clock import SECOND_NS
from emu.core.trace import CopyMoved
from emu.wire.codes.vms import IO, SS

if TYPE_CHECKING:
    from drivers.shadow.range_lock import _Lock

HOST_RANGES_AT_A_TIME = 8
COMMAND_PIECE_BITS = 64  # one copy command of a minicopy: 8128 blocks, so that a write never waits long
COMMAND_PIECE_BLOCKS = 8192  # of a full copy
# SHAD$K_UPDATE_IO and SHAD$K_UPDATE_S; UNCERTAIN: that the fence is published when either is reached.
UPDATE_IO, UPDATE_S = 10, 2
_NORMAL = int(SS.NORMAL)
_DISK_COPY_DATA = int(IO.DISK_COPY_DATA)


class _Range(Irp):
    """A range being copied, as the request that copies it: from `source` to the unit it is queued to."""

    __slots__ = ("bits", "copy", "lock")

    def __init__(self, copy: "CopyThread", lbn: int, block_count: int, bits: tuple[int, int]) -> None:
        super().__init__(_DISK_COPY_DATA, lbn, block_count * BLOCK_BYTES)
        self.source_lbn = lbn
        self.copy = copy
        self.bits = bits
        self.lock: _Lock | None = None

    def complete(self) -> None:
        self.copy.command_ended(self)


class CopyThread:
    """One copy onto one member, on the node that does it.

    bitmap: of a minicopy; None for a full copy.  blocks_copied: handed to a copy command or read by the host;
    blocks_total: what the copy will come to.  by_command: whether the controller moves the data.
    """

    def __init__(self, vu: VirtualUnit, target: Member, bitmap: WriteBitmap | None) -> None:
        self.vu = vu
        self.target = target
        self.bitmap = bitmap
        self.started_ns = vu.platform.clock.now_ns
        self.ended_ns: int | None = None
        self.blocks_copied = 0
        self.ranges_copied = 0
        self.blocks_total = bitmap.set_count * BLOCKS_PER_BIT if bitmap is not None else vu.block_count
        self.by_command = False
        self.cancelled = False
        self._pending = 0
        self._again: deque[tuple[int, int, tuple[int, int]]] = deque()
        self._room: EventFlag | None = None
        self._at_a_time = HOST_RANGES_AT_A_TIME
        self._sources: tuple[Member, ...] = ()
        self._source = target
        assert vu.ranges is not None, "the set knows that it is being copied"
        self._locks = vu.ranges
        self._unequal: dict[
            int, None
        ] = {}  # LBNs of ranges begun and not equal, ascending; a failed one stays
        self._reached_lbn = target.fence_lbn  # behind the last range begun
        self._unpublished, self._published_ns = 0, self.started_ns

    @property
    def collisions(self) -> int:
        """Writes that had to wait for a range being copied."""
        return self._locks.collisions

    @property
    def percent(self) -> float:
        return 100 * min(1.0, self.blocks_copied / self.blocks_total) if self.blocks_total else 100.0

    def run(self) -> Procedure:
        """Copy everything; returns True when the target is equal, False when the copy was cancelled."""
        vu, flag = self.vu, self.vu.platform.flag
        self._choose_source()
        pieces = self._pieces()
        while True:
            if vu.stalled:
                yield vu.resumed
                continue
            piece = None
            if not self.cancelled and self._pending < self._at_a_time:
                piece = self._again.popleft() if self._again else next(pieces, None)
            if piece is not None:
                self._begin(_Range(self, *piece))
            elif self._pending:
                self._room = flag()
                yield self._room
            else:
                return not self.cancelled

    def _choose_source(self) -> None:
        """Prefer a full member from which the target copies by itself."""
        target = self.target.unit
        self._sources = self.vu.sources
        abilities = [target.copies_at_a_time(member.unit) for member in self._sources]
        best = max(abilities)
        self._source = self._sources[abilities.index(best)]
        self.by_command = self.vu.driver.use_copy_commands and best > 0
        self._at_a_time = best if self.by_command else HOST_RANGES_AT_A_TIME

    def _pieces(self) -> Iterator[tuple[int, int, tuple[int, int]]]:
        """(LBN, blocks, (first bit, bits)) in ascending order, read from the bitmap as the copy goes."""
        limit = COMMAND_PIECE_BITS if self.by_command else 1
        bitmap, bit = self.bitmap, 0
        if bitmap is None:
            size = COMMAND_PIECE_BLOCKS if self.by_command else PIECE_BLOCKS
            for lbn in range(self.target.fence_lbn, self.vu.block_count, size):
                yield lbn, min(size, self.vu.block_count - lbn), (0, 0)
            return
        while (run := bitmap.next_run(bit)) is not None:
            first, count = run[0], min(run[1], limit)
            yield *bitmap.blocks_of(first, count), (first, count)
            bit = first + count

    def _begin(self, piece: _Range) -> None:
        self._pending += 1
        self.vu.active += 1
        piece.io_epoch = self.vu.platform.io_epoch
        end = piece.lbn + piece.byte_count // BLOCK_BYTES
        self._unequal[piece.lbn] = None
        self._reached_lbn = end
        piece.lock = self._locks.lock(piece.lbn, end, partial(self._move, piece))

    def _move(self, piece: _Range) -> None:
        if self._sources is not self.vu.sources and self.vu.sources:
            self._choose_source()
        if self.cancelled:
            self._range_ended(piece)
        elif self.by_command:
            piece.source = self._source.unit
            self.target.unit.queue_io(piece)
        else:
            self.vu.platform.process("copy range", self._move_by_host(piece))

    def command_ended(self, piece: _Range) -> None:
        """Hear from the controller; what it could not copy, the host tries, and learns which member is at fault."""
        if piece.status == _NORMAL:
            self._range_equal(piece)
        else:
            self.vu.platform.process("copy range", self._move_by_host(piece))

    def _move_by_host(self, piece: _Range) -> Procedure:
        platform = self.vu.platform
        address = platform.pool.try_allocate(PIECE_BYTES)
        if address is None:
            self._release(piece)  # writes that wait for the range may be those that have the memory
            yield POOL_POLL_NS
            self._put_back(piece)
            self._ended()
            return
        try:
            end = piece.lbn + piece.byte_count // BLOCK_BYTES
            for lbn in range(piece.lbn, end, PIECE_BLOCKS):
                result: Equalized = yield from equalize(
                    platform,
                    self._by_preference(),
                    (self.target,),
                    lbn,
                    min(PIECE_BLOCKS, end - lbn),
                    address,
                    piece.io_epoch,
                    compare=self.bitmap is None,
                )
                if result.status in MEMBER_LOST:
                    self._put_back(piece)  # until it is known who is a member
                    self.vu.suspects += self.vu.sources if result.culprit is None else (self.target,)
                    self.vu.driver.volume_processing.process(self.vu)
                    break
                if result.status != _NORMAL:
                    failed = (
                        "the target cannot be written"
                        if result.culprit
                        else "no source member can read the range"
                    )
                    self._fail(failed)
                    break
            else:
                self._range_equal(piece)
                return
        finally:
            platform.pool.free(address)
        self._range_ended(piece)

    def _put_back(self, piece: _Range) -> None:
        """Have a range copied again, later."""
        self._again.append((piece.lbn, piece.byte_count // BLOCK_BYTES, piece.bits))

    def _by_preference(self) -> list[Member]:
        return sorted(self.vu.sources, key=lambda member: member.device != self.vu.copy_source)

    def _fail(self, reason: str) -> None:
        if not self.cancelled:
            self.cancelled = True
            self.vu.driver.server.copy_failed(self.vu, self.target, reason)

    def _range_equal(self, piece: _Range) -> None:
        first, count = piece.bits
        if self.bitmap is not None:
            self.bitmap.clear(first, count)
        self.blocks_copied += piece.byte_count // BLOCK_BYTES
        self.ranges_copied += 1
        # Ranges end in any order, and another node may go on from the fence: it stays at the first that is not equal.
        del self._unequal[piece.lbn]
        self.target.fence_lbn = next(iter(self._unequal), self._reached_lbn)
        if self.bitmap is None:  # a minicopy's fence is of no use to the other nodes
            self._publish_fence()
        platform = self.vu.platform
        if CopyMoved in platform.tracer.heard:
            now_ns, source = platform.clock.now_ns, f"{platform.name}/{self.vu.name}"
            platform.tracer.emit(CopyMoved(now_ns, source, self.target.device, self.target.fence_lbn))
        self._range_ended(piece)

    def _publish_fence(self) -> None:
        """Tell the other nodes now and then how far it has come."""
        now_ns = self.vu.platform.clock.now_ns
        self._unpublished += 1
        if self._unpublished >= UPDATE_IO or now_ns - self._published_ns >= UPDATE_S * SECOND_NS:
            self._unpublished, self._published_ns = 0, now_ns
            self.vu.driver.publish_fence(self.vu, self.target)

    def _range_ended(self, piece: _Range) -> None:
        self._release(piece)
        self._ended()

    def _release(self, piece: _Range) -> None:
        assert piece.lock is not None, "a range is moved under its lock"
        self._locks.unlock(piece.lock)
        self.vu.leave()

    def _ended(self) -> None:
        self._pending -= 1
        if self._room is not None:
            room, self._room = self._room, None
            room.set()
