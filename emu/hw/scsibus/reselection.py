"""The way back of tasks that have let go of the bus: who comes when, and what if nobody answers.

(spec "SCSI", target-side state machine, contingent allegiance.)
"""

from collections import deque
from typing import TYPE_CHECKING

from emu.core.clock import MILLISECOND_NS, Clock, Timer
from emu.hw.scsibus.bus import ParallelBus
from emu.hw.scsibus.bus_task import RETRIES, BusTask

if TYPE_CHECKING:
    from emu.hw.scsibus.target_port import TargetPort

SELECTION_TIMEOUT_NS = 250 * MILLISECOND_NS
RESELECTION_RETRY_NS = 100 * MILLISECOND_NS


class Reselection:
    """The tasks of one port that want to come back.

    allegiances: initiators and LUNs; it has yet to ask for the sense of a task there.
    """

    def __init__(self, clock: Clock, bus: ParallelBus, port: "TargetPort") -> None:
        self.allegiances: set[tuple[int, int]] = set()
        self._clock = clock
        self._bus = bus
        self._port = port
        self._returning: deque[BusTask] = deque()
        self._contending = False
        self._unanswered: BusTask | None = None
        self._timer: Timer | None = None

    def want(self, task: BusTask) -> None:
        """Hear that a disconnected task has something to move."""
        if task not in self._returning and task is not self._unanswered:
            self._returning.append(task)
            self.contend()

    def forget(self, task: BusTask) -> None:
        """Hear that a task need not come back; an attempt that is under way just ends."""
        if task in self._returning:
            self._returning.remove(task)

    def reset(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._unanswered = None
        self._returning.clear()
        self.allegiances.clear()
        self._contending = False

    def contend(self) -> None:
        """Arbitrate if somebody can come back."""
        if not self._contending and self._unanswered is None and self._next() is not None:
            self._contending = True
            self._bus.arbitrate(self._port, self._port.scsi_id)

    def _next(self) -> BusTask | None:
        """Choose who comes back: not to an initiator that has yet to ask for the sense of another task there."""
        if not self.allegiances:
            return self._returning[0] if self._returning else None
        held_back = self.allegiances
        return next(
            (task for task in self._returning if (task.initiator_id, task.lun) not in held_back), None
        )

    def won(self) -> None:
        """Own the bus: reselect the initiator of the next task."""
        self._contending = False
        task = self._next()
        if task is None:
            self._bus.abandon(self._port)
            return
        self._returning.remove(task)
        if self._bus.reselect(self._port, self._port.scsi_id, task.initiator_id):
            self._port.came_back(task)
        else:
            self._unanswered = task
            self._timer = self._clock.call_after(SELECTION_TIMEOUT_NS, self._give_up)

    def _give_up(self) -> None:
        """End a reselection nobody answered; try again later, but not for ever."""
        task, self._unanswered = self._unanswered, None
        assert task is not None, "an attempt to reselect is for a task"
        self._bus.abandon(self._port)
        task.attempts += 1
        if task.attempts < RETRIES:
            self._timer = self._clock.call_after(RESELECTION_RETRY_NS, lambda: self._port.task_ready(task))
        elif not task.is_over:
            self._port.abort_task(task)
        self.contend()
