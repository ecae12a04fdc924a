"""The host's end of the link: memory, shadows of registers, epochs, as a byte machine.

Rules: docs/buslink.md.  An emulator has this inside; here it serves whoever wants to reach a controller in another
process without an emulator.  Mode POSTED: registers are read from their shadows, a write waits where the controller
has said so.  Whoever has the stream moves the bytes, and after `write_register` does so until `waiting` is false.
"""

from collections.abc import Callable, Sequence

from emu.core.bus import BusError, Bytes, HostMemory
from emu.front.buslink.messages import LinkError, MessageReader, extents_of
from emu.wire.codes.buslink import MAGIC, OWNED, VERSION, Access, Bus, Flag, Kind, Mode, WatchKind
from emu.wire.codes.uqssp import DESCRIPTOR_BYTES, ENVELOPE_BYTES, PACKET_BYTES
from emu.wire.generated.buslink import Extent, Hello, LinkHeader, Watch
from emu.wire.packet import ShortPacket

ADDRESS_MASKS = {Bus.UNIBUS: 0x0003_FFFE, Bus.QBUS: 0x003F_FFFE, Bus.XMI: 0x3FFF_FFFE}
NAME_BYTES = 32
CSR = {Bus.UNIBUS: 0x3F468, Bus.QBUS: 0x3FF468, Bus.XMI: 0}  # of the first disk controller

_NUMBER_MASK = 0xFFFF_FFFF
_EPOCH_MASK = 0xFFFF
_OF_AN_EPOCH = frozenset(
    (
        Kind.SHADOW,
        Kind.WATCH,
        Kind.DMA_READ,
        Kind.DMA_WRITE,
        Kind.ANNOUNCE,
        Kind.INTERRUPT,
        Kind.WITHDRAW,
        Kind.CALL,
    )
)


