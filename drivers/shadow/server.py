"""SHADOW_SERVER: the copies and merges of one node (spec 2.3 to 2.5, 2.9, 4.9).

One node does all that a set needs, its copier: first the copies, one target after the other, then the merge.  At most
SHADOW_MAX_COPY sets of a node are worked on at a time.  A copier that is not the best one lets the best one do it:

    it directs a minicopy, and may copy ─────────────▶ it waits for its turn, and does it
    it can begin, and reaches all members directly ──▶ it does it
    it is busy, or may not, or has members served ───▶ the others are asked; who can begin first does it
                                                       └─ nobody can: they are asked again

DEVIATION: in V7.3 all nodes compete for the copier's lock, each after a delay of 30 s for every served member; here
they are asked for their delays, and the one with the shortest begins at once.

UNCERTAIN: the words with which a copy or merge is begun, resumed and terminated; those of its completion are certain.
DEVIATION: that the server itself is ready (SSRVINICOMP) is not told.
"""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from drivers.cluster.request import NodeLost
from drivers.platform.irp import Irp
from drivers.platform.process import Procedure
from drivers.shadow.copy import CopyThread
from drivers.shadow.equalize import PIECE_BLOCKS
from drivers.shadow.merge import MergeThread
from drivers.shadow.requests import CopyDelay, MergeRange
from drivers.shadow.shdriver import Member, VirtualUnit
from drivers.shadow.state import MemberState, SetState
from emu.core.block import BLOCK_BYTES
from emu.core.clock import MILLISECOND_NS, SECOND_NS

if TYPE_CHECKING:
    from drivers.shadow.membership import ShadowDriver

EXPULSION_POLL_NS = 10 * MILLISECOND_NS
LIMIT_POLL_NS = 100 * MILLISECOND_NS
ASK_NS = SECOND_NS  # between two questions who can begin


