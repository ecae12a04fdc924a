"""SCSI: operation codes, statuses, sense, attributes, pages.  SAM, SPC and SBC, in the standards' words.

An additional sense code and its qualifier are one number, ASC << 8 | ASCQ.  Integers on the wire are big-endian.
"""

from struct import Struct
from typing import Final

from emu.wire.codes import Bits, Code

TWO_BYTES: Final = Struct(">H")
FOUR_BYTES: Final = Struct(">I")
EIGHT_BYTES: Final = Struct(">Q")


class Opcode(Code):
    """Operation codes."""

    TEST_UNIT_READY = 0x00, "TEST UNIT READY"
    REZERO_UNIT = 0x01, "REZERO UNIT"
    REQUEST_SENSE = 0x03, "REQUEST SENSE"
    FORMAT_UNIT = 0x04, "FORMAT UNIT"
    REASSIGN_BLOCKS = 0x07, "REASSIGN BLOCKS"
    READ_6 = 0x08, "READ(6)"
    WRITE_6 = 0x0A, "WRITE(6)"
    SEEK_6 = 0x0B, "SEEK(6)"
    INQUIRY = 0x12, "INQUIRY"
    MODE_SELECT_6 = 0x15, "MODE SELECT(6)"
    RESERVE_6 = 0x16, "RESERVE(6)"
    RELEASE_6 = 0x17, "RELEASE(6)"
    MODE_SENSE_6 = 0x1A, "MODE SENSE(6)"
    START_STOP_UNIT = 0x1B, "START STOP UNIT"
    RECEIVE_DIAGNOSTIC_RESULTS = 0x1C, "RECEIVE DIAGNOSTIC RESULTS"
    SEND_DIAGNOSTIC = 0x1D, "SEND DIAGNOSTIC"
    PREVENT_ALLOW_MEDIUM_REMOVAL = 0x1E, "PREVENT ALLOW MEDIUM REMOVAL"
    READ_CAPACITY_10 = 0x25, "READ CAPACITY(10)"
    READ_10 = 0x28, "READ(10)"
    WRITE_10 = 0x2A, "WRITE(10)"
    SEEK_10 = 0x2B, "SEEK(10)"
    WRITE_AND_VERIFY_10 = 0x2E, "WRITE AND VERIFY(10)"
    VERIFY_10 = 0x2F, "VERIFY(10)"
    PRE_FETCH_10 = 0x34, "PRE-FETCH(10)"
    SYNCHRONIZE_CACHE_10 = 0x35, "SYNCHRONIZE CACHE(10)"
    READ_DEFECT_DATA_10 = 0x37, "READ DEFECT DATA(10)"
    WRITE_BUFFER = 0x3B, "WRITE BUFFER"
    READ_BUFFER = 0x3C, "READ BUFFER"
    READ_LONG_10 = 0x3E, "READ LONG(10)"
    WRITE_LONG_10 = 0x3F, "WRITE LONG(10)"
    WRITE_SAME_10 = 0x41, "WRITE SAME(10)"
    UNMAP = 0x42, "UNMAP"
    READ_TOC = 0x43, "READ TOC"
    READ_HEADER = 0x44, "READ HEADER"
    SANITIZE = 0x48, "SANITIZE"
    LOG_SELECT = 0x4C, "LOG SELECT"
    LOG_SENSE = 0x4D, "LOG SENSE"
    MODE_SELECT_10 = 0x55, "MODE SELECT(10)"
    RESERVE_10 = 0x56, "RESERVE(10)"
    RELEASE_10 = 0x57, "RELEASE(10)"
    MODE_SENSE_10 = 0x5A, "MODE SENSE(10)"
    PERSISTENT_RESERVE_IN = 0x5E, "PERSISTENT RESERVE IN"
    PERSISTENT_RESERVE_OUT = 0x5F, "PERSISTENT RESERVE OUT"
    EXTENDED_COPY = 0x83, "EXTENDED COPY"
    RECEIVE_COPY_RESULTS = 0x84, "RECEIVE COPY RESULTS"
    READ_16 = 0x88, "READ(16)"
    COMPARE_AND_WRITE = 0x89, "COMPARE AND WRITE"
    WRITE_16 = 0x8A, "WRITE(16)"
    ORWRITE_16 = 0x8B, "ORWRITE(16)"
    WRITE_AND_VERIFY_16 = 0x8E, "WRITE AND VERIFY(16)"
    VERIFY_16 = 0x8F, "VERIFY(16)"
    PRE_FETCH_16 = 0x90, "PRE-FETCH(16)"
    SYNCHRONIZE_CACHE_16 = 0x91, "SYNCHRONIZE CACHE(16)"
    WRITE_SAME_16 = 0x93, "WRITE SAME(16)"
    WRITE_ATOMIC_16 = 0x9C, "WRITE ATOMIC(16)"
    SERVICE_ACTION_IN_16 = 0x9E, "SERVICE ACTION IN(16)"
    SERVICE_ACTION_OUT_16 = 0x9F, "SERVICE ACTION OUT(16)"
    REPORT_LUNS = 0xA0, "REPORT LUNS"
    MAINTENANCE_IN = 0xA3, "MAINTENANCE IN"
    READ_12 = 0xA8, "READ(12)"
    WRITE_12 = 0xAA, "WRITE(12)"
    WRITE_AND_VERIFY_12 = 0xAE, "WRITE AND VERIFY(12)"
    VERIFY_12 = 0xAF, "VERIFY(12)"
    READ_DEFECT_DATA_12 = 0xB7, "READ DEFECT DATA(12)"


