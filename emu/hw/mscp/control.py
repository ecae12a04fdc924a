"""ABORT and GET COMMAND STATUS: a host's questions about its own outstanding commands.

(spec, commands of these names; ordering, completion, timeouts.)  Both are immediate and always succeed.
"""

from typing import TYPE_CHECKING

from emu.core.bus import Bytes
from emu.wire.codes.mscp import END, OP, SB
from emu.wire.generated.mscp import AbortEnd, GetCommandStatusEnd, ReferenceCommand

if TYPE_CHECKING:
    from emu.hw.mscp.outstanding import Outstanding
    from emu.hw.mscp.server import MscpServer

COMMANDS_AHEAD_LIMIT = 15  # four bits
COMMANDS_AHEAD_SHIFT = 28

_ABORTED = int(SB.ABO)


def abort(server: "MscpServer", text: Bytes) -> None:
    """End a command of the named unit; its own end message comes before ABORT's."""
    command = ReferenceCommand.unpack(text)
    end = AbortEnd(
        crf=command.crf, unit=command.unit, opcd=OP.ABO | END, sts=SB.SUC, otrf=command.otrf
    ).pack()
    found = _find(server, command)
    if found is None:
        server.connection.send_end(end)
    else:
        found.cut_short(_ABORTED, lambda: server.connection.send_end(end))


def get_command_status(server: "MscpServer", text: Bytes) -> None:
    """Tell how much of a command is left.

    The value must shrink from one answer to the next, or the host gives the controller up.  So it does while the
    unit gets on with anything, and never grows; where nothing at all moves, giving up is right.
    """
    command = ReferenceCommand.unpack(text)
    end = GetCommandStatusEnd(
        crf=command.crf, unit=command.unit, opcd=OP.GCS | END, sts=SB.SUC, otrf=command.otrf
    )
    found = _find(server, command)
    if found is not None:
        end.cmst = _work_left(found)
    server.connection.send_end(end.pack())


def _work_left(command: "Outstanding") -> int:
    """Measure a command: those ahead of it in bits 31-28, its own work below."""
    unit = command.unit
    left = min(unit.ahead_of(command), COMMANDS_AHEAD_LIMIT) << COMMANDS_AHEAD_SHIFT | command.remaining()
    if command.shown is not None:
        shown, ended = command.shown
        if ended != unit.ended_count:  # others may have got ahead, or there are too many to count
            shown = max(shown - 1, 0)
        left = min(left, shown)
    command.shown = left, unit.ended_count
    return left


def _find(server: "MscpServer", command: ReferenceCommand) -> "Outstanding | None":
    """Find this host's command by unit and reference number: the active ones first, then the queue."""
    unit = server.units.get(command.unit)
    if unit is None:
        return None
    for candidate in unit.outstanding():
        if candidate.server is server and candidate.command.crf == command.otrf:
            return candidate
    return None
