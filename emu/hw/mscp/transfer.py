"""Commands that name an extent of a unit: what all of them check, and how all of them end.

(spec "MSCP", transfer commands; byte-count rule on error; read-only and size rules.)  `lbn` counts
512-byte blocks, byte counts are bytes.
"""

from typing import ClassVar

from emu.core.block import BLOCK_BYTES
from emu.hw.firmware import Behaviour
from emu.hw.mscp.outstanding import Outstanding, Reject
from emu.wire.codes.mscp import CF, EF, END, SB, UF
from emu.wire.codes.uqssp import CHANNEL_MASK, CHANNEL_SHIFT, MAPPED
from emu.wire.generated.mscp import HistoryWriteCommand, TransferCommand, TransferEnd

LBN_LIMIT = 1 << 28

# Plain integers: arithmetic on enumeration members costs a microsecond.
_ODD_ADDRESS = int(SB.HST_ODD_ADDRESS)
_ODD_COUNT = int(SB.HST_ODD_COUNT)
_BAD_COUNT = int(SB.CMD_BYTE_COUNT)
_BAD_LBN = int(SB.CMD_LBN)
_SOFTWARE_PROTECT = int(UF.WPS)
_BAD_BLOCK_REPORTED = int(EF.BBR)
_BLOCK_SHIFT = BLOCK_BYTES.bit_length() - 1
_BLOCK_MASK = BLOCK_BYTES - 1
_MAXIMUM = 0x0FFF_FFFF
_transfer_end = TransferEnd.STRUCT.pack


class Transfer(Outstanding):
    """A command with a byte count and an LBN."""

    __slots__ = ("_bad_block", "_purged")

    command: TransferCommand | HistoryWriteCommand
    _bad_block: int
    _purged: bool

    host_buffer: ClassVar[bool] = False  # the buffer descriptor means something
    reads_table: ClassVar[bool] = False  # the replacement control table may be named
    writes_table: ClassVar[bool] = False  # and so it may by a host that replaces blocks itself

    # ---- validation

    def _require_extent(self) -> int:
        """Check what every transfer must have right, in RQDX3's order; return the host's unit flags.

        Raises:
            Reject: unit not online; odd buffer address, where the port has not promised to take one; byte
                count or LBN out of range; byte count odd.
        """
        server, unit, command = self.server, self.unit, self.command
        number = unit.number
        if number not in server.online:
            raise Reject(unit.status_for(server))
        if command.buff & 1 and self.host_buffer and not server.odd_addresses:
            raise Reject(_ODD_ADDRESS)
        byte_count, lbn = command.bcnt, command.lbn
        if byte_count >= server.byte_count_limit:
            raise Reject(_BAD_COUNT)
        if lbn >= LBN_LIMIT:
            raise Reject(_BAD_LBN)
        if byte_count & 1:
            raise Reject(_ODD_COUNT)
        size = unit.block_count
        if lbn >= size:
            self._require_replacement_table()
        elif lbn + (byte_count + _BLOCK_MASK >> _BLOCK_SHIFT) > size:
            raise Reject(_BAD_COUNT)
        return server.unit_flags.get(number, 0)

    def _require_replacement_table(self) -> None:
        """Let a single block of the RCT be named; everything else behind the unit is no LBN.

        A controller that replaces blocks shows the first copy and lets none be written (RQDX3).
        """
        drive, command = self.unit.drive, self.command
        assert drive is not None, "an online unit has a drive"
        if self.server.firmware.controller_flags & CF.RPL:
            copies, may_name = min(drive.rct_copies, 1), self.reads_table
        else:
            copies, may_name = drive.rct_copies, self.reads_table or self.writes_table
        if command.lbn >= self.unit.block_count + drive.rct_size * copies or not may_name:
            raise Reject(_BAD_LBN)
        if command.bcnt != BLOCK_BYTES:
            raise Reject(_BAD_COUNT)

    def _require_writable(self, flags: int) -> None:
        """Refuse to write a protected unit; the software's protection is looked at first (RQDX3)."""
        if flags & _SOFTWARE_PROTECT:
            raise Reject(SB.WPR_SOFTWARE)
        if self.unit.write_protected:
            raise Reject(SB.WPR_HARDWARE)

    # ---- the end

    def finish(self, status: int, byte_count: int) -> None:
        if byte_count and self.server.port.purges.wanted and self._purge_first(status, byte_count):
            return
        self.end(self._end_text(status, byte_count))

    def _end_text(self, status: int, byte_count: int) -> bytes:
        command, flags = self.command, self.end_flags
        # RQDX3 and SIMH leave the buffer descriptor and the LBN of the command where they were.
        return _transfer_end(
            command.crf,
            command.unit,
            self.log_number,
            command.opcd | END,
            flags,
            status,
            byte_count,
            command.buff,
            command.pte_base,
            self._bad_block if flags & _BAD_BLOCK_REPORTED else command.lbn,
        )

    def refuse(self, status: int) -> None:
        command, server = self.command, self.server
        if status == _BAD_LBN and server.firmware.behaviour & Behaviour.BARE_END_CODE_ON_BAD_LBN:
            self.ended = True
            server.send_header(command, END, status)
            self.unit.retire(self)
        else:
            self.finish(status, 0)

    def _purge_first(self, status: int, byte_count: int) -> bool:
        """Have the host purge the datapath that the data went through, if there is one, and finish then."""
        address = self.command.buff
        channel = (address & CHANNEL_MASK) >> CHANNEL_SHIFT
        if not self.host_buffer or self._purged or address & MAPPED or not channel:
            return False
        self._purged = True
        self.server.port.purges.purge(
            channel, lambda: None if self.ended else self.finish(status, byte_count)
        )
        return True

    def remaining(self) -> int:
        return min(self.command.bcnt, _MAXIMUM)
