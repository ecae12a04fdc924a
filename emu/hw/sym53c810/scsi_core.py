"""The SCSI core of the chip: its place on the bus as an initiator, and its timers.

(spec "SCSI", 53C810: I/O instructions, interrupts, timer codes.)  The core connects by selecting or by being
reselected, keeps the phase that was latched at the last REQ, and reports what happens on the bus as interrupts.
"""

# DEVIATION: the chip is an initiator only: it answers no selection, and instructions of the target role are illegal.
# DEVIATION: immediate arbitration (SCNTL1.IARB) and simple arbitration store bits; SCNTL0.START always arbitrates
# fully and selects.

from collections.abc import Callable
from enum import Enum

from emu.core.clock import Clock, Timer
from emu.hw.scsibus.bus import Device, ParallelBus
from emu.hw.sym53c810.interrupts import Interrupts
from emu.wire.codes.sym53c810 import (
    DCNTL,
    LINES,
    REG,
    SCID,
    SCNTL0,
    SCNTL2,
    SELECTION_ABORT_NS,
    SIST0,
    SIST1,
    SSID,
    SSTAT0,
    SSTAT2,
    TIMER_MASK,
    TIMER_UNIT_NS,
)

_ATN, _ACK, _REQ = int(LINES.ATN), int(LINES.ACK), int(LINES.REQ)
_BSY, _SEL = int(LINES.BSY), int(LINES.SEL)
_SDU, _LDSC, _START = int(SCNTL2.SDU), int(SSTAT2.LDSC), int(SCNTL0.START)
_SCNTL0, _SCNTL2, _SSTAT2, _SOCL = int(REG.SCNTL0), int(REG.SCNTL2), int(REG.SSTAT2), int(REG.SOCL)
_SCID, _STIME0 = int(REG.SCID), int(REG.STIME0)


class State(Enum):
    """How far the core is on the bus."""

    IDLE = "idle"
    ARBITRATING = "arbitrating"
    SELECTING = "selecting"
    CONNECTED = "connected"


