"""What the MSCP server says of a disk: status, flags, media type."""

import re

from drivers.classes.disk import Disk, UnitState
from emu.wire.codes.mscp import MEDIA_NUMBER_MASK, SB, UF, media_id
from emu.wire.codes.vms import SS

_MEDIA = re.compile(r"([A-Z]{2}) ([A-Z]{1,3})(\d+)")

_STATUS = {
    SS.NORMAL: SB.SUC,
    SS.ABORT: SB.ABO,
    SS.ILLBLKNUM: SB.CMD_LBN,
    SS.IVBUFLEN: SB.CMD_BYTE_COUNT,
    SS.MEDOFL: SB.OFL_NO_VOLUME,
    SS.DEVOFFLINE: SB.OFL_INOPERATIVE,
    SS.VOLINV: SB.OFL_INOPERATIVE,
    SS.WRITLCK: SB.WPR_HARDWARE,
    SS.DATACHECK: SB.CMP,
    SS.PARITY: SB.DAT_ECC,
    SS.FORCEDERROR: SB.DAT_FORCED_ERROR,
    SS.DRVERR: SB.DRV,
}


def mscp_status(status: int) -> int:
    """Translate what a class driver of this node says into a status word; what it has no word for is CNT."""
    known = status in tuple(SS)
    return int(_STATUS.get(SS(status), SB.CNT)) if known else int(SB.CNT)


def is_in_use(disk: Disk) -> bool:
    """Whether this node has a disk on line; one that is being brought back keeps its requests."""
    return disk.state in (UnitState.ONLINE, UnitState.RECOVERING)


def unit_flags(disk: Disk) -> int:
    return int(UF.RPL | UF.WPH) if disk.write_protected else int(UF.RPL)


def media_of(disk: Disk) -> int:
    """Make the media type identifier of "DU RA92"; of a product whose name does not fit, the device name alone.

    UNCERTAIN: what VMS says of such a product.
    """
    match = _MEDIA.match(disk.media)
    if match is not None and int(match[3]) <= MEDIA_NUMBER_MASK:
        return media_id(match[1], match[2], int(match[3]))
    return media_id(disk.media[:2], "DSK", 0)
