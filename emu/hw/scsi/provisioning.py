"""Logical block provisioning: UNMAP, WRITE SAME, GET LBA STATUS.

(SBC-3, "logical block provisioning"; spec "SCSI", WRITE SAME, UNMAP, GET LBA STATUS.)  Unmapped blocks read as
zeros: both are ERASE on the medium, which makes a hole where it can.
"""

# DEVIATION: no anchored blocks.

from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from emu.core.block import BLOCK_BYTES, Function, MediumError
from emu.hw.scsi.blocks import LENGTH_FIELD, WRITE_COUNTER, BlockCdb
from emu.hw.scsi.sense import (
    invalid_field_in_cdb,
    invalid_parameter,
    lba_out_of_range,
    parameter_list_length_error,
)
from emu.hw.scsi.task import Steps, Task, Views
from emu.wire.codes.scsi import Block
from emu.wire.generated.scsi_block import LbaStatusDescriptor, LbaStatusHeader, UnmapDescriptor, UnmapHeader
from emu.wire.generated.scsi_cdb import ParameterListCdb, ServiceActionIn16Cdb

if TYPE_CHECKING:
    from emu.hw.scsi.logical_unit import LogicalUnit

UNMAP_BLOCKS: Final = 0x10_0000  # of one UNMAP
UNMAP_DESCRIPTORS: Final = 0x200
FILL_BYTES: Final = 1 << 20  # of a pattern written at once
BREATH_BYTES: Final = 32 << 20  # after so many, others have their turn
STATUS_DESCRIPTORS: Final = 1024
_WRITE = int(Function.WRITE)
_ERASE = int(Function.ERASE)
_UNMAP = int(Block.UNMAP)
_ANCHOR = int(Block.ANCHOR)
_NDOB = int(Block.NDOB)
_MAPPED, _DEALLOCATED = 0, 1


@runtime_checkable
class Provisioned(Protocol):
    """A block device that can tell which of its blocks it keeps anywhere."""

    def allocation(self, lbn: int, block_count: int) -> tuple[bool, int]:
        """Say whether block `lbn` is kept, and for how many blocks from there on, at most `block_count`, that holds."""
        ...


# ---- WRITE SAME


def write_same(unit: "LogicalUnit", task: Task, cdb: BlockCdb) -> Steps | None:
    """WRITE SAME(10), WRITE SAME(16): one block onto many.

    A length of zero, which could mean to the end of the unit, is refused (WSNZ).
    """
    lba, count, flags = cdb.lba, cdb.length, cdb.flags
    unit.require_extent(lba, count)
    if not count:
        raise invalid_field_in_cdb(LENGTH_FIELD[len(task.cdb)])
    if flags & _ANCHOR:
        raise invalid_field_in_cdb(1, 4)
    if flags & _UNMAP and not unit.profile.thin:
        raise invalid_field_in_cdb(1, 3)
    data_bytes = 0 if flags & _NDOB else unit.block_bytes
    if task.expected_out not in (None, data_bytes):
        raise invalid_field_in_cdb(LENGTH_FIELD[len(task.cdb)])
    return _write_same(unit, task, lba, count, data_bytes)


def _write_same(unit: "LogicalUnit", task: Task, lba: int, count: int, data_bytes: int) -> Steps:
    block = bytes(unit.block_bytes)
    if data_bytes:
        views: Views = yield data_bytes
        sent = b"".join(views)
        if len(sent) < data_bytes:
            return
        block = sent
    if any(block):
        yield from _fill(unit, task, lba, count, block)
    else:
        yield from erase_blocks(unit, task, lba, count)
    unit.counters[WRITE_COUNTER] += count * unit.block_bytes


def erase_blocks(unit: "LogicalUnit", task: Task, lba: int, count: int) -> Steps:
    """Make blocks zero."""
    task.function = _ERASE
    task.lbn = lba * unit.lbn_per_lba
    task.byte_count = count * unit.block_bytes
    task.views = ()
    error: MediumError | None = yield unit.device
    if error is not None:
        raise unit.failure(error, writing=True)
    if unit.bad_blocks.clear(lba, count):
        unit.save()


