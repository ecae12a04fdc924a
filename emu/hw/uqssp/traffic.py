"""The traffic over the rings: commands fetched, responses delivered, in the host's own memory.

(spec "UQSSP", ring descriptors; interrupt rule; message envelope; polling.)  A packet is an envelope of four bytes
and its text.  Addresses are bus addresses.
"""

from collections import deque
from collections.abc import Callable, Collection

from emu.core.bus import BusError, Bytes, HostMemory
from emu.core.clock import MILLISECOND_NS, Clock, Timer
from emu.core.trace import MessageMoved, Tracer
from emu.hw.uqssp.connection import Connection, Server
from emu.hw.uqssp.rings import PortFault, Ring
from emu.wire.codes.uqssp import (
    CREDITS_MASK,
    ENVELOPE_BYTES,
    FATAL,
    MESSAGE_TYPE_SHIFT,
    OWN,
    PACKET_BYTES,
    MessageType,
)
from emu.wire.generated.uqssp import Envelope

RESPONSE_RETRY_NS = 5 * MILLISECOND_NS  # RQDX3

_SEQUENTIAL = int(MessageType.SEQUENTIAL)
_DATAGRAM = int(MessageType.DATAGRAM)
_KIND = Envelope.LAYOUT["credits_type"][0]
_envelope = Envelope.STRUCT.unpack_from


