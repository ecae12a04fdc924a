"""SCSI: what a unit reports of itself: LUNs, commands, target port groups.  SPC.  Big-endian."""

from construct import Int8ub, Int16ub, Int32ub, Padding, Struct

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
