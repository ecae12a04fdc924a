"""The connection manager (CNXMAN): who is a member of the cluster, and whether there are votes enough to work.

Every node connects to every other one (SYSAP VMS$VAXcluster) and tells who it is.  The member with the lowest CSID
among those that it reaches is the coordinator.  It proposes a changed cluster when a node wants to join, or when a
member was not reached for RECNXINTERVAL; all that shall be members must agree, and then it is so:

    coordinator                     each other member
      PROPOSE(view) ───────────────▶ is it newer, and do I reach all of them?  expel whom I reach and it leaves out
      COMMIT(view)  ◀─AGREE or REFUSE─
                    ───────────────▶ adopt; requests to who is lost fail, its locks are released

A cluster needs `quorum` votes.  A node that reaches fewer votes than that stalls at once; one that has been removed
must stop for ever (CLUEXIT), and can return only by booting.  So who removes a node knows that it does nothing any
more: its circuits were broken for longer than it took that node to notice.

DEVIATION: V7.3 chooses the best subset of the nodes that see each other; here who is not reached is removed by the
coordinator, and a refusal means that it is tried again.  There is no quorum disk.  Of two nodes the one with the
lower SCSSYSTEMID connects.
"""

from collections.abc import Callable
from functools import partial

from drivers.cluster.csb import Csb, CsbState, Deliver
from drivers.cluster.pedriver import CIRCUIT_TIMEOUT_NS, Circuit, CircuitState, Identity
from drivers.cluster.scs import Connection, Scs
from drivers.cluster.view import Key, MemberNode, View, member_of
from drivers.platform.host import Platform
from emu.core.clock import SECOND_NS, Timer
from emu.wire.codes.scs import CnxFunction, ConnectStatus, Facility
from emu.wire.generated.scs import Epoch, Status

SYSAP_NAME = "VMS$VAXcluster"
RECNXINTERVAL_S = 20  # SYSGEN default
DISCOVERY_NS = (
    4 * SECOND_NS
)  # a node that boots listens for longer than one HELLO interval before it forms a cluster
RETRY_NS = SECOND_NS
PROPOSAL_NS = 16 * SECOND_NS
EXPULSION_NS = 14 * SECOND_NS  # by then a node notices that nobody hears it
OVERSLEPT_NS = CIRCUIT_TIMEOUT_NS // 2  # before anybody can have given up a circuit in the meantime
FIRST_CSID = 0x0001_0001


