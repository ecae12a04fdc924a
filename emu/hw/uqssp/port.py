"""The UQSSP port: registers IP and SA, and the parts behind them.

(spec "UQSSP".)  Times are virtual nanoseconds, addresses are bus addresses, register values have 16 bits.
The states are those of `emu.hw.uqssp.state`: initialisation has the steps up to GO, traffic the rings, purges
and host timer what else goes on while the port runs.
"""

from collections.abc import Callable

from emu.core.bus import HostMemory, InterruptLine
from emu.core.clock import Clock
from emu.core.registers import Reg, RegisterFile
from emu.core.trace import InterruptRequested, RegisterAccess, StateChanged, Tracer
from emu.hw.firmware import Behaviour, Firmware, PortKind
from emu.hw.uqssp.board import Board, SoundBoard
from emu.hw.uqssp.buffers import DistantBuffer, HostBuffer, mapped_buffer, unmapped_buffer
from emu.hw.uqssp.connection import Connection, Server
from emu.hw.uqssp.host_timer import DEFAULT_HOST_TIMEOUT_S, HostTimer
from emu.hw.uqssp.initialisation import Initialisation
from emu.hw.uqssp.purges import Purges
from emu.hw.uqssp.rings import PortFault, Ring
from emu.hw.uqssp.state import State
from emu.hw.uqssp.traffic import Traffic
from emu.wire.codes.mscp import FM, LF, SB
from emu.wire.codes.uqssp import (
    FATAL,
    IP,
    MAPPED,
    MESSAGE_TYPE_SHIFT,
    SA,
    STEP,
    ConnectionId,
    MessageType,
)
from emu.wire.generated.mscp import ControllerLog

BUS_MASKS = {
    PortKind.UNIBUS: 0x0003_FFFF,
    PortKind.QBUS: 0x003F_FFFF,
    PortKind.XMI: 0x3FFF_FFFF,
    PortKind.VAXBI: 0x3FFF_FFFF,
}

REGISTERS = RegisterFile(
    Reg(IP, 2, "IP", "write: initialise; read: poll the command ring", "read_ip", "write_ip"),
    Reg(SA, 2, "SA", "status of init steps and fatal errors; init data from the host", "read_sa", "write_sa"),
)

_MAPPING = int(STEP.MP)
_DATAGRAM = int(MessageType.DATAGRAM) << MESSAGE_TYPE_SHIFT
_MAINTENANCE = int(ConnectionId.MAINTENANCE)


