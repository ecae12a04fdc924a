"""A MicroVAX: 512-byte pages, strongly ordered stores, 8192 Q-bus map registers.

A controller on the Q-bus sees 22-bit addresses; each transfer borrows as many map registers as its buffer has
pages and gives them back when it ends.
"""

from array import array
from bisect import bisect_left
from typing import ClassVar

from drivers.platform.host import Platform
from emu.core.bus import HostMemory
from emu.core.clock import Clock
from emu.core.trace import Tracer

VALID = 0x8000_0000
MAP_REGISTERS = 8192


class QbusMapping:
    """Map registers lent to one buffer; `address` is the buffer's Q-bus address."""

    __slots__ = ("_count", "_first", "_platform", "address", "page_table")

    def __init__(self, platform: "VaxPlatform", first: int, count: int, offset: int) -> None:
        self._platform = platform
        self._first = first
        self._count = count
        self.address = first << 9 | offset
        self.page_table = 0

    def release(self) -> None:
        self._platform.return_map_registers(self._first, self._count)


class VaxPlatform(Platform):
    """One MicroVAX processor and its memory.

    map_registers: the 32 KB of map registers at 0x20088000, as the processor sees them.
    """

    kind: ClassVar[str] = "VAX"
    page_bytes: ClassVar[int] = 512
    masters_bitmaps: ClassVar[bool] = False

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
        pages = memory_bytes // self.page_bytes
        self._entries = memoryview(array("I", range(VALID, VALID + pages))).cast("B")

    def map_buffer(self, address: int, length: int) -> QbusMapping | None:
        frame = address >> 9
        count = (address + length - 1 >> 9) - frame + 1 if length else 1
        first = self._take_map_registers(count)
        if first is None:
            return None
        self._map_registers[4 * first : 4 * (first + count)] = self._entries[4 * frame : 4 * (frame + count)]
        return QbusMapping(self, first, count, address & 511)

    def map_area(self, address: int, length: int) -> int:
        mapping = self.map_buffer(address, length)
        assert mapping is not None, "rings are mapped at boot, when every map register is free"
        return mapping.address

    def _take_map_registers(self, count: int) -> int | None:
        for index, (first, free) in enumerate(self._free):
            if free >= count:
                if free == count:
                    del self._free[index]
                else:
                    self._free[index] = (first + count, free - count)
                return first
        return None

    def return_map_registers(self, first: int, count: int) -> None:
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
