"""The disks of `hbvs console`: which images there are, their unit numbers, and how they are plugged in."""

import re
from argparse import Namespace
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from emu.core.block import BLOCK_BYTES, BlockDevice
from emu.hw.firmware import Firmware, FirmwareError
from emu.media.file import FileDevice
from emu.media.slow import SlowDevice
from emu.shells.image_files import open_image
from emu.shells.mirror_files import side_file_note
from emu.shells.own_files import own_file
from emu.shells.scsi_disks import put_on_bus
from emu.shells.unit_options import SetupError, unit_option
from emu.sim.world import World, drive_for, mechanics_of

FIRST_UNIT = 10
PLAY_DISKS = ("one", "two", "three")
PLAY_DRIVE = "RA80"

_SIZE = re.compile(r"(\d+)([KMG]?)", re.IGNORECASE)
_SCALE = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """An image to plug in; drive "" is the one of its size, number None the next free one."""

    path: str
    bus: str = "DU"
    letter: str = "A"
    number: int | None = None
    drive: str = ""
    read_only: bool = False
    mechanics: bool = False


def requested_images(options: Namespace, firmware: Firmware) -> list[ImageRequest]:
    """List the images that were asked for, and make the new ones.

    Raises:
        SetupError: an argument is not written so.
        ImageError: a new image cannot be made.
    """
    requests = [_unit_request(text) for text in options.unit]
    requests += [ImageRequest(path) for path in options.images]
    requests += [_new_image(text, firmware) for text in options.new]
    return requests


def _unit_request(text: str) -> ImageRequest:
    option = unit_option(text)
    return ImageRequest(
        option.medium,
        option.bus,
        option.letter,
        option.number,
        option.drive,
        option.read_only,
        option.mechanics,
    )


def _new_image(text: str, firmware: Firmware) -> ImageRequest:
    path, _, size = text.rpartition("=")
    drive = firmware.drives.get(size.upper())
    match = _SIZE.fullmatch(size)
    if not path or (drive is None and match is None):
        raise SetupError(
            f"--new {text}: wanted PATH=DRIVE or PATH=SIZE; drives are {', '.join(firmware.drives)}"
        )
    if drive is not None:
        block_count = drive.block_count
    else:
        assert match is not None, "a size was read"
        scale = _SCALE.get(match[2].upper())
        block_count = int(match[1]) * scale // BLOCK_BYTES if scale else int(match[1])
    FileDevice.create(Path(path).expanduser(), block_count).close()
    return ImageRequest(path, drive=size if drive is not None else "")


def play_images(folder: str, firmware: Firmware) -> Iterator[ImageRequest]:
    """Make empty images in a folder, to play with."""
    drive = firmware.drives.get(PLAY_DRIVE) or next(iter(firmware.drives.values()))
    for name in PLAY_DISKS:
        path = Path(folder) / f"{name}.img"
        FileDevice.create(path, drive.block_count).close()
        yield ImageRequest(str(path), drive=drive.name)


def numbered(requests: Iterable[ImageRequest]) -> Iterator[ImageRequest]:
    """Give a unit number to every image that has none."""
    requests = list(requests)
    taken = [(r.bus, r.letter, r.number) for r in requests if r.number is not None]
    number = FIRST_UNIT
    for request in requests:
        if request.number is not None:
            yield request
            continue
        while (request.bus, request.letter, number) in taken:
            number += 1
        yield replace(request, number=number)
        number += 1


def plug_in(
    world: World, request: ImageRequest, mechanics: bool, *, shared: bool, alphas: int
) -> tuple[BlockDevice, str]:
    """Plug an image in; return its medium, and a line for the banner.

    request: with a number.  mechanics: drives take their time.  shared: with other processes.  alphas: how many will
    be on a SCSI bus.

    Raises:
        SetupError: there cannot be such a disk.
        ImageError: the image cannot be opened.
    """
    if request.bus == "DK":
        return _put_on_bus(world, request, shared=shared, alphas=alphas)
    return _plug_into_controller(world, request, mechanics, shared=shared)


def _plug_into_controller(
    world: World, request: ImageRequest, mechanics: bool, *, shared: bool
) -> tuple[BlockDevice, str]:
    index = ord(request.letter) - ord("A")
    if index >= len(world.controllers):
        raise SetupError(
            f"DU{request.letter}{request.number}: there are only {len(world.controllers)} controllers"
        )
    controller = world.controllers[index]
    medium: BlockDevice = open_image(request.path, read_only=request.read_only, shared=shared)
    try:
        drive = drive_for(controller.firmware, medium, request.drive)
        # A drive that several processes have keeps nothing of its own: the file has room for one of them.
        own_store = None if shared else own_file(request.path, write_protected=medium.write_protected)
        moving = mechanics_of(drive) if mechanics or request.mechanics else None
        if moving is not None:
            medium = SlowDevice.of_drive(medium, moving, world.clock)
        assert request.number is not None, "units have got their numbers"
        controller.attach_unit(request.number, medium, drive, has_arm=moving is not None, own_store=own_store)
    except (ValueError, FirmwareError) as error:
        medium.close()
        raise SetupError(f"{request.path}: {error}") from error
    except BaseException:
        medium.close()
        raise
    notes = ", write-locked" if medium.write_protected else ""
    notes += side_file_note(request.path)
    return medium, (
        f"  $1$DU{request.letter}{request.number}:  {drive.name:8}{drive.block_count:10} blocks  {request.path}{notes}"
    )


def _put_on_bus(world: World, request: ImageRequest, *, shared: bool, alphas: int) -> tuple[BlockDevice, str]:
    if shared:
        raise SetupError(
            f"{request.path}: a SCSI bus is in one process, its disks are not shared with others"
        )
    if request.mechanics:
        raise SetupError(f"{request.path}: there are no mechanics of SCSI disks")
    assert request.number is not None, "units have got their numbers"
    return put_on_bus(
        world,
        request.letter,
        request.number,
        request.path,
        request.drive,
        read_only=request.read_only,
        alphas=alphas,
    )
