"""A world: one clock, controllers with their units, nodes with their drivers.

Nothing here knows files or wall time: media come ready made, the time of day is a number.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from types import MappingProxyType

from drivers.cluster.cluster import Cluster
from drivers.cluster.node import Node
from drivers.message import Failure, Message
from drivers.platform.alpha import AlphaPlatform
from drivers.platform.host import InterruptRequest, Platform
from drivers.platform.parameters import SystemParameters, changed_parameters
from drivers.platform.process import Procedure
from drivers.platform.vax import VaxPlatform
from drivers.shadow.state import MAXIMUM_MEMBERS
from emu.core.block import BlockDevice
from emu.core.bus import HostMemory
from emu.core.clock import MICROSECOND_NS, SECOND_NS, Scheduler
from emu.core.trace import Tracer
from emu.hw.firmware import DriveType, Firmware, PortKind
from emu.hw.memory.pci_window import PciWindows
from emu.hw.memory.qbus_map import QbusMap
from emu.hw.memory.ram import Ram
from emu.hw.memory.store_buffer import StoreBuffer
from emu.hw.mscp.controller import Controller
from emu.hw.sym53c810.chip import Sym53c810
from emu.media.mechanics import Mechanics
from emu.sim.lan import Lan
from emu.sim.machine import Machine
from emu.sim.mirror import MirrorMedia, MirrorSet
from emu.sim.storage_shelf import StorageShelf
from emu.wire.scripts_image import ScriptsImage

ALPHA_MEMORY_BYTES = 64 << 20
VAX_MEMORY_BYTES = 16 << 20
USER_SIZED = "RAUSER"
PATIENCE_NS = 12 * 3600 * SECOND_NS  # a cluster is never quiet: what has not happened by then does not happen
ALPHA_OPTIONS: Mapping[str, int] = MappingProxyType(
    {"votes": 2}
)  # so that an Alpha goes on when a VAX is lost
VAX_OPTIONS: Mapping[str, int] = MappingProxyType({"votes": 1})
SERVES_DISKS: Mapping[str, int] = MappingProxyType({"MSCP_LOAD": 1, "MSCP_SERVE_ALL": 1})
NO_CHANGES: Mapping[str, int] = MappingProxyType({})  # of parameters
MIRROR_NODE = "HBVS1"  # the Alpha that keeps the mirror sets
MIRROR_SERIAL = 0xFFFF  # of its controller
MIRROR_LIMIT = 12  # sets, as far as its memory goes
MIRROR_MEMORY_BYTES = 32 << 20


@dataclass
class World:
    """Everything there is.  `controllers`, `shelves`, `nodes` and `mirrors` keep the order in which they were made.

    The controller inside the mirror sets, with the disks behind the disks, is not among `controllers`.
    """

    clock: Scheduler = field(default_factory=Scheduler)
    tracer: Tracer = field(default_factory=Tracer)
    boot_time: int = 0
    controllers: list[Controller] = field(default_factory=list)
    shelves: list[StorageShelf] = field(default_factory=list)
    nodes: dict[str, Node] = field(default_factory=dict)
    mirrors: dict[str, MirrorSet] = field(default_factory=dict)
    _mirror_controller: Controller | None = field(default=None, init=False)
    _machines: dict[str, Machine] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.lan = Lan(self.clock)

    def add_controller(self, firmware: Firmware, name: str = "") -> Controller:
        """Power up a controller from its firmware."""
        number = len(self.controllers)
        name = name or f"{firmware.name.upper()}-{number}"
        controller = Controller(self.clock, self.tracer, name, firmware, serial=number + 1)
        self.controllers.append(controller)
        return controller

    def add_shelf(self, name: str = "") -> StorageShelf:
        """Power up a SCSI bus; `StorageShelf.add_disk` puts disks on it."""
        shelf = StorageShelf(self.clock, self.tracer, name or f"SHELF-{len(self.shelves)}")
        self.shelves.append(shelf)
        return shelf

    def add_alpha(
        self,
        name: str,
        *controllers: Controller,
        shelves: Sequence[StorageShelf] = (),
        program: ScriptsImage | None = None,
        scsi_id: int = 7,
        memory_bytes: int = ALPHA_MEMORY_BYTES,
        stores: Callable[[Ram], StoreBuffer] | None = None,
        cluster: Mapping[str, int] | None = ALPHA_OPTIONS,
        parameters: Mapping[str, int] = NO_CHANGES,
    ) -> Node:
        """Make an Alpha; plug it into controllers with XMI-class ports, into SCSI buses with a 53C810 each.

        program: the SCRIPTS of its port driver.  scsi_id: of its adapters.  stores: makes what its stores wait in;
        without it they are in memory at once.  cluster: `votes`, `expected_votes`, `group`, `capabilities`;
        None keeps it off the LAN.  parameters: system parameters that are not the default; SERVES_DISKS lets the
        other nodes reach its disks.

        Raises:
            KeyError, ParameterError: there is no such parameter, or it has no such value.
        """
        ram = Ram(memory_bytes)
        buffer = stores(ram) if stores is not None else None
        memory, barrier = (ram, None) if buffer is None else (buffer, buffer.barrier)

        def platform() -> Platform:
            return AlphaPlatform(name, self.clock, memory, memory_bytes, self.tracer, barrier)

        def chip(windows: PciWindows, line: InterruptRequest, number: int) -> Sym53c810:
            bus = shelves[number].bus
            return Sym53c810(self.clock, windows, line, bus, self.tracer, f"{name}/53C810-{number}")

        current = changed_parameters(AlphaPlatform.kind, parameters)
        machine = self._add_machine(name, ram, ram, platform, current, cluster, buffer)
        for controller in controllers:
            machine.plug_controller(controller)
        if shelves:
            assert program is not None, "a 53C810 needs SCRIPTS"
            machine.plug_chips(program, scsi_id, len(shelves), chip)
        return self._start_software(name)

    def add_vax(
        self,
        name: str,
        *controllers: Controller,
        memory_bytes: int = VAX_MEMORY_BYTES,
        cluster: Mapping[str, int] | None = VAX_OPTIONS,
        parameters: Mapping[str, int] = NO_CHANGES,
    ) -> Node:
        """Make a MicroVAX and plug controllers into its Q-bus; cluster, parameters: as for an Alpha.

        A node without controllers reaches the disks that others serve.
        """
        ram = Ram(memory_bytes)
        qbus = QbusMap(ram)

        def platform() -> Platform:
            return VaxPlatform(name, self.clock, ram, memory_bytes, qbus.registers, self.tracer)

        current = changed_parameters(VaxPlatform.kind, parameters)
        machine = self._add_machine(name, ram, qbus, platform, current, cluster)
        for controller in controllers:
            machine.plug_controller(controller, PortKind.QBUS)
        return self._start_software(name)

    def add_mirror(
        self, name: str, media: Sequence[MirrorMedia], firmware: Firmware, *, block_count: int = 0
    ) -> MirrorSet:
        """Make a mirror set of one to three disks; `MirrorSet.open` or `create` brings it up.

        firmware: of the controller that the sets' Alpha gets with the first set; it needs a drive of any
        size.  block_count: what the guest sees, 0 for the size of the smallest image.

        Raises:
            ValueError: the name is taken, there are too many sets or images, or an image is too small or
                another's copy.
        """
        serials = [each.serial for each in media]
        serials += [disk.serial for mirror in self.mirrors.values() for disk in mirror.disks]
        if name in self.mirrors:
            raise ValueError(f"{name} is there already")
        if len(self.mirrors) >= MIRROR_LIMIT:
            raise ValueError(f"{MIRROR_LIMIT} mirror sets are all that {MIRROR_NODE} has memory for")
        if not 0 < len(media) <= MAXIMUM_MEMBERS:
            raise ValueError(f"{name} needs 1 to {MAXIMUM_MEMBERS} images, not {len(media)}")
        if len(set(serials)) != len(serials):
            raise ValueError(f"{name}: two images have one serial number, one is a copy of the other")
        block_count = block_count or min(each.image.block_count for each in media)
        for each in media:
            if each.image.block_count < block_count:
                raise ValueError(
                    f"{each.path} has {each.image.block_count} blocks, fewer than the {block_count} of {name}"
                )
        if self._mirror_controller is None:
            # Its serial number tells it from the others; its units have their own.
            self._mirror_controller = Controller(
                self.clock, self.tracer, MIRROR_NODE + "-CTL", firmware, MIRROR_SERIAL
            )
            self.add_alpha(
                MIRROR_NODE, self._mirror_controller, memory_bytes=MIRROR_MEMORY_BYTES, cluster=None
            )
        mirror = self.mirrors[name] = MirrorSet(
            name,
            self.nodes[MIRROR_NODE],
            self._mirror_controller,
            media,
            virtual_unit=len(self.mirrors) + 1,
            first_disk=sum(len(other.disks) for other in self.mirrors.values()),
            block_count=block_count,
        )
        return mirror

    def _add_machine(
        self,
        name: str,
        ram: Ram,
        bus: HostMemory,
        platform: Callable[[], Platform],
        parameters: SystemParameters,
        cluster: Mapping[str, int] | None,
        stores: StoreBuffer | None = None,
    ) -> Machine:
        def loaded() -> Platform:
            made = platform()
            made.boot_time = self.boot_time
            parameters.boot()
            made.parameters = parameters
            return made

        def node(platform: Platform) -> Node:
            if cluster is None:
                return Node(name, platform, Cluster(platform, None))
            return Node(name, platform, Cluster(platform, self.lan.station(name), **cluster))

        machine = self._machines[name] = Machine(ram, bus, loaded, node, stores)
        return machine

    def _start_software(self, name: str) -> Node:
        node = self.nodes[name] = self._machines[name].start_software()
        return node

    def boot(self) -> None:
        """Boot every node that is not up, and wait until its disks are known and it is in the cluster."""
        if not self.settle(self.begin_boot()):
            raise Failure(Message("SYSTEM", "F", "HANGUP", "a node does not boot"))

    def begin_boot(self) -> Callable[[], bool]:
        """Begin to boot every node that is not up; what is returned tells whether all are."""
        up: list[object] = []
        self._expect_votes()
        for node in self.nodes.values():
            node.run("boot", node.boot(alone=self.is_alone), up.append)
        count = len(self.nodes)
        return lambda: len(up) == count

    def boot_one(self, node: Node) -> Procedure:
        """Boot one node, whatever the others do."""
        self._expect_votes()
        return node.boot(alone=self.is_alone)

    def _expect_votes(self) -> None:
        """Have nodes expect the votes of all, so that none forms a cluster beside the one there is."""
        managers = [node.cluster.manager for node in self.nodes.values() if node.cluster.port is not None]
        votes = sum(manager.votes for manager in managers)
        for manager in managers:
            manager.expected_votes = max(manager.expected_votes, votes)

    @property
    def is_alone(self) -> bool:
        """Whether no cluster can come of this world: there is one node, and nobody else on the LAN."""
        return len(self.lan.stations) < 2 and not self.lan.bridged

    def crash(self, name: str, *, last_gasp: bool = False) -> None:
        """Stop a node at this instant."""
        self.nodes[name].crash(last_gasp=last_gasp)

    def pause(self, name: str) -> None:
        """Let a node's processor stand still between two instants (HALT at its console); what comes for it waits."""
        self.clock.run_soon()
        self.nodes[name].platform.pause()
        self.lan.stations[name].hold()

    def go_on(self, name: str) -> None:
        """Let a processor go on that stands still (CONTINUE)."""
        station = self.lan.stations[name]
        self.nodes[name].platform.go_on()
        for datagram in station.release():
            self.clock.call_soon(partial(station.take, datagram))

    def reboot(self, name: str) -> Node:
        """Load the drivers of a node anew; `Node.boot` boots it.  One that runs crashes first."""
        self.crash(name)
        return self._start_software(name)

    def run(self, node: Node, procedure: Procedure) -> object:
        """Run a procedure on a node to its end; returns its result, raises its Failure."""
        results: list[object] = []
        node.run("procedure", procedure, results.append)
        if not self.clock.run_until(lambda: bool(results), self.clock.now_ns + PATIENCE_NS):
            raise Failure(
                Message("SYSTEM", "F", "HANGUP", "the procedure waits for something that never comes")
            )
        if isinstance(results[0], Failure):
            raise results[0]
        return results[0]

    def settle(self, condition: Callable[[], bool]) -> bool:
        """Let the world go on until `condition` holds; False when it has gone on long enough, or nothing is left."""
        return self.clock.run_until(condition, self.clock.now_ns + PATIENCE_NS)


