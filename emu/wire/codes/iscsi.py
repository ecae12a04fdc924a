"""iSCSI: opcodes, flags, stages, reasons.  RFC 7143; the numbers of section 11, the limits of section 13."""

from typing import Final

from emu.wire.codes import Bits, Code

HEADER_BYTES: Final = 48
DIGEST_BYTES: Final = 4
LENGTH_MASK: Final = 0x00FF_FFFF  # DataSegmentLength
AHS_SHIFT: Final = 24
AHS_WORD_BYTES: Final = 4
PAD_BYTES: Final = 4  # a data segment is filled with zeros to a multiple of it
RESERVED_TAG: Final = 0xFFFF_FFFF
NUMBER_MASK: Final = 0xFFFF_FFFF
NUMBER_SIGN: Final = 0x8000_0000  # RFC 1982: a is before b if (a - b) modulo 2^32 has this bit

OPCODE_MASK: Final = 0x3F
IMMEDIATE: Final = 0x40
FINAL: Final = 0x80
CONTINUE: Final = 0x40
ATTRIBUTE_MASK: Final = 0x07
FUNCTION_MASK: Final = 0x7F
CSG_SHIFT: Final = 2
STAGE_MASK: Final = 3

ISCSI_PORT: Final = 3260
NAME_BYTES: Final = 223
KEY_BYTES: Final = 63
DEFAULT_SEGMENT_BYTES: Final = 8192  # MaxRecvDataSegmentLength until it is declared, and during login
VERSION: Final = 0


class Opcode(Code):
    """What a PDU is; below 20 hex from the initiator, from there on from the target."""

    NOP_OUT = 0x00, "NOP-Out"
    SCSI_COMMAND = 0x01, "SCSI Command"
    TASK_MANAGEMENT_REQUEST = 0x02, "Task Management Function Request"
    LOGIN_REQUEST = 0x03, "Login Request"
    TEXT_REQUEST = 0x04, "Text Request"
    DATA_OUT = 0x05, "SCSI Data-Out"
    LOGOUT_REQUEST = 0x06, "Logout Request"
    SNACK = 0x10, "SNACK Request"
    NOP_IN = 0x20, "NOP-In"
    SCSI_RESPONSE = 0x21, "SCSI Response"
    TASK_MANAGEMENT_RESPONSE = 0x22, "Task Management Function Response"
    LOGIN_RESPONSE = 0x23, "Login Response"
    TEXT_RESPONSE = 0x24, "Text Response"
    DATA_IN = 0x25, "SCSI Data-In"
    LOGOUT_RESPONSE = 0x26, "Logout Response"
    R2T = 0x31, "Ready To Transfer"
    ASYNC = 0x32, "Asynchronous Message"
    REJECT = 0x3F, "Reject"


class CommandFlag(Bits):
    """Flags of SCSI Command."""

    FINAL = 0x80, "no unsolicited Data-Out follows"
    READ = 0x40, "data is expected"
    WRITE = 0x20, "data is there to be sent"


class ResponseFlag(Bits):
    """Flags of SCSI Response and of Data-In with status."""

    FINAL = 0x80, "always set in a response; last of its sequence in Data-In"
    ACKNOWLEDGE = 0x40, "Data-In: answer with a SNACK of type DataACK"
    OVERFLOW = 0x04, "the command had so many bytes more than were expected"
    UNDERFLOW = 0x02, "so many bytes of what was expected did not move"
    STATUS = 0x01, "Data-In: status and StatSN are there, no response follows"


class TaskManagement(Code):
    """Task management functions; RFC 7143, and 9 to 12 of RFC 7144."""

    ABORT_TASK = 1, "ABORT TASK"
    ABORT_TASK_SET = 2, "ABORT TASK SET"
    CLEAR_ACA = 3, "CLEAR ACA"
    CLEAR_TASK_SET = 4, "CLEAR TASK SET"
    LOGICAL_UNIT_RESET = 5, "LOGICAL UNIT RESET"
    TARGET_WARM_RESET = 6, "TARGET WARM RESET"
    TARGET_COLD_RESET = 7, "TARGET COLD RESET"
    TASK_REASSIGN = 8, "TASK REASSIGN"
    QUERY_TASK = 9, "QUERY TASK"
    QUERY_TASK_SET = 10, "QUERY TASK SET"
    I_T_NEXUS_RESET = 11, "I_T NEXUS RESET"
    QUERY_ASYNC_EVENT = 12, "QUERY ASYNCHRONOUS EVENT"


