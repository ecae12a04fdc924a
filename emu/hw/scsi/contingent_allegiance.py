"""Auto contingent allegiance (ACA): after an error of a command with NACA, a unit does only what is sent to recover.

(SAM, "auto contingent allegiance condition"; spec "SCSI", task attributes.)  The faulted initiator recovers by tasks of
attribute ACA, one at a time, and ends the condition by CLEAR ACA; others are told to wait.
"""

from typing import TYPE_CHECKING

from emu.hw.scsi.task_set import TaskSet
from emu.wire.codes.scsi import Attribute, Opcode, ReserveOut, Status

if TYPE_CHECKING:
    from emu.hw.scsi.commands import Command
    from emu.hw.scsi.logical_unit import ItlNexus
    from emu.hw.scsi.task import Task

_ACA, _HEAD_OF_QUEUE = int(Attribute.ACA), int(Attribute.HEAD_OF_QUEUE)
_NACA = 0x04  # of CONTROL, the last byte of a CDB
_PREEMPT_AND_ABORT = (int(Opcode.PERSISTENT_RESERVE_OUT), int(ReserveOut.PREEMPT_AND_ABORT))


class ContingentAllegiance:
    """The condition of one unit; itl: the nexus whose error has established it, None while there is none."""

    def __init__(self, task_set: TaskSet) -> None:
        self.itl: ItlNexus | None = None
        self._task_set = task_set

    def failed(self, task: "Task") -> None:
        """Hear that a task ends with CHECK CONDITION, before its initiator does."""
        if has_naca(task.cdb, task.command):
            if self.itl is None:
                self.itl = task.itl
                self._task_set.blocked = True
        elif task.attribute == _ACA:  # what was sent to recover has failed, and wants no condition of its own
            self.itl = None
            self._task_set.blocked = False

    def status_for(self, task: "Task", command: "Command | None") -> Status | None:
        """Say with what status a new task is turned away; None if it is not."""
        if task.itl is self.itl:
            if task.attribute == _ACA and not any(one.attribute == _ACA for one in task.itl.tasks.values()):
                return None
            return Status.ACA_ACTIVE
        if command is not None and (command.opcode, command.action) == _PREEMPT_AND_ABORT:
            task.attribute = _HEAD_OF_QUEUE  # it may be what ends the condition
            return None
        return Status.ACA_ACTIVE if has_naca(task.cdb, command) else Status.BUSY

    def end(self) -> None:
        """Let go on what waited."""
        self.itl = None
        self._task_set.blocked = False
        self._task_set.pump()


def has_naca(cdb: bytes, command: "Command | None") -> bool:
    """Say whether NACA is set in CONTROL, if that has come."""
    return command is not None and len(cdb) >= command.length and bool(cdb[command.length - 1] & _NACA)
