"""UQSSP, the storage systems port: registers, rings, envelopes, controller models.

AA-L621A-TK (storage system UNIBUS port) as seen through RQDX3, Ultrix and SIMH.  Register and ring
bits are those of 16-bit words and 32-bit longwords as the host reads them.
"""

from typing import Final

from emu.wire.codes import Bits, Code

# Registers, byte offsets from the controller's base.
IP: Final = 0
SA: Final = 2


class STEP(Bits):
    """SA as the host reads it: which step, and what step 1 says about the controller."""

    ER = 0x8000, "fatal port or controller error, code in bits 10-0"
    S4 = 0x4000, "step 4 data present"
    S3 = 0x2000, "step 3 data present"
    S2 = 0x1000, "step 2 data present"
    S1 = 0x0800, "step 1 data present"
    NV = 0x0400, "vector cannot be set by the host"
    QB = 0x0200, "22-bit addressing available"
    DI = 0x0100, "enhanced diagnostics: wrap mode and purge/poll test"
    OD = 0x0080, "odd host addresses allowed"
    MP = 0x0040, "mapped buffer descriptors (page tables) supported"
    SF = 0x0020, "special functions supported"
    CN = 0x0010, "node name supported"


class HOST1(Bits):
    """SA as the host writes it in step 1; flags beside ring lengths and vector."""

    VL = 0x8000, "word is valid, must be set"
    WR = 0x4000, "enter diagnostic wrap mode"
    IE = 0x0080, "interrupt on completion of init steps"


class HOST2(Bits):
    """SA as the host writes it in step 2: ring base bits 15-1, and one flag."""

    PI = 0x0001, "adapter purge interrupts wanted"


class HOST3(Bits):
    """SA as the host writes it in step 3: ring base bits 30-16, and one flag."""

    PP = 0x8000, "run the purge/poll test"


class HOST4(Bits):
    """SA as the host writes it in step 4: flags beside the burst."""

    GO = 0x0001, "start normal operation"
    LF = 0x0002, "send a last-fail datagram if one is stored"
    SF = 0x0100, "use special functions"
    NN = 0x0200, "send node name"
    CS = 0x0400, "host offers a controller scratchpad"


# Fields of the host's step words.
COMMAND_RING_SHIFT: Final = 11  # log2 of the number of command descriptors
RESPONSE_RING_SHIFT: Final = 8  # log2 of the number of response descriptors
RING_LENGTH_MASK: Final = 0x7
VECTOR_MASK: Final = 0x007F  # vector / 4; 0 = never interrupt, neither in init nor in operation
VECTOR_SHIFT: Final = 2
RING_BASE_LOW_MASK: Final = 0xFFFE
RING_BASE_HIGH_MASK: Final = 0x7FFF
BURST_SHIFT: Final = 2  # longwords of a bus tenure - 1; 0 = the controller's default
BURST_MASK: Final = 0x00FC

# Fields of the controller's step words.
PORT_TYPE_SHIFT: Final = 8
PORT_TYPE_MASK: Final = 0x0700  # 0 = Unibus or Q-bus
ECHO_MASK: Final = 0x00FF  # step 2 echoes bits 15-8 of the step 1 host word, step 3 bits 7-0
MODEL_SHIFT: Final = 4
MODEL_MASK: Final = 0x07F0
VERSION_MASK: Final = 0x000F
FATAL_CODE_MASK: Final = 0x07FF


