"""FORMAT and ERASE: a unit without data.  Blocks of a medium have no headers: to format is to erase."""

# DEVIATION: RQDX3's FORMAT asks for a drive's parameters, a serial number and a bad block list; nothing of that
# exists here.

from typing import TYPE_CHECKING

from emu.core.block import Function, MediumError
from emu.hw.dup.dialogue import Dialogue, confirm, finished, given_up, tell
from emu.hw.dup.programs.units import ask_unit, describe, diagnosing, in_use, pieces, work

if TYPE_CHECKING:
    from emu.hw.mscp.controller import Controller


def format_unit(controller: "Controller") -> Dialogue:
    """Format a unit that no host has online."""
    return (yield from _wipe(controller, "format", "formatted"))


def erase(controller: "Controller") -> Dialogue:
    """Erase the data of a unit that no host has online."""
    return (yield from _wipe(controller, "erase", "erased"))


def _wipe(controller: "Controller", verb: str, participle: str) -> Dialogue:
    unit = yield from ask_unit(controller, verb)
    if isinstance(unit, str):
        return given_up(unit)
    if in_use(controller, unit):
        return given_up(f"Unit {unit.number} is online to a host.")
    if unit.in_diagnosis:
        return given_up(f"Unit {unit.number} is in use by another program.")
    if unit.write_protected:
        return given_up(f"Unit {unit.number} is write protected.")
    with diagnosing(controller, unit):
        yield from tell(describe(unit))
        if not (yield from confirm("All data on it will be lost.  Continue")):
            return finished(f"Nothing was {participle}.")
        for lbn, count in pieces(unit.block_count):
            outcome = yield from work(unit, Function.ERASE, lbn, count)
            if isinstance(outcome, MediumError):
                return given_up(f"Failed after {lbn} blocks: {outcome}")
        try:
            unit.forced_errors.clear(0, unit.block_count)
        except MediumError as error:
            return given_up(f"The marks of forced errors are still there: {error}")
    return finished(f"Unit {unit.number} is {participle}.")
