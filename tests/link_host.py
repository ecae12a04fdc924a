"""The host's end of a bus link, in literal numbers from docs/buslink.md: memory, shadows, epochs, one processor.

It speaks to any byte machine that is the controller's end.  A register access pumps messages as a simulator would;
`pump` is one look at the link.
"""

import struct
from collections.abc import Callable

from emu.core.clock import Scheduler
from emu.front import ByteMachine
from emu.hw.memory.ram import Ram

HELLO, GOODBYE, WRITE, READ, RESET, TICK, DMA_DATA, DMA_DONE, GRANTED = range(1, 10)
ANSWER, SHADOW, WATCH, DMA_READ, DMA_WRITE, ANNOUNCE, INTERRUPT, WITHDRAW, CALL = range(10, 19)
OF_AN_EPOCH = (SHADOW, WATCH, DMA_READ, DMA_WRITE, ANNOUNCE, INTERRUPT, WITHDRAW, CALL)
WAIT, NONEXISTENT = 1, 2
TELL_READ, WAIT_WRITE, RESETS = 1, 2, 4
POSTED, FROZEN = 0, 1
QBUS = 1
IP, SA = 0, 2
LOOKS = 2000  # at a link whose other end may be another process


def hello(
    mode: int = POSTED,
    memory_bytes: int = 0,
    *,
    magic: bytes = b"HBVS",
    version: int = 1,
    bus: int = QBUS,
    name: bytes = b"test host",
) -> bytes:
    return struct.pack("<4sHBBII16x32s", magic, version, bus, mode, 0x3FF468, memory_bytes, name)


