"""Requests that take too long, and bus resets.

(spec "SCSI", host side.)  Once a second somebody looks.  The means, one after another: ABORT TAG, BUS DEVICE RESET, a
bus reset.
"""

# UNCERTAIN: how VMS's driver divides its time-outs; the order of its means is that of the spec.

from typing import TYPE_CHECKING

from drivers.port.mscp_port import PortState
from drivers.port.pke_blocks import CommandBlock, identify
from drivers.port.scsi_request import PortStatus
from emu.core.clock import MICROSECOND_NS, MILLISECOND_NS, SECOND_NS, Timer
from emu.wire.codes.scsi_bus import MESSAGE

if TYPE_CHECKING:
    from drivers.port.pkedriver import PkeDriver

RESET_HOLD_NS = 25 * MICROSECOND_NS
SETTLE_NS = 250 * MILLISECOND_NS  # from a bus reset to the first selection
WATCH_NS = SECOND_NS
RECOVERY_TIMEOUT_NS = 2 * SECOND_NS


class Recovery:
    """What makes an end to what does not end by itself, on one adapter's bus."""

    def __init__(self, driver: "PkeDriver") -> None:
        self._driver = driver
        self._platform = driver.platform
        self._adapter = driver.adapter
        self._area = driver.area
        self._watch: Timer | None = None
        self._guilty: CommandBlock | None = None  # for whose sake the bus is being reset

    def watch(self) -> None:
        """Look, from now on until nothing is under way."""
        if self._watch is None:
            self._watch = self._platform.clock.call_after(WATCH_NS, self._look)

    def _look(self) -> None:
        """Look, once a second, for a request that takes too long."""
        clock = self._platform.clock
        self._watch = None
        held = [block for block in self._area.blocks if block.request is not None]
        if not held and self._driver.active is None and self._driver.offered is None:
            return
        self._watch = clock.call_after(WATCH_NS, self._look)
        if self._driver.state is not PortState.RUNNING or self._driver.settling:
            return
        for block in (self._driver.active, self._driver.offered):
            if block is not None and clock.now_ns >= block.deadline_ns:
                self.reset_bus("a command hangs on the bus", block)
                return
        for block in held:
            if block.is_disconnected and clock.now_ns >= block.deadline_ns:
                self._recover(block)
                return

    def _recover(self, block: CommandBlock) -> None:
        """Make an end to a request that takes too long, by the next means there is."""
        request, aborter = block.request, self._area.aborter
        assert request is not None, "a request takes too long"
        if aborter.victim is not None or self._driver.active is aborter:
            return
        message = None
        if block.recoveries == 0:
            message = MESSAGE.ABORT_TAG if block.has_tag else MESSAGE.ABORT
        elif block.recoveries == 1:
            message = MESSAGE.BUS_DEVICE_RESET
        block.recoveries += 1
        if message is None:
            self.reset_bus("a target cannot be aborted", block)
            return
        self._platform.operator(
            f"%PKE-W-ABORT, _{self._driver.name}: target {request.target}: {message.words}"
        )
        messages = identify(request.lun)
        if message == MESSAGE.ABORT_TAG:
            messages += bytes((request.tag, block.index))
        aborter.victim = block
        self._driver.write_command(aborter, request.target, messages + bytes((message,)))
        aborter.deadline_ns = self._platform.clock.now_ns + RECOVERY_TIMEOUT_NS
        self._driver.urgent.append(aborter)
        if self._adapter.running and self._driver.offered is None:
            self._driver.feed()

    def succeeded(self) -> None:
        """Hear that the target has gone away from its command, as it was told."""
        victim, self._area.aborter.victim = self._area.aborter.victim, None
        if victim is None or victim.request is None:
            return  # an unknown command, or one that ended meanwhile
        target = victim.request.target
        if victim.recoveries > 1:  # it was the target that was reset, with all it had
            self._driver.agreements.pop(target, None)
            for block in self._area.blocks:
                request = block.request
                if block is not victim and block.is_disconnected and request and request.target == target:
                    self._driver.complete(block, PortStatus.BUS_RESET)
        if victim.is_disconnected:
            self._driver.complete(victim, PortStatus.TIMED_OUT)

    def failed(self) -> None:
        """Try the next means, or do without when the victim has ended meanwhile."""
        victim, self._area.aborter.victim = self._area.aborter.victim, None
        if victim is not None and victim.request is not None and victim.is_disconnected:
            self._recover(victim)
        if self._driver.state is PortState.RUNNING and not self._driver.settling:
            self._driver.idle()

    # ---- the bus is reset

    def reset_bus(self, why: str, guilty: CommandBlock | None = None) -> None:
        """Reset the bus; everything that was under way is answered when the chip says that it has happened."""
        if self._driver.settling:
            return
        self._platform.operator(f"%PKE-W-BUSRESET, _{self._driver.name}: bus is reset: {why}")
        self._guilty = guilty
        self._driver.settling = True
        self._adapter.running = False
        self._adapter.assert_reset()
        self._platform.clock.call_after(RESET_HOLD_NS, self._adapter.release_reset)

    def take_guilty(self) -> CommandBlock | None:
        """Tell for whose sake the bus was reset, once."""
        guilty, self._guilty = self._guilty, None
        return guilty

    def bus_was_reset(self) -> None:
        """Answer everything, and let the bus settle."""
        self._driver.resets += 1
        self._driver.agreements.clear()
        if self._driver.state is not PortState.RUNNING:
            return
        self._driver.settling = True
        self._driver.complete_all(PortStatus.BUS_RESET, self.take_guilty())
        self._platform.clock.call_after(SETTLE_NS, self._settled)

    def _settled(self) -> None:
        if self._driver.state is not PortState.RUNNING or not self._driver.settling:
            return
        if self._adapter.sees_reset:  # another host still holds the line; its end makes no interrupt
            self._platform.clock.call_after(SETTLE_NS, self._settled)
            return
        self._driver.settling = False
        self._driver.idle()
