"""Host memory at the far end of a link, as a controller's port sees it.

The rings are watched: every READ of the host brings a copy of them, and the packets their descriptors point at.
What the port reads it reads there.  What it writes goes out as messages, and into the copy.  A copy is as old as the
READ that brought it: what the port has written since is written over it again.  A host gives descriptors to the
controller and never takes one back, so an old copy can only lack some; when the port misses one in the response ring,
the copy is asked for again.

Data of transfers is not watched: `fetch` and `store` move it.  Addresses are bus addresses, lengths are bytes.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from emu.core.bus import BusError, Bytes, NonexistentMemory, ParityError, Run
from emu.wire.codes.buslink import OWNED, Flag
from emu.wire.codes.uqssp import AREA_HEADER_BYTES
from emu.wire.generated.buslink import Extent
from emu.wire.generated.uqssp import Descriptor, Envelope

Fetched = Callable[[Sequence[memoryview], BusError | None], None]
Stored = Callable[[BusError | None], None]

_EXTENT = Extent.pack_fields
_ENVELOPE_BYTES = Envelope.SIZE
_PARITY = int(Flag.PARITY)


class Sender(Protocol):
    """What puts messages on the link; a session.  `number` is that of the message that `write` adds to."""

    @property
    def number(self) -> int: ...

    def write(self, head: bytes, data: Bytes) -> None: ...

    def announce(self, test: int, extents: bytes) -> None: ...

    def fetch(self, runs: Sequence[Run], done: Fetched) -> None: ...

    def confirm(self, runs: Sequence[Run], views: Sequence[memoryview], done: Stored) -> None: ...


class LinkMemory:
    """Memory of whatever host is connected; without one, nothing answers.

    memory_bytes: how much there is from address 0; 0 if only the host can tell what is there.
    """

    def __init__(self) -> None:
        self.memory_bytes = 0
        self.distant = self
        self._sender: Sender | None = None
        self._areas: list[_Area] = []
        self._packets: dict[int, memoryview] = {}
        self._written: deque[tuple[int, int, bytes]] = deque()  # message, address, bytes: maybe not in a copy
        self._refreshing = False

    # ---- the host comes, goes, starts anew

    def connect(self, sender: Sender | None) -> None:
        self._sender = sender
        self.forget()

    def forget(self) -> None:
        """Drop every copy: the controller was reset."""
        self._areas = []
        self._packets = {}
        self._written.clear()
        self._refreshing = False

    def watch(self, responses: Run, commands: Run) -> None:
        """Keep copies of both rings from now on; they begin as zeros, which the port has just written there."""
        self._areas = [_Area(*responses, refreshed=True), _Area(*commands, refreshed=False)]

    def covers(self, address: int) -> bool:
        """Whether an address lies in the communications area."""
        return any(area.start - AREA_HEADER_BYTES <= address < area.end for area in self._areas)

    def adopt(self, extents: Sequence[tuple[int, memoryview]], count: int) -> None:
        """Take what a READ has brought; it reflects this controller's messages up to number `count`."""
        packets: dict[int, memoryview] = {}
        for address, data in extents:
            for area in self._areas:
                if address == area.start and len(data) == area.length:
                    area.copy[:] = data
                    break
            else:
                packets[address] = data
        self._packets = packets
        self._write_again(count)

    def _write_again(self, count: int) -> None:
        written = self._written
        while written and written[0][0] <= count:
            written.popleft()
        for _, address, data in written:
            self._note(address, data)

    def _note(self, address: int, data: Bytes) -> bool:
        """Write into the copy; says whether any of it lies there."""
        for area in self._areas:
            if area.start <= address < area.end:
                offset = address - area.start
                room = area.copy[offset : offset + len(data)]
                room[:] = data[: len(room)]
                return True
        return False

    # ---- HostMemory

    def read_longword(self, address: int) -> int:
        for area in self._areas:
            if area.start <= address < area.end:
                value = area.longwords[address - area.start >> 2]
                if area.refreshed and not value & OWNED:
                    self._refresh(area)
                return value
        raise NonexistentMemory(address)

    def write_longword(self, address: int, value: int) -> None:
        self._write(address, Descriptor.pack_fields(value))

    def write_word(self, address: int, value: int) -> None:
        self._write(address, Descriptor.pack_fields(value)[:2])

    def read(self, address: int, length: int) -> Bytes:
        packet = self._packets.get(address)
        if packet is None or len(packet) < length:
            raise NonexistentMemory(address)
        return packet

    def write(self, address: int, data: Bytes) -> None:
        self._write(address, data)

    def window(self, address: int, length: int) -> Sequence[memoryview]:
        self._require(address, length)
        return (memoryview(bytearray(length)),)

    def announce(self, test: int, address: int) -> bool:
        if self._sender is not None:
            word = Descriptor.pack_fields(1)[:2]
            self._sender.announce(test, _EXTENT(address, len(word)) + word)
        return True

    # ---- DistantMemory

    def fetch(self, runs: Sequence[Run], done: Fetched) -> None:
        if self._sender is None:
            done((), NonexistentMemory(runs[0][0]))
        else:
            self._sender.fetch(runs, done)

    def store(self, runs: Sequence[Run], views: Sequence[memoryview], done: Stored) -> None:
        sender = self._sender
        if sender is None:
            done(NonexistentMemory(runs[0][0]))
        elif self.memory_bytes:
            for (address, length), view in zip(runs, views, strict=True):
                sender.write(_EXTENT(address, length), view)
            done(None)  # it was seen to exist when the window was opened
        else:
            sender.confirm(runs, views, done)

    # ---- inside

    def _require(self, address: int, length: int) -> None:
        if self._sender is None:
            raise NonexistentMemory(address)
        if self.memory_bytes and address + length > self.memory_bytes:
            raise NonexistentMemory(max(address, self.memory_bytes))

    def _write(self, address: int, data: Bytes) -> None:
        length = len(data)
        self._require(address, length)
        sender = self._sender
        assert sender is not None, "memory without a host is not written"
        sender.write(_EXTENT(address, length), data)
        if self._note(address, data):
            self._written.append((sender.number, address, bytes(data)))

    def _refresh(self, area: "_Area") -> None:
        if self._sender is None or self._refreshing:
            return
        self._refreshing = True

        def refreshed(views: Sequence[memoryview], error: BusError | None) -> None:
            self._refreshing = False
            if error is None and area in self._areas:
                area.copy[:] = b"".join(views)
                self._write_again(count)

        self._sender.fetch([(area.start, area.length)], refreshed)
        count = self._sender.number - 1


class _Area:
    """A watched range and its copy.  refreshed: ask for it again when the port misses a descriptor there."""

    def __init__(self, start: int, length: int, *, refreshed: bool) -> None:
        self.start = start
        self.length = length
        self.end = start + length
        self.refreshed = refreshed
        self.copy = memoryview(bytearray(length))
        self.longwords = self.copy.cast("I")


def fault_at(address: int, flags: int) -> BusError:
    """Make the error that flags of an answer tell of."""
    return ParityError(address) if flags & _PARITY else NonexistentMemory(address)
