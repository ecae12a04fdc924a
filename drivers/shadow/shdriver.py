"""SHDRIVER: virtual units DSAn:.

A read goes to one full member, the one with the lowest queue length plus read cost.  A write first sets its bits
in every write bitmap, then goes to all full members, then to a copy target, and is complete when all of them
have it.  A member that fails is put out of the set and the write is done again on the others.
(spec "Algorithms" 2.1, 2.2, 2.7 and "Write bitmaps" 3.7.)

This module is one set on one node; what needs all nodes is in `membership`.

DEVIATION: of VMS's structures only what goes to disks, controllers and other nodes has its layout.  A virtual unit, its
SHAD block and its request packets are objects, and what MOUNT and DISMOUNT ask by QIO functions (MOUNTSHAD, ADDSHAD,
COPYSHAD, REMSHAD) are calls.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from drivers.classes.disk import OTHER_SITE_READ_COST, Disk
from drivers.platform.host import Platform
from drivers.platform.irp import Irp
from drivers.platform.parameters import ENFORCE_LOCAL_READ, NO_BAD_BLOCK_RECOVERY
from drivers.platform.process import EventFlag
from drivers.shadow.range_lock import RangeLock
from drivers.shadow.state import MemberState, SetState
from drivers.shadow.write_bitmap import BLOCKS_PER_BIT, WriteBitmap
from emu.core.block import BLOCK_BYTES
from emu.core.trace import StateChanged
from emu.wire.codes.vms import IO, SS

if TYPE_CHECKING:
    from drivers.shadow.copy import CopyThread
    from drivers.shadow.membership import ShadowDriver
    from drivers.shadow.merge import MergeThread
    from drivers.shadow.recording import RemoteBitmap

_READ = int(IO.READPBLK)
_NORMAL = int(SS.NORMAL)
_HOST_FAULTS = frozenset((int(SS.IVBUFLEN), int(SS.ILLBLKNUM)))  # the request is wrong, not the member
MEMBER_LOST = frozenset((int(SS.MEDOFL), int(SS.DEVOFFLINE), int(SS.VOLINV)))
UNREADABLE = frozenset((int(SS.PARITY), int(SS.FORCEDERROR)))  # it is the block's fault, not the member's

ENFORCED_SERVED_COST = 1 << 40  # above any other: a served member is read when no other can be

Extent = tuple[int, int]  # LBN, and the LBN behind the last block


class Member:
    """One member of the set on this node.

    strikes: how often in a row the member failed, the last time at struck_ns.  fence_lbn: all below is copied.
    timeout_s: how long it may be away; None for SHADOW_MBR_TMO.  cost_given: an operator has set its read cost.  site:
    of the disk, 0 when nobody has told.
    """

    __slots__ = (
        "cost_given",
        "device",
        "fence_lbn",
        "minicopy",
        "site",
        "state",
        "strikes",
        "struck_ns",
        "timeout_s",
        "unit",
    )

    def __init__(self, device: str, unit: Disk, state: MemberState, minicopy: bool) -> None:
        self.device = device
        self.unit = unit
        self.state = state
        self.minicopy = minicopy
        self.strikes = 0
        self.struck_ns = 0
        self.fence_lbn = 0
        self.timeout_s: int | None = None
        self.cost_given = False
        self.site = 0


class _ReadClone(Irp):
    """A read on its way to one member; `tried` are the clones that members failed before."""

    __slots__ = ("irp", "member", "tried", "vu")

    def __init__(self, vu: "VirtualUnit", irp: Irp, member: Member, tried: tuple["_ReadClone", ...]) -> None:
        super().__init__(irp.function, irp.lbn, irp.byte_count, irp.address)
        self.vu = vu
        self.irp = irp
        self.member = member
        self.tried = tried

    def complete(self) -> None:
        if self.status == _NORMAL:
            if self.tried:
                self.vu.read_elsewhere(self)
            irp = self.irp
            irp.transferred = self.transferred
            irp.status = _NORMAL
            self.vu.end(irp)
        else:
            self.vu.read_failed(self)


class Fanout:
    """One write on its way to all members."""

    __slots__ = ("failed", "irp", "pending", "succeeded", "to_targets", "token", "vu")

    def __init__(self, vu: "VirtualUnit", irp: Irp, token: int) -> None:
        self.vu = vu
        self.irp = irp
        self.token = token
        self.pending = 0
        self.succeeded = 0
        self.failed: list[_WriteClone] = []
        self.to_targets = False

    def send(self, members: tuple[Member, ...]) -> None:
        irp = self.irp
        self.pending = len(members)
        for member in members:
            member.unit.queue_io(_WriteClone(self, member, irp))

    def clone_done(self, clone: "_WriteClone") -> None:
        if clone.status == _NORMAL:
            self.succeeded += 1
        else:
            self.failed.append(clone)
        self.pending -= 1
        if not self.pending:
            if not self.to_targets and self.vu.targets and not self.failed:
                # A target never holds newer data than the sources.
                self.to_targets = True
                if self.vu.overtaken:
                    self.vu.put_back(self.irp, self.token)
                else:
                    self.send(self.vu.targets)
            else:
                self.vu.write_done(self)


class _WriteClone(Irp):
    __slots__ = ("fanout", "member")

    def __init__(self, fanout: Fanout, member: Member, irp: Irp) -> None:
        super().__init__(irp.function, irp.lbn, irp.byte_count, irp.address)
        self.fanout = fanout
        self.member = member

    def complete(self) -> None:
        self.fanout.clone_done(self)


def _extent_of(irp: Irp) -> Extent:
    return irp.lbn, irp.lbn + (irp.byte_count + BLOCK_BYTES - 1) // BLOCK_BYTES


class VirtualUnit:
    """One shadow set as this node has it mounted.

    state: what all nodes agree on.  active: requests and copy ranges under way.  operations, errors:
    counts since the mount.  changing: a node changes the set.  verification_timeout_s: how long all members may be
    away; None for MVTIMEOUT.  copy_source: the device from which the host reads what it copies; "" for any.
    site: where this node is, 0 when nobody has told.  write_locked: this node mounted it /NOWRITE.
    overtaken: nodes were lost that may have changed the set while this one had no quorum; nothing goes to a member
    before the disks were read.
    ahead: what other nodes asked that have gone on before this one; (take it up again, refuse it).
    """

    def __init__(self, driver: "ShadowDriver", state: SetState) -> None:
        self.driver = driver
        self.platform: Platform = driver.platform
        self.name = state.name
        self.state = state
        self.members: tuple[Member, ...] = ()
        self.sources: tuple[Member, ...] = ()
        self.targets: tuple[Member, ...] = ()
        self.active = 0
        self.operations = 0
        self.errors = 0
        self.ranges: RangeLock | None = None  # while a copy runs on this node
        self.copy: CopyThread | None = None
        self.merge: MergeThread | None = None
        self.merge_fence_lbn = (
            0  # all below is equal, as far as this node knows; of no meaning without a merge
        )
        self.suspects: list[Member] = []
        self.resumed = self.platform.flag()
        self.parked: list[Fanout] = []
        self._parked_reads: list[_ReadClone] = []
        self._unreadable: dict[Extent, None] = {}  # in the order in which they were met
        self._mended: set[Irp] = set()  # reads that are tried once more
        self.verification_timeout_s: int | None = None
        self.copy_source = ""
        self.site = 0
        self.write_locked = False
        self._bitmaps: tuple[WriteBitmap, ...] = ()  # masters on this node that record
        self._remote_bitmaps: tuple[RemoteBitmap, ...] = ()  # whose masters must know first
        self._remote_copier = ""
        self._held: deque[Irp] = deque()
        self.ahead: list[tuple[Callable[[], None], Callable[[], None]]] = []
        self.changing = False
        self.overtaken = False
        self._without_quorum = False
        self._stalled = False  # for one reason or the other
        self._drained: EventFlag | None = None
        self.adopt(state)

    @property
    def block_count(self) -> int:
        return self.state.block_count

    @property
    def stalled(self) -> bool:
        return self._stalled

    # -- requests

    def queue_io(self, irp: Irp) -> None:
        """Start a read, write or erase; it completes later."""
        if self._stalled:
            self._held.append(irp)
        else:
            self._start(irp)

    def _start(self, irp: Irp) -> None:
        self.active += 1
        if not self.sources:
            self._end_later(irp, SS.MEDOFL)
        elif irp.lbn + (irp.byte_count + BLOCK_BYTES - 1) // BLOCK_BYTES > self.state.block_count:
            self._end_later(irp, SS.ILLBLKNUM)
        elif irp.function == _READ:
            if self.state.merging and self._is_unmerged(irp):
                self.driver.server.merge_before_read(self, irp)
            else:
                self._read(irp, ())
        elif self.write_locked:
            self._end_later(irp, SS.WRITLCK)
        else:
            self._write(irp)

    def end(self, irp: Irp) -> None:
        """Complete a request of the set."""
        self.operations += 1
        self.leave()
        irp.complete()

    def _end_later(self, irp: Irp, status: int) -> None:
        irp.status = status
        self.errors += 1
        self.platform.fork(lambda: self.end(irp))

    def leave(self) -> None:
        """One thing less is under way."""
        self.active -= 1
        if not self.active and self._drained is not None:
            self._drained.set()

    # -- reads

    def _is_unmerged(self, irp: Irp) -> bool:
        fence_lbn = self.merge.fence_lbn if self.merge is not None else self.merge_fence_lbn
        return irp.lbn + (irp.byte_count + BLOCK_BYTES - 1) // BLOCK_BYTES > fence_lbn

    def read_merged(self, irp: Irp) -> None:
        """Go on with a read whose blocks are equal."""
        if self.sources:
            self._read(irp, ())
        else:
            self._end_later(irp, SS.MEDOFL)

    def wait_for_change(self, irp: Irp) -> None:
        """Hold a request that cannot go on before the set has changed."""
        self._held.append(irp)
        self.leave()

    def _read(self, irp: Irp, tried: tuple[_ReadClone, ...]) -> None:
        if self.overtaken:
            self.wait_for_change(irp)
            return
        best, best_cost = None, 0
        served_cost = ENFORCED_SERVED_COST if self._reads_locally else 0
        for member in self.sources:
            unit = member.unit
            cost = unit.queue_length + unit.read_cost
            if served_cost and unit.served_by:
                cost += served_cost
            if (best is None or cost < best_cost) and all(member is not clone.member for clone in tried):
                best, best_cost = member, cost
        assert best is not None, "a read is tried on members that have not failed it"
        best.unit.queue_io(_ReadClone(self, irp, best, tried))

    def read_failed(self, clone: _ReadClone) -> None:
        """Try the next full member; when the last one has failed, that is the answer, or a reason to wait."""
        tried, irp = (*clone.tried, clone), clone.irp
        lost = clone.status in MEMBER_LOST
        if lost:
            self.suspects.append(clone.member)
            self.driver.volume_processing.process(self)
        untried = any(all(member is not other.member for other in tried) for member in self.sources)
        if untried and not (lost and self.changing):  # who is a member is known when the change is over
            self._read(irp, tried)
        elif lost or any(other.status in MEMBER_LOST for other in tried):
            self._park_read(clone)
        elif self._may_mend(irp, tried):
            # Each block may be readable on some member, and all of them on none.
            self._mended.add(irp)
            self._unreadable[_extent_of(irp)] = None
            self._park_read(clone)
        else:
            self._mended.discard(irp)
            irp.status = clone.status
            self.errors += 1
            self.end(irp)

    def read_elsewhere(self, clone: _ReadClone) -> None:
        """Have the blocks repaired that other members could not read."""
        self._mended.discard(clone.irp)
        if self._repairs and any(other.status in UNREADABLE for other in clone.tried):
            self._unreadable[_extent_of(clone)] = None
            self.driver.volume_processing.process(self)

    @property
    def _reads_locally(self) -> bool:
        return bool(self.platform.parameters["SHADOW_SYS_DISK"] & ENFORCE_LOCAL_READ)

    @property
    def _repairs(self) -> bool:
        return not self.platform.parameters["SHADOW_SYS_DISK"] & NO_BAD_BLOCK_RECOVERY

    def _may_mend(self, irp: Irp, tried: tuple[_ReadClone, ...]) -> bool:
        unreadable = sum(clone.status in UNREADABLE for clone in tried)
        return unreadable > 1 and irp.byte_count > BLOCK_BYTES and irp not in self._mended and self._repairs

    def _park_read(self, clone: _ReadClone) -> None:
        self._parked_reads.append(clone)
        self.leave()
        self.driver.volume_processing.process(self)

    # -- writes

    def _write(self, irp: Irp) -> None:
        # The bits are set before the data goes out: a crash between the two costs a needless copy
        # of a range, the other order would leave a difference that no bit tells of.
        if self._bitmaps and irp.byte_count:
            first = irp.lbn // BLOCKS_PER_BIT
            last = (irp.lbn + (irp.byte_count - 1) // BLOCK_BYTES) // BLOCKS_PER_BIT
            for bitmap in self._bitmaps:
                bitmap.set_bits(first, last)
        if self._remote_bitmaps and irp.byte_count:
            first = irp.lbn // BLOCKS_PER_BIT
            block_count = (irp.byte_count + BLOCK_BYTES - 1) // BLOCK_BYTES
            last = (irp.lbn + block_count - 1) // BLOCKS_PER_BIT
            unknown = [remote for remote in self._remote_bitmaps if not remote.knows(first, last)]
            if unknown:
                recorder = self.driver.recorder
                recorder.record(unknown, irp.lbn, block_count, lambda: self._write_recorded(irp))
                return
        self._write_recorded(irp)

    def _write_recorded(self, irp: Irp) -> None:
        """Go on with a write whose bits are set everywhere."""
        if self._remote_copier:
            self.driver.ask_range(self, irp, self._remote_copier)
        elif self.ranges is not None:
            end = irp.lbn + (irp.byte_count + BLOCK_BYTES - 1) // BLOCK_BYTES
            self.ranges.begin_write(irp.lbn, end, lambda token: self.fan_out(irp, token))
        else:
            self.fan_out(irp, 0)

    def fan_out(self, irp: Irp, token: int) -> None:
        """Send a write, its bits set and its range free, to the full members."""
        if self.overtaken:
            self.put_back(irp, token)
        else:
            Fanout(self, irp, token).send(self.sources)

    def put_back(self, irp: Irp, token: int) -> None:
        """Have a write done anew after the set has changed."""
        self._release_range(token)
        self.wait_for_change(irp)

    def write_done(self, fanout: Fanout) -> None:
        irp = fanout.irp
        if fanout.failed:
            status = fanout.failed[0].status
            if status not in _HOST_FAULTS:
                self._park(fanout)
                return
            self._release_range(fanout.token)
            irp.status = status
            self.errors += 1
            self.end(irp)
            return
        self._release_range(fanout.token)
        irp.status = _NORMAL
        irp.transferred = irp.byte_count
        self.end(irp)

    def _release_range(self, token: int) -> None:
        if token:
            if self.ranges is not None:
                self.ranges.end_write(token)
            else:
                self.driver.return_permit(self, token, self._remote_copier)

    def _park(self, fanout: Fanout) -> None:
        """Keep a write that a member failed until it is decided who is a member."""
        self._release_range(fanout.token)
        self.parked.append(fanout)
        self.leave()
        self.driver.volume_processing.process(self)

    # -- what waits for volume processing

    def take_suspects(self) -> list[Member]:
        """Hand over the members that failed something."""
        suspects, self.suspects = self.suspects, []
        suspects += (clone.member for fanout in self.parked for clone in fanout.failed)
        return list(dict.fromkeys(suspects))

    def take_unreadable(self) -> list[Extent]:
        """Hand over what some member could not read."""
        extents, self._unreadable = list(self._unreadable), {}
        return extents

    def parked_extents(self) -> list[Extent]:
        """Tell where writes are that a member failed."""
        return [_extent_of(fanout.irp) for fanout in self.parked]

    def restart_parked(self, refusing: Sequence[Member]) -> None:
        """Do again what members failed, on the members there are now.

        refusing: who stays nevertheless, and whose error is the answer.
        """
        parked, self.parked = self.parked, []
        reads, self._parked_reads = self._parked_reads, []
        for fanout in parked:
            self._restart(fanout.irp, fanout.failed, refusing)
        for clone in reads:
            self._restart(clone.irp, [clone], refusing)

    def _restart(
        self, irp: Irp, clones: Sequence["_WriteClone | _ReadClone"], refusing: Sequence[Member]
    ) -> None:
        refused = next((clone for clone in clones if clone.member in refusing), None)
        if refused is None:
            self.queue_io(irp)
        else:
            self._mended.discard(irp)
            self.active += 1
            self._end_later(irp, SS(refused.status))

    # -- changes of membership

    def stall(self) -> EventFlag:
        """Hold new requests; the flag is set when none is under way."""
        self.hold()
        self._refuse_ahead()
        self._drained = self.platform.flag()
        if not self.active:
            self._drained.set()
        return self._drained

    def hold(self) -> None:
        """Hold new requests until a state is adopted: it is going to change."""
        self._stalled = self.changing = True
        self.resumed.clear()

    def adopt(self, state: SetState) -> None:
        """Make a new state this node's; nothing is under way."""
        assert not self.active, "a state changes when nothing is under way"
        before = {member.device: member for member in self.members}
        members = []
        for record in state.members:
            member = before.get(record.device)
            if member is None or member.unit.identifier != record.identifier:
                unit = self.driver.find_unit(record.device)
                member = Member(record.device, unit, record.state, record.minicopy)
            if member.device not in before:
                self._trace(member.device, "no member", record.state.value)
            elif member.state is not record.state:
                self._trace(member.device, member.state.value, record.state.value)
            member.state, member.minicopy = record.state, record.minicopy
            member.fence_lbn = max(member.fence_lbn, record.fence_lbn)
            members.append(member)
        for device, member in before.items():
            if state.member(device) is None:
                member.unit.read_cost = member.unit.default_read_cost
                self._trace(device, member.state.value, "no member")
        if not state.merging or state.epoch != self.state.epoch:
            self.merge_fence_lbn = 0  # the next merge begins anew
        self.merge_fence_lbn = max(self.merge_fence_lbn, state.merge_fence_lbn)
        self.state = state
        self.overtaken = self.driver.recovery.is_overtaken(state)
        self.members = tuple(members)
        self.sources = tuple(m for m in members if m.state is MemberState.SOURCE)
        self.targets = tuple(m for m in members if m.state is MemberState.TARGET)
        here = self.driver.node
        recording = [record for record in state.bitmaps if not record.in_use]
        self._bitmaps = tuple(
            self.driver.bitmaps[record.identifier] for record in recording if record.master == here
        )
        self._remote_bitmaps = tuple(
            self.driver.recorder.remote(record, state.block_count)
            for record in recording
            if record.master != here
        )
        self._remote_copier = state.copier if state.copier != here else ""
        if state.copier != here:
            self.ranges = None
        elif self.ranges is None:
            self.ranges = RangeLock()

    def weigh(self) -> None:
        """Give members the read cost of their way and site, but where an operator has set one."""
        for member in self.members:
            unit = member.unit
            elsewhere = 0 not in (self.site, member.site) and self.site != member.site
            if not member.cost_given:
                far = elsewhere and not unit.served_by
                unit.read_cost = OTHER_SITE_READ_COST if far else unit.default_read_cost

    def dismounted(self) -> None:
        """The unit is not mounted here any more: what still comes for it fails."""
        for member in self.members:
            member.unit.read_cost = member.unit.default_read_cost
        self.members = self.sources = self.targets = ()
        self._bitmaps, self._remote_bitmaps, self._remote_copier = (), (), ""
        self._refuse_ahead()

    def _refuse_ahead(self) -> None:
        ahead, self.ahead = self.ahead, []
        for _, refuse in ahead:
            refuse()

    def resume(self) -> None:
        """Let requests go on after a change, unless the next one is due."""
        self.changing = False
        self._drained = None
        if self.overtaken:
            self.hold()
        else:
            self._go_on()

    def block(self, *, without_quorum: bool) -> None:
        """Hold new requests while this node's cluster lacks quorum."""
        self._without_quorum = without_quorum
        if without_quorum:
            self._stalled = True
            self.resumed.clear()
        else:
            self._go_on()

    def _go_on(self) -> None:
        if self.changing or self._without_quorum:
            return
        self._stalled = False
        self.resumed.set()
        held, self._held = self._held, deque()
        while held:
            irp = held.popleft()
            if self._stalled:
                self._held.append(irp)
            else:
                self._start(irp)
        ahead, self.ahead = self.ahead, []
        for retry, _ in ahead:
            retry()

    def _trace(self, device: str, before: str, after: str) -> None:
        tracer = self.platform.tracer
        if StateChanged in tracer.heard:
            source = f"{self.platform.name}/{self.name}/{device}"
            tracer.emit(StateChanged(self.platform.clock.now_ns, source, before, after))
