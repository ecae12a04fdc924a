"""A mirror set: a shadow set kept by an Alpha of this world, which a guest sees as one plain disk.

The guest's controller hands its requests to a `VirtualUnitDevice`; that makes I/O request packets for the
virtual unit DSAn:, through buffers in the Alpha's memory.  Every member is a side file and the guest's image
joined: LBN 0 to 126 of what the Alpha sees are the side file's, with home block and storage control block, LBN
127 + n is the guest's block n.  So the images stay raw, and 127 blocks are exactly one bit of a write bitmap.

Names and states are those of an HSZ's operator (HSOF, "mirrorset"), what is done is done by MOUNT and
DISMOUNT.  Counts are blocks of 512 bytes, lengths are bytes.
"""

# DEVIATION: VMS has no request that flushes a disk's cache; FLUSH goes to the members' media past the drivers.
# DEVIATION: the virtual unit's number is a matter of the world that opens the set; control blocks of another
# one are rewritten, where MOUNT alone would refuse them with WRONGVU.

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from drivers.classes.disk import Disk
from drivers.cluster.node import Node
from drivers.message import Failure, Message, Say
from drivers.platform.process import Procedure
from drivers.shadow.messages import status_message
from drivers.shadow.mount import MountRequest, unit_identifier
from drivers.shadow.shdriver import VirtualUnit
from drivers.shadow.state import MAXIMUM_MEMBERS, MemberState, SetState
from drivers.shadow.utility import Policy
from drivers.shadow.volume import (
    VolumeIdentity,
    full_members,
    identify,
    read_blocks,
    write_blocks,
)
from drivers.shadow.write_bitmap import WriteBitmap
from emu.core.block import (
    BlockDevice,
    Flush,
)
from emu.core.clock import MILLISECOND_NS
from emu.hw.mscp.controller import Controller
from emu.media.joined import JoinedDevice
from emu.sim.mirror_device import SIDE_BLOCKS, VirtualUnitDevice
from emu.wire.codes.ods2 import CHECKSUM2_WORDS, ods2_checksum
from emu.wire.codes.vms import SS

FIRST_UNIT = 10
UNIT_SEARCH_MS = 1000  # how long the Alpha may take to hear of a new disk
BACKUP_PIECE_BLOCKS = 1024


@dataclass(frozen=True, slots=True)
class MirrorMedia:
    """What one disk of a set is made of.

    path: the image's name for people.  side: `SIDE_BLOCKS` blocks.  serial: 48 bits that belong to this image;
    by them its set knows it again.  stamp: a value that changes when somebody else writes to the image.
    """

    path: str
    side: BlockDevice
    image: BlockDevice
    serial: int
    stamp: Callable[[], object] = lambda: None


@dataclass(frozen=True, slots=True)
class MirrorDisk:
    """One disk: its name for operators, the image's for people, the Alpha's device name, all its blocks."""

    name: str
    path: str
    device: str
    medium: BlockDevice
    serial: int
    stamp: Callable[[], object]


