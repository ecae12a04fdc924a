"""PUDRIVER: the UQSSP port driver.

It brings a controller through the four init steps, keeps the two rings in host memory, counts credits and hands
messages to the class drivers connected to it.  When the port dies it starts it again and tells them.
(AA-L621A-TK as told in the UQSSP chapter of the spec; the recipe of "Host driver".)

Port states:

    DOWN ──start──▶ INITIALISING ──step 4, GO──▶ RUNNING ──SA bit 15──▶ INITIALISING
                         └──three attempts failed──▶ DEAD

An attempt has failed also when the port came up and died before a class driver called it started.
"""

from collections import deque
from collections.abc import Collection

from drivers.platform.host import Platform
from drivers.platform.process import Procedure
from drivers.port.mscp_port import Client, PortState
from emu.core.bus import Bytes, RegisterSpace
from emu.core.clock import MILLISECOND_NS, SECOND_NS
from emu.core.trace import StateChanged
from emu.wire.codes.uqssp import (
    AREA_HEADER_BYTES,
    COMMAND_INTERRUPT_OFFSET,
    COMMAND_RING_SHIFT,
    CREDITS_MASK,
    DESCRIPTOR_BYTES,
    ENVELOPE_BYTES,
    FLAG,
    HOST1,
    HOST4,
    IP,
    MESSAGE_TYPE_SHIFT,
    MODEL_MASK,
    MODEL_SHIFT,
    OWN,
    PACKET_BYTES,
    RESPONSE_RING_SHIFT,
    RESPONSE_TEXT_BYTES,
    RING_BASE_LOW_MASK,
    SA,
    STEP,
    VECTOR_SHIFT,
    VERSION_MASK,
    MessageType,
)
from emu.wire.generated.mscp import MappedBuffer
from emu.wire.generated.uqssp import Envelope

RING_LOG2 = 5  # 32 descriptors a ring: more than a controller's 16 credits, so a ring is never the limit
STEP_PATIENCE_NS = 10 * SECOND_NS  # what Ultrix and NetBSD grant a step
STEP_POLL_NS = MILLISECOND_NS
START_ATTEMPTS = 3

_FATAL = int(STEP.ER)
_STEP1 = int(HOST1.VL) | RING_LOG2 << COMMAND_RING_SHIFT | RING_LOG2 << RESPONSE_RING_SHIFT
_STEP4 = int(HOST4.GO | HOST4.LF)
_SEQUENTIAL = int(MessageType.SEQUENTIAL)
_DATAGRAM = int(MessageType.DATAGRAM)
_descriptor = MappedBuffer.STRUCT.pack
_GIVE = OWN | FLAG


_RUNNING = PortState.RUNNING


class Connection:
    """One class driver's conversation with its server, and the credits it holds."""

    __slots__ = ("_prefixes", "client", "credits", "identifier", "port")

    def __init__(self, port: "PuDriver", identifier: int, client: Client) -> None:
        self.port = port
        self.identifier = identifier
        self.client = client
        self.credits = 0
        self._prefixes: dict[int, bytes] = {}

    def send(self, text: bytes) -> None:
        """Send a command; the caller has a credit and spends it."""
        assert self.credits > 0, "a command needs a credit"
        self.credits -= 1
        prefix = self._prefixes.get(len(text))
        if prefix is None:
            prefix = Envelope(length=len(text), credits_type=0, connection=self.identifier).pack()
            self._prefixes[len(text)] = prefix
        self.port.put_command(prefix + text)