class Traffic:
    """What goes between one host and the servers above its port.

    pool: credits left to give, for all connections.  outstanding: commands taken and not yet answered.
    idle_since_ns: when the last of them was answered.  rings: responses and commands; None while the host
    has given none.
    interrupt: called when the host wants to be.  failed: called with the fatal code that ends all traffic.
    """

    def __init__(
        self,
        clock: Clock,
        tracer: Tracer,
        name: str,
        bus_mask: int,
        interrupt: Callable[[], None],
        failed: Callable[[int], None],
    ) -> None:
        self.pool = 0
        self.outstanding = 0
        self.idle_since_ns = 0
        self.rings: tuple[Ring, Ring] | None = None
        self._clock = clock
        self._tracer = tracer
        self._name = name
        self._bus_mask = bus_mask
        self._interrupt = interrupt
        self._failed = failed
        self._connections: dict[int, Connection] = {}
        self._envelopes: dict[int, bytes] = {}
        self._open = False
        self._polling = False
        self._waiting: deque[bytes] = deque()
        self._retry: Timer | None = None
        self._memory: HostMemory
        self._responses: Ring
        self._commands: Ring

    def connect(self, identifier: int, server: Server) -> Connection:
        """Give commands with this connection identifier to `server`; it answers over the connection."""
        connection = Connection(self, identifier, server)
        self._connections[identifier] = connection
        return connection

    def lay_out(self, memory: HostMemory, responses: Ring, commands: Ring) -> None:
        """Take the rings that the host has room for."""
        self._memory = memory
        self._responses, self._commands = self.rings = responses, commands

    def open(self) -> None:
        """Begin: the host's rings are valid now."""
        self._open = True
        self.idle_since_ns = self._clock.now_ns

    def forget(self, credits: int) -> None:
        """Drop the conversation with the host: nothing of it is answered any more.

        credits: the pool of the next conversation.
        """
        self._open = False
        self.rings = None
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        self._waiting.clear()
        for connection in self._connections.values():
            connection.forget()
        self.outstanding = 0
        self.pool = credits

    @property
    def connections(self) -> Collection[Connection]:
        return self._connections.values()

    @property
    def busy(self) -> bool:
        """Whether it is the controller that somebody waits for, and not the host."""
        return bool(self.outstanding or self._waiting)

    def released(self) -> None:
        """Count the host's silence from now on, unless something else is outstanding."""
        self.outstanding -= 1
        self.idle_since_ns = self._clock.now_ns

    # ---- commands

    def poll(self) -> None:
        """Take every command that is in the ring, and give each to its server."""
        if self._polling:
            return  # a host that answers an interrupt at once: the loop below finds its command too
        self._polling = True
        try:
            if self._waiting:
                self._send_waiting()
            while self._open:
                descriptor = self._commands.peek()
                if not descriptor & OWN:
                    break
                self._take_command(descriptor)
        except PortFault as fault:
            self._failed(fault.code)
        finally:
            self._polling = False

    def _take_command(self, descriptor: int) -> None:
        mask = self._bus_mask
        try:
            # The length in the envelope is not to be trusted; RQDX3 reads 64 bytes always.
            packet = self._memory.read((descriptor & mask & ~1) - ENVELOPE_BYTES & mask, PACKET_BYTES)
        except BusError:
            raise PortFault(FATAL.ENVELOPE_READ) from None
        if MessageMoved in self._tracer.heard:
            self._trace("H>C", packet)
        if self._commands.give_back(descriptor):
            self._interrupt()
        length, credits_type, identifier = _envelope(packet)
        if credits_type >> MESSAGE_TYPE_SHIFT != _SEQUENTIAL:
            raise PortFault(FATAL.PROTOCOL_INCOMPATIBLE)
        connection = self._connections.get(identifier)
        if connection is None:
            raise PortFault(FATAL.CONNECTION_ID)
        if not connection.credits:
            raise PortFault(FATAL.CREDIT_LIMIT)
        connection.credits -= 1
        connection.allowance += credits_type & CREDITS_MASK
        self.outstanding += 1
        connection.server.receive(packet[ENVELOPE_BYTES:], length)

    # ---- responses

    def envelope(self, length: int, credits_type: int, connection: int) -> bytes:
        """Make the four bytes before a text; the same few are wanted all the time."""
        key = connection << 24 | credits_type << 16 | length
        packed = self._envelopes.get(key)
        if packed is None:
            packed = self._envelopes[key] = Envelope(length, credits_type, connection).pack()
        return packed

    def send(self, packet: bytes) -> None:
        """Put an envelope and its text into the response ring, in order; wait while the ring is full."""
        if not self._open:
            return
        try:
            if self._waiting or not self._deliver(packet):
                self._waiting.append(packet)
                if self._retry is None:
                    self._retry = self._clock.call_after(RESPONSE_RETRY_NS, self._retry_waiting)
            elif not self.outstanding:
                self.idle_since_ns = self._clock.now_ns
        except PortFault as fault:
            self._failed(fault.code)

    def datagrams_waiting(self) -> int:
        """Count the datagrams for which the host has given no response slot yet."""
        return sum(packet[_KIND] >> MESSAGE_TYPE_SHIFT == _DATAGRAM for packet in self._waiting)

    def _deliver(self, packet: bytes) -> bool:
        """Fill the next response slot; False when the host has given none."""
        ring = self._responses
        descriptor = ring.peek()
        if not descriptor & OWN:
            return False
        mask = self._bus_mask
        try:
            self._memory.write((descriptor & mask & ~1) - ENVELOPE_BYTES & mask, packet)
        except BusError:
            raise PortFault(FATAL.ENVELOPE_WRITE) from None
        if MessageMoved in self._tracer.heard:
            self._trace("C>H", packet)
        if ring.give_back(descriptor):
            self._interrupt()
        return True

    def _send_waiting(self) -> None:
        waiting = self._waiting
        while waiting and self._deliver(waiting[0]):
            waiting.popleft()
        if not waiting:
            self.idle_since_ns = self._clock.now_ns

    def _retry_waiting(self) -> None:
        self._retry = None
        try:
            self._send_waiting()
        except PortFault as fault:
            self._failed(fault.code)
            return
        if self._waiting:
            self._retry = self._clock.call_after(RESPONSE_RETRY_NS, self._retry_waiting)

    def _trace(self, direction: str, packet: Bytes) -> None:
        self._tracer.emit(MessageMoved(self._clock.now_ns, self._name, direction, bytes(packet)))
