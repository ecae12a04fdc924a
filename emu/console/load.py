"""A load on a virtual unit: random writes and reads in the background, checked as they come back."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from drivers.cluster.node import Node
from drivers.message import Message
from drivers.shadow.shdriver import VirtualUnit
from emu.core.chance import Chance
from emu.core.clock import MILLISECOND_NS, SECOND_NS
from emu.sim.application import Application
from emu.sim.ledger import Ledger

BURST = 64  # requests between two looks at the clock, so that a load on instant disks does not stop time
PAUSE_NS = MILLISECOND_NS


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """What LOAD was asked for.

    writes: how many, 0 for none: then it reads until it is stopped.  rate: requests a second, None for as many as
    the disks answer.
    """

    writes: int
    seed: int
    largest_blocks: int
    depth: int
    read_percent: int
    rate: int | None = None


class Load:
    """One load.  Ends by itself when its writes are done or something went wrong, and tells so.

    ledger: of the loads that run on the same set from other nodes.
    """

    def __init__(
        self,
        node: Node,
        vu: VirtualUnit,
        request: LoadRequest,
        tell: Callable[[Message], None],
        ledger: Ledger | None = None,
    ) -> None:
        self.vu = vu
        self.node = node
        self.request = request
        self.application = Application(
            node,
            vu,
            Chance(request.seed).stream(f"load {vu.name}" + (f" {node.name}" if ledger is not None else "")),
            depth=request.depth,
            block_limit=request.largest_blocks,
            read_share=request.read_percent / 100,
            ledger=ledger,
            choose_lbn=self._choose,
        )
        self.started_ns = node.platform.clock.now_ns
        self.ended_ns: int | None = None
        self._tell = tell
        self._stopping = False
        self._in_burst = 0
        self._burst, self._pause_ns = (
            (BURST, PAUSE_NS) if request.rate is None else (1, SECOND_NS // request.rate)
        )
        self._go_on()

    @property
    def running(self) -> bool:
        return self.ended_ns is None and not self.node.crashed

    @property
    def seconds(self) -> float:
        """Virtual time since it was started, or that it took."""
        end_ns = self.node.platform.clock.now_ns if self.ended_ns is None else self.ended_ns
        return (end_ns - self.started_ns) / SECOND_NS

    def stop(self) -> None:
        """Begin no more requests; the load ends when those under way have."""
        self._stopping = True
        self.application.stop()

    def _choose(self, stream: Random) -> int:
        self._in_burst += 1
        if self._in_burst >= self._burst:
            self.application.stop()  # until `_go_on`
        return stream.randrange(self.vu.state.structure_end, self.vu.block_count)

    def _go_on(self) -> None:
        application, writes = self.application, self.request.writes
        if application.faults:
            self._stopping = True
        left = writes - application.writes - application.under_way
        wants_more = not self._stopping and (left > 0 or not writes)
        if wants_more:
            self._in_burst = 0
            application.start(left) if writes else application.start()
        elif application.finished and (self._stopping or application.writes >= writes):
            self._end()
            return
        self.node.platform.clock.call_after(self._pause_ns, self._go_on)

    def _end(self) -> None:
        self.ended_ns = self.node.platform.clock.now_ns
        application = self.application
        application.close()
        for fault in application.faults:
            self._tell(Message("LOAD", "E", "FAULT", f"{self.vu.name} {fault}"))
        self._tell(
            Message(
                "LOAD",
                "I",
                "ENDED",
                f"{self.vu.name} {application.writes} writes ({application.blocks_written} blocks) and "
                f"{application.reads} reads in {self.seconds:.2f} s, {len(application.faults)} faults",
            )
        )
