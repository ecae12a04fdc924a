"""ONLINE, SET UNIT CHARACTERISTICS, AVAILABLE, DETERMINE ACCESS PATHS: a unit's states.

(spec, commands of these names; unit states.)  All four are sequential.
"""

# DEVIATION: shadow unit, excluded LBNs and copy mode are ignored, and so is the modifier that dissolves a
# shadow set: the controller makes none.  No flags are refused, hosts echo those they cannot set.

from emu.hw.mscp.attention import announce_access_path
from emu.hw.mscp.outstanding import Outstanding, Reject
from emu.hw.mscp.unit import VOLUME_SERIAL_MASK
from emu.wire.codes.mscp import CF, END, MD, SB, UF
from emu.wire.generated.mscp import EndHeader, OnlineCommand, OnlineEnd

_HOST_FLAGS = int(UF.CMR | UF.CMW)  # taken as they come
_SOFTWARE_PROTECT = int(UF.WPS)  # taken with the modifier only
_REPLACES_BLOCKS = int(CF.RPL)


class UnitState(Outstanding):
    """What asks for, or changes, the state that a unit has for a host."""

    __slots__ = ()

    sequential = True

    def _require_available(self) -> None:
        """Refuse a unit that this host cannot have, or says nothing of one that it has."""
        status = self.unit.status_for(self.server)
        if status != SB.AVL:
            raise Reject(status)


class Online(UnitState):
    """ONLINE: the host takes a unit into use.  On a unit it has already, nothing changes."""

    __slots__ = ()

    command: OnlineCommand

    def start(self) -> None:
        server, unit, command = self.server, self.unit, self.command
        self._require_available()
        if unit.number in server.online:
            self.refuse(SB.SUC_ALREADY_ONLINE)
            return
        self._settle_exclusive()
        server.online[unit.number] = unit
        flags = command.unfl & _HOST_FLAGS
        if command.mod & MD.SWP:
            flags |= command.unfl & _SOFTWARE_PROTECT
        server.unit_flags[unit.number] = flags
        # A host that replaces blocks is told of what another one, or it itself, did not finish.
        host_replaces = not server.firmware.controller_flags & _REPLACES_BLOCKS
        incomplete = host_replaces and unit.replacement is not None and unit.replacement.incomplete
        self.refuse(SB.SUC_INCOMPLETE_REPLACEMENT if incomplete else SB.SUC)

    def _settle_exclusive(self) -> None:
        """Claim the unit for this host alone, or let go of such a claim, if the command is about that."""
        server, unit, command = self.server, self.unit, self.command
        if not command.mod & MD.EXC:
            return
        if not command.unfl & UF.EXC:
            if unit.exclusive is server:
                server.controller.release(unit, server)
        elif server.controller.is_online(unit, beside=server):
            raise Reject(SB.AVL_ALREADY_IN_USE)
        else:
            unit.exclusive = server

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
            end.vser = unit.serial & VOLUME_SERIAL_MASK
        self.end(end.pack())


class SetUnitCharacteristics(Online):
    """SET UNIT CHARACTERISTICS: the flags alone; on available units too, as RQDX3 has it."""

    __slots__ = ()

    def start(self) -> None:
        server, unit, command = self.server, self.unit, self.command
        self._require_available()
        self._settle_exclusive()
        protect = server.unit_flags.get(unit.number, 0)
        if command.mod & MD.SWP:
            protect = command.unfl
        server.unit_flags[unit.number] = command.unfl & _HOST_FLAGS | protect & _SOFTWARE_PROTECT
        self.refuse(SB.SUC)


class Available(UnitState):
    """AVAILABLE: the host lets a unit go, and with the spin-down modifier unloads it."""

    __slots__ = ()

    def start(self) -> None:
        unit, mod, server = self.unit, self.command.mod, self.server
        self._require_available()
        assert unit.drive is not None, "an available unit has a drive"
        controller = server.controller
        for each in controller.servers if mod & MD.ALC else (server,):
            if each.let_go(unit) and each is not server:
                controller.tell_available(unit, each)
        controller.release(unit, server)
        if controller.is_online(unit):
            self.refuse(SB.SUC_STILL_CONNECTED)
        elif not mod & MD.SPD:
            self.refuse(SB.SUC)
        elif unit.drive.removable:
            controller.unload(unit)
            self.refuse(SB.SUC)
        else:
            self.refuse(SB.SUC_SPIN_DOWN_IGNORED)

    def refuse(self, status: int) -> None:
        command = self.command
        self.end(EndHeader(crf=command.crf, unit=command.unit, opcd=command.opcd | END, sts=status).pack())


class DetermineAccessPaths(Available):
    """DETERMINE ACCESS PATHS: the controller at the drive's other port, if there is one, tells its hosts."""

    __slots__ = ()

    def start(self) -> None:
        self._require_available()
        path = self.unit.other_path
        if path is not None:
            for server in path.controller.servers:
                announce_access_path(server, path.unit)
        self.refuse(SB.SUC)
