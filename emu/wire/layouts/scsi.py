"""SCSI: command descriptor blocks, parameter data, sense.  SPC and SBC.

Integers are big-endian, offsets are bytes.  `flags` is byte 1 of a CDB, as far as it is not a service action.
A field of three bytes is a byte and a word; the names of its parts end in `_high` and `_low`.
"""

from construct import Bytes, Int8ub, Int16ub, Int32ub, Int64ub, Padding, Struct

_OPCODE = "opcode" / Int8ub * "operation code"
_FLAGS = "flags" / Int8ub
_ACTION = "action" / Int8ub * "service action, bits 4-0"
_GROUP = "group" / Int8ub * "group number, bits 4-0"
_CONTROL = "control" / Int8ub * "NACA, bit 2; FLAG and LINK, bits 1 and 0"

# ---- command descriptor blocks

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

# ---- sense

FixedSense = (
    Struct(
        "response" / Int8ub * "VALID, bit 7; 70 or 71 hex",
        Padding(1),
        "key" / Int8ub * "FILEMARK, EOM, ILI, bits 7-5; sense key, bits 3-0",
        "information" / Int32ub,
        "length" / Int8ub * "additional sense length, 10",
        "command_specific" / Int32ub,
        "asc" / Int16ub * "additional sense code and qualifier",
        "fru" / Int8ub * "field replaceable unit code",
        "specific" / Int8ub * "SKSV, bit 7; C/D, bit 6; BPV, bit 3; bit pointer",
        "pointer" / Int16ub * "field pointer, or progress of 65536",
    )
    * "Fixed format sense data"
)
DescriptorSense = (
    Struct(
        "response" / Int8ub * "72 or 73 hex",
        "key" / Int8ub,
        "asc" / Int16ub * "additional sense code and qualifier",
        Padding(3),
        "length" / Int8ub * "bytes of descriptors",
    )
    * "Header of descriptor format sense data"
)
InformationDescriptor = (
    Struct(
        "type" / Int8ub * "0 information, 1 command-specific",
        "length" / Int8ub * "10",
        "valid" / Int8ub * "VALID, bit 7, of information",
        Padding(1),
        "information" / Int64ub,
    )
    * "Information or command-specific sense data descriptor"
)
SpecificDescriptor = (
    Struct(
        "type" / Int8ub * "2",
        "length" / Int8ub * "6",
        Padding(2),
        "specific" / Int8ub * "SKSV, bit 7; C/D, bit 6; BPV, bit 3; bit pointer",
        "pointer" / Int16ub,
        Padding(1),
    )
    * "Sense key specific sense data descriptor"
)
BlockDescriptorOfSense = (
    Struct("type" / Int8ub * "5", "length" / Int8ub * "2", Padding(1), "flags" / Int8ub * "ILI, bit 5")
    * "Block commands sense data descriptor"
)

# ---- INQUIRY