class PuDriver:
    """The driver of one port.

    registers: IP and SA of the port.  `last_failure` is the SA word it died with last.
    """

    served_by = ""

    def __init__(self, platform: Platform, name: str, registers: RegisterSpace) -> None:
        self.platform = platform
        self.name = name
        self.state = PortState.DOWN
        self.model = 0
        self.microcode_version = 0
        self.last_failure = 0
        self.failures = 0
        self.interrupts = 0
        self.map_buffer = platform.map_buffer
        self.unmap_buffer = platform.unmap_buffer
        self.await_map_registers = platform.await_map_registers
        self._registers = registers
        self._vector = platform.connect_interrupt(self._interrupt)
        self._connections: dict[int, Connection] = {}
        self._attempts = 0
        self._poll_pending = False
        self._unsent: deque[bytes] = deque()

        count = 1 << RING_LOG2
        rings_bytes = AREA_HEADER_BYTES + 2 * count * DESCRIPTOR_BYTES
        area_bytes = rings_bytes + 2 * count * PACKET_BYTES
        area = platform.pool.allocate(area_bytes)
        bus_area = platform.map_area(area, area_bytes)
        self._area, self._rings_bytes = area, rings_bytes
        self._ring_base = bus_area + AREA_HEADER_BYTES
        self._interrupt_words = area + AREA_HEADER_BYTES + COMMAND_INTERRUPT_OFFSET
        self._response_ring = area + AREA_HEADER_BYTES
        self._command_ring = self._response_ring + count * DESCRIPTOR_BYTES
        self._mask = count - 1
        # Slot i: where the packet lies for us, and the longword that gives it to the controller.
        packets = range(area + rings_bytes, area + area_bytes, PACKET_BYTES)
        to_bus = bus_area - area + 4  # a descriptor points at the text, behind the envelope
        self._response_packets = list(packets[:count])
        self._command_packets = list(packets[count:])
        self._response_gives = [_GIVE | packet + to_bus for packet in self._response_packets]
        self._command_gives = [_GIVE | packet + to_bus for packet in self._command_packets]
        self._command_next = 0
        self._response_next = 0
        # Zeros behind the envelope: a text that is shorter than its layout reads as if padded with zeros.
        self._empty_slot = Envelope(length=RESPONSE_TEXT_BYTES).pack() + bytes(RESPONSE_TEXT_BYTES)
        # What an envelope says, by its longword: the connection, the message type and the credits.
        self._envelopes: dict[int, tuple[Connection | None, int, int]] = {}

    def connect(self, identifier: int, client: Client) -> Connection:
        """Connect a class driver to the server of this identifier."""
        connection = Connection(self, identifier, client)
        self._connections[identifier] = connection
        self._envelopes.clear()
        return connection

    @property
    def connections(self) -> Collection[Connection]:
        return self._connections.values()

    def describe_buffer(self, mapped: int) -> bytes:
        return _descriptor(mapped, self.platform.page_table)

    def start(self) -> None:
        """Bring the port up; the clients hear `port_ready`, or `port_lost(dead=True)`."""
        assert self.state is PortState.DOWN, "a port is started once; it restarts itself"
        self._enter(PortState.INITIALISING)
        self.platform.process(f"{self.name} init", self._initialise())

    def started(self) -> None:
        """Hear from a class driver that its server answers: the attempts to start are counted anew."""
        self._attempts = 0

    # -- initialisation

    def _initialise(self) -> Procedure:
        while self._attempts < START_ATTEMPTS:
            self._attempts += 1
            if (yield from self._four_steps()):
                self._enter(_RUNNING)
                for connection in self._connections.values():
                    connection.credits = 1
                    connection.client.port_ready()
                return
        self._enter(PortState.DEAD)
        self.platform.operator(f"%PU-E-DEAD, _{self.name}: port does not initialise, controller is off line")
        for connection in self._connections.values():
            connection.client.port_lost(dead=True)

    def _four_steps(self) -> Procedure:
        write = self._registers.write_register
        write(IP, 0, 2)
        host1 = _STEP1 | self._vector >> VECTOR_SHIFT
        if (yield from self._wait_for(STEP.S1)) is None:
            return False
        write(SA, host1, 2)
        echo = yield from self._wait_for(STEP.S2)
        if echo is None or echo & 0xFF != host1 >> 8:
            return False
        write(SA, self._ring_base & RING_BASE_LOW_MASK, 2)
        echo = yield from self._wait_for(STEP.S3)
        if echo is None or echo & 0xFF != host1 & 0xFF:
            return False
        write(SA, self._ring_base >> 16, 2)
        step4 = yield from self._wait_for(STEP.S4)
        if step4 is None:
            return False
        self.model, self.microcode_version = (step4 & MODEL_MASK) >> MODEL_SHIFT, step4 & VERSION_MASK
        self._build_rings()
        write(SA, _STEP4, 2)
        # A poll before the port is up is lost: GO has taken effect when the step bits are gone.
        return (yield from self._wait_for(STEP.S4, gone=True)) is not None

    def _wait_for(self, step: STEP, gone: bool = False) -> Procedure:
        """Poll SA until it shows `step`, or no more; None when the port reports an error or takes too long."""
        wanted = int(step)
        for _ in range(STEP_PATIENCE_NS // STEP_POLL_NS):
            value = self._registers.read_register(SA, 2)
            if value & _FATAL:
                self.last_failure = value
                return None
            if bool(value & wanted) is not gone:
                return value
            yield STEP_POLL_NS
        return None

    def _build_rings(self) -> None:
        memory = self.platform.memory
        memory.write(self._area, bytes(self._rings_bytes))
        for index, packet in enumerate(self._response_packets):
            memory.write(packet, self._empty_slot)
            memory.write_longword(self._response_ring + index * DESCRIPTOR_BYTES, self._response_gives[index])
        self._command_next = self._response_next = 0
        self._unsent.clear()
        self.platform.barrier()

    # -- commands

    def put_command(self, packet: bytes) -> None:
        """Put a packet (envelope and text) into the command ring, and see that the port is polled once."""
        if self._unsent or not self._place(packet):
            self._unsent.append(packet)
        if not self._poll_pending:
            self._poll_pending = True
            self.platform.fork(self._poll)

    def _place(self, packet: bytes) -> bool:
        memory = self.platform.memory
        index = self._command_next
        descriptor = self._command_ring + index * DESCRIPTOR_BYTES
        if memory.read_longword(descriptor) & OWN:
            return False
        memory.write(self._command_packets[index], packet)
        self.platform.barrier()
        memory.write_longword(descriptor, self._command_gives[index])
        self._command_next = index + 1 & self._mask
        return True

    def _poll(self) -> None:
        self._poll_pending = False
        if self.state is not _RUNNING:
            return
        self.platform.barrier()
        self._registers.read_register(IP, 2)
        while self._unsent and self._place(self._unsent[0]):
            self._unsent.popleft()
            self._poll_pending = True
        if self._poll_pending:
            self.platform.fork(self._poll)

    # -- responses

    def _interrupt(self) -> None:
        self.interrupts += 1
        if self.state is _RUNNING and not self._serve():
            self._look_at_sa()

    def _serve(self) -> bool:
        """Take all there is in the response ring; False when there was nothing."""
        # Both interrupt words are cleared before the ring is read, or a response that comes
        # between would be missed.
        self.platform.memory.write_longword(self._interrupt_words, 0)
        if not self._take_responses():
            return False
        for connection in self._connections.values():
            if connection.credits:
                connection.client.credits_came()
        if self._unsent and not self._poll_pending:
            self._poll_pending = True
            self.platform.fork(self._poll)
        return True

    def _take_responses(self) -> int:
        """Take messages up to the first descriptor that is still the controller's; return how many.

        The last look comes behind a barrier, as Ultrix does it: a response that came while the slot before it was on
        its way back to the controller has made no interrupt.
        """
        platform, envelopes, packets = self.platform, self._envelopes, self._response_packets
        memory, barrier = platform.memory, platform.barrier
        index, taken, seen = self._response_next, 0, 0
        barrier()
        while self.state is _RUNNING:
            descriptor = self._response_ring + index * DESCRIPTOR_BYTES
            if memory.read_longword(descriptor) & OWN:
                if taken == seen:
                    break
                seen = taken
                barrier()
                continue
            barrier()
            packet = packets[index]
            word = memory.read_longword(packet)
            envelope = envelopes.get(word) or self._read_envelope(packet, word)
            connection, kind, granted = envelope
            text = memory.read(packet + ENVELOPE_BYTES, RESPONSE_TEXT_BYTES)
            if connection is not None and kind == _SEQUENTIAL:
                connection.credits += granted
                connection.client.receive(text)
            else:
                self._take_other(connection, kind, granted, text)
            memory.write(packet, self._empty_slot)
            barrier()
            memory.write_longword(descriptor, self._response_gives[index])
            self._response_next = index = index + 1 & self._mask
            taken += 1
        return taken

    def _read_envelope(self, packet: int, word: int) -> tuple[Connection | None, int, int]:
        """Decode an envelope of a kind not met before; there are few kinds, and they come all the time."""
        envelope = Envelope.unpack(self.platform.memory.read(packet, ENVELOPE_BYTES))
        kind = envelope.credits_type >> MESSAGE_TYPE_SHIFT
        connection = self._connections.get(envelope.connection)
        decoded = (connection, kind, envelope.credits_type & CREDITS_MASK)
        self._envelopes[word] = decoded
        return decoded

    def _take_other(self, connection: Connection | None, kind: int, granted: int, text: Bytes) -> None:
        """Take a message that is not sequential, or for nobody: a datagram for nobody is for everybody."""
        if connection is not None:
            connection.credits += granted
        if kind == _DATAGRAM:
            for each in (connection,) if connection is not None else self._connections.values():
                each.client.receive_datagram(text)

    # -- failure

    def _look_at_sa(self) -> bool:
        """Restart a port that shows a fatal error; True when it is well."""
        value = self._registers.read_register(SA, 2)
        if value & _FATAL:
            self.restart(value)
            return False
        return True

    def watch(self) -> None:
        """Look after a port from which an answer is due, once a second as Ultrix does.

        A fatal error restarts it; a command or a response whose signal was lost is seen now.
        """
        if self.state is _RUNNING and self._look_at_sa():
            self._registers.read_register(IP, 2)
            self._serve()

    def restart(self, failure: int = 0) -> None:
        """Reinitialise the port.  What was outstanding gets no answer: the clients send it again."""
        if self.state is not _RUNNING:
            return
        self.last_failure = failure
        self.failures += 1
        self.platform.operator(f"%PU-W-RESTART, _{self.name}: port is restarted, SA was {failure:06o}")
        self._enter(PortState.INITIALISING)
        for connection in self._connections.values():
            connection.credits = 0
            connection.client.port_lost(dead=False)
        self.platform.process(f"{self.name} init", self._initialise())

    def _enter(self, state: PortState) -> None:
        tracer = self.platform.tracer
        if StateChanged in tracer.heard:
            now_ns, source = self.platform.clock.now_ns, f"{self.platform.name}/{self.name}"
            tracer.emit(StateChanged(now_ns, source, self.state.value, state.value))
        self.state = state
