"""Commands that name an extent of a unit: READ, WRITE, COMPARE HOST DATA, ACCESS, ERASE and their kin.

(spec "MSCP", transfer commands; byte-count rule on error; read-only and size rules.)  `lbn` counts
512-byte blocks, byte counts are bytes.

A READ or WRITE of any length is one request to the medium, over the host's own memory.  Only when that
fails, or when data has to be compared, does a transfer walk: a generator that sets up one request after
the other and is sent the answer of each.
"""

# DEVIATION: media correct no errors, so that suppressing error correction changes nothing; caching is the
# medium's own affair, whatever the modifiers and unit flags say of it.
# DEVIATION: COMPARE CONTROLLER DATA compares nothing, having one copy, as RQDX3.

from collections.abc import Generator, Iterator, Sequence
from itertools import count as count_from
from typing import ClassVar

from emu.core.block import BLOCK_BYTES, Function, MediumError
from emu.core.bus import BusError, MapError, ParityError
from emu.core.views import pieces
from emu.hw.firmware import Behaviour
from emu.hw.mscp.errorlog import log_disk_error, log_host_memory_error
from emu.hw.mscp.outstanding import Outstanding, Reject, medium_status
from emu.hw.uqssp.buffers import HostBuffer
from emu.wire.codes.mscp import CF, EF, END, MD, SB, UF
from emu.wire.codes.uqssp import CHANNEL_MASK, CHANNEL_SHIFT, MAPPED
from emu.wire.generated.mscp import TransferCommand, TransferEnd

SCRATCH_BYTES = 1 << 20  # what a walk reads at a time
LBN_LIMIT = 1 << 28

# Plain integers: arithmetic on enumeration members costs a microsecond.
_SUC = int(SB.SUC)
_CMP = int(SB.CMP)
_ODD_ADDRESS = int(SB.HST_ODD_ADDRESS)
_ODD_COUNT = int(SB.HST_ODD_COUNT)
_BAD_COUNT = int(SB.CMD_BYTE_COUNT)
_BAD_LBN = int(SB.CMD_LBN)
_SOFTWARE_PROTECT = int(UF.WPS)
_COMPARE_READS = int(UF.CMR)
_COMPARE_WRITES = int(UF.CMW)
_READ = int(Function.READ)
_WRITE = int(Function.WRITE)
_ERASE = int(Function.ERASE)
_FLUSH = int(Function.FLUSH)
_NO_RECOVERY = int(MD.SER)
_HARDWARE_PROTECTED = int(SB.WPR_HARDWARE)
_FORCED_ERROR = int(SB.DAT_FORCED_ERROR)
_FORCE_ERROR = int(MD.ERR)
_BAD_BLOCK_REPORTED = int(EF.BBR)
_BLOCK_SHIFT = BLOCK_BYTES.bit_length() - 1
_BLOCK_MASK = BLOCK_BYTES - 1
_MAXIMUM = 0x0FFF_FFFF

Walk = Generator[None, MediumError | None, None]


