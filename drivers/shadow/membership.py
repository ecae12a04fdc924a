"""The shadow driver of one node, and how all nodes change a set together.

A change of a set takes its membership lock, stalls the set on every node until nothing is under way,
writes the storage control block of every remaining member with a larger generation, and hands the new state to all
nodes, which go on.  Bitmaps, copy targets and fences therefore change at one instant everywhere: no write can
miss a member before the bitmap that records it is active.  (spec 1.4, 2.7, 2.8, 3.11.)
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from drivers.classes.disk import Disk, UnitState
from drivers.cluster.cluster import Cluster
from drivers.cluster.request import Answer, NodeLost
from drivers.message import Failure
from drivers.platform.host import Platform
from drivers.platform.irp import Irp
from drivers.platform.process import Procedure
from drivers.shadow.recording import Recorder
from drivers.shadow.recovery import Recovery, torn
from drivers.shadow.requests import (
    Adopt,
    CopyDelay,
    Fence,
    FindDevice,
    GiveUp,
    LockRange,
    MergeRange,
    Query,
    SetBits,
    Stall,
    UnlockRange,
)
from drivers.shadow.server import ShadowServer
from drivers.shadow.shdriver import Member, VirtualUnit
from drivers.shadow.state import BitmapRecord, SetState
from drivers.shadow.volume import storage_control_block, write_blocks
from drivers.shadow.volume_processing import VolumeProcessing
from drivers.shadow.write_bitmap import WriteBitmap
from emu.core.block import BLOCK_BYTES
from emu.wire.codes.vms import SS

Edit = Callable[[SetState], SetState]


class ShadowDriver:
    """SHDRIVER and the shadow server of one node.

    node: its name.  find_unit: gives the disk of a device name; disks: all there are.  use_copy_commands: False makes
    every copy go through the host.  server: what copies and merges.  recorder: what tells other nodes of writes.
    """

    def __init__(
        self,
        platform: Platform,
        node: str,
        cluster: Cluster,
        find_unit: Callable[[str], Disk],
        disks: Callable[[], Sequence[Disk]],
    ) -> None:
        self.platform = platform
        self.node = node
        self.cluster = cluster
        self.find_unit = find_unit
        self.disks = disks
        self.units: dict[str, VirtualUnit] = {}
        self.known_units: dict[
            str, int
        ] = {}  # since boot, also those dismounted again: pool that each of them has
        self.bitmaps: dict[int, WriteBitmap] = {}
        self.server = ShadowServer(self)
        self.recorder = Recorder(platform, cluster)
        self.volume_processing = VolumeProcessing(self)
        self.recovery = Recovery(self)
        self.use_copy_commands = True
        self._bitmap_sequence = 0
        cluster.listen(Stall, self._stall)
        cluster.listen(Adopt, self._adopt)
        cluster.listen(Query, self._query)
        cluster.listen(GiveUp, self._give_up)
        cluster.listen(SetBits, self._set_bits)
        cluster.listen(LockRange, self._lock_range)
        cluster.listen(UnlockRange, self._unlock_range)
        cluster.listen(MergeRange, self._merge_range)
        cluster.listen(FindDevice, self._find_device)
        cluster.listen(CopyDelay, self._copy_delay)
        cluster.listen(Fence, self._fence)
        cluster.manager.worked.append(self._quorum_changed)

    # -- what other nodes ask

    def _stall(self, message: Stall, answer: Answer) -> None:
        vu = self.units.get(message.unit)
        if vu is None:
            answer(None)
        else:
            self.platform.process(f"{vu.name} stall", self._answer_when_drained(vu, answer))

    def _answer_when_drained(self, vu: VirtualUnit, answer: Answer) -> Procedure:
        yield vu.stall()
        answer(None)

    def _adopt(self, message: Adopt, answer: Answer) -> None:
        strangers = self._strangers(message.state)
        if strangers:
            self.platform.process(
                f"{message.state.name} adopt", self._adopt_online(strangers, message, answer)
            )
        else:
            self._take_over(message)
            answer(None)

    def _strangers(self, state: SetState) -> list[Disk]:
        """Disks that have become members at another node and are not on line here."""
        if state.name not in self.units or self.node not in state.nodes:
            return []
        units = [self.find_unit(member.device) for member in state.members]
        return [unit for unit in units if unit.state is UnitState.AVAILABLE]

    def _adopt_online(self, strangers: Sequence[Disk], message: Adopt, answer: Answer) -> Procedure:
        for unit in strangers:
            yield from unit.online()  # one that does not come will fail its first request, and be judged then
        vu = self.units.get(message.state.name)
        if (
            vu is not None and vu.state.version < message.state.version
        ):  # the author may have been lost meanwhile
            self._take_over(message)
        answer(None)

    def _take_over(self, message: Adopt) -> None:
        """Make a state that another node has made, or this one, the state of the set here."""
        state = message.state
        vu = self.units.get(state.name)
        if vu is None and message.by != self.node:
            pass  # it is meant for an earlier life of this node
        elif self.node not in state.nodes:
            # Dismounted here.  Unused bitmaps stay in memory until the unit is mounted again.
            if vu is not None:
                del self.units[state.name]
                for thread in (vu.copy, vu.merge):
                    if thread is not None:
                        thread.cancelled = True
                vu.dismounted()
                vu.resume()
        else:
            state = self.recovery.brought_up_to_date(state, vu.state if vu is not None else None)
            if vu is None:
                vu = self.units[state.name] = VirtualUnit(self, state)
                vu.block(without_quorum=not self.cluster.works)
                if vu.overtaken or self.recovery.is_due(state):
                    self.recovery.begin(
                        vu.name
                    )  # a node was lost while this one was mounting the set with it
            else:
                departed = [m.unit for m in vu.members if state.member(m.device) is None]
                if vu.merge is not None and (not state.merging or state.epoch != vu.state.epoch):
                    vu.merge.cancelled = True
                vu.adopt(state)
                if message.by != self.node:  # the node that took a member out gives it up by itself
                    for unit in departed:
                        self.platform.process(f"{unit.name} available", unit.available())
            if vu.copy is not None and vu.copy.target not in vu.targets:
                vu.copy.cancelled = True
            self._discard_bitmaps(state.name, tuple(b.identifier for b in state.bitmaps))
            vu.resume()
            self.server.look_after(vu)

    def _discard_bitmaps(self, unit: str, keep: tuple[int, ...]) -> None:
        for identifier, bitmap in list(self.bitmaps.items()):
            if bitmap.record.unit == unit and identifier not in keep:
                self.discard_bitmap(identifier)
        self.recorder.discard(unit, keep)

    def discard_bitmap(self, identifier: int) -> None:
        """Give the memory of a master bitmap back, which no set knows of any more."""
        bitmap = self.bitmaps.pop(identifier)
        bitmap.release()
        self.recorder.tell(f"DELETED, bitmap {identifier:08X} of {bitmap.record.unit} is deleted")

    def _query(self, message: Query, answer: Answer) -> None:
        vu = self.units.get(message.unit)
        answer(vu.state if vu is not None else None)

    def _give_up(self, message: GiveUp, answer: Answer) -> None:
        answer(self.volume_processing.give_up(message.unit, message.device))

    def _set_bits(self, message: SetBits, answer: Answer) -> None:
        for part in message.parts:
            bitmap = self.bitmaps.get(part.bitmap)
            if bitmap is None:
                continue
            if not 0 < part.block_count <= bitmap.block_count - part.lbn:
                raise ValueError(f"LBN {part.lbn} and {part.block_count} blocks are not of this volume")
            bitmap.set_range(part.lbn, part.block_count)
        answer(None)

    def _find_device(self, message: FindDevice, answer: Answer) -> None:
        try:
            answer(self.find_unit(message.device).identifier)
        except Failure:
            answer(0)

    def _set_in_step(
        self, message: LockRange | MergeRange, again: Callable[[], None], answer: Answer
    ) -> VirtualUnit | None:
        """Find the set, with the state by which another node asks.

        A node that has adopted a new state goes on, and may ask before this one has adopted it: then the request is
        taken up `again` when it has.  Without the answer there may be no change, so one that begins meanwhile, as its
        author was lost, ends the waiting with None.
        """
        vu = self.units.get(message.unit)
        if vu is None or vu.state.version > message.version:
            answer(None)  # who asks has not noticed yet that a node was lost
            return None
        if vu.state.version < message.version:
            vu.ahead.append((again, partial(answer, None)))
            return None
        if vu.ranges is None:
            answer(None)  # it is mad: by this state another node copies, or none
            return None
        return vu

    def _lock_range(self, message: LockRange, answer: Answer) -> None:
        vu = self._set_in_step(message, partial(self._lock_range, message, answer), answer)
        if vu is not None:
            assert vu.ranges is not None, "the set knows that it is being copied"
            vu.ranges.begin_write(message.lbn, message.end, answer, answer.node)

    def _unlock_range(self, message: UnlockRange, answer: Answer) -> None:
        vu = self.units.get(message.unit)
        if vu is not None and vu.ranges is not None:
            vu.ranges.end_write(message.token)
        answer(None)

    def _merge_range(self, message: MergeRange, answer: Answer) -> None:
        again = partial(self._merge_range, message, answer)
        vu = self._set_in_step(message, again, answer)
        if vu is None:
            return
        if vu.changing:
            answer(None)
        elif vu.stalled:
            vu.ahead.append((again, partial(answer, None)))
        else:
            vu.active += 1  # from now on, though nobody may be left who waits for it
            self.platform.process("merge for another node", self._answer_when_merged(vu, message, answer))

    def _answer_when_merged(self, vu: VirtualUnit, message: MergeRange, answer: Answer) -> Procedure:
        fence_lbn = yield from self.server.merge_range(vu, message.lbn, message.end)
        vu.leave()
        answer(fence_lbn)

    # -- who copies, and how far

    def _copy_delay(self, message: CopyDelay, answer: Answer) -> None:
        vu = self.units.get(message.unit)
        answer(self.server.copy_delay_s(vu) if vu is not None else None)

    def _fence(self, message: Fence, answer: Answer) -> None:
        vu = self.units.get(message.unit)
        if vu is not None and vu.state.version == message.version:
            for target in vu.targets:
                if target.device == message.device:
                    target.fence_lbn = max(target.fence_lbn, min(message.fence_lbn, vu.block_count))
        answer(None)

    def publish_fence(self, vu: VirtualUnit, target: Member) -> None:
        """Tell the other nodes that have a set mounted how far a full copy has come."""
        for node in vu.state.nodes:
            if node != self.node:
                fence = Fence(vu.name, target.device, target.fence_lbn, vu.state.version)
                self.cluster.request(node, fence, _ignore)

    # -- writes to where another node copies

    def ask_range(self, vu: VirtualUnit, irp: Irp, copier: str) -> None:
        """Have the range of a write granted by the node that copies."""

        def range_is_granted(token: int | None | NodeLost) -> None:
            if token is None:
                vu.wait_for_change(irp)
            else:
                # A copier that is lost copies no more, its ranges are free.
                vu.fan_out(irp, 0 if isinstance(token, NodeLost) else token)

        end = irp.lbn + (irp.byte_count + BLOCK_BYTES - 1) // BLOCK_BYTES
        self.cluster.request(copier, LockRange(vu.name, irp.lbn, end, vu.state.version), range_is_granted)

    def return_permit(self, vu: VirtualUnit, token: int, copier: str) -> None:
        self.cluster.request(copier, UnlockRange(vu.name, token), _ignore)

    # -- changes

    def change(self, unit: str, edit: Edit) -> Procedure:
        """Change a set on all nodes; returns the state that came of it.

        edit: makes the new state of the old one.  It runs while nothing is under way.

        Raises:
            Failure: the set is not mounted here any more, or `edit` raised it; nothing has changed.
        """
        yield from self.cluster.lock(unit)
        try:
            return (yield from self.recovery.with_newest(unit, lambda vu: self.change_locked(vu.state, edit)))
        finally:
            self.cluster.unlock(unit)

    def change_locked(self, old: SetState, edit: Edit) -> Procedure:
        """Change a set whose membership lock the caller holds; raises Overtaken."""
        answers = yield from self.cluster.ask_all(old.nodes, Stall(old.name))
        self.recovery.check(old)
        on_disk = _control_block(old)
        if any(isinstance(answer, NodeLost) for answer in answers):
            # Last writes may have reached some members only.  Whoever takes one of them out now, before the
            # loss is recovered from, must know that: no bitmap tells of such a difference.
            old = torn(old).settled()
        new, failure = old, None
        try:
            new = edit(old).settled()
        except Failure as refusal:
            failure = refusal
        if _control_block(new) != on_disk:
            new = yield from self.write_control_blocks(new)
        new = replace(new, version=old.version + 1)
        nodes = (*old.nodes, *(node for node in new.nodes if node not in old.nodes))
        yield from self.adopt_everywhere(nodes, new)
        if failure is not None:
            raise failure
        return new

    def adopt_everywhere(self, nodes: Sequence[str], state: SetState) -> Procedure:
        """Have all nodes take a new state.

        This one is the last: what it does by the new state, all others that are left know then.
        """
        others = [node for node in nodes if node != self.node]
        yield from self.cluster.ask_all(others, Adopt(state, self.node))
        if self.node in nodes:
            yield from self.cluster.ask(self.node, Adopt(state, self.node))

    def change_if_mounted(self, unit: str, edit: Edit) -> Procedure:
        """Change a set, unless it was dismounted meanwhile."""
        if unit in self.units:
            try:
                yield from self.change(unit, edit)
            except Failure:
                return

    def write_control_blocks(self, state: SetState) -> Procedure:
        """Write the storage control block of every member, with a new generation; returns the state written.

        The full members come first: should power fail, no copy target is newer than what it is copied from.
        A member that cannot be written is no member of the result, unless it is the last full one.  Raises Overtaken.
        """
        while True:
            state = replace(state, generation=max(state.generation + 1, self.platform.system_time()))
            block = _control_block(state)
            failed = ""
            for member in (*state.sources, *state.targets):
                unit = self.find_unit(member.device)
                self.recovery.check(state)
                io_epoch = self.platform.io_epoch
                status = yield from write_blocks(self.platform, unit, state.scb_lbn, block, io_epoch)
                self.recovery.check(state)
                if status != SS.NORMAL:
                    failed = member.device
                    break
            if not failed:
                return state
            left = state.without(failed).settled()
            if not left.sources:
                return state
            self.platform.operator(f"%SHADOW-I-VOLPROC, {failed} has been removed from shadow set.")
            state = left

    def make_bitmap(
        self, state: SetState, device: str, member: int, name: bytes, generation: int
    ) -> BitmapRecord:
        """Make a master bitmap in this node's memory; raises InsufficientMemory.

        UNCERTAIN: the meaning of an identifier's high word is not published; here it is the master's index in the
        cluster, so that two masters never give out the same.
        """
        assert self.platform.masters_bitmaps, "a VAX masters no bitmap"
        self._bitmap_sequence += 1
        record = BitmapRecord(
            identifier=(self.cluster.manager.csid & 0xFFFF) << 16 | self._bitmap_sequence,
            unit=state.name,
            master=self.node,
            device=device,
            member=member,
            name=name,
            generation=generation,
            created_ns=self.platform.clock.now_ns,
        )
        self.bitmaps[record.identifier] = WriteBitmap(self.platform, record, state.block_count)
        self.recorder.tell(f"STARTED, bitmap {record.identifier:08X} of {state.name} is started")
        return record

    def drop_bitmap(self, record: BitmapRecord) -> None:
        """Forget a bitmap that no set came to know of."""
        self.bitmaps.pop(record.identifier).release()

    # -- quorum

    def _quorum_changed(self) -> None:
        for vu in self.units.values():
            vu.block(without_quorum=not self.cluster.works)


def _control_block(state: SetState) -> bytes:
    return storage_control_block(state, mounted=bool(state.nodes))


def _ignore(_: Any) -> None:
    return None
