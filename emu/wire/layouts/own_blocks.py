"""The first of a drive's own blocks: which drive they are for.  Our own layout.

Little-endian.  Behind it stand the replacement control table, the replacement blocks, which blocks they stand for,
and the extents with forced errors: `emu/hw/mscp/own_blocks.py`.
"""

from construct import Const, ConstError, Int16ul, Int32ul, Padded, Padding, StreamError, Struct

MAGIC = b"HBVSDRIV"
FORMAT_VERSION = 1

OWNER = Padded(
    512,
    Struct(
        "magic" / Const(MAGIC),
        "format_version" / Const(FORMAT_VERSION, Int16ul),
        Padding(2),
        "unit_size" / Int32ul * "LBNs of the drive",
        "table_blocks" / Int32ul * "of the replacement control table, all copies",
        "rbns" / Int32ul * "replacement blocks",
    ),
)

LayoutError = (ConstError, StreamError)
