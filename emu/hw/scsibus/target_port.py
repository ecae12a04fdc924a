"""A target device on the parallel bus: from selection to COMMAND COMPLETE.

(spec "SCSI", target-side state machine, messages.)  The port decides which phase comes next; the logical units
behind it know no phases.  Each time a request of bytes has been moved, `_advance` looks, in this order: does the
initiator want MESSAGE OUT; are there messages to send; are we leaving; is there a command to take; does the task
have data or status to move.  A task that has nothing to move yet lets go of the bus if the initiator allows it.
"""

# DEVIATION: bad parity in COMMAND or DATA OUT, and an initiator that keeps finding errors, lead to RESTORE POINTERS
# and a new attempt, and after RETRIES to a bus free and an aborted task, not to CHECK CONDITION 0B/47/00.
# DEVIATION: the target starts no negotiation itself, transfers eight bits wide, and rejects PPR.

from collections import deque
from collections.abc import Callable, Sequence
from typing import ClassVar, Protocol

from emu.core.clock import MILLISECOND_NS, Clock, Timer
from emu.hw.scsi.sense import Sense
from emu.hw.scsi.task import Nexus, Task
from emu.hw.scsibus.bus import Device, ParallelBus
from emu.wire.codes.scsi import Asc, Attribute, TaskManagement
from emu.wire.codes.scsi_bus import (
    CDB_BYTES,
    DISCONNECT_PRIVILEGE,
    EXTENDED,
    FAST_PERIOD,
    IDENTIFY,
    LUN_MASK,
    MESSAGE,
    PHASE,
    TARGET_ROUTINE,
    TWO_BYTE_MESSAGES,
)

SELECTION_TIMEOUT_NS = 250 * MILLISECOND_NS
RESELECTION_RETRY_NS = 100 * MILLISECOND_NS
RETRIES = 3
SPI_PROTOCOL = 0x01  # of a TransportID
VARIABLE_LENGTH = 0x7F  # opcode; byte 7 counts what follows byte 7

ATTRIBUTES = {
    int(MESSAGE.SIMPLE_QUEUE_TAG): int(Attribute.SIMPLE),
    int(MESSAGE.HEAD_OF_QUEUE_TAG): int(Attribute.HEAD_OF_QUEUE),
    int(MESSAGE.ORDERED_QUEUE_TAG): int(Attribute.ORDERED),
    int(MESSAGE.ACA): int(Attribute.ACA),
}
ABORTS = {  # messages that end the connection without a status
    int(MESSAGE.ABORT): TaskManagement.ABORT_TASK_SET,
    int(MESSAGE.ABORT_TAG): TaskManagement.ABORT_TASK,
    int(MESSAGE.CLEAR_QUEUE): TaskManagement.CLEAR_TASK_SET,
    int(MESSAGE.BUS_DEVICE_RESET): TaskManagement.TARGET_WARM_RESET,
    int(MESSAGE.LOGICAL_UNIT_RESET): TaskManagement.LUN_RESET,
    int(MESSAGE.CLEAR_ACA): TaskManagement.CLEAR_ACA,
}
IGNORED = (int(MESSAGE.NO_OPERATION),)
SAVE_AND_DISCONNECT = (bytes((MESSAGE.SAVE_DATA_POINTER,)), bytes((MESSAGE.DISCONNECT,)))
RESTORE = bytes((MESSAGE.RESTORE_POINTERS,))
REJECT = bytes((MESSAGE.MESSAGE_REJECT,))
COMPLETE = bytes((MESSAGE.COMMAND_COMPLETE,))

_DATA_IN, _DATA_OUT = int(PHASE.DATA_IN), int(PHASE.DATA_OUT)
_MESSAGE_IN, _MESSAGE_OUT = int(PHASE.MESSAGE_IN), int(PHASE.MESSAGE_OUT)
_COMMAND, _STATUS = int(PHASE.COMMAND), int(PHASE.STATUS)
_EXTENDED = int(MESSAGE.EXTENDED)


class Server(Protocol):
    """What has the logical units: `emu.hw.scsi.target.Target`."""

    def submit(self, task: Task) -> None: ...

    def manage(self, function: int, nexus: Nexus, lun: int, tag: int = 0) -> object: ...

    def reset(self, attention: int) -> None: ...


