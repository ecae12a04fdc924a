"""READ LONG and WRITE LONG: a block with its check bytes.

(SBC-2; spec "SCSI", READ LONG, WRITE LONG.)  Hosts find the length by trying: the wrong one is told by ILI and a
difference.  VMS marks members of shadow sets by bad check bytes where DSA disks have forced error.
"""

from typing import TYPE_CHECKING

from emu.core.block import Function, MediumError
from emu.hw.scsi.bad_blocks import UNCORRECTABLE
from emu.hw.scsi.blocks import write_views
from emu.hw.scsi.sense import CheckCondition, Sense, invalid_field_in_cdb
from emu.hw.scsi.task import Steps, Task, Views
from emu.wire.codes.scsi import Asc, SenseKey
from emu.wire.generated.scsi_cdb import Cdb10, LongBlock16Cdb

if TYPE_CHECKING:
    from emu.hw.scsi.logical_unit import LogicalUnit

_READ = int(Function.READ)
_WR_UNCOR = 0x40
_PBLOCK_WRITE = 0x20
_PBLOCK_READ_10 = 0x04
_PBLOCK_READ_16 = 0x02


def read_long_10(unit: "LogicalUnit", task: Task, cdb: Cdb10) -> Steps | None:
    """READ LONG(10)."""
    if cdb.flags & _PBLOCK_READ_10:
        raise invalid_field_in_cdb(1, 2)
    return _read_long(unit, task, cdb.lba, cdb.length, 7)


def read_long_16(unit: "LogicalUnit", task: Task, cdb: LongBlock16Cdb) -> Steps | None:
    """READ LONG(16)."""
    if cdb.flags & _PBLOCK_READ_16:
        raise invalid_field_in_cdb(14, 1)
    return _read_long(unit, task, cdb.lba, cdb.length, 12)


def _require_length(unit: "LogicalUnit", length: int, field: int) -> None:
    right = unit.block_bytes + unit.bad_blocks.check_bytes
    if length != right:
        raise CheckCondition(
            Sense(
                SenseKey.ILLEGAL_REQUEST,
                Asc.INVALID_FIELD_IN_CDB,
                information=length - right,
                field=field,
                ili=True,
            )
        )


def _read_long(unit: "LogicalUnit", task: Task, lba: int, length: int, field: int) -> Steps | None:
    unit.require_extent(lba, 1)
    if not length:
        return None
    _require_length(unit, length, field)
    return _read_long_steps(unit, task, lba, length)


def _read_long_steps(unit: "LogicalUnit", task: Task, lba: int, length: int) -> Steps:
    block = bytearray(unit.block_bytes)
    task.function = _READ
    task.lbn = lba * unit.lbn_per_lba
    task.byte_count = len(block)
    task.views = (memoryview(block),)
    error: MediumError | None = yield unit.device
    if error is not None:
        raise unit.failure(error)
    data = bytes(block)
    task.reply(data + unit.bad_blocks.stored(lba, data), length)


def write_long_10(unit: "LogicalUnit", task: Task, cdb: Cdb10) -> Steps | None:
    """WRITE LONG(10)."""
    return _write_long(unit, task, cdb.lba, cdb.length, cdb.flags, 7)


def write_long_16(unit: "LogicalUnit", task: Task, cdb: LongBlock16Cdb) -> Steps | None:
    """WRITE LONG(16)."""
    return _write_long(unit, task, cdb.lba, cdb.length, cdb.action, 12)


def _write_long(
    unit: "LogicalUnit", task: Task, lba: int, length: int, flags: int, field: int
) -> Steps | None:
    unit.require_extent(lba, 1)
    if unit.profile.modern:  # before SBC-2 these bits are the LUN
        if flags & _PBLOCK_WRITE:
            raise invalid_field_in_cdb(1, 5)
        if flags & _WR_UNCOR:
            if length:
                raise invalid_field_in_cdb(field)
            unit.bad_blocks.marks[lba] = UNCORRECTABLE
            unit.save()
            return None
    if not length:
        return None
    _require_length(unit, length, field)
    return _write_long_steps(unit, task, lba, length)


def _write_long_steps(unit: "LogicalUnit", task: Task, lba: int, length: int) -> Steps:
    views: Views = yield length
    content = b"".join(views)
    if len(content) < length:  # nothing is half a block
        return
    data, check = content[: unit.block_bytes], content[unit.block_bytes :]
    yield from write_views(unit, task, lba, [memoryview(data)])
    if check != unit.bad_blocks.natural(lba, data):
        unit.bad_blocks.marks[lba] = check
        unit.save()
