"""A MicroVAX: 512-byte pages, strongly ordered stores, 8192 Q-bus map registers.

A controller on the Q-bus sees 22-bit addresses; each transfer borrows as many map registers as its buffer has
pages and gives them back when it ends.
"""

from collections.abc import Callable
from typing import ClassVar

from drivers.platform.host import Platform
from drivers.platform.map_registers import MapRegisters, entries_of
from emu.core.bus import HostMemory
from emu.core.clock import Scheduler
from emu.core.trace import Tracer

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
        clock: Scheduler,
        memory: HostMemory,
        memory_bytes: int,
        map_registers: memoryview,
        tracer: Tracer,
    ) -> None:
        super().__init__(name, clock, memory, 8192, memory_bytes - 8192, tracer)
        self._map_registers = map_registers
        self._lent = MapRegisters(MAP_REGISTERS, self.fork)
        self._entries = entries_of(memory_bytes // self.page_bytes)

    def map_buffer(self, address: int, length: int) -> int | None:
        frame, count = address >> 9, _pages(address, length)
        first = self._lent.take(count)
        if first is None:
            return None
        self._map_registers[4 * first : 4 * (first + count)] = self._entries[4 * frame : 4 * (frame + count)]
        return first << 9 | address & 511

    def unmap_buffer(self, mapped: int, length: int) -> None:
        first, count = mapped >> 9, _pages(mapped, length)
        self._map_registers[4 * first : 4 * (first + count)] = bytes(4 * count)
        self._lent.give_back(first, count)

    def await_map_registers(self, action: Callable[[], None]) -> None:
        self._lent.wait(action)

    def map_area(self, address: int, length: int) -> int:
        mapped = self.map_buffer(address, length)
        assert mapped is not None, "rings are mapped at boot, when every map register is free"
        return mapped


def _pages(address: int, length: int) -> int:
    """Count the pages a buffer touches; an empty one takes a page too."""
    return (address + length - 1 >> 9) - (address >> 9) + 1 if length else 1
