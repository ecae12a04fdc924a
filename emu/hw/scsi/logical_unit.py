"""A logical unit: a medium, the state SAM gives it, and what it knows of each initiator.

(SAM, "logical unit"; spec "SCSI", object model, order of checks, unit attention, contingent allegiance.)  `lba`
counts the unit's blocks, `lbn` blocks of 512 bytes.
"""

# UNCERTAIN: that a reservation conflict comes before a unit attention, and leaves it pending.
# DEVIATION: no deferred errors: a write that was answered has reached the medium, if not its platter.

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from emu.core.block import BLOCK_BYTES, BlockDevice, BlockRequest, Function, MediumError
from emu.core.clock import Clock
from emu.core.trace import BlocksMoved, TaskEnded, TaskTaken, Tracer
from emu.hw.scsi.bad_blocks import BadBlocks
from emu.hw.scsi.buffers import BUFFER_BYTES
from emu.hw.scsi.commands import Command, commands_of
from emu.hw.scsi.contingent_allegiance import ContingentAllegiance
from emu.hw.scsi.log import COUNTERS
from emu.hw.scsi.long_operation import LongOperation
from emu.hw.scsi.mode import ModePages
from emu.hw.scsi.nonvolatile import Nonvolatile, read_record, write_record
from emu.hw.scsi.persistent_reservations import PersistentReservations
from emu.hw.scsi.profiles import Profile
from emu.hw.scsi.reservations import Access
from emu.hw.scsi.sense import (
    CheckCondition,
    Refusal,
    ReservationConflict,
    Sense,
    descriptor_sense,
    fixed_sense,
    illegal_request,
    invalid_field_in_cdb,
    lba_out_of_range,
    medium_failure,
    not_ready,
)
from emu.hw.scsi.task import Nexus, Steps, Task
from emu.hw.scsi.task_set import TaskSet
from emu.hw.scsi.third_party_copy import CopyResult
from emu.wire.codes.scsi import Asc, Attribute, Opcode, SenseKey, Status, guilty_bit

if TYPE_CHECKING:
    from emu.hw.scsi.target import Target

_UNTAGGED = int(Attribute.UNTAGGED)
_ACA = int(Attribute.ACA)
_CHECK_CONDITION = int(Status.CHECK_CONDITION)
_TASK_ABORTED = int(Status.TASK_ABORTED)
_REQUEST_SENSE = bytes((Opcode.REQUEST_SENSE,))
_RESET_CLASS = 0x29
_FLUSH = int(Function.FLUSH)
_FUNCTIONS = {int(function): function.name for function in Function}
_ACTION = 0x1F
_PREVENT = 0x03
_POWER_AND_START = 0xF1
_START = 0x01
_LONG_OPERATIONS = (int(Opcode.FORMAT_UNIT), int(Opcode.SANITIZE))


class ItlNexus:
    """What a unit knows of one initiator: SAM's I_T_L nexus.

    tasks: by tag, oldest first.  unit_attentions: ASC << 8 | ASCQ, oldest first.  sense: held for REQUEST SENSE, where
    the transport has no autosense.  prevents: medium removal.  echo: the echo buffer.  copies: by list identifier.
    """

    __slots__ = ("copies", "echo", "nexus", "prevents", "sense", "tasks", "unit_attentions")

    def __init__(self, nexus: Nexus) -> None:
        self.nexus = nexus
        self.tasks: dict[int, Task] = {}
        self.unit_attentions: list[int] = []
        self.sense: Sense | None = None
        self.prevents = False
        self.echo: bytes | None = None
        self.copies: dict[int, CopyResult] = {}


