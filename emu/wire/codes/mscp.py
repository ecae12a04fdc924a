"""MSCP: opcodes, modifiers, flags, status and event codes, in the symbols of AA-L619A-TK.

The manual writes OP.RD, MD.CMP, ST.OFL, EF.BBR, UF.WPH; so does this module.  A status word is a
code (`ST`, bits 4-0) and a sub-code (bits 15-5); `SB` names whole words.  Late symbols (DISK COPY
DATA, write history) are those of the OpenVMS $MSCPDEF.
"""

from collections.abc import Mapping
from typing import Final

from emu.wire.codes import Bits, Code

BLOCK_BYTES: Final = 512
VIRTUAL_UNIT: Final = 0x8000  # bit of a unit number: shadow set virtual unit
SLUN_UNIT: Final = 0x4000  # bit of a unit number: VMS server-local unit


class OP(Code):
    """Opcodes, attention opcodes, and the END bit of an endcode."""

    ABO = 0x01, "ABORT"
    GCS = 0x02, "GET COMMAND STATUS"
    GUS = 0x03, "GET UNIT STATUS"
    SCC = 0x04, "SET CONTROLLER CHARACTERISTICS"
    ANM = 0x05, "ACCESS NON-VOLATILE MEMORY"
    DSP = 0x06, "DISPLAY"
    GUN = 0x07, "GET UNIT NAME"  # GET LOADER on tapes
    AVL = 0x08, "AVAILABLE"
    ONL = 0x09, "ONLINE"
    SUC = 0x0A, "SET UNIT CHARACTERISTICS"
    DAP = 0x0B, "DETERMINE ACCESS PATHS"
    MOV = 0x0C, "MOVE"  # UNCERTAIN: number and name only, the layout was not found
    DCD = 0x0D, "DISK COPY DATA"
    ACC = 0x10, "ACCESS"
    CCD = 0x11, "COMPARE CONTROLLER DATA"
    ERS = 0x12, "ERASE"
    FLU = 0x13, "FLUSH"
    RPL = 0x14, "REPLACE"
    ERG = 0x16, "ERASE GAP"  # tape
    FMT = 0x18, "FORMAT"
    WHM = 0x19, "WRITE HISTORY MANAGEMENT"
    CMP = 0x20, "COMPARE HOST DATA"
    RD = 0x21, "READ"
    WR = 0x22, "WRITE"
    RCE = 0x23, "READ CONTROLLER ENCRYPTION/DECRYPTION CODE"
    WTM = 0x24, "WRITE TAPE MARK"  # tape
    POS = 0x25, "REPOSITION"  # tape
    FMT_RX33 = 0x2F, "FORMAT (RX33)"  # manufacturing opcode 8; what RQDX3 and SIMH use for FORMAT
    TER = 0x30, "TERMINATE CLASS DRIVER / SERVER CONNECTION"
    AVA = 0x40, "AVAILABLE attention"
    DUP = 0x41, "DUPLICATE UNIT NUMBER attention"
    ACP = 0x42, "ACCESS PATH attention"
    RWA = 0x43, "REWIND attention"  # tape
    END = 0x80, "end message of an unknown opcode"
    SEX = 0x87, "SERIOUS EXCEPTION end message"  # tape


ATTENTION: Final = 0x40  # opcode bit of attention messages
END: Final = 0x80  # opcode bit of end messages: the endcode is the command's opcode with END


