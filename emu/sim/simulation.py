"""One run of a scenario, judged from outside: by what applications saw and by the bytes of the media.

The judges, in the order in which they have their say:

* each read is checked by the ledger when it ends;
* each acknowledged write that a departed disk misses has its bits, at that instant;
* when the story is over and faults have ended: every request is answered, every operator's command has ended;
* full members are equal, hold what was acknowledged, and so does each disk that is still away, as of its departure;
* the disks return, and the same holds for all of them;
* at the ports of the controller no answer, no credit and no descriptor is missing.
"""

import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from drivers.cluster.node import Node
from drivers.message import Failure, Message
from drivers.platform.process import Procedure
from drivers.shadow.mount import MountRequest
from drivers.shadow.shdriver import VirtualUnit
from drivers.shadow.state import MemberState
from drivers.shadow.utility import Policy
from emu.core.block import BLOCK_BYTES, BlockDevice, BlockRequest
from emu.core.chance import Chance
from emu.core.clock import MICROSECOND_NS, MILLISECOND_NS, SECOND_NS
from emu.core.trace import Event, StateChanged
from emu.hw.firmware import Firmware
from emu.hw.mscp.controller import Controller
from emu.hw.uqssp.connection import FIRST_CREDITS
from emu.media.faulty import FaultyDevice
from emu.media.memory import MemoryDevice
from emu.media.slow import SlowDevice
from emu.sim.application import Application
from emu.sim.faults import Trouble
from emu.sim.lan import Weather
from emu.sim.ledger import Ledger
from emu.sim.scenario import COMMAND_NS, LONG_NS, Action, Scenario, Step
from emu.sim.world import World, drive_for

