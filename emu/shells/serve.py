"""`hbvs serve`: controllers on the buses of emulators in other processes, disks over iSCSI, consoles for operators.

Each `--bus` is a place where one emulator's bus ends and one controller begins (docs/buslink.md).  The process goes on
until SIGINT or SIGTERM, whoever comes or goes; when an emulator goes, what it had written is made durable.
"""

import sys
from argparse import ArgumentParser, Namespace
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

from drivers.message import Failure
from emu import __version__
from emu.console.conversation import Conversation, MakeConversation, Say
from emu.console.hardware.cabinet import Cabinet
from emu.console.hardware.console import HardwareConsole
from emu.console.hardware.grammar import Grammar
from emu.console.interpreter import Interpreter
from emu.console.session import CommandsInHand
from emu.console.times import vms_time
from emu.core.block import BlockDevice, Flush, MediumError
from emu.core.clock import SECOND_NS, Scheduler
from emu.core.trace import Tracer
from emu.front import ByteMachine
from emu.front.buslink.frames import Framed
from emu.front.buslink.session import Session
from emu.front.buslink.slot import Slot
from emu.hw.firmware import Firmware, FirmwareError, PortKind
from emu.hw.mscp.controller import Controller
from emu.media.file import ImageError
from emu.media.slow import SlowDevice
from emu.shells.console_server import PasswordError, attach_console, read_password, serve_console
from emu.shells.firmware_files import load_firmware
from emu.shells.host_files import DiskFiles
from emu.shells.image_files import open_image
from emu.shells.iscsi import IscsiService
from emu.shells.iscsi_arguments import (
    IscsiError,
    LunRequest,
    add_iscsi_arguments,
    lun_request,
    read_credentials,
)
from emu.shells.lines import open_line
from emu.shells.loop import Loop
from emu.shells.mirror_files import MirrorFiles, shadow_paths, side_file_note
from emu.shells.own_files import own_file
from emu.shells.streams import StreamError, connect, listen
from emu.shells.trace_file import TraceFileError, add_trace_argument, traced
from emu.shells.unit_options import SetupError, unit_option
from emu.sim.mirror import MirrorSet
from emu.sim.world import World, drive_for, mechanics_of
from emu.wire.codes.buslink import Mode

DEFAULT_CONTROLLER = "kda50"
MIRROR_CONTROLLER = "hbvs-shadow"
BUSES = {PortKind.UNIBUS: "UNIBUS", PortKind.QBUS: "Q-bus", PortKind.XMI: "XMI", PortKind.VAXBI: "VAXBI"}
FRAMED = ("serial", "pty")
CONSOLES = {"hbvs": Grammar.SIMH, "hsz": Grammar.HSOF, "dcl": None}
PATIENCE_NS = 60 * SECOND_NS  # of virtual time, for what must end before the process does

EXIT_FAILURE = 1

_NONE = "none"


