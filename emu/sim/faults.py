"""What may go wrong in a simulated world, and what is promised to survive it.

Promised, whatever the order and the moment, as long as one full member of a set stays readable and writable:

* a write that was acknowledged is read by whoever reads later, on every node;
* a read gives the last acknowledged write of a block or one issued since, whole;
* when all is quiet, full members are equal, block by block;
* a disk that left holds what the set held at that instant, until it is mounted again;
* a block that was written while a disk with a bitmap was away has its bit before the write is acknowledged;
* once faults have stopped, every request is answered within a minute, but those of a node that died; where a
  controller hangs, its host finds that out first;
* a read on a quiet set takes as long as the disk does.

What may happen meanwhile: a disk fails its next requests, or all of them until it is mended, or answers none for a
while, or is taken out of the controller and put back; a block cannot be read until it is written; a write of several
blocks stops half way with an error; requests take long; a controller stops with a fatal error, or hangs, and is started
anew by its hosts, in which it may stop again at any step; it has few credits to give; interrupts come late, or unasked;
members are dismounted, backed up, restored and mounted, sets dismounted and mounted, bitmaps deleted, on
any node, one command while another is under way; a processor stands still and goes on; a node of either kind crashes,
with or without a last word to the others, and boots again; a cable of the LAN breaks, in one direction or both, so
that nodes stall, leave the cluster and stop; the LAN loses, doubles, delays and disorders datagrams; the pool of a
node is used up; few map registers are left to it; the power of everything fails, which loses all memory and the order
of nothing that was acknowledged.

A write that was under way on a node that died is in doubt: each of its blocks is old or new.  A bitmap dies with its
master; its disk returns by full copy.  Without quorum a node does nothing until it has it again: an Alpha has two votes
here and a VAX one.

Not promised: anything when the last full member is lost; data that a medium says it has written and has not, or has
written elsewhere.  Shadowing has no check sums: it takes a disk's word.
"""

from emu.core.block import BLOCK_BYTES, BlockRequest, Function, MediumError
from emu.media.faulty import Hold

_WRITES = frozenset((int(Function.WRITE), int(Function.ERASE), int(Function.COPY)))
_READ = int(Function.READ)


class Trouble:
    """The rule of a disk in a simulated world (`emu.media.faulty.Rule`); all is well until somebody says otherwise.

    dead: every request fails.  failing: so many requests fail that are still to come.  tearing: the next write of
    several blocks stops half way.  unreadable: blocks that cannot be read before they are written.  silence: keeps what
    comes while the disk does not answer.
    """

    def __init__(self) -> None:
        self.dead = False
        self.failing = 0
        self.tearing = False
        self.unreadable: set[int] = set()
        self.silence = Hold()
        self.silence.holding = False

    def heal(self) -> None:
        """End all trouble but unreadable blocks."""
        self.dead = False
        self.failing = 0
        self.tearing = False
        self.silence.holding = False
        self.silence.release()

    def power_lost(self) -> None:
        """End all trouble but unreadable blocks; what was kept is lost."""
        self.silence = Hold()
        self.silence.holding = False
        self.heal()

    @property
    def exists(self) -> bool:
        """Whether the disk may fail a request."""
        return self.dead or self.failing > 0 or self.tearing or bool(self.unreadable) or self.silence.holding

    def on_request(self, request: BlockRequest) -> MediumError | Hold | None:
        if self.silence.holding:
            return self.silence
        if self.dead:
            return MediumError("the disk does not answer")
        if self.failing:
            self.failing -= 1
            return MediumError("the disk has a moment of weakness")
        block_count = request.byte_count // BLOCK_BYTES
        if request.function in _WRITES:
            if self.tearing and block_count > 1:
                self.tearing = False
                return MediumError("the write stopped half way", lbn=request.lbn + block_count // 2)
            if self.unreadable:
                self.unreadable.difference_update(range(request.lbn, request.lbn + block_count))
        elif request.function == _READ and self.unreadable:
            bad = [lbn for lbn in self.unreadable if request.lbn <= lbn < request.lbn + block_count]
            if bad:
                return MediumError("the block cannot be read", lbn=min(bad))
        return None
