"""A target device on the parallel bus: from selection to COMMAND COMPLETE.

(spec "SCSI", target-side state machine, messages.)  The port decides which phase comes next; the logical units
behind it know no phases.  Each time a request of bytes has been moved, `_advance` looks, in this order: does the
initiator want MESSAGE OUT; are there messages to send; are we leaving; is there a command to take; does the task
have data or status to move.  A task that has nothing to move yet lets go of the bus if the initiator allows it.
"""

# DEVIATION: bad parity in COMMAND or DATA OUT, and an initiator that keeps finding errors, lead to RESTORE POINTERS
# and a new attempt, and after RETRIES to a bus free and an aborted task, not to CHECK CONDITION 0B/47/00.

from collections import deque
from collections.abc import Callable
from typing import Protocol

from emu.core.clock import Clock
from emu.hw.scsi.task import Nexus, Task
from emu.hw.scsibus.bus import Device, ParallelBus
from emu.hw.scsibus.bus_task import RETRIES, BusTask
from emu.hw.scsibus.messages import (
    ABORTS,
    ATTRIBUTES,
    COMPLETE,
    IGNORED,
    REJECT,
    RESTORE,
    SAVE_AND_DISCONNECT,
    parted,
)
from emu.hw.scsibus.negotiation import Agreements
from emu.hw.scsibus.reselection import Reselection
from emu.wire.codes.scsi import Asc, Attribute, TaskManagement
from emu.wire.codes.scsi_bus import (
    CDB_BYTES,
    DISCONNECT_PRIVILEGE,
    FAST_PERIOD,
    IDENTIFY,
    LUN_MASK,
    MESSAGE,
    PHASE,
    TARGET_ROUTINE,
)

SPI_PROTOCOL = 0x01  # of a TransportID
VARIABLE_LENGTH = 0x7F  # opcode; byte 7 counts what follows byte 7

_DATA_IN, _DATA_OUT = int(PHASE.DATA_IN), int(PHASE.DATA_OUT)
_MESSAGE_IN, _MESSAGE_OUT = int(PHASE.MESSAGE_IN), int(PHASE.MESSAGE_OUT)
_COMMAND, _STATUS = int(PHASE.COMMAND), int(PHASE.STATUS)


class Server(Protocol):
    """What has the logical units: `emu.hw.scsi.target.Target`."""

    def submit(self, task: Task) -> None: ...

    def manage(self, function: int, nexus: Nexus, lun: int, tag: int = 0) -> object: ...

    def reset(self, attention: int) -> None: ...


class _Connection:
    """One stay on the bus."""

    def __init__(self, initiator_id: int | None) -> None:
        self.initiator_id = initiator_id
        self.lun: int | None = None  # as IDENTIFY says
        self.may_disconnect = False
        self.attribute = int(Attribute.UNTAGGED)
        self.tag = Task.UNTAGGED
        self.task: BusTask | None = None
        self.is_fresh = True  # began with a selection
        self.leaving = False