class MD:
    """Command modifiers.  The same bit means different things to different commands: plain numbers."""

    # transfer commands
    EXP: Final = 0x8000  # express request
    CMP: Final = 0x4000  # compare
    CSE: Final = 0x2000  # clear serious exception (tape, all commands)
    ERR: Final = 0x1000  # force error
    SCH: Final = 0x0800  # suppress caching, high speed
    SCL: Final = 0x0400  # suppress caching, low speed
    SEC: Final = 0x0200  # suppress error correction
    SER: Final = 0x0100  # suppress error recovery
    SSH: Final = 0x0080  # suppress shadowing
    WBN: Final = 0x0040  # write-back allowed, non-volatile cache
    WBV: Final = 0x0020  # write-back allowed, volatile cache
    SEQ: Final = 0x0010  # write the members of a shadow set one after another
    # AVAILABLE
    SPD: Final = 0x0001  # spin down
    ALC: Final = 0x0002  # for all class drivers
    DSO: Final = 0x0004  # dissolve shadow set, as Ultrix defines it
    DSO_VMS: Final = 0x0010  # the same, as VMS defines it
    # FLUSH
    FEU: Final = 0x0001  # flush entire unit
    VOL: Final = 0x0002  # volatile cache only
    # GET UNIT STATUS
    NXU: Final = 0x0001  # next unit
    # ONLINE, SET UNIT CHARACTERISTICS
    RIP: Final = 0x0001  # allow self destruction
    IMF: Final = 0x0002  # ignore media format error
    SWP: Final = 0x0004  # enable set write protect: UF.WPS counts
    CWB: Final = 0x0008  # clear write-back data lost
    SHD: Final = 0x0010  # shadow unit specified: shun and copy count
    EXC: Final = 0x0020  # exclusive access: UF.EXC counts
    # REPLACE
    PRI: Final = 0x0001  # primary replacement block
    # SET CONTROLLER CHARACTERISTICS, GET COMMAND STATUS
    FKC: Final = 0x0001  # UNCERTAIN: flush encryption key cache (SCC)
    CRNPR: Final = 0x0001  # UNCERTAIN: the reference number is a prefix (GCS)
    # encryption code commands
    TBC: Final = 0x8000  # to be continued
    # DISK COPY DATA
    LOCSU: Final = 0x0001  # local source unit
    ESTCP: Final = 0x0002  # establish copy path
    RETCP: Final = 0x0004  # retain copy path
    # WRITE with history.  UNCERTAIN: the expansions
    HISLO: Final = 0x0008  # log this write
    SUPWL: Final = 0x0010  # suppress write log; shares its bit with SEQ
    REUSE: Final = 0x0080  # reuse a history entry; shares its bit with SSH


# UNCERTAIN: which modifiers are legal on which command is reconstructed from the architecture; RQDX3, SIMH
# and QUniBone ignore what they do not implement and reject none.
MODIFIERS: Final[Mapping[int, tuple[str, ...]]] = {
    OP.ABO: (),
    OP.GCS: (),
    OP.GUS: ("NXU",),
    OP.SCC: ("FKC",),
    OP.AVL: ("SPD", "ALC", "DSO", "DSO_VMS", "EXC"),
    OP.ONL: ("RIP", "IMF", "SWP", "CWB", "SHD", "EXC"),
    OP.SUC: ("SWP", "CWB", "SHD", "EXC"),
    OP.DAP: (),
    OP.DCD: ("LOCSU", "ESTCP", "RETCP"),
    OP.ACC: ("EXP", "SEC", "SER", "SSH", "SCH", "SCL"),
    OP.CCD: ("EXP", "SEC", "SER"),
    OP.ERS: ("EXP", "ERR", "SER", "WBN", "WBV", "SCH", "SCL"),
    OP.FLU: ("FEU", "VOL"),
    OP.RPL: ("PRI", "EXP"),
    OP.FMT: (),
    OP.FMT_RX33: (),
    OP.WHM: (),
    OP.CMP: ("EXP", "SEC", "SER", "SSH", "SCH", "SCL"),
    OP.RD: ("EXP", "CMP", "SEC", "SER", "SSH", "SCH", "SCL"),
    OP.WR: ("EXP", "CMP", "ERR", "SER", "SCH", "SCL", "WBN", "WBV", "SEQ", "SSH", "HISLO"),
    OP.RCE: ("TBC",),
}


def legal_modifiers(opcode: int) -> int:
    """Return the mask of modifiers a command knows; 0 for an opcode not in the table."""
    mask = 0
    for name in MODIFIERS.get(opcode, ()):
        mask |= getattr(MD, name)
    return mask


class EF(Bits):
    """End flags of disk commands.  Tapes use 0x08 EOT, 0x04 PLS, 0x02 DLS."""

    BBR = 0x80, "bad block reported"
    BBU = 0x40, "bad block unreported"
    LOG = 0x20, "error log generated"
    SEX = 0x10, "serious exception"
    ALLOF = 0x08, "write history allocation failure"
    HISLO = 0x04, "write history entry logged"
    CPRET = 0x01, "copy path retained"