class HostEnd:
    """A host at one controller; a ByteMachine.

    memory: at hand, from bus address 0 on, `memory_bytes` of it.  interrupted: called with the vector of every request;
    it is granted at once.  controller: what the other end calls itself, empty until it has said HELLO.
    farewell: why it left, if it said so.
    """

    def __init__(
        self,
        memory: HostMemory,
        memory_bytes: int,
        bus: Bus,
        interrupted: Callable[[int], None],
        name: str = "hbvs",
    ) -> None:
        self.ended = False
        self.controller = ""
        self.farewell = ""
        self._memory = memory
        self._mask = ADDRESS_MASKS[bus]
        self._interrupted = interrupted
        self._reader = MessageReader()
        self._out: list[Bytes] = []
        self._epoch = 0
        self._sent = 0
        self._applied = 0
        self._accesses = 0
        self._shadows: dict[int, tuple[int, int]] = {}
        self._watches: list[Watch] = []
        self._awaited = 0
        self._answered = 0
        hello = Hello(
            magic=MAGIC,
            version=VERSION,
            bus=bus,
            mode=Mode.POSTED,
            csr=CSR[bus],
            memory_bytes=memory_bytes,
            name=name.encode("ascii")[:NAME_BYTES].ljust(NAME_BYTES, b"\0"),
        )
        self._send(Kind.HELLO, data=hello.pack())

    @property
    def greeted(self) -> bool:
        """Whether the controller has said who it is and what its registers show."""
        return bool(self.controller and self._shadows)

    @property
    def waiting(self) -> bool:
        """Whether the last register write has still to be answered."""
        return self._answered < self._awaited and not self.ended

    # ---- ByteMachine

    def receive(self, data: bytes) -> None:
        try:
            for header, body in self._reader.receive(data):
                self._applied += 1
                if header.kind not in _OF_AN_EPOCH or header.epoch == self._epoch:
                    self._apply(header, body)
        except (LinkError, ShortPacket, BusError) as error:
            self.farewell = str(error)
            self._send(Kind.GOODBYE, data=self.farewell.encode())
            self.ended = True

    def outgoing(self) -> Sequence[Bytes]:
        out, self._out = self._out, []
        return out

    def lost(self) -> None:
        self.ended = True

    # ---- registers

    def read_register(self, offset: int) -> int:
        self._accesses += 1
        word, access = self._shadows.get(offset, (0, 0))
        if access & Access.TELL_READ:
            self._send(Kind.READ, address=offset, data=self._watched())
        return word

    def write_register(self, offset: int, word: int) -> None:
        self._accesses += 1
        access = self._shadows.get(offset, (0, 0))[1]
        if access & Access.RESETS:
            self._new_epoch()
        waits = access & Access.WAIT_WRITE
        number = self._send(Kind.WRITE, Flag.WAIT if waits else 0, offset, word)
        if waits:
            self._awaited = number

    def _new_epoch(self) -> None:
        self._epoch = self._epoch + 1 & _EPOCH_MASK
        self._shadows = {offset: (0, access) for offset, (_, access) in self._shadows.items()}
        self._watches = []

    # ---- messages

    def _send(self, kind: Kind, flags: int = 0, address: int = 0, value: int = 0, data: Bytes = b"") -> int:
        self._sent += 1
        header = LinkHeader(
            kind=kind,
            flags=int(flags),
            epoch=self._epoch,
            length=len(data),
            address=address,
            value=value,
            count=self._applied & _NUMBER_MASK,
            time=self._accesses & _NUMBER_MASK,
        )
        self._out += (header.pack(), data)
        return self._sent

    def _apply(self, header: LinkHeader, data: memoryview) -> None:
        match header.kind:
            case Kind.HELLO:
                hello = Hello.unpack(data)
                if hello.magic != MAGIC or hello.version != VERSION:
                    raise LinkError("the other end is no controller of this protocol's version")
                self.controller = hello.name.rstrip(b"\0").decode("ascii", "replace") or "?"
            case Kind.GOODBYE:
                self.farewell = bytes(data).decode("utf-8", "replace")
                self.ended = True
            case Kind.ANSWER:
                self._answered = header.value
            case Kind.SHADOW:
                self._shadows[header.address] = (header.value, header.flags)
            case Kind.WATCH:
                self._watches = [Watch.unpack(data, place) for place in range(0, len(data), Watch.SIZE)]
            case Kind.DMA_READ:
                self._give(header.value, data)
            case Kind.DMA_WRITE:
                failed = self._take(data)
                if header.flags & Flag.WAIT or failed is not None:
                    tag = header.value if header.flags & Flag.WAIT else 0
                    self._send(Kind.DMA_DONE, 0 if failed is None else Flag.NONEXISTENT, failed or 0, tag)
            case Kind.ANNOUNCE:
                if self._memory.read_longword(header.address) & OWNED:
                    self._take(data)
                    self._interrupt(header.value)
            case Kind.INTERRUPT:
                self._interrupt(header.value)
            case Kind.WITHDRAW | Kind.CALL:
                pass  # interrupts are granted at once; the controller has a clock of its own
            case _:
                raise LinkError(f"a message of kind {header.kind} does not come from a controller")

    def _interrupt(self, vector: int) -> None:
        if vector:
            self._interrupted(vector)
            self._send(Kind.GRANTED, value=vector)

    def _give(self, tag: int, data: memoryview) -> None:
        """Answer DMA_READ."""
        found = bytearray()
        for place in range(0, len(data), Extent.SIZE):
            extent = Extent.unpack(data, place)
            try:
                found += self._memory.read(extent.address, extent.length)
            except BusError as error:
                if error.address > extent.address:
                    found += self._memory.read(extent.address, error.address - extent.address)
                self._send(Kind.DMA_DATA, Flag.NONEXISTENT, error.address, tag, found)
                return
        self._send(Kind.DMA_DATA, 0, 0, tag, found)

    def _take(self, data: memoryview) -> int | None:
        """Write extents; return the address that failed."""
        for address, content in extents_of(data):
            try:
                self._memory.write(address, content)
            except BusError as error:
                if error.address > address:
                    self._memory.write(address, content[: error.address - address])
                return error.address
        return None

    def _watched(self) -> bytes:
        """What goes with a READ: the watched bytes, and the packets of descriptors that the controller owns."""
        data = bytearray()
        for watch in self._watches:
            if watch.kind == WatchKind.BYTES:
                self._add(data, watch.address, watch.length)
                continue
            for place in range(watch.address, watch.address + watch.length, DESCRIPTOR_BYTES):
                try:
                    descriptor = self._memory.read_longword(place)
                except BusError:
                    break
                if descriptor & OWNED:
                    self._add(data, (descriptor & self._mask) - ENVELOPE_BYTES, PACKET_BYTES)
        return bytes(data)

    def _add(self, data: bytearray, address: int, length: int) -> None:
        try:
            found = self._memory.read(address, length)
        except BusError:
            return  # what cannot be read is left out
        data += Extent.pack_fields(address, length)
        data += found
