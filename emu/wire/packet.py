"""What every generated codec is: a packet of fixed size with named fields, and its one error.

Words have 16 bits, longwords 32, quadwords 64, all little-endian; offsets are bytes.
"""

from struct import Struct
from typing import ClassVar, Final, Self

Bytes = bytes | bytearray | memoryview

WORD: Final = Struct("<H")
LONGWORD: Final = Struct("<I")
QUADWORD: Final = Struct("<Q")
TWO_QUADWORDS: Final = Struct("<QQ")


class ShortPacket(ValueError):
    """Fewer bytes than the packet needs."""

    def __init__(self, name: str, wanted: int, found: int) -> None:
        super().__init__(f"{name} needs {wanted} bytes, {found} are there")
        self.name = name
        self.wanted = wanted
        self.found = found


class Packet:
    """A packet; the subclasses are generated.

    STRUCT: of all fields in their order.  SIZE: bytes.  LAYOUT: field -> (offset, size) in bytes, in order, without
    the padding.
    """

    __slots__ = ()

    STRUCT: ClassVar[Struct]
    SIZE: ClassVar[int]
    LAYOUT: ClassVar[dict[str, tuple[int, int]]]

    @classmethod
    def unpack(cls, buffer: Bytes, offset: int = 0) -> Self:
        """Read a packet at a byte offset; raise ShortPacket when it does not fit."""
        raise AssertionError("the generated subclass knows its bytes")

    def pack(self) -> bytes:
        """Return the packet's bytes, padding zero."""
        raise AssertionError("the generated subclass knows its bytes")

    def pack_into(self, buffer: bytearray | memoryview, offset: int = 0) -> None:
        """Write the packet's bytes at a byte offset; raise ShortPacket when they do not fit."""
        raise AssertionError("the generated subclass knows its bytes")

    def fields(self) -> dict[str, int | bytes]:
        """Return the fields by name, in order."""
        return {name: getattr(self, name) for name in self.LAYOUT}

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.pack() == other.pack()

    __hash__ = None  # type: ignore[assignment]  # fields may change

    def __repr__(self) -> str:
        shown = (
            f"{name}={value!r}" if isinstance(value, bytes) or value < 10 else f"{name}={value:#x}"
            for name, value in self.fields().items()
        )
        return f"{type(self).__name__}({', '.join(shown)})"
