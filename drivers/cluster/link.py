"""What a node's LAN adapter offers its port driver: datagrams that may be lost, doubled, late or out of order."""

from collections.abc import Callable
from typing import Protocol


class Link(Protocol):
    """A LAN adapter."""

    def open(self, system: int, receive: Callable[[bytes], None]) -> None:
        """Have every datagram for this system, or for everybody, given to `receive`."""
        ...

    def send(self, datagram: bytes, system: int) -> None:
        """Send a datagram of at most DATAGRAM_BYTES to one system, or to EVERYBODY."""
        ...

    def close(self) -> None:
        """Hear and send nothing more."""
        ...
