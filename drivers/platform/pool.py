"""Non-paged pool: pieces of host memory for rings, packets, bitmaps and buffers.

First fit over a sorted free list, as EXE$ALONONPAGED does it.  Sizes are rounded up to 64 bytes.
"""

from bisect import bisect_left
from collections.abc import Callable

GRANULE_BYTES = 64


class InsufficientMemory(Exception):
    """Pool has no piece of the wanted size."""


class Pool:
    """The pool of one node: physical addresses `start` to `start + size_bytes`.

    given_back: is told of every piece that comes back.
    """

    def __init__(self, start: int, size_bytes: int) -> None:
        self._free = [(start, size_bytes)]
        self._sizes: dict[int, int] = {}
        self.size_bytes = size_bytes
        self.end = start + size_bytes
        self.given_back: Callable[[], None] = lambda: None

    @property
    def free_bytes(self) -> int:
        return sum(size for _, size in self._free)

    def allocate(self, size_bytes: int, alignment: int = GRANULE_BYTES) -> int:
        """Allocate; the contents are what the last owner left.

        alignment: a power of two.  Raises InsufficientMemory.
        """
        assert size_bytes > 0, "a piece of pool has bytes: two empty ones would have one address"
        size_bytes = -(-size_bytes // GRANULE_BYTES) * GRANULE_BYTES
        alignment = max(alignment, GRANULE_BYTES)
        for index, (start, size) in enumerate(self._free):
            address = -(-start // alignment) * alignment
            slack = address - start
            if slack + size_bytes <= size:
                rest = (address + size_bytes, size - slack - size_bytes)
                self._free[index : index + 1] = [p for p in ((start, slack), rest) if p[1]]
                self._sizes[address] = size_bytes
                return address
        raise InsufficientMemory(f"no {size_bytes} contiguous bytes left in pool")

    def try_allocate(self, size_bytes: int) -> int | None:
        """Allocate; None when there is no piece of that size, for those who can wait."""
        try:
            return self.allocate(size_bytes)
        except InsufficientMemory:
            return None

    def free(self, address: int) -> None:
        """Give a piece back, joining it with free neighbours."""
        size = self._sizes.pop(address)
        index = bisect_left(self._free, (address, 0))
        if index < len(self._free) and address + size == self._free[index][0]:
            size += self._free.pop(index)[1]
        if index and sum(self._free[index - 1]) == address:
            address, before = self._free[index - 1]
            self._free[index - 1] = (address, before + size)
        else:
            self._free.insert(index, (address, size))
        self.given_back()