class LogicalUnit:
    """One logical unit.

    medium: None for a drive that is empty.  serial: the unit serial number, at most 32 printable characters; it makes
    the designator too, so no two units anywhere should have the same.  nonvolatile: where saved mode pages,
    registrations and marks of bad blocks are kept; without it nothing outlives this object.

    Raises:
        ValueError: the medium is too small for the type of device.
    """

    def __init__(
        self,
        medium: BlockDevice | None,
        profile: Profile,
        clock: Clock,
        tracer: Tracer,
        name: str,
        serial: str,
        *,
        write_protect_switch: bool = False,
        nonvolatile: Nonvolatile | None = None,
    ) -> None:
        self.medium = medium
        self.profile = profile
        self.clock = clock
        self.tracer = tracer
        self.name = name
        self.serial = serial
        self.write_protect_switch = write_protect_switch
        self.nonvolatile = nonvolatile
        self.lun = 0
        self.target: Target | None = None
        self.tray_open = False
        self.power_condition = 0
        self.block_bytes = profile.block_bytes
        self.lbn_per_lba = profile.block_bytes // BLOCK_BYTES
        if medium is not None:
            self._require_size(medium)
        self.task_set = TaskSet()
        self.aca = ContingentAllegiance(self.task_set)
        self.nexuses: dict[str, ItlNexus] = {}
        self.reserved_by: str | None = None  # RESERVE, by the nexus of this name
        self.mode = ModePages(profile, self.block_count)
        self.reservations = PersistentReservations()
        self.bad_blocks = BadBlocks(profile.check_bytes)
        self.grown_defects: list[int] = []  # blocks that were reassigned, ascending
        self.operation: LongOperation | None = None  # FORMAT UNIT or SANITIZE in progress
        self.buffer = bytearray(BUFFER_BYTES)
        self.counters = dict.fromkeys(COUNTERS, 0)
        self._commands = commands_of(profile.kind)
        if nonvolatile is not None:
            record = read_record(nonvolatile)
            self.mode.recall(record.get("mode", {}))
            self.reservations.recall(record.get("reservations", {}))
            self.bad_blocks.recall(record.get("bad blocks", {}))
            self.grown_defects = list(record.get("grown defects", []))

    def join(self, target: "Target", lun: int) -> None:
        """Become a unit of a target."""
        self.target = target
        self.lun = lun

    # ---- the medium

    @property
    def present(self) -> bool:
        """A medium is loaded."""
        return self.medium is not None and not self.tray_open

    @property
    def block_count(self) -> int:
        return self.blocks_of(self.block_bytes)

    def blocks_of(self, block_bytes: int) -> int:
        """Return the capacity in blocks of this size."""
        profile = self.profile
        if profile.block_count is not None:
            return profile.block_count * profile.block_bytes // block_bytes
        medium = self.medium
        return 0 if medium is None else medium.block_count * BLOCK_BYTES // block_bytes

    def _require_size(self, medium: BlockDevice) -> None:
        if medium.block_count < (self.profile.block_count or 1) * self.lbn_per_lba:
            raise ValueError(
                f"{self.name}: an {self.profile.name} has {self.profile.block_count or 1} blocks, "
                f"the medium only {medium.block_count // self.lbn_per_lba}"
            )

    def may_have_block_bytes(self, block_bytes: int) -> bool:
        """Say whether MODE SELECT may choose this block length."""
        return block_bytes == self.block_bytes or (
            block_bytes in (512, 2048) and self.profile.removable and self.profile.read_only
        )

    def set_block_bytes(self, block_bytes: int) -> None:
        self.block_bytes = block_bytes
        self.lbn_per_lba = block_bytes // BLOCK_BYTES

    def insert(self, medium: BlockDevice) -> None:
        """Put a medium into the drive, or a grown one in the place of itself; initiators are told.

        Raises:
            ValueError: the medium is too small for the type of device.
        """
        self._require_size(medium)
        grown = self.medium is not None
        self.medium = medium
        self.tray_open = False
        self.establish_unit_attention(Asc.CAPACITY_DATA_HAS_CHANGED if grown else Asc.MEDIUM_MAY_HAVE_CHANGED)

    def remove(self) -> BlockDevice | None:
        """Take the medium out, whoever uses it: tasks are aborted.  The caller closes it."""
        self.abort_all()
        medium, self.medium = self.medium, None
        return medium

    @property
    def write_protection(self) -> int | None:
        """Why nothing may be written, as an additional sense code; None if it may."""
        medium = self.medium
        if self.profile.read_only or self.write_protect_switch:
            return int(Asc.HARDWARE_WRITE_PROTECTED)
        if medium is not None and medium.write_protected:
            return int(Asc.HARDWARE_WRITE_PROTECTED)
        if self.mode.software_write_protect:
            return int(Asc.SOFTWARE_WRITE_PROTECTED)
        return None

    def require_writable(self) -> None:
        protection = self.write_protection
        if protection is not None:
            raise CheckCondition(Sense(SenseKey.DATA_PROTECT, protection))

    def require_extent(self, lba: int, count: int) -> None:
        """Refuse what is not all on the unit; nothing at its very end is."""
        if lba + count > self.block_count:
            raise lba_out_of_range()

    @property
    def device(self) -> BlockDevice:
        """The medium of a unit that is ready."""
        medium = self.medium
        assert medium is not None, "a command that needs the medium is refused without one"
        return medium

    def failure(self, error: MediumError, writing: bool = False) -> CheckCondition:
        """Turn a failure of the medium into sense."""
        return medium_failure(error, self.lbn_per_lba, writing)

    def flush(self, task: Task) -> Generator[BlockDevice, Any, None]:
        """Make what was written durable."""
        task.function = _FLUSH
        task.lbn = 0
        task.byte_count = 0
        task.views = ()
        error: MediumError | None = yield self.device
        if error is not None:
            raise self.failure(error, writing=True)

    def fetch_list(self, task: Task, length: int) -> Generator[int, Any, bytes]:
        """Bring a parameter list; what the initiator does not send is missing at the end."""
        views: Sequence[memoryview] = yield length
        return b"".join(views)[:length]

    def breathe(self, done: Callable[[Any], None]) -> None:
        """Let others have their turn; a step of a long command."""
        self.clock.call_after(0, lambda: done(None))

    def commands(self) -> Iterator[Command]:
        """Every command the unit knows, by operation code and service action."""
        for entry in self._commands:
            if isinstance(entry, Command):
                yield entry
            elif entry is not None:
                yield from (entry[action] for action in sorted(entry))

    def commands_at(self, opcode: int) -> Command | Mapping[int, Command] | None:
        """What the unit does for an operation code: a command, its service actions, or nothing."""
        return self._commands[opcode]

    def trace_blocks(self, request: BlockRequest) -> None:
        """Tell observers what the medium is asked for."""
        event = BlocksMoved(
            self.clock.now_ns,
            self.name,
            _FUNCTIONS[request.function],
            self.lun,
            request.lbn,
            request.byte_count,
        )
        self.tracer.emit(event)

    def save(self) -> None:
        """Write what outlives power into the nonvolatile memory."""
        if self.nonvolatile is not None:
            record = {
                "mode": self.mode.record(),
                "reservations": self.reservations.record(),
                "bad blocks": self.bad_blocks.record(),
                "grown defects": self.grown_defects,
            }
            write_record(self.nonvolatile, record)

    # ---- nexuses

    def connect(self, nexus: Nexus) -> ItlNexus:
        """Know an initiator, from now on or still."""
        itl = self.nexuses.get(nexus.name)
        if itl is None:
            itl = self.nexuses[nexus.name] = ItlNexus(nexus)
            known = nexus.name in self.reservations.registrations
            itl.unit_attentions.append(int(Asc.I_T_NEXUS_LOSS if known else Asc.RESET))
        else:
            itl.nexus = nexus
        return itl

    def lose(self, nexus: Nexus) -> None:
        """Forget an initiator, but for its registration."""
        itl = self.nexuses.get(nexus.name)
        if itl is None:
            return
        if self.reserved_by == nexus.name:
            self.reserved_by = None
        self._abort(itl.tasks.values())
        if itl is self.aca.itl:
            self.aca.end()
        del self.nexuses[nexus.name]

    def establish_unit_attention(self, asc: int, but: ItlNexus | None = None) -> None:
        """Tell every initiator but one with its next command."""
        for itl in self.nexuses.values():
            if itl is not but:
                self.tell(itl, asc)

    def tell(self, itl: ItlNexus, asc: int) -> None:
        """Tell one initiator with its next command; a reset makes it forget all else."""
        if asc >> 8 == _RESET_CLASS:
            itl.unit_attentions.clear()
        if asc not in itl.unit_attentions:
            itl.unit_attentions.append(int(asc))

    def removal_prevented(self) -> bool:
        return any(itl.prevents for itl in self.nexuses.values())

    # ---- tasks

    def submit(self, task: Task) -> None:
        """Take a task."""
        nexus = task.nexus
        itl = self.nexuses.get(nexus.name)
        if itl is None:
            itl = self.connect(nexus)
        task.unit = self
        task.itl = itl
        tasks = itl.tasks
        tag = task.tag
        if (
            task.attribute == _UNTAGGED and not task.autosense
        ):  # later transports tag every task: SIMPLE is meant
            task.tag = tag = Task.UNTAGGED
        if TaskTaken in self.tracer.heard:
            self.tracer.emit(TaskTaken(self.clock.now_ns, self.name, self.lun, tag, bytes(task.cdb)))
        if itl.sense is not None and task.cdb[:1] != _REQUEST_SENSE:
            itl.sense = None
            self.task_set.pump()
        if tag in tasks:
            self._abort(tasks.values())
            self._refuse_unheard(task, Asc.OVERLAPPED_COMMANDS, SenseKey.ABORTED_COMMAND)
            return
        if self.aca.itl is not None:
            status = self.aca.status_for(task, self._find(task.cdb))
            if status is not None:
                task.ended = True
                self._answer(task, int(status), b"")
                return
        elif task.attribute == _ACA:
            self._refuse_unheard(task, Asc.INVALID_MESSAGE, SenseKey.ILLEGAL_REQUEST)
            return
        if self.task_set.count >= self.profile.queue_depth:
            task.ended = True
            self._answer(task, int(Status.TASK_SET_FULL if tasks else Status.BUSY), b"")
            return
        tasks[tag] = task
        command = self._find(task.cdb)
        task.command = command
        self.task_set.admit(task, command is not None and command.alone)

    def _refuse_unheard(self, task: Task, asc: int, key: int) -> None:
        """End a task that has never been in the task set."""
        task.ended = True
        self._answer(task, _CHECK_CONDITION, self._sense_for(task, Sense(key, asc)))

    def _find(self, cdb: bytes) -> Command | None:
        if not cdb:
            return None
        command = self._commands[cdb[0]]
        if isinstance(command, dict):
            return command.get(cdb[1] & _ACTION) if len(cdb) > 1 else None
        return command  # type: ignore[return-value]

    def execute(self, task: Task) -> Steps | None:
        """Check a task in the standard's order, and begin it.

        Raises:
            Refusal: it is not to be done.
        """
        command, itl = task.command, task.itl
        if command is None:
            self._take_unit_attention(itl)
            raise self._unknown(task.cdb)
        if self.reserved_by is not None or self.reservations.type:
            self._require_access(task, command)
        if itl.unit_attentions and not command.passes_attention:
            self._take_unit_attention(itl)
        cdb = task.cdb
        if len(cdb) != command.length:
            cdb = task.cdb = cdb[: command.length].ljust(command.length, b"\0")
        if self.operation is not None or self.medium is None or self.tray_open:
            self._require_ready(command)
        guilty = guilty_bit(cdb, command.forbidden)
        if guilty is not None:
            raise invalid_field_in_cdb(*guilty)
        if command.writes and (self.mode.software_write_protect or self.write_protection is not None):
            self.require_writable()
        return command.perform(self, task, command.layout.unpack(cdb))

    def _take_unit_attention(self, itl: ItlNexus) -> None:
        if itl.unit_attentions:
            raise CheckCondition(Sense(SenseKey.UNIT_ATTENTION, itl.unit_attentions.pop(0)))

    def _unknown(self, cdb: bytes) -> CheckCondition:
        """An unknown operation code, or an unknown service action of one that is known."""
        if cdb and isinstance(self._commands[cdb[0]], dict):
            return invalid_field_in_cdb(1, 4)
        return illegal_request(Asc.INVALID_OPERATION_CODE)

    def _require_access(self, task: Task, command: Command) -> None:
        """Keep out whom a reservation keeps out."""
        name, access, cdb = task.nexus.name, command.access, task.cdb
        harmless = access is Access.PREVENT and len(cdb) > 4 and not cdb[4] & _PREVENT
        if self.reserved_by not in (None, name) and not command.passes_reserve and not harmless:
            raise ReservationConflict
        if not self.reservations.type or access is Access.ALWAYS or harmless:
            return
        if access is Access.START and len(cdb) > 4 and cdb[4] & _POWER_AND_START == _START:
            return
        if not self.reservations.allows(name, access):
            raise ReservationConflict

    def require_copy_access(self, nexus: Nexus, writes: bool) -> None:
        """Check what EXTENDED COPY does here as if it were a READ or a WRITE of this nexus.

        Raises:
            Refusal: a reservation, or write protection, is against it.
        """
        if self.reserved_by not in (None, nexus.name):
            raise ReservationConflict
        access = Access.WRITE if writes else Access.READ
        if self.reservations.type and not self.reservations.allows(nexus.name, access):
            raise ReservationConflict
        if self.operation is not None:
            raise CheckCondition(self.operation.sense)
        if writes:
            self.require_writable()

    def _require_ready(self, command: Command) -> None:
        operation = self.operation
        if operation is not None:
            again = operation.failed and command.opcode in _LONG_OPERATIONS
            if not command.passes_operation and not again:
                raise CheckCondition(operation.sense)
        elif command.medium:
            raise not_ready(Asc.MEDIUM_NOT_PRESENT_TRAY_OPEN if self.tray_open else Asc.MEDIUM_NOT_PRESENT)

    def refuse(self, task: Task, refusal: Refusal) -> None:
        """End a task with what kept it from being done."""
        sense = b"" if refusal.sense is None else self._sense_for(task, refusal.sense)
        self.finish(task, refusal.status, sense)

    def _sense_for(self, task: Task, sense: Sense) -> bytes:
        """Write sense as the initiator wants it, or hold it until that asks."""
        if task.autosense:
            return self.sense_data(sense)
        task.hold(sense)
        return b""

    def sense_data(self, sense: Sense) -> bytes:
        return descriptor_sense(sense) if self.mode.descriptor_sense else fixed_sense(sense)

    def finish(self, task: Task, status: int, sense: bytes) -> None:
        """End a task, and start what waited for that."""
        task.ended = True
        del task.itl.tasks[task.tag]
        if status == _CHECK_CONDITION:
            self._contain(task)
        self._answer(task, status, sense)
        self.task_set.retire(task)

    def _answer(self, task: Task, status: int, sense: bytes) -> None:
        if TaskEnded in self.tracer.heard:
            self.tracer.emit(TaskEnded(self.clock.now_ns, self.name, task.tag, status, sense))
        task.complete(status, sense)

    # ---- errors and the other tasks

    def _contain(self, task: Task) -> None:
        """Do what the initiator wants done about the other tasks when one has failed: NACA and QERR say it."""
        if self.profile.normal_aca:
            self.aca.failed(task)
        if self.mode.error_aborts_all:
            for other in list(self.nexuses.values()):
                self.abort_for(other, by=task.nexus)
        elif self.mode.error_aborts_nexus:
            self._abort(task.itl.tasks.values())

    def clear_aca(self, nexus: Nexus) -> None:
        """CLEAR ACA: of this nexus; its recovery is over, what waited goes on."""
        itl = self.aca.itl
        if itl is not None and itl.nexus.name == nexus.name:
            self._abort([task for task in itl.tasks.values() if task.attribute == _ACA])
            self.aca.end()

    # ---- task management

    def has_task(self, nexus: Nexus, tag: int) -> bool:
        itl = self.nexuses.get(nexus.name)
        return itl is not None and tag in itl.tasks

    def has_tasks(self, nexus: Nexus) -> bool:
        itl = self.nexuses.get(nexus.name)
        return itl is not None and bool(itl.tasks)

    def has_unit_attention(self, nexus: Nexus) -> bool:
        itl = self.nexuses.get(nexus.name)
        return itl is not None and bool(itl.unit_attentions)

    def abort_task(self, nexus: Nexus, tag: int) -> bool:
        """Abort one task; False if there is none."""
        itl = self.nexuses.get(nexus.name)
        task = None if itl is None else itl.tasks.get(tag)
        if task is None:
            return False
        self._abort([task])
        return True

    def abort_tasks_of(self, nexus: Nexus) -> None:
        """ABORT TASK SET: every task of this nexus."""
        itl = self.nexuses.get(nexus.name)
        if itl is not None:
            self._abort(itl.tasks.values())
            itl.sense = None

    def clear_task_set(self, nexus: Nexus) -> None:
        """CLEAR TASK SET: every task of every nexus; the others hear of it."""
        for itl in list(self.nexuses.values()):
            if itl.tasks:
                self.abort_for(itl, by=nexus)

    def abort_for(self, itl: ItlNexus, by: Nexus) -> None:
        """Abort the tasks of one nexus on behalf of another, as TAS has it."""
        of_another = itl.nexus.name != by.name
        tell_status = of_another and self.mode.task_aborted_status
        if of_another and itl.tasks and not tell_status:
            self.tell(itl, Asc.COMMANDS_CLEARED)
        self._abort(itl.tasks.values(), _TASK_ABORTED if tell_status else None)
        if of_another and itl is self.aca.itl:
            self.aca.end()

    def abort_all(self) -> None:
        """Abort every task."""
        for itl in list(self.nexuses.values()):
            self._abort(itl.tasks.values())

    def _abort(self, tasks: Iterable[Task], status: int | None = None) -> None:
        victims = list(tasks)
        for task in reversed(victims):  # the last first, so that none of them starts
            if task.ended:
                continue
            task.revoke()
            del task.itl.tasks[task.tag]
            if status is None:
                task.aborted()
            else:
                self._answer(task, status, b"")
            self.task_set.retire(task)

    def reset(self, attention: int) -> None:
        """LOGICAL UNIT RESET, and what stronger resets do to a unit: persistent reservations stay."""
        self.abort_all()
        self.aca.end()
        self.reserved_by = None
        self.mode.restore()
        for itl in self.nexuses.values():
            itl.prevents = False
            itl.sense = None
            itl.echo = None
        self.establish_unit_attention(attention)
