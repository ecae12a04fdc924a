"""NCR/Symbios 53C810 and its family: configuration space, operating registers, SCRIPTS instruction words.

Offsets are bytes; every register, instruction word and table entry is little-endian.
"""

from typing import Final

from emu.wire.codes import Bits, Code


class REG(Code):
    """Operating registers, by the offset of their first byte."""

    SCNTL0 = 0x00, "SCSI control 0"
    SCNTL1 = 0x01, "SCSI control 1"
    SCNTL2 = 0x02, "SCSI control 2"
    SCNTL3 = 0x03, "SCSI control 3: clock divisors"
    SCID = 0x04, "own SCSI identifier and what to respond to"
    SXFER = 0x05, "synchronous transfer period and offset"
    SDID = 0x06, "destination identifier"
    GPREG = 0x07, "general purpose pins"
    SFBR = 0x08, "first byte received; operand of compares"
    SOCL = 0x09, "output control latch"
    SSID = 0x0A, "identifier of the device that reselected us"
    SBCL = 0x0B, "live control lines"
    DSTAT = 0x0C, "DMA interrupt status"
    SSTAT0 = 0x0D, "SCSI status 0"
    SSTAT1 = 0x0E, "SCSI status 1: latched phase"
    SSTAT2 = 0x0F, "SCSI status 2"
    DSA = 0x10, "data structure address, base of table indirect addresses"
    ISTAT = 0x14, "interrupt status; may be used while SCRIPTS run"
    CTEST0 = 0x18, "free byte"
    CTEST1 = 0x19, "byte lanes of the DMA FIFO"
    CTEST2 = 0x1A, "reading it clears SIGP"
    CTEST3 = 0x1B, "chip revision, FIFO control"
    TEMP = 0x1C, "return address; destination of a memory move"
    DFIFO = 0x20, "byte offset counter of the DMA FIFO"
    CTEST4 = 0x21, "burst, shadow registers, parity"
    CTEST5 = 0x22, "counters, data direction"
    CTEST6 = 0x23, "DMA FIFO data"
    DBC = 0x24, "byte counter, 24 bits"
    DCMD = 0x27, "opcode byte of the current instruction"
    DNAD = 0x28, "next data address"
    DSP = 0x2C, "SCRIPTS pointer; writing its last byte starts SCRIPTS"
    DSPS = 0x30, "second word of the current instruction"
    SCRATCHA = 0x34, "free"
    DMODE = 0x38, "DMA mode"
    DIEN = 0x39, "DMA interrupt enable"
    SBR = 0x3A, "free byte"
    DCNTL = 0x3B, "DMA control"
    ADDER = 0x3C, "output of the address adder"
    SIEN0 = 0x40, "SCSI interrupt enable 0"
    SIEN1 = 0x41, "SCSI interrupt enable 1"
    SIST0 = 0x42, "SCSI interrupt status 0"
    SIST1 = 0x43, "SCSI interrupt status 1"
    SLPAR = 0x44, "longitudinal parity"
    SWIDE = 0x45, "wide residue"
    MACNTL = 0x46, "chip type, memory access control"
    GPCNTL = 0x47, "directions of the general purpose pins"
    STIME0 = 0x48, "handshake and selection timers"
    STIME1 = 0x49, "general purpose timer"
    RESPID = 0x4A, "identifiers to respond to, a bit each"
    STEST0 = 0x4C, "SCSI test 0"
    STEST1 = 0x4D, "SCSI test 1"
    STEST2 = 0x4E, "SCSI test 2"
    STEST3 = 0x4F, "SCSI test 3"
    SIDL = 0x50, "input data latch"
    SODL = 0x54, "output data latch"
    SBDL = 0x58, "live data lines"
    SCRATCHB = 0x5C, "free"


REGISTER_SPACE_BYTES: Final = 0x60
DECODED_BYTES: Final = 0x100  # what both base address registers claim
NUMBERED_REGISTERS: Final = {  # registers of several bytes: SCRIPTS name each byte, DSA0 and on
    "DSA": 4,
    "TEMP": 4,
    "DBC": 3,
    "DNAD": 4,
    "DSP": 4,
    "DSPS": 4,
    "SCRATCHA": 4,
    "ADDER": 4,
    "SCRATCHB": 4,
}