class Status(Code):
    """Status bytes."""

    GOOD = 0x00, "GOOD"
    CHECK_CONDITION = 0x02, "CHECK CONDITION"
    CONDITION_MET = 0x04, "CONDITION MET"
    BUSY = 0x08, "BUSY"
    RESERVATION_CONFLICT = 0x18, "RESERVATION CONFLICT"
    TASK_SET_FULL = 0x28, "TASK SET FULL"
    ACA_ACTIVE = 0x30, "ACA ACTIVE"
    TASK_ABORTED = 0x40, "TASK ABORTED"


class SenseKey(Code):
    """Sense keys."""

    NO_SENSE = 0x0, "NO SENSE"
    RECOVERED_ERROR = 0x1, "RECOVERED ERROR"
    NOT_READY = 0x2, "NOT READY"
    MEDIUM_ERROR = 0x3, "MEDIUM ERROR"
    HARDWARE_ERROR = 0x4, "HARDWARE ERROR"
    ILLEGAL_REQUEST = 0x5, "ILLEGAL REQUEST"
    UNIT_ATTENTION = 0x6, "UNIT ATTENTION"
    DATA_PROTECT = 0x7, "DATA PROTECT"
    BLANK_CHECK = 0x8, "BLANK CHECK"
    COPY_ABORTED = 0xA, "COPY ABORTED"
    ABORTED_COMMAND = 0xB, "ABORTED COMMAND"
    VOLUME_OVERFLOW = 0xD, "VOLUME OVERFLOW"
    MISCOMPARE = 0xE, "MISCOMPARE"
    COMPLETED = 0xF, "COMPLETED"


