"""Readiness and the medium: TEST UNIT READY, START STOP UNIT, PREVENT ALLOW MEDIUM REMOVAL.

(SPC and SBC; spec "SCSI", START STOP UNIT, PREVENT ALLOW.)
"""

# DEVIATION: every power condition is taken, also a reserved one, and makes no difference.
# DEVIATION: a unit that is stopped stays ready; it would start by itself with the next command.

from typing import TYPE_CHECKING

from emu.hw.scsi.sense import illegal_request, invalid_field_in_cdb, not_ready
from emu.hw.scsi.task import Task
from emu.wire.codes.scsi import Asc
from emu.wire.generated.scsi_cdb import Cdb6, RequestSenseCdb, StartStopCdb

if TYPE_CHECKING:
    from emu.hw.scsi.logical_unit import LogicalUnit

_START = 0x01
_LOEJ = 0x02
_PREVENT = 0x01
_POWER_SHIFT = 4


def test_unit_ready(unit: "LogicalUnit", task: Task, cdb: Cdb6) -> None:
    """TEST UNIT READY: it would not have come here if it were not."""


def rezero_unit(unit: "LogicalUnit", task: Task, cdb: Cdb6) -> None:
    """REZERO UNIT: the arm moves, nobody sees it."""


def start_stop_unit(unit: "LogicalUnit", task: Task, cdb: StartStopCdb) -> None:
    """START STOP UNIT: load and eject, where there is something to."""
    power = cdb.start >> _POWER_SHIFT
    if power:
        unit.power_condition = power
        return
    start, load_or_eject = bool(cdb.start & _START), bool(cdb.start & _LOEJ)
    if not load_or_eject:
        if start and not unit.present:
            raise not_ready(Asc.MEDIUM_NOT_PRESENT)
        return
    if not unit.profile.removable:
        raise invalid_field_in_cdb(4, 1)
    if unit.removal_prevented() and (not start or unit.tray_open):
        raise illegal_request(Asc.MEDIUM_REMOVAL_PREVENTED)
    if start:
        if unit.medium is None:
            raise not_ready(Asc.MEDIUM_NOT_PRESENT)
        if unit.tray_open:
            unit.tray_open = False
            unit.establish_unit_attention(Asc.MEDIUM_MAY_HAVE_CHANGED, but=task.itl)
    else:
        unit.tray_open = True


def prevent_allow(unit: "LogicalUnit", task: Task, cdb: RequestSenseCdb) -> None:
    """PREVENT ALLOW MEDIUM REMOVAL: one nexus that prevents is enough."""
    task.itl.prevents = bool(cdb.allocation & _PREVENT)
