"""Build the guest programs, which run on emulated machines, from their sources.

python -m emu.shells.guest_build          assemble them, write images, listings and the manifest
python -m emu.shells.guest_build --check  say whether all are current

`mscp11.bin` is a paper tape in absolute-loader format, as SIMH's PDP-11 loads it; `vaxboot.img` are the first
blocks of a disk. The same sources give the same bytes.
"""

import sys
from argparse import ArgumentParser
from pathlib import Path

from emu.shells.built_files import image_rows, not_current
from emu.shells.guest_assembler import AssemblyError, assemble_pdp11, assemble_vax

GUESTS = Path(__file__).parents[2] / "firmware_images" / "guests"
MANIFEST = "manifest.toml"
PDP11_SOURCE = "mscp11.mac"
VAX_SOURCE = "vaxboot.mar"
PDP11_ENTRY = 0o1000
BLOCK_BYTES = 512


def absolute_tape(pieces: list[tuple[int, bytes]], entry: int) -> bytes:
    """Punch pieces of memory as an absolute-loader tape: a block each, then an empty one with the entry.

    A block: 1, 0, its length (without the checksum), the load address, data, and a checksum: all its bytes
    add up to 0.
    """
    tape = bytearray()
    for address, contents in [*pieces, (entry, b"")]:
        length = 6 + len(contents)
        block = bytes((1, 0, length & 0xFF, length >> 8, address & 0xFF, address >> 8)) + contents
        tape += block + bytes((-sum(block) & 0xFF,))
    return bytes(tape)


def disk_image(pieces: list[tuple[int, bytes]]) -> bytes:
    """Lay pieces out from the beginning of a disk, in whole blocks."""
    image = bytearray()
    for address, contents in pieces:
        image += bytes(address - len(image)) + contents
    return bytes(image + bytes(-len(image) % BLOCK_BYTES))


def build_all(guests: Path) -> dict[str, bytes]:
    """Build all files of a folder: name to contents; writes nothing.

    Raises:
        AssemblyError: a source is wrong.
    """
    sources = {name: (guests / name).read_bytes() for name in (PDP11_SOURCE, VAX_SOURCE)}
    pdp11 = assemble_pdp11(sources[PDP11_SOURCE].decode("ascii"), PDP11_SOURCE)
    vax = assemble_vax(sources[VAX_SOURCE].decode("ascii"), VAX_SOURCE)
    built = {
        "mscp11.bin": absolute_tape(pdp11.pieces, PDP11_ENTRY),
        "mscp11.lst": pdp11.listing.encode("ascii"),
        "vaxboot.img": disk_image(vax.pieces),
        "vaxboot.lst": vax.listing.encode("ascii"),
    }
    images = ((PDP11_SOURCE, "mscp11.bin", "mscp11.lst"), (VAX_SOURCE, "vaxboot.img", "vaxboot.lst"))
    manifest = ["# Written by `python -m emu.shells.guest_build`."]
    for source, image, listing in images:
        manifest += image_rows((image, built[image]), (listing, built[listing]), (source, sources[source]))
    built[MANIFEST] = ("\n".join(manifest) + "\n").encode("ascii")
    return built


def stale_files(guests: Path) -> list[str]:
    """Name the files that differ from what the sources give."""
    return not_current(guests, build_all(guests))


def main(arguments: list[str]) -> int:
    parser = ArgumentParser(prog="python -m emu.shells.guest_build", description="Build the guest programs.")
    parser.add_argument("--check", action="store_true", help="build nothing, say whether all are current")
    options = parser.parse_args(arguments)
    try:
        if options.check:
            stale = stale_files(GUESTS)
            print("\n".join(f"{name} is not current" for name in stale) or "all guests are current")
            return 1 if stale else 0
        for name, contents in build_all(GUESTS).items():
            (GUESTS / name).write_bytes(contents)
    except (AssemblyError, OSError, UnicodeError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
