"""An application on a virtual unit, which checks what it reads.

It keeps a number of reads and writes under way, never two writes to one block at a time, and knows by its ledger at
each read whether it got what it may get, and afterwards what every block of a member or of a backup must hold.
"""

from collections.abc import Callable
from itertools import repeat
from random import Random

from drivers.cluster.node import Node
from drivers.platform.irp import Irp
from drivers.platform.pool import InsufficientMemory, Pool
from drivers.shadow.shdriver import VirtualUnit
from emu.core.block import BLOCK_BYTES
from emu.core.trace import Event, StateChanged
from emu.sim.ledger import Ledger, stamps
from emu.wire.codes.vms import IO, SS

_READ, _WRITE, _NORMAL = int(IO.READPBLK), int(IO.WRITEPBLK), int(SS.NORMAL)
WITHOUT_END = 1 << 62
FAULT_LIMIT = 100  # an application gives up here: on a dead set every request fails at once, for ever


class _Request(Irp):
    __slots__ = ("application", "lbns", "number", "promised", "slot")

    def __init__(
        self, application: "Application", function: int, lbn: int, block_count: int, address: int, slot: int
    ) -> None:
        super().__init__(function, lbn, block_count * BLOCK_BYTES, address)
        self.application = application
        self.number = 0
        self.slot = slot
        self.lbns = range(lbn, lbn + block_count)
        self.promised: list[int] = []

    def complete(self) -> None:
        self.application.request_ended(self)


def _allocate(pool: Pool, length: int, count: int) -> list[int]:
    """Allocate so many buffers, or none; raises InsufficientMemory."""
    buffers: list[int] = []
    try:
        for _ in range(count):
            buffers.append(pool.allocate(length))
    except InsufficientMemory:
        for address in buffers:
            pool.free(address)
        raise
    return buffers