class Asc(Code):
    """Additional sense codes with their qualifiers."""

    NONE = 0x0000, "no additional sense information"
    OPERATION_IN_PROGRESS = 0x0016, "operation in progress"
    NOT_READY_INITIALIZING_COMMAND_REQUIRED = 0x0402, "logical unit not ready, initializing command required"
    FORMAT_IN_PROGRESS = 0x0404, "logical unit not ready, format in progress"
    SANITIZE_IN_PROGRESS = 0x041B, "logical unit not ready, sanitize in progress"
    WRITE_ERROR = 0x0C00, "write error"
    THIRD_PARTY_DEVICE_FAILURE = 0x0D01, "third party device failure"
    COPY_TARGET_NOT_REACHABLE = 0x0D02, "copy target device not reachable"
    UNRECOVERED_READ_ERROR = 0x1100, "unrecovered read error"
    MARKED_BAD_BY_APPLICATION_CLIENT = 0x1114, "read error, LBA marked bad by application client"
    PARAMETER_LIST_LENGTH_ERROR = 0x1A00, "parameter list length error"
    DEFECT_LIST_NOT_FOUND = 0x1C00, "defect list not found"
    MISCOMPARE_DURING_VERIFY = 0x1D00, "miscompare during verify operation"
    INVALID_OPERATION_CODE = 0x2000, "invalid command operation code"
    LBA_OUT_OF_RANGE = 0x2100, "logical block address out of range"
    INVALID_FIELD_IN_CDB = 0x2400, "invalid field in CDB"
    LOGICAL_UNIT_NOT_SUPPORTED = 0x2500, "logical unit not supported"
    INVALID_FIELD_IN_PARAMETER_LIST = 0x2600, "invalid field in parameter list"
    INVALID_RELEASE = 0x2604, "invalid release of persistent reservation"
    TOO_MANY_TARGET_DESCRIPTORS = 0x2606, "too many target descriptors"
    UNSUPPORTED_TARGET_DESCRIPTOR = 0x2607, "unsupported target descriptor type code"
    TOO_MANY_SEGMENT_DESCRIPTORS = 0x2608, "too many segment descriptors"
    UNSUPPORTED_SEGMENT_DESCRIPTOR = 0x2609, "unsupported segment descriptor type code"
    INLINE_DATA_LENGTH_EXCEEDED = 0x260B, "inline data length exceeded"
    WRITE_PROTECTED = 0x2700, "write protected"
    HARDWARE_WRITE_PROTECTED = 0x2701, "hardware write protected"
    SOFTWARE_WRITE_PROTECTED = 0x2702, "logical unit software write protected"
    MEDIUM_MAY_HAVE_CHANGED = 0x2800, "not ready to ready change, medium may have changed"
    RESET = 0x2900, "power on, reset, or bus device reset occurred"
    POWER_ON = 0x2901, "power on occurred"
    SCSI_BUS_RESET = 0x2902, "SCSI bus reset occurred"
    BUS_DEVICE_RESET = 0x2903, "bus device reset function occurred"
    I_T_NEXUS_LOSS = 0x2907, "I_T nexus loss occurred"
    MODE_PARAMETERS_CHANGED = 0x2A01, "mode parameters changed"
    LOG_PARAMETERS_CHANGED = 0x2A02, "log parameters changed"
    RESERVATIONS_PREEMPTED = 0x2A03, "reservations preempted"
    RESERVATIONS_RELEASED = 0x2A04, "reservations released"
    REGISTRATIONS_PREEMPTED = 0x2A05, "registrations preempted"
    CAPACITY_DATA_HAS_CHANGED = 0x2A09, "capacity data has changed"
    COMMAND_SEQUENCE_ERROR = 0x2C00, "command sequence error"
    COMMANDS_CLEARED = 0x2F00, "commands cleared by another initiator"
    FORMAT_COMMAND_FAILED = 0x3101, "format command failed"
    SANITIZE_COMMAND_FAILED = 0x3103, "sanitize command failed"
    ROUNDED_PARAMETER = 0x3700, "rounded parameter"
    NO_DEFECT_SPARE = 0x3200, "no defect spare location available"
    SAVING_PARAMETERS_NOT_SUPPORTED = 0x3900, "saving parameters not supported"
    MEDIUM_NOT_PRESENT = 0x3A00, "medium not present"
    MEDIUM_NOT_PRESENT_TRAY_OPEN = 0x3A02, "medium not present, tray open"
    REPORTED_LUNS_DATA_HAS_CHANGED = 0x3F0E, "reported LUNs data has changed"
    INTERNAL_TARGET_FAILURE = 0x4400, "internal target failure"
    INVALID_MESSAGE = 0x4900, "invalid message error"
    OVERLAPPED_COMMANDS = 0x4E00, "overlapped commands attempted"
    MEDIUM_REMOVAL_PREVENTED = 0x5302, "medium removal prevented"
    INSUFFICIENT_REGISTRATION_RESOURCES = 0x5504, "insufficient registration resources"
    OPERATOR_MEDIUM_REMOVAL_REQUEST = 0x5A01, "operator medium removal request"


