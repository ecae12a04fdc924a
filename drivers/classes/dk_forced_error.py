"""Forced errors on disks that have no such flag: a block whose check bytes are wrong reads with a parity error.

(Spec "SCSI", READ LONG, WRITE LONG and forced error; shadowing sets them where no member has good data.)
"""

from typing import TYPE_CHECKING

from drivers.classes.dk_sense import ILI, key_and_asc
from drivers.classes.dk_unit import DkUnit
from drivers.platform.process import Procedure
from emu.core.block import BLOCK_BYTES
from emu.wire.codes.scsi import Opcode, SenseKey
from emu.wire.codes.vms import SS
from emu.wire.generated.scsi_cdb import Cdb10
from emu.wire.generated.scsi_sense import FixedSense

if TYPE_CHECKING:
    from drivers.classes.dk_exchange import Exchanges

LONG_GUESS_BYTES = BLOCK_BYTES + 2


class ForcedErrors:
    """READ LONG and WRITE LONG to the units of one driver."""

    def __init__(self, exchanges: "Exchanges") -> None:
        self._exchanges = exchanges

    def probe(self, unit: DkUnit) -> Procedure:
        """Find out how long a block with its check bytes is, as VMS does: a guess, and what the unit says to it.

        Raises:
            NoAnswer: the unit says nothing.
        """
        length = LONG_GUESS_BYTES
        for _ in range(2):
            cdb = Cdb10.pack_fields(opcode=int(Opcode.READ_LONG_10), length=length)
            request, data = yield from self._exchanges.learn(unit, cdb, length)
            if data:
                unit.no_forced_error = False
                unit.check_bytes = len(data) - BLOCK_BYTES
                return
            if len(request.sense) < FixedSense.SIZE:
                return
            sense = FixedSense.unpack(request.sense)
            if not sense.key & ILI:
                return
            excess = sense.information
            length -= excess - (1 << 32) if excess >> 31 else excess
            if not BLOCK_BYTES < length <= 2 * BLOCK_BYTES:
                return

    def write(self, unit: DkUnit, lbn: int) -> Procedure:
        """Write a block with check bytes that cannot be right; returns SS.*."""
        if unit.no_forced_error:
            return SS.UNSUPPORTED
        length = BLOCK_BYTES + unit.check_bytes
        cdb = Cdb10.pack_fields(opcode=int(Opcode.READ_LONG_10), lba=lbn, length=length)
        _, data = yield from self._exchanges.ask(unit, cdb, length)
        if not data:
            return SS.DRVERR
        spoilt = data[:BLOCK_BYTES] + bytes(octet ^ 0xFF for octet in data[BLOCK_BYTES:])
        cdb = Cdb10.pack_fields(opcode=int(Opcode.WRITE_LONG_10), lba=lbn, length=length)
        request = yield from self._exchanges.tell(unit, cdb, spoilt)
        if request.is_good:
            return SS.NORMAL
        if key_and_asc(request.sense)[0] != SenseKey.ILLEGAL_REQUEST:
            return SS.DRVERR
        unit.no_forced_error = True
        return SS.UNSUPPORTED
