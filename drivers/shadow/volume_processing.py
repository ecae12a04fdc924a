"""Volume processing: what is done about members that fail, and about blocks that cannot be read (spec 2.1, 2.7).

The node that met the failure takes the set's membership lock and stalls the set on all nodes. Then each suspect is
asked to come on line and to take a storage control block; what has no block of this mount is another volume, which
counts as no answer:

    it does ─────────────────────────▶ it stays a member, what it failed is done again
    it answers, and refuses ─────────▶ put out; the last full member stays, and the request ends with its error
    no answer ─┬─ a full member is there ──▶ SHADOW_MBR_TMO, then put out
               └─ none is there: mount verification of the set ──▶ MVTIMEOUT, then the set is aborted

Blocks that one member cannot read and another one can are written back to it meanwhile; a member that refuses that
is put out.  An aborted set has no members any more, so all its requests fail until it is dismounted.

DEVIATION: there are no dump files and no bugchecks for inconsistent sets (SHADDETINCON): that the master of a system
disk has changed is not told, and a state that cannot be is an assertion.

DEVIATION: V7.3 verifies on each node by itself; here a set waits on all nodes while one of them cannot reach a member.
"""

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING

from drivers.classes.disk import UnitState
from drivers.message import Failure
from drivers.platform.process import Procedure
from drivers.shadow.equalize import PIECE_BLOCKS, PIECE_BYTES, Equalized, equalize
from drivers.shadow.requests import Stall
from drivers.shadow.shdriver import MEMBER_LOST, Extent, Member, VirtualUnit
from drivers.shadow.state import SetState
from drivers.shadow.volume import is_of_mount, read_blocks, storage_control_block, write_blocks
from emu.core.clock import SECOND_NS
from emu.wire.codes.vms import SS

if TYPE_CHECKING:
    from drivers.shadow.membership import ShadowDriver

STRIKE_LIMIT = 3
STRIKE_MEMORY_NS = 60 * SECOND_NS
THE_SET = ""  # in place of a device that is waited for no more
_NORMAL = int(SS.NORMAL)


class _Verdict(Enum):
    WORKS = auto()
    REFUSES = auto()
    AWAY = auto()


