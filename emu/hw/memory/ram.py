"""Main memory.  Physical addresses from 0; one size; little-endian."""

import sys
from collections.abc import Sequence
from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap

from emu.core.bus import Bytes, NonexistentMemory

assert sys.byteorder == "little", "memory words are read as the host's own: a little-endian host is needed"


SIGN = 0x8000_0000  # bit 31


class Ram:
    """Bytes of memory, as HostMemory.

    size_bytes: a multiple of 4.
    """

    distant = None

    def __init__(self, size_bytes: int) -> None:
        assert size_bytes % 4 == 0, "memory comes in longwords"
        self.size_bytes = size_bytes
        self.lose()

    def lose(self) -> None:
        """Forget everything: power was lost.  Who still holds a window writes to memory that is no more."""
        # Pages of their own: most are never touched, and cost nothing.
        self._bytes = memoryview(mmap(-1, self.size_bytes, MAP_PRIVATE | MAP_ANONYMOUS))
        self._words = self._bytes.cast("H")
        self._longwords = self._bytes.cast("I")

    def read_longword(self, address: int) -> int:
        try:
            if address & 2:
                return self._words[address >> 1] | self._words[(address >> 1) + 1] << 16
            return self._longwords[address >> 2]
        except IndexError:
            raise NonexistentMemory(address) from None

    def write_longword(self, address: int, value: int) -> None:
        try:
            if address & 2:
                self._words[(address >> 1) + 1] = value >> 16
                self._words[address >> 1] = value & 0xFFFF
            else:
                self._longwords[address >> 2] = value
        except IndexError:
            raise NonexistentMemory(address) from None

    def write_word(self, address: int, value: int) -> None:
        try:
            self._words[address >> 1] = value
        except IndexError:
            raise NonexistentMemory(address) from None

    def read(self, address: int, length: int) -> memoryview:
        end = address + length
        if end > self.size_bytes:
            raise NonexistentMemory(max(address, self.size_bytes))
        return self._bytes[address:end]

    def write(self, address: int, data: Bytes) -> None:
        end = address + len(data)
        if end > self.size_bytes:
            raise NonexistentMemory(max(address, self.size_bytes))
        self._bytes[address:end] = data

    def window(self, address: int, length: int) -> Sequence[memoryview]:
        return (self.read(address, length),)

    def announce(self, test: int, address: int) -> bool:
        if not self.read_longword(test) & SIGN:
            return False
        self.write_word(address, 1)
        return True
