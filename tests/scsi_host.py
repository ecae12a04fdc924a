"""A dumb host for a 53C810, and a bus to plug it into: registers by offset, words as printed, no driver.

The command block and the order of things are those of the listing in the SCRIPTS source `pke.ss`.
"""

from collections.abc import Callable, Sequence
from typing import Any

from emu.core.clock import Scheduler
from emu.core.trace import Tracer
from emu.hw.memory.ram import Ram
from emu.hw.scsibus.bus import Device, ParallelBus
from emu.hw.sym53c810.chip import Sym53c810
from emu.hw.sym53c810.profile import SYM53C810, Profile

PROGRAM = 0x4000
MAILBOX = 0x1000
SLOT_EMPTY = PROGRAM + 8


class Line:
    """INTA#, and how often it was asserted."""

    def __init__(self) -> None:
        self.asserted = False
        self.count = 0

    def request(self, vector: int) -> None:
        self.asserted = True
        self.count += 1

    def withdraw(self) -> None:
        self.asserted = False


class Board:
    """One chip with memory, on a bus."""

    def __init__(
        self,
        bus: ParallelBus | None = None,
        clock: Scheduler | None = None,
        profile: Profile = SYM53C810,
        own_id: int = 7,
        memory: Callable[[Ram], Any] = lambda ram: ram,
    ) -> None:
        self.clock = clock or Scheduler()
        self.tracer = Tracer()
        self.bus = bus or ParallelBus(self.clock, self.tracer)
        self.memory = Ram(0x20000)
        self.line = Line()
        self.chip = Sym53c810(
            self.clock, memory(self.memory), self.line, self.bus, self.tracer, profile=profile
        )
        self.chip.configuration.write_register(4, 7, 2)  # I/O, memory, master
        self.chip.configuration.write_register(0x14, 0x8000_0000, 4)
        self.chip.configuration.write_register(0x10, 0x0001_0000, 4)
        self.own_id = own_id

    def initialise(self) -> None:
        """Do what every driver does: reset, identifiers, timers, masks."""
        for offset, value in (
            (0x14, 0x40),
            (0x14, 0x00),
            (0x00, 0xCA),
            (0x03, 0x03),
            (0x04, 0x40 | self.own_id),
            (0x4A, 1 << self.own_id),
            (0x48, 0x0C),
            (0x4F, 0x80),
            (0x3B, 0x01),
            (0x40, 0x8F),
            (0x41, 0x04),
            (0x39, 0x7D),
        ):
            self.write(offset, value)

    def read(self, offset: int, width: int = 1) -> int:
        return self.chip.read_register(offset, width)

    def write(self, offset: int, value: int, width: int = 1) -> None:
        self.chip.write_register(offset, value, width)

    def load(self, words: Sequence[int], address: int = PROGRAM) -> None:
        for index, word in enumerate(words):
            self.memory.write_longword(address + 4 * index, word)

    def start(self, address: int = PROGRAM) -> None:
        self.write(0x2C, address, 4)

    def run(self, *words: int) -> None:
        """Run these words, as far as they go without time."""
        self.load(words)
        self.start()
        self.clock.run_soon()

    def until(self, condition: Callable[[], bool]) -> None:
        assert self.clock.run_until(condition, self.clock.now_ns + 10_000_000_000)


class FakeTarget(Device):
    """A target that asks for what it is told to: a list of (phase, bytes to offer | count to demand).

    When the list is done it leaves the bus, unless it `stays`.  `heard` collects what the initiator gave, `attention`
    what ATN was when each step was done.
    """

    def __init__(self, bus: ParallelBus, scsi_id: int, *steps: tuple[int, bytes | int]) -> None:
        self.bus = bus
        self.scsi_id = scsi_id
        self.steps = list(steps)
        self.heard: list[bytes] = []
        self.initiator: int | None = None
        self.room = bytearray()
        self.attention: list[bool] = []
        self.stays = False
        bus.attach(self)

    def selected(self, target_id: int, initiator_id: int | None) -> bool:
        if target_id != self.scsi_id:
            return False
        self.initiator = initiator_id
        self.next()
        return True

    def next(self) -> None:
        if not self.steps:
            if not self.stays:
                self.bus.release()
            return
        phase, what = self.steps.pop(0)
        if isinstance(what, int):
            self.room = bytearray(what)
            self.bus.demand(phase, (memoryview(self.room),))
        else:
            self.room = bytearray()
            self.bus.offer(phase, (memoryview(what),))

    def acknowledged(self) -> None:
        self.attention.append(self.bus.attention)
        if self.room:
            self.heard.append(bytes(self.room))
        self.next()

    def come_back(self, *steps: tuple[int, bytes | int]) -> None:
        """Reselect initiator 7."""
        self.steps = list(steps)
        self.bus.arbitrate(self, self.scsi_id)

    def won(self) -> None:
        if self.bus.reselect(self, self.scsi_id, 7):
            self.next()