class UqsspPort:
    """One port of a controller.

    memory, interrupt: of the host it sits in.  identifier: the controller's, for the last-fail datagram.
    last_failure: the fatal code a host has not been told yet.  board: what is wrong with it, if anything.
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
        self.clock = clock
        self.name = name
        self.firmware = firmware
        self.board: Board = SoundBoard()
        self.bus_mask = BUS_MASKS[firmware.port_kind]  # the bits of an address that its bus has
        self.state = State.RESET
        self.sa = 0
        self.vector = 0
        self.last_failure = 0
        self._identifier = identifier
        self._memory = memory
        self._interrupt = interrupt
        self._tracer = tracer
        self._heard: Callable[[], None] = _nobody
        registers = REGISTERS.bind(self, self._stray)
        self.read_register = registers.read_register
        self.write_register = registers.write_register
        self.traffic = Traffic(clock, tracer, name, self.bus_mask, self.request_interrupt, self.fail)
        self.purges = Purges(self.request_interrupt, self.fail)
        self.initialisation = Initialisation(self)
        self._host_timer = HostTimer(clock, self.traffic, lambda: self.fail(FATAL.HOST_TIMEOUT))
        self.initialise()

    def connect(self, identifier: int, server: Server) -> Connection:
        """Give commands with this connection identifier to `server`; it answers over the connection."""
        return self.traffic.connect(identifier, server)

    # ---- registers

    def read_ip(self) -> int:
        if RegisterAccess in self._tracer.heard:
            self._trace_register("read", "IP", 0)
        if self.state is _RUN:
            self.traffic.poll()
        else:
            self.initialisation.take_poll()
        return 0

    def write_ip(self, value: int) -> None:
        if RegisterAccess in self._tracer.heard:
            self._trace_register("write", "IP", value)
        self.initialise()

    def read_sa(self) -> int:
        if RegisterAccess in self._tracer.heard:
            self._trace_register("read", "SA", self.sa)
        return self.sa

    def write_sa(self, value: int) -> None:
        if RegisterAccess in self._tracer.heard:
            self._trace_register("write", "SA", value)
        word = value & 0xFFFF
        if self.state is _RUN:
            self.purges.completed(word)
            return
        action = self.initialisation.sa_writes.get(self.state)
        if action is not None:
            action(word)

    # ---- life and death

    def initialise(self) -> None:
        """Forget everything but the last failure, and start the self test."""
        self._interrupt.withdraw()
        self.sa = 0
        self.vector = 0
        self.enter(State.RESET)
        self._forget()
        self.initialisation.begin()

    def _forget(self) -> None:
        """Drop the conversation with the host: nothing of it is answered any more."""
        self.initialisation.stop()
        self._host_timer.stop()
        self.purges.forget()
        self.traffic.forget(self.firmware.credits)

    def run(self, *, last_fail: bool) -> None:
        """Begin normal operation; tell the host first what the port died of, if it wants to know."""
        # DEVIATION: an RQDX3 is said to leave its vector in SA, or 1; the KA655's console goes on only when SA is 0.
        self.sa = 0
        self.enter(State.RUN)
        self.traffic.open()
        self.set_host_timeout(DEFAULT_HOST_TIMEOUT_S)
        self.board.started(self)
        if last_fail and self.last_failure:
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
        self.traffic.send(self.traffic.envelope(len(text), _DATAGRAM, _MAINTENANCE) + text)

    def fail(self, code: int) -> None:
        """Die: SA shows the code, commands vanish, only a write to IP helps."""
        self.sa = int(STEP.ER) | code
        self.last_failure = int(code)
        self.enter(State.DEAD)
        self._forget()
        if self.firmware.behaviour & Behaviour.INTERRUPT_ON_FATAL:
            self.request_interrupt()

    def hang(self) -> None:
        """Do nothing any more, and show nothing of it: only a write to IP helps."""
        self.enter(State.HUNG)
        self._forget()

    def set_host_timeout(self, seconds: int) -> None:
        """Die when the host is silent for so long with nothing outstanding; 0 is for ever."""
        self._host_timer.set(seconds)

    # ---- buffers

    def open_buffer(
        self, address: int, pte_base: int, byte_count: int, fetch: bool, opened: Callable[[HostBuffer], None]
    ) -> bool:
        """Reach the host's buffer that a descriptor names, and call `opened` with it, at once or later.

        fetch: the device wants what is in it.  False when the attempt has killed the port.
        """
        mask, memory = self.bus_mask, self._memory
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

    # ---- what the parts share

    @property
    def memory(self) -> HostMemory:
        """The host's memory as this port sees it."""
        return self._memory

    def request_interrupt(self) -> None:
        """Interrupt the host, if it has given a vector."""
        if not self.vector:
            return
        if InterruptRequested in self._tracer.heard:
            self._tracer.emit(InterruptRequested(self.clock.now_ns, self.name, self.vector))
        self._interrupt.request(self.vector)

    def enter(self, state: State) -> None:
        """Change the state."""
        before, self.state = self.state, state
        if before is not state and StateChanged in self._tracer.heard:
            self._tracer.emit(StateChanged(self.clock.now_ns, self.name, before.name, state.name))
        self._heard()

    def show(self, sa: int) -> None:
        """Change what SA shows, and nothing else."""
        self.sa = sa
        self._heard()

    # ---- what can be observed

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

    @property
    def rings(self) -> tuple[Ring, Ring] | None:
        """Responses and commands; None while the host has given none."""
        return self.traffic.rings if self.state in (State.S4, State.RUN) else None

    def _stray(self, kind: str, offset: int, width: int) -> None:
        if RegisterAccess in self._tracer.heard:
            self._trace_register(f"stray {kind}", f"{offset:#o}/{width}", 0)

    def _trace_register(self, kind: str, register: str, value: int) -> None:
        self._tracer.emit(RegisterAccess(self.clock.now_ns, self.name, kind, register, value))


_RUN = State.RUN


def _nobody() -> None:
    return None