class Attribute(Code):
    """Task attributes, with iSCSI's numbers."""

    UNTAGGED = 0, "untagged"
    SIMPLE = 1, "SIMPLE"
    ORDERED = 2, "ORDERED"
    HEAD_OF_QUEUE = 3, "HEAD OF QUEUE"
    ACA = 4, "ACA"


class TaskManagement(Code):
    """Task management functions, with iSCSI's numbers; SAM has none."""

    ABORT_TASK = 1, "ABORT TASK"
    ABORT_TASK_SET = 2, "ABORT TASK SET"
    CLEAR_ACA = 3, "CLEAR ACA"
    CLEAR_TASK_SET = 4, "CLEAR TASK SET"
    LUN_RESET = 5, "LOGICAL UNIT RESET"
    TARGET_WARM_RESET = 6, "TARGET WARM RESET"
    TARGET_COLD_RESET = 7, "TARGET COLD RESET"
    TASK_REASSIGN = 8, "TASK REASSIGN"
    QUERY_TASK = 9, "QUERY TASK"
    QUERY_TASK_SET = 10, "QUERY TASK SET"
    I_T_NEXUS_RESET = 11, "I_T NEXUS RESET"
    QUERY_ASYNCHRONOUS_EVENT = 12, "QUERY ASYNCHRONOUS EVENT"


class Response(Code):
    """Answers to task management functions, with iSCSI's numbers."""

    COMPLETE = 0, "function complete"
    NO_TASK = 1, "task does not exist"
    NO_LUN = 2, "LUN does not exist"
    NOT_SUPPORTED = 5, "function not supported"
    SUCCEEDED = 7, "function succeeded"


class Vpd(Code):
    """Vital product data pages."""

    SUPPORTED_PAGES = 0x00, "supported VPD pages"
    UNIT_SERIAL_NUMBER = 0x80, "unit serial number"
    DEVICE_IDENTIFICATION = 0x83, "device identification"
    EXTENDED_INQUIRY = 0x86, "extended INQUIRY data"
    THIRD_PARTY_COPY = 0x8F, "third-party copy"
    BLOCK_LIMITS = 0xB0, "block limits"
    BLOCK_CHARACTERISTICS = 0xB1, "block device characteristics"
    PROVISIONING = 0xB2, "logical block provisioning"


class ModePage(Code):
    """Mode pages."""

    ERROR_RECOVERY = 0x01, "read-write error recovery"
    DISCONNECT = 0x02, "disconnect-reconnect"
    FORMAT = 0x03, "format device"
    GEOMETRY = 0x04, "rigid disk geometry"
    VERIFY_RECOVERY = 0x07, "verify error recovery"
    CACHING = 0x08, "caching"
    CONTROL = 0x0A, "control"
    CDROM = 0x0D, "CD-ROM device parameters"
    POWER_CONDITION = 0x1A, "power condition"
    EXCEPTIONS = 0x1C, "informational exceptions control"
    DEC_SPECIAL = 0x25, "DEC special function control"
    ALL = 0x3F, "all pages"


class LogPage(Code):
    """Log pages."""

    SUPPORTED = 0x00, "supported log pages"
    WRITE_ERRORS = 0x02, "write error counters"
    READ_ERRORS = 0x03, "read error counters"
    VERIFY_ERRORS = 0x05, "verify error counters"
    NON_MEDIUM_ERRORS = 0x06, "non-medium errors"
    TEMPERATURE = 0x0D, "temperature"
    EXCEPTIONS = 0x2F, "informational exceptions"


class Reservation(Code):
    """Types of persistent reservations."""

    WRITE_EXCLUSIVE = 1, "Write Exclusive"
    EXCLUSIVE_ACCESS = 3, "Exclusive Access"
    WRITE_EXCLUSIVE_REGISTRANTS_ONLY = 5, "Write Exclusive, Registrants Only"
    EXCLUSIVE_ACCESS_REGISTRANTS_ONLY = 6, "Exclusive Access, Registrants Only"
    WRITE_EXCLUSIVE_ALL_REGISTRANTS = 7, "Write Exclusive, All Registrants"
    EXCLUSIVE_ACCESS_ALL_REGISTRANTS = 8, "Exclusive Access, All Registrants"


