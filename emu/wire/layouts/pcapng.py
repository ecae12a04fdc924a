"""Capture files: the blocks of pcapng, and the tags that stand before an exported PDU.

pcapng is draft-ietf-opsawg-pcapng; blocks and options are filled with zeros to 32 bits, and a block ends with its
total length again.  The tags are Wireshark's, of link type 252 "upper PDU": big-endian, as all of them.  Lengths are
bytes; the ends of blocks and tags are not counted in the lengths of what lies inside.
"""

from construct import Int16ub, Int16ul, Int32ub, Int32ul, Int64ul, Struct

BlockHeader = (
    Struct(
        "type" / Int32ul * "which block",
        "total_length" / Int32ul * "whole block, with this header and the length at its end",
    )
    * "What every block begins with"
)

BlockEnd = (
    Struct("total_length" / Int32ul * "the header's, for who reads backwards") * "What every block ends with"
)

SectionHeader = (
    Struct(
        "byte_order" / Int32ul * "1A2B3C4D as the writer's processor has it",
        "major" / Int16ul * "version, 1",
        "minor" / Int16ul * "version, 0",
        "section_length" / Int64ul * "all ones: not told",
    )
    * "Body of a section header block; options follow"
)

InterfaceDescription = (
    Struct(
        "link_type" / Int16ul * "what packets begin with",
        "reserved" / Int16ul * "0",
        "snap_length" / Int32ul * "the most that is kept of a packet; 0: all of it",
    )
    * "Body of an interface description block; options follow"
)

EnhancedPacket = (
    Struct(
        "interface" / Int32ul * "number of its description, from 0",
        "time_high" / Int32ul * "upper half of the time, in units of the interface",
        "time_low" / Int32ul * "lower half of the time",
        "captured_length" / Int32ul * "bytes of the packet that follow",
        "original_length" / Int32ul * "bytes that the packet had",
    )
    * "Body of an enhanced packet block; the packet and options follow"
)

Option = (
    Struct(
        "code" / Int16ul * "which option",
        "length" / Int16ul * "of the value that follows, without the filling",
    )
    * "What every option begins with"
)

Tag = (
    Struct(
        "code" / Int16ub * "which tag",
        "length" / Int16ub * "of the value that follows, with the filling",
    )
    * "What every tag of an exported PDU begins with"
)

PortTag = (
    Struct("port" / Int32ub * "number of the interface, here") * "Value of a port's tag of an exported PDU"
)