class ShadowServer:
    """What works on the sets of one node.  copies, merges: finished and running ones, for the operator's figures."""

    def __init__(self, driver: "ShadowDriver") -> None:
        self._driver = driver
        self._platform = driver.platform
        self.copies: list[CopyThread] = []
        self.merges: list[MergeThread] = []
        self._working: set[VirtualUnit] = set()
        self._at_work = 0
        self._number = 0

    def look_after(self, vu: VirtualUnit) -> None:
        """Begin with what a set needs, if this node is its copier and has not begun."""
        if vu.state.copier == self._driver.node and vu not in self._working:
            self._working.add(vu)
            self._platform.process(f"{vu.name} shadow server", self._serve(vu))

    def copy_delay_s(self, vu: VirtualUnit) -> int | None:
        """Tell after how many seconds this node would begin with a set; None when it has enough to do."""
        if self._at_work >= self._platform.parameters["SHADOW_MAX_COPY"]:
            return None
        return sum(member.unit.copy_delay_s for member in vu.members)

    def _serve(self, vu: VirtualUnit) -> Procedure:
        try:
            if not (yield from self._is_best(vu)):
                return
            self._at_work += 1
            try:
                while self._is_ours(vu) and (vu.targets or vu.state.merging):
                    yield from self._copy(vu, vu.targets[0]) if vu.targets else self._merge(vu)
            finally:
                self._at_work -= 1
        finally:
            self._working.discard(vu)
            if self._is_ours(vu):
                self.look_after(vu)  # it came back to this node meanwhile

    def _is_ours(self, vu: VirtualUnit) -> bool:
        return self._driver.units.get(vu.name) is vu and vu.state.copier == self._driver.node

    def _is_best(self, vu: VirtualUnit) -> Procedure:
        """Wait until this node can begin, and return True; or let a better one do it, and return False."""
        clock, here = self._platform.clock, self._driver.node
        asked_ns = clock.now_ns - ASK_NS
        while self._is_ours(vu):
            delay_s = self.copy_delay_s(vu)
            may_copy = self._platform.parameters["SHADOW_MAX_COPY"] > 0
            directs = any(record.in_use and record.master == here for record in vu.state.bitmaps)
            if not (delay_s == 0 or (directs and may_copy)) and clock.now_ns - asked_ns >= ASK_NS:
                asked_ns = clock.now_ns
                better = yield from self._better_node(vu, delay_s)
                if better is not None:
                    yield from self._hand_over(vu, better)
                    return False
            if self.copy_delay_s(vu) is not None:
                return self._is_ours(vu)
            yield LIMIT_POLL_NS
        return False

    def _better_node(self, vu: VirtualUnit, own_delay_s: int | None) -> Procedure:
        """Find the node that would begin first; returns None when that is this one, or nobody."""
        others = [node for node in vu.state.nodes if node != self._driver.node]
        answers = yield from self._driver.cluster.ask_all(others, CopyDelay(vu.name))
        offers = [
            (answer, node)
            for node, answer in zip(others, answers, strict=True)
            if isinstance(answer, int) and (own_delay_s is None or answer < own_delay_s)
        ]
        return min(offers)[1] if offers else None

    def _hand_over(self, vu: VirtualUnit, node: str) -> Procedure:
        here = self._driver.node

        def edit(state: SetState) -> SetState:
            if state.copier != here or node not in state.nodes:
                return state
            return replace(handed_over(state, vu), copier=node)

        yield from self._driver.change_if_mounted(vu.name, edit)

    # -- copies

    def _copy(self, vu: VirtualUnit, target: Member) -> Procedure:
        """Copy to one target."""
        record = next((b for b in vu.state.bitmaps if b.in_use and b.member == target.unit.identifier), None)
        bitmap = self._driver.bitmaps.get(record.identifier) if record is not None else None
        vu.copy = thread = CopyThread(vu, target, bitmap)
        self.copies.append(thread)
        self._number += 1
        number = self._number
        begins = "SSRVRESCPY, resuming" if target.fence_lbn else "SSRVINICPY, initiating"
        self._tell_begin(f"{begins} copy", vu, target.fence_lbn, number)
        done = yield from thread.run()
        thread.ended_ns = self._platform.clock.now_ns
        if done:
            yield from self._driver.change_if_mounted(vu.name, partial(_copied, device=target.device))
            self._tell_end("SSRVCMPFCPY, completing copy", vu, vu.block_count, number)
            self._platform.operator(f"%SHADOW-I-VOLPROC, {target.device} shadow copy has been completed.")
        else:
            self._tell_end("SSRVTERMCPY, terminating copy", vu, target.fence_lbn, number)
        while self._is_ours(vu) and vu.targets and vu.targets[0] is target:
            yield EXPULSION_POLL_NS  # a failed target is being put out of the set
        vu.copy = None

    def copy_failed(self, vu: VirtualUnit, target: Member, reason: str) -> None:
        """Put a target out of the set whose copy cannot go on."""
        self._platform.operator(
            f"%SHADOW-I-VOLPROC, {target.device} {reason}; it is removed from the shadow set."
        )
        expel = self._driver.change_if_mounted(vu.name, lambda state: state.without(target.device))
        self._platform.process(f"{vu.name} expel", expel)

    def _tell_begin(self, what: str, vu: VirtualUnit, lbn: int, number: int, more: str = "") -> None:
        where = f"_{vu.name} at LBN: {lbn}, I/O size: {PIECE_BLOCKS} blocks, ID number: {number}{more}"
        self._platform.operator(f"%SHADOW_SERVER-I-{what} operation on device {where}")

    def _tell_end(self, what: str, vu: VirtualUnit, lbn: int, number: int) -> None:
        where = f"_{vu.name} at LBN: {lbn}, ID number: {number}"
        self._platform.operator(f"%SHADOW_SERVER-I-{what} operation on device {where}")

    # -- merges

    def _merge(self, vu: VirtualUnit) -> Procedure:
        """Merge, or go on with a merge that was interrupted."""
        if vu.merge is None:
            vu.merge = MergeThread(vu)
            self.merges.append(vu.merge)
            self._number += 1
            vu.merge.number = self._number
        thread = vu.merge
        begins = "SSRVRESMRG, resuming" if thread.fence_lbn else "SSRVINIMRG, initiating"
        # UNCERTAIN: the factor is in this message (Ask the Wizard, 6084), in which words is not known
        factor = f", delay factor: {thread.delay_factor}"
        self._tell_begin(f"{begins} merge", vu, thread.fence_lbn, thread.number, factor)
        done = yield from thread.run()
        if done:
            thread.ended_ns = self._platform.clock.now_ns
            yield from self._driver.change_if_mounted(vu.name, partial(_merged, thread=thread))
            self._tell_end("SSRVCMPMRG, completing merge", vu, vu.block_count, thread.number)
            self._platform.operator(f"%SHADOW-I-VOLPROC, {vu.name} shadow merge has been completed.")
        else:
            self._tell_end("SSRVTERMMRG, terminating merge", vu, thread.fence_lbn, thread.number)
            if not vu.targets:
                yield EXPULSION_POLL_NS  # a failed member is being put out of the set
        if vu.merge is thread and (done or thread.cancelled):
            vu.merge = None

    def merge_before_read(self, vu: VirtualUnit, irp: Irp) -> None:
        """Have what a request wants to read made equal by the node that merges, then let it read."""
        end = irp.lbn + (irp.byte_count + BLOCK_BYTES - 1) // BLOCK_BYTES
        if vu.state.copier == self._driver.node:
            self._platform.process("merge for a read", self._merge_here(vu, irp, end))
            return

        def is_merged(fence_lbn: int | None | NodeLost) -> None:
            if fence_lbn is None or isinstance(fence_lbn, NodeLost):
                vu.wait_for_change(irp)
            else:
                vu.merge_fence_lbn = max(vu.merge_fence_lbn, fence_lbn)
                vu.read_merged(irp)

        self._driver.cluster.request(
            vu.state.copier, MergeRange(vu.name, irp.lbn, end, vu.state.version), is_merged
        )

    def _merge_here(self, vu: VirtualUnit, irp: Irp, end: int) -> Procedure:
        if (yield from self.merge_range(vu, irp.lbn, end)) is None:
            vu.wait_for_change(irp)
        else:
            vu.read_merged(irp)

    def merge_range(self, vu: VirtualUnit, lbn: int, end: int) -> Procedure:
        """Make a range equal, out of turn; returns the fence, or None when a member is about to be put out."""
        thread = vu.merge or MergeThread(vu)  # it may wait for copies
        if (yield from thread.merge_for_a_read(lbn, end)):
            return thread.fence_lbn
        return None