class TargetPort(Device):
    """The port of one target device.

    patient: stay on the bus while a task waits for its medium; else disconnect when allowed.
    eager: disconnect behind every command, ready or not, as drives that are slow by nature do.
    burst_bytes: the most data of one connection.
    period, offset: the fastest synchronous agreement, in SDTR's units; offset 0 for an asynchronous target.
    """

    def __init__(
        self,
        clock: Clock,
        bus: ParallelBus,
        scsi_id: int,
        server: Server,
        *,
        patient: bool = False,
        eager: bool = False,
        burst_bytes: int | None = None,
        period: int = FAST_PERIOD,
        offset: int = 8,
    ) -> None:
        self.scsi_id = scsi_id
        self.agreements = Agreements(period, offset)
        self._bus = bus
        self._server = server
        self._patient = patient
        self._eager = eager
        self._burst_bytes = burst_bytes
        self._nexuses: dict[int, Nexus] = {}
        self._connection: _Connection | None = None
        self._moved: Callable[[], None] | None = None  # what follows the request that is out
        self._collected = bytearray()
        self._replies: deque[bytes] = deque()
        self._sent = b""
        self._deciding = False  # inside of a call that ends in `_advance`
        self._reselection = Reselection(clock, bus, self)
        bus.attach(self)

    # ---- what the bus says

    def selected(self, target_id: int, initiator_id: int | None) -> bool:
        if target_id != self.scsi_id or self._connection is not None:
            return False
        self._connection = _Connection(initiator_id)
        self._replies.clear()
        self._sent = b""
        self._advance()
        return True

    def acknowledged(self) -> None:
        moved, self._moved = self._moved, None
        assert moved is not None, "what moved was requested"
        moved()

    def attention_raised(self) -> None:
        """Turn to MESSAGE OUT at once when idle or between two bytes of data, else after what is going on."""
        connection = self._connection
        if connection is None or self._deciding:
            return
        task = connection.task
        if self._bus.requesting:
            if task is None or self._bus.phase not in (_DATA_IN, _DATA_OUT):
                return
            task.position = self._burst_end(task) - self._bus.retract()
            self._moved = None
            self._advance()
        elif not self._bus.acknowledging:
            self._advance()

    def won(self) -> None:
        self._reselection.won()

    def bus_reset(self) -> None:
        self._connection = self._moved = None
        self._replies.clear()
        self._reselection.reset()
        self.agreements.clear()
        self._server.reset(int(Asc.SCSI_BUS_RESET))

    # ---- the next phase

    def _advance(self) -> None:
        connection = self._connection
        if connection is None:
            return
        if self._bus.attention:
            self._collected.clear()
            self._demand_message()
        elif self._replies:
            self._sent = self._replies.popleft()
            self._offer(_MESSAGE_IN, memoryview(self._sent), self._advance)
        elif connection.leaving:
            self._leave()
        elif connection.task is None:
            self._demand_command(connection)
        else:
            self._serve(connection, connection.task)

    def _offer(self, phase: int, view: memoryview, moved: Callable[[], None]) -> None:
        self._moved = moved
        self._bus.offer(phase, (view,))

    def _demand(self, phase: int, view: memoryview, moved: Callable[[], None]) -> None:
        self._moved = moved
        self._bus.demand(phase, (view,))

    def _leave(self) -> None:
        self._connection = None
        self._bus.release()
        self._reselection.contend()

    # ---- messages

    def _demand_message(self) -> None:
        byte = bytearray(1)
        self._demand(_MESSAGE_OUT, memoryview(byte), lambda: self._message_byte(byte))

    def _message_byte(self, byte: bytearray) -> None:
        self._collected += byte
        if self._bus.attention:
            self._demand_message()
            return
        if self._bus.hear_parity_error():  # MESSAGE OUT once more, without ATN: the initiator repeats
            self._collected.clear()
            self._demand_message()
            return
        self._deciding = True
        try:
            self._interpret(bytes(self._collected))
        finally:
            self._deciding = False
        self._advance()

    def _interpret(self, messages: bytes) -> None:
        connection = self._connection
        assert connection is not None, "messages come over a connection"
        for message, length in parted(messages):
            self._message(message, length, connection)
            if message[0] in ABORTS:
                return

    def _message(self, message: bytes, length: int, connection: _Connection) -> None:
        code, task = message[0], connection.task
        if len(message) < length:
            self._replies.append(REJECT)
        elif code & IDENTIFY:
            self._identify(code, connection)
        elif code in ATTRIBUTES and task is None and connection.lun is not None:
            connection.attribute = ATTRIBUTES[code]
            connection.tag = message[1]
        elif code == MESSAGE.EXTENDED:
            self._replies.append(self.agreements.answer(message, connection.initiator_id))
        elif code in ABORTS:
            self._abort(code, connection)
        elif code == MESSAGE.MESSAGE_REJECT:
            self._rejected(connection)
        elif code == MESSAGE.MESSAGE_PARITY_ERROR and self._sent:
            self._replies.appendleft(self._sent)
        elif code == MESSAGE.INITIATOR_DETECTED_ERROR and task is not None:
            self._retry(task)
        elif code not in IGNORED:
            self._replies.append(REJECT)

    def _identify(self, code: int, connection: _Connection) -> None:
        lun = code & LUN_MASK
        if code & TARGET_ROUTINE or connection.lun not in (None, lun):
            self._replies.append(REJECT)
            return
        connection.lun = lun
        connection.may_disconnect = bool(code & DISCONNECT_PRIVILEGE) and connection.initiator_id is not None
        if connection.task is not None:
            connection.task.may_disconnect = connection.may_disconnect

    def _rejected(self, connection: _Connection) -> None:
        """Hear that the initiator did not like the message we sent last."""
        if self._sent[:1] == bytes((MESSAGE.EXTENDED,)) and connection.initiator_id is not None:
            self.agreements.pop(connection.initiator_id, None)
        elif self._sent in SAVE_AND_DISCONNECT and connection.task is not None:
            task = connection.task
            self._replies.clear()
            connection.leaving = False
            task.may_disconnect = task.disconnected = False
            self._reselection.forget(task)

    def _abort(self, code: int, connection: _Connection) -> None:
        connection.leaving = True
        self._replies.clear()
        if code == MESSAGE.BUS_DEVICE_RESET:
            self.agreements.clear()
            self._reselection.allegiances.clear()
        initiator_id = connection.initiator_id
        if code not in (MESSAGE.ABORT_TAG, MESSAGE.CLEAR_ACA):
            self._reselection.allegiances.discard((initiator_id or 0, connection.lun or 0))
        if connection.lun is not None or code == MESSAGE.BUS_DEVICE_RESET:
            self._server.manage(ABORTS[code], self._nexus(initiator_id), connection.lun or 0, connection.tag)

    def _retry(self, task: BusTask) -> None:
        """Let the initiator's pointers go back to where they were saved, and do it again."""
        connection = self._connection
        assert connection is not None, "a task is tried again on the bus"
        self._replies.clear()
        task.attempts += 1
        if task.attempts > RETRIES:
            connection.leaving = True
            self.abort_task(task)
        else:
            connection.leaving = False
            task.position = task.saved
            if task.moving is not None:  # a status is sent once more as it is: the data had been right
                self._replies.append(RESTORE)

    # ---- commands

    def _demand_command(self, connection: _Connection) -> None:
        opcode = bytearray(1)

        def opcode_came() -> None:
            length = 8 if opcode[0] == VARIABLE_LENGTH else CDB_BYTES[opcode[0] >> 5]
            self._demand_rest(connection, opcode + bytearray(length - 1), 1)

        self._demand(_COMMAND, memoryview(opcode), opcode_came)

    def _demand_rest(self, connection: _Connection, cdb: bytearray, position: int) -> None:
        def rest_came() -> None:
            if cdb[0] == VARIABLE_LENGTH and len(cdb) == 8 and cdb[7]:
                self._demand_rest(connection, cdb + bytearray(cdb[7]), 8)
            elif self._bus.hear_parity_error():
                self._replies.append(RESTORE)
                self._advance()
            else:
                self._submit(connection, cdb)

        self._demand(_COMMAND, memoryview(cdb)[position:], rest_came)

    def _submit(self, connection: _Connection, cdb: bytearray) -> None:
        lun = cdb[1] >> 5 if connection.lun is None else connection.lun
        nexus = self._nexus(connection.initiator_id)
        task = BusTask(
            self, nexus, connection.initiator_id or 0, lun, bytes(cdb), connection.attribute, connection.tag
        )
        task.may_disconnect = connection.may_disconnect
        connection.task = task
        self._reselection.allegiances.discard((task.initiator_id, lun))
        self._deciding = True
        try:
            self._server.submit(task)
        finally:
            self._deciding = False
        self._advance()

    def _nexus(self, initiator_id: int | None) -> Nexus:
        """Return the nexus of an initiator; one that does not say who it is counts as 0."""
        number = initiator_id or 0
        nexus = self._nexuses.get(number)
        if nexus is None:
            transport_id = bytes((SPI_PROTOCOL, 0, 0, number, 0, 0, 0, 1)) + bytes(16)
            nexus = self._nexuses[number] = Nexus(str(number), 1, transport_id)
        return nexus

    # ---- tasks

    def task_ready(self, task: BusTask) -> None:
        """Hear that a task has data or status to move."""
        if task.is_over:
            return
        if task.disconnected:
            self._reselection.want(task)
        elif not self._deciding and not self._bus.requesting and not self._bus.acknowledging:
            self._advance()

    def task_aborted(self, task: BusTask) -> None:
        """Hear that a task is no more; one that is trying to come back just does not try again."""
        task.is_over = True
        self._reselection.forget(task)
        connection = self._connection
        if connection is not None and connection.task is task:
            connection.leaving = True
            self._replies.clear()
            if not self._deciding:
                self._bus.retract()
                self._moved = None
                self._leave()

    def abort_task(self, task: BusTask) -> None:
        """End a task that cannot be brought to its end."""
        self._server.manage(TaskManagement.ABORT_TASK, task.nexus, task.lun, task.tag)

    def came_back(self, task: BusTask) -> None:
        """Go on with a task whose initiator has answered the reselection."""
        task.disconnected = False
        task.attempts = 0
        connection = self._connection = _Connection(task.initiator_id)
        connection.lun = task.lun
        connection.may_disconnect = True
        connection.is_fresh = False
        connection.tag = task.tag
        connection.task = task
        self._replies.clear()
        self._replies.append(bytes((IDENTIFY | task.lun,)))
        if task.tag != Task.UNTAGGED:
            self._replies.append(bytes((MESSAGE.SIMPLE_QUEUE_TAG, task.tag)))
        self._advance()

    def _serve(self, connection: _Connection, task: BusTask) -> None:
        if task.may_disconnect and (
            connection.is_fresh if self._eager else not task.is_ready and not self._patient
        ):
            self._disconnect(connection, task)
        elif task.moving is not None:
            self._move_data(connection, task, task.moving)
        elif task.status is not None:
            self._offer(_STATUS, memoryview(task.status), lambda: self._finish(connection))

    def _move_data(self, connection: _Connection, task: BusTask, phase: int) -> None:
        end = self._burst_end(task)
        if task.position == len(task.buffer):
            self._end_data(task)
        elif task.position == end:
            task.saved = end
            self._disconnect(connection, task)
        else:
            request = self._offer if phase == _DATA_IN else self._demand
            request(phase, task.buffer[task.position : end], lambda: self._data_moved(task))

    def _burst_end(self, task: BusTask) -> int:
        """Where this connection's data ends."""
        if self._burst_bytes is None or not task.may_disconnect:
            return len(task.buffer)
        return min(len(task.buffer), task.saved + self._burst_bytes)

    def _data_moved(self, task: BusTask) -> None:
        if task.moving == _DATA_OUT and self._bus.hear_parity_error():
            self._retry(task)
        else:
            task.position = self._burst_end(task)
        self._advance()  # with ATN it may be an error that the initiator found: nothing is forgotten before it said so

    def _end_data(self, task: BusTask) -> None:
        task.moving = None
        fetched, task.fetched = task.fetched, None
        if fetched is not None:
            self._deciding = True
            try:
                fetched((task.buffer,))
            finally:
                self._deciding = False
        self._advance()

    def _disconnect(self, connection: _Connection, task: BusTask) -> None:
        task.disconnected = True
        connection.leaving = True
        self._replies.extend(SAVE_AND_DISCONNECT)
        self._advance()
        if task.is_ready:
            self.task_ready(task)

    def _finish(self, connection: _Connection) -> None:
        """End a task whose status has been taken; with sense a contingent allegiance begins."""
        task = connection.task
        if task is not None and task.held is not None:
            task.itl.sense = task.held
            self._reselection.allegiances.add((task.initiator_id, task.lun))
        self._replies.append(COMPLETE)
        connection.leaving = True
        self._advance()
