"""READ, WRITE and their kin: blocks between the medium and the initiator.

(SBC, "READ", "WRITE", "PRE-FETCH", "SYNCHRONIZE CACHE", "WRITE ATOMIC"; spec "SCSI", CDB layouts and semantics.)
`lba` and counts are of the unit's blocks, lengths are bytes.

A READ or WRITE of any length is one request to the medium, over the transport's own memory.  Only when that
fails is it repeated block by block, so that the sense tells the guilty one.
"""

# DEVIATION: PRE-FETCH fetches nothing: the host's page cache reads ahead by itself.
# DEVIATION: with WCE 0 from the factory, as an RZ has it, a write is answered when it is with the host's kernel.

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Final, Protocol

from emu.core.block import BlockDevice, Function, MediumError
from emu.core.views import pieces
from emu.hw.scsi.sense import invalid_field_in_cdb
from emu.hw.scsi.task import Steps, Task, Views
from emu.wire.codes.scsi import Block
from emu.wire.generated.scsi_cdb import Cdb6, Cdb10, WriteAtomicCdb

if TYPE_CHECKING:
    from emu.hw.scsi.logical_unit import LogicalUnit

_READ = int(Function.READ)
_WRITE = int(Function.WRITE)
_FUA = int(Block.FUA)
_LBA_6 = 0x1F
_WHOLE_6 = 256  # blocks that a length of zero means in six bytes
ATOMIC_BLOCKS: Final = 0x200  # of one WRITE ATOMIC
LENGTH_FIELD: Final = {6: 4, 10: 7, 12: 6, 16: 10}  # where a CDB of so many bytes has its length
READ_COUNTER, WRITE_COUNTER, VERIFY_COUNTER = "read", "write", "verify"


class BlockCdb(Protocol):
    """A CDB of 10, 12 or 16 bytes that names blocks."""

    flags: int
    lba: int
    length: int


def require_transfer(unit: "LogicalUnit", task: Task, lba: int, count: int) -> None:
    """Check an extent that is to be transferred."""
    if lba + count > unit.block_count:
        unit.require_extent(lba, count)
    maximum = unit.profile.maximum_blocks
    if maximum and count > maximum:
        raise invalid_field_in_cdb(LENGTH_FIELD[len(task.cdb)])


# ---- READ


def read(unit: "LogicalUnit", task: Task, cdb: BlockCdb) -> Steps | None:
    """READ(10), READ(12), READ(16)."""
    lba, count = cdb.lba, cdb.length
    require_transfer(unit, task, lba, count)
    return _read(unit, task, lba, count) if count else None


def read_6(unit: "LogicalUnit", task: Task, cdb: Cdb6) -> Steps | None:
    """READ(6)."""
    lba, count = _extent_6(cdb)
    require_transfer(unit, task, lba, count)
    return _read(unit, task, lba, count)


def _extent_6(cdb: Cdb6) -> tuple[int, int]:
    return (cdb.lba_high & _LBA_6) << 16 | cdb.lba_low, cdb.length or _WHOLE_6


def _read(unit: "LogicalUnit", task: Task, lba: int, count: int) -> Steps | None:
    task.function = _READ
    task.lbn = lba * unit.lbn_per_lba
    task.byte_count = length = count * unit.block_bytes
    task.views = task.room(length)
    if unit.bad_blocks.marks:
        return _read_singly(unit, task)
    task.move(unit.device, _has_read)
    return None


def _has_read(unit: "LogicalUnit", task: Task, error: MediumError | None) -> Steps | None:
    if error is not None:
        return _read_singly(unit, task)
    length = task.byte_count
    unit.counters[READ_COUNTER] += length
    task.send(length)
    return None


