"""SCSI: parameter data of PERSISTENT RESERVE IN and OUT.  SPC.  Big-endian."""

from construct import Int8ub, Int16ub, Int32ub, Int64ub, Padding, Struct

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
