"""The MSCP server of one host: its connection, its commands, and what it has online.

(spec "MSCP", messages; opcodes; unit states; invalid commands.)  Units belong to the controller; a
controller with several hosts has one server for each, over the same units.
"""

# DEVIATION: DISPLAY, non-volatile memory and encryption are unknown opcodes, whatever the firmware lists.

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from emu.core.bus import Bytes
from emu.hw.firmware import Behaviour, Firmware
from emu.hw.mscp import characteristics, control
from emu.hw.mscp.compare import CompareControllerData, CompareHostData
from emu.hw.mscp.copy import DiskCopyData
from emu.hw.mscp.errorlog import log_controller_error
from emu.hw.mscp.flush import Flush
from emu.hw.mscp.format import Format, FormatRx33
from emu.hw.mscp.online import Available, DetermineAccessPaths, Online, SetUnitCharacteristics
from emu.hw.mscp.outstanding import CommandPacket, Outstanding
from emu.hw.mscp.reading import Access, Read
from emu.hw.mscp.replacement import Replace
from emu.hw.mscp.unit import Unit
from emu.hw.mscp.write_history import HistoryWrite, WriteHistoryManagement
from emu.hw.mscp.writing import Erase, Write
from emu.hw.uqssp.port import UqsspPort
from emu.wire.codes.mscp import CF, CF_HOST_SETTABLE, END, OP, SB, UF
from emu.wire.codes.uqssp import STEP, ConnectionId
from emu.wire.generated.mscp import (
    DiskCopyDataCommand,
    EndHeader,
    FormatCommand,
    Header,
    HistoryWriteCommand,
    OnlineCommand,
    ReplaceCommand,
    TransferCommand,
    WriteHistoryKeyCommand,
)

if TYPE_CHECKING:
    from emu.hw.mscp.controller import Controller

IMMEDIATE: Mapping[int, Callable[["MscpServer", Bytes], None]] = {
    OP.ABO: control.abort,
    OP.GCS: control.get_command_status,
    OP.GUS: characteristics.get_unit_status,
    OP.SCC: characteristics.set_controller_characteristics,
}
OUTSTANDING: Mapping[int, tuple[Callable[[Bytes], CommandPacket], type[Outstanding]]] = {
    OP.AVL: (Header.unpack, Available),
    OP.ONL: (OnlineCommand.unpack, Online),
    OP.SUC: (OnlineCommand.unpack, SetUnitCharacteristics),
    OP.DAP: (Header.unpack, DetermineAccessPaths),
    OP.DCD: (DiskCopyDataCommand.unpack, DiskCopyData),
    OP.RPL: (ReplaceCommand.unpack, Replace),
    OP.FMT: (FormatCommand.unpack, Format),
    OP.FMT_RX33: (FormatCommand.unpack, FormatRx33),
    OP.WHM: (WriteHistoryKeyCommand.unpack, WriteHistoryManagement),
    OP.ACC: (TransferCommand.unpack, Access),
    OP.CCD: (TransferCommand.unpack, CompareControllerData),
    OP.ERS: (TransferCommand.unpack, Erase),
    OP.FLU: (TransferCommand.unpack, Flush),
    OP.CMP: (TransferCommand.unpack, CompareHostData),
    OP.RD: (TransferCommand.unpack, Read),
    OP.WR: (TransferCommand.unpack, Write),
}

# What a controller that keeps a write history does otherwise.
WITH_HISTORY: Mapping[int, tuple[Callable[[Bytes], CommandPacket], type[Outstanding]]] = {
    OP.WR: (HistoryWriteCommand.unpack, HistoryWrite),
}

BYTE_COUNT_LIMIT = 1 << 28  # RQDX3 refuses from here on
NOWHERE = -1  # the number of the unit that answers for every unknown one
HOST_TIMEOUT_GRACE_S = 2  # RQDX3 waits that much longer than the host asked

_OPCODE = Header.LAYOUT["opcd"][0]
_UNKNOWN_OPCODE = END
_REPLACES_BLOCKS = int(CF.RPL)


