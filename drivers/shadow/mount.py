"""MOUNT: who is a member, who is copied, which bitmap serves.

The decision goes by what the disks say about themselves (spec 1.4); a returning member is matched with the bitmap
made for it (3.4, 3.11).  What cannot be done raises Failure with the messages of VMS; what is done is told
through `say`.

DEVIATION: no licence is asked for: neither NOSHADLIC nor the shadow server's SSRVCOMPLYFAIL is ever said.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from drivers.classes.disk import Disk
from drivers.cluster.request import NodeLost
from drivers.message import Failure, Say
from drivers.platform.pool import InsufficientMemory
from drivers.platform.process import Procedure
from drivers.shadow.messages import added_message, incompatible, mount_message, status_message
from drivers.shadow.recovery import Overtaken
from drivers.shadow.requests import Adopt, FindDevice, Query
from drivers.shadow.shdriver import MEMBER_LOST, VirtualUnit
from drivers.shadow.state import MAXIMUM_MEMBERS, BitmapRecord, MemberRecord, MemberState, SetState
from drivers.shadow.utility import NO_MINICOPY, Policy, PrivateMount, Utility
from drivers.shadow.volume import (
    NO_VOLUME,
    VolumeIdentity,
    full_members,
    identify,
    listed_members,
    unshadowed,
    write_blocks,
)
from emu.core.clock import MILLISECOND_NS
from emu.wire.codes.ods2 import SHADOW_STATUS
from emu.wire.codes.vms import SS
from emu.wire.generated.ods2 import StorageControlBlock

UNIT_BYTES = 4_608  # 4.5 KB for each shadow set on each node, before any bitmap
EARLIER_LIFE_POLL_NS = 100 * MILLISECOND_NS
HOST_BASED_SHADOWING = (
    2  # of the system parameter SHADOWING; UNCERTAIN: 1 and 3 had controllers shadow by themselves
)


@dataclass(frozen=True, slots=True)
class MountRequest:
    """MOUNT unit/SHADOW=(devices) label, with its qualifiers.

    confirm: asked with the devices that would be overwritten, False stops the mount; None copies
    without asking, as /NOCONFIRM.  copy: False is /NOCOPY.  override_no_forced_error: /OVERRIDE=NO_FORCED_ERROR
    takes disks on which no block can be marked.  require_members: a set is not formed without one that is named.
    write: False is /NOWRITE: nobody on this node writes to the set, but copies, merges and control blocks are written.
    """

    unit: str
    devices: Sequence[str]
    label: str
    policy: Policy = Policy.DEFAULT
    copy: bool = True
    confirm: Callable[[Sequence[str]], bool] | None = None
    override_no_forced_error: bool = False
    require_members: bool = False
    write: bool = True


@dataclass(frozen=True, slots=True)
class _Candidate:
    unit: Disk
    identity: VolumeIdentity

    @property
    def device(self) -> str:
        return self.unit.name

    @property
    def is_full(self) -> bool:
        """Whether the disk's own storage control block counts it among the full members."""
        scb = self.identity.scb
        return scb is not None and self.unit.identifier in full_members(scb)

    @property
    def is_target(self) -> bool:
        """Whether the disk's own storage control block lists it as the target of a copy that has not ended."""
        scb = self.identity.scb
        return scb is not None and not self.is_full and self.unit.identifier in listed_members(scb)


class _Unreachable(Failure):
    """A disk is not there, or does not answer."""


