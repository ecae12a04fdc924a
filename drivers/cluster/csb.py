"""What the connection manager knows of one life of another node (a CSB), and the messages to it.

Cluster messages are numbered and acknowledged above the connection, so that none is lost or doubled when it breaks and
comes back: what was not acknowledged goes again over the new one.  States, and what moves a CSB:

    NEW ──connection──▶ STATUS ──STATUS came──▶ OPEN ──connection lost──▶ RECONNECT (of a member), NEW (of another)
                          ▲                                                  │
                          └───────────────────connection─────────────────────┴──removed from the cluster──▶ DEAD

Data that do not fit a message stay in a named buffer, and the receiver fetches them by a block transfer.
"""

from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Protocol

from drivers.cluster.pedriver import Identity
from drivers.cluster.scs import Connection
from drivers.cluster.view import Key
from emu.wire.codes.scs import CLUSTER_MESSAGE_BYTES, Facility, TransferStatus
from emu.wire.generated.scs import ClusterMessage, Status
from emu.wire.packet import ShortPacket

INLINE_BYTES = CLUSTER_MESSAGE_BYTES - ClusterMessage.SIZE
FETCH_LIMIT_BYTES = 1 << 20  # nobody has a message as long as that
ACKNOWLEDGE_EVERY = 4

_pack_header = ClusterMessage.STRUCT.pack


class CsbState(Enum):
    """State of a CSB ($CSBDEF)."""

    NEW = "NEW"
    STATUS = "STATUS"
    OPEN = "OPEN"
    RECONNECT = "RECONNECT"
    DEAD = "DEAD"


_OPEN, _DEAD = CsbState.OPEN, CsbState.DEAD


class Manager(Protocol):
    """What a CSB tells."""

    def cluster_message(self, csb: "Csb", facility: int, func: int, rspid: int, data: bytes) -> None: ...

    def broke_rules(self, csb: "Csb", why: str) -> None: ...


class _Sent:
    """A message that is not acknowledged; buffer: name of its data at the other end's disposal, 0 for none."""

    __slots__ = ("buffer", "data", "facility", "func", "rspid", "sequence")

    def __init__(self, sequence: int, facility: int, func: int, rspid: int, data: bytes) -> None:
        self.sequence = sequence
        self.facility = facility
        self.func = func
        self.rspid = rspid
        self.data = data
        self.buffer = 0


