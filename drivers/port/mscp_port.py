"""The port below a class driver of MSCP disks, as the class driver sees it.

PUDRIVER is one, for a controller on this node's bus; a connection to the MSCP server of another node is another.
"""

from collections.abc import Callable
from enum import Enum
from typing import Protocol

from emu.core.bus import Bytes


class PortState(Enum):
    DOWN = "down"
    INITIALISING = "initialising"
    RUNNING = "running"
    DEAD = "dead"


class Client(Protocol):
    """A class driver, as its port sees it."""

    def port_ready(self) -> None: ...

    def port_lost(self, dead: bool) -> None: ...

    def credits_came(self) -> None:
        """Hear that there are credits to spend; once for all the messages an interrupt brought."""
        ...

    def receive(self, text: Bytes) -> None:
        """Take a sequential message.

        text: 60 bytes, zero where the message ends before; a view of the slot: read it before returning.
        """
        ...

    def receive_datagram(self, text: Bytes) -> None: ...


class Conversation(Protocol):
    """One class driver's conversation with its server, and the credits it holds."""

    credits: int

    def send(self, text: bytes) -> None:
        """Send a command; the caller has a credit and spends it."""
        ...


class MscpPort(Protocol):
    """What DUDRIVER asks of its port.  served_by: the node whose MSCP server is reached, "" for a controller."""

    state: PortState
    served_by: str

    def connect(self, identifier: int, client: Client) -> Conversation:
        """Connect a class driver to the server of this identifier."""
        ...

    def start(self) -> None:
        """Bring the port up; the clients hear `port_ready`, or `port_lost(dead=True)`."""
        ...

    def started(self) -> None:
        """Hear from a class driver that its server answers."""
        ...

    def watch(self) -> None:
        """Look after a port from which an answer is due."""
        ...

    def restart(self) -> None:
        """Begin anew; what was outstanding gets no answer."""
        ...

    def map_buffer(self, address: int, length: int) -> int | None:
        """Make a buffer reachable for the server; None when that must wait, as `await_map_registers` tells."""
        ...

    def unmap_buffer(self, mapped: int, length: int) -> None:
        """Take back what `map_buffer` returned for a buffer of this length."""
        ...

    def await_map_registers(self, action: Callable[[], None]) -> None:
        """Call `action`, later and once, when `map_buffer` may be tried again."""
        ...

    def describe_buffer(self, mapped: int) -> bytes:
        """Return a mapped buffer's descriptor, 12 bytes (UQSSP 1.15)."""
        ...
