"""What goes wrong in a simulated world, and how it is well again (`emu.sim.faults` says what may)."""

from functools import partial

from drivers.cluster.node import Node
from drivers.platform.pool import GRANULE_BYTES
from drivers.shadow.equalize import PIECE_BYTES
from emu.core.clock import MILLISECOND_NS, SECOND_NS
from emu.sim.disks import Disk
from emu.sim.lan import Weather
from emu.sim.operator_actions import choose
from emu.sim.outcome import Wrong
from emu.sim.scenario import LONG_NS
from emu.sim.scene import Scene

BAD_WEATHER = Weather(latency_ns=(MILLISECOND_NS // 10, 2 * MILLISECOND_NS), loss=0.03, doubling=0.03)
_PAUSES_NS = (
    MILLISECOND_NS,
    300 * MILLISECOND_NS,
    3 * SECOND_NS,
    6 * SECOND_NS,
    LONG_NS // 2,
    LONG_NS,
    2 * LONG_NS,
)
_PIECES_LEFT = (64, 512, 1024, 4608, 9728, PIECE_BYTES, PIECE_BYTES + 1024)

# -- disks


def _victim(scene: Scene, pick: int) -> Disk | None:
    """A disk that may fail: another full member stays that is well."""
    if any(not command.has_ended() for command in scene.commands):
        return None  # who knows who will be a member
    if scene.mounted and not scene.mounted[0].cluster.works:
        return None  # others may have gone on, and only they know who is one
    sources = scene.sources()
    well = [disk for disk in sources if not disk.ails]
    candidates = [disk for disk in scene.members() if not disk.ails and any(d is not disk for d in well)]
    if any(disk.ails for disk in scene.disks):
        return None  # one at a time, so that a good copy of every block is left
    return choose(candidates, pick)


def weak_disk(scene: Scene, pick: int) -> None:
    if (disk := _victim(scene, pick)) is not None:
        disk.trouble.failing = 1 + pick // 7 % 4


def dead_disk(scene: Scene, pick: int) -> None:
    if (disk := _victim(scene, pick)) is not None:
        disk.trouble.dead = True


def torn_write(scene: Scene, pick: int) -> None:
    if (disk := _victim(scene, pick)) is not None:
        disk.trouble.tearing = True


def unreadable_block(scene: Scene, pick: int) -> None:
    disk = _victim(scene, pick)
    lbns = sorted(scene.ledger.written)
    if disk is not None and lbns:
        disk.trouble.unreadable.add(lbns[pick // 7 % len(lbns)])


def silent_disk(scene: Scene, pick: int) -> None:
    if (disk := _victim(scene, pick)) is not None:
        disk.trouble.silence.holding = True


def take_disk(scene: Scene, pick: int) -> None:
    if (disk := _victim(scene, pick)) is not None:
        disk.is_out = True
        scene.storage.take_out(disk)


def heal(scene: Scene, pick: int) -> None:
    for disk in scene.disks:
        disk.trouble.heal()
        if disk.is_out:
            scene.storage.put_back(disk)
            disk.is_out = False


# -- controllers, nodes, the power


def stop_controller(scene: Scene, pick: int) -> None:
    scene.storage.stop(pick)


def hang_controller(scene: Scene, pick: int) -> None:
    scene.storage.hang(pick)


def stumbling_controller(scene: Scene, pick: int) -> None:
    scene.storage.stumble(pick)


def stray_interrupt(scene: Scene, pick: int) -> None:
    """Every device of a node seems to want something."""
    nodes = scene.nodes
    if nodes:
        platform = nodes[pick % len(nodes)].platform
        for vector in tuple(platform.vectors):
            platform.clock.call_soon(partial(platform.interrupt, vector))


def reset_unit(scene: Scene, pick: int) -> None:
    scene.storage.disturb(scene.disks[pick % len(scene.disks)], reset=True)


def attention(scene: Scene, pick: int) -> None:
    scene.storage.disturb(scene.disks[pick % len(scene.disks)], reset=False)


def crash(scene: Scene, pick: int) -> None:
    up = [node for node in scene.world.nodes.values() if not node.crashed]
    if up:
        node = up[pick % len(up)]
        scene.world.crash(node.name, last_gasp=node not in scene.paused and bool(pick // 7 % 2))
        scene.bury()


def pause(scene: Scene, pick: int) -> None:
    """A processor stands still, for less or more than the others wait for its node."""
    nodes = scene.nodes
    if nodes:
        node = nodes[pick % len(nodes)]
        scene.lan_suffered = True
        scene.world.pause(node.name)
        scene.paused.add(node)
        scene.clock.call_after(_PAUSES_NS[pick // 7 % len(_PAUSES_NS)], lambda: _go_on(scene, node))


def _go_on(scene: Scene, node: Node) -> None:
    scene.paused.discard(node)
    if not node.crashed:
        scene.world.go_on(node.name)


def power_loss(scene: Scene, pick: int) -> None:
    """Everything stops, and starts again."""
    scene.lose_power()
    scene.switch_on()
    node = scene.nodes[0]
    command = scene.command(node, scene.mounting(node, scene.mountable()))
    scene.wait(command)
    if not scene.mounted:
        raise Wrong(f"the set cannot be mounted after a power failure: {command.refusal}")


# -- memory


def scarce_pool(scene: Scene, pick: int) -> None:
    """Somebody takes all the pool of a node but one piece."""
    nodes = scene.nodes
    if not nodes:
        return
    node = nodes[pick % len(nodes)]
    pool = node.platform.pool
    spared = pool.try_allocate(_PIECES_LEFT[pick // 7 % len(_PIECES_LEFT)])
    taken = scene.taken_pool.setdefault(node, [])
    size = pool.size_bytes
    while size >= GRANULE_BYTES:
        address = pool.try_allocate(size)
        if address is None:
            size //= 2
        else:
            taken.append(address)
    if spared is not None:
        pool.free(spared)


def free_pool(scene: Scene, pick: int) -> None:
    for node, addresses in scene.taken_pool.items():
        for address in addresses:
            node.platform.pool.free(address)
    scene.taken_pool.clear()


# -- the LAN


def _two_nodes(scene: Scene, pick: int) -> tuple[str, str]:
    names = list(scene.world.nodes)
    place = pick % len(names)
    return names[place], names[(place + 1 + pick // 7 % (len(names) - 1)) % len(names)]


def break_link(scene: Scene, pick: int) -> None:
    scene.lan_suffered = True
    scene.world.lan.cut(*_two_nodes(scene, pick))


def break_one_way(scene: Scene, pick: int) -> None:
    scene.lan_suffered = True
    scene.world.lan.cut(*_two_nodes(scene, pick), both=False)


def storm(scene: Scene, pick: int) -> None:
    stream = scene.chance.stream(f"LAN {scene.lives} {scene.clock.now_ns}")
    scene.world.lan.storm(BAD_WEATHER, stream)


def mend_lan(scene: Scene, pick: int) -> None:
    scene.world.lan.mend()
    scene.world.lan.weather = scene.fair_weather()
