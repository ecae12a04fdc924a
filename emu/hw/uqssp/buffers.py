"""Buffer descriptors: from what a command says to the host's bytes themselves.

(spec "UQSSP", buffer descriptor.)  An unmapped buffer is contiguous in bus addresses.  A mapped one goes
through a page table in host memory: the first longword has the index of the first entry and the offset
in its page, the second the table's address; a page has 512 bytes.

Memory at hand is reached at once: a buffer is the memory itself.  To memory at the far end of a link a buffer is room
of its own, filled by `fetch` before the device works with it, or emptied by `store` afterwards.
"""

from collections.abc import Callable, Sequence

from emu.core.bus import BusError, Bytes, DistantMemory, HostMemory, MapError, Run
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
        runs: Sequence[Run],
        views: Sequence[memoryview],
        byte_count: int,
        error: BusError | None,
    ) -> None:
        self._memory = memory
        self._runs = runs
        self.views = views
        self.byte_count = byte_count
        self.error = error

    def store(self, byte_count: int, done: Callable[[BusError | None], None]) -> None:
        """Have the first bytes of the views in host memory before any later word, then call `done`."""
        distant = self._memory.distant
        if distant is None:
            done(None)
            return
        runs, views = self._runs, self.views
        if byte_count < self.byte_count:
            runs = _first(runs, byte_count)
            views = [view[:length] for view, (_, length) in zip(views, runs, strict=False)]
        distant.store(runs, views, done)

    def bytes_before(self, address: int) -> int:
        """Count the bytes of the buffer in front of a bus address where it ended."""
        before = 0
        for start, length in self._runs:
            if start <= address < start + length:
                return before + address - start
            before += length
        return 0


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
    address, length = _table(descriptor, pte_base, byte_count)
    try:
        table = memory.read(address, length) if length else b""
    except BusError:
        raise PortFault(FATAL.MAPPING_READ) from None
    runs, error = _runs(table, descriptor & PAGE_OFFSET_MASK, byte_count)
    if error is None and len(runs) == 1:
        return unmapped_buffer(memory, *runs[0])
    return _collect(memory, runs, error)


class DistantBuffer:
    """A buffer in distant memory while it is being opened: its page table comes first, then its bytes.

    fetch: the device wants what is in it.  opened: called with the buffer.  failed: called when the page table
    cannot be read.
    """

    def __init__(
        self,
        memory: HostMemory,
        distant: DistantMemory,
        fetch: bool,
        opened: Callable[[HostBuffer], None],
        failed: Callable[[FATAL], None],
    ) -> None:
        self._memory = memory
        self._distant = distant
        self._fetch = fetch
        self._opened = opened
        self._failed = failed

    def open(self, descriptor: int, pte_base: int, byte_count: int) -> None:
        """Begin."""
        if not descriptor & MAPPED:
            self._open_runs([(descriptor, byte_count)] if byte_count else [], None)
            return
        offset = descriptor & PAGE_OFFSET_MASK

        def read(views: Sequence[memoryview], error: BusError | None) -> None:
            if error is not None:
                self._failed(FATAL.MAPPING_READ)
            else:
                self._open_runs(*_runs(b"".join(views), offset, byte_count))

        self._distant.fetch([_table(descriptor, pte_base, byte_count)], read)

    def _open_runs(self, runs: list[Run], error: BusError | None) -> None:
        if not self._fetch or not runs:
            self._opened(_collect(self._memory, runs, error))
            return

        def fetched(views: Sequence[memoryview], fault: BusError | None) -> None:
            byte_count = sum(map(len, views))
            self._opened(
                HostBuffer(self._memory, _first(runs, byte_count), views, byte_count, fault or error)
            )

        self._distant.fetch(runs, fetched)


def _table(descriptor: int, pte_base: int, byte_count: int) -> Run:
    """Say where the entries are that a mapped buffer needs."""
    index = (descriptor & PTE_INDEX_MASK) >> PTE_INDEX_SHIFT
    pages = -(-((descriptor & PAGE_OFFSET_MASK) + byte_count) // PAGE_BYTES)
    return pte_base + _PTE_BYTES * index, _PTE_BYTES * pages if byte_count else 0


def _first(runs: Sequence[Run], byte_count: int) -> list[Run]:
    """Cut a list of runs off behind so many bytes."""
    first: list[Run] = []
    for address, length in runs:
        if byte_count <= 0:
            break
        first.append((address, min(length, byte_count)))
        byte_count -= length
    return first


def _runs(table: Bytes, offset: int, byte_count: int) -> tuple[list[Run], BusError | None]:
    """Join the pages into as few runs of bus addresses as there are; stop at an invalid entry."""
    entries = memoryview(table).cast("I").tolist()
    if not entries:
        return [], None
    first = entries[0]
    if first & PTE_VALID and entries == list(range(first, first + len(entries))):
        return [((first & PTE_PFN_MASK) << _PFN_SHIFT | offset, byte_count)], None
    runs: list[Run] = []
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


def _collect(memory: HostMemory, runs: list[Run], error: BusError | None) -> HostBuffer:
    """Open the runs' windows, as far as memory answers."""
    reached: list[Run] = []
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
