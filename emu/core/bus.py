"""What a bus carries: words of memory, device registers, interrupt requests.

Addresses are bus addresses, lengths are bytes, words have 16 bits and longwords 32, both
little-endian.  A bus cycle is a plain call: the real bus master stalls until the word arrives.
"""

from collections.abc import Sequence
from typing import Protocol

Bytes = bytes | bytearray | memoryview


class BusError(Exception):
    """A bus cycle that failed; `address` is the bus address of the failing cycle."""

    def __init__(self, address: int) -> None:
        super().__init__(f"{type(self).__name__} at bus address {address:#x}")
        self.address = address


class NonexistentMemory(BusError):
    """Nothing answered the address."""


class ParityError(BusError):
    """Memory answered with bad parity."""


class MapError(BusError):
    """A map register or page-table entry on the way was not valid."""


class HostMemory(Protocol):
    """Memory as a bus master sees it.  Every method raises BusError."""

    def read_longword(self, address: int) -> int:
        """Read 32 bits; the address needs word alignment only, as UQSSP rings do."""
        ...

    def write_longword(self, address: int, value: int) -> None: ...

    def write_word(self, address: int, value: int) -> None: ...

    def read(self, address: int, length: int) -> Bytes:
        """Read a packet.  The result may be a view: use it before memory changes."""
        ...

    def write(self, address: int, data: Bytes) -> None: ...

    def window(self, address: int, length: int) -> Sequence[memoryview]:
        """Hand out the bytes themselves, writable, in as few contiguous pieces as they have."""
        ...

    def filled(self, address: int, length: int) -> None:
        """Say that the bytes of a window have been written.

        RAM has nothing to do; a memory at the far end of a link sends them now, so that data
        arrives before whatever is written next.
        """
        ...


class RegisterSpace(Protocol):
    """Registers of a device, by byte offset from its base."""

    def read_register(self, offset: int, width: int) -> int: ...

    def write_register(self, offset: int, value: int, width: int) -> None: ...


class InterruptLine(Protocol):
    """The request line of one device.  A request stays until it is granted or withdrawn."""

    def request(self, vector: int) -> None: ...

    def withdraw(self) -> None: ...
