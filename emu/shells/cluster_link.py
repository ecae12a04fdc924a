"""The LAN of a world, bridged to those of other processes over TCP."""

import os
from dataclasses import dataclass

from emu.core.clock import SECOND_NS
from emu.core.trace import ConsoleLine, Tracer
from emu.front import ByteMachine
from emu.front.cluster_bridge import BridgeState, ClusterBridge
from emu.shells.loop import Loop
from emu.shells.streams import StreamError, begin_connecting, listen
from emu.sim.lan import Lan

RECONNECT_NS = 3 * SECOND_NS
BRIDGE_LIMIT = 32  # processes; who comes then is hung up on


@dataclass(frozen=True, slots=True)
class ClusterIdentity:
    """Which cluster it is; both as SYSMAN keeps them in CLUSTER_AUTHORIZE.DAT."""

    group: int
    password: str


class ClusterLink:
    """The bridges of one LAN."""

    def __init__(self, loop: Loop, lan: Lan, tracer: Tracer, identity: ClusterIdentity) -> None:
        self._loop = loop
        self._lan = lan
        self._tracer = tracer
        self._identity = identity
        self._closed = False
        lan.bridged = True

    def listen(self, url: str) -> str:
        """Let other processes come; returns the address, with the port that was taken; raises StreamError."""
        listener = listen(url)
        self._loop.listen(listener, self._come)
        return listener.name

    def connect(self, url: str) -> None:
        """Keep a bridge to another process; it is tried again for ever.  Raises StreamError for what is no address."""
        stream = begin_connecting(url)
        bridge = self._bridge(url, listened=False, again=url)
        self._loop.attach(stream, bridge)

    def _come(self, peer: str) -> ByteMachine:
        return self._bridge(peer, listened=True)

    def _bridge(self, peer: str, *, listened: bool, again: str = "") -> ClusterBridge:
        def deliver(datagram: bytes) -> None:
            self._lan.came(datagram, bridge)

        def gone(bridge: ClusterBridge) -> None:
            if bridge in self._lan.uplinks:
                self._lan.uplinks.remove(bridge)
            if again:
                self._loop.clock.call_after(RECONNECT_NS, lambda: self._connect_again(again))

        bridge = ClusterBridge(
            self._loop.clock,
            peer,
            listened=listened,
            group=self._identity.group,
            password=self._identity.password,
            chance=os.urandom,
            deliver=deliver,
            told=self._tell,
            wake=self._loop.touch,
            gone=gone,
        )
        if self._open_bridges() < BRIDGE_LIMIT:
            self._lan.uplinks.append(bridge)
        else:
            bridge.turn_away()
        return bridge

    def _open_bridges(self) -> int:
        """Count the peers that have proved who they are: others keep nobody out."""
        bridges = [uplink for uplink in self._lan.uplinks if isinstance(uplink, ClusterBridge)]
        return sum(bridge.state is BridgeState.OPEN for bridge in bridges)

    def close(self) -> None:
        """Try no bridge again."""
        self._closed = True

    def _connect_again(self, url: str) -> None:
        if self._closed:
            return
        try:
            self.connect(url)
        except StreamError as error:
            self._tell(f"%PEA0, {error}")
            self._loop.clock.call_after(RECONNECT_NS, lambda: self._connect_again(url))

    def _tell(self, text: str) -> None:
        if ConsoleLine in self._tracer.heard:
            self._tracer.emit(ConsoleLine(self._loop.clock.now_ns, "PEA0", text))