class Transfer(Outstanding):
    """A command with a byte count and an LBN."""

    __slots__ = ("_answer", "_answered", "_bad_block", "_buffer", "_outcome", "_purged", "_walk", "_walking")

    command: TransferCommand
    _walk: Walk | None
    _answer: MediumError | None
    _answered: bool

    host_buffer: ClassVar[bool] = False  # the buffer descriptor means something
    reads_table: ClassVar[bool] = False  # the replacement control table may be named
    writes_table: ClassVar[bool] = False  # and so it may by a host that replaces blocks itself

    # ---- validation

    def _require_extent(self) -> int:
        """Check what every transfer must have right, in RQDX3's order; return the host's unit flags.

        Raises:
            Reject: unit not online; odd buffer address, where the port has not promised to take one; byte
                count or LBN out of range; byte count odd.
        """
        server, unit, command = self.server, self.unit, self.command
        number = unit.number
        if number not in server.online:
            raise Reject(unit.status_for(server))
        if command.buff & 1 and self.host_buffer and not server.odd_addresses:
            raise Reject(_ODD_ADDRESS)
        byte_count, lbn = command.bcnt, command.lbn
        if byte_count >= server.byte_count_limit:
            raise Reject(_BAD_COUNT)
        if lbn >= LBN_LIMIT:
            raise Reject(_BAD_LBN)
        if byte_count & 1:
            raise Reject(_ODD_COUNT)
        size = unit.block_count
        if lbn >= size:
            self._require_replacement_table()
        elif lbn + (byte_count + _BLOCK_MASK >> _BLOCK_SHIFT) > size:
            raise Reject(_BAD_COUNT)
        return server.unit_flags.get(number, 0)

    def _require_replacement_table(self) -> None:
        """Let a single block of the RCT be named; everything else behind the unit is no LBN.

        A controller that replaces blocks shows the first copy and lets none be written (RQDX3).
        """
        drive, command = self.unit.drive, self.command
        assert drive is not None, "an online unit has a drive"
        if self.server.firmware.controller_flags & CF.RPL:
            copies, may_name = min(drive.rct_copies, 1), self.reads_table
        else:
            copies, may_name = drive.rct_copies, self.reads_table or self.writes_table
        if command.lbn >= self.unit.block_count + drive.rct_size * copies or not may_name:
            raise Reject(_BAD_LBN)
        if command.bcnt != BLOCK_BYTES:
            raise Reject(_BAD_COUNT)

    def _require_writable(self, flags: int) -> None:
        """Refuse to write a protected unit; the software's protection is looked at first (RQDX3)."""
        if flags & _SOFTWARE_PROTECT:
            raise Reject(SB.WPR_SOFTWARE)
        if self.unit.write_protected:
            raise Reject(SB.WPR_HARDWARE)

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
        self._outcome = _SUC if buffer.error is None else self._bus_failed(buffer.error)
        self._opened(buffer)

    def _opened(self, buffer: HostBuffer) -> None:
        """Go on with the host's memory."""
        raise AssertionError("a transfer that opens a buffer goes on with it")

    def _move(self, function: int, views: Sequence[memoryview], byte_count: int) -> None:
        """Hand the medium the whole extent at once."""
        if not byte_count:
            self.finish(self._outcome, 0)
            return
        self._walk = None
        self.function = function
        self.lbn = self.command.lbn
        self.byte_count = byte_count
        self.views = views
        self._submit()

    def _submit(self) -> None:
        unit, server = self.unit, self.server
        device = unit.device if unit.replaced_lbns else unit.medium
        assert device is not None, "a unit without a medium is not online"
        if server.tracer.listening:
            server.controller.trace_blocks(self.function, unit.number, self.lbn, self.byte_count)
        device.submit(self)

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
        elif self.command.mod & _NO_RECOVERY:
            self._give_up(error)
        else:
            self._begin_walk(self._recover(error))

    def _moved(self) -> None:
        """Go on after the single request has succeeded."""
        self.finish(self._outcome, self.byte_count)

    def finish(self, status: int, byte_count: int) -> None:
        command, flags = self.command, self.end_flags
        if byte_count and self.server.port.purges.wanted and self._purge_first(status, byte_count):
            return
        # RQDX3 and SIMH leave the buffer descriptor and the LBN of the command where they were.
        self.end(
            TransferEnd(
                command.crf,
                command.unit,
                self.log_number,
                command.opcd | END,
                flags,
                status,
                byte_count,
                command.buff,
                command.pte_base,
                self._bad_block if flags & _BAD_BLOCK_REPORTED else command.lbn,
            ).pack()
        )

    def refuse(self, status: int) -> None:
        command, server = self.command, self.server
        if status == _BAD_LBN and server.firmware.behaviour & Behaviour.BARE_END_CODE_ON_BAD_LBN:
            self.ended = True
            server.send_header(command, END, status)
            self.unit.retire(self)
        else:
            self.finish(status, 0)

    def _purge_first(self, status: int, byte_count: int) -> bool:
        """Have the host purge the datapath that the data went through, if there is one, and finish then."""
        address = self.command.buff
        channel = (address & CHANNEL_MASK) >> CHANNEL_SHIFT
        if not self.host_buffer or self._purged or address & MAPPED or not channel:
            return False
        self._purged = True
        self.server.port.purges.purge(
            channel, lambda: None if self.ended else self.finish(status, byte_count)
        )
        return True

    def remaining(self) -> int:
        return min(self.command.bcnt, _MAXIMUM)

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
        moved = 0
        while moved < total:
            size = min(BLOCK_BYTES, total - moved)
            self.lbn = first + (moved >> _BLOCK_SHIFT)
            self.byte_count = size
            self.views = [*pieces(views, moved, size)]
            failure = yield
            if failure is not None:
                self._stop(self._medium_failed(failure, self.lbn), moved)
                return
            moved += size
        self.lbn = first
        self.byte_count = total
        self._medium_recovered(error)
        self._moved()

    def _give_up(self, error: MediumError) -> None:
        """End a request whose host wants no second attempt; what a medium names as guilty ends what was moved."""
        lbn = error.lbn
        if lbn is None or not self.lbn <= lbn < self.lbn + (self.byte_count + _BLOCK_MASK >> _BLOCK_SHIFT):
            self._stop(self._medium_failed(error, self.lbn), 0)
        else:
            self._stop(self._medium_failed(error, lbn), lbn - self.lbn << _BLOCK_SHIFT)

    def _stop(self, status: int, byte_count: int) -> None:
        """End a walk early; the bytes before the guilty block have been moved."""
        self.finish(status, byte_count)

    def _inspect(self, total: int, host: Sequence[memoryview] | None) -> Walk:
        """Read the extent into scratch memory, and compare it with the host's bytes if those are given."""
        first = self.command.lbn
        scratch = memoryview(bytearray(min(total, SCRATCH_BYTES)))
        limit = SCRATCH_BYTES
        first_failure: MediumError | None = None
        moved = 0
        self.function = _READ
        while moved < total:
            size = min(limit, total - moved)
            self.lbn = first + (moved >> _BLOCK_SHIFT)
            self.byte_count = size
            self.views = (scratch[:size],)
            failure = yield
            if failure is not None:
                if size > BLOCK_BYTES:
                    limit, first_failure = (
                        BLOCK_BYTES,
                        failure,
                    )  # once more, slowly: the guilty block is wanted
                    continue
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
        self.finish(self._outcome, total)

    # ---- what goes wrong

    def _bus_failed(self, error: BusError) -> int:
        """Log host memory that did not answer, and return the status."""
        status = bus_status(error)
        self.mention_log(log_host_memory_error(self, status, error))
        return status

    def _medium_failed(self, error: MediumError, lbn: int) -> int:
        """Log a block that cannot be had, report it where the host replaces blocks, and return the status."""
        status = medium_status(error, self.function)
        if status != _HARDWARE_PROTECTED:
            self.mention_log(log_disk_error(self, self.unit, status, lbn))
            if error.lbn is not None:
                self._report_bad_block(lbn)
        return status

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


