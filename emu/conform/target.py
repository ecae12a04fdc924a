"""What a controller has to be to be judged: two registers, memory, interrupts, time; and what is known of it.

docs/howto/conformance-target.md shows an adapter.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Need(StrEnum):
    """What a clause may need beyond registers and memory; each is a reason to skip."""

    INTERRUPTS = "interrupts that the suite can see"
    NONEXISTENT_MEMORY = "a bus address where there is no memory"
    OTHER_UNIT = "a second writable unit"
    LOCKED_UNIT = "a unit whose write-protect switch is on"
    EMPTY_UNIT = "a drive without a medium"
    REMOVABLE_UNIT = "a unit with a removable medium"
    GAP = "a unit number without a drive below the highest"
    LOADING = "somebody who loads and unloads a medium"
    PROMPT_NEWS = "a controller that announces a medium within seconds"
    BAD_BLOCKS = "somebody who makes blocks bad"
    LASTING_BAD_BLOCKS = "blocks that stay bad: a controller that does not really replace them"
    REPLACED_BLOCKS = "a controller that really replaces a block that has gone bad"
    HOLDING = "somebody who keeps a drive from going on"
    NUMBER_PLUGS = "somebody who changes a drive's number"
    SECOND_HOST = "a second host"
    SECOND_PATH = "a second controller at the same drive"
    BAD_MEMORY = "memory with a parity error"
    DUP = "a DUP server"
    DUP_PROGRAMS = "local programs DIRECT and PARAMS"
    LONG_TIMES = "minutes that pass quickly"
    UNIBUS_ADAPTER = "a UNIBUS port"
    REPLACE = "a controller that leaves bad block replacement to the host"
    CONTROLLER_REPLACES = "a controller that replaces bad blocks itself"
    DISK_COPY_DATA = "a controller with DISK COPY DATA"
    WRITE_HISTORY = "a controller with write history"
    FORMAT = "a controller with FORMAT (opcode 18)"
    FORMAT_RX33 = "a controller with RQDX3's FORMAT (opcode 2F), and an RX33 as its other unit"
    ELEVATOR = "a controller that sorts transfers by cylinder"
    WHOLE_MSCP = "a controller with all of MSCP's disk class, beyond what guests need"


class TargetLost(Exception):
    """The controller, or the way to it, is gone; the text says how.  `renew` begins anew."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the owner of a controller says about it.

    model: of step 4 and the controller identifier.  bus_address_bits: 18 for a UNIBUS, 22 for a Q-bus, 30 for an
    XMI.  memory_bytes: from bus address 0 on, 256 KB are enough.  nonexistent: a bus address without memory,
    directly behind memory if that can be had.

    Units by number: scratch is writable, its data may be lost; other is a second one; locked is write-protected by
    its switch; empty has no medium; removable has one that can be taken out; absent has no drive; gap neither, but
    there is a drive with a higher number.  None where there is none.
    has: what of `Need` there is beyond those units and that address.  attention_seconds: how long it takes until a
    medium that was loaded is noticed.
    """

    name: str
    model: int
    bus_address_bits: int = 22
    memory_bytes: int = 256 << 10
    nonexistent: int | None = None
    scratch: int = 0
    other: int | None = None
    locked: int | None = None
    empty: int | None = None
    removable: int | None = None
    absent: int = 200
    gap: int | None = None
    media_ids: dict[int, int] = field(default_factory=dict)
    has: frozenset[Need] = frozenset()
    attention_seconds: float = 2.5  # an RQDX3 looks for new media once a second

    def missing(self, need: Need) -> bool:
        """Whether a clause that needs this has to be skipped."""
        places = {
            Need.NONEXISTENT_MEMORY: self.nonexistent,
            Need.OTHER_UNIT: self.other,
            Need.LOCKED_UNIT: self.locked,
            Need.EMPTY_UNIT: self.empty,
            Need.REMOVABLE_UNIT: self.removable,
            Need.GAP: self.gap,
        }
        return places[need] is None if need in places else need not in self.has


class Operator(Protocol):
    """Somebody at the drives.  Only what `Facts.has` promises is asked for."""

    def load(self, unit: int) -> None:
        """Put the medium back (LOADING)."""
        ...

    def unload(self, unit: int) -> None:
        """Take the medium out (LOADING)."""
        ...

    def spoil(self, unit: int, lbn: int, times: int | None = None) -> None:
        """Make a block unreadable and unwritable, for so many attempts or for good (BAD_BLOCKS)."""
        ...

    def hold(self, unit: int) -> None:
        """Let no transfer of the unit go on until `release` (HOLDING)."""
        ...

    def release(self, unit: int) -> None:
        """Let transfers go on (HOLDING)."""
        ...

    def renumber(self, unit: int, number: int) -> None:
        """Change a drive's number plug (NUMBER_PLUGS)."""
        ...

    def spoil_memory(self, address: int) -> None:
        """Have the memory at this bus address answer with bad parity (BAD_MEMORY)."""
        ...

    def second_host(self) -> "Target":
        """The controller as a second host sees it (SECOND_HOST)."""
        ...

    def second_path(self) -> "Target":
        """Another controller at the scratch unit, in the same host (SECOND_PATH)."""
        ...


class Target(Protocol):
    """A controller in a host.  Addresses are bus addresses, registers are IP at 0 and SA at 2."""

    @property
    def facts(self) -> Facts: ...

    @property
    def operator(self) -> Operator | None: ...

    def read_register(self, offset: int) -> int: ...

    def write_register(self, offset: int, word: int) -> None: ...

    def read_memory(self, address: int, length: int) -> bytes: ...

    def write_memory(self, address: int, data: bytes) -> None: ...

    def wait(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Let the controller go on until `condition` holds; False when it does not in that time."""
        ...

    def interrupts(self) -> Sequence[int]:
        """The vectors of the interrupts since the last call (INTERRUPTS)."""
        ...

    def renew(self) -> None:
        """Bring drives and media back to what `facts` says; called before every clause."""
        ...

    def close(self) -> None: ...
