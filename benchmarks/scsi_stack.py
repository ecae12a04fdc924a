"""SCSI commands a second through a 53C810 and its drivers, against the logical unit alone and the bare system call.

Run as `python -m benchmarks.scsi_stack`.

The way of a request: the unit's queue, DKDRIVER's descriptor block, PKEDRIVER's command block, SCRIPTS that fetch it
from host memory and run it through the phases of the bus, the target's task, an image file in memory (/dev/shm), the
interrupt of the chip, the request's completion; twelve requests under way, tagged.  All loops run in turns in one
process: the ratios are the figures to compare.
"""

import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

from benchmarks.host_stack import ROUNDS, SIZES, Queue, ignore, make_image, reads
from benchmarks.mscp_read import SECONDS, bare_loop
from drivers.shadow.mount import MountRequest
from emu.core.clock import Scheduler
from emu.core.trace import Tracer
from emu.hw.scsi.logical_unit import LogicalUnit
from emu.hw.scsi.target import Target
from emu.hw.scsi.task import Nexus, Task
from emu.media.file import FileDevice
from emu.shells.firmware_files import load_scripts
from emu.sim.storage_shelf import HSZ
from emu.sim.world import World

TARGET = 1


class BareTask(Task):
    """A task whose transport is a buffer."""

    __slots__ = ("buffer",)

    def __init__(self, nexus: Nexus, cdb: bytes, buffer: memoryview) -> None:
        super().__init__(nexus, 0, cdb)
        self.buffer = buffer

    def room(self, length: int) -> Sequence[memoryview]:
        return (self.buffer[:length],)

    def send(self, length: int) -> None:
        pass

    def complete(self, status: int, sense: bytes) -> None:
        assert status == 0 or sense[2] == 6, "a READ ends well"


def unit_loop(medium: FileDevice, blocks: int) -> Callable[[], int]:
    """Make a loop that gives READs to a logical unit for SECONDS and returns how many."""
    clock = Scheduler()
    target = Target(clock, Tracer())
    target.attach(0, LogicalUnit(medium, HSZ, clock, Tracer(), "unit", "unit"))
    nexus = Nexus("benchmark")
    buffer = memoryview(bytearray(blocks * 512))
    cdb = bytes((0x28, 0, 0, 0, 0, blocks, 0, 0, blocks, 0))
    target.submit(BareTask(nexus, cdb, buffer))  # it has a unit attention

    def loop() -> int:
        done, end = 0, perf_counter() + SECONDS
        while perf_counter() < end:
            for _ in range(100):
                target.submit(BareTask(nexus, cdb, buffer))
            done += 100
        return done

    return loop


class Stage:
    """An Alpha with a 53C810 and one target: a disk by itself, a set of one member and a set of three."""

    def __init__(self, folder: Path) -> None:
        self.world = World()
        shelf = self.world.add_shelf()
        self.media = [make_image(folder / f"dka{number}.dsk") for number in range(5)]
        for number, medium in enumerate(self.media):
            shelf.add_disk(TARGET, medium, HSZ, lun=number)
        self.node = self.world.add_alpha("ALPHA1", shelves=[shelf], program=load_scripts("pke"))
        self.world.boot()
        self.world.run(self.node, self.node.disk("DKA100").online())
        self.disk = self._queue(self.node.disk("DKA100").queue_io)
        self.one = self._mount("DSA1:", [101])
        self.three = self._mount("DSA3:", [102, 103, 104])

    def _queue(self, queue_io: Callable[..., None]) -> Queue:
        return Queue(self.world, self.node, queue_io)

    def _mount(self, unit: str, numbers: list[int]) -> Queue:
        devices = [f"$1$DKA{number}:" for number in numbers]
        utilities = self.node.utilities
        self.world.run(self.node, utilities.initialize(devices, "BENCH", erase=False, shadow=True))
        self.world.run(self.node, utilities.mount(MountRequest(unit, devices, "BENCH"), ["ALPHA1"], ignore))
        return self._queue(self.node.shadow.units[unit].queue_io)


def main() -> None:
    directory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=directory) as name:
        folder = Path(name)
        stage = Stage(folder)
        alone = make_image(folder / "alone.dsk")
        print(f"{'':24}{'blocks':>7}{'a second':>10}{'of bare':>9}{'of unit':>9}{'us more':>9}")
        for blocks in SIZES:
            loops = {
                "bare preadv": bare_loop(alone.descriptor or 0, blocks * 512),
                "logical unit alone": unit_loop(alone, blocks),
                "disk": reads(stage.disk, blocks),
                "DSA1: one member": reads(stage.one, blocks),
                "DSA3: three members": reads(stage.three, blocks),
            }
            best = dict.fromkeys(loops, 0.0)
            for _ in range(ROUNDS):
                for title, loop in loops.items():
                    best[title] = max(best[title], loop() / SECONDS)
            bare, unit = best["bare preadv"], best["logical unit alone"]
            for title, rate in best.items():
                more_us = 1e6 / rate - 1e6 / unit
                print(
                    f"READ {title:19}{blocks:7}{rate:10.0f}{rate / bare:9.2f}{rate / unit:9.2f}{more_us:9.2f}"
                )
        for medium in (*stage.media, alone):
            medium.close()


if __name__ == "__main__":
    sys.exit(main())
