"""One MSCP disk, as its class driver keeps it: what VMS has in its unit control block."""

from collections import deque
from typing import TYPE_CHECKING, Any

from drivers.classes.disk import Disk
from drivers.platform.irp import Irp
from drivers.platform.process import Procedure
from emu.wire.codes.mscp import UF, media_text

if TYPE_CHECKING:
    from drivers.classes.dudriver import DuDriver

COPIES_AT_A_TIME = 8
_PROTECTED = int(UF.WPH | UF.WPS | UF.WPD)


class DiskUnit(Disk):
    """One MSCP disk.

    held: requests that wait until the unit is on line again.
    """

    __slots__ = ("copy_capable", "held", "number")

    driver: "DuDriver[Any]"

    def __init__(
        self, driver: "DuDriver[Any]", number: int, media: str, identifier: int, name: str = ""
    ) -> None:
        prefix = media.split(maxsplit=1)[0] if media.strip() else "DU"
        name = name or f"${driver.allocation_class}${prefix}{driver.letter}{number}:"
        super().__init__(driver, name, media, identifier, driver.port.served_by)
        self.number = number
        self.copy_capable = False
        self.held: deque[Irp] = deque()

    def learn(self, media: int, identifier: int, flags: int) -> None:
        """Hear what an end message says of the unit."""
        self.media = media_text(media)
        self.identifier = identifier
        self.write_protected = bool(flags & _PROTECTED)

    def force_error(self, lbn: int) -> Procedure:
        return self.driver.write_forced_error(self, lbn)

    def copies_at_a_time(self, source: Disk) -> int:
        return COPIES_AT_A_TIME if self.copy_capable and source.driver is self.driver else 0
