"""The scene of a story: disks, one set on them, the world that is switched on around them, and who is doing what.

Here is what actions and judges look at: which nodes are up, who has mounted the set, who is a member; and the two ways
in which anybody does something, an operator's commands and the applications of the nodes.
"""

from collections.abc import Callable
from functools import partial
from hashlib import sha256

from drivers.cluster.node import Node
from drivers.message import Failure, Message
from drivers.platform.host import Platform
from drivers.platform.pool import InsufficientMemory
from drivers.platform.process import Procedure
from drivers.shadow.mount import MountRequest
from drivers.shadow.shdriver import VirtualUnit
from drivers.shadow.state import MAXIMUM_MEMBERS, MemberState
from drivers.shadow.utility import Policy
from emu.core.block import BlockRequest
from emu.core.chance import Chance
from emu.core.clock import MICROSECOND_NS, SECOND_NS
from emu.core.trace import Event, StateChanged
from emu.hw.memory.ram import Ram
from emu.hw.memory.store_buffer import StoreBuffer
from emu.media.faulty import FaultyDevice
from emu.media.slow import SlowDevice
from emu.sim.application import Application
from emu.sim.disks import LABEL, Disk, initialized
from emu.sim.lan import Weather
from emu.sim.ledger import Ledger
from emu.sim.outcome import Outcome, Wrong
from emu.sim.scenario import COMMAND_NS, WITHOUT_END, Action, Scenario
from emu.sim.storage import Equipment
from emu.sim.workload import chooser
from emu.sim.world import World

SET = "DSA1:"
PATIENCE_NS = (
    60 * SECOND_NS
)  # once faults have stopped and are known, whatever is to happen happens within it
READS_A_STEP = 1000  # of one node; reads of a microsecond go on while a write waits for seconds
_NO_MEMBER = "no member"


class Command:
    """A command of an operator, and how it ended: perhaps with its node."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.refusal = ""
        self._ended = False

    def has_ended(self) -> bool:
        return self._ended or self.node.platform.halted

    def end(self, result: object) -> None:
        self._ended = True
        if isinstance(result, Failure):
            self.refusal = " ".join(message.ident for message in result.messages)


def _take_map_registers(platform: Platform, left: int) -> None:
    """Have other devices of a node's bus take all map registers but so many."""
    page = platform.page_bytes
    spared = platform.map_buffer(0, left * page)
    assert spared is not None, "a bus whose devices sleep has map registers"
    for pages in (2048, 1024, 512, 256, 128, 64, 32, 16, 8, 4, 2, 1):
        while platform.map_buffer(0, pages * page) is not None:
            pass
    platform.unmap_buffer(spared, left * page)


