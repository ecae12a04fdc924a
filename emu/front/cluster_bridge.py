"""The bridge between the LANs of two processes as a byte machine: datagrams of a cluster over a stream.

    HELLO ◀──▶ HELLO ──▶ PROOF of who connected ──▶ PROOF of who listened ──▶ DATAGRAM, DATAGRAM, …  both ways

Who does not know group and password gets nothing but a HELLO and a reason.  Every datagram is sealed under a key of
this connection alone, so that a machine in the middle can stop datagrams and cannot make any.  As on any LAN,
datagrams may be lost: those for a peer that does not take them are thrown away.
"""

import hmac
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum

from emu.core.clock import SECOND_NS, Clock, Timer
from emu.front import Bytes
from emu.wire.codes.bridge import MAGIC, NONCE_BYTES, PROOF_BYTES, SEAL_BYTES, VERSION, BridgeKind
from emu.wire.codes.scs import DATAGRAM_BYTES
from emu.wire.generated.bridge import BridgeHeader, BridgeHello, BridgeSeal, BridgeSecret

PATIENCE_NS = 10 * SECOND_NS  # with a peer that does not say who it is
QUEUE_LIMIT = 1024  # datagrams that wait for a slow peer
REASON_BYTES = 120
_LIMITS = {  # bytes of a frame
    BridgeKind.HELLO: BridgeHello.SIZE,
    BridgeKind.PROOF: PROOF_BYTES,
    BridgeKind.DATAGRAM: SEAL_BYTES + DATAGRAM_BYTES,
    BridgeKind.REFUSED: REASON_BYTES,
}
_OF_CONNECTED, _OF_LISTENED, _SEALS = 1, 2, 3


class BridgeState(Enum):
    """What a bridge waits for."""

    HELLO = "the peer's HELLO"
    PROOF = "the peer's proof"
    OPEN = "datagrams"
    ENDED = "nothing"


class _Refused(Exception):
    """The peer is none of ours; the text says why."""


