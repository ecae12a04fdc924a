"""What the disks of a simulated world hang on: an MSCP controller, or a SCSI bus with a 53C810 of each node."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from drivers.classes.dk_copy import COPY_TIMEOUT_NS
from drivers.cluster.node import Node
from emu.core.block import BlockDevice
from emu.core.clock import MILLISECOND_NS, SECOND_NS, Timer
from emu.hw.firmware import Firmware
from emu.hw.memory.ram import Ram
from emu.hw.memory.store_buffer import StoreBuffer
from emu.hw.scsi.logical_unit import LogicalUnit
from emu.hw.uqssp.board import DiesStarting
from emu.hw.uqssp.connection import FIRST_CREDITS
from emu.hw.uqssp.port import UqsspPort
from emu.sim.disks import FIRST_UNIT, NODE_MEMORY_BYTES, Disk, device_name
from emu.sim.scenario import SCSI_ARRAY, SCSI_DRIVES, Scenario
from emu.sim.storage_shelf import HSZ
from emu.sim.world import World, drive_for
from emu.wire.codes.scsi import Asc
from emu.wire.scripts_image import ScriptsImage

FATAL_CODE = 12
INIT_NS = 8 * MILLISECOND_NS  # from a self test until the host has what it wants, and a bit
RECOVERY_NS = 70 * SECOND_NS  # a minute's time-out, and the means of recovery one after another
RESET_NS = 300 * MILLISECOND_NS  # a bus reset, and what hosts do after it
HOST_ID = 7  # of the first node; the next one's is lower

Stores = Callable[[Ram], StoreBuffer]  # makes what an Alpha's stores wait in


class Storage(Protocol):
    """Disks and nodes are plugged into it; disks come and go while it works.

    recovery_ns: how long a host may wait, faults having stopped, for what nobody works on any more.  silence_ns: how
    long it may take to find out that a controller has hung.  outlives_hosts: what a node had under way goes on for a
    while when it crashes.
    """

    recovery_ns: int
    silence_ns: int
    outlives_hosts: bool

    def plug_in(self, disk: Disk, medium: BlockDevice) -> None: ...

    def add_node(self, name: str, parameters: Mapping[str, int], stores: Stores | None) -> Node:
        """Plug a node in; a VAX has no stores that wait."""

    def take_out(self, disk: Disk) -> None: ...

    def put_back(self, disk: Disk) -> None: ...

    def stop(self, pick: int) -> None:
        """Have a controller stop, or a bus be reset, under whatever is going on."""

    def hang(self, pick: int) -> None:
        """Have a controller do nothing any more; a bus is reset."""

    def stumble(self, pick: int) -> None:
        """Have a controller stop, and again while it is started; a bus is reset twice."""

    def calm(self) -> None:
        """End what it does by itself."""

    def disturb(self, disk: Disk, *, reset: bool) -> None:
        """Have a SCSI unit be reset, which forgets what it was told, or say that its parameters have changed."""

    def leftovers(self) -> Iterator[str]:
        """Tell what is owed or missing, when all is quiet."""


@dataclass(frozen=True, slots=True)
class Equipment:
    """What worlds are made of.  firmware: by name, all that scenarios name.  program: the SCRIPTS of SCSI ports."""

    firmware: Mapping[str, Firmware]
    program: ScriptsImage

    @property
    def any_firmware(self) -> Firmware:
        return next(iter(self.firmware.values()))

    def storage(self, world: World, scenario: Scenario) -> Storage:
        """Switch on what the disks of a scenario hang on."""
        if scenario.firmware in (SCSI_ARRAY, SCSI_DRIVES):
            return ScsiStorage(world, scenario.firmware, self.program)
        firmware = self.firmware[scenario.firmware]
        if scenario.credits is not None:
            firmware = replace(firmware, credits=scenario.credits)
        return MscpStorage(world, firmware)

    def device_name(self, scenario: Scenario, number: int) -> str:
        """Tell the name that a disk has for VMS."""
        if scenario.firmware == SCSI_ARRAY:
            return f"$1$DKA{number}:"
        if scenario.firmware == SCSI_DRIVES:
            return f"$1$DKA{100 * number}:"
        return device_name(number)


class MscpStorage:
    """One controller of this firmware, with a port for each node."""

    recovery_ns = 0  # a controller answers for a unit that is gone
    outlives_hosts = False  # a port that is initialised forgets its commands

    def __init__(self, world: World, firmware: Firmware) -> None:
        self.silence_ns = 0
        self._world = world
        self._firmware = firmware
        self._controller = world.add_controller(firmware)
        self._boards: dict[UqsspPort, DiesStarting] = {}
        self._taken: dict[Disk, BlockDevice] = {}

    def plug_in(self, disk: Disk, medium: BlockDevice) -> None:
        self._controller.attach_unit(
            FIRST_UNIT + disk.number, medium, drive_for(self._firmware, disk.platter)
        )

    def add_node(self, name: str, parameters: Mapping[str, int], stores: Stores | None) -> Node:
        if name.startswith("VAX"):
            return self._world.add_vax(
                name, self._controller, memory_bytes=NODE_MEMORY_BYTES, parameters=parameters
            )
        return self._world.add_alpha(
            name, self._controller, memory_bytes=NODE_MEMORY_BYTES, stores=stores, parameters=parameters
        )

    def take_out(self, disk: Disk) -> None:
        self._taken[disk] = self._controller.detach_unit(FIRST_UNIT + disk.number)

    def put_back(self, disk: Disk) -> None:
        self._controller.load_unit(FIRST_UNIT + disk.number, self._taken.pop(disk))

    def _working(self, pick: int) -> UqsspPort | None:
        """Choose a port, if it works and is not about to die as it is: a host gives one up that dies three times."""
        ports = self._controller.ports
        port = ports[pick % len(ports)]
        driver = list(self._world.nodes.values())[pick % len(ports)].controllers[0]
        board = self._boards.get(port)
        works = port.running and driver.running.is_set and (board is None or not board.left)
        return port if works else None

    def stop(self, pick: int) -> None:
        if (port := self._working(pick)) is not None:
            port.fail(FATAL_CODE)

    def hang(self, pick: int) -> None:
        if (port := self._working(pick)) is not None:
            port.hang()
            # The host asks how its oldest command does when this time is over, and gives up when it is over again.
            self.silence_ns += (2 * self._firmware.controller_timeout_s + 10) * SECOND_NS

    def stumble(self, pick: int) -> None:
        if (port := self._working(pick)) is not None:
            after_ns = pick // 7 % 80 * INIT_NS // 80
            port.board = self._boards[port] = DiesStarting(FATAL_CODE, after_ns, times=1 + pick % 2)
            port.fail(FATAL_CODE)

    def calm(self) -> None:
        for board in self._boards.values():
            board.left = 0

    def disturb(self, disk: Disk, *, reset: bool) -> None:
        raise AssertionError("no story of an MSCP controller has SCSI units in it")

    def leftovers(self) -> Iterator[str]:
        for (name, node), port in zip(self._world.nodes.items(), self._controller.ports, strict=True):
            if port.rings is None:
                continue  # it has stopped, and nobody has had a reason to find out
            if port.traffic.busy:
                yield f"{name}: the controller owes an answer"
            responses, commands = port.rings
            if commands.owned or responses.owned != responses.length:
                yield f"{name}: a descriptor is not given back"
            held = {connection.identifier: connection.credits for connection in port.traffic.connections}
            for connection in node.controllers[0].port.connections:
                if connection.credits != held[connection.identifier]:
                    yield f"{name}: host and controller do not agree about credits"
            if sum(held.values()) + port.traffic.pool != FIRST_CREDITS * len(held) + self._firmware.credits:
                yield f"{name}: credits are lost"


class ScsiStorage:
    """One bus: Alphas with identifiers from 7 down, and the disks at targets from 0 up.

    arrangement: SCSI_ARRAY has all disks at one target, which copies between them; else each is its own.
    """

    silence_ns = 0
    outlives_hosts = True  # a target that has a command and its data goes on

    def __init__(self, world: World, arrangement: str, program: ScriptsImage) -> None:
        self.recovery_ns = RECOVERY_NS
        self._world = world
        self._program = program
        self._shelf = world.add_shelf()
        self._is_array = arrangement == SCSI_ARRAY
        self._taken: dict[Disk, LogicalUnit] = {}
        self._second_stop: Timer | None = None

    def _place(self, disk: Disk) -> tuple[int, int]:
        return (0, disk.number) if self._is_array else (disk.number, 0)

    def plug_in(self, disk: Disk, medium: BlockDevice) -> None:
        target, lun = self._place(disk)
        self._shelf.add_disk(target, medium, HSZ, lun=lun)

    def add_node(self, name: str, parameters: Mapping[str, int], stores: Stores | None) -> Node:
        return self._world.add_alpha(
            name,
            shelves=[self._shelf],
            program=self._program,
            scsi_id=HOST_ID - len(self._world.nodes),
            memory_bytes=NODE_MEMORY_BYTES,
            stores=stores,
            parameters=parameters,
        )

    def take_out(self, disk: Disk) -> None:
        target, lun = self._place(disk)
        self._taken[disk] = self._shelf.targets[target].detach(lun)

    def put_back(self, disk: Disk) -> None:
        target, lun = self._place(disk)
        self._shelf.targets[target].attach(lun, self._taken.pop(disk))
        # A node that booted meanwhile does not know the disk: the operator says SYSMAN IO AUTOCONFIGURE.
        for node in self._world.nodes.values():
            for driver in node.adapters:
                if driver.ready.is_set and not node.crashed:
                    node.run("autoconfigure", driver.configuration.find_unit(target, lun), lambda _: None)

    def stop(self, pick: int) -> None:
        """Reset the bus; each node hears of it and sends again what was under way."""
        up = [node for node in self._world.nodes.values() if not node.crashed]
        if up:
            up[pick % len(up)].adapters[0].port.reset_bus("the story wants it")

    def hang(self, pick: int) -> None:
        self.stop(pick)

    def stumble(self, pick: int) -> None:
        self.stop(pick)
        after_ns = pick // 7 % 80 * RESET_NS // 80
        self._second_stop = self._world.clock.call_after(after_ns, lambda: self.stop(pick // 3))

    def calm(self) -> None:
        if self._second_stop is not None:
            self._second_stop.cancel()

    def disturb(self, disk: Disk, *, reset: bool) -> None:
        if disk in self._taken:
            return
        target, lun = self._place(disk)
        unit = self._shelf.targets[target].units[lun]
        if reset:
            unit.reset(int(Asc.RESET))
            self.recovery_ns = (
                COPY_TIMEOUT_NS + RECOVERY_NS
            )  # it says nothing of a copy that it has forgotten
        else:
            unit.establish_unit_attention(int(Asc.MODE_PARAMETERS_CHANGED))

    def leftovers(self) -> Iterator[str]:
        if not self._shelf.bus.free:
            yield f"{self._shelf.name}: the bus is not free"
        for number, target in self._shelf.targets.items():
            for lun, unit in target.units.items():
                if unit.task_set.count or any(itl.tasks for itl in unit.nexuses.values()):
                    yield f"target {number} LUN {lun} has a task left"
        for name, node in self._world.nodes.items():
            port = node.adapters[0].port
            if port.is_busy:
                yield f"{name}: the adapter has a command left"
