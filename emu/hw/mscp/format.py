"""FORMAT: a unit that nobody has online gets blank blocks.

(spec "MSCP", FORMAT.)  The standard opcode takes a function; RQDX3's is for the RX33 alone, and wants a bit set that
nobody sets by chance.  Blocks of a medium have no headers: to format is to erase.
"""

# UNCERTAIN: which functions go with which drives: the RX33's with an RX33, the default with any drive.
# UNCERTAIN: RQDX3 on another drive, "invalid opcode", is taken to have the endcode of an unknown opcode too.

from typing import ClassVar

from emu.core.block import BLOCK_BYTES, Function, MediumError
from emu.hw.mscp.errorlog import log_disk_error
from emu.hw.mscp.outstanding import Outstanding, Reject, medium_status
from emu.wire.codes.mscp import END, FORMAT, OP, SB, invalid_command
from emu.wire.generated.mscp import EndHeader, FormatCommand

RX33 = "RX33"
RX33_CONFIRMED = 0x8000_0000  # in the function of RQDX3's FORMAT

_ERASE = int(Function.ERASE)
_FUNCTION_FIELD = FormatCommand.LAYOUT["func"][0]


class Format(Outstanding):
    """FORMAT 18."""

    __slots__ = ()

    sequential: ClassVar[bool] = True
    command: FormatCommand

    def start(self) -> None:
        server, unit = self.server, self.unit
        status = unit.status_for(server)
        if status != SB.AVL:
            raise Reject(status)
        self._require_function()
        if unit.number in server.online:
            server.let_go(unit)
            server.controller.release(unit, server)
            raise Reject(SB.AVL_ALREADY_IN_USE)
        if server.controller.is_online(unit):
            raise Reject(SB.AVL_ALREADY_IN_USE)
        if unit.write_protected:
            raise Reject(SB.WPR_HARDWARE)
        assert unit.medium is not None, "an available unit has a medium"
        self.function = _ERASE
        self.lbn = 0
        self.byte_count = unit.block_count * BLOCK_BYTES
        self.views = ()
        unit.device.submit(self)

    def _require_function(self) -> None:
        function, drive = self.command.func, self.unit.drive
        assert drive is not None, "an available unit has a drive"
        if function != FORMAT.DEFAULT and not (drive.name == RX33 and function == FORMAT.RX33):
            raise Reject(invalid_command(_FUNCTION_FIELD))

    def done(self, error: MediumError | None) -> None:
        if self.ended:
            return
        if error is None:
            self.unit.forced_errors.clear(0, self.unit.block_count)
            self.refuse(SB.SUC)
        else:
            status = medium_status(error, _ERASE)
            self.mention_log(log_disk_error(self, self.unit, status, error.lbn or 0))
            self.refuse(status)

    def refuse(self, status: int) -> None:
        command = self.command
        unknown = command.opcd == OP.FMT_RX33 and status == SB.CMD_OPCODE
        end = EndHeader(
            crf=command.crf,
            unit=command.unit,
            seqn=self.log_number,
            opcd=END if unknown else command.opcd | END,
            flgs=self.end_flags,
            sts=status,
        )
        self.end(end.pack())


class FormatRx33(Format):
    """RQDX3's FORMAT 2F."""

    __slots__ = ()

    def _require_function(self) -> None:
        drive = self.unit.drive
        if drive is None or drive.name != RX33:
            raise Reject(SB.CMD_OPCODE)
        if not self.command.func & RX33_CONFIRMED:
            raise Reject(invalid_command(_FUNCTION_FIELD))
