"""A controller that replaces bad blocks by itself, and tells hosts afterwards, in a log.

(spec "MSCP", forced error, RCT and bad block replacement; error log messages, format 9.)  A block is bad when it fails
a second time, alone.  The replacement block takes its place for good.
"""

# DEVIATION: a real controller tries a block with patterns first, and writes the data of a replacement under way into
# the table.  Here nothing is written to the bad block, so that the image stays as it is, and it takes no time.
# UNCERTAIN: that the command which met a full table ends with what it met, and the unit is available after it.

from typing import TYPE_CHECKING

from emu.core.block import MediumError
from emu.hw.mscp.errorlog import log_replacement
from emu.wire.codes.mscp import RF, SB

if TYPE_CHECKING:
    from emu.hw.mscp.movement import Movement


def replace_bad_block(command: "Movement", lbn: int, cause: int, *, data_lost: bool) -> bool:
    """Put a replacement block in the place of a bad one; True when that has been done.

    cause: the event that it was found bad by.  data_lost: what was on it could not be read; the replacement block
    has a forced error, until somebody writes it.
    """
    unit = command.unit
    area = unit.replacement
    assert area is not None, "an online unit has a drive"
    old = area.rbn_of(lbn)
    flags = RF.RPA | RF.FER if data_lost else RF.RPA
    if old is not None:
        flags |= RF.RBB
    rbn = area.free_rbn(lbn)
    if rbn is None:
        command.mention_log(log_replacement(command, SB.BBR_RCT_FULL, flags, lbn, old or 0, 0, cause))
        command.server.controller.force_available(unit)
        return False
    try:
        area.allocate(lbn, rbn)
        area.revector(lbn, rbn)
        if data_lost:
            unit.forced_errors.mark(lbn, lbn + 1)
    except MediumError:
        command.mention_log(log_replacement(command, SB.BBR_DRIVE_ACCESS, flags, lbn, old or 0, rbn, cause))
        return False
    command.mention_log(log_replacement(command, SB.BBR_OK, flags, lbn, old or 0, rbn, cause))
    return True
