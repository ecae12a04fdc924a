"""Requests a second through the whole host stack, against the controller alone and the bare system call.

Run as `python -m benchmarks.host_stack`.

The way of a request: the unit's queue, the class driver, the port driver's ring, the controller, an image
file in memory (/dev/shm, so that what is measured is code), the interrupt, the request's completion; on an
Alpha, twelve requests under way.  All loops run in turns in one process: the ratios are the figures to
compare.  The cost of a write bitmap is measured on one set whose bitmap is made and deleted between short
rounds, and told as the ratio of the medians.
"""

import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import perf_counter

from benchmarks.mscp_read import SECONDS, Bench, bare_loop
from drivers.cluster.node import Node
from drivers.message import Message
from drivers.platform.irp import Irp
from drivers.shadow.mount import MountRequest
from drivers.shadow.shdriver import VirtualUnit
from drivers.shadow.state import SetState
from emu.media.file import FileDevice
from emu.shells.firmware_files import load_firmware
from emu.sim.world import World, drive_for
from emu.wire.codes.vms import IO

DEPTH = 12
ROUNDS = 5
SIZES = (1, 64)
BLOCK_COUNT = 311200  # an RD54, which the controller alone has
BITMAP_ROUNDS = 80
BITMAP_REQUESTS = 400
READ, WRITE = int(IO.READPBLK), int(IO.WRITEPBLK)


class Queue:
    """Anything that takes requests: a disk or a virtual unit, and the world it is in."""

    def __init__(self, world: World, node: Node, queue_io: Callable[[Irp], None]) -> None:
        self.world = world
        self.queue_io = queue_io
        self.buffers = [node.platform.pool.allocate(64 * 512) for _ in range(DEPTH)]

    def run(self, function: int, blocks: int, requests: int) -> float:
        """Do so many requests, DEPTH at a time; return the seconds they took."""
        load = Load(self.queue_io, requests)
        first = [
            Request(load, function, (1 + n) * blocks, blocks * 512, self.buffers[n]) for n in range(DEPTH)
        ]
        start = perf_counter()
        for request in first:
            self.queue_io(request)
        clock = self.world.clock
        clock.run_soon()
        while load.left and clock.step():  # a SCRIPTS processor that runs on and on lets time pass
            clock.run_soon()
        took = perf_counter() - start
        assert not load.left, "every request was answered"
        return took


class Load:
    """How many requests are left to do."""

    def __init__(self, queue_io: Callable[[Irp], None], requests: int) -> None:
        self.queue_io = queue_io
        self.left = requests


class Request(Irp):
    """A request that is queued again as long as there are any left to do."""

    __slots__ = ("load",)

    def __init__(self, load: Load, function: int, lbn: int, byte_count: int, address: int) -> None:
        super().__init__(function, lbn, byte_count, address)
        self.load = load

    def complete(self) -> None:
        load = self.load
        load.left -= 1
        if load.left >= DEPTH:
            load.queue_io(self)


def reads(queue: Queue, blocks: int) -> Callable[[], int]:
    """Make a loop that reads for about SECONDS and returns requests a SECONDS."""

    def loop() -> int:
        done, took = 0, 0.0
        while took < SECONDS:
            took += queue.run(READ, blocks, 2000)
            done += 2000
        return int(done * SECONDS / took)

    return loop


