"""An assembled SCRIPTS program, format 1.  Our own layout: NCR's assembler printed C arrays.

Little-endian, no gaps; names are ASCII with a length byte; the CRC-32 covers everything before it.  Offsets of
entries are bytes, patches are indexes of longwords of the program.
"""

from construct import (
    Array,
    Const,
    ConstructError,
    Int8ul,
    Int16ul,
    Int32ul,
    PascalString,
    PrefixedArray,
    Rebuild,
    Struct,
    Terminated,
    len_,
    this,
)

MAGIC = b"HBVSSS\0"
FORMAT_VERSION = 1

NAME = PascalString(Int8ul, "ascii")
SYMBOL = Struct("name" / NAME, "value" / Int32ul)
EXTERNAL = Struct("name" / NAME, "patches" / PrefixedArray(Int16ul, Int16ul))
IMAGE = Struct(  # all but the CRC
    "magic" / Const(MAGIC),
    "format_version" / Int8ul,
    "word_count" / Rebuild(Int16ul, len_(this.words)),
    "words" / Array(this.word_count, Int32ul),
    "label_patches" / PrefixedArray(Int16ul, Int16ul) * "longwords to which the load address is added",
    "externals" / PrefixedArray(Int16ul, EXTERNAL) * "longwords to which an address of the loader's is added",
    "entries" / PrefixedArray(Int16ul, SYMBOL) * "where the host may start",
    "constants" / PrefixedArray(Int16ul, SYMBOL) * "what source and host agree on",
    Terminated,
)
CRC = Int32ul

LayoutError = ConstructError
