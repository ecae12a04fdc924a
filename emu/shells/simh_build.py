"""Build SIMH 3.8.1's pdp11, vax and vax780 with XRQ, the host's end of the bus link (docs/buslink.md, simh/README.md).

python -m emu.shells.simh_build                          fetch the source with apt, build into .simh
python -m emu.shells.simh_build --source simh-3.8.1      build a copy of an unpacked tree, or of a .tar.gz
python -m emu.shells.simh_build --output elsewhere

Prints the directory of the programs.  What was built from the same source and the same XRQ is there already, and is not
built again.  The system's own lists of packages stay as they are.  Exit status 77: it cannot be done here, and why.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).parents[2]
XRQ_SOURCES: Final = PROJECT / "simh"
CACHE: Final = PROJECT / ".simh"
XRQ_FILES: Final = ("xrq.c", "xrq.h", "xrq_stream.c", "xrq_stream.h")
PROGRAMS: Final = ("pdp11", "vax", "vax780")
ROMS: Final = "VAX/ka655x.bin*"  # the console of SIMH's VAX

TARBALL: Final = "simh_3.8.1.orig.tar.gz"
TARBALL_SHA256: Final = "64ef4c4f19125cced9e47913d732ed34d9ca72e83e33dc8ca97c40cf2f081a6f"

# file, a line's beginning, what comes before it, what comes behind it
LINES: Final = (
    ("PDP11/pdp11_sys.c", '#include "pdp11_defs.h"', "", '#include "xrq.h"\n'),
    ("PDP11/pdp11_sys.c", "    &rqd_dev,", "", "    XRQ_DEVICES\n"),
    ("VAX/vax_syslist.c", '#include "vax_defs.h"', "", '#include "xrq.h"\n'),
    ("VAX/vax_syslist.c", "    &rqd_dev,", "", "    XRQ_DEVICES\n"),
    ("VAX/vax780_syslist.c", '#include "vax_defs.h"', "", '#include "xrq.h"\n'),
    ("VAX/vax780_syslist.c", "    &rqd_dev,", "", "    XRQ_DEVICES\n"),
    ("makefile", "PDP11_OPT =", "PDP11 += ${PDP11D}/xrq.c ${PDP11D}/xrq_stream.c\n", ""),
    ("makefile", "VAX_OPT =", "VAX += ${PDP11D}/xrq.c ${PDP11D}/xrq_stream.c\n", ""),
    ("makefile", "VAX780_OPT =", "VAX780 += ${PDP11D}/xrq.c ${PDP11D}/xrq_stream.c\n", ""),
)

# The makefile's own, with optimisation: without it a simulator is three times slower.  Not -O2: that makes away with
# the loop by which the VAX's ROM is read as slowly as DEC's, and the KA655's self test 53 fails.
COMPILER: Final = "gcc -std=c99 -U__STRICT_ANSI__ -O1 -w -D_GNU_SOURCE -I ."
LIBRARIES: Final = "-lm -lrt"

CANNOT: Final = 77


class BuildImpossible(Exception):
    """It cannot be built here; the text says why, in one sentence."""


def build(
    output: Path = CACHE,
    source: Path | None = None,
    *,
    compiler: str = COMPILER,
    programs: Sequence[str] = PROGRAMS,
) -> Path:
    """Build the simulators if they are not there yet; return the directory they are in.

    output: keeps what was fetched and what was built.  source: an unpacked tree of SIMH 3.8 or 4, or a .tar.gz of it;
    None: Debian's package.

    Raises:
        BuildImpossible: something is missing, and cannot be had.
    """
    output.mkdir(parents=True, exist_ok=True)
    place = output / _name(source, compiler)
    if all((place / program).exists() for program in programs):
        return place
    _require("make", "make")
    _require("gcc", "gcc")
    with tempfile.TemporaryDirectory(dir=output, prefix="building-") as directory:
        tree = _unpack(source or _tarball(output), Path(directory))
        insert_xrq(tree)
        _make(tree, compiler, programs)
        finished = Path(directory) / "finished"
        finished.mkdir()
        for made in (*(tree / "BIN" / program for program in programs), *tree.glob(ROMS)):
            shutil.copy2(made, finished)
        _put_in_place(finished, place)
    return place


def insert_xrq(tree: Path) -> None:
    """Put XRQ's files into a tree of SIMH 3.8 or 4, and the lines that name them.

    Raises:
        BuildImpossible: the tree does not look like SIMH's.
    """
    for name in XRQ_FILES:
        shutil.copy(XRQ_SOURCES / name, tree / "PDP11" / name)
    for name, beginning, before, behind in LINES:
        path = tree / name
        text = path.read_bytes().decode("latin-1").replace("\r\n", "\n")
        pattern = re.compile(rf"^{re.escape(beginning)}.*\n", re.MULTILINE)
        text, count = pattern.subn(lambda line: before + line[0] + behind, text, count=1)  # noqa: B023
        if count == 0:
            raise BuildImpossible(f"{name} has no line that begins with {beginning.strip()}")
        path.write_bytes(text.encode("latin-1"))


def _name(source: Path | None, compiler: str) -> str:
    """The name of the directory for what is built of all this."""
    digest = sha256(
        repr((LINES, compiler, TARBALL_SHA256 if source is None else str(source.resolve()))).encode()
    )
    for name in XRQ_FILES:
        digest.update((XRQ_SOURCES / name).read_bytes())
    return f"simh-{digest.hexdigest()[:12]}"


def _put_in_place(finished: Path, place: Path) -> None:
    try:
        finished.rename(place)
    except OSError:  # somebody else was faster, or left a part
        shutil.copytree(finished, place, dirs_exist_ok=True)


def _make(tree: Path, compiler: str, programs: Sequence[str]) -> None:
    (tree / "BIN").mkdir(exist_ok=True)
    targets = [f"BIN/{program}" for program in programs]
    command = ["make", "-j2", f"CC={compiler}", f"LDFLAGS={LIBRARIES}", *targets]
    made = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    if made.returncode:
        raise BuildImpossible(f"make fails: {_last_line(made.stderr)}")


def _unpack(source: Path, directory: Path) -> Path:
    if source.is_dir():
        return Path(shutil.copytree(source, directory / "tree", symlinks=True))
    said = _run("tar", "-xf", str(source), "-C", str(directory))
    makefiles = sorted(directory.glob("**/makefile"), key=lambda path: len(path.parts))
    if not makefiles:
        raise BuildImpossible(f"{source} has no makefile in it: {_last_line(said)}")
    return makefiles[0].parent


# ---- Debian's source package


def _tarball(output: Path) -> Path:
    """The tarball, fetched if it is not there; what is there and is not the right one is fetched again."""
    path = output / TARBALL
    if path.exists() and sha256(path.read_bytes()).hexdigest() == TARBALL_SHA256:
        return path
    if shutil.which("apt-get") is None:
        raise BuildImpossible(f"{TARBALL} is not in {output}, and there is no apt-get to fetch it with")
    with tempfile.TemporaryDirectory(dir=output, prefix="apt-") as directory:
        lists = _apt_options(Path(directory))
        _run("apt-get", *lists, "update")
        uri = _uri_of(_run("apt-get", *lists, "source", "--print-uris", "--download-only", "simh"))
        fetched = Path(directory) / TARBALL
        helper = _run(
            "/usr/lib/apt/apt-helper", "download-file", uri, str(fetched), f"SHA256:{TARBALL_SHA256}"
        )
        if not fetched.exists() or sha256(fetched.read_bytes()).hexdigest() != TARBALL_SHA256:
            raise BuildImpossible(f"{uri} cannot be had: {_last_line(helper)}")
        fetched.replace(path)
    return path


def _apt_options(directory: Path) -> list[str]:
    """Have apt read our copy of the machine's sources, source packages switched on, and write nowhere else."""
    for name in ("parts", "lists/partial", "cache/archives/partial"):
        (directory / name).mkdir(parents=True)
    system = Path("/etc/apt")
    for path in [system / "sources.list", *sorted((system / "sources.list.d").glob("*"))]:
        if path.suffix in (".list", ".sources") and path.exists():
            text = re.sub(r"(?m)^Types:.*$", "Types: deb-src", path.read_text())
            text = re.sub(r"(?m)^deb\s", "deb-src ", text)
            (directory / "parts" / path.name).write_text(text)
    settings = {
        "Dir::Etc::sourcelist": os.devnull,
        "Dir::Etc::sourceparts": directory / "parts",
        "Dir::State::lists": directory / "lists",
        "Dir::Cache": directory / "cache",
    }
    return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]


