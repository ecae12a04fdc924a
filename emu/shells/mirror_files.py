"""The files of a mirror set: `shadow(a.dsk,b.dsk)`, each image with a side file a.dsk.shadow beside it.

The image is raw: the guest's blocks and nothing else.  The side file has 127 blocks for the shadow driver, and one
that says to which image it belongs and how that image was left.  An image is written by the set alone, and only
while it is a member; opening changes no image, and of side files makes only those that are missing.

Sizes are bytes unless they say blocks.
"""

import os
import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from drivers.shadow.state import MAXIMUM_MEMBERS
from drivers.shadow.volume import BARE_SCB_LBN, bare_control_block_in
from emu.core.block import BLOCK_BYTES
from emu.media.file import FileDevice, ImageError
from emu.sim.mirror import MirrorMedia
from emu.sim.mirror_device import SIDE_BLOCKS
from emu.wire.generated.ods2 import StorageControlBlock
from emu.wire.layouts.side_file import OWNER, LayoutError

SIDE_SUFFIX = ".shadow"
SERIAL_BITS = 48

_OWNER_OFFSET = SIDE_BLOCKS * BLOCK_BYTES
_SHADOW = re.compile(r"shadow\((.*)\)", re.IGNORECASE)


class MirrorImage:
    """One image with its side file, both open and locked.

    scb: the storage control block in the side file; None while there is none, and the image is no volume.
    """

    def __init__(self, path: Path, image: FileDevice, side: FileDevice) -> None:
        assert image.descriptor is not None, "the image is open"
        assert side.descriptor is not None, "the side file is open"
        self.path = path
        self.image = image
        self._image_file: int = image.descriptor
        self._side_file: int = side.descriptor
        # The block behind the shadow driver's is not its business: it would be copied with the others.
        self.side = FileDevice(side.descriptor, SIDE_BLOCKS, write_protected=False)
        self.serial = 0
        self.sealed_mtime_ns = 0
        self.scb: StorageControlBlock | None = None

    def read_side(self) -> None:
        """Learn what the side file says.

        Raises:
            ImageError: it is no side file, or another image's.
        """
        side = f"{self.path}{SIDE_SUFFIX}"
        try:
            owner = OWNER.parse(os.pread(self._side_file, BLOCK_BYTES, _OWNER_OFFSET))
        except LayoutError as error:
            raise ImageError(f"{side} is not a side file of a mirror set") from error
        size = os.fstat(self._image_file).st_size
        if owner.image_bytes != size:
            raise ImageError(
                f"{side} belongs to an image of {owner.image_bytes} bytes, {self.path} has {size}: remove the "
                f"side file to make {self.path} a spare, which a full copy can overwrite"
            )
        self.serial, self.sealed_mtime_ns = owner.serial, owner.image_mtime_ns
        block = os.pread(self._side_file, BLOCK_BYTES, BARE_SCB_LBN * BLOCK_BYTES)
        self.scb = bare_control_block_in(block)

    def claim(self) -> None:
        """Make a new side file this image's."""
        self.serial = secrets.randbits(SERIAL_BITS - 1) + 1
        self._write_owner()

    def seal(self) -> None:
        """Note how the image is left."""
        self.sealed_mtime_ns = os.fstat(self._image_file).st_mtime_ns
        self._write_owner()

    def stamp(self) -> object:
        """What changes when anybody writes to the image."""
        state = os.fstat(self._image_file)
        return state.st_size, state.st_mtime_ns

    @property
    def was_changed(self) -> bool:
        """Whether somebody wrote to the image after it was left as a member of a set properly closed."""
        if self.scb is None or self.scb.writecnt or not self.sealed_mtime_ns:
            return False
        return os.fstat(self._image_file).st_mtime_ns != self.sealed_mtime_ns

    def close(self) -> None:
        self.image.close()
        self.side.close()

    def _write_owner(self) -> None:
        size = os.fstat(self._image_file).st_size
        block = OWNER.build(
            {"serial": self.serial, "image_bytes": size, "image_mtime_ns": self.sealed_mtime_ns}
        )
        os.pwrite(self._side_file, block, _OWNER_OFFSET)
        os.fdatasync(self._side_file)


