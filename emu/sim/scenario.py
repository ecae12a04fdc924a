"""A scenario: a small world and a story in it, all drawn from one seed, all values.

What a step does to whom is decided when it is played, by its `pick` and by who is there then: so a scenario from which
steps are taken away is still one, and may be a shorter story of the same fault.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from emu.core.clock import MILLISECOND_NS, SECOND_NS
from emu.sim.workload import Workload


class Action(Enum):
    """What may happen between two bursts of writes."""

    LEAVE = "a member leaves"
    RETURN = "a disk that left is mounted again"
    DELETE_BITMAP = "a bitmap is deleted"
    DISMOUNT = "a node dismounts the set"
    MOUNT = "a node mounts the set"
    WEAK_DISK = "a disk fails some requests"
    DEAD_DISK = "a disk fails every request"
    TORN_WRITE = "a write stops half way"
    UNREADABLE_BLOCK = "a block cannot be read"
    TAKE_DISK = "a disk is taken out"
    HEAL = "disks are well again"
    STOP_CONTROLLER = "a controller stops with a fatal error"
    HANG_CONTROLLER = "a controller does nothing any more, and does not say so"
    STUMBLING_CONTROLLER = "a controller stops, and again while it is started"
    STRAY_INTERRUPT = "an interrupt comes that nobody asked for"
    POWER_LOSS = "the power fails"
    CRASH = "a node crashes"
    REBOOT = "a node that is down boots"
    BREAK_LINK = "the cable between two nodes breaks"
    BREAK_ONE_WAY = "a cable between two nodes breaks in one direction"
    STORM = "the LAN loses, doubles and delays"
    MEND_LAN = "the LAN is well again"
    RESTORE = "a disk that left gets back what it held when it left before"
    RESET_UNIT = "a SCSI unit is reset, and says so"
    ATTENTION = "a SCSI unit says that its parameters have changed"
    PAUSE = "a processor stands still for a while"
    SILENT_DISK = "a disk does not answer"
    SCARCE_POOL = "the pool of a node is nearly used up"
    FREE_POOL = "pool is free again"


FIRMWARE = ("hbvs-shadow", "kdm70")  # with copy commands, and without
SCSI_ARRAY, SCSI_DRIVES = "SCSI array", "SCSI drives"  # the same two, on a SCSI bus
WITHOUT_END = -1  # of stores that wait
COMMAND_NS = 300 * SECOND_NS  # how long an operator waits for a command: longer than a member is waited for
LONG_NS = 40 * SECOND_NS  # time enough to find out that a node is gone, and to go on without it


@dataclass(frozen=True, slots=True)
class Step:
    """One turn of the story: a burst of writes on every node, some time, then the action.

    pick: chooses the subject of the action among those that are there.  patience_ns: how long the story waits for the
    end of a command; it goes on while one is under way when that is short.
    """

    number: int
    writes: int
    after_ns: int
    action: Action
    pick: int
    patience_ns: int = COMMAND_NS


@dataclass(frozen=True, slots=True)
class Settings:
    """How a node is set up.

    parameters: of the system, by name; the others have their defaults.  keeps_local: whether it has local bitmaps.
    stores: how many stores wait in the processor before they are in memory, WITHOUT_END until there is a barrier; 0 for
    none.  map_registers: those that other devices of its bus leave for its disks; 0 for all of them.  interrupt_us: how
    late interrupts are.
    """

    parameters: Mapping[str, int] = field(default_factory=dict)
    keeps_local: bool = True
    stores: int = 0
    map_registers: int = 0
    interrupt_us: int = 0

    def __str__(self) -> str:
        words = [f"{name} {value}" for name, value in self.parameters.items()]
        words += [] if self.keeps_local else ["no local bitmaps"]
        if self.stores:
            words += [
                "stores wait for a barrier" if self.stores == WITHOUT_END else f"{self.stores} stores wait"
            ]
        words += [f"{self.map_registers} map registers"] if self.map_registers else []
        words += [f"interrupts {self.interrupt_us} us late"] if self.interrupt_us else []
        return ", ".join(words)


@dataclass(frozen=True, slots=True)
class Scenario:
    """Everything a run is made of.

    nodes: names; those that begin with VAX are VAXes.  firmware: of the controller, or what is on the SCSI bus.
    latency_us: of a disk's requests, least and most.  lan_us: latency of the LAN.  depth: requests that an application
    has under way.  hot: the part of the blocks that is written, in percent.  settings: by node.
    workload: where it reads and writes there.  credits: that the controller has to give; None for its own number.
    """

    seed: int
    nodes: tuple[str, ...]
    disks: int
    block_count: int
    firmware: str
    latency_us: tuple[int, int]
    lan_us: int
    depth: int
    largest_blocks: int
    read_percent: int
    hot_percent: int
    steps: tuple[Step, ...]
    settings: Mapping[str, Settings]
    workload: Workload
    credits: int | None = None

    def only(self, numbers: frozenset[int]) -> "Scenario":
        """The same world, with these steps of the story."""
        return replace(self, steps=tuple(step for step in self.steps if step.number in numbers))

    def __str__(self) -> str:
        lines = [
            f"seed {self.seed}: {', '.join(self.nodes)}; {self.disks} disks of {self.block_count} blocks behind "
            f"{self.firmware}, {self.latency_us[0]} to {self.latency_us[1]} us; {self.depth} requests at a time, "
            f"1 to {self.largest_blocks} blocks, {self.read_percent} % reads, {self.workload.value}"
            + ("" if self.credits is None else f"; {self.credits} credits")
        ]
        lines += [f"  {node}: {settings}" for node, settings in self.settings.items() if str(settings)]
        lines += [
            f"{step.number:4}  {step.writes:3} writes, {step.after_ns / MILLISECOND_NS:9.2f} ms, {step.action.value}"
            + ("" if step.patience_ns == COMMAND_NS else f", for {step.patience_ns / MILLISECOND_NS:.2f} ms")
            for step in self.steps
        ]
        return "\n".join(lines)
