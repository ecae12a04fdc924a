"""Erasing and comparing: by the disk where it has a command for it, else by its host."""

from typing import TYPE_CHECKING

from drivers.classes.dk_sense import key_and_asc, system_status
from drivers.classes.dk_unit import DkUnit
from drivers.platform.host import WaitingIrp
from drivers.platform.irp import Irp
from drivers.platform.pool import InsufficientMemory
from drivers.platform.process import Procedure
from drivers.port.scsi_request import PortStatus
from emu.core.block import BLOCK_BYTES
from emu.core.clock import SECOND_NS
from emu.wire.codes.scsi import Asc, Opcode, SenseKey, Status
from emu.wire.codes.vms import IO, SS
from emu.wire.generated.scsi_cdb import Cdb10

if TYPE_CHECKING:
    from drivers.classes.dkdriver import DkDriver

ERASE_TIMEOUT_NS = 600 * SECOND_NS
ERASE_PIECE_BLOCKS = 127
WRITE_SAME_BLOCKS = 0xFFFF
_GOOD = int(Status.GOOD)
_ENDED = PortStatus.ENDED
_NORMAL = int(SS.NORMAL)
_ILLEGAL = int(SenseKey.ILLEGAL_REQUEST)


class Erasure:
    """Erases and compares for one driver; it has a page of zeros to do so."""

    def __init__(self, driver: "DkDriver") -> None:
        platform = driver.platform
        self._driver = driver
        self._exchanges = driver.exchanges
        self._platform = platform
        self._zeros = platform.pool.allocate(ERASE_PIECE_BLOCKS * BLOCK_BYTES)
        platform.memory.write(self._zeros, bytes(ERASE_PIECE_BLOCKS * BLOCK_BYTES))

    def erase(self, unit: DkUnit, irp: Irp) -> Procedure:
        """WRITE SAME, or zeros in pieces for a disk that has no such command."""
        blocks = -(-irp.byte_count // BLOCK_BYTES)
        status = _NORMAL
        if unit.erases and blocks:
            status = yield from self._write_same(unit, irp.lbn, blocks, irp.io_epoch)
        if not unit.erases:
            for lbn in range(irp.lbn, irp.lbn + blocks, ERASE_PIECE_BLOCKS):
                length = min(ERASE_PIECE_BLOCKS, irp.lbn + blocks - lbn) * BLOCK_BYTES
                piece = WaitingIrp(self._platform, IO.WRITEPBLK, lbn, length, self._zeros)
                piece.io_epoch = irp.io_epoch
                unit.queue_io(piece)
                status = yield piece.finished
                if status != _NORMAL:
                    break
        irp.transferred = irp.byte_count if status == _NORMAL else 0
        irp.status = int(status)
        self._driver.finish(irp)

    def _write_same(self, unit: DkUnit, lbn: int, blocks: int, io_epoch: int) -> Procedure:
        for first in range(lbn, lbn + blocks, WRITE_SAME_BLOCKS):
            count = min(WRITE_SAME_BLOCKS, lbn + blocks - first)
            cdb = Cdb10.pack_fields(opcode=int(Opcode.WRITE_SAME_10), lba=first, length=count)
            request = yield from self._exchanges.exchange(
                unit,
                cdb,
                address=self._zeros,
                length=BLOCK_BYTES,
                timeout_ns=ERASE_TIMEOUT_NS,
                io_epoch=io_epoch,
            )
            if request.port_status is not _ENDED:
                return SS.MEDOFL
            if request.status == _GOOD:
                continue
            key, asc = key_and_asc(request.sense)
            if key == _ILLEGAL and asc == Asc.INVALID_OPERATION_CODE:
                unit.erases = False
                return SS.NORMAL
            status = system_status(key, asc)
            if status != SS.NORMAL:
                return status
        return SS.NORMAL

    def compare(self, unit: DkUnit, irp: Irp) -> Procedure:
        """Read and compare, for a disk that does not compare by itself."""
        length = irp.byte_count
        try:
            address = self._platform.pool.allocate(length)
        except InsufficientMemory:
            self._driver.fail_later(irp, SS.INSFMEM)
            return
        try:
            read = WaitingIrp(self._platform, IO.READPBLK, irp.lbn, length, address)
            unit.queue_io(read)
            status = yield read.finished
            window = self._platform.window
            if status == _NORMAL and window(address, length) != window(irp.address, length):
                status = int(SS.DATACHECK)
        finally:
            self._platform.pool.free(address)
        irp.status = int(status)
        irp.transferred = length if status == _NORMAL else 0
        self._driver.finish(irp)