StandardInquiry = (
    Struct(
        "device" / Int8ub * "peripheral qualifier, bits 7-5; device type",
        "removable" / Int8ub * "RMB, bit 7",
        "version" / Int8ub,
        "format" / Int8ub * "NormACA, HISUP, bits 5-4; response data format",
        "length" / Int8ub * "additional length",
        "flags5" / Int8ub * "TPGS, bits 5-4; 3PC, bit 3; PROTECT, bit 0",
        "flags6" / Int8ub * "MULTIP, bit 4",
        "flags7" / Int8ub * "CMDQUE, bit 1",
        "vendor" / Bytes(8) * "ASCII, blank filled",
        "product" / Bytes(16) * "ASCII, blank filled",
        "revision" / Bytes(4) * "ASCII",
    )
    * "First 36 bytes of standard INQUIRY data"
)
StandardInquiryTail = (
    Struct(
        "vendor_specific" / Bytes(20),
        Padding(2),
        "versions" / Bytes(16) * "eight version descriptors",
        Padding(22),
    )
    * "Standard INQUIRY data, bytes 36 to 95"
)
VpdHeader = (
    Struct("device" / Int8ub, "page" / Int8ub, "length" / Int16ub * "bytes behind this")
    * "Header of a vital product data page"
)
DesignatorHeader = (
    Struct(
        "code_set" / Int8ub * "protocol identifier, bits 7-4; code set",
        "type" / Int8ub * "PIV, bit 7; association, bits 5-4; designator type",
        Padding(1),
        "length" / Int8ub,
    )
    * "Header of a designator of VPD page 83"
)
ExtendedInquiry = (
    Struct(
        "checks" / Int8ub,
        "queueing" / Int8ub * "HEADSUP, ORDSUP, SIMPSUP, bits 2-0",
        "volatile" / Int8ub * "NV_SUP, V_SUP, bits 1-0",
        Padding(57),
    )
    * "Extended INQUIRY data, behind the header"
)
BlockLimits = (
    Struct(
        "wsnz" / Int8ub * "WSNZ, bit 0",
        "compare_and_write" / Int8ub * "maximum COMPARE AND WRITE length, blocks",
        "granularity" / Int16ub * "optimal transfer length granularity",
        "maximum" / Int32ub * "maximum transfer length, blocks",
        "optimal" / Int32ub * "optimal transfer length",
        "prefetch" / Int32ub * "maximum prefetch length",
        "unmap_blocks" / Int32ub * "maximum UNMAP LBA count",
        "unmap_descriptors" / Int32ub * "maximum UNMAP block descriptor count",
        "unmap_granularity" / Int32ub,
        "unmap_alignment" / Int32ub * "UGAVALID, bit 31",
        "write_same" / Int64ub * "maximum WRITE SAME length",
        "atomic" / Int32ub * "maximum atomic transfer length",
        "atomic_alignment" / Int32ub,
        "atomic_granularity" / Int32ub,
        "atomic_with_boundary" / Int32ub,
        "atomic_boundary" / Int32ub,
    )
    * "Block limits, behind the header"
)
BlockCharacteristics = (
    Struct(
        "rotation" / Int16ub * "rpm; 0 not told, 1 non-rotating",
        "product_type" / Int8ub,
        "form_factor" / Int8ub * "WABEREQ, WACEREQ, bits 7-4; form factor, 2: 3.5 inches",
        "flags" / Int8ub,
        Padding(55),
    )
    * "Block device characteristics, behind the header"
)
Provisioning = (
    Struct(
        "threshold" / Int8ub * "threshold exponent",
        "flags" / Int8ub * "LBPU, LBPWS, LBPWS10, bits 7-5; LBPRZ, bit 2; ANC_SUP, bit 1",
        "type" / Int8ub * "0 full, 1 resource, 2 thin",
        Padding(1),
    )
    * "Logical block provisioning, behind the header"
)
CopyDescriptorHeader = (
    Struct("type" / Int16ub, "length" / Int16ub) * "Header of a third-party copy descriptor, VPD page 8F"
)

# ---- capacity and provisioning

Capacity10 = Struct("last_lba" / Int32ub, "block_bytes" / Int32ub) * "READ CAPACITY(10) data"
Capacity16 = (
    Struct(
        "last_lba" / Int64ub,
        "block_bytes" / Int32ub,
        "protection" / Int8ub * "P_TYPE, PROT_EN",
        "exponent" / Int8ub * "logical blocks per physical block exponent",
        "provisioning" / Int16ub * "LBPME, LBPRZ, bits 15-14; lowest aligned LBA",
        Padding(16),
    )
    * "READ CAPACITY(16) data"
)
UnmapHeader = (
    Struct("length" / Int16ub * "bytes behind this", "descriptor_bytes" / Int16ub, Padding(4))
    * "Header of the UNMAP parameter list"
)
UnmapDescriptor = Struct("lba" / Int64ub, "count" / Int32ub, Padding(4)) * "UNMAP block descriptor"
LbaStatusHeader = (
    Struct("length" / Int32ub * "bytes behind this", Padding(4)) * "Header of GET LBA STATUS data"
)
LbaStatusDescriptor = (
    Struct(
        "lba" / Int64ub,
        "count" / Int32ub,
        "status" / Int8ub * "0 mapped, 1 deallocated, 2 anchored",
        Padding(3),
    )
    * "LBA status descriptor"
)

