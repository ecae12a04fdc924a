"""Capture files: numbers of pcapng (draft-ietf-opsawg-pcapng) and of Wireshark's exported PDUs."""

from typing import Final

from emu.wire.codes import Bits, Code

BYTE_ORDER: Final = 0x1A2B3C4D
VERSION: Final = 1
LENGTH_NOT_TOLD: Final = 0xFFFF_FFFF_FFFF_FFFF
ALIGNMENT_BYTES: Final = 4
UPPER_PDU: Final = 252  # the link type whose packets name their dissector themselves
NANOSECONDS: Final = 9  # value of TSRESOL: the time counts 10 to the power of minus this


class Block(Code):
    """Types of blocks."""

    SECTION_HEADER = 0x0A0D0D0A, "section header; reads the same in both byte orders"
    INTERFACE_DESCRIPTION = 1, "interface description"
    ENHANCED_PACKET = 6, "enhanced packet"


class Option(Code):
    """Options of any block."""

    END = 0, "no more options"
    COMMENT = 1, "comment"


class SectionOption(Code):
    """Options of a section header."""

    APPLICATION = 4, "the program that made it"


class InterfaceOption(Code):
    """Options of an interface description."""

    NAME = 2, "name"
    TSRESOL = 9, "unit of time"


class PacketOption(Code):
    """Options of an enhanced packet."""

    FLAGS = 2, "flags"


class Direction(Bits):
    """Bits 1-0 of a packet's flags, as the interface sees it."""

    INBOUND = 1, "came in"
    OUTBOUND = 2, "went out"


DIRECTION_MASK: Final = 3


class Tag(Code):
    """Tags of an exported PDU."""

    END = 0, "no more tags"
    DISSECTOR = 12, "name of the dissector"
    SOURCE_PORT = 25, "32 bits: what tells conversations apart"
    DESTINATION_PORT = 26, "32 bits: what tells conversations apart"
