"""EXTENDED COPY (LID1) and RECEIVE COPY RESULTS: blocks from unit to unit of this target, without the initiator.

(SPC-3 and SPC-4, "third-party copy"; spec "SCSI", EXTENDED COPY.)  A segment is one COPY of the destination's
medium: on one host's files, the kernel's.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from emu.core.block import BlockDevice, Function, MediumError
from emu.hw.scsi.inquiry import designator
from emu.hw.scsi.sense import (
    CheckCondition,
    Refusal,
    Sense,
    invalid_field_in_cdb,
    invalid_parameter,
    parameter_list_length_error,
)
from emu.hw.scsi.task import Steps, Task
from emu.wire.codes.scsi import Asc, SenseKey
from emu.wire.generated.scsi_cdb import CopyCdb
from emu.wire.generated.scsi_third_party_copy import (
    CopyListHeader,
    CopyParameters,
    CopySegment,
    CopyStatus,
    CopyTarget,
)

if TYPE_CHECKING:
    from emu.hw.scsi.logical_unit import LogicalUnit

TARGETS: Final = 16
SEGMENTS: Final = 16
LIST_BYTES: Final = 2048
SEGMENT_BYTES: Final = 64 << 20
_IDENTIFICATION = 0xE4
_BLOCK_TO_BLOCK = 0x02
_DC = 0x02
_NUL = 0x20
_USAGE = 0x18
_HOLD, _DISCARD, _RESERVED_USAGE, _NO_IDENTIFIER = 0x00, 0x10, 0x08, 0x18
_COPY = int(Function.COPY)
_SNLID = 0x01
_GRANULARITY = 9  # 512 bytes
_BYTES_SHIFT, _KBYTES = 10, 1
_DONE, _WITH_ERRORS = 1, 2
_DESIGNATOR_ASSOCIATION = 0x30
_NAA = 0x03
_SPC_4 = 6


@dataclass(frozen=True, slots=True)
class CopyResult:
    """What COPY STATUS tells of a list: segments done, bytes moved."""

    status: int
    segments: int
    moved_bytes: int


def extended_copy(unit: "LogicalUnit", task: Task, cdb: CopyCdb) -> Steps | None:
    """EXTENDED COPY."""
    if not cdb.length:
        return None
    if not CopyListHeader.SIZE <= cdb.length <= CopyListHeader.SIZE + LIST_BYTES:
        raise parameter_list_length_error()
    return _extended_copy(unit, task, cdb.length)


def _extended_copy(unit: "LogicalUnit", task: Task, length: int) -> Steps:
    data = yield from unit.fetch_list(task, length)
    if len(data) < CopyListHeader.SIZE:
        raise parameter_list_length_error()
    header = CopyListHeader.unpack(data)
    usage = header.flags & _USAGE
    if usage == _RESERVED_USAGE or (usage == _NO_IDENTIFIER and header.list_identifier):
        raise invalid_parameter(1, 4)
    first = CopyListHeader.SIZE
    segments_at = first + header.targets_length
    end = segments_at + header.segments_length
    if header.targets_length > TARGETS * CopyTarget.SIZE:
        raise invalid_parameter(2, asc=Asc.TOO_MANY_TARGET_DESCRIPTORS)
    if header.segments_length > SEGMENTS * CopySegment.SIZE:
        raise invalid_parameter(8, asc=Asc.TOO_MANY_SEGMENT_DESCRIPTORS)
    if header.inline_length:
        raise invalid_parameter(12, asc=Asc.INLINE_DATA_LENGTH_EXCEEDED)
    if len(data) < end or header.targets_length % CopyTarget.SIZE:
        raise parameter_list_length_error()
    targets = [_target(unit, data, at) for at in range(first, segments_at, CopyTarget.SIZE)]
    segments = _segments(data, segments_at, end)
    done = moved = 0
    try:
        for segment in segments:
            moved += yield from _copy_segment(task, segment, targets, done)
            done += 1
    finally:
        if usage in (_HOLD, _DISCARD):
            status = _DONE if done == len(segments) else _WITH_ERRORS
            task.itl.copies[header.list_identifier] = CopyResult(status, done, moved)


def _target(unit: "LogicalUnit", data: bytes, at: int) -> "LogicalUnit | None":
    """Find the unit that a target descriptor names; None if it is not here."""
    if data[at] != _IDENTIFICATION:
        raise invalid_parameter(at, asc=Asc.UNSUPPORTED_TARGET_DESCRIPTOR)
    descriptor = CopyTarget.unpack(data, at)
    if descriptor.device & 0xC0 and unit.profile.version < _SPC_4:  # LU ID TYPE: ignored since then
        raise invalid_parameter(at + 1, 7)
    if descriptor.device & _NUL or descriptor.designator_type & (_DESIGNATOR_ASSOCIATION | 0x0F) != _NAA:
        return None
    wanted = descriptor.designator[: descriptor.designator_length]
    assert unit.target is not None, "a unit that gets tasks is one of a target"
    return next(
        (one for one in unit.target.units.values() if designator(one.serial) == wanted and one.present), None
    )


def _segments(data: bytes, at: int, end: int) -> list[CopySegment]:
    segments = []
    while at < end:
        if data[at] != _BLOCK_TO_BLOCK:
            raise invalid_parameter(at, asc=Asc.UNSUPPORTED_SEGMENT_DESCRIPTOR)
        if end - at < CopySegment.SIZE:
            raise parameter_list_length_error()
        segment = CopySegment.unpack(data, at)
        if segment.length != CopySegment.SIZE - 4:
            raise invalid_parameter(at + 2)
        segments.append(segment)
        at += CopySegment.SIZE
    return segments


def _aborted(asc: int, segment: int) -> CheckCondition:
    """COPY ABORTED; COMMAND-SPECIFIC INFORMATION tells how many segments were done."""
    return CheckCondition(Sense(SenseKey.COPY_ABORTED, asc, command_specific=segment))


def _copy_segment(
    task: Task, segment: CopySegment, targets: "list[LogicalUnit | None]", number: int
) -> Generator[BlockDevice, Any, int]:
    """Copy one segment; return how many bytes that were."""
    if max(segment.source, segment.destination) >= len(targets):
        raise _aborted(Asc.COPY_TARGET_NOT_REACHABLE, number)
    source, destination = targets[segment.source], targets[segment.destination]
    if source is None or destination is None:
        raise _aborted(Asc.COPY_TARGET_NOT_REACHABLE, number)
    counted = destination if segment.flags & _DC else source
    length = segment.blocks * counted.block_bytes
    if length % source.block_bytes or length % destination.block_bytes:
        raise _aborted(Asc.NONE, number)
    try:
        source.require_extent(segment.source_lba, length // source.block_bytes)
        destination.require_extent(segment.destination_lba, length // destination.block_bytes)
        source.require_copy_access(task.nexus, writes=False)
        destination.require_copy_access(task.nexus, writes=True)
    except CheckCondition as check:
        write_protected = check.sense is not None and check.sense.key == SenseKey.DATA_PROTECT
        raise _aborted(Asc.THIRD_PARTY_DEVICE_FAILURE if write_protected else Asc.NONE, number) from None
    except Refusal:
        raise _aborted(Asc.THIRD_PARTY_DEVICE_FAILURE, number) from None
    if source.bad_blocks.between(segment.source_lba, length // source.block_bytes):
        raise _aborted(Asc.THIRD_PARTY_DEVICE_FAILURE, number)
    if length:
        task.function = _COPY
        task.lbn = segment.destination_lba * destination.lbn_per_lba
        task.byte_count = length
        task.views = ()
        task.source = source.device
        task.source_lbn = segment.source_lba * source.lbn_per_lba
        error: MediumError | None = yield destination.device
        if error is not None:
            raise _aborted(Asc.THIRD_PARTY_DEVICE_FAILURE, number)
        destination.bad_blocks.clear(segment.destination_lba, length // destination.block_bytes)
    return length


def copy_status(unit: "LogicalUnit", task: Task, cdb: CopyCdb) -> None:
    """RECEIVE COPY RESULTS, COPY STATUS: of a list that was done; told once."""
    result = task.itl.copies.pop(cdb.list_identifier, None)
    if result is None:
        raise invalid_field_in_cdb(2)
    data = CopyStatus.pack_fields(
        CopyStatus.SIZE - 4, result.status, result.segments, _KBYTES, result.moved_bytes >> _BYTES_SHIFT
    )
    task.reply(data, cdb.length)


def operating_parameters(unit: "LogicalUnit", task: Task, cdb: CopyCdb) -> None:
    """RECEIVE COPY RESULTS, OPERATING PARAMETERS."""
    codes = bytes((_BLOCK_TO_BLOCK, _IDENTIFICATION))
    data = CopyParameters.pack_fields(
        available=CopyParameters.SIZE - 4 + len(codes),
        snlid=_SNLID,
        targets=TARGETS,
        segments=SEGMENTS,
        list_bytes=LIST_BYTES,
        segment_bytes=SEGMENT_BYTES,
        concurrent=1,
        maximum_concurrent=1,
        segment_granularity=_GRANULARITY,
        inline_granularity=_GRANULARITY,
        held_granularity=_GRANULARITY,
        codes_length=len(codes),
    )
    task.reply(data + codes, cdb.length)


RESULTS: Mapping[int, Callable[["LogicalUnit", Task, CopyCdb], None]] = MappingProxyType(
    {0x00: copy_status, 0x03: operating_parameters}
)
