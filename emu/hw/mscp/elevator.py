"""The elevator: which transfer of a unit its arm goes to next.

(spec "MSCP", ordering, completion, timeouts; modifiers.)  Real drives have one arm, and a controller sends it across
the cylinders and back, taking the transfers on its way.  A medium that answers at once leaves nothing to sort.
"""

# UNCERTAIN: of the order only "by cylinder" is known, and that an express request comes first.  That several
# of those go in order of arrival, and that a transfer for where the arm is waits for the way back, is a choice:
# so no transfer waits for more than two sweeps.

from bisect import insort
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from emu.wire.codes.mscp import MD

if TYPE_CHECKING:
    from emu.hw.mscp.movement import Movement
    from emu.hw.mscp.outstanding import Outstanding
    from emu.hw.mscp.server import MscpServer

_EXPRESS = int(MD.EXP)

Entry = tuple[int, int, "Movement"]  # cylinder in the sweep's direction, arrival, transfer


class Elevator:
    """The transfers of one unit that wait for its arm, and the one that has it.

    cylinder_blocks: LBNs of a cylinder.
    """

    def __init__(self, cylinder_blocks: int) -> None:
        self._cylinder_blocks = cylinder_blocks
        self._current: Movement | None = None
        self._express: deque[Movement] = deque()
        self._sweep: list[Entry] = []  # ahead of the arm
        self._behind: list[Movement] = []  # for the way back
        self._upward = True
        self._cylinder = 0
        self._arrivals = 0
        self._serving = False

    def enter(self, transfer: "Movement") -> bool:
        """Give a transfer the arm if that is free; else it waits, and `go_on` is called when it is its turn."""
        if transfer is self._current:
            return True
        if self._current is None:
            self._current = transfer
            self._cylinder = self._cylinder_of(transfer)
            return True
        if transfer.command.mod & _EXPRESS:
            self._express.append(transfer)
            return False
        cylinder = self._cylinder_of(transfer)
        if cylinder > self._cylinder if self._upward else cylinder < self._cylinder:
            self._insert(transfer)
        else:
            self._behind.append(transfer)
        return False

    def leave(self, command: "Outstanding") -> None:
        """Hear that a command of the unit has ended; whoever is next has the arm."""
        if command is not self._current:
            self._forget(command)
            return
        self._current = None
        if self._serving:
            return  # it ended at once: the loop goes on
        self._serving = True
        while self._current is None and (transfer := self._next()) is not None:
            self._current = transfer
            transfer.go_on()
        self._serving = False

    def ahead_of(self, command: "Outstanding") -> int:
        """Count the transfers that are served before this one."""
        coming_back = sorted(self._behind, key=self._cylinder_of, reverse=self._upward)
        order = [self._current, *self._express, *(entry[2] for entry in self._sweep), *coming_back]
        return order.index(command) if command in order else 0

    def _cylinder_of(self, transfer: "Movement") -> int:
        return transfer.command.lbn // self._cylinder_blocks

    def _insert(self, transfer: "Movement") -> None:
        cylinder = self._cylinder_of(transfer)
        self._arrivals += 1
        insort(self._sweep, (cylinder if self._upward else -cylinder, self._arrivals, transfer))

    def _next(self) -> "Movement | None":
        if self._express:
            return self._express.popleft()
        if not self._sweep:
            self._upward = not self._upward
            behind, self._behind = self._behind, []
            for transfer in behind:
                self._insert(transfer)
        if not self._sweep:
            return None
        transfer = self._sweep.pop(0)[2]
        self._cylinder = self._cylinder_of(transfer)
        return transfer

    def _forget(self, command: "Outstanding") -> None:
        self._keep(lambda transfer: transfer is not command)

    def forget(self, server: "MscpServer | None" = None) -> None:
        """Let none of those wait any more that a host has sent, or of all: they are about to be ended."""
        self._keep(lambda transfer: server is not None and transfer.server is not server)

    def _keep(self, wanted: "Callable[[Movement], bool]") -> None:
        self._express = deque(filter(wanted, self._express))
        self._sweep = [entry for entry in self._sweep if wanted(entry[2])]
        self._behind = [*filter(wanted, self._behind)]