class ScsiCore(Device):
    """One chip on one bus.

    wake: tells the SCRIPTS processor to look again.  stop: halts it, a fatal interrupt has been raised.
    """

    def __init__(
        self,
        clock: Clock,
        bus: ParallelBus,
        registers: bytearray,
        interrupts: Interrupts,
        wake: Callable[[], None],
        stop: Callable[[], None],
    ) -> None:
        self.bus = bus
        self.state = State.IDLE
        self.reselection = False  # a target has come back and SCRIPTS have not noticed yet
        self.latched_phase = 0
        self._clock = clock
        self._registers = registers
        self._interrupts = interrupts
        self._wake = wake
        self._stop = stop
        self._destination = 0
        self._with_atn = False
        self._by_start = False  # SCNTL0.START, not an instruction, wants the selection
        self._lost = self._won = False
        self._timers: dict[str, Timer] = {}
        bus.attach(self)

    def reset(self) -> None:
        """Let go of the bus as a chip does whose drivers go off."""
        for timer in self._timers.values():
            timer.cancel()
        self.bus.withdraw(self)
        self.bus.assert_reset(self, False)
        state, self.state = self.state, State.IDLE
        if state is State.SELECTING:
            self.bus.abandon(self)
        elif state is State.CONNECTED:
            self.bus.desert(self)
        self._forget()

    def _forget(self) -> None:
        self.state = State.IDLE
        self.reselection = self._by_start = self._lost = self._won = False

    # ---- selection

    def select(self, destination: int, with_atn: bool) -> None:
        """Arbitrate and select as soon as the bus is free; `wake` comes when it is won."""
        self.state = State.ARBITRATING
        self._destination = destination
        self._with_atn = with_atn
        self._won = self._lost = False
        self.bus.arbitrate(self, self._registers[_SCID] & 7)

    def start(self) -> None:
        """Do what SCNTL0.START asks for."""
        if self.state is State.IDLE:
            self._by_start = True
            self.select(self._registers[REG.SDID] & 7, bool(self._registers[_SCNTL0] & SCNTL0.WATN))

    def give_up_arbitration(self) -> None:
        if self.state is State.ARBITRATING:
            self.bus.withdraw(self)
            self.state = State.IDLE

    def won(self) -> None:
        self._won = True
        self.state = State.SELECTING
        own_id = self._registers[_SCID] & 7
        if self.bus.select(self, own_id, self._destination, self._with_atn):
            self._connect()
            if self._by_start:
                self._end_start()
                self._interrupts.raise_scsi(int(SIST0.CMP))
            if self.bus.initiator is not self:  # the target has left already
                self.freed()
        else:
            code = self._registers[_STIME0] & TIMER_MASK
            self._set_timer("selection", code, self._give_up_selection, SELECTION_ABORT_NS)
        self._wake()

    def lost(self) -> None:
        self._lost = True

    def _connect(self) -> None:
        self.state = State.CONNECTED
        self._registers[_SCNTL2] |= _SDU
        self._registers[_SSTAT2] &= ~_LDSC

    def _give_up_selection(self) -> None:
        self.state = State.IDLE
        self._end_start()
        self.bus.abandon(self)
        self._interrupts.raise_scsi(0, int(SIST1.STO))
        self._stop()

    def _end_start(self) -> None:
        if self._by_start:
            self._by_start = False
            self._registers[_SCNTL0] &= ~_START

    # ---- what the bus says

    def reselected(self, initiator_id: int, target_id: int) -> bool:
        registers = self._registers
        if not registers[_SCID] & SCID.RRE or initiator_id > 7:
            return False
        if not registers[REG.RESPID] >> initiator_id & 1:
            return False
        self.bus.withdraw(self)
        self._end_start()
        self._connect()
        self.reselection = True
        registers[REG.SSID] = int(SSID.VAL) | target_id & 7
        if not registers[REG.DCNTL] & DCNTL.COM:
            registers[REG.SFBR] = (1 << initiator_id | 1 << target_id) & 0xFF
        self._interrupts.raise_scsi(int(SIST0.RSL))
        self._wake()
        return True

    def requested(self) -> None:
        self.latched_phase = self.bus.phase
        self._cancel_timer("handshake")
        self._wake()

    def freed(self) -> None:
        if self.state is not State.CONNECTED:
            return
        self._cancel_timer("handshake")
        self._forget()
        self._registers[_SSTAT2] |= _LDSC
        self._registers[_SOCL] &= ~(_ATN | _ACK)
        if self._registers[_SCNTL2] & _SDU:
            self._interrupts.raise_scsi(int(SIST0.UDC))
            self._stop()
        else:
            self._wake()

    def bus_reset(self) -> None:
        self._cancel_timer("selection")
        self._cancel_timer("handshake")
        if self.state is State.CONNECTED:
            self._registers[_SSTAT2] |= _LDSC
        self._end_start()
        self._forget()
        self._registers[_SOCL] &= ~(_ATN | _ACK)
        self._interrupts.raise_scsi(int(SIST0.RST))
        self._stop()

    # ---- information transfer

    @property
    def requesting(self) -> bool:
        """REQ is asserted to us; `latched_phase` is its phase."""
        return self.state is State.CONNECTED and self.bus.requesting

    def watch(self) -> None:
        """Start the handshake-to-handshake timer: SCRIPTS wait for REQ."""
        code = self._registers[_STIME0] >> 4
        if code and self.state is State.CONNECTED and not self._timer_pending("handshake"):
            self._set_timer("handshake", code, self._tell_handshake)

    def _tell_handshake(self) -> None:
        self._interrupts.raise_scsi(0, int(SIST1.HTH))

    def set_attention(self) -> None:
        self._registers[_SOCL] |= _ATN
        if self.state is State.CONNECTED:
            self.bus.raise_attention()

    def clear_attention(self) -> None:
        self._registers[_SOCL] &= ~_ATN
        if self.state is State.CONNECTED:
            self.bus.drop_attention()

    def set_acknowledge(self) -> None:
        self._registers[_SOCL] |= _ACK

    def clear_acknowledge(self) -> None:
        self._registers[_SOCL] &= ~_ACK
        if self.state is State.CONNECTED:
            self.bus.release_acknowledge()

    # ---- timers

    def start_general_timer(self) -> None:
        """Restart or stop the general purpose timer as STIME1 says."""
        self._cancel_timer("general")
        code = self._registers[REG.STIME1] & TIMER_MASK
        self._set_timer("general", code, self._tell_general)

    def _tell_general(self) -> None:
        self._interrupts.raise_scsi(0, int(SIST1.GEN))

    def _set_timer(self, name: str, code: int, action: Callable[[], None], extra_ns: int = 0) -> None:
        """Arm a timer; code 0 is off."""
        if code:
            delay_ns = (TIMER_UNIT_NS << code - 1) + extra_ns
            self._timers[name] = self._clock.call_after(delay_ns, action)

    def _cancel_timer(self, name: str) -> None:
        timer = self._timers.get(name)
        if timer is not None:
            timer.cancel()

    def _timer_pending(self, name: str) -> bool:
        timer = self._timers.get(name)
        return timer is not None and timer.pending

    # ---- status registers

    @property
    def control_lines(self) -> int:
        """SBCL: the lines as they are now, whoever drives them."""
        bus = self.bus
        lines = bus.phase
        for asserted, line in (
            (bus.requesting, _REQ),
            (bus.acknowledging, _ACK),
            (bus.attention, _ATN),
            (not bus.free, _BSY),
            (self.state is State.SELECTING, _SEL),
        ):
            if asserted:
                lines |= line
        return lines

    @property
    def sstat0(self) -> int:
        bits = int(SSTAT0.AIP) if self.state is State.ARBITRATING else 0
        bits |= int(SSTAT0.LOA) if self._lost else 0
        bits |= int(SSTAT0.WOA) if self._won else 0
        return bits | (int(SSTAT0.RST) if self.bus.reset else 0)