class ConnectionManager:
    """The connection manager of one node.

    view: the cluster, None while this node is no member.  changed: called with (lost members) after the view has
    changed.  worked: called when `works` may have changed.  exit: called when this node must stop.
    """

    def __init__(
        self,
        platform: Platform,
        identity: Identity,
        *,
        votes: int = 1,
        expected_votes: int = 1,
        capabilities: int = 0,
    ) -> None:
        self._platform = platform
        self._clock = platform.clock
        self.identity = identity
        self.votes = votes
        self.expected_votes = expected_votes
        self.capabilities = capabilities
        self.recnxinterval_s = RECNXINTERVAL_S
        self.view: View | None = None
        self.csbs: dict[Key, Csb] = {}
        self.changed: list[Callable[[tuple[MemberNode, ...]], None]] = []
        self.worked: list[Callable[[], None]] = []
        self.exit: Callable[[str], None] = lambda why: None
        self._scs: Scs | None = None
        self._facilities: dict[int, Deliver] = {}
        self._proposal: View | None = None  # of this node
        self._awaited: set[Key] = set()
        self._promise: tuple[Key, int] | None = None  # to whom, for which epoch
        self._leaving = False
        self._stopped = False
        self._considering = False
        self._may_form = False
        self._had_quorum = False
        self._retry: Timer | None = None

    # -- what others want to know

    @property
    def key(self) -> Key:
        return self.identity.system, self.identity.incarnation

    @property
    def csid(self) -> int:
        member = self.view.member(self.key) if self.view is not None else None
        return member.csid if member is not None else 0

    @property
    def works(self) -> bool:
        """Whether this node may work: it is a member, and reaches votes enough."""
        if self.view is None:
            return False
        votes = sum(m.votes for m in self.view.members if m.key == self.key or self._is_open(m.key))
        return votes >= self.view.quorum

    def csb_of(self, csid: int) -> Csb | None:
        """Find the CSB of a member."""
        assert self.view is not None, "who asks for members is one"
        member = next((m for m in self.view.members if m.csid == csid), None)
        return self.csbs.get(member.key) if member is not None else None

    def _is_open(self, key: Key) -> bool:
        csb = self.csbs.get(key)
        return csb is not None and csb.state is CsbState.OPEN

    def listen(self, facility: Facility, deliver: Deliver) -> None:
        """Have the messages of a facility delivered."""
        self._facilities[facility] = deliver

    # -- beginning and end

    def start_alone(self) -> None:
        """Be a system of its own: there is no LAN, or nobody on it (VAXCLUSTER = 0)."""
        self._stopped = False
        self._apply(View(0, 1, 0, (self._entry(FIRST_CSID),), FIRST_CSID + 1), silent=True)

    def start(self, scs: Scs) -> None:
        """Look for a cluster; join it, or form one."""
        self._scs = scs
        scs.listen(SYSAP_NAME, self._asked)
        scs.circuit_opened = self._circuit_opened
        self._platform.overslept.append(self._overslept)
        self._clock.call_after(DISCOVERY_NS, self._discovered)

    def leave(self) -> None:
        """Tell the others that this node goes, so that they do not wait for it, nor for its votes."""
        self._leaving = True
        for csb in self._others():
            csb.send(Facility.CNX, CnxFunction.LEAVE)

    def stop(self) -> None:
        """Hear and say nothing more."""
        self._stopped = True

    def _overslept(self, slept_ns: int) -> None:
        """Trust no circuit after the processor stood still for long: the others may have gone on without this node."""
        if slept_ns >= OVERSLEPT_NS and self._scs is not None and not self._stopped:
            self._scs.close_circuits()

    def _discovered(self) -> None:
        self._may_form = True
        self._consider_soon()

    # -- connections

    def _circuit_opened(self, circuit: Circuit) -> None:
        peer = circuit.peer
        assert peer is not None, "who is at the end of an open circuit is known"
        self._csb_for(peer)
        if self.identity.system < peer.system:
            self._connect(circuit)

    def _csb_for(self, peer: Identity) -> Csb:
        key = peer.system, peer.incarnation
        if key not in self.csbs:
            self.csbs[key] = Csb(self, peer)
            self._say(f"Discovered system {peer.name}")
        return self.csbs[key]

    def _connect(self, circuit: Circuit) -> None:
        if self._scs is not None and circuit.state is CircuitState.OPEN and not self._stopped:
            self._scs.connect(circuit, SYSAP_NAME, SYSAP_NAME, self)

    def _asked(self, connection: Connection) -> None:
        if self._stopped:
            connection.reject(ConnectStatus.NO_RESOURCES)
        else:
            connection.accept(self)

    def opened(self, connection: Connection) -> None:
        peer = connection.circuit.peer
        assert peer is not None, "who is at the end of an open circuit is known"
        csb = self._csb_for(peer)
        csb.connected(connection)
        self._send_status(csb)

    def message_came(self, connection: Connection, data: bytes) -> None:
        csb = self._csb_of_connection(connection)
        if csb is not None and not self._stopped:
            csb.message_came(data)

    def datagram_came(self, connection: Connection, data: bytes) -> None:
        """Nobody sends one to the connection manager."""

    def closed(self, connection: Connection, reason: int) -> None:
        csb = self._csb_of_connection(connection)
        if csb is not None:
            member = self.view is not None and self.view.member(csb.key) is not None
            if member and csb.state is CsbState.OPEN:
                self._say(f"Lost connection to system {csb.name}")
            csb.disconnected(self._clock.now_ns, member=member)
            if member:
                self._clock.call_after(self.recnxinterval_s * SECOND_NS, self._consider_soon)
            self._quorum_changed()
            self._consider_soon()
        if self.identity.system < connection.circuit.system:
            self._clock.call_after(RETRY_NS, partial(self._connect_again, connection.circuit))

    def _connect_again(self, circuit: Circuit) -> None:
        if all(csb.connection is None or csb.connection.circuit is not circuit for csb in self.csbs.values()):
            self._connect(circuit)

    def _csb_of_connection(self, connection: Connection) -> Csb | None:
        for csb in self.csbs.values():
            if csb.connection is connection:
                return csb
        return None

    # -- what comes

    def cluster_message(self, csb: Csb, facility: int, func: int, rspid: int, data: bytes) -> None:
        try:
            if facility == Facility.CNX:
                self._heard(csb, func, data)
            elif facility in self._facilities:
                self._facilities[facility](csb, func, rspid, data)
            else:
                self.broke_rules(csb, f"facility {facility}")
        except ValueError as error:
            self.broke_rules(csb, str(error))

    def broke_rules(self, csb: Csb, why: str) -> None:
        """Give up the circuit to a node that is mad."""
        if self._scs is not None:
            self._scs.violations.append(f"{csb.name}: {why}")
        if csb.connection is not None:
            csb.connection.circuit.close()

    def _heard(self, csb: Csb, func: int, data: bytes) -> None:
        if func == CnxFunction.STATUS:
            self._status_heard(csb, Status.unpack(data))
        elif func == CnxFunction.PROPOSE:
            self._proposed(csb, View.unpack(data))
        elif func == CnxFunction.AGREE:
            self._agreed(csb, Epoch.unpack(data).epoch)
        elif func == CnxFunction.REFUSE:
            if self._proposal is not None and Epoch.unpack(data).epoch == self._proposal.epoch:
                self._abort()
        elif func == CnxFunction.COMMIT:
            view = View.unpack(data)
            if view.member(self.key) is not None and (self.view is None or view.is_after(self.view)):
                self._apply(view)
        elif func == CnxFunction.ABORT:
            if self._promise == (csb.key, Epoch.unpack(data).epoch):
                self._promise = None
                self._consider_soon()
        elif func == CnxFunction.LEAVE:
            csb.leaving = True
            self._consider_soon()
        elif func == CnxFunction.EXPEL:
            if self.view is not None and not self._stopped:
                self._exit(f"expelled by {csb.name}")
        else:
            raise ValueError(f"function {func} of the connection manager")

    def _send_status(self, csb: Csb) -> None:
        view = self.view
        status = Status(
            founded=view.founded if view is not None else 0,
            epoch=view.epoch if view is not None else 0,
            csid=self.csid,
            votes=self.votes,
            expected_votes=self.expected_votes,
            capabilities=self.capabilities,
            received=csb.received,
            known=view is not None and view.member(csb.key) is not None,
            works=view is not None and self.works,
        )
        csb.send_uncounted(Facility.CNX, CnxFunction.STATUS, status.pack())

    def _status_heard(self, csb: Csb, status: Status) -> None:
        view = self.view
        was = csb.state
        csb.status = status
        csb.foreign = bool(view is not None and status.founded and status.founded != view.founded)
        if csb.foreign:
            self._say(f"System {csb.name} is a member of another VMScluster")
            if status.works and not self.works:
                # The others went on without this node, in a cluster of which it can be no member before it boots.
                self._exit(f"blocked without quorum, while {csb.name} is in a cluster that works")
                return
        elif view is not None and status.founded:
            if not status.known and status.epoch > view.epoch:
                self._exit(f"removed while {csb.name} was not reached")
                return
            if view.member(csb.key) is None and status.epoch < view.epoch:
                csb.send_uncounted(Facility.CNX, CnxFunction.EXPEL)
                return
            if status.epoch == view.epoch and not (status.known and view.member(csb.key)):
                # Each has a change of its own, one without having heard that it was decided: only one has the votes.
                if not self.works and (status.works or not status.known):
                    self._exit(f"left out while {csb.name} was not reached")
                return
        if was is not CsbState.OPEN:
            csb.resynchronize()
            again = view is not None and view.member(csb.key) is not None
            self._say(f"{'Re-established' if again else 'Established'} connection to system {csb.name}")
        self._quorum_changed()
        self._consider_soon()

    # -- what the cluster should be

    def _consider_soon(self) -> None:
        if not self._considering and not self._stopped:
            self._considering = True
            self._clock.call_soon(self._consider)

    def _consider(self) -> None:
        self._considering = False
        if self._stopped or self._leaving or self._proposal is not None:
            return
        if self._promise is not None and self._is_open(self._promise[0]):
            return
        view = self._wanted()
        if view is not None:
            self._propose(view)

    def _wanted(self) -> View | None:
        """The cluster as this node would have it, None when it is not for this node to change it."""
        newcomers = [
            csb
            for csb in self.csbs.values()
            if csb.state is CsbState.OPEN and not csb.foreign and not csb.leaving
        ]
        if self.view is None:
            if any(csb.is_member for csb in newcomers) or not self._may_form:
                return None
            if any(csb.identity.system < self.identity.system for csb in newcomers):
                return None
            founders = [self._entry(FIRST_CSID)]
            founders += [self._entry_of(csb, FIRST_CSID + 1 + n) for n, csb in enumerate(newcomers)]
            return self._if_quorate(self._platform.system_time() or 1, 1, founders, 0)
        return self._wanted_of(self.view, newcomers)

    def _wanted_of(self, view: View, newcomers: list[Csb]) -> View | None:
        now_ns = self._clock.now_ns
        stay: list[MemberNode] = []
        left = lost = False
        for member in view.members:
            csb = self.csbs.get(member.key)
            if member.key == self.key or (csb is not None and csb.state is CsbState.OPEN and not csb.leaving):
                stay.append(member)
            elif csb is None or csb.leaving:
                left = True
            elif now_ns - csb.lost_ns >= self.recnxinterval_s * SECOND_NS or self._lives_again(csb):
                lost = True
            else:
                return None  # it may still come back, and everybody must agree
        if min(member.csid for member in stay) != self.csid:
            return None  # another one's business
        # Of a newcomer what it said when it was no member counts; CSIDs grow, so that the oldest keeps the locks.
        joining = [csb for csb in newcomers if view.member(csb.key) is None and not csb.is_member]
        if not (left or lost or joining):
            return None
        members = stay + [self._entry_of(csb, view.next_csid + n) for n, csb in enumerate(joining)]
        return self._if_quorate(
            view.founded, view.epoch + 1, members, 0 if left and not lost else view.quorum
        )

    def _lives_again(self, csb: Csb) -> bool:
        """Whether the same system is back in a later life: then this one needs no more patience."""
        system, incarnation = csb.key
        return any(key[0] == system and key[1] > incarnation for key in self.csbs)

    def _if_quorate(self, founded: int, epoch: int, members: list[MemberNode], quorum: int) -> View | None:
        votes = sum(member.votes for member in members)
        quorum = max(quorum, (votes + 2) // 2 if votes else 0)
        if not (self.view is not None and any(csb.leaving for csb in self.csbs.values())):
            quorum = max(quorum, (max(member.expected_votes for member in members) + 2) // 2)
        if votes < quorum:
            return None
        return View(founded, epoch, quorum, tuple(members), max(m.csid for m in members) + 1)

    def _entry(self, csid: int) -> MemberNode:
        return member_of(self.identity, csid, self.votes, self.expected_votes, self.capabilities)

    def _entry_of(self, csb: Csb, csid: int) -> MemberNode:
        status = csb.status
        return member_of(csb.identity, csid, status.votes, status.expected_votes, status.capabilities)

    def _others(self) -> list[Csb]:
        return [csb for csb in self.csbs.values() if csb.state is CsbState.OPEN]

    # -- changing it, as coordinator

    def _propose(self, view: View) -> None:
        self._proposal = view
        self._awaited = {member.key for member in view.members if member.key != self.key}
        self._say(f"Proposing {'reconfiguration' if self.view is not None else 'formation'} of a VMScluster")
        for key in self._awaited:
            self.csbs[key].send(Facility.CNX, CnxFunction.PROPOSE, view.pack())
        self._retry = self._clock.call_after(PROPOSAL_NS, self._abort)
        self._decide()

    def _agreed(self, csb: Csb, epoch: int) -> None:
        if self._proposal is not None and epoch == self._proposal.epoch:
            self._awaited.discard(csb.key)
            self._decide()

    def _decide(self) -> None:
        view = self._proposal
        if view is not None and not self._awaited:
            self._proposal = None
            if self._retry is not None:
                self._retry.cancel()
            for member in view.members:
                if member.key != self.key:
                    self.csbs[member.key].send(Facility.CNX, CnxFunction.COMMIT, view.pack())
            self._apply(view)

    def _abort(self) -> None:
        view, self._proposal = self._proposal, None
        if view is None:
            return
        if self._retry is not None:
            self._retry.cancel()
        for member in view.members:
            if self._is_open(member.key):
                epoch = Epoch.pack_fields(view.epoch)
                self.csbs[member.key].send(Facility.CNX, CnxFunction.ABORT, epoch)
        self._clock.call_after(RETRY_NS, self._consider_soon)

    # -- changing it, as one who is asked

    def _proposed(self, csb: Csb, view: View) -> None:
        epoch = Epoch.pack_fields(view.epoch)
        if self.view is not None and view.founded == self.view.founded and not view.is_after(self.view):
            csb.send(Facility.CNX, CnxFunction.COMMIT, self.view.pack())  # it has missed something
            csb.send(Facility.CNX, CnxFunction.REFUSE, epoch)
            return
        busy = self._promise is not None and self._promise[0] != csb.key and self._is_open(self._promise[0])
        yields = (
            self._proposal is None or csb.key < self.key
        )  # of two coordinators the lower system goes first
        reaches = all(m.key in (self.key, csb.key) or self._is_open(m.key) for m in view.members)
        stranger = self.view is not None and view.founded != self.view.founded
        if busy or not yields or not reaches or stranger or self._leaving:
            csb.send(Facility.CNX, CnxFunction.REFUSE, epoch)
            return
        self._abort()
        self._promise = csb.key, view.epoch
        outcasts = [other for other in self._others() if self._is_outcast(other, view)]
        for other in outcasts:
            other.send_uncounted(Facility.CNX, CnxFunction.EXPEL)
        deadline_ns = self._clock.now_ns + EXPULSION_NS if outcasts else 0
        self._agree_when_gone(csb, view.epoch, outcasts, deadline_ns)

    def _is_outcast(self, csb: Csb, view: View) -> bool:
        return (
            self.view is not None and self.view.member(csb.key) is not None and view.member(csb.key) is None
        )

    def _agree_when_gone(self, csb: Csb, epoch: int, outcasts: list[Csb], deadline_ns: int) -> None:
        """Agree as soon as who shall be removed has stopped, or has noticed that nobody hears it."""
        if self._promise != (csb.key, epoch):
            return
        here = [other for other in outcasts if other.state is CsbState.OPEN]
        if here and self._clock.now_ns < deadline_ns:
            self._clock.call_after(
                SECOND_NS // 4, lambda: self._agree_when_gone(csb, epoch, here, deadline_ns)
            )
            return
        for other in here:
            if other.connection is not None:
                other.connection.circuit.close()
        csb.send(Facility.CNX, CnxFunction.AGREE, Epoch.pack_fields(epoch))

    # -- it is so

    def _apply(self, view: View, *, silent: bool = False) -> None:
        before, self.view = self.view, view
        self._promise = None
        self._proposal = None
        old = before.members if before is not None else ()
        lost = tuple(member for member in old if view.member(member.key) is None)
        for member in lost:
            self._say(f"Removed from VMScluster system {member.name}")
            if member.key in self.csbs:
                self.csbs[member.key].die()
        self.csbs = {key: csb for key, csb in self.csbs.items() if csb.state is not CsbState.DEAD}
        if not silent:
            for member in view.members:
                if before is None or before.member(member.key) is None:
                    self._say(f"Now a VMScluster member -- system {member.name}")
            self._say("Completing VMScluster state transition")
        for csb in self._others():
            self._send_status(csb)
        for watcher in self.changed:
            watcher(lost)  # before anything goes on that waits for quorum
        self._quorum_changed()
        self._consider_soon()

    def _quorum_changed(self) -> None:
        works = self.works
        if works != self._had_quorum:
            self._had_quorum = works
            if self.view is not None and self._scs is not None and not self._stopped:
                self._say("Quorum regained, resuming activity" if works else "Quorum lost, blocking activity")
            for watcher in self.worked:
                watcher()

    def _exit(self, why: str) -> None:
        self._stopped = True
        self.exit(why)

    def _say(self, text: str) -> None:
        self._platform.operator(f"%CNXMAN, {text}")
