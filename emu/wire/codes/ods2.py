"""Files-11 ODS-2: reserved files, bits of headers and of the storage control block, record formats, the checksum."""

from typing import Final

from emu.wire.codes import Bits, Code

BLOCK_BYTES: Final = 512
HOME_BLOCK_LBN: Final = 1
CHECKSUM1_WORDS: Final = 29  # words of the home block before CHECKSUM1
CHECKSUM2_WORDS: Final = 255  # words of the home block or storage control block before CHECKSUM(2)
STRUCTURE_NAME: Final = b"DECFILE11B  "
STRUCTURE_NAME_ODS1: Final = b"DECFILE11A  "  # at the same place of an ODS-1 home block, as is the checksum
STRUCTURE_VERSION: Final = 1  # low byte of a structure level
NO_AREA: Final = 255  # offset of an area that a file header has not


class STRUCLEV(Code):
    """Structure level and version of a volume."""

    ODS2 = 0x0200, "ODS-2"
    ODS5 = 0x0500, "ODS-5"


class FID(Code):
    """File numbers, and sequence numbers, of the reserved files."""

    INDEXF = 1, "INDEXF.SYS"
    BITMAP = 2, "BITMAP.SYS"
    BADBLK = 3, "BADBLK.SYS"
    MFD = 4, "000000.DIR"
    CORIMG = 5, "CORIMG.SYS"
    VOLSET = 6, "VOLSET.SYS"
    CONTIN = 7, "CONTIN.SYS"
    BACKUP = 8, "BACKUP.SYS"
    BADLOG = 9, "BADLOG.SYS"
    SECURITY = 10, "SECURITY.SYS"


class HM2(Bits):
    """HM2$W_VOLCHAR: volume characteristics."""

    READCHECK = 1 << 0, "verify all reads"
    WRITCHECK = 1 << 1, "verify all writes"
    ERASE = 1 << 2, "erase files on delete"
    NOHIGHWATER = 1 << 3, "no highwater marking"
    CLASS_PROT = 1 << 4, "classification checks"


class FH2(Bits):
    """FH2$L_FILECHAR: file characteristics."""

    NOBACKUP = 1 << 1, "not to be backed up"
    CONTIGB = 1 << 5, "allocate contiguous best try"
    CONTIG = 1 << 7, "contiguous"
    DIRECTORY = 1 << 13, "directory"
    MARKDEL = 1 << 15, "marked for delete"


class RTYPE(Code):
    """FAT$B_RTYPE: record format of a sequential file."""

    UNDEFINED = 0, "undefined"
    FIXED = 1, "fixed length"
    VARIABLE = 2, "variable length"
    VFC = 3, "variable, with fixed control"
    STREAM = 4, "stream"
    STREAM_LF = 5, "stream, records end with LF"
    STREAM_CR = 6, "stream, records end with CR"


class RATTRIB(Bits):
    """FAT$B_RATTRIB: record attributes."""

    FORTRAN = 1 << 0, "FORTRAN carriage control"
    IMPLIED_CC = 1 << 1, "implied carriage control"
    PRINT = 1 << 2, "print file carriage control"
    NOSPAN = 1 << 3, "records do not cross block boundaries"


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
    data = block[: 2 * words]
    return (sum(data[::2]) + (sum(data[1::2]) << 8)) & 0xFFFF
