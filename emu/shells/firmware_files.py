"""Firmware images in files: those that come with the package, by name, and anybody's, by path; SCRIPTS of ours."""

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from emu.hw.firmware import Firmware, FirmwareError, parse_firmware
from emu.wire.scripts_image import ScriptsImage, parse_image

IMAGE_SUFFIX = ".fw"


def load_firmware(name_or_path: str) -> Firmware:
    """Load an image: "rqdx3" is one of ours, "./rqdx3.fw" or "somewhere/odd.fw" is a file.

    Raises:
        FirmwareError: there is no such image, it cannot be read, or it is not a good one.
    """
    path = Path(name_or_path)
    try:
        if path.suffix == IMAGE_SUFFIX or path.name != name_or_path:
            data = path.read_bytes()
        else:
            known = known_firmware()
            if name_or_path.lower() not in known:
                raise FirmwareError(f"no firmware {name_or_path!r}: known are {', '.join(known)}")
            data = _images().joinpath(name_or_path.lower() + IMAGE_SUFFIX).read_bytes()
    except OSError as error:
        raise FirmwareError(f"cannot read {name_or_path}: {error.strerror}") from error
    try:
        return parse_firmware(data)
    except FirmwareError as error:
        raise FirmwareError(f"{name_or_path}: {error}") from error


def known_firmware() -> list[str]:
    """List the names of the images that come with the package."""
    return sorted(
        file.name.removesuffix(IMAGE_SUFFIX)
        for file in _images().iterdir()
        if file.name.endswith(IMAGE_SUFFIX)
    )


def load_scripts(name: str) -> ScriptsImage:
    """Load one of our SCRIPTS programs: "pke" is the port driver's."""
    return parse_image(_images().joinpath("scripts", f"{name}.bin").read_bytes())


def _images() -> Traversable:
    return resources.files("firmware_images")
