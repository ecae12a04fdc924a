"""SHOW: devices, shadow sets, bitmaps, nodes, memory, time.

DEVIATION: no device can be allocated, so SHOW DEVICE has no /ALLOCATED.
"""

from collections.abc import Iterable

from drivers.classes.disk import Disk
from drivers.cluster.node import device_name
from drivers.message import Failure, Message
from drivers.platform.process import Procedure
from drivers.shadow.shdriver import VirtualUnit
from emu.console import displays
from emu.console.dcl import Command, Keyword, Kind, Parameter, Verb
from emu.console.session import Job, virtual_unit_name
from emu.console.verbs import process
from emu.console.verbs.volumes import ALPHA


def _say_all(job: Job, lines: Iterable[str]) -> Procedure:
    for line in lines:
        job.say(line)
    return
    yield


def _no_such_device(name: str) -> Failure:
    """What there is to say of a name that nothing has; raises Failure when it can be no name."""
    device_name(name)
    return Failure(Message("SYSTEM", "W", "NOSUCHDEV", "no such device available"))


def _matching_sets(job: Job, name: str) -> list[VirtualUnit]:
    exact, prefix = virtual_unit_name(name), name.upper().lstrip("_")
    units = job.node.shadow.units
    if exact is not None and (exact in units or name.endswith(":")):
        return [units[exact]] if exact in units else []
    return [units[unit] for unit in sorted(units) if unit.startswith(prefix)]


def _matching_disks(job: Job, name: str) -> list[Disk]:
    """Disks whose name begins so, with or without allocation class; a colon ends the name."""
    prefix = name.upper().lstrip("_")
    return [
        unit
        for unit in job.node.disks
        if unit.name.startswith(prefix) or unit.name.rsplit("$", 1)[-1].startswith(prefix)
    ]


def _show_device(job: Job, command: Command) -> Procedure:
    session, name = job.session, command.parameter("DEVICE")
    full = command.is_given("FULL")
    if command.is_given("SERVED"):
        if not job.node.server.started:
            raise Failure(Message("SHOW", "I", "NOSERVED", "the MSCP server of this node is not loaded"))
        yield from _say_all(job, displays.served_devices(session))
        return
    for driver in job.node.controllers:
        if name and name.upper().strip("_:") == driver.port.name:
            yield from _say_all(job, displays.controller(driver))
            return
    for adapter in job.node.adapters:
        if name and name.upper().strip("_:") == adapter.port.name:
            yield from _say_all(job, displays.adapter(adapter))
            return
    sets = _matching_sets(job, name)
    disks = _matching_disks(job, name)
    unused = displays.unused_bitmaps(session, name.upper().lstrip("_")) if command.is_given("BITMAP") else []
    mounted = command.is_given("MOUNTED")
    if mounted:
        disks = [unit for unit in disks if unit.name in job.node.utilities.private]
    elif name and not sets and not disks and not unused:
        raise _no_such_device(name)
    if command.is_given("BITMAP"):
        if name and not sets and not unused:
            raise Failure(
                Message("SHOW", "W", "NOTSHADOW", f"{disks[0].name if disks else name} is no virtual unit")
            )
        yield from _say_all(job, displays.bitmaps(session, sets, unused, full=full))
    elif full:
        yield from _show_full(job, sets, disks)
    else:
        yield from _say_all(job, displays.brief_devices(session, sets, disks, members=not mounted))


def _show_full(job: Job, sets: list[VirtualUnit], disks: list[Disk]) -> Procedure:
    session = job.session
    shown: list[str] = []
    for vu in sets:
        yield from _say_all(job, ["", *displays.full_set(session, vu)])
        shown += [member.device for member in vu.members]
    for unit in disks:
        if unit.name in shown:
            continue
        here = displays.membership_here(session, unit)
        lines = displays.full_member(session, *here) if here else displays.full_disk(session, unit)
        yield from _say_all(job, ["", *lines])
    job.say()


def _show_shadow(job: Job, command: Command) -> Procedure:
    name = command.parameter("DEVICE")
    sets = _matching_sets(job, name)
    if name and not sets:
        raise _no_such_device(name)
    if not sets:
        raise Failure(Message("SHOW", "W", "NOSHADOW", "no shadow sets are mounted on this node"))
    for vu in sets:
        yield from _say_all(job, [*displays.shadow_set(job.session, vu), ""])


def _show_cluster(job: Job, command: Command) -> Procedure:
    yield from _say_all(job, displays.cluster(job.session))


def _show_memory(job: Job, command: Command) -> Procedure:
    yield from _say_all(job, displays.memory(job.session))


def _show_time(job: Job, command: Command) -> Procedure:
    yield from _say_all(job, [f"  {job.session.now()[:20]}"])


def _show_load(job: Job, command: Command) -> Procedure:
    loads = job.session.loads
    if not loads:
        raise Failure(Message("SHOW", "I", "NOLOAD", "no load was started"))
    yield from _say_all(
        job,
        [
            "Device        Node      State       Writes      Reads  Blocks written  Faults   Seconds",
            *(
                f"{load.vu.name:14}{load.node.name:10}{'running' if load.running else 'ended':8}"
                f"{load.application.writes:10}{load.application.reads:11}"
                f"{load.application.blocks_written:16}{len(load.application.faults):8}{load.seconds:10.2f}"
                for load in loads.values()
            ),
        ],
    )


SHOW = Verb(
    "SHOW",
    "Display what there is and how it is.",
    options=(
        Verb(
            "DEVICES",
            "Display shadow sets, members and disks; a name may be cut short to see all that begin so. PUA0 "
            "and PKA0 and their like are the ports.",
            _show_device,
            (Parameter("DEVICE", "Device", Kind.DEVICE, required=False),),
            (
                Keyword("FULL", "Everything that is known of each."),
                Keyword("BITMAP", "The write bitmaps of shadow sets.", nodes=ALPHA),
                Keyword(
                    "MOUNTED",
                    "Mounted volumes only: virtual units without their members, disks mounted alone.",
                ),
                Keyword(
                    "SERVED",
                    "The disks that this node serves to others, and how many nodes have them on line.",
                    parameters=(),
                ),
            ),
            (
                "SHOW DEVICE DSA1",
                "SHOW DEVICE/FULL $1$DUA10:",
                "SHOW DEVICE/BITMAP/FULL DSA1",
                "SHOW DEVICE PUA0",
                "SHOW DEVICE/SERVED",
            ),
            disallow=(
                ("BITMAP", "MOUNTED"),
                ("SERVED", "BITMAP"),
                ("SERVED", "FULL"),
                ("SERVED", "MOUNTED"),
            ),
        ),
        Verb(
            "SHADOW",
            "Display the state of shadow sets: what is copied where, how far.",
            _show_shadow,
            (Parameter("DEVICE", "Device", Kind.DEVICE, required=False),),
            (),
            ("SHOW SHADOW DSA1:",),
        ),
        Verb("CLUSTER", "Display the nodes.", _show_cluster, examples=("SHOW CLUSTER",)),
        Verb(
            "MEMORY",
            "Display pool, and on an Alpha the memory of write bitmaps.",
            _show_memory,
            examples=("SHOW MEMORY",),
        ),
        Verb("LOAD", "Display the loads that LOAD started.", _show_load, examples=("SHOW LOAD",)),
        Verb("TIME", "Display the time of day: virtual time.", _show_time, examples=("SHOW TIME",)),
        *process.SHOW_OPTIONS,
    ),
)

VERBS = (SHOW,)
