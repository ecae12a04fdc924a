"""UQSSP in host memory: communications area, ring descriptors, envelopes, buffer descriptors.

AA-L621A-TK.  Offsets count from the start of each structure; little-endian.
"""

from construct import Int8ul, Int16ul, Int32ul, Padding, Struct

# The last eight bytes before the ring base; the response ring follows, then the command ring.
CommunicationsArea = (
    Struct(
        Padding(3),
        "purge_channel" / Int8ul * "adapter channel the controller wants purged",
        "command_interrupt" / Int16ul * "1 = command ring went from full to not full",
        "response_interrupt" / Int16ul * "1 = response ring went from empty to not empty",
    )
    * "Communications area header, ends at the ring base"
)

# Eight more bytes before that header, looked at only if the host offers a scratchpad (CS).
Scratchpad = (
    Struct(
        Padding(2),
        "size" / Int16ul * "scratchpad size in bytes",
        "address" / Int32ul * "scratchpad bus address",
    )
    * "Scratchpad offer, sixteen bytes before the ring base"
)

Descriptor = (
    Struct("value" / Int32ul * "O in bit 31, F in bit 30, text address in bits 21-0") * "Ring descriptor"
)

Envelope = (
    Struct(
        "length" / Int16ul * "length of the text in bytes",
        "credits_type" / Int8ul * "credits in bits 3-0, message type in bits 7-4",
        "connection" / Int8ul * "connection identifier",
    )
    * "Message envelope, lies before the text"
)

BufferDescriptor = (
    Struct(
        "buff" / Int32ul * "P.BUFF bus address, or mapped bit, first entry and offset in page",
        "pte_base" / Int32ul * "P.BUFF+4 physical address of the page table, if mapped",
        Padding(4),
    )
    * "Buffer descriptor"
)
