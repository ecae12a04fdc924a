"""Ranges: keeps a copy thread and the writes of applications out of each other's way.

A copy reads a range from a source and writes it to the target.  A write that reached both members between the
two would be undone by the copy's older data, whatever the bitmap says.  So a write waits while its blocks are
being copied, and a copy waits until the writes already under way in its range have ended.
"""

from collections import deque
from collections.abc import Callable

Granted = Callable[[int], None]


class _Lock:
    __slots__ = ("end", "first", "granted")

    def __init__(self, first: int, end: int, granted: Callable[[], None]) -> None:
        self.first = first
        self.end = end
        self.granted: Callable[[], None] | None = granted  # None once it was


class RangeLock:
    """The ranges of one set, kept on the node that copies; `end` is the LBN behind the last block."""

    def __init__(self) -> None:
        self._locks: list[_Lock] = []  # in the order in which they were asked for
        self._writes: dict[int, tuple[int, int]] = {}
        self._nodes: dict[int, str] = {}  # of writes of other nodes, by token
        self._held: deque[tuple[int, int, Granted, str]] = deque()
        self._token = 0
        self.collisions = 0

    def begin_write(self, lbn: int, end: int, granted: Granted, node: str = "") -> None:
        """Call `granted(token)` when the write may go on: now, unless its blocks are being copied.

        node: whose write it is, if another one's.
        """
        for lock in self._locks:
            if lbn < lock.end and lock.first < end:
                self.collisions += 1
                self._held.append((lbn, end, granted, node))
                return
        self._token += 1
        self._writes[self._token] = (lbn, end)
        if node:
            self._nodes[self._token] = node
        granted(self._token)

    def end_write(self, token: int) -> None:
        self._writes.pop(token, None)
        self._nodes.pop(token, None)
        for lock in self._locks:
            if lock.granted is not None and self._is_quiet(lock):
                granted, lock.granted = lock.granted, None
                granted()

    def forget(self, nodes: tuple[str, ...]) -> None:
        """Writes of these nodes never end, and those that wait never begin."""
        self._held = deque(held for held in self._held if held[3] not in nodes)
        for token in [token for token, node in self._nodes.items() if node in nodes]:
            self.end_write(token)

    def lock(self, first: int, end: int, granted: Callable[[], None]) -> _Lock:
        """Call `granted()` when no write is under way in the range; new ones wait from now on."""
        lock = _Lock(first, end, granted)
        self._locks.append(lock)
        if not self._writes or self._is_quiet(lock):
            lock.granted = None
            granted()
        return lock

    def unlock(self, lock: _Lock) -> None:
        self._locks.remove(lock)
        if self._held:
            held, self._held = self._held, deque()
            for write in held:
                self.begin_write(*write)

    def _is_quiet(self, lock: _Lock) -> bool:
        return all(end <= lock.first or lock.end <= lbn for lbn, end in self._writes.values())
