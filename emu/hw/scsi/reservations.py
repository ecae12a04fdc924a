"""RESERVE and RELEASE: a unit for one initiator.

(SPC-2; spec "SCSI", RESERVE/RELEASE.)  With persistent registrations there is no RESERVE, and the other way round.
"""

from enum import Enum
from typing import TYPE_CHECKING

from emu.hw.scsi.sense import ReservationConflict
from emu.hw.scsi.task import Task
from emu.wire.packet import Packet

if TYPE_CHECKING:
    from emu.hw.scsi.logical_unit import LogicalUnit


class Access(Enum):
    """What a command wants of the unit, as reservations see it."""

    ALWAYS = "always allowed"
    READ = "reads"
    WRITE = "writes"
    PREVENT = "allowed if it prevents nothing"
    START = "allowed if it starts; else writes"


def reserve(unit: "LogicalUnit", task: Task, cdb: Packet) -> None:
    """RESERVE(6), RESERVE(10); third parties and extents are refused by the usage map."""
    if unit.reservations.registrations:
        raise ReservationConflict
    unit.reserved_by = task.nexus.name  # whom another's RESERVE keeps out has not come here


def release(unit: "LogicalUnit", task: Task, cdb: Packet) -> None:
    """RELEASE(6), RELEASE(10): of one's own; anything else is no error."""
    if unit.reservations.registrations:
        raise ReservationConflict
    if unit.reserved_by == task.nexus.name:
        unit.reserved_by = None