class SCNTL0(Bits):
    """SCSI control 0."""

    ARB1 = 0x80, "arbitration mode; both bits: full arbitration"
    ARB0 = 0x40, "arbitration mode"
    START = 0x20, "arbitrate and select now"
    WATN = 0x10, "select with ATN"
    EPC = 0x08, "check parity"
    AAP = 0x02, "assert ATN on a parity error"
    TRG = 0x01, "target role"


class SCNTL1(Bits):
    """SCSI control 1."""

    EXC = 0x80, "extra clock of data setup"
    ADB = 0x40, "assert the data bus"
    DHP = 0x20, "do not halt on parity error or ATN, target role"
    CON = 0x10, "connected"
    RST = 0x08, "assert bus reset"
    AESP = 0x04, "assert even parity"
    IARB = 0x02, "arbitrate as soon as the bus is free"
    SST = 0x01, "start a SCSI transfer"


class SCNTL2(Bits):
    """SCSI control 2."""

    SDU = 0x80, "a disconnect now is unexpected"


class SCNTL3(Bits):
    """SCSI control 3; beside it the divisor codes SCF in bits 6-4 and CCF in bits 2-0."""

    ULTRA = 0x80, "Ultra transfers, 53C860 and 53C875"
    EWS = 0x08, "wide transfers"


class SCID(Bits):
    """SCSI identifier; bits 2-0 are our own."""

    RRE = 0x40, "respond to reselection"
    SRE = 0x20, "respond to selection"


class SSID(Bits):
    """SCSI selector identifier; bits 2-0 are the device's."""

    VAL = 0x80, "the identifier is valid"


class LINES(Bits):
    """SOCL and SBCL: control lines; bits 2-0 are the phase."""

    REQ = 0x80, "REQ"
    ACK = 0x40, "ACK"
    BSY = 0x20, "BSY"
    SEL = 0x10, "SEL"
    ATN = 0x08, "ATN"
    MSG = 0x04, "MSG"
    CD = 0x02, "C/D"
    IO = 0x01, "I/O"


class DSTAT(Bits):
    """DMA interrupt status, and mask in DIEN."""

    DFE = 0x80, "DMA FIFO empty"
    MDPE = 0x40, "master data parity error"
    BF = 0x20, "bus fault"
    ABRT = 0x10, "aborted"
    SSI = 0x08, "single step"
    SIR = 0x04, "SCRIPTS INT instruction"
    IID = 0x01, "illegal instruction"


class SSTAT0(Bits):
    """SCSI status 0."""

    ILF = 0x80, "SIDL full"
    ORF = 0x40, "SODR full"
    OLF = 0x20, "SODL full"
    AIP = 0x10, "arbitration in progress"
    LOA = 0x08, "arbitration lost"
    WOA = 0x04, "arbitration won"
    RST = 0x02, "bus reset is asserted"
    SDP = 0x01, "parity line"


class SSTAT2(Bits):
    """SCSI status 2."""

    LDSC = 0x02, "disconnected, no connect since"


class ISTAT(Bits):
    """Interrupt status."""

    ABRT = 0x80, "abort SCRIPTS"
    SRST = 0x40, "software reset"
    SIGP = 0x20, "signal process"
    SEM = 0x10, "semaphore"
    CON = 0x08, "connected"
    INTF = 0x04, "interrupt on the fly, write one to clear"
    SIP = 0x02, "SCSI interrupt pending: read SIST0 and SIST1"
    DIP = 0x01, "DMA interrupt pending: read DSTAT"


class CTEST2(Bits):
    """Chip test 2."""

    DDIR = 0x80, "data go from SCSI to memory"
    SIGP = 0x40, "copy of ISTAT.SIGP"
    CIO = 0x20, "mapped in I/O space"
    CM = 0x10, "mapped in memory space"
    TEOP = 0x04, "true end of process"
    DREQ = 0x02, "data request"
    DACK = 0x01, "data acknowledge"


