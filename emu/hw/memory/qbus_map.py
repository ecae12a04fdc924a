"""The Q-bus map of a MicroVAX: how a 22-bit Q-bus address becomes a physical address.

8192 longword map registers stand at physical address 0x20088000: bit 31 valid, bits 19-0 page frame.
Bits 21-9 of a Q-bus address choose the register, bits 8-0 are the offset in the page.  A cycle
through an invalid register is answered by nobody: the device sees non-existent memory.
(spec "UQSSP", buffer descriptor, table of maps; SIMH VAX/vax_io.c describes the same.)
"""

from array import array
from collections.abc import Sequence
from functools import cache

from emu.core.bus import Bytes, NonexistentMemory
from emu.hw.memory.ram import SIGN, Ram

MAP_REGISTERS = 8192
PAGE_BYTES = 512
VALID = 0x8000_0000
_PFN = 0x000F_FFFF
_ADDRESS = 0x003F_FFFF


@cache
def _consecutive_entries(pages: int) -> memoryview:
    """Make a run of valid, consecutive entries, one a page of memory.

    A transfer whose map registers equal a slice of it is contiguous, which one comparison tells.
    """
    return memoryview(array("I", range(VALID, VALID + pages)))


class QbusMap:
    """Q-bus memory, as HostMemory over 22-bit addresses."""

    distant = None

    def __init__(self, ram: Ram) -> None:
        self._ram = ram
        self.registers = memoryview(bytearray(4 * MAP_REGISTERS))  # the CPU's view of the map
        self._entries = self.registers.cast("I")
        assert ram.size_bytes % PAGE_BYTES == 0, "memory behind a map comes in pages"
        self._consecutive = _consecutive_entries(ram.size_bytes // PAGE_BYTES)

    def _physical(self, address: int) -> int:
        entry = self._entries[(address & _ADDRESS) >> 9]
        physical = (entry & _PFN) << 9 | address & 511
        if not entry & VALID or physical >= self._ram.size_bytes:
            raise NonexistentMemory(address)
        return physical

    def read_longword(self, address: int) -> int:
        if address & 511 == 510:
            low, high = self._physical(address), self._physical(address + 2)
            return self._ram.read_longword(low & ~3) >> 16 | (self._ram.read_longword(high) & 0xFFFF) << 16
        return self._ram.read_longword(self._physical(address))

    def write_longword(self, address: int, value: int) -> None:
        if address & 511 == 510:
            low, high = self._physical(address), self._physical(address + 2)
            self._ram.write_word(high, value >> 16)
            self._ram.write_word(low, value & 0xFFFF)
            return
        self._ram.write_longword(self._physical(address), value)

    def write_word(self, address: int, value: int) -> None:
        self._ram.write_word(self._physical(address), value)

    def read(self, address: int, length: int) -> Bytes:
        views = self.window(address, length)
        return views[0] if len(views) == 1 else b"".join(views)

    def write(self, address: int, data: Bytes) -> None:
        start = 0
        for view in self.window(address, len(data)):
            view[:] = data[start : start + len(view)]
            start += len(view)

    def window(self, address: int, length: int) -> Sequence[memoryview]:
        if length == 0:
            return ()
        address &= _ADDRESS
        physical = self._physical(address)
        first, last = address >> 9, address + length - 1 >> 9
        if first == last:
            return self._ram.window(physical, length)
        frame = physical >> 9
        pages = last - first + 1
        if self._entries[first : last + 1] == self._consecutive[frame : frame + pages]:
            return self._ram.window(physical, length)
        return self._scattered(address, length)

    def _scattered(self, address: int, length: int) -> Sequence[memoryview]:
        """Page by page, joining neighbours; the error tells the first Q-bus address without memory."""
        pieces: list[tuple[int, int]] = []
        end = address + length
        while address < end:
            size = min(end, (address | 511) + 1) - address
            physical = self._physical(address)
            if pieces and sum(pieces[-1]) == physical:
                pieces[-1] = (pieces[-1][0], pieces[-1][1] + size)
            else:
                pieces.append((physical, size))
            address += size
        return [self._ram.read(*piece) for piece in pieces]

    def announce(self, test: int, address: int) -> bool:
        if not self.read_longword(test) & SIGN:
            return False
        self.write_word(address, 1)
        return True
