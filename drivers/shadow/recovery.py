"""What the survivors do with a shadow set when nodes were lost.

A node may die at any instant of a change: before all are stalled, between two storage control blocks, or when some
nodes have adopted the new state and others have not.  Whoever changes a set lets its own node adopt the state last, and
goes on with it only then; so the survivors find out what was decided:

    newest state of all survivors ─▶ is a control block on a member newer still?  then its membership counts
        ─▶ without the lost nodes, their bitmaps, and the copies that only they could do ─▶ written, adopted by all

A change that reached a disk is finished, one that did not is undone.  (spec 1.4, 2.5, 2.9, 3.6.)

The writes that a lost node had under way may have reached some members only: the set is merged.

A node that loses others while it has no quorum is overtaken: they may have gone on without it, changed the set and
written to it, and be back in a new life, knowing of nothing.  What it had begun is not sent any more, its own changes
begin anew, and when the disks are newer than what it knows, they are right: its bitmaps and fences tell of too little.

UNCERTAIN: what V7.3 does with an overtaken node; its manual speaks of quorum lost and regained, and not of this.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from drivers.classes.disk import Disk, UnitState
from drivers.message import Failure, Message
from drivers.platform.process import Procedure
from drivers.shadow.messages import mount_message
from drivers.shadow.requests import Query, Stall
from drivers.shadow.shdriver import MEMBER_LOST
from drivers.shadow.state import MemberRecord, MemberState, SetState
from drivers.shadow.volume import full_members, identify, listed_members
from emu.core.clock import SECOND_NS
from emu.wire.codes.vms import SS
from emu.wire.generated.ods2 import StorageControlBlock

if TYPE_CHECKING:
    from drivers.shadow.membership import ShadowDriver
    from drivers.shadow.shdriver import VirtualUnit


class Overtaken(Failure):
    """Nodes that are lost may have changed the set, while this one was changing it and had no quorum."""

    def __init__(self) -> None:
        super().__init__(mount_message("F", "SHADUNSTABLE", "shadow set membership is changing, try again"))


class Recovery:
    """The recovery of one node's sets.

    overtaken_epoch: of the cluster, when nodes were last lost while this one had no quorum.
    """

    def __init__(self, driver: "ShadowDriver") -> None:
        self._driver = driver
        self._platform = driver.platform
        self._cluster = driver.cluster
        self._losses: list[tuple[int, set[str]]] = []  # epoch of the cluster, and who was lost with it
        self.overtaken_epoch = 0
        driver.cluster.lost.append(self._nodes_lost)

    def is_overtaken(self, state: SetState) -> bool:
        return state.epoch < self.overtaken_epoch

    def check(self, state: SetState) -> None:
        """Raise Overtaken when a state may not be what the set is in any more."""
        if self.is_overtaken(state):
            raise Overtaken

    def is_due(self, state: SetState) -> bool:
        """Whether a node was lost that a set cannot lose without a change."""
        return not self._lost_since(state).isdisjoint(_concerned(state))

    def brought_up_to_date(self, state: SetState, before: SetState | None) -> SetState:
        """A state that this node is to adopt, with the epoch up to which no lost node stands in it.

        before: the state until now.  Who made the new one may have noticed less, or have joined the cluster since.
        """
        if before is not None and before.epoch > state.epoch:
            state = replace(state, epoch=before.epoch)
        if not self._is_behind(state) or self.is_overtaken(state) or self.is_due(state):
            return state
        # Should one of them mount the set in a new life, it is not taken for the old one.
        return replace(state, epoch=self._losses[-1][0])

    def _is_behind(self, state: SetState) -> bool:
        """Whether nodes were lost since a state had none in it."""
        return bool(self._losses) and state.epoch < self._losses[-1][0]

    def _nodes_lost(self, nodes: tuple[str, ...]) -> None:
        epoch = self._cluster.epoch
        self._losses.append((epoch, set(nodes)))
        if self._platform.io_blocked:
            self.overtaken_epoch = epoch
        for vu in list(self._driver.units.values()):
            if vu.ranges is not None:
                vu.ranges.forget(nodes)
            vu.overtaken = self.is_overtaken(vu.state)
            if vu.overtaken or (vu.state.epoch < epoch and not set(nodes).isdisjoint(_concerned(vu.state))):
                vu.hold()
            self.begin(vu.name)

    def begin(self, unit: str) -> None:
        """Recover a set as soon as its lock is free."""
        self._platform.process(f"{unit} recovery", self._recover(unit))

    def _recover(self, unit: str) -> Procedure:
        yield from self._cluster.lock(unit)
        try:
            yield from self.with_newest(unit, _nothing)
        except Failure:
            pass  # it was dismounted meanwhile
        finally:
            self._cluster.unlock(unit)

    def with_newest(self, unit: str, action: Callable[["VirtualUnit"], Procedure]) -> Procedure:
        """Do something with a set, whose membership lock the caller holds, once it is recovered; returns what it does.

        It is done anew when this node is overtaken meanwhile.

        Raises:
            Failure: the set is not mounted here any more, or `action` raised it.
        """
        while True:
            vu = self._driver.units.get(unit)
            if vu is None:
                raise Failure(Message("SYSTEM", "F", "DEVNOTMOUNT", "device is not mounted"))
            try:
                if self._is_behind(vu.state):
                    yield from self._recover_locked(vu)
                else:
                    return (yield from action(vu))
            except Overtaken:
                continue

    def _recover_locked(self, vu: "VirtualUnit") -> Procedure:
        """Make all nodes that are left agree on a set."""
        epoch, overtaken_epoch = self._losses[-1][0], self.overtaken_epoch
        lost = self._lost_since(vu.state)
        if not vu.changing and not self.is_due(vu.state):
            vu.state = replace(vu.state, epoch=epoch)
            return
        self._tell(f"{vu.name} shadow set has changed state. Volume processing in progress.")
        nodes = [node for node in vu.state.nodes if node not in lost]
        yield from self._cluster.ask_all(nodes, Stall(vu.name))
        answers = yield from self._cluster.ask_all(nodes, Query(vu.name))
        states = [answer for answer in answers if isinstance(answer, SetState)]
        newest: SetState = max(states, key=lambda state: state.version)
        found, looked_at = yield from self._as_on_disk(newest)
        if self.overtaken_epoch != overtaken_epoch:
            raise Overtaken
        epoch = self._losses[-1][0]  # others may have been lost meanwhile
        new = replace(without_nodes(found, self._lost_since(newest)), epoch=epoch)
        new = yield from self._driver.write_control_blocks(new)
        new = replace(new, version=newest.version + 1)
        yield from self._driver.adopt_everywhere(new.nodes, new)
        for unit in looked_at:
            if new.member(unit.name) is None:
                yield from unit.available()
        self._tell(f"{vu.name} has completed volume processing.")

    def _lost_since(self, state: SetState) -> set[str]:
        """Nodes that were lost and may still stand in a state, though they may be back in a new life."""
        return set().union(*(nodes for epoch, nodes in self._losses if epoch > state.epoch))

    def _as_on_disk(self, state: SetState) -> Procedure:
        """Believe a control block newer than what any survivor knows; returns the state by it, and the disks asked."""
        overtaken = self.is_overtaken(state)
        newest: StorageControlBlock | None = None
        units = [self._driver.find_unit(member.device) for member in state.members]
        looked_at: list[Disk] = []
        patience_ns = self._platform.parameters["SHADOW_MBR_TMO"] * SECOND_NS if overtaken else 0
        until_ns = self._platform.clock.now_ns + patience_ns
        while units:
            for unit in units:
                scb = yield from self._control_block_of(unit, state, until_ns)
                if scb is not None and scb.genernum > (
                    newest.genernum if newest is not None else state.generation
                ):
                    newest = scb
            looked_at += units
            listed = listed_members(newest) if newest is not None and overtaken else []
            units = [u for u in self._driver.disks() if u.identifier in listed and u not in looked_at]
        if newest is None:
            return state, looked_at
        found = as_others_left_it(state, newest, looked_at) if overtaken else as_on_disk(state, newest)
        return found, looked_at

    def _control_block_of(self, unit: Disk, state: SetState, until_ns: int) -> Procedure:
        """Read a disk's storage control block; None when it is of no member of this set, or cannot be read.

        until_ns: a disk that cannot be reached has so long; who serves it may be booting.
        """
        while True:
            if unit.state is not UnitState.ONLINE:
                yield from unit.online()
            status, identity = yield from identify(self._platform, unit)
            if status not in MEMBER_LOST or self._platform.clock.now_ns >= until_ns:
                break
            yield SECOND_NS
        scb = identity.scb
        return scb if status == SS.NORMAL and scb is not None and scb.unit_id == state.unit_id else None

    def _tell(self, text: str) -> None:
        self._platform.operator(f"%SHADOW-I-VOLPROC, {text}")


def as_on_disk(state: SetState, newest: StorageControlBlock) -> SetState:
    """The state with the membership of a control block that is newer than it.

    A member that the block does not list has left.  One that it lists and that is not known here was being added as
    the target of a copy; nobody has missed anything on it, so it is left out.
    """
    listed, full = listed_members(newest), full_members(newest)
    members = tuple(
        replace(member, state=MemberState.SOURCE, minicopy=False)
        if member.identifier in full
        else replace(member, state=MemberState.TARGET)
        for member in state.members
        if member.identifier in listed
    )
    found = replace(state, members=members, generation=newest.genernum)
    return found if found.sources else replace(state, generation=newest.genernum)


def as_others_left_it(state: SetState, newest: StorageControlBlock, disks: Sequence[Disk]) -> SetState:
    """The state by a control block that nodes wrote which went on without this one, of `disks`.

    Its full members are; copies that were under way are given up.  No bitmap here knows what was written meanwhile.
    """
    full = full_members(newest)
    members = tuple(
        MemberRecord(disk.name, disk.identifier, MemberState.SOURCE)
        for disk in disks
        if disk.identifier in full
    )
    return torn(replace(state, members=members, bitmaps=(), copier="", generation=newest.genernum))


def without_nodes(state: SetState, lost: set[str]) -> SetState:
    """The state after nodes were lost that had the set mounted, or were the masters of its bitmaps.

    At least one node that has the set mounted is left.
    """
    left = tuple(node for node in state.nodes if node not in lost)
    bitmaps = tuple(bitmap for bitmap in state.bitmaps if bitmap.master not in lost)
    directed = {bitmap.member for bitmap in bitmaps if bitmap.in_use}
    members = tuple(replace(m, minicopy=m.minicopy and m.identifier in directed) for m in state.members)
    copier = state.copier if state.copier in left else ""
    new = replace(state, nodes=left, bitmaps=bitmaps, members=members, copier=copier)
    return (new if left == state.nodes else torn(new)).settled()


def torn(state: SetState) -> SetState:
    """The state when writes may have reached some members only, wherever: a merge begins, or begins anew."""
    return replace(state, merging=True, merge_fence_lbn=0)


def _concerned(state: SetState) -> tuple[str, ...]:
    """The nodes that a set cannot lose without a change."""
    return (*state.nodes, *(bitmap.master for bitmap in state.bitmaps))


def _nothing(_: Any) -> Procedure:
    yield from ()
