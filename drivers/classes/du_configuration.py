"""A controller that has come up: its characteristics are set, and its units are found.

(spec "What host drivers do", recipe.)  Units that announce themselves later are found the same way.
"""

from typing import TYPE_CHECKING, Any

from drivers.classes.disk import UnitState
from drivers.classes.du_timeout import DEFAULT_TIMEOUT_S
from drivers.classes.du_unit import DiskUnit
from drivers.platform.process import Procedure
from emu.wire.codes.mscp import CF, MD, OP, ST, ST_MASK, media_text
from emu.wire.generated.mscp import (
    EndHeader,
    GetUnitNameEnd,
    GetUnitStatusEnd,
    Header,
    SetControllerCharacteristicsCommand,
    SetControllerCharacteristicsEnd,
)

if TYPE_CHECKING:
    from drivers.classes.dudriver import DuDriver

DEFAULT_MAXIMUM_BYTES = 1 << 24  # when the controller names none
HOST_FLAGS = CF.ATN | CF.MSC | CF.THS  # 00D0, what VMS and BSD send

_SUCCESS, _OFFLINE = int(ST.SUC), int(ST.OFL)
_IN_USE = (UnitState.ONLINE, UnitState.RECOVERING)


class Configuration:
    """What one driver does to know its controller and units."""

    def __init__(self, driver: "DuDriver[Any]") -> None:
        self._driver = driver

    def connect(self) -> Procedure:
        """SET CONTROLLER CHARACTERISTICS; then find the units, those that came meanwhile too."""
        driver = self._driver
        losses = driver.losses
        end = yield from driver.exchange(
            lambda reference: SetControllerCharacteristicsCommand(
                crf=reference, opcd=int(OP.SCC), cntf=int(HOST_FLAGS)
            ).pack(),
            immediate=True,
        )
        if losses != driver.losses:
            return  # lost again meanwhile; the next start does it all
        answer = SetControllerCharacteristicsEnd.unpack(end)
        if answer.sts & ST_MASK != _SUCCESS:
            driver.port.restart()
            return
        driver.controller_flags = answer.cntf
        driver.controller_timeout_s = answer.ctmo or DEFAULT_TIMEOUT_S
        driver.timeout.stop()  # which knew of no timeout yet
        driver.maximum_bytes = min(
            answer.mbcnt or DEFAULT_MAXIMUM_BYTES, driver.platform.maximum_buffer_bytes
        )
        yield from self._walk_units()
        if losses != driver.losses:
            return
        driver.port.started()
        driver.running.set()
        driver.credits_came()
        driver.ready.set(True)

    def unit_announced(self, number: int) -> None:
        """Hear an AVAILABLE attention: a unit became ready by itself."""
        unit = self._driver.units.get(number)
        if unit is None:
            self._driver.platform.process(f"find unit {number}", self._find_unit(number))
        elif unit.state is UnitState.OFFLINE:
            unit.enter(UnitState.AVAILABLE)

    def _walk_units(self) -> Procedure:
        number = 0
        while True:
            found = yield from self._find_unit(number)
            if found is None or found < number:
                return
            number = found + 1

    def _find_unit(self, number: int) -> Procedure:
        """GET UNIT STATUS of this unit or the next above; returns its number, None when there is none."""
        driver = self._driver
        end = yield from driver.exchange(
            lambda reference: Header(crf=reference, unit=number, opcd=int(OP.GUS), mod=MD.NXU).pack(),
            immediate=True,
        )
        if not end:
            return None
        status = GetUnitStatusEnd.unpack(end)
        offline = status.sts & ST_MASK == _OFFLINE
        if offline and not status.medi:
            return None
        if status.unit < number:
            return status.unit
        unit = driver.units.get(status.unit)
        if unit is None:
            name = ""
            if driver.port.served_by:
                name = yield from self._ask_name(status.unit)
                if not name:
                    return None
            unit = DiskUnit(driver, status.unit, media_text(status.medi), status.unti, name)
            unit.state = UnitState.OFFLINE if offline else UnitState.AVAILABLE
            unit.learn(status.medi, status.unti, status.unfl)
            driver.units[status.unit] = unit
            driver.units = dict(sorted(driver.units.items()))
        elif unit.state not in _IN_USE:
            unit.enter(UnitState.OFFLINE if offline else UnitState.AVAILABLE)
        return status.unit

    def _ask_name(self, number: int) -> Procedure:
        """GET UNIT NAME: the device name that a unit has at its server; "" when it tells none."""
        end = yield from self._driver.exchange(
            lambda reference: Header(crf=reference, unit=number, opcd=int(OP.GUN)).pack(), immediate=True
        )
        if not end or EndHeader.unpack(end).sts & ST_MASK != _SUCCESS:
            return ""
        answer = GetUnitNameEnd.unpack(end)
        return answer.name[: answer.namelen].decode("ascii", "replace")
