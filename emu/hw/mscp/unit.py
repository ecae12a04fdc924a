"""A unit: a drive under a number, the medium in it, and the order of its commands.

(spec "MSCP", unit states; multi-unit code, identifiers, versions; ordering.)  Whether a unit is online is
a matter between it and one host: the server of that host knows.  Sizes are blocks of 512 bytes.
"""

from collections import deque

from emu.core.block import BlockDevice
from emu.hw.firmware import DriveType
from emu.hw.mscp.outstanding import Outstanding
from emu.wire.codes.mscp import SB, UF
from emu.wire.codes.uqssp import CLASS

UNIQUE_MASK = 0xFFFF_FFFF_FFFF  # 48 bits of an identifier are the unit's own
_MODEL_SHIFT = 48
_CLASS_SHIFT = 56

_OFFLINE = int(SB.OFL)
_NO_VOLUME = int(SB.OFL_NO_VOLUME)
_AVAILABLE = int(SB.AVL)


def identifier(unique: int, model: int, class_: int) -> int:
    """Make the identifier of a controller or a unit."""
    return unique & UNIQUE_MASK | model << _MODEL_SHIFT | class_ << _CLASS_SHIFT


class Unit:
    """One unit.

    drive: None where there is no unit at all: the one that answers for every unknown number.
    medium: None while nothing is loaded.  active: commands their medium is at work on.  waiting: commands
    that may not start yet; a sequential one stays at the head until it has ended.
    """

    def __init__(
        self,
        number: int,
        drive: DriveType | None,
        medium: BlockDevice | None,
        serial: int,
        write_protect_switch: bool,
    ) -> None:
        self.number = number
        self.drive = drive
        self.medium = medium
        self.serial = serial
        self.write_protect_switch = write_protect_switch
        self.block_count = drive.block_count if drive else 0
        self.identifier = identifier(serial, drive.model, int(CLASS.DISK)) if drive else 0
        self.active: list[Outstanding] = []
        self.waiting: deque[Outstanding] = deque()
        self._advancing = False

    @property
    def status(self) -> int:
        """Why the unit is not online: the status of a command that needs it to be."""
        if self.medium is not None:
            return _AVAILABLE
        return _OFFLINE if self.drive is None else _NO_VOLUME

    @property
    def write_protected(self) -> bool:
        """Protected by switch, by drive type or by medium: hardware protection all."""
        if self.drive is None or self.medium is None:
            return self.write_protect_switch
        return self.write_protect_switch or self.drive.read_only or self.medium.write_protected

    @property
    def flags(self) -> int:
        """The unit flags that the unit itself sets."""
        flags = 0
        if self.drive is not None and self.drive.removable:
            flags |= UF.RMV
        if self.write_protected:
            flags |= UF.WPH
        return int(flags)

    # ---- the order of commands

    def submit(self, command: Outstanding) -> None:
        """Start a command as soon as the order allows."""
        if command.sequential:
            self.waiting.append(command)
            self._advance()
        elif self.waiting:
            self.waiting.append(command)
        else:
            command.run()
            if not command.ended:
                self.active.append(command)

    def retire(self, command: Outstanding) -> None:
        """Hear that a command has ended."""
        if command in self.active:
            self.active.remove(command)
        if self.waiting:
            self._advance()

    def _advance(self) -> None:
        """Start what may start.  A command that ends at once comes back by `retire`; the loop goes on."""
        if self._advancing:
            return
        self._advancing = True
        waiting = self.waiting
        while waiting:
            command = waiting[0]
            if command.ended:
                waiting.popleft()
            elif not command.sequential:
                waiting.popleft()
                command.run()
                if not command.ended:
                    self.active.append(command)
            elif self.active or command.started:
                break
            else:
                command.run()
        self._advancing = False

    def outstanding(self) -> list[Outstanding]:
        """List the commands that have not ended, oldest claim first."""
        return [*self.active, *(command for command in self.waiting if not command.ended)]
