"""A task whose data and status cross the parallel bus."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from emu.hw.scsi.sense import Sense
from emu.hw.scsi.task import Nexus, Task
from emu.wire.codes.scsi_bus import PHASE

if TYPE_CHECKING:
    from emu.hw.scsibus.target_port import TargetPort

RETRIES = 3  # to move the same data, or to reselect

_DATA_IN, _DATA_OUT = int(PHASE.DATA_IN), int(PHASE.DATA_OUT)


class BusTask(Task):
    """One command from selection to COMMAND COMPLETE, over as many connections as it takes."""

    __slots__ = (
        "attempts",
        "buffer",
        "disconnected",
        "fetched",
        "held",
        "initiator_id",
        "is_over",
        "may_disconnect",
        "moving",
        "port",
        "position",
        "saved",
        "status",
    )
    autosense: ClassVar[bool] = False

    def __init__(
        self,
        port: "TargetPort",
        nexus: Nexus,
        initiator_id: int,
        lun: int,
        cdb: bytes,
        attribute: int,
        tag: int,
    ) -> None:
        super().__init__(nexus, lun, cdb, attribute, tag)
        self.port = port
        self.initiator_id = initiator_id
        self.may_disconnect = False
        self.disconnected = False
        self.is_over = False  # aborted
        self.attempts = 0  # see RETRIES
        self.moving: int | None = None  # the data phase that is due
        self.buffer = memoryview(b"")
        self.position = 0  # the target's copy of the data pointer
        self.saved = 0
        self.fetched: Callable[[Sequence[memoryview]], None] | None = None
        self.status: bytearray | None = None
        self.held: Sense | None = None

    @property
    def is_ready(self) -> bool:
        """There is something to move."""
        return self.moving is not None or self.status is not None

    def fetch(self, length: int, done: Callable[[Sequence[memoryview]], None]) -> None:
        if not length:
            done(())
            return
        self.buffer = memoryview(bytearray(length))
        self.fetched = done
        self._move(_DATA_OUT)

    def room(self, length: int) -> Sequence[memoryview]:
        self.buffer = memoryview(bytearray(length))
        return (self.buffer,)

    def send(self, length: int) -> None:
        if length:
            self.buffer = self.buffer[:length]
            self._move(_DATA_IN)

    def _move(self, phase: int) -> None:
        self.position = self.saved = 0
        self.moving = phase
        self.port.task_ready(self)

    def complete(self, status: int, sense: bytes) -> None:
        self.status = bytearray((status,))
        self.port.task_ready(self)

    def hold(self, sense: Sense) -> None:
        self.held = sense  # the initiator gets it when it has got the status

    def aborted(self) -> None:
        self.port.task_aborted(self)