class LinkHost:
    """A host connected to `machine`; memory is `ram`, registers are `read_register` and `write_register`.

    mapped: bus addresses are not memory's own, so the controller is not told how much there is.
    """

    def __init__(
        self,
        machine: ByteMachine,
        clock: Scheduler,
        *,
        memory_bytes: int = 1 << 20,
        mapped: bool = False,
        mode: int = POSTED,
    ) -> None:
        self.machine = machine
        self.clock = clock
        self.ram = Ram(memory_bytes)
        self.mapped = mapped
        self.mode = mode
        self.epoch = 7
        self.sent = 0
        self.applied = 0
        self.time = 0
        self.shadows: dict[int, list[int]] = {}  # offset: word, access
        self.vector: int | None = None
        self.interrupts: list[int] = []
        self.watches: list[tuple[int, int, int]] = []
        self.called: int | None = None
        self.answered = 0
        self.goodbye: str | None = None
        self.stale = 0
        self.log: list[int] = []  # kinds that came
        self.hold = False  # apply nothing for the time being
        self.on_interrupt: Callable[[], None] | None = None
        self._in = b""

    # ---- the link

    def connect(self) -> None:
        self.send(HELLO, data=hello(self.mode, self.known_bytes()))
        self.pump()

    def known_bytes(self) -> int:
        return 0 if self.mapped else self.ram.size_bytes

    def send(self, kind: int, flags: int = 0, address: int = 0, value: int = 0, data: bytes = b"") -> int:
        self.sent += 1
        head = struct.pack(
            "<BBHIIIII", kind, flags, self.epoch, len(data), address, value, self.applied, self.time
        )
        self.machine.receive(head + data)
        return self.sent

    def wait(self, number: int) -> None:
        """The processor stands still until this message is answered."""
        for _ in range(LOOKS):
            self.pump()
            if self.answered >= number or self.goodbye is not None or self.machine.ended:
                return
        raise AssertionError("the controller answers what waits")

    def pump(self) -> None:
        """Apply everything the controller has sent."""
        if self.hold:
            return
        while parts := self.machine.outgoing():
            self._in += b"".join(parts)
            while len(self._in) >= 24:
                kind, flags, epoch, length, address, value, count, _ = struct.unpack_from(
                    "<BBHIIIII", self._in
                )
                if len(self._in) < 24 + length:
                    break
                data, self._in = self._in[24 : 24 + length], self._in[24 + length :]
                assert count <= self.sent
                self.applied += 1
                self.log.append(kind)
                if kind in OF_AN_EPOCH and epoch != self.epoch:
                    self.stale += 1
                else:
                    self._apply(kind, flags, address, value, data)

    def _apply(self, kind: int, flags: int, address: int, value: int, data: bytes) -> None:
        if kind == GOODBYE:
            self.goodbye = data.decode()
        elif kind == ANSWER:
            self.answered = value
        elif kind == SHADOW:
            self.shadows[address] = [value, flags]
        elif kind == WATCH:
            self.watches = [struct.unpack_from("<H2xII", data, place) for place in range(0, len(data), 12)]
        elif kind == DMA_READ:
            self._dma_read(value, data)
        elif kind == DMA_WRITE:
            failed = self._write_extents(data)
            if flags & WAIT or failed is not None:
                tag = value if flags & WAIT else 0
                self.send(DMA_DONE, 0 if failed is None else NONEXISTENT, failed or 0, tag)
        elif kind == ANNOUNCE:
            if self.ram.read_longword(address) & 0x80000000:
                self._write_extents(data)
                if value:
                    self._request(value)
        elif kind == INTERRUPT:
            self._request(value)
        elif kind == WITHDRAW:
            self.vector = None
        elif kind == CALL:
            self.called = value or None
        else:
            assert kind == HELLO, f"kind {kind} is the host's"
            assert data[:4] == b"HBVS"

    def _request(self, vector: int) -> None:
        self.vector = vector
        self.interrupts.append(vector)
        if self.on_interrupt is not None:
            self.on_interrupt()

    def grant(self) -> int | None:
        """The processor takes the interrupt."""
        vector, self.vector = self.vector, None
        if vector is not None:
            self.send(GRANTED, value=vector)
        return vector

    def _dma_read(self, tag: int, data: bytes) -> None:
        found = b""
        for place in range(0, len(data), 8):
            address, length = struct.unpack_from("<II", data, place)
            there = max(0, min(length, self.ram.size_bytes - address))
            found += bytes(self.ram.read(address, there)) if there else b""
            if there < length:
                self.send(DMA_DATA, NONEXISTENT, address + there, tag, found)
                return
        self.send(DMA_DATA, 0, 0, tag, found)

    def _write_extents(self, data: bytes) -> int | None:
        place = 0
        while place < len(data):
            address, length = struct.unpack_from("<II", data, place)
            place += 8
            there = max(0, min(length, self.ram.size_bytes - address))
            if there:
                self.ram.write(address, data[place : place + there])
            if there < length:
                return address + there
            place += length
        return None

    # ---- registers

    def read_register(self, offset: int, width: int) -> int:
        self.time += 1
        self.pump()
        word, access = self.shadows.get(offset, [0, 0])
        if access & TELL_READ:
            number = self.send(READ, self._frozen(), offset, 0, self._watched())
            if self.mode == FROZEN:
                self.wait(number)
            self.pump()
        return word

    def write_register(self, offset: int, value: int, width: int) -> None:
        self.time += 1
        self.pump()
        access = self.shadows.get(offset, [0, 0])[1]
        if access & RESETS:
            self._new_epoch()
        waits = self._frozen() or (WAIT if access & WAIT_WRITE else 0)
        number = self.send(WRITE, waits, offset, value)
        if waits:
            self.wait(number)
        self.pump()

    def bus_reset(self) -> None:
        self._new_epoch()
        self.send(RESET, self._frozen(), value=self.known_bytes())
        self.pump()

    def _frozen(self) -> int:
        return WAIT if self.mode == FROZEN else 0

    def _new_epoch(self) -> None:
        self.epoch = (self.epoch + 1) & 0xFFFF
        for shadow in self.shadows.values():
            shadow[0] = 0
        self.vector = None
        self.watches = []
        self.called = None

    def _watched(self) -> bytes:
        data = b""
        for kind, address, length in self.watches:
            if kind == 0:
                data += struct.pack("<II", address, length) + bytes(self.ram.read(address, length))
                continue
            for place in range(address, address + length, 4):
                descriptor = self.ram.read_longword(place)
                if descriptor & 0x80000000:
                    packet = (descriptor & 0x3FFFFE) - 4
                    if packet + 64 <= self.ram.size_bytes:
                        data += struct.pack("<II", packet, 64) + bytes(self.ram.read(packet, 64))
        return data

    # ---- time

    def run_for(self, duration_ns: int) -> None:
        """Let time pass: the wall's, or in FROZEN mode that of this host's instructions, 200 ns each."""
        if self.mode == POSTED:
            self.clock.run_for(duration_ns)
            self.pump()
            return
        left = duration_ns // 200
        while left > 0:
            step = min(left, self.called) if self.called else left
            left -= step
            self.time += step
            if self.called is not None:
                self.called = self.called - step or None
                if self.called is None:
                    self.wait(self.send(TICK, WAIT))
        self.pump()
