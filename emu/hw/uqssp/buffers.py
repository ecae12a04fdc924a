"""Buffer descriptors: from what a command says to the host's bytes themselves.

(spec "UQSSP", buffer descriptor.)  An unmapped buffer is contiguous in bus addresses.  A mapped one goes
through a page table in host memory: the first longword has the index of the first entry and the offset
in its page, the second the table's address; a page has 512 bytes.
"""

from collections.abc import Sequence

from emu.core.bus import BusError, Bytes, HostMemory, MapError
from emu.hw.uqssp.rings import PortFault
from emu.wire.codes.uqssp import (
    FATAL,
    MAPPED,
    PAGE_BYTES,
    PAGE_OFFSET_MASK,
    PTE_INDEX_MASK,
    PTE_INDEX_SHIFT,
    PTE_PFN_MASK,
    PTE_VALID,
)

_PTE_BYTES = 4
_PFN_SHIFT = PAGE_BYTES.bit_length() - 1


class HostBuffer:
    """The reachable part of a host's buffer.

    views: its bytes, writable.  byte_count: how many these are.  error: what ended them before their
    time, None when the buffer is whole.
    """

    __slots__ = ("_memory", "_runs", "byte_count", "error", "views")

    def __init__(
        self,
        memory: HostMemory,
        runs: Sequence[tuple[int, int]],
        views: Sequence[memoryview],
        byte_count: int,
        error: BusError | None,
    ) -> None:
        self._memory = memory
        self._runs = runs
        self.views = views
        self.byte_count = byte_count
        self.error = error

    def filled(self) -> None:
        """Say that the views have been written, before any later word is."""
        for address, length in self._runs:
            self._memory.filled(address, length)


def unmapped_buffer(memory: HostMemory, address: int, byte_count: int) -> HostBuffer:
    """Reach a buffer that is contiguous on the bus."""
    try:
        views = memory.window(address, byte_count)
    except BusError as error:
        return _collect(memory, [(address, byte_count)], error)
    return HostBuffer(memory, ((address, byte_count),), views, byte_count, None)


def mapped_buffer(memory: HostMemory, descriptor: int, pte_base: int, byte_count: int) -> HostBuffer:
    """Reach a buffer through its page table, all entries of which are read at once.

    Raises:
        PortFault: the table cannot be read.
    """
    assert descriptor & MAPPED, "a mapped descriptor says so in bit 31"
    offset = descriptor & PAGE_OFFSET_MASK
    index = (descriptor & PTE_INDEX_MASK) >> PTE_INDEX_SHIFT
    pages = -(-(offset + byte_count) // PAGE_BYTES)
    try:
        table = memory.read(pte_base + _PTE_BYTES * index, _PTE_BYTES * pages) if pages else b""
    except BusError:
        raise PortFault(FATAL.MAPPING_READ) from None
    runs, error = _runs(table, offset, byte_count)
    return _collect(memory, runs, error)


def _runs(table: Bytes, offset: int, byte_count: int) -> tuple[list[tuple[int, int]], BusError | None]:
    """Join the pages into as few runs of bus addresses as there are; stop at an invalid entry."""
    entries = memoryview(table).cast("I").tolist()
    if not entries:
        return [], None
    first = entries[0]
    if first & PTE_VALID and entries == list(range(first, first + len(entries))):
        return [((first & PTE_PFN_MASK) << _PFN_SHIFT | offset, byte_count)], None
    runs: list[tuple[int, int]] = []
    for entry in entries:
        address = (entry & PTE_PFN_MASK) << _PFN_SHIFT | offset
        if not entry & PTE_VALID:
            return runs, MapError(address)
        length = min(PAGE_BYTES - offset, byte_count)
        if runs and sum(runs[-1]) == address:
            runs[-1] = (runs[-1][0], runs[-1][1] + length)
        else:
            runs.append((address, length))
        byte_count -= length
        offset = 0
    return runs, None


def _collect(memory: HostMemory, runs: list[tuple[int, int]], error: BusError | None) -> HostBuffer:
    """Open the runs' windows, as far as memory answers."""
    reached: list[tuple[int, int]] = []
    views: list[memoryview] = []
    for address, wanted in runs:
        length = wanted
        try:
            views += memory.window(address, length)
        except BusError as failure:
            error = failure
            length = min(max(failure.address - address, 0), wanted)
            try:
                views += memory.window(address, length) if length else ()
            except BusError:
                length = 0  # memory that changes its mind: nothing of this run was reached
        if length:
            reached.append((address, length))
        if length < wanted:
            break
    return HostBuffer(memory, reached, views, sum(length for _, length in reached), error)
