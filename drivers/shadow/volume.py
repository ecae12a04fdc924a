"""The blocks of a volume that shadowing reads and writes: home block, storage control block.

DEVIATION: INITIALIZE writes a home block and a storage control block and no file system.  On a real volume the
storage control block is the first block of [000000]BITMAP.SYS and is found through the index file; here it
stands at a fixed LBN.
"""

from dataclasses import dataclass
from typing import Protocol

from drivers.classes.disk import Disk
from drivers.platform.host import Platform, WaitingIrp
from drivers.platform.irp import Irp
from drivers.platform.process import Procedure
from drivers.shadow.state import MemberState, SetState
from emu.core.block import BLOCK_BYTES
from emu.wire.codes.ods2 import (
    CHECKSUM1_WORDS,
    CHECKSUM2_WORDS,
    HOME_BLOCK_LBN,
    MEMBER_STATUS,
    SHADOW_STATUS,
    STRUCLEV,
    STRUCTURE_NAME,
    ods2_checksum,
)
from emu.wire.codes.vms import IO, SS
from emu.wire.generated.ods2 import HomeBlock, StorageControlBlock

SCB_LBN = 2
IDENTITY_BLOCKS = SCB_LBN - HOME_BLOCK_LBN + 1
LABEL_BYTES = 12
_NAME = slice(StorageControlBlock.LAYOUT["volockname"][0], StorageControlBlock.LAYOUT["genernum"][0])

_SOURCE_STATUS = int(MEMBER_STATUS.SRC | MEMBER_STATUS.VALID)
_TARGET_STATUS = int(MEMBER_STATUS.FCPY | MEMBER_STATUS.CIP)


@dataclass(frozen=True, slots=True)
class VolumeIdentity:
    """What a disk says about itself: label "" when there is no home block, scb None when it is not valid."""

    label: str
    scb: StorageControlBlock | None

    @property
    def generation(self) -> int:
        return self.scb.genernum if self.scb is not None else 0

    @property
    def bitmap_name(self) -> bytes:
        """The 22 bytes that name a bitmap of this disk: volume lock name, mount time, backup revision."""
        return self.scb.pack()[_NAME] if self.scb is not None else b""


class BlockUnit(Protocol):
    """A disk, or a virtual unit."""

    def queue_io(self, irp: Irp) -> None: ...


def read_blocks(platform: Platform, unit: BlockUnit, lbn: int, block_count: int) -> Procedure:
    """Read; returns (SS.*, bytes)."""
    length = block_count * BLOCK_BYTES
    address = platform.pool.allocate(length)
    try:
        irp = WaitingIrp(platform, IO.READPBLK, lbn, length, address)
        unit.queue_io(irp)
        yield irp.finished
        return irp.status, bytes(platform.window(address, length))
    finally:
        platform.pool.free(address)


def write_blocks(platform: Platform, unit: BlockUnit, lbn: int, data: bytes) -> Procedure:
    """Write whole blocks; returns SS.*."""
    address = platform.pool.allocate(len(data))
    try:
        platform.window(address, len(data))[:] = data
        irp = WaitingIrp(platform, IO.WRITEPBLK, lbn, len(data), address)
        unit.queue_io(irp)
        yield irp.finished
        return irp.status
    finally:
        platform.pool.free(address)


def identify(platform: Platform, unit: Disk) -> Procedure:
    """Read home block and storage control block; returns (SS.*, VolumeIdentity)."""
    status, data = yield from read_blocks(platform, unit, HOME_BLOCK_LBN, IDENTITY_BLOCKS)
    return status, identity_in(data) if status == SS.NORMAL else VolumeIdentity("", None)


def identity_in(data: bytes) -> VolumeIdentity:
    """Take what a disk says about itself from its blocks HOME_BLOCK_LBN to SCB_LBN."""
    home = HomeBlock.unpack(data)
    label = ""
    if (
        home.format == STRUCTURE_NAME
        and home.checksum1 == ods2_checksum(data, CHECKSUM1_WORDS)
        and home.checksum2 == ods2_checksum(data, CHECKSUM2_WORDS)
    ):
        label = home.volname.decode("ascii", "replace").rstrip()
    block = data[-BLOCK_BYTES:]
    scb = StorageControlBlock.unpack(block)
    valid = scb.struclev == STRUCLEV.ODS2 and scb.checksum == ods2_checksum(block, CHECKSUM2_WORDS)
    return VolumeIdentity(label, scb if valid else None)


def home_block(label: str, created: int, serial: int) -> bytes:
    """Make the home block of a fresh volume."""
    block = HomeBlock(
        homelbn=HOME_BLOCK_LBN,
        struclev=int(STRUCLEV.ODS2) | 1,
        cluster=1,
        homevbn=2,
        rvn=0,
        credate=created,
        serialnum=serial,
        strucname=b" " * LABEL_BYTES,
        volname=label.encode("ascii").ljust(LABEL_BYTES),
        ownername=b"SYSTEM".ljust(LABEL_BYTES),
        format=STRUCTURE_NAME,
    )
    block.checksum1 = ods2_checksum(block.pack(), CHECKSUM1_WORDS)
    block.checksum2 = ods2_checksum(block.pack(), CHECKSUM2_WORDS)
    return block.pack()


def storage_control_block(state: SetState, *, mounted: bool) -> bytes:
    """Make the storage control block that every member of a set in this state holds.

    mounted: counts the write-mount; a block that says 0 was properly dismounted.
    """
    status = SHADOW_STATUS.NORMAL
    if state.targets:
        status |= SHADOW_STATUS.COPYING
    padded = [*state.members, None, None, None]
    statuses = [
        0 if m is None else _SOURCE_STATUS if m.state is MemberState.SOURCE else _TARGET_STATUS
        for m in padded
    ]
    identifiers = [0 if m is None else m.identifier for m in padded]
    block = StorageControlBlock(
        struclev=int(STRUCLEV.ODS2),
        cluster=1,
        volsize=state.block_count,
        blksize=1,
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
        scb_lbn=SCB_LBN,
        devices=len(state.members),
        members=len(state.sources),
        fc_targets=len(state.targets),
    )
    block.checksum = ods2_checksum(block.pack(), CHECKSUM2_WORDS)
    return block.pack()


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
    return [identifier for status, identifier in pairs if status & MEMBER_STATUS.VALID]


def unshadowed(scb: StorageControlBlock) -> bytes:
    """The same block without generation and members: the disk no longer counts as an ex-member."""
    scb.genernum = scb.unit_id = 0
    scb.shadow_status = scb.devices = scb.members = scb.fc_targets = 0
    scb.member_status_0 = scb.member_status_1 = scb.member_status_2 = 0
    scb.member_id_0 = scb.member_id_1 = scb.member_id_2 = 0
    scb.checksum = 0
    scb.checksum = ods2_checksum(scb.pack(), CHECKSUM2_WORDS)
    return scb.pack()
