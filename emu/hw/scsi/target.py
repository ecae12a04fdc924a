"""The target device: logical units, and the nexuses of initiators with them.

(SAM, "SCSI target device", "task management functions"; spec "SCSI", object model, order of checks, queueing.)
Everything here is called by transports, at any time, and answers at once.
"""

from collections.abc import Mapping, Sequence

from emu.core.clock import Clock
from emu.core.trace import Tracer
from emu.hw.scsi import inquiry
from emu.hw.scsi.logical_unit import LogicalUnit
from emu.hw.scsi.reports import report_luns_data
from emu.hw.scsi.sense import INCORRECT_LOGICAL_UNIT, Sense, fixed_sense
from emu.hw.scsi.task import Nexus, Task
from emu.wire.codes.scsi import REPORT_LUNS_WLUN, Asc, Opcode, Response, SenseKey, Status, TaskManagement
from emu.wire.generated.scsi_cdb import InquiryCdb, ReportLunsCdb, RequestSenseCdb

_INVENTORY_CHANGED = int(Asc.REPORTED_LUNS_DATA_HAS_CHANGED)
_WRONG_REPORT = Sense(SenseKey.ILLEGAL_REQUEST, Asc.INVALID_FIELD_IN_CDB, field=2)


class Target:
    """A SCSI target device.

    name: the SCSI target device name, for the designators of the units; empty on a bus.  ports: its relative
    target port identifiers.
    """

    def __init__(self, clock: Clock, tracer: Tracer, name: str = "", ports: Sequence[int] = (1,)) -> None:
        self.clock = clock
        self.tracer = tracer
        self.name = name
        self.ports = ports
        self._units: dict[int, LogicalUnit] = {}
        self._nexuses: dict[str, Nexus] = {}

    @property
    def units(self) -> Mapping[int, LogicalUnit]:
        """The logical units by LUN."""
        return self._units

    def attach(self, lun: int, unit: LogicalUnit) -> None:
        """Make a unit reachable; initiators are told that there is one more.

        Raises:
            ValueError: the LUN is taken or out of range.
        """
        if not 0 <= lun < REPORT_LUNS_WLUN or lun in self._units:
            raise ValueError(f"LUN {lun} is taken, or out of range")
        unit.join(self, lun)
        self._units[lun] = unit
        for nexus in self._nexuses.values():
            unit.connect(nexus)
        self._tell_inventory_changed(unit)

    def detach(self, lun: int) -> LogicalUnit:
        """Take a unit away: its tasks are aborted, initiators are told.  The caller closes the medium.

        Raises:
            ValueError: there is no such unit.
        """
        unit = self._units.pop(lun, None)
        if unit is None:
            raise ValueError(f"there is no LUN {lun}")
        unit.abort_all()
        self._tell_inventory_changed(unit)
        return unit

    def _tell_inventory_changed(self, changed: LogicalUnit) -> None:
        for unit in self._units.values():
            if unit is not changed:
                unit.establish_unit_attention(Asc.REPORTED_LUNS_DATA_HAS_CHANGED)

    # ---- nexuses

    def connect(self, nexus: Nexus) -> None:
        """Begin a nexus.  What one of the same name left behind is lost first.

        A transport that never loses a nexus, as a bus, need not call this: the first task does.
        """
        if nexus.name in self._nexuses:
            self.disconnect(nexus)
        self._nexuses[nexus.name] = nexus
        for unit in self._units.values():
            unit.connect(nexus)

    def disconnect(self, nexus: Nexus) -> None:
        """Lose a nexus: its tasks end unheard, RESERVE and PREVENT of it are over; registrations stay."""
        if self._nexuses.pop(nexus.name, None) is not None:
            for unit in self._units.values():
                unit.lose(nexus)

    # ---- commands

    def submit(self, task: Task) -> None:
        """Do a task; it may complete before this returns."""
        unit = self._units.get(task.lun)
        if unit is None:
            self._answer_without_unit(task)
            return
        unit.submit(task)

    def _answer_without_unit(self, task: Task) -> None:
        """Say that there is no such unit, in the way each command has to; W-LUNs are here too."""
        task.ended = True
        opcode = task.cdb[0] if task.cdb else 0
        cdb = task.cdb.ljust(InquiryCdb.SIZE, b"\0")
        if opcode == Opcode.REPORT_LUNS:
            report = ReportLunsCdb.unpack(task.cdb.ljust(ReportLunsCdb.SIZE, b"\0"))
            data = report_luns_data(self, report.select_report)
            if data is None:
                task.complete(int(Status.CHECK_CONDITION), self._sense_without_unit(task, _WRONG_REPORT))
                return
            self.inventory_reported(task.nexus)
            task.reply(data, report.allocation)
        elif opcode == Opcode.INQUIRY:
            task.reply(inquiry.data_of_absent_unit(task.lun), InquiryCdb.unpack(cdb).allocation)
        elif opcode == Opcode.REQUEST_SENSE:
            task.reply(fixed_sense(INCORRECT_LOGICAL_UNIT), RequestSenseCdb.unpack(cdb).allocation)
        elif opcode == Opcode.TEST_UNIT_READY and task.lun == REPORT_LUNS_WLUN:
            pass
        else:
            task.complete(int(Status.CHECK_CONDITION), self._sense_without_unit(task, INCORRECT_LOGICAL_UNIT))
            return
        task.complete(int(Status.GOOD), b"")

    def _sense_without_unit(self, task: Task, sense: Sense) -> bytes:
        """Where there is no unit, nobody holds sense: REQUEST SENSE says the same every time."""
        return fixed_sense(sense) if task.autosense else b""

    def inventory_reported(self, nexus: Nexus) -> None:
        """An initiator has been told which units there are: it need not hear that this has changed."""
        for unit in self._units.values():
            itl = unit.nexuses.get(nexus.name)
            if itl is not None and _INVENTORY_CHANGED in itl.unit_attentions:
                itl.unit_attentions.remove(_INVENTORY_CHANGED)

    # ---- task management

    def manage(self, function: int, nexus: Nexus, lun: int, tag: int = 0) -> Response:
        """Carry out a task management function; tasks have ended when this returns."""
        if function in (TaskManagement.TARGET_WARM_RESET, TaskManagement.TARGET_COLD_RESET):
            attention = Asc.BUS_DEVICE_RESET if function == TaskManagement.TARGET_WARM_RESET else Asc.RESET
            self.reset(attention)
            return Response.COMPLETE
        if function == TaskManagement.I_T_NEXUS_RESET:
            for unit in self._units.values():
                unit.lose(nexus)
                unit.connect(nexus)
            return Response.COMPLETE
        if lun not in self._units:
            return Response.NO_LUN
        unit = self._units[lun]
        match function:
            case TaskManagement.ABORT_TASK:
                return Response.COMPLETE if unit.abort_task(nexus, tag) else Response.NO_TASK
            case TaskManagement.ABORT_TASK_SET:
                unit.abort_tasks_of(nexus)
            case TaskManagement.CLEAR_TASK_SET:
                unit.clear_task_set(nexus)
            case TaskManagement.LUN_RESET:
                unit.reset(Asc.BUS_DEVICE_RESET)
            case TaskManagement.QUERY_TASK:
                return Response.SUCCEEDED if unit.has_task(nexus, tag) else Response.COMPLETE
            case TaskManagement.QUERY_TASK_SET:
                return Response.SUCCEEDED if unit.has_tasks(nexus) else Response.COMPLETE
            case TaskManagement.QUERY_ASYNCHRONOUS_EVENT:
                return Response.SUCCEEDED if unit.has_unit_attention(nexus) else Response.COMPLETE
            case TaskManagement.CLEAR_ACA if unit.profile.normal_aca:
                unit.clear_aca(nexus)
            case _:  # no task moves to another connection
                return Response.NOT_SUPPORTED
        return Response.COMPLETE

    def reset(self, attention: int) -> None:
        """Reset every unit; `attention` tells initiators why (the bus was reset, the target was told to)."""
        for unit in self._units.values():
            unit.reset(attention)
