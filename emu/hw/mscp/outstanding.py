"""Outstanding commands: what is common to everything that waits for a unit or for its medium.

(spec "MSCP", ordering, completion, timeouts.)  An immediate command never gets here.  A command is itself
the request its unit's medium works on, so that a transfer makes one object and no more.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Protocol

from emu.core.block import BlockRequest, CorrectableError, Function, MediumError, MediumWriteProtected
from emu.wire.codes.mscp import EF, SB, SB_SHIFT

if TYPE_CHECKING:
    from emu.hw.mscp.server import MscpServer
    from emu.hw.mscp.unit import Unit


UNMEASURED_WORK = 0xFFFF  # room to shrink while others get on

_LOGGED = int(EF.LOG)
_READ = int(Function.READ)


class Reject(Exception):
    """A command that ends before it has done anything; `status` is the end message's."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status:#06x}")
        self.status = status


class CommandPacket(Protocol):
    """What every command has."""

    crf: int
    unit: int
    opcd: int
    mod: int


class Outstanding(BlockRequest):
    """A command between its arrival and its end message.

    A sequential command starts when every earlier command of its unit has ended, and no later one
    starts before it has ended itself.

    end_flags, log_number: of the end message, set when something went wrong on the way.
    shown: the last answer to GET COMMAND STATUS, and how many commands of the unit had ended by then.
    """

    __slots__ = ("command", "end_flags", "ended", "log_number", "server", "shown", "started", "unit")

    sequential: ClassVar[bool] = False

    def __init__(self, server: "MscpServer", unit: "Unit", command: CommandPacket) -> None:
        self.server = server
        self.unit = unit
        self.command = command
        self.started = False
        self.ended = False
        self.end_flags = 0
        self.log_number = 0
        self.shown: tuple[int, int] | None = None

    def start(self) -> None:
        """Do the command; raise Reject if it is refused as it stands."""
        raise AssertionError("every command starts in its own way")

    def refuse(self, status: int) -> None:
        """Send an end message that says nothing was done."""
        raise AssertionError("every command has its own end message")

    def run(self) -> None:
        """Start, and turn a refusal into the end message: the one place where that happens."""
        self.started = True
        try:
            self.start()
        except Reject as reject:
            self.refuse(reject.status)

    def end(self, text: bytes) -> None:
        """Send the end message, unless the host is gone, and let the unit go on."""
        self.ended = True
        self.server.connection.send_end(text)
        self.unit.retire(self)

    def mention_log(self, number: int) -> None:
        """Have the end message name an error log that the command's host was sent; 0 is none."""
        if number:
            self.log_number = number
            self.end_flags |= _LOGGED

    def remaining(self) -> int:
        """Return a measure of the work left, below 2^28: GET COMMAND STATUS shows it."""
        return UNMEASURED_WORK

    def revoke(self) -> None:
        """Take the memory away from a request the medium still has: whatever it does, nothing moves."""
        self.function = Function.READ
        self.lbn = 0
        self.byte_count = 0
        self.views = ()

    def cut_short(self, status: int, then: Callable[[], None] | None = None) -> None:
        """End now with this status; call `then` after the end message."""
        if self.started:
            self.revoke()
        self.refuse(status)
        if then is not None:
            then()

    def drop(self) -> None:
        """End without an end message: the host is gone."""
        self.ended = True
        if self.started:
            self.revoke()
        self.unit.retire(self)


def medium_status(error: MediumError, function: int) -> int:
    """Return the status word for a failure of a medium: a block that cannot be read is a matter of its data."""
    if isinstance(error, MediumWriteProtected):
        return int(SB.WPR_HARDWARE)
    if isinstance(error, CorrectableError):
        return int(SB.DAT_ECC_1) + (error.symbols - 1 << SB_SHIFT)
    if function == _READ and error.lbn is not None:
        return int(SB.DAT_ECC)
    return int(SB.DRV)
