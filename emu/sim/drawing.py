"""Drawing a scenario from a seed.

The story and what it cannot do without come from one stream of chance.  Whatever came later (`_draw_settings`) has a
stream of its own, so that a seed keeps its story: it only happens on other machines.
"""

from collections.abc import Sequence
from dataclasses import replace

from emu.core.chance import Chance
from emu.core.clock import MICROSECOND_NS, SECOND_NS
from emu.sim.scenario import (
    COMMAND_NS,
    FIRMWARE,
    LONG_NS,
    SCSI_ARRAY,
    SCSI_DRIVES,
    WITHOUT_END,
    Action,
    Scenario,
    Settings,
    Step,
)
from emu.sim.workload import Workload

_ORDINARY = (Action.LEAVE, Action.RETURN, Action.DELETE_BITMAP, Action.DISMOUNT, Action.MOUNT)
_LAN_FAULTS = (Action.BREAK_LINK, Action.BREAK_ONE_WAY, Action.STORM)
_REPAIRS = (Action.HEAL, Action.REBOOT, Action.MEND_LAN)
_POOL = (Action.SCARCE_POOL, Action.SCARCE_POOL, Action.FREE_POOL)
_UNIT = (Action.RESET_UNIT, Action.ATTENTION)
_CONTROLLER = (Action.HANG_CONTROLLER, Action.STUMBLING_CONTROLLER, Action.STRAY_INTERRUPT)
_LATER = (
    *_POOL,
    *_UNIT,
    *_CONTROLLER,
    Action.PAUSE,
    Action.RESTORE,
    Action.SILENT_DISK,
)  # streams of their own
_FAULTS = tuple(action for action in Action if action not in (*_ORDINARY, *_REPAIRS, *_LATER))

_WORKLOADS = (Workload.RANDOM, Workload.RANDOM, Workload.SEQUENTIAL, Workload.FILES)
_MAP_REGISTERS = (131, 140, 300)  # the largest request takes 131, one page more than its blocks

_CREDITS = (1, 2, 5)
_LATE_US = (5, 50, 500)

_BUFFERED = {"WBM_MSG_INT": 10, "WBM_MSG_UPPER": 0, "WBM_MSG_LOWER": 0}

# Of what the disk misses, as long as it is restored, only what is written before it leaves again is in no bitmap.
_RESTORATION = (
    (4, Action.LEAVE),
    (0, Action.RETURN),
    (12, Action.LEAVE),
    (0, Action.RESTORE),
    (0, Action.RETURN),
)

# What is drawn of each system parameter; times in the parameter's own unit.
_VALUES = {
    "SHADOW_MAX_COPY": (0, 1, 4),
    "SHADOW_MBR_TMO": (1, 5, 30, 600),
    "MVTIMEOUT": (60, 600, 64_000),
    "WBM_MSG_INT": (10, 100, 2000),
    "WBM_MSG_UPPER": (0, 2, 20),
    "WBM_MSG_LOWER": (0, 2, 20),
}


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
    steps = _with_some(seed, "pool", 0.15, _POOL, steps)
    steps = _with_some(seed, "pause", 0.15, (Action.PAUSE,), steps)
    steps = _with_some(seed, "silence", 0.1, (Action.SILENT_DISK, Action.HEAL), steps)
    steps = _with_some(seed, "controller", 0.15, _CONTROLLER, steps)
    steps = _with_restoration(seed, steps)
    settings = _draw_settings(seed, nodes)
    if len(nodes) > 1 and Chance(seed).stream("buffered").random() < 0.04:
        # Many writes that are reported one by one: SetBits messages are buffered.
        settings = {
            node: replace(each, parameters={**each.parameters, **_BUFFERED}, keeps_local=False)
            for node, each in settings.items()
        }
        steps = tuple(replace(step, writes=8 * step.writes) for step in steps)
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
        settings=settings,
        workload=Chance(seed).stream("workload").choice(_WORKLOADS),
        credits=_draw_credits(seed),
    )


def draw_scsi(seed: int) -> Scenario:
    """Draw the same story on a SCSI bus: who is a VAX in the other one is an Alpha here, and units want attention."""
    scenario = draw(seed)
    names = {name: name.replace("VAX1", "ALPHA3") for name in scenario.nodes}
    return replace(
        scenario,
        nodes=tuple(names.values()),
        steps=_with_some(seed, "unit", 0.3, _UNIT, scenario.steps),
        firmware=(SCSI_ARRAY, SCSI_DRIVES)[FIRMWARE.index(scenario.firmware)],
        settings={names[name]: replace(each, map_registers=0) for name, each in scenario.settings.items()},
    )


def _with_some(
    seed: int, name: str, share: float, actions: Sequence[Action], steps: tuple[Step, ...]
) -> tuple[Step, ...]:
    """In this share of the runs, let up to three steps of a story end with other actions; the stream has this name."""
    stream = Chance(seed).stream(name)
    if stream.random() >= share:
        return steps
    changed = list(steps)
    for place in stream.sample(range(len(steps)), stream.randint(1, 3)):
        changed[place] = replace(steps[place], action=stream.choice(actions))
    return tuple(changed)


def _with_restoration(seed: int, steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """In some runs, let a disk come and go, and come back as it was long ago."""
    stream = Chance(seed).stream("restoration")
    if stream.random() >= 0.06 or len(steps) < len(_RESTORATION):
        return steps
    first, pick = stream.randrange(len(steps) - len(_RESTORATION) + 1), stream.randrange(1 << 16)
    changed = list(steps)
    for place, (writes, action) in enumerate(_RESTORATION, first):
        step = steps[place]
        changed[place] = Step(step.number, writes, step.after_ns + SECOND_NS, action, pick)
    return tuple(changed)


def _draw_credits(seed: int) -> int | None:
    stream = Chance(seed).stream("credits")
    return stream.choice(_CREDITS) if stream.random() < 0.15 else None


def _draw_settings(seed: int, nodes: list[str]) -> dict[str, Settings]:
    """Draw how nodes are set up, where that is not as usual."""
    stream = Chance(seed).stream("settings")
    parameters = stream.random() < 0.25
    buffered = stream.random() < 0.25
    narrow = stream.random() < 0.25
    late = Chance(seed).stream("interrupts")
    is_late = late.random() < 0.15
    settings = {}
    for node in nodes:
        drawn = {name: stream.choice(values) for name, values in _VALUES.items() if stream.random() < 0.5}
        keeps_local = stream.random() < 0.7
        stores = stream.choice((1, 2, 4, 16, WITHOUT_END))
        settings[node] = Settings(
            parameters=drawn if parameters else {},
            keeps_local=keeps_local or not parameters,
            map_registers=stream.choice(_MAP_REGISTERS) if narrow and node.startswith("VAX") else 0,
            stores=stores if buffered and not node.startswith("VAX") else 0,
            interrupt_us=late.choice(_LATE_US) if is_late else 0,
        )
    return settings
