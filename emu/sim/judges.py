"""The judges: they know nothing but what applications saw, what the media hold and what is at the ports.

Each read is checked by the ledger when it ends (`emu.sim.application`); each acknowledged write that a departed disk
misses has its bits, at that instant.  The others have their say when the story is over and faults have ended.
"""

from drivers.cluster.node import Node
from drivers.platform.host import WaitingIrp
from drivers.platform.pool import GRANULE_BYTES
from drivers.port.mscp_port import PortState
from drivers.shadow.mount import UNIT_BYTES
from emu.core.block import BLOCK_BYTES
from emu.core.clock import MICROSECOND_NS, MILLISECOND_NS
from emu.sim.application import Application
from emu.sim.disks import Disk
from emu.sim.ledger import Ledger
from emu.sim.outcome import Wrong
from emu.sim.scene import SET, Scene
from emu.wire.codes.vms import IO, SS

INTERRUPTS = 8  # of one read, at the most: a SCSI port has several

# -- at every moment


def judge_bits(scene: Scene, application: Application, lbns: range) -> None:
    """A write is acknowledged: each disk that is away with a bitmap has its bits."""
    for record in application.vu.state.bitmaps:
        if record.in_use:
            continue
        master = scene.world.nodes[record.master]
        bitmap = master.shadow.bitmaps.get(record.identifier)
        if master.kind == "VAX":
            raise Wrong("a VAX is master of a bitmap")
        node = application.node
        if record.master not in node.cluster.nodes or node.name not in master.cluster.nodes:
            continue  # one of the two was removed, and has yet to find out
        if master.crashed or (bitmap is None and record.master in scene.reborn):
            continue  # it died with its master
        if bitmap is None or not all(bitmap.is_set(lbn) for lbn in lbns):
            raise Wrong(f"LBN {lbns.start} is written and {record.device}'s bitmap does not know")


def judge_applications(scene: Scene) -> None:
    """No application has seen anything wrong."""
    for name, application in scene.applications.items():
        if application.faults:
            raise Wrong(f"{name}: {application.faults[0]}")


# -- progress


def judge_boots(scene: Scene) -> None:
    """Every node that boots is up in the end."""

    def all_up() -> bool:
        return all(boot.has_ended() for boot in scene.booting.values())

    if not scene.clock.run_until(all_up, scene.clock.now_ns + scene.progress_ns):
        raise Wrong("a node does not boot")


def judge_answers(scene: Scene, node: Node) -> None:
    """A node's application gets an answer to everything it has under way, and ends."""
    application = scene.applications.get(node.name)
    if application is None:
        return
    application.stop()

    def is_quiet() -> bool:
        return application.finished or node.crashed

    if not scene.clock.run_until(is_quiet, scene.clock.now_ns + scene.progress_ns):
        raise Wrong(f"{node.name}: a request is not answered")


def judge_commands(scene: Scene) -> None:
    """Every command ends."""
    limit = scene.clock.now_ns + scene.progress_ns
    if not scene.clock.run_until(lambda: all(command.has_ended() for command in scene.commands), limit):
        raise Wrong("a command never ends")


def judge_copies(scene: Scene) -> None:
    """Copies and merges end, and all nodes agree about who has mounted the set."""

    def settled() -> bool:
        mounted = scene.mounted
        names = sorted(node.name for node in mounted)
        for node in mounted:
            unit = node.shadow.units[SET]
            state = unit.state
            if unit.stalled or state.copier or state.merging or unit.parked or sorted(state.nodes) != names:
                return False
        return True

    limit_ns = scene.clock.now_ns + scene.progress_ns
    while True:
        if not scene.clock.run_until(settled, limit_ns):
            raise Wrong(f"the set does not come to rest: {scene.state()}")
        scene.clock.run_for(10 * MILLISECOND_NS)
        if settled():  # and not only about to begin with what the last request met
            return


# -- when all is quiet


def judge_signals(scene: Scene) -> None:
    """A read on a quiet node takes as long as a disk does: no bell and no interrupt is missed, no watch has to help.

    A first one may take longer: by it a node may find out that its controller has stopped, or that a block has to be
    mended.
    """
    for node in scene.mounted:
        _read(scene, node, scene.progress_ns)
    judge_copies(scene)
    for node in scene.mounted:
        late_us = INTERRUPTS * scene.scenario.settings[node.name].interrupt_us
        quick_ns = (scene.scenario.latency_us[1] + late_us) * MICROSECOND_NS + MILLISECOND_NS
        _read(scene, node, quick_ns)


