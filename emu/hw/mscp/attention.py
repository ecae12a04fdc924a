"""Attention messages: what the controller tells a host without being asked.

(spec "MSCP", attention messages.)  Only to hosts that have set the attention flag.
"""

# DEVIATION: AVAILABLE attentions only; no duplicate unit number, no access path.

from typing import TYPE_CHECKING

from emu.hw.mscp.unit import Unit
from emu.wire.codes.mscp import CF, OP
from emu.wire.generated.mscp import AvailableAttention

if TYPE_CHECKING:
    from emu.hw.mscp.server import MscpServer


def announce_available(server: "MscpServer", unit: Unit) -> None:
    """Tell a host that a unit has become available by itself."""
    if not server.controller_flags & CF.ATN:
        return
    assert unit.drive is not None, "an available unit has a drive"
    text = AvailableAttention(
        unit=unit.number,
        opcd=OP.AVA,
        mlun=unit.number,
        unfl=server.unit_flags_in_force(unit),
        unti=unit.identifier,
        medi=unit.drive.media_id,
    ).pack()
    server.connection.send_sequential(text)
