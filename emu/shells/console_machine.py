"""What `hbvs console` works with: a world on image files, its nodes, and how it ends."""

import re
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from tempfile import TemporaryDirectory

from drivers.platform.parameters import ParameterError, changed_parameters
from emu import __version__
from emu.console.conversation import Say
from emu.console.interpreter import Interpreter
from emu.console.session import CommandsInHand
from emu.console.times import vms_time
from emu.core.block import BlockDevice, Flush, MediumError
from emu.core.clock import SECOND_NS
from emu.shells.cluster_link import ClusterLink
from emu.shells.console_arguments import DEFAULT_CONTROLLER
from emu.shells.console_cluster import leave_cluster, run_in_wall_time
from emu.shells.console_images import FIRST_UNIT, numbered, play_images, plug_in, requested_images
from emu.shells.firmware_files import load_firmware, load_scripts
from emu.shells.host_files import DiskFiles
from emu.shells.loop import Loop
from emu.shells.scsi_disks import HOST_ID
from emu.shells.trace_file import traced
from emu.shells.unit_options import SetupError
from emu.sim.world import ALPHA_OPTIONS, VAX_OPTIONS, World

PATIENCE_NS = 60 * SECOND_NS  # with commands that others had begun, when the console ends

_NODE = re.compile(r"(alpha|vax):([A-Z][A-Z0-9]{0,5})", re.IGNORECASE)
_SYSGEN = re.compile(r"(?:([A-Z][A-Z0-9]*):)?([A-Z_]+)=(-?\d+)", re.IGNORECASE)


@dataclass
class NodeRequest:
    """A node to be there.  kind: "alpha", "vax".  parameters: that are not the default.  satellite: no controllers."""

    kind: str
    name: str
    satellite: bool = False
    parameters: dict[str, int] = field(default_factory=dict)

    @property
    def options(self) -> Mapping[str, int]:
        """Its part in a cluster."""
        return ALPHA_OPTIONS if self.kind == "alpha" else VAX_OPTIONS

    @property
    def system_kind(self) -> str:
        return "Alpha" if self.kind == "alpha" else "VAX"

    @property
    def serves_disks(self) -> bool:
        return changed_parameters(self.system_kind, self.parameters).serves_disks


@dataclass
class Machine:
    """A world with its open images."""

    world: World
    media: list[BlockDevice] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)  # what is plugged in, for the banner
    commands: CommandsInHand = field(default_factory=CommandsInHand)
    link: ClusterLink | None = None  # to nodes of other processes: time is the wall's

    def close(self) -> None:
        """Make everything durable and close; raises MediumError when an image could not be flushed."""
        failure: MediumError | None = None
        for medium in self.media:
            if not medium.write_protected:
                ended: list[MediumError | None] = []
                medium.submit(Flush(ended.append))
                self.world.clock.run_until(lambda ended=ended: bool(ended))  # type: ignore[misc]
                failure = failure or next(iter(ended), None)
            medium.close()
        self.media.clear()
        if failure is not None:
            raise failure


def build(options: Namespace, stack: ExitStack) -> Machine:
    """Build the machine that was asked for; `stack` has what goes with it.

    Raises:
        SetupError, FirmwareError, ImageError, TraceFileError: it cannot be built; the text says why.
    """
    firmwares = [load_firmware(name) for name in options.controller or [DEFAULT_CONTROLLER]]
    nodes = _requested_nodes(options)
    requests = requested_images(options, firmwares[0])
    in_processes = bool(options.cluster or options.cluster_listen)
    play = not requests and not in_processes
    tracer = stack.enter_context(traced(options.trace))
    machine = Machine(World(boot_time=vms_time(datetime.now()), tracer=tracer))
    if play:
        folder = stack.enter_context(TemporaryDirectory(prefix="hbvs-"))
        requests = list(play_images(folder, firmwares[0]))
        machine.lines += [
            f"No images were named: empty {requests[0].drive}s were made in {folder}, and go when the console ends."
        ]
    for firmware in firmwares:
        machine.world.add_controller(firmware)
    mechanics = play if options.mechanics is None else options.mechanics
    # Disks that are served have one way to them: nobody else may write to their images.
    shared = in_processes and not any(node.serves_disks for node in nodes)
    alphas = sum(node.kind == "alpha" and not node.satellite for node in nodes)
    try:
        for request in numbered(requests):
            medium, line = plug_in(machine.world, request, mechanics, shared=shared, alphas=alphas)
            machine.media.append(medium)
            machine.lines.append(line)
        expected = options.expected_votes or sum(node.options["votes"] for node in nodes)
        for node in nodes:
            cluster = {**node.options, "group": options.cluster_group, "expected_votes": expected}
            _add_node(machine.world, node, cluster)
    except BaseException:
        for medium in machine.media:
            medium.close()
        raise
    if play:
        machine.lines += _play_hints()
    return machine


