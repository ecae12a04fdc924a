"""What the device can do, and where it is: REPORT LUNS, operation codes, task management, target port groups.

(SPC; spec "SCSI", REPORT LUNS, REPORT SUPPORTED OPERATION CODES.)
"""

from typing import TYPE_CHECKING

from emu.hw.scsi.sense import invalid_field_in_cdb
from emu.hw.scsi.task import Task
from emu.wire.codes.scsi import FOUR_BYTES, REPORT_LUNS_WLUN, lun_field
from emu.wire.generated.scsi_cdb import MaintenanceInCdb, ReportLunsCdb
from emu.wire.generated.scsi_reports import (
    CommandDescriptor,
    ListHeader,
    OneCommand,
    TargetPort,
    TargetPortGroup,
    TimeoutsDescriptor,
)

if TYPE_CHECKING:
    from emu.hw.scsi.commands import Command
    from emu.hw.scsi.logical_unit import LogicalUnit
    from emu.hw.scsi.target import Target

_LUNS, _WELL_KNOWN, _BOTH = 0, 1, 2
_RCTD = 0x80
_OPTIONS = 0x07
_ALL, _OPCODE, _OPCODE_AND_ACTION, _EITHER = range(4)
_CTDP, _SERVACTV = 0x02, 0x01
_CTDP_ONE = 0x80
_NOT_SUPPORTED, _SUPPORTED = 1, 3
_REPD = 0x80
# ABORT TASK, ABORT TASK SET, CLEAR ACA, CLEAR TASK SET, LOGICAL UNIT RESET, QUERY TASK, TARGET RESET
_TMF_0 = 0x80 | 0x40 | 0x20 | 0x10 | 0x08 | 0x04 | 0x02
# QUERY ASYNCHRONOUS EVENT, QUERY TASK SET, I_T NEXUS RESET
_TMF_1 = 0x07
_EXTENDED = 0x20
_EXTENDED_HEADER = bytes((0x10, 0, 0, 0))
_PORT_GROUP = 1
_ACTIVE_OPTIMIZED_ONLY = 0x01


def report_luns_data(target: "Target", select: int) -> bytes | None:
    """Return REPORT LUNS data; None if `select` is not one of the standard's."""
    if select not in (_LUNS, _WELL_KNOWN, _BOTH):
        return None
    luns = sorted(target.units) if select != _WELL_KNOWN else []
    if select != _LUNS:
        luns.append(REPORT_LUNS_WLUN)
    data = b"".join(map(lun_field, luns))
    return ListHeader.pack_fields(len(data)) + data


def report_luns(unit: "LogicalUnit", task: Task, cdb: ReportLunsCdb) -> None:
    """REPORT LUNS."""
    target = unit.target
    assert target is not None, "a unit that gets tasks is one of a target"
    data = report_luns_data(target, cdb.select_report)
    if data is None:
        raise invalid_field_in_cdb(2)
    target.inventory_reported(task.nexus)
    task.reply(data, cdb.allocation)


def report_supported_operation_codes(unit: "LogicalUnit", task: Task, cdb: MaintenanceInCdb) -> None:
    """REPORT SUPPORTED OPERATION CODES."""
    timeouts = bool(cdb.options & _RCTD)
    option = cdb.options & _OPTIONS
    if option == _ALL:
        data = b"".join(_described(command, timeouts) for command in unit.commands())
        task.reply(FOUR_BYTES.pack(len(data)) + data, cdb.allocation)
        return
    if option > _EITHER:
        raise invalid_field_in_cdb(2, 2)
    entry = unit.commands_at(cdb.requested_opcode)
    if isinstance(entry, dict):
        if option == _OPCODE:
            raise invalid_field_in_cdb(2, 2)
        command = entry.get(cdb.requested_action)
    else:
        if option == _OPCODE_AND_ACTION and entry is not None:
            raise invalid_field_in_cdb(2, 2)
        command = entry if option != _EITHER or not cdb.requested_action else None
    if command is None:
        task.reply(OneCommand.pack_fields(_NOT_SUPPORTED, 0), cdb.allocation)
        return
    flags = _SUPPORTED | (_CTDP_ONE if timeouts else 0)
    data = OneCommand.pack_fields(flags, command.length) + command.usage
    task.reply(data + (_timeouts() if timeouts else b""), cdb.allocation)


def _described(command: "Command", timeouts: bool) -> bytes:
    flags = (_CTDP if timeouts else 0) | (_SERVACTV if command.action is not None else 0)
    descriptor = CommandDescriptor.pack_fields(command.opcode, command.action or 0, flags, command.length)
    return descriptor + (_timeouts() if timeouts else b"")


def _timeouts() -> bytes:
    """No time is told: it depends on the host's files."""
    return TimeoutsDescriptor.pack_fields(TimeoutsDescriptor.SIZE - 2)


def report_supported_task_management(unit: "LogicalUnit", task: Task, cdb: MaintenanceInCdb) -> None:
    """REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS."""
    data = bytes((_TMF_0, _TMF_1, 0, 0))
    if cdb.options & _REPD:
        data = data[:3] + bytes((0x0C,)) + bytes(12)
    task.reply(data, cdb.allocation)


def report_target_port_groups(unit: "LogicalUnit", task: Task, cdb: MaintenanceInCdb) -> None:
    """REPORT TARGET PORT GROUPS: every port is as good as the others."""
    target = unit.target
    assert target is not None, "a unit that gets tasks is one of a target"
    data_format = cdb.action & ~0x1F
    if data_format not in (0, _EXTENDED):
        raise invalid_field_in_cdb(1, 7)
    group = TargetPortGroup.pack_fields(
        support=_ACTIVE_OPTIMIZED_ONLY, group=_PORT_GROUP, ports=len(target.ports)
    )
    data = group + b"".join(TargetPort.pack_fields(port) for port in target.ports)
    if data_format:
        data = _EXTENDED_HEADER + data
    task.reply(FOUR_BYTES.pack(len(data)) + data, cdb.allocation)
