"""The UQSSP port: registers IP and SA, the four init steps, and the traffic over the rings.

(spec "UQSSP".)  Times are virtual nanoseconds, addresses are bus addresses, register values have 16 bits.

    state   SA reads                 a write to SA                          a read of IP
    RESET   0                        ignored                                ignored
    S1      step-1 word              no VL: shown again; WR: WRAP; else S2  ignored
    WRAP    the word last written    echoed                                 ignored
    S2      step 2 and echo          ring base low, PI: S3                  ignored
    S3      step 3 and echo          ring base high; PP: PPA; else S4       ignored
    PPA     0                        0: PPB; else DEAD (purge/poll)         ignored
    PPB     0                        ignored                                S4
    S4      model and version        GO: RUN; else ignored                  ignored
    RUN     bit 15 clear             0: purge complete; else ignored        takes all commands
    DEAD    ER and the fatal code    ignored                                ignored

A write to IP leads from every state to RESET, and after the self test to S1.  What a step shows comes
from the clock, never from inside the register write: RSX-11M-PLUS misses a step that is ready too soon.
Until then SA keeps what it shows and writes are ignored (state BETWEEN).
"""

# DEVIATION: burst, scratchpad, node name and special functions are accepted in step 4 and ignored.

from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Protocol

from emu.core.bus import BusError, Bytes, HostMemory, InterruptLine
from emu.core.clock import MICROSECOND_NS, MILLISECOND_NS, SECOND_NS, Clock, Timer
from emu.core.registers import Reg, RegisterFile
from emu.core.trace import InterruptRequested, MessageMoved, RegisterAccess, StateChanged, Tracer
from emu.hw.firmware import Behaviour, Firmware, PortKind
from emu.hw.uqssp.buffers import DistantBuffer, HostBuffer, mapped_buffer, unmapped_buffer
from emu.hw.uqssp.rings import PortFault, Ring
from emu.wire.codes.mscp import FM, LF, SB
from emu.wire.codes.uqssp import (
    AREA_HEADER_BYTES,
    COMMAND_INTERRUPT_OFFSET,
    COMMAND_RING_SHIFT,
    CREDITS_MASK,
    DESCRIPTOR_BYTES,
    ECHO_MASK,
    ENVELOPE_BYTES,
    FATAL,
    HOST1,
    HOST2,
    HOST3,
    HOST4,
    IP,
    MAPPED,
    MESSAGE_TYPE_SHIFT,
    OWN,
    PACKET_BYTES,
    PURGE_CHANNEL_OFFSET,
    RESPONSE_INTERRUPT_OFFSET,
    RESPONSE_RING_SHIFT,
    RING_BASE_HIGH_MASK,
    RING_BASE_LOW_MASK,
    RING_LENGTH_MASK,
    SA,
    STEP,
    VECTOR_MASK,
    VECTOR_SHIFT,
    ConnectionId,
    MessageType,
)
from emu.wire.generated.mscp import ControllerLog
from emu.wire.generated.uqssp import Envelope

SELF_TEST_NS = MILLISECOND_NS
STEP_NS = 100 * MICROSECOND_NS
RESPONSE_RETRY_NS = 5 * MILLISECOND_NS  # RQDX3
DEFAULT_HOST_TIMEOUT_S = 60
FIRST_CREDITS = 1  # what a host has before the first end message
PURGE_WORD_OFFSET = PURGE_CHANNEL_OFFSET - 1  # the channel is the upper byte of a word
DATAGRAM_PACKETS = 4  # RQDX3
EXTRA_CREDITS = 14  # the most one end message gives beyond its own: the field has four bits

BUS_MASKS = {PortKind.UNIBUS: 0x0003_FFFF, PortKind.QBUS: 0x003F_FFFF, PortKind.XMI: 0x3FFF_FFFF}
STEP1_REFUSED = 0x0C80  # what a UDA50 dies of when step 1 is answered without VL

