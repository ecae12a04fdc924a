"""The init sequence: self test, four steps, wrap mode, the purge/poll test, the communications area.

(spec "UQSSP", initialisation; diagnostic wrap mode; time limits; communications area.)  The states are those of
`emu.hw.uqssp.state`, where the table is.  Times are virtual nanoseconds.
"""

# DEVIATION: there are no bus tenures, no special functions, and no node name to send: burst and scratchpad are
# remembered and shown, the rest of step 4 is accepted and ignored.

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from emu.core.bus import BusError
from emu.core.clock import MICROSECOND_NS, MILLISECOND_NS, SECOND_NS, Timer
from emu.hw.firmware import Behaviour, PortKind
from emu.hw.uqssp.rings import Ring
from emu.hw.uqssp.state import State
from emu.wire.codes.uqssp import (
    AREA_HEADER_BYTES,
    BURST_MASK,
    BURST_SHIFT,
    COMMAND_INTERRUPT_OFFSET,
    COMMAND_RING_SHIFT,
    DESCRIPTOR_BYTES,
    ECHO_MASK,
    FATAL,
    HOST1,
    HOST2,
    HOST3,
    HOST4,
    RESPONSE_INTERRUPT_OFFSET,
    RESPONSE_RING_SHIFT,
    RING_BASE_HIGH_MASK,
    RING_BASE_LOW_MASK,
    RING_LENGTH_MASK,
    SCRATCHPAD_OFFSET,
    STEP,
    VECTOR_MASK,
    VECTOR_SHIFT,
)
from emu.wire.generated.uqssp import Scratchpad

if TYPE_CHECKING:
    from emu.hw.uqssp.port import UqsspPort

SELF_TEST_NS = MILLISECOND_NS
STEP_NS = 100 * MICROSECOND_NS
HOST_ANSWER_NS = (
    10 * SECOND_NS
)  # UNCERTAIN: how long a controller that gives up waits for the host's next word

# Plain integers: arithmetic on enumeration members costs a microsecond.
_VALID_WORD, _WRAP, _WANTS_INTERRUPTS = int(HOST1.VL), int(HOST1.WR), int(HOST1.IE)
_GO, _WANTS_LAST_FAILURE, _OFFERS_MEMORY = int(HOST4.GO), int(HOST4.LF), int(HOST4.CS)
_PURGE_WANTED, _PURGE_TEST = int(HOST2.PI), int(HOST3.PP)

STEP1_REFUSED = 0x0C80  # what a UDA50 dies of when step 1 is answered without VL


