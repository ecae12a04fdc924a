"""SCSI: sense data, in fixed format and by descriptors.  SPC, "Sense data".  Big-endian."""

from construct import Int8ub, Int16ub, Int32ub, Int64ub, Padding, Struct

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