class CF(Bits):
    """Controller flags."""

    B576 = 0x0001, "576-byte sectors"
    SHD = 0x0002, "shadowing"
    MLH = 0x0004, "multi-host"
    LDCD = 0x0008, "local DISK COPY DATA"
    THS = 0x0010, "this host's error logs"
    OTH = 0x0020, "other hosts' error logs"
    MSC = 0x0040, "miscellaneous error logs"
    ATN = 0x0080, "attention messages"
    RDCD = 0x0100, "remote DISK COPY DATA"
    WHL = 0x0200, "write history logging"
    RDO = 0x0400, "RDO"  # UNCERTAIN: read-only, or remote disk option
    NFESC = 0x0800, "NFESC"  # UNCERTAIN: expansion not found
    LOAD = 0x2000, "load balancing"
    EDCRP = 0x4000, "encryption/decryption"
    RPL = 0x8000, "controller replaces bad blocks"


CF_HOST_SETTABLE: Final = 0x00F0


class UF(Bits):
    """Unit flags."""

    CMR = 0x0001, "compare reads"
    CMW = 0x0002, "compare writes"
    B576 = 0x0004, "576-byte sectors"
    WHL = 0x0008, "write history logging"
    WBN = 0x0040, "write-back, non-volatile cache"
    RMV = 0x0080, "removable media"
    WPD = 0x0100, "write protected, data safety"
    SSMST = 0x0200, "shadow set master"
    EXC = 0x0400, "exclusive access"
    SCH = 0x0800, "suppress caching"
    WPS = 0x1000, "write protected, software"
    WPH = 0x2000, "write protected, hardware"
    SSMEM = 0x4000, "shadow set member"
    RPL = 0x8000, "controller replaces bad blocks"


# UNCERTAIN: for flags the RQDX3 does not have, which side sets them is the grouping of $MSCPDEF.
UF_HOST_SETTABLE: Final = int(UF.CMR | UF.CMW | UF.WBN | UF.EXC | UF.SCH | UF.WPS)


class ST(Code):
    """Status and event codes, bits 4-0 of the word."""

    SUC = 0x00, "success"
    CMD = 0x01, "invalid command"
    ABO = 0x02, "command aborted"
    OFL = 0x03, "unit-offline"
    AVL = 0x04, "unit-available"
    MFE = 0x05, "media format error"
    WPR = 0x06, "write protected"
    CMP = 0x07, "compare error"
    DAT = 0x08, "data error"
    HST = 0x09, "host buffer access error"
    CNT = 0x0A, "controller error"
    DRV = 0x0B, "drive error"
    SHST = 0x0C, "shadow set has changed"  # formatter error on tapes
    WHE = 0x0D, "write history entry access error"  # BOT on tapes
    TMK = 0x0E, "tape mark"  # tape
    RDT = 0x10, "record data truncated"  # tape
    POL = 0x11, "position lost"  # tape
    SXC = 0x12, "previous serious exception"  # tape
    LED = 0x13, "LEOT"  # tape
    BBR = 0x14, "bad block replacement event"
    IPARM = 0x15, "invalid parameter"
    INFO = 0x16, "informational event"
    LOADR = 0x17, "media loader error"
    HOST = 0x18, "host-side code"  # UNCERTAIN: known by name only
    SBC = 0x1E, "subcommand error"
    DIA = 0x1F, "message from internal diagnostic"


ST_MASK: Final = 0x1F
SB_SHIFT: Final = 5  # sub-code n is n << SB_SHIFT