class MscpServer:
    """One host's server.

    controller_flags: those the host has set.  online: unit number to unit.  unit_flags: those the host has
    set, by unit number.  log_number: of the last error log it was sent.
    """

    def __init__(self, controller: "Controller", port: UqsspPort) -> None:
        firmware = controller.firmware
        self.controller = controller
        self.clock = controller.clock
        self.tracer = controller.tracer
        self.firmware: Firmware = firmware
        self.port = port
        self.connection = port.connect(int(ConnectionId.DISK), self)
        self.units = controller.units
        self.controller_flags = 0
        self.log_number = 0
        self.online: dict[int, Unit] = {}
        self.unit_flags: dict[int, int] = {}
        self.odd_addresses = bool(firmware.step1_bits & STEP.OD)
        maximum = firmware.maximum_byte_count
        self.byte_count_limit = maximum + 1 if maximum else BYTE_COUNT_LIMIT
        known = {int(opcode) for opcode in firmware.commands}
        self._immediate = {int(opcode): run for opcode, run in IMMEDIATE.items() if opcode in known}
        kinds = {**OUTSTANDING, **(WITH_HISTORY if firmware.controller_flags & CF.WHL else {})}
        self._outstanding = {int(opcode): kind for opcode, kind in kinds.items() if opcode in known}
        self._strict = bool(firmware.behaviour & Behaviour.STRICT_MODIFIERS)
        self._nowhere = Unit(NOWHERE, None, None, 0, False)

    def receive(self, text: Bytes, length: int) -> None:
        """Take a command.  What the host says of its length is not asked: fields not sent are zero."""
        opcode = text[_OPCODE]
        if self._strict and not self._modifiers_legal(text):
            return
        entry = self._outstanding.get(opcode)
        if entry is not None:
            unpack, kind = entry
            command = unpack(text)
            unit = self.units.get(command.unit, self._nowhere)
            unit.submit(kind(self, unit, command))
            return
        immediate = self._immediate.get(opcode)
        if immediate is not None:
            immediate(self, text)
            return
        header = Header.unpack(text)
        self.send_header(header, _UNKNOWN_OPCODE, SB.CMD_OPCODE)

    def _modifiers_legal(self, text: Bytes) -> bool:
        header = Header.unpack(text)
        legal = self.firmware.commands.get(header.opcd)
        if legal is None or not header.mod & ~legal:
            return True
        self.send_header(header, header.opcd | END, SB.CMD_MODIFIER)
        return False

    def send_header(self, command: CommandPacket, endcode: int, status: int) -> None:
        """Answer a command with a bare end message of 12 bytes."""
        end = EndHeader(crf=command.crf, unit=command.unit, opcd=endcode, sts=status)
        self.connection.send_end(end.pack())

    def port_reset(self) -> None:
        """Forget the host: all of its units are available again, its commands vanish."""
        self.controller_flags = 0
        self.log_number = 0
        if self.port.fatal_code:
            log_controller_error(self, self.port.fatal_code)
        released = [*self.online.values()]
        self.online.clear()
        self.unit_flags.clear()
        for unit in self.units.values():
            if unit.elevator is not None:
                unit.elevator.forget(self)
            for command in reversed(unit.outstanding()):  # the last first, so that none of them starts
                if command.server is self:
                    command.drop()
            if unit.exclusive is self or unit in released:
                self.controller.release(unit, self)

    def let_go(self, unit: Unit) -> bool:
        """Have a unit online no more; True if it was."""
        self.unit_flags.pop(unit.number, None)
        return self.online.pop(unit.number, None) is not None

    def flags_in_force(self) -> int:
        """Return the controller flags as SET CONTROLLER CHARACTERISTICS reports them."""
        flags = self.firmware.controller_flags | self.controller_flags & CF_HOST_SETTABLE
        if len(self.controller.servers) > 1:
            flags |= int(CF.MLH)
        return flags

    def unit_flags_in_force(self, unit: Unit) -> int:
        """Return the unit flags as this host sees them."""
        flags = unit.flags | self.unit_flags.get(unit.number, 0)
        if unit.drive is not None and self.firmware.controller_flags & _REPLACES_BLOCKS:
            flags |= int(UF.RPL)
        if unit.exclusive is self:
            flags |= int(UF.EXC)
        if any(self.controller.write_history.of_unit(unit)):
            flags |= int(UF.WHL)
        return flags

    def set_host_timeout(self, seconds: int) -> None:
        self.port.set_host_timeout(seconds + HOST_TIMEOUT_GRACE_S if seconds else 0)
