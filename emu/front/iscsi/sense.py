"""Sense for what iSCSI itself finds wrong with a command's data.  RFC 7143 section 11.4.7.2.

Always in fixed format.
"""

from typing import Final

from emu.wire.codes.scsi import SenseKey
from emu.wire.generated.scsi_sense import FixedSense


def _aborted_command(asc: int) -> bytes:
    return FixedSense.pack_fields(response=0x70, key=int(SenseKey.ABORTED_COMMAND), length=10, asc=asc)


UNEXPECTED_UNSOLICITED_DATA: Final = _aborted_command(0x0C0C)
PROTOCOL_SERVICE_CRC_ERROR: Final = _aborted_command(0x4705)
DATA_PHASE_ERROR: Final = _aborted_command(0x4B00)