class SB(Code):
    """Whole status and event words: code and sub-code."""

    SUC = 0x0000, "success"
    SUC_SPIN_DOWN_IGNORED = 0x0020, "success, spin-down ignored"  # tape: unload ignored
    SUC_STILL_CONNECTED = 0x0040, "success, still connected"
    SUC_DUPLICATE_UNIT = 0x0080, "success, duplicate unit number"
    SUC_ALREADY_ONLINE = 0x0100, "success, already online"
    SUC_STILL_ONLINE = 0x0200, "success, still online"
    SUC_STILL_ONLINE_UNLOAD_IGNORED = 0x0220, "success, still online, unload ignored"  # tape
    SUC_INCOMPLETE_REPLACEMENT = 0x0400, "success, incomplete replacement"  # tape: EOT
    SUC_INVALID_RCT = 0x0800, "success, invalid RCT"
    SUC_READ_ONLY_FORMAT = 0x1000, "success, read-only volume format"

    CMD_LENGTH = 0x0001, "invalid command: message length"
    CMD_OPCODE = 0x0801, "invalid command: opcode"
    CMD_FLAGS = 0x0901, "invalid command: flags"
    CMD_MODIFIER = 0x0A01, "invalid command: modifier"
    CMD_BYTE_COUNT = 0x0C01, "invalid command: byte count / version"
    CMD_UNIT_FLAGS = 0x0E01, "invalid command: controller/unit flags"
    CMD_LBN = 0x1C01, "invalid command: LBN / format function"

    ABO = 0x0002, "command aborted"

    OFL = 0x0003, "offline: unit unknown or online to another controller"
    OFL_NO_VOLUME = 0x0023, "offline: no volume mounted or drive disabled by RUN/STOP"
    OFL_INOPERATIVE = 0x0043, "offline: unit inoperative"
    OFL_DUPLICATE_UNIT = 0x0083, "offline: duplicate unit number"
    OFL_DISABLED = 0x0103, "offline: disabled by field service or diagnostic"
    OFL_EXCLUSIVE = 0x0203, "offline: exclusive use (seized by another host)"
    OFL_LOADER_CYCLE = 0x0403, "offline: loader cycle error"

    AVL = 0x0004, "available"
    AVL_NO_MEMBERS_ULTRIX = 0x0024, "available: no members (subcode 1, Ultrix)"
    AVL_COPY_IN_PROGRESS = 0x0044, "available: shadow copy in progress"
    AVL_NO_MEMBERS = 0x0084, "available: no members (subcode 4, VMS)"
    AVL_ALREADY_IN_USE = 0x0404, "available: already in use (cannot seize)"

    MFE_FCT_FORCED_ERROR = 0x0005, "media format: FCT unreadable, forced error/EDC"
    MFE_FCT_INVALID_HEADER = 0x0045, "media format: FCT unreadable, invalid header"
    MFE_FCT_SYNC_TIMEOUT = 0x0065, "media format: FCT unreadable, data sync timeout"
    MFE_NOT_512 = 0x00A5, "media format: not 512-byte sectors"
    MFE_UNFORMATTED = 0x00C5, "media format: unformatted or FCT corrupted"
    MFE_FCT_ECC = 0x00E5, "media format: FCT unreadable, uncorrectable ECC"
    MFE_RCT_CORRUPTED = 0x0105, "media format: RCT corrupted"
    MFE_NO_REPLACEMENT_BLOCK = 0x0125, "media format: no replacement block available"
    MFE_NO_MULTICOPY = 0x0145, "media format: no multicopy protection (warning)"

    # UNCERTAIN: uerf reads these words as loader timeouts and errors; Ultrix's header has code 0x15 as
    # invalid parameter with the three sub-codes below, and no name for the fourth.
    IPARM_KEY_LENGTH = 0x0035, "invalid parameter: key length"
    IPARM_KEY_TYPE = 0x0055, "invalid parameter: key type"
    IPARM_KEY_VALUE = 0x0075, "invalid parameter: key value"
    IPARM_4 = 0x0095, "invalid parameter: subcode 4"

    WPR_DATA_SAFETY = 0x0106, "write protected: data safety"
    WPR_SOFTWARE = 0x1006, "write protected: software"
    WPR_HARDWARE = 0x2006, "write protected: hardware"
    WPR_BOTH = 0x3006, "write protected: hardware and software"

    CMP = 0x0007, "compare error"

    DAT_FORCED_ERROR = 0x0008, "data error: block was written with force error"
    DAT_INVALID_HEADER = 0x0048, "data error: invalid header"
    DAT_SYNC_TIMEOUT = 0x0068, "data error: data sync timeout"
    DAT_ECC_FIELD = 0x0088, "data error: correctable error in ECC field"
    DAT_ECC = 0x00E8, "data error: uncorrectable ECC"
    DAT_ECC_1 = 0x0108, "data error: 1-symbol correctable ECC error"
    DAT_ECC_2 = 0x0128, "data error: 2-symbol correctable ECC error"
    DAT_ECC_3 = 0x0148, "data error: 3-symbol correctable ECC error"
    DAT_ECC_4 = 0x0168, "data error: 4-symbol correctable ECC error"
    DAT_ECC_5 = 0x0188, "data error: 5-symbol correctable ECC error"
    DAT_ECC_6 = 0x01A8, "data error: 6-symbol correctable ECC error"
    DAT_ECC_7 = 0x01C8, "data error: 7-symbol correctable ECC error"
    DAT_ECC_8 = 0x01E8, "data error: 8-symbol correctable ECC error"
    DAT_ECC_15 = 0x02C8, "data error: 15-symbol correctable ECC error"

    HST = 0x0009, "host buffer: cause not available"
    HST_ODD_ADDRESS = 0x0029, "host buffer: odd address"
    HST_ODD_COUNT = 0x0049, "host buffer: odd byte count"
    HST_NXM = 0x0069, "host buffer: non-existent memory"
    HST_PARITY = 0x0089, "host buffer: parity error"
    HST_INVALID_PTE = 0x00A9, "host buffer: invalid page table entry"
    HST_INVALID_NAME = 0x00C9, "host buffer: invalid buffer name"
    HST_LENGTH = 0x00E9, "host buffer: length violation"
    HST_ACCESS_CONTROL = 0x0109, "host buffer: access control violation"

    CNT = 0x000A, "controller: command timeout / generic"
    CNT_DATA_LATE = 0x002A, "controller: SERDES over/underrun (data late)"
    CNT_EDC = 0x004A, "controller: EDC error"
    CNT_INCONSISTENT = 0x006A, "controller: inconsistent internal structure"
    CNT_INTERNAL_EDC = 0x008A, "controller: internal EDC"
    CNT_LESI_INPUT = 0x00AA, "controller: LESI adapter input parity"
    CNT_LESI_OUTPUT = 0x00CA, "controller: LESI adapter output parity"
    CNT_LESI_CABLE = 0x00EA, "controller: LESI cable not in place"
    CNT_OVERRUN = 0x010A, "controller: overrun/underrun"
    CNT_MEMORY = 0x012A, "controller: memory error"
    CNT_REMOTE_RESOURCE = 0x014A, "controller: remote resource"
    # Remote path of DISK COPY DATA: VMS sub-codes 20-30, known by symbol only.
    CNT_RCONL = 0x028A, "controller: remote path RCONL"
    CNT_RCONF = 0x02AA, "controller: remote path RCONF"
    CNT_BADSA = 0x02CA, "controller: remote path BADSA"
    CNT_NOSER = 0x02EA, "controller: remote path NOSER"
    CNT_NORES = 0x030A, "controller: remote path NORES"
    CNT_NOCRE = 0x032A, "controller: remote path NOCRE"
    CNT_BADPR = 0x034A, "controller: remote path BADPR"
    CNT_NEGAK = 0x036A, "controller: remote path NEGAK"
    CNT_TMOUT = 0x038A, "controller: remote path TMOUT"
    CNT_LCONF = 0x03AA, "controller: remote path LCONF"
    CNT_DISCN = 0x03CA, "controller: remote path DISCN"

    DRV = 0x000B, "drive error, generic"
    DRV_COMMAND_TIMEOUT = 0x002B, "drive command timeout"
    DRV_TRANSMISSION = 0x004B, "controller-detected transmission error"
    DRV_POSITIONER = 0x006B, "positioner (mis-seek)"
    DRV_LOST_READY = 0x008B, "lost read/write ready"
    DRV_CLOCK_DROPOUT = 0x00AB, "drive clock dropout"
    DRV_LOST_RECEIVER_READY = 0x00CB, "lost receiver ready"
    DRV_DETECTED = 0x00EB, "drive-detected error"
    DRV_PARITY = 0x010B, "pulse / state parity error"
    DRV_PROTOCOL = 0x014B, "controller-detected protocol error"
    DRV_FAILED_INIT = 0x016B, "drive failed init"
    DRV_IGNORED_INIT = 0x018B, "drive ignored init"
    DRV_COLLISION = 0x01AB, "receiver ready collision"

    SHST = 0x000C, "shadow set has changed"

    WHE_ALLOCATION = 0x002D, "write history: allocation failure"
    WHE_TABLE_FULL = 0x004D, "write history: table full"
    WHE_NO_ENTRY = 0x010D, "write history: no entry"

    BBR_OK = 0x0014, "replaced OK"
    BBR_NOT_REPLACED = 0x0034, "block tested good, not replaced"
    BBR_REPLACE_FAILED = 0x0054, "REPLACE command failed"
    BBR_INCONSISTENT_RCT = 0x0074, "inconsistent RCT"
    BBR_DRIVE_ACCESS = 0x0094, "drive access failure"
    BBR_RCT_FULL = 0x00B4, "no replacement block (RCT full)"
    BBR_RECURSION = 0x00D4, "recursion failure"

    INFO_MEDIA_QUALITY = 0x0036, "informational: media quality"
    INFO_STATISTICS = 0x0056, "informational: statistics"

    LOADR_TIMEOUT = 0x0037, "loader: timeout"
    LOADR_TRANSMISSION = 0x0057, "loader: transmission"
    LOADR_PROTOCOL = 0x0077, "loader: protocol"
    LOADR_ERROR = 0x0097, "loader: loader error"
    LOADR_DRIVE_ONLINE = 0x00B7, "loader: drive online"
    LOADR_BAD_SOURCE = 0x00D7, "loader: bad source slot"
    LOADR_BAD_DESTINATION = 0x00F7, "loader: bad destination slot"
    LOADR_SOURCE_EMPTY = 0x0117, "loader: source empty"
    LOADR_DESTINATION_FULL = 0x0137, "loader: destination full"
    LOADR_MOTION = 0x0157, "loader: motion"
    LOADR_DRIVE_INTERFACE = 0x0177, "loader: drive interface"
    LOADR_SLOT_INTERFACE = 0x0197, "loader: slot interface"
    LOADR_MECHANICAL = 0x01B7, "loader: mechanical"
    LOADR_HARDWARE = 0x01D7, "loader: hardware"
    LOADR_CONTROLLER = 0x01F7, "loader: controller"
    LOADR_UNKNOWN_SUBCOMMAND = 0x0217, "loader: unknown subcommand"
    LOADR_RECOVERABLE = 0x0237, "loader: recoverable exception"
    LOADR_UNRECOVERABLE = 0x0257, "loader: unrecoverable exception"

    SBC_DESTINATION_TIMEOUT = 0x003E, "DISK COPY DATA destination: timeout"
    SBC_DESTINATION_STATE = 0x005E, "DISK COPY DATA destination: inconsistent state"
    SBC_DESTINATION_UNRECOVERABLE = 0x009E, "DISK COPY DATA destination: unrecoverable"
    SBC_SOURCE_TIMEOUT = 0x803E, "DISK COPY DATA source: timeout"
    SBC_SOURCE_STATE = 0x805E, "DISK COPY DATA source: inconsistent state"
    SBC_SOURCE_UNRECOVERABLE = 0x809E, "DISK COPY DATA source: unrecoverable"

    DIA = 0x001F, "internal diagnostic message"


