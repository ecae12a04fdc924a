"""DIRECT: the list of local programs.  A console that is given no task runs it first, and asks for one then."""

# UNCERTAIN: the form of a line; it is modelled on what RF drives are remembered to print, without their date.

from typing import TYPE_CHECKING

from emu.hw.dup.dialogue import Dialogue, finished, tell

if TYPE_CHECKING:
    from emu.hw.mscp.controller import Controller


def direct(controller: "Controller") -> Dialogue:
    """Name the controller and its programs; D is for standard dialogue."""
    yield from tell(f"{controller.firmware.name} ({controller.name})")
    for name, version in controller.firmware.programs.items():
        yield from tell(f"{name:<6} V{version}.0 D")
    return finished("End of directory")
