"""SCSI: standard INQUIRY data and vital product data pages.  SPC, SBC.  Big-endian."""

from construct import Bytes, Int8ub, Int16ub, Int32ub, Int64ub, Padding, Struct

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
