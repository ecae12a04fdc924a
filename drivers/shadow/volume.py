"""The blocks of a volume that shadowing reads and writes: home block, storage control block.

The storage control block is the first block of [000000]BITMAP.SYS.  A mirror set's side file has no files; its home
block says so by an index file bitmap at LBN 0, and the storage control block follows it.

DEVIATION: the geometry in a storage control block that is written by shadowing is one track of all blocks.  Its count
of write-mounts is 1 while the set is mounted, on however many nodes.  Members are known in it by the identifiers their
drives have (MSCP's unit identifier, a SCSI disk's designator), where SDA shows allocation class and unit number.
"""

from dataclasses import dataclass, replace
from typing import Protocol

from drivers.classes.disk import Disk
from drivers.files.fresh_volume import LABEL_BYTES, sealed_home_block
from drivers.files.headers import STRUCTURE_LEVEL, BadHeader, FileId, unpack_header, unpack_map
from drivers.platform.host import Platform, WaitingIrp
from drivers.platform.irp import AT_ONCE, Irp
from drivers.platform.process import Procedure
from drivers.shadow.state import MemberState, SetState
from emu.core.block import BLOCK_BYTES
from emu.wire.codes.ods2 import (
    CHECKSUM1_WORDS,
    CHECKSUM2_WORDS,
    FID,
    HOME_BLOCK_LBN,
    MEMBER_STATUS,
    SHADOW_STATUS,
    STRUCLEV,
    STRUCTURE_NAME,
    STRUCTURE_NAME_ODS1,
    ods2_checksum,
)
from emu.wire.codes.vms import IO, SS
from emu.wire.generated.ods2 import HomeBlock, StorageControlBlock

STRUCTURE_LEVELS = (STRUCLEV.ODS2, STRUCLEV.ODS5)  # which differ in nothing that shadowing looks at
BARE_SCB_LBN = HOME_BLOCK_LBN + 1  # on a volume without files
HOME_SEARCH_LBN = 16  # where the search for an alternate home block ends
_NAME = slice(StorageControlBlock.LAYOUT["volockname"][0], StorageControlBlock.LAYOUT["genernum"][0])

_VALID = int(MEMBER_STATUS.VALID)
_SOURCE_STATUS = int(MEMBER_STATUS.SRC | MEMBER_STATUS.VALID)
_TARGET_STATUS = int(MEMBER_STATUS.FCPY | MEMBER_STATUS.CIP)


@dataclass(frozen=True, slots=True)
class VolumeIdentity:
    """What a disk says about itself: label "" when there is no home block, scb None when it is not valid.

    cluster_blocks: 0 when the volume has no files.  backup_used: the primary home block is bad.  is_ods1: it is a
    volume that cannot be used.  owner: a UIC, group in the high word.
    """

    label: str
    scb: StorageControlBlock | None
    scb_lbn: int = 0
    cluster_blocks: int = 0
    backup_used: bool = False
    is_ods1: bool = False
    owner: int = 0

    @property
    def generation(self) -> int:
        return self.scb.genernum if self.scb is not None else 0

    @property
    def bitmap_name(self) -> bytes:
        """The 22 bytes that name a bitmap of this disk: volume lock name, mount time, backup revision."""
        return self.scb.pack()[_NAME] if self.scb is not None else b""


NO_VOLUME = VolumeIdentity("", None)


class BlockUnit(Protocol):
    """A disk, or a virtual unit."""

    def queue_io(self, irp: Irp) -> None: ...


def read_blocks(platform: Platform, unit: BlockUnit, lbn: int, block_count: int) -> Procedure:
    """Read; returns (SS.*, bytes)."""
    length = block_count * BLOCK_BYTES
    address = yield from platform.allocate(length)
    try:
        irp = WaitingIrp(platform, IO.READPBLK, lbn, length, address)
        unit.queue_io(irp)
        yield irp.finished
        return irp.status, bytes(platform.window(address, length))
    finally:
        platform.pool.free(address)


def write_blocks(
    platform: Platform, unit: BlockUnit, lbn: int, data: bytes, io_epoch: int = AT_ONCE
) -> Procedure:
    """Write whole blocks; returns SS.*.

    io_epoch: of the platform, when it was known that they are to be written.
    """
    address = yield from platform.allocate(len(data))
    try:
        platform.window(address, len(data))[:] = data
        irp = WaitingIrp(platform, IO.WRITEPBLK, lbn, len(data), address)
        irp.io_epoch = io_epoch
        unit.queue_io(irp)
        yield irp.finished
        return irp.status
    finally:
        platform.pool.free(address)