class MirrorFiles:
    """The open files of one set.

    `media` and `block_count` are for `World.add_mirror`.  label: for `MirrorSet.create`, "" when the set is there
    already and `MirrorSet.open` is wanted.  After `MirrorSet.close` comes `seal`, and `close` in any case.
    """

    def __init__(self, images: Sequence[MirrorImage], block_count: int, label: str) -> None:
        self._images = images
        self.block_count = block_count
        self.label = label
        self.media = [
            MirrorMedia(str(each.path), each.side, each.image, each.serial, each.stamp) for each in images
        ]

    @classmethod
    def open(cls, paths: Sequence[str], *, create: bool = False) -> Self:
        """Open images and side files; `~` is expanded.

        An image without a side file gets one, and is a spare until somebody adds it.  create: none of the images
        is a volume; the first becomes one, with all that it holds.

        Raises:
            ImageError: an image or side file cannot be used, `create` is wanted or refused, or an image was
                changed by somebody else since the set was closed.
        """
        if not 0 < len(paths) <= MAXIMUM_MEMBERS:
            raise ImageError(f"a mirror set has 1 to {MAXIMUM_MEMBERS} images, not {len(paths)}")
        images: list[MirrorImage] = []
        made: list[Path] = []
        try:
            for path in paths:
                image = _open_image(Path(path).expanduser())
                images.append(_with_side(image, Path(path).expanduser(), made))
            _require_different(images)
            volumes = [each for each in images if each.scb is not None]
            if create:
                _refuse_volumes(volumes)
                block_count = min(each.image.block_count for each in images)
                label = f"HBVS{secrets.token_hex(4).upper()}"
            else:
                _require_volumes(images, volumes)
                block_count, label = _require_sound(images, volumes), ""
        except BaseException:
            for each in images:
                each.close()
            for side in made:
                side.unlink()
            raise
        return cls(images, block_count, label)

    @property
    def membership(self) -> str:
        """Where the set's membership is, which nothing on the guest's volume tells."""
        sides = ", ".join(f"{each.path}{SIDE_SUFFIX}" for each in self._images)
        return f"membership is in {sides}, the volume itself does not know of it"

    def seal(self) -> None:
        """Note how every image is left, so that the next `open` knows if somebody has changed one."""
        for each in self._images:
            each.seal()

    def close(self) -> None:
        """Close all files."""
        for each in self._images:
            each.close()


def side_file_note(path: str) -> str:
    """What to say behind an image that is opened alone and that a side file makes one of a mirror set, or ""."""
    side = Path(f"{path}{SIDE_SUFFIX}").expanduser()
    return f", one of a mirror set by {side}" if side.exists() else ""


def shadow_paths(text: str) -> list[str] | None:
    """Take the paths out of `shadow(a.dsk,b.dsk)`; None if the text is not of this form.

    A path with a comma in it cannot be given.
    """
    match = _SHADOW.fullmatch(text.strip())
    return [path.strip() for path in match[1].split(",") if path.strip()] if match is not None else None


def _open_image(path: Path) -> FileDevice:
    image = FileDevice.open(path)
    if image.write_protected:
        image.close()
        raise ImageError(f"{path} is write-protected, it cannot be a member of a mirror set")
    return image


def _with_side(image: FileDevice, path: Path, made: list[Path]) -> MirrorImage:
    """Open the side file of an image, or make it and add its path to `made`."""
    side_path = Path(f"{path}{SIDE_SUFFIX}")
    try:
        if side_path.exists():
            side = FileDevice.open(side_path, block_count=SIDE_BLOCKS + 1)
            if side.write_protected:
                side.close()
                raise ImageError(f"{side_path} is write-protected")
            is_new = False
        else:
            side = FileDevice.create(side_path, SIDE_BLOCKS + 1)
            made.append(side_path)
            is_new = True
    except ImageError:
        image.close()
        raise
    whole = MirrorImage(path, image, side)
    try:
        if is_new:
            whole.claim()
        else:
            whole.read_side()
    except (ImageError, OSError) as error:
        whole.close()
        if isinstance(error, OSError):
            raise ImageError(f"{side_path} cannot be used: {error.strerror}") from error
        raise
    return whole


def _require_different(images: Sequence[MirrorImage]) -> None:
    serials: dict[int, Path] = {}
    for each in images:
        if each.serial in serials:
            raise ImageError(
                f"{each.path}{SIDE_SUFFIX} and {serials[each.serial]}{SIDE_SUFFIX} are copies of each other: "
                "remove the one whose image is to be overwritten"
            )
        serials[each.serial] = each.path


def _refuse_volumes(volumes: Sequence[MirrorImage]) -> None:
    if volumes:
        path = volumes[0].path
        raise ImageError(
            f"{path}{SIDE_SUFFIX} says that {path} is in a mirror set already: start without --create, or remove "
            "the side files to begin anew"
        )


def _require_volumes(images: Sequence[MirrorImage], volumes: Sequence[MirrorImage]) -> None:
    if not volumes:
        first, *others = (str(each.path) for each in images)
        overwritten = f"; {', '.join(others)} will be overwritten with it" if others else ""
        raise ImageError(
            f"no mirror set was made of these images yet: --create makes one, with what {first} holds now"
            + overwritten
        )


def _require_sound(images: Sequence[MirrorImage], volumes: Sequence[MirrorImage]) -> int:
    """Check images against the newest storage control block; returns the blocks that the guest sees."""
    control_blocks = [each.scb for each in volumes if each.scb is not None]
    newest = max(control_blocks, key=lambda scb: scb.genernum)
    for each in volumes:
        if each.was_changed and each.scb is not None and each.scb.genernum == newest.genernum:
            others = ", ".join(str(other.path) for other in images if other is not each) or "another image"
            raise ImageError(
                f"{each.path} was changed by somebody else since the mirror set was closed, the members may "
                f"differ. To keep {others} as the set has it: remove {each.path}{SIDE_SUFFIX}, start, and add "
                f"{each.path} again by a full copy. To keep {each.path} as it is now: remove all side files, "
                "name it first, and start with --create"
            )
    block_count = newest.volsize - SIDE_BLOCKS
    for each in images:
        if each.image.block_count < block_count:
            raise ImageError(
                f"{each.path} has {each.image.block_count} blocks, fewer than the {block_count} of the mirror set"
            )
    return block_count