def _requested_nodes(options: Namespace) -> list[NodeRequest]:
    nodes = {node.name: node for node in _nodes(options.nodes)}
    for name in options.satellite:
        if name.upper() not in nodes:
            raise SetupError(f"--satellite {name}: --nodes has no such node")
        nodes[name.upper()].satellite = True
    for text in options.sysgen:
        _set_parameter(text, nodes)
    return list(nodes.values())


def _nodes(text: str) -> Iterator[NodeRequest]:
    seen: list[str] = []
    for part in text.split(","):
        match = _NODE.fullmatch(part.strip())
        if match is None:
            raise SetupError(
                f"--nodes {text}: a node is written alpha:NAME or vax:NAME, six characters at most"
            )
        name = match[2].upper()
        if name in seen:
            raise SetupError(f"--nodes {text}: two nodes cannot both be called {name}")
        seen.append(name)
        yield NodeRequest(match[1].lower(), name)


def _set_parameter(text: str, nodes: Mapping[str, NodeRequest]) -> None:
    match = _SYSGEN.fullmatch(text)
    if match is None:
        raise SetupError(f"--sysgen {text}: a parameter is written NAME=NUMBER or NODE:NAME=NUMBER")
    node, parameter, value = (match[1] or "").upper(), match[2].upper(), int(match[3])
    if node and node not in nodes:
        raise SetupError(f"--sysgen {text}: --nodes has no such node")
    for request in [nodes[node]] if node else nodes.values():
        request.parameters[parameter] = value
        try:
            changed_parameters(request.system_kind, request.parameters)
        except KeyError:
            raise SetupError(f"--sysgen {text}: SYSGEN knows no such parameter") from None
        except ParameterError as error:
            raise SetupError(f"--sysgen {text}: {error}") from None


def _add_node(world: World, node: NodeRequest, cluster: Mapping[str, int]) -> None:
    """Plug a node into all there is; a VAX has no SCSI bus here, of Alphas each has an identifier of its own."""
    controllers = () if node.satellite else world.controllers
    if node.kind == "vax":
        world.add_vax(node.name, *controllers, cluster=cluster, parameters=node.parameters)
        return
    shelves = () if node.satellite else world.shelves
    alphas = sum(bool(other.adapters) for other in world.nodes.values())
    world.add_alpha(
        node.name,
        *controllers,
        shelves=shelves,
        program=load_scripts("pke") if shelves else None,
        scsi_id=HOST_ID - alphas,
        cluster=cluster,
        parameters=node.parameters,
    )


def _play_hints() -> list[str]:
    a, b, c = (f"$1$DUA{FIRST_UNIT + index}:" for index in range(3))
    return [
        "Try:",
        f"  $ INITIALIZE/SHADOW=({a},{b}) PAYROLL",
        f"  $ MOUNT/SYSTEM DSA1:/SHADOW=({a},{b}) PAYROLL",
        "  $ LOAD DSA1: /WRITES=2000 /RATE=50",
        f"  $ DISMOUNT/POLICY=MINICOPY {b}",
        "  $ SHOW DEVICE/BITMAP DSA1",
        f"  $ MOUNT/POLICY=MINICOPY DSA1:/SHADOW={b} PAYROLL",
        "  $ SHOW DEVICE D",
        f"  $ MOUNT DSA1:/SHADOW={c} PAYROLL",
    ]


def greeting(machine: Machine) -> list[str]:
    """Tell who comes what is here."""
    lines = [f"hbvs {__version__}, a model of OpenVMS V7.3 volume shadowing"]
    for node in machine.world.nodes.values():
        ports = ", ".join(
            f"{driver.port.name}: {controller.firmware.name}"
            for driver, controller in zip(node.controllers, machine.world.controllers, strict=False)
        )
        ports += "".join(f", {driver.port.name}: 53C810" for driver in node.adapters)
        lines.append(f"  node {node.name} ({node.kind}), {ports or 'no controller'}")
    return [*lines, *machine.lines, "HELP explains the verbs, EXIT ends.", ""]


def shut_down(machine: Machine, loop: Loop, say: Say) -> None:
    """Hang up on all operators, dismount everything, and wait for what they had begun."""
    own = Interpreter(machine.world, DiskFiles(), say, commands=machine.commands)
    if machine.link is not None:
        run_in_wall_time(own, loop)
    else:
        loop.close()
    own.execute("SHUTDOWN")  # whatever the operator's process may not do, or has made of the word
    if machine.link is not None:
        leave_cluster(machine.world, loop)
        machine.link.close()
        loop.close()
    clock = machine.world.clock
    clock.run_until(lambda: not machine.commands.jobs, clock.now_ns + PATIENCE_NS)
