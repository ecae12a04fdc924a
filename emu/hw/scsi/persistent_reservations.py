"""Persistent reservations: PERSISTENT RESERVE IN and OUT.

(SPC-3 and SPC-4, "persistent reservations"; spec "SCSI", PERSISTENT RESERVE.)  Registrations belong to nexuses by
name and outlive them; they outlive power if the last registration wanted it (APTPL) and there is a place for them.
"""

# DEVIATION: no SPEC_I_PT and no ALL_TG_PT: each nexus registers for itself.

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from emu.hw.scsi.reservations import Access
from emu.hw.scsi.sense import (
    ReservationConflict,
    illegal_request,
    invalid_field_in_cdb,
    invalid_parameter,
    parameter_list_length_error,
)
from emu.hw.scsi.task import Nexus, Steps, Task
from emu.wire.codes.scsi import EIGHT_BYTES, Asc, Reservation, ReserveIn, ReserveOut
from emu.wire.generated.scsi_cdb import ParameterListCdb, PersistentReserveOutCdb
from emu.wire.generated.scsi_persistent_reservations import (
    FullStatusDescriptor,
    RegisterAndMoveList,
    ReservationDescriptor,
    ReserveCapabilities,
    ReserveInHeader,
    ReserveOutList,
)

if TYPE_CHECKING:
    from emu.hw.scsi.logical_unit import LogicalUnit

_TYPES = frozenset(int(kind) for kind in Reservation)
_EXCLUSIVE_ACCESS = (
    int(Reservation.EXCLUSIVE_ACCESS),
    int(Reservation.EXCLUSIVE_ACCESS_REGISTRANTS_ONLY),
    int(Reservation.EXCLUSIVE_ACCESS_ALL_REGISTRANTS),
)
_HOLDER_ONLY = (int(Reservation.WRITE_EXCLUSIVE), int(Reservation.EXCLUSIVE_ACCESS))
_ALL_REGISTRANTS = (
    int(Reservation.WRITE_EXCLUSIVE_ALL_REGISTRANTS),
    int(Reservation.EXCLUSIVE_ACCESS_ALL_REGISTRANTS),
)
REGISTRATIONS: Final = 128  # of one unit
_SPEC_I_PT, _ALL_TG_PT, _APTPL = 0x08, 0x04, 0x01
_UNREG = 0x02
_SCOPE = 0xF0
_TYPE = 0x0F
_HOLDER = 0x01
_GENERATION = 0xFFFF_FFFF
_ALL_TYPES = 0xEA01  # TMV's mask: WR_EX_AR EX_AC_RO WR_EX_RO EX_AC WR_EX; EX_AC_AR
_TMV = 0x80
_PTPL = 0x01


@dataclass(slots=True)
class Registration:
    """One nexus that is registered: its key, and who it is."""

    key: int
    initiator: str
    target_port: int
    transport_id: bytes

    @property
    def name(self) -> str:
        return f"{self.initiator},t,{self.target_port}"


class PersistentReservations:
    """The registrations of a unit, and its reservation.

    registrations: by the name of the nexus, oldest first.  type: 0 for no reservation.  holder: the nexus, unless
    all registrants hold it.
    """

    def __init__(self) -> None:
        self.registrations: dict[str, Registration] = {}
        self.type = 0
        self.holder = ""
        self.generation = 0
        self.through_power_loss = False

    def holds(self, name: str) -> bool:
        """Say whether this nexus holds the reservation."""
        if not self.type:
            return False
        return name in self.registrations if self.type in _ALL_REGISTRANTS else name == self.holder

    def allows(self, name: str, access: Access) -> bool:
        """Say whether the reservation lets this nexus read, or write."""
        if self.holds(name) or (name in self.registrations and self.type not in _HOLDER_ONLY):
            return True
        return access is Access.READ and self.type not in _EXCLUSIVE_ACCESS

    def take(self, name: str, kind: int) -> None:
        self.holder, self.type = name, kind

    def drop(self) -> None:
        self.holder, self.type = "", 0

    def count_up(self) -> None:
        self.generation = self.generation + 1 & _GENERATION

    def record(self) -> dict[str, Any]:
        """Return what is to outlive power: all or nothing."""
        if not self.through_power_loss:
            return {}
        return {
            "generation": self.generation,
            "holder": self.holder,
            "type": self.type,
            "registrations": [
                [f"{it.key:016x}", it.initiator, it.target_port, it.transport_id.hex()]
                for it in self.registrations.values()
            ],
        }

    def recall(self, record: Mapping[str, Any]) -> None:
        """Take what has outlived power."""
        if not record:
            return
        self.through_power_loss = True
        self.generation = record["generation"]
        self.take(record["holder"], record["type"])
        for key, initiator, port, transport_id in record["registrations"]:
            registration = Registration(int(key, 16), initiator, port, bytes.fromhex(transport_id))
            self.registrations[registration.name] = registration


