"""NOP-Out and NOP-In: is the peer there, and what are the numbers now?  RFC 7143 sections 11.18 and 11.19."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from emu.wire.codes.iscsi import FINAL, RESERVED_TAG, Opcode
from emu.wire.generated.iscsi import NopIn, NopOut

if TYPE_CHECKING:
    from emu.front.iscsi.connection import Connection

Views = Sequence[memoryview]


def answer(connection: "Connection", pdu: NopOut, pieces: Views) -> None:
    """Give back what the initiator sends; what answers ours, or only confirms numbers, is not answered."""
    if pdu.itt == RESERVED_TAG:
        return
    session = connection.session
    echo = memoryview(b"".join(pieces))[: connection.parameters.send_segment_bytes]
    connection.put(
        NopIn.pack_fields(
            opcode=int(Opcode.NOP_IN),
            flags=FINAL,
            lengths=len(echo),
            lun=pdu.lun,
            itt=pdu.itt,
            ttt=RESERVED_TAG,
            stat_sn=connection.next_stat_sn(),
            exp_cmd_sn=session.exp_cmd_sn,
            max_cmd_sn=session.max_cmd_sn,
        ),
        (echo,) if echo else (),
        len(echo),
    )


def put_ping(connection: "Connection") -> None:
    """Ask the initiator whether it is there."""
    _put(connection, connection.next_transfer_tag())


def put_window(connection: "Connection") -> None:
    """Tell the initiator that commands may come again."""
    _put(connection, RESERVED_TAG)


def _put(connection: "Connection", ttt: int) -> None:
    session = connection.session
    connection.put(
        NopIn.pack_fields(
            opcode=int(Opcode.NOP_IN),
            flags=FINAL,
            itt=RESERVED_TAG,
            ttt=ttt,
            stat_sn=connection.stat_sn,
            exp_cmd_sn=session.exp_cmd_sn,
            max_cmd_sn=session.max_cmd_sn,
        )
    )