class FATAL(Code):
    """Fatal codes: SA reads `STEP.ER | code`, and the port is dead until IP is written."""

    ENVELOPE_READ = 1, "envelope or packet read failure"
    ENVELOPE_WRITE = 2, "envelope or packet write failure"
    ROM_AND_RAM_PARITY = 3, "controller ROM and RAM parity error"
    RAM_PARITY = 4, "controller RAM parity error"
    ROM_PARITY = 5, "controller ROM parity error"
    RING_READ = 6, "ring read failure"
    RING_WRITE = 7, "ring write failure"
    INTERRUPT_MASTER = 8, "interrupt master failure"
    HOST_TIMEOUT = 9, "host access timeout"
    CREDIT_LIMIT = 10, "credit limit exceeded by host"
    BUS_MASTER = 11, "bus master error"
    DIAGNOSTIC = 12, "diagnostic controller fatal error"
    INSTRUCTION_LOOP = 13, "instruction loop timeout"
    CONNECTION_ID = 14, "invalid connection identifier"
    INTERRUPT_WRITE = 15, "interrupt write error"
    MAINTENANCE_REGION = 16, "maintenance read or write: invalid region identifier"
    MAINTENANCE_NOT_LOADABLE = 17, "maintenance write to a non-loadable controller"
    RAM = 18, "controller RAM error, not parity"
    INIT_SEQUENCE = 19, "init sequence error"
    PROTOCOL_INCOMPATIBLE = 20, "high-level protocol incompatibility (bad message type)"
    PURGE_POLL = 21, "purge/poll hardware failure"
    MAPPING_READ = 22, "mapping register (page table) read error"
    MAPPING_ABSENT = 23, "mapped transfer requested, mapping not present"
    RQDX3_T11 = 475, "RQDX3: error of the T-11 processor"
    RQDX3_SND = 476, "RQDX3: SND, internal message error"
    RQDX3_RCV = 477, "RQDX3: RCV, internal message error"
    RQDX3_NO_RESOURCE = 478, "RQDX3: no such resource"


# Ring descriptors: one longword, the address of the message text and two bits.
OWN: Final = 0x80000000  # owned by the controller
FLAG: Final = 0x40000000  # host: interrupt on transition; always set when the controller returns it
ADDRESS_MASK_UNIBUS: Final = 0x0003FFFE
ADDRESS_MASK_QBUS: Final = 0x003FFFFE

# Communications area, offsets from the ring base; the response ring lies at the base itself.
SCRATCHPAD_OFFSET: Final = -16  # looked at only if the host offers one
PURGE_CHANNEL_OFFSET: Final = -5
COMMAND_INTERRUPT_OFFSET: Final = -4  # word, 1 = command ring went from full to not full
RESPONSE_INTERRUPT_OFFSET: Final = -2  # word, 1 = response ring went from empty to not empty
AREA_HEADER_BYTES: Final = 8
DESCRIPTOR_BYTES: Final = 4

ENVELOPE_BYTES: Final = 4  # lie before the text a descriptor points at
RESPONSE_TEXT_BYTES: Final = 60  # the least a host must offer in a response slot
PACKET_BYTES: Final = 64  # RQDX3 and SIMH always read that much of a command: envelope and text

CREDITS_MASK: Final = 0x0F
MESSAGE_TYPE_SHIFT: Final = 4


class MessageType(Code):
    """Bits 7-4 of the envelope's third byte."""

    SEQUENTIAL = 0, "sequential message"
    DATAGRAM = 1, "datagram"
    CREDIT_NOTIFICATION = 2, "credit notification"
    MAINTENANCE = 15, "maintenance"


class ConnectionId(Code):
    """The envelope's last byte: which server."""

    DISK = 0, "disk MSCP"
    TAPE = 1, "tape MSCP"
    DUP = 2, "diagnostic and utilities protocol"
    MAINTENANCE = 255, "maintenance or diagnostic"


# Buffer descriptors.
MAPPED: Final = 0x80000000  # first longword, bit 31: the second longword is a page table's address
PTE_INDEX_SHIFT: Final = 9
PTE_INDEX_MASK: Final = 0x3FFFFE00  # bits 29-9 of the first longword
PAGE_OFFSET_MASK: Final = 0x000001FF
CHANNEL_SHIFT: Final = 24  # buffered datapath of the purge handshake, bits 27-24
CHANNEL_MASK: Final = 0x0F000000
PTE_VALID: Final = 0x80000000
PTE_PFN_MASK: Final = 0x001FFFFF
PAGE_BYTES: Final = 512


