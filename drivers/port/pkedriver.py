"""PKEDRIVER: the port driver of the 53C810.

It brings the chip up, loads its SCRIPTS into host memory, hands commands over one after another, and answers what
the chip interrupts for; a command that has disconnected waits in its command block until its target comes back, so
that many are under way at once.  (spec "SCSI", host side; the SCRIPTS are `pke.ss`.)

Where a request may be:

    waiting        in the port's queue
    offered        its block is in the slot; SCRIPTS take it as soon as they have won the bus
    active         on the bus
    disconnected   its target works on it

A CHECK CONDITION makes the port ask for the sense, with the next command to that unit, before the request is answered.
When the bus is reset, by whomever, every request that had been offered is answered so, and the class driver sends it
again.  The chapters are modules of their own: the adapter's registers, the command blocks, interrupts, messages,
recovery.
"""

from collections import deque

from drivers.platform.alpha import AlphaPlatform
from drivers.platform.alpha_pci import PciBridge, PciSlot
from drivers.platform.process import Procedure
from drivers.port.mscp_port import PortState
from drivers.port.pke_adapter import SOFT_RESET_NS, Adapter, clock_divider
from drivers.port.pke_blocks import CommandArea, CommandBlock, identify
from drivers.port.pke_interrupts import Interrupts
from drivers.port.pke_messages import SDTR, Messages
from drivers.port.pke_recovery import RESET_HOLD_NS, SETTLE_NS, Recovery
from drivers.port.scsi_request import Client, PortStatus, ScsiRequest
from emu.core.trace import StateChanged
from emu.wire.scripts_image import ScriptsImage

START_ATTEMPTS = 3
MAXIMUM_BYTES = 1 << 23  # of one request; a byte counter has 24 bits