class Scene:
    """A world for a scenario, which is there once it has begun.

    equipment: what scenarios name.  hear: is told of every event, for ladders.

    acknowledged: what judges a write at the instant it is answered.  commands, booting (by name of the node), leaving
    (nodes that dismount the set), reborn (nodes that have crashed), paused (nodes whose processor
    stands still), taken_pool (addresses), booted_with (pool in use when the drivers were loaded) are those since the
    power came.  patience_ns: how long `wait` waits.
    """

    def __init__(
        self,
        scenario: Scenario,
        equipment: Equipment,
        acknowledged: Callable[["Scene", Application, range], None],
        hear: Callable[[Event], None] | None = None,
    ) -> None:
        self.scenario = scenario
        self.outcome = Outcome(scenario.seed)
        self.chance = Chance(scenario.seed)
        self._equipment = equipment
        self.disks: list[Disk] = []
        self.ledger = Ledger()
        self._keeps_images = any(step.action is Action.RESTORE for step in scenario.steps)
        self.lives = 0
        self._acknowledged = acknowledged
        self._hear = hear
        self._history = sha256()

    def begin(self) -> None:
        """Make the disks, with an initialised volume on those that are to be members, and switch the power on."""
        scenario, equipment = self.scenario, self._equipment
        members = min(scenario.disks, MAXIMUM_MEMBERS)
        contents = [*initialized(equipment.any_firmware, scenario.block_count, members), b""]
        self.disks += [
            Disk(number, scenario.block_count, equipment.device_name(scenario, number), content)
            for number, content in zip(range(scenario.disks), contents, strict=False)
        ]
        self.switch_on()

    # -- the power

    def switch_on(self) -> None:
        """Switch the power on: everything but the disks is new."""
        scenario = self.scenario
        self.lives += 1
        self.world = world = World(boot_time=(1 << 50) + self.outcome.virtual_ns // 100)
        self.clock = world.clock
        world.tracer.subscribe(self._watch, StateChanged)
        if self._hear is not None:
            world.tracer.subscribe(self._hear)
        self.storage = self._equipment.storage(world, scenario)
        for disk in self.disks:
            medium = SlowDevice(
                FaultyDevice(disk.platter, [disk.trouble]),
                world.clock,
                self._access_time(disk),
                parallel=True,
            )
            disk.is_out = False
            self.storage.plug_in(disk, medium)
        self.booted_with: dict[Node, int] = {}
        for name in scenario.nodes:
            self._add_node(name)
        self.applications: dict[str, Application] = {}
        self.commands: list[Command] = []
        self.patience_ns = COMMAND_NS
        self.booting: dict[str, Command] = {}
        self.leaving: dict[str, Command] = {}
        self.reborn: set[str] = set()
        self.paused: set[Node] = set()
        self._locked: list[Application] = []  # of dead nodes, whose blocks nobody may write yet
        self.taken_pool: dict[Node, list[int]] = {}
        self.lan_suffered = False
        world.lan.weather = self.fair_weather()
        world.boot()

    def _add_node(self, name: str) -> None:
        settings = self.scenario.settings[name]
        stores = partial(self._stores_of, name) if settings.stores else None
        self.set_up(self.storage.add_node(name, settings.parameters, stores))

    def set_up(self, node: Node) -> None:
        """Set up the software of a node that has been loaded."""
        self.booted_with[node] = node.platform.pool.size_bytes - node.platform.pool.free_bytes
        settings = self.scenario.settings[node.name]
        node.shadow.recorder.keeps_local = settings.keeps_local
        node.platform.interrupt_latency_ns = settings.interrupt_us * MICROSECOND_NS
        if settings.map_registers:
            _take_map_registers(node.platform, settings.map_registers)

    def _stores_of(self, name: str, memory: Ram) -> StoreBuffer:
        entries = self.scenario.settings[name].stores
        stream = self.chance.stream(f"stores {name} {self.lives}")
        return StoreBuffer(memory, None if entries == WITHOUT_END else entries, stream.randrange)

    def lose_power(self) -> None:
        """Stop everything at this instant; what was under way may have come anywhere."""
        for application in self.applications.values():
            application.abandon()
            self._count(application)
        self.applications.clear()
        for application in self._locked:
            application.give_up_locks()
        self.outcome.virtual_ns += self.clock.now_ns
        for disk in self.disks:
            disk.trouble.power_lost()

    def mount_first(self) -> None:
        """Mount the set on every node."""
        devices = [disk.device for disk in self.disks[:MAXIMUM_MEMBERS]]
        for node in self.nodes:
            self.wait(self.command(node, self.mounting(node, devices)))
        if not self.mounted:
            raise Wrong("the set could not be mounted")

    @property
    def progress_ns(self) -> int:
        """How long anything may take once faults have stopped."""
        return PATIENCE_NS + self.storage.silence_ns

    def _watch(self, event: Event) -> None:
        """See members come and go; nothing is under way at these instants."""
        if not isinstance(event, StateChanged) or f"/{SET}/" not in event.source:
            return
        device = event.source.rsplit("/", 1)[-1]
        disk = next(disk for disk in self.disks if disk.device == device)
        if event.after == _NO_MEMBER and not disk.current:
            return  # another node knew it before, and may have gone on
        disk.current = event.after != _NO_MEMBER
        in_order = event.before == MemberState.SOURCE.value and not disk.ails
        disk.departed = self.ledger.copy() if not disk.current and in_order else None
        if disk.departed is not None and self._keeps_images:
            disk.images.append((bytes(disk.content), disk.departed))

    def fair_weather(self) -> Weather:
        latency_ns = self.scenario.lan_us * MICROSECOND_NS
        return Weather((latency_ns, latency_ns))

    def _access_time(self, disk: Disk) -> Callable[[BlockRequest], int]:
        low, high = self.scenario.latency_us
        if low == high:
            return lambda request: low * MICROSECOND_NS
        stream = self.chance.stream(f"latency {disk.number} {self.lives}")
        return lambda request: stream.randrange(low, high + 1) * MICROSECOND_NS

    # -- what was seen

    def note(self, *what: object) -> None:
        """Add to the digest."""
        self._history.update(repr(what).encode())

    def end(self) -> Outcome:
        """Close the books; returns what came of the run."""
        self.outcome.virtual_ns += self.clock.now_ns
        for disk in self.disks:
            twin = next(other for other in self.disks if other.content == disk.content)
            self.note(twin.number)  # members are equal, and are read once
            if twin is disk:
                self._history.update(disk.content)
        self.note(self.outcome.virtual_ns)
        self.outcome.digest = self._history.hexdigest()
        return self.outcome

    # -- who is there

    @property
    def nodes(self) -> list[Node]:
        """The nodes that are up, and do something."""
        booting, paused = self.booting, self.paused
        return [
            node
            for name, node in self.world.nodes.items()
            if not node.crashed and node not in paused and (name not in booting or booting[name].has_ended())
        ]

    @property
    def down(self) -> list[Node]:
        return [node for node in self.world.nodes.values() if node.crashed]

    @property
    def mounted(self) -> list[Node]:
        """The nodes that have mounted the set."""
        return [node for node in self.nodes if SET in node.shadow.units]

    @property
    def unit(self) -> VirtualUnit | None:
        """The set as a node has it that has it mounted."""
        return next((node.shadow.units[SET] for node in self.mounted), None)

    def members(self) -> list[Disk]:
        unit = self.unit
        return [disk for disk in self.disks if unit is not None and unit.state.member(disk.device)]

    def sources(self) -> list[Disk]:
        """The full members."""
        unit = self.unit
        sources = [member.device for member in unit.state.sources] if unit is not None else []
        return [disk for disk in self.disks if disk.device in sources]

    def away(self) -> list[Disk]:
        members = self.members()
        return [disk for disk in self.disks if disk not in members]

    def state(self) -> str:
        """The state of the set, as coverage counts it."""
        unit = self.unit
        if unit is None:
            return "not mounted"
        words = ["copying" if unit.state.targets else "merging" if unit.state.merging else "steady"]
        words += ["recording"] if any(not b.in_use for b in unit.state.bitmaps) else []
        words += ["stalled"] if unit.stalled else []
        ailing = any(disk.ails and unit.state.member(disk.device) for disk in self.disks)
        words += ["ailing"] if ailing else []
        return ", ".join(words)

    # -- commands

    def command(self, node: Node, body: Procedure) -> Command:
        command = Command(node)
        self.commands.append(command)
        node.run("command", body, command.end)
        return command

    def wait(self, command: Command) -> None:
        """Wait until a command has ended, or for as long as the story does."""
        self.clock.run_until(command.has_ended, self.clock.now_ns + self.patience_ns)
        self.note(self.clock.now_ns, command.has_ended(), command.refusal)

    def mounting(self, node: Node, devices: list[str], policy: Policy = Policy.DEFAULT) -> Procedure:
        request = MountRequest(SET, devices, LABEL, policy)
        return node.utilities.mount(request, node.cluster.nodes, self.say)

    def mountable(self) -> list[str]:
        """Name the disks for MOUNT: none where the set is mounted, else the members it had, and others beside them."""
        if self.mounted:
            return []
        ordered = sorted(self.disks, key=lambda disk: not disk.current)
        return sorted(disk.device for disk in ordered[:3] if not disk.is_out)

    def say(self, message: Message) -> None:
        self.note(message.ident)

    # -- applications

    def start_application(self, node: Node, writes: int) -> None:
        """Have a node that has mounted the set make so many writes; one without memory makes none."""
        try:
            self._application(node).start(writes, READS_A_STEP)
        except InsufficientMemory:
            self.note(node.name, "no memory")

    def _application(self, node: Node) -> Application:
        application = self.applications.get(node.name)
        unit = node.shadow.units[SET]
        if application is None or application.vu is not unit:
            if application is not None:
                del self.applications[node.name]
                self._count(application)
                application.close()
            scenario = self.scenario
            first = unit.state.structure_end
            blocks = scenario.block_count - first
            hot = max(scenario.largest_blocks, blocks * scenario.hot_percent // 100)
            end = min(first + hot, scenario.block_count)
            application = self.applications[node.name] = Application(
                node,
                unit,
                self.chance.stream(f"application {node.name} {self.lives} {self.clock.now_ns}"),
                depth=scenario.depth,
                block_limit=scenario.largest_blocks,
                read_share=scenario.read_percent / 100,
                region=(first, end),
                ledger=self.ledger,
                choose_lbn=chooser(scenario.workload, first, end, scenario.largest_blocks),
                acknowledged=lambda application, lbns: self._acknowledged(self, application, lbns),
            )
        return application

    def bury(self) -> None:
        """Forget what nodes were doing that are no more; some leave the cluster by themselves."""
        for node in self.down:
            self.reborn.add(node.name)
            application = self.applications.pop(node.name, None)
            if application is not None:
                application.abandon(keep_locks=self.storage.outlives_hosts)
                self._count(application)
                if self.storage.outlives_hosts:
                    self._locked.append(application)
        self._release_locks()

    def _release_locks(self) -> None:
        """Let blocks be written that dead nodes were writing, once no cluster counts these any more.

        Applications have their locks from the cluster's lock manager, which keeps those of a node until it is removed.
        """
        views = [node.cluster.manager.view for node in self.world.nodes.values() if not node.crashed]
        for application in tuple(self._locked):
            key = application.node.cluster.manager.key
            if all(view is None or view.member(key) is None for view in views):
                application.give_up_locks()
                self._locked.remove(application)

    def close_applications(self) -> None:
        """Add up what all applications did, and be done with them: nothing is under way."""
        for application in self.applications.values():
            self._count(application)
            application.close()
        self.applications.clear()

    def _count(self, application: Application) -> None:
        self.outcome.writes += application.writes
        self.outcome.reads += application.reads
