"""How a write of this node gets into the bitmaps of other nodes (spec 3.3, 3.7, 3.8).

A node keeps a local bitmap of its own writes for every master elsewhere.  It is a filter: only the first write to a
range is reported, and the write waits until the master has it.  Without memory for a local bitmap every write is.

    write ──range is in the local bitmap──────────────────────────────────────▶ goes to disk
      └────not yet──▶ SetBits to the master ──answer──▶ into the local bitmap ──▶ goes to disk

A bit comes into the local bitmap when the master has answered, so a second write to the range asks again until then.

Messages to one node go at once, or nine at a time:

    SINGLE ──WBM_MSG_UPPER or more in WBM_MSG_INT──▶ BUFFERED ──WBM_MSG_LOWER or fewer──▶ SINGLE

In buffered mode a message waits for eight others, WBM_MSG_INT at most.
UNCERTAIN: what is counted in buffered mode; here it is writes to be recorded in both.
"""

from collections.abc import Callable, Sequence
from enum import Enum

from drivers.cluster.cluster import Cluster
from drivers.cluster.request import NodeLost
from drivers.platform.host import Platform
from drivers.platform.pool import InsufficientMemory
from drivers.shadow.requests import SETS_A_MESSAGE, BitRange, SetBits
from drivers.shadow.state import BitmapRecord
from drivers.shadow.write_bitmap import WriteBitmap
from emu.core.clock import MILLISECOND_NS

DETAIL = 2  # of WBM_OPCOM_LVL

Recorded = Callable[[], None]


class RemoteBitmap:
    """A bitmap whose master is another node, as this node knows it; `local` is None when there is no memory."""

    __slots__ = ("local", "record")

    def __init__(self, record: BitmapRecord, local: WriteBitmap | None) -> None:
        self.record = record
        self.local = local

    def knows(self, first: int, last: int) -> bool:
        """Whether the master has all these bits from this node."""
        return self.local is not None and self.local.all_set(first, last)


class Mode(Enum):
    """How SetBits go to a node."""

    SINGLE = "single"
    BUFFERED = "buffered"


class _Sender:
    """What goes to one node."""

    def __init__(self, recorder: "Recorder", node: str) -> None:
        self.mode = Mode.SINGLE
        self._recorder = recorder
        self._platform = recorder.platform
        self._node = node
        self._waiting: list[tuple[BitRange, Callable[[], None]]] = []
        self._in_interval = 0
        self._assessing = False

    def send(self, part: BitRange, answered: Callable[[], None]) -> None:
        self._in_interval += 1
        if not self._assessing:
            self._assessing = True
            self._platform.clock.call_after(self._interval_ns, self._assess)
        self._waiting.append((part, answered))
        if self.mode is Mode.SINGLE or len(self._waiting) == SETS_A_MESSAGE:
            self._flush()
        elif len(self._waiting) == 1:
            self._platform.clock.call_after(self._interval_ns, self._flush)

    @property
    def _interval_ns(self) -> int:
        return self._platform.parameters["WBM_MSG_INT"] * MILLISECOND_NS

    def _flush(self) -> None:
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []

        def answered(_: NodeLost | None) -> None:
            # A master that is lost took its bitmap along: there is nothing to record any more.
            for _part, done in waiting:
                done()

        self._recorder.messages += 1
        self._recorder.tell(f"SETBITS, writes reported to node {self._node}: {len(waiting)}", DETAIL)
        self._recorder.cluster.request(self._node, SetBits(tuple(part for part, _ in waiting)), answered)

    def _assess(self) -> None:
        """An interval is over: choose the mode."""
        count, self._in_interval = self._in_interval, 0
        if self.mode is Mode.SINGLE and count >= self._platform.parameters["WBM_MSG_UPPER"]:
            self._change(Mode.BUFFERED)
        elif self.mode is Mode.BUFFERED and count <= self._platform.parameters["WBM_MSG_LOWER"]:
            self._change(Mode.SINGLE)
            self._flush()
        self._assessing = count > 0
        if self._assessing:
            self._platform.clock.call_after(self._interval_ns, self._assess)

    def _change(self, mode: Mode) -> None:
        self.mode = mode
        self._recorder.tell(f"MODE, SetBits to node {self._node} are {mode.value} messages")


class Recorder:
    """The writes of one node, on their way into bitmaps of others.

    keeps_local: whether local bitmaps are made; UNCERTAIN: that a VAX has them too.  messages: sent so far, reported:
    writes that were in them.
    """

    def __init__(self, platform: Platform, cluster: Cluster) -> None:
        self.platform = platform
        self.cluster = cluster
        self.keeps_local = True
        self.messages = 0
        self.reported = 0
        self._remotes: dict[int, RemoteBitmap] = {}
        self._senders: dict[str, _Sender] = {}

    def remote(self, record: BitmapRecord, block_count: int) -> RemoteBitmap:
        """Know of a bitmap elsewhere; the first time a local one is made for it."""
        known = self._remotes.get(record.identifier)
        if known is None:
            known = self._remotes[record.identifier] = RemoteBitmap(
                record, self._make_local(record, block_count)
            )
        return known

    def _make_local(self, record: BitmapRecord, block_count: int) -> WriteBitmap | None:
        if not self.keeps_local:
            return None
        try:
            return WriteBitmap(self.platform, record, block_count)
        except InsufficientMemory:
            return None

    def local(self, identifier: int) -> WriteBitmap | None:
        """Find the local bitmap of a master elsewhere."""
        remote = self._remotes.get(identifier)
        return remote.local if remote is not None else None

    @property
    def locals(self) -> list[WriteBitmap]:
        """All local bitmaps."""
        return [remote.local for remote in self._remotes.values() if remote.local is not None]

    def discard(self, unit: str, keep: Sequence[int]) -> None:
        """Forget the bitmaps of a set but these."""
        for identifier, remote in list(self._remotes.items()):
            if remote.record.unit == unit and identifier not in keep:
                del self._remotes[identifier]
                if remote.local is not None:
                    remote.local.release()

    def record(self, remotes: Sequence[RemoteBitmap], lbn: int, block_count: int, recorded: Recorded) -> None:
        """Have a write recorded by the masters of these bitmaps, one after the other; then call `recorded`."""
        if not remotes:
            recorded()
            return
        remote, *others = remotes

        def answered() -> None:
            if remote.local is not None and self._remotes.get(remote.record.identifier) is remote:
                remote.local.set_range(lbn, block_count)
            self.record(others, lbn, block_count, recorded)

        self.reported += 1
        part = BitRange(remote.record.identifier, lbn, block_count)
        master = remote.record.master
        self._senders.setdefault(master, _Sender(self, master)).send(part, answered)

    def mode(self, node: str) -> Mode:
        """Tell how SetBits go to a node."""
        sender = self._senders.get(node)
        return sender.mode if sender is not None else Mode.SINGLE

    def tell(self, text: str, level: int = 1) -> None:
        """Tell the operator, if WBM_OPCOM_LVL is this level or a higher one.

        DEVIATION: the texts of these messages are not published; facility and words are our own, and so is what level 2
        adds: every message to a master.  No bitmap is ever renamed.
        """
        if self.platform.parameters["WBM_OPCOM_LVL"] >= level:
            self.platform.operator(f"%WBM-I-{text}")
