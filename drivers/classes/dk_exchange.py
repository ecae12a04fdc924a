"""Commands for which a process waits: one goes out, its answer comes back."""

from collections.abc import Generator
from typing import Any

from drivers.classes.dk_sense import key_and_asc
from drivers.classes.dk_unit import DkUnit
from drivers.platform.alpha import AlphaPlatform
from drivers.platform.process import EventFlag
from drivers.port.pkedriver import PkeDriver
from drivers.port.scsi_request import PortStatus, ScsiRequest
from emu.core.clock import MILLISECOND_NS, SECOND_NS
from emu.wire.codes.scsi import SenseKey, Status

COMMAND_TIMEOUT_NS = 10 * SECOND_NS  # of what a disk does without its platter
BUSY_RETRY_NS = 100 * MILLISECOND_NS
ATTENTION_LIMIT = 10  # unit attentions in a row
_GOOD, _CHECK_CONDITION = int(Status.GOOD), int(Status.CHECK_CONDITION)
_BUSY, _FULL = int(Status.BUSY), int(Status.TASK_SET_FULL)
_ENDED = PortStatus.ENDED
_ATTENTION = int(SenseKey.UNIT_ATTENTION)


class NoAnswer(Exception):
    """A unit has neither done a command nor refused it: it may know the answer another time."""


class Exchange(ScsiRequest):
    """A command for which a process waits."""

    __slots__ = ("finished",)

    def __init__(self, finished: EventFlag, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.finished = finished

    def complete(self) -> None:
        self.finished.set(self)

    @property
    def is_good(self) -> bool:
        return self.port_status is _ENDED and self.status == _GOOD

    @property
    def has_answered(self) -> bool:
        """Whether the unit has done the command, or said why not."""
        return self.port_status is _ENDED and self.status in (_GOOD, _CHECK_CONDITION)


class Exchanges:
    """Exchanges with the units on one port's bus."""

    def __init__(self, platform: AlphaPlatform, port: PkeDriver) -> None:
        self._platform = platform
        self._port = port

    def exchange(
        self,
        unit: DkUnit,
        cdb: bytes,
        *,
        address: int = 0,
        length: int = 0,
        timeout_ns: int = COMMAND_TIMEOUT_NS,
        io_epoch: int | None = None,
    ) -> Generator[EventFlag | int, Any, Exchange]:
        """Send one command and wait for its end; a unit attention, or a busy unit, is asked again."""
        for _ in range(ATTENTION_LIMIT):
            request = Exchange(
                self._platform.flag(),
                unit.target,
                unit.lun,
                cdb,
                timeout_ns,
                address=address,
                byte_count=length,
                tag=unit.tag,
                io_epoch=io_epoch,
            )
            self._port.send(request)
            yield request.finished
            if request.port_status is PortStatus.BUS_RESET:
                continue
            if request.port_status is not _ENDED:
                break
            if request.status in (_BUSY, _FULL):
                yield BUSY_RETRY_NS
            elif request.status != _CHECK_CONDITION or key_and_asc(request.sense)[0] != _ATTENTION:
                break
        return request

    def ask(
        self, unit: DkUnit, cdb: bytes, length: int
    ) -> Generator[EventFlag | int, Any, tuple[Exchange, bytes]]:
        """Send a command that brings data; returns its end and the data."""
        address = yield from self._platform.allocate(length)
        try:
            request = yield from self.exchange(unit, cdb, address=address, length=length)
            if request.is_good:
                return request, bytes(self._platform.window(address, length - request.residual))
            return request, b""
        finally:
            self._platform.pool.free(address)

    def learn(
        self, unit: DkUnit, cdb: bytes, length: int
    ) -> Generator[EventFlag | int, Any, tuple[Exchange, bytes]]:
        """Ask what has to be known before a unit is used, where a refusal is an answer too.

        Raises:
            NoAnswer: there was none.
        """
        request, data = yield from self.ask(unit, cdb, length)
        if not request.has_answered:
            raise NoAnswer
        return request, data

    def tell(
        self,
        unit: DkUnit,
        cdb: bytes,
        data: bytes,
        timeout_ns: int = COMMAND_TIMEOUT_NS,
        io_epoch: int | None = None,
    ) -> Generator[EventFlag | int, Any, Exchange]:
        """Send a command with data."""
        address = yield from self._platform.allocate(len(data))
        try:
            self._platform.window(address, len(data))[:] = data
            return (
                yield from self.exchange(
                    unit, cdb, address=address, length=len(data), timeout_ns=timeout_ns, io_epoch=io_epoch
                )
            )
        finally:
            self._platform.pool.free(address)