class Mount(Utility):
    """The image MOUNT."""

    def mount(self, request: MountRequest, nodes: Sequence[str], say: Say) -> Procedure:
        """Mount a set, or add members to a mounted one.

        nodes: every node of the cluster.  Raises Failure.
        """
        if self._platform.parameters["SHADOWING"] != HOST_BASED_SHADOWING:
            raise Failure(mount_message("F", "NOSHADOW", "volume shadowing is not enabled on this node"))
        self._refuse_bitmap_policy(request.policy, "MOUNT")
        if len(set(request.devices)) != len(request.devices):
            raise Failure(mount_message("F", "DEVSHAMEM", "a device is named twice"))
        if len(request.devices) > MAXIMUM_MEMBERS:
            raise Failure(mount_message("F", "XSMBRS", "maximum members exceeded in shadow set"))
        for device in request.devices:
            if device in self.private:
                raise Failure(mount_message("F", "DEVMOUNT", f"_{device} is already mounted"))
            for vu in self._shadow.units.values():
                if vu.name != request.unit and vu.state.member(device):
                    raise Failure(
                        mount_message("F", "DEVSHAMEM", f"_{device} is already a shadow member of {vu.name}")
                    )
        if request.unit not in self._shadow.known_units:
            self._create_unit(request.unit)
        try:
            yield from self._mount(request, nodes, say)
        except Failure:
            for device in request.devices:
                if not self._is_member(device):
                    yield from self._shadow.find_unit(device).available()
            raise

    def _create_unit(self, unit: str) -> None:
        """Set aside the memory of a virtual unit, which keeps it until the next boot; raises Failure.

        DEVIATION: the tables of SHADOW_MAX_UNIT units, 24 KB on an Alpha and 5 KB on a VAX, take no pool.
        """
        known, pool = self._shadow.known_units, self._platform.pool
        full = len(known) >= self._platform.parameters["SHADOW_MAX_UNIT"]
        address = None if full else pool.try_allocate(UNIT_BYTES)
        if address is None:
            raise Failure(mount_message("F", "INSFMEM", "insufficient dynamic memory"))
        known[unit] = address

    def _mount(self, request: MountRequest, nodes: Sequence[str], say: Say) -> Procedure:
        here = self._shadow.units.get(request.unit)
        if here is None:
            state = yield from self._form_unless_mounted(request, nodes, say)
            if state is None:
                self._mounted_here(request.unit).write_locked = not request.write
                return
            self._tell_of_no_bitmap(request, state, say)
            yield from self._join(request, state, say)
            self._mounted_here(request.unit).write_locked = not request.write
        elif all(here.state.member(device) for device in request.devices):
            self._refuse_mounted(request.unit)
        added = False
        for device in request.devices:
            if self._mounted_here(request.unit).state.member(device) is None:
                try:
                    yield from self._add_member(request, device, say)
                    added = True
                except _Unreachable as missing:
                    self._go_without(request, device, missing, say, others=added)

    def _go_without(
        self, request: MountRequest, device: str, missing: _Unreachable, say: Say, *, others: bool
    ) -> None:
        """Say that a disk is not there; raise Failure when all are wanted, or it was the last and there are no others.

        others: disks that are there.
        """
        if request.require_members:
            text = "not all members of the shadow set are there, which /POLICY=REQUIRE_MEMBERS asks for"
            raise Failure(mount_message("F", "NOTALLMEM", text), *missing.messages[1:]) from None
        if device == request.devices[-1] and not others:
            raise missing
        text = f"_{device} ({self._shadow.node}) failed as a member of the shadow set"
        say(mount_message("I", "SHDWMEMFAIL", text))
        say(missing.messages[-1])

    def _tell_of_no_bitmap(self, request: MountRequest, state: SetState, say: Say) -> None:
        """No bitmap is made by mounting what other nodes have mounted; raises Failure when one is required."""
        if not request.policy.wants_bitmap or not all(state.member(device) for device in request.devices):
            return
        text = "write bitmap not started: the shadow set is mounted on another node"
        if request.policy is Policy.MINICOPY:
            raise Failure(mount_message("F", "REQ_WBM_FAIL", text))
        say(mount_message("W", "WBM_NOTSTARTED", text))

    def _mounted_here(self, name: str) -> VirtualUnit:
        """Return a set that this node has mounted; raises Failure when it was dismounted meanwhile."""
        vu = self._shadow.units.get(name)
        if vu is None:
            raise Failure(mount_message("F", "SHADUNSTABLE", "shadow set membership is changing, try again"))
        return vu

    def _form_unless_mounted(self, request: MountRequest, nodes: Sequence[str], say: Say) -> Procedure:
        """Mount a set that no other node has mounted; else return the state of it."""
        others = [node for node in nodes if node != self._shadow.node]
        yield from self._cluster.lock(request.unit)
        try:
            self._refuse_mounted(request.unit)
            epoch = self._cluster.epoch
            answers = yield from self._cluster.ask_all(others, Query(request.unit))
            for answer in answers:
                if isinstance(answer, SetState):
                    return answer
            yield from self._form(request, epoch, say)
        finally:
            self._cluster.unlock(request.unit)
        return None

    def _refuse_mounted(self, unit: str) -> None:
        """Raise Failure when another MOUNT on this node, which had the lock before, has mounted the set."""
        if unit in self._shadow.units:
            raise Failure(mount_message("F", "DEVMOUNT", "device is already mounted"))

    def _candidate(self, request: MountRequest, device: str, say: Say) -> Procedure:
        """Bring a disk on line and read what it says about itself."""
        unit = self._shadow.find_unit(device)
        status = yield from unit.online()
        if status != SS.NORMAL:
            refusal = _Unreachable if status in MEMBER_LOST else Failure
            raise refusal(
                mount_message("F", "SHADOWFAIL", f"failed to create or change the shadow set with _{device}"),
                status_message(status),
            )
        if not unit.driver.allocation_class and len(self._cluster.nodes) > 1:
            raise Failure(
                mount_message("F", "NOALOCLASS", f"_{device} has no allocation class, which a cluster needs")
            )
        if unit.no_forced_error and not request.override_no_forced_error:
            raise Failure(mount_message("F", "DEVNOFE", f"_{device} does not support forced error handling"))
        if unit.write_protected:
            raise Failure(
                mount_message("F", "SHADOWFAIL", f"failed to create or change the shadow set with _{device}"),
                status_message(SS.WRITLCK),
            )
        status, identity = yield from identify(self._platform, unit)
        if status != SS.NORMAL:
            raise Failure(
                mount_message("F", "SHADSCB", f"error reading the storage control block of _{device}"),
                status_message(status),
            )
        if identity.is_ods1:
            raise Failure(
                mount_message("F", "NOODS1", f"_{device} is an ODS-1 volume, which cannot be shadowed")
            )
        _tell_home_block(identity, say)
        return _Candidate(unit, identity)

    def _form(self, request: MountRequest, epoch: int, say: Say) -> Procedure:
        """Mount a set that was mounted nowhere in this epoch of the cluster: the newest generation is the source."""
        if not request.devices:
            raise Failure(mount_message("F", "NOSHDWMEM", "no shadow set members specified"))
        candidates: list[_Candidate] = []
        for device in request.devices:
            try:
                candidates.append((yield from self._candidate(request, device, say)))
            except _Unreachable as missing:
                self._go_without(request, device, missing, say, others=bool(candidates))
        unit_id = unit_identifier(request.unit)
        for candidate in candidates:
            scb = candidate.identity.scb
            if scb is not None and scb.genernum and scb.unit_id not in (0, unit_id):
                raise Failure(
                    mount_message("F", "WRONGVU", f"_{candidate.device} is a member of another virtual unit")
                )
        # The copy target of an unfinished copy bears the generation of its sources.  The first named, among equals.
        winner = max(candidates, key=lambda c: (c.identity.generation, c.is_full))
        _refuse_contradiction(winner, candidates)
        if winner.identity.label and winner.identity.scb is None:
            text = f"the storage control block of _{winner.device} is damaged"
            raise Failure(mount_message("F", "SHADSCB", text))
        if winner.identity.scb is None or not winner.identity.label:
            raise Failure(
                mount_message(
                    "F", "NOHOMEBLK", "no ODS volume was found on any of the members; INITIALIZE one first"
                )
            )
        if winner.identity.label != request.label:
            raise Failure(
                mount_message(
                    "F",
                    "INCVOLLABEL",
                    f"incorrect volume label, _{winner.device} holds {winner.identity.label}",
                )
            )
        records = [self._judge(candidate, winner) for candidate in candidates]
        size = winner.unit.block_count
        for candidate in candidates:
            if candidate.unit.block_count != size:
                raise incompatible(candidate.unit, size)
        targets = [record.device for record in records if record.state is MemberState.TARGET]
        self._consent(request, targets)
        winner_scb = winner.identity.scb
        state = SetState(
            name=request.unit,
            unit_id=unit_id,
            label=request.label,
            block_count=size,
            scb_lbn=winner.identity.scb_lbn,
            cluster_blocks=winner.identity.cluster_blocks,
            mount_time=max(winner_scb.mounttime + 1, self._platform.system_time()),
            generation=winner_scb.genernum,
            members=tuple(records),
            nodes=(self._shadow.node,),
            merging=_needs_merge(winner_scb),
            structure_level=winner_scb.struclev,
            epoch=epoch,
        ).settled()
        bitmaps = self._bitmaps_at_mount(request, winner, state, say)
        try:
            written = yield from self._shadow.write_control_blocks(state)
        except Overtaken:
            for bitmap in bitmaps:
                self._shadow.drop_bitmap(bitmap)
            raise
        yield from self._cluster.ask_all(
            written.nodes, Adopt(replace(written, bitmaps=bitmaps), self._shadow.node)
        )
        say(mount_message("I", "MOUNTED", f"{request.label} mounted on _{request.unit}"))
        for record in written.members:
            if record.state is MemberState.SOURCE and written.merging:
                how = "a merge operation"
                say(added_message("SHDWMEMERGE", record.device, self._shadow.node, "added to", how))
            elif record.state is MemberState.SOURCE:
                say(
                    added_message("SHDWMEMSUCC", record.device, self._shadow.node, "is now a valid member of")
                )
            else:
                say(
                    added_message(
                        "SHDWMEMCOPY", record.device, self._shadow.node, "added to", "a copy operation"
                    )
                )

    def _judge(self, candidate: _Candidate, winner: _Candidate) -> MemberRecord:
        """Decide whether a disk joins as it is or is copied."""
        scb, newest = candidate.identity.scb, winner.identity.scb
        assert newest is not None, "the winner has a storage control block"
        is_listed = candidate.unit.identifier in full_members(newest)
        # A control block has room for three of the six disks that INITIALIZE/SHADOW makes equal.
        is_initialized = not newest.unit_id and scb == newest
        is_current = (
            scb is not None and scb.genernum == newest.genernum != 0 and (is_listed or is_initialized)
        )
        state = MemberState.SOURCE if is_current or candidate is winner else MemberState.TARGET
        return MemberRecord(candidate.device, candidate.unit.identifier, state)

    def _consent(self, request: MountRequest, targets: Sequence[str]) -> None:
        if targets and not request.copy:
            raise Failure(mount_message("F", "SHDWCOPYREQ", "shadow copy required"))
        if targets and request.confirm is not None and not request.confirm(targets):
            raise Failure(mount_message("F", "SHDWCOPYREQ", "shadow copy required"))

    def _bitmaps_at_mount(
        self, request: MountRequest, winner: _Candidate, state: SetState, say: Say
    ) -> tuple[BitmapRecord, ...]:
        """Make a bitmap for a member that is left out, if the policy asks for it (spec 3.5)."""
        scb = winner.identity.scb
        assert scb is not None, "the winner has a storage control block"
        if not request.policy.wants_bitmap:
            return ()
        present = {member.identifier for member in state.members}
        absent = [member for member in full_members(scb) if member not in present]
        problem = ""
        if not self._cluster.minicopy_enabled:
            problem = NO_MINICOPY
        elif _needs_merge(scb):
            text = "write bitmap not started: the shadow set needs a merge"
            if request.policy is Policy.MINICOPY:
                raise Failure(mount_message("F", "REQ_WBM_MERGE", text))
            say(mount_message("W", "OPT_WBM_MERGE", text))
            return ()
        elif not absent:
            problem = "no member of the shadow set is absent"
        else:
            try:
                name = winner.identity.bitmap_name
                return (self._shadow.make_bitmap(state, "", absent[0], name, scb.genernum),)
            except InsufficientMemory:
                problem = "insufficient dynamic memory"
        if request.policy is Policy.MINICOPY:
            raise Failure(
                mount_message("F", "REQ_WBM_FAIL", f"required write bitmap could not be started: {problem}")
            )
        say(mount_message("W", "WBM_NOTSTARTED", f"write bitmap not started: {problem}"))
        return ()

    def _join(self, request: MountRequest, state: SetState, say: Say) -> Procedure:
        """Mount on this node what other nodes have mounted; their membership is authoritative."""
        if state.label != request.label:
            raise _different_volume(request.unit, state)
        for member in state.members:
            unit = self._shadow.find_unit(member.device)
            status = yield from unit.online()
            if status != SS.NORMAL:
                raise Failure(
                    mount_message("F", "SHADOWFAIL", f"member _{member.device} cannot be reached"),
                    status_message(status),
                )
        here = self._shadow.node
        while True:
            yield from self._cluster.lock(request.unit)
            try:
                self._refuse_mounted(request.unit)
                others = [node for node in self._cluster.nodes if node != here]
                answers = yield from self._cluster.ask_all(others, Query(request.unit))
                states = [answer for answer in answers if isinstance(answer, SetState)]
                current = max(states, key=lambda state: state.version, default=None)
                if current is None:
                    raise Failure(
                        mount_message("F", "SHADUNSTABLE", "shadow set membership is changing, try again")
                    )
                if here not in current.nodes:
                    yield from self._shadow.change_locked(
                        current, lambda s: replace(s, nodes=(*s.nodes, here))
                    )
                    break
            except Overtaken:
                pass  # the others find out by themselves
            finally:
                self._cluster.unlock(request.unit)
            yield EARLIER_LIFE_POLL_NS  # this node is still thought to have it mounted, from before it was booted
        say(mount_message("I", "MOUNTED", f"{request.label} mounted on _{request.unit}"))

    def _require_on_all(self, name: str, unit: Disk) -> Procedure:
        """Refuse a member that a node with the set mounted cannot reach."""
        nodes = self._mounted_here(name).state.nodes
        answers = yield from self._cluster.ask_all(nodes, FindDevice(unit.name))
        for node, identifier in zip(nodes, answers, strict=True):
            if identifier != unit.identifier and not isinstance(identifier, NodeLost):
                raise Failure(
                    mount_message("F", "SHADOWFAIL", f"node {node} cannot reach _{unit.name}"),
                    status_message(SS.DEVOFFLINE),
                )

    def _add_member(self, request: MountRequest, device: str, say: Say) -> Procedure:
        """Add a disk to a mounted set: by minicopy if its bitmap is here, else by full copy."""
        candidate = yield from self._candidate(request, device, say)
        unit = candidate.unit
        yield from self._require_on_all(request.unit, unit)
        minicopy = False
        obstacle = ""

        def add(state: SetState) -> SetState:
            nonlocal minicopy, obstacle
            if state.member(device) is not None:
                return state
            if not state.sources:
                raise Failure(mount_message("F", "SHADOWFAIL", f"{state.name} has no member to copy from"))
            if len(state.members) >= MAXIMUM_MEMBERS:
                raise Failure(mount_message("F", "XSMBRS", "maximum members exceeded in shadow set"))
            if unit.block_count != state.block_count:
                raise incompatible(unit, state.block_count)
            bitmap, obstacle = self._bitmap_for(candidate, state, request.policy)
            if bitmap is None and request.policy is Policy.MINICOPY:
                raise Failure(mount_message("F", "REQ_WBM_FAIL", f"{obstacle}, minicopy is required"))
            minicopy = bitmap is not None
            if bitmap is None:
                self._consent(request, [device])
            record = MemberRecord(device, unit.identifier, MemberState.TARGET, minicopy)
            # A bitmap that is not used now never will be: the disk's control block is about to change.
            others = (b for b in state.bitmaps if b is bitmap or b.member != unit.identifier)
            bitmaps = tuple(replace(b, in_use=True) if b is bitmap else b for b in others)
            # Only the master's node can read the bits; a full copy is made where it was asked for.
            copier = bitmap.master if bitmap is not None else self._shadow.node
            return replace(state.with_member(record), bitmaps=bitmaps, copier=state.copier or copier)

        state = self._mounted_here(request.unit).state
        if request.label != state.label:
            raise _different_volume(request.unit, state)
        yield from self._shadow.change(request.unit, add)
        if minicopy:
            say(added_message("SHDWMEMMCPY", device, self._shadow.node, "added to", "a minicopy operation"))
            return
        if request.policy is Policy.OPTIONAL:
            say(mount_message("I", "SHDWNOMCPY", f"{obstacle}, a full copy follows"))
        say(added_message("SHDWMEMCOPY", device, self._shadow.node, "added to", "a copy operation"))

    def _bitmap_for(
        self, candidate: _Candidate, state: SetState, policy: Policy
    ) -> tuple[BitmapRecord | None, str]:
        """Find the bitmap for a returning disk: same disk, same set, not touched since it left; or say why not."""
        if policy is Policy.NOMINICOPY or not self._platform.masters_bitmaps:
            return None, "minicopy is not wanted"
        if not self._cluster.minicopy_enabled:
            return None, NO_MINICOPY
        identity = candidate.identity
        bitmap = state.bitmap_of(candidate.unit.identifier, identity.bitmap_name, identity.generation)
        if bitmap is None:
            return None, f"no write bitmap exists for _{candidate.device}"
        if bitmap.master not in state.nodes:
            return None, f"{bitmap.master} has the write bitmap for _{candidate.device} and not the set"
        if state.copier not in ("", bitmap.master):  # which alone can follow the bits
            return (
                None,
                f"{state.copier} is copying, and {bitmap.master} has the write bitmap for _{candidate.device}",
            )
        return bitmap, ""

    def mount_disk(self, device: str, label: str, *, write: bool, override: bool, say: Say) -> Procedure:
        """Mount one disk.  A former member is write-locked, unless its membership is overridden.

        override: /OVERRIDE=SHADOW_MEMBERSHIP zeroes the generation, so that the disk is no ex-member
        any more and returns by full copy only.  Raises Failure.
        """
        if self._is_member(device):
            raise Failure(mount_message("F", "DEVSHAMEM", f"_{device} is already a shadow member"))
        if device in self.private:
            raise Failure(mount_message("F", "DEVMOUNT", f"_{device} is already mounted"))
        unit = self._shadow.find_unit(device)
        status = yield from unit.online()
        if status != SS.NORMAL:
            raise Failure(
                mount_message("F", "MEDOFL", f"_{device} cannot be mounted"), status_message(status)
            )
        status, identity = yield from identify(self._platform, unit)
        if status != SS.NORMAL or identity.label != label:
            yield from unit.available()
            if identity.is_ods1:
                # DEVIATION: V7.3 has an ACP for ODS-1 volumes
                raise Failure(mount_message("F", "FILESTRUCT", f"_{device} is an ODS-1 volume"))
            if status != SS.NORMAL:
                raise Failure(
                    mount_message("F", "FILEREADERR", f"error reading _{device}"), status_message(status)
                )
            if not identity.label:
                raise Failure(mount_message("F", "NOHOMEBLK", f"no ODS volume was found on _{device}"))
            raise Failure(
                mount_message("F", "INCVOLLABEL", f"incorrect volume label, _{device} holds {identity.label}")
            )
        _tell_home_block(identity, say)
        write_locked = unit.write_protected or not write
        if identity.scb is not None and identity.scb.genernum:
            if not override:
                write_locked = True
                say(mount_message("W", "VOLSHDWMEM", "mounting a shadow member, volume is write-locked"))
            elif not write_locked:
                block = unshadowed(identity.scb)
                if (yield from write_blocks(self._platform, unit, identity.scb_lbn, block)) != SS.NORMAL:
                    say(
                        mount_message(
                            "W", "WRITESCB", f"error writing the storage control block of _{device}"
                        )
                    )
        self.private[device] = PrivateMount(unit, label, write_locked)
        say(mount_message("I", "MOUNTED", f"{label} mounted on _{device}"))

    def volume_identity(self, device: str) -> Procedure:
        """Read what a disk that is not mounted says about itself; NO_VOLUME when there is nothing to read."""
        unit = self._shadow.find_unit(device)
        if (yield from unit.online()) != SS.NORMAL:
            return NO_VOLUME
        status, identity = yield from identify(self._platform, unit)
        yield from unit.available()
        return identity if status == SS.NORMAL else NO_VOLUME

    def members_of_record(self, device: str) -> Procedure:
        """Return the unit identifiers of the members that a disk's storage control block lists."""
        identity: VolumeIdentity = yield from self.volume_identity(device)
        return listed_members(identity.scb) if identity.scb is not None else []


