"""SCSI: command descriptor blocks.  SPC, SBC, MMC.

Integers are big-endian, offsets are bytes.  `flags` is byte 1 of a CDB, as far as it is not a service action.
A field of three bytes is a byte and a word; the names of its parts end in `_high` and `_low`.
"""

from construct import Int8ub, Int16ub, Int32ub, Int64ub, Padding, Struct

_OPCODE = "opcode" / Int8ub * "operation code"
_FLAGS = "flags" / Int8ub
_ACTION = "action" / Int8ub * "service action, bits 4-0"
_GROUP = "group" / Int8ub * "group number, bits 4-0"
_CONTROL = "control" / Int8ub * "NACA, bit 2; FLAG and LINK, bits 1 and 0"

Cdb6 = (
    Struct(
        _OPCODE,
        "lba_high" / Int8ub * "bits 20-16 of the LBA in bits 4-0; before SCSI-3 the LUN in bits 7-5",
        "lba_low" / Int16ub,
        "length" / Int8ub * "blocks; 0: 256",
        _CONTROL,
    )
    * "Six bytes that name blocks: READ(6), WRITE(6), SEEK(6)"
)
Cdb10 = (
    Struct(_OPCODE, _FLAGS, "lba" / Int32ub, _GROUP, "length" / Int16ub, _CONTROL)
    * "Ten bytes that name blocks"
)
Cdb12 = (
    Struct(_OPCODE, _FLAGS, "lba" / Int32ub, "length" / Int32ub, _GROUP, _CONTROL)
    * "Twelve bytes that name blocks"
)
Cdb16 = (
    Struct(_OPCODE, _FLAGS, "lba" / Int64ub, "length" / Int32ub, _GROUP, _CONTROL)
    * "Sixteen bytes that name blocks"
)
CompareAndWriteCdb = (
    Struct(_OPCODE, _FLAGS, "lba" / Int64ub, Padding(3), "length" / Int8ub * "blocks", _GROUP, _CONTROL)
    * "COMPARE AND WRITE"
)
WriteAtomicCdb = (
    Struct(
        _OPCODE,
        _FLAGS,
        "lba" / Int64ub,
        "boundary" / Int16ub,
        "length" / Int16ub * "blocks",
        _GROUP,
        _CONTROL,
    )
    * "WRITE ATOMIC(16)"
)
InquiryCdb = (
    Struct(_OPCODE, _FLAGS, "page" / Int8ub * "page code", "allocation" / Int16ub * "bytes", _CONTROL)
    * "INQUIRY, RECEIVE DIAGNOSTIC RESULTS, SEND DIAGNOSTIC"
)
RequestSenseCdb = (
    Struct(_OPCODE, _FLAGS, Padding(2), "allocation" / Int8ub * "bytes", _CONTROL)
    * "REQUEST SENSE, MODE SELECT(6), PREVENT ALLOW MEDIUM REMOVAL"
)
StartStopCdb = (
    Struct(
        _OPCODE,
        _FLAGS,
        Padding(1),
        "modifier" / Int8ub * "power condition modifier, bits 3-0",
        "start" / Int8ub * "power condition, bits 7-4; NO_FLUSH, LOEJ, START, bits 2-0",
        _CONTROL,
    )
    * "START STOP UNIT"
)
ModeSense6Cdb = (
    Struct(
        _OPCODE,
        _FLAGS,
        "page" / Int8ub * "page control, bits 7-6; page code",
        "subpage" / Int8ub,
        "allocation" / Int8ub * "bytes",
        _CONTROL,
    )
    * "MODE SENSE(6)"
)
ModeSense10Cdb = (
    Struct(
        _OPCODE,
        _FLAGS,
        "page" / Int8ub * "page control, bits 7-6; page code",
        "subpage" / Int8ub,
        Padding(3),
        "allocation" / Int16ub * "bytes",
        _CONTROL,
    )
    * "MODE SENSE(10)"
)
ParameterListCdb = (
    Struct(_OPCODE, _FLAGS, Padding(5), "length" / Int16ub * "bytes", _CONTROL)
    * "MODE SELECT(10), UNMAP, SANITIZE, PERSISTENT RESERVE IN"
)
PersistentReserveOutCdb = (
    Struct(
        _OPCODE,
        _ACTION,
        "scope_type" / Int8ub * "scope, bits 7-4; type, bits 3-0",
        Padding(2),
        "length" / Int32ub * "bytes",
        _CONTROL,
    )
    * "PERSISTENT RESERVE OUT"
)
LogCdb = (
    Struct(
        _OPCODE,
        _FLAGS,
        "page" / Int8ub * "page control, bits 7-6; page code",
        "subpage" / Int8ub,
        Padding(1),
        "pointer" / Int16ub * "parameter pointer",
        "length" / Int16ub * "bytes",
        _CONTROL,
    )
    * "LOG SENSE, LOG SELECT"
)
ReportLunsCdb = (
    Struct(
        _OPCODE,
        Padding(1),
        "select_report" / Int8ub,
        Padding(3),
        "allocation" / Int32ub,
        Padding(1),
        _CONTROL,
    )
    * "REPORT LUNS"
)
MaintenanceInCdb = (
    Struct(
        _OPCODE,
        _ACTION,
        "options" / Int8ub * "RCTD or REPD, bit 7; reporting options, bits 2-0",
        "requested_opcode" / Int8ub,
        "requested_action" / Int16ub,
        "allocation" / Int32ub * "bytes",
        Padding(1),
        _CONTROL,
    )
    * "MAINTENANCE IN"
)
ServiceActionIn16Cdb = (
    Struct(_OPCODE, _ACTION, "lba" / Int64ub, "allocation" / Int32ub * "bytes", _FLAGS, _CONTROL)
    * "SERVICE ACTION IN(16): READ CAPACITY(16), GET LBA STATUS"
)
LongBlock16Cdb = (
    Struct(_OPCODE, _ACTION, "lba" / Int64ub, Padding(2), "length" / Int16ub * "bytes", _FLAGS, _CONTROL)
    * "READ LONG(16), WRITE LONG(16)"
)
CopyCdb = (
    Struct(
        _OPCODE,
        _ACTION,
        "list_identifier" / Int8ub,
        Padding(7),
        "length" / Int32ub * "bytes",
        Padding(1),
        _CONTROL,
    )
    * "EXTENDED COPY, RECEIVE COPY RESULTS"
)
BufferCdb = (
    Struct(
        _OPCODE,
        "mode" / Int8ub * "mode, bits 4-0",
        "buffer" / Int8ub * "buffer ID",
        "offset_high" / Int8ub,
        "offset_low" / Int16ub,
        "length_high" / Int8ub,
        "length_low" / Int16ub,
        _CONTROL,
    )
    * "READ BUFFER, WRITE BUFFER"
)
DefectData10Cdb = (
    Struct(
        _OPCODE,
        Padding(1),
        "request" / Int8ub * "REQ_PLIST, REQ_GLIST, bits 4-3; format",
        Padding(4),
        "allocation" / Int16ub,
        _CONTROL,
    )
    * "READ DEFECT DATA(10)"
)
ReadTocCdb = (
    Struct(
        _OPCODE,
        "flags" / Int8ub * "MSF, bit 1",
        "format" / Int8ub * "0: table of contents, 1: session; before MMC in bits 7-6 of CONTROL",
        Padding(3),
        "first_track" / Int8ub * "first track, or session, of interest",
        "allocation" / Int16ub,
        _CONTROL,
    )
    * "READ TOC"
)
DefectData12Cdb = (
    Struct(
        _OPCODE,
        "request" / Int8ub * "REQ_PLIST, REQ_GLIST, bits 4-3; format",
        "index" / Int32ub,
        "allocation" / Int32ub,
        Padding(1),
        _CONTROL,
    )
    * "READ DEFECT DATA(12)"
)
