"""Connections: the servers above a port, and the credits between each of them and the host.

(spec "UQSSP", message envelope; credits.)  A credit is the permission to have one more command outstanding.
"""

from typing import TYPE_CHECKING, Protocol

from emu.core.bus import Bytes
from emu.wire.codes.uqssp import MESSAGE_TYPE_SHIFT, MessageType

if TYPE_CHECKING:
    from emu.hw.uqssp.traffic import Traffic

FIRST_CREDITS = 1  # what a host has before the first end message
EXTRA_CREDITS = 14  # the most one end message gives beyond its own: the field has four bits
DATAGRAM_PACKETS = 4  # RQDX3

_DATAGRAM = int(MessageType.DATAGRAM) << MESSAGE_TYPE_SHIFT


class Server(Protocol):
    """What answers at one connection identifier."""

    def receive(self, text: Bytes, length: int) -> None:
        """Take a command.

        text: the 60 bytes after the envelope, perhaps a view of host memory: read it before returning.
        length: as the host claims; boot ROMs claim anything.
        """
        ...

    def port_reset(self) -> None:
        """Forget the host: its commands get no end messages any more, and its memory is no longer touched."""
        ...


class Connection:
    """One server's way to the host.

    credits: those the host holds.  allowance: those it has given the controller, for commands of the controller's.
    """

    __slots__ = ("_traffic", "allowance", "credits", "identifier", "server")

    def __init__(self, traffic: "Traffic", identifier: int, server: Server) -> None:
        self._traffic = traffic
        self.identifier = identifier
        self.server = server
        self.credits = FIRST_CREDITS
        self.allowance = 0

    def forget(self) -> None:
        """Drop the conversation with the host; a new one begins with one credit."""
        self.server.port_reset()
        self.credits = FIRST_CREDITS
        self.allowance = 0

    def send_end(self, text: bytes) -> None:
        """Send an end message; it gives back the command's credit, and more while the pool lasts."""
        traffic = self._traffic
        grant = 1
        if traffic.pool:
            extra = min(EXTRA_CREDITS, traffic.pool)
            traffic.pool -= extra
            grant += extra
        self.credits += grant
        traffic.outstanding -= 1
        traffic.send(traffic.envelope(len(text), grant, self.identifier) + text)

    def send_sequential(self, text: bytes) -> None:
        """Send an attention message: no command is answered, no credit given."""
        self._traffic.send(self._traffic.envelope(len(text), 0, self.identifier) + text)

    def send_datagram(self, text: bytes) -> None:
        """Send an error log message, unless too many of them wait for the host already."""
        traffic = self._traffic
        if traffic.datagrams_waiting() < DATAGRAM_PACKETS:
            traffic.send(traffic.envelope(len(text), _DATAGRAM, self.identifier) + text)

    def take_end(self) -> None:
        """Hear that what was received is an end message of the host's, which costs it no credit."""
        self.credits += 1
        self._traffic.outstanding -= 1

    def hold(self) -> None:
        """Let the host be silent for as long as it likes, as with a command outstanding."""
        self._traffic.outstanding += 1

    def release(self) -> None:
        """Expect to hear from the host again; a reset does that too."""
        self._traffic.released()
