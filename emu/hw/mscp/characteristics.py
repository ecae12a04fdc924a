"""SET CONTROLLER CHARACTERISTICS and GET UNIT STATUS: who is there, and what it can do.

(spec, commands of these names.)  Both are immediate.
"""

from typing import TYPE_CHECKING

from emu.core.bus import Bytes
from emu.wire.codes.mscp import CF_HOST_SETTABLE, END, MD, OP, SB, invalid_command
from emu.wire.generated.mscp import (
    GetUnitStatusEnd,
    Header,
    SetControllerCharacteristicsCommand,
    SetControllerCharacteristicsEnd,
)

if TYPE_CHECKING:
    from emu.hw.mscp.server import MscpServer
    from emu.hw.mscp.unit import Unit

MSCP_VERSION = 0
_VERSION_FIELD = SetControllerCharacteristicsCommand.LAYOUT["vrsn"][0]


def set_controller_characteristics(server: "MscpServer", text: Bytes) -> None:
    """Take the host's flags and timeout, and tell what the controller is.  Units are not touched."""
    command = SetControllerCharacteristicsCommand.unpack(text)
    if command.vrsn != MSCP_VERSION:
        # RQDX3 and SIMH answer this one with the endcode of an unknown opcode.
        server.send_header(command, END, invalid_command(_VERSION_FIELD))
        return
    firmware = server.firmware
    server.controller_flags = command.cntf & CF_HOST_SETTABLE
    server.set_host_timeout(command.htmo)
    end = SetControllerCharacteristicsEnd(
        crf=command.crf,
        unit=command.unit,
        opcd=OP.SCC | END,
        sts=SB.SUC,
        vrsn=MSCP_VERSION,
        cntf=server.flags_in_force(),
        ctmo=firmware.controller_timeout_s,
        csvr=firmware.software_version,
        chvr=firmware.hardware_version,
        cnti=server.controller.identifier,
        mbcnt=firmware.maximum_byte_count,
    )
    server.connection.send_end(end.pack())


def get_unit_status(server: "MscpServer", text: Bytes) -> None:
    """Describe a unit, or the next one that exists.

    Past the last unit the walk goes on at unit 0, whether there is one or not: that ends it for every
    host (RQDX3; NetBSD looks for a smaller number, Ultrix for 0, others for an unknown unit).
    """
    command = Header.unpack(text)
    number = command.unit
    if command.mod & MD.NXU:
        number = min((known for known in server.units if known >= number), default=0)
    end = GetUnitStatusEnd(crf=command.crf, unit=number, opcd=OP.GUS | END, shun=number)
    unit = server.units.get(number)
    if unit is None:
        end.sts = SB.OFL
    else:
        end.sts = SB.SUC if number in server.online else unit.status_for(server)
        _describe(end, server, unit)
    server.connection.send_end(end.pack())


def _describe(end: GetUnitStatusEnd, server: "MscpServer", unit: "Unit") -> None:
    """Fill in what is true of a unit in any state."""
    drive = unit.drive
    assert drive is not None, "a known unit has a drive"
    end.mlun = unit.number  # RQDX3 puts the unit number there
    end.unfl = server.unit_flags_in_force(unit)
    end.unti = unit.identifier
    end.medi = drive.media_id
    end.trck = drive.track
    end.grp = drive.group
    end.cyl = drive.cylinder
    end.rcts = drive.rct_size
    end.rbns = drive.rbns_per_track
    end.rctc = drive.rct_copies