class Initialisation:
    """One port's way from a write to IP to GO.

    ring_base: bus address of the first response descriptor.  burst: longwords of a bus tenure, 0 for the
    controller's default.  scratchpad: what the host offers of its memory, address and size; None without an offer.
    """

    def __init__(self, port: "UqsspPort") -> None:
        self.ring_base = 0
        self.burst = 0
        self.scratchpad: tuple[int, int] | None = None
        self._port = port
        self._firmware = port.firmware
        self._clock = port.clock
        self._step1_word = 0
        self._purge_wanted = False
        self._timer: Timer | None = None
        self._patience: Timer | None = None
        self._impatient = bool(port.firmware.behaviour & Behaviour.INIT_TIMEOUT)
        self.sa_writes: Mapping[State, Callable[[int], None]] = {
            State.S1: self._take_step1,
            State.WRAP: self._echo,
            State.S2: self._take_step2,
            State.S3: self._take_step3,
            State.PPA: self._take_purge,
            State.S4: self._take_step4,
        }

    def begin(self) -> None:
        """Start the self test."""
        self._timer = self._clock.call_after(SELF_TEST_NS, self._end_self_test)

    def stop(self) -> None:
        """Go no further."""
        for timer in (self._timer, self._patience):
            if timer is not None:
                timer.cancel()
        self._timer = self._patience = None

    # ---- what the controller shows

    def _end_self_test(self) -> None:
        failure = self._port.board.self_test(self._port)
        if failure:
            self._port.fail(failure)
            return
        self._step1_word = 0
        self._present(State.S1, self._firmware.step1_word)

    def _show(self, state: State, sa: int) -> None:
        """Present a step when its time has come."""
        self._between(lambda: self._present(state, sa))

    def _between(self, then: Callable[[], None]) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        self._port.enter(State.BETWEEN)
        self._timer = self._clock.call_after(STEP_NS, then)

    def _present(self, state: State, sa: int) -> None:
        """Show a step, with an interrupt if the host wants those."""
        port = self._port
        port.sa = sa
        port.enter(state)
        if self._impatient:
            self._patience = self._clock.call_after(HOST_ANSWER_NS, lambda: port.fail(FATAL.INIT_SEQUENCE))
        if self._step1_word & _WANTS_INTERRUPTS and sa:
            port.request_interrupt()

    # ---- what the host writes

    def _take_step1(self, word: int) -> None:
        if not word & _VALID_WORD:
            if self._firmware.behaviour & Behaviour.FATAL_WITHOUT_VL:
                self._port.fail(STEP1_REFUSED)
        elif word & _WRAP and self._firmware.step1_bits & STEP.DI:
            self.stop()
            self._port.enter(State.WRAP)
            self._echo(word)
        else:
            self._step1_word = word
            self._port.vector = (word & VECTOR_MASK) << VECTOR_SHIFT
            self._show(State.S2, int(STEP.S2) | word >> 8 & ECHO_MASK)

    def _echo(self, word: int) -> None:
        self._port.show(word)

    def _take_step2(self, word: int) -> None:
        self.ring_base = word & RING_BASE_LOW_MASK
        self._purge_wanted = bool(word & _PURGE_WANTED)
        self._port.purges.wanted = self._purge_wanted and self._firmware.port_kind is PortKind.UNIBUS
        self._show(State.S3, int(STEP.S3) | self._step1_word & ECHO_MASK)

    def _take_step3(self, word: int) -> None:
        self.ring_base = ((word & RING_BASE_HIGH_MASK) << 16 | self.ring_base) & self._port.bus_mask
        if word & _PURGE_TEST and self._firmware.step1_bits & STEP.DI:
            self._show(State.PPA, 0)
        else:
            self._between(self._clear_area)

    def _take_purge(self, word: int) -> None:
        if word:
            self._port.fail(FATAL.PURGE_POLL)
        else:
            self._port.enter(State.PPB)

    def take_poll(self) -> None:
        """Hear of a read of IP; the purge/poll test waits for one."""
        if self._port.state is State.PPB:
            self._between(self._clear_area)

    # ---- the communications area

    def _clear_area(self) -> None:
        """Clear the communications area, which also tests that it can be reached."""
        port, base = self._port, self.ring_base
        memory, mask = port.memory, port.bus_mask
        commands = 1 << (self._step1_word >> COMMAND_RING_SHIFT & RING_LENGTH_MASK)
        responses = 1 << (self._step1_word >> RESPONSE_RING_SHIFT & RING_LENGTH_MASK)
        command_base = base + DESCRIPTOR_BYTES * responses
        start = base - AREA_HEADER_BYTES if self._purge_wanted else base + COMMAND_INTERRUPT_OFFSET
        length = command_base + DESCRIPTOR_BYTES * commands - start
        start &= mask
        port.traffic.lay_out(
            memory,
            Ring(memory, base, responses, base + RESPONSE_INTERRUPT_OFFSET),
            Ring(memory, command_base, commands, base + COMMAND_INTERRUPT_OFFSET),
        )
        port.purges.lay_out(memory, base, mask)
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
            self._present(State.S4, self._firmware.step4_word)
        else:
            self._port.fail(FATAL.RING_WRITE)

    # ---- GO

    def _take_step4(self, word: int) -> None:
        """Run when GO comes; some hosts write the burst first and GO in a second word."""
        if word & BURST_MASK:
            self.burst = ((word & BURST_MASK) >> BURST_SHIFT) + 1
        if word & _OFFERS_MEMORY and not self._take_scratchpad():
            return
        if word & _GO:
            self.stop()
            self._port.run(last_fail=bool(word & _WANTS_LAST_FAILURE))

    def _take_scratchpad(self) -> bool:
        """Read what the host offers of its memory; False when that has killed the port."""
        port = self._port
        try:
            offer = Scratchpad.unpack(port.memory.read(self.ring_base + SCRATCHPAD_OFFSET & port.bus_mask, 8))
        except BusError:
            port.fail(FATAL.RING_READ)
            return False
        self.scratchpad = offer.address & port.bus_mask, offer.size
        return True