# ---- PERSISTENT RESERVE IN


def _read_keys(unit: "LogicalUnit", task: Task, cdb: ParameterListCdb) -> None:
    """READ KEYS."""
    reservations = unit.reservations
    data = b"".join(_key(it.key) for it in reservations.registrations.values())
    task.reply(ReserveInHeader.pack_fields(reservations.generation, len(data)) + data, cdb.length)


def _read_reservation(unit: "LogicalUnit", task: Task, cdb: ParameterListCdb) -> None:
    """READ RESERVATION."""
    reservations = unit.reservations
    data = b""
    if reservations.type:
        holder = reservations.registrations.get(reservations.holder)
        all_hold = reservations.type in _ALL_REGISTRANTS
        key = 0 if all_hold or holder is None else holder.key
        data = ReservationDescriptor.pack_fields(key, reservations.type)
    task.reply(ReserveInHeader.pack_fields(reservations.generation, len(data)) + data, cdb.length)


def _report_capabilities(unit: "LogicalUnit", task: Task, cdb: ParameterListCdb) -> None:
    """REPORT CAPABILITIES."""
    capable = _PTPL if unit.nonvolatile is not None else 0
    active = _PTPL if unit.reservations.through_power_loss else 0
    data = ReserveCapabilities.pack_fields(ReserveCapabilities.SIZE, capable, _TMV | active, _ALL_TYPES)
    task.reply(data, cdb.length)


def _read_full_status(unit: "LogicalUnit", task: Task, cdb: ParameterListCdb) -> None:
    """READ FULL STATUS."""
    reservations = unit.reservations
    parts = []
    for name, it in reservations.registrations.items():
        holds = reservations.holds(name)
        parts.append(
            FullStatusDescriptor.pack_fields(
                it.key,
                _HOLDER if holds else 0,
                reservations.type if holds else 0,
                it.target_port,
                len(it.transport_id),
            )
            + it.transport_id
        )
    data = b"".join(parts)
    task.reply(ReserveInHeader.pack_fields(reservations.generation, len(data)) + data, cdb.length)


def _key(key: int) -> bytes:
    return EIGHT_BYTES.pack(key)


IN_ACTIONS: Mapping[int, Callable[["LogicalUnit", Task, ParameterListCdb], None]] = MappingProxyType(
    {
        int(ReserveIn.READ_KEYS): _read_keys,
        int(ReserveIn.READ_RESERVATION): _read_reservation,
        int(ReserveIn.REPORT_CAPABILITIES): _report_capabilities,
        int(ReserveIn.READ_FULL_STATUS): _read_full_status,
    }
)


# ---- PERSISTENT RESERVE OUT


def _reserve_out(unit: "LogicalUnit", task: Task, cdb: PersistentReserveOutCdb) -> Steps:
    """Every service action but REGISTER AND MOVE."""
    if cdb.length != ReserveOutList.SIZE:
        raise parameter_list_length_error()
    return _do_reserve_out(unit, task, cdb)


