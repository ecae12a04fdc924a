"""HISTRY: what the controller remembers of itself, its ports and its units."""

# DEVIATION: no log of past errors survives in a controller: the last failure of each port is all there is, until a
# host has taken it as the last-fail datagram.

from typing import TYPE_CHECKING

from emu.core.clock import SECOND_NS
from emu.hw.dup.dialogue import Dialogue, finished, tell
from emu.hw.dup.programs.units import describe, in_use

if TYPE_CHECKING:
    from emu.hw.mscp.controller import Controller
    from emu.hw.mscp.unit import Unit


def histry(controller: "Controller") -> Dialogue:
    """Tell it."""
    firmware = controller.firmware
    minutes = controller.clock.now_ns // SECOND_NS // 60
    yield from tell(f"{firmware.name} ({controller.name}), serial number {controller.serial:08X}")
    yield from tell(
        f"Hardware revision {firmware.hardware_version}, software version {firmware.software_version}, "
        f"microcode version {firmware.microcode_version}"
    )
    yield from tell(f"Power-on time {minutes // 60}:{minutes % 60:02}")
    for port in controller.ports:
        failure = f"last failure {port.last_failure:o} octal" if port.last_failure else "no failure"
        yield from tell(f"Port {port.name}: {port.state.value}, {failure}")
    for unit in controller.units.values():
        yield from tell(f"{describe(unit)}, serial number {unit.serial:012X}, {_state(controller, unit)}")
    return finished("End of history")


def _state(controller: "Controller", unit: "Unit") -> str:
    if unit.medium is None:
        return "no medium"
    if unit.in_diagnosis:
        return "in use by a program"
    return "online" if in_use(controller, unit) else "available"
