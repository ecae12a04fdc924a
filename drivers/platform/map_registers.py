"""Map registers, lent in runs: the Q-bus map of a VAX, the scatter-gather map of an Alpha's PCI bridge.

First fit over a sorted free list.  Who finds none may wait until some have come back.
"""

from array import array
from bisect import bisect_left
from collections.abc import Callable
from functools import cache

VALID = 0x8000_0000  # of a map register, and of an entry of a controller's page table


@cache
def entries_of(pages: int) -> memoryview:
    """Make the entries that name all pages of a memory in their order; machines of one size have the same."""
    return memoryview(array("I", range(VALID, VALID + pages)).tobytes())


class MapRegisters:
    """So many map registers, all free at first.

    fork: calls an action later.
    """

    def __init__(self, count: int, fork: Callable[[Callable[[], None]], None]) -> None:
        self._free = [(0, count)]
        self._fork = fork
        self._waiters: dict[Callable[[], None], None] = {}  # in the order in which they came

    def take(self, count: int) -> int | None:
        """Lend a run; returns its first register, None when no run is long enough."""
        for index, (first, free) in enumerate(self._free):
            if free >= count:
                if free == count:
                    del self._free[index]
                else:
                    self._free[index] = (first + count, free - count)
                return first
        return None

    def give_back(self, first: int, count: int) -> None:
        """Take a run back, and let those who wait try again."""
        index = bisect_left(self._free, (first, 0))
        if index < len(self._free) and first + count == self._free[index][0]:
            count += self._free.pop(index)[1]
        if index and sum(self._free[index - 1]) == first:
            first, before = self._free[index - 1]
            self._free[index - 1] = (first, before + count)
        else:
            self._free.insert(index, (first, count))
        if self._waiters:
            waiters, self._waiters = self._waiters, {}
            for action in waiters:
                self._fork(action)

    def wait(self, action: Callable[[], None]) -> None:
        """Call `action`, later and once, when registers have come back."""
        self._waiters[action] = None
