"""Build firmware images from their readable sources.

python -m emu.shells.firmware_build                 build all images and the manifest
python -m emu.shells.firmware_build --check         say whether they are current
python -m emu.shells.firmware_build odd.toml odd.fw build one of your own

The same sources give the same bytes.
"""

import json
import sys
import tomllib
from argparse import ArgumentParser
from collections.abc import Iterable, Mapping
from dataclasses import fields
from enum import IntEnum, IntFlag
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path
from typing import Any

from emu.hw.firmware import Behaviour, DriveType, Firmware, FirmwareError, PortKind, build_firmware
from emu.shells.firmware_files import IMAGE_SUFFIX
from emu.wire.codes.mscp import CF, MD, OP, legal_modifiers
from emu.wire.codes.uqssp import CLASS, STEP

IMAGES = Path(__file__).parents[2] / "firmware_images"
DRIVES = "sources/drives.toml"
MANIFEST = "manifest.toml"

NUMBERS = (
    "model",
    "microcode_version",
    "software_version",
    "hardware_version",
    "controller_timeout_s",
    "credits",
    "unit_limit",
    "maximum_byte_count",
)
OTHERS = (
    "name",
    "description",
    "class",
    "port_kind",
    "step1",
    "controller_flags",
    "behaviour",
    "commands",
    "modifiers",
    "drives",
    "dup",
)
DRIVE_FLAGS = tuple(field.name for field in fields(DriveType) if field.type is bool)
DRIVE_NUMBERS = tuple(
    field.name for field in fields(DriveType) if field.type is int and field.name != "class_"
)


MECHANICS = ("rpm", "seek_one_us", "seek_average_us", "seek_full_us")


def compile_controller(source: Mapping[str, Any], drives: Mapping[str, DriveType]) -> Firmware:
    """Turn the source of a controller into its firmware.

    Raises:
        FirmwareError: something is missing, unknown, or of the wrong kind.
    """
    name = source.get("name", "a source without a name")
    _require_keys(name, source, (*NUMBERS, *OTHERS), optional=("modifiers", "dup"))
    numbers = {key: _number(name, key, source[key]) for key in NUMBERS}
    overrides = source.get("modifiers", {})
    commands: dict[int, int] = {}
    for symbol in source["commands"]:
        opcode = _symbol(name, OP, symbol)
        if opcode in commands:
            raise FirmwareError(f"{name}: duplicate command {symbol}")
        commands[opcode] = legal_modifiers(opcode)
    for symbol, modifiers in overrides.items():
        opcode = _symbol(name, OP, symbol)
        if opcode not in commands:
            raise FirmwareError(f"{name}: modifiers for {symbol}, which is not among the commands")
        commands[opcode] = _modifiers(name, modifiers)
    dup = source.get("dup", {})
    if dup:
        _require_keys(name, dup, ("extension", "programs"))
    return Firmware(
        name=name,
        class_=_number(name, "class", source["class"]),
        port_kind=PortKind(_symbol(name, PortKind, source["port_kind"])),
        step1_bits=_flags(name, STEP, source["step1"]),
        controller_flags=_flags(name, CF, source["controller_flags"]),
        behaviour=Behaviour(_flags(name, Behaviour, source["behaviour"])),
        commands=commands,
        drives=_choose(name, source["drives"], drives),
        dup_extension=dup.get("extension", ""),
        programs={
            program: _number(name, f"version of {program}", version)
            for program, version in dup.get("programs", {}).items()
        },
        **numbers,
    )


def compile_drives(source: Mapping[str, Mapping[str, Any]]) -> dict[str, DriveType]:
    """Turn the source of the drives into drive types.

    Raises:
        FirmwareError: something is missing, unknown, or of the wrong kind.
    """
    drives: dict[str, DriveType] = {}
    for name, row in source.items():
        known = ("model", "media_id", "geometry", "replacement", "mechanics", *DRIVE_FLAGS)
        _require_keys(name, row, known, optional=("mechanics", *DRIVE_FLAGS))
        numbers = {
            "model": row["model"],
            "media_id": row["media_id"],
            **row["geometry"],
            **row["replacement"],
            **row.get("mechanics", dict.fromkeys(MECHANICS, 0)),
        }
        _require_keys(name, numbers, DRIVE_NUMBERS)
        values: dict[str, Any] = {key: _number(name, key, numbers[key]) for key in DRIVE_NUMBERS}
        values |= {flag: bool(row.get(flag, False)) for flag in DRIVE_FLAGS}
        drives[name] = DriveType(name=name, class_=int(CLASS.DISK), **values)
    return drives