class VolumeProcessing:
    """The volume processing of one node."""

    def __init__(self, driver: "ShadowDriver") -> None:
        self._driver = driver
        self._platform = driver.platform
        self._begun: set[str] = set()
        self._given_up: dict[str, set[str]] = {}  # by set: which devices are waited for no more
        self._verifying: set[str] = set()  # sets of which no full member can be reached

    def process(self, vu: VirtualUnit) -> None:
        """Find out which members a set still has, after one of them failed."""
        if vu.name not in self._begun:
            self._begun.add(vu.name)
            self._platform.process(f"{vu.name} volume processing", self._process(vu))

    def _process(self, vu: VirtualUnit) -> Procedure:
        cluster = self._driver.cluster
        yield from cluster.lock(vu.name)
        self._begun.discard(vu.name)
        refusing: list[Member] = []
        try:
            refusing = yield from self._driver.recovery.with_newest(
                vu.name, partial(self._process_locked, vu)
            )
        except Failure:
            pass  # it is not mounted any more
        finally:
            cluster.unlock(vu.name)
        vu.restart_parked(refusing)

    def _process_locked(self, vu: VirtualUnit, newest: VirtualUnit) -> Procedure:
        """Do it, with the set's lock; returns the members that stay though they refuse.

        newest: another one when the set was mounted anew meanwhile.
        """
        if newest is not vu:
            return []
        old, io_epoch = vu.state, self._platform.io_epoch
        yield from self._driver.cluster.ask_all(old.nodes, Stall(vu.name))
        suspects, extents = vu.take_suspects(), vu.take_unreadable()
        if suspects:
            self._tell(f"{vu.name} shadow set has changed state. Volume processing in progress.")
        out = yield from self._verify(vu, old, suspects)
        refusing: list[Member] = []
        if out is None:
            new = replace(old, members=()).settled()
        else:
            new, refusing = self._without(old, out)
            if refusing:
                extents += vu.parked_extents()  # of the last full member, so that a target is like it
            culprits = yield from self._repair(vu, new, extents, io_epoch)
            new, _ = self._without(new, culprits)
            if new.members != old.members:
                new = yield from self._driver.write_control_blocks(new)
        self._driver.recovery.check(old)
        new = replace(new, version=old.version + 1)
        yield from self._driver.adopt_everywhere(old.nodes, new)
        if suspects:
            ended = "completed" if new.sources else "aborted"
            self._tell(f"{vu.name} has {ended} volume processing.")
        return refusing

    def _without(self, state: SetState, members: Sequence[Member]) -> tuple[SetState, list[Member]]:
        """Put members out; returns the state that comes of it, and who cannot leave: the last full member."""
        staying = []
        for member in members:
            left = state.without(member.device).settled()
            if not left.sources:
                staying.append(member)
            elif state.member(member.device) is not None:
                state = left
                self._tell(f"{member.device} has been removed from shadow set.")
        return state, staying

    def _tell(self, text: str) -> None:
        self._platform.operator(f"%SHADOW-I-VOLPROC, {text}")

    # -- mount verification

    def give_up(self, unit: str, device: str) -> bool:
        """Wait no more for a member, or for the whole set; returns whether it was waited for."""
        if unit not in (self._verifying if device == THE_SET else self._given_up):
            return False
        self._given_up[unit].add(device)
        return True

    def _verify(self, vu: VirtualUnit, state: SetState, suspects: Sequence[Member]) -> Procedure:
        """Give suspects their time; returns the members to be put out, or None when the set is given up."""
        away = [member for member in suspects if state.member(member.device) is not None]
        for member in away:
            self._strike(member)
        out: list[Member] = []
        told: set[str] = set()
        since_ns, verifying, asked_all = self._platform.clock.now_ns, False, False
        given_up = self._given_up[vu.name] = set()
        try:
            while away:
                for member in tuple(away):
                    verdict = yield from self._judge(state, member, told)
                    if verdict is not _Verdict.AWAY or member.device in given_up:
                        away.remove(member)
                    if verdict is _Verdict.REFUSES or member.device in given_up:
                        out.append(member)
                if away and not asked_all:
                    away += (member for member in vu.members if member not in away and member not in suspects)
                    asked_all = True
                    continue
                reachable = any(source not in away for source in vu.sources)
                if reachable == verifying:
                    verifying, since_ns = not reachable, self._platform.clock.now_ns
                    if verifying:
                        self._verifying.add(vu.name)
                        self._tell(f"{vu.name} is offline.")
                    else:
                        self._verifying.discard(vu.name)
                waited_ns = self._platform.clock.now_ns - since_ns
                if verifying:
                    if THE_SET in given_up or waited_ns >= self._patience_ns(
                        vu.verification_timeout_s, "MVTIMEOUT"
                    ):
                        return None
                else:
                    for member in tuple(away):
                        if waited_ns >= self._patience_ns(member.timeout_s, "SHADOW_MBR_TMO"):
                            away.remove(member)
                            out.append(member)
                if away:
                    yield SECOND_NS
        finally:
            del self._given_up[vu.name]
            self._verifying.discard(vu.name)
        return out

    def _patience_ns(self, own_s: int | None, parameter: str) -> int:
        return (own_s if own_s is not None else self._platform.parameters[parameter]) * SECOND_NS

    def _strike(self, member: Member) -> None:
        now_ns = self._platform.clock.now_ns
        if now_ns - member.struck_ns > STRIKE_MEMORY_NS:
            member.strikes = 0
        member.strikes += 1
        member.struck_ns = now_ns

    def _judge(self, state: SetState, member: Member, told: set[str]) -> Procedure:
        """See whether a member answers, is what it was, takes a write, and has not failed again and again.

        told: members of which the operator knows that they contain the wrong volume.
        """
        unit = member.unit
        if unit.state is not UnitState.ONLINE:
            yield from unit.online()
        if unit.state is not UnitState.ONLINE:
            return _Verdict.AWAY
        status, found = yield from read_blocks(self._platform, unit, state.scb_lbn, 1)
        if status == _NORMAL and not is_of_mount(found, state):
            if member.device not in told:
                told.add(member.device)
                self._tell(f"{member.device} contains the wrong volume.")
            return _Verdict.AWAY  # the right one may still come
        block = storage_control_block(state, mounted=True)
        self._driver.recovery.check(state)
        io_epoch = self._platform.io_epoch
        status = yield from write_blocks(self._platform, unit, state.scb_lbn, block, io_epoch)
        if unit.state is not UnitState.ONLINE:
            return _Verdict.AWAY
        if status == SS.WRITLCK:
            self._tell(f"{member.device} has been write-locked.")
        if status != _NORMAL or member.strikes > STRIKE_LIMIT:
            return _Verdict.REFUSES
        if member.strikes:
            member.struck_ns = self._platform.clock.now_ns
        return _Verdict.WORKS

    # -- bad blocks

    def _repair(
        self, vu: VirtualUnit, state: SetState, extents: Sequence[Extent], io_epoch: int
    ) -> Procedure:
        """Write blocks that some member cannot read back to it; returns the members that cannot be written.

        Nothing else is under way in the set.  A block that no full member can read stays as it is.
        """
        culprits: list[Member] = []
        if not extents:
            return culprits
        address = yield from self._platform.allocate(PIECE_BYTES)
        try:
            for lbn, end in extents:
                for first in range(lbn, end, PIECE_BLOCKS):
                    yield from self._repair_piece(
                        vu, state, first, min(PIECE_BLOCKS, end - first), culprits, address, io_epoch
                    )
        finally:
            self._platform.pool.free(address)
        return culprits

    def _repair_piece(
        self,
        vu: VirtualUnit,
        state: SetState,
        lbn: int,
        block_count: int,
        culprits: list[Member],
        address: int,
        io_epoch: int,
    ) -> Procedure:
        while True:
            members = [m for m in vu.members if state.member(m.device) is not None and m not in culprits]
            sources = [m for m in vu.sources if m in members]
            result: Equalized = yield from equalize(
                self._platform, sources, members, lbn, block_count, address, io_epoch
            )
            if result.culprit is None:
                return
            if result.status in MEMBER_LOST:
                vu.suspects.append(result.culprit)  # it has its time to come back; its block is as it was
                self.process(vu)
                return
            culprits.append(result.culprit)