class ReserveIn(Code):
    """Service actions of PERSISTENT RESERVE IN."""

    READ_KEYS = 0, "READ KEYS"
    READ_RESERVATION = 1, "READ RESERVATION"
    REPORT_CAPABILITIES = 2, "REPORT CAPABILITIES"
    READ_FULL_STATUS = 3, "READ FULL STATUS"


class ReserveOut(Code):
    """Service actions of PERSISTENT RESERVE OUT."""

    REGISTER = 0, "REGISTER"
    RESERVE = 1, "RESERVE"
    RELEASE = 2, "RELEASE"
    CLEAR = 3, "CLEAR"
    PREEMPT = 4, "PREEMPT"
    PREEMPT_AND_ABORT = 5, "PREEMPT AND ABORT"
    REGISTER_AND_IGNORE_EXISTING_KEY = 6, "REGISTER AND IGNORE EXISTING KEY"
    REGISTER_AND_MOVE = 7, "REGISTER AND MOVE"


class Block(Bits):
    """Byte 1 of CDBs that name blocks."""

    PROTECT = 0xE0, "RDPROTECT, WRPROTECT, VRPROTECT"
    DPO = 0x10, "DPO, disable page out"
    FUA = 0x08, "FUA, force unit access"
    UNMAP = 0x08, "UNMAP, of WRITE SAME"
    ANCHOR = 0x10, "ANCHOR, of WRITE SAME"
    BYTCHK = 0x06, "BYTCHK, of VERIFY"
    NDOB = 0x01, "NDOB, no data-out buffer, of WRITE SAME"


LUN_BYTES: Final = 8
REPORT_LUNS_WLUN: Final = 0xC101  # the well-known logical unit REPORT LUNS
NO_LUN: Final = -1
_METHOD_SHIFT: Final = 14
_FLAT_BITS: Final = 0x3FFF
_PERIPHERAL: Final = 0
_FLAT: Final = 1


def lun_number(field: bytes | memoryview) -> int:
    """Read SAM's eight-byte LUN: a number below 16384, REPORT_LUNS_WLUN, or NO_LUN for a form that we have not."""
    (first,) = TWO_BYTES.unpack_from(field)
    if any(field[2:LUN_BYTES]):
        return NO_LUN
    method = first >> _METHOD_SHIFT
    if method == _PERIPHERAL:
        return int(first) if first < 256 else NO_LUN  # another bus
    if method == _FLAT:
        return int(first & _FLAT_BITS)
    return REPORT_LUNS_WLUN if first == REPORT_LUNS_WLUN else NO_LUN


def lun_field(number: int) -> bytes:
    """Write a LUN: peripheral device addressing below 256, flat space from there on."""
    if 256 <= number <= _FLAT_BITS:
        number |= _FLAT << _METHOD_SHIFT
    return TWO_BYTES.pack(number) + bytes(LUN_BYTES - 2)


CDB_BYTES: Final = (
    6,
    10,
    10,
    0,
    16,
    12,
    0,
    0,
)  # by the group, bits 7-5 of the operation code; 0: not told by it


def cdb_length(opcode: int) -> int:
    """Return the length of a CDB in bytes as its group has it; 10 where the group does not tell."""
    return CDB_BYTES[opcode >> 5] or 10


def guilty_bit(cdb: bytes, forbidden: int) -> tuple[int, int] | None:
    """Find the first bit of a CDB that must be zero and is not: (byte, bit), bit 7 the highest; None if all are well.

    forbidden: the mask of such bits, the CDB taken as one number.
    """
    wrong = int.from_bytes(cdb, "big") & forbidden
    if not wrong:
        return None
    place = len(cdb) * 8 - wrong.bit_length()
    return place >> 3, 7 - (place & 7)


def bit_mask(octets: bytes) -> int:
    """Take octets as one number, as `guilty_bit` wants its mask."""
    return int.from_bytes(octets, "big")


def merged_bits(one: bytes, other: bytes) -> bytes:
    """Return the bits that are in either of two equally long strings: what ORWRITE writes."""
    number = int.from_bytes(one, "big") | int.from_bytes(other, "big")
    return number.to_bytes(len(one), "big")
