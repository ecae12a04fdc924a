"""COMPARE HOST DATA and COMPARE CONTROLLER DATA."""

# DEVIATION: COMPARE CONTROLLER DATA compares nothing, having one copy, as RQDX3.

from emu.hw.mscp.movement import Movement
from emu.hw.mscp.transfer import Transfer
from emu.hw.uqssp.buffers import HostBuffer
from emu.wire.codes.mscp import SB

_SUC = int(SB.SUC)


class CompareHostData(Movement):
    """COMPARE HOST DATA: are the blocks what the host's buffer holds?"""

    __slots__ = ()

    host_buffer = True

    def start(self) -> None:
        self._require_extent()
        self._open_buffer(fetch=True)

    def _opened(self, buffer: HostBuffer) -> None:
        self._begin_walk(self._inspect(self._before_forced_error(buffer.byte_count), buffer.views))


class CompareControllerData(Transfer):
    """COMPARE CONTROLLER DATA: with one copy there is nothing to disagree."""

    __slots__ = ()

    def start(self) -> None:
        self._require_extent()
        self.finish(_SUC, self.command.bcnt)