# ---- mode pages

ModeHeader6 = (
    Struct(
        "length" / Int8ub * "mode data length: bytes behind this",
        "medium" / Int8ub * "medium type",
        "device_specific" / Int8ub * "WP, bit 7; DPOFUA, bit 4",
        "descriptor_length" / Int8ub,
    )
    * "Mode parameter header of the six-byte commands"
)
ModeHeader10 = (
    Struct(
        "length" / Int16ub * "mode data length: bytes behind this",
        "medium" / Int8ub * "medium type",
        "device_specific" / Int8ub * "WP, bit 7; DPOFUA, bit 4",
        "long_lba" / Int8ub * "LONGLBA, bit 0",
        Padding(1),
        "descriptor_length" / Int16ub,
    )
    * "Mode parameter header of the ten-byte commands"
)
ShortBlockDescriptor = (
    Struct(
        "blocks" / Int32ub * "density code, bits 31-24; number of blocks",
        "block_bytes" / Int32ub * "block length, bits 23-0",
    )
    * "Short LBA mode parameter block descriptor"
)
LongBlockDescriptor = (
    Struct("blocks" / Int64ub, Padding(4), "block_bytes" / Int32ub)
    * "Long LBA mode parameter block descriptor"
)
_PAGE = (
    "code" / Int8ub * "PS, SPF, bits 7-6; page code",
    "length" / Int8ub * "bytes behind this",
)
ErrorRecoveryPage = (
    Struct(
        *_PAGE,
        "flags" / Int8ub * "AWRE, ARRE, TB, RC, EER, PER, DTE, DCR",
        "read_retries" / Int8ub,
        Padding(4),
        "write_retries" / Int8ub,
        Padding(1),
        "time_limit" / Int16ub * "recovery time limit, ms",
    )
    * "Mode page 01, read-write error recovery"
)
DisconnectPage = (
    Struct(
        *_PAGE,
        "full_ratio" / Int8ub,
        "empty_ratio" / Int8ub,
        "inactivity" / Int16ub * "bus inactivity limit, 100 us",
        "disconnect" / Int16ub * "disconnect time limit",
        "connect" / Int16ub * "connect time limit",
        "burst" / Int16ub * "maximum burst size, 512 bytes",
        "flags" / Int8ub,
        Padding(1),
        "first_burst" / Int16ub,
    )
    * "Mode page 02, disconnect-reconnect"
)
FormatPage = (
    Struct(
        *_PAGE,
        "tracks_per_zone" / Int16ub,
        "spare_sectors" / Int16ub * "alternate sectors per zone",
        "spare_tracks" / Int16ub * "alternate tracks per zone",
        "unit_spare_tracks" / Int16ub * "alternate tracks per logical unit",
        "sectors" / Int16ub * "sectors per track",
        "sector_bytes" / Int16ub,
        "interleave" / Int16ub,
        "track_skew" / Int16ub,
        "cylinder_skew" / Int16ub,
        "flags" / Int8ub * "SSEC, HSEC, RMB, SURF, bits 7-4",
        Padding(3),
    )
    * "Mode page 03, format device"
)
GeometryPage = (
    Struct(
        *_PAGE,
        "cylinders_high" / Int8ub,
        "cylinders_low" / Int16ub,
        "heads" / Int8ub,
        Padding(11),
        "rpl" / Int8ub,
        "rotational_offset" / Int8ub,
        Padding(1),
        "rotation" / Int16ub * "rpm",
        Padding(2),
    )
    * "Mode page 04, rigid disk geometry"
)
VerifyRecoveryPage = (
    Struct(
        *_PAGE,
        "flags" / Int8ub * "EER, PER, DTE, DCR, bits 3-0",
        "retries" / Int8ub,
        Padding(6),
        "time_limit" / Int16ub * "recovery time limit, ms",
    )
    * "Mode page 07, verify error recovery"
)
CachingPage = (
    Struct(
        *_PAGE,
        "flags" / Int8ub * "WCE, bit 2; RCD, bit 0",
        "retention" / Int8ub,
        "no_prefetch" / Int16ub * "disable pre-fetch transfer length",
        "minimum" / Int16ub * "minimum pre-fetch",
        "maximum" / Int16ub * "maximum pre-fetch",
        "ceiling" / Int16ub * "maximum pre-fetch ceiling",
        "flags12" / Int8ub,
        "segments" / Int8ub,
        "segment_size" / Int16ub,
        Padding(4),
    )
    * "Mode page 08, caching"
)
ControlPage = (
    Struct(
        *_PAGE,
        "flags2" / Int8ub * "TST, bits 7-5; D_SENSE, bit 2; GLTSD, bit 1; RLEC, bit 0",
        "queueing" / Int8ub * "queue algorithm modifier, bits 7-4; QERR, bits 2-1; DQue, bit 0",
        "flags4" / Int8ub * "SWP, bit 3",
        "flags5" / Int8ub * "TAS, bit 6",
        Padding(2),
        "busy" / Int16ub * "busy timeout period, 100 ms",
        "self_test" / Int16ub * "extended self-test completion time, s",
    )
    * "Mode page 0A, control"
)
ControlExtensionPage = (
    Struct(
        "code" / Int8ub * "PS, SPF, bits 7-6; page code",
        "subpage" / Int8ub,
        "length" / Int16ub * "bytes behind this",
        "flags" / Int8ub * "TCMOS, SCSIP, IALUAE, bits 2-0",
        "priority" / Int8ub * "initial command priority",
        Padding(26),
    )
    * "Mode page 0A/01, control extension"
)
PowerConditionPage = (
    Struct(
        *_PAGE,
        Padding(1),
        "flags" / Int8ub * "IDLE, STANDBY, bits 1-0",
        "idle" / Int32ub * "idle condition timer, 100 ms",
        "standby" / Int32ub * "standby condition timer, 100 ms",
    )
    * "Mode page 1A, power condition"
)
ExceptionsPage = (
    Struct(
        *_PAGE,
        "flags" / Int8ub * "DEXCPT, bit 3; TEST, bit 2",
        "mrie" / Int8ub * "method of reporting, bits 3-0",
        "interval" / Int32ub * "interval timer, 100 ms",
        "count" / Int32ub * "report count",
    )
    * "Mode page 1C, informational exceptions control"
)
CdromPage = (
    Struct(
        *_PAGE,
        Padding(1),
        "inactivity" / Int8ub * "inactivity timer multiplier",
        "seconds" / Int16ub * "MSF-S units of one MSF-M unit",
        "frames" / Int16ub * "MSF-F units of one MSF-S unit",
    )
    * "Mode page 0D, CD-ROM device parameters"
)
DecSpecialPage = Struct(*_PAGE, "flags" / Int8ub, Padding(22)) * "Mode page 25, DEC special function control"

