"""One SCSI disk, as its class driver keeps it: what VMS has in its unit control block."""

from collections import deque
from typing import TYPE_CHECKING

from drivers.classes.disk import Disk, UnitState
from drivers.platform.irp import Irp
from drivers.platform.process import Procedure
from drivers.port.scsi_request import UNTAGGED
from emu.wire.generated.scsi_inquiry import StandardInquiry

if TYPE_CHECKING:
    from drivers.classes.dkdriver import DkDriver


class DkUnit(Disk):
    """One SCSI disk.

    tag: the message that tags its commands, or UNTAGGED.  depth: requests it gets at once.  waiting: requests it has
    no room for; held: those that wait until it is on line again.  NOFE until READ LONG has been seen to work.
    segments: of one EXTENDED COPY, 0 when it knows none.
    """

    __slots__ = (
        "check_bytes",
        "copies",
        "copying",
        "depth",
        "designator",
        "erases",
        "held",
        "inquiry",
        "list_identifier",
        "lun",
        "segment_blocks",
        "segments",
        "tag",
        "target",
        "under_way",
        "verifies",
        "waiting",
        "write_cache",
    )

    driver: "DkDriver"

    def __init__(self, driver: "DkDriver", target: int, lun: int, inquiry: bytes) -> None:
        number = 100 * target + lun
        product = StandardInquiry.unpack(inquiry).product.decode("ascii", "replace")
        super().__init__(
            driver,
            f"${driver.allocation_class}$DK{driver.letter}{number}:",
            f"DK {product.split(maxsplit=1)[0] if product.strip() else 'disk'}",
            driver.allocation_class << 32 | number,
        )
        self.target = target
        self.lun = lun
        self.inquiry = inquiry
        self.designator = b""
        self.tag = UNTAGGED
        self.depth = 1
        self.under_way = 0
        self.waiting: deque[Irp] = deque()
        self.held: deque[Irp] = deque()
        self.write_cache = False
        self.verifies = True
        self.erases = True
        self.no_forced_error = True
        self.check_bytes = 0
        self.segments = 0
        self.segment_blocks = 0
        self.copies: deque[Irp] = deque()
        self.copying = False
        self.list_identifier = 0

    @property
    def is_recovering(self) -> bool:
        return self.state is UnitState.RECOVERING

    def copies_at_a_time(self, source: Disk) -> int:
        """Two commands full of segments: one is collected while the other is done."""
        if (
            isinstance(source, DkUnit)
            and source.driver is self.driver
            and source.target == self.target
            and source.designator
            and self.designator
        ):
            return 2 * self.segments
        return 0

    def force_error(self, lbn: int) -> Procedure:
        return self.driver.forced_errors.write(self, lbn)
