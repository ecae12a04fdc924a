"""What programs do with units: ask for one, take it away from the hosts, go over all its blocks."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from emu.core.block import BLOCK_BYTES, Function, MediumError
from emu.hw.dup.dialogue import Reply, Step, Work, ask_or_default, do
from emu.hw.mscp.unit import AccessPath

if TYPE_CHECKING:
    from emu.hw.mscp.controller import Controller
    from emu.hw.mscp.unit import Unit

PIECE_BLOCKS = 2048  # at a time; a megabyte


def ask_unit(controller: "Controller", purpose: str) -> Generator[Step, Reply, "Unit | str"]:
    """Ask for a loaded unit by its number; return it, or why there is none."""
    if not controller.units:
        return "The controller has no units."
    numbers = sorted(controller.units)
    answer = yield from ask_or_default(f"Unit number to {purpose}", str(numbers[0]))
    unit = controller.units.get(int(answer)) if answer.isdecimal() else None
    if unit is None:
        return "There is no such unit.  Units are: " + ", ".join(map(str, numbers))
    return unit if unit.medium is not None else f"Unit {unit.number} has no medium."


def in_use(controller: "Controller", unit: "Unit") -> bool:
    """Whether any host has a unit online, by this controller or the other."""
    return controller.is_online(unit) or (unit.other_path is not None and unit.other_path.in_use)


def describe(unit: "Unit") -> str:
    """Say what a unit is."""
    name = unit.drive.name if unit.drive is not None else "?"
    return f"Unit {unit.number}: {name}, {unit.block_count} blocks"


@contextmanager
def diagnosing(controller: "Controller", unit: "Unit") -> Iterator[None]:
    """Have a unit for the program alone; to every host it is disabled meanwhile, and available again afterwards."""
    assert not in_use(controller, unit), "a unit that a host has is not taken away"
    ways = [AccessPath(controller, unit), *([unit.other_path] if unit.other_path is not None else [])]
    for way in ways:
        way.unit.in_diagnosis = True
    try:
        yield
    finally:
        for way in ways:
            way.unit.in_diagnosis = False
            for server in way.controller.servers:
                way.controller.tell_available(way.unit, server)


def work(
    unit: "Unit", function: Function, lbn: int, block_count: int
) -> Generator[Step, Reply, bytes | MediumError]:
    """Have blocks of a unit read or erased; return what was read, or why not."""
    medium = unit.medium
    if medium is None:
        return MediumError("the unit went offline")
    data = bytearray(block_count * BLOCK_BYTES if function == Function.READ else 0)
    views = (memoryview(data),) if data else ()
    progress = f"{lbn} of {unit.block_count} blocks done"
    error = yield from do(Work(progress, medium, unit.device, function, lbn, block_count, views))
    return bytes(data) if error is None else error


def pieces(block_count: int) -> Iterator[tuple[int, int]]:
    """Cut a unit into first block and number of blocks."""
    for lbn in range(0, block_count, PIECE_BLOCKS):
        yield lbn, min(PIECE_BLOCKS, block_count - lbn)
