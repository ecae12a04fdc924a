"""The parallel SCSI bus: phases and messages (SCSI-2 and SPI).

A phase is the three lines MSG, C/D, I/O read as one number; the same number stands in SCRIPTS
instructions and in the low bits of a host adapter's SBCL, SOCL and SSTAT1.
"""

from typing import Final

from emu.wire.codes import Code


class PHASE(Code):
    """Information transfer phases; bit 0 is I/O: odd ones bring bytes to the initiator."""

    DATA_OUT = 0, "data, initiator to target"
    DATA_IN = 1, "data, target to initiator"
    COMMAND = 2, "command descriptor block"
    STATUS = 3, "status byte"
    RESERVED_OUT = 4, "reserved"
    RESERVED_IN = 5, "reserved"
    MESSAGE_OUT = 6, "messages, initiator to target"
    MESSAGE_IN = 7, "messages, target to initiator"


INBOUND: Final = 1  # bit of a phase: target to initiator


class MESSAGE(Code):
    """First bytes of messages below IDENTIFY."""

    COMMAND_COMPLETE = 0x00, "the task is done, BUS FREE follows"
    EXTENDED = 0x01, "length and code follow"
    SAVE_DATA_POINTER = 0x02, "saved pointer := current pointer"
    RESTORE_POINTERS = 0x03, "current pointer := saved pointer"
    DISCONNECT = 0x04, "BUS FREE follows, the task goes on"
    INITIATOR_DETECTED_ERROR = 0x05, "parity or other error, try again"
    ABORT = 0x06, "end all tasks of this nexus on the logical unit"
    MESSAGE_REJECT = 0x07, "the last message is not understood"
    NO_OPERATION = 0x08, "nothing"
    MESSAGE_PARITY_ERROR = 0x09, "the last message came with bad parity"
    LINKED_COMMAND_COMPLETE = 0x0A, "the next command of a chain follows"
    LINKED_COMMAND_COMPLETE_WITH_FLAG = 0x0B, "the same, with flag"
    BUS_DEVICE_RESET = 0x0C, "target reset"
    ABORT_TAG = 0x0D, "end the current task"
    CLEAR_QUEUE = 0x0E, "end all tasks of all initiators on the logical unit"
    INITIATE_RECOVERY = 0x0F, "extended contingent allegiance begins"
    RELEASE_RECOVERY = 0x10, "extended contingent allegiance ends"
    TERMINATE_IO_PROCESS = 0x11, "end the current task soon"
    CLEAR_ACA = 0x16, "auto contingent allegiance ends"
    LOGICAL_UNIT_RESET = 0x17, "reset of one logical unit"
    SIMPLE_QUEUE_TAG = 0x20, "tag follows"
    HEAD_OF_QUEUE_TAG = 0x21, "tag follows"
    ORDERED_QUEUE_TAG = 0x22, "tag follows"
    IGNORE_WIDE_RESIDUE = 0x23, "count follows"
    ACA = 0x24, "tag follows, to be run under auto contingent allegiance"


class EXTENDED(Code):
    """Codes of extended messages: 01, length, code."""

    MODIFY_DATA_POINTER = 0x00, "signed 32-bit displacement"
    SDTR = 0x01, "synchronous data transfer request: period, offset"
    EXTENDED_IDENTIFY = 0x02, "SCSI-1"
    WDTR = 0x03, "wide data transfer request: width"
    PPR = 0x04, "parallel protocol request"


IDENTIFY: Final = 0x80
DISCONNECT_PRIVILEGE: Final = 0x40  # IDENTIFY of an initiator: the target may disconnect
TARGET_ROUTINE: Final = 0x20
LUN_MASK: Final = 0x07

TWO_BYTE_MESSAGES: Final = range(0x20, 0x30)
PERIOD_UNIT_NS: Final = 4  # of SDTR
FAST_PERIOD: Final = 0x19  # 100 ns, 10 million transfers a second
# By opcode bits 7-5.  UNCERTAIN: nobody says how long commands of the groups 3, 6 and 7 are (but for opcode 7F).
CDB_BYTES: Final = (6, 10, 10, 10, 16, 12, 6, 6)
