"""The table of the V7.3 manual, with our own figures beside it: minicopy and full copy by share of bits set.

`python -m benchmarks.manual_table [--drive RA81] [--megabytes N]` lets a member of a set of two leave, dirties a share
of the 127-block segments, and lets it return, by minicopy and by full copy.  On mechanical drives times are virtual
seconds; on private temporary files, of N MB each, they are wall milliseconds, best of three.  "scattered" segments lie
at random, "in groups" are 32 adjacent ones.  "by host" reads, compares and writes what differs, as V7.3 does; "by
controller" is DISK COPY DATA.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from random import Random

from drivers.platform.host import WaitingIrp
from drivers.platform.process import Procedure
from drivers.shadow.mount import MountRequest
from drivers.shadow.utility import Policy
from emu.core.block import BlockDevice
from emu.media.file import FileDevice
from emu.media.memory import MemoryDevice
from emu.media.slow import SlowDevice
from emu.shells.firmware_files import load_firmware
from emu.sim.world import World, drive_for, mechanics_of
from emu.wire.codes.vms import IO

SEGMENT_BLOCKS = 127
BLOCK_BYTES = 512
GROUP = 32
AT_A_TIME = 64
RUNS_ON_FILES = 3
ALLOWED_SHARE = 0.015  # of a full copy, for a minicopy at 1 %

# Volume Shadowing for OpenVMS V7.3, table 7-1: per cent of bits set -> seconds of a full copy and of a minicopy.
MANUAL = {
    1: (695.83, 44.90),
    2: (712.77, 82.79),
    5: (905.88, 196.32),
    10: (1044.33, 345.78),
    25: (1545.94, 775.35),
    50: (2448.39, 1759.67),
    100: (4196.09, 3540.21),
}


class Pair:
    """A shadow set of two disks, one of which leaves and returns."""

    def __init__(
        self, drive: str, media: Callable[[World], Sequence[BlockDevice]], *, by_controller: bool
    ) -> None:
        self.world = World()
        controller = self.world.add_controller(load_firmware("hbvs-shadow"))
        for number, medium in enumerate(media(self.world)):
            controller.attach_unit(number, medium, drive_for(controller.firmware, medium, drive))
        self.node = self.world.add_alpha("ALPHA1", controller)
        self.node.shadow.use_copy_commands = by_controller
        self.world.boot()
        self.names = [unit.name for unit in self.node.disks]
        self.world.run(self.node, self.node.utilities.initialize(self.names, "BENCH", shadow=True))
        self.world.run(self.node, self._mount(self.names, Policy.DEFAULT))
        self.vu = self.node.shadow.units["DSA1:"]

    def _mount(self, names: Sequence[str], policy: Policy) -> Procedure:
        request = MountRequest("DSA1:", names, "BENCH", policy)
        return self.node.utilities.mount(request, self.node.cluster.nodes, lambda message: None)

    def _dirty(self, segments: Iterable[int]) -> None:
        """Write one block in each segment."""
        address = self.node.platform.pool.allocate(BLOCK_BYTES)
        self.node.platform.window(address, BLOCK_BYTES)[:] = os.urandom(BLOCK_BYTES)
        under_way: list[WaitingIrp] = []
        for segment in segments:
            lbn = min(segment * SEGMENT_BLOCKS + 60, self.vu.block_count - 1)
            under_way.append(WaitingIrp(self.node.platform, IO.WRITEPBLK, lbn, BLOCK_BYTES, address))
            self.vu.queue_io(under_way[-1])
            if len(under_way) == AT_A_TIME:
                self._finish(under_way)
        self._finish(under_way)
        self.node.platform.pool.free(address)

    def _finish(self, irps: list[WaitingIrp]) -> None:
        self.world.settle(lambda: all(irp.finished.is_set for irp in irps))
        irps.clear()

    def copy_time(self, segments: Sequence[int], policy: Policy) -> tuple[float, float]:
        """Let the second disk miss writes to segments and return; returns (virtual, wall) seconds of the copy."""
        leave = self.node.utilities.dismount_member(self.names[1], policy, lambda message: None)
        self.world.run(self.node, leave)
        self._dirty(segments)
        self.node.platform.process("mount", self._mount(self.names[1:], policy))
        self.world.settle(lambda: self.vu.copy is not None)
        started = time.perf_counter()
        self.world.settle(lambda: not self.vu.targets and self.vu.copy is None)
        wall_s = time.perf_counter() - started
        copy = self.node.shadow.server.copies[-1]
        assert copy.ended_ns is not None
        return (copy.ended_ns - copy.started_ns) / 1e9, wall_s

    def segments(self, percent: int, group: int) -> list[int]:
        """Choose a share of all segments, in groups."""
        count = -(-self.vu.block_count // SEGMENT_BLOCKS)
        starts = range(0, count, group)
        chosen = Random(percent).sample(starts, max(1, len(starts) * percent // 100))
        return sorted(s for start in chosen for s in range(start, min(start + group, count)))


def on_drives(drive: str) -> Callable[[World], Sequence[BlockDevice]]:
    kind = load_firmware("hbvs-shadow").drives[drive]
    mechanics = mechanics_of(kind)
    if mechanics is None:
        raise SystemExit(f"{drive} has no mechanics that are known")
    return lambda world: [
        SlowDevice.of_drive(MemoryDevice(kind.block_count), mechanics, world.clock) for _ in range(2)
    ]


def on_files(directory: Path, megabytes: int) -> Callable[[World], Sequence[BlockDevice]]:
    data = os.urandom(1 << 20)
    paths = [directory / f"member{number}.dsk" for number in range(2)]
    for path in paths:
        with path.open("wb") as image:
            for _ in range(megabytes):
                image.write(data)
    return lambda world: [FileDevice.open(path) for path in paths]


def cells(full: float, mini: float) -> str:
    return f"{full:9.2f} {mini:8.2f} {mini / full:6.1%}"


def table(title: str, unit: str, rows: Iterable[tuple[int, float, float]]) -> None:
    print(f"\n{title} ({unit})")
    print("bits set      full     mini   mini/full    manual, s: full     mini mini/full")
    for percent, full, mini in rows:
        print(f"{percent:6} % {cells(full, mini)}            {cells(*MANUAL[percent])}")
        if percent == 1 and mini / full > ALLOWED_SHARE:
            print(f"         more than {ALLOWED_SHARE:.1%}")


def measure(pair: Pair, group: int, *, full_each: bool, wall: bool) -> Iterable[tuple[int, float, float]]:
    """Measure the table; a full copy is measured once if it does not depend on what differs."""
    runs = RUNS_ON_FILES if wall else 1

    def best(segments: Sequence[int], policy: Policy) -> float:
        return min(pair.copy_time(segments, policy)[wall] for _ in range(runs))

    full = best(pair.segments(1, group), Policy.NOMINICOPY)
    for percent in MANUAL:
        segments = pair.segments(percent, group)
        if full_each and percent != 1:
            full = best(segments, Policy.NOMINICOPY)
        mini = best(segments, Policy.MINICOPY)
        yield percent, *((full * 1e3, mini * 1e3) if wall else (full, mini))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--drive", default="RA81")
    parser.add_argument("--megabytes", type=int, default=1024)
    arguments = parser.parse_args()
    media = on_drives(arguments.drive)
    pair = Pair(arguments.drive, media, by_controller=False)
    table(f"{arguments.drive}, by host, scattered", "s", measure(pair, 1, full_each=True, wall=False))
    pair = Pair(arguments.drive, media, by_controller=True)
    for group, how in ((1, "scattered"), (GROUP, "in groups")):
        rows = measure(pair, group, full_each=False, wall=False)
        table(f"{arguments.drive}, by controller, {how}", "s", rows)
    del pair
    with tempfile.TemporaryDirectory() as directory:
        pair = Pair("", on_files(Path(directory), arguments.megabytes), by_controller=True)
        for group, how in ((1, "scattered"), (GROUP, "in groups")):
            rows = measure(pair, group, full_each=False, wall=True)
            table(f"files of {arguments.megabytes} MB, {how}", "ms", rows)


if __name__ == "__main__":
    main()
