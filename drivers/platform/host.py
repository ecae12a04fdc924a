"""A node as its drivers see it: memory, pool, fork queue, interrupts, buffer mapping."""

from collections.abc import Callable, Collection
from typing import ClassVar

from drivers.platform.irp import Irp
from drivers.platform.node_clock import NodeClock
from drivers.platform.parameters import SystemParameters
from drivers.platform.pool import Pool
from drivers.platform.process import EventFlag, KernelProcess, Procedure
from emu.core.bus import HostMemory
from emu.core.clock import MILLISECOND_NS, Action, Scheduler
from emu.core.trace import ConsoleLine, Tracer

POOL_POLL_NS = 10 * MILLISECOND_NS
INTERRUPT_VECTORS = 128  # a UQSSP step-1 word names a vector below 512, in longwords


class InterruptRequest:
    """The request line of one device: it stays up until the processor grants it.

    platform: the software that is interrupted, another one after a boot.
    """

    def __init__(self, platform: "Platform") -> None:
        self.platform = platform
        self._vector: int | None = None

    def request(self, vector: int) -> None:
        if self._vector is None:
            platform = self.platform
            if platform.interrupt_latency_ns:
                platform.clock.call_after(platform.interrupt_latency_ns, self._grant)
            else:
                platform.clock.call_soon(self._grant)
        self._vector = vector

    def withdraw(self) -> None:
        self._vector = None

    def _grant(self) -> None:
        vector, self._vector = self._vector, None
        if vector is not None:
            self.platform.interrupt(vector)


