"""The bus link: what an emulator and a controller in another process say to each other.

Our own protocol; docs/buslink.md tells its rules.  "Host" is the emulator's end, where processor and memory
are; "controller" is ours.
"""

from typing import Final

from emu.wire.codes import Bits, Code

MAGIC: Final = b"HBVS"
VERSION: Final = 1
HEADER_BYTES: Final = 24
MESSAGE_LIMIT_BYTES: Final = 1 << 20  # a longer one is a broken or a foreign peer
OWNED: Final = 0x8000_0000  # the bit of a longword that conditions look at: a ring descriptor's OWN


class Kind(Code):
    """What a message is.  H comes from the host, C from the controller."""

    HELLO = 1, "both: who I am; the host's comes first"
    GOODBYE = 2, "both: I leave, and the text says why"
    WRITE = 3, "H: a register was written"
    READ = 4, "H: a register was read; carries watched memory"
    RESET = 5, "H: the bus was initialised, or the processor starts anew"
    TICK = 6, "H: the time asked for with CALL has come"
    DMA_DATA = 7, "H: answers DMA_READ"
    DMA_DONE = 8, "H: answers DMA_WRITE, or says that one failed"
    GRANTED = 9, "H: the processor took the interrupt; sent with the next message"
    ANSWER = 10, "C: the processor may go on"
    SHADOW = 11, "C: what a register shows from now on, and how accesses are told"
    WATCH = 12, "C: memory to be sent with every READ"
    DMA_READ = 13, "C: send me memory"
    DMA_WRITE = 14, "C: write memory"
    ANNOUNCE = 15, "C: write memory and interrupt, if a longword has bit 31 set"
    INTERRUPT = 16, "C: request an interrupt"
    WITHDRAW = 17, "C: there is no interrupt request any more"
    CALL = 18, "C: send TICK so many instructions from now"


class Flag(Bits):
    """Flags of a message."""

    WAIT = 0x01, "the sender waits for the answer"
    NONEXISTENT = 0x02, "memory did not answer at `address`; nothing behind it was done"
    PARITY = 0x04, "memory answered with bad parity at `address`; nothing behind it was done"


class Access(Bits):
    """How accesses to a shadowed register are told (flags of SHADOW)."""

    TELL_READ = 0x01, "a read gives the shadow at once, and READ is posted"
    WAIT_WRITE = 0x02, "a write waits for ANSWER"
    RESETS = 0x04, "a write starts a new epoch"


class Bus(Code):
    """The host's bus."""

    UNIBUS = 0, "UNIBUS, 18 address bits"
    QBUS = 1, "Q-bus, 22 address bits"
    XMI = 2, "XMI, 30 address bits"


class Mode(Code):
    """Who waits for whom."""

    POSTED = 0, "the processor runs on; time is the wall's"
    FROZEN = 1, "the processor waits for every answer; time is its instructions"


class WatchKind(Code):
    """What a watch covers."""

    BYTES = 0, "the bytes themselves"
    PACKETS = 1, "descriptors: for each with bit 31 set, the 64 bytes from 4 before the text it points at"


class FrameKind(Code):
    """Frames on a serial line."""

    DATA = 0, "bytes of the stream; sequence counts such frames"
    ACK = 1, "everything before `sequence` has come"
    AGAIN = 2, "send from `sequence` on again"
    OPEN = 3, "start anew; sequence is any number that tells this start from the last"
    OPENED = 4, "answers OPEN with its sequence"


FRAME_FLAG: Final = 0x7E
FRAME_ESCAPE: Final = 0x7D
FRAME_FLIP: Final = 0x20
FRAME_ESCAPED: Final = bytes((FRAME_ESCAPE, FRAME_FLAG, 0x11, 0x13))  # with XON and XOFF, which lines may eat
FRAME_PAYLOAD_BYTES: Final = 240
FRAME_WINDOW: Final = 16  # data frames under way at once
FRAME_CRC_START: Final = 0xFFFF  # CRC-16/IBM-3740: polynomial 0x1021, not reflected; check value 0x29B1
