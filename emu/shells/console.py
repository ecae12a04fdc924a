"""`hbvs console`: a world on image files, and a DCL prompt before it.

At a terminal there is line editing, and the world goes on in wall time while the prompt waits.  From a
script or a pipe, commands run one after another as fast as they can, and the exit status tells whether all succeeded.
"""

import asyncio
import os
import re
import signal
import sys
from argparse import ArgumentParser, BooleanOptionalAction, Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from emu import __version__
from emu.console.conversation import Say
from emu.console.dcl.quoting import logical_lines
from emu.console.interpreter import Interpreter
from emu.console.session import CommandsInHand
from emu.console.times import vms_time
from emu.core.block import BLOCK_BYTES, BlockDevice, Flush, MediumError
from emu.core.clock import SECOND_NS
from emu.core.trace import ConsoleLine, Event, Tracer
from emu.hw.firmware import Firmware, FirmwareError
from emu.media.file import FileDevice, ImageError
from emu.media.slow import SlowDevice
from emu.shells.cluster_link import ClusterIdentity, ClusterLink
from emu.shells.console_server import PasswordError, attach_console, read_password, serve_console
from emu.shells.firmware_files import load_firmware, load_scripts
from emu.shells.host_files import DiskFiles
from emu.shells.image_files import open_image
from emu.shells.loop import Loop
from emu.shells.own_files import own_file
from emu.shells.scsi_disks import HOST_ID, put_on_bus
from emu.shells.streams import StreamError, connect
from emu.shells.trace_file import TraceFileError, add_trace_argument, traced
from emu.shells.unit_options import SetupError, unit_option
from emu.sim.world import ALPHA_OPTIONS, VAX_OPTIONS, World, drive_for, mechanics_of

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import Completer
    from prompt_toolkit.key_binding import KeyBindings

FIRST_UNIT = 10
DEFAULT_CONTROLLER = "hbvs-shadow"
DEFAULT_NODES = "alpha:ALPHA1"
PLAY_DISKS = ("one", "two", "three")
PLAY_DRIVE = "RA80"


IDLE_SECONDS = 0.05  # the longest sleep while the prompt waits: a completion may have made work

GROUP_LIMIT = 4095  # of cluster group numbers
PATIENCE_NS = 60 * SECOND_NS  # with commands that others had begun, when the console ends

LEAVE_NS = 3 * SECOND_NS  # for the others to take note

EXIT_FAILURE = 1
EXIT_INTERRUPTED = 130

_SIZE = re.compile(r"(\d+)([KMG]?)", re.IGNORECASE)
_NODE = re.compile(r"(alpha|vax):([A-Z][A-Z0-9]{0,5})", re.IGNORECASE)
_COMMAND = re.compile(r'(?:[^;"\n]|"[^"]*"?)+')
_SCALE = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """An image to plug in; drive "" is the one of its size, number None the next free one."""

    path: str
    bus: str = "DU"
    letter: str = "A"
    number: int | None = None
    drive: str = ""
    read_only: bool = False
    mechanics: bool = False


