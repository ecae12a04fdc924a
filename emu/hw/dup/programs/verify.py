"""VERIFY: can every block of a unit be read?  A host may have the unit online meanwhile."""

from typing import TYPE_CHECKING

from emu.core.block import Function, MediumError
from emu.hw.dup.dialogue import Dialogue, Part, finished, given_up, tell
from emu.hw.dup.programs.units import ask_unit, describe, pieces, work

if TYPE_CHECKING:
    from emu.hw.mscp.controller import Controller
    from emu.hw.mscp.unit import Unit

REPORTED_BLOCKS = 10  # named one by one; the rest is counted


def verify(controller: "Controller") -> Dialogue:
    """Read a unit from end to end, and name the blocks that cannot be read."""
    unit = yield from ask_unit(controller, "verify")
    if isinstance(unit, str):
        return given_up(unit)
    yield from tell(describe(unit))
    bad: list[int] = []
    for lbn, count in pieces(unit.block_count):
        yield from _examine(unit, lbn, count, bad)
        if unit.medium is None:
            return given_up(f"Unit {unit.number} went offline.")
    marked = unit.forced_errors.block_count
    if marked:
        yield from tell(f"{marked} blocks have a forced error: their data is known to be wrong.")
    if not bad:
        return finished(f"{unit.block_count} blocks read, no errors.")
    return finished(f"{unit.block_count} blocks read, {len(bad)} of them with errors.")


def _examine(unit: "Unit", lbn: int, count: int, bad: list[int]) -> Part:
    """Read blocks, and of what fails the halves, down to the guilty blocks."""
    outcome = yield from work(unit, Function.READ, lbn, count)
    if not isinstance(outcome, MediumError) or unit.medium is None:
        return
    if count > 1:
        half = count // 2
        yield from _examine(unit, lbn, half, bad)
        yield from _examine(unit, lbn + half, count - half, bad)
        return
    bad.append(lbn)
    if len(bad) <= REPORTED_BLOCKS:
        yield from tell(f"LBN {lbn}: {outcome}")
