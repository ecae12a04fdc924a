"""READ and ACCESS: blocks of a unit into a buffer of the host, or only looked at."""

from collections.abc import Sequence

from emu.core.block import BLOCK_BYTES, Function
from emu.core.bus import BusError
from emu.core.views import pieces
from emu.hw.mscp.movement import Movement, bus_status
from emu.hw.uqssp.buffers import HostBuffer
from emu.wire.codes.mscp import MD, SB, UF

_SUC = int(SB.SUC)
_FORCED_ERROR = int(SB.DAT_FORCED_ERROR)
_COMPARE_READS = int(UF.CMR)
_READ = int(Function.READ)


class Read(Movement):
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
        data, place = unit.replacement.own.read_table(self.command.lbn - unit.block_count), 0
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
            status = bus_status(error)
            self._log_bus_error(status, error)
            self.finish(status, self._buffer.bytes_before(error.address))
            return
        counted = self.byte_count if self._outcome != _FORCED_ERROR else self._good
        if self._compare:
            self._fetch_again(counted)
        else:
            self._conclude(counted)

    def _fetch_again(self, byte_count: int) -> None:
        """Compare with what the host has now: memory at the far end of a link is not what was sent there."""
        command = self.command
        if not self.server.port.open_buffer(
            command.buff, command.pte_base, byte_count, True, self._compare_with
        ):
            self.ended = True

    def _compare_with(self, buffer: HostBuffer) -> None:
        if not self.ended:
            self._begin_walk(self._inspect(buffer.byte_count, buffer.views))


class Access(Movement):
    """ACCESS: can the blocks be read?  The buffer descriptor means nothing."""

    __slots__ = ()

    def start(self) -> None:
        self._require_extent()
        self._outcome = _SUC
        self._begin_walk(self._inspect(self._before_forced_error(self.command.bcnt), None))
