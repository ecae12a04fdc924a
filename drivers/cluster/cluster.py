"""The cluster as one node's drivers see it: members, requests, locks."""

from collections.abc import Callable, Sequence
from typing import Any

from drivers.cluster.connection_manager import ConnectionManager
from drivers.cluster.csb import Csb
from drivers.cluster.link import Link
from drivers.cluster.lock_manager import NO_VALUE, Granted, LockManager
from drivers.cluster.pedriver import Circuit, Identity, PeDriver
from drivers.cluster.request import Answer, Handler, NodeLost, Request
from drivers.cluster.scs import Scs
from drivers.cluster.systems import SystemRow, systems
from drivers.cluster.view import Key, MemberNode
from drivers.message import Failure
from drivers.platform.host import Platform
from drivers.platform.process import EventFlag, Procedure
from emu.wire.codes.scs import RESPONSE, Capability, Facility, LockMode

_LETTERS = " ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789$_"
NAME_LETTERS = 6  # of SCSNODE
SOFTWARE = "VMS V7.3"


def system_identifier(name: str) -> int:
    """The SCSSYSTEMID of a node.

    DEVIATION: it is set by hand in VMS; here it is the node name as a number, so that nobody has to.
    """
    number = 0
    for letter in name.upper().ljust(NAME_LETTERS):
        number = number * len(_LETTERS) + _LETTERS.index(letter)
    return number


