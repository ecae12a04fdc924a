"""Minicopy on real image files: time against a full copy and against the bare kernel copy of the same extents.

`python benchmarks/minicopy.py [--directory D] [--megabytes N]` makes three images of N MB full of data, lets a member
leave, dirties a share of the 127-block segments at random, lets it return, and prints processor times, MOUNT included,
and ratios: of each the best of three.  Everything is in the page cache.  "runs" are the extents after joining
neighbours; "bare" copies exactly these with copy_file_range, nothing else.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path
from random import Random

from drivers.cluster.node import Node
from drivers.platform.host import WaitingIrp
from drivers.shadow.mount import MountRequest
from drivers.shadow.shdriver import VirtualUnit
from drivers.shadow.utility import Policy
from emu.media.file import FileDevice
from emu.shells.firmware_files import load_firmware
from emu.sim.world import World, drive_for
from emu.wire.codes.vms import IO

SEGMENT_BLOCKS = 127
BLOCK_BYTES = 512
SHARES = (0.01, 0.05, 0.25)


def fill(path: Path, size_bytes: int) -> None:
    data = os.urandom(1 << 20)
    with path.open("wb") as image:
        for _ in range(size_bytes >> 20):
            image.write(data)


def dirty(world: World, node: Node, vu: VirtualUnit, segments: list[int]) -> None:
    """Write one block in each segment."""
    address = node.platform.pool.allocate(BLOCK_BYTES)
    irps = []
    for segment in segments:
        lbn = min(segment * SEGMENT_BLOCKS + 60, vu.block_count - 1)
        irps.append(WaitingIrp(node.platform, IO.WRITEPBLK, max(lbn, 3), BLOCK_BYTES, address))
        vu.queue_io(irps[-1])
    world.settle(lambda: all(irp.finished.is_set for irp in irps[-64:]))
    node.platform.pool.free(address)


def bare_loop(source: Path, target: Path, runs: list[tuple[int, int]]) -> float:
    """Copy extents (LBN, blocks) with the kernel, best of three."""
    reader, writer = os.open(source, os.O_RDONLY), os.open(target, os.O_RDWR)
    best = 1e9
    for _ in range(3):
        start = time.process_time()
        for lbn, blocks in runs:
            os.copy_file_range(reader, writer, blocks * BLOCK_BYTES, lbn * BLOCK_BYTES, lbn * BLOCK_BYTES)
        best = min(best, time.process_time() - start)
    os.close(reader)
    os.close(writer)
    return best


def joined(segments: list[int], block_count: int) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for segment in segments:
        lbn = segment * SEGMENT_BLOCKS
        blocks = min(SEGMENT_BLOCKS, block_count - lbn)
        if runs and sum(runs[-1]) == lbn:
            runs[-1] = (runs[-1][0], runs[-1][1] + blocks)
        else:
            runs.append((lbn, blocks))
    return runs


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--directory", type=Path, help="where the images go (default: a temporary directory)")
    parser.add_argument("--megabytes", type=int, default=1024)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.directory) as directory:
        run(Path(directory), arguments.megabytes << 20)


def run(directory: Path, size_bytes: int) -> None:
    paths = [directory / f"member{index}.dsk" for index in range(2)]
    scratch = directory / "scratch.dsk"
    for path in (*paths, scratch):
        fill(path, size_bytes)
    world = World()
    controller = world.add_controller(load_firmware("hbvs-shadow"))
    for index, path in enumerate(paths):
        medium = FileDevice.open(path)
        controller.attach_unit(index, medium, drive_for(controller.firmware, medium))
    node = world.add_alpha("ALPHA1", controller)
    world.boot()
    names = [unit.name for unit in node.disks]
    utilities = node.utilities
    world.run(node, utilities.initialize(names, "BENCH", shadow=True))
    mount = MountRequest("DSA1:", names, "BENCH")
    world.run(node, utilities.mount(mount, node.cluster.nodes, lambda message: None))
    vu = node.shadow.units["DSA1:"]

    def leave(policy: Policy) -> None:
        world.run(node, utilities.dismount_member(names[1], policy, lambda message: None))

    def come_back(policy: Policy) -> float:
        started = time.process_time()
        request = MountRequest("DSA1:", names[1:], "BENCH", policy)
        world.run(node, utilities.mount(request, node.cluster.nodes, lambda message: None))
        world.settle(lambda: not vu.targets and vu.copy is None)
        return time.process_time() - started

    print(f"two images of {size_bytes >> 20} MB in {directory}; {vu.block_count} blocks")
    full_times = []
    for _ in range(3):
        leave(Policy.NOMINICOPY)
        full_times.append(come_back(Policy.NOMINICOPY))
    full_s = min(full_times)
    print(f"full copy            {full_s * 1e3:9.1f} ms")
    headings = ("dirty", "order", "MB", "runs", "minicopy ms", "of full", "bare ms", "of bare")
    widths = (6, 10, 7, 6, 12, 8, 9, 8)
    print(" ".join(f"{heading:>{width}}" for heading, width in zip(headings, widths, strict=True)))
    bits = -(-vu.block_count // SEGMENT_BLOCKS)
    for share in SHARES:
        for order, cluster in (("random", 1), ("clustered", 32)):
            stream = Random(1)
            starts = stream.sample(range(0, bits - cluster, cluster), max(1, int(bits * share / cluster)))
            segments = sorted(start + step for start in starts for step in range(cluster))
            runs = joined(segments, vu.block_count)
            times = []
            for _ in range(3):
                leave(Policy.MINICOPY)
                dirty(world, node, vu, segments)
                times.append(come_back(Policy.MINICOPY))
                copied = node.shadow.server.copies[-1].blocks_copied
                assert copied <= SEGMENT_BLOCKS * len(segments) + SEGMENT_BLOCKS, (
                    "only what is dirty is copied"
                )
            bare_s = bare_loop(paths[0], scratch, runs)
            mini_s = min(times)
            megabytes = sum(blocks for _, blocks in runs) * BLOCK_BYTES / 1e6
            print(
                f"{share:6.0%} {order:>10} {megabytes:7.1f} {len(runs):6} {mini_s * 1e3:12.1f} "
                f"{mini_s / full_s:8.3f} {bare_s * 1e3:9.1f} {mini_s / bare_s:8.2f}"
            )


if __name__ == "__main__":
    main()
