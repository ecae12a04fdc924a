"""PEDRIVER: circuits between this node and every other one on the LAN, over datagrams that may be lost.

Who hears a HELLO of a node to which it has no circuit opens one.  States of a circuit, and what moves it:

    CLOSED ──HELLO heard──▶ START_SENT ──STACK──▶ OPEN ──not acknowledged for 8 s, NODE_STOP, newer START──▶ CLOSED
       └──START heard──▶ START_RECEIVED ──ACK or a packet──▶ OPEN

Packets of an open circuit arrive in order, none is lost and none comes twice, or the circuit is closed.  Every packet
is acknowledged; what is not is sent again, after 200 ms and then half as often each time.  A circuit without
packets sends NOP every 3 s, so that each end notices when the other one does not hear it.

DEVIATION: one channel between two nodes; NISCA knows several, and adapts its times to them.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from drivers.cluster.link import Link
from drivers.platform.host import Platform
from emu.core.clock import MILLISECOND_NS, SECOND_NS, Timer
from emu.core.trace import StateChanged
from emu.wire.codes.scs import EVERYBODY, Channel, PpdOpcode, PpdType
from emu.wire.generated.scs import CircuitHeader, DatagramHeader, Hello, PpdHeader, Start
from emu.wire.packet import ShortPacket

HELLO_NS = 3 * SECOND_NS
HANDSHAKE_NS = SECOND_NS  # between two STARTs, or STACKs
RETRANSMIT_NS = 200 * MILLISECOND_NS
RETRANSMIT_LIMIT_NS = 1600 * MILLISECOND_NS
CIRCUIT_TIMEOUT_NS = 8 * SECOND_NS
WINDOW = 16  # packets under way
BACKLOG = 4096  # packets that wait; a node with more has gone mad

_NOP = PpdHeader.pack_fields(PpdOpcode.NOP)
_HEADERS = DatagramHeader.SIZE + CircuitHeader.SIZE
_datagram_header = DatagramHeader.STRUCT.unpack_from
_circuit_header = CircuitHeader.STRUCT.unpack_from
_pack_circuit_header = CircuitHeader.STRUCT.pack

# Plain names for what is looked at with every packet: to look a member up in its enumeration costs as much as a call.
_HELLO, _CONTROL = Channel.HELLO, Channel.CONTROL
_SEQUENCED, _ACKNOWLEDGE, _DATAGRAM = Channel.SEQUENCED, Channel.ACKNOWLEDGE, Channel.DATAGRAM


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a node is.

    system: SCSSYSTEMID.  incarnation: when it was booted, as a VMS time.
    """

    system: int
    name: str
    incarnation: int
    hardware: str
    software: str = "VMS V7.3"


class CircuitState(Enum):
    """State of a circuit."""

    CLOSED = "closed"
    START_SENT = "start sent"
    START_RECEIVED = "start received"
    OPEN = "open"


_CLOSED, _OPEN = CircuitState.CLOSED, CircuitState.OPEN


