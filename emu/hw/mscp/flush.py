"""FLUSH: what was written is durable."""

from emu.core.block import Function, MediumError
from emu.hw.mscp.movement import Movement
from emu.hw.mscp.outstanding import Reject
from emu.wire.codes.mscp import SB

_SUC = int(SB.SUC)
_FLUSH = int(Function.FLUSH)


class Flush(Movement):
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
        try:
            if error is not None:
                raise error
            assert self.unit.replacement is not None, "an online unit has a drive"
            self.unit.replacement.own.flush()
        except MediumError as failure:
            self.finish(self._medium_failed(failure, 0), 0)
        else:
            self.finish(_SUC, self.command.bcnt)
