"""DISK COPY DATA: the controller moves blocks from one of its units to another.

(spec "MSCP", shadowing-era extensions.)  The unit of the command is the destination.  The copy goes in
chunks, between which other commands have their turn; blocks are 512 bytes.
"""

# UNCERTAIN: the fields' meaning is inferred from their names in $MSCPDEF; the subcommand status bytes of the
# end message are unknown and stay zero; that a source must be online to the same host is a choice.
# DEVIATION: local sources only; port and system address, host reference number and history entry are
# ignored, and so are the modifiers that establish a copy path: one is always there.

from collections.abc import Callable

from emu.core.block import BLOCK_BYTES, CopySourceError, Function, MediumError
from emu.core.trace import BlocksMoved
from emu.hw.mscp.errorlog import log_disk_error
from emu.hw.mscp.outstanding import Outstanding, Reject, medium_status
from emu.hw.mscp.unit import Unit
from emu.wire.codes.mscp import EF, END, MD, SB, ST_MASK, UF, invalid_command
from emu.wire.generated.mscp import DiskCopyDataCommand, DiskCopyDataEnd

CHUNK_BLOCKS = 2048

_COPY = int(Function.COPY)
_READ = int(Function.READ)
_SUCCESS = int(SB.SUC)
_WRITE_PROTECTED = int(SB.WPR_HARDWARE)
_RETAIN = int(MD.RETCP)
_RETAINED = int(EF.CPRET)
_SOFTWARE_PROTECTED = int(UF.WPS)
_FIELDS = {name: place for name, (place, _) in DiskCopyDataCommand.LAYOUT.items()}


class DiskCopyData(Outstanding):
    """A copy under way.

    left: blocks still to copy.  An abort in the middle of a chunk waits for the chunk's end: until then
    the medium still writes, and the host must not believe otherwise.
    """

    __slots__ = ("_at_medium", "_source_unit", "_verdict", "_when_cut", "left")

    command: DiskCopyDataCommand

    def start(self) -> None:
        server, command = self.server, self.command
        self._at_medium = False
        self._verdict: int | None = None
        self._when_cut: Callable[[], None] | None = None
        self._require_destination()
        self._source_unit = self._require_source()
        self.left = command.lbcount
        if not self.left:
            self._finish(_SUCCESS)
            return
        if BlocksMoved in server.tracer.heard:
            server.controller.trace_blocks(
                _COPY, self.unit.number, command.dest_lbn, command.lbcount * BLOCK_BYTES
            )
        self._next_chunk()

    def _require_destination(self) -> None:
        server, unit, command = self.server, self.unit, self.command
        if unit.number not in server.online:
            raise Reject(unit.status_for(server))
        if command.dest_lbn >= unit.block_count:
            raise Reject(invalid_command(_FIELDS["dest_lbn"]))
        if command.dest_lbn + command.lbcount > unit.block_count:
            raise Reject(invalid_command(_FIELDS["lbcount"]))
        if server.unit_flags.get(unit.number, 0) & _SOFTWARE_PROTECTED:
            raise Reject(SB.WPR_SOFTWARE)
        if unit.write_protected:
            raise Reject(SB.WPR_HARDWARE)

    def _require_source(self) -> Unit:
        command = self.command
        source = self.server.online.get(command.src_unum)
        if source is None or command.src_uid not in (0, source.identifier):
            raise Reject(SB.SBC_SOURCE_STATE)
        if command.src_lbn + command.lbcount > source.block_count:
            raise Reject(invalid_command(_FIELDS["src_lbn"]))
        return source

    def _next_chunk(self) -> None:
        if self.ended:
            return
        source, command = self._source_unit, self.command
        if source.medium is None:
            self._finish(SB.SBC_SOURCE_STATE)
            return
        done = command.lbcount - self.left
        self.function = _COPY
        self.lbn = command.dest_lbn + done
        self.byte_count = min(self.left, CHUNK_BLOCKS) * BLOCK_BYTES
        self.views = ()
        self.source = source.device
        self.source_lbn = command.src_lbn + done
        self._at_medium = True
        self.unit.device.submit(self)

    def done(self, error: MediumError | None) -> None:
        if not self._at_medium:
            return
        self._at_medium = False
        if self._verdict is not None:
            self._conclude(self._verdict)
            return
        try:
            if error is not None:
                raise error
            if self.unit.forced_errors.starts or self._source_unit.forced_errors.starts:
                self._copy_marks()
        except MediumError as failure:
            self._log(failure)
            self._finish(copy_status(failure))
        else:
            self.left -= self.byte_count // BLOCK_BYTES
            if self.left:
                self.server.clock.call_soon(self._next_chunk)
            else:
                self._finish(_SUCCESS)

    def _copy_marks(self) -> None:
        """A block that is known to be wrong is no better as a copy."""
        marks_there = self._source_unit.forced_errors
        end = self.lbn + self.byte_count // BLOCK_BYTES
        self.unit.forced_errors.copy(self.lbn, end, marks_there, self.source_lbn)

    def _log(self, error: MediumError) -> None:
        """Log a chunk's failure under the event of the unit whose medium failed."""
        at_source = isinstance(error, CopySourceError)
        event = medium_status(error, _READ if at_source else _COPY)
        if event != _WRITE_PROTECTED:
            unit, first = (self._source_unit, self.source_lbn) if at_source else (self.unit, self.lbn)
            self.mention_log(log_disk_error(self, unit, event, first if error.lbn is None else error.lbn))

    def remaining(self) -> int:
        """Return blocks, not bytes: those of a large disk do not fit into 28 bits."""
        return self.left if self.started else self.command.lbcount

    def refuse(self, status: int) -> None:
        self._finish(status)

    def cut_short(self, status: int, then: Callable[[], None] | None = None) -> None:
        if self.started and self._at_medium:
            self._verdict, self._when_cut = status, then
            return
        super().cut_short(status, then)

    def drop(self) -> None:
        if self.started and self._at_medium:
            self._verdict, self._when_cut = _LOST, None
            return
        super().drop()

    def _conclude(self, verdict: int) -> None:
        """End a copy that was cut short while the medium had a chunk of it."""
        if verdict == _LOST:
            super().drop()
            return
        self._finish(verdict)
        if self._when_cut is not None:
            self._when_cut()

    def _finish(self, status: int) -> None:
        command = self.command
        retained = command.mod & _RETAIN and not status & ST_MASK
        end = DiskCopyDataEnd.pack_fields(
            crf=command.crf,
            unit=command.unit,
            opcd=command.opcd | END,
            flgs=self.end_flags | _RETAINED if retained else self.end_flags,
            seqn=self.log_number,
            sts=status,
        )
        self.end(end)


_LOST = -1  # a verdict: the host is gone, there is nobody to send an end message to


def copy_status(error: MediumError) -> int:
    """Return the status word for a failed chunk: whose failure was it?"""
    if isinstance(error, CopySourceError):
        return int(SB.SBC_SOURCE_UNRECOVERABLE)
    status = medium_status(error, _COPY)
    return int(SB.SBC_DESTINATION_UNRECOVERABLE) if status == SB.DRV else status
