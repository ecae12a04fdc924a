"""Attention messages: what the controller tells a host without being asked.

(spec "MSCP", attention messages.)  Only to hosts that have set the attention flag.
"""

# UNCERTAIN: DUPLICATE UNIT NUMBER names the drive that came last; the layout of ACCESS PATH past the unit
# identifier is taken from AVAILABLE.

from typing import TYPE_CHECKING

from emu.hw.mscp.unit import Unit
from emu.wire.codes.mscp import CF, OP
from emu.wire.generated.mscp import AvailableAttention

if TYPE_CHECKING:
    from emu.hw.mscp.server import MscpServer


def announce_available(server: "MscpServer", unit: Unit) -> None:
    """Tell a host that a unit has become available by itself."""
    _announce(OP.AVA, server, unit)


def announce_duplicate(server: "MscpServer", unit: Unit) -> None:
    """Tell a host that a drive shows a number which another one has."""
    _announce(OP.DUP, server, unit)


def announce_access_path(server: "MscpServer", unit: Unit) -> None:
    """Tell a host that a drive it asked another controller about can be reached here too."""
    _announce(OP.ACP, server, unit)


def _announce(opcode: OP, server: "MscpServer", unit: Unit) -> None:
    if not server.controller_flags & CF.ATN:
        return
    assert unit.drive is not None, "only a drive can be announced"
    text = AvailableAttention(
        unit=unit.number,
        opcd=opcode,
        mlun=unit.number,
        unfl=server.unit_flags_in_force(unit),
        unti=unit.identifier,
        medi=unit.drive.media_id,
    ).pack()
    server.connection.send_sequential(text)
