"""PCI memory space as a bus master on an Alpha sees it: the windows of a 21171 (CIA) host bridge.

Four windows, each a base, a mask and a translated base.  A direct-mapped one adds an offset; a scatter-gather one
looks a page of 8 KB up in a table of quadwords in main memory.  An address in no window is answered by nobody; a page
table entry that is not valid is a map error.  Window 3 may be for 64-bit masters.
"""

# DEVIATION: there is no translation buffer: a page table entry counts as it stands in memory, TBIA changes nothing.
# DEVIATION: the first window that matches answers; overlapping windows are an error on the real bridge.

from array import array
from collections.abc import Sequence

from emu.core.bus import Bytes, MapError, NonexistentMemory
from emu.hw.memory.ram import SIGN, Ram
from emu.wire.codes.cia import (
    CIA,
    PAGE_BYTES,
    PAGE_SHIFT,
    PTE_BYTES,
    PTE_PFN_MASK,
    PTE_PFN_SHIFT,
    PTE_VALID,
    T_BASE_SHIFT,
    W_BASE,
    WINDOW_GRAIN,
    WINDOW_STRIDE,
    WINDOWS,
)
from emu.wire.packet import LONGWORD

_OFFSET = PAGE_BYTES - 1
_OVER_THE_END = PAGE_BYTES - 2  # a longword here goes on in the next page
_LONGWORD = 0xFFFF_FFFF
_DAC_WINDOW = 3
_STORED = {int(CIA.W_DAC): 0xFF} | {
    register + number * WINDOW_STRIDE: bits
    for number in range(WINDOWS)
    for register, bits in (
        (int(CIA.W_BASE), _LONGWORD & ~WINDOW_GRAIN | W_BASE.W_EN | W_BASE.SG | W_BASE.DAC_EN),
        (int(CIA.W_MASK), _LONGWORD & ~WINDOW_GRAIN),
        (int(CIA.T_BASE), _LONGWORD & ~0xFF),
    )
}


class _Window:
    """An open window.  first, last: bus addresses.  translated: physical address of what stands at `first`."""

    __slots__ = ("first", "is_scattered", "last", "translated")

    def __init__(self, base: int, mask: int, translated: int, upper: int) -> None:
        offset = mask | WINDOW_GRAIN
        self.first = base & ~offset & _LONGWORD | upper << 32
        self.last = self.first | offset
        self.is_scattered = bool(base & W_BASE.SG)
        # A table is as large as its window has pages; a direct window is aligned to its own size.
        size = (offset + 1 >> PAGE_SHIFT) * PTE_BYTES if self.is_scattered else offset + 1
        self.translated = translated << T_BASE_SHIFT & ~(size - 1)


