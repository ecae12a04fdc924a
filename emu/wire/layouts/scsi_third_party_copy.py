"""SCSI: parameter data of EXTENDED COPY and RECEIVE COPY RESULTS.  SPC.  Big-endian."""

from construct import Bytes, Int8ub, Int16ub, Int32ub, Int64ub, Padding, Struct

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
