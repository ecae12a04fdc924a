"""Purges of the host's UNIBUS adapter: what was buffered in a datapath is in memory only when the host says so.

(spec "UQSSP", communications area, purge handshake.)
"""

from collections import deque
from collections.abc import Callable

from emu.core.bus import BusError, HostMemory
from emu.wire.codes.uqssp import FATAL, PURGE_CHANNEL_OFFSET

PURGE_WORD_OFFSET = PURGE_CHANNEL_OFFSET - 1  # the channel is the upper byte of a word


class Purges:
    """The purges asked of a host, one at a time.

    wanted: it has a UNIBUS adapter with buffered datapaths, and asked for this in step 2.
    """

    def __init__(self, interrupt: Callable[[], None], failed: Callable[[int], None]) -> None:
        self.wanted = False
        self._interrupt = interrupt
        self._failed = failed
        self._queue: deque[tuple[int, Callable[[], None]]] = deque()
        self._memory: HostMemory
        self._word = 0

    def lay_out(self, memory: HostMemory, ring_base: int, bus_mask: int) -> None:
        """Learn where the channel number goes."""
        self._memory = memory
        self._word = ring_base + PURGE_WORD_OFFSET & bus_mask

    def forget(self) -> None:
        self._queue.clear()

    def purge(self, channel: int, purged: Callable[[], None]) -> None:
        """Have the host purge a datapath after a transfer through it, and call `purged` then."""
        self._queue.append((channel, purged))
        if len(self._queue) == 1:
            self._request()

    def _request(self) -> None:
        channel, _ = self._queue[0]
        try:
            self._memory.write_word(self._word, channel << 8)
        except BusError:
            self._failed(FATAL.RING_WRITE)
            return
        self._interrupt()

    def completed(self, word: int) -> None:
        """Hear what the host wrote to SA while running: 0 says that it has purged."""
        if word or not self._queue:
            return
        _, purged = self._queue.popleft()
        if self._queue:
            self._request()
        purged()