def _fill(unit: "LogicalUnit", task: Task, lba: int, count: int, block: bytes) -> Steps:
    total = count * unit.block_bytes
    pattern = memoryview(block * min(count, FILL_BYTES // len(block)))
    done = 0
    while done < total:
        piece = pattern[: total - done]
        task.function = _WRITE
        task.lbn = lba * unit.lbn_per_lba + done // BLOCK_BYTES
        task.byte_count = len(piece)
        task.views = (piece,)
        error: MediumError | None = yield unit.device
        if error is not None:
            raise unit.failure(error, writing=True)
        done += len(piece)
        if not done % BREATH_BYTES:
            yield unit.breathe
    if unit.bad_blocks.clear(lba, count):
        unit.save()


# ---- UNMAP


def unmap(unit: "LogicalUnit", task: Task, cdb: ParameterListCdb) -> Steps | None:
    """UNMAP: all of the list is checked before any of it is done."""
    if not cdb.length:
        return None
    if cdb.length < UnmapHeader.SIZE:
        raise parameter_list_length_error()
    return _unmap(unit, task, cdb.length)


def _unmap(unit: "LogicalUnit", task: Task, length: int) -> Steps:
    data = yield from unit.fetch_list(task, length)
    if len(data) < UnmapHeader.SIZE:
        raise parameter_list_length_error()
    told = UnmapHeader.unpack(data).descriptor_bytes
    size = UnmapDescriptor.SIZE
    first = UnmapHeader.SIZE
    offsets = range(first, first + min(told, len(data) - first) // size * size, size)
    if len(offsets) > UNMAP_DESCRIPTORS:
        raise invalid_parameter(2)
    extents = []
    for offset in offsets:
        descriptor = UnmapDescriptor.unpack(data, offset)
        if descriptor.lba + descriptor.count > unit.block_count:
            raise lba_out_of_range()
        extents.append((descriptor.lba, descriptor.count))
    if sum(count for _, count in extents) > UNMAP_BLOCKS:
        raise invalid_parameter(first + 8)
    for lba, count in extents:
        if count:
            yield from erase_blocks(unit, task, lba, count)


# ---- GET LBA STATUS


def get_lba_status(unit: "LogicalUnit", task: Task, cdb: ServiceActionIn16Cdb) -> None:
    """GET LBA STATUS: as many descriptors as there is room for, at least one."""
    end = unit.block_count
    lba = cdb.lba
    if lba >= end:
        raise lba_out_of_range()
    room = (cdb.allocation - LbaStatusHeader.SIZE) // LbaStatusDescriptor.SIZE
    descriptors: list[bytes] = []
    while lba < end and len(descriptors) < max(1, min(room, STATUS_DESCRIPTORS)):
        mapped, count = _allocation(unit, lba, end - lba)
        status = _MAPPED if mapped else _DEALLOCATED
        descriptors.append(LbaStatusDescriptor.pack_fields(lba, count, status))
        lba += count
    data = b"".join(descriptors)
    header = LbaStatusHeader.pack_fields(LbaStatusHeader.SIZE - 4 + len(data))
    task.reply(header + data, cdb.allocation)


def _allocation(unit: "LogicalUnit", lba: int, count: int) -> tuple[bool, int]:
    """Ask the medium; one that cannot tell keeps everything."""
    count = min(count, 0xFFFF_FFFF)
    medium, per = unit.device, unit.lbn_per_lba
    if not unit.profile.thin or not isinstance(medium, Provisioned):
        return True, count
    try:
        mapped, lbns = medium.allocation(lba * per, count * per)
    except MediumError as error:
        raise unit.failure(error) from None
    if mapped:
        return True, -(-lbns // per)
    if lbns < per:  # not all of this block is a hole
        return True, 1
    return False, lbns // per