class Application:
    """Random reads and writes on one virtual unit, from one node.

    stream: where its choices come from.  depth: requests under way at most, may be lowered.  block_limit:
    the largest request.  read_share: part of requests that read.  region: (first LBN, LBN behind the last) it
    works in, by default all behind the structure that INITIALIZE made.  ledger: shared by applications that write
    to the same blocks.  acknowledged: is told of every write at the instant it is answered.

    faults: what went wrong, in words.  departures: device -> copy of the ledger at the instant the member left
    the set.

    Raises:
        InsufficientMemory: the node has no pool for its buffers.
    """

    def __init__(
        self,
        node: Node,
        vu: VirtualUnit,
        stream: Random,
        *,
        depth: int = 8,
        block_limit: int = 16,
        read_share: float = 0.25,
        region: tuple[int, int] | None = None,
        ledger: Ledger | None = None,
        acknowledged: Callable[["Application", range], None] | None = None,
        choose_lbn: Callable[[Random], int] | None = None,
    ) -> None:
        self.node = node
        self.vu = vu
        self.ledger = ledger or Ledger()
        self.faults: list[str] = []
        self.departures: dict[str, Ledger] = {}
        self.reads = 0
        self.writes = 0
        self.blocks_written = 0
        self._stream = stream
        self._block_limit = block_limit
        self._read_share = read_share
        self._region = region or (vu.state.structure_end, vu.block_count)
        self.choose_lbn = choose_lbn or self.choose_anywhere
        self.depth = depth
        self._running = False
        self._writes_left = 0
        self._reads_left = 0
        length = block_limit * BLOCK_BYTES
        self._buffers = _allocate(node.platform.pool, length, depth)
        self._idle = list(range(depth))
        self._under_way: dict[int, _Request] = {}  # by slot
        self._acknowledged = acknowledged
        node.platform.tracer.subscribe(self._hear, StateChanged)

    @property
    def written(self) -> dict[int, int]:
        """LBN -> number of the last acknowledged write."""
        return self.ledger.written

    @property
    def under_way(self) -> int:
        """Requests not yet answered."""
        return len(self._buffers) - len(self._idle)

    @property
    def finished(self) -> bool:
        return not self._running and not self.under_way

    def choose_anywhere(self, stream: Random) -> int:
        return stream.randrange(*self._region)

    def start(self, writes: int = WITHOUT_END, reads: int = WITHOUT_END) -> None:
        """Begin; stop by itself after so many more writes, or reads."""
        self._writes_left = writes
        self._reads_left = reads
        self._running = True
        self._fill()

    def stop(self) -> None:
        """Begin nothing more; what is under way ends."""
        self._running = False

    def close(self) -> None:
        """Give the buffers back."""
        assert self.finished, "an application is closed when nothing is under way"
        self.node.platform.tracer.unsubscribe(self._hear)
        for address in self._buffers:
            self.node.platform.pool.free(address)
        self._buffers.clear()

    def abandon(self, *, keep_locks: bool = False) -> None:
        """Its node is gone: nothing will be answered any more.  keep_locks: until `give_up_locks`, nobody may write."""
        self._running = False
        self.node.platform.tracer.unsubscribe(self._hear)
        if not keep_locks:
            self.give_up_locks()

    def give_up_locks(self) -> None:
        """Let others write what was under way; it has come as far as it has."""
        for request in self._under_way.values():
            self.ledger.forget(request.lbns)

    def write_once(self, lbn: int, block_count: int = 1) -> None:
        """Write one extent now; it ends later."""
        assert block_count <= self._block_limit, "an extent fits the buffer"
        self._write(lbn, block_count)

    def _fill(self) -> None:
        for _ in range(4 * len(self._buffers)):
            if not self._running or self.under_way >= self.depth:
                return
            lbn = self.choose_lbn(self._stream)
            block_count = min(self._stream.randint(1, self._block_limit), self._region[1] - lbn)
            if self._stream.random() < self._read_share:
                if not self._reads_left:
                    self._running = False
                    return
                self._reads_left -= 1
                self._read(lbn, block_count)
            elif not self.ledger.may_write(range(lbn, lbn + block_count)):
                continue  # a host orders its own overlapping writes
            elif self._writes_left:
                self._writes_left -= 1
                self._write(lbn, block_count)
            else:
                self._running = False

    def _write(self, lbn: int, block_count: int) -> None:
        slot = self._idle.pop()
        request = _Request(self, _WRITE, lbn, block_count, self._buffers[slot], slot)
        request.number = self.ledger.begin(request.lbns)
        data = stamps(repeat(request.number), request.lbns)
        self.node.platform.window(request.address, len(data))[:] = data
        self._under_way[slot] = request
        self.vu.queue_io(request)

    def _read(self, lbn: int, block_count: int) -> None:
        slot = self._idle.pop()
        request = _Request(self, _READ, lbn, block_count, self._buffers[slot], slot)
        request.promised = self.ledger.promised(request.lbns)
        self.vu.queue_io(request)

    def request_ended(self, request: _Request) -> None:
        """Check what came, and go on."""
        self._idle.append(request.slot)
        self._under_way.pop(request.slot, None)
        if request.status != _NORMAL:
            verb = "write" if request.number else "read"
            self.faults.append(f"{verb} of LBN {request.lbn} failed: {SS(request.status).name}")
            if request.number:
                self.ledger.forget(request.lbns)
        elif request.number:
            self.writes += 1
            self.blocks_written += len(request.lbns)
            self.ledger.acknowledged(request.number, request.lbns)
            if self._acknowledged is not None:
                self._acknowledged(self, request.lbns)
        else:
            self.reads += 1
            data = self.node.platform.window(request.address, request.byte_count)
            fault = self.ledger.fault_in(data, request.lbns, request.promised)
            if fault:
                self.faults.append(fault)
        if len(self.faults) >= FAULT_LIMIT:
            self._running = False
        if self._running:
            self.node.platform.fork(self._fill)

    def _hear(self, event: Event) -> None:
        """Remember what was written when a member left: nothing is under way at that instant."""
        if (
            isinstance(event, StateChanged)
            and event.after == "no member"
            and event.source.startswith(f"{self.node.name}/{self.vu.name}/")
        ):
            self.departures[event.source.rsplit("/", 1)[-1]] = self.ledger.copy()
