"""Nodes on a LAN: port drivers alone, or whole clusters without disks."""

from functools import partial
from typing import Self

from drivers.cluster.cluster import Cluster
from drivers.cluster.pedriver import Identity, PeDriver
from drivers.cluster.request import Answer, Request
from drivers.platform.alpha import AlphaPlatform
from emu.core.chance import Chance
from emu.core.clock import Scheduler
from emu.core.trace import ConsoleLine, Event, Tracer
from emu.hw.memory.ram import Ram
from emu.sim.lan import Lan, Weather
from emu.wire.packet import Bytes

MEMORY_BYTES = 1 << 20
GROUP = 17


class Ether:
    """A LAN and who is on it."""

    def __init__(self, *names: str, seed: int = 1, weather: Weather | None = None) -> None:
        self.clock = Scheduler()
        self.lan = Lan(self.clock)
        if weather is not None:
            self.lan.storm(weather, Chance(seed).stream("lan"))
        self.platforms = {name: self._platform(name) for name in names}
        self.ports = {name: self.port(name, number + 1) for number, name in enumerate(names)}

    def _platform(self, name: str) -> AlphaPlatform:
        return AlphaPlatform(name, self.clock, Ram(MEMORY_BYTES), MEMORY_BYTES, Tracer())

    def port(self, name: str, system: int, group: int = GROUP, incarnation: int = 1000) -> PeDriver:
        identity = Identity(system, name, incarnation, "ALPHA")
        return PeDriver(self.platforms[name], self.lan.station(name), identity, group)

    def start(self) -> None:
        for port in self.ports.values():
            port.start()

    def run(self, seconds: float) -> None:
        self.clock.run_for(int(seconds * 1e9))


class Echo(Request):
    """A request of any length, answered with the same bytes."""

    CODE = 0x55

    def __init__(self, data: bytes) -> None:
        self.data = data

    def pack(self) -> bytes:
        return self.data

    @classmethod
    def unpack(cls, data: Bytes) -> Self:
        return cls(bytes(data))

    @staticmethod
    def pack_answer(answer: bytes) -> bytes:
        return answer

    @staticmethod
    def unpack_answer(data: Bytes) -> bytes:
        return bytes(data)


class Members:
    """Nodes that may be members of a cluster, without anything above the cluster.

    votes: by name.  exits: who had to stop, and why.  said: what the operators read.
    """

    def __init__(
        self,
        votes: dict[str, int],
        *,
        expected_votes: int = 1,
        seed: int = 1,
        weather: Weather | None = None,
    ) -> None:
        self.clock = Scheduler()
        self.tracer = Tracer()
        self.said: list[str] = []
        self.tracer.subscribe(self._hear)
        self.lan = Lan(self.clock)
        if weather is not None:
            self.lan.storm(weather, Chance(seed).stream("lan"))
        self.votes = votes
        self.expected_votes = expected_votes
        self.exits: dict[str, str] = {}
        self.heard: dict[str, list[bytes]] = {name: [] for name in votes}
        self.nodes: dict[str, Cluster] = {}
        for name in votes:
            self.boot(name)

    def _hear(self, event: Event) -> None:
        if isinstance(event, ConsoleLine):
            self.said.append(f"{event.source}: {event.text}")

    def boot(self, name: str) -> Cluster:
        """Start a node, in a new life."""
        platform = AlphaPlatform(name, self.clock, Ram(MEMORY_BYTES), MEMORY_BYTES, self.tracer)
        platform.boot_time = 1
        cluster = Cluster(
            platform, self.lan.station(name), votes=self.votes[name], expected_votes=self.expected_votes
        )
        cluster.manager.exit = partial(self._exit, name)
        cluster.listen(Echo, partial(self._echo, name))
        self.nodes[name] = cluster
        cluster.start()
        return cluster

    def _echo(self, name: str, request: Echo, answer: Answer) -> None:
        self.heard[name].append(request.data)
        answer(request.data)

    def _exit(self, name: str, why: str) -> None:
        self.exits[name] = why
        self.crash(name, last_gasp=True)

    def crash(self, name: str, *, last_gasp: bool = False) -> None:
        cluster = self.nodes[name]
        cluster.stop(last_gasp=last_gasp)
        cluster.platform.halt()

    def run(self, seconds: float) -> None:
        self.clock.run_for(int(seconds * 1e9))

    def views(self, *names: str) -> set[tuple[str, ...]]:
        """Who these nodes say are members."""
        return {self.nodes[name].nodes for name in names or self.nodes}