# ---- log pages

LogHeader = (
    Struct(
        "page" / Int8ub * "DS, SPF, bits 7-6; page code",
        "subpage" / Int8ub,
        "length" / Int16ub * "bytes behind this",
    )
    * "Header of a log page"
)
LogParameter = (
    Struct("code" / Int16ub * "parameter code", "control" / Int8ub, "length" / Int8ub * "bytes behind this")
    * "Header of a log parameter"
)

# ---- persistent reservations

ReserveOutList = (
    Struct(
        "key" / Int64ub * "reservation key",
        "action_key" / Int64ub * "service action reservation key",
        Padding(4),
        "flags" / Int8ub * "SPEC_I_PT, bit 3; ALL_TG_PT, bit 2; APTPL, bit 0",
        Padding(3),
    )
    * "PERSISTENT RESERVE OUT parameter list"
)
RegisterAndMoveList = (
    Struct(
        "key" / Int64ub * "reservation key",
        "action_key" / Int64ub * "service action reservation key",
        Padding(1),
        "flags" / Int8ub * "UNREG, bit 1; APTPL, bit 0",
        "port" / Int16ub * "relative target port identifier",
        "transport_id_length" / Int32ub,
    )
    * "REGISTER AND MOVE parameter list, before the TransportID"
)
ReserveInHeader = (
    Struct("generation" / Int32ub * "PRgeneration", "length" / Int32ub * "additional length")
    * "Header of PERSISTENT RESERVE IN data"
)
ReservationDescriptor = (
    Struct(
        "key" / Int64ub,
        Padding(5),
        "scope_type" / Int8ub * "scope, bits 7-4; type, bits 3-0",
        Padding(2),
    )
    * "READ RESERVATION descriptor"
)
FullStatusDescriptor = (
    Struct(
        "key" / Int64ub,
        Padding(4),
        "flags" / Int8ub * "ALL_TG_PT, R_HOLDER, bits 1-0",
        "scope_type" / Int8ub * "scope, bits 7-4; type, bits 3-0",
        Padding(4),
        "port" / Int16ub * "relative target port identifier",
        "transport_id_length" / Int32ub,
    )
    * "READ FULL STATUS descriptor, before the TransportID"
)
ReserveCapabilities = (
    Struct(
        "length" / Int16ub * "8",
        "flags2" / Int8ub * "RLR_C, bit 7; CRH, bit 4; SIP_C, bit 3; ATP_C, bit 2; PTPL_C, bit 0",
        "flags3" / Int8ub * "TMV, bit 7; ALLOW COMMANDS, bits 6-4; PTPL_A, bit 0",
        "types" / Int16ub * "persistent reservation type mask",
        Padding(2),
    )
    * "REPORT CAPABILITIES data"
)