@dataclass
class Machine:
    """A world with its open images; nodes: kind and name of those that will be there."""

    world: World
    nodes: list[tuple[str, str]] = field(default_factory=list)
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


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments of `hbvs console`."""
    parser.add_argument("images", nargs="*", metavar="IMAGE", help="raw disk images, units DUA10, DUA11, ...")
    parser.add_argument(
        "--unit",
        action="append",
        default=[],
        metavar="DUA10=PATH[,drive=RA92][,ro][,mechanics]",
        help="an image under a unit number; DUB0 is on the second controller, DKA100 on a SCSI bus: target 1, unit 00",
    )
    parser.add_argument(
        "--new",
        action="append",
        default=[],
        metavar="PATH=RA92|SIZE",
        help="make a new sparse image, of a drive's size or of 100M, 2G, 204800 (blocks)",
    )
    parser.add_argument(
        "--controller",
        action="append",
        metavar="NAME|FILE.fw",
        help=f"firmware of a controller, {DEFAULT_CONTROLLER} by default; once for each controller",
    )
    parser.add_argument(
        "--nodes",
        default=DEFAULT_NODES,
        metavar="alpha:NAME,vax:NAME",
        help=f"the nodes, {DEFAULT_NODES} by default; the console begins on the first",
    )
    parser.add_argument(
        "--mechanics",
        action=BooleanOptionalAction,
        help="let drives take their time (virtual time; the default for the disks made without any IMAGE)",
    )
    parser.add_argument(
        "-c", "--command", metavar="COMMANDS", help="carry out commands, separated by semicolons, and end"
    )
    parser.add_argument("--script", metavar="FILE", help="carry out the commands in a file, and end")
    parser.add_argument("--verify", action="store_true", help="show the commands of a script, as SET VERIFY")
    parser.add_argument(
        "--keep-going",
        action="store_true",
        help="go on after a command that failed; without a terminal the first ends the script",
    )
    parser.add_argument(
        "--listen",
        action="append",
        default=[],
        metavar="URL",
        help="a console for whoever comes there, too: telnet://:2323, tcp://HOST:PORT, unix:///PATH, pty:, "
        "serial:///dev/ttyS0?baud=9600; without a terminal it serves until it is interrupted",
    )
    parser.add_argument(
        "--connect",
        action="append",
        default=[],
        metavar="URL",
        help="a console on a line that another program listens on, a terminal line of a simulator for one",
    )
    parser.add_argument(
        "--password-file",
        metavar="FILE",
        help="its first line is the password of these consoles; needed where other machines can come",
    )
    _add_cluster_arguments(parser)
    add_trace_argument(parser)


def _add_cluster_arguments(parser: ArgumentParser) -> None:
    cluster = parser.add_argument_group(
        "cluster", "nodes in several processes; images are shared with the other processes of the cluster"
    )
    cluster.add_argument(
        "--cluster",
        action="append",
        default=[],
        metavar="tcp://HOST:PORT",
        help="bridge the LAN to that of another process, which listens there",
    )
    cluster.add_argument(
        "--cluster-listen", action="append", default=[], metavar="tcp://HOST:PORT", help="let others do so"
    )
    cluster.add_argument(
        "--cluster-group", type=int, default=1, metavar="N", help="cluster group number, 1 to 4095"
    )
    cluster.add_argument(
        "--cluster-password-file", metavar="FILE", help="its first line is the cluster password; needed"
    )
    cluster.add_argument(
        "--expected-votes",
        type=int,
        default=0,
        metavar="N",
        help="EXPECTED_VOTES: an Alpha has 2 votes, a VAX 1; count those of all processes, or two halves "
        "may each take themselves for the cluster",
    )


def run(options: Namespace) -> int:
    """Run `hbvs console`; returns the exit status."""
    with ExitStack() as stack:
        try:
            password = read_password(options.password_file) if options.password_file else None
            identity = _cluster_identity(options)
            machine = _build(options, stack)
        except (SetupError, FirmwareError, ImageError, PasswordError, TraceFileError) as error:
            print(f"%HBVS-F-SETUP, {error}", file=sys.stderr)
            return EXIT_FAILURE
        status = EXIT_FAILURE
        try:
            loop = Loop(machine.world.clock)
            try:
                _boot(machine, loop, options, identity)
                _open_doors(machine, loop, options, password)
                status = _converse(machine, options, loop)
            finally:
                loop.close()
        except StreamError as error:
            print(f"%HBVS-F-LISTEN, {error}", file=sys.stderr)
        finally:
            try:
                machine.close()
            except MediumError as error:
                print(f"%HBVS-F-FLUSH, an image could not be written: {error}", file=sys.stderr)
                status = EXIT_FAILURE
        return status


# ---- the machine


def _build(options: Namespace, stack: ExitStack) -> Machine:
    firmwares = [load_firmware(name) for name in options.controller or [DEFAULT_CONTROLLER]]
    requests = [_unit_request(text) for text in options.unit]
    requests += [ImageRequest(path) for path in options.images]
    nodes = list(_nodes(options.nodes))
    requests += [_new_image(text, firmwares[0]) for text in options.new]
    play = not requests
    tracer = stack.enter_context(traced(options.trace))
    machine = Machine(World(boot_time=vms_time(datetime.now()), tracer=tracer), nodes)
    if play:
        folder = stack.enter_context(TemporaryDirectory(prefix="hbvs-"))
        requests = list(_play_images(folder, firmwares[0]))
        machine.lines += [
            f"No images were named: empty {requests[0].drive}s were made in {folder}, and go when the console ends."
        ]
    for firmware in firmwares:
        machine.world.add_controller(firmware)
    mechanics = play if options.mechanics is None else options.mechanics
    try:
        for request in _numbered(requests):
            _plug_in(machine, request, mechanics, shared=bool(options.cluster or options.cluster_listen))
        for kind, name in nodes:
            votes = ALPHA_OPTIONS if kind == "alpha" else VAX_OPTIONS
            expected = options.expected_votes or sum(_votes(kind) for kind, _ in nodes)
            cluster = {**votes, "group": options.cluster_group, "expected_votes": expected}
            _add_node(machine.world, kind, name, cluster)
    except BaseException:
        for medium in machine.media:
            medium.close()
        raise
    if play:
        machine.lines += _play_hints()
    return machine


def _votes(kind: str) -> int:
    return (ALPHA_OPTIONS if kind == "alpha" else VAX_OPTIONS)["votes"]


def _unit_request(text: str) -> ImageRequest:
    option = unit_option(text)
    return ImageRequest(
        option.medium,
        option.bus,
        option.letter,
        option.number,
        option.drive,
        option.read_only,
        option.mechanics,
    )


def _nodes(text: str) -> Iterator[tuple[str, str]]:
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
        yield match[1].lower(), name


def _new_image(text: str, firmware: Firmware) -> ImageRequest:
    path, _, size = text.rpartition("=")
    drive = firmware.drives.get(size.upper())
    match = _SIZE.fullmatch(size)
    if not path or (drive is None and match is None):
        raise SetupError(
            f"--new {text}: wanted PATH=DRIVE or PATH=SIZE; drives are {', '.join(firmware.drives)}"
        )
    if drive is not None:
        block_count = drive.block_count
    else:
        assert match is not None, "a size was read"
        scale = _SCALE.get(match[2].upper())
        block_count = int(match[1]) * scale // BLOCK_BYTES if scale else int(match[1])
    FileDevice.create(Path(path).expanduser(), block_count).close()
    return ImageRequest(path, drive=size if drive is not None else "")


def _play_images(folder: str, firmware: Firmware) -> Iterator[ImageRequest]:
    drive = firmware.drives.get(PLAY_DRIVE) or next(iter(firmware.drives.values()))
    for name in PLAY_DISKS:
        path = Path(folder) / f"{name}.img"
        FileDevice.create(path, drive.block_count).close()
        yield ImageRequest(str(path), drive=drive.name)


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


def _cluster_identity(options: Namespace) -> ClusterIdentity | None:
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


def _boot(machine: Machine, loop: Loop, options: Namespace, identity: ClusterIdentity | None) -> None:
    """Boot the nodes: at once, or in wall time when others may be on the LAN; raises StreamError."""
    world = machine.world
    if identity is None:
        world.boot()
        return
    link = ClusterLink(loop, world.lan, world.tracer, identity)
    machine.link = link
    with _shown(world.tracer):
        for url in options.cluster_listen:
            print(f"%HBVS-I-LISTEN, other processes are awaited at {link.listen(url)}", flush=True)
        for url in options.cluster:
            link.connect(url)
        up = world.begin_boot()
        loop.run(up)
    if not up():
        raise StreamError("interrupted before the nodes were up")


@contextmanager
def _shown(tracer: Tracer) -> Iterator[None]:
    """Show what is told to operators, while there is none."""

    def show(event: Event) -> None:
        if isinstance(event, ConsoleLine):
            print(f"{event.source:8}{event.text}", flush=True)

    tracer.subscribe(show)
    try:
        yield
    finally:
        tracer.unsubscribe(show)


def _numbered(requests: Iterable[ImageRequest]) -> Iterator[ImageRequest]:
    requests = list(requests)
    taken = [(r.bus, r.letter, r.number) for r in requests if r.number is not None]
    number = FIRST_UNIT
    for request in requests:
        if request.number is not None:
            yield request
            continue
        while (request.bus, request.letter, number) in taken:
            number += 1
        yield replace(request, number=number)
        number += 1


def _add_node(world: World, kind: str, name: str, cluster: Mapping[str, int]) -> None:
    """Plug a node into all there is; a VAX has no SCSI bus here, of Alphas each has an identifier of its own."""
    if kind == "vax":
        world.add_vax(name, *world.controllers, cluster=cluster)
        return
    alphas = sum(node.kind == "Alpha" for node in world.nodes.values())
    world.add_alpha(
        name,
        *world.controllers,
        shelves=world.shelves,
        program=load_scripts("pke") if world.shelves else None,
        scsi_id=HOST_ID - alphas,
        cluster=cluster,
    )


def _plug_in(machine: Machine, request: ImageRequest, mechanics: bool, *, shared: bool) -> None:
    assert request.number is not None, "units have got their numbers"
    if request.bus == "DK":
        _put_on_bus(machine, request, request.number, shared=shared)
        return
    index = ord(request.letter) - ord("A")
    controllers = machine.world.controllers
    if index >= len(controllers):
        raise SetupError(f"DU{request.letter}{request.number}: there are only {len(controllers)} controllers")
    controller = controllers[index]
    medium: BlockDevice = open_image(request.path, read_only=request.read_only, shared=shared)
    machine.media.append(medium)
    try:
        drive = drive_for(controller.firmware, medium, request.drive)
        # A drive that several processes have keeps nothing of its own: the file has room for one of them.
        own_store = None if shared else own_file(request.path, write_protected=medium.write_protected)
        moving = mechanics_of(drive) if mechanics or request.mechanics else None
        if moving is not None:
            medium = machine.media[-1] = SlowDevice.of_drive(medium, moving, machine.world.clock)
        controller.attach_unit(request.number, medium, drive, has_arm=moving is not None, own_store=own_store)
    except (ValueError, FirmwareError) as error:
        raise SetupError(f"{request.path}: {error}") from error
    locked = ", write-locked" if medium.write_protected else ""
    machine.lines.append(
        f"  $1$DU{request.letter}{request.number}:  {drive.name:8}{drive.block_count:10} blocks  {request.path}{locked}"
    )


def _put_on_bus(machine: Machine, request: ImageRequest, number: int, *, shared: bool) -> None:
    if shared:
        raise SetupError(
            f"{request.path}: a SCSI bus is in one process, its disks are not shared with others"
        )
    if request.mechanics:
        raise SetupError(f"{request.path}: there are no mechanics of SCSI disks")
    medium, line = put_on_bus(
        machine.world,
        request.letter,
        number,
        request.path,
        request.drive,
        read_only=request.read_only,
        alphas=sum(kind == "alpha" for kind, _ in machine.nodes),
    )
    machine.media.append(medium)
    machine.lines.append(line)


# ---- the conversation


def _open_doors(machine: Machine, loop: Loop, options: Namespace, password: str | None) -> None:
    """Let operators come; raises StreamError."""

    def make(say: Say) -> Interpreter:
        interpreter = Interpreter(machine.world, DiskFiles(), say, commands=machine.commands)
        interpreter.session.enable_operator(True)
        return interpreter

    for url in options.listen:
        address = serve_console(loop, url, make, _greeting(machine), password)
        print(f"%HBVS-I-LISTEN, operators are awaited at {address}", flush=True)
    for url in options.connect:
        attach_console(loop, connect(url), make, _greeting(machine), password)


def _greeting(machine: Machine) -> list[str]:
    lines = [f"hbvs {__version__}, a model of OpenVMS V7.3 volume shadowing"]
    for node in machine.world.nodes.values():
        ports = ", ".join(
            f"{driver.port.name}: {controller.firmware.name}"
            for driver, controller in zip(node.controllers, machine.world.controllers, strict=True)
        )
        ports += "".join(f", {driver.port.name}: 53C810" for driver in node.adapters)
        lines.append(f"  node {node.name} ({node.kind}), {ports}")
    return [*lines, *machine.lines, "HELP explains the verbs, EXIT ends.", ""]


def _converse(machine: Machine, options: Namespace, loop: Loop) -> int:
    attended = sys.stdin.isatty() and sys.stdout.isatty()
    if options.command is not None:
        return _run_script(machine, options, loop, _COMMAND.findall(options.command))
    if options.script is not None:
        try:
            lines = Path(options.script).expanduser().read_text().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            print(f"%HBVS-F-OPENIN, {options.script} cannot be read: {reason}", file=sys.stderr)
            return EXIT_FAILURE
        return _run_script(machine, options, loop, [], procedure=lines)
    if attended:
        return Terminal(machine, loop).run()
    return _run_script(machine, options, loop, () if loop.serves else sys.stdin)


def _shut_down(machine: Machine, loop: Loop, interpreter: Interpreter) -> None:
    """Hang up on all operators, dismount everything, and wait for what they had begun."""
    own = Interpreter(machine.world, DiskFiles(), interpreter.session.say, commands=machine.commands)
    if machine.link is not None:
        _in_wall_time(own, loop)
    else:
        loop.close()
    own.execute("SHUTDOWN")  # whatever the operator's process may not do, or has made of the word
    if machine.link is not None:
        _leave_cluster(machine, loop)
        machine.link.close()
        loop.close()
    clock = machine.world.clock
    clock.run_until(lambda: not machine.commands.jobs, clock.now_ns + PATIENCE_NS)


def _leave_cluster(machine: Machine, loop: Loop) -> None:
    """Leave, while the other nodes can still be told."""
    nodes = [node for node in machine.world.nodes.values() if not node.crashed]
    for node in nodes:
        node.cluster.manager.leave()
    until_ns = loop.clock.now_ns + LEAVE_NS
    loop.run(lambda: all(node.crashed for node in nodes) or loop.clock.now_ns >= until_ns)


def _in_wall_time(interpreter: Interpreter, loop: Loop) -> None:
    """Have an interpreter that runs the world run the loop, so that nodes of other processes are heard."""

    def settle(condition: Callable[[], bool]) -> bool:
        loop.run(condition, signalled=lambda _: interpreter.interrupt())
        return condition()

    interpreter.settle = settle


class _Output:
    """Standard output for a script; when its reader has gone, nothing more is written."""

    def __init__(self) -> None:
        self.closed = False

    def say(self, line: str) -> None:
        if self.closed:
            return
        try:
            print(line, flush=True)
        except BrokenPipeError:
            self.closed = True
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run_script(
    machine: Machine, options: Namespace, loop: Loop, lines: Iterable[str], procedure: Sequence[str] = ()
) -> int:
    """Carry out a procedure, or commands one after another; then, if operators may come, serve them."""
    output = _Output()
    interpreter = Interpreter(machine.world, DiskFiles(), output.say, commands=machine.commands)
    if machine.link is not None:
        _in_wall_time(interpreter, loop)
    interrupted = False

    def interrupt(signum: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        interrupted = True
        interpreter.interrupt()
        if signum == signal.SIGINT and not interpreter.busy:
            raise KeyboardInterrupt  # it waits for a line

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        if procedure:
            interpreter.process.verify = options.verify
            interpreter.execute_procedure(options.script, procedure, "" if options.keep_going else "W")
        for line in logical_lines(lines):
            if options.verify:
                output.say(f"$ {line.lstrip('$ ')}")
            interpreter.execute(line)
            failed = interpreter.failures > 0 and not options.keep_going
            if interrupted or output.closed or interpreter.ended or failed:
                break
        else:
            if not interpreter.failures or options.keep_going:
                loop.run(lambda: not loop.serves)
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGINT, before)
        failures = interpreter.failures
        _shut_down(machine, loop, interpreter)
    return EXIT_INTERRUPTED if interrupted else EXIT_FAILURE if failures else 0


class Terminal:
    """A person at a terminal."""

    def __init__(self, machine: Machine, loop: Loop) -> None:
        from prompt_toolkit import PromptSession  # noqa: PLC0415  it takes longer to load than all of ours
        from prompt_toolkit.history import InMemoryHistory  # noqa: PLC0415

        self._machine = machine
        self._loop = loop
        self._interpreter = Interpreter(
            machine.world, DiskFiles(), print, self._ask, commands=machine.commands
        )
        self._commands: PromptSession[str] = PromptSession(history=InMemoryHistory())
        self._answers: PromptSession[str] = PromptSession(history=InMemoryHistory())
        self._completer = _dcl_completer(self._interpreter)

    def run(self) -> int:
        """Talk until the operator leaves."""

        def interrupt(signum: int, frame: FrameType | None) -> None:
            self._interpreter.interrupt()  # which means nothing between two commands

        before = signal.signal(signal.SIGINT, interrupt)
        try:
            self._talk()
        finally:
            signal.signal(signal.SIGINT, before)
        return 0

    def _talk(self) -> None:
        interpreter = self._interpreter
        print("\n".join(_greeting(self._machine)))
        interpreter.session.enable_operator(True)
        while not interpreter.ended:
            try:
                line = self._read(self._commands, interpreter.prompt, self._completer)
            except KeyboardInterrupt:
                continue
            except EOFError:
                break
            self._carry_out(line)
        interpreter.session.enable_operator(False)
        _shut_down(self._machine, self._loop, interpreter)

    def _carry_out(self, line: str) -> None:
        """Carry out a line: as fast as the world can go, or in wall time when others may be at it too."""
        interpreter = self._interpreter
        if not self._loop.serves:
            interpreter.execute(line)
            return
        interpreter.start(line)
        while interpreter.busy:
            question = interpreter.question
            if question is not None:
                interpreter.answer(self._ask(question))
            else:
                self._loop.run(
                    lambda: not interpreter.busy or interpreter.question is not None,
                    signalled=lambda _: interpreter.interrupt(),
                )

    def _ask(self, prompt: str) -> str | None:
        """Ask in the middle of a command; Ctrl-C and Ctrl-Z are no answer."""
        try:
            return self._read(self._answers, prompt, None)
        except (KeyboardInterrupt, EOFError):
            return None

    def _read(self, session: "PromptSession[str]", prompt: str, completer: "Completer | None") -> str:
        return asyncio.run(self._read_while_world_goes_on(session, prompt, completer))

    async def _read_while_world_goes_on(
        self, session: "PromptSession[str]", prompt: str, completer: "Completer | None"
    ) -> str:
        from prompt_toolkit.patch_stdout import patch_stdout  # noqa: PLC0415

        with patch_stdout():
            background = asyncio.create_task(self._go_on())
            try:
                return await session.prompt_async(
                    prompt, completer=completer, complete_while_typing=False, key_bindings=_control_z()
                )
            finally:
                background.cancel()

    async def _go_on(self) -> NoReturn:
        """Let the world go on, and serve others, while the prompt waits."""
        running, something_came = asyncio.get_running_loop(), asyncio.Event()
        running.add_reader(self._loop.fileno(), something_came.set)
        try:
            while True:
                something_came.clear()
                seconds = min(self._loop.turn(), IDLE_SECONDS)
                with suppress(TimeoutError):
                    await asyncio.wait_for(something_came.wait(), seconds)
        finally:
            running.remove_reader(self._loop.fileno())


def _control_z() -> "KeyBindings":
    """Ctrl-Z ends input, as VMS has it."""
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent  # noqa: PLC0415

    bindings = KeyBindings()

    @bindings.add("c-z")
    def end(event: KeyPressEvent) -> None:
        event.app.exit(exception=EOFError)

    return bindings


def _dcl_completer(interpreter: Interpreter) -> "Completer":
    from prompt_toolkit.completion import CompleteEvent, Completer, Completion  # noqa: PLC0415
    from prompt_toolkit.document import Document  # noqa: PLC0415

    from emu.console.completion import suggestions  # noqa: PLC0415

    class DclCompleter(Completer):
        def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
            for suggestion in suggestions(interpreter.session, document.text_before_cursor):
                yield Completion(suggestion.text, -suggestion.length, display_meta=suggestion.help)

    return DclCompleter()
