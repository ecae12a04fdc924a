"""The task set of a unit: which of its tasks may start.

(SAM, "task set management"; spec "SCSI", task attributes.)  A SIMPLE task starts unless an ORDERED one is before
it; an ORDERED one starts when all before it have ended; a HEAD OF QUEUE one starts at once.  A command that reads
and then writes what it has read (COMPARE AND WRITE, ORWRITE) is kept like an ORDERED one: so nothing comes between.
While an auto contingent allegiance lasts, only the tasks that recover from it start.
"""

# DEVIATION: one task set for all nexuses, TST 0 and not changeable.
# DEVIATION: ACA keeps tasks from starting; one that is with the medium already goes on to its end.

from collections import deque

from emu.hw.scsi.task import Task
from emu.wire.codes.scsi import Attribute

_SIMPLE = int(Attribute.SIMPLE)
_ORDERED = int(Attribute.ORDERED)
_HEAD_OF_QUEUE = int(Attribute.HEAD_OF_QUEUE)


class TaskSet:
    """Tasks between their arrival and their end.

    count: how many there are.  blocked: an ACA condition holds them.
    """

    def __init__(self) -> None:
        self.count = 0
        self.blocked = False
        self._started = 0
        self._holding = 0  # started tasks that let no SIMPLE one start behind them
        self._waiting: deque[Task] = deque()
        self._pumping = False

    def admit(self, task: Task, alone: bool) -> None:
        """Take a task, and start it if it may; `alone`: it is kept like an ORDERED one."""
        self.count += 1
        if alone and task.attribute < _HEAD_OF_QUEUE:
            task.attribute = _ORDERED
        if task.attribute >= _HEAD_OF_QUEUE or (not self._waiting and self._may_start(task)):
            self._start(task)
        else:
            self._waiting.append(task)

    def retire(self, task: Task) -> None:
        """Let a task that has ended go, and start what waited for that."""
        self.count -= 1
        if task.started:
            self._started -= 1
            if task.attribute > _SIMPLE:
                self._holding -= 1
        else:
            self._waiting.remove(task)
        if self._waiting and not self._pumping:
            self.pump()

    def pump(self) -> None:
        """Start what may start."""
        self._pumping = True
        waiting = self._waiting
        while waiting and not self.blocked:
            # While sense is held for an initiator, what it has queued before stays where it is.
            task = next((task for task in waiting if task.itl.sense is None), None)
            if task is None or not self._may_start(task):
                break
            waiting.remove(task)
            self._start(task)
        self._pumping = False

    def _may_start(self, task: Task) -> bool:
        if self.blocked:
            return False
        return not self._started if task.attribute == _ORDERED else not self._holding

    def _start(self, task: Task) -> None:
        self._started += 1
        if task.attribute > _SIMPLE:
            self._holding += 1
        task.run()
