"""WRITE and ERASE: what changes blocks, and with them their forced errors."""

from collections.abc import Sequence

from emu.core.block import BLOCK_BYTES, Function, MediumError
from emu.core.views import pieces
from emu.hw.mscp.movement import Movement
from emu.hw.uqssp.buffers import HostBuffer
from emu.wire.codes.mscp import MD, SB, UF

_SUC = int(SB.SUC)
_COMPARE_WRITES = int(UF.CMW)
_WRITE = int(Function.WRITE)
_ERASE = int(Function.ERASE)
_FORCE_ERROR = int(MD.ERR)
_BLOCK_SHIFT = BLOCK_BYTES.bit_length() - 1
_BLOCK_MASK = BLOCK_BYTES - 1


class Change(Movement):
    """What writes blocks: with a forced error, or without and so free of one."""

    __slots__ = ()

    def _moved(self) -> None:
        if self._settle_forced_errors(self.byte_count):
            self._written()

    def _written(self) -> None:
        """Go on after all has been written."""
        self._conclude(self.byte_count)

    def _stop(self, status: int, byte_count: int) -> None:
        if self._settle_forced_errors(byte_count):
            self.finish(status, byte_count)

    def _settle_forced_errors(self, byte_count: int) -> bool:
        """Mark what was written, or free it of marks; False when that has failed, and the command with it."""
        command, forced = self.command, self.unit.forced_errors
        force = command.mod & _FORCE_ERROR
        if not force and not forced.starts:
            return True
        end = command.lbn + (byte_count + _BLOCK_MASK >> _BLOCK_SHIFT)
        try:
            (forced.mark if force else forced.clear)(command.lbn, end)
        except MediumError as error:
            self.finish(self._medium_failed(error, command.lbn), 0)
            return False
        return True


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
        self.function = _WRITE
        try:
            if byte_count:
                unit.replacement.own.write_table(self.command.lbn - unit.block_count, b"".join(views))
        except MediumError as error:
            self.finish(self._medium_failed(error, self.command.lbn), 0)
            return
        if self._settle_forced_errors(byte_count):
            self._conclude(byte_count)

    def _written(self) -> None:
        if self._compare:
            self._begin_walk(self._inspect(self.byte_count, self._buffer.views))
        else:
            self._conclude(self.byte_count)


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