def _uri_of(listing: str) -> str:
    found = re.search(rf"'([^']*/{re.escape(TARBALL)})'", listing)
    if found is None:
        raise BuildImpossible(f"apt does not know {TARBALL}: {_last_line(listing)}")
    return found[1]


def _require(program: str, package: str) -> None:
    """See that a program is there, and install it if it lacks and we may."""
    if shutil.which(program) is None and shutil.which("apt-get") is not None and os.geteuid() == 0:
        _run("apt-get", "update")
        _run("apt-get", "install", "--yes", "--no-install-recommends", package)
    if shutil.which(program) is None:
        raise BuildImpossible(f"{program} is not installed")


def _run(*command: str) -> str:
    """Run a command of apt's; what it prints, also when it fails: the caller looks for what it wants."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["nothing was said"])[-1]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = ArgumentParser(prog="python -m emu.shells.simh_build", description="Build SIMH 3.8.1 with XRQ.")
    parser.add_argument(
        "--source", type=Path, help="an unpacked tree of SIMH, or a .tar.gz; default: fetched"
    )
    parser.add_argument(
        "--output", type=Path, default=CACHE, help="where to build; default: .simh in the project"
    )
    options = parser.parse_args(arguments)
    try:
        print(build(options.output, options.source))
    except BuildImpossible as error:
        print(f"simh_build: {error}", file=sys.stderr)
        return CANNOT
    return 0


if __name__ == "__main__":
    sys.exit(main())