@dataclass(frozen=True, slots=True)
class UnitRequest:
    """A unit to plug in.

    paths: one image; several for a mirror set; none for a drive without a medium.  drive: "" is the one of its size.
    """

    letter: str
    number: int
    paths: tuple[str, ...]
    mirrored: bool = False
    drive: str = ""
    read_only: bool = False
    mechanics: bool = False

    @property
    def name(self) -> str:
        return f"DU{self.letter}{self.number}"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments of `hbvs serve`."""
    parser.add_argument(
        "--bus",
        action="append",
        default=[],
        metavar="URL",
        help="where an emulator's bus link comes in: tcp://127.0.0.1:5001, unix:///PATH, "
        "serial:///dev/ttyS0?baud=115200, pty:/PATH/OF/LINK; once for each controller",
    )
    parser.add_argument(
        "--controller",
        action="append",
        metavar="NAME|FILE.fw",
        help=f"firmware of the controller at each bus, in their order; {DEFAULT_CONTROLLER} by default",
    )
    parser.add_argument(
        "--unit",
        action="append",
        default=[],
        metavar="DUA0=PATH[,drive=RA92][,ro][,mechanics]",
        help="an image; DUB0 is on the second controller; DUA1=none,drive=RX50 is an empty drive; "
        "DUA2=shadow(a.dsk,b.dsk) is a mirror set",
    )
    parser.add_argument(
        "--create",
        action="store_true",
        help="make new mirror sets of images that are in none: the first is taken as it is, the others are overwritten",
    )
    parser.add_argument(
        "--console",
        action="append",
        default=[],
        metavar="KIND=URL",
        help="a console for operators: hbvs, hsz or dcl, and where: hsz=telnet://127.0.0.1:2023, hbvs=pty:/PATH",
    )
    parser.add_argument(
        "--connect",
        action="append",
        default=[],
        metavar="KIND=URL",
        help="a console at a line that listens itself, a terminal line of a SIMH: hsz=telnet://127.0.0.1:2311",
    )
    parser.add_argument(
        "--password-file",
        metavar="FILE",
        help="whose first line is the password of the consoles; needed where other machines can reach them",
    )
    add_iscsi_arguments(parser)
    add_trace_argument(parser)
    parser.add_argument(
        "--frozen",
        action="store_true",
        help="serve one emulator that runs in FROZEN mode: time is its instructions, runs repeat exactly",
    )


def run(options: Namespace) -> int:
    """Run `hbvs serve`; returns the exit status."""
    try:
        with traced(options.trace) as tracer:
            return _serve(options, tracer)
    except TraceFileError as error:
        print(f"%HBVS-F-SETUP, {error}", file=sys.stderr)
        return EXIT_FAILURE


def _serve(options: Namespace, tracer: Tracer) -> int:
    service = Service(tracer, frozen=options.frozen)
    try:
        try:
            service.build(options)
        except (SetupError, FirmwareError, ImageError, IscsiError, PasswordError, StreamError) as error:
            print(f"%HBVS-F-SETUP, {error}", file=sys.stderr)
            return EXIT_FAILURE
        service.loop.run()
        _tell("END", "the controllers stop")
    finally:
        failed = service.close()
    return EXIT_FAILURE if failed else 0


@dataclass
class BusDoor:
    """One bus: where its emulator comes in, and the slot behind."""

    url: str
    slot: Slot
    controller: Controller
    lines: list[Framed] = field(default_factory=list)

    def __str__(self) -> str:
        session = self.slot.session
        if session is None:
            return f"{self.slot.name}  {self.url}  no emulator is connected"
        counted = session.statistics
        return (
            f"{self.slot.name}  {self.url}  {session.host}, {session.mode.name}, {counted.polls} polls, "
            f"{counted.fetches + counted.confirmations} waits for data, {counted.messages_sent} messages sent"
        )


class Service:
    """Everything that is served, from the images to the sockets."""

    def __init__(self, tracer: Tracer, *, frozen: bool) -> None:
        self.world = World(boot_time=vms_time(datetime.now()), tracer=tracer)
        self.loop = Loop(Scheduler() if frozen else self.world.clock)
        self.wall = self.loop.clock
        self.mode = Mode.FROZEN if frozen else Mode.POSTED
        self.files = DiskFiles()
        self.cabinet = Cabinet(
            self.world, self.files, open_line=partial(open_line, self.loop), product=f"hbvs {__version__}"
        )
        self.commands = CommandsInHand()
        self.doors: list[BusDoor] = []
        self.mirrors: list[tuple[MirrorSet, MirrorFiles]] = []
        self.iscsi: IscsiService | None = None

    # ---- putting it together

    def build(self, options: Namespace) -> None:
        """Plug everything in, then open the doors.

        Raises:
            SetupError, FirmwareError, ImageError, StreamError: it cannot be done; `close` undoes the rest.
        """
        if not options.bus and not options.iscsi:
            raise SetupError("there is nothing to serve: wanted --bus or --iscsi")
        if options.lun and not options.iscsi:
            raise SetupError("--lun: wanted --iscsi too, where initiators come in")
        names = options.controller or [DEFAULT_CONTROLLER] * len(options.bus)
        if len(names) != len(options.bus):
            raise SetupError(f"{len(options.bus)} buses and {len(names)} controllers: each bus has one")
        if self.mode is Mode.FROZEN and len(names) > 1:
            raise SetupError("--frozen: one emulator makes the time, so there is one bus")
        for firmware in [load_firmware(name) for name in names]:
            self._add_controller(firmware)
        for request in [unit_request(text) for text in options.unit]:
            self._plug_in(request, create=options.create)
        password = read_password(options.password_file) if options.password_file else None
        for text in options.console:
            self._serve_console(text, password)
        for text in options.connect:
            self._connect_console(text, password)
        for door, url in zip(self.doors, options.bus, strict=True):
            self._serve_bus(door, url)
        if options.iscsi:
            self._serve_iscsi(options)

    def _add_controller(self, firmware: Firmware) -> None:
        letter = chr(ord("A") + len(self.doors))
        controller = self.world.add_controller(firmware, f"PU{letter}")
        slot = Slot(
            f"PU{letter} {firmware.name.upper()}", self.world.clock, self.mode, self._arrived, self._gone
        )
        slot.plug_in(controller.attach_port(slot.memory, slot.line))
        self.doors.append(BusDoor("", slot, controller))

    def _plug_in(self, request: UnitRequest, *, create: bool) -> None:
        index = ord(request.letter) - ord("A")
        if index >= len(self.doors):
            raise SetupError(f"{request.name}: there are {len(self.doors)} controllers")
        controller = self.doors[index].controller
        try:
            if not request.paths:
                drive = controller.firmware.drives.get(request.drive.upper())
                if drive is None:
                    known = ", ".join(sorted(controller.firmware.drives))
                    raise SetupError(f"{request.name}: an empty drive needs drive= one of {known}")
                controller.attach_drive(request.number, drive)
                return
            if request.mirrored:
                medium = self._open_mirror(request, create=create)
                drive = drive_for(controller.firmware, medium, request.drive)
                controller.attach_unit(request.number, medium, drive, write_protect_switch=request.read_only)
                return
            (path,) = request.paths
            medium = open_image(path, read_only=request.read_only)
            disk = self.cabinet.adopt(path, medium, read_only=request.read_only)
            drive = drive_for(controller.firmware, medium, request.drive)
            moving = mechanics_of(drive) if request.mechanics else None
            if moving is not None:
                medium = disk.medium = SlowDevice.of_drive(medium, moving, self.world.clock)
            own_store = own_file(path, write_protected=medium.write_protected)
            controller.attach_unit(
                request.number, medium, drive, has_arm=moving is not None, own_store=own_store
            )
            if note := side_file_note(path):
                _tell("MIRROR", f"{request.name} is {path} alone{note}")
        except (ValueError, Failure) as error:
            raise SetupError(f"{request.name}: {error}") from error

    def _open_mirror(self, request: UnitRequest, *, create: bool) -> BlockDevice:
        """Open a mirror set, or make one of images that are in none; returns what the guest sees."""
        files = MirrorFiles.open(request.paths, create=create)
        try:
            name = f"M{len(self.mirrors) + 1}"
            firmware = load_firmware(MIRROR_CONTROLLER)
            mirror = self.world.add_mirror(name, files.media, firmware, block_count=files.block_count)
            mirror.say = lambda message: _report(str(message))
            self.world.run(mirror.node, mirror.create(files.label) if files.label else mirror.open())
        except BaseException:
            files.close()
            raise
        self.mirrors.append((mirror, files))
        for disk in mirror.disks:
            _tell("MIRROR", f"{disk.name} of {name} is {disk.path}, {mirror.state(disk)}")
        _tell("MIRROR", f"{name}: {files.membership}")
        return mirror.device

    def _serve_bus(self, door: BusDoor, url: str) -> None:
        listener = listen(url)
        door.url = listener.name
        framed = url.partition(":")[0].lower() in FRAMED

        def make(peer: str) -> ByteMachine:
            return self._framed(door) if framed else self._session(door)

        self.loop.listen(listener, make)
        self.cabinet.links.append(door)
        kind = BUSES[door.controller.firmware.port_kind]
        _tell("LISTEN", f"{door.slot.name} waits for a {kind} at {door.url}")

    def _session(self, door: BusDoor) -> Session:
        session = door.slot.accept()
        session.wake = partial(self.loop.touch, session)
        return session

    def _framed(self, door: BusDoor) -> Framed:
        def make() -> ByteMachine:
            session = door.slot.accept()
            session.wake = partial(self.loop.touch, line)
            return session

        line = Framed(self.wall, make)
        line.wake = partial(self.loop.touch, line)
        return line

    def _serve_iscsi(self, options: Namespace) -> None:
        if self.mode is Mode.FROZEN:
            raise SetupError("--iscsi: initiators live in real time, which --frozen stops")
        credentials = read_credentials(options.chap_file) if options.chap_file else None
        self.iscsi = IscsiService(
            self.loop, self.world.clock, self.world.tracer, options.iscsi_name, credentials, _tell
        )
        for text in options.lun:
            request = lun_request(text)
            medium = self._medium_of_lun(request)
            number = self.iscsi.attach(
                request, medium, f"{options.iscsi_name} {Path(request.medium).absolute()}"
            )
            _tell("LUN", f"{request.medium} is LUN {number}, {medium.block_count} blocks")
        for url in options.iscsi:
            address = self.iscsi.listen(url, exposed=options.iscsi_open)
            _tell("LISTEN", f"initiators of {options.iscsi_name} are awaited at {address}")

    def _medium_of_lun(self, request: LunRequest) -> BlockDevice:
        """A mirror set by its name or its virtual unit's, or an image."""
        for mirror, _ in self.mirrors:
            if request.medium.upper().rstrip(":") in (mirror.name, mirror.virtual_unit_name.rstrip(":")):
                return mirror.device
        medium = open_image(request.medium, read_only=request.read_only)
        self.cabinet.adopt(request.medium, medium, read_only=request.read_only)
        return medium

    def _serve_console(self, text: str, password: str | None) -> None:
        make, url = self._console(f"--console {text}", text)
        address = serve_console(self.loop, url, make, self._banner(), password)
        _tell("LISTEN", f"operators are awaited at {address}")

    def _connect_console(self, text: str, password: str | None) -> None:
        make, url = self._console(f"--connect {text}", text)
        attach_console(self.loop, connect(url), make, self._banner(), password)
        _tell("CONNECT", f"a console is at {url}")

    def _console(self, option: str, text: str) -> tuple[MakeConversation, str]:
        """Read KIND=URL; returns what makes the conversation, and the URL."""
        kind, _, url = text.partition("=")
        if kind.lower() not in CONSOLES or not url:
            raise SetupError(f"{option}: wanted {', '.join(f'{each}=URL' for each in CONSOLES)}")
        grammar = CONSOLES[kind.lower()]
        if grammar is None and not self.world.nodes:
            raise SetupError(f"{option}: DCL is spoken by a node, and only a mirror set brings one")

        def make(say: Say) -> Conversation:
            if grammar is not None:
                return HardwareConsole(self.world, self.files, say, grammar, cabinet=self.cabinet)
            interpreter = Interpreter(self.world, self.files, say, commands=self.commands)
            interpreter.session.enable_operator(True)
            return interpreter

        return make, url

    def _banner(self) -> list[str]:
        return [f"hbvs {__version__}", *(door.slot.name for door in self.doors), ""]

    # ---- while it goes on

    def _arrived(self, slot: Slot) -> None:
        assert slot.session is not None, "a host has arrived"
        _tell("HOST", f"{slot.session.host} is connected to {slot.name}")

    def _gone(self, slot: Slot) -> None:
        _tell("GONE", f"the host of {slot.name} has gone")
        for door in self.doors:
            if door.slot is slot:
                self._flush(door.controller)

    def _flush(self, controller: Controller) -> None:
        for unit in controller.units.values():
            if unit.medium is not None and not unit.write_protected:
                unit.medium.submit(Flush(partial(_flushed, f"unit {unit.number} of {controller.name}")))

    # ---- the end

    def close(self) -> bool:
        """Say goodbye, make everything durable, close; returns whether something was lost."""
        for door in self.doors:
            if door.slot.session is not None:
                door.slot.session.dismiss("the controller is being switched off")
        if self.iscsi is not None:
            self.iscsi.node.dismiss()
        self.loop.turn()
        self.loop.close()
        failures: list[MediumError] = []
        for disk in self.cabinet.disks.values():
            if not disk.medium.write_protected:
                self._wait_for_flush(disk.medium, failures)
        whole = [self._close_mirror(mirror, files) for mirror, files in self.mirrors]
        self.cabinet.close()
        return bool(failures) or not all(whole)

    def _close_mirror(self, mirror: MirrorSet, files: MirrorFiles) -> bool:
        try:
            self.world.run(mirror.node, mirror.close())
            files.seal()
        except Failure as failure:
            for message in failure.messages:
                print(message, file=sys.stderr, flush=True)
            return False
        finally:
            files.close()
        return True

    def _wait_for_flush(self, medium: BlockDevice, failures: list[MediumError]) -> None:
        ended: list[MediumError | None] = []
        medium.submit(Flush(ended.append))
        clock = self.world.clock
        clock.run_until(lambda: bool(ended), clock.now_ns + PATIENCE_NS)
        error = ended[0] if ended else MediumError("it does not end")
        if error is not None:
            failures.append(error)
            _flushed("an image", error)


def _flushed(what: str, error: MediumError | None) -> None:
    if error is not None:
        print(f"%HBVS-E-FLUSH, {what} could not be made durable: {error}", file=sys.stderr, flush=True)


def unit_request(text: str) -> UnitRequest:
    """Read a `--unit`; raises SetupError."""
    option = unit_option(text)
    if option.bus != "DU":
        raise SetupError(
            f"--unit {text}: disks on a SCSI bus are for the console; --iscsi with --lun serves SCSI"
        )
    paths = shadow_paths(option.medium)
    mirrored = paths is not None
    if paths is None:
        paths = [] if option.medium.lower() == _NONE else [option.medium]
    return UnitRequest(
        option.letter,
        option.number,
        tuple(paths),
        mirrored,
        option.drive,
        option.read_only,
        option.mechanics,
    )


def _tell(ident: str, text: str) -> None:
    _report(f"%HBVS-I-{ident}, {text}")


def _report(line: str) -> None:
    with suppress(BrokenPipeError):  # nobody reads the log any more; the controllers go on
        print(line, flush=True)
