"""The write bitmap: which parts of a virtual unit changed since it was made.

One bit stands for 127 blocks (bit n: LBN 127 n to 127 n + 126), as large as one copy transfer.  The bits are bytes
of the node's non-paged pool, low bit first, rounded up to longwords.  (Volume Shadowing manual, "write
bitmaps", spec sections 3.1, 3.2.)

DEVIATION: programs cannot ask for bitmaps: the undocumented services $GET_BITMAP_INFO and $DELETE_BITMAP are not there.
"""

from bitarray import bitarray

from drivers.platform.host import Platform
from drivers.shadow.state import BitmapRecord
from emu.core.trace import BitmapChanged

BLOCKS_PER_BIT = 127


class WriteBitmap:
    """A bitmap in this node's memory: a master, or a local one.

    Raises InsufficientMemory when pool has no room for it.
    """

    def __init__(self, platform: Platform, record: BitmapRecord, block_count: int) -> None:
        self.record = record
        self.bit_count = -(-block_count // BLOCKS_PER_BIT)
        self.size_bytes = -(-self.bit_count // 32) * 4
        self._platform = platform
        self._tracer = platform.tracer
        self.block_count = block_count
        self.address = platform.pool.allocate(self.size_bytes)
        memory = platform.window(self.address, self.size_bytes)
        memory[:] = bytes(self.size_bytes)
        self._bits = bitarray(buffer=memory, endian="little")

    def set_range(self, lbn: int, block_count: int) -> None:
        """Set the bit or bits of a write of `block_count` (at least 1) blocks at `lbn`."""
        self.set_bits(lbn // BLOCKS_PER_BIT, (lbn + block_count - 1) // BLOCKS_PER_BIT)

    def set_bits(self, first: int, last: int) -> None:
        """Set bits `first` to `last`, both included."""
        if first == last:
            self._bits[first] = 1
        else:
            self._bits[first : last + 1] = 1
        if BitmapChanged in self._tracer.heard:
            self._trace(first, last - first + 1, True)

    def clear(self, first: int, count: int) -> None:
        """Clear `count` bits from bit `first`: their blocks are equal again."""
        self._bits[first : first + count] = 0
        if BitmapChanged in self._tracer.heard:
            self._trace(first, count, False)

    def all_set(self, first: int, last: int) -> bool:
        """Whether bits `first` to `last`, both included, are set."""
        return bool(self._bits[first]) if first == last else self._bits[first : last + 1].all()

    def is_set(self, lbn: int) -> bool:
        return bool(self._bits[lbn // BLOCKS_PER_BIT])

    @property
    def set_count(self) -> int:
        return self._bits.count()

    @property
    def percent(self) -> float:
        return 100 * self.set_count / self.bit_count

    def next_run(self, start: int) -> tuple[int, int] | None:
        """Find the first run of set bits at or after bit `start`: (first bit, number of bits)."""
        first = self._bits.find(1, start)
        if first < 0:
            return None
        end = self._bits.find(0, first)
        return first, (end if end >= 0 else len(self._bits)) - first

    def blocks_of(self, first: int, count: int) -> tuple[int, int]:
        """The extent that bits stand for: (LBN, blocks); the last bit of a disk may stand for fewer."""
        lbn = first * BLOCKS_PER_BIT
        return lbn, min(count * BLOCKS_PER_BIT, self.block_count - lbn)

    def release(self) -> None:
        """Give the memory back."""
        del self._bits
        self._platform.pool.free(self.address)

    def _trace(self, first: int, count: int, value: bool) -> None:
        platform = self._platform
        platform.tracer.emit(
            BitmapChanged(platform.clock.now_ns, platform.name, self.record.identifier, first, count, value)
        )
