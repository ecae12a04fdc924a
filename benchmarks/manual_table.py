"""The table of the V7.3 manual, with our own figures beside it: minicopy and full copy by share of bits set.

`python -m benchmarks.manual_table [--drive RA81] [--megabytes N] [--directory D]` lets a member of a set of two leave,
dirties a share of the 127-block segments, and lets it return, by minicopy and by full copy.  On mechanical drives times
are virtual seconds; on private files of N MB each (three of them) they are milliseconds, medians of five rounds, with a
bare loop of copy_file_range over as many segments (`pair_on_files`).  "scattered" segments lie at random, "in groups"
are 32 adjacent ones.  "by host" reads, compares and writes what differs, as V7.3 does; "by controller" is DISK COPY
DATA.
"""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.pair import Media, Pair
from benchmarks.pair_on_files import FilePair, file_pair
from drivers.shadow.utility import Policy
from emu.media.memory import MemoryDevice
from emu.media.slow import SlowDevice
from emu.shells.firmware_files import load_firmware
from emu.sim.world import mechanics_of

GROUP = 32
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


def on_drives(drive: str) -> Media:
    kind = load_firmware("hbvs-shadow").drives[drive]
    mechanics = mechanics_of(kind)
    if mechanics is None:
        raise SystemExit(f"{drive} has no mechanics that are known")
    return lambda world: [
        SlowDevice.of_drive(MemoryDevice(kind.block_count), mechanics, world.clock) for _ in range(2)
    ]


def copy_seconds(pair: Pair, segments: Sequence[int], policy: Policy) -> float:
    """Return the virtual seconds of one copy."""
    pair.begin_copy(segments, policy)
    copy = pair.finish_copy()
    assert copy.ended_ns is not None, "it is finished"
    return (copy.ended_ns - copy.started_ns) / 1e9


def measure(pair: Pair, group: int, *, full_each: bool) -> Iterable[tuple[int, float, float]]:
    """Measure the table; a full copy is measured once if it does not depend on what differs."""
    full = copy_seconds(pair, pair.segments(1, group), Policy.NOMINICOPY)
    for percent in MANUAL:
        segments = pair.segments(percent, group)
        if full_each and percent != 1:
            full = copy_seconds(pair, segments, Policy.NOMINICOPY)
        yield percent, full, copy_seconds(pair, segments, Policy.MINICOPY)


def cells(full: float, mini: float) -> str:
    return f"{full:9.2f} {mini:8.2f} {mini / full:6.1%}"


def print_drives(title: str, rows: Iterable[tuple[int, float, float]]) -> None:
    print(f"\n{title} (s)")
    print("bits set      full     mini   mini/full    manual, s: full     mini mini/full")
    for percent, full, mini in rows:
        print(f"{percent:6} % {cells(full, mini)}            {cells(*MANUAL[percent])}")
        tell_if_too_much(percent, mini / full)


def tell_if_too_much(percent: int, share: float) -> None:
    if percent == 1 and share > ALLOWED_SHARE:
        print(f"         more than {ALLOWED_SHARE:.1%}")


def print_files(files: FilePair, group: int, title: str) -> None:
    """Measure and print one table; bare/full is the share that is beyond our reach."""
    print(f"\n{title} (ms)")
    print("              copied, processor time                    on the disk, wall time")
    print("bits set      full     mini   mini/full  bare/full        full     mini   mini/full  bare/full")
    for percent in MANUAL:
        full, mini, bare = files.measure(percent, group)
        full_ms, durable_ms = full.processor_ms, full.durable_ms
        print(
            f"{percent:6} % {cells(full_ms, mini.processor_ms)} {bare.processor_ms / full_ms:10.1%}    "
            f"{cells(durable_ms, mini.durable_ms)} {bare.durable_ms / durable_ms:10.1%}"
        )
        tell_if_too_much(percent, mini.processor_ms / full_ms)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--drive", default="RA81")
    parser.add_argument("--megabytes", type=int, default=2048)
    parser.add_argument("--directory", type=Path, help="where the files go (default: a temporary directory)")
    arguments = parser.parse_args()
    media = on_drives(arguments.drive)
    pair = Pair(arguments.drive, media, by_controller=False)
    print_drives(f"{arguments.drive}, by host, scattered", measure(pair, 1, full_each=True))
    pair = Pair(arguments.drive, media, by_controller=True)
    for group, how in ((1, "scattered"), (GROUP, "in groups")):
        rows = measure(pair, group, full_each=False)
        print_drives(f"{arguments.drive}, by controller, {how}", rows)
    del pair
    on_files = f"files of {arguments.megabytes} MB"
    with file_pair(arguments.directory, arguments.megabytes, by_controller=False) as files:
        print_files(files, 1, f"{on_files}, by host, scattered")
    with file_pair(arguments.directory, arguments.megabytes, by_controller=True) as files:
        for group, how in ((1, "scattered"), (GROUP, "in groups")):
            print_files(files, group, f"{on_files}, by controller, {how}")


if __name__ == "__main__":
    main()