def mechanics_of(drive: DriveType) -> Mechanics | None:
    """Return how a drive moves, for `SlowDevice.of_drive`; None where that is not known, or nothing moves."""
    if not drive.rpm:
        return None
    return Mechanics(
        track_blocks=drive.track,
        cylinder_blocks=drive.cylinder_blocks,
        cylinders=-(-drive.block_count // drive.cylinder_blocks),
        rpm=drive.rpm,
        seek_one_ns=drive.seek_one_us * MICROSECOND_NS,
        seek_average_ns=drive.seek_average_us * MICROSECOND_NS,
        seek_full_ns=drive.seek_full_us * MICROSECOND_NS,
    )


def drive_for(firmware: Firmware, medium: BlockDevice, drive: str = "") -> DriveType:
    """Choose the drive type for a medium: the one named, the one of exactly this size, or a user-sized one.

    Raises:
        ValueError: the controller knows no such drive, or the medium does not fit it.
    """
    size = medium.block_count
    if drive:
        kind = firmware.drives.get(drive.upper())
        if kind is None:
            known = ", ".join(sorted(firmware.drives))
            raise ValueError(f"{firmware.name} knows no drive {drive.upper()}; it knows {known}")
        return _user_sized(kind, size) if kind.sized_by_user else kind
    for kind in firmware.drives.values():
        if kind.block_count == size and not kind.sized_by_user:
            return kind
    kind = firmware.drives.get(USER_SIZED)
    if kind is None:
        raise ValueError(f"{firmware.name} has no drive of {size} blocks and none that is sized by the user")
    return _user_sized(kind, size)


@cache
def _user_sized(kind: DriveType, block_count: int) -> DriveType:
    """Make a drive of this size; world after world has disks of the same few sizes."""
    return kind.user_sized(block_count)