class Read(Transfer):
    """READ: blocks of a unit into a buffer of the host.

    The data of a block with a forced error is delivered too, and not counted.
    """

    __slots__ = ("_compare", "_good")

    host_buffer = True
    reads_table = True

    def start(self) -> None:
        flags = self._require_extent()
        self._compare = flags & _COMPARE_READS or self.command.mod & MD.CMP
        self._open_buffer(fetch=False)

    def _opened(self, buffer: HostBuffer) -> None:
        views, byte_count = buffer.views, buffer.byte_count
        if self.unit.forced_errors.starts:
            self._good = self._before_forced_error(byte_count)
            if self._good < byte_count:
                byte_count = min(byte_count, self._good + BLOCK_BYTES)
                views = [*pieces(views, 0, byte_count)]
        if self.command.lbn >= self.unit.block_count:
            self._read_table(views, byte_count)
        else:
            self._move(_READ, views, byte_count)

    def _read_table(self, views: Sequence[memoryview], byte_count: int) -> None:
        unit = self.unit
        assert unit.replacement is not None, "an online unit has a drive"
        data, place = unit.replacement.read_table(self.command.lbn - unit.block_count), 0
        for view in views:
            view[:] = data[place : place + len(view)]
            place += len(view)
        self._compare = 0
        self.byte_count = byte_count
        self._moved()

    def _moved(self) -> None:
        self._buffer.store(self.byte_count, self._stored)

    def _stop(self, status: int, byte_count: int) -> None:
        self._outcome = status
        self._compare = 0
        self.byte_count = byte_count
        self._buffer.store(byte_count, self._stored)

    def _stored(self, error: BusError | None) -> None:
        if self.ended:
            return
        if error is not None:
            self.finish(self._bus_failed(error), self._buffer.bytes_before(error.address))
            return
        counted = self.byte_count if self._outcome != _FORCED_ERROR else self._good
        if self._compare:
            self._begin_walk(self._inspect(counted, self._buffer.views))
        else:
            self.finish(self._outcome, counted)


