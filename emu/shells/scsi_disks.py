"""Images on SCSI buses: which target and unit a number is, the drive, and what it keeps without power."""

from pathlib import Path

from emu.core.block import BlockDevice
from emu.hw.scsi.nonvolatile import NonvolatileError
from emu.hw.scsi.profiles import PROFILES
from emu.media.file import FileDevice
from emu.shells.image_files import open_image
from emu.shells.iscsi import StateFile
from emu.shells.mirror_files import side_file_note
from emu.shells.unit_options import SetupError
from emu.sim.world import World

HOST_ID, LUNS = 7, 8  # the first Alpha's identifier on a bus, the next one's is lower; units of a target


def put_on_bus(
    world: World, letter: str, number: int, path: str, drive: str, *, read_only: bool, alphas: int
) -> tuple[BlockDevice, str]:
    """Put an image on a bus, which is there from then on; return its medium, and a line for the banner.

    number: 100 times the target's identifier, and the unit.  alphas: how many will be on the bus.

    Raises:
        SetupError: there cannot be such a disk.
        ImageError: the image cannot be opened.
    """
    name = f"DK{letter}{number}"
    scsi_id, lun = divmod(number, 100)
    if not alphas:
        raise SetupError(f"{name}: only an Alpha has a SCSI bus, and there is none")
    if scsi_id > HOST_ID - alphas or lun >= LUNS:
        raise SetupError(
            f"{name}: wanted an identifier from 0 to {HOST_ID - alphas} and a unit from 00 to 07"
        )
    profile = PROFILES.get(drive.upper()) if drive else None
    if drive and profile is None:
        raise SetupError(f"{name}: {drive} is none of {', '.join(PROFILES)}")
    while len(world.shelves) <= ord(letter) - ord("A"):
        world.add_shelf()
    shelf = world.shelves[ord(letter) - ord("A")]
    medium: FileDevice = open_image(path, read_only=read_only)
    state = None if medium.write_protected else StateFile(Path(f"{path}.scsi"))
    try:
        unit = shelf.add_disk(scsi_id, medium, profile, lun=lun, nonvolatile=state)
    except (ValueError, NonvolatileError) as error:
        medium.close()
        raise SetupError(f"{path}: {error}") from error
    notes = (", write-locked" if medium.write_protected else "") + side_file_note(path)
    return medium, f"  $1${name}:  {unit.profile.name:8}{unit.block_count:10} blocks  {path}{notes}"
