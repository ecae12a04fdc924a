"""What sense says, as system status.

(SPC, "sense data"; spec "SCSI", class driver flow.)
"""

# UNCERTAIN: which condition DKDRIVER makes of a sense key.

from drivers.platform.irp import Irp
from drivers.port.scsi_request import ScsiRequest
from emu.core.block import BLOCK_BYTES
from emu.wire.codes.scsi import Asc, SenseKey
from emu.wire.codes.vms import SS
from emu.wire.generated.scsi_sense import FixedSense

KEY, ILI = 0x0F, 0x20
_VALID = 0x80
_STATUS_OF_KEY = {
    int(SenseKey.NO_SENSE): int(SS.DRVERR),  # something was wrong, and nobody knows any more what
    int(SenseKey.RECOVERED_ERROR): int(SS.NORMAL),
    int(SenseKey.NOT_READY): int(SS.MEDOFL),
    int(SenseKey.MEDIUM_ERROR): int(SS.PARITY),
    int(SenseKey.HARDWARE_ERROR): int(SS.DRVERR),
    int(SenseKey.ILLEGAL_REQUEST): int(SS.ILLIOFUNC),
    int(SenseKey.UNIT_ATTENTION): int(SS.DRVERR),
    int(SenseKey.DATA_PROTECT): int(SS.WRITLCK),
    int(SenseKey.COPY_ABORTED): int(SS.CTRLERR),
    int(SenseKey.ABORTED_COMMAND): int(SS.DRVERR),
    int(SenseKey.MISCOMPARE): int(SS.DATACHECK),
}
_ILLEGAL = int(SenseKey.ILLEGAL_REQUEST)


def key_and_asc(sense: bytes) -> tuple[int, int]:
    """Read fixed format sense; hardware error where there is none to read."""
    if len(sense) < FixedSense.SIZE:
        return int(SenseKey.HARDWARE_ERROR), 0
    fixed = FixedSense.unpack(sense)
    return fixed.key & KEY, fixed.asc


def system_status(key: int, asc: int) -> int:
    """Return SS.*."""
    if key == _ILLEGAL and asc == Asc.LBA_OUT_OF_RANGE:
        return int(SS.ILLBLKNUM)
    if key == _ILLEGAL and asc == Asc.LOGICAL_UNIT_NOT_SUPPORTED:
        return int(SS.MEDOFL)
    return _STATUS_OF_KEY.get(key, int(SS.DRVERR))


def bytes_before_error(irp: Irp, request: ScsiRequest) -> int:
    """How much of a transfer came before the block that the sense names; 0 when it names none."""
    sense = FixedSense.unpack(request.sense)
    if (
        not sense.response & _VALID
        or not irp.lbn <= sense.information < irp.lbn + irp.byte_count // BLOCK_BYTES
    ):
        return 0
    return (sense.information - irp.lbn) * BLOCK_BYTES
