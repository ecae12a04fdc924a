"""iSCSI PDUs: the 48-byte basic header segment of each opcode.  RFC 7143 section 11.

Integers are big-endian.  `lengths` holds TotalAHSLength, in words of four bytes, in its highest byte and
DataSegmentLength, in bytes without the padding, in the others.  The LUN is SAM's eight bytes.
"""

from construct import Bytes, Int8ub, Int16ub, Int32ub, Padding, Struct

_OPCODE = "opcode" / Int8ub * "Opcode; 40 hex: immediate"
_LENGTHS = "lengths" / Int32ub * "TotalAHSLength << 24 | DataSegmentLength"
_ITT = "itt" / Int32ub * "initiator task tag"
_TTT = "ttt" / Int32ub * "target transfer tag"
_COMMAND_NUMBERS = ("cmd_sn" / Int32ub * "CmdSN", "exp_stat_sn" / Int32ub * "ExpStatSN")
_NUMBERS = (
    "stat_sn" / Int32ub * "StatSN",
    "exp_cmd_sn" / Int32ub * "ExpCmdSN",
    "max_cmd_sn" / Int32ub * "MaxCmdSN",
)

# Any request, as far as all of them agree.
Request = (
    Struct(
        _OPCODE,
        "flags" / Int8ub * "F, and what the opcode says",
        "specific" / Bytes(2) * "what the opcode says",
        _LENGTHS,
        "lun" / Bytes(8) * "LUN, or what the opcode says",
        _ITT,
        "word5" / Int32ub * "what the opcode says",
        *_COMMAND_NUMBERS,
        Padding(16),
    )
    * "Any request"
)

ScsiCommand = (
    Struct(
        _OPCODE,
        "flags" / Int8ub * "CommandFlag, and the task attribute in bits 2-0",
        Padding(2),
        _LENGTHS,
        "lun" / Bytes(8),
        _ITT,
        "expected_bytes" / Int32ub * "Expected Data Transfer Length",
        *_COMMAND_NUMBERS,
        "cdb" / Bytes(16) * "CDB, filled with zeros",
    )
    * "SCSI Command"
)

ScsiResponse = (
    Struct(
        _OPCODE,
        "flags" / Int8ub * "ResponseFlag",
        "response" / Int8ub * "0: completed at target; 1: target failure",
        "status" / Int8ub * "SCSI status",
        _LENGTHS,
        Padding(8),
        _ITT,
        "snack_tag" / Int32ub,
        *_NUMBERS,
        "exp_data_sn" / Int32ub * "how many Data-In and R2T PDUs were sent",
        "bidirectional_residual" / Int32ub,
        "residual" / Int32ub * "bytes",
    )
    * "SCSI Response"
)

TaskManagementRequest = (
    Struct(
        _OPCODE,
        "function" / Int8ub * "80 hex + TaskManagement",
        Padding(2),
        _LENGTHS,
        "lun" / Bytes(8),
        _ITT,
        "referenced_tag" / Int32ub * "ITT of the task that is meant",
        *_COMMAND_NUMBERS,
        "ref_cmd_sn" / Int32ub * "CmdSN of the task that is meant",
        "exp_data_sn" / Int32ub,
        Padding(8),
    )
    * "Task Management Function Request"
)

TaskManagementResponse = (
    Struct(
        _OPCODE,
        "flags" / Int8ub * "80 hex",
        "response" / Int8ub * "TaskManagementStatus",
        Padding(1),
        _LENGTHS,
        Padding(8),
        _ITT,
        Padding(4),
        *_NUMBERS,
        Padding(12),
    )
    * "Task Management Function Response"
)

DataOut = (
    Struct(
        _OPCODE,
        "flags" / Int8ub * "80 hex: last of its sequence",
        Padding(2),
        _LENGTHS,
        "lun" / Bytes(8),
        _ITT,
        _TTT,
        Padding(4),
        "exp_stat_sn" / Int32ub,
        Padding(4),
        "data_sn" / Int32ub * "DataSN, from 0 in each sequence",
        "offset" / Int32ub * "buffer offset in bytes",
        Padding(4),
    )
    * "SCSI Data-Out"
)

DataIn = (
    Struct(
        _OPCODE,
        "flags" / Int8ub * "DataInFlag",
        Padding(1),
        "status" / Int8ub * "SCSI status, with S",
        _LENGTHS,
        "lun" / Bytes(8) * "with A",
        _ITT,
        _TTT,
        *_NUMBERS,
        "data_sn" / Int32ub * "DataSN, from 0 in each task",
        "offset" / Int32ub * "buffer offset in bytes",
        "residual" / Int32ub * "bytes, with S",
    )
    * "SCSI Data-In"
)

ReadyToTransfer = (
    Struct(
        _OPCODE,
        "flags" / Int8ub * "80 hex",
        Padding(2),
        _LENGTHS,
        "lun" / Bytes(8),
        _ITT,
        _TTT,
        *_NUMBERS,
        "r2t_sn" / Int32ub * "R2TSN, from 0 in each task",
        "offset" / Int32ub * "buffer offset in bytes",
        "desired_bytes" / Int32ub * "Desired Data Transfer Length",
    )
    * "Ready To Transfer (R2T)"
)

