"""VMS codes that drivers and consoles share: system status, QIO functions.

Values marked "spec" stand in the shadowing reference (sections 4.4 and 6.2, from STARLET); the rest are
UNCERTAIN: long-published STARLET values, not re-read in a source.
"""

from enum import IntEnum

from emu.wire.codes import Bits


class SS(IntEnum):
    """System status, SS$_xxx."""

    NORMAL = 1
    ABORT = 0x2C
    CTRLERR = 0x54
    DATACHECK = 0x5C
    DEVOFFLINE = 0x84
    DRVERR = 0x8C
    INSFMEM = 0x124
    IVDEVNAM = 0x144
    IVBUFLEN = 0x34C
    MEDOFL = 0x1A4  # spec
    PARITY = 0x1F4  # spec
    TIMEOUT = 0x22C
    VOLINV = 0x254  # spec
    WRITLCK = 0x25C
    DEVALLOC = 0x840
    NOSUCHDEV = 0x908
    ILLIOFUNC = 0xF4
    ILLBLKNUM = 0xDC
    FORCEDERROR = 0x2144  # spec
    INCSHAMEM = 0x22CC  # spec
    ILLEGAL_SHADOW = 0x5B4  # spec
    DUPUNIT = 0x21C4  # spec
    SHACHASTA = 0x2284  # spec
    WRONGSTATE = 0x2374  # spec
    UNSUPPORTED = 0xE4A  # spec


class IO(IntEnum):
    """QIO functions of disks, IO$_xxx."""

    PACKACK = 8
    WRITECHECK = 10
    WRITEPBLK = 11
    READPBLK = 12
    AVAILABLE = 17
    DSE = 21
    DISK_COPY_DATA = 22
    WRITE_FORCED_ERROR = WRITEPBLK | 0x1000  # UNCERTAIN: the modifier that VMS has for MD.ERR


class DEV2(Bits):
    """UCB$L_DEVCHAR2: second longword of device characteristics (LIB.REQ)."""

    PATHS_2P = 1 << 4, "two paths are known"  # DEV$V_2P
    MSCP = 1 << 5, "MSCP class driver"
    SSM = 1 << 6, "shadow set member"
    SRV = 1 << 7, "served by the MSCP server"
    SHD = 1 << 18, "shadowing"
    VRT = 1 << 19, "virtual unit"
    SCSI = 1 << 24, "SCSI class driver"
    NOFE = 1 << 26, "no forced error"


class UCB(Bits):
    """UCB$L_STS: status of a unit, as far as it is kept here (LIB.REQ)."""

    ONLINE = 1 << 4, "on line"
    BSY = 1 << 8, "busy"
    VALID = 1 << 11, "volume is software valid"
    MNTVERIP = 1 << 14, "mount verification in progress"