def _do_reserve_out(unit: "LogicalUnit", task: Task, cdb: PersistentReserveOutCdb) -> Steps:
    data = yield from unit.fetch_list(task, cdb.length)
    if len(data) < ReserveOutList.SIZE:
        raise parameter_list_length_error()
    parameters = ReserveOutList.unpack(data)
    action = cdb.action
    if action in (ReserveOut.REGISTER, ReserveOut.REGISTER_AND_IGNORE_EXISTING_KEY):
        _register(unit, task, parameters, check_key=action == ReserveOut.REGISTER)
    else:
        mine = unit.reservations.registrations.get(task.nexus.name)
        if mine is None or mine.key != parameters.key:
            raise ReservationConflict
        match action:
            case ReserveOut.RESERVE:
                _reserve(unit, task.nexus, _type(cdb))
            case ReserveOut.RELEASE:
                _release(unit, task.nexus, cdb.scope_type)
            case ReserveOut.CLEAR:
                _clear(unit, task.nexus)
            case _:
                _preempt(
                    unit,
                    task,
                    _type(cdb),
                    parameters.action_key,
                    abort=action == ReserveOut.PREEMPT_AND_ABORT,
                )
    unit.save()


def _type(cdb: PersistentReserveOutCdb) -> int:
    """Return the type of reservation; the scope is always the logical unit."""
    kind = cdb.scope_type & _TYPE
    if cdb.scope_type & _SCOPE:
        raise invalid_field_in_cdb(2, 7)
    if kind not in _TYPES:
        raise invalid_field_in_cdb(2, 3)
    return kind


def _register(unit: "LogicalUnit", task: Task, parameters: ReserveOutList, check_key: bool) -> None:
    reservations, nexus = unit.reservations, task.nexus
    if parameters.flags & (_SPEC_I_PT | _ALL_TG_PT):
        raise invalid_parameter(20, 3 if parameters.flags & _SPEC_I_PT else 2)
    if parameters.flags & _APTPL and unit.nonvolatile is None:
        raise invalid_parameter(20, 0)
    mine = reservations.registrations.get(nexus.name)
    if check_key and parameters.key != (0 if mine is None else mine.key):
        raise ReservationConflict
    key = parameters.action_key
    if mine is None:
        if not key:
            return
        if len(reservations.registrations) >= REGISTRATIONS:
            raise illegal_request(Asc.INSUFFICIENT_REGISTRATION_RESOURCES)
        _add(reservations, nexus, key)
    elif key:
        mine.key = key
    else:
        _unregister(unit, nexus)
    reservations.through_power_loss = bool(parameters.flags & _APTPL)
    reservations.count_up()


def _add(reservations: PersistentReservations, nexus: Nexus, key: int) -> None:
    reservations.registrations[nexus.name] = Registration(
        key, nexus.initiator, nexus.target_port, nexus.transport_id
    )


def _unregister(unit: "LogicalUnit", nexus: Nexus) -> None:
    """Take a registration away at its own wish, and the reservation with it if nobody else holds that."""
    reservations = unit.reservations
    held = reservations.holds(nexus.name)
    del reservations.registrations[nexus.name]
    kind = reservations.type
    if held and (kind not in _ALL_REGISTRANTS or not reservations.registrations):
        reservations.drop()
        if kind not in _HOLDER_ONLY:
            _tell_registrants(unit, Asc.RESERVATIONS_RELEASED, but=nexus)


def _tell_registrants(unit: "LogicalUnit", asc: int, but: Nexus) -> None:
    for name in unit.reservations.registrations:
        itl = unit.nexuses.get(name)
        if itl is not None and name != but.name:
            unit.tell(itl, asc)


def _reserve(unit: "LogicalUnit", nexus: Nexus, kind: int) -> None:
    reservations = unit.reservations
    if not reservations.type:
        reservations.take(nexus.name, kind)
    elif not reservations.holds(nexus.name) or reservations.type != kind:
        raise ReservationConflict


def _release(unit: "LogicalUnit", nexus: Nexus, scope_type: int) -> None:
    reservations = unit.reservations
    if not reservations.holds(nexus.name):
        return
    kind = reservations.type
    if scope_type != kind:
        raise illegal_request(Asc.INVALID_RELEASE)
    reservations.drop()
    if kind not in _HOLDER_ONLY:
        _tell_registrants(unit, Asc.RESERVATIONS_RELEASED, but=nexus)