def invalid_command(offset: int) -> int:
    """Return the status word that blames the field at that text offset: 28 gives 1C01 hex."""
    return offset << 8 | 1


class FM(Code):
    """Error log formats."""

    CNT = 0, "controller error"
    BAD = 1, "host memory access error with bus address"
    DSK = 2, "disk transfer error"
    SDI = 3, "SDI error"
    SDE = 4, "small disk error"
    TAP = 5, "tape transfer error"  # tape
    # UNCERTAIN: 6 to 8 are the three STI formats, which is which is not in a source that could be read
    STI_COMMUNICATION = 6, "STI communication or command failure"  # tape
    STI_DRIVE = 7, "STI drive error log"  # tape
    STI_FORMATTER = 8, "STI formatter error log"  # tape
    RPL = 9, "bad block replacement attempt"
    LDR = 10, "media loader"
    SNS = 11, "sense data"  # tape


class LF(Bits):
    """Error log flags: neither SUC nor CON set means that the operation failed."""

    SUC = 0x80, "operation successful"
    CON = 0x40, "operation continuing"
    BBR = 0x20, "bad block replacement attempt"
    RPL = 0x10, "error during replacement"
    INF = 0x02, "informational"
    SNR = 0x01, "sequence number reset"


class RF(Bits):
    """Replacement flags of the bad block replacement log."""

    RPA = 0x8000, "replacement attempted"
    FER = 0x4000, "force error set"
    TRV = 0x2000, "tertiary revector"
    RFE = 0x1000, "reformat error"
    RCI = 0x0800, "RCT inconsistent"
    RBB = 0x0400, "bad replacement block"


