"""A MicroVAX: 512-byte pages, strongly ordered stores, 8192 Q-bus map registers.

A controller on the Q-bus sees 22-bit addresses; each transfer borrows as many map registers as its buffer has
pages and gives them back when it ends.
"""

from array import array
from bisect import bisect_left
from collections.abc import Callable
from typing import ClassVar

from drivers.platform.host import Platform
from emu.core.bus import HostMemory
from emu.core.clock import Clock
from emu.core.trace import Tracer

VALID = 0x8000_0000
MAP_REGISTERS = 8192


class VaxPlatform(Platform):
    """One MicroVAX processor and its memory.

    map_registers: the 32 KB of map registers at 0x20088000, as the processor sees them.
    """

    kind: ClassVar[str] = "VAX"
    page_bytes: ClassVar[int] = 512
    masters_bitmaps: ClassVar[bool] = False
    maximum_buffer_bytes: ClassVar[int] = 1 << 20  # a quarter of the map: nobody waits for an idle bus

    def __init__(
        self,
        name: str,
        clock: Clock,
        memory: HostMemory,
        memory_bytes: int,
        map_registers: memoryview,
        tracer: Tracer,
    ) -> None:
        super().__init__(name, clock, memory, 8192, memory_bytes - 8192, tracer)
        self._map_registers = map_registers
        self._free = [(0, MAP_REGISTERS)]
        self._waiters: dict[Callable[[], None], None] = {}  # in the order in which they came
        pages = memory_bytes // self.page_bytes
        self._entries = memoryview(array("I", range(VALID, VALID + pages))).cast("B")

    def map_buffer(self, address: int, length: int) -> int | None:
        frame, count = address >> 9, _pages(address, length)
        first = self._take_map_registers(count)
        if first is None:
            return None
        self._map_registers[4 * first : 4 * (first + count)] = self._entries[4 * frame : 4 * (frame + count)]
        return first << 9 | address & 511

    def unmap_buffer(self, mapped: int, length: int) -> None:
        self._return_map_registers(mapped >> 9, _pages(mapped, length))
        if self._waiters:
            waiters, self._waiters = self._waiters, {}
            for action in waiters:
                self.fork(action)

    def await_map_registers(self, action: Callable[[], None]) -> None:
        self._waiters[action] = None

    def map_area(self, address: int, length: int) -> int:
        mapped = self.map_buffer(address, length)
        assert mapped is not None, "rings are mapped at boot, when every map register is free"
        return mapped

    def _take_map_registers(self, count: int) -> int | None:
        for index, (first, free) in enumerate(self._free):
            if free >= count:
                if free == count:
                    del self._free[index]
                else:
                    self._free[index] = (first + count, free - count)
                return first
        return None

    def _return_map_registers(self, first: int, count: int) -> None:
        """Invalidate map registers and let others have them."""
        self._map_registers[4 * first : 4 * (first + count)] = bytes(4 * count)
        index = bisect_left(self._free, (first, 0))
        if index < len(self._free) and first + count == self._free[index][0]:
            count += self._free.pop(index)[1]
        if index and sum(self._free[index - 1]) == first:
            first, before = self._free[index - 1]
            self._free[index - 1] = (first, before + count)
        else:
            self._free.insert(index, (first, count))


def _pages(address: int, length: int) -> int:
    """Count the pages a buffer touches; an empty one takes a page too."""
    return (address + length - 1 >> 9) - (address >> 9) + 1 if length else 1
