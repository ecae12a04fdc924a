"""`hbvs demo`: a member leaves, is backed up, and returns by minicopy, on real image files, under load.

Everything between the `$` prompt and the files is registers, rings, packets and interrupts; with `--node alpha-scsi` it
is SCRIPTS, phases of a SCSI bus and command descriptor blocks, and the bus counts what crosses it.  The images are
made for the occasion, or are private copies of the user's; what is compared at the end is what stands in the files.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from typing import BinaryIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from drivers.cluster.node import Node
from drivers.shadow.copy import CopyThread
from drivers.shadow.shdriver import VirtualUnit
from drivers.shadow.write_bitmap import BLOCKS_PER_BIT
from emu.console.interpreter import Interpreter
from emu.console.times import vms_time
from emu.core.block import BLOCK_BYTES
from emu.core.chance import Chance
from emu.core.clock import SECOND_NS
from emu.core.trace import Tracer
from emu.hw.firmware import FirmwareError
from emu.hw.scsi.profiles import PROFILES
from emu.media.file import FileDevice, ImageError
from emu.media.slow import BLOCK_NS, SEEK_NS
from emu.shells.firmware_files import load_firmware, load_scripts
from emu.shells.host_files import DiskFiles
from emu.shells.image_files import private_copy
from emu.shells.trace_file import TraceFileError, add_trace_argument, traced
from emu.sim.application import Application
from emu.sim.ledger import stamp
from emu.sim.storage_shelf import HSZ, StorageShelf
from emu.sim.world import World, drive_for

SET, LABEL = "DSA1:", "PAYROLL"
NODES = ("alpha", "alpha-scsi")
DRIVE, SCSI_DRIVE = "RA92", "RZ29B"
FIRST_UNIT = 10
SCSI_TARGET = 1
QUIET_WRITES = 300
DIRTY_SHARE = 0.01
WRITES_BEFORE = 500
WRITES_DURING = 1000
BLOCK_LIMIT = 16
STEPS_A_TICK = 500
CHUNK_BYTES = 1 << 20


class DemoError(Exception):
    """The demo cannot be given, or went wrong; the text says why."""


@dataclass(slots=True)
class Figures:
    """What the table shows."""

    blocks_written_away: int = 0
    blocks_written_during: int = 0
    writes_during: int = 0
    bits_total: int = 0
    bits_at_return: int = 0
    minicopy_s: float = 0.0
    full_copy_s: float = 0.0
    quiet_blocks: int = 0
    quiet_traffic: "Traffic" = (0, 0)
    full_copy_traffic: "Traffic" = (0, 0)


Traffic = tuple[int, int]  # data bytes to the host and from it


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "images", nargs="*", metavar="IMAGE", help="two or three images; private copies are used"
    )
    parser.add_argument("--node", choices=NODES, default=NODES[0], help="MSCP or SCSI disks (default MSCP)")
    parser.add_argument(
        "--drive", help=f"drive type of the images that are made (default {DRIVE}, or {SCSI_DRIVE} on SCSI)"
    )
    parser.add_argument("--firmware", default="hbvs-shadow", help="the controller: a name or a firmware file")
    parser.add_argument("--seed", type=int, default=1, help="of the application's choices")
    parser.add_argument("--keep", metavar="DIRECTORY", help="keep images and backup there (a new directory)")
    add_trace_argument(parser)


def run_demo(arguments: argparse.Namespace) -> int:
    """Give the demo; returns the exit code."""
    console = Console(highlight=False, markup=False, soft_wrap=True)
    try:
        with traced(arguments.trace) as tracer:
            if arguments.keep:
                Path(arguments.keep).mkdir(parents=True)
                return _Demo(arguments, Path(arguments.keep), console, tracer).run()
            with tempfile.TemporaryDirectory(prefix="hbvs-demo-") as directory:
                return _Demo(arguments, Path(directory), console, tracer).run()
    except (DemoError, ImageError, FirmwareError, TraceFileError, ValueError) as error:
        print(f"%HBVS-F-DEMO, {error}", file=sys.stderr)
    except OSError as error:
        print(f"%HBVS-F-DEMO, {error.filename or 'file'}: {error.strerror}", file=sys.stderr)
    return 1


class _Demo:
    def __init__(
        self, arguments: argparse.Namespace, directory: Path, console: Console, tracer: Tracer
    ) -> None:
        self._arguments = arguments
        self._directory = directory
        self._console = console
        self._figures = Figures()
        self._originals = [Path(name) for name in arguments.images]
        if len(self._originals) not in (0, 2, 3):
            raise DemoError("a shadow set for the demo has two or three images")
        self._world = World(boot_time=vms_time(datetime.now()), tracer=tracer)
        self._media: list[FileDevice] = []
        self._shelf: StorageShelf | None = None
        self._node: Node
        if arguments.node == "alpha-scsi":
            self._make_scsi_node()
        else:
            self._make_mscp_node()
        self._world.boot()
        self._names = [unit.name for unit in self._node.disks]
        self._dcl = Interpreter(self._world, DiskFiles(), self._say)
        self._backup = directory / "backup.dsk"

    def _make_mscp_node(self) -> None:
        firmware = load_firmware(self._arguments.firmware)
        name = self._arguments.drive or DRIVE
        drive = firmware.drives.get(name.upper())
        size = drive.block_count if drive is not None else None
        self._paths = self._make_images([f"dua{FIRST_UNIT + number}" for number in range(3)], name, size)
        controller = self._world.add_controller(firmware)
        for number, path in enumerate(self._paths):
            medium = FileDevice.open(path)
            self._media.append(medium)
            controller.attach_unit(FIRST_UNIT + number, medium, drive_for(firmware, medium))
        self._node = self._world.add_alpha("ALPHA1", controller)

    def _make_scsi_node(self) -> None:
        """An Alpha with a 53C810; the disks are the units of one target, which can copy among them."""
        name = self._arguments.drive or SCSI_DRIVE
        profile = PROFILES.get(name.upper())
        size = profile.block_count if profile is not None else None
        first = 100 * SCSI_TARGET
        self._paths = self._make_images([f"dka{first + number}" for number in range(3)], name, size)
        self._shelf = self._world.add_shelf()
        for lun, path in enumerate(self._paths):
            medium = FileDevice.open(path)
            self._media.append(medium)
            self._shelf.add_disk(SCSI_TARGET, medium, HSZ, lun=lun)
        self._node = self._world.add_alpha("ALPHA1", shelves=[self._shelf], program=load_scripts("pke"))

    def run(self) -> int:
        try:
            return self._tell()
        finally:
            for medium in self._media:
                medium.close()

    # -- the story

    def _tell(self) -> int:
        leaving, last = self._names[1], self._names[-1]
        self._note(f"{len(self._paths)} images of {self._media[0].block_count} blocks in {self._directory}")
        members = ",".join(self._names)
        if self._originals:
            self._type(f"INITIALIZE {self._names[0]} {LABEL}")
        else:
            self._type(f"INITIALIZE/SHADOW=({members}) {LABEL}")
        self._type(f"MOUNT {SET}/SHADOW=({members}) {LABEL}")
        vu = self._node.shadow.units[SET]
        self._copy_with_bar(vu, "full copy")
        stream = Chance(self._arguments.seed).stream("demo")
        application = Application(self._node, vu, stream, depth=64, block_limit=BLOCK_LIMIT)
        self._note("an application begins to write and read")
        application.depth = 8
        application.start()
        self._until(lambda: application.writes >= WRITES_BEFORE)

        self._type(f"DISMOUNT {leaving}/POLICY=MINICOPY")
        left = application.departures[leaving].written
        blocks_at_leave = application.blocks_written
        (bitmap,) = self._node.shadow.bitmaps.values()
        chosen = self._segments(stream, bitmap.bit_count, -(-vu.state.structure_end // BLOCKS_PER_BIT))
        self._note(
            f"it goes on, in {len(chosen)} of {bitmap.bit_count} segments, while the member is backed up"
        )
        application.choose_lbn = lambda s: self._inside(s.choice(chosen), s)
        application.depth = 1
        self._type(f'BACKUP/PHYSICAL {leaving} "{self._backup}"')
        application.depth = 8
        self._until(lambda: bitmap.set_count >= len(chosen))
        self._type(f"SHOW DEVICE/BITMAP {SET}")
        self._type("SHOW DEVICE D")
        figures = self._figures
        figures.bits_total, figures.bits_at_return = bitmap.bit_count, bitmap.set_count
        figures.blocks_written_away = application.blocks_written - blocks_at_leave

        self._note(f"the member returns; {WRITES_DURING} more writes, anywhere, while it is copied")
        application.choose_lbn = application.choose_anywhere
        writes, blocks = application.writes, application.blocks_written
        application.depth = 64
        started = time.perf_counter()
        self._type(f"MOUNT {SET}/SHADOW={leaving} {LABEL}/POLICY=MINICOPY")
        self._copy_with_bar(vu, "minicopy")
        figures.minicopy_s = time.perf_counter() - started
        minicopy = self._node.shadow.server.copies[-1]
        figures.writes_during = application.writes - writes
        figures.blocks_written_during = application.blocks_written - blocks
        self._until(lambda: application.writes - writes >= WRITES_DURING)

        application.stop()
        self._until(lambda: application.finished)
        if self._shelf is not None:
            self._return_quietly(self._shelf, application, vu, leaving)
        self._note("for comparison, a member leaves without a bitmap")
        self._type(f"DISMOUNT {last}/POLICY=NOMINICOPY")
        before = self._traffic()
        started = time.perf_counter()
        self._type(f"MOUNT {SET}/SHADOW={last} {LABEL}/POLICY=NOMINICOPY")
        self._copy_with_bar(vu, "full copy")
        figures.full_copy_s = time.perf_counter() - started
        figures.full_copy_traffic = self._traffic_since(before)
        full_copy = self._node.shadow.server.copies[-1]
        self._type(f"SHOW DEVICE {SET}")
        self._type(f"DISMOUNT {SET}")
        return self._verdict(application, left, minicopy, full_copy)

    def _return_quietly(
        self, shelf: StorageShelf, application: Application, vu: VirtualUnit, leaving: str
    ) -> None:
        """Let a member return with nobody else on the bus, to see what its copy moves across it."""
        self._note(f"once more, {QUIET_WRITES} writes while it is away, and none while it is copied")
        self._type(f"DISMOUNT {leaving}/POLICY=MINICOPY")
        application.depth = 8
        application.start(QUIET_WRITES)
        self._until(lambda: application.finished)
        before = self._traffic()
        self._type(f"MOUNT {SET}/SHADOW={leaving} {LABEL}/POLICY=MINICOPY")
        self._copy_with_bar(vu, "minicopy")
        self._figures.quiet_traffic = self._traffic_since(before)
        self._figures.quiet_blocks = self._node.shadow.server.copies[-1].blocks_copied

    def _traffic(self) -> Traffic:
        shelf = self._shelf
        return (shelf.data_in_bytes, shelf.data_out_bytes) if shelf is not None else (0, 0)

    def _traffic_since(self, before: Traffic) -> Traffic:
        now = self._traffic()
        return now[0] - before[0], now[1] - before[1]

    def _segments(self, stream: Random, bit_count: int, first: int) -> list[int]:
        """Choose the segments that are changed while the member is away."""
        return stream.sample(range(first, bit_count - 1), max(1, round(bit_count * DIRTY_SHARE)))

    def _inside(self, segment: int, stream: Random) -> int:
        """An LBN from which the largest request stays in its segment."""
        return segment * BLOCKS_PER_BIT + stream.randrange(BLOCKS_PER_BIT - BLOCK_LIMIT + 1)

    # -- the verdict

    def _verdict(
        self, application: Application, left: Mapping[int, int], minicopy: CopyThread, full_copy: CopyThread
    ) -> int:
        base = self._originals[0] if self._originals else None
        checks: list[tuple[str, str]] = []

        def check(what: str, result: str, *, good: bool) -> None:
            checks.append((what, result if good else f"FAILED: {result}"))

        first = self._paths[0]
        for path, name in zip(self._paths[1:], self._names[1:], strict=True):
            differing = _differing_blocks(path, first)
            check(f"{name} against {self._names[0]}", _equality(differing), good=not differing)
        structure_end = application.vu.state.structure_end
        differing = _unexpected_blocks(first, base, application.written, structure_end)
        check("the set, as it was written", _equality(differing), good=not differing)
        differing = _unexpected_blocks(self._backup, base, left, structure_end)
        check("the backup, as it was written", _equality(differing), good=not differing)
        check(
            "reads of the application",
            f"{application.reads} right" if not application.faults else application.faults[0],
            good=not application.faults,
        )
        figures = self._figures
        limit = BLOCKS_PER_BIT * (figures.bits_at_return + figures.blocks_written_during)
        check(
            "at most 127 blocks a bit",
            f"{minicopy.blocks_copied}",
            good=minicopy.blocks_copied <= min(limit, minicopy.blocks_total),
        )
        self._table(minicopy, full_copy, checks)
        return 1 if any(result.startswith("FAILED") for _, result in checks) else 0

    def _table(self, minicopy: CopyThread, full_copy: CopyThread, checks: list[tuple[str, str]]) -> None:
        figures = self._figures
        table = Table(title="minicopy against full copy", show_header=True)
        for heading in ("", "minicopy", "full copy"):
            table.add_column(heading, justify="left" if not heading else "right")
        by_command = "DISK COPY DATA" if self._shelf is None else "EXTENDED COPY"
        how = {True: by_command, False: "host reads and writes"}
        copies = (minicopy, full_copy)
        table.add_row("blocks copied", *(f"{copy.blocks_copied}" for copy in copies))
        table.add_row(
            "bytes copied", *(f"{copy.blocks_copied * BLOCK_BYTES / 1e6:.1f} MB" for copy in copies)
        )
        table.add_row("ranges", *(f"{copy.ranges_copied}" for copy in copies))
        table.add_row("carried out by", *(how[copy.by_command] for copy in copies))
        table.add_row("on disks of 12 ms and 5 MB/s", *(f"{_on_disks_s(copy):.0f} s" for copy in copies))
        table.add_row("here, on sparse files", f"{figures.minicopy_s:.3f} s", f"{figures.full_copy_s:.3f} s")
        table.add_section()
        began = minicopy.blocks_total // BLOCKS_PER_BIT
        table.add_row(
            "bits set when MOUNT was typed", f"{figures.bits_at_return} of {figures.bits_total}", ""
        )
        table.add_row("bits set until it joined", f"{began - figures.bits_at_return}", "")
        table.add_row("blocks written while away", f"{figures.blocks_written_away}", "")
        during = f"{figures.writes_during} writes, {figures.blocks_written_during} blocks"
        table.add_row("written during the copy", during, "no load")
        table.add_row("writes that waited for it", f"{minicopy.collisions}", "")
        if self._shelf is not None:
            table.add_section()
            traffic = (figures.quiet_traffic, figures.full_copy_traffic)
            table.add_row("copied on a quiet SCSI bus", f"{figures.quiet_blocks} blocks", "all")
            table.add_row("data to the host meanwhile", *(f"{data_in} bytes" for data_in, _ in traffic))
            table.add_row("data from the host", *(f"{data_out} bytes" for _, data_out in traffic))
        table.add_section()
        for what, result in checks:
            table.add_row(what, result, "")
        self._console.print()
        self._console.print(table)

    # -- plumbing

    def _make_images(self, names: list[str], drive: str, block_count: int | None) -> list[Path]:
        """Make three images of a drive's size, or copy the user's."""
        if self._originals:
            copies = []
            for name, original in zip(names, self._originals, strict=False):
                place = self._directory / name
                place.mkdir()
                copies.append(private_copy(original, place))
            return copies
        if block_count is None:
            raise DemoError(f"the controller knows no drive {drive}")
        paths = [self._directory / f"{name}.dsk" for name in names]
        for path in paths:
            FileDevice.create(path, block_count).close()
        return paths

    def _say(self, line: str) -> None:
        self._console.print(line)

    def _note(self, text: str) -> None:
        self._console.print(f"\n! {text}", style="dim")

    def _type(self, command: str) -> None:
        self._console.print(f"$ {command}", style="bold")
        self._dcl.execute(command)
        if not self._dcl.succeeded:
            raise DemoError(f"the command failed: {command}")

    def _until(self, condition: Callable[[], bool]) -> None:
        if not self._world.settle(condition):
            raise DemoError("the world stands still")

    def _copy_with_bar(self, vu: VirtualUnit, title: str) -> None:
        """Let the world go on until no copy is left, and show how far it is."""
        if not vu.targets:
            return
        clock = self._world.clock
        columns = (TextColumn("  {task.description}"), BarColumn(40), TextColumn("{task.percentage:>3.0f}%"))
        with Progress(*columns, TimeElapsedColumn(), console=self._console) as progress:
            bars: dict[str, TaskID] = {}
            while vu.targets or vu.copy is not None:
                for _ in range(STEPS_A_TICK):
                    if not (vu.targets or vu.copy is not None):
                        break
                    if not clock.step():
                        raise DemoError("the copy stands still")
                if vu.copy is not None:
                    device = vu.copy.target.device
                    if device not in bars:
                        for bar in bars.values():
                            progress.update(bar, completed=100)
                        bars[device] = progress.add_task(f"{title} {device}", total=100)
                    progress.update(bars[device], completed=vu.copy.percent)
            for bar in bars.values():
                progress.update(bar, completed=100)


def _on_disks_s(copy: CopyThread) -> float:
    """Estimate the seconds of a copy: each range is read from one disk and written to the other."""
    seeks = copy.ranges_copied if copy.bitmap is not None else 1
    return 2 * (seeks * SEEK_NS + copy.blocks_copied * BLOCK_NS) / SECOND_NS


def _equality(differing: int) -> str:
    return "identical, byte for byte" if not differing else f"{differing} blocks differ"


def _differing_blocks(path: Path, other: Path) -> int:
    """Count the blocks in which two files differ."""
    with path.open("rb") as one, other.open("rb") as two:
        if path.stat().st_size != other.stat().st_size:
            raise DemoError(f"{path} and {other} have different sizes")
        offsets = range(0, path.stat().st_size, CHUNK_BYTES)
        return sum(
            _count(_read(one, offset), _read(two, offset))
            for offset in offsets
            if not (_is_hole(one, offset) and _is_hole(two, offset))
        )


def _unexpected_blocks(path: Path, base: Path | None, written: Mapping[int, int], structure_end: int) -> int:
    """Count the blocks that are not what the application wrote, or else what was there before it.

    structure_end: what is before it is the volume's structure, and not looked at.
    """
    by_chunk: defaultdict[int, list[int]] = defaultdict(list)
    for lbn in (*range(structure_end), *written):
        by_chunk[lbn * BLOCK_BYTES // CHUNK_BYTES].append(lbn)
    differing = 0
    with path.open("rb") as image, (base or Path(os.devnull)).open("rb") as before:
        for offset in range(0, path.stat().st_size, CHUNK_BYTES):
            lbns = by_chunk.get(offset // CHUNK_BYTES, [])
            if not lbns and _is_hole(image, offset) and (base is None or _is_hole(before, offset)):
                continue
            data = _read(image, offset)
            expected = bytearray(_read(before, offset).ljust(len(data), b"\0"))
            for lbn in lbns:
                at = lbn * BLOCK_BYTES - offset
                block = slice(at, at + BLOCK_BYTES)
                expected[block] = data[block] if lbn < structure_end else stamp(written[lbn], lbn)
            differing += _count(data, bytes(expected))
    return differing


def _read(file: BinaryIO, offset: int) -> bytes:
    return os.pread(file.fileno(), CHUNK_BYTES, offset)


def _is_hole(file: BinaryIO, offset: int) -> bool:
    """Whether nothing is stored from here on for a whole chunk."""
    try:
        return os.lseek(file.fileno(), offset, os.SEEK_DATA) >= offset + CHUNK_BYTES
    except OSError:  # ENXIO: no more data
        return True


def _count(one: bytes, two: bytes) -> int:
    if one == two:
        return 0
    size = max(len(one), len(two))
    return sum(one[at : at + BLOCK_BYTES] != two[at : at + BLOCK_BYTES] for at in range(0, size, BLOCK_BYTES))