class Circuit:
    """One circuit, from its first START to its end; a new one follows.

    number, remote_number: of this circuit, ours and the peer's.  peer: who is at the other end, once it is known.
    """

    def __init__(self, port: "PeDriver", system: int, number: int) -> None:
        self._port = port
        self._clock = port.platform.clock
        self.system = system
        self.number = number
        self.remote_number = 0
        self.peer: Identity | None = None
        self.state = CircuitState.CLOSED
        self.retransmitted = 0
        self._next = 0  # sequence number of the next packet
        self._expected = 0
        self._backlog: deque[bytes] = deque()
        self._under_way: deque[tuple[int, bytes, int]] = deque()  # sequence, packet, when it was first sent
        self._early: dict[int, bytes] = {}
        self._acknowledge_due = False
        self._retransmit_after_ns = RETRANSMIT_NS
        self._retransmit: Timer | None = None
        self._keep_alive: Timer | None = None
        self._handshake: Timer | None = None
        self._started_ns = self._clock.now_ns

    # -- opening

    def start(self) -> None:
        self._turn(CircuitState.START_SENT)
        self._shake_hands(PpdType.START)

    def start_heard(self, number: int, peer: Identity) -> None:
        self.remote_number = number
        self.peer = peer
        self._turn(CircuitState.START_RECEIVED)
        self._shake_hands(PpdType.STACK)

    def stack_heard(self, number: int, peer: Identity) -> None:
        if self.state is _OPEN:
            if number == self.remote_number:
                self._port.send_control(self, PpdType.ACK)  # the first was lost
            return
        self.remote_number = number
        self.peer = peer
        self._port.send_control(self, PpdType.ACK)
        self.opened()

    def opened(self) -> None:
        if self.state is not _OPEN:
            self._turn(CircuitState.OPEN)
            _cancel(self._handshake)
            self._keep_alive = self._clock.call_after(HELLO_NS, self._still_there)
            self._port.circuit_opened(self)
            self._pump()

    def _shake_hands(self, kind: PpdType) -> None:
        """Send START or STACK until the circuit opens, or nobody can hope for it any more."""
        _cancel(self._handshake)
        if self._clock.now_ns - self._started_ns >= CIRCUIT_TIMEOUT_NS:
            self.close()
            return
        self._port.send_control(self, kind)
        self._handshake = self._clock.call_after(HANDSHAKE_NS, lambda: self._shake_hands(kind))

    # -- packets that go

    def send(self, packet: bytes) -> None:
        """Send a packet; it arrives, after those before it, or the circuit is closed."""
        if self.state is _CLOSED:
            return
        self._backlog.append(packet)
        if len(self._backlog) > BACKLOG:
            self.close()
        elif self.state is _OPEN:
            self._pump()

    def _pump(self) -> None:
        backlog, under_way = self._backlog, self._under_way
        while backlog and len(under_way) < WINDOW:
            packet = backlog.popleft()
            under_way.append((self._next, packet, self._clock.now_ns))
            self._transmit(self._next, packet)
            self._next += 1
        if under_way and (self._retransmit is None or not self._retransmit.pending):
            self._retransmit = self._clock.call_after(self._retransmit_after_ns, self._send_again)

    def _transmit(self, sequence: int, packet: bytes) -> None:
        self._acknowledge_due = False
        self._port.send_packet(self, _SEQUENCED, sequence, self._expected, packet)

    def _send_again(self) -> None:
        sequence, packet, first_ns = self._under_way[0]
        if self._clock.now_ns - first_ns >= CIRCUIT_TIMEOUT_NS:
            self.close()
            return
        self.retransmitted += 1
        self._retransmit_after_ns = min(2 * self._retransmit_after_ns, RETRANSMIT_LIMIT_NS)
        self._transmit(sequence, packet)
        self._retransmit = self._clock.call_after(self._retransmit_after_ns, self._send_again)

    def acknowledged(self, before: int) -> None:
        """Hear that all packets before this one have come."""
        under_way, moved = self._under_way, False
        while under_way and under_way[0][0] < before:
            under_way.popleft()
            moved = True
        if moved:
            _cancel(self._retransmit)
            self._retransmit_after_ns = RETRANSMIT_NS
            self._pump()

    def _still_there(self) -> None:
        if not self._under_way:
            self.send(_NOP)
        self._keep_alive = self._clock.call_after(HELLO_NS, self._still_there)

    # -- packets that come

    def packet_heard(self, sequence: int, packet: bytes) -> None:
        if self._expected < sequence < self._expected + WINDOW:
            self._early[sequence] = packet
        elif sequence == self._expected:
            self._expected += 1
            self._port.packet_came(self, packet)
            while self._expected in self._early and self.state is _OPEN:
                packet = self._early.pop(self._expected)
                self._expected += 1
                self._port.packet_came(self, packet)
        if not self._acknowledge_due:
            self._acknowledge_due = True
            self._clock.call_soon(self._acknowledge)

    def _acknowledge(self) -> None:
        if self._acknowledge_due and self.state is _OPEN:
            self._acknowledge_due = False
            self._port.send_packet(self, _ACKNOWLEDGE, 0, self._expected, b"")

    # -- the end

    def close(self, *, tell: bool = True) -> None:
        """Close the circuit; what is under way may have arrived or not."""
        if self.state is _CLOSED:
            return
        for timer in (self._retransmit, self._keep_alive, self._handshake):
            _cancel(timer)
        was_open = self.state is _OPEN
        self._turn(CircuitState.CLOSED)
        if tell:
            self._port.send_control(self, PpdType.NODE_STOP)
        self._backlog.clear()
        self._under_way.clear()
        self._early.clear()
        self._port.circuit_closed(self, was_open=was_open)

    def _turn(self, state: CircuitState) -> None:
        before, self.state = self.state, state
        self._port.trace(self.system, before.value, state.value)