REGISTERS = RegisterFile(
    Reg(IP, 2, "IP", "write: initialise; read: poll the command ring", "read_ip", "write_ip"),
    Reg(SA, 2, "SA", "status of init steps and fatal errors; init data from the host", "read_sa", "write_sa"),
)

_MAPPING = int(STEP.MP)
_SEQUENTIAL = int(MessageType.SEQUENTIAL)
_DATAGRAM = int(MessageType.DATAGRAM)
_KIND = Envelope.LAYOUT["credits_type"][0]
_MAINTENANCE = int(ConnectionId.MAINTENANCE)


class State(Enum):
    """Where the port is; the table is in the module's docstring."""

    RESET = "reset"
    S1 = "step 1"
    WRAP = "wrap"
    S2 = "step 2"
    S3 = "step 3"
    PPA = "purge test"
    PPB = "poll test"
    S4 = "step 4"
    RUN = "running"
    DEAD = "dead"
    BETWEEN = "between steps"


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

    __slots__ = ("_port", "allowance", "credits", "identifier", "server")

    def __init__(self, port: "UqsspPort", identifier: int, server: Server) -> None:
        self._port = port
        self.identifier = identifier
        self.server = server
        self.credits = FIRST_CREDITS
        self.allowance = 0

    def send_end(self, text: bytes) -> None:
        """Send an end message; it gives back the command's credit, and more while the pool lasts."""
        port = self._port
        grant = 1
        if port.pool:
            extra = min(EXTRA_CREDITS, port.pool)
            port.pool -= extra
            grant += extra
        self.credits += grant
        port.outstanding -= 1
        port.send(port.envelope(len(text), grant, self.identifier) + text)

    def send_sequential(self, text: bytes) -> None:
        """Send an attention message: no command is answered, no credit given."""
        self._port.send(self._port.envelope(len(text), 0, self.identifier) + text)

    def take_end(self) -> None:
        """Hear that what was received is an end message of the host's, which costs it no credit."""
        self.credits += 1
        self._port.outstanding -= 1

    def hold(self) -> None:
        """Let the host be silent for as long as it likes, as with a command outstanding."""
        self._port.outstanding += 1

    def release(self) -> None:
        """Expect to hear from the host again; a reset does that too."""
        self._port.host_released()

    def send_datagram(self, text: bytes) -> None:
        """Send an error log message, unless too many of them wait for the host already."""
        port = self._port
        if port.datagrams_waiting() < DATAGRAM_PACKETS:
            port.send(port.envelope(len(text), _DATAGRAM << MESSAGE_TYPE_SHIFT, self.identifier) + text)