class HEADER(Code):
    """Bits 31-28 of a header code: what sort of block the low 28 bits number."""

    LBN = 0x0, "logical block"
    RBN = 0x6, "replacement block"
    XBN = 0xC, "external block (FCT area)"
    DBN = 0xE, "diagnostic block"


class COPY(Code):
    """Copy mode of ONLINE and SET UNIT CHARACTERISTICS with MD.SHD."""

    NONE = 0, "no copy"
    COPY = 1, "copy"
    MERGE = 2, "merge copy"
    MINIMERGE = 3, "minimerge"


class WHM(Code):
    """Operations of WRITE HISTORY MANAGEMENT."""

    DALL = 1, "deallocate all entries of the unit"
    DHRN = 2, "deallocate by host reference number"
    DELO = 3, "deallocate by entry locator"
    RALL = 4, "read all entries"
    RHRN = 5, "read by host reference number"
    DAFC = 6, "deallocate all"  # UNCERTAIN: all of what, the symbol alone is known


class WHE(Bits):
    """Flags of a write history entry."""

    ERR = 0x8000, "error"
    TLIB = 0x4000, "TLIB"  # UNCERTAIN: expansion not found


class ANM(Code):
    """Operations of ACCESS NON-VOLATILE MEMORY."""

    READ = 0, "read"
    EXCHANGE = 1, "exchange"
    TEST_AND_SET = 2, "test and set"