class PeDriver:
    """The port to the LAN, PEA0.

    group: cluster group number; datagrams of others are not for us.  opened, closed, packet, datagram: who is told.
    circuits: by system.  bad: datagrams that were none, foreign: of another group.
    """

    def __init__(self, platform: Platform, link: Link, identity: Identity, group: int) -> None:
        self.platform = platform
        self.identity = identity
        self.opened: Callable[[Circuit], None] = lambda circuit: None
        self.closed: Callable[[Circuit], None] = lambda circuit: None
        self.packet: Callable[[Circuit, bytes], None] = lambda circuit, packet: None
        self.datagram: Callable[[Circuit, bytes], None] = lambda circuit, packet: None
        self.circuits: dict[int, Circuit] = {}
        self.bad = 0
        self.foreign = 0
        self._link = link
        self._group = group
        self._headers: dict[tuple[int, int, int], bytes] = {}
        self._numbers = identity.incarnation  # so that no circuit of an earlier life has the same
        self._newest: dict[int, int] = {}  # system -> the largest number of a circuit that it opened
        self._running = False

    def start(self) -> None:
        self._running = True
        self._link.open(self.identity.system, self.receive)
        self._hello()

    def stop(self, *, last_gasp: bool) -> None:
        """Say nothing more.  last_gasp: tell the others before."""
        if not self._running:
            return
        for circuit in list(self.circuits.values()):
            circuit.close(tell=last_gasp)
        self._running = False
        self._link.close()

    def _hello(self) -> None:
        if self._running:
            hello = Hello.pack_fields(self.identity.incarnation)
            self._link.send(self._header(EVERYBODY, _HELLO) + hello, EVERYBODY)
            self.platform.clock.call_after(HELLO_NS, self._hello)

    # -- what goes

    def _header(self, system: int, channel: int, ppd_type: int = 0) -> bytes:
        """Make the header of a datagram; the same few are wanted all the time."""
        key = (system, channel, ppd_type)
        header = self._headers.get(key)
        if header is None:
            source = self.identity.system
            header = self._headers[key] = DatagramHeader.pack_fields(
                system & 0xFFFF_FFFF,
                system >> 32,
                self._group,
                source & 0xFFFF_FFFF,
                source >> 32,
                channel,
                ppd_type,
            )
        return header

    def send_control(self, circuit: Circuit, kind: PpdType) -> None:
        """Send START, STACK, ACK or NODE_STOP."""
        who = self.identity
        body = b""
        if kind in (PpdType.START, PpdType.STACK):
            body = Start(
                systemid_lo=who.system & 0xFFFF_FFFF,
                systemid_hi=who.system >> 32,
                maxdg=1024,
                maxmsg=1024,
                swtype=who.software[:4].encode("ascii"),
                swvers=who.software[4:].encode("ascii"),
                swincarn=who.incarnation,
                hwtype=who.hardware[:4].upper().encode("ascii").ljust(4),
                nodename=who.name.encode("ascii").ljust(8),
                curtime=self.platform.system_time(),
            ).pack()
        self._send(
            circuit.system,
            self._header(circuit.system, Channel.CONTROL, kind)
            + CircuitHeader.pack_fields(circuit.number, circuit.remote_number)
            + body,
        )

    def send_packet(
        self, circuit: Circuit, channel: Channel, sequence: int, acknowledged: int, packet: bytes
    ) -> None:
        self._send(
            circuit.system,
            self._header(circuit.system, channel)
            + _pack_circuit_header(circuit.number, circuit.remote_number, sequence, acknowledged)
            + packet,
        )

    def send_datagram(self, circuit: Circuit, packet: bytes) -> None:
        """Send a packet that may be lost."""
        if circuit.state is _OPEN:
            self.send_packet(circuit, _DATAGRAM, 0, circuit._expected, packet)

    def _send(self, system: int, datagram: bytes) -> None:
        if self._running:
            self._link.send(datagram, system)

    # -- what comes

    def receive(self, datagram: bytes) -> None:
        """Hear a datagram; what is none is counted and forgotten."""
        if not self._running:
            return
        if len(datagram) < DatagramHeader.SIZE:
            self.bad += 1
            return
        try:
            to_lo, to_hi, group, from_lo, from_hi, channel, ppd_type = _datagram_header(datagram)
            system = from_hi << 32 | from_lo
            if group != self._group or system == self.identity.system:
                self.foreign += 1
            elif channel == _HELLO:
                self._hello_heard(system, Hello.unpack(datagram, DatagramHeader.SIZE).swincarn)
            elif to_hi << 32 | to_lo != self.identity.system:
                return
            elif channel == _CONTROL:
                circuit = CircuitHeader.unpack(datagram, DatagramHeader.SIZE)
                self._control_heard(system, ppd_type, circuit, datagram)
            elif len(datagram) < _HEADERS:
                self.bad += 1
            else:
                self._packet_heard(system, channel, datagram)
        except (ShortPacket, UnicodeDecodeError):
            self.bad += 1

    def _hello_heard(self, system: int, incarnation: int) -> None:
        circuit = self.circuits.get(system)
        if circuit is not None and circuit.peer is not None and circuit.peer.incarnation < incarnation:
            circuit.close(tell=False)  # it was to an earlier life
        if system not in self.circuits:
            self._new_circuit(system).start()

    def _new_circuit(self, system: int) -> Circuit:
        self._numbers += 1
        circuit = self.circuits[system] = Circuit(self, system, self._numbers)
        return circuit

    def _control_heard(self, system: int, kind: int, header: CircuitHeader, datagram: bytes) -> None:
        circuit = self.circuits.get(system)
        ours = circuit is not None and header.destination_circuit == circuit.number
        if kind == PpdType.START:
            self._start_heard(system, header.source_circuit, _identity_in(datagram))
        elif circuit is None or not ours:
            return
        elif kind == PpdType.STACK:
            circuit.stack_heard(header.source_circuit, _identity_in(datagram))
        elif header.source_circuit != circuit.remote_number:
            return
        elif kind == PpdType.ACK:
            circuit.opened()
        elif kind == PpdType.NODE_STOP:
            circuit.close(tell=False)

    def _start_heard(self, system: int, number: int, peer: Identity) -> None:
        if number < self._newest.get(system, 0):
            return  # late, from a circuit that is no more
        self._newest[system] = number
        circuit = self.circuits.get(system)
        if circuit is not None and circuit.remote_number == number:
            self.send_control(circuit, PpdType.STACK)  # the first was lost
            return
        if circuit is not None and circuit.state is not CircuitState.START_SENT:
            circuit.close(tell=False)  # the peer has given it up
            circuit = None
        (circuit or self._new_circuit(system)).start_heard(number, peer)

    def _packet_heard(self, system: int, channel: int, datagram: bytes) -> None:
        theirs, ours, sequence, acknowledged = _circuit_header(datagram, DatagramHeader.SIZE)
        circuit = self.circuits.get(system)
        if circuit is None or ours != circuit.number or theirs != circuit.remote_number:
            return  # of a circuit that is no more
        if circuit.state is not _OPEN:
            circuit.opened()
        circuit.acknowledged(acknowledged)
        if circuit.state is not _OPEN:
            return
        if channel == _SEQUENCED:
            circuit.packet_heard(sequence, datagram[_HEADERS:])
        elif channel == _DATAGRAM:
            self.datagram(circuit, datagram[_HEADERS:])

    # -- circuits tell

    def circuit_opened(self, circuit: Circuit) -> None:
        self.opened(circuit)

    def circuit_closed(self, circuit: Circuit, *, was_open: bool) -> None:
        if self.circuits.get(circuit.system) is circuit:
            del self.circuits[circuit.system]
        if was_open:
            self.closed(circuit)

    def packet_came(self, circuit: Circuit, packet: bytes) -> None:
        self.packet(circuit, packet)

    def trace(self, system: int, before: str, after: str) -> None:
        tracer = self.platform.tracer
        if StateChanged in tracer.heard:
            source = f"{self.platform.name}/PEA0/{system:012X}"
            tracer.emit(StateChanged(self.platform.clock.now_ns, source, before, after))


def _identity_in(datagram: bytes) -> Identity:
    start = Start.unpack(datagram, _HEADERS)
    return Identity(
        start.systemid_hi << 32 | start.systemid_lo,
        start.nodename.decode("ascii").rstrip(),
        start.swincarn,
        start.hwtype.decode("ascii").rstrip(),
        (start.swtype + start.swvers).decode("ascii").rstrip("\0 "),
    )


def _cancel(timer: Timer | None) -> None:
    if timer is not None:
        timer.cancel()
