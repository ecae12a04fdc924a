"""`hbvs firmware`: list, check and build controller firmware images."""

import sys
from argparse import ArgumentParser, Namespace

from emu.hw.firmware import FirmwareError
from emu.shells.firmware_build import IMAGES, stale_files
from emu.shells.firmware_build import main as build
from emu.shells.firmware_files import known_firmware, load_firmware


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments of `hbvs firmware`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="list images, and with --drives what can be plugged in")
    listing.add_argument("images", nargs="*", metavar="NAME|FILE.fw")
    listing.add_argument("--drives", action="store_true", help="list the drives too")
    verify = actions.add_parser("verify", help="check that images are good, and ours current")
    verify.add_argument("images", nargs="*", metavar="NAME|FILE.fw")
    making = actions.add_parser("build", help="build an image from its source, or all of ours")
    making.add_argument("source", nargs="?", metavar="SOURCE.toml")
    making.add_argument("image", nargs="?", metavar="IMAGE.fw")


def run(options: Namespace) -> int:
    """Run `hbvs firmware`; returns the exit status."""
    if options.action == "build":
        if options.source is not None and options.image is None:
            print("hbvs firmware build: name the image to write beside the source", file=sys.stderr)
            return 2
        return build([part for part in (options.source, options.image) if part is not None])
    try:
        return _list(options) if options.action == "list" else _verify(options)
    except BrokenPipeError:
        raise
    except (FirmwareError, OSError) as error:
        print(f"%HBVS-F-FIRMWARE, {error}", file=sys.stderr)
        return 1


def _list(options: Namespace) -> int:
    print(f"{'NAME':14}{'MODEL':>5}  {'PORT':8}{'UNITS':>5}{'DRIVES':>8}{'CREDITS':>9}  COMMANDS")
    for name in options.images or known_firmware():
        firmware = load_firmware(name)
        print(
            f"{firmware.name.lower():14}{firmware.model:5}  {firmware.port_kind.name:8}{firmware.unit_limit:5}"
            f"{len(firmware.drives):8}{firmware.credits:9}  {len(firmware.commands)}"
        )
        if options.drives:
            for drive in firmware.drives.values():
                size = "any size" if drive.sized_by_user else f"{drive.block_count} blocks"
                print(f"    {drive.name:10}{size:>18}")
    return 0


def _verify(options: Namespace) -> int:
    for name in options.images:
        load_firmware(name)
        print(f"{name}: good")
    if options.images:
        return 0
    for name in known_firmware():
        load_firmware(name)
    stale = stale_files(IMAGES)
    for name in stale:
        print(f"%HBVS-F-STALE, {name} is not what its source gives", file=sys.stderr)
    if not stale:
        print(f"{len(known_firmware())} images are good and current")
    return int(bool(stale))
