"""How the data of a transfer moves: by one request to the medium, and block by block when that fails.

(spec "MSCP", byte-count rule on error; what RQDX3 does with an I/O error.)  A READ or WRITE of any length is one
request to the medium, over the host's own memory.  Only when that fails, or when data has to be compared, does a
transfer walk: a generator that sets up one request after the other and is sent the answer of each.
"""

# DEVIATION: caching is the medium's own affair, whatever the modifiers and unit flags say of it.

from collections.abc import Generator, Iterator, Sequence

from emu.core.block import BLOCK_BYTES, CorrectableError, Function, MediumError
from emu.core.bus import BusError, MapError, ParityError
from emu.core.trace import BlocksMoved
from emu.core.views import pieces
from emu.hw.firmware import Behaviour
from emu.hw.mscp.block_replacement import replace_bad_block
from emu.hw.mscp.errorlog import log_disk_error, log_host_memory_error
from emu.hw.mscp.outstanding import medium_status
from emu.hw.mscp.transfer import Transfer
from emu.hw.uqssp.buffers import HostBuffer
from emu.wire.codes.mscp import CF, EF, MD, SB, ST, ST_MASK

SCRATCH_BYTES = 1 << 20  # what a walk reads at a time

_SUC = int(SB.SUC)
_CMP = int(SB.CMP)
_HOST_BUFFER = int(ST.HST)
_READ = int(Function.READ)
_NO_RECOVERY = int(MD.SER)
_NO_CORRECTION = int(MD.SEC)
_HARDWARE_PROTECTED = int(SB.WPR_HARDWARE)
_FORCED_ERROR = int(SB.DAT_FORCED_ERROR)
_BAD_BLOCK_REPORTED = int(EF.BBR)
_BLOCK_SHIFT = BLOCK_BYTES.bit_length() - 1
_BLOCK_MASK = BLOCK_BYTES - 1

Walk = Generator[None, MediumError | None, None]