# ---- third-party copy

CopyListHeader = (
    Struct(
        "list_identifier" / Int8ub,
        "flags" / Int8ub * "STR, bit 5; LIST ID USAGE, bits 4-3; priority",
        "targets_length" / Int16ub * "bytes of target descriptors",
        Padding(4),
        "segments_length" / Int32ub * "bytes of segment descriptors",
        "inline_length" / Int32ub * "bytes of inline data",
    )
    * "Header of the EXTENDED COPY (LID1) parameter list"
)
CopyTarget = (
    Struct(
        "type" / Int8ub * "descriptor type code, E4",
        "device" / Int8ub * "LU ID TYPE, bits 7-6; NUL, bit 5; device type",
        "port" / Int16ub * "relative initiator port identifier",
        "code_set" / Int8ub,
        "designator_type" / Int8ub * "association, bits 5-4; designator type",
        Padding(1),
        "designator_length" / Int8ub,
        "designator" / Bytes(20),
        "block_bytes" / Int32ub * "PAD, bit 26; disk block length, bits 23-0",
    )
    * "Identification descriptor target descriptor"
)
CopySegment = (
    Struct(
        "type" / Int8ub * "descriptor type code, 02",
        "flags" / Int8ub * "DC, CAT, bits 1-0",
        "length" / Int16ub * "24",
        "source" / Int16ub * "source target descriptor index",
        "destination" / Int16ub * "destination target descriptor index",
        Padding(2),
        "blocks" / Int16ub,
        "source_lba" / Int64ub,
        "destination_lba" / Int64ub,
    )
    * "Block device to block device segment descriptor"
)
CopyStatus = (
    Struct(
        "available" / Int32ub * "bytes behind this",
        "status" / Int8ub * "HDD, bit 7; 0 in progress, 1 done, 2 with errors",
        "segments" / Int16ub * "segments processed",
        "units" / Int8ub * "transfer count units: 0 bytes, 1 KiB",
        "count" / Int32ub * "transfer count",
    )
    * "RECEIVE COPY RESULTS, COPY STATUS data"
)
CopyParameters = (
    Struct(
        "available" / Int32ub * "bytes behind this",
        "snlid" / Int8ub * "supports no list identifier, bit 0",
        Padding(3),
        "targets" / Int16ub * "maximum target descriptor count",
        "segments" / Int16ub * "maximum segment descriptor count",
        "list_bytes" / Int32ub * "maximum descriptor list length",
        "segment_bytes" / Int32ub * "maximum segment length",
        "inline_bytes" / Int32ub * "maximum inline data length",
        "held_bytes" / Int32ub * "held data limit",
        Padding(6),
        "concurrent" / Int16ub * "total concurrent copies",
        "maximum_concurrent" / Int8ub,
        "segment_granularity" / Int8ub * "exponent of 2, bytes",
        "inline_granularity" / Int8ub,
        "held_granularity" / Int8ub,
        Padding(3),
        "codes_length" / Int8ub * "bytes of descriptor type codes behind this",
    )
    * "RECEIVE COPY RESULTS, OPERATING PARAMETERS data, before the descriptor type codes"
)

