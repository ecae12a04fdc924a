"""DKUTIL: look at single blocks of a unit."""

# DEVIATION: of the block utility's commands those that change a disk, or its replacement table, are not there.
# UNCERTAIN: the words of the commands.

from typing import TYPE_CHECKING

from emu.core.block import Function, MediumError
from emu.hw.dup.dialogue import Dialogue, Part, ask, finished, tell
from emu.hw.dup.programs.units import ask_unit, describe, work

if TYPE_CHECKING:
    from emu.hw.mscp.controller import Controller
    from emu.hw.mscp.unit import Unit

LINE_BYTES = 16
HELP = (
    "GET         take another unit",
    "DISPLAY     tell what the unit is, its replaced blocks and forced errors",
    "DUMP lbn    show a block, as bytes and characters",
    "EXIT        leave",
)


def dkutil(controller: "Controller") -> Dialogue:
    """Take commands until EXIT."""
    unit = yield from ask_unit(controller, "look at")
    while True:
        if isinstance(unit, str):
            yield from tell(unit)
        line = yield from ask("DKUTIL> ")
        verb, *words = line.split() or [""]
        if verb == "EXIT":
            return finished("")
        if verb == "GET":
            unit = yield from ask_unit(controller, "look at")
        elif verb == "DISPLAY" and not isinstance(unit, str):
            yield from _display(unit)
        elif verb == "DUMP" and not isinstance(unit, str) and len(words) == 1 and words[0].isdecimal():
            yield from _dump(unit, int(words[0]))
        elif verb:
            for text in HELP:
                yield from tell(text)


def _display(unit: "Unit") -> Part:
    """Tell what the unit is, and what it knows of its blocks."""
    yield from tell(describe(unit))
    for lbn in unit.replaced_lbns:
        assert unit.replacement is not None, "replaced blocks are in a drive"
        yield from tell(f"LBN {lbn} is replaced by RBN {unit.replacement.rbn_of(lbn)}.")
    if unit.forced_errors.starts:
        yield from tell(f"Blocks with a forced error: {unit.forced_errors.block_count}.")


def _dump(unit: "Unit", lbn: int) -> Part:
    if lbn >= unit.block_count:
        yield from tell(f"Blocks are 0 to {unit.block_count - 1}.")
        return
    block = yield from work(unit, Function.READ, lbn, 1)
    if isinstance(block, MediumError):
        yield from tell(f"LBN {lbn}: {block}")
        return
    for place in range(0, len(block), LINE_BYTES):
        line = block[place : place + LINE_BYTES]
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in line)
        yield from tell(f"{place:03X}  {line.hex(' ').upper()}  {text}")
