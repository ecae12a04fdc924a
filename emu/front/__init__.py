"""Doors to the outside as byte machines: protocols on a stream, without the stream."""

from collections.abc import Sequence
from typing import Protocol

Bytes = bytes | bytearray | memoryview


class ByteMachine(Protocol):
    """One end of a byte stream.  Whoever has the stream moves the bytes, and never asks for more than this."""

    @property
    def ended(self) -> bool:
        """Hang up when what `outgoing` gave has been sent."""
        ...

    def receive(self, data: bytes) -> None:
        """Take bytes as they came: a piece ends anywhere."""
        ...

    def outgoing(self) -> Sequence[bytes | bytearray | memoryview]:
        """What is to be sent now, in order.  Given once: what a view shows stays as it is until it is sent."""
        ...

    def lost(self) -> None:
        """The peer is gone.  Called once at most, and nothing after it."""
        ...