def identify(platform: Platform, unit: Disk) -> Procedure:
    """Read what a disk says about itself; returns (SS.*, VolumeIdentity).

    The way is home block, header of BITMAP.SYS behind the index file bitmap, first block of BITMAP.SYS.
    """
    status, home, blocks = yield from find_home_block(platform, unit)
    if status != SS.NORMAL:
        return status, NO_VOLUME
    if home is None:
        scb = bare_control_block_in(blocks[0])
        status, primary = yield from read_blocks(platform, unit, HOME_BLOCK_LBN, 1)
        return status, VolumeIdentity("", scb, BARE_SCB_LBN, is_ods1=is_ods1_home_block(primary))
    label = home.volname.decode("ascii", "replace").rstrip()
    cluster_blocks = home.cluster if home.ibmaplbn else 0
    identity = VolumeIdentity(
        label, None, cluster_blocks=cluster_blocks, backup_used=bool(blocks), owner=home.volowner
    )
    if not home.ibmaplbn:
        scb_lbn = BARE_SCB_LBN
    else:
        header_lbn = home.ibmaplbn + home.ibmapsize + FID.BITMAP - 1
        if header_lbn >= unit.block_count:
            return status, identity
        status, block = yield from read_blocks(platform, unit, header_lbn, 1)
        if status != SS.NORMAL:
            return status, identity
        try:
            header = unpack_header(block, FileId(FID.BITMAP, FID.BITMAP))
            scb_lbn = next(unpack_map(block, header)).lbn
        except (BadHeader, StopIteration):
            return status, identity
    if scb_lbn >= unit.block_count:
        return status, identity
    status, block = yield from read_blocks(platform, unit, scb_lbn, 1)
    if status != SS.NORMAL:
        return status, identity
    return status, replace(identity, scb=control_block_in(block), scb_lbn=scb_lbn)


def find_home_block(platform: Platform, unit: BlockUnit) -> Procedure:
    """Find the home block, the primary or an alternate one.

    Returns (SS.*, HomeBlock or None, blocks from LBN 2 on), the last empty when the primary one is good.
    """
    status, data = yield from read_blocks(platform, unit, HOME_BLOCK_LBN, 1)
    home = home_block_in(data) if status == SS.NORMAL else None
    if home is not None or status != SS.NORMAL:
        return status, home, []
    first = HOME_BLOCK_LBN + 1
    status, data = yield from read_blocks(platform, unit, first, HOME_SEARCH_LBN - first)
    blocks = [data[at : at + BLOCK_BYTES] for at in range(0, len(data), BLOCK_BYTES)]
    if status == SS.NORMAL:
        home = next(filter(None, map(home_block_in, blocks)), None)
    return status, home, blocks


def home_block_in(data: bytes) -> HomeBlock | None:
    """Take a block as a home block; None when it is none."""
    home = HomeBlock.unpack(data)
    valid = (
        home.format == STRUCTURE_NAME
        and home.struclev & 0xFF00 in STRUCTURE_LEVELS
        and home.checksum1 == ods2_checksum(data, CHECKSUM1_WORDS)
        and home.checksum2 == ods2_checksum(data, CHECKSUM2_WORDS)
    )
    return home if valid else None


def is_ods1_home_block(data: bytes) -> bool:
    """Whether a block is the home block of an ODS-1 volume, which has format and checksum where ODS-2 has them."""
    home = HomeBlock.unpack(data)
    return home.format == STRUCTURE_NAME_ODS1 and home.checksum2 == ods2_checksum(data, CHECKSUM2_WORDS)


def control_block_in(block: bytes) -> StorageControlBlock | None:
    """Take a block as a storage control block; None when it is none."""
    scb = StorageControlBlock.unpack(block)
    valid = scb.struclev & 0xFF00 in STRUCTURE_LEVELS and scb.checksum == ods2_checksum(
        block, CHECKSUM2_WORDS
    )
    return scb if valid else None