def handed_over(state: SetState, vu: VirtualUnit) -> SetState:
    """The state when this node, its copier, leaves the work to others.

    Who does it next goes on from the fences, or from the beginning where a bitmap directed the copy.
    """
    fences = {member.device: 0 if member.minicopy else member.fence_lbn for member in vu.targets}
    members = tuple(replace(m, minicopy=False, fence_lbn=fences.get(m.device, 0)) for m in state.members)
    bitmaps = tuple(bitmap for bitmap in state.bitmaps if not bitmap.in_use)
    merge_fence_lbn = vu.merge.fence_lbn if vu.merge is not None else vu.merge_fence_lbn
    return replace(state, members=members, bitmaps=bitmaps, merge_fence_lbn=merge_fence_lbn, copier="")


def _copied(state: SetState, device: str) -> SetState:
    """The state after a copy: the target is a full member."""
    record = state.member(device)
    if record is None or record.state is not MemberState.TARGET:
        return state
    members = tuple(
        replace(m, state=MemberState.SOURCE, minicopy=False, fence_lbn=0) if m is record else m
        for m in state.members
    )
    return replace(state, members=members)


def _merged(state: SetState, thread: MergeThread) -> SetState:
    """The state after a merge, unless the set came to need another one meanwhile."""
    return state if thread.cancelled else replace(state, merging=False)