class CTEST3(Bits):
    """Chip test 3; bits 7-4 are the chip's revision."""

    FLF = 0x08, "flush the DMA FIFO"
    CLF = 0x04, "clear the DMA FIFO"
    FM = 0x02, "fetch pin mode"
    WRIE = 0x01, "write and invalidate"


class CTEST4(Bits):
    """Chip test 4; bits 2-0 are FBL."""

    BDIS = 0x80, "no bursts"
    ZMOD = 0x40, "high impedance"
    ZSD = 0x20, "SCSI data high impedance"
    SRTM = 0x10, "shadow register test"
    MPEE = 0x08, "check parity as bus master"


class DMODE(Bits):
    """DMA mode; bits 7-6 are the burst length."""

    SIOM = 0x20, "source of a memory move is in I/O space"
    DIOM = 0x10, "destination of a memory move is in I/O space"
    ERL = 0x08, "read line"
    ERMP = 0x04, "read multiple"
    BOF = 0x02, "burst opcode fetch"
    MAN = 0x01, "writing DSP does not start SCRIPTS"


class DCNTL(Bits):
    """DMA control."""

    CLSE = 0x80, "cache line size"
    PFF = 0x40, "flush the prefetch"
    PFEN = 0x20, "prefetch"
    SSM = 0x10, "single step"
    IRQM = 0x08, "interrupt pin is totem pole"
    STD = 0x04, "start"
    IRQD = 0x02, "interrupt pin disabled"
    COM = 0x01, "53C700 compatibility off"


class SIST0(Bits):
    """SCSI interrupt status 0, and mask in SIEN0."""

    MA = 0x80, "phase mismatch; target role: ATN"
    CMP = 0x40, "function complete"
    SEL = 0x20, "selected"
    RSL = 0x10, "reselected"
    SGE = 0x08, "SCSI gross error"
    UDC = 0x04, "unexpected disconnect"
    RST = 0x02, "bus reset"
    PAR = 0x01, "parity error"


class SIST1(Bits):
    """SCSI interrupt status 1, and mask in SIEN1."""

    STO = 0x04, "selection or reselection time-out"
    GEN = 0x02, "general purpose timer"
    HTH = 0x01, "handshake-to-handshake timer"


class STEST0(Bits):
    """SCSI test 0; bits 7-4 are the identifier we were selected as."""

    SLT = 0x08, "selection response logic test"
    ART = 0x04, "arbitration priority encoder test"
    SOZ = 0x02, "synchronous offset is zero"
    SOM = 0x01, "synchronous offset is at its maximum"


class STEST3(Bits):
    """SCSI test 3."""

    TE = 0x80, "TolerANT"
    STR = 0x40, "SCSI FIFO test read"
    HSC = 0x20, "halt the SCSI clock"
    DSI = 0x10, "no response to single initiators"
    TTM = 0x04, "timer test"
    CSF = 0x02, "clear the SCSI FIFO"
    STW = 0x01, "SCSI FIFO test write"


TIMER_MASK: Final = 0x0F  # a timer's code in a nibble of STIME0 or STIME1
TIMER_UNIT_NS: Final = 125_000  # code 1; each further code doubles it, 0 is off
SELECTION_ABORT_NS: Final = 200_000

# ---- PCI configuration space


class PCI(Code):
    """Configuration registers, by byte offset."""

    ID = 0x00, "vendor and device"
    COMMAND = 0x04, "what the chip may do on the bus"
    STATUS = 0x06, "what has happened on the bus"
    CLASS = 0x08, "revision and class code"
    LATENCY = 0x0D, "latency timer"
    IO_BASE = 0x10, "base address 0: registers in I/O space"
    MEMORY_BASE = 0x14, "base address 1: registers in memory space"
    INTERRUPT_LINE = 0x3C, "whatever firmware writes"
    REGISTERS = 0x80, "copy of the operating registers"


class COMMAND(Bits):
    """PCI command register."""

    IO = 0x0001, "answer in I/O space"
    MEMORY = 0x0002, "answer in memory space"
    MASTER = 0x0004, "be a bus master"
    MWI = 0x0010, "memory write and invalidate"
    PARITY = 0x0040, "respond to parity errors"
    SERR = 0x0100, "drive SERR#"


