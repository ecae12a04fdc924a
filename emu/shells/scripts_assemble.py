"""Assemble SCRIPTS for the 53C810 family.

python -m emu.shells.scripts_assemble                  assemble ours: images, listings and their manifest
python -m emu.shells.scripts_assemble --check          say whether they are current
python -m emu.shells.scripts_assemble odd.ss odd.bin   assemble one of your own, and print its listing
python -m emu.shells.scripts_assemble --list odd.bin   print what an image says

The same sources give the same bytes.
"""

import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path

from emu.shells.built_files import image_rows, not_current
from emu.wire.scripts_assembler import assemble
from emu.wire.scripts_disassembler import disassemble
from emu.wire.scripts_image import ScriptsImage, ScriptsImageError, build_image, parse_image
from emu.wire.scripts_source import AssemblyError

SCRIPTS = Path(__file__).parents[2] / "firmware_images" / "scripts"
MANIFEST = "manifest.toml"


def build_all(scripts: Path) -> dict[str, bytes]:
    """Assemble all sources of a folder: file name to contents; writes nothing.

    Raises:
        AssemblyError: a source is wrong.
    """
    built: dict[str, bytes] = {}
    manifest = ["# Written by `python -m emu.shells.scripts_assemble`."]
    for path in sorted(scripts.glob("*.ss")):
        source = path.read_bytes()
        program = assemble(source.decode("ascii"), path.name)
        image, listing = build_image(program.image), program.listing.encode("ascii")
        built[path.stem + ".bin"] = image
        built[path.stem + ".lst"] = listing
        manifest += image_rows(
            (path.stem + ".bin", image), (path.stem + ".lst", listing), (path.name, source)
        )
    built[MANIFEST] = ("\n".join(manifest) + "\n").encode("ascii")
    return built


def stale_files(scripts: Path) -> list[str]:
    """Name the files that differ from what the sources give."""
    return not_current(scripts, build_all(scripts))


def image_listing(image: ScriptsImage) -> Iterator[str]:
    """Print an image: its instructions, and what the loader has to know."""
    names = {offset: name for name, offset in image.entries.items()}
    for offset, words, text in disassemble(image.words, 0, names):
        if offset in names:
            yield f"{names[offset]}:"
        yield f"{offset:04X} {' '.join(f'{word:08X}' for word in words):26}  {text}"
    for name, patches in image.externals.items():
        yield f"; {name} at {', '.join(f'{index * 4:04X}' for index in patches)}"
    yield f"; load address at {', '.join(f'{index * 4:04X}' for index in image.label_patches)}"


def main(arguments: list[str]) -> int:
    parser = ArgumentParser(prog="python -m emu.shells.scripts_assemble", description="Assemble SCRIPTS.")
    parser.add_argument("--check", action="store_true", help="build nothing, say whether all are current")
    parser.add_argument("--list", action="store_true", help="print an image instead")
    parser.add_argument("source", nargs="?", type=Path, help="source of one program, or an image to print")
    parser.add_argument("image", nargs="?", type=Path, help="image to write")
    options = parser.parse_args(arguments)
    if options.source is not None and options.image is None and not options.list:
        parser.error("name the image to write beside the source")
    try:
        if options.list and options.source is not None:
            print("\n".join(image_listing(parse_image(options.source.read_bytes()))))
        elif options.source is not None:
            program = assemble(options.source.read_text(encoding="ascii"), str(options.source))
            options.image.write_bytes(build_image(program.image))
            print(program.listing, end="")
        elif options.check:
            stale = stale_files(SCRIPTS)
            print("\n".join(f"{name} is not current" for name in stale) or "all SCRIPTS are current")
            return 1 if stale else 0
        else:
            for name, contents in build_all(SCRIPTS).items():
                (SCRIPTS / name).write_bytes(contents)
    except (AssemblyError, ScriptsImageError, OSError, UnicodeError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
