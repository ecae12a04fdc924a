"""An Alpha processor's stores on their way to memory.

Stores wait in a buffer, in no order that others may rely on; a memory barrier (MB) lets them out.  The processor sees
its own stores at once; bus masters see them in memory only.  A register access is no barrier: a driver that rings a
device's bell without MB has told it of what is not there yet.  (Alpha Architecture Reference Manual, "memory
ordering".)
"""

# DEVIATION: what is stored through a `window` is memory itself, at once: data buffers, not what drivers hand over.

from collections.abc import Callable, Sequence

from emu.core.bus import Bytes
from emu.hw.memory.ram import SIGN, Ram
from emu.wire.packet import LONGWORD, WORD


class StoreBuffer:
    """Memory as one processor sees it, as HostMemory.

    entries: how many stores wait at most; None keeps all of them for the next barrier.  choose: of so many waiting
    stores, the index of the one that leaves when one more comes.
    """

    distant = None

    def __init__(
        self, memory: Ram, entries: int | None = None, choose: Callable[[int], int] = lambda count: 0
    ) -> None:
        assert entries is None or entries > 0, "a buffer holds something"
        self._memory = memory
        self._entries = entries
        self._choose = choose
        self._waiting: list[tuple[int, bytes]] = []  # address and bytes, oldest first

    @property
    def waiting(self) -> int:
        """Stores that no bus master sees yet."""
        return len(self._waiting)

    def barrier(self) -> None:
        """MB: everything stored before is in memory."""
        waiting, self._waiting = self._waiting, []
        for address, data in waiting:
            self._memory.write(address, data)

    def lose(self) -> None:
        """Forget what is not in memory: power was lost."""
        self._waiting.clear()

    def write(self, address: int, data: Bytes) -> None:
        self._memory.read(address, len(data))  # is there such memory
        waiting = self._waiting
        if self._entries is not None and len(waiting) >= self._entries:
            self._leave(self._choose(len(waiting)))
        waiting.append((address, bytes(data)))

    def _leave(self, index: int) -> None:
        """Let one store out, and before it those to the same bytes that are older: one location keeps its order.

        Those are not let out before older ones to their own bytes, either.
        """
        leaving = [index]
        for place in range(index - 1, -1, -1):
            extents = ((start, start + len(data)) for start, data in (self._waiting[i] for i in leaving))
            if any(self._overlaps(place, *extent) for extent in extents):
                leaving.append(place)
        for place in reversed(leaving):
            self._memory.write(*self._waiting[place])
        for place in leaving:
            del self._waiting[place]

    def _overlaps(self, place: int, address: int, end: int) -> bool:
        start, data = self._waiting[place]
        return start < end and address < start + len(data)

    def write_longword(self, address: int, value: int) -> None:
        self.write(address, LONGWORD.pack(value))

    def write_word(self, address: int, value: int) -> None:
        self.write(address, WORD.pack(value))

    def read(self, address: int, length: int) -> Bytes:
        data = self._memory.read(address, length)
        end = address + length
        own = [place for place in range(len(self._waiting)) if self._overlaps(place, address, end)]
        if not own:
            return data
        seen = bytearray(data)
        for place in own:
            start, stored = self._waiting[place]
            first, last = max(start, address), min(start + len(stored), end)
            seen[first - address : last - address] = stored[first - start : last - start]
        return seen

    def read_longword(self, address: int) -> int:
        if not self._waiting:
            return self._memory.read_longword(address)
        return int(LONGWORD.unpack_from(self.read(address, 4))[0])

    def window(self, address: int, length: int) -> Sequence[memoryview]:
        if self._waiting and any(
            self._overlaps(place, address, address + length) for place in range(len(self._waiting))
        ):
            self.barrier()
        return self._memory.window(address, length)

    def announce(self, test: int, address: int) -> bool:
        if not self.read_longword(test) & SIGN:
            return False
        self.write_word(address, 1)
        return True
