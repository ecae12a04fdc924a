"""A scenario: a small world and a story in it, all drawn from one seed, all values.

What a step does to whom is decided when it is played, by its `pick` and by who is there then: so a scenario from which
steps are taken away is still one, and may be a shorter story of the same fault.
"""

from dataclasses import dataclass, replace
from enum import Enum

from emu.core.chance import Chance
from emu.core.clock import MICROSECOND_NS, MILLISECOND_NS, SECOND_NS


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
    POWER_LOSS = "the power fails"
    CRASH = "a node crashes"
    REBOOT = "a node that is down boots"
    BREAK_LINK = "the cable between two nodes breaks"
    BREAK_ONE_WAY = "a cable between two nodes breaks in one direction"
    STORM = "the LAN loses, doubles and delays"
    MEND_LAN = "the LAN is well again"


FIRMWARE = ("hbvs-shadow", "kdm70")  # with copy commands, and without
_ORDINARY = (Action.LEAVE, Action.RETURN, Action.DELETE_BITMAP, Action.DISMOUNT, Action.MOUNT)
_LAN_FAULTS = (Action.BREAK_LINK, Action.BREAK_ONE_WAY, Action.STORM)
_REPAIRS = (Action.HEAL, Action.REBOOT, Action.MEND_LAN)
_FAULTS = tuple(action for action in Action if action not in (*_ORDINARY, *_REPAIRS))
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
class Scenario:
    """Everything a run is made of.

    nodes: names; those that begin with VAX are VAXes.  firmware: of the controller.  latency_us: of a disk's
    requests, least and most.  lan_us: latency of the LAN.  depth: requests that an application has under way.  hot: the
    part of the blocks that is written, in percent.
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

    def only(self, numbers: frozenset[int]) -> "Scenario":
        """The same world, with these steps of the story."""
        return replace(self, steps=tuple(step for step in self.steps if step.number in numbers))

    def __str__(self) -> str:
        lines = [
            f"seed {self.seed}: {', '.join(self.nodes)}; {self.disks} disks of {self.block_count} blocks behind "
            f"{self.firmware}, {self.latency_us[0]} to {self.latency_us[1]} us; {self.depth} requests at a time, "
            f"1 to {self.largest_blocks} blocks, {self.read_percent} % reads"
        ]
        lines += [
            f"{step.number:4}  {step.writes:3} writes, {step.after_ns / MILLISECOND_NS:9.2f} ms, {step.action.value}"
            + ("" if step.patience_ns == COMMAND_NS else f", for {step.patience_ns / MILLISECOND_NS:.2f} ms")
            for step in self.steps
        ]
        return "\n".join(lines)


def draw(seed: int) -> Scenario:
    """Draw a scenario: each run leaves some kinds of fault out, and has others often."""
    stream = Chance(seed).stream("scenario")

    def a_while(may_be_long: bool = False) -> int:
        if may_be_long and stream.random() < 0.15:
            return stream.randint(0, LONG_NS)
        return stream.randint(0, stream.choice((20, 300, 4000))) * MICROSECOND_NS

    nodes = ["ALPHA1"]
    nodes += ["VAX1"] if stream.random() < 0.6 else []
    nodes += ["ALPHA2"] if stream.random() < 0.3 else []
    possible = [fault for fault in _FAULTS if len(nodes) > 1 or fault not in _LAN_FAULTS]
    faults = stream.sample(possible, stream.randint(0, 3))
    if stream.random() < 0.35 and Action.CRASH not in faults:
        faults.append(Action.CRASH)
    weights = dict.fromkeys(_ORDINARY, 3.0) | {fault: stream.choice((1, 4, 8)) for fault in faults}
    weights[Action.LEAVE] = weights[Action.RETURN] = 8.0
    cluster_fails = not {Action.CRASH, *_LAN_FAULTS}.isdisjoint(faults)
    if faults:
        weights[Action.HEAL] = 3.0
    if cluster_fails:
        weights[Action.REBOOT] = 8.0
    if not set(_LAN_FAULTS).isdisjoint(faults):
        weights[Action.MEND_LAN] = 3.0
    hasty = stream.random() < 0.5  # whether things happen while commands are under way
    low_us = stream.choice((1, 20, 200))
    steps = tuple(
        Step(
            number,
            writes=stream.choice((0, 1, 4, 12)),
            after_ns=a_while(cluster_fails),
            action=stream.choices(list(weights), list(weights.values()))[0],
            pick=stream.randrange(1 << 16),
            patience_ns=a_while() if hasty and stream.random() < 0.5 else COMMAND_NS,
        )
        for number in range(stream.randint(3, 9))
    )
    return Scenario(
        seed=seed,
        nodes=tuple(nodes),
        disks=stream.choice((2, 3, 3, 4)),
        block_count=stream.choice((300, 700, 1500)),
        firmware=stream.choice(FIRMWARE),
        latency_us=(low_us, low_us * stream.choice((1, 2, 20))),
        lan_us=stream.choice((0, 0, 50, 1000)),
        depth=stream.choice((1, 4, 8)),
        largest_blocks=stream.choice((1, 4, 4, 20, 130)),
        read_percent=stream.choice((0, 20, 50)),
        hot_percent=stream.choice((5, 30, 100)),
        steps=steps,
    )