# ---- reports

ListHeader = Struct("length" / Int32ub * "bytes behind this", Padding(4)) * "Header of REPORT LUNS data"
CommandDescriptor = (
    Struct(
        "opcode" / Int8ub,
        Padding(1),
        "action" / Int16ub * "service action",
        Padding(1),
        "flags" / Int8ub * "CTDP, SERVACTV, bits 1-0",
        "cdb_length" / Int16ub,
    )
    * "Command descriptor of REPORT SUPPORTED OPERATION CODES"
)
OneCommand = (
    Struct(Padding(1), "flags" / Int8ub * "CTDP, bit 7; SUPPORT, bits 2-0", "cdb_length" / Int16ub)
    * "REPORT SUPPORTED OPERATION CODES, one command, before the usage map"
)
TimeoutsDescriptor = (
    Struct(
        "length" / Int16ub * "10",
        Padding(1),
        "specific" / Int8ub,
        "nominal" / Int32ub * "s",
        "recommended" / Int32ub * "s",
    )
    * "Command timeouts descriptor"
)
TargetPortGroup = (
    Struct(
        "state" / Int8ub * "PREF, bit 7; asymmetric access state, bits 3-0",
        "support" / Int8ub * "states supported",
        "group" / Int16ub,
        Padding(1),
        "status" / Int8ub,
        "vendor" / Int8ub,
        "ports" / Int8ub * "target port count",
    )
    * "Target port group descriptor"
)
TargetPort = (
    Struct(Padding(2), "port" / Int16ub * "relative target port identifier") * "Target port descriptor"
)

# ---- medium

TocHeader = (
    Struct(
        "length" / Int16ub * "bytes behind this",
        "first" / Int8ub * "first track",
        "last" / Int8ub * "last track",
    )
    * "Header of READ TOC data"
)
TocTrack = (
    Struct(
        Padding(1),
        "control" / Int8ub * "ADR, bits 7-4; CONTROL, bits 3-0",
        "track" / Int8ub * "AA: the lead-out",
        Padding(1),
        "address" / Int32ub * "LBA, or minute, second, frame in the lower three bytes",
    )
    * "READ TOC data, one track"
)
CdHeader = (
    Struct("mode" / Int8ub * "1: data with error correction", Padding(3), "address" / Int32ub)
    * "READ HEADER data"
)
DefectHeader10 = (
    Struct(
        Padding(1),
        "flags" / Int8ub * "PLISTV, GLISTV, bits 4-3; format",
        "length" / Int16ub * "bytes behind this",
    )
    * "Header of READ DEFECT DATA(10) data"
)
DefectHeader12 = (
    Struct(
        Padding(1),
        "flags" / Int8ub * "PLISTV, GLISTV, bits 4-3; format",
        "generation" / Int16ub,
        "length" / Int32ub * "bytes behind this",
    )
    * "Header of READ DEFECT DATA(12) data"
)
ShortListHeader = (
    Struct(Padding(1), "flags" / Int8ub, "length" / Int16ub * "bytes behind this")
    * "Header of FORMAT UNIT, REASSIGN BLOCKS and overwrite SANITIZE parameter lists"
)
LongListHeader = (
    Struct(Padding(1), "flags" / Int8ub, Padding(2), "length" / Int32ub * "bytes behind this")
    * "Long header of the FORMAT UNIT parameter list"
)
OverwriteList = (
    Struct(
        "flags" / Int8ub * "INVERT, bit 7; TEST, bits 6-5; overwrite count, bits 4-0",
        Padding(1),
        "length" / Int16ub * "bytes of the initialization pattern behind this",
    )
    * "Header of the SANITIZE OVERWRITE parameter list"
)
