"""Making an extent of members equal, by way of host memory: what copies, merges and repairs have in common.

The caller keeps writes out of the extent meanwhile (`range_lock`, or a stalled set).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from drivers.platform.host import Platform, WaitingIrp
from drivers.platform.process import Procedure
from drivers.shadow.shdriver import UNREADABLE, Member
from drivers.shadow.write_bitmap import BLOCKS_PER_BIT
from emu.core.block import BLOCK_BYTES
from emu.wire.codes.vms import IO, SS

PIECE_BLOCKS = BLOCKS_PER_BIT  # one host transfer: 127 blocks, the largest below 64 KB
PIECE_BYTES = PIECE_BLOCKS * BLOCK_BYTES
_NORMAL = int(SS.NORMAL)


@dataclass
class Equalized:
    """What came of an extent.

    status: SS.NORMAL when it is equal, else why not.  culprit: the member that could not be written; None when no
    source could be read.  written_blocks: in which a member differed.
    """

    status: int = _NORMAL
    culprit: Member | None = None
    written_blocks: int = 0


def equalize(
    platform: Platform,
    sources: Sequence[Member],
    members: Sequence[Member],
    lbn: int,
    block_count: int,
    address: int,
    io_epoch: int,
    *,
    compare: bool = True,
) -> Procedure:
    """Make an extent of `members` hold what the first of `sources` holds that can be read; returns Equalized.

    block_count: PIECE_BLOCKS at most; address: of a buffer for that many.  An extent that cannot be read whole is taken
    block by block; a block that no source can read becomes a forced error on members that are no sources (spec 1.5).
    io_epoch: of the platform, when it was known who is a member; in a later one the status is SS.DEVOFFLINE.
    compare: write only where a member differs; False when it is known to.
    """
    length = block_count * BLOCK_BYTES
    status, reader = yield from _read(platform, sources, lbn, length, address, io_epoch)
    if status in UNREADABLE:
        if block_count > 1:
            return (
                yield from _block_by_block(platform, sources, members, lbn, block_count, address, io_epoch)
            )
        if platform.io_epoch != io_epoch:
            return Equalized(int(SS.DEVOFFLINE))
        return (yield from _mark(sources, members, lbn))
    if status != _NORMAL:
        return Equalized(status)
    result = Equalized()
    for member in members:
        if member is reader:
            continue
        if compare:
            status = yield from _transfer(platform, member, IO.WRITECHECK, lbn, length, address, io_epoch)
            if status == _NORMAL:
                continue
        status = yield from _transfer(platform, member, IO.WRITEPBLK, lbn, length, address, io_epoch)
        if status != _NORMAL:
            return Equalized(status, member, result.written_blocks)
        result.written_blocks += block_count
    return result


def _read(
    platform: Platform, sources: Sequence[Member], lbn: int, length: int, address: int, io_epoch: int
) -> Procedure:
    """Read from the first source that can; returns (SS.*, member), of the last one if none can."""
    status, reader = int(SS.MEDOFL), None
    for reader in sources:
        status = yield from _transfer(platform, reader, IO.READPBLK, lbn, length, address, io_epoch)
        if status == _NORMAL:
            break
    return status, reader


def _transfer(
    platform: Platform, member: Member, function: IO, lbn: int, length: int, address: int, io_epoch: int
) -> Procedure:
    irp = WaitingIrp(platform, function, lbn, length, address)
    irp.io_epoch = io_epoch
    member.unit.queue_io(irp)
    return (yield irp.finished)


def _block_by_block(
    platform: Platform,
    sources: Sequence[Member],
    members: Sequence[Member],
    lbn: int,
    block_count: int,
    address: int,
    io_epoch: int,
) -> Procedure:
    total = Equalized()
    for block in range(lbn, lbn + block_count):
        one: Equalized = yield from equalize(platform, sources, members, block, 1, address, io_epoch)
        total.written_blocks += one.written_blocks
        if one.status != _NORMAL:
            return Equalized(one.status, one.culprit, total.written_blocks)
    return total


def _mark(sources: Sequence[Member], members: Sequence[Member], lbn: int) -> Procedure:
    for member in members:
        if member not in sources:
            status = yield from member.unit.force_error(lbn)
            if status != _NORMAL:
                return Equalized(status, member)
    return Equalized()