SET, LABEL = "DSA1:", "SOAK"
FIRST_UNIT = 10
NODE_MEMORY_BYTES = 3 << 19  # for the largest requests of an application, and a copy beside them
PATIENCE_NS = 8000 * SECOND_NS  # longer than every time-out there is: MVTIMEOUT is an hour
FATAL_CODE = 12
BAD_WEATHER = Weather(latency_ns=(MILLISECOND_NS // 10, 2 * MILLISECOND_NS), loss=0.03, doubling=0.03)
_NO_MEMBER = "no member"
_POLICIES = (Policy.MINICOPY, Policy.MINICOPY, Policy.OPTIONAL, Policy.DEFAULT, Policy.NOMINICOPY)


@dataclass
class Outcome:
    """What came of a run.

    failures: what the judges found, in words.  digest: of all that could be seen from outside.  reached: how often a
    step met which state of the set.
    """

    seed: int
    failures: list[str] = field(default_factory=list)
    digest: str = ""
    reached: Counter[tuple[str, str]] = field(default_factory=Counter)
    writes: int = 0
    reads: int = 0
    virtual_ns: int = 0


class Wrong(Exception):
    """A judge found something."""


class Disk:
    """A disk of the world: what it holds and what ails it outlive the power."""

    def __init__(self, number: int, block_count: int) -> None:
        self.number = number
        self.device = f"$1$DUA{FIRST_UNIT + number}:"
        self.platter = MemoryDevice(block_count)
        self.trouble = Trouble()
        self.medium: BlockDevice | None = None  # while it is taken out
        self.current = True  # it is a member, or would be one
        self.departed: Ledger | None = None  # what it holds, when it left in good order

    @property
    def ails(self) -> bool:
        return self.trouble.exists or self.medium is not None


class Simulation:
    """A scenario being played.

    firmware: by name, all that scenarios name.  hear: is told of every event, for ladders.
    """

    def __init__(
        self,
        scenario: Scenario,
        firmware: Mapping[str, Firmware],
        hear: Callable[[Event], None] | None = None,
    ) -> None:
        self.scenario = scenario
        self.outcome = Outcome(scenario.seed)
        self._firmware = firmware[scenario.firmware]
        self._hear = hear
        self._chance = Chance(scenario.seed)
        self._disks = [Disk(number, scenario.block_count) for number in range(scenario.disks)]
        self._ledger = Ledger()
        self._history = sha256()
        self._lives = 0
        self._start()

    # -- the run

    def run(self) -> Outcome:
        """Play the story; returns what came of it, whatever that is."""
        try:
            self._initialize()
            for step in self.scenario.steps:
                self._play(step)
            self._calm_down()
            self._judge_media()
            self._return_all()
            self._judge_media()
            self._judge_ports()
        except Wrong as wrong:
            self.outcome.failures.append(str(wrong))
        except Exception:
            self.outcome.failures.append(f"a crash: {traceback.format_exc(limit=-6)}")
        self.outcome.virtual_ns += self._clock.now_ns
        for disk in self._disks:
            self._history.update(self._bytes(disk))
        self._note(self.outcome.virtual_ns)
        self.outcome.digest = self._history.hexdigest()
        return self.outcome

    def _note(self, *what: object) -> None:
        self._history.update(repr(what).encode())

    def _start(self) -> None:
        """Switch the power on: everything but the disks is new."""
        scenario = self.scenario
        self._lives += 1
        self._world = world = World(boot_time=(1 << 50) + self.outcome.virtual_ns // 100)
        self._clock = world.clock
        world.tracer.subscribe(self._watch)
        if self._hear is not None:
            world.tracer.subscribe(self._hear)
        self._controller: Controller = world.add_controller(self._firmware)
        for disk in self._disks:
            medium = SlowDevice(
                FaultyDevice(disk.platter, [disk.trouble]),
                world.clock,
                self._access_time(disk),
                parallel=True,
            )
            disk.medium = None
            self._controller.attach_unit(
                FIRST_UNIT + disk.number, medium, drive_for(self._firmware, disk.platter)
            )
        for name in scenario.nodes:
            add = world.add_vax if name.startswith("VAX") else world.add_alpha
            add(name, self._controller, memory_bytes=NODE_MEMORY_BYTES)
        self._applications: dict[str, Application] = {}
        self._commands: list[_Command] = []
        self._patience_ns = COMMAND_NS
        self._booting: dict[str, _Command] = {}  # by name of the node
        self._leaving: dict[str, _Command] = {}  # nodes that dismount the set
        self._reborn: set[str] = set()  # nodes that have crashed
        self._lan_suffered = False
        world.lan.weather = self._fair_weather()
        world.boot()

    def _watch(self, event: Event) -> None:
        """See members come and go; nothing is under way at these instants."""
        if not isinstance(event, StateChanged) or f"/{SET}/" not in event.source:
            return
        device = event.source.rsplit("/", 1)[-1]
        disk = next(disk for disk in self._disks if disk.device == device)
        if event.after == _NO_MEMBER and not disk.current:
            return  # another node knew it before, and may have gone on
        disk.current = event.after != _NO_MEMBER
        in_order = event.before == MemberState.SOURCE.value and not disk.ails
        disk.departed = self._ledger.copy() if not disk.current and in_order else None

    def _fair_weather(self) -> Weather:
        latency_ns = self.scenario.lan_us * MICROSECOND_NS
        return Weather((latency_ns, latency_ns))

    def _access_time(self, disk: Disk) -> Callable[[BlockRequest], int]:
        stream = self._chance.stream(f"latency {disk.number} {self._lives}")
        low, high = self.scenario.latency_us
        return lambda request: stream.randint(low, high) * MICROSECOND_NS

    def _initialize(self) -> None:
        devices = [disk.device for disk in self._disks[:3]]
        fresh = initialized(self._firmware, self.scenario.block_count, len(devices))
        for disk, content in zip(self._disks, fresh, strict=False):
            disk.platter.content[:] = content
        for node in self._nodes:
            self._wait(self._command(node, self._mounting(node, devices)))
        if not self._mounted:
            raise Wrong("the set could not be mounted")

    # -- the world

    @property
    def _nodes(self) -> list[Node]:
        """The nodes that are up."""
        up = [node for node in self._world.nodes.values() if not node.crashed]
        return [node for node in up if node.name not in self._booting or self._booting[node.name].ended]

    @property
    def _down(self) -> list[Node]:
        return [node for node in self._world.nodes.values() if node.crashed]

    @property
    def _mounted(self) -> list[Node]:
        return [node for node in self._nodes if SET in node.shadow.units]

    def _unit(self) -> VirtualUnit | None:
        """The set as a node has it that has it mounted."""
        return next((node.shadow.units[SET] for node in self._mounted), None)

    def _members(self) -> list[Disk]:
        unit = self._unit()
        return [disk for disk in self._disks if unit is not None and unit.state.member(disk.device)]

    def _sources(self) -> list[Disk]:
        unit = self._unit()
        sources = [member.device for member in unit.state.sources] if unit is not None else []
        return [disk for disk in self._disks if disk.device in sources]

    def _away(self) -> list[Disk]:
        members = self._members()
        return [disk for disk in self._disks if disk not in members]

    def _state(self) -> str:
        """The state of the set, as coverage counts it."""
        unit = self._unit()
        if unit is None:
            return "not mounted"
        words = ["copying" if unit.state.targets else "merging" if unit.state.merging else "steady"]
        words += ["recording"] if any(not b.in_use for b in unit.state.bitmaps) else []
        words += ["stalled"] if unit.stalled else []
        words += ["ailing"] if any(disk.ails for disk in self._members()) else []
        return ", ".join(words)

    # -- commands

    def _command(self, node: Node, body: Procedure) -> "_Command":
        command = _Command(node)
        self._commands.append(command)
        node.run("command", body, command.end)
        return command

    def _wait(self, command: "_Command") -> None:
        """Wait until a command has ended, or for as long as the story does."""
        self._clock.run_until(lambda: command.ended, self._clock.now_ns + self._patience_ns)
        self._note(self._clock.now_ns, command.ended, command.refusal)

    def _mounting(self, node: Node, devices: list[str], policy: Policy = Policy.DEFAULT) -> Procedure:
        request = MountRequest(SET, devices, LABEL, policy)
        return node.utilities.mount(request, node.cluster.nodes, self._say)

    def _say(self, message: Message) -> None:
        self._note(message.ident)

    # -- the story

    def _play(self, step: Step) -> None:
        self._bury()
        for node in self._mounted:
            if node.name not in self._leaving or self._leaving[node.name].ended:
                self._application(node).start(step.writes)
        self._clock.run_for(step.after_ns)
        self._bury()
        self._patience_ns = step.patience_ns
        self.outcome.reached[step.action.value, self._state()] += 1
        _PLAYS[step.action](self, step.pick)
        self._note(self._clock.now_ns, step.number, self._state())
        self._check_applications()

    def _application(self, node: Node) -> Application:
        application = self._applications.get(node.name)
        unit = node.shadow.units[SET]
        if application is None or application.vu is not unit:
            if application is not None:
                self._count(application)
                application.close()
            scenario = self.scenario
            first = unit.state.structure_end
            blocks = scenario.block_count - first
            hot = max(scenario.largest_blocks, blocks * scenario.hot_percent // 100)
            application = self._applications[node.name] = Application(
                node,
                unit,
                self._chance.stream(f"application {node.name} {self._lives} {self._clock.now_ns}"),
                depth=scenario.depth,
                block_limit=scenario.largest_blocks,
                read_share=scenario.read_percent / 100,
                region=(first, min(first + hot, scenario.block_count)),
                ledger=self._ledger,
                acknowledged=self._judge_bits,
            )
        return application

    def _check_applications(self) -> None:
        for name, application in self._applications.items():
            if application.faults:
                raise Wrong(f"{name}: {application.faults[0]}")

    def _quiesce(self, node: Node) -> None:
        """Have a node's application end what it has under way."""
        application = self._applications.get(node.name)
        if application is None:
            return
        application.stop()

        def is_quiet() -> bool:
            return application.finished or node.crashed

        if not self._clock.run_until(is_quiet, self._clock.now_ns + PATIENCE_NS):
            raise Wrong(f"{node.name}: a request is not answered")

    def _choose(self, candidates: list[Disk], pick: int) -> Disk | None:
        return candidates[pick % len(candidates)] if candidates else None

    def _leave(self, pick: int) -> None:
        well = [disk for disk in self._sources() if not disk.ails]
        others = [disk for disk in self._members() if any(other is not disk for other in well)]
        disk, mounted = self._choose(others, pick), self._mounted
        if disk is None or (any(d.ails for d in self._disks) and any(not c.ended for c in self._commands)):
            return
        node = mounted[pick // 7 % len(mounted)]
        policy = _POLICIES[pick // 11 % len(_POLICIES)]
        self._wait(self._command(node, node.utilities.dismount_member(disk.device, policy, self._say)))

    def _return(self, pick: int) -> None:
        disk, mounted = self._choose(self._away(), pick), self._mounted
        if disk is None or not mounted:
            return
        node = mounted[pick // 7 % len(mounted)]
        policy = _POLICIES[pick // 11 % len(_POLICIES)]
        self._wait(self._command(node, self._mounting(node, [disk.device], policy)))

    def _delete_bitmap(self, pick: int) -> None:
        unit = self._unit()
        if unit is not None and unit.state.bitmaps:
            record = unit.state.bitmaps[pick % len(unit.state.bitmaps)]
            node = self._mounted[0]
            self._wait(self._command(node, node.utilities.delete_bitmap(record.identifier)))

    def _dismount(self, pick: int) -> None:
        mounted = self._mounted
        if mounted:
            node = mounted[pick % len(mounted)]
            application = self._applications.get(node.name)
            if application is not None:
                application.stop()
                self._clock.run_until(
                    lambda: application.finished or node.crashed, self._clock.now_ns + COMMAND_NS
                )
                if not application.finished or node.crashed:
                    return  # it waits for votes, or for a member
            if self._leaving.get(node.name) is None or self._leaving[node.name].ended:
                dismount = self._command(node, node.utilities.dismount_unit(SET, self._say))
                self._leaving[node.name] = dismount
                self._wait(dismount)

    def _mount(self, pick: int) -> None:
        nodes = [node for node in self._nodes if node not in self._mounted]
        if nodes:
            node = nodes[pick % len(nodes)]
            self._wait(self._command(node, self._mounting(node, self._mountable())))

    def _mountable(self) -> list[str]:
        """Name the disks for MOUNT: none where the set is mounted, else the members it had, and others beside them."""
        if self._mounted:
            return []
        ordered = sorted(self._disks, key=lambda disk: not disk.current)
        return sorted(disk.device for disk in ordered[:3] if disk.medium is None)

    def _victim(self, pick: int) -> Disk | None:
        """A disk that may fail: another full member stays that is well."""
        if any(not command.ended for command in self._commands):
            return None  # who knows who will be a member
        sources = self._sources()
        well = [disk for disk in sources if not disk.ails]
        candidates = [disk for disk in self._members() if not disk.ails and any(d is not disk for d in well)]
        if any(disk.ails for disk in self._disks):
            return None  # one at a time, so that a good copy of every block is left
        return self._choose(candidates, pick)

    def _weak_disk(self, pick: int) -> None:
        if (disk := self._victim(pick)) is not None:
            disk.trouble.failing = 1 + pick // 7 % 4

    def _dead_disk(self, pick: int) -> None:
        if (disk := self._victim(pick)) is not None:
            disk.trouble.dead = True

    def _torn_write(self, pick: int) -> None:
        if (disk := self._victim(pick)) is not None:
            disk.trouble.tearing = True

    def _unreadable_block(self, pick: int) -> None:
        disk = self._victim(pick)
        lbns = sorted(self._ledger.written)
        if disk is not None and lbns:
            disk.trouble.unreadable.add(lbns[pick // 7 % len(lbns)])

    def _take_disk(self, pick: int) -> None:
        if (disk := self._victim(pick)) is not None:
            disk.medium = self._controller.detach_unit(FIRST_UNIT + disk.number)

    def _heal(self, pick: int) -> None:
        for disk in self._disks:
            disk.trouble.heal()
            if disk.medium is not None:
                self._controller.load_unit(FIRST_UNIT + disk.number, disk.medium)
                disk.medium = None

    def _stop_controller(self, pick: int) -> None:
        ports = self._controller.ports
        port = ports[pick % len(ports)]
        if port.state.name == "RUN":
            port.fail(FATAL_CODE)

    def _power_loss(self, pick: int) -> None:
        """Everything stops; what was under way may have come anywhere."""
        for application in self._applications.values():
            application.abandon()
        self.outcome.virtual_ns += self._clock.now_ns
        self._count_applications()
        for disk in self._disks:
            disk.trouble.heal()
        self._start()
        node = self._nodes[0]
        self._wait(self._command(node, self._mounting(node, self._mountable())))
        if not self._mounted:
            raise Wrong(f"the set cannot be mounted after a power failure: {self._commands[-1].refusal}")

    # -- nodes and the LAN

    def _crash(self, pick: int) -> None:
        up = [node for node in self._world.nodes.values() if not node.crashed]
        if up:
            self._world.crash(up[pick % len(up)].name, last_gasp=bool(pick // 7 % 2))
            self._bury()

    def _bury(self) -> None:
        """Forget what nodes were doing that are no more; some leave the cluster by themselves."""
        for node in self._down:
            self._reborn.add(node.name)
            application = self._applications.pop(node.name, None)
            if application is not None:
                application.abandon()
                self._count(application)

    def _reboot(self, pick: int) -> None:
        """Boot a node, and have it mount the set, as its start-up procedure does."""
        if not self._down:
            return
        name = self._down[pick % len(self._down)].name
        node = self._world.reboot(name)
        self._booting[name] = boot = self._command(node, self._world.boot_one(node))
        self._wait(boot)
        if node in self._nodes and pick // 7 % 4:
            self._wait(self._command(node, self._mounting(node, self._mountable())))

    def _two_nodes(self, pick: int) -> tuple[str, str]:
        names = list(self._world.nodes)
        place = pick % len(names)
        return names[place], names[(place + 1 + pick // 7 % (len(names) - 1)) % len(names)]

    def _break_link(self, pick: int) -> None:
        self._lan_suffered = True
        self._world.lan.cut(*self._two_nodes(pick))

    def _break_one_way(self, pick: int) -> None:
        self._lan_suffered = True
        self._world.lan.cut(*self._two_nodes(pick), both=False)

    def _storm(self, pick: int) -> None:
        stream = self._chance.stream(f"LAN {self._lives} {self._clock.now_ns}")
        self._world.lan.storm(BAD_WEATHER, stream)

    def _mend_lan(self, pick: int) -> None:
        self._world.lan.mend()
        self._world.lan.weather = self._fair_weather()

    # -- the end

    def _calm_down(self) -> None:
        """End all faults, and wait until nothing is under way any more."""
        self._patience_ns = PATIENCE_NS
        self._heal(0)
        self._mend_lan(0)
        if self._lan_suffered:
            self._clock.run_for(2 * LONG_NS)  # who is put out of the cluster stops, perhaps late
        self._bury()
        while self._down:
            self._reboot(0)

        def all_up() -> bool:
            return all(boot.ended for boot in self._booting.values())

        if not self._clock.run_until(all_up, self._clock.now_ns + PATIENCE_NS):
            raise Wrong("a node does not boot")
        for node in self._nodes:
            self._quiesce(node)
        limit = self._clock.now_ns + PATIENCE_NS
        if not self._clock.run_until(lambda: all(command.ended for command in self._commands), limit):
            raise Wrong("a command never ends")
        if not self._mounted:
            self._mount(0)
        self._check_applications()
        self._wait_for_copies()
        self._count_applications()

    def _wait_for_copies(self) -> None:
        def settled() -> bool:
            units = [node.shadow.units[SET] for node in self._mounted]
            names = sorted(node.name for node in self._mounted)
            return all(
                not (unit.stalled or unit.state.copier or unit.state.merging or unit.parked)
                and sorted(unit.state.nodes) == names
                for unit in units
            )

        if not self._clock.run_until(settled, self._clock.now_ns + PATIENCE_NS):
            raise Wrong(f"the set does not come to rest: {self._state()}")
        self._clock.run_for(10 * MILLISECOND_NS)

    def _count_applications(self) -> None:
        for application in self._applications.values():
            self._count(application)
        self._applications.clear()

    def _count(self, application: Application) -> None:
        self.outcome.writes += application.writes
        self.outcome.reads += application.reads

    def _return_all(self) -> None:
        """Mount every disk that is away again, as far as a set has room."""
        for disk in self._away():
            if len(self._members()) < 3 and self._mounted:
                node = self._mounted[0]
                command = self._command(node, self._mounting(node, [disk.device]))
                self._wait(command)
                if command.refusal:
                    raise Wrong(f"{disk.device} cannot return: {command.refusal}")
                self._wait_for_copies()

    # -- the judges

    def _judge_bits(self, application: Application, lbns: range) -> None:
        """A write is acknowledged: each disk that is away with a bitmap has its bits."""
        for record in application.vu.state.bitmaps:
            if record.in_use:
                continue
            master = self._world.nodes[record.master]
            bitmap = master.shadow.bitmaps.get(record.identifier)
            if master.kind == "VAX":
                raise Wrong("a VAX is master of a bitmap")
            if master.crashed or (bitmap is None and record.master in self._reborn):
                continue  # it died with its master
            if bitmap is None or not all(bitmap.is_set(lbn) for lbn in lbns):
                raise Wrong(f"LBN {lbns.start} is written and {record.device}'s bitmap does not know")

    def _judge_media(self) -> None:
        unit = self._unit()
        if unit is None:
            raise Wrong("the set is not mounted any more")
        members = self._sources()
        first = self._bytes(members[0])
        for disk in members[1:]:
            data = self._bytes(disk)
            if data != first:
                lbn = next(n for n in range(self.scenario.block_count) if _block(data, n) != _block(first, n))
                raise Wrong(f"{disk.device} and {members[0].device} differ at LBN {lbn}")
        self._judge_disk(members[0], self._ledger)
        for disk in self._away():
            if disk.departed is not None:
                self._judge_disk(disk, disk.departed)

    def _judge_disk(self, disk: Disk, ledger: Ledger) -> None:
        data = self._bytes(disk)
        for lbns, promised in ledger.extents():
            extent = data[lbns.start * BLOCK_BYTES : lbns.stop * BLOCK_BYTES]
            fault = ledger.fault_in(extent, lbns, promised)
            if fault:
                raise Wrong(f"{disk.device}: {fault}")

    def _judge_ports(self) -> None:
        """All is quiet: every command was answered, every credit and every descriptor is where it belongs."""
        for name, port in zip(self.scenario.nodes, self._controller.ports, strict=True):
            if port.rings is None:
                continue  # it has stopped, and nobody has had a reason to find out
            if port.traffic.busy:
                raise Wrong(f"{name}: the controller owes an answer")
            responses, commands = port.rings
            if commands.owned or responses.owned != responses.length:
                raise Wrong(f"{name}: a descriptor is not given back")
            held = {connection.identifier: connection.credits for connection in port.traffic.connections}
            for connection in self._world.nodes[name].controllers[0].port.connections:
                if connection.credits != held[connection.identifier]:
                    raise Wrong(f"{name}: host and controller do not agree about credits")
            if sum(held.values()) + port.traffic.pool != FIRST_CREDITS * len(held) + self._firmware.credits:
                raise Wrong(f"{name}: credits are lost")

    @staticmethod
    def _bytes(disk: Disk) -> bytes:
        return bytes(disk.platter.content)


class _Command:
    """A command of an operator, and how it ended: perhaps with its node."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.refusal = ""
        self._ended = False

    @property
    def ended(self) -> bool:
        return self._ended or self.node.crashed

    def end(self, result: object) -> None:
        self._ended = True
        if isinstance(result, Failure):
            self.refusal = " ".join(message.ident for message in result.messages)


_INITIALIZED: dict[tuple[str, int, int], tuple[bytes, ...]] = {}  # the same few are wanted again and again


def initialized(firmware: Firmware, block_count: int, count: int) -> tuple[bytes, ...]:
    """Make the contents of disks that INITIALIZE/SHADOW has made members of one set."""
    key = (firmware.name, block_count, count)
    if key not in _INITIALIZED:
        _INITIALIZED[key] = _initialize(firmware, block_count, count)
    return _INITIALIZED[key]


def _initialize(firmware: Firmware, block_count: int, count: int) -> tuple[bytes, ...]:
    world = World(boot_time=1 << 49)
    controller = world.add_controller(firmware)
    platters = [MemoryDevice(block_count) for _ in range(count)]
    for number, platter in enumerate(platters):
        controller.attach_unit(FIRST_UNIT + number, platter, drive_for(firmware, platter))
    node = world.add_alpha("ALPHA1", controller, memory_bytes=NODE_MEMORY_BYTES)
    world.boot()
    devices = [f"$1$DUA{FIRST_UNIT + number}:" for number in range(count)]
    world.run(node, node.utilities.initialize(devices, LABEL, shadow=True))
    return tuple(bytes(platter.content) for platter in platters)


def _block(data: bytes, lbn: int) -> bytes:
    return data[lbn * BLOCK_BYTES : (lbn + 1) * BLOCK_BYTES]


_PLAYS: dict[Action, Callable[[Simulation, int], None]] = {
    Action.LEAVE: Simulation._leave,
    Action.RETURN: Simulation._return,
    Action.DELETE_BITMAP: Simulation._delete_bitmap,
    Action.DISMOUNT: Simulation._dismount,
    Action.MOUNT: Simulation._mount,
    Action.WEAK_DISK: Simulation._weak_disk,
    Action.DEAD_DISK: Simulation._dead_disk,
    Action.TORN_WRITE: Simulation._torn_write,
    Action.UNREADABLE_BLOCK: Simulation._unreadable_block,
    Action.TAKE_DISK: Simulation._take_disk,
    Action.HEAL: Simulation._heal,
    Action.STOP_CONTROLLER: Simulation._stop_controller,
    Action.POWER_LOSS: Simulation._power_loss,
    Action.CRASH: Simulation._crash,
    Action.REBOOT: Simulation._reboot,
    Action.BREAK_LINK: Simulation._break_link,
    Action.BREAK_ONE_WAY: Simulation._break_one_way,
    Action.STORM: Simulation._storm,
    Action.MEND_LAN: Simulation._mend_lan,
}