def bare_control_block_in(block: bytes) -> StorageControlBlock | None:
    """Take BARE_SCB_LBN of a volume without files; a copy that has not come far may have left the home block out."""
    scb = control_block_in(block)
    return scb if scb is not None and scb.scb_lbn == BARE_SCB_LBN else None


def bare_home_block(label: str, created: int) -> bytes:
    """Make the home block of a volume without files: the control block follows it."""
    return sealed_home_block(
        HomeBlock(
            homelbn=HOME_BLOCK_LBN,
            struclev=STRUCTURE_LEVEL,
            cluster=1,
            homevbn=HOME_BLOCK_LBN + 1,
            credate=created,
            strucname=b" " * LABEL_BYTES,
            volname=label.encode("ascii").ljust(LABEL_BYTES),
            ownername=b"SYSTEM".ljust(LABEL_BYTES),
            format=STRUCTURE_NAME,
        )
    )


def storage_control_block(state: SetState, *, mounted: bool) -> bytes:
    """Make the storage control block that every member of a set in this state holds.

    mounted: counts the write-mount; a block that says 0 was properly dismounted.
    """
    status = SHADOW_STATUS.NORMAL
    if state.targets:
        status |= SHADOW_STATUS.COPYING
    if state.merging:
        status |= SHADOW_STATUS.MERGING
    padded = [*state.members, None, None, None]
    source_status = _SOURCE_STATUS | (MEMBER_STATUS.MERGE if state.merging else 0)
    statuses = [
        0 if m is None else source_status if m.state is MemberState.SOURCE else _TARGET_STATUS for m in padded
    ]
    identifiers = [0 if m is None else m.identifier for m in padded]
    block = StorageControlBlock(
        struclev=state.structure_level,
        cluster=state.cluster_blocks,
        volsize=state.block_count,
        blksize=1,
        sectors=state.block_count,
        tracks=1,
        cylinder=1,
        writecnt=int(mounted),
        volockname=state.label.encode("ascii").ljust(LABEL_BYTES),
        mounttime=state.mount_time,
        genernum=state.generation,
        unit_id=state.unit_id,
        shadow_status=int(status),
        member_status_0=statuses[0],
        member_status_1=statuses[1],
        member_status_2=statuses[2],
        member_id_0=identifiers[0],
        member_id_1=identifiers[1],
        member_id_2=identifiers[2],
        scb_lbn=state.scb_lbn,
        devices=len(state.members),
        members=len(state.sources),
        mrg_targets=len(state.sources) if state.merging else 0,
        fc_targets=len(state.targets),
    )
    block.checksum = ods2_checksum(block.pack(), CHECKSUM2_WORDS)
    return block.pack()


def is_of_mount(block: bytes, state: SetState) -> bool:
    """Whether a member's control block is of this mount of the set: by virtual unit, lock name and mount time."""
    scb = control_block_in(block)
    return scb is not None and (scb.unit_id, scb.volockname, scb.mounttime) == (
        state.unit_id,
        state.label.encode("ascii").ljust(LABEL_BYTES),
        state.mount_time,
    )


def bitmap_name(state: SetState) -> bytes:
    """The name that a bitmap gets for a member which leaves a set in this state."""
    return storage_control_block(state, mounted=True)[_NAME]


def listed_members(scb: StorageControlBlock) -> list[int]:
    """Unit identifiers of all members that a storage control block lists."""
    return [member for member in (scb.member_id_0, scb.member_id_1, scb.member_id_2) if member]


def full_members(scb: StorageControlBlock) -> list[int]:
    """Unit identifiers that a storage control block lists as valid."""
    pairs = (
        (scb.member_status_0, scb.member_id_0),
        (scb.member_status_1, scb.member_id_1),
        (scb.member_status_2, scb.member_id_2),
    )
    return [identifier for status, identifier in pairs if status & _VALID]


def unshadowed(scb: StorageControlBlock) -> bytes:
    """The same block without generation and members: the disk no longer counts as an ex-member."""
    scb.genernum = scb.unit_id = 0
    scb.shadow_status = scb.devices = scb.members = scb.fc_targets = 0
    scb.member_status_0 = scb.member_status_1 = scb.member_status_2 = 0
    scb.member_id_0 = scb.member_id_1 = scb.member_id_2 = 0
    scb.checksum = 0
    scb.checksum = ods2_checksum(scb.pack(), CHECKSUM2_WORDS)
    return scb.pack()
