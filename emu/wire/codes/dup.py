"""DUP, the diagnostic and utilities protocol (AA-L620A-TK as seen through Ultrix and RQDX3)."""

from typing import Final

from emu.wire.codes import Bits, Code


class OP(Code):
    """Opcodes; an end message carries the opcode with END."""

    GDS = 0x01, "GET DUST STATUS"
    ESP = 0x02, "EXECUTE SUPPLIED PROGRAM"
    ELP = 0x03, "EXECUTE LOCAL PROGRAM"
    SND = 0x04, "SEND DATA"
    REC = 0x05, "RECEIVE DATA"
    ABP = 0x06, "ABORT PROGRAM"
    SNI = 0x07, "SEND DATA IMMEDIATE"
    END = 0x80, "end message"


class MD(Bits):
    """Modifiers of EXECUTE SUPPLIED and LOCAL PROGRAM, and of SEND DATA IMMEDIATE."""

    STANDALONE = 0x0001, "the program may take the controller away from other servers"
    TBC = 0x0008, "to be continued"


class ST(Code):
    """Statuses; an invalid command carries the offset of the guilty field in the high byte."""

    SUC = 0x0000, "success"
    CMD = 0x0001, "invalid command"
    NO_REGION = 0x0002, "no region available"
    NO_REGION_SUITABLE = 0x0003, "no region suitable"
    UNKNOWN_PROGRAM = 0x0004, "program not known"
    LOAD_FAILURE = 0x0005, "load failure"
    STANDALONE_REQUIRED = 0x0006, "standalone modifier required"
    HST = 0x0009, "host buffer access error"
    CMD_OPCODE = 0x0801, "invalid command: opcode"
    CMD_BYTE_COUNT = 0x0C01, "invalid command: byte count"


class DF(Bits):
    """Flags of the GET DUST STATUS end message."""

    STANDALONE = 0x01, "server runs only with all other servers disabled"
    LOCAL = 0x02, "local program storage present"
    NO_SUPPLIED = 0x04, "EXECUTE SUPPLIED PROGRAM not supported"
    ACTIVE = 0x08, "a program is active"
    IMMEDIATE = 0x10, "SEND DATA IMMEDIATE supported"


class PF(Bits):
    """Flags of a program: in its image and in the EXECUTE LOCAL PROGRAM end message."""

    STANDALONE = 0x01, "needs the controller for itself"
    OVERLAY = 0x02, "overlay segment present"
    OVERLAY_WRITABLE = 0x04, "overlay segment read/write"
    DIALOGUE = 0x08, "uses the standard dialogue"
    NO_CRLF = 0x10, "no CR/LF appended"


class DIALOGUE(Code):
    """Message types of the standard dialogue, bits 15-12 of the first word of a buffer."""

    QUESTION = 1, "question"
    DEFAULT_QUESTION = 2, "default question"
    INFORMATION = 3, "information"
    TERMINATION = 4, "termination"
    FATAL_ERROR = 5, "fatal error"
    SPECIAL = 6, "special"


DIALOGUE_TYPE_SHIFT: Final = 12
DIALOGUE_NUMBER_MASK: Final = 0x0FFF
