"""SetBit messages for each write of a node that is not master: `python -m benchmarks.set_bits`.

An Alpha is master of a bitmap, a VAX writes: once through the unit and once again, in single and in buffered mode,
with and without a local bitmap, blocks in order and at random.  In virtual time: the figures are the same everywhere.
"""

from collections.abc import Iterator
from functools import partial
from random import Random

from drivers.platform.host import Platform, WaitingIrp
from drivers.platform.process import Procedure
from drivers.shadow.mount import MountRequest
from drivers.shadow.shdriver import VirtualUnit
from drivers.shadow.utility import Policy
from emu.core.block import BLOCK_BYTES
from emu.core.clock import MICROSECOND_NS
from emu.media.memory import MemoryDevice
from emu.media.slow import SlowDevice
from emu.shells.firmware_files import load_firmware
from emu.sim.world import World, drive_for
from emu.wire.codes.vms import IO

BLOCKS = 40_000
WRITE_BLOCKS = 16
DEPTH = 16
LATENCY_NS = 200 * MICROSECOND_NS
NAMES = ["$1$DUA10:", "$1$DUA11:"]


def main() -> None:
    print(f"{'':44}{'first pass':>22}{'second pass':>22}")
    print(f"{'':44}" + f"{'messages a write':>22}" * 2)
    for buffered in (False, True):
        for local in (True, False):
            for at_random in (False, True):
                first, second = passes(buffered=buffered, local=local, at_random=at_random)
                words = (
                    f"{'buffered' if buffered else 'single'} messages, "
                    f"{'a' if local else 'no'} local bitmap, {'random' if at_random else 'sequential'}"
                )
                print(f"{words:50}{first:12.3f}{second:22.3f}")


def passes(*, buffered: bool, local: bool, at_random: bool) -> tuple[float, float]:
    """Write the whole unit twice; returns the messages for each write, of each pass."""
    firmware = load_firmware("hbvs-shadow")
    world = World(boot_time=1 << 50)
    controller = world.add_controller(firmware)
    for number in (10, 11):
        disk = MemoryDevice(BLOCKS)
        medium = SlowDevice(disk, world.clock, lambda request: LATENCY_NS, parallel=True)
        controller.attach_unit(number, medium, drive_for(firmware, disk))
    alpha = world.add_alpha("ALPHA1", controller, memory_bytes=4 << 20)
    vax = world.add_vax("VAX1", controller, memory_bytes=4 << 20)
    world.boot()
    vax.shadow.recorder.keeps_local = local
    if not buffered:
        vax.platform.parameters.write_active("WBM_MSG_UPPER", -1)
    world.run(alpha, alpha.utilities.initialize(NAMES, "BENCH", erase=False, shadow=True))
    request = MountRequest("DSA1:", NAMES, "BENCH", Policy.DEFAULT)
    world.run(alpha, alpha.utilities.mount(request, alpha.cluster.nodes, lambda message: None))
    world.run(vax, vax.utilities.mount(request, alpha.cluster.nodes, lambda message: None))
    world.run(alpha, alpha.utilities.dismount_member(NAMES[1], Policy.MINICOPY, lambda message: None))
    unit = vax.shadow.units["DSA1:"]
    first_lbn = unit.state.structure_end
    lbns = list(range(first_lbn, BLOCKS - WRITE_BLOCKS, WRITE_BLOCKS))
    figures = []
    for turn in range(2):
        if at_random:
            Random(turn).shuffle(lbns)
        before = vax.shadow.recorder.messages
        queue = iter(lbns)
        processes = [vax.platform.process("writer", writer(vax.platform, unit, queue)) for _ in range(DEPTH)]
        for process in processes:
            world.clock.run_until(partial(getattr, process.finished, "is_set"))
        figures.append((vax.shadow.recorder.messages - before) / len(lbns))
    return figures[0], figures[1]


def writer(platform: Platform, unit: VirtualUnit, queue: Iterator[int]) -> Procedure:
    """Write extents one after the other."""
    address = platform.pool.allocate(WRITE_BLOCKS * BLOCK_BYTES)
    for lbn in queue:
        irp = WaitingIrp(platform, IO.WRITEPBLK, lbn, WRITE_BLOCKS * BLOCK_BYTES, address)
        unit.queue_io(irp)
        yield irp.finished
    platform.pool.free(address)


if __name__ == "__main__":
    main()