class Change(Transfer):
    """What writes blocks: with a forced error, or without and so free of one."""

    __slots__ = ()

    def _moved(self) -> None:
        self._settle_forced_errors(self.byte_count)
        self._written()

    def _written(self) -> None:
        """Go on after all has been written."""
        self.finish(self._outcome, self.byte_count)

    def _stop(self, status: int, byte_count: int) -> None:
        self._settle_forced_errors(byte_count)
        self.finish(status, byte_count)

    def _settle_forced_errors(self, byte_count: int) -> None:
        command, forced = self.command, self.unit.forced_errors
        force = command.mod & _FORCE_ERROR
        if force or forced.starts:
            end = command.lbn + (byte_count + _BLOCK_MASK >> _BLOCK_SHIFT)
            (forced.mark if force else forced.clear)(command.lbn, end)


class Write(Change):
    """WRITE: a buffer of the host onto blocks of a unit."""

    __slots__ = ("_compare",)

    host_buffer = True
    writes_table = True

    def start(self) -> None:
        flags = self._require_extent()
        self._require_writable(flags)
        self._compare = flags & _COMPARE_WRITES or self.command.mod & MD.CMP
        self._open_buffer(fetch=True)

    def _opened(self, buffer: HostBuffer) -> None:
        views, byte_count = buffer.views, buffer.byte_count
        if buffer.error is not None:
            # A block whose data the host could not deliver to the end is not written at all.
            byte_count &= ~_BLOCK_MASK
            views = [*pieces(views, 0, byte_count)]
        if self.command.lbn >= self.unit.block_count:
            self._write_table(views, byte_count)
        else:
            self._move(_WRITE, views, byte_count)

    def _write_table(self, views: Sequence[memoryview], byte_count: int) -> None:
        unit = self.unit
        assert unit.replacement is not None, "an online unit has a drive"
        if byte_count:
            unit.replacement.write_table(self.command.lbn - unit.block_count, b"".join(views))
        self._settle_forced_errors(byte_count)
        self.finish(self._outcome, byte_count)

    def _written(self) -> None:
        if self._compare:
            self._begin_walk(self._inspect(self.byte_count, self._buffer.views))
        else:
            self.finish(self._outcome, self.byte_count)


class CompareHostData(Transfer):
    """COMPARE HOST DATA: are the blocks what the host's buffer holds?"""

    __slots__ = ()

    host_buffer = True

    def start(self) -> None:
        self._require_extent()
        self._open_buffer(fetch=True)

    def _opened(self, buffer: HostBuffer) -> None:
        self._begin_walk(self._inspect(self._before_forced_error(buffer.byte_count), buffer.views))


class Access(Transfer):
    """ACCESS: can the blocks be read?  The buffer descriptor means nothing."""

    __slots__ = ()

    def start(self) -> None:
        self._require_extent()
        self._outcome = _SUC
        self._begin_walk(self._inspect(self._before_forced_error(self.command.bcnt), None))


class Erase(Change):
    """ERASE: write zeros; a block begun is a block erased."""

    __slots__ = ()

    def start(self) -> None:
        self._require_writable(self._require_extent())
        self._outcome = _SUC
        byte_count = self.command.bcnt
        self._move(_ERASE, (), byte_count + _BLOCK_MASK & ~_BLOCK_MASK)

    def finish(self, status: int, byte_count: int) -> None:
        super().finish(status, min(byte_count, self.command.bcnt))


class CompareControllerData(Transfer):
    """COMPARE CONTROLLER DATA: with one copy there is nothing to disagree."""

    __slots__ = ()

    def start(self) -> None:
        self._require_extent()
        self.finish(_SUC, self.command.bcnt)


class Flush(Transfer):
    """FLUSH: what was written is durable before this ends, and before anything later starts.

    The whole unit is flushed whatever extent is named.
    """

    # UNCERTAIN: the ordering of FLUSH; it is taken as sequential, which no host can mind.

    __slots__ = ()

    sequential = True

    def start(self) -> None:
        unit = self.unit
        if unit.number not in self.server.online:
            raise Reject(unit.status_for(self.server))
        self._walk = None
        self.function = _FLUSH
        self.lbn = 0
        self.byte_count = 0
        self.views = ()
        self._submit()

    def done(self, error: MediumError | None) -> None:
        if self.ended:
            return
        if error is None:
            self.finish(_SUC, self.command.bcnt)
        else:
            self.finish(self._medium_failed(error, 0), 0)


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
            return equal + next(place for place in count_from() if here[place] != there[place])
        equal += len(piece)
    return equal
