"""A unit: a drive under a number, the medium in it, and the order of its commands.

(spec "MSCP", unit states; multi-unit code, identifiers, versions; ordering.)  Whether a unit is online is
a matter between it and one host: the server of that host knows.  Sizes are blocks of 512 bytes.
"""

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from emu.core.block import BlockDevice
from emu.hw.firmware import DriveType
from emu.hw.mscp.elevator import Elevator
from emu.hw.mscp.forced_error import ForcedErrors
from emu.hw.mscp.outstanding import Outstanding
from emu.hw.mscp.own_blocks import OwnBlocks
from emu.hw.mscp.replacement import ReplacementArea
from emu.wire.codes.mscp import SB, UF
from emu.wire.codes.uqssp import CLASS

if TYPE_CHECKING:
    from emu.hw.mscp.controller import Controller
    from emu.hw.mscp.server import MscpServer

UNIQUE_MASK = 0xFFFF_FFFF_FFFF  # 48 bits of an identifier are the unit's own
VOLUME_SERIAL_MASK = 0xFFFF_FFFF
_MODEL_SHIFT = 48
_CLASS_SHIFT = 56

_OFFLINE = int(SB.OFL)
_NO_VOLUME = int(SB.OFL_NO_VOLUME)
_DUPLICATE = int(SB.OFL_DUPLICATE_UNIT)
_SEIZED = int(SB.OFL_EXCLUSIVE)
_DISABLED = int(SB.OFL_DISABLED)
_AVAILABLE = int(SB.AVL)


def identifier(unique: int, model: int, class_: int) -> int:
    """Make the identifier of a controller or a unit."""
    return unique & UNIQUE_MASK | model << _MODEL_SHIFT | class_ << _CLASS_SHIFT


class AccessPath(NamedTuple):
    """A drive's other port: the controller there, and the unit that the drive is to it."""

    controller: "Controller"
    unit: "Unit"

    @property
    def in_use(self) -> bool:
        """Whether any host has the drive online this way."""
        return self.controller.is_online(self.unit)


class Unit:
    """One unit.

    drive: None where there is no unit at all: the one that answers for every unknown number.
    medium: None while nothing is loaded.  active: commands their medium is at work on.  waiting: commands
    that may not start yet; a sequential one stays at the head until it has ended.
    duplicate: another drive shows the same number.  in_diagnosis: a program of the controller has it.
    exclusive: the only host that may use the unit, if one has claimed it.  other_path: the drive's second
    port, where it is cabled.  forced_errors, replacement: what the drive knows of its blocks.
    replaced_lbns: of the replacement; empty, the medium is all there is.
    elevator: where transfers have to take turns at its arm.  ended_count: of its commands.
    """

    def __init__(
        self,
        number: int,
        drive: DriveType | None,
        medium: BlockDevice | None,
        serial: int,
        write_protect_switch: bool,
        own_store: BlockDevice | None = None,
    ) -> None:
        self.number = number
        self.drive = drive
        self.medium = medium
        self.serial = serial
        self.write_protect_switch = write_protect_switch
        self.block_count = drive.block_count if drive else 0
        self.identifier = identifier(serial, drive.model, int(CLASS.DISK)) if drive else 0
        self.forced_errors = ForcedErrors()
        self.replacement: ReplacementArea | None = None
        self.replaced_lbns: list[int] = []
        if drive is not None:
            own = OwnBlocks(drive, serial & VOLUME_SERIAL_MASK, own_store)
            self.forced_errors = ForcedErrors(own.forced_extents(), own.save_forced_extents)
            self.replacement = ReplacementArea(drive, own)
            self.replaced_lbns = self.replacement.replaced_lbns
        self.duplicate = False
        self.in_diagnosis = False
        self.exclusive: MscpServer | None = None
        self.other_path: AccessPath | None = None
        self.elevator: Elevator | None = None
        self.ended_count = 0
        self.active: list[Outstanding] = []
        self.waiting: deque[Outstanding] = deque()
        self._advancing = False

    def status_for(self, server: "MscpServer") -> int:
        """Why the unit is not online to a host: the status of a command that needs it to be."""
        if self.drive is None:
            return _OFFLINE
        if self.duplicate:
            return _DUPLICATE
        if self.medium is None:
            return _NO_VOLUME
        if self.in_diagnosis:
            return _DISABLED
        if self.other_path is not None and self.other_path.in_use:
            return _OFFLINE
        if self.exclusive is not None and self.exclusive is not server:
            return _SEIZED
        return _AVAILABLE

    def share_blocks(self, other: "Unit") -> None:
        """Know of the blocks what another unit does, because it is the same drive."""
        self.forced_errors = other.forced_errors
        self.replacement = other.replacement
        self.replaced_lbns = other.replaced_lbns

    @property
    def device(self) -> BlockDevice:
        """The medium as the drive shows it."""
        medium, replacement = self.medium, self.replacement
        assert medium is not None, "a unit without a medium is not online"
        if not self.replaced_lbns:
            return medium
        assert replacement is not None, "a medium is in a drive"
        return replacement.over(medium)

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
        self.ended_count += 1
        if command in self.active:
            self.active.remove(command)
        if self.elevator is not None:
            self.elevator.leave(command)
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

    def ahead_of(self, command: Outstanding) -> int:
        """Count the commands that have their turn before this one."""
        if not command.started:
            return self.outstanding().index(command)
        return self.elevator.ahead_of(command) if self.elevator is not None else 0
