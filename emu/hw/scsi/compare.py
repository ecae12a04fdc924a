"""Commands that compare, or that write what they have read: VERIFY, WRITE AND VERIFY, COMPARE AND WRITE, ORWRITE.

(SBC; spec "SCSI", CDB layouts and semantics.)  `lba` and counts are of the unit's blocks, lengths are bytes.
"""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from emu.core.block import BlockDevice, Function, MediumError
from emu.core.views import pieces
from emu.hw.scsi.blocks import VERIFY_COUNTER, BlockCdb, require_transfer, write_views
from emu.hw.scsi.sense import CheckCondition, Sense, invalid_field_in_cdb
from emu.hw.scsi.task import Steps, Task, Views
from emu.wire.codes.scsi import Asc, Block, SenseKey, merged_bits
from emu.wire.generated.scsi_cdb import Cdb16, CompareAndWriteCdb

if TYPE_CHECKING:
    from emu.hw.scsi.logical_unit import LogicalUnit

SCRATCH_BYTES = 1 << 20
_READ = int(Function.READ)
_BYTCHK = int(Block.BYTCHK)
_BYTCHK_NONE, _BYTCHK_DATA, _BYTCHK_RESERVED = 0, 1, 2
_FUA = int(Block.FUA)

Reading = Generator[BlockDevice, Any, bytes]


def verify(unit: "LogicalUnit", task: Task, cdb: BlockCdb) -> Steps | None:
    """VERIFY(10), VERIFY(12), VERIFY(16)."""
    check = _byte_check(cdb)
    require_transfer(unit, task, cdb.lba, cdb.length)
    return _verify(unit, task, cdb.lba, cdb.length, check) if cdb.length else None


def _byte_check(cdb: BlockCdb) -> int:
    check = (cdb.flags & _BYTCHK) >> 1
    if check == _BYTCHK_RESERVED:
        raise invalid_field_in_cdb(1, 2)
    return check


def _verify(unit: "LogicalUnit", task: Task, lba: int, count: int, check: int) -> Steps:
    wanted: Views = ()
    if check == _BYTCHK_DATA:
        wanted = yield count * unit.block_bytes
    elif check:
        wanted = yield unit.block_bytes
        block = b"".join(wanted)
        wanted = [memoryview(block)] * count  # one block for all of them
    yield from _require_equal(unit, task, lba, count, wanted)


def _require_equal(unit: "LogicalUnit", task: Task, lba: int, count: int, wanted: Views) -> Steps:
    """Read an extent, and compare as much of it as there is in `wanted`."""
    block_bytes = unit.block_bytes
    position, total = 0, count * block_bytes
    # An initiator may have sent less than it had announced: the rest is only read.
    present = sum(map(len, wanted))
    while position < total:
        size = min(SCRATCH_BYTES, total - position)
        content = yield from read_blocks(unit, task, lba + position // block_bytes, size)
        expected = b"".join(pieces(wanted, position, min(size, max(present - position, 0))))
        if content[: len(expected)] != expected:
            raise CheckCondition(Sense(SenseKey.MISCOMPARE, Asc.MISCOMPARE_DURING_VERIFY))
        position += size
    unit.counters[VERIFY_COUNTER] += total


def read_blocks(unit: "LogicalUnit", task: Task, lba: int, length: int) -> Reading:
    """Read blocks for the unit itself; what is marked bad fails as for an initiator."""
    scratch = bytearray(length)
    task.function = _READ
    task.lbn = lba * unit.lbn_per_lba
    task.byte_count = length
    task.views = (memoryview(scratch),)
    error: MediumError | None = yield unit.device
    if error is not None:
        raise unit.failure(error)
    content = bytes(scratch)
    for marked in unit.bad_blocks.between(lba, length // unit.block_bytes):
        start = (marked - lba) * unit.block_bytes
        failure = unit.bad_blocks.failure(marked, content[start : start + unit.block_bytes])
        if failure is not None:
            raise failure
    return content


def write_and_verify(unit: "LogicalUnit", task: Task, cdb: BlockCdb) -> Steps | None:
    """WRITE AND VERIFY(10), (12), (16): what was written goes to the platter, and is read back."""
    check = _byte_check(cdb)
    require_transfer(unit, task, cdb.lba, cdb.length)
    return _write_and_verify(unit, task, cdb.lba, cdb.length, check) if cdb.length else None


def _write_and_verify(unit: "LogicalUnit", task: Task, lba: int, count: int, check: int) -> Steps:
    views: Views = yield count * unit.block_bytes
    length = yield from write_views(unit, task, lba, views)
    if length:
        yield from unit.flush(task)
        wanted = [*pieces(views, 0, length)] if check else ()
        yield from _require_equal(unit, task, lba, length // unit.block_bytes, wanted)


def compare_and_write(unit: "LogicalUnit", task: Task, cdb: CompareAndWriteCdb) -> Steps | None:
    """COMPARE AND WRITE: the second half of the data is written if the first is what the blocks hold."""
    unit.require_extent(cdb.lba, cdb.length)
    length = cdb.length * unit.block_bytes
    if task.expected_out not in (None, 2 * length):
        raise invalid_field_in_cdb(13)
    return _compare_and_write(unit, task, cdb.lba, length, bool(cdb.flags & _FUA)) if length else None


def _compare_and_write(unit: "LogicalUnit", task: Task, lba: int, length: int, force: bool) -> Steps:
    views: Views = yield 2 * length
    expected = b"".join(pieces(views, 0, length))
    content = yield from read_blocks(unit, task, lba, length)
    offset = first_difference(content, expected)
    if offset is not None:
        raise CheckCondition(Sense(SenseKey.MISCOMPARE, Asc.MISCOMPARE_DURING_VERIFY, information=offset))
    yield from write_views(unit, task, lba, [*pieces(views, length, length)])
    if force or (unit.profile.write_cache and not unit.mode.write_cache):
        yield from unit.flush(task)


def first_difference(one: bytes, other: bytes) -> int | None:
    """Return the offset of the first byte that differs, or is missing; None if there is none."""
    if one == other:
        return None
    low, high = 0, min(len(one), len(other))
    if one[:high] == other[:high]:
        return high
    while high - low > 1:  # the first difference is in [low, high)
        middle = (low + high) // 2
        if one[low:middle] != other[low:middle]:
            high = middle
        else:
            low = middle
    return low


def orwrite(unit: "LogicalUnit", task: Task, cdb: Cdb16) -> Steps | None:
    """ORWRITE(16): the blocks become what they hold, or the data."""
    require_transfer(unit, task, cdb.lba, cdb.length)
    return _orwrite(unit, task, cdb.lba, cdb.length, bool(cdb.flags & _FUA)) if cdb.length else None


def _orwrite(unit: "LogicalUnit", task: Task, lba: int, count: int, force: bool) -> Steps:
    views: Views = yield count * unit.block_bytes
    data = b"".join(views)
    length = len(data) // unit.block_bytes * unit.block_bytes
    if not length:
        return
    content = yield from read_blocks(unit, task, lba, length)
    merged = merged_bits(content, data[:length])
    yield from write_views(unit, task, lba, [memoryview(merged)])
    if force or (unit.profile.write_cache and not unit.mode.write_cache):
        yield from unit.flush(task)
