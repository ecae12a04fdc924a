"""Task management requests.  RFC 7143 sections 11.5, 11.6 and 4.2.3.3.

The tasks have ended when the response is made; nothing is answered for them.
"""

from typing import TYPE_CHECKING

from emu.wire.codes.iscsi import (
    FINAL,
    FUNCTION_MASK,
    Opcode,
    TaskManagement,
    TaskManagementStatus,
)
from emu.wire.generated.iscsi import TaskManagementRequest, TaskManagementResponse

if TYPE_CHECKING:
    from emu.front.iscsi.connection import Connection
    from emu.front.iscsi.session import Session

_OF_ONE_LUN = (
    TaskManagement.ABORT_TASK_SET,
    TaskManagement.CLEAR_TASK_SET,
    TaskManagement.LOGICAL_UNIT_RESET,
)
_RESETS = (TaskManagement.TARGET_WARM_RESET, TaskManagement.TARGET_COLD_RESET)


def carry_out(connection: "Connection", pdu: TaskManagementRequest) -> None:
    """Carry out a request and answer it."""
    session = connection.session
    function = pdu.function & FUNCTION_MASK
    response = _carry_out(session, function, pdu)
    connection.put(
        TaskManagementResponse.pack_fields(
            opcode=int(Opcode.TASK_MANAGEMENT_RESPONSE),
            flags=FINAL,
            response=int(response),
            itt=pdu.itt,
            stat_sn=connection.next_stat_sn(),
            exp_cmd_sn=session.exp_cmd_sn,
            max_cmd_sn=session.max_cmd_sn,
        )
    )
    if function == TaskManagement.TARGET_COLD_RESET and response == TaskManagementStatus.COMPLETE:
        connection.node.reset(session.target_name, connection)


def _carry_out(session: "Session", function: int, pdu: TaskManagementRequest) -> int:
    device = session.device
    assert device is not None, "a discovery session does not come here"
    if function == TaskManagement.ABORT_TASK:
        return _abort_task(session, pdu)
    if function == TaskManagement.TASK_REASSIGN:
        return TaskManagementStatus.REASSIGN_UNSUPPORTED
    if function in _OF_ONE_LUN or function in _RESETS:
        # Those that wait for room are not known to the device.
        waiting = [task for task in session.tasks.values() if not task.submitted]
        session.abort_all(task for task in waiting if function in _RESETS or task.lun_field == pdu.lun)
    elif function != TaskManagement.CLEAR_ACA:
        return TaskManagementStatus.UNSUPPORTED  # the functions of RFC 7144, which was not agreed on
    return device.manage(function, session.nexus, pdu.lun, pdu.referenced_tag)


def _abort_task(session: "Session", pdu: TaskManagementRequest) -> TaskManagementStatus:
    task = session.tasks.get(pdu.referenced_tag)
    if task is not None and task.lun_field == pdu.lun:
        session.abort(task)
        return TaskManagementStatus.COMPLETE
    if session.skip(pdu.ref_cmd_sn):
        return TaskManagementStatus.COMPLETE  # it is still on its way, and will be dropped
    return TaskManagementStatus.NO_TASK