def build_all(images: Path) -> dict[str, bytes]:
    """Build all images of a folder and their manifest: file name to contents; writes nothing."""
    drives_toml = (images / DRIVES).read_bytes()
    drives = compile_drives(tomllib.loads(drives_toml.decode()))
    built: dict[str, bytes] = {}
    manifest = [
        "# Written by `python -m emu.shells.firmware_build`.",
        "",
        "[drives]",
        f'source = "{DRIVES}"',
        f'source_sha256 = "{sha256(drives_toml).hexdigest()}"',
    ]
    for path in sorted((images / DRIVES).parent.glob("*.toml")):
        if path == images / DRIVES:
            continue
        controller_toml = path.read_bytes()
        controller = tomllib.loads(controller_toml.decode())
        image = build_firmware(compile_controller(controller, drives))
        built[path.stem + IMAGE_SUFFIX] = image
        manifest += [
            "",
            "[[image]]",
            f"name = {json.dumps(controller['name'])}",  # a JSON string is a TOML string
            f"description = {json.dumps(controller['description'])}",
            f'file = "{path.stem}{IMAGE_SUFFIX}"',
            f'sha256 = "{sha256(image).hexdigest()}"',
            f'source = "{path.relative_to(images).as_posix()}"',
            f'source_sha256 = "{sha256(controller_toml).hexdigest()}"',
        ]
    built[MANIFEST] = ("\n".join(manifest) + "\n").encode()
    return built


def stale_files(images: Path) -> list[str]:
    """Name the files that differ from what the sources give, and images that no source gives."""
    built = build_all(images)
    stale = [
        name
        for name, contents in built.items()
        if not (images / name).exists() or (images / name).read_bytes() != contents
    ]
    return stale + sorted(path.name for path in images.glob("*" + IMAGE_SUFFIX) if path.name not in built)


def _require_keys(
    name: str, table: Mapping[str, Any], known: Iterable[str], optional: Iterable[str] = ()
) -> None:
    missing = [key for key in known if key not in table and key not in optional]
    if missing:
        raise FirmwareError(f"{name}: no {missing[0]}")
    unknown = [key for key in table if key not in known]
    if unknown:
        raise FirmwareError(f"{name}: {unknown[0]} is not a known key")


def _number(name: str, key: str, value: object) -> int:
    if type(value) is not int:
        raise FirmwareError(f"{name}: {key} is {value!r}, not a number")
    return value


def _symbol(name: str, symbols: type[IntEnum] | type[IntFlag], symbol: str) -> int:
    if symbol not in symbols.__members__:
        raise FirmwareError(f"{name}: {symbol} is not a symbol of {symbols.__name__}")
    return int(symbols.__members__[symbol])


def _flags(name: str, symbols: type[IntFlag], chosen: Iterable[str]) -> int:
    bits = 0
    for symbol in chosen:
        bits |= _symbol(name, symbols, symbol)
    return bits


def _modifiers(name: str, chosen: Iterable[str]) -> int:
    mask = 0
    for symbol in chosen:
        bit = getattr(MD, symbol, None)
        if type(bit) is not int:
            raise FirmwareError(f"{name}: {symbol} is not a symbol of MD")
        mask |= bit
    return mask


def _choose(name: str, patterns: Iterable[str], drives: Mapping[str, DriveType]) -> dict[str, DriveType]:
    """Pick the drives that match, in the order of the drive table."""
    for pattern in patterns:
        if not any(fnmatchcase(drive, pattern) for drive in drives):
            raise FirmwareError(f"{name}: no drive matches {pattern}")
    return {
        drive: drives[drive] for drive in drives if any(fnmatchcase(drive, pattern) for pattern in patterns)
    }


def main(arguments: list[str]) -> int:
    parser = ArgumentParser(prog="python -m emu.shells.firmware_build", description="Build firmware images.")
    parser.add_argument("--check", action="store_true", help="build nothing, say whether all are current")
    parser.add_argument("source", nargs="?", type=Path, help="source of one controller")
    parser.add_argument("image", nargs="?", type=Path, help="image to write")
    options = parser.parse_args(arguments)
    if options.source is not None and options.image is None:
        parser.error("name the image to write beside the source")
    try:
        if options.source is not None:
            drives = compile_drives(tomllib.loads((IMAGES / DRIVES).read_text()))
            firmware = compile_controller(tomllib.loads(options.source.read_text()), drives)
            options.image.write_bytes(build_firmware(firmware))
            return 0
        if options.check:
            stale = stale_files(IMAGES)
            print("\n".join(f"{name} is not current" for name in stale) or "all images are current")
            return 1 if stale else 0
        for file_name, contents in build_all(IMAGES).items():
            (IMAGES / file_name).write_bytes(contents)
    except (FirmwareError, tomllib.TOMLDecodeError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
