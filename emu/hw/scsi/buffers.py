"""Buffers and diagnostics: READ BUFFER, WRITE BUFFER, SEND DIAGNOSTIC, RECEIVE DIAGNOSTIC RESULTS.

(SPC; spec "SCSI".)
"""

from typing import TYPE_CHECKING, Final

from emu.hw.scsi.sense import CheckCondition, Sense, invalid_field_in_cdb, invalid_parameter
from emu.hw.scsi.task import Steps, Task
from emu.wire.codes.scsi import FOUR_BYTES, Asc, SenseKey
from emu.wire.generated.scsi_cdb import BufferCdb, InquiryCdb

if TYPE_CHECKING:
    from emu.hw.scsi.logical_unit import LogicalUnit

BUFFER_BYTES: Final = 1 << 16
ECHO_BYTES: Final = 4096
_MODE = 0x1F
_HEADER_AND_DATA, _DATA, _DESCRIPTOR, _ECHO, _ECHO_DESCRIPTOR = 0x00, 0x02, 0x03, 0x0A, 0x0B
_HEADER_BYTES = 4
_ANY_OFFSET = 0  # offset boundary: 2 to the power of this
_SELF_TEST_CODE = 0xE0
_SELF_TEST = 0x04
_PCV = 0x01


def write_buffer(unit: "LogicalUnit", task: Task, cdb: BufferCdb) -> Steps:
    """WRITE BUFFER: the data buffer, or the echo buffer of this initiator; no microcode."""
    mode = cdb.mode & _MODE
    length, offset = _length(cdb), _offset(cdb)
    if mode == _ECHO:
        if length > ECHO_BYTES:
            raise invalid_field_in_cdb(6)
    elif mode in (_HEADER_AND_DATA, _DATA):
        if cdb.buffer:
            raise invalid_field_in_cdb(2)
        room = BUFFER_BYTES + (_HEADER_BYTES if mode == _HEADER_AND_DATA else 0)
        if offset + length > room:
            raise invalid_field_in_cdb(6)
    else:
        raise invalid_field_in_cdb(1, 4)
    return _write_buffer(unit, task, mode, offset, length)


def _length(cdb: BufferCdb) -> int:
    return cdb.length_high << 16 | cdb.length_low


def _offset(cdb: BufferCdb) -> int:
    return cdb.offset_high << 16 | cdb.offset_low


def _write_buffer(unit: "LogicalUnit", task: Task, mode: int, offset: int, length: int) -> Steps:
    if not length:
        return
    data = yield from unit.fetch_list(task, length)
    if mode == _ECHO:
        task.itl.echo = data
        return
    if mode == _HEADER_AND_DATA:
        data = data[_HEADER_BYTES:]
    unit.buffer[offset : offset + len(data)] = data


def read_buffer(unit: "LogicalUnit", task: Task, cdb: BufferCdb) -> None:
    """READ BUFFER."""
    mode = cdb.mode & _MODE
    length, offset = _length(cdb), _offset(cdb)
    if mode in (_HEADER_AND_DATA, _DATA, _DESCRIPTOR) and cdb.buffer:
        raise invalid_field_in_cdb(2)
    if mode == _HEADER_AND_DATA:
        data = FOUR_BYTES.pack(BUFFER_BYTES) + unit.buffer
    elif mode == _DATA:
        data = bytes(unit.buffer[offset:])
    elif mode == _DESCRIPTOR:
        data = FOUR_BYTES.pack(_ANY_OFFSET << 24 | BUFFER_BYTES)
    elif mode == _ECHO:
        echo = task.itl.echo
        if echo is None:
            raise CheckCondition(Sense(SenseKey.ILLEGAL_REQUEST, Asc.COMMAND_SEQUENCE_ERROR))
        data = echo
    elif mode == _ECHO_DESCRIPTOR:
        data = FOUR_BYTES.pack(ECHO_BYTES)
    else:
        raise invalid_field_in_cdb(1, 4)
    task.reply(data, length)


def send_diagnostic(unit: "LogicalUnit", task: Task, cdb: InquiryCdb) -> Steps | None:
    """SEND DIAGNOSTIC: the self-test passes; of the pages there is only the list of them."""
    if cdb.flags & (_SELF_TEST | _SELF_TEST_CODE) and unit.profile.modern:
        if cdb.allocation:
            raise invalid_field_in_cdb(3)
        return None
    return _send_diagnostic(unit, task, cdb.allocation) if cdb.allocation else None


def _send_diagnostic(unit: "LogicalUnit", task: Task, length: int) -> Steps:
    data = yield from unit.fetch_list(task, length)
    if data[:1] != b"\0":
        raise invalid_parameter(0)


def receive_diagnostic(unit: "LogicalUnit", task: Task, cdb: InquiryCdb) -> None:
    """RECEIVE DIAGNOSTIC RESULTS: page 00, which lists itself."""
    if cdb.flags & _PCV and cdb.page:
        raise invalid_field_in_cdb(2)
    task.reply(b"\x00\x00\x00\x01\x00", cdb.allocation)
