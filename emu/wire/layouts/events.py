"""What a capture file keeps of an event that is no packet: a register access, an interrupt, a change of state.

Our own layout.  Every record is one of these and then texts in UTF-8, each ended by a zero byte, in the order of
`emu.wire.codes.events.TEXTS`.  Little-endian; addresses and counts are those of the event.
"""

from construct import Int8ul, Int32ul, Int64ul, Padding, Struct

_EVENT = ("event" / Int8ul * "which event", Padding(3))

Event = Struct(*_EVENT) * "Change of state, line of text"

Register = Struct(*_EVENT, "value" / Int32ul * "what was read or written") * "Register access"

Interrupt = Struct(*_EVENT, "vector" / Int32ul * "interrupt vector") * "Interrupt request"

Blocks = (
    Struct(
        *_EVENT,
        "unit" / Int32ul * "unit number",
        "lbn" / Int64ul * "first logical block",
        "byte_count" / Int64ul * "bytes",
    )
    * "Blocks asked of a medium"
)

Bitmap = (
    Struct(
        "event" / Int8ul * "which event",
        "set" / Int8ul * "1 = set, 0 = cleared",
        Padding(2),
        "bitmap" / Int32ul * "number of the write bitmap",
        "first" / Int32ul * "first bit",
        "count" / Int32ul * "number of bits",
    )
    * "Bits of a write bitmap"
)

Copy = Struct(*_EVENT, "fence_lbn" / Int64ul * "all below is equal") * "Copy fence"
