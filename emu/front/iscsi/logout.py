"""Logout requests.  RFC 7143 sections 11.14 and 11.15."""

from typing import TYPE_CHECKING

from emu.wire.codes.iscsi import FINAL, LogoutReason, LogoutStatus, Opcode, RejectReason
from emu.wire.generated.iscsi import LogoutRequest, LogoutResponse

if TYPE_CHECKING:
    from emu.front.iscsi.connection import Connection


def carry_out(connection: "Connection", pdu: LogoutRequest, header: bytes) -> None:
    """Close the session, this connection or another one of the session, and answer."""
    session = connection.session
    reason = pdu.reason & ~FINAL
    status = LogoutStatus.CLOSED
    leaves = reason == LogoutReason.CLOSE_SESSION
    if reason == LogoutReason.REMOVE_FOR_RECOVERY:
        status = LogoutStatus.RECOVERY_UNSUPPORTED
    elif reason == LogoutReason.CLOSE_CONNECTION:
        other = session.connections.get(pdu.cid)
        if other is None:
            status = LogoutStatus.CID_NOT_FOUND
        elif other is connection:
            leaves = True
        else:
            session.remove(other)
            other.drop()
    elif reason != LogoutReason.CLOSE_SESSION:
        connection.reject(RejectReason.INVALID_PDU_FIELD, header)
        return
    # The tasks end before the response is made: it is the last thing that the initiator hears of them.
    if leaves:
        connection.stop()
        session.remove(connection)
    connection.put(
        LogoutResponse.pack_fields(
            opcode=int(Opcode.LOGOUT_RESPONSE),
            flags=FINAL,
            response=int(status),
            itt=pdu.itt,
            stat_sn=connection.next_stat_sn(),
            exp_cmd_sn=session.exp_cmd_sn,
            max_cmd_sn=session.max_cmd_sn,
            time2wait=connection.parameters.time2wait,
        )
    )
    if leaves:
        connection.node.leave(connection, orderly=reason == LogoutReason.CLOSE_CONNECTION)