def _read_singly(unit: "LogicalUnit", task: Task) -> Steps:
    """Read block by block: what is before the guilty one is sent."""
    room, length, block_bytes = task.views, task.byte_count, unit.block_bytes
    lba = task.lbn // unit.lbn_per_lba
    for index in range(length // block_bytes):
        task.lbn = (lba + index) * unit.lbn_per_lba
        task.byte_count = block_bytes
        task.views = [*pieces(room, index * block_bytes, block_bytes)]
        error: MediumError | None = yield unit.device
        failure = (
            unit.failure(_at(error, task.lbn))
            if error is not None
            else unit.bad_blocks.failure(lba + index, b"".join(task.views))
        )
        if failure is not None:
            if index:
                task.send(index * block_bytes)
            raise failure
    unit.counters[READ_COUNTER] += length
    task.send(length)


def _at(error: MediumError, lbn: int) -> MediumError:
    """Make a failure tell its block, now that it is known."""
    if error.lbn is None:
        error.lbn = lbn
    return error


# ---- WRITE


def write(unit: "LogicalUnit", task: Task, cdb: BlockCdb) -> Steps | None:
    """WRITE(10), WRITE(12), WRITE(16)."""
    lba, count = cdb.lba, cdb.length
    require_transfer(unit, task, lba, count)
    return _write(unit, task, lba, count, bool(cdb.flags & _FUA)) if count else None


def write_6(unit: "LogicalUnit", task: Task, cdb: Cdb6) -> Steps | None:
    """WRITE(6)."""
    lba, count = _extent_6(cdb)
    require_transfer(unit, task, lba, count)
    return _write(unit, task, lba, count, force=False)


def write_atomic(unit: "LogicalUnit", task: Task, cdb: WriteAtomicCdb) -> Steps | None:
    """WRITE ATOMIC(16): one request to the medium, as every WRITE is."""
    unit.require_extent(cdb.lba, cdb.length)
    if cdb.length > ATOMIC_BLOCKS:
        raise invalid_field_in_cdb(12)
    if not cdb.length:
        return None
    return _write(unit, task, cdb.lba, cdb.length, bool(cdb.flags & _FUA))


def _write(unit: "LogicalUnit", task: Task, lba: int, count: int, force: bool) -> Steps | None:
    if force or (unit.profile.write_cache and not unit.mode.write_cache):
        return _write_through(unit, task, lba, count)
    task.lbn = lba * unit.lbn_per_lba
    task.bring(count * unit.block_bytes, _has_fetched)
    return None


def _has_fetched(unit: "LogicalUnit", task: Task, views: Views) -> None:
    if _begin_write(unit, task, views):
        task.move(unit.device, _end_write)


def _write_through(unit: "LogicalUnit", task: Task, lba: int, count: int) -> Steps:
    views: Views = yield count * unit.block_bytes
    length = yield from write_views(unit, task, lba, views)
    if length:
        yield from unit.flush(task)


def write_views(unit: "LogicalUnit", task: Task, lba: int, views: Views) -> Generator[BlockDevice, Any, int]:
    """Write what the initiator has sent, as far as it is whole blocks; return its length."""
    task.lbn = lba * unit.lbn_per_lba
    length = _begin_write(unit, task, views)
    if length:
        error: MediumError | None = yield unit.device
        _end_write(unit, task, error)
    return length


def _begin_write(unit: "LogicalUnit", task: Task, views: Views) -> int:
    """Make a WRITE of what is whole blocks, at the task's LBN; return its length."""
    length = len(views[0]) if len(views) == 1 else sum(map(len, views))
    short = length % unit.block_bytes
    if short:
        length -= short
        views = [*pieces(views, 0, length)]
    task.function = _WRITE
    task.byte_count = length
    task.views = views
    return length


def _end_write(unit: "LogicalUnit", task: Task, error: MediumError | None) -> None:
    if error is not None:
        raise unit.failure(error, writing=True)
    length = task.byte_count
    unit.counters[WRITE_COUNTER] += length
    marks = unit.bad_blocks
    if marks.marks and marks.clear(task.lbn // unit.lbn_per_lba, length // unit.block_bytes):
        unit.save()


# ---- no data


def seek_6(unit: "LogicalUnit", task: Task, cdb: Cdb6) -> None:
    """SEEK(6): nothing moves, but the LBA is looked at."""
    unit.require_extent(_extent_6(cdb)[0], 1)


def seek_10(unit: "LogicalUnit", task: Task, cdb: Cdb10) -> None:
    """SEEK(10)."""
    unit.require_extent(cdb.lba, 1)


def prefetch(unit: "LogicalUnit", task: Task, cdb: BlockCdb) -> None:
    """PRE-FETCH(10), PRE-FETCH(16).  GOOD, not CONDITION MET: initiators take that for an error."""
    unit.require_extent(cdb.lba, cdb.length)


def synchronize_cache(unit: "LogicalUnit", task: Task, cdb: BlockCdb) -> Steps:
    """SYNCHRONIZE CACHE(10), SYNCHRONIZE CACHE(16): of the whole unit, whatever extent is named."""
    unit.require_extent(cdb.lba, cdb.length)
    return unit.flush(task)
