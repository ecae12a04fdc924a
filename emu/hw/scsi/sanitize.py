"""SANITIZE: make everything that was ever written unreadable.

(SBC-3; spec "SCSI", SANITIZE.)  A unit that is being sanitized does nothing else.
"""

# DEVIATION: CRYPTOGRAPHIC ERASE is BLOCK ERASE: there is no key to forget.

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from emu.hw.scsi.long_operation import LongOperation, Passes
from emu.hw.scsi.sense import (
    CheckCondition,
    Sense,
    invalid_field_in_cdb,
    invalid_parameter,
    parameter_list_length_error,
)
from emu.hw.scsi.task import Steps, Task
from emu.wire.codes.scsi import Asc, SenseKey
from emu.wire.generated.scsi_block import OverwriteList
from emu.wire.generated.scsi_cdb import ParameterListCdb

if TYPE_CHECKING:
    from emu.hw.scsi.logical_unit import LogicalUnit

OVERWRITE: Final = 0x01
BLOCK_ERASE: Final = 0x02
CRYPTOGRAPHIC_ERASE: Final = 0x03
EXIT_FAILURE_MODE: Final = 0x1F
_IMMED = 0x80
_INVERT = 0x80
_COUNT = 0x1F
_PATTERN_BYTES = 1 << 20


def overwrite(unit: "LogicalUnit", task: Task, cdb: ParameterListCdb) -> Steps:
    """OVERWRITE: a pattern over everything, as often as wanted."""
    if not OverwriteList.SIZE < cdb.length <= OverwriteList.SIZE + unit.block_bytes:
        raise invalid_field_in_cdb(7)
    return _overwrite(unit, task, cdb)


def _overwrite(unit: "LogicalUnit", task: Task, cdb: ParameterListCdb) -> Steps:
    data = yield from unit.fetch_list(task, cdb.length)
    if len(data) < OverwriteList.SIZE:
        raise parameter_list_length_error()
    header = OverwriteList.unpack(data)
    count = header.flags & _COUNT
    if not count:
        raise invalid_parameter(0, 4)
    if not 0 < header.length <= unit.block_bytes:
        raise invalid_parameter(2)
    pattern = data[OverwriteList.SIZE : OverwriteList.SIZE + header.length]
    if len(pattern) < header.length:
        raise parameter_list_length_error()
    block = (pattern * (unit.block_bytes // len(pattern) + 1))[: unit.block_bytes]
    patterns = [block] * count
    if header.flags & _INVERT:
        # The last pass writes the pattern as it was given, the one before its inverse, and so on.
        inverted = bytes(octet ^ 0xFF for octet in block)
        patterns = [block if (count - 1 - index) % 2 == 0 else inverted for index in range(count)]
    whole = _PATTERN_BYTES // unit.block_bytes
    passes = [memoryview(pattern * whole) for pattern in patterns]
    yield from _run(unit, bool(cdb.flags & _IMMED), passes)


def erase(unit: "LogicalUnit", task: Task, cdb: ParameterListCdb) -> Steps:
    """BLOCK ERASE, CRYPTOGRAPHIC ERASE."""
    if cdb.length:
        raise invalid_field_in_cdb(7)
    return _run(unit, bool(cdb.flags & _IMMED), [None])


def _run(unit: "LogicalUnit", immediate: bool, passes: Passes) -> Steps:
    operation = LongOperation(unit, Asc.SANITIZE_IN_PROGRESS, Asc.SANITIZE_COMMAND_FAILED, passes)
    unit.bad_blocks.marks.clear()
    unit.save()
    operation.start()
    if not immediate:
        yield operation.wait
        if operation.failed:
            raise CheckCondition(Sense(SenseKey.MEDIUM_ERROR, Asc.SANITIZE_COMMAND_FAILED))


def exit_failure_mode(unit: "LogicalUnit", task: Task, cdb: ParameterListCdb) -> None:
    """EXIT FAILURE MODE: take the medium into use again after a sanitize operation that failed."""
    if cdb.length:
        raise invalid_field_in_cdb(7)
    operation = unit.operation
    if operation is not None and operation.failed:
        unit.operation = None
    elif operation is not None:
        raise invalid_field_in_cdb(1, 4)


ACTIONS: Mapping[int, Callable[["LogicalUnit", Task, ParameterListCdb], Steps | None]] = MappingProxyType(
    {
        OVERWRITE: overwrite,
        BLOCK_ERASE: erase,
        CRYPTOGRAPHIC_ERASE: erase,
        EXIT_FAILURE_MODE: exit_failure_mode,
    }
)