AsyncMessage = (
    Struct(
        _OPCODE,
        "flags" / Int8ub * "80 hex",
        Padding(2),
        _LENGTHS,
        "lun" / Bytes(8),
        _ITT,
        Padding(4),
        *_NUMBERS,
        "event" / Int8ub * "AsyncEvent",
        "code" / Int8ub * "AsyncVCode",
        "parameter1" / Int16ub,
        "parameter2" / Int16ub,
        "parameter3" / Int16ub,
        Padding(4),
    )
    * "Asynchronous Message"
)

LoginRequest = (
    Struct(
        _OPCODE,
        "flags" / Int8ub * "LoginFlag, CSG in bits 3-2, NSG in bits 1-0",
        "version_max" / Int8ub,
        "version_min" / Int8ub,
        _LENGTHS,
        "isid" / Bytes(6) * "initiator session identifier",
        "tsih" / Int16ub * "target session identifying handle; 0: a new session",
        _ITT,
        "cid" / Int16ub * "connection identifier",
        Padding(2),
        *_COMMAND_NUMBERS,
        Padding(16),
    )
    * "Login Request"
)

LoginResponse = (
    Struct(
        _OPCODE,
        "flags" / Int8ub * "LoginFlag, CSG in bits 3-2, NSG in bits 1-0",
        "version_max" / Int8ub,
        "version_active" / Int8ub,
        _LENGTHS,
        "isid" / Bytes(6) * "as in the request",
        "tsih" / Int16ub * "the session's, in the last response",
        _ITT,
        Padding(4),
        *_NUMBERS,
        "status" / Int16ub * "LoginStatus: class and detail",
        Padding(10),
    )
    * "Login Response"
)

TextRequest = (
    Struct(
        _OPCODE,
        "flags" / Int8ub * "80 hex: final; 40 hex: the text goes on in the next",
        Padding(2),
        _LENGTHS,
        "lun" / Bytes(8),
        _ITT,
        _TTT,
        *_COMMAND_NUMBERS,
        Padding(16),
    )
    * "Text Request"
)

TextResponse = (
    Struct(
        _OPCODE,
        "flags" / Int8ub * "80 hex: final; 40 hex: the text goes on in the next",
        Padding(2),
        _LENGTHS,
        "lun" / Bytes(8),
        _ITT,
        _TTT,
        *_NUMBERS,
        Padding(12),
    )
    * "Text Response"
)

LogoutRequest = (
    Struct(
        _OPCODE,
        "reason" / Int8ub * "80 hex + LogoutReason",
        Padding(2),
        _LENGTHS,
        Padding(8),
        _ITT,
        "cid" / Int16ub * "the connection that is meant",
        Padding(2),
        *_COMMAND_NUMBERS,
        Padding(16),
    )
    * "Logout Request"
)

LogoutResponse = (
    Struct(
        _OPCODE,
        "flags" / Int8ub * "80 hex",
        "response" / Int8ub * "LogoutStatus",
        Padding(1),
        _LENGTHS,
        Padding(8),
        _ITT,
        Padding(4),
        *_NUMBERS,
        Padding(4),
        "time2wait" / Int16ub * "seconds",
        "time2retain" / Int16ub * "seconds",
        Padding(4),
    )
    * "Logout Response"
)

Reject = (
    Struct(
        _OPCODE,
        "flags" / Int8ub * "80 hex",
        "reason" / Int8ub * "RejectReason",
        Padding(1),
        _LENGTHS,
        Padding(8),
        _ITT,
        Padding(4),
        *_NUMBERS,
        "data_sn" / Int32ub,
        Padding(8),
    )
    * "Reject; the data is the header that was refused"
)

NopOut = (
    Struct(
        _OPCODE,
        "flags" / Int8ub * "80 hex",
        Padding(2),
        _LENGTHS,
        "lun" / Bytes(8),
        _ITT,
        _TTT,
        *_COMMAND_NUMBERS,
        Padding(16),
    )
    * "NOP-Out"
)

NopIn = (
    Struct(
        _OPCODE,
        "flags" / Int8ub * "80 hex",
        Padding(2),
        _LENGTHS,
        "lun" / Bytes(8),
        _ITT,
        _TTT,
        *_NUMBERS,
        Padding(12),
    )
    * "NOP-In"
)

# An AHS; `length` bytes less one follow, filled up to four.
AdditionalHeader = (
    Struct(
        "length" / Int16ub * "bytes behind `type`",
        "type" / Int8ub * "AhsType",
        "specific" / Int8ub * "the first of those bytes",
    )
    * "Additional header segment"
)

# In front of the sense data, in the data segment of a SCSI Response.
SenseLength = Struct("length" / Int16ub * "bytes of sense data that follow") * "Length of sense data"

# SPC, "TransportID for initiator ports using SCSI over iSCSI"; the name follows.
TransportId = (
    Struct(
        "protocol" / Int8ub * "format code 1 in bits 7-6, protocol identifier 5 in bits 3-0",
        Padding(1),
        "length" / Int16ub * "bytes of the name, with its zeros",
    )
    * "TransportID of an iSCSI initiator port"
)
