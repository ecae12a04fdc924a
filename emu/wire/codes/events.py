"""Records of events in a capture file; our own."""

from collections.abc import Mapping
from typing import Final

from emu.wire.codes import Code


class Kind(Code):
    """What happened."""

    REGISTER = 1, "register access"
    STATE = 2, "change of state"
    INTERRUPT = 3, "interrupt request"
    BLOCKS = 4, "blocks asked of a medium"
    BITMAP = 5, "bits of a write bitmap"
    COPY = 6, "copy fence"
    LINE = 7, "line for the operator"


# The texts behind each record, in order.
TEXTS: Final[Mapping[int, tuple[str, ...]]] = {
    Kind.REGISTER: ("access", "register"),
    Kind.STATE: ("before", "after"),
    Kind.INTERRUPT: (),
    Kind.BLOCKS: ("function",),
    Kind.BITMAP: (),
    Kind.COPY: ("member",),
    Kind.LINE: ("text",),
}

# Which layout of `emu.wire.layouts.events` each record has.
LAYOUTS: Final[Mapping[int, str]] = {
    Kind.REGISTER: "Register",
    Kind.STATE: "Event",
    Kind.INTERRUPT: "Interrupt",
    Kind.BLOCKS: "Blocks",
    Kind.BITMAP: "Bitmap",
    Kind.COPY: "Copy",
    Kind.LINE: "Event",
}
