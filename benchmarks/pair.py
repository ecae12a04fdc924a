"""A shadow set of two disks, one of which leaves, misses writes and returns: what the benchmarks of copies share."""

import os
from collections.abc import Callable, Iterable, Sequence
from random import Random

from drivers.platform.host import WaitingIrp
from drivers.platform.process import Procedure
from drivers.shadow.copy import CopyThread
from drivers.shadow.mount import MountRequest
from drivers.shadow.utility import Policy
from emu.core.block import BlockDevice
from emu.shells.firmware_files import load_firmware
from emu.sim.world import World, drive_for
from emu.wire.codes.vms import IO

SEGMENT_BLOCKS = 127
BLOCK_BYTES = 512
AT_A_TIME = 64

Media = Callable[[World], Sequence[BlockDevice]]


class Pair:
    """The set, mounted on one Alpha."""

    def __init__(self, drive: str, media: Media, *, by_controller: bool) -> None:
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

    def begin_copy(self, segments: Sequence[int], policy: Policy) -> None:
        """Let the second disk leave, miss writes to segments, and return; the copy is just beginning."""
        leave = self.node.utilities.dismount_member(self.names[1], policy, lambda message: None)
        self.world.run(self.node, leave)
        self._dirty(segments)
        self.node.platform.process("mount", self._mount(self.names[1:], policy))
        self.world.settle(lambda: self.vu.copy is not None)

    def finish_copy(self) -> CopyThread:
        """Wait until the second disk is a full member."""
        self.world.settle(lambda: not self.vu.targets and self.vu.copy is None)
        return self.node.shadow.server.copies[-1]

    def segments(self, percent: int, group: int, seed: int = 0) -> list[int]:
        """Choose a share of all segments, in groups."""
        count = -(-self.vu.block_count // SEGMENT_BLOCKS)
        starts = range(0, count, group)
        chosen = Random(percent + 1000 * seed).sample(starts, max(1, len(starts) * percent // 100))
        return sorted(s for start in chosen for s in range(start, min(start + group, count)))
