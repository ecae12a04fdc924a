"""The parallel SCSI bus: arbitration, selection, reselection, information transfer phases, reset.

(spec "SCSI", parallel SCSI bus; SPI "bus phases".)  The bus keeps the order of things and no delays: bytes move
in runs as long as both ends allow, a REQ/ACK handshake a byte is implied.

    BUS FREE --arbitrate--> ARBITRATION --won()--> select / reselect --answered--> connected
    connected: the target requests bytes in one phase after another, the initiator moves them; release --> BUS FREE

Two conventions let both ends answer at once without running into each other.  `requested` only tells the
initiator that there is something to do.  `acknowledged` comes when the whole of a request has moved, and the
target may make its next request inside.
"""

# DEVIATION: bus timings (arbitration, settle, deskew, reset hold) are zero; only time-outs take time.
# DEVIATION: SCAM and the extended identifiers' parity of wide buses are not there; data is eight bits wide.

from collections.abc import Callable, Sequence

from emu.core.clock import Clock
from emu.core.trace import StateChanged, Tracer
from emu.wire.codes.scsi_bus import INBOUND, PHASE

_NAMES = tuple(PHASE(phase).name for phase in range(8))


class Device:
    """One device on a bus; a subclass answers what concerns it."""

    def won(self) -> None:
        """Own the bus after arbitration: select, reselect or release it."""
        raise AssertionError("only a device that arbitrates wins")

    def lost(self) -> None:
        """Hear that a device of higher priority won; this one stays in contention."""

    def selected(self, target_id: int, initiator_id: int | None) -> bool:
        """Answer a selection; True makes this device the target, which may request bytes before it returns.

        initiator_id: None when only the target's bit was on the bus.
        """
        return False

    def reselected(self, initiator_id: int, target_id: int) -> bool:
        """Answer a reselection; True connects this initiator again."""
        return False

    def requested(self) -> None:
        """Hear, as initiator, that the target asserts REQ."""

    def acknowledged(self) -> None:
        """Hear, as target, that all bytes of the request have moved and ACK is released."""

    def attention_raised(self) -> None:
        """Hear, as target, that ATN became true."""

    def freed(self) -> None:
        """Hear, as initiator, that the target left the bus."""

    def bus_reset(self) -> None:
        """Hear RST."""


