"""ONLINE, SET UNIT CHARACTERISTICS, AVAILABLE, DETERMINE ACCESS PATHS: a unit's states.

(spec, commands of these names; unit states.)  All four are sequential.
"""

# DEVIATION: exclusive access, shadow unit, excluded LBNs and copy mode are ignored; no flags are refused.
# DEVIATION: DETERMINE ACCESS PATHS finds no other path.

from emu.hw.mscp.outstanding import Outstanding, Reject
from emu.wire.codes.mscp import END, MD, SB, UF
from emu.wire.generated.mscp import EndHeader, OnlineCommand, OnlineEnd

_HOST_FLAGS = int(UF.CMR | UF.CMW)  # taken as they come
_SOFTWARE_PROTECT = int(UF.WPS)  # taken with the modifier only
_VOLUME_SERIAL_MASK = 0xFFFF_FFFF


class Online(Outstanding):
    """ONLINE: the host takes a unit into use.  On a unit it has already, nothing changes."""

    __slots__ = ()

    sequential = True
    command: OnlineCommand

    def start(self) -> None:
        server, unit, command = self.server, self.unit, self.command
        if unit.medium is None:
            raise Reject(unit.status)
        if unit.number in server.online:
            self.refuse(SB.SUC_ALREADY_ONLINE)
            return
        server.online[unit.number] = unit
        flags = command.unfl & _HOST_FLAGS
        if command.mod & MD.SWP:
            flags |= command.unfl & _SOFTWARE_PROTECT
        server.unit_flags[unit.number] = flags
        self.refuse(SB.SUC)

    def refuse(self, status: int) -> None:
        """Describe the unit under whatever status."""
        command, unit = self.command, self.unit
        end = OnlineEnd(
            crf=command.crf, unit=command.unit, opcd=command.opcd | END, sts=status, shun=command.unit
        )
        if unit.drive is not None:
            end.mlun = unit.number
            end.unfl = self.server.unit_flags_in_force(unit)
            end.unti = unit.identifier
            end.medi = unit.drive.media_id
            end.unsz = unit.block_count
            end.vser = unit.serial & _VOLUME_SERIAL_MASK
        self.end(end.pack())


class SetUnitCharacteristics(Online):
    """SET UNIT CHARACTERISTICS: the flags alone; on available units too, as RQDX3 has it."""

    __slots__ = ()

    def start(self) -> None:
        server, unit, command = self.server, self.unit, self.command
        if unit.medium is None:
            raise Reject(unit.status)
        protect = server.unit_flags.get(unit.number, 0)
        if command.mod & MD.SWP:
            protect = command.unfl
        server.unit_flags[unit.number] = command.unfl & _HOST_FLAGS | protect & _SOFTWARE_PROTECT
        self.refuse(SB.SUC)


class Available(Outstanding):
    """AVAILABLE: the host lets a unit go, and with the spin-down modifier unloads it."""

    __slots__ = ()

    sequential = True

    def start(self) -> None:
        unit, mod = self.unit, self.command.mod
        if unit.medium is None or unit.drive is None:
            raise Reject(unit.status)
        servers = self.server.controller.servers
        for server in servers if mod & MD.ALC else [self.server]:
            server.online.pop(unit.number, None)
            server.unit_flags.pop(unit.number, None)
        if any(unit.number in server.online for server in servers):
            self.refuse(SB.SUC_STILL_CONNECTED)
        elif not mod & MD.SPD:
            self.refuse(SB.SUC)
        elif unit.drive.removable:
            self.server.controller.unload(unit)
            self.refuse(SB.SUC)
        else:
            self.refuse(SB.SUC_SPIN_DOWN_IGNORED)

    def refuse(self, status: int) -> None:
        command = self.command
        self.end(EndHeader(crf=command.crf, unit=command.unit, opcd=command.opcd | END, sts=status).pack())


class DetermineAccessPaths(Available):
    """DETERMINE ACCESS PATHS: succeeds on a unit that is there."""

    __slots__ = ()

    def start(self) -> None:
        if self.unit.medium is None:
            raise Reject(self.unit.status)
        self.refuse(SB.SUC)