def _read(scene: Scene, node: Node, limit_ns: int) -> None:
    """Have a node read one block of the set in time, and rightly."""
    platform = node.platform
    lbn = min(scene.ledger.written, default=0)
    block = range(lbn, lbn + 1)
    address = platform.pool.allocate(BLOCK_BYTES)
    read = WaitingIrp(platform, IO.READPBLK, lbn, BLOCK_BYTES, address)
    node.shadow.units[SET].queue_io(read)
    if not scene.clock.run_until(lambda: read.finished.is_set, scene.clock.now_ns + limit_ns):
        raise Wrong(f"{node.name}: a read on a quiet set takes more than {limit_ns / MILLISECOND_NS:.0f} ms")
    if read.status != SS.NORMAL:
        raise Wrong(f"{node.name}: a read on a quiet set failed: {SS(read.status).name}")
    data = platform.window(address, BLOCK_BYTES)
    fault = scene.ledger.fault_in(data, block, scene.ledger.promised(block))
    if fault:
        raise Wrong(f"{node.name}: {fault}")
    platform.pool.free(address)


def judge_media(scene: Scene) -> None:
    """Full members are equal and hold what was acknowledged; so does each disk that is away, as of its departure."""
    if scene.unit is None:
        raise Wrong("the set is not mounted any more")
    members = scene.sources()
    first = members[0].content
    for disk in members[1:]:
        if disk.content != first:
            lbn = next(
                n for n in range(scene.scenario.block_count) if _block(disk.content, n) != _block(first, n)
            )
            raise Wrong(f"{disk.device} and {members[0].device} differ at LBN {lbn}")
    _judge_disk(members[0], scene.ledger)
    for disk in scene.away():
        if disk.departed is not None:
            _judge_disk(disk, disk.departed)


def _judge_disk(disk: Disk, ledger: Ledger) -> None:
    content = memoryview(disk.content)
    for lbns, promised in ledger.extents():
        extent = content[lbns.start * BLOCK_BYTES : lbns.stop * BLOCK_BYTES]
        fault = ledger.fault_in(extent, lbns, promised)
        if fault:
            raise Wrong(f"{disk.device}: {fault}")


def _block(data: bytearray, lbn: int) -> bytearray:
    return data[lbn * BLOCK_BYTES : (lbn + 1) * BLOCK_BYTES]


def judge_ports(scene: Scene) -> None:
    """Every command was answered, and whatever was lent is where it belongs; a port may be starting anew just now."""

    def all_rest() -> bool:
        return all(_rests(node) for node in scene.nodes)

    if not scene.clock.run_until(all_rest, scene.clock.now_ns + scene.progress_ns):
        raise Wrong("a port does not come to rest")
    for leftover in scene.storage.leftovers():
        raise Wrong(leftover)


def _rests(node: Node) -> bool:
    controllers = all((d.running.is_set or d.is_dead) and not d.outstanding for d in node.controllers)
    return controllers and all(d.port.state is not PortState.INITIALISING for d in node.adapters)


def judge_pool(scene: Scene) -> None:
    """Pool that nobody needs has been given back: in use are what a node booted with, its sets and their bitmaps."""
    for node in scene.nodes:
        shadow, pool = node.shadow, node.platform.pool
        pieces = [UNIT_BYTES for address in shadow.known_units.values() if address is not None]
        pieces += [bitmap.size_bytes for bitmap in (*shadow.bitmaps.values(), *shadow.recorder.locals)]
        needed = scene.booted_with[node] + sum(-(-size // GRANULE_BYTES) * GRANULE_BYTES for size in pieces)
        used = pool.size_bytes - pool.free_bytes
        if used != needed:
            raise Wrong(f"{node.name}: {used - needed} bytes of pool are lost")


def judge_map_registers(scene: Scene) -> None:
    """Where few map registers are left for disks, all of these are free."""
    for node in scene.nodes:
        platform, left = node.platform, scene.scenario.settings[node.name].map_registers
        if left:
            mapped = platform.map_buffer(0, left * platform.page_bytes)
            if mapped is None:
                raise Wrong(f"{node.name}: map registers are lost")
            platform.unmap_buffer(mapped, left * platform.page_bytes)