class Csb:
    """One life of another node.

    status: what it said of itself last.  lost_ns: since when there is no connection.  leaving: it said that it goes.
    foreign: it is a member of another cluster.
    """

    def __init__(self, manager: Manager, identity: Identity) -> None:
        self._manager = manager
        self.identity = identity
        self.state = CsbState.NEW
        self.connection: Connection | None = None
        self.status = Status()
        self.lost_ns = 0
        self.leaving = False
        self.foreign = False
        self.received = 0
        self._sequence = 0
        self._sent: deque[_Sent] = deque()
        self._came: deque[tuple[ClusterMessage, bytes]] = deque()
        self._fetching = False
        self._unacknowledged = 0

    @property
    def key(self) -> Key:
        return self.identity.system, self.identity.incarnation

    @property
    def name(self) -> str:
        return self.identity.name

    @property
    def is_member(self) -> bool:
        """Whether it said that it is a member of a cluster."""
        return bool(self.status.founded)

    # -- what goes

    def send(self, facility: Facility, func: int, data: bytes = b"", rspid: int = 0) -> None:
        """Send a message; it arrives once and in order, as long as this life of the node is a member."""
        if self.state is _DEAD:
            return
        self._sequence = self._sequence % 0xFFFF + 1
        message = _Sent(self._sequence, facility, func, rspid, data)
        self._sent.append(message)
        if self.state is _OPEN:
            self._transmit(message)

    def send_uncounted(self, facility: Facility, func: int, data: bytes = b"") -> None:
        """Send a message that is lost with its connection."""
        if self.connection is not None:
            header = ClusterMessage(ackseq=self.received, facility=facility, func=func, length=len(data))
            self.connection.send_message(header.pack() + data)

    def _transmit(self, message: _Sent) -> None:
        assert self.connection is not None, "an open CSB has its connection"
        inline = len(message.data) <= INLINE_BYTES
        if not inline:
            message.buffer = self.connection.transfers.map(memoryview(message.data))
        self._unacknowledged = 0
        header = _pack_header(
            message.sequence,
            self.received,
            message.rspid,
            message.facility,
            message.func,
            0 if inline else message.buffer,
            len(message.data),
        )
        self.connection.send_message(header + message.data if inline else header)

    def resynchronize(self) -> None:
        """The other node has said what came: send the rest again."""
        self._acknowledged(self.status.received)
        self.state = CsbState.OPEN
        for message in self._sent:
            self._transmit(message)

    def _acknowledged(self, sequence: int) -> None:
        while self._sent and sequence and _is_before(self._sent[0].sequence, sequence):
            message = self._sent.popleft()
            if message.buffer and self.connection is not None:
                self.connection.transfers.unmap(message.buffer)

    # -- what comes

    def message_came(self, data: bytes) -> None:
        try:
            header = ClusterMessage.unpack(data)
        except ShortPacket as error:
            self._manager.broke_rules(self, str(error))
            return
        self._acknowledged(header.ackseq)
        body = data[ClusterMessage.SIZE :]
        if header.bufh:
            if header.length > FETCH_LIMIT_BYTES or not header.seqnum:
                self._manager.broke_rules(self, f"a message of {header.length} bytes")
                return
        elif header.length != len(body):
            self._manager.broke_rules(self, "a message of wrong length")
            return
        if header.seqnum:
            self._came.append((header, body))
            self._take()
        elif header.facility != Facility.ACK:
            self._manager.cluster_message(self, header.facility, header.func, header.rspid, body)

    def _take(self) -> None:
        """Pass on what has come, in order; one whose data must be fetched holds the others up."""
        while self._came and not self._fetching:
            header, body = self._came[0]
            if header.bufh:
                self._fetch(header)
                return
            self._came.popleft()
            self._pass_on(header, body)

    def _fetch(self, header: ClusterMessage) -> None:
        assert self.connection is not None, "what came, came over a connection"
        connection, data = self.connection, bytearray(header.length)
        transfers = connection.transfers
        name = transfers.map(memoryview(data))

        def fetched(status: TransferStatus) -> None:
            transfers.unmap(name)
            self._fetching = False
            self._came.popleft()
            if status is TransferStatus.NORMAL:
                self._pass_on(header, bytes(data))
                self._take()
            else:
                self._manager.broke_rules(self, f"a buffer that cannot be read: {status.words}")

        self._fetching = True
        transfers.request_data(name, header.bufh, 0, header.length, fetched)

    def _pass_on(self, header: ClusterMessage, data: bytes) -> None:
        if header.seqnum != self.received % 0xFFFF + 1:
            if not _is_before(header.seqnum, self.received):
                self._manager.broke_rules(self, f"message {header.seqnum} after {self.received}")
            return
        self.received = header.seqnum
        self._unacknowledged += 1
        if self._unacknowledged >= ACKNOWLEDGE_EVERY:
            self._unacknowledged = 0
            self.send_uncounted(Facility.ACK, 0)
        self._manager.cluster_message(self, header.facility, header.func, header.rspid, data)

    # -- the connection

    def connected(self, connection: Connection) -> None:
        self.connection = connection
        self.state = CsbState.STATUS

    def disconnected(self, now_ns: int, *, member: bool) -> None:
        """The connection is gone; what had not been passed on comes again."""
        self.connection = None
        self._came.clear()
        self._fetching = False
        if self.state is _OPEN or not self.lost_ns:
            self.lost_ns = now_ns
        if self.state is not _DEAD:
            self.state = CsbState.RECONNECT if member else CsbState.NEW

    def die(self) -> None:
        """This life of the node is over for us."""
        self.state = CsbState.DEAD
        connection, self.connection = self.connection, None
        self._sent.clear()
        self._came.clear()
        if connection is not None:
            connection.disconnect()


Deliver = Callable[[Csb, int, int, bytes], None]  # CSB, function, RSPID, data


def _is_before(sequence: int, other: int) -> bool:
    """Whether a message is not after another, numbers going round."""
    return (other - sequence) % 0xFFFF < 0x7FFF
