"""What a bus carries: words of memory, device registers, interrupt requests.

Addresses are bus addresses, lengths are bytes, words have 16 bits and longwords 32, both
little-endian.  A bus cycle is a plain call: the real bus master stalls until the word arrives.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

Bytes = bytes | bytearray | memoryview
Run = tuple[int, int]  # bus address, length in bytes


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
    """Memory as a bus master sees it.  Every method that touches it raises BusError."""

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
        """Hand out the bytes themselves, writable, in as few contiguous pieces as they have.

        Of a distant memory: room for bytes that `store` will send there.
        """
        ...

    def announce(self, test: int, address: int) -> bool:
        """Write 1 into a word if bit 31 of the longword at `test` is set, as one bus cycle; False if it was not.

        Of a distant memory: True, and an interrupt requested next belongs to the same condition.
        """
        ...

    @property
    def distant(self) -> "DistantMemory | None":
        """What moves data when memory is not at hand; None when `window` shows memory itself."""
        ...


class DistantMemory(Protocol):
    """Memory at the far end of a link: data comes and goes in messages, and nobody waits.

    runs: address and length each.  `done` may be called inline; after a reset it is not called any more.
    """

    def fetch(
        self, runs: Sequence[Run], done: Callable[[Sequence[memoryview], BusError | None], None]
    ) -> None:
        """Get the bytes of the runs; with an error, those before its address."""
        ...

    def store(
        self, runs: Sequence[Run], views: Sequence[memoryview], done: Callable[[BusError | None], None]
    ) -> None:
        """Send the bytes, before whatever is written next.  The views, one for each run, are given away."""
        ...


class RegisterSpace(Protocol):
    """Registers of a device, by byte offset from its base."""

    def read_register(self, offset: int, width: int) -> int: ...

    def write_register(self, offset: int, value: int, width: int) -> None: ...


class InterruptLine(Protocol):
    """The request line of one device.  A request stays until it is granted or withdrawn."""

    def request(self, vector: int) -> None: ...

    def withdraw(self) -> None: ...
