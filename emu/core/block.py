"""Blocks: a medium, or a virtual unit seen from outside.

A block has 512 bytes.  A request names its first logical block (`lbn`), a byte count, and the memory
that takes part as `views`; the device calls `done` once, inline when the work needs no time, later
when it does.  Devices nest: a slow, faulty or overlaying device is one around another.
"""

from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Protocol

BLOCK_BYTES = 512


class Function(IntEnum):
    """What a request wants."""

    READ = 0
    WRITE = 1
    ERASE = 2  # write zeros; no views
    COPY = 3  # take blocks of another device; no views
    FLUSH = 4  # make what was written durable; no extent


class MediumError(Exception):
    """A medium failed; `lbn` is the guilty block when the medium knows it."""

    def __init__(self, reason: str, lbn: int | None = None) -> None:
        super().__init__(reason)
        self.lbn = lbn


class CorrectableError(MediumError):
    """A block whose data came with so many wrong symbols (1 to 15) as its code can correct.

    Whoever lets that happen asks for the block again, alone.
    """

    def __init__(self, reason: str, lbn: int, symbols: int) -> None:
        super().__init__(reason, lbn)
        self.symbols = symbols


class MediumWriteProtected(MediumError):
    """A write to a medium that must not change."""


class CopySourceError(MediumError):
    """A COPY whose source failed; `lbn` is a block of the source."""


class BlockRequest:
    """One request; subclass it and answer `done`.

    views: writable memory for READ, readable for WRITE; together `byte_count` long.  A WRITE that
    ends inside a block fills the rest of it with zeros.  source, source_lbn: for COPY.
    """

    __slots__ = ("byte_count", "function", "lbn", "source", "source_lbn", "views")

    function: int
    lbn: int
    byte_count: int
    views: Sequence[memoryview]
    source: "BlockDevice | None"
    source_lbn: int

    def done(self, error: MediumError | None) -> None:
        """Hear the end of the request; `error` is None when all of it was done."""
        raise AssertionError("a request is answered by its subclass")


class BlockDevice(Protocol):
    """Anything with blocks."""

    @property
    def block_count(self) -> int: ...

    @property
    def write_protected(self) -> bool: ...

    @property
    def descriptor(self) -> int | None:
        """An open file in which block n stands at byte 512 n, if the kernel may copy from it."""
        ...

    def submit(self, request: BlockRequest) -> None:
        """Start a request.  Its extent lies on the device: the caller has checked."""
        ...

    def close(self) -> None: ...


class Flush(BlockRequest):
    """A FLUSH that calls `ended` with how it went."""

    __slots__ = ("_ended",)

    def __init__(self, ended: Callable[[MediumError | None], None]) -> None:
        self.function = Function.FLUSH
        self.lbn = self.byte_count = 0
        self.views = ()
        self._ended = ended

    def done(self, error: MediumError | None) -> None:
        self._ended(error)
