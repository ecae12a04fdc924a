"""DISMOUNT and DELETE/BITMAP: a member leaves, with a write bitmap if the policy says so (spec 3.5, 4.1, 4.7)."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from drivers.message import Failure, Message, Say
from drivers.platform.pool import InsufficientMemory
from drivers.platform.process import Procedure
from drivers.shadow.messages import dism_message, not_mounted
from drivers.shadow.requests import Query
from drivers.shadow.server import handed_over
from drivers.shadow.shdriver import VirtualUnit
from drivers.shadow.state import MAXIMUM_BITMAPS, BitmapRecord, MemberState, SetState
from drivers.shadow.utility import NO_MINICOPY, Policy, Utility
from drivers.shadow.volume import bitmap_name


class Dismount(Utility):
    """The image DISMOUNT."""

    def dismount_member(self, device: str, policy: Policy, say: Say) -> Procedure:
        """Take a member out of its set, on all nodes; raises Failure."""
        return self.dismount_members([device], policy, say)

    def dismount_members(self, devices: Sequence[str], policy: Policy, say: Say) -> Procedure:
        """Take members of one set out of it, on all nodes and at one instant; raises Failure.

        All of them leave, or none.
        """
        self._refuse_bitmap_policy(policy, "DISM")
        first = devices[0]
        vu = next((vu for vu in self._shadow.units.values() if vu.state.member(first)), None)
        if vu is None:
            raise Failure(dism_message("W", "CANNOTDMT", f"{first} cannot be dismounted"), not_mounted())
        units = [self._shadow.find_unit(device) for device in devices]

        def remove(state: SetState) -> SetState:
            left = state
            try:
                for device in devices:
                    bitmap = self._dismissal(state, left, device, policy, say)
                    left = left.without(device)
                    if bitmap is not None:
                        left = replace(left, bitmaps=(*left.bitmaps, bitmap))
            except Failure:
                for bitmap in left.bitmaps[len(state.bitmaps) :]:
                    self._shadow.drop_bitmap(bitmap)
                raise
            return left

        yield from self._shadow.change(vu.name, remove)
        for unit in units:
            yield from unit.available()

    def _dismissal(
        self, state: SetState, left: SetState, device: str, policy: Policy, say: Say
    ) -> BitmapRecord | None:
        """Let a member of `left` go, with a bitmap if the policy says so; raises Failure.

        state: the set before the first member left.
        """
        member = left.member(device)
        if member is None:
            raise Failure(dism_message("W", "CANNOTDMT", f"{device} cannot be dismounted"), not_mounted())
        if left.sources == (member,):
            raise Failure(
                dism_message("W", "CANNOTDMT", f"{device} cannot be dismounted"),
                dism_message("F", "SRCMEM", "only source member of shadow set cannot be dismounted"),
            )
        if not policy.wants_bitmap:
            return None
        if not self._cluster.minicopy_enabled:
            problem = NO_MINICOPY
        elif member.state is not MemberState.SOURCE:
            problem = "the member is the target of a copy"
        elif state.merging:
            problem = "the shadow set needs a merge"
        elif len(left.bitmaps) >= MAXIMUM_BITMAPS:
            problem = f"the shadow set has {MAXIMUM_BITMAPS} write bitmaps already"
        else:
            try:
                # The departing disk keeps the control block it has now; by that it will be known again.
                name = bitmap_name(state)
                return self._shadow.make_bitmap(state, device, member.identifier, name, state.generation)
            except InsufficientMemory:
                problem = "insufficient dynamic memory"
        if policy is Policy.MINICOPY:
            raise Failure(
                dism_message("W", "CANNOTDMT", f"{device} cannot be dismounted"),
                dism_message("F", "WBMFAIL", f"write bitmap could not be started: {problem}"),
            )
        say(dism_message("W", "WBMNOTSTARTED", f"write bitmap not started: {problem}"))
        return None

    def dismount_unit(self, name: str, say: Say, policy: Policy = Policy.DEFAULT) -> Procedure:
        """Dismount a virtual unit on this node; raises Failure."""
        here = self._shadow.node
        vu = self.require_dismountable(name, policy, (here,))

        def leave(state: SetState) -> SetState:
            nodes = tuple(node for node in state.nodes if node != here)
            if state.copier == here:
                state = handed_over(state, vu)
            return replace(state, nodes=nodes)

        members = [member.unit for member in vu.members]
        yield from self._shadow.change(name, leave)
        for unit in members:
            yield from unit.available()

    def require_dismountable(self, name: str, policy: Policy, leaving: Sequence[str]) -> VirtualUnit:
        """Return a mounted virtual unit that these nodes may dismount; raises Failure.

        policy: makes no bitmap here.  MINICOPY, where no other node has the set, is not done to one of which no
        member could be left out at the next mount (spec 3.5).

        UNCERTAIN: where another node has the set, MINICOPY changes nothing; what it means there is not published.
        """
        vu = self._shadow.units.get(name)
        if vu is None:
            raise Failure(dism_message("W", "CANNOTDMT", f"{name} cannot be dismounted"), not_mounted())
        merging = "that needs a merge" if vu.state.merging else ""
        unfit = "with one full member" if len(vu.sources) < 2 else merging
        if policy is Policy.MINICOPY and unfit and set(vu.state.nodes) <= {*leaving}:
            raise Failure(
                dism_message("W", "CANNOTDMT", f"{name} cannot be dismounted"),
                dism_message("F", "WBMFAIL", f"a set {unfit} is not fit for a later minicopy"),
            )
        return vu

    def dismount_disk(self, device: str) -> Procedure:
        """Dismount a disk mounted by itself; raises Failure."""
        mounted = self.private.pop(device, None)
        if mounted is None:
            raise Failure(dism_message("W", "CANNOTDMT", f"{device} cannot be dismounted"), not_mounted())
        yield from mounted.unit.available()

    def delete_bitmap(self, identifier: int) -> Procedure:
        """Delete a bitmap, wherever its master is; raises Failure."""
        for vu in self._shadow.units.values():
            if any(bitmap.identifier == identifier for bitmap in vu.state.bitmaps):
                yield from self._shadow.change(vu.name, partial(_without_bitmap, identifier=identifier))
                return
        bitmap = self._shadow.bitmaps.get(identifier)
        if bitmap is None or bitmap.record.unit in self._shadow.units:
            raise _no_such_bitmap(identifier)
        yield from self._delete_unused(bitmap.record)

    def _delete_unused(self, record: BitmapRecord) -> Procedure:
        """Delete a bitmap of this node that outlived the dismount of its set; raises Failure."""
        yield from self._cluster.lock(record.unit)
        try:
            others = [node for node in self._cluster.nodes if node != self._shadow.node]
            answers = yield from self._cluster.ask_all(others, Query(record.unit))
            if any(isinstance(answer, SetState) for answer in answers) or record.unit in self._shadow.units:
                text = f"{record.unit} is mounted on another node, delete it there"
                raise Failure(Message("DELETE", "F", "BITMAPINUSE", text))
            if record.identifier not in self._shadow.bitmaps:
                raise _no_such_bitmap(record.identifier)
            self._shadow.discard_bitmap(record.identifier)
        finally:
            self._cluster.unlock(record.unit)


def _without_bitmap(state: SetState, identifier: int) -> SetState:
    """The state without a bitmap; raises Failure: another command may have been faster."""
    record = next((bitmap for bitmap in state.bitmaps if bitmap.identifier == identifier), None)
    if record is None:
        raise _no_such_bitmap(identifier)
    if record.in_use:
        raise Failure(Message("DELETE", "F", "BITMAPINUSE", f"{identifier:08X} directs a minicopy"))
    return state.without_bitmap(identifier)


def _no_such_bitmap(identifier: int) -> Failure:
    return Failure(Message("DELETE", "E", "NOSUCHBITMAP", f"{identifier:08X} no such bitmap"))