class Platform:
    """What VAX and Alpha have in common.

    memory: host memory as the processor sees it, by physical address.  page_table: what goes with every mapped
    buffer as the second longword of its descriptor (UQSSP 1.15).  boot_time: when the clock started, as a VMS
    time (100 ns since 17-Nov-1858).  maximum_buffer_bytes: the longest buffer that can be mapped.  overslept: told, in
    nanoseconds, that the processor has stood still.  io_blocked: nothing is sent to disks, this node has no quorum.
    io_epoch: grows when nodes are lost while it is so; what was begun in an earlier one is not sent any more.
    logical_names: the system table.  interrupt_latency_ns: how long a request waits for the processor to grant it.
    """

    kind: ClassVar[str]
    page_bytes: ClassVar[int]
    masters_bitmaps: ClassVar[bool]
    maximum_buffer_bytes: ClassVar[int]

    def __init__(
        self,
        name: str,
        clock: Scheduler,
        memory: HostMemory,
        pool_start: int,
        pool_bytes: int,
        tracer: Tracer,
    ) -> None:
        self.name = name
        self.clock = NodeClock(clock)
        self.memory = memory
        self.parameters = SystemParameters(self.kind)
        self.logical_names: dict[str, str] = {}
        self.pool = Pool(pool_start, pool_bytes)
        self._memory_came = EventFlag(self.clock)
        self.pool.given_back = self._memory_came.set
        self.tracer = tracer
        self.page_table = 0
        self.fork = self.clock.call_soon
        self.halted = False
        self.unexpected_interrupts = 0
        self.boot_time = 0
        self.overslept: list[Callable[[int], None]] = []
        self.io_blocked = False
        self.io_epoch = 0
        self.interrupt_latency_ns = 0
        self._services: dict[int, Callable[[], None]] = {}
        self._blocked_io: dict[Action, None] = {}  # in the order in which it came
        self._paused_ns = 0

    def halt(self) -> None:
        """Stop: no process goes on, no timer fires, no interrupt is served."""
        self.halted = True
        self.clock.halt()
        self.fork = self.clock.call_soon
        self._services.clear()

    def pause(self) -> None:
        """Let the processor stand still: nothing is served before `go_on`, and memory is as it is."""
        self._paused_ns = self.clock.now_ns
        self.clock.pause()
        self.fork = self.clock.call_soon

    def go_on(self) -> None:
        """Let the processor go on.  The clock interrupt is the first thing, and finds out how late it is."""
        if not self.halted:
            self.clock.go_on()
            self.fork = self.clock.call_soon
            for watcher in self.overslept:
                watcher(self.clock.now_ns - self._paused_ns)

    def block_io(self, *, blocked: bool) -> None:
        """Hold back what drivers of disks would send, or let it go."""
        self.io_blocked = blocked
        if not blocked:
            waiting, self._blocked_io = self._blocked_io, {}
            for action in waiting:
                self.fork(action)

    def hold_io(self, action: Action) -> None:
        """Call `action`, later and once, when I/O is not blocked any more."""
        self._blocked_io[action] = None

    def nodes_lost(self) -> None:
        """Let nothing go on that was begun: without quorum, nodes are lost that may have changed what is where."""
        if self.io_blocked:
            self.io_epoch += 1

    def system_time(self) -> int:
        """Tell the time as VMS counts it: 100 ns since 17-Nov-1858."""
        return self.boot_time + self.clock.now_ns // 100

    def interrupt_line(self) -> InterruptRequest:
        """Make the line that a new device's interrupt request is wired to."""
        return InterruptRequest(self)

    def connect_interrupt(self, service: Callable[[], None]) -> int:
        """Give out a free vector and name the routine that serves it."""
        for vector in range(4 * INTERRUPT_VECTORS - 4, 0, -4):
            if vector not in self._services:
                self._services[vector] = service
                return vector
        raise AssertionError("every interrupt vector is taken")

    @property
    def vectors(self) -> Collection[int]:
        """The vectors that have been given out."""
        return self._services.keys()

    def interrupt(self, vector: int) -> None:
        service = self._services.get(vector)
        if service is None:
            self.unexpected_interrupts += 1
        else:
            service()

    def barrier(self) -> None:
        """Order the stores before it ahead of the stores after it (Alpha's MB)."""

    def map_buffer(self, address: int, length: int) -> int | None:
        """Make a buffer reachable for a controller; return the first longword of its descriptor.

        None: every map register is lent; `await_map_registers` tells when to ask again.
        """
        raise AssertionError("a platform maps buffers in its own way")

    def unmap_buffer(self, mapped: int, length: int) -> None:
        """Take back what `map_buffer` returned for a buffer of this length."""

    def await_map_registers(self, action: Callable[[], None]) -> None:
        """Call `action`, later and once, when map registers have come back."""
        raise AssertionError("only a platform with map registers lets anyone wait for them")

    def map_area(self, address: int, length: int) -> int:
        """Make rings and packets reachable for good; return the bus address a controller uses."""
        raise AssertionError("a platform maps areas in its own way")

    def window(self, address: int, length: int) -> memoryview:
        """The bytes of a contiguous piece of memory."""
        (view,) = self.memory.window(address, length)
        return view

    def allocate(self, size_bytes: int) -> Procedure:
        """Allocate a piece of pool, and wait while there is none of that size; returns its address."""
        while (address := self.pool.try_allocate(size_bytes)) is None:
            self._memory_came.clear()
            yield self._memory_came
        return address

    def process(self, name: str, body: Procedure) -> KernelProcess:
        return KernelProcess(self.clock, name, body)

    def flag(self) -> EventFlag:
        return EventFlag(self.clock)

    def operator(self, text: str) -> None:
        """Tell the operator's console (OPA0:)."""
        if ConsoleLine in self.tracer.heard and not self.halted:
            self.tracer.emit(ConsoleLine(self.clock.now_ns, self.name, text))


class WaitingIrp(Irp):
    """A request for which a kernel process waits: `yield irp.finished`."""

    __slots__ = ("finished",)

    def __init__(
        self, platform: Platform, function: int, lbn: int = 0, byte_count: int = 0, address: int = 0
    ) -> None:
        super().__init__(function, lbn, byte_count, address)
        self.finished = platform.flag()

    def complete(self) -> None:
        self.finished.set(self.status)
