"""A controller's firmware image, format 2.  Our own layout: DEC's controllers kept all this in ROM code.

Little-endian, no gaps: prefix, controller, command table, drive table, program table, CRC-32 of everything before it.
Names are ASCII, filled with blanks.  The numbers mean what the SET CONTROLLER CHARACTERISTICS, GET
UNIT STATUS and ONLINE end messages mean by them (MSCP Basic Disk Functions Manual, AA-L619A-TK).
"""

from construct import (
    Array,
    Bytes,
    Const,
    ConstructError,
    FlagsEnum,
    Int8ul,
    Int16ul,
    Int32ul,
    Padding,
    Rebuild,
    Struct,
    Terminated,
    len_,
    this,
)

MAGIC = b"HBVSFW\0"
FORMAT_VERSION = 3

PREFIX = Struct(
    "magic" / Const(MAGIC),
    "format_version" / Int8ul,
    "total_bytes" / Int32ul * "length of the image, CRC included",
)
COMMAND = Struct(
    "opcode" / Int8ul * "P.OPCD",
    Padding(1),
    "modifiers" / Int16ul * "P.MOD bits that are legal",
)
DRIVE = Struct(
    "name" / Bytes(8),
    "model" / Int8ul * "P.UNTI model byte",
    "class_" / Int8ul * "P.UNTI class byte",
    "flags" / FlagsEnum(Int16ul, removable=1, read_only=2, solid_state=4, uncertain=8, sized_by_user=16),
    "media_id" / Int32ul * "P.MEDI",
    "block_count" / Int32ul * "P.UNSZ, LBNs",
    "track" / Int16ul * "P.TRCK, LBNs a track",
    "group" / Int16ul * "P.GRP, tracks a group",
    "cylinder" / Int16ul * "P.CYL, groups a cylinder",
    "cylinders" / Int16ul,
    "rct_size" / Int16ul * "P.RCTS, blocks of one copy",
    "rct_copies" / Int8ul * "P.RCTC",
    "rbns_per_track" / Int8ul * "P.RBNS",
    "rbns" / Int32ul * "replacement blocks in all",
    "rpm" / Int16ul * "revolutions a minute, 0 if there is no arm",
    Padding(2),
    "seek_one_us" / Int32ul * "to the next cylinder",
    "seek_average_us" / Int32ul * "over a third of all cylinders",
    "seek_full_us" / Int32ul * "over all of them",
)
PROGRAM = Struct(
    "name" / Bytes(6) * "as in EXECUTE LOCAL PROGRAM",
    "version" / Int16ul,
)
CONTROLLER = Struct(
    "name" / Bytes(16),
    "model" / Int8ul * "step 4 and P.CNTI model byte",
    "class_" / Int8ul * "P.CNTI class byte",
    "microcode_version" / Int8ul * "step 4, four bits",
    "software_version" / Int8ul * "P.CSVR",
    "hardware_version" / Int8ul * "P.CHVR",
    "port_kind" / Int8ul * "0 Unibus, 1 Q-bus, 2 XMI, 3 VAXBI",
    "step1_bits" / Int16ul * "NV QB DI OD MP SF CN as in SA",
    "controller_flags" / Int16ul * "P.CNTF",
    "controller_timeout_s" / Int16ul * "P.CTMO",
    "credits" / Int8ul,
    Padding(1),
    "unit_limit" / Int16ul,
    "maximum_byte_count" / Int32ul * "P.MBCNT",
    "behaviour" / Int32ul,
    "command_count" / Rebuild(Int16ul, len_(this.commands)),
    "drive_count" / Rebuild(Int16ul, len_(this.drives)),
    "program_count" / Rebuild(Int16ul, len_(this.programs)),
    Padding(1),
    "dup_extension" / Bytes(3) * "program name extension of GET DUST STATUS; blank without a DUP server",
)
IMAGE = Struct(  # all but the CRC
    *PREFIX.subcons,
    *CONTROLLER.subcons,
    "commands" / Array(this.command_count, COMMAND),
    "drives" / Array(this.drive_count, DRIVE),
    "programs" / Array(this.program_count, PROGRAM),
    Terminated,
)
CRC = Int32ul

LayoutError = ConstructError


def image_bytes(command_count: int, drive_count: int, program_count: int) -> int:
    """Compute the length of an image with tables of these sizes."""
    fixed = PREFIX.sizeof() + CONTROLLER.sizeof() + CRC.sizeof()
    tables = (
        command_count * COMMAND.sizeof() + drive_count * DRIVE.sizeof() + program_count * PROGRAM.sizeof()
    )
    return int(fixed + tables)