class TaskManagementStatus(Code):
    """What came of a task management function."""

    COMPLETE = 0, "function complete"
    NO_TASK = 1, "task does not exist"
    NO_LUN = 2, "LUN does not exist"
    STILL_ALLEGIANT = 3, "task still allegiant"
    REASSIGN_UNSUPPORTED = 4, "task allegiance reassignment not supported"
    UNSUPPORTED = 5, "task management function not supported"
    UNAUTHORIZED = 6, "function authorization failed"
    SUCCEEDED = 7, "function succeeded"
    REJECTED = 255, "function rejected"


class LoginFlag(Bits):
    """Flags of Login Request and Login Response."""

    TRANSIT = 0x80, "T: go to the next stage"
    CONTINUE = 0x40, "C: the text goes on in the next PDU"


class Stage(Code):
    """Stages of a login."""

    SECURITY = 0, "SecurityNegotiation"
    OPERATIONAL = 1, "LoginOperationalNegotiation"
    FULL_FEATURE = 3, "FullFeaturePhase"


class LoginStatus(Code):
    """Status class and detail of a Login Response."""

    SUCCESS = 0x0000, "success"
    TARGET_MOVED_TEMPORARILY = 0x0101, "target moved temporarily"
    TARGET_MOVED_PERMANENTLY = 0x0102, "target moved permanently"
    INITIATOR_ERROR = 0x0200, "initiator error"
    AUTHENTICATION_FAILURE = 0x0201, "authentication failure"
    AUTHORIZATION_FAILURE = 0x0202, "authorization failure"
    NOT_FOUND = 0x0203, "target not found"
    TARGET_REMOVED = 0x0204, "target removed"
    UNSUPPORTED_VERSION = 0x0205, "unsupported version"
    TOO_MANY_CONNECTIONS = 0x0206, "too many connections"
    MISSING_PARAMETER = 0x0207, "missing parameter"
    CANNOT_INCLUDE = 0x0208, "can't include in session"
    SESSION_TYPE_UNSUPPORTED = 0x0209, "session type not supported"
    SESSION_DOES_NOT_EXIST = 0x020A, "session does not exist"
    INVALID_DURING_LOGIN = 0x020B, "invalid during login"
    TARGET_ERROR = 0x0300, "target error"
    SERVICE_UNAVAILABLE = 0x0301, "service unavailable"
    OUT_OF_RESOURCES = 0x0302, "out of resources"


class LogoutReason(Code):
    """Why an initiator leaves."""

    CLOSE_SESSION = 0, "close the session"
    CLOSE_CONNECTION = 1, "close the connection"
    REMOVE_FOR_RECOVERY = 2, "remove the connection for recovery"


class LogoutStatus(Code):
    """What came of a logout."""

    CLOSED = 0, "closed successfully"
    CID_NOT_FOUND = 1, "CID not found"
    RECOVERY_UNSUPPORTED = 2, "connection recovery not supported"
    CLEANUP_FAILED = 3, "cleanup failed"


class RejectReason(Code):
    """Why a PDU is refused."""

    DATA_DIGEST_ERROR = 0x02, "data (payload) digest error"
    SNACK_REJECT = 0x03, "SNACK reject"
    PROTOCOL_ERROR = 0x04, "protocol error"
    COMMAND_NOT_SUPPORTED = 0x05, "command not supported"
    TOO_MANY_IMMEDIATE_COMMANDS = 0x06, "too many immediate commands"
    TASK_IN_PROGRESS = 0x07, "task in progress"
    INVALID_DATA_ACK = 0x08, "invalid data ack"
    INVALID_PDU_FIELD = 0x09, "invalid PDU field"
    LONG_OPERATION_REJECT = 0x0A, "long operation reject"
    WAITING_FOR_LOGOUT = 0x0C, "waiting for logout"


class AsyncEvent(Code):
    """What an Asynchronous Message tells."""

    SCSI = 0, "a SCSI asynchronous event; sense data follows"
    LOGOUT = 1, "the target asks for a logout within parameter3 seconds"
    DROP_CONNECTION = 2, "the target drops connection parameter1"
    DROP_SESSION = 3, "the target drops all connections of the session"
    NEGOTIATE = 4, "the target asks for a negotiation within parameter3 seconds"
    VENDOR = 255, "vendor-specific"


class AhsType(Code):
    """Additional header segments."""

    EXTENDED_CDB = 1, "the CDB's bytes from the 16th on"
    BIDIRECTIONAL_READ_LENGTH = 2, "Expected Bidirectional Read Data Transfer Length"