class Cluster:
    """The cluster as one node sees it.

    lost: told of members that were lost, by name, after requests to them have failed and before their locks are
    released.  worked: told that `works` may have changed.
    """

    def __init__(
        self,
        platform: Platform,
        link: Link | None,
        *,
        group: int = 1,
        votes: int = 1,
        expected_votes: int = 1,
        capabilities: int = Capability.WBM_SHADOW | Capability.WBM_ALL,
    ) -> None:
        self.node = platform.name
        self.platform = platform
        self._clock = platform.clock
        self._link = link
        self._handlers: dict[int, tuple[type[Request], Handler]] = {}
        self._waiting: dict[int, tuple[Key, str, type[Request], Callable[[Any], None]]] = {}
        self._rspid = 0
        self._held: dict[str, int] = {}  # resource -> the exclusive lock of this node
        identity = Identity(
            system_identifier(platform.name), platform.name, platform.system_time(), platform.kind, SOFTWARE
        )
        self.manager = ConnectionManager(
            platform, identity, votes=votes, expected_votes=expected_votes, capabilities=int(capabilities)
        )
        self.port = PeDriver(platform, link, identity, group) if link is not None else None
        self.scs = Scs(self.port) if self.port is not None else None
        self.locks = LockManager(self._clock, self.manager)
        self.lost: list[Callable[[tuple[str, ...]], None]] = []
        self.joined = platform.flag()
        self.manager.listen(Facility.REQUEST, self._request_came)
        self.manager.listen(Facility.LCK, self.locks.deliver)
        self.manager.changed.append(self._changed)
        self.manager.worked.append(self.locks.works_changed)

    # -- beginning and end

    def start(self, *, alone: bool = False) -> None:
        """Join the cluster, or form one; `joined` is set when this node is a member.

        alone: there will never be another node.
        """
        if alone or self.port is None or self.scs is None:
            self.manager.start_alone()
        else:
            self.manager.start(self.scs)
            self.port.start()

    def stop(self, *, last_gasp: bool) -> None:
        """Say nothing more; last_gasp: but that."""
        self.manager.stop()
        if self.port is not None:
            self.port.stop(last_gasp=last_gasp)

    # -- members

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of the members, in order of joining; this node alone while it is none."""
        view = self.manager.view
        return tuple(member.name for member in view.members) if view is not None else (self.node,)

    @property
    def epoch(self) -> int:
        """Number of the cluster's last change; 0 while this node is no member."""
        view = self.manager.view
        return view.epoch if view is not None else 0

    def circuit_to(self, node: str) -> Circuit | None:
        """Find the circuit to a member; None while it is not reached."""
        member = self.manager.view.named(node) if self.manager.view is not None else None
        csb = self.manager.csbs.get(member.key) if member is not None else None
        return csb.connection.circuit if csb is not None and csb.connection is not None else None

    @property
    def works(self) -> bool:
        """Whether this node may do I/O that others must know of."""
        return self.manager.works

    @property
    def minicopy_enabled(self) -> bool:
        """Whether every member can handle write bitmaps (spec 3.9)."""
        view = self.manager.view
        return view is None or all(m.capabilities & Capability.WBM_SHADOW for m in view.members)

    @property
    def systems(self) -> tuple[SystemRow, ...]:
        """What SHOW CLUSTER shows."""
        return systems(self.manager, SOFTWARE)

    def _changed(self, lost: tuple[MemberNode, ...]) -> None:
        if not self.joined.is_set:
            self.joined.set()
        gone = {member.key for member in lost}
        for rspid, (key, name, _, answered) in list(self._waiting.items()):
            if key in gone:
                del self._waiting[rspid]
                answered(NodeLost(name))
        if lost:
            names = tuple(member.name for member in lost)
            for watcher in self.lost:
                watcher(names)
        self.locks.view_changed(lost)

    # -- requests

    def listen(self, kind: type[Request], handler: Handler) -> None:
        """Have requests of this kind handled; the handler calls `answer` once, now or later."""
        self._handlers[kind.CODE] = (kind, handler)

    def request(self, node: str, message: Request, answered: Callable[[Any], None]) -> None:
        """Send a request; `answered` is called with the answer, or with NodeLost, later and once."""
        code, data = message.CODE, message.pack()
        if node == self.node:
            kind, handler = self._handlers[code]

            def reply(answer: bytes) -> None:
                self._clock.call_soon(lambda: answered(kind.unpack_answer(answer)))

            self._clock.call_soon(lambda: handler(kind.unpack(data), Answer(node, kind, reply)))
            return
        member = self.manager.view.named(node) if self.manager.view is not None else None
        csb = self.manager.csbs.get(member.key) if member is not None else None
        if csb is None:
            self._clock.call_soon(lambda: answered(NodeLost(node)))
            return
        self._rspid += 1
        self._waiting[self._rspid] = (csb.key, node, type(message), answered)
        csb.send(Facility.REQUEST, code, data, self._rspid)

    def _request_came(self, csb: Csb, func: int, rspid: int, data: bytes) -> None:
        if func & RESPONSE:
            waiting = self._waiting.pop(rspid, None)
            if waiting is not None:
                _, name, kind, answered = waiting
                try:
                    answer = kind.unpack_answer(data)
                except ValueError:
                    answered(NodeLost(name))
                    raise
                answered(answer)
            return
        if func not in self._handlers:
            raise ValueError(f"a request {func} that nobody knows")
        kind, handler = self._handlers[func]

        def reply(answer: bytes) -> None:
            csb.send(Facility.REQUEST, func | RESPONSE, answer, rspid)

        try:
            handler(kind.unpack(data), Answer(csb.name, kind, reply))
        except Failure as failure:
            raise ValueError(f"a request that cannot be done: {failure}") from None

    def ask(self, node: str, message: Request) -> Procedure:
        """Send a request and wait for the answer; raises NodeLost."""
        flag = EventFlag(self._clock)
        self.request(node, message, flag.set)
        answer = yield flag
        if isinstance(answer, NodeLost):
            raise answer
        return answer

    def ask_all(self, nodes: Sequence[str], message: Request) -> Procedure:
        """Send a request to several nodes and wait for all answers, in the nodes' order.

        In place of the answer of a node that was lost there is a NodeLost; it is not raised.
        """
        flags = [EventFlag(self._clock) for _ in nodes]
        for node, flag in zip(nodes, flags, strict=True):
            self.request(node, message, flag.set)
        answers = []
        for flag in flags:
            answers.append((yield flag))
        return answers

    # -- locks

    def lock(self, resource: str) -> Procedure:
        """Take an exclusive lock, in turn; returns False when who had it last was lost while it had it."""
        flag = EventFlag(self._clock)
        number = self.locks.enqueue(resource, LockMode.EX, flag.set)
        try:
            granted: Granted = yield flag
        except GeneratorExit:  # the process is killed while it waits
            self.locks.dequeue(number)
            raise
        self._held[resource] = granted.lock
        return granted.valid

    def unlock(self, resource: str) -> None:
        """Give back an exclusive lock."""
        self.locks.dequeue(self._held.pop(resource), NO_VALUE)
