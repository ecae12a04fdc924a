"""The lock manager: locks that all nodes of a cluster share.

A lock is on a resource, in one of six modes, and has its number on the node that owns it.  One member, the oldest,
keeps all resources (the master); owners tell it by cluster messages, and it grants in turn, conversions first.  A
resource has a value block of 16 bytes: who gives up EX or PW, or converts down from it, writes it; who is granted a
lock reads it.

    WAITING ──GRANTED──▶ GRANTED ──convert──▶ CONVERTING ──GRANTED──▶ GRANTED ──dequeue──▶ no more
       └──DENIED (NOQUEUE)──▶ no more

When a member is lost its locks are released, and a value block that it may have been writing is marked as not valid
until somebody writes it again.  When the master is lost every owner tells the new one what it has (REBUILD), and
nothing is granted until all have (REBUILT); who waits is queued anew.  Nothing is granted while the master lacks
quorum.

DEVIATION: V7.3 has a directory and masters each resource on the node that uses it; here one node masters all.  There
are no parent locks, no deadlock search, and no access modes.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from drivers.cluster.csb import Csb
from drivers.cluster.request import text_in, text_of
from drivers.cluster.view import MemberNode, View
from emu.core.clock import Clock
from emu.wire.codes.scs import VALUE_BLOCK_BYTES, Facility, LckFunction, LockFlag, LockMode
from emu.wire.generated.scs import Lock

NO_VALUE = bytes(VALUE_BLOCK_BYTES)

# Which modes may be granted beside which (System Services manual, $ENQ).
_NL, _CR, _CW, _PR, _PW, _EX = LockMode
COMPATIBLE: dict[LockMode, frozenset[LockMode]] = {
    _NL: frozenset(LockMode),
    _CR: frozenset((_NL, _CR, _CW, _PR, _PW)),
    _CW: frozenset((_NL, _CR, _CW)),
    _PR: frozenset((_NL, _CR, _PR)),
    _PW: frozenset((_NL, _CR)),
    _EX: frozenset((_NL,)),
}
WRITERS = frozenset((_PW, _EX))
# Plain integers: arithmetic on enumeration members costs a microsecond.
_NOQUEUE, _WAITING, _CONVERTING = int(LockFlag.NOQUEUE), int(LockFlag.WAITING), int(LockFlag.CONVERTING)
_WRITE_VALUE, _VALUE_INVALID = int(LockFlag.WRITE_VALUE), int(LockFlag.VALUE_INVALID)
_FUNCTIONS = frozenset(LckFunction)


@dataclass(frozen=True, slots=True)
class Granted:
    """What comes with a lock.  valid: False when who wrote the value block last was lost (SS$_VALNOTVALID)."""

    lock: int
    value: bytes
    valid: bool


class Cluster(Protocol):
    """What the lock manager needs of the connection manager."""

    @property
    def view(self) -> View | None: ...

    @property
    def csid(self) -> int: ...

    @property
    def works(self) -> bool: ...

    def csb_of(self, csid: int) -> Csb | None: ...


class LockState(Enum):
    """State of an own lock."""

    WAITING = "waiting"
    GRANTED = "granted"
    CONVERTING = "converting"


@dataclass(slots=True)
class OwnLock:
    """A lock of this node; mode: what is granted; answered: who waits for the grant, or for its denial (None)."""

    number: int
    resource: str
    mode: LockMode
    wanted: LockMode
    state: LockState
    noqueue: bool
    answered: Callable[[Granted | None], None]
    blocking: Callable[[], None] | None
    value: bytes = NO_VALUE
    value_number: int = 0
    valid: bool = True
    order: int = 0


@dataclass(slots=True)
class Held:
    """A lock as its master knows it: of node `csid`, granted in `mode`, waits for `wanted` while these differ."""

    csid: int
    number: int
    mode: LockMode
    wanted: LockMode
    order: int
    told: bool = False  # that somebody waits for it


@dataclass(slots=True)
class Resource:
    """A resource as its master knows it; granted includes those that wait for a conversion."""

    name: str
    granted: list[Held] = field(default_factory=list)
    converting: list[Held] = field(default_factory=list)
    waiting: list[Held] = field(default_factory=list)
    value: bytes = NO_VALUE
    value_number: int = 0
    valid: bool = True


class LockManager:
    """The lock manager of one node.

    locks: of this node, by number.  resources: those that this node masters, by name.
    """

    def __init__(self, clock: Clock, cluster: Cluster) -> None:
        self._clock = clock
        self._cluster = cluster
        self.locks: dict[int, OwnLock] = {}
        self.resources: dict[str, Resource] = {}
        self._number = 0
        self._order = 0
        self._master = 0  # CSID
        self._rebuilding: set[int] = set()  # members that have not told all they have
        self._somebody_lost = False
        self._early: list[tuple[int, int, Lock]] = []  # for a master that does not know it yet

    # -- what this node wants

    def enqueue(
        self,
        resource: str,
        mode: LockMode,
        answered: Callable[[Granted | None], None],
        *,
        blocking: Callable[[], None] | None = None,
        noqueue: bool = False,
    ) -> int:
        """Ask for a lock; returns its number.

        answered: called with what was granted, or with None if `noqueue` forbade to wait.  blocking: called when
        somebody waits for what this lock does not allow.
        """
        self._number += 1
        lock = OwnLock(self._number, resource, _NL, mode, LockState.WAITING, noqueue, answered, blocking)
        self.locks[lock.number] = lock
        self._tell(LckFunction.ENQUEUE, lock)
        return lock.number

    def convert(
        self,
        number: int,
        mode: LockMode,
        answered: Callable[[Granted | None], None],
        value: bytes | None = None,
    ) -> None:
        """Ask for another mode of a granted lock; `value` is written when it was EX or PW."""
        lock = self.locks[number]
        assert lock.state is LockState.GRANTED, "one conversion at a time"
        writes = self._write_value(lock, value)
        lock.wanted, lock.state, lock.answered = mode, LockState.CONVERTING, answered
        self._tell(LckFunction.CONVERT, lock, writes)

    def dequeue(self, number: int, value: bytes | None = None) -> None:
        """Give a lock up, or do not wait for it any more; `value` is written when it was EX or PW."""
        lock = self.locks.pop(number)
        writes = self._write_value(lock, value)
        self._tell(LckFunction.DEQUEUE, lock, writes)

    def _write_value(self, lock: OwnLock, value: bytes | None) -> int:
        if value is None or lock.mode not in WRITERS:
            return 0
        lock.value, lock.valid = value, True
        lock.value_number += 1
        return _WRITE_VALUE

    def _tell(self, func: LckFunction, lock: OwnLock, flags: int = 0) -> None:
        if lock.noqueue:
            flags |= _NOQUEUE
        if lock.state is LockState.WAITING:
            flags |= _WAITING
        elif lock.state is LockState.CONVERTING:
            flags |= _CONVERTING
        if not lock.valid:
            flags |= _VALUE_INVALID
        message = Lock(
            master=self._master,
            lock=lock.number,
            mode=lock.mode,
            wanted=lock.wanted,
            flags=flags,
            order=lock.order,
            value=lock.value,
            value_number=lock.value_number,
            resource=text_in(lock.resource, 32),
        )
        self._send(self._master, func, message)

    def _send(self, csid: int, func: LckFunction, message: Lock) -> None:
        here = self._cluster.csid
        if csid == here:
            data = message.pack()
            self._clock.call_soon(lambda: self._heard(here, func, Lock.unpack(data)))
        elif csid and (csb := self._cluster.csb_of(csid)) is not None:
            csb.send(Facility.LCK, func, message.pack())

    # -- the cluster changes

    def view_changed(self, lost: tuple[MemberNode, ...]) -> None:
        """Release what is lost; find the master, and tell it everything if it is a new one."""
        view = self._cluster.view
        assert view is not None, "a node whose cluster changes is a member"
        gone = {member.csid for member in lost}
        if view.lock_master == self._master:
            self._somebody_lost = self._somebody_lost or bool(lost)
            for resource in list(self.resources.values()):
                self._release(resource, gone)
            self._told_all(gone)
            self._grant_all()
            return
        self._somebody_lost = bool(lost)
        self._master = view.lock_master
        self.resources.clear()
        here = self._cluster.csid
        if self._master == here:
            self._rebuilding = {member.csid for member in view.members}
        for lock in self.locks.values():
            self._tell(LckFunction.REBUILD, lock)
        self._send(self._master, LckFunction.REBUILT, Lock(master=self._master))
        early, self._early = self._early, []
        for csid, func, message in early:
            self._heard(csid, func, message)

    def _release(self, resource: Resource, gone: set[int]) -> None:
        for held in resource.granted:
            if held.csid in gone and held.mode in WRITERS:
                resource.valid = False
        for queue in (resource.granted, resource.converting, resource.waiting):
            queue[:] = [held for held in queue if held.csid not in gone]
        self._forget_if_free(resource)

    def works_changed(self) -> None:
        if self._cluster.works:
            self._grant_all()

    # -- what comes

    def deliver(self, csb: Csb, func: int, rspid: int, data: bytes) -> None:
        """Hear a message of another node; raises ValueError when it is none."""
        view = self._cluster.view
        member = view.member(csb.key) if view is not None else None
        message = Lock.unpack(data)
        if func not in _FUNCTIONS:
            raise ValueError(f"function {func} of the lock manager")
        if message.mode not in COMPATIBLE or message.wanted not in COMPATIBLE:
            raise ValueError("a lock mode that is none")
        text_of(message.resource)
        if member is not None:
            self._heard(member.csid, func, message)

    def _heard(self, csid: int, func: int, message: Lock) -> None:
        here = self._cluster.csid
        if func in (LckFunction.GRANTED, LckFunction.DENIED, LckFunction.BLOCKING):
            if csid == self._master:
                self._owner_heard(func, message)
        elif message.master != self._master:
            if message.master == here:
                self._early.append((csid, func, message))  # it knows earlier than we that we are master
        elif self._master != here:
            return
        elif func == LckFunction.REBUILT:
            self._told_all({csid})
        else:
            self._master_heard(csid, func, message)

    # -- the owner hears

    def _owner_heard(self, func: int, message: Lock) -> None:
        lock = self.locks.get(message.lock)
        if lock is None:
            return  # given up meanwhile
        if func == LckFunction.BLOCKING:
            if lock.blocking is not None:
                lock.blocking()
            return
        if func == LckFunction.DENIED:
            if lock.state is LockState.WAITING:
                del self.locks[lock.number]
            else:
                lock.state, lock.wanted = LockState.GRANTED, lock.mode
            lock.answered(None)
            return
        if lock.state is LockState.GRANTED:
            return  # granted before, by a master that is no more
        lock.mode = lock.wanted = LockMode(message.mode)
        lock.state = LockState.GRANTED
        lock.order = message.order
        lock.value, lock.value_number = message.value, message.value_number
        lock.valid = not message.flags & _VALUE_INVALID
        lock.answered(Granted(lock.number, lock.value, lock.valid))

    # -- the master hears

    def _master_heard(self, csid: int, func: int, message: Lock) -> None:
        name = text_of(message.resource)
        resource = self.resources.get(name)
        if resource is None:
            resource = self.resources[name] = Resource(name)
        if func == LckFunction.DEQUEUE:
            self._take_value(resource, message)
            for queue in (resource.granted, resource.converting, resource.waiting):
                queue[:] = [h for h in queue if (h.csid, h.number) != (csid, message.lock)]
        elif func == LckFunction.ENQUEUE:
            held = self._held(csid, message)
            resource.waiting.append(held)
        elif func == LckFunction.CONVERT:
            self._take_value(resource, message)
            for held in resource.granted:
                if (held.csid, held.number) == (csid, message.lock):
                    held.wanted = LockMode(message.wanted)
                    if COMPATIBLE[held.wanted] >= COMPATIBLE[held.mode]:
                        self._give(resource, held)  # to ask for less needs no turn
                    else:
                        resource.converting.append(held)
        else:
            self._rebuild(resource, csid, message)
        if not self._rebuilding:
            self._grant(resource)
            if message.flags & _NOQUEUE:
                self._deny(resource, csid, message.lock)
            self._forget_if_free(resource)

    def _held(self, csid: int, message: Lock, order: int = 0) -> Held:
        if not order:
            self._order += 1
            order = self._order
        return Held(csid, message.lock, LockMode(message.mode), LockMode(message.wanted), order)

    def _take_value(self, resource: Resource, message: Lock) -> None:
        if message.flags & _WRITE_VALUE:
            resource.value, resource.valid = message.value, True
            resource.value_number = message.value_number

    def _deny(self, resource: Resource, csid: int, number: int) -> None:
        """Tell an owner that does not want to wait that it would have to."""
        for queue in (resource.converting, resource.waiting):
            for held in queue:
                if (held.csid, held.number) == (csid, number):
                    queue.remove(held)
                    held.wanted = held.mode
                    self._answer(resource, held, LckFunction.DENIED)
                    return

    def _grant_all(self) -> None:
        if not self._rebuilding:
            for resource in list(self.resources.values()):
                self._grant(resource)

    def _grant(self, resource: Resource) -> None:
        """Grant what can be granted, in turn, and tell who is in the way of the rest."""
        if not self._cluster.works:
            return
        while resource.converting and self._may(resource, resource.converting[0]):
            held = resource.converting.pop(0)
            self._give(resource, held)
        if not resource.converting:
            while resource.waiting and self._may(resource, resource.waiting[0]):
                held = resource.waiting.pop(0)
                resource.granted.append(held)
                self._give(resource, held)
        first = next(iter((*resource.converting, *resource.waiting)), None)
        if first is not None:
            for held in resource.granted:
                if held is not first and held.mode not in COMPATIBLE[first.wanted] and not held.told:
                    held.told = True
                    self._answer(resource, held, LckFunction.BLOCKING)

    def _may(self, resource: Resource, wanted: Held) -> bool:
        return all(held is wanted or held.mode in COMPATIBLE[wanted.wanted] for held in resource.granted)

    def _give(self, resource: Resource, held: Held) -> None:
        held.mode, held.told = held.wanted, False
        self._answer(resource, held, LckFunction.GRANTED)

    def _answer(self, resource: Resource, held: Held, func: LckFunction) -> None:
        message = Lock(
            master=self._master,
            lock=held.number,
            mode=held.mode,
            wanted=held.wanted,
            flags=0 if resource.valid else _VALUE_INVALID,
            order=held.order,
            value=resource.value,
            value_number=resource.value_number,
            resource=text_in(resource.name, 32),
        )
        self._send(held.csid, func, message)

    def _forget_if_free(self, resource: Resource) -> None:
        if not (resource.granted or resource.waiting or resource.value_number) and resource.valid:
            self.resources.pop(resource.name, None)

    # -- rebuilding

    def _rebuild(self, resource: Resource, csid: int, message: Lock) -> None:
        held = self._held(csid, message, message.order)
        self._order = max(self._order, message.order)
        if message.flags & _WAITING:
            resource.waiting.append(held)
            return
        resource.granted.append(held)
        if message.flags & _CONVERTING:
            resource.converting.append(held)
        if message.value_number > resource.value_number or message.mode in WRITERS:
            resource.value, resource.value_number = message.value, message.value_number
            resource.valid = not message.flags & _VALUE_INVALID

    def _told_all(self, members: set[int]) -> None:
        """These members have nothing more to tell; when none has, bring the queues in order, and go on."""
        if not self._rebuilding & members:
            return
        self._rebuilding -= members
        if self._rebuilding:
            return
        for resource in self.resources.values():
            resource.waiting.sort(key=lambda held: held.order)
            resource.converting.sort(key=lambda held: held.order)
            if self._somebody_lost and not any(held.mode >= _PR for held in resource.granted):
                resource.valid = False  # whoever was lost may have had it for writing
        self._grant_all()
