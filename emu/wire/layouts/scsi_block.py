"""SCSI: capacity, provisioning, defects, FORMAT UNIT and SANITIZE of a block device.  SBC.  Big-endian."""

from construct import Int8ub, Int16ub, Int32ub, Int64ub, Padding, Struct

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
