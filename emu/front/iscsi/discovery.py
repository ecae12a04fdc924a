"""Text requests in full feature phase: SendTargets, and the one parameter that may change.  RFC 7143 sections 4.3.5,
6.2, 11.10, 11.11.

Targets are told with the address of the connection they were asked on.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from emu.front.iscsi.login import PORTAL_GROUP, TEXT_BYTES
from emu.front.iscsi.parameters import declare_segment_bytes
from emu.front.iscsi.text import NOT_UNDERSTOOD, REJECT, TextError, format_text, parse_text
from emu.wire.codes.iscsi import CONTINUE, FINAL, RESERVED_TAG, Opcode, RejectReason
from emu.wire.generated.iscsi import TextRequest, TextResponse

if TYPE_CHECKING:
    from emu.front.iscsi.connection import Connection

Views = Sequence[memoryview]

SEND_TARGETS = "SendTargets"
ALL = "All"


def carry_out(connection: "Connection", pdu: TextRequest, pieces: Views, header: bytes) -> None:
    """Answer a text request, when all of it has come."""
    connection.collected_text += b"".join(pieces)
    if len(connection.collected_text) > TEXT_BYTES:
        connection.collected_text = b""
        connection.reject(RejectReason.PROTOCOL_ERROR, header)
        return
    if pdu.flags & CONTINUE:
        _put_answer(connection, pdu, b"", 0, connection.next_transfer_tag())
        return
    data, connection.collected_text = connection.collected_text, b""
    try:
        answer = _answer(connection, parse_text(data))
    except TextError:
        connection.reject(RejectReason.PROTOCOL_ERROR, header)
        return
    connection.data_in_bytes = connection.parameters.send_segment_bytes
    if len(answer) > connection.parameters.send_segment_bytes:
        # DEVIATION: an answer is one PDU; one that is too long for it, of some hundred targets, is refused.
        connection.reject(RejectReason.LONG_OPERATION_REJECT, header)
        return
    _put_answer(connection, pdu, answer, FINAL, RESERVED_TAG)


def _put_answer(connection: "Connection", request: TextRequest, text: bytes, flags: int, ttt: int) -> None:
    session = connection.session
    connection.put(
        TextResponse.pack_fields(
            opcode=int(Opcode.TEXT_RESPONSE),
            flags=flags,
            lengths=len(text),
            lun=request.lun,
            itt=request.itt,
            ttt=ttt,
            stat_sn=connection.next_stat_sn(),
            exp_cmd_sn=session.exp_cmd_sn,
            max_cmd_sn=session.max_cmd_sn,
        ),
        (memoryview(text),) if text else (),
        len(text),
    )


def _answer(connection: "Connection", text: dict[str, str]) -> bytes:
    answers: list[tuple[str, str]] = []
    for key, value in text.items():
        if key == SEND_TARGETS:
            targets = _targets(connection, value)
            answers += targets if targets is not None else [(key, REJECT)]
        elif key == "MaxRecvDataSegmentLength":
            answer = declare_segment_bytes(connection.parameters, value)
            if answer is not None:
                answers.append((key, answer))
        else:
            answers.append((key, NOT_UNDERSTOOD))
    return format_text(answers)


def _targets(connection: "Connection", value: str) -> list[tuple[str, str]] | None:
    """The targets that are asked for; None where they may not be: all of them only in a discovery session."""
    own = connection.session.target_name
    known = list(connection.node.targets)
    if value == ALL:
        names = None if own else known
    elif not value:
        names = [own] if own else None
    elif own and value != own:
        names = None
    else:
        names = [value] if value in known else []
    if names is None:
        return None
    address = f"{connection.address},{PORTAL_GROUP}"
    return [pair for name in names for pair in (("TargetName", name), ("TargetAddress", address))]