class STATUS(Bits):
    """PCI status register; error bits are cleared by writing ones."""

    PARITY = 0x8000, "parity error detected"
    SERR = 0x4000, "SERR# signalled"
    MASTER_ABORT = 0x2000, "nobody answered as we were master"
    TARGET_ABORT = 0x1000, "a target gave up on us"
    DEVSEL_MEDIUM = 0x0200, "device select timing"
    MASTER_PARITY = 0x0100, "parity error as we were master"


VENDOR: Final = 0x1000

# ---- SCRIPTS, first words of instructions

CLASS_MASK: Final = 0xC000_0000
BLOCK_MOVE: Final = 0x0000_0000
IO_OR_REGISTER: Final = 0x4000_0000
TRANSFER_CONTROL: Final = 0x8000_0000
MEMORY_MOVE: Final = 0xC000_0000
LOAD_STORE: Final = 0xE000_0000

COUNT_MASK: Final = 0x00FF_FFFF
PHASE_SHIFT: Final = 24
PHASE_MASK: Final = 0x7

INDIRECT: Final = 0x2000_0000  # block move: the second word is the address of the address
TABLE_INDIRECT: Final = 0x1000_0000  # block move: the second word is the offset of {count, address} from DSA
INITIATOR_MOVE: Final = 0x0800_0000  # clear: CHMOV, or a target's MOVE

OPERATION_SHIFT: Final = 27
OPERATION_MASK: Final = 0x7


class IO(Code):
    """Bits 29-27 of I/O instructions, initiator role."""

    SELECT = 0, "arbitrate and select"
    WAIT_DISCONNECT = 1, "wait until the bus is free"
    WAIT_RESELECT = 2, "wait for a target, or for SIGP"
    SET = 3, "set ATN, ACK, carry, target role"
    CLEAR = 4, "clear them"


RELATIVE_ALTERNATE: Final = 0x0400_0000
SELECT_FROM_TABLE: Final = 0x0200_0000
SELECT_WITH_ATN: Final = 0x0100_0000
DESTINATION_SHIFT: Final = 16
DESTINATION_MASK: Final = 0x0F
SET_CARRY: Final = 0x0000_0400
SET_TARGET: Final = 0x0000_0200
SET_ACK: Final = 0x0000_0040
SET_ATN: Final = 0x0000_0008


class MOVE(Code):
    """Bits 29-27 of register instructions: where the result goes."""

    SFBR_TO_REGISTER = 5, "SFBR op data to register"
    REGISTER_TO_SFBR = 6, "register op data to SFBR"
    REGISTER_TO_REGISTER = 7, "register op data to the same register"


class OPERATOR(Code):
    """Bits 26-24 of register instructions."""

    IMMEDIATE = 0, "data"
    SHIFT_LEFT = 1, "shift left through carry"
    OR = 2, "or"
    XOR = 3, "exclusive or"
    AND = 4, "and"
    SHIFT_RIGHT = 5, "shift right through carry"
    ADD = 6, "add"
    ADD_WITH_CARRY = 7, "add with carry"


USE_SFBR: Final = 0x0080_0000
REGISTER_SHIFT: Final = 16
REGISTER_MASK: Final = 0x7F
DATA_SHIFT: Final = 8


class TRANSFER(Code):
    """Bits 29-27 of transfer control instructions."""

    JUMP = 0, "jump"
    CALL = 1, "call: TEMP := DSP"
    RETURN = 2, "return: DSP := TEMP"
    INT = 3, "interrupt"


RELATIVE: Final = 0x0080_0000
TEST_CARRY: Final = 0x0020_0000
ON_THE_FLY: Final = 0x0010_0000
IF_TRUE: Final = 0x0008_0000
COMPARE_DATA: Final = 0x0004_0000
COMPARE_PHASE: Final = 0x0002_0000
WAIT_PHASE: Final = 0x0001_0000
COMPARE_MASK_SHIFT: Final = 8

NO_FLUSH: Final = 0x0100_0000  # memory move
LOAD: Final = 0x0100_0000  # load and store: clear is store
STORE_NO_FLUSH: Final = 0x0200_0000
DSA_RELATIVE: Final = 0x1000_0000
LOAD_COUNT_MASK: Final = 0x7
