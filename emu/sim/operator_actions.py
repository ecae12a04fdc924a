"""What an operator does to a set in a simulated world; who it happens to is decided by `pick` when it is played."""

from collections.abc import Sequence

from drivers.shadow.utility import Policy
from emu.sim.disks import Disk
from emu.sim.scenario import COMMAND_NS
from emu.sim.scene import SET, Scene

_POLICIES = (Policy.MINICOPY, Policy.MINICOPY, Policy.OPTIONAL, Policy.DEFAULT, Policy.NOMINICOPY)


def choose(candidates: Sequence[Disk], pick: int) -> Disk | None:
    return candidates[pick % len(candidates)] if candidates else None


def leave(scene: Scene, pick: int) -> None:
    well = [disk for disk in scene.sources() if not disk.ails]
    others = [disk for disk in scene.members() if any(other is not disk for other in well)]
    disk, mounted = choose(others, pick), scene.mounted
    if disk is None or (any(d.ails for d in scene.disks) and any(not c.has_ended() for c in scene.commands)):
        return
    node = mounted[pick // 7 % len(mounted)]
    policy = _POLICIES[pick // 11 % len(_POLICIES)]
    scene.wait(scene.command(node, node.utilities.dismount_member(disk.device, policy, scene.say)))


def return_disk(scene: Scene, pick: int) -> None:
    disk, mounted = choose(scene.away(), pick), scene.mounted
    if disk is None or not mounted:
        return
    node = mounted[pick // 7 % len(mounted)]
    policy = _POLICIES[pick // 11 % len(_POLICIES)]
    scene.wait(scene.command(node, scene.mounting(node, [disk.device], policy)))


def restore(scene: Scene, pick: int) -> None:
    """Restore an image of a disk that is away: of an earlier absence, with the control block it had then."""
    if any(not command.has_ended() for command in scene.commands):
        return  # who knows who will be a member
    disk = choose([disk for disk in scene.away() if len(disk.images) > 1 and not disk.ails], pick)
    if disk is not None:
        disk.content[:], disk.departed = disk.images[-2]


def delete_bitmap(scene: Scene, pick: int) -> None:
    unit = scene.unit
    if unit is not None and unit.state.bitmaps:
        record = unit.state.bitmaps[pick % len(unit.state.bitmaps)]
        node = scene.mounted[0]
        scene.wait(scene.command(node, node.utilities.delete_bitmap(record.identifier)))


def dismount(scene: Scene, pick: int) -> None:
    mounted = scene.mounted
    if not mounted:
        return
    node = mounted[pick % len(mounted)]
    application = scene.applications.get(node.name)
    if application is not None:
        application.stop()
        scene.clock.run_until(lambda: application.finished or node.crashed, scene.clock.now_ns + COMMAND_NS)
        if not application.finished or node.crashed:
            return  # it waits for votes, or for a member
    if scene.leaving.get(node.name) is None or scene.leaving[node.name].has_ended():
        command = scene.command(node, node.utilities.dismount_unit(SET, scene.say))
        scene.leaving[node.name] = command
        scene.wait(command)


def mount(scene: Scene, pick: int) -> None:
    nodes = [node for node in scene.nodes if node not in scene.mounted]
    if nodes:
        node = nodes[pick % len(nodes)]
        scene.wait(scene.command(node, scene.mounting(node, scene.mountable())))


def reboot(scene: Scene, pick: int) -> None:
    """Boot a node, and have it mount the set, as its start-up procedure does."""
    if not scene.down:
        return
    name = scene.down[pick % len(scene.down)].name
    node = scene.world.reboot(name)
    scene.set_up(node)
    scene.booting[name] = boot = scene.command(node, scene.world.boot_one(node))
    scene.wait(boot)
    if node in scene.nodes and pick // 7 % 4:
        scene.wait(scene.command(node, scene.mounting(node, scene.mountable())))


def let_all_copy(scene: Scene) -> None:
    """Allow copies and merges on every node, so that a set can come to rest."""
    for node in scene.nodes:
        parameters = node.platform.parameters
        parameters.write_active("SHADOW_MAX_COPY", parameters.default("SHADOW_MAX_COPY"))