def _tell_home_block(identity: VolumeIdentity, say: Say) -> None:
    if identity.backup_used:
        say(mount_message("W", "HOMBLKBAD", "primary home block is bad; backup used"))


def _different_volume(unit: str, state: SetState) -> Failure:
    return Failure(
        mount_message("F", "DIFVOLMNT", f"different volume already mounted on _{unit} ({state.label})")
    )


def _refuse_contradiction(winner: _Candidate, candidates: Sequence[_Candidate]) -> None:
    """Refuse disks of which none, or more than one, is right; raises Failure."""
    newest = winner.identity.scb
    if newest is None or not newest.genernum:
        return
    if winner.is_target:
        text = f"_{winner.device} is the target of a copy that has not ended, and no member it was copied from is named"
        raise Failure(mount_message("F", "NOMASTER", text))
    if not newest.unit_id:
        return  # initialized, and never mounted
    for candidate in candidates:
        equal = candidate.identity.generation == newest.genernum and candidate.is_full
        if equal and candidate.unit.identifier not in full_members(newest):
            text = (
                f"_{winner.device} and _{candidate.device} are of one generation and each without the other"
            )
            raise Failure(mount_message("F", "DETSHADINCON", text))


def _needs_merge(scb: StorageControlBlock) -> bool:
    """Whether the members of a set may differ: it was not properly dismounted, or before its merge was done."""
    return bool(scb.writecnt or scb.shadow_status & (SHADOW_STATUS.MERGING | SHADOW_STATUS.MUST_MRG))


def unit_identifier(name: str) -> int:
    """The identity of a virtual unit in control blocks: unit number with MSCP's virtual-unit bit.

    DEVIATION: the contents of SCB$Q_UNIT_ID are not published.
    """
    return 0x8000 | int(name.removeprefix("DSA").rstrip(":"))