class FORMAT(Code):
    """Format functions."""

    DEFAULT = 0, "default"
    SINGLE_DENSITY = 1, "single density"
    DOUBLE_DENSITY = 2, "double density"
    RX33 = 282, "RX33"


class RCT(Bits):
    """State flags of the replacement control table's first block."""

    P1 = 0x8000, "phase 1: data saved in block 1"
    P2 = 0x4000, "phase 2: block being moved"
    BR = 0x2000, "bad replacement block"
    FE = 0x0080, "data must be written with force error"


class RCT_ENTRY(Code):
    """Bits 31-28 of a replacement block descriptor; bits 27-0 are the LBN."""

    UNALLOCATED = 0, "unallocated"
    PRIMARY = 2, "allocated, primary"
    NON_PRIMARY = 3, "allocated, non-primary"
    UNUSABLE = 4, "unusable"
    UNUSABLE_ALTERNATE = 5, "unusable (alternate code)"
    NULL = 8, "end of table"


MAXIMUM_BYTE_COUNT_DEFAULT: Final = 1 << 24  # of a disk transfer, when the controller reports 0
MEDIA_NUMBER_MASK: Final = 0x7F


def media_id(device: str, media: str, number: int) -> int:
    """Return the media type identifier: `media_id("DU", "RA", 92) == 0x2564105C`.

    device: the two letters of the preferred device name; media: one to three letters; number: 0-127.
    """
    assert len(device) == 2, f"a device name has two letters, not {device!r}"
    assert 1 <= len(media) <= 3, f"a media name has one to three letters, not {media!r}"
    assert 0 <= number <= MEDIA_NUMBER_MASK, f"a media number has seven bits, {number} does not fit"
    code = 0
    for letter in device + media.ljust(3, "@"):  # @ precedes A in ASCII: the empty position, 0
        code = code << 5 | ord(letter) - ord("@")
    return code << 7 | number


def media_text(identifier: int) -> str:
    """Return the name in a media type identifier, as in "DU RA92"; positions without a letter show "?"."""
    positions = [identifier >> shift & 0x1F for shift in (27, 22, 17, 12, 7)]
    letters = "".join(" " if not code else chr(code + ord("@")) if code <= 26 else "?" for code in positions)
    return f"{letters[:2].rstrip()} {letters[2:].rstrip()}{identifier & MEDIA_NUMBER_MASK}".strip()