class UqsspPort:
    """One port of a controller.

    purges: the host wants to purge buffered datapaths of its UNIBUS adapter.
    memory, interrupt: of the host it sits in.  identifier: the controller's, for the last-fail datagram.
    """

    def __init__(
        self,
        clock: Clock,
        memory: HostMemory,
        interrupt: InterruptLine,
        tracer: Tracer,
        name: str,
        firmware: Firmware,
        identifier: int = 0,
    ) -> None:
        self.name = name
        self.firmware = firmware
        self.state = State.RESET
        self.sa = 0
        self.vector = 0
        self.pool = 0
        self.outstanding = 0
        self.last_failure = 0
        self._identifier = identifier
        self._clock = clock
        self._memory = memory
        self._interrupt = interrupt
        self._tracer = tracer
        self._connections: dict[int, Connection] = {}
        self._registers = REGISTERS.bind(self, self._stray)
        self._envelopes: dict[int, bytes] = {}
        self._bus_mask = BUS_MASKS[firmware.port_kind]
        self._sa_writes: dict[State, Callable[[int], None]] = {
            State.S1: self._take_step1,
            State.WRAP: self._echo,
            State.S2: self._take_step2,
            State.S3: self._take_step3,
            State.PPA: self._take_purge,
            State.S4: self._take_step4,
            State.RUN: self._take_purge_complete,
        }
        self._ip_reads: dict[State, Callable[[], None]] = {
            State.PPB: self._take_poll,
            State.RUN: self.poll,
        }
        self._polling = False
        self._waiting: deque[bytes] = deque()
        self._retry: Timer | None = None
        self._step: Timer | None = None
        self._host_timer: Timer | None = None
        self._host_timeout_ns = 0
        self._idle_since_ns = 0
        self._step1_word = 0
        self._ring_base = 0
        self._purge_wanted = False
        self.purges = False
        self._purges: deque[tuple[int, Callable[[], None]]] = deque()
        self._commands: Ring
        self._responses: Ring
        self._heard: Callable[[], None] = _nobody
        self.initialise()

    def connect(self, identifier: int, server: Server) -> Connection:
        """Give commands with this connection identifier to `server`; it answers over the connection."""
        connection = Connection(self, identifier, server)
        self._connections[identifier] = connection
        return connection

    # ---- registers

    def read_register(self, offset: int, width: int) -> int:
        return self._registers.read_register(offset, width)

    def write_register(self, offset: int, value: int, width: int) -> None:
        self._registers.write_register(offset, value, width)

    def on_state(self, heard: Callable[[], None]) -> None:
        """Have somebody hear of every change of state or of SA."""
        self._heard = heard

    @property
    def fatal_code(self) -> int:
        """What the port died of; 0 while it lives."""
        return self.last_failure if self.state is State.DEAD else 0

    @property
    def running(self) -> bool:
        return self.state is State.RUN

    def read_ip(self) -> int:
        if self._tracer.listening:
            self._trace_register("read", "IP", 0)
        action = self._ip_reads.get(self.state)
        if action is not None:
            action()
        return 0

    def write_ip(self, value: int) -> None:
        if self._tracer.listening:
            self._trace_register("write", "IP", value)
        self.initialise()

    def read_sa(self) -> int:
        if self._tracer.listening:
            self._trace_register("read", "SA", self.sa)
        return self.sa

    def write_sa(self, value: int) -> None:
        if self._tracer.listening:
            self._trace_register("write", "SA", value)
        action = self._sa_writes.get(self.state)
        if action is not None:
            action(value & 0xFFFF)

    # ---- init sequence

    def initialise(self) -> None:
        """Forget everything but the last failure, and start the self test."""
        self._interrupt.withdraw()
        self.sa = 0
        self.vector = 0
        self._enter(State.RESET)
        self._forget()
        self._step = self._clock.call_after(SELF_TEST_NS, self._show_step1)

    def _forget(self) -> None:
        """Drop the conversation with the host: nothing of it is answered any more."""
        for timer in (self._step, self._retry, self._host_timer):
            if timer is not None:
                timer.cancel()
        self._step = self._retry = self._host_timer = None
        self._waiting.clear()
        self._purges.clear()
        for connection in self._connections.values():
            connection.server.port_reset()
            connection.credits = FIRST_CREDITS
            connection.allowance = 0
        self.outstanding = 0
        self.pool = self.firmware.credits

    def _show(self, state: State, sa: int) -> None:
        """Present a step when its time has come, with an interrupt if the host wants those."""
        self._enter(State.BETWEEN)
        self._step = self._clock.call_after(STEP_NS, lambda: self._present(state, sa))

    def _present(self, state: State, sa: int) -> None:
        self.sa = sa
        self._enter(state)
        if self._step1_word & HOST1.IE and sa:
            self._request_interrupt()

    def _show_step1(self) -> None:
        self._step1_word = 0
        self._present(State.S1, self.firmware.step1_word)

    def _take_step1(self, word: int) -> None:
        if not word & HOST1.VL:
            if self.firmware.behaviour & Behaviour.FATAL_WITHOUT_VL:
                self.fail(STEP1_REFUSED)
        elif word & HOST1.WR and self.firmware.step1_bits & STEP.DI:
            self._enter(State.WRAP)
            self._echo(word)
        else:
            self._step1_word = word
            self.vector = (word & VECTOR_MASK) << VECTOR_SHIFT
            self._show(State.S2, int(STEP.S2) | word >> 8 & ECHO_MASK)

    def _echo(self, word: int) -> None:
        self.sa = word
        self._heard()

    def _take_step2(self, word: int) -> None:
        self._ring_base = word & RING_BASE_LOW_MASK
        self._purge_wanted = bool(word & HOST2.PI)
        self.purges = self._purge_wanted and self.firmware.port_kind is PortKind.UNIBUS
        self._show(State.S3, int(STEP.S3) | self._step1_word & ECHO_MASK)

    def _take_step3(self, word: int) -> None:
        self._ring_base = ((word & RING_BASE_HIGH_MASK) << 16 | self._ring_base) & self._bus_mask
        if word & HOST3.PP and self.firmware.step1_bits & STEP.DI:
            self._show(State.PPA, 0)
        else:
            self._prepare_step4()

    def _take_purge(self, word: int) -> None:
        if word:
            self.fail(FATAL.PURGE_POLL)
        else:
            self._enter(State.PPB)

    def _take_poll(self) -> None:
        self._prepare_step4()

    def _prepare_step4(self) -> None:
        self._enter(State.BETWEEN)
        self._step = self._clock.call_after(STEP_NS, self._show_step4)

    def _show_step4(self) -> None:
        """Clear the communications area, which also tests that it can be reached."""
        base = self._ring_base
        commands = 1 << (self._step1_word >> COMMAND_RING_SHIFT & RING_LENGTH_MASK)
        responses = 1 << (self._step1_word >> RESPONSE_RING_SHIFT & RING_LENGTH_MASK)
        command_base = base + DESCRIPTOR_BYTES * responses
        start = base - AREA_HEADER_BYTES if self._purge_wanted else base + COMMAND_INTERRUPT_OFFSET
        length = command_base + DESCRIPTOR_BYTES * commands - start
        start &= self._bus_mask
        memory = self._memory
        self._responses = Ring(memory, base, responses, base + RESPONSE_INTERRUPT_OFFSET)
        self._commands = Ring(memory, command_base, commands, base + COMMAND_INTERRUPT_OFFSET)
        try:
            views = memory.window(start, length)
        except BusError as error:
            self._area_cleared(error)
            return
        for view in views:
            view[:] = bytes(len(view))
        distant = memory.distant
        if distant is None:
            self._area_cleared(None)
        else:
            distant.store([(start, length)], views, self._area_cleared)

    def _area_cleared(self, error: BusError | None) -> None:
        if error is None:
            self._present(State.S4, self.firmware.step4_word)
        else:
            self.fail(FATAL.RING_WRITE)

    def _take_step4(self, word: int) -> None:
        """Run when GO comes; some hosts write the burst first and GO in a second word."""
        if not word & HOST4.GO:
            return
        # DEVIATION: an RQDX3 is said to leave its vector in SA, or 1; the KA655's console goes on only when SA is 0.
        self.sa = 0
        self._enter(State.RUN)
        self._idle_since_ns = self._clock.now_ns
        self.set_host_timeout(DEFAULT_HOST_TIMEOUT_S)
        if word & HOST4.LF and self.last_failure:
            self._send_last_fail()

    def _send_last_fail(self) -> None:
        text = ControllerLog(
            fmt=FM.CNT,
            flgs=LF.SNR,
            evnt=SB.CNT,
            cnti=self._identifier,
            csvr=self.firmware.software_version,
            chvr=self.firmware.hardware_version,
            code=self.last_failure,
        ).pack()
        self.last_failure = 0
        self.send(self.envelope(len(text), _DATAGRAM << MESSAGE_TYPE_SHIFT, _MAINTENANCE) + text)

    # ---- death, and the host's

    def fail(self, code: int) -> None:
        """Die: SA shows the code, commands vanish, only a write to IP helps."""
        self.sa = int(STEP.ER) | code
        self.last_failure = int(code)
        self._enter(State.DEAD)
        self._forget()
        if self.firmware.behaviour & Behaviour.INTERRUPT_ON_FATAL:
            self._request_interrupt()

    def set_host_timeout(self, seconds: int) -> None:
        """Die when the host is silent for so long with nothing outstanding; 0 is for ever."""
        self._host_timeout_ns = seconds * SECOND_NS
        if self._host_timer is not None:
            self._host_timer.cancel()
            self._host_timer = None
        if seconds:
            self._host_timer = self._clock.call_after(self._host_timeout_ns, self._check_host)

    def host_released(self) -> None:
        """Count the host's silence from now on, unless something else is outstanding."""
        self.outstanding -= 1
        self._idle_since_ns = self._clock.now_ns

    def _check_host(self) -> None:
        """One appointment per interval, not per command: what happened since moves the next one."""
        since_ns = self._idle_since_ns
        if self.outstanding or self._waiting:
            since_ns = self._clock.now_ns
        left_ns = since_ns + self._host_timeout_ns - self._clock.now_ns
        if left_ns > 0:
            self._host_timer = self._clock.call_after(left_ns, self._check_host)
        else:
            self.fail(FATAL.HOST_TIMEOUT)

    # ---- messages

    def poll(self) -> None:
        """Take every command that is in the ring, and give each to its server."""
        if self._polling:
            return  # a host that answers an interrupt at once: the loop below finds its command too
        self._polling = True
        try:
            if self._waiting:
                self._send_waiting()
            running = State.RUN
            while self.state is running:
                descriptor = self._commands.peek()
                if not descriptor & OWN:
                    break
                self._take_command(descriptor)
        except PortFault as fault:
            self.fail(fault.code)
        finally:
            self._polling = False

    def _take_command(self, descriptor: int) -> None:
        mask = self._bus_mask
        try:
            # The length in the envelope is not to be trusted; RQDX3 reads 64 bytes always.
            packet = self._memory.read((descriptor & mask & ~1) - ENVELOPE_BYTES & mask, PACKET_BYTES)
        except BusError:
            raise PortFault(FATAL.ENVELOPE_READ) from None
        if self._tracer.listening:
            self._trace_message("H>C", packet)
        if self._commands.give_back(descriptor):
            self._request_interrupt()
        envelope = Envelope.unpack(packet)
        if envelope.credits_type >> MESSAGE_TYPE_SHIFT != _SEQUENTIAL:
            raise PortFault(FATAL.PROTOCOL_INCOMPATIBLE)
        connection = self._connections.get(envelope.connection)
        if connection is None:
            raise PortFault(FATAL.CONNECTION_ID)
        if not connection.credits:
            raise PortFault(FATAL.CREDIT_LIMIT)
        connection.credits -= 1
        connection.allowance += envelope.credits_type & CREDITS_MASK
        self.outstanding += 1
        connection.server.receive(packet[ENVELOPE_BYTES:], envelope.length)

    def envelope(self, length: int, credits_type: int, connection: int) -> bytes:
        """Make the four bytes before a text; the same few are wanted all the time."""
        key = connection << 24 | credits_type << 16 | length
        packed = self._envelopes.get(key)
        if packed is None:
            packed = self._envelopes[key] = Envelope(length, credits_type, connection).pack()
        return packed

    def send(self, packet: bytes) -> None:
        """Put an envelope and its text into the response ring, in order; wait while the ring is full."""
        if self.state is not State.RUN:
            return
        try:
            if self._waiting or not self._deliver(packet):
                self._waiting.append(packet)
                if self._retry is None:
                    self._retry = self._clock.call_after(RESPONSE_RETRY_NS, self._retry_waiting)
            elif not self.outstanding:
                self._idle_since_ns = self._clock.now_ns
        except PortFault as fault:
            self.fail(fault.code)

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
        if self._tracer.listening:
            self._trace_message("C>H", packet)
        if ring.give_back(descriptor):
            self._request_interrupt()
        return True

    def _send_waiting(self) -> None:
        waiting = self._waiting
        while waiting and self._deliver(waiting[0]):
            waiting.popleft()
        if not waiting:
            self._idle_since_ns = self._clock.now_ns

    def _retry_waiting(self) -> None:
        self._retry = None
        try:
            self._send_waiting()
        except PortFault as fault:
            self.fail(fault.code)
            return
        if self._waiting:
            self._retry = self._clock.call_after(RESPONSE_RETRY_NS, self._retry_waiting)

    def open_buffer(
        self, address: int, pte_base: int, byte_count: int, fetch: bool, opened: Callable[[HostBuffer], None]
    ) -> bool:
        """Reach the host's buffer that a descriptor names, and call `opened` with it, at once or later.

        fetch: the device wants what is in it.  False when the attempt has killed the port.
        """
        mask, memory = self._bus_mask, self._memory
        mapped = address & MAPPED
        if not mapped:
            address &= mask
        elif not self.firmware.step1_bits & _MAPPING:
            self.fail(FATAL.MAPPING_ABSENT)
            return False
        pte_base &= mask
        distant = memory.distant
        if distant is not None:
            DistantBuffer(memory, distant, fetch, opened, self.fail).open(address, pte_base, byte_count)
            return True
        if not mapped:
            opened(unmapped_buffer(memory, address, byte_count))
            return True
        try:
            buffer = mapped_buffer(memory, address, pte_base, byte_count)
        except PortFault as fault:
            self.fail(fault.code)
            return False
        opened(buffer)
        return True

    # ---- purges of the host's adapter

    def purge(self, channel: int, purged: Callable[[], None]) -> None:
        """Have the host purge a datapath after a transfer through it, and call `purged` then; one at a time."""
        self._purges.append((channel, purged))
        if len(self._purges) == 1:
            self._request_purge()

    def _request_purge(self) -> None:
        channel, _ = self._purges[0]
        try:
            self._memory.write_word(self._ring_base + PURGE_WORD_OFFSET & self._bus_mask, channel << 8)
        except BusError:
            self.fail(FATAL.RING_WRITE)
            return
        self._request_interrupt()

    def _take_purge_complete(self, word: int) -> None:
        if word or not self._purges:
            return
        _, purged = self._purges.popleft()
        if self._purges:
            self._request_purge()
        purged()

    # ---- what can be observed

    @property
    def memory(self) -> HostMemory:
        """The host's memory as this port sees it."""
        return self._memory

    @property
    def bus_mask(self) -> int:
        """The bits of an address that its bus has."""
        return self._bus_mask

    @property
    def rings(self) -> tuple[Ring, Ring] | None:
        """Responses and commands; None while the host has given none."""
        return (self._responses, self._commands) if self.state in (State.S4, State.RUN) else None

    def _request_interrupt(self) -> None:
        if not self.vector:
            return
        if self._tracer.listening:
            self._tracer.emit(InterruptRequested(self._clock.now_ns, self.name, self.vector))
        self._interrupt.request(self.vector)

    def _enter(self, state: State) -> None:
        before, self.state = self.state, state
        if self._tracer.listening and before is not state:
            self._tracer.emit(StateChanged(self._clock.now_ns, self.name, before.name, state.name))
        self._heard()

    def _stray(self, kind: str, offset: int, width: int) -> None:
        if self._tracer.listening:
            self._trace_register(f"stray {kind}", f"{offset:#o}/{width}", 0)

    def _trace_register(self, kind: str, register: str, value: int) -> None:
        self._tracer.emit(RegisterAccess(self._clock.now_ns, self.name, kind, register, value))

    def _trace_message(self, direction: str, packet: Bytes) -> None:
        self._tracer.emit(MessageMoved(self._clock.now_ns, self.name, direction, bytes(packet)))


def _nobody() -> None:
    return None