class PkeDriver:
    """The driver of one adapter.

    slot: the chip in the PCI bus of `bridge`.  program: the SCRIPTS.  scsi_id: our own.  resets: bus resets seen;
    failures: times the adapter had to be started anew.  attempts: to start it, since a command last ended.  settling:
    the bus has been reset a moment ago.  urgent: blocks that go before what waits: sense, aborts.  frozen: units whose
    sense has not been fetched.  agreements: SXFER by target.
    """

    def __init__(
        self,
        platform: AlphaPlatform,
        bridge: PciBridge,
        name: str,
        slot: PciSlot,
        program: ScriptsImage,
        scsi_id: int = 7,
    ) -> None:
        self.platform = platform
        self.bridge = bridge
        self.name = name
        self.scsi_id = scsi_id
        self.maximum_bytes = min(MAXIMUM_BYTES, bridge.maximum_buffer_bytes)
        self.state = PortState.DOWN
        self.interrupts = 0
        self.resets = 0
        self.failures = 0
        self.selection_timeouts = 0
        self.attempts = 0
        self.settling = False
        self.urgent: deque[CommandBlock] = deque()
        self.offered: CommandBlock | None = None
        self.active: CommandBlock | None = None
        self.frozen: dict[tuple[int, int], CommandBlock] = {}
        self.agreements: dict[int, int] = {}
        self.adapter = Adapter(
            platform, bridge, slot, platform.connect_pci_interrupt(self._interrupted), scsi_id
        )
        self.area = CommandArea(platform, bridge, program)
        self.messages = Messages(self)
        self.recovery = Recovery(self)
        self._service = Interrupts(self)
        self._waiting: deque[ScsiRequest] = deque()
        self._free = deque(self.area.blocks)
        self._client: Client | None = None

    @property
    def revision(self) -> int:
        return self.adapter.revision

    @property
    def free_blocks(self) -> int:
        """Tell how many requests more may be under way."""
        return len(self._free)

    @property
    def is_busy(self) -> bool:
        """Whether any request waits, or is on its way."""
        return bool(self._waiting) or self.free_blocks != len(self.area.blocks)

    def connect(self, client: Client) -> None:
        """Connect the class driver."""
        self._client = client

    def start(self) -> None:
        """Bring the adapter up; the client hears `port_ready` or `port_lost`."""
        assert self.state is PortState.DOWN, "a port is started once; it restarts itself"
        self.platform.process(f"{self.name} init", self._initialise())

    def reset_bus(self, why: str, guilty: CommandBlock | None = None) -> None:
        """Reset the bus; everything that was under way is answered when the chip says that it has happened."""
        self.recovery.reset_bus(why, guilty)

    def _interrupted(self) -> None:
        self._service.serve()

    # -- initialisation

    def _initialise(self) -> Procedure:
        self._enter(PortState.INITIALISING)
        adapter = self.adapter
        while self.attempts < START_ATTEMPTS:
            self.attempts += 1
            if not adapter.find():
                break
            adapter.reset()
            yield SOFT_RESET_NS
            adapter.set_up()
            self.area.load()
            self.settling = True
            adapter.assert_reset()
            yield RESET_HOLD_NS
            adapter.release_reset()
            yield SETTLE_NS
            while adapter.sees_reset:
                yield SETTLE_NS
            # RST, and the interrupt of our own reset, have come and gone.
            self.settling = False
            self._enter(PortState.RUNNING)
            self.start_scripts("IDLE")
            assert self._client is not None, "a port has a class driver before it starts"
            self._client.port_ready()
            self.feed()
            return
        self._die()

    def start_scripts(self, label: str) -> None:
        """Let SCRIPTS go on there."""
        self.adapter.start_scripts(self.area.entry[label])

    # -- requests

    def send(self, request: ScsiRequest) -> None:
        """Start a request; it completes later, never inside this call."""
        if self.state is PortState.DEAD:
            request.port_status = PortStatus.DEAD
            self.platform.fork(request.complete)
            return
        self._waiting.append(request)
        if self.adapter.running and self.offered is None:
            self.feed()

    def feed(self) -> None:
        """Put the next command into the slot if that is empty."""
        if self.offered is not None or self.settling or self.state is not PortState.RUNNING:
            return
        block = self.urgent.popleft() if self.urgent else self._next_block()
        if block is None:
            return
        self.area.offer(block)
        self.offered = block
        if self.adapter.running:
            self.adapter.signal()

    def _next_block(self) -> CommandBlock | None:
        """Give the first request that may be sent its block."""
        waiting, frozen = self._waiting, self.frozen
        if not waiting or not self._free:
            return None
        if self.platform.io_blocked:
            self.platform.hold_io(self._may_go_on)
            return None
        for index, request in enumerate(waiting):
            if request.io_epoch not in (None, self.platform.io_epoch):
                del waiting[index]
                self._unmap(request)
                request.port_status = PortStatus.REFUSED
                self.platform.fork(request.complete)
                return self._next_block()
            if frozen and (request.target, request.lun) in frozen:
                continue
            if request.byte_count and request.mapped is None:
                request.mapped = self.bridge.map_buffer(request.address, request.byte_count)
                if request.mapped is None:
                    self.bridge.await_map_registers(self._may_go_on)
                    return None
            del waiting[index]
            block = self._free.popleft()
            self._fill(block, request)
            return block
        return None

    def _may_go_on(self) -> None:
        if self.adapter.running:
            self.feed()

    def _fill(self, block: CommandBlock, request: ScsiRequest) -> None:
        block.request = request
        block.recoveries = 0
        messages = identify(request.lun)
        if request.tag:
            messages += bytes((request.tag, block.index))
        block.negotiates = request.target not in self.agreements
        if block.negotiates:
            messages += SDTR
        self.write_command(
            block, request.target, messages, request.cdb, request.mapped or 0, request.byte_count
        )
        block.deadline_ns = self.platform.clock.now_ns + request.timeout_ns

    def write_command(
        self,
        block: CommandBlock,
        target: int,
        messages: bytes,
        cdb: bytes = b"",
        address: int = 0,
        count: int = 0,
    ) -> None:
        """Write a command for a target, at the speed agreed with it, and have somebody look how long it takes."""
        sxfer = self.agreements.get(target, 0)
        self.area.write_command(block, target, messages, cdb, address, count, sxfer, clock_divider(sxfer))
        self.recovery.watch()

    def take_back_offer(self) -> None:
        """Let the request that was offered wait again, as the first."""
        offered = self.offered
        assert offered is not None, "what is taken back was offered"
        assert offered.request is not None, "what is taken back is a command"
        self.withdraw_offer()
        self._waiting.appendleft(offered.request)
        offered.request = None
        self._free.append(offered)

    def withdraw_offer(self) -> None:
        """Empty the slot."""
        self.area.withdraw()
        self.offered = None

    def require_active(self) -> CommandBlock | None:
        """Return the command that is on the bus; without one, the bus is reset."""
        if self.active is None:
            self.reset_bus("a message is for nobody")
        return self.active

    def idle(self) -> None:
        """Let SCRIPTS wait for what comes next, with a command in the slot if there is one."""
        self.active = None
        self.feed()
        if not self.adapter.running and not self.settling:
            self.start_scripts("IDLE")

    def complete(self, block: CommandBlock, port_status: PortStatus) -> None:
        """Answer the request of a block, which becomes free."""
        request, block.request = block.request, None
        assert request is not None, "a block that is answered has a request"
        if block.senses:
            block.senses = False
            self.frozen.pop((request.target, request.lun), None)
        block.is_disconnected = False
        self._free.append(block)
        self._unmap(request)
        request.port_status = port_status
        request.complete()

    def _unmap(self, request: ScsiRequest) -> None:
        if request.mapped is not None:
            self.bridge.unmap_buffer(request.mapped, request.byte_count)
            request.mapped = None

    def complete_all(self, port_status: PortStatus, guilty: CommandBlock | None = None) -> None:
        """Answer every request that has a block; the guilty one took too long."""
        self.active = self.area.aborter.victim = None
        self.withdraw_offer()
        self.urgent.clear()
        for block in self.area.blocks:
            if block.request is not None:
                self.complete(block, PortStatus.TIMED_OUT if block is guilty else port_status)

    # -- failure

    def restart(self, why: str) -> None:
        """Start the adapter anew after an error of its own."""
        self.failures += 1
        self.platform.operator(f"%PKE-E-RESTART, _{self.name}: adapter is restarted, {why}")
        self._enter(PortState.INITIALISING)
        self.agreements.clear()
        self.adapter.reset()
        self.complete_all(PortStatus.BUS_RESET, self.recovery.take_guilty())
        self.platform.process(f"{self.name} init", self._initialise())

    def _die(self) -> None:
        self._enter(PortState.DEAD)
        self.platform.operator(f"%PKE-E-DEAD, _{self.name}: adapter does not work, port is off line")
        self.complete_all(PortStatus.DEAD, self.recovery.take_guilty())
        waiting, self._waiting = self._waiting, deque()
        for request in waiting:
            request.port_status = PortStatus.DEAD
            request.complete()
        assert self._client is not None, "a port has a class driver before it starts"
        self._client.port_lost()

    def _enter(self, state: PortState) -> None:
        if state is self.state:
            return
        tracer = self.platform.tracer
        if StateChanged in tracer.heard:
            now_ns, source = self.platform.clock.now_ns, f"{self.platform.name}/{self.name}"
            tracer.emit(StateChanged(now_ns, source, self.state.value, state.value))
        self.state = state
