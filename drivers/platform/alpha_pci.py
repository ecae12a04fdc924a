"""The PCI bus of an Alpha as its drivers have it: windows into memory, and the map of one of them.

The bridge is a 21171 (CIA).  Window 0 is direct-mapped, all of memory from bus address 1 GB on: rings, SCRIPTS and
command blocks lie there for good.  Window 1 goes through a scatter-gather map, a quadword a page of 8 KB, which
makes a buffer one piece of bus addresses whatever its pages are; a transfer borrows as many entries as its buffer has
pages, and gives them back when it ends.  VMS calls such a map a counted resource, and who waits for entries is served
in turn.
"""

# UNCERTAIN: where VMS puts its windows, and how large its map is.

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from drivers.platform.alpha import AlphaPlatform
from drivers.platform.map_registers import MapRegisters
from emu.core.bus import RegisterSpace
from emu.wire.codes.cia import (
    CIA,
    PAGE_BYTES,
    PAGE_SHIFT,
    PTE_BYTES,
    PTE_PFN_SHIFT,
    PTE_VALID,
    T_BASE_SHIFT,
    TBIA_ALL,
    W_BASE,
    WINDOW_GRAIN,
    WINDOW_STRIDE,
)

DIRECT_BASE = 0x4000_0000
DIRECT_BYTES = 1 << 30
MAPPED_BASE = 0x0800_0000
MAPPED_BYTES = 64 << 20
REGISTERS_BASE = 0x8000_0000  # where devices get room in memory space, above all windows
MAP_ENTRIES = MAPPED_BYTES >> PAGE_SHIFT
_TBIA = int(CIA.TBIA)


@dataclass(frozen=True, slots=True)
class PciSlot:
    """A device in a slot: its configuration space, and its registers as they stand behind base address 1."""

    configuration: RegisterSpace
    registers: RegisterSpace


class PciBridge:
    """The bridge of one Alpha.

    registers: the bridge's own.
    """

    maximum_buffer_bytes: ClassVar[int] = MAPPED_BYTES // 4

    def __init__(self, platform: AlphaPlatform, registers: RegisterSpace) -> None:
        self.platform = platform
        self._registers = registers
        self._lent = MapRegisters(MAP_ENTRIES, platform.fork)
        self._next_memory = REGISTERS_BASE
        table_bytes = MAP_ENTRIES * PTE_BYTES
        self._table = platform.pool.allocate(table_bytes, alignment=table_bytes)
        platform.memory.write(self._table, bytes(table_bytes))
        platform.barrier()
        pages = platform.pool.end >> PAGE_SHIFT
        entries = array("Q", range(PTE_VALID, pages << PTE_PFN_SHIFT | PTE_VALID, 1 << PTE_PFN_SHIFT))
        self._entries = memoryview(entries).cast("B")
        self._open(0, DIRECT_BASE | W_BASE.W_EN, DIRECT_BYTES, 0)
        self._open(1, MAPPED_BASE | W_BASE.W_EN | W_BASE.SG, MAPPED_BYTES, self._table)
        registers.write_register(_TBIA, TBIA_ALL, 4)

    def _open(self, number: int, base: int, size_bytes: int, translated: int) -> None:
        write, at = self._registers.write_register, number * WINDOW_STRIDE
        write(CIA.W_BASE + at, 0, 4)  # closed while it changes
        write(CIA.W_MASK + at, size_bytes - 1 & ~WINDOW_GRAIN, 4)
        write(CIA.T_BASE + at, translated >> T_BASE_SHIFT, 4)
        write(CIA.W_BASE + at, base, 4)

    def claim_memory(self, size_bytes: int) -> int:
        """Give out room in PCI memory space for a device's registers, aligned to its size, a power of two."""
        address = -(-self._next_memory // size_bytes) * size_bytes
        self._next_memory = address + size_bytes
        return address

    def map_area(self, address: int, length: int) -> int:
        """Return the bus address of memory that stays where it is for good."""
        assert address + length <= DIRECT_BYTES, "the direct window reaches all of memory"
        return DIRECT_BASE + address

    def map_buffer(self, address: int, length: int) -> int | None:
        """Make a buffer reachable; return its bus address, None when every map entry is lent.

        The map is memory: the device sees the entries behind the next barrier.
        """
        frame = address >> PAGE_SHIFT
        count = (address + length - 1 >> PAGE_SHIFT) - frame + 1
        first = self._lent.take(count)
        if first is None:
            return None
        self.platform.memory.write(
            self._table + PTE_BYTES * first, self._entries[PTE_BYTES * frame : PTE_BYTES * (frame + count)]
        )
        return MAPPED_BASE + (first << PAGE_SHIFT) | address & PAGE_BYTES - 1

    def unmap_buffer(self, mapped: int, length: int) -> None:
        """Take back what `map_buffer` returned for a buffer of this length."""
        first = mapped - MAPPED_BASE >> PAGE_SHIFT
        count = (mapped + length - 1 - MAPPED_BASE >> PAGE_SHIFT) - first + 1
        self.platform.memory.write(self._table + PTE_BYTES * first, bytes(PTE_BYTES * count))
        self._registers.write_register(_TBIA, TBIA_ALL, 4)
        self._lent.give_back(first, count)

    def await_map_registers(self, action: Callable[[], None]) -> None:
        """Call `action`, later and once, when map entries have come back."""
        self._lent.wait(action)
