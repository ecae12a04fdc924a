"""The mechanics of a drive: seek, rotation and transfer, from a handful of published figures.

Times are virtual nanoseconds, `lbn` counts blocks of 512 bytes.  The platters turn since time 0, at a constant speed.
"""

# DEVIATION: tracks are skewed so that a transfer that crosses into the next track, or cylinder, loses no revolution;
# a head is changed in no time; spare sectors and bad tracks take no room; a write takes as long as a read.  No drive
# answers from a cache, as late ones do.

from dataclasses import dataclass
from math import sqrt

from emu.core.block import BLOCK_BYTES, BlockRequest, Function

NANOSECONDS_A_MINUTE = 60_000_000_000

_FLUSH = int(Function.FLUSH)


@dataclass(frozen=True, slots=True)
class Mechanics:
    """What a drive's data sheet says.

    track_blocks, cylinder_blocks, cylinders: geometry.  rpm: revolutions a minute.
    seek_one_ns, seek_average_ns, seek_full_ns: to the next cylinder, over a third of all, over all of them.

    Raises:
        ValueError: these are not the figures of a disk with an arm.
    """

    track_blocks: int
    cylinder_blocks: int
    cylinders: int
    rpm: int
    seek_one_ns: int
    seek_average_ns: int
    seek_full_ns: int

    def __post_init__(self) -> None:
        if not (self.rpm > 0 and 0 < self.track_blocks <= self.cylinder_blocks and self.cylinders > 0):
            raise ValueError("a drive with an arm turns, and has tracks and cylinders")
        if not 0 <= self.seek_one_ns <= self.seek_average_ns <= self.seek_full_ns:
            raise ValueError("a longer seek takes no less time than a shorter one")

    @property
    def revolution_ns(self) -> int:
        return NANOSECONDS_A_MINUTE // self.rpm

    @property
    def block_ns(self) -> int:
        return self.revolution_ns // self.track_blocks

    def seek_ns(self, distance: int) -> int:
        """Say how long a seek over so many cylinders takes: as their root at first, the rest in proportion.

        The two published points, a third of the way and all of it, are met; so is a single cylinder.
        """
        if not distance:
            return 0
        third, full = max(self.cylinders // 3, 2), max(self.cylinders - 1, 3)
        if distance <= third:
            share = sqrt((distance - 1) / (third - 1))
            return self.seek_one_ns + round((self.seek_average_ns - self.seek_one_ns) * share)
        share = min((distance - third) / (full - third), 1.0) if full > third else 1.0
        return self.seek_average_ns + round((self.seek_full_ns - self.seek_average_ns) * share)

    def stream_ns(self, lbn: int) -> int:
        """Say when a read of the whole disk that begins at time 0 would come to a block."""
        return lbn * self.block_ns + lbn // self.cylinder_blocks * self.seek_one_ns

    def transfer_ns(self, lbn: int, blocks: int) -> int:
        """Say how long the blocks take once the first is under the head."""
        return self.stream_ns(lbn + blocks - 1) + self.block_ns - self.stream_ns(lbn)


class Arm:
    """The arm of one drive, and where it is."""

    def __init__(self, mechanics: Mechanics) -> None:
        self._mechanics = mechanics
        self.cylinder = 0

    def access_time_ns(self, request: BlockRequest, now_ns: int) -> int:
        """Serve a request from now on; return how long that takes.  A FLUSH finds everything written."""
        if request.function == _FLUSH or not request.byte_count:
            return 0
        blocks = -(-request.byte_count // BLOCK_BYTES)
        mechanics = self._mechanics
        cylinder = request.lbn // mechanics.cylinder_blocks
        seek_ns = mechanics.seek_ns(abs(cylinder - self.cylinder))
        self.cylinder = (request.lbn + blocks - 1) // mechanics.cylinder_blocks
        arrival_ns = now_ns + seek_ns
        wait_ns = (mechanics.stream_ns(request.lbn) - arrival_ns) % mechanics.revolution_ns
        return seek_ns + wait_ns + mechanics.transfer_ns(request.lbn, blocks)