class Stage:
    """An Alpha with one disk by itself, a set of one member and a set of three, all on one controller."""

    def __init__(self, folder: Path) -> None:
        self.world = World()
        controller = self.world.add_controller(load_firmware("hbvs-shadow"))
        self.media = [make_image(folder / f"dua{number}.dsk") for number in range(5)]
        for number, medium in enumerate(self.media):
            controller.attach_unit(number, medium, drive_for(controller.firmware, medium))
        self.node = self.world.add_alpha("ALPHA1", controller)
        self.world.boot()
        self.world.run(self.node, self.node.disk("DUA0").online())
        self.disk = Queue(self.world, self.node, self.node.disk("DUA0").queue_io)
        self.one = self._mount("DSA1:", [1])
        self.three = self._mount("DSA3:", [2, 3, 4])

    def _mount(self, unit: str, numbers: list[int]) -> VirtualUnit:
        devices = [f"$1$DUA{number}:" for number in numbers]
        utilities, say = self.node.utilities, ignore
        self.world.run(self.node, utilities.initialize(devices, "BENCH", shadow=True))
        self.world.run(self.node, utilities.mount(MountRequest(unit, devices, "BENCH"), ["ALPHA1"], say))
        return self.node.shadow.units[unit]

    def queue(self, vu: VirtualUnit) -> Queue:
        return Queue(self.world, self.node, vu.queue_io)

    def record(self, vu: VirtualUnit) -> None:
        """Give a set a write bitmap, as if a member had left."""
        shadow = self.node.shadow

        def edit(state: SetState) -> SetState:
            return replace(
                state, bitmaps=(shadow.make_bitmap(state, "$1$DUA9:", 9, bytes(22), state.generation),)
            )

        self.world.run(self.node, shadow.change(vu.name, edit))

    def forget(self, vu: VirtualUnit) -> None:
        identifier = vu.state.bitmaps[0].identifier
        self.world.run(self.node, self.node.utilities.delete_bitmap(identifier))


def ignore(message: Message) -> None:
    return None


def make_image(path: Path) -> FileDevice:
    FileDevice.create(path, BLOCK_COUNT).close()
    with path.open("r+b") as image:
        image.write(bytes(range(256)) * 2048)
    return FileDevice.open(path)


def bitmap_cost(stage: Stage, vu: VirtualUnit, blocks: int) -> tuple[float, float]:
    """Write with and without a bitmap in turns; return writes a second without, and the cost as a share."""
    queue = stage.queue(vu)
    queue.run(WRITE, blocks, BITMAP_REQUESTS)
    without: list[float] = []
    recorded: list[float] = []
    for number in range(BITMAP_ROUNDS):
        if number % 2:
            without.append(queue.run(WRITE, blocks, BITMAP_REQUESTS))
        stage.record(vu)
        queue.run(WRITE, blocks, DEPTH)
        recorded.append(queue.run(WRITE, blocks, BITMAP_REQUESTS))
        stage.forget(vu)
        queue.run(WRITE, blocks, DEPTH)
        if not number % 2:
            without.append(queue.run(WRITE, blocks, BITMAP_REQUESTS))
    return BITMAP_REQUESTS / median(without), median(recorded) / median(without) - 1


def main() -> None:
    directory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=directory) as name:
        folder = Path(name)
        stage = Stage(folder)
        alone = make_image(folder / "alone.dsk")
        bench = Bench(alone)
        print(f"{'':24}{'blocks':>7}{'a second':>10}{'of bare':>9}{'of controller':>15}{'us more':>9}")
        for blocks in SIZES:
            loops = {
                "bare preadv": bare_loop(alone.descriptor or 0, blocks * 512),
                "controller alone": bench.read_loop(blocks * 512),
                "disk": reads(stage.disk, blocks),
                "DSA1: one member": reads(stage.queue(stage.one), blocks),
                "DSA3: three members": reads(stage.queue(stage.three), blocks),
            }
            best = dict.fromkeys(loops, 0.0)
            for _ in range(ROUNDS):
                for title, loop in loops.items():
                    best[title] = max(best[title], loop() / SECONDS)
            bare, controller = best["bare preadv"], best["controller alone"]
            for title, rate in best.items():
                more_us = 1e6 / rate - 1e6 / controller
                print(
                    f"READ {title:19}{blocks:7}{rate:10.0f}{rate / bare:9.2f}{rate / controller:15.2f}{more_us:9.2f}"
                )
        print(f"\n{'':24}{'blocks':>7}{'a second':>10}{'bitmap costs':>14}")
        for title, vu in (("DSA1: one member", stage.one), ("DSA3: three members", stage.three)):
            for blocks in SIZES:
                rate, cost = bitmap_cost(stage, vu, blocks)
                print(f"WRITE {title:18}{blocks:7}{rate:10.0f}{cost:13.1%}")
        for medium in (*stage.media, alone):
            medium.close()


if __name__ == "__main__":
    sys.exit(main())
