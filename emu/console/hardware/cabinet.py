"""The cabinet: the media that operators put into controllers, under the names they know them by.

All consoles of one world share one cabinet.  What touches the host, files and lines, comes from a shell through
`HardwareFiles` and `OpenLine`.  Sizes are blocks of 512 bytes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from emu.console.host_files import HardwareFiles
from emu.core.block import BlockDevice
from emu.sim.world import World


class Line(Protocol):
    """A connection that a console sends to and listens on."""

    @property
    def url(self) -> str: ...

    def send(self, data: bytes) -> None:
        """Send bytes; on a line that is gone they are lost."""
        ...

    def listen(self, hear: Callable[[bytes], None]) -> None:
        """Give what comes in to `hear` from now on."""
        ...

    def close(self) -> None: ...


class Link(Protocol):
    """What serves the world from outside: a bus link, a listener for consoles."""

    def __str__(self) -> str:
        """Say in one line what it is and how it is."""
        ...


OpenLine = Callable[[str], Line]  # by URL; raises HostFileError


@dataclass(eq=False, slots=True)
class Disk:
    """A disk in the cabinet.

    path: of the image, for people and for SAVE.
    """

    name: str
    path: str
    medium: BlockDevice
    read_only: bool = False


class Cabinet:
    """What is plugged in where.

    product: name and version of the program.  open_line: None where nobody gives lines.  links: what the shell
    serves the world with.  idle: disks of units that an operator has stopped, by position of the controller and number.
    """

    def __init__(
        self,
        world: World,
        files: HardwareFiles,
        *,
        open_line: OpenLine | None = None,
        product: str = "hbvs",
    ) -> None:
        self.world = world
        self.files = files
        self.open_line = open_line
        self.product = product
        self.links: list[Link] = []
        self.disks: dict[str, Disk] = {}
        self.idle: dict[tuple[int, int], Disk] = {}

    def adopt(self, path: str, medium: BlockDevice, *, read_only: bool = False, name: str = "") -> Disk:
        """Take over a medium that a shell has opened: the cabinet closes it."""
        disk = Disk(name or self.free_name(0, 0), path, medium, read_only)
        self.disks[disk.name] = disk
        return disk

    def open(self, name: str, path: str, *, read_only: bool, new_blocks: int | None = None) -> Disk:
        """Open an image, or make a new one; raises HostFileError."""
        assert name not in self.disks, "the caller has asked whether the name is free"
        medium = self.files.open_image(path, read_only=read_only, new_blocks=new_blocks)
        disk = self.disks[name] = Disk(name, path, medium, read_only)
        return disk

    def take_out(self, disk: Disk) -> None:
        """Forget a disk that no unit uses any more, and close it."""
        del self.disks[disk.name]
        disk.medium.close()

    def disk_of(self, medium: BlockDevice | None) -> Disk | None:
        """The disk that this medium is."""
        return next((disk for disk in self.disks.values() if disk.medium is medium), None)

    def free_name(self, position: int, number: int) -> str:
        """Choose a name as an HSZ does: DISK, port, two digits of target, two of LUN."""
        mirrors = self.world.mirrors.values()
        taken = [*self.disks, *(disk.name for mirror in mirrors for disk in mirror.disks)]
        port, target, lun = position + 1, number % 100, number // 100
        while (name := f"DISK{port}{target:02}{lun:02}") in taken:
            lun += 1
        return name

    def close(self) -> None:
        """Close every image; the world is at rest by then, and what matters is flushed."""
        for disk in list(self.disks.values()):
            self.take_out(disk)
        self.idle.clear()