class MirrorSet:
    """Up to three disks that hold the same.

    name: "M1".  node: the Alpha that has it; all sets of a world are on one.  virtual_unit_name: "DSA1:".
    block_count: what the guest sees.  device: what is attached to the guest's controller.  say: where messages
    go, the Alpha's operator console by default.

    A procedure runs on `node` and raises Failure, having changed nothing, when it cannot do what it is asked to.
    """

    def __init__(
        self,
        name: str,
        node: Node,
        controller: Controller,
        media: Sequence[MirrorMedia],
        *,
        virtual_unit: int,
        first_disk: int,
        block_count: int,
    ) -> None:
        self.name = name
        self.node = node
        self.virtual_unit_name = f"DSA{virtual_unit}:"
        self.block_count = block_count
        self.disks: list[MirrorDisk] = []
        self.say: Say = lambda message: node.platform.operator(str(message))
        sized = next(drive for drive in controller.firmware.drives.values() if drive.sized_by_user)
        drive = sized.user_sized(SIDE_BLOCKS + block_count)
        for number, each in enumerate(media, first_disk):
            medium = JoinedDevice(each.side, each.image)
            unit = controller.attach_unit(FIRST_UNIT + number, medium, drive, serial=each.serial)
            # HSZ: port 1, target in two digits, LUN 00.
            disk, device = f"DISK1{number:02}00", f"$1$DUA{unit.number}:"
            self.disks.append(MirrorDisk(disk, each.path, device, medium, each.serial, each.stamp))
        self.device = VirtualUnitDevice(self)
        self._outside: dict[str, str] = {}  # states of disks that were not put out by a failure
        self._stamps: dict[str, object] = {}  # of images when they left with a bitmap
        self._backups: list[str] = []  # disks being read by one

    # -- what an operator sees

    @property
    def virtual_unit(self) -> VirtualUnit | None:
        """The shadow set, while it is mounted."""
        return self.node.shadow.units.get(self.virtual_unit_name)

    def disk(self, name: str) -> MirrorDisk:
        """Find a disk by its name; raises Failure."""
        for disk in self.disks:
            if disk.name == name.upper():
                return disk
        raise _failure("NOSUCHDISK", f"{name.upper()} is no disk of {self.name}")

    def state(self, disk: MirrorDisk) -> str:
        """Say how a disk stands.

        NORMAL: a full member.  MERGING: one that is compared with the others after a crash.  NORMALIZING: being
        filled by a full copy.  COPYING: by a minicopy.  REDUCED: left with a write bitmap.  FAILED: put out because
        it failed.  SPARE: no member for another reason.
        """
        # DEVIATION: HSOF tells NORMALIZING from COPYING by where the good data is, not by how much is copied.
        vu = self.virtual_unit
        if vu is None:
            return "SPARE"
        record = vu.state.member(disk.device)
        if record is None:
            return self._outside.get(disk.name, "FAILED")
        if record.state is MemberState.SOURCE:
            return "MERGING" if vu.state.merging else "NORMAL"
        return "COPYING" if record.minicopy else "NORMALIZING"

    def copied_percent(self, disk: MirrorDisk) -> int | None:
        """How far the copy onto a disk has come; None when there is none."""
        if self.state(disk) not in ("NORMALIZING", "COPYING"):
            return None
        vu = self.virtual_unit
        if vu is None or vu.copy is None or vu.copy.target.device != disk.device:
            return 0  # it waits for its turn
        return int(vu.copy.percent)

    def bitmap_percent(self, disk: MirrorDisk) -> int | None:
        """How much of the bitmap of a disk is set; None when it has none."""
        bitmap = self._bitmap(disk)
        return int(bitmap.percent) if bitmap is not None else None

    def _bitmap(self, disk: MirrorDisk) -> WriteBitmap | None:
        for bitmap in self.node.shadow.bitmaps.values():
            if (bitmap.record.unit, bitmap.record.device) == (self.virtual_unit_name, disk.device):
                return bitmap
        return None

    # -- the set comes and goes

    def create(self, label: str) -> Procedure:
        """Make a new set of all disks: what the first image holds stays, the others are overwritten by copies.

        label: of the volume, 1 to 12 characters; no two sets should have the same.
        """
        yield from self._find_units()
        for disk, identity in (yield from self._identities()):
            if identity is not None and identity.scb is not None:
                raise _failure("ISVOLUME", f"{_named(disk)} holds a volume already")
        utilities = self.node.utilities
        devices = [disk.device for disk in self.disks]
        yield from utilities.initialize(devices[:1], label, shadow=True, files=False)
        yield from self._mount(devices, label)

    def open(self) -> Procedure:
        """Mount the set that is on the disks.

        The newest storage control block says who is a member.  A member whose data may differ, because the set
        was not properly dismounted, is copied from another.  A disk that had left, or never was one of
        them, stays out as a SPARE, and nothing is written to it.
        """
        yield from self._find_units()
        self._outside.clear()
        self._stamps.clear()
        found = yield from self._identities()
        known = [(disk, identity) for disk, identity in found if identity is not None and identity.generation]
        if not known:
            raise _failure("NOVOLUME", f"no disk of {self.name} holds a volume, a set must be created first")
        newest_disk, newest = max(known, key=lambda each: (each[1].generation, self._is_full(*each)))
        if not self._is_full(newest_disk, newest):
            text = f"{_named(newest_disk)} holds an unfinished copy, the disk it came from is missing"
            raise _failure("UNFINISHED", text)
        for disk, identity in known:
            if identity.label != newest.label and not self._is_listed(disk, newest):
                text = f"{_named(newest_disk)} and {_named(disk)} belong to different sets"
                raise _failure("DIFFERENT", text)
        newest_scb = newest.scb
        assert newest_scb is not None, "what has a generation has a storage control block"
        size = newest_scb.volsize - SIDE_BLOCKS
        if size != self.block_count:
            raise _failure("SIZE", f"the set has {size} blocks, {self.name} was given {self.block_count}")
        devices: list[str] = []
        for disk, identity in found:
            if identity is None:
                continue
            if self._is_listed(disk, newest) and _belongs(identity, newest):
                devices.append(disk.device)
                yield from self._take_over(disk, identity)
            else:
                self._outside[disk.name] = "SPARE"
                text = f"{_named(disk)} is no current member of {self.name}, it stays out and as it is"
                self._tell("SPARE", text)
        yield from self._mount(devices, newest.label)

    def close(self) -> Procedure:
        """Dismount, so that the next `open` needs no copy, and make everything durable.

        Requests of the guest fail from now on.
        """
        vu = self.virtual_unit
        if vu is None:
            return
        if vu.sources:
            yield from self.flush()
        members = [member.device for member in vu.members]
        yield from self.node.utilities.dismount_unit(self.virtual_unit_name, self.say)
        for disk in self.disks:
            error = yield from self._flush_medium(disk)
            if error is not None:
                text = f"{_named(disk)} may have lost its last writes: {error}"
                if disk.device in members:
                    raise _failure("FLUSH", text)
                self._tell("FLUSH", text)

    def _find_units(self) -> Procedure:
        """Boot the Alpha if nobody has, and wait until it knows the disks."""
        if self.virtual_unit is not None:
            raise _failure("MOUNTED", f"{self.name} is open")
        yield from self.node.boot()
        for _ in range(UNIT_SEARCH_MS):
            known = [unit.name for unit in self.node.disks]
            if all(disk.device in known for disk in self.disks):
                return
            yield MILLISECOND_NS
        raise _failure("NOUNITS", f"{self.node.name} does not find the disks of {self.name}")

    def _identities(self) -> Procedure:
        """Read what every disk says about itself; returns a list of (MirrorDisk, VolumeIdentity).

        None in the place of the identity: the disk cannot be read.
        """
        found: list[tuple[MirrorDisk, VolumeIdentity | None]] = []
        for disk in self.disks:
            unit = self._unit(disk)
            identity: VolumeIdentity | None = None
            status = yield from unit.online()
            if status == SS.NORMAL:
                status, identity = yield from identify(self.node.platform, unit)
                yield from unit.available()
            if status != SS.NORMAL:
                identity = None
                self._tell("UNREADABLE", f"{_named(disk)} cannot be read: {status_message(status).text}")
            found.append((disk, identity))
        return found

    def _is_full(self, disk: MirrorDisk, identity: VolumeIdentity) -> bool:
        scb = identity.scb
        return scb is not None and self._unit(disk).identifier in full_members(scb)

    def _is_listed(self, disk: MirrorDisk, newest: VolumeIdentity) -> bool:
        scb = newest.scb
        assert scb is not None, "what has a generation has a storage control block"
        return self._unit(disk).identifier in (scb.member_id_0, scb.member_id_1, scb.member_id_2)

    def _take_over(self, disk: MirrorDisk, identity: VolumeIdentity) -> Procedure:
        """Make a control block name the virtual unit that the set has in this world."""
        scb = identity.scb
        assert scb is not None, "what has a generation has a storage control block"
        here = unit_identifier(self.virtual_unit_name)
        if scb.unit_id == here:
            return
        scb.unit_id = here
        scb.checksum = 0
        scb.checksum = ods2_checksum(scb.pack(), CHECKSUM2_WORDS)
        unit = self._unit(disk)
        status = yield from unit.online()
        if status == SS.NORMAL:
            status = yield from write_blocks(self.node.platform, unit, identity.scb_lbn, scb.pack())
        if status != SS.NORMAL:
            raise Failure(_message("WRITESCB", f"{_named(disk)} cannot be written"), status_message(status))

    def _mount(self, devices: Sequence[str], label: str, policy: Policy = Policy.DEFAULT) -> Procedure:
        request = MountRequest(self.virtual_unit_name, devices, label, policy)
        # This node alone: another one of the world may have a DSA1: of its own.
        yield from self.node.utilities.mount(request, [self.node.name], self.say)

    # -- members leave and return

    def reduce(self, *disks: MirrorDisk) -> Procedure:
        """Take members out, all at one instant, each with a write bitmap by which it can return."""
        vu = self._mounted()
        for disk in disks:
            self._require_member(disk)
            if self.state(disk) != "NORMAL":
                raise _failure(
                    "NOTNORMAL", f"{disk.name} is {self.state(disk)}, only a NORMAL member can be reduced"
                )
        self._require_left_over(vu, disks)
        devices = [disk.device for disk in disks]
        yield from self.node.utilities.dismount_members(devices, Policy.MINICOPY, self.say)
        for disk in disks:
            self._outside[disk.name] = "REDUCED"
            self._stamps[disk.name] = disk.stamp()

    def remove(self, disk: MirrorDisk) -> Procedure:
        """Take a member out for good: it can return by a full copy only."""
        vu = self._mounted()
        self._require_member(disk)
        self._require_left_over(vu, [disk])
        yield from self.node.utilities.dismount_members([disk.device], Policy.NOMINICOPY, self.say)
        self._outside[disk.name] = "SPARE"

    def replace(self, disk: MirrorDisk) -> Procedure:
        """Add a disk: by minicopy if it was reduced and nobody has touched it since, else by a full copy.

        Ends when the copy has begun.  What the disk held is lost.
        """
        vu = self._mounted()
        if vu.state.member(disk.device) is not None:
            raise _failure("MEMBER", f"{disk.name} is a member of {self.name}")
        if disk.name in self._backups:
            raise _failure("BACKUP", f"{disk.name} is being backed up")
        if not vu.sources:
            raise _failure("NOSOURCE", f"{self.name} has no NORMAL member to copy from")
        if len(vu.members) >= MAXIMUM_MEMBERS:
            raise _failure("FULL", f"{self.name} has {MAXIMUM_MEMBERS} members")
        policy = Policy.DEFAULT
        if self._bitmap(disk) is not None and self._stamps.get(disk.name) != disk.stamp():
            policy = Policy.NOMINICOPY
            text = f"{_named(disk)} was changed by somebody else since it left, a full copy follows"
            self._tell("CHANGED", text)
        yield from self._mount([disk.device], vu.state.label, policy)
        self._outside.pop(disk.name, None)
        self._stamps.pop(disk.name, None)

    def backup(
        self, disk: MirrorDisk, write: Callable[[memoryview], None], progress: Callable[[int, int], None]
    ) -> Procedure:
        """Read the guest's blocks of a reduced disk, in order, and hand each piece to `write`.

        progress: called with the blocks done and the blocks in all.  What either raises ends the backup.
        """
        if self._mounted().state.member(disk.device) is not None:
            raise _failure("MEMBER", f"{disk.name} is a member of {self.name}, reduce it first")
        if self.state(disk) != "REDUCED":
            text = f"{disk.name} is {self.state(disk)}, only a REDUCED disk is known to be whole"
            raise _failure("NOTREDUCED", text)
        if disk.name in self._backups:
            raise _failure("BACKUP", f"{disk.name} is being backed up")
        unit = self._unit(disk)
        self._backups.append(disk.name)
        try:
            status = yield from unit.online()
            for lbn in range(0, self.block_count, BACKUP_PIECE_BLOCKS):
                if status != SS.NORMAL:
                    break
                count = min(BACKUP_PIECE_BLOCKS, self.block_count - lbn)
                status, data = yield from read_blocks(self.node.platform, unit, SIDE_BLOCKS + lbn, count)
                if status == SS.NORMAL:
                    write(memoryview(data))
                    progress(lbn + count, self.block_count)
            yield from unit.available()
        except Exception:
            yield from unit.available()
            raise
        finally:
            self._backups.remove(disk.name)
        if status != SS.NORMAL:
            raise Failure(_message("READERR", f"{_named(disk)} cannot be read"), status_message(status))

    def _mounted(self) -> VirtualUnit:
        vu = self.virtual_unit
        if vu is None:
            raise _failure("NOTOPEN", f"{self.name} is not open")
        return vu

    def _require_member(self, disk: MirrorDisk) -> None:
        state = self.state(disk)
        if state in ("REDUCED", "FAILED", "SPARE"):
            raise _failure("NOMEMBER", f"{disk.name} is {state}, no member of {self.name}")

    def _require_left_over(self, vu: VirtualUnit, disks: Sequence[MirrorDisk]) -> None:
        leaving = [disk.device for disk in disks]
        if len(set(leaving)) != len(leaving):
            raise _failure("TWICE", "a disk is named twice")
        if all(member.device in leaving for member in vu.sources):
            text = f"{self.name} would have no NORMAL member left"
            raise _failure("LASTMEMBER", text)

    # -- durability

    def flush(self) -> Procedure:
        """Make what was written durable on every member.

        A member that cannot is put out of the set, as one that cannot write.  Raises Failure if none can.
        """
        vu = self._mounted()
        failed: list[str] = []
        for disk in self.disks:
            member = vu.state.member(disk.device)
            if member is not None and (yield from self._flush_medium(disk)) is not None:
                failed.append(disk.device)
        if all(member.device in failed for member in vu.state.sources):
            raise _failure("FLUSH", f"no member of {self.name} can make its writes durable")
        if failed:
            yield from self.node.shadow.change(vu.name, partial(_expelled, devices=failed))
            for disk in self.disks:
                if disk.device in failed:
                    self._tell(
                        "REMOVED", f"{_named(disk)} may have lost writes, it is put out of {self.name}"
                    )

    def _flush_medium(self, disk: MirrorDisk) -> Procedure:
        """Flush one disk; returns the MediumError, or None."""
        finished = self.node.platform.flag()
        disk.medium.submit(Flush(finished.set))
        return (yield finished)

    # -- small things

    def _unit(self, disk: MirrorDisk) -> Disk:
        return self.node.disk(disk.device)

    def _tell(self, ident: str, text: str) -> None:
        self.say(Message("MIRROR", "W", ident, text))


def _belongs(identity: VolumeIdentity, newest: VolumeIdentity) -> bool:
    """Whether a disk that is listed is the one meant: not an older copy of it that somebody put in its place."""
    scb = identity.scb
    return scb is not None and (scb.genernum == newest.generation or scb.writecnt > 0)


def _expelled(state: SetState, devices: Sequence[str]) -> SetState:
    """The state without members that failed, as long as a full one is left."""
    left = replace(state, members=tuple(m for m in state.members if m.device not in devices))
    return left if left.sources else state


def _named(disk: MirrorDisk) -> str:
    return f"{disk.name} ({disk.path})"


def _message(ident: str, text: str) -> Message:
    return Message("MIRROR", "E", ident, text)


def _failure(ident: str, text: str) -> Failure:
    return Failure(_message(ident, text))