class CLASS(Code):
    """Class byte of a controller or unit identifier."""

    CONTROLLER = 1, "mass storage controller"
    DISK = 2, "disk, DEC STD 166"
    TAPE = 3, "tape"
    DISK_STD_144 = 4, "disk, DEC STD 144"
    LOADER = 5, "media loader"


class MODEL(Code):
    """Controller models: in SA step 4 and in the controller identifier."""

    HSC50 = 1, "HSC50, CI"
    UDA50 = 2, "UDA50 (early), Unibus"
    RC25 = 3, "RC25 / KLESI adapter"
    EMULA = 4, "VMS MSCP server"
    TU81 = 5, "TU81 tape, Unibus"
    UDA50A = 6, "UDA50A, Unibus"
    RQDX1 = 7, "RQDX1 / RQDX2, Q-bus"
    TOPS = 8, "TOPS-10/20 server, CI"
    TQK50 = 9, "TK50/TQK50 tape, Q-bus"
    RUX50 = 10, "RUX50, Unibus"
    KFBTA = 12, "KFBTA (AIO)"
    KDA50 = 13, "KDA50, Q-bus"
    TQK70 = 14, "TQK70 tape, Q-bus"
    RV20 = 15, "RV20 optical"
    KRQ50 = 16, "KRQ50 (RRD50 CD), Q-bus"
    KDB50 = 18, "KDB50, VAXBI"
    RQDX3 = 19, "RQDX3, Q-bus"
    RQDX4 = 20, "RQDX4, Q-bus"
    KFQSA_DISK = 21, "KFQSA/DSSI disk"
    KFQSA_TAPE = 22, "KFQSA/DSSI tape"
    KFQSA_DISK_TAPE = 23, "KFQSA/DSSI disk and tape"
    KFQSA_OTHER = 24, "KFQSA/DSSI other"
    TUK50 = 25, "TUK50 tape, Unibus"
    KRU50 = 26, "KRU50 (CD), Unibus"
    KDM70 = 27, "KDM70, XMI"
    TQL70 = 28, "TQL70 tape, Q-bus"
    TM32 = 29, "TM32 tape, Q-bus"
    HSC70 = 32, "HSC70, CI"
    HSC40 = 33, "HSC40, CI"
    HSC60 = 34, "HSC60, CI"
    HSC90 = 35, "HSC90, CI"
    RN20 = 36, "RN20"
    ENE10 = 37, "ENE10"
    TN10 = 38, "TN10"
    HSJ40 = 40, "HSJ40, CI"
    HSC65 = 41, "HSC65, CI"
    HSC95 = 42, "HSC95, CI"
    HSJ80 = 46, "HSJ80, CI"
    KSB50 = 64, "KSB50, VAXBI"
    DEBNT = 65, "DEBNT (TK50), VAXBI"
    TBK70 = 66, "TBK70 tape, VAXBI"
    TBK7L = 68, "TBK7L tape, VAXBI"
    RF30 = 96, "RF30, DSSI"
    RF71 = 97, "RF71, DSSI"
    TF85 = 98, "TF85 tape, DSSI"
    TF70 = 99, "TF70 tape, DSSI"
    RF31 = 100, "RF31, DSSI"
    RF72 = 101, "RF72, DSSI"
    RF73 = 102, "RF73, DSSI"
    RF32 = 103, "RF32, DSSI"  # UNCERTAIN: VMS calls 103 RF32, Ultrix TF70L
    RF35 = 104, "RF35, DSSI"
    RF36 = 108, "RF36, DSSI"
    RF74 = 109, "RF74, DSSI"
    TF86 = 110, "TF86 tape, DSSI"
    HSD20 = 111, "HSD20, DSSI"
    RF75 = 112, "RF75, DSSI"
    RF37 = 114, "RF37, DSSI"
    HSX50 = 128, "HSX50"
    ULTRIX = 248, "Ultrix-32 server"
    SVS = 249, "VAX SVS emulator"
