"""A medium with mechanics: the data moves when the access time is over.

Times are virtual nanoseconds.
"""

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Self

from emu.core.block import BLOCK_BYTES, BlockDevice, BlockRequest, Function
from emu.core.clock import MICROSECOND_NS, MILLISECOND_NS, Clock
from emu.media.copying import copy_through_buffer
from emu.media.mechanics import Arm, Mechanics

# A drive of the early nineties: some 5 MB/s.
SEEK_NS = 12 * MILLISECOND_NS
BLOCK_NS = 100 * MICROSECOND_NS

AccessTime = Callable[[BlockRequest], int]

_COPY = int(Function.COPY)
_FLUSH = int(Function.FLUSH)


class SlowDevice:
    """Another device, later.

    One spindle serves one request at a time, in the order they came; `parallel` serves each as if
    it were alone.  `access_time_ns` is asked when the service of a request begins.  It meets no COPY:
    a COPY takes the time of its reads on the source and of its writes here, and between them other
    requests have their turn, so that two disks may copy from each other.
    """

    # The kernel would copy in no time.
    descriptor: int | None = None

    def __init__(
        self, inner: BlockDevice, clock: Clock, access_time_ns: AccessTime, *, parallel: bool = False
    ) -> None:
        self._inner = inner
        self._clock = clock
        self._access_time_ns = access_time_ns
        self._parallel = parallel
        self._queue: deque[BlockRequest] = deque()  # the first one is being served

    @classmethod
    def of_drive(cls, inner: BlockDevice, mechanics: Mechanics, clock: Clock) -> Self:
        """Make a disk with an arm, which is on cylinder 0."""
        arm = Arm(mechanics)
        return cls(inner, clock, lambda request: arm.access_time_ns(request, clock.now_ns))

    @property
    def block_count(self) -> int:
        return self._inner.block_count

    @property
    def write_protected(self) -> bool:
        return self._inner.write_protected

    def submit(self, request: BlockRequest) -> None:
        if request.function == _COPY:
            copy_through_buffer(self, request)
        elif self._parallel:
            self._clock.call_after(self._access_time_ns(request), partial(self._inner.submit, request))
        else:
            self._queue.append(request)
            if len(self._queue) == 1:
                self._begin()

    def close(self) -> None:
        """Close the inner device; requests still waiting get its answer to that."""
        self._inner.close()

    def _begin(self) -> None:
        self._clock.call_after(self._access_time_ns(self._queue[0]), self._end)

    def _end(self) -> None:
        request = self._queue.popleft()
        if self._queue:
            self._begin()
        self._inner.submit(request)


def fixed_times(seek_ns: int, block_ns: int) -> AccessTime:
    """Make access times of one spindle: a seek unless a request goes on where the last one ended.

    A FLUSH takes no time of its own: every write before it has already moved.
    """
    next_lbn: int | None = None

    def access_time_ns(request: BlockRequest) -> int:
        nonlocal next_lbn
        if request.function == _FLUSH:
            return 0
        blocks = -(-request.byte_count // BLOCK_BYTES)
        seek = 0 if request.lbn == next_lbn else seek_ns
        next_lbn = request.lbn + blocks
        return seek + blocks * block_ns

    return access_time_ns