class ClusterBridge:
    """One end of a bridge.

    chance: gives bytes that nobody can foresee.  deliver: gets datagrams of the peer's LAN.  told: gets a line for the
    operator.  wake: is called when there is something to send.
    """

    def __init__(
        self,
        clock: Clock,
        peer: str,
        *,
        listened: bool,
        group: int,
        password: str,
        chance: Callable[[int], bytes],
        deliver: Callable[[bytes], None],
        told: Callable[[str], None],
        wake: Callable[["ClusterBridge"], None],
        gone: Callable[["ClusterBridge"], None],
    ) -> None:
        self.peer = peer
        self.state = BridgeState.HELLO
        self.dropped = 0
        self._listened = listened
        self._group = group
        self._password = password.encode()
        self._nonce = chance(NONCE_BYTES)
        self._peer_nonce = b""
        self._key = b""
        self._deliver = deliver
        self._told = told
        self._wake = wake
        self._gone = gone
        self._rest = b""
        self._queue: deque[bytes] = deque()
        self._sent = 0
        self._received = 0
        self._timer: Timer | None = clock.call_after(PATIENCE_NS, self._too_slow)
        hello = BridgeHello.pack_fields(MAGIC, VERSION, group, self._nonce)
        self._queue.append(_frame(BridgeKind.HELLO, hello))

    @property
    def ended(self) -> bool:
        return self.state is BridgeState.ENDED

    def carry(self, datagram: bytes) -> None:
        """Bring a datagram to the peer's LAN, if it can be had."""
        if self.state is not BridgeState.OPEN:
            return
        if len(self._queue) >= QUEUE_LIMIT:
            self.dropped += 1
            return
        seal = self._seal(self._sent, datagram, listened=self._listened)
        self._sent += 1
        self._queue.append(_frame(BridgeKind.DATAGRAM, seal + datagram))
        self._wake(self)

    def turn_away(self) -> None:
        """Hang up: there are too many."""
        self._refuse("there are too many bridges")

    # -- the stream

    def receive(self, data: bytes) -> None:
        if self.ended:
            return
        data = self._rest + data if self._rest else data
        place = 0
        try:
            while len(data) - place >= BridgeHeader.SIZE and not self.ended:
                header = BridgeHeader.unpack(data, place)
                if header.kind not in _LIMITS or header.length > _LIMITS[BridgeKind(header.kind)]:
                    raise _Refused("it speaks another protocol")
                end = place + BridgeHeader.SIZE + header.length
                if end > len(data):
                    break
                self._heard(BridgeKind(header.kind), data[place + BridgeHeader.SIZE : end])
                place = end
        except _Refused as refused:
            self._refuse(str(refused))
            return
        self._rest = data[place:]

    def outgoing(self) -> Sequence[Bytes]:
        frames, self._queue = self._queue, deque()
        return tuple(frames)

    def lost(self) -> None:
        self._end("connection lost")

    # -- what comes

    def _heard(self, kind: BridgeKind, data: bytes) -> None:
        if kind is BridgeKind.REFUSED:
            reason = "".join(c for c in data.decode("ascii", "replace") if c.isprintable())
            self._end(f"refused by the peer: {reason}")
        elif kind is BridgeKind.DATAGRAM and self.state is BridgeState.OPEN:
            self._datagram(data)
        elif kind is BridgeKind.HELLO and self.state is BridgeState.HELLO:
            self._hello(data)
        elif kind is BridgeKind.PROOF and self.state is BridgeState.PROOF:
            self._proof(data)
        else:
            raise _Refused(f"{kind.name} came out of turn")

    def _hello(self, data: bytes) -> None:
        if len(data) != BridgeHello.SIZE:
            raise _Refused("it speaks another protocol")
        hello = BridgeHello.unpack(data)
        if hello.magic != MAGIC or hello.version != VERSION:
            raise _Refused("it speaks another protocol")
        if hello.group != self._group:
            raise _Refused("wrong cluster group")
        if hello.nonce == self._nonce:
            raise _Refused("it sends our own nonce back")
        self._peer_nonce = hello.nonce
        self._key = self._secret(_SEALS)
        self.state = BridgeState.PROOF
        if not self._listened:
            self._prove()

    def _prove(self) -> None:
        own = _OF_LISTENED if self._listened else _OF_CONNECTED
        self._queue.append(_frame(BridgeKind.PROOF, self._secret(own)))

    def _secret(self, purpose: int) -> bytes:
        mine, other = self._nonce, self._peer_nonce
        connected, listened = (other, mine) if self._listened else (mine, other)
        text = BridgeSecret.pack_fields(purpose, self._group, connected, listened)
        return hmac.digest(self._password, text, "sha256")

    def _proof(self, data: bytes) -> None:
        peers = _OF_CONNECTED if self._listened else _OF_LISTENED
        if not hmac.compare_digest(data, self._secret(peers)):
            raise _Refused("wrong cluster password")
        if self._listened:
            self._prove()
        self.state = BridgeState.OPEN
        if self._timer is not None:
            self._timer.cancel()
        self._told(f"%PEA0, LAN bridge to {self.peer} opened")

    def _seal(self, count: int, datagram: bytes, *, listened: bool) -> bytes:
        seal = BridgeSeal.pack_fields(count, listened)
        return hmac.digest(self._key, seal + datagram, "sha256")[:SEAL_BYTES]

    def _datagram(self, data: bytes) -> None:
        seal, datagram = data[:SEAL_BYTES], data[SEAL_BYTES:]
        expected = self._seal(self._received, datagram, listened=not self._listened)
        if not hmac.compare_digest(seal, expected):
            raise _Refused("a datagram with a wrong seal")
        self._received += 1
        self._deliver(datagram)

    # -- the end

    def _too_slow(self) -> None:
        if self.state in (BridgeState.HELLO, BridgeState.PROOF):
            self._refuse("it did not say who it is")
            self._wake(self)

    def _refuse(self, reason: str) -> None:
        self._queue.append(_frame(BridgeKind.REFUSED, reason.encode("ascii")[:REASON_BYTES]))
        self._end(reason)

    def _end(self, reason: str) -> None:
        if self.ended:
            return
        self.state = BridgeState.ENDED
        self._rest = b""
        if self._timer is not None:
            self._timer.cancel()
        self._told(f"%PEA0, LAN bridge to {self.peer} closed: {reason}")
        self._gone(self)


def _frame(kind: BridgeKind, data: bytes) -> bytes:
    return BridgeHeader.pack_fields(len(data), kind) + data
