"""Two or more port drivers on a LAN, without anything above."""

from drivers.cluster.pedriver import Identity, PeDriver
from drivers.platform.alpha import AlphaPlatform
from emu.core.chance import Chance
from emu.core.clock import Scheduler
from emu.core.trace import Tracer
from emu.hw.memory.ram import Ram
from emu.sim.lan import Lan, Weather

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
