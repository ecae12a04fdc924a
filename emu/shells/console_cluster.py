"""The nodes of `hbvs console` and those of other processes: one cluster over TCP, in wall time."""

from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from emu.console.interpreter import Interpreter
from emu.core.clock import SECOND_NS
from emu.core.trace import ConsoleLine, Event, Tracer
from emu.shells.cluster_link import ClusterIdentity, ClusterLink
from emu.shells.console_server import read_password
from emu.shells.loop import Loop
from emu.shells.streams import StreamError
from emu.shells.unit_options import SetupError
from emu.sim.world import World

GROUP_LIMIT = 4095  # of cluster group numbers
LEAVE_NS = 3 * SECOND_NS  # for the others to take note


def cluster_identity(options: Namespace) -> ClusterIdentity | None:
    """Take what is said about the cluster; None when there is none.  Raises SetupError, PasswordError."""
    if not options.cluster and not options.cluster_listen:
        return None
    if not 1 <= options.cluster_group <= GROUP_LIMIT:
        raise SetupError(
            f"--cluster-group {options.cluster_group}: a group is a number from 1 to {GROUP_LIMIT}"
        )
    if options.cluster_password_file is None:
        raise SetupError("a cluster of several processes needs a password: --cluster-password-file FILE")
    return ClusterIdentity(options.cluster_group, read_password(options.cluster_password_file))


def boot(
    world: World, loop: Loop, options: Namespace, identity: ClusterIdentity | None
) -> ClusterLink | None:
    """Boot the nodes: at once, or in wall time when others may be on the LAN.

    Returns the link to those; raises StreamError.
    """
    if identity is None:
        world.boot()
        return None
    link = ClusterLink(loop, world.lan, world.tracer, identity)
    with _shown(world.tracer):
        for url in options.cluster_listen:
            print(f"%HBVS-I-LISTEN, other processes are awaited at {link.listen(url)}", flush=True)
        for url in options.cluster:
            link.connect(url)
        up = world.begin_boot()
        loop.run(up)
    if not up():
        raise StreamError("interrupted before the nodes were up")
    return link


@contextmanager
def _shown(tracer: Tracer) -> Iterator[None]:
    """Show what is told to operators, while there is none."""

    def show(event: Event) -> None:
        if isinstance(event, ConsoleLine):
            print(f"{event.source:8}{event.text}", flush=True)

    tracer.subscribe(show, ConsoleLine)
    try:
        yield
    finally:
        tracer.unsubscribe(show)


def run_in_wall_time(interpreter: Interpreter, loop: Loop) -> None:
    """Have an interpreter that runs the world run the loop, so that nodes of other processes are heard."""

    def settle(condition: Callable[[], bool]) -> bool:
        loop.run(condition, signalled=lambda _: interpreter.interrupt())
        return condition()

    interpreter.settle = settle


def leave_cluster(world: World, loop: Loop) -> None:
    """Leave, while the other nodes can still be told."""
    nodes = [node for node in world.nodes.values() if not node.crashed]
    for node in nodes:
        node.cluster.manager.leave()
    until_ns = loop.clock.now_ns + LEAVE_NS
    loop.run(lambda: all(node.crashed for node in nodes) or loop.clock.now_ns >= until_ns)
