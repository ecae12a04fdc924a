"""Files-11 ODS-2: the bits of the storage control block, and the structure checksum."""

import struct
from typing import Final

from emu.wire.codes import Bits, Code

BLOCK_BYTES: Final = 512
HOME_BLOCK_LBN: Final = 1
CHECKSUM1_WORDS: Final = 29  # words of the home block before CHECKSUM1
CHECKSUM2_WORDS: Final = 255  # words of the home block or storage control block before CHECKSUM(2)
STRUCTURE_NAME: Final = b"DECFILE11B  "


class STRUCLEV(Code):
    """Structure level and version of a volume."""

    ODS2 = 0x0200, "ODS-2"
    ODS5 = 0x0500, "ODS-5"


class SCB(Bits):
    """SCB$L_STATUS and STATUS2: what was going on when the volume was last written."""

    MAPDIRTY = 1 << 0, "storage map is dirty"
    MAPALLOC = 1 << 1, "storage map is preallocated"
    FILALLOC = 1 << 2, "file numbers are preallocated"
    QUODIRTY = 1 << 3, "quota file is dirty"
    HDRWRITE = 1 << 4, "file headers are cached"
    CORRUPT = 1 << 5, "file structure is corrupt"


class SHADOW_STATUS(Bits):
    """SCB$W_SHADOW_STATUS: state of the shadow set (bit 0, NORMAL, is a bit like the others)."""

    NORMAL = 1 << 0, "normal"
    NEW = 1 << 1, "new set"
    REBLDNG = 1 << 2, "rebuilding"
    VERIFY = 1 << 3, "verifying"
    MVBEGUN = 1 << 4, "mount verification begun"
    COPYING = 1 << 5, "copying"
    MERGING = 1 << 6, "merging"
    MINIMRG = 1 << 7, "minimerging"
    CPY_RESET = 1 << 8, "copy reset"
    BOOTING = 1 << 9, "booting"
    WLG = 1 << 10, "write logging"
    MUST_MRG = 1 << 11, "must merge"
    FAILED = 1 << 15, "failed"


class MEMBER_STATUS(Bits):
    """SCB$B_MEMBER_STATUS: state of one member."""

    FCPY = 1 << 0, "full copy target"
    MERGE = 1 << 1, "merge member"
    CIP = 1 << 2, "copy in progress"
    ERROR = 1 << 4, "error"
    SRC = 1 << 5, "source member"
    DRD = 1 << 6, "driver-assisted copy"  # UNCERTAIN: the expansion of DRD; bit 6 is also called DCD, MCPY
    VALID = 1 << 7, "valid member"


def ods2_checksum(block: bytes | bytearray | memoryview, words: int) -> int:
    """Add up the first `words` 16-bit words of a block, modulo 65536."""
    total: int = sum(struct.unpack_from(f"<{words}H", block))
    return total & 0xFFFF
