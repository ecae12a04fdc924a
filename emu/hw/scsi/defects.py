"""The medium's defects and its format: REASSIGN BLOCKS, READ DEFECT DATA, FORMAT UNIT.

(SBC; spec "SCSI".)  The medium of a model has no defects from the factory, so the primary list is empty; the grown one
has the blocks an initiator has reassigned.
"""

# DEVIATION: FORMAT UNIT leaves zeros, and takes no notice of defect lists.

from typing import TYPE_CHECKING

from emu.hw.scsi.long_operation import LongOperation
from emu.hw.scsi.provisioning import erase_blocks
from emu.hw.scsi.sense import (
    CheckCondition,
    Sense,
    invalid_field_in_cdb,
    invalid_parameter,
    parameter_list_length_error,
)
from emu.hw.scsi.task import Steps, Task
from emu.wire.codes.scsi import EIGHT_BYTES, FOUR_BYTES, Asc, SenseKey
from emu.wire.generated.scsi_block import DefectHeader10, DefectHeader12, LongListHeader, ShortListHeader
from emu.wire.generated.scsi_cdb import Cdb6, DefectData10Cdb, DefectData12Cdb

if TYPE_CHECKING:
    from emu.hw.scsi.logical_unit import LogicalUnit

SPARES = 4096  # blocks that can be reassigned

_LONGLBA = 0x02
_LONGLIST_REASSIGN = 0x01
_FMTPINFO = 0xC0
_LONGLIST_FORMAT = 0x20
_FMTDATA = 0x10
_IMMED = 0x02
_REQUESTED_LISTS, _GLIST = 0x18, 0x08
_FORMAT = 0x07
_SHORT_BLOCK, _LONG_BLOCK, _BYTES_FROM_INDEX, _PHYSICAL_SECTOR = 0, 3, 4, 5
_FORMATS = (_SHORT_BLOCK, _LONG_BLOCK, _BYTES_FROM_INDEX, _PHYSICAL_SECTOR)


def reassign_blocks(unit: "LogicalUnit", task: Task, cdb: Cdb6) -> Steps:
    """REASSIGN BLOCKS: what was marked bad is good again, and zero."""
    data = yield from unit.fetch_list(task, _REASSIGN_LIST_BYTES)
    if len(data) < ShortListHeader.SIZE:
        raise parameter_list_length_error()
    long_list = cdb.lba_high & _LONGLIST_REASSIGN
    length = FOUR_BYTES.unpack_from(data)[0] if long_list else ShortListHeader.unpack(data).length
    field = EIGHT_BYTES if cdb.lba_high & _LONGLBA else FOUR_BYTES
    if length % field.size:
        raise parameter_list_length_error()
    end = min(len(data), ShortListHeader.SIZE + length)
    lbas = [field.unpack_from(data, at)[0] for at in range(4, end - field.size + 1, field.size)]
    for lba in lbas:
        if lba >= unit.block_count:
            raise CheckCondition(Sense(SenseKey.ILLEGAL_REQUEST, Asc.LBA_OUT_OF_RANGE, command_specific=lba))
    grown = {*unit.grown_defects, *lbas}
    if len(grown) > SPARES:
        raise CheckCondition(Sense(SenseKey.HARDWARE_ERROR, Asc.NO_DEFECT_SPARE, command_specific=lbas[0]))
    for lba in lbas:
        if lba in unit.bad_blocks.marks:
            yield from erase_blocks(unit, task, lba, 1)
    unit.grown_defects = sorted(grown)
    unit.save()


_REASSIGN_LIST_BYTES = 1 << 16  # more than a list has; what there is is looked at


def read_defect_data_10(unit: "LogicalUnit", task: Task, cdb: DefectData10Cdb) -> None:
    """READ DEFECT DATA(10)."""
    form, listed = _defect_list(unit, cdb.request)
    listed = listed[: 0xFFFF // _defect_bytes(form) * _defect_bytes(form)]
    header = DefectHeader10.pack_fields(cdb.request & _REQUESTED_LISTS | form, len(listed))
    task.reply(header + listed, cdb.allocation)
    _require_format(cdb.request)


def read_defect_data_12(unit: "LogicalUnit", task: Task, cdb: DefectData12Cdb) -> None:
    """READ DEFECT DATA(12), from a defect of the list on."""
    form, listed = _defect_list(unit, cdb.request)
    header = DefectHeader12.pack_fields(cdb.request & _REQUESTED_LISTS | form, 0, len(listed))
    task.reply(header + listed[cdb.index * _defect_bytes(form) :], cdb.allocation)
    _require_format(cdb.request)


def _defect_list(unit: "LogicalUnit", request: int) -> tuple[int, bytes]:
    """Return the format of the list, which is the default where another was wanted, and the defects in it."""
    form = request & _FORMAT
    if form not in _FORMATS:
        form = _SHORT_BLOCK
    grown = unit.grown_defects if request & _GLIST else []
    return form, b"".join(_defect(unit, lba, form) for lba in grown)


def _defect_bytes(form: int) -> int:
    return FOUR_BYTES.size if form == _SHORT_BLOCK else EIGHT_BYTES.size


def _defect(unit: "LogicalUnit", lba: int, form: int) -> bytes:
    if form == _SHORT_BLOCK:
        return FOUR_BYTES.pack(min(lba, 0xFFFF_FFFF))
    if form == _LONG_BLOCK:
        return EIGHT_BYTES.pack(lba)
    track, sector = divmod(lba, unit.profile.sectors)
    cylinder, head = divmod(track, unit.profile.heads)
    place = sector * unit.block_bytes if form == _BYTES_FROM_INDEX else sector
    return FOUR_BYTES.pack(cylinder << 8 & 0xFFFF_FFFF | head) + FOUR_BYTES.pack(place)


def _require_format(request: int) -> None:
    """Say that the list, which has been sent already, has another format than was wanted."""
    if request & _FORMAT not in _FORMATS:
        raise CheckCondition(Sense(SenseKey.RECOVERED_ERROR, Asc.DEFECT_LIST_NOT_FOUND))


def format_unit(unit: "LogicalUnit", task: Task, cdb: Cdb6) -> Steps:
    """FORMAT UNIT."""
    flags = cdb.lba_high
    if unit.profile.modern and flags & _FMTPINFO:
        raise invalid_field_in_cdb(1, 7)
    return _format(unit, task, flags)


def _format(unit: "LogicalUnit", task: Task, flags: int) -> Steps:
    immediate = False
    if flags & _FMTDATA:
        long_list = bool(flags & _LONGLIST_FORMAT)
        size = LongListHeader.SIZE if long_list else ShortListHeader.SIZE
        data = yield from unit.fetch_list(task, size)
        if len(data) < size:
            raise parameter_list_length_error()
        header = LongListHeader.unpack(data) if long_list else ShortListHeader.unpack(data)
        if header.length:
            raise invalid_parameter(4 if long_list else 2)
        immediate = bool(header.flags & _IMMED)
    operation = LongOperation(unit, Asc.FORMAT_IN_PROGRESS, Asc.FORMAT_COMMAND_FAILED, [None])
    unit.bad_blocks.marks.clear()
    unit.save()
    operation.start()
    if not immediate:
        yield operation.wait
        if operation.failed:
            raise CheckCondition(Sense(SenseKey.MEDIUM_ERROR, Asc.FORMAT_COMMAND_FAILED))
