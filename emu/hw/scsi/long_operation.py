"""An operation that goes over the whole medium and outlives its command: FORMAT UNIT, SANITIZE.

(SBC, "FORMAT UNIT", "SANITIZE"; spec "SCSI".)  It goes on through resets and lost nexuses.  Bytes unless they say
blocks; it takes time, though less than a real medium does, so that hosts can ask how far it is.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from emu.core.block import BLOCK_BYTES, BlockRequest, Function, MediumError
from emu.core.clock import SECOND_NS
from emu.hw.scsi.sense import Sense
from emu.wire.codes.scsi import SenseKey

if TYPE_CHECKING:
    from emu.hw.scsi.logical_unit import LogicalUnit

ERASE_RATE: Final = 4 << 30  # per second
WRITE_RATE: Final = 256 << 20
MINIMUM_NS: Final = 5 * SECOND_NS  # of one operation, however small the medium
_ERASE_PIECE: Final = 64 << 20
_ERASE = int(Function.ERASE)
_WRITE = int(Function.WRITE)

Passes = Sequence["memoryview | None"]  # each goes over the whole medium: a pattern, or None to erase


class LongOperation(BlockRequest):
    """One operation under way.

    asc: why the unit is not ready meanwhile.  failed_asc: why it is not if the medium fails.
    """

    __slots__ = ("_end", "_pieces", "_total", "_unit", "_waiting", "_worked", "asc", "failed", "failed_asc")

    def __init__(self, unit: "LogicalUnit", asc: int, failed_asc: int, passes: Passes) -> None:
        self.asc = asc
        self.failed_asc = failed_asc
        self.failed = False
        self._unit = unit
        self._end = unit.block_count * unit.block_bytes
        self._total = self._end * len(passes) or 1
        self._worked = 0
        self._waiting: list[Callable[[Any], None]] = []
        self._pieces = self._cut(passes)

    @property
    def progress(self) -> float:
        """How much is done, 0 to 1."""
        return self._worked / self._total

    @property
    def sense(self) -> Sense:
        """Why the unit is not ready."""
        if self.failed:
            return Sense(SenseKey.MEDIUM_ERROR, self.failed_asc)
        return Sense(SenseKey.NOT_READY, self.asc, progress=self.progress)

    def start(self) -> None:
        """Begin; the unit is not ready until all is done."""
        self._unit.operation = self
        self._next()

    def wait(self, done: Callable[[Any], None]) -> None:
        """Call `done` with this when all is done, or has failed."""
        if self._unit.operation is not self or self.failed:
            done(self)
        else:
            self._waiting.append(done)

    def _cut(self, passes: Passes) -> Iterator[None]:
        """Set up one request after the other."""
        for pattern in passes:
            size = _ERASE_PIECE if pattern is None else len(pattern)
            for position in range(0, self._end, size):
                length = min(size, self._end - position)
                self.function = _ERASE if pattern is None else _WRITE
                self.lbn = position // BLOCK_BYTES
                self.byte_count = length
                self.views = () if pattern is None else (pattern[:length],)
                yield

    def _next(self) -> None:
        medium = self._unit.medium
        if medium is None:
            self._ended(failed=True)
            return
        for _ in self._pieces:
            medium.submit(self)
            return
        self._ended(failed=False)

    def done(self, error: MediumError | None) -> None:
        if error is not None:
            self._ended(failed=True)
            return
        self._worked += self.byte_count
        rate = ERASE_RATE if self.function == _ERASE else WRITE_RATE
        duration_ns = max(self.byte_count * SECOND_NS // rate, self.byte_count * MINIMUM_NS // self._total)
        self._unit.clock.call_after(duration_ns, self._next)

    def _ended(self, failed: bool) -> None:
        self.failed = failed
        if not failed:
            self._unit.operation = None
        waiting, self._waiting = self._waiting, []
        for done in waiting:
            done(self)
