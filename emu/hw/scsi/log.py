"""Log pages: LOG SENSE and LOG SELECT.

(SPC, "log parameters"; spec "SCSI", LOG SENSE.)  The counters count bytes; nothing is ever corrected by a model.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from emu.hw.scsi.blocks import READ_COUNTER, VERIFY_COUNTER, WRITE_COUNTER
from emu.hw.scsi.sense import invalid_field_in_cdb
from emu.hw.scsi.task import Task
from emu.wire.codes.scsi import EIGHT_BYTES, Asc, LogPage
from emu.wire.generated.scsi_cdb import LogCdb
from emu.wire.generated.scsi_log import LogHeader, LogParameter

if TYPE_CHECKING:
    from emu.hw.scsi.logical_unit import LogicalUnit

COUNTERS: Final = (READ_COUNTER, WRITE_COUNTER, VERIFY_COUNTER)
_PCR = 0x02
_SP = 0x01
_PAGE_CODE = 0x3F
_ALL_SUBPAGES = 0xFF
_BYTES_PROCESSED = 5
_ERROR_PARAMETERS = 7  # corrected at once, delayed, total, total corrected, algorithm, bytes, uncorrected
_LIST = 0x03  # format and linking of ASCII and binary lists
_CELSIUS = 25


def log_sense(unit: "LogicalUnit", task: Task, cdb: LogCdb) -> None:
    """LOG SENSE."""
    page = cdb.page & _PAGE_CODE
    if cdb.subpage not in (0, _ALL_SUBPAGES) or (cdb.subpage and page != LogPage.SUPPORTED):
        raise invalid_field_in_cdb(3)
    content = _PAGES.get(page)
    if content is None:
        raise invalid_field_in_cdb(2, 5)
    data = content(unit)
    task.reply(LogHeader.pack_fields(page, 0, len(data)) + data, cdb.length)


def _supported(unit: "LogicalUnit") -> bytes:
    return bytes(sorted(_PAGES))


def _error_counters(counter: str) -> Callable[["LogicalUnit"], bytes]:
    def content(unit: "LogicalUnit") -> bytes:
        return b"".join(
            _parameter(code, EIGHT_BYTES.pack(unit.counters[counter] if code == _BYTES_PROCESSED else 0))
            for code in range(_ERROR_PARAMETERS)
        )

    return content


def _non_medium_errors(unit: "LogicalUnit") -> bytes:
    return _parameter(0, EIGHT_BYTES.pack(0))


def _temperature(unit: "LogicalUnit") -> bytes:
    return _parameter(0, bytes((0, _CELSIUS)), _LIST)


def _exceptions(unit: "LogicalUnit") -> bytes:
    return _parameter(0, bytes((0, 0, _CELSIUS, 0)), _LIST)


def _parameter(code: int, value: bytes, control: int = 0) -> bytes:
    return LogParameter.pack_fields(code, control, len(value)) + value


_PAGES: Mapping[int, Callable[["LogicalUnit"], bytes]] = {
    int(LogPage.SUPPORTED): _supported,
    int(LogPage.WRITE_ERRORS): _error_counters(WRITE_COUNTER),
    int(LogPage.READ_ERRORS): _error_counters(READ_COUNTER),
    int(LogPage.VERIFY_ERRORS): _error_counters(VERIFY_COUNTER),
    int(LogPage.NON_MEDIUM_ERRORS): _non_medium_errors,
    int(LogPage.TEMPERATURE): _temperature,
    int(LogPage.EXCEPTIONS): _exceptions,
}


def log_select(unit: "LogicalUnit", task: Task, cdb: LogCdb) -> None:
    """LOG SELECT: counters can be reset, not set."""
    if cdb.flags & _SP:
        raise invalid_field_in_cdb(1, 0)
    if cdb.length:
        raise invalid_field_in_cdb(7)
    if cdb.flags & _PCR:
        unit.counters.update(dict.fromkeys(unit.counters, 0))
        unit.establish_unit_attention(Asc.LOG_PARAMETERS_CHANGED, but=task.itl)
