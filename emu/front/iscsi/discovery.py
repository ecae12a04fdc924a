"""Text requests in full feature phase: SendTargets, and the one parameter that may change.  RFC 7143, 4.3.5 and 6.2.

Targets are told with the address of the connection they were asked on.
"""

from typing import TYPE_CHECKING

from emu.front.iscsi.login import PORTAL_GROUP
from emu.front.iscsi.parameters import declare_segment_bytes
from emu.front.iscsi.text import NOT_UNDERSTOOD, REJECT, format_text

if TYPE_CHECKING:
    from emu.front.iscsi.connection import Connection

SEND_TARGETS = "SendTargets"
ALL = "All"


def answer_text(connection: "Connection", text: dict[str, str]) -> bytes:
    """Return the text that answers a text request."""
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