class BusTask(Task):
    """A task whose data and status cross the bus."""

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
        self.attempts = 0  # to move the same data, or to reselect
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
        self.agreements: dict[int, tuple[int, int]] = {}  # initiator -> period, offset; none is asynchronous
        self._clock = clock
        self._bus = bus
        self._server = server
        self._patient = patient
        self._eager = eager
        self._burst_bytes = burst_bytes
        self._period = period
        self._offset = offset
        self._nexuses: dict[int, Nexus] = {}
        self._connection: _Connection | None = None
        self._moved: Callable[[], None] | None = None  # what follows the request that is out
        self._collected = bytearray()
        self._replies: deque[bytes] = deque()
        self._sent = b""
        self._deciding = False  # inside of a call that ends in `_advance`
        self._returning: deque[BusTask] = deque()
        self._allegiances: set[tuple[int, int]] = (
            set()
        )  # initiators and LUNs: it has yet to ask for the sense
        self._contending = False
        self._unanswered: BusTask | None = None
        self._timer: Timer | None = None
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

    def bus_reset(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._connection = self._unanswered = self._moved = None
        self._replies.clear()
        self._returning.clear()
        self._allegiances.clear()
        self._contending = False
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
        self._return_soon()

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
        position = 0
        connection = self._connection
        assert connection is not None, "messages come over a connection"
        while position < len(messages):
            code = messages[position]
            if code == _EXTENDED:
                length = 2 + (messages[position + 1] if position + 1 < len(messages) else 0)
            else:
                length = 2 if code in TWO_BYTE_MESSAGES else 1
            self._message(messages[position : position + length], length, connection)
            if code in ABORTS:
                return
            position += length

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
            self._negotiate(message, connection)
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

    def _negotiate(self, message: bytes, connection: _Connection) -> None:
        initiator_id = connection.initiator_id
        if initiator_id is None:
            self._replies.append(REJECT)
        elif len(message) == 5 and message[2] == EXTENDED.SDTR:
            period, offset = max(message[3], self._period), min(message[4], self._offset)
            self._agree(initiator_id, period, offset)
            self._replies.append(bytes((MESSAGE.EXTENDED, 3, EXTENDED.SDTR, period, offset)))
        elif len(message) == 4 and message[2] == EXTENDED.WDTR:
            self._agree(initiator_id, 0, 0)  # an agreement on width ends the synchronous one
            self._replies.append(bytes((MESSAGE.EXTENDED, 2, EXTENDED.WDTR, 0)))
        else:
            self._replies.append(REJECT)

    def _agree(self, initiator_id: int, period: int, offset: int) -> None:
        self.agreements.pop(initiator_id, None)
        if offset:
            self.agreements[initiator_id] = period, offset

    def _rejected(self, connection: _Connection) -> None:
        """Hear that the initiator did not like the message we sent last."""
        if self._sent[:1] == bytes((MESSAGE.EXTENDED,)) and connection.initiator_id is not None:
            self._agree(connection.initiator_id, 0, 0)
        elif self._sent in SAVE_AND_DISCONNECT and connection.task is not None:
            task = connection.task
            self._replies.clear()
            connection.leaving = False
            task.may_disconnect = task.disconnected = False
            if task in self._returning:
                self._returning.remove(task)

    def _abort(self, code: int, connection: _Connection) -> None:
        connection.leaving = True
        self._replies.clear()
        if code == MESSAGE.BUS_DEVICE_RESET:
            self.agreements.clear()
            self._allegiances.clear()
        initiator_id = connection.initiator_id
        if code not in (MESSAGE.ABORT_TAG, MESSAGE.CLEAR_ACA):
            self._allegiances.discard((initiator_id or 0, connection.lun or 0))
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
            self._server.manage(TaskManagement.ABORT_TASK, task.nexus, task.lun, task.tag)
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
        self._allegiances.discard((task.initiator_id, lun))
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
            if task not in self._returning and task is not self._unanswered:
                self._returning.append(task)
                self._return_soon()
        elif not self._deciding and not self._bus.requesting and not self._bus.acknowledging:
            self._advance()

    def task_aborted(self, task: BusTask) -> None:
        """Hear that a task is no more; one that is trying to come back just does not try again."""
        task.is_over = True
        if task in self._returning:
            self._returning.remove(task)
        connection = self._connection
        if connection is not None and connection.task is task:
            connection.leaving = True
            self._replies.clear()
            if not self._deciding:
                self._bus.retract()
                self._moved = None
                self._leave()

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
            self._allegiances.add((task.initiator_id, task.lun))
        self._replies.append(COMPLETE)
        connection.leaving = True
        self._advance()

    # ---- reselection

    def _next_to_return(self) -> BusTask | None:
        """Choose who comes back: not to an initiator that has yet to ask for the sense of another task there."""
        if not self._allegiances:
            return self._returning[0] if self._returning else None
        held_back = self._allegiances
        return next(
            (task for task in self._returning if (task.initiator_id, task.lun) not in held_back), None
        )

    def _return_soon(self) -> None:
        if not self._contending and self._unanswered is None and self._next_to_return() is not None:
            self._contending = True
            self._bus.arbitrate(self, self.scsi_id)

    def won(self) -> None:
        self._contending = False
        task = self._next_to_return()
        if task is None:
            self._bus.abandon(self)
            return
        self._returning.remove(task)
        if not self._bus.reselect(self, self.scsi_id, task.initiator_id):
            self._unanswered = task
            self._timer = self._clock.call_after(SELECTION_TIMEOUT_NS, self._give_up)
            return
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

    def _give_up(self) -> None:
        """End a reselection nobody answered; try again later, but not for ever."""
        task, self._unanswered = self._unanswered, None
        assert task is not None, "an attempt to reselect is for a task"
        self._bus.abandon(self)
        task.attempts += 1
        if task.attempts < RETRIES:
            self._timer = self._clock.call_after(RESELECTION_RETRY_NS, lambda: self.task_ready(task))
        elif not task.is_over:
            self._server.manage(TaskManagement.ABORT_TASK, task.nexus, task.lun, task.tag)
        self._return_soon()
