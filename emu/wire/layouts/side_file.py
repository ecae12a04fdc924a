"""The last block of a side file: which image it belongs to, and how that was left.  Our own layout.

Little-endian.  The 127 blocks before it are the shadow driver's.
"""

from construct import Const, ConstError, Int16ul, Int64sl, Int64ul, Padded, Padding, StreamError, Struct

MAGIC = b"HBVSSIDE"
FORMAT_VERSION = 1

OWNER = Padded(
    512,
    Struct(
        "magic" / Const(MAGIC),
        "format_version" / Const(FORMAT_VERSION, Int16ul),
        Padding(6),
        "serial" / Int64ul * "the image's serial number, 48 bits",
        "image_bytes" / Int64ul * "size of the image",
        "image_mtime_ns" / Int64sl * "its time of last change when the set was closed, 0 before that",
    ),
)

LayoutError = (ConstError, StreamError)
