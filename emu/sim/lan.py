"""A LAN between nodes, as bad as one wants it: latency, loss, doubles, disorder, and cables that break one way or both.

Every datagram is judged once for every node that is to hear it; chance comes from a seed.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Protocol

from emu.core.clock import Clock
from emu.wire.codes.scs import DATAGRAM_BYTES, EVERYBODY
from emu.wire.generated.scs import DatagramHeader

RING_DATAGRAMS = 64  # that an Ethernet adapter keeps for a processor that does not look
Receive = Callable[[bytes], None]


@dataclass(slots=True)
class Weather:
    """How a LAN treats datagrams.

    latency_ns: least and most; a spread puts datagrams out of order.  loss, doubling: part of all datagrams.
    """

    latency_ns: tuple[int, int] = (0, 0)
    loss: float = 0.0
    doubling: float = 0.0


class Uplink(Protocol):
    """A way to another LAN."""

    def carry(self, datagram: bytes) -> None:
        """Bring a datagram there, if it can be had."""
        ...


class Station:
    """A node's place on a LAN; it is the `Link` of the node's port driver."""

    def __init__(self, lan: "Lan", name: str) -> None:
        self.name = name
        self.system = EVERYBODY
        self.receive: Receive | None = None
        self._lan = lan
        self._ring: list[bytes] | None = None

    def open(self, system: int, receive: Receive) -> None:
        self.system = system
        self.receive = receive

    def send(self, datagram: bytes, system: int) -> None:
        assert len(datagram) <= DATAGRAM_BYTES, "a datagram fits the Ethernet"
        self._lan.carry(self, datagram, system)

    def close(self) -> None:
        self.receive = None

    def take(self, datagram: bytes) -> None:
        """Hear a datagram."""
        if self._ring is None:
            if self.receive is not None:
                self.receive(datagram)
        elif len(self._ring) < RING_DATAGRAMS:
            self._ring.append(datagram)

    def hold(self) -> None:
        """Keep what comes, as far as there is room: nobody looks at it."""
        self._ring = []

    def release(self) -> list[bytes]:
        """Hear again; returns what has come meanwhile."""
        ring, self._ring = self._ring, None
        return ring or []


class Lan:
    """One LAN.

    weather: for all datagrams, may be changed at any time.  stations: by name.  uplinks: to other LANs; between all
    of them there is one way at most, or datagrams go round for ever.  bridged: there are, or will be, such.  sent,
    lost: datagrams.
    """

    def __init__(self, clock: Clock, stream: Random | None = None) -> None:
        self.weather = Weather()
        self.stations: dict[str, Station] = {}
        self.uplinks: list[Uplink] = []
        self.bridged = False
        self.sent = 0
        self.lost = 0
        self._clock = clock
        self._stream = stream
        self._broken: set[tuple[str, str]] = set()

    def station(self, name: str) -> Station:
        """Plug a node in; a name that is there gets a new station in place of the old."""
        station = self.stations[name] = Station(self, name)
        return station

    def storm(self, weather: Weather, stream: Random) -> None:
        """Let datagrams be treated badly, by this stream of chance."""
        self.weather = weather
        self._stream = stream

    def cut(self, sender: str, receiver: str, *, both: bool = True) -> None:
        """Break the cable between two stations, or one direction of it."""
        self._broken.add((sender, receiver))
        if both:
            self._broken.add((receiver, sender))

    def isolate(self, name: str, others: Iterable[str] | None = None) -> None:
        """Break all cables of a station."""
        for other in self.stations if others is None else others:
            if other != name:
                self.cut(name, other)

    def mend(self) -> None:
        """Make all cables whole."""
        self._broken.clear()

    def carry(self, sender: Station, datagram: bytes, system: int) -> None:
        """Bring a datagram to whom it is for."""
        for station in self.stations.values():
            if station is not sender and system in (station.system, EVERYBODY):
                self._carry_to(station, sender, datagram)
        if self.uplinks and not self._is_here(system):
            for uplink in list(self.uplinks):
                uplink.carry(datagram)

    def came(self, datagram: bytes, uplink: Uplink) -> None:
        """Take a datagram of another LAN; one that is none goes nowhere."""
        if not DatagramHeader.SIZE <= len(datagram) <= DATAGRAM_BYTES:
            return
        header = DatagramHeader.unpack(datagram)
        system = header.destination_hi << 32 | header.destination_lo
        for station in list(self.stations.values()):
            if system in (EVERYBODY, station.system):
                station.take(datagram)
        if not self._is_here(system):
            for other in list(self.uplinks):
                if other is not uplink:
                    other.carry(datagram)

    def _is_here(self, system: int) -> bool:
        return system != EVERYBODY and any(station.system == system for station in self.stations.values())

    def _carry_to(self, station: Station, sender: Station, datagram: bytes) -> None:
        self.sent += 1
        if self._broken and (sender.name, station.name) in self._broken:
            self.lost += 1
            return
        weather, stream = self.weather, self._stream
        low, high = weather.latency_ns
        if stream is None:
            self._bring(station, datagram, low)
        elif stream.random() < weather.loss:
            self.lost += 1
        else:
            for _ in range(2 if stream.random() < weather.doubling else 1):
                self._bring(station, datagram, stream.randrange(low, high + 1))

    def _bring(self, station: Station, datagram: bytes, delay_ns: int) -> None:
        take = partial(station.take, datagram)
        if delay_ns:
            self._clock.call_after(delay_ns, take)
        else:
            self._clock.call_soon(take)
