"""A disk as everything above the class drivers sees it: mounts, shadow sets, displays.

MSCP or SCSI makes no difference here; DUDRIVER and DKDRIVER subclass `Disk`.
"""

from enum import Enum
from typing import Any, Protocol

from drivers.platform.host import Platform
from drivers.platform.irp import AT_ONCE, Irp
from drivers.platform.process import Procedure
from emu.core.trace import StateChanged


class UnitState(Enum):
    OFFLINE = "offline"
    AVAILABLE = "available"
    ONLINE = "online"
    RECOVERING = "recovering"  # was on line, and is being brought on line again


# UNCERTAIN: the default costs; that a served disk is dearer than every direct one is certain (spec 2.1).
# DEVIATION: there are no DECram disks.
DIRECT_READ_COST = 2
OTHER_SITE_READ_COST = 42
SERVED_READ_COST = 501
SERVED_COPY_DELAY_S = (
    30  # a node waits so long for each of its served members before it offers to copy (spec 2.9)
)


class ClassDriver(Protocol):
    """The driver of a disk, as the disk and others see it; `unit` is one of its own."""

    allocation_class: int

    @property
    def platform(self) -> Platform: ...

    def start_io(self, unit: Any, irp: Irp) -> None: ...

    def bring_online(self, unit: Any) -> Procedure: ...

    def make_available(self, unit: Any) -> Procedure: ...


class Disk:
    """One disk: what VMS keeps in its unit control block.

    media: "DU RA92".  identifier: 64 bits by which the disk is known wherever it is plugged in.  queue_length:
    requests handed down and not yet answered; operations, errors: counts since boot.  no_forced_error: NOFE, blocks
    cannot be marked as wrong.  served_by: the node whose MSCP server is the way to it, "" when there is a direct one.
    """

    __slots__ = (
        "block_count",
        "driver",
        "errors",
        "identifier",
        "media",
        "name",
        "no_forced_error",
        "operations",
        "queue_length",
        "read_cost",
        "served_by",
        "state",
        "write_protected",
    )

    driver: ClassDriver

    def __init__(
        self, driver: ClassDriver, name: str, media: str, identifier: int, served_by: str = ""
    ) -> None:
        self.driver = driver
        self.name = name
        self.media = media
        self.identifier = identifier
        self.state = UnitState.AVAILABLE
        self.block_count = 0
        self.write_protected = False
        self.queue_length = 0
        self.operations = 0
        self.errors = 0
        self.no_forced_error = False
        self.served_by = served_by
        self.read_cost = self.default_read_cost

    @property
    def platform(self) -> Platform:
        return self.driver.platform

    @property
    def copy_delay_s(self) -> int:
        """Seconds that a node waits for this member before it offers to copy, so that one with a direct way wins."""
        return SERVED_COPY_DELAY_S if self.served_by else 0

    @property
    def default_read_cost(self) -> int:
        return SERVED_READ_COST if self.served_by else DIRECT_READ_COST

    def queue_io(self, irp: Irp) -> None:
        """Start a request; it completes later, never inside this call."""
        driver = self.driver
        irp.unit = self
        if irp.io_epoch == AT_ONCE:
            irp.io_epoch = driver.platform.io_epoch
        self.queue_length += 1
        driver.start_io(self, irp)

    def online(self) -> Procedure:
        """Bring the unit on line (PACKACK); returns SS.*."""
        return self.driver.bring_online(self)

    def available(self) -> Procedure:
        """Give the unit up (AVAILABLE); returns SS.*."""
        return self.driver.make_available(self)

    def copies_at_a_time(self, source: "Disk") -> int:
        """Say how many IO.DISK_COPY_DATA requests from `source` are worth having under way; 0 when none can be done."""
        return 0

    def force_error(self, lbn: int) -> Procedure:
        """Mark a block: until it is written, it reads with PARITY or FORCEDERROR (forced error); returns SS.*."""
        raise AssertionError("a disk marks blocks, or says that it cannot")

    def enter(self, state: UnitState) -> None:
        """Change the state."""
        if self.state is state:
            return
        platform = self.platform
        if StateChanged in platform.tracer.heard:
            now_ns, source = platform.clock.now_ns, f"{platform.name}/{self.name}"
            platform.tracer.emit(StateChanged(now_ns, source, self.state.value, state.value))
        self.state = state