def _clear(unit: "LogicalUnit", nexus: Nexus) -> None:
    reservations = unit.reservations
    _tell_registrants(unit, Asc.RESERVATIONS_PREEMPTED, but=nexus)
    reservations.registrations.clear()
    reservations.drop()
    reservations.count_up()


def _preempt(unit: "LogicalUnit", task: Task, kind: int, key: int, abort: bool) -> None:
    reservations, nexus = unit.reservations, task.nexus
    registrations = reservations.registrations
    all_hold = reservations.type in _ALL_REGISTRANTS
    holder = registrations.get(reservations.holder)
    if reservations.type and all_hold:
        takes = not key
        victims = [name for name, it in registrations.items() if not key or it.key == key]
    else:
        if not key:
            raise invalid_parameter(8)
        takes = bool(reservations.type) and holder is not None and holder.key == key
        victims = [name for name, it in registrations.items() if it.key == key]
    if not victims:
        raise ReservationConflict
    before = reservations.type
    for name in victims:
        if name == nexus.name and (takes or not key):
            continue  # who takes the reservation stays registered
        del registrations[name]
        itl = unit.nexuses.get(name)
        if itl is not None and name != nexus.name:
            if abort:
                unit.abort_for(itl, by=nexus)
            unit.tell(itl, Asc.REGISTRATIONS_PREEMPTED)
    if takes:
        reservations.take(nexus.name, kind)
        if before != kind:
            for name in registrations:
                itl = unit.nexuses.get(name)
                if itl is not None and name != nexus.name and name not in victims:
                    unit.tell(itl, Asc.RESERVATIONS_RELEASED)
    elif all_hold and not registrations:
        reservations.drop()
    reservations.count_up()


def _register_and_move(unit: "LogicalUnit", task: Task, cdb: PersistentReserveOutCdb) -> Steps:
    """REGISTER AND MOVE: give the reservation to another nexus, registering it."""
    if cdb.length < RegisterAndMoveList.SIZE:
        raise parameter_list_length_error()
    return _move(unit, task, cdb)


def _move(unit: "LogicalUnit", task: Task, cdb: PersistentReserveOutCdb) -> Steps:
    data = yield from unit.fetch_list(task, cdb.length)
    size = RegisterAndMoveList.SIZE
    if len(data) < size:
        raise parameter_list_length_error()
    parameters = RegisterAndMoveList.unpack(data)
    transport_id = data[size : size + parameters.transport_id_length]
    if len(transport_id) < parameters.transport_id_length:
        raise parameter_list_length_error()
    reservations, nexus = unit.reservations, task.nexus
    mine = reservations.registrations.get(nexus.name)
    if mine is None or mine.key != parameters.key or not reservations.type:
        raise ReservationConflict
    if not reservations.holds(nexus.name) or reservations.type in _ALL_REGISTRANTS:
        raise ReservationConflict
    if cdb.scope_type != reservations.type:
        raise ReservationConflict
    if not parameters.action_key:
        raise invalid_parameter(8)
    if parameters.flags & _APTPL and unit.nonvolatile is None:
        raise invalid_parameter(17, 0)
    other = next(
        (
            itl.nexus
            for itl in unit.nexuses.values()
            if itl.nexus.transport_id == transport_id and itl.nexus.target_port == parameters.port
        ),
        None,
    )
    if other is None or other.name == nexus.name:
        raise invalid_parameter(size)
    _add(reservations, other, parameters.action_key)
    reservations.take(other.name, reservations.type)
    if parameters.flags & _UNREG:
        del reservations.registrations[nexus.name]
    reservations.through_power_loss = bool(parameters.flags & _APTPL)
    reservations.count_up()
    unit.save()


OUT_ACTIONS: Mapping[int, Callable[["LogicalUnit", Task, PersistentReserveOutCdb], Steps]] = MappingProxyType(
    {
        int(action): _register_and_move if action is ReserveOut.REGISTER_AND_MOVE else _reserve_out
        for action in ReserveOut
    }
)