class ParallelBus:
    """One bus and who is on it.

    noise: says at which byte of a run parity is bad, None for a clean run; it is asked once for each run.
    moved_bytes: how many have crossed the bus, by phase.
    """

    def __init__(self, clock: Clock, tracer: Tracer, name: str = "SCSI bus") -> None:
        self.name = name
        self.initiator: Device | None = None
        self.target: Device | None = None
        self.phase = int(PHASE.DATA_OUT)
        self.requesting = False  # REQ: the target wants the next byte moved
        self.acknowledging = False  # ACK: the initiator holds the last byte
        self.attention = False  # ATN
        self.reset = False  # RST
        self.data = 0  # DB(0-7), the last byte moved
        self.parity_error = False  # since `begin_run`, at the receiving end
        self.noise: Callable[[int, int], int | None] | None = None
        self.moved_bytes = [0] * len(PHASE)
        self._clock = clock
        self._tracer = tracer
        self._devices: list[Device] = []
        self._contenders: dict[Device, int] = {}
        self._deciding = False
        self._owner: Device | None = None  # has won arbitration and is not connected yet
        self._resetting: dict[Device, bool] = {}
        self._runs: list[memoryview] = []  # what is left of the request
        self._state = "BUS FREE"

    def attach(self, device: Device) -> None:
        self._devices.append(device)

    @property
    def free(self) -> bool:
        """BUS FREE: neither BSY nor SEL."""
        return self._owner is None and self.initiator is None and self.target is None

    # ---- getting the bus

    def arbitrate(self, device: Device, own_id: int) -> None:
        """Take part in arbitration until it is won or `withdraw`n."""
        self._contenders[device] = own_id
        self._decide_soon()

    def withdraw(self, device: Device) -> None:
        self._contenders.pop(device, None)

    def _decide_soon(self) -> None:
        """Let everybody who wants the bus at this instant take part."""
        if not self._deciding and self._contenders and self.free:
            self._deciding = True
            self._clock.call_soon(self._decide)

    def _decide(self) -> None:
        self._deciding = False
        if not self._contenders or not self.free or self.reset:
            return
        winner = max(self._contenders, key=lambda device: _priority(self._contenders[device]))
        del self._contenders[winner]
        self._owner = winner
        self._enter("ARBITRATION")
        for device in list(self._contenders):
            device.lost()
        winner.won()

    def select(self, initiator: Device, own_id: int | None, target_id: int, attention: bool) -> bool:
        """Select a target; False while nobody answers: then `abandon` the attempt after a time-out."""
        self._enter("SELECTION")
        self._owner = self.initiator = initiator
        self.attention = attention
        for device in self._devices:
            if device is not initiator:
                self.target = device  # it may request bytes at once
                if device.selected(target_id, own_id):
                    self._owner = None
                    return True
                self.target = None
        return False

    def reselect(self, target: Device, own_id: int, initiator_id: int) -> bool:
        """Reselect an initiator; False while it does not answer: then `abandon` the attempt."""
        self._enter("RESELECTION")
        self._owner = self.target = target
        self.attention = False
        for device in self._devices:
            if device is not target:
                self.initiator = device
                if device.reselected(initiator_id, own_id):
                    self._owner = None
                    return True
                self.initiator = None
        return False

    def abandon(self, device: Device) -> None:
        """End an attempt to select or reselect."""
        if self._owner is device:
            self._go_free()

    def desert(self, initiator: Device) -> None:
        """Vanish as initiator: the target keeps the bus until somebody resets it."""
        if self.initiator is initiator:
            self.initiator = None

    # ---- the target's side

    def offer(self, phase: int, views: Sequence[memoryview]) -> None:
        """Request that the initiator takes these bytes."""
        assert phase & INBOUND, "bytes are offered in an IN phase"
        self._request(phase, views)

    def demand(self, phase: int, views: Sequence[memoryview]) -> None:
        """Request bytes from the initiator, to be put into this memory."""
        assert not phase & INBOUND, "bytes are demanded in an OUT phase"
        self._request(phase, views)

    def _request(self, phase: int, views: Sequence[memoryview]) -> None:
        is_busy = self.requesting or self.acknowledging
        assert not is_busy, "the last request is not done yet"
        self._runs = [view for view in views if len(view)]
        assert self._runs, "a request is for one byte at least"
        self._runs.reverse()
        self.phase = phase
        self.requesting = True
        self._enter(_NAMES[phase])
        if self.initiator is not None:
            self.initiator.requested()

    def retract(self) -> int:
        """Give up the rest of a request, to request something else; return how many bytes did not move."""
        left = sum(map(len, self._runs))
        self._runs = []
        self.requesting = False
        return left

    def release(self) -> None:
        """Leave the bus: BUS FREE."""
        self._go_free()

    # ---- the initiator's side

    def take(self, room: memoryview, hold: bool = False, attend: bool = False) -> int:
        """Take offered bytes while the phase stays the same; return how many came.

        hold: keep ACK asserted behind the last byte of the room.  attend: assert ATN with a byte whose parity is bad,
        so that the target sees it before it goes on to another phase.
        """
        phase, wanted = self.phase, len(room)
        moved = 0
        while moved < wanted and self.requesting and self.phase == phase and not self.parity_error:
            run = self._runs[-1]
            length = self._audible(phase, min(len(run), wanted - moved))
            room[moved : moved + length] = run[:length]
            moved += length
            self.data = run[length - 1]
            is_last = len(self._runs) == 1 and length == len(run)
            if attend and is_last and self.parity_error:
                self.attention = True  # in the middle of a run it is time enough to raise it afterwards
            self._moved(run, length, hold and moved == wanted)
        return moved

    def give(self, data: memoryview) -> int:
        """Give demanded bytes while the phase stays the same; return how many went."""
        phase, available = self.phase, len(data)
        moved = 0
        while moved < available and self.requesting and self.phase == phase:
            run = self._runs[-1]
            length = self._audible(phase, min(len(run), available - moved))
            run[:length] = data[moved : moved + length]
            moved += length
            self.data = run[length - 1]
            self._moved(run, length, False)
        return moved

    def _audible(self, phase: int, length: int) -> int:
        """How much of a run moves until parity is bad."""
        if self.noise is None:
            return length
        bad = self.noise(phase, length)
        if bad is None:
            return length
        self.parity_error = True
        return bad + 1

    def _moved(self, run: memoryview, length: int, hold: bool) -> None:
        self.moved_bytes[self.phase] += length
        if length < len(run):
            self._runs[-1] = run[length:]
        else:
            self._runs.pop()
        if hold:
            self.acknowledging = True
            self.requesting = False
        elif not self._runs:
            self._finish()

    def _finish(self) -> None:
        self.requesting = False
        if self.target is not None:
            self.target.acknowledged()

    def hear_parity_error(self) -> bool:
        """Say whether parity was bad since the last call; for the end that received."""
        heard, self.parity_error = self.parity_error, False
        return heard

    def release_acknowledge(self) -> None:
        """Release ACK behind a byte that was held."""
        if not self.acknowledging:
            return
        self.acknowledging = False
        if self._runs:
            self.requesting = True
            if self.initiator is not None:
                self.initiator.requested()
        else:
            self._finish()

    def raise_attention(self) -> None:
        """Assert ATN."""
        if not self.attention:
            self.attention = True
            if self.target is not None and self._owner is None:
                self.target.attention_raised()

    def drop_attention(self) -> None:
        self.attention = False

    # ---- everybody's

    def assert_reset(self, device: Device, asserted: bool) -> None:
        """Drive or release RST; every device, this one too, hears it when it becomes true."""
        self._resetting.pop(device, None)
        if asserted:
            self._resetting[device] = True
        was, self.reset = self.reset, bool(self._resetting)
        if self.reset and not was:
            self._contenders.clear()
            self._forget()
            self._enter("RESET")
            for each in self._devices:
                each.bus_reset()
        elif was and not self.reset:
            self._enter("BUS FREE")
            self._decide_soon()

    def _go_free(self) -> None:
        initiator = self.initiator
        self._forget()
        self._enter("BUS FREE")
        if initiator is not None:
            initiator.freed()
        self._decide_soon()

    def _forget(self) -> None:
        self.initiator = self.target = self._owner = None
        self._runs = []
        self.phase = int(PHASE.DATA_OUT)
        self.requesting = self.acknowledging = self.attention = self.parity_error = False

    def _enter(self, state: str) -> None:
        before, self._state = self._state, state
        if before != state and StateChanged in self._tracer.heard:
            self._tracer.emit(StateChanged(self._clock.now_ns, self.name, before, state))


def _priority(scsi_id: int) -> int:
    """Rank identifiers: 7 to 0, then 15 to 8."""
    return scsi_id if scsi_id < 8 else scsi_id - 16
