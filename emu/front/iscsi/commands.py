"""SCSI commands and their data-out, as they come in on a connection.  RFC 7143 sections 11.3 and 11.7.

An initiator can make a connection keep so much: a window of tasks, `TRANSFER_BYTES` of their data; tasks beyond that
wait here.
"""

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from emu.front.iscsi.pdu import extended_cdb
from emu.front.iscsi.sense import PROTOCOL_SERVICE_CRC_ERROR, UNEXPECTED_UNSOLICITED_DATA
from emu.front.iscsi.session import IMMEDIATE_COMMANDS, WINDOW
from emu.front.iscsi.transfer import DataOutSequence, DataTransfer, TransferError
from emu.wire.codes.iscsi import ATTRIBUTE_MASK, FINAL, IMMEDIATE, CommandFlag, RejectReason
from emu.wire.generated.iscsi import DataOut, ScsiCommand

if TYPE_CHECKING:
    from emu.front.iscsi.connection import Connection

Views = Sequence[memoryview]

TRANSFER_BYTES = 64 << 20  # data of tasks that one connection has under way, or of one task that is longer

_READ = int(CommandFlag.READ)
_WRITE = int(CommandFlag.WRITE)


class Commands:
    """The SCSI commands of one connection."""

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self._charged = 0  # bytes of data of tasks that are under way, or whose data is not sent yet
        self._ending = 0  # of those, what goes with the next `outgoing`
        self._sent = 0  # and what went with the last
        self._waiting: deque[DataTransfer] = deque()

    def drop_waiting(self) -> None:
        """Forget what waits; the connection has ended."""
        self._waiting.clear()

    def make_room(self) -> None:
        """Have what waits done as far as there is room; called whenever the connection is asked for output."""
        self._charged -= self._sent  # what went last time is gone: else nobody would ask
        self._sent = 0
        if self._waiting:
            self._submit_waiting()
        self._sent, self._ending = self._ending, 0

    def take(self, pdu: ScsiCommand, pieces: Views, ahs: bytes) -> None:
        """Take a command whose number's turn has come; ahs: its additional header segments."""
        connection = self._connection
        session = connection.session
        flags, tag = pdu.flags, pdu.itt
        numbered = not pdu.opcode & IMMEDIATE
        device, tasks = session.device, session.tasks
        if device is None or tag in tasks or len(tasks) >= WINDOW + IMMEDIATE_COMMANDS:
            if numbered:
                session.finish_command()
            reason = RejectReason.PROTOCOL_ERROR
            if device is not None:
                reason = RejectReason.TASK_IN_PROGRESS
                if tag not in tasks:
                    reason = RejectReason.TOO_MANY_IMMEDIATE_COMMANDS
            connection.reject(reason, pdu.pack())
            return
        lun, cdb = pdu.lun, pdu.cdb
        if ahs:
            cdb += extended_cdb(ahs)
        expected = expected_in = expected_out = 0
        data_out = None
        # DEVIATION: of a bidirectional command only the data-out moves: there is none that a unit here would know.
        if flags & _WRITE:
            expected = expected_out = pdu.expected_bytes
            data_out = DataOutSequence(connection, tag, lun, expected, pieces, not flags & FINAL)
        elif flags & _READ:
            expected = expected_in = pdu.expected_bytes
        task = device.task(session.nexus, lun, cdb, flags & ATTRIBUTE_MASK, tag, expected_in, expected_out)
        task.begin(connection, lun, expected, numbered, data_out)
        tasks[tag] = task
        self._charged += expected
        if data_out is not None and (pieces or data_out.unsolicited):
            parameters = connection.parameters
            allowed = min(parameters.first_burst_bytes, expected_out)
            if (
                (pieces and not parameters.immediate_data)
                or data_out.received > allowed
                or (data_out.unsolicited and parameters.initial_r2t)
            ):
                task.fail(UNEXPECTED_UNSOLICITED_DATA)
                return
        if self._waiting or (self._charged > TRANSFER_BYTES and self._charged > expected):
            self._waiting.append(task)
            return
        task.submitted = True
        device.submit(task)

    def take_data_out(self, pdu: DataOut, pieces: Views, intact: bool) -> None:
        """Take a Data-Out; intact: it agrees with its digest."""
        connection = self._connection
        task = connection.session.tasks.get(pdu.itt)
        data_out = task.data_out if task is not None and task.connection is connection else None
        if not intact:
            connection.reject(RejectReason.DATA_DIGEST_ERROR, connection.header)
        if task is None or data_out is None:
            return  # of a task that has ended early: its initiator could not know
        try:
            if not intact:
                raise TransferError(PROTOCOL_SERVICE_CRC_ERROR)
            data_out.take(pdu, pieces)
        except TransferError as error:
            task.fail(error.sense)

    def discharge(self, task: DataTransfer) -> None:
        """Hear that a task has ended; what it has to send leaves with the next `outgoing`."""
        self._ending += task.expected
        if self._waiting:
            self._connection.wake_up()

    def _submit_waiting(self) -> None:
        waiting, session = self._waiting, self._connection.session
        under_way = self._charged - sum(task.expected for task in waiting)
        while waiting and (not under_way or under_way + waiting[0].expected <= TRANSFER_BYTES):
            task = waiting.popleft()
            under_way += task.expected
            if session.tasks.get(task.tag) is task and session.device is not None:
                task.submitted = True
                session.device.submit(task)
