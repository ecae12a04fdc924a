"""The storage bitmap: which clusters of a volume are free.

In BITMAP.SYS, behind the storage control block; a bit that is set is a free cluster.
(Files-11 On-Disk Structure Specification, section 5.2.)
"""

from collections.abc import Iterable, Iterator
from heapq import nlargest
from typing import Self

from bitarray import bitarray

from drivers.files.headers import Extent
from emu.core.block import BLOCK_BYTES

BITS_PER_BLOCK = 8 * BLOCK_BYTES


def bitmap_blocks(bit_count: int) -> int:
    """Blocks of a bitmap."""
    return -(-bit_count // BITS_PER_BLOCK)


class DeviceFull(Exception):
    """There are not so many free blocks, or not in one piece where one is wanted."""


class StorageMap:
    """The storage bitmap in memory; `changes` are the blocks to write back."""

    def __init__(self, bits: bitarray, cluster_blocks: int) -> None:
        self._bits = bits
        self.cluster_blocks = cluster_blocks
        self._changed: set[int] = set()

    @classmethod
    def fresh(cls, block_count: int, cluster_blocks: int) -> Self:
        """The map of an empty volume: all its whole clusters are free."""
        size = bitmap_blocks(-(-block_count // cluster_blocks)) * BITS_PER_BLOCK
        bits = bitarray(size, "little")
        bits[: block_count // cluster_blocks] = 1
        bits[block_count // cluster_blocks :] = 0
        return cls(bits, cluster_blocks)

    @classmethod
    def unpack(cls, data: bytes, cluster_blocks: int) -> Self:
        bits = bitarray(endian="little")
        bits.frombytes(data)
        return cls(bits, cluster_blocks)

    def pack(self) -> bytes:
        return self._bits.tobytes()

    @property
    def free_blocks(self) -> int:
        return self._bits.count() * self.cluster_blocks

    def is_free(self, extent: Extent) -> bool:
        """Whether all clusters of an extent are free."""
        return self._bits[self._clusters(extent)].all()

    def largest_free(self) -> Extent:
        """The longest run of free blocks; of none, an extent of 0 blocks."""
        first, count = max(self._runs(0), key=lambda run: run[1], default=(0, 0))
        return Extent(first * self.cluster_blocks, count * self.cluster_blocks)

    def take(self, extent: Extent) -> None:
        self._mark(extent, 0)

    def give(self, extents: Iterable[Extent]) -> None:
        """Free extents."""
        for extent in extents:
            self._mark(extent, 1)

    def allocate(self, block_count: int, *, contiguous: bool = False, near: int = 0) -> list[Extent]:
        """Take whole clusters that hold so many blocks, in one piece if there is one; raises DeviceFull.

        near: the LBN to look from first.
        """
        wanted = -(-block_count // self.cluster_blocks)
        if not wanted:
            return []
        runs: list[tuple[int, int]] = []
        for first, count in self._runs(near // self.cluster_blocks):
            if count >= wanted:
                runs = [(first, wanted)]
                break
            runs.append((first, count))
        else:
            if contiguous or sum(count for _, count in runs) < wanted:
                raise DeviceFull
            runs = nlargest(len(runs), runs, key=lambda run: run[1])
        extents: list[Extent] = []
        for first, count in runs:
            length = min(count, wanted)
            extents.append(Extent(first * self.cluster_blocks, length * self.cluster_blocks))
            self.take(extents[-1])
            wanted -= length
            if not wanted:
                break
        return extents

    def _runs(self, start: int) -> Iterator[tuple[int, int]]:
        """Free clusters as (first, count), from `start` on and then from the beginning."""
        for place, end in ((start, len(self._bits)), (0, start)):
            first = self._bits.find(1, place, end)
            while first >= 0:
                behind = self._bits.find(0, first, end)
                if behind < 0:
                    behind = end
                yield first, behind - first
                first = self._bits.find(1, behind, end)

    def _clusters(self, extent: Extent) -> slice:
        return slice(extent.lbn // self.cluster_blocks, -(-extent.end // self.cluster_blocks))

    def _mark(self, extent: Extent, free: int) -> None:
        clusters = self._clusters(extent)
        self._bits[clusters] = free
        self._changed.update(
            range(clusters.start // BITS_PER_BLOCK, (clusters.stop - 1) // BITS_PER_BLOCK + 1)
        )

    def changes(self) -> Iterator[tuple[int, bytes]]:
        """Blocks changed since the last call: (number in the bitmap from 0, bytes of consecutive blocks)."""
        yield from changed_blocks(self._bits, self._changed)


def changed_blocks(bits: bitarray, changed: set[int]) -> Iterator[tuple[int, bytes]]:
    """Take the changed blocks of a bitmap, consecutive ones together, and forget that they are."""
    numbers = sorted(changed)
    changed.clear()
    start = 0
    for index in range(1, len(numbers) + 1):
        if index == len(numbers) or numbers[index] != numbers[index - 1] + 1:
            first, last = numbers[start], numbers[index - 1] + 1
            yield first, bits[first * BITS_PER_BLOCK : last * BITS_PER_BLOCK].tobytes()
            start = index