class Movement(Transfer):
    """A transfer that makes its medium move data."""

    __slots__ = ("_answer", "_answered", "_buffer", "_outcome", "_walk", "_walking")

    _walk: Walk | None
    _answer: MediumError | None
    _answered: bool

    # ---- the single request

    def _open_buffer(self, fetch: bool) -> None:
        """Reach the host's memory; `_opened` goes on from there, unless that has killed the port, and this with it."""
        command = self.command
        port = self.server.port
        self._purged = False
        if not port.open_buffer(command.buff, command.pte_base, command.bcnt, fetch, self._take_buffer):
            self.ended = True

    def _take_buffer(self, buffer: HostBuffer) -> None:
        if self.ended:
            return
        self._buffer = buffer
        self._outcome = _SUC if buffer.error is None else bus_status(buffer.error)
        self._opened(buffer)

    def _opened(self, buffer: HostBuffer) -> None:
        """Go on with the host's memory."""
        raise AssertionError("a transfer that opens a buffer goes on with it")

    def _move(self, function: int, views: Sequence[memoryview], byte_count: int) -> None:
        """Hand the medium the whole extent at once."""
        if not byte_count:
            self._conclude(0)
            return
        self._walk = None
        self.function = function
        self.lbn = self.command.lbn
        self.byte_count = byte_count
        self.views = views
        self._submit()

    def _submit(self) -> None:
        unit, server = self.unit, self.server
        if unit.elevator is not None and not unit.elevator.enter(self):
            return
        device = unit.device if unit.replaced_lbns else unit.medium
        assert device is not None, "a unit without a medium is not online"
        if BlocksMoved in server.tracer.heard:
            server.controller.trace_blocks(self.function, unit.number, self.lbn, self.byte_count)
        device.submit(self)

    def go_on(self) -> None:
        """Have the arm at last."""
        self._submit()

    def _before_forced_error(self, byte_count: int) -> int:
        """Return how many bytes come before the first block with a forced error; that is then the outcome."""
        lbn = self.command.lbn
        end = lbn + (byte_count + _BLOCK_MASK >> _BLOCK_SHIFT)
        guilty = self.unit.forced_errors.first(lbn, end)
        if guilty is None:
            return byte_count
        self._outcome = _FORCED_ERROR
        return guilty - lbn << _BLOCK_SHIFT

    def done(self, error: MediumError | None) -> None:
        """Hear from the medium."""
        if self.ended:
            return
        if self._walk is not None:
            self._answer = error
            self._answered = True
            if not self._walking:
                self._step()
        elif error is None:
            self._moved()
        elif self._is_final(error):
            self._stop(*self._failed_at(error))
        else:
            self._begin_walk(self._recover(error))

    def _moved(self) -> None:
        """Go on after the single request has succeeded."""
        self._conclude(self.byte_count)

    def _conclude(self, byte_count: int) -> None:
        """End as it has turned out; memory that did not answer is logged when nothing before it went wrong."""
        outcome = self._outcome
        if outcome & ST_MASK == _HOST_BUFFER:
            error = self._buffer.error
            assert error is not None, "a host buffer has its error"
            self._log_bus_error(outcome, error)
        self.finish(outcome, byte_count)

    # ---- walking

    def _begin_walk(self, walk: Walk) -> None:
        self._walk = walk
        self._walking = False
        self._answer = None
        self._answered = True
        self._step()

    def _step(self) -> None:
        """Drive the walk as long as the medium answers at once; `done` comes back here when it does not."""
        walk = self._walk
        assert walk is not None, "a step belongs to a walk"
        self._walking = True
        while self._answered and not self.ended:
            self._answered = False
            try:
                walk.send(self._answer)
            except StopIteration:
                break
            self._submit()
        self._walking = False

    def _recover(self, error: MediumError) -> Walk:
        """Repeat a failed request block by block, so that the byte count tells how far it came."""
        first, total, views = self.lbn, self.byte_count, self.views
        moved, corrected, told = 0, None, False
        while moved < total:
            size = min(BLOCK_BYTES, total - moved)
            self.lbn = first + (moved >> _BLOCK_SHIFT)
            self.byte_count = size
            self.views = [*pieces(views, moved, size)]
            failure = yield
            if isinstance(failure, CorrectableError) and corrected != self.lbn:
                corrected = self.lbn
                if error.lbn != self.lbn:
                    self._medium_recovered(failure)
                continue
            if failure is not None:
                if self._write_elsewhere(failure, self.lbn):
                    told = told or error.lbn == self.lbn
                    continue
                self._stop(self._medium_failed(failure, self.lbn), moved)
                return
            moved += size
        self.lbn = first
        self.byte_count = total
        if not told:
            self._medium_recovered(error)
        self._moved()

    def _is_final(self, error: MediumError) -> bool:
        """Whether the host wants no second attempt: no recovery, or no correction of what could be corrected."""
        mod = self.command.mod
        return bool(mod & _NO_RECOVERY or (mod & _NO_CORRECTION and isinstance(error, CorrectableError)))

    def _failed_at(self, error: MediumError) -> tuple[int, int]:
        """Return the status of a request that is not repeated, and how many bytes came before the guilty block.

        A medium that names no block in the request has moved nothing that counts.
        """
        lbn = error.lbn
        if lbn is None or not self.lbn <= lbn < self.lbn + (self.byte_count + _BLOCK_MASK >> _BLOCK_SHIFT):
            return self._medium_failed(error, self.lbn), 0
        return self._medium_failed(error, lbn), lbn - self.lbn << _BLOCK_SHIFT

    def _stop(self, status: int, byte_count: int) -> None:
        """End a walk early; the bytes before the guilty block have been moved."""
        self.finish(status, byte_count)

    def _inspect(self, total: int, host: Sequence[memoryview] | None) -> Walk:
        """Read the extent into scratch memory, and compare it with the host's bytes if those are given."""
        first = self.command.lbn
        scratch = memoryview(bytearray(min(total, SCRATCH_BYTES)))
        limit = SCRATCH_BYTES
        first_failure: MediumError | None = None
        moved, corrected = 0, None
        self.function = _READ
        while moved < total:
            size = min(limit, total - moved)
            self.lbn = first + (moved >> _BLOCK_SHIFT)
            self.byte_count = size
            self.views = (scratch[:size],)
            failure = yield
            if failure is not None and self._is_final(failure):
                status, before = self._failed_at(failure)
                self.finish(status, moved + before)
                return
            if failure is not None and size > BLOCK_BYTES:
                limit, first_failure = BLOCK_BYTES, failure  # once more, slowly: the guilty block is wanted
                continue
            if isinstance(failure, CorrectableError) and corrected != self.lbn:
                corrected = self.lbn
                if first_failure is None or first_failure.lbn != self.lbn:
                    self._medium_recovered(failure)
                continue
            if failure is not None:
                self.finish(self._medium_failed(failure, self.lbn), moved)
                return
            if host is not None:
                equal = _equal_bytes(pieces(host, moved, size), scratch)
                if equal < size:
                    self.finish(_CMP, moved + equal)
                    return
            moved += size
        if first_failure is not None:
            self._medium_recovered(first_failure)
        self._conclude(total)

    # ---- what goes wrong

    def _log_bus_error(self, status: int, error: BusError) -> None:
        self.mention_log(log_host_memory_error(self, status, error))

    def _medium_failed(self, error: MediumError, lbn: int) -> int:
        """Log a block that cannot be had, report it where the host replaces blocks, and return the status."""
        status = medium_status(error, self.function)
        if status != _HARDWARE_PROTECTED:
            self.mention_log(log_disk_error(self, self.unit, status, lbn))
            if error.lbn is not None:
                self._report_bad_block(lbn)
                if self.function == _READ and self._may_replace(lbn):
                    replace_bad_block(self, lbn, status, data_lost=True)
        return status

    def _write_elsewhere(self, error: MediumError, lbn: int) -> bool:
        """Have a block replaced that could not be written, so that it can be."""
        if error.lbn != lbn or self.function == _READ or not self._may_replace(lbn):
            return False
        status = medium_status(error, self.function)
        self._medium_recovered(error)
        return replace_bad_block(self, lbn, status, data_lost=False)

    def _may_replace(self, lbn: int) -> bool:
        """Whether the controller replaces this block by itself, now that it is bad."""
        unit = self.unit
        return bool(
            self.server.firmware.behaviour & Behaviour.REPLACES_BLOCKS
            and not self.command.mod & (_NO_RECOVERY | _NO_CORRECTION)
            and lbn < unit.block_count
            and not unit.write_protected
            and unit.drive is not None
            and unit.drive.rbns
            and unit.replacement is not None
            and unit.replacement.rbn_of(lbn) is None
        )

    def _medium_recovered(self, error: MediumError) -> None:
        """Log a failure that did not come back."""
        lbn = self.command.lbn if error.lbn is None else error.lbn
        status = medium_status(error, self.function)
        self.mention_log(log_disk_error(self, self.unit, status, lbn, recovered=True))

    def _report_bad_block(self, lbn: int) -> None:
        """Name a block to a host that replaces blocks itself; the replacement control table has none."""
        if not self.server.firmware.controller_flags & CF.RPL and lbn < self.unit.block_count:
            self._bad_block = lbn
            self.end_flags |= _BAD_BLOCK_REPORTED


def bus_status(error: BusError) -> int:
    """Return the status word for host memory that did not answer.

    An invalid entry of a page table the controller walks itself is told apart; an invalid map register
    of the host's adapter looks like memory that is not there.
    """
    if isinstance(error, MapError):
        return int(SB.HST_INVALID_PTE)
    if isinstance(error, ParityError):
        return int(SB.HST_PARITY)
    return int(SB.HST_NXM)


def _equal_bytes(parts: Iterator[memoryview], data: memoryview) -> int:
    """Count the bytes that are equal before the first that is not."""
    equal = 0
    for piece in parts:
        here, there = bytes(piece), bytes(data[equal : equal + len(piece)])
        if here != there:
            return equal + _first_difference(here, there)
        equal += len(piece)
    return equal


def _first_difference(here: bytes, there: bytes) -> int:
    """Say which byte is the first that differs; one does."""
    low, high = 0, len(here)  # all before low are equal, not all before high
    while high - low > 1:
        middle = (low + high) // 2
        if here[low:middle] == there[low:middle]:
            low = middle
        else:
            high = middle
    return low
