"""The bus link between an emulator and a controller process: messages, and the frames that carry them on a serial line.

Our own protocol, told in docs/buslink.md.  Every message is a LinkHeader and `length` bytes of data; little-endian.
"""

from construct import Bytes, Int8ul, Int16ul, Int32ul, Padding, Struct

LinkHeader = (
    Struct(
        "kind" / Int8ul * "which message",
        "flags" / Int8ul * "Flag, or Access for SHADOW",
        "epoch" / Int16ul * "counts resets of the controller by the host",
        "length" / Int32ul * "bytes of data behind the header",
        "address" / Int32ul * "bus address, or byte offset of a register",
        "value" / Int32ul * "register value, vector, tag, number of instructions",
        "count" / Int32ul * "messages of the other end that the sender had applied, HELLO included",
        "time" / Int32ul * "the host's instructions so far, modulo 2^32; 0 from the controller",
    )
    * "Header of every message"
)

# Data of HELLO.
Hello = (
    Struct(
        "magic" / Bytes(4) * "HBVS",
        "version" / Int16ul * "1",
        "bus" / Int8ul * "Bus",
        "mode" / Int8ul * "Mode the host runs in",
        "csr" / Int32ul * "bus address of the first register",
        "memory_bytes" / Int32ul * "memory from bus address 0 without a gap; 0: a map stands before it",
        Padding(16),
        "name" / Bytes(32) * "who speaks, ASCII, filled with zeros",
    )
    * "Who an end is"
)

# DMA_READ has a list of these, DMA_WRITE, READ and ANNOUNCE have each followed by its bytes.
Extent = (
    Struct(
        "address" / Int32ul * "bus address",
        "length" / Int32ul * "bytes",
    )
    * "A piece of host memory"
)

# Data of WATCH is a list of these.
Watch = (
    Struct(
        "kind" / Int16ul * "WatchKind",
        Padding(2),
        "address" / Int32ul * "bus address",
        "length" / Int32ul * "bytes of memory, or of descriptors",
    )
    * "Memory that goes with every READ"
)

# Between two flag bytes: this, up to 240 bytes of payload, and the CRC of both.
FrameHeader = (
    Struct(
        "kind" / Int8ul * "FrameKind",
        "sequence" / Int8ul * "modulo 256",
    )
    * "Frame on a serial line"
)

FrameCheck = Struct("crc" / Int16ul * "CRC-16 of header and payload") * "End of a frame on a serial line"
