"""What all nodes know of a shadow set: membership, generation, bitmaps, who copies.

The state is a value.  A node that changes it holds the set's membership lock, stalls the set on all
nodes, writes the storage control block of every member, and only then lets all nodes go on with the
new state.

Member states and what moves a member between them:

    (not a member) ──MOUNT, copy needed──▶ TARGET ──copy done──▶ SOURCE ──DISMOUNT, failure──▶ (not a member)
    (not a member) ──MOUNT, equal generation──▶ SOURCE           TARGET ──DISMOUNT, failure──▶ (not a member)
"""

from dataclasses import dataclass, replace
from enum import Enum

from drivers.files.headers import STRUCTURE_LEVEL
from drivers.files.storage_map import bitmap_blocks

MAXIMUM_MEMBERS = 3  # SHAD$K_MAXMBRS of V7.3
MAXIMUM_BITMAPS = 6  # of one set; UNCERTAIN: the manual that says so covers later versions too


class MemberState(Enum):
    """Full member, or the target of a copy."""

    SOURCE = "full member"
    TARGET = "copy target"


_SOURCE, _TARGET = MemberState.SOURCE, MemberState.TARGET


@dataclass(frozen=True, slots=True)
class MemberRecord:
    """One member: device name, unit identifier, state.

    minicopy: the copy goes by a bitmap.  fence_lbn: where a full copy goes on that another node began.
    """

    device: str
    identifier: int
    state: MemberState
    minicopy: bool = False
    fence_lbn: int = 0


@dataclass(frozen=True, slots=True)
class BitmapRecord:
    """What identifies a bitmap, known on all nodes.

    unit: the virtual unit.  master: the node that has it in memory.  device: the departed disk, and
    member its unit identifier.  name: 22 bytes of that disk's storage control block.  generation: of
    that block.  in_use: a minicopy consumes it, writes need not be recorded any more.
    """

    identifier: int
    unit: str
    master: str
    device: str
    member: int
    name: bytes
    generation: int
    created_ns: int
    in_use: bool = False


@dataclass(frozen=True, slots=True)
class SetState:
    """A shadow set.

    scb_lbn: where each member has its storage control block.  cluster_blocks: of the volume, 0 when it has no
    files.  generation: of the storage control blocks; a VMS time, larger with every change.  nodes: who has
    the set mounted.  copier: the node that copies and merges, "" for none.  merging: writes may have reached some
    members only.  merge_fence_lbn: where a merge goes on that another node began.  version: counts changes, so that
    of two states the later is known.  epoch: of the cluster, up to which lost nodes have been taken out.
    structure_level: of the volume, and of its control blocks.
    """

    name: str
    unit_id: int
    label: str
    block_count: int
    scb_lbn: int
    cluster_blocks: int
    mount_time: int
    generation: int
    members: tuple[MemberRecord, ...]
    nodes: tuple[str, ...]
    bitmaps: tuple[BitmapRecord, ...] = ()
    copier: str = ""
    merging: bool = False
    merge_fence_lbn: int = 0
    version: int = 0
    epoch: int = 0
    structure_level: int = STRUCTURE_LEVEL

    @property
    def structure_end(self) -> int:
        """The LBN behind BITMAP.SYS, which is what INITIALIZE places last."""
        if not self.cluster_blocks:
            return self.scb_lbn + 1
        return self.scb_lbn + 1 + bitmap_blocks(-(-self.block_count // self.cluster_blocks))

    @property
    def sources(self) -> tuple[MemberRecord, ...]:
        return tuple(m for m in self.members if m.state is _SOURCE)

    @property
    def targets(self) -> tuple[MemberRecord, ...]:
        return tuple(m for m in self.members if m.state is _TARGET)

    def member(self, device: str) -> MemberRecord | None:
        for member in self.members:
            if member.device == device:
                return member
        return None

    def without(self, device: str) -> "SetState":
        return replace(self, members=tuple(m for m in self.members if m.device != device))

    def with_member(self, member: MemberRecord) -> "SetState":
        return replace(self, members=(*self.without(member.device).members, member))

    def without_bitmap(self, identifier: int) -> "SetState":
        return replace(self, bitmaps=tuple(b for b in self.bitmaps if b.identifier != identifier))

    def settled(self) -> "SetState":
        """The same state without what its members make pointless: bitmaps in use, a merge of one, a copier."""
        targets = {member.identifier for member in self.targets}
        bitmaps = tuple(b for b in self.bitmaps if not b.in_use or b.member in targets)
        merging = self.merging and len(self.members) > 1
        copier = self.copier or self.nodes[0] if self.nodes and (targets or merging) else ""
        fence_lbn = self.merge_fence_lbn if merging else 0
        if (bitmaps, merging, copier) == (self.bitmaps, self.merging, self.copier) and (
            fence_lbn == self.merge_fence_lbn
        ):
            return self
        return replace(self, bitmaps=bitmaps, merging=merging, merge_fence_lbn=fence_lbn, copier=copier)

    def bitmap_of(self, member: int, name: bytes, generation: int) -> BitmapRecord | None:
        """Find the bitmap made for exactly this disk, unchanged since it left."""
        for bitmap in self.bitmaps:
            if (bitmap.member, bitmap.name, bitmap.generation) == (member, name, generation):
                return None if bitmap.in_use else bitmap
        return None
