"""MOUNT, DISMOUNT and INITIALIZE of shadow sets: who is a member, who is copied, which bitmap serves.

The decision at MOUNT goes by what the disks say about themselves (spec 1.4), a returning member is matched with the
bitmap made for it (3.4, 3.11), a leaving one gets a bitmap by policy (3.5).  What cannot be done raises Failure with
the messages of VMS; what is done is told through `say`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from drivers.classes.dudriver import DiskUnit
from drivers.message import Failure, Message, Say
from drivers.platform.host import WaitingIrp
from drivers.platform.pool import InsufficientMemory
from drivers.platform.process import Procedure
from drivers.shadow.membership import Adopt, Query, ShadowDriver
from drivers.shadow.state import MAXIMUM_MEMBERS, BitmapRecord, MemberRecord, MemberState, SetState
from drivers.shadow.volume import (
    SCB_LBN,
    VolumeIdentity,
    bitmap_name,
    full_members,
    home_block,
    identify,
    storage_control_block,
    unshadowed,
    write_blocks,
)
from emu.core.block import BLOCK_BYTES
from emu.wire.codes.ods2 import HOME_BLOCK_LBN
from emu.wire.codes.vms import IO, SS

ERASE_PIECE_BLOCKS = 1 << 15
LABEL_LIMIT = 12


class Policy(Enum):
    """What /POLICY asked for."""

    DEFAULT = "none given"
    NOMINICOPY = "NOMINICOPY"
    OPTIONAL = "MINICOPY=OPTIONAL"
    MINICOPY = "MINICOPY"

    @property
    def wants_bitmap(self) -> bool:
        return self in (Policy.OPTIONAL, Policy.MINICOPY)


@dataclass(frozen=True, slots=True)
class MountRequest:
    """MOUNT unit/SHADOW=(devices) label, with its qualifiers.

    confirm: asked with the devices that would be overwritten, False stops the mount; None copies
    without asking, as /NOCONFIRM.  copy: False is /NOCOPY.
    """

    unit: str
    devices: Sequence[str]
    label: str
    policy: Policy = Policy.DEFAULT
    copy: bool = True
    confirm: Callable[[Sequence[str]], bool] | None = None


@dataclass(frozen=True, slots=True)
class _Candidate:
    unit: DiskUnit
    identity: VolumeIdentity

    @property
    def device(self) -> str:
        return self.unit.name


@dataclass(frozen=True, slots=True)
class PrivateMount:
    """A disk mounted by itself."""

    unit: DiskUnit
    label: str
    write_locked: bool


class ShadowUtilities:
    """What the images MOUNT, DISMOUNT and INITIALIZE do on one node."""

    def __init__(self, shadow: ShadowDriver) -> None:
        self._shadow = shadow
        self._platform = shadow.platform
        self._cluster = shadow.cluster
        self.private: dict[str, PrivateMount] = {}

    # -- MOUNT

    def mount(self, request: MountRequest, nodes: Sequence[str], say: Say) -> Procedure:
        """Mount a set, or add members to a mounted one.

        nodes: every node of the cluster.  Raises Failure.
        """
        self._refuse_bitmap_policy(request.policy, "MOUNT")
        if len(set(request.devices)) != len(request.devices):
            raise Failure(_mount("F", "DEVSHAMEM", "a device is named twice"))
        if len(request.devices) > MAXIMUM_MEMBERS:
            raise Failure(_mount("F", "XSMBRS", "maximum members exceeded in shadow set"))
        for device in request.devices:
            if device in self.private:
                raise Failure(_mount("F", "DEVMOUNT", f"_{device} is already mounted"))
            for vu in self._shadow.units.values():
                if vu.name != request.unit and vu.state.member(device):
                    raise Failure(
                        _mount("F", "DEVSHAMEM", f"_{device} is already a shadow member of {vu.name}")
                    )
        try:
            yield from self._mount(request, nodes, say)
        except Failure:
            for device in request.devices:
                if not self._is_member(device):
                    yield from self._shadow.find_unit(device).available()
            raise

    def _is_member(self, device: str) -> bool:
        return any(vu.state.member(device) for vu in self._shadow.units.values())

    def _mount(self, request: MountRequest, nodes: Sequence[str], say: Say) -> Procedure:
        here = self._shadow.units.get(request.unit)
        if here is None:
            for node in nodes:
                if node != self._shadow.node:
                    state = yield from self._cluster.ask(node, Query(request.unit))
                    if state is not None:
                        yield from self._join(request, state, say)
                        break
            else:
                yield from self._form(request, say)
                return
        elif all(here.state.member(device) for device in request.devices):
            raise Failure(_mount("F", "DEVMOUNT", "device is already mounted"))
        for device in request.devices:
            if self._shadow.units[request.unit].state.member(device) is None:
                yield from self._add_member(request, device, say)

    def _candidate(self, device: str) -> Procedure:
        """Bring a disk on line and read what it says about itself."""
        unit = self._shadow.find_unit(device)
        status = yield from unit.online()
        if status != SS.NORMAL:
            raise Failure(
                _mount("F", "SHADOWFAIL", f"failed to create or change the shadow set with _{device}"),
                status_message(status),
            )
        if unit.write_protected:
            raise Failure(
                _mount("F", "SHADOWFAIL", f"failed to create or change the shadow set with _{device}"),
                status_message(SS.WRITLCK),
            )
        status, identity = yield from identify(self._platform, unit)
        if status != SS.NORMAL:
            raise Failure(
                _mount("F", "SHADSCB", f"error reading the storage control block of _{device}"),
                status_message(status),
            )
        return _Candidate(unit, identity)

    def _form(self, request: MountRequest, say: Say) -> Procedure:
        """Mount a set that is mounted nowhere: the newest generation is the source."""
        if not request.devices:
            raise Failure(_mount("F", "NOSHDWMEM", "no shadow set members specified"))
        candidates: list[_Candidate] = []
        for device in request.devices:
            candidates.append((yield from self._candidate(device)))
        unit_id = unit_identifier(request.unit)
        for candidate in candidates:
            scb = candidate.identity.scb
            if scb is not None and scb.genernum and scb.unit_id not in (0, unit_id):
                raise Failure(
                    _mount("F", "WRONGVU", f"_{candidate.device} is a member of another virtual unit")
                )
        winner = max(candidates, key=lambda c: c.identity.generation)  # the first named, among equals
        if winner.identity.scb is None or not winner.identity.label:
            raise Failure(
                _mount(
                    "F", "NOHOMEBLK", "no ODS volume was found on any of the members; INITIALIZE one first"
                )
            )
        if winner.identity.label != request.label:
            raise Failure(
                _mount(
                    "F",
                    "INCVOLLABEL",
                    f"incorrect volume label, _{winner.device} holds {winner.identity.label}",
                )
            )
        records = [self._judge(candidate, winner) for candidate in candidates]
        size = winner.unit.block_count
        for candidate in candidates:
            if candidate.unit.block_count != size:
                raise _incompatible(candidate.unit, size)
        targets = [record.device for record in records if record.state is MemberState.TARGET]
        self._consent(request, targets)
        winner_scb = winner.identity.scb
        state = SetState(
            name=request.unit,
            unit_id=unit_id,
            label=request.label,
            block_count=size,
            mount_time=max(winner_scb.mounttime + 1, self._platform.system_time()),
            generation=winner_scb.genernum,
            members=tuple(records),
            nodes=(self._shadow.node,),
            copier=self._shadow.node if targets else "",
        )
        bitmaps = self._bitmaps_at_mount(request, winner, state, say)
        written = yield from self._shadow.write_control_blocks(state)
        yield from self._cluster.ask_all(written.nodes, Adopt(replace(written, bitmaps=bitmaps)))
        say(_mount("I", "MOUNTED", f"{request.label} mounted on _{request.unit}"))
        for record in written.members:
            if record.state is MemberState.SOURCE:
                say(_added("SHDWMEMSUCC", record.device, self._shadow.node, "is now a valid member of"))
            else:
                say(_added("SHDWMEMCOPY", record.device, self._shadow.node, "added to", "a copy operation"))

    def _judge(self, candidate: _Candidate, winner: _Candidate) -> MemberRecord:
        """Decide whether a disk joins as it is or is copied.

        DEVIATION: members of a set that was not properly dismounted may differ in the blocks of the
        last writes; VMS merges them.  Here one of them becomes the source and the others are copied.
        """
        scb, newest = candidate.identity.scb, winner.identity.scb
        assert newest is not None, "the winner has a storage control block"
        is_current = (
            scb is not None
            and scb.genernum == newest.genernum != 0
            and candidate.unit.identifier in full_members(newest)
            and not newest.writecnt
        )
        state = MemberState.SOURCE if is_current or candidate is winner else MemberState.TARGET
        return MemberRecord(candidate.device, candidate.unit.identifier, state)

    def _consent(self, request: MountRequest, targets: Sequence[str]) -> None:
        if targets and not request.copy:
            raise Failure(_mount("F", "SHDWCOPYREQ", "shadow copy required"))
        if targets and request.confirm is not None and not request.confirm(targets):
            raise Failure(_mount("F", "SHDWCOPYREQ", "shadow copy required"))

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
        if scb.writecnt:
            problem = "the shadow set was not properly dismounted"
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
                _mount("F", "REQ_WBM_FAIL", f"required write bitmap could not be started: {problem}")
            )
        say(_mount("W", "WBM_NOTSTARTED", f"write bitmap not started: {problem}"))
        return ()

    def _join(self, request: MountRequest, state: SetState, say: Say) -> Procedure:
        """Mount on this node what other nodes have mounted; their membership is authoritative."""
        if state.label != request.label:
            raise Failure(
                _mount("F", "INCVOLLABEL", f"incorrect volume label, _{request.unit} is {state.label}")
            )
        for member in state.members:
            unit = self._shadow.find_unit(member.device)
            status = yield from unit.online()
            if status != SS.NORMAL:
                raise Failure(
                    _mount("F", "SHADOWFAIL", f"member _{member.device} cannot be reached"),
                    status_message(status),
                )
        yield from self._cluster.lock(request.unit)
        try:
            current = yield from self._cluster.ask(state.nodes[0], Query(request.unit))
            if current is None:
                raise Failure(_mount("F", "SHADUNSTABLE", "shadow set membership is changing, try again"))
            here = self._shadow.node
            yield from self._shadow.change_locked(current, lambda s: replace(s, nodes=(*s.nodes, here)))
        finally:
            self._cluster.unlock(request.unit)
        say(_mount("I", "MOUNTED", f"{request.label} mounted on _{request.unit}"))

    def _add_member(self, request: MountRequest, device: str, say: Say) -> Procedure:
        """Add a disk to a mounted set: by minicopy if its bitmap is here, else by full copy."""
        candidate = yield from self._candidate(device)
        unit = candidate.unit
        minicopy = not_possible = False

        def add(state: SetState) -> SetState:
            nonlocal minicopy, not_possible
            if state.member(device) is not None:
                return state
            if len(state.members) >= MAXIMUM_MEMBERS:
                raise Failure(_mount("F", "XSMBRS", "maximum members exceeded in shadow set"))
            if unit.block_count != state.block_count:
                raise _incompatible(unit, state.block_count)
            bitmap = self._bitmap_for(candidate, state, request.policy)
            if bitmap is None and request.policy is Policy.MINICOPY:
                raise Failure(
                    _mount("F", "REQ_WBM_FAIL", f"no write bitmap exists for _{device}, minicopy is required")
                )
            minicopy, not_possible = bitmap is not None, request.policy is Policy.OPTIONAL
            if bitmap is None:
                self._consent(request, [device])
            record = MemberRecord(device, unit.identifier, MemberState.TARGET, minicopy)
            # A bitmap that is not used now never will be: the disk's control block is about to change.
            others = (b for b in state.bitmaps if b is bitmap or b.member != unit.identifier)
            bitmaps = tuple(replace(b, in_use=True) if b is bitmap else b for b in others)
            # Only the master's node can read the bits; a full copy is made where it was asked for.
            copier = bitmap.master if bitmap is not None else self._shadow.node
            return replace(state.with_member(record), bitmaps=bitmaps, copier=state.copier or copier)

        state = self._shadow.units[request.unit].state
        if request.label != state.label:
            raise Failure(
                _mount("F", "INCVOLLABEL", f"incorrect volume label, _{request.unit} is {state.label}")
            )
        yield from self._shadow.change(request.unit, add)
        if minicopy:
            say(_added("SHDWMEMMCPY", device, self._shadow.node, "added to", "a minicopy operation"))
            return
        if not_possible:
            say(_mount("I", "SHDWNOMCPY", f"_{device} no write bitmap, a full copy follows"))
        say(_added("SHDWMEMCOPY", device, self._shadow.node, "added to", "a copy operation"))

    def _bitmap_for(self, candidate: _Candidate, state: SetState, policy: Policy) -> BitmapRecord | None:
        """Find the bitmap for a returning disk: same disk, same set, not touched since it left."""
        if policy is Policy.NOMINICOPY or not self._platform.masters_bitmaps:
            return None
        identity = candidate.identity
        bitmap = state.bitmap_of(candidate.unit.identifier, identity.bitmap_name, identity.generation)
        if bitmap is not None and state.copier not in ("", bitmap.master):
            return None  # another node's copy thread is at work, and only the master can follow bits
        return bitmap

    def _refuse_bitmap_policy(self, policy: Policy, facility: str) -> None:
        if policy.wants_bitmap and not self._platform.masters_bitmaps:
            raise Failure(
                Message(
                    facility, "F", "REQ_WBM_FAIL", f"a {self._platform.kind} cannot create a write bitmap"
                ),
                status_message(SS.UNSUPPORTED),
            )

    # -- DISMOUNT

    def dismount_member(self, device: str, policy: Policy, say: Say) -> Procedure:
        """Take a member out of its set, on all nodes; raises Failure."""
        self._refuse_bitmap_policy(policy, "DISM")
        vu = next((vu for vu in self._shadow.units.values() if vu.state.member(device)), None)
        if vu is None:
            raise Failure(_dism("W", "CANNOTDMT", f"_{device} cannot be dismounted"), _not_mounted())
        unit = self._shadow.find_unit(device)
        bitmap: BitmapRecord | None = None

        def remove(state: SetState) -> SetState:
            nonlocal bitmap
            member = state.member(device)
            if member is None:
                raise Failure(_dism("W", "CANNOTDMT", f"_{device} cannot be dismounted"), _not_mounted())
            if state.sources == (member,):
                raise Failure(
                    _dism("W", "CANNOTDMT", f"{device} cannot be dismounted"),
                    _dism("F", "SRCMEM", "only source member of shadow set cannot be dismounted"),
                )
            left = state.without(device)
            if not policy.wants_bitmap:
                return left
            problem = ""
            if member.state is not MemberState.SOURCE:
                problem = "the member is the target of a copy"
            else:
                try:
                    # The departing disk keeps the control block it has now; by that it will be known again.
                    name = bitmap_name(state)
                    bitmap = self._shadow.make_bitmap(
                        state, device, member.identifier, name, state.generation
                    )
                    return replace(left, bitmaps=(*left.bitmaps, bitmap))
                except InsufficientMemory:
                    problem = "insufficient dynamic memory"
            if policy is Policy.MINICOPY:
                raise Failure(
                    _dism("W", "CANNOTDMT", f"{device} cannot be dismounted"),
                    _dism("F", "WBMFAIL", f"write bitmap could not be started: {problem}"),
                )
            say(_dism("W", "WBMNOTSTARTED", f"write bitmap not started: {problem}"))
            return left

        yield from self._shadow.change(vu.name, remove)
        yield from unit.available()

    def dismount_unit(self, name: str, say: Say, policy: Policy = Policy.DEFAULT) -> Procedure:
        """Dismount a virtual unit on this node; raises Failure.

        policy: MINICOPY, on the last node that has it, refuses to leave a set of which no member could
        be left out at the next mount (spec 3.5).
        """
        self._refuse_bitmap_policy(policy, "DISM")
        vu = self._shadow.units.get(name)
        if vu is None:
            raise Failure(_dism("W", "CANNOTDMT", f"_{name} cannot be dismounted"), _not_mounted())
        here = self._shadow.node
        if policy is Policy.MINICOPY and vu.state.nodes == (here,) and len(vu.sources) < 2:
            raise Failure(
                _dism("W", "CANNOTDMT", f"_{name} cannot be dismounted"),
                _dism("F", "WBMFAIL", "a set with one full member is not fit for a later minicopy"),
            )

        def leave(state: SetState) -> SetState:
            nodes = tuple(node for node in state.nodes if node != here)
            if state.copier == here:
                # Another node goes on with the copy; with none, the target stays one and is copied again.
                return replace(_without_used_bitmaps(state), nodes=nodes, copier=nodes[0] if nodes else "")
            return replace(state, nodes=nodes)

        members = [member.unit for member in vu.members]
        yield from self._shadow.change(name, leave)
        for unit in members:
            yield from unit.available()

    def volume_label(self, device: str) -> Procedure:
        """Read the label of a disk that is not mounted; "" when there is none to read."""
        unit = self._shadow.find_unit(device)
        if (yield from unit.online()) != SS.NORMAL:
            return ""
        status, identity = yield from identify(self._platform, unit)
        yield from unit.available()
        return identity.label if status == SS.NORMAL else ""

    # -- INITIALIZE

    def initialize(self, devices: Sequence[str], label: str, *, erase: bool, shadow: bool) -> Procedure:
        """Make fresh volumes; with `shadow` they can be mounted together without a copy.  Raises Failure."""
        if not label or len(label) > LABEL_LIMIT or not label.isascii():
            raise Failure(Message("INIT", "F", "BADVOLLBL", "a volume label has 1 to 12 characters"))
        units: list[DiskUnit] = []
        for device in devices:
            unit = self._shadow.find_unit(device)
            if self._is_member(unit.name) or unit.name in self.private:
                raise Failure(Message("INIT", "F", "DEVMOUNT", f"_{unit.name} is mounted"))
            status = yield from unit.online()
            if status == SS.NORMAL and unit.write_protected:
                status = SS.WRITLCK
            if status != SS.NORMAL:
                raise Failure(
                    Message("INIT", "F", "ERASEFAIL", f"_{unit.name} not initialized"), status_message(status)
                )
            units.append(unit)
        size = units[0].block_count
        for unit in units:
            if unit.block_count != size:
                raise _incompatible(unit, size)
        now = self._platform.system_time()
        state = SetState(
            name="",
            unit_id=0,
            label=label,
            block_count=size,
            mount_time=now,
            generation=max(now, 1) if shadow else 0,
            members=tuple(
                MemberRecord(u.name, u.identifier, MemberState.SOURCE) for u in units[:MAXIMUM_MEMBERS]
            )
            if shadow
            else (),
            nodes=(),
        )
        for unit in units:
            if erase:
                yield from self._erase(unit)
            blocks = home_block(label, now, serial=0) + storage_control_block(state, mounted=False)
            status = yield from write_blocks(self._platform, unit, HOME_BLOCK_LBN, blocks)
            if status != SS.NORMAL:
                raise Failure(
                    Message("INIT", "F", "WRITEERR", f"error writing _{unit.name}"), status_message(status)
                )
            yield from unit.available()

    def _erase(self, unit: DiskUnit) -> Procedure:
        for lbn in range(0, unit.block_count, ERASE_PIECE_BLOCKS):
            length = min(ERASE_PIECE_BLOCKS, unit.block_count - lbn) * BLOCK_BYTES
            irp = WaitingIrp(self._platform, IO.DSE, lbn, length)
            unit.queue_io(irp)
            if (yield irp.finished) != SS.NORMAL:
                raise Failure(
                    Message("INIT", "F", "ERASEFAIL", f"_{unit.name} not erased"), status_message(irp.status)
                )

    # -- a disk by itself

    def mount_disk(self, device: str, label: str, *, write: bool, override: bool, say: Say) -> Procedure:
        """Mount one disk.  A former member is write-locked, unless its membership is overridden.

        override: /OVERRIDE=SHADOW_MEMBERSHIP zeroes the generation, so that the disk is no ex-member
        any more and returns by full copy only.  Raises Failure.
        """
        if self._is_member(device):
            raise Failure(_mount("F", "DEVSHAMEM", f"_{device} is already a shadow member"))
        if device in self.private:
            raise Failure(_mount("F", "DEVMOUNT", f"_{device} is already mounted"))
        unit = self._shadow.find_unit(device)
        status = yield from unit.online()
        if status != SS.NORMAL:
            raise Failure(_mount("F", "MEDOFL", f"_{device} cannot be mounted"), status_message(status))
        status, identity = yield from identify(self._platform, unit)
        if status != SS.NORMAL or identity.label != label:
            yield from unit.available()
            if status != SS.NORMAL:
                raise Failure(_mount("F", "FILEREADERR", f"error reading _{device}"), status_message(status))
            raise Failure(
                _mount("F", "INCVOLLABEL", f"incorrect volume label, _{device} holds {identity.label}")
            )
        write_locked = unit.write_protected or not write
        if identity.scb is not None and identity.scb.genernum:
            if not override:
                write_locked = True
                say(_mount("W", "VOLSHDWMEM", "mounting a shadow member, volume is write-locked"))
            elif not write_locked:
                block = unshadowed(identity.scb)
                if (yield from write_blocks(self._platform, unit, SCB_LBN, block)) != SS.NORMAL:
                    say(_mount("W", "WRITESCB", f"error writing the storage control block of _{device}"))
        self.private[device] = PrivateMount(unit, label, write_locked)
        say(_mount("I", "MOUNTED", f"{label} mounted on _{device}"))

    def dismount_disk(self, device: str) -> Procedure:
        """Dismount a disk mounted by itself; raises Failure."""
        mounted = self.private.pop(device, None)
        if mounted is None:
            raise Failure(_dism("W", "CANNOTDMT", f"_{device} cannot be dismounted"), _not_mounted())
        yield from mounted.unit.available()

    # -- DELETE/BITMAP

    def delete_bitmap(self, identifier: int) -> Procedure:
        """Delete a bitmap, wherever its master is; raises Failure."""
        for vu in self._shadow.units.values():
            record = next((b for b in vu.state.bitmaps if b.identifier == identifier), None)
            if record is None:
                continue
            if record.in_use:
                raise Failure(Message("DELETE", "F", "BITMAPINUSE", f"{identifier:08X} directs a minicopy"))
            yield from self._shadow.change(vu.name, lambda state: state.without_bitmap(identifier))
            return
        raise Failure(Message("DELETE", "E", "NOSUCHBITMAP", f"{identifier:08X} no such bitmap"))


def unit_identifier(name: str) -> int:
    """The identity of a virtual unit in control blocks: unit number with MSCP's virtual-unit bit.

    DEVIATION: the contents of SCB$Q_UNIT_ID are not published.
    """
    return 0x8000 | int(name.removeprefix("DSA").rstrip(":"))


def _without_used_bitmaps(state: SetState) -> SetState:
    return replace(state, bitmaps=tuple(b for b in state.bitmaps if not b.in_use))


def _mount(severity: str, ident: str, text: str) -> Message:
    return Message("MOUNT", severity, ident, text)


def _dism(severity: str, ident: str, text: str) -> Message:
    return Message("DISM", severity, ident, text)


def _added(ident: str, device: str, node: str, verb: str, how: str = "") -> Message:
    return _mount("I", ident, f"_{device} ({node}) {verb} the shadow set" + (f" with {how}" if how else ""))


def _incompatible(unit: DiskUnit, block_count: int) -> Failure:
    return Failure(
        _mount(
            "F",
            "SHDWINCVOL",
            f"_{unit.name} is incompatible with the shadow set: {unit.block_count} blocks, not {block_count}",
        ),
        status_message(SS.INCSHAMEM),
    )


def _not_mounted() -> Message:
    return Message("SYSTEM", "F", "DEVNOTMOUNT", "device is not mounted", continued=True)


def status_message(status: int) -> Message:
    """The continuation line that names a system status."""
    code = SS(status)
    return Message("SYSTEM", "F", code.name, _SYSTEM_TEXTS.get(code, "request failed"), continued=True)


_SYSTEM_TEXTS = {
    SS.MEDOFL: "medium is offline",
    SS.DEVOFFLINE: "device is not in configuration or not available",
    SS.WRITLCK: "device is currently write locked",
    SS.DRVERR: "fatal drive error",
    SS.CTRLERR: "fatal controller error",
    SS.PARITY: "parity error",
    SS.VOLINV: "volume is not software enabled",
    SS.INCSHAMEM: "physical member's disk is incompatible with the shadow set",
    SS.UNSUPPORTED: "unsupported operation or function",
    SS.ABORT: "abort",
}