class PciWindows:
    """PCI memory space, as HostMemory; and the bridge's registers, as a RegisterSpace."""

    distant = None

    def __init__(self, ram: Ram) -> None:
        self._ram = ram
        self._registers = dict.fromkeys(_STORED, 0)
        self._windows: tuple[_Window, ...] = ()
        pages = ram.size_bytes >> PAGE_SHIFT
        entries = array("Q", range(PTE_VALID, pages << PTE_PFN_SHIFT | PTE_VALID, 1 << PTE_PFN_SHIFT))
        self._consecutive = memoryview(entries).cast(
            "B"
        )  # as in QbusMap: one comparison tells a contiguous run

    # ---- registers

    def read_register(self, offset: int, width: int) -> int:
        return self._registers.get(offset, 0)

    def write_register(self, offset: int, value: int, width: int) -> None:
        if offset in _STORED:
            self._registers[offset] = value & _STORED[offset]
            self._windows = tuple(self._open_windows())

    def _open_windows(self) -> list[_Window]:
        opened = []
        for number in range(WINDOWS):
            base, mask, translated = (
                self._registers[register + number * WINDOW_STRIDE]
                for register in (CIA.W_BASE, CIA.W_MASK, CIA.T_BASE)
            )
            if base & W_BASE.W_EN:
                is_wide = number == _DAC_WINDOW and base & W_BASE.DAC_EN
                upper = self._registers[CIA.W_DAC] if is_wide else 0
                opened.append(_Window(base, mask, translated, upper))
        return opened

    # ---- memory

    def _window_at(self, address: int) -> _Window:
        for window in self._windows:
            if window.first <= address <= window.last:
                return window
        raise NonexistentMemory(address)

    def window(self, address: int, length: int) -> Sequence[memoryview]:
        if length == 0:
            return ()
        window = self._window_at(address)
        if address + length - 1 > window.last:
            raise NonexistentMemory(window.last + 1)
        offset = address - window.first
        if not window.is_scattered:
            physical = window.translated + offset
            return (self._physical(address, physical, length),)
        first, last = offset >> PAGE_SHIFT, offset + length - 1 >> PAGE_SHIFT
        physical = self._page(window, first, address) | offset & _OFFSET
        pages = last - first + 1
        if pages > 1:
            frame = physical >> PAGE_SHIFT
            wanted = self._consecutive[PTE_BYTES * frame : PTE_BYTES * (frame + pages)]
            if self._ram.read(window.translated + PTE_BYTES * first, PTE_BYTES * pages) != wanted:
                return self._scattered(window, address, length)
        return (self._physical(address, physical, length),)

    def _physical(self, address: int, physical: int, length: int) -> memoryview:
        left = self._ram.size_bytes - physical
        if left < length:
            raise NonexistentMemory(address + max(left, 0))
        return self._ram.read(physical, length)

    def _page(self, window: _Window, page: int, address: int) -> int:
        """Look a page up; return its physical address."""
        place = window.translated + PTE_BYTES * page
        if place >= self._ram.size_bytes:
            raise NonexistentMemory(address)
        entry = self._ram.read_longword(place)
        if not entry & PTE_VALID:
            raise MapError(address)
        return (entry >> PTE_PFN_SHIFT & PTE_PFN_MASK) << PAGE_SHIFT

    def _scattered(self, window: _Window, address: int, length: int) -> Sequence[memoryview]:
        """Page by page, joining neighbours; an error tells the first bus address that cannot be reached."""
        views = []
        end = address + length
        run_address, run_physical, run_length = address, -1, 0
        while address < end:
            size = min(end, (address | _OFFSET) + 1) - address
            physical = self._page(window, address - window.first >> PAGE_SHIFT, address) | address & _OFFSET
            if run_physical + run_length == physical:
                run_length += size
            else:
                if run_length:
                    views.append(self._physical(run_address, run_physical, run_length))
                run_address, run_physical, run_length = address, physical, size
            address += size
        views.append(self._physical(run_address, run_physical, run_length))
        return views

    def read(self, address: int, length: int) -> Bytes:
        # A host adapter fetches its program with this, an instruction at a time.
        for window in self._windows:
            if window.first <= address and address + length - 1 <= window.last and not window.is_scattered:
                return self._physical(address, window.translated + address - window.first, length)
        views = self.window(address, length)
        return views[0] if len(views) == 1 else b"".join(views)

    def write(self, address: int, data: Bytes) -> None:
        start = 0
        for view in self.window(address, len(data)):
            view[:] = data[start : start + len(view)]
            start += len(view)

    def _place(self, address: int) -> int:
        """The physical address of a longword or word that lies in one page."""
        window = self._window_at(address)
        offset = address - window.first
        if window.is_scattered:
            physical = self._page(window, offset >> PAGE_SHIFT, address) | offset & _OFFSET
        else:
            physical = window.translated + offset
        if physical >= self._ram.size_bytes:
            raise NonexistentMemory(address)
        return physical

    def read_longword(self, address: int) -> int:
        if address & _OFFSET == _OVER_THE_END:
            return int(LONGWORD.unpack(self.read(address, 4))[0])
        return self._ram.read_longword(self._place(address))

    def write_longword(self, address: int, value: int) -> None:
        if address & _OFFSET == _OVER_THE_END:
            self.write(address, LONGWORD.pack(value))
            return
        self._ram.write_longword(self._place(address), value)

    def write_word(self, address: int, value: int) -> None:
        self._ram.write_word(self._place(address), value)

    def announce(self, test: int, address: int) -> bool:
        if not self.read_longword(test) & SIGN:
            return False
        self.write_word(address, 1)
        return True
