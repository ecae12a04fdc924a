"""`hbvs serve`: controllers on the buses of emulators in other processes, and consoles for their operators.

Each `--bus` is a place where one emulator's bus ends and one controller begins (docs/buslink.md).  The process goes on until
SIGINT or SIGTERM, whoever comes or goes; when an emulator goes, what it had written is made durable.
"""

import re
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from emu import __version__
from emu.console.conversation import Conversation, Say
from emu.console.hardware.cabinet import Cabinet
from emu.console.hardware.console import HardwareConsole
from emu.console.hardware.grammar import Grammar
from emu.console.interpreter import Interpreter
from emu.console.times import vms_time
from emu.core.block import BlockDevice, BlockRequest, Function, MediumError
from emu.core.clock import SECOND_NS, Scheduler
from emu.front import ByteMachine
from emu.front.buslink.frames import Framed
from emu.front.buslink.session import Session
from emu.front.buslink.slot import Slot
from emu.hw.firmware import Firmware, FirmwareError, PortKind
from emu.hw.mscp.controller import Controller
from emu.media.file import ImageError
from emu.shells.console_server import serve_console
from emu.shells.firmware_files import load_firmware
from emu.shells.host_files import DiskFiles
from emu.shells.image_files import open_image
from emu.shells.loop import Loop
from emu.shells.streams import StreamError, listen
from emu.sim.world import World, drive_for
from emu.wire.codes.buslink import Mode

DEFAULT_CONTROLLER = "kda50"
BUSES = {PortKind.UNIBUS: "UNIBUS", PortKind.QBUS: "Q-bus", PortKind.XMI: "XMI"}
FRAMED = ("serial", "pty")
CONSOLES = {"hbvs": Grammar.SIMH, "hsz": Grammar.HSOF, "dcl": None}
PATIENCE_NS = 60 * SECOND_NS  # of virtual time, for what must end before the process does

EXIT_FAILURE = 1

_UNIT = re.compile(r"DU([A-Z])(\d+):?=(.+)", re.IGNORECASE)
_SHADOW = re.compile(r"shadow\((.+)\)", re.IGNORECASE)
_NONE = "none"


class SetupError(Exception):
    """What was asked for cannot be put together; the text says why."""


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

    @property
    def name(self) -> str:
        return f"DU{self.letter}{self.number}"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments of `hbvs serve`."""
    parser.add_argument(
        "--bus",
        action="append",
        required=True,
        metavar="URL",
        help="where an emulator's bus link comes in: tcp://127.0.0.1:5001, unix:///PATH, serial:///dev/ttyS0?baud=115200, "
        "pty:/PATH/OF/LINK; once for each controller",
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
        metavar="DUA0=PATH[,drive=RA92][,ro]",
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
        "--password-file",
        metavar="FILE",
        help="whose first line is the password of the consoles; needed where other machines can reach them",
    )
    parser.add_argument(
        "--frozen",
        action="store_true",
        help="serve one emulator that runs in FROZEN mode: time is its instructions, runs repeat exactly",
    )


def run(options: Namespace) -> int:
    """Run `hbvs serve`; returns the exit status."""
    service = Service(frozen=options.frozen)
    try:
        try:
            service.build(options)
        except (SetupError, FirmwareError, ImageError, StreamError) as error:
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

    def __init__(self, *, frozen: bool) -> None:
        self.world = World(boot_time=vms_time(datetime.now()))
        self.loop = Loop(Scheduler() if frozen else self.world.clock)
        self.wall = self.loop.clock
        self.mode = Mode.FROZEN if frozen else Mode.POSTED
        self.files = DiskFiles()
        self.cabinet = Cabinet(self.world, self.files, product=f"hbvs {__version__}")
        self.doors: list[BusDoor] = []

    # ---- putting it together

    def build(self, options: Namespace) -> None:
        """Plug everything in, then open the doors.

        Raises:
            SetupError, FirmwareError, ImageError, StreamError: it cannot be done; `close` undoes the rest.
        """
        names = options.controller or [DEFAULT_CONTROLLER] * len(options.bus)
        if len(names) != len(options.bus):
            raise SetupError(f"{len(options.bus)} buses and {len(names)} controllers: each bus has one")
        if self.mode is Mode.FROZEN and len(names) > 1:
            raise SetupError("--frozen: one emulator makes the time, so there is one bus")
        for firmware in [load_firmware(name) for name in names]:
            self._add_controller(firmware)
        for request in [unit_request(text) for text in options.unit]:
            self._plug_in(request)
        password = _password(options.password_file)
        for text in options.console:
            self._serve_console(text, password)
        for door, url in zip(self.doors, options.bus, strict=True):
            self._serve_bus(door, url)

    def _add_controller(self, firmware: Firmware) -> None:
        letter = chr(ord("A") + len(self.doors))
        controller = self.world.add_controller(firmware, f"PU{letter}")
        slot = Slot(f"PU{letter} {firmware.name.upper()}", self.world.clock, self.mode, self._arrived, self._gone)
        slot.plug_in(controller.attach_port(slot.memory, slot.line))
        self.doors.append(BusDoor("", slot, controller))

    def _plug_in(self, request: UnitRequest) -> None:
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
            (path,) = request.paths
            medium: BlockDevice = open_image(path, read_only=request.read_only)
            self.cabinet.adopt(path, medium, read_only=request.read_only)
            drive = drive_for(controller.firmware, medium, request.drive)
            controller.attach_unit(request.number, medium, drive)
        except ValueError as error:
            raise SetupError(f"{request.name}: {error}") from error

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

    def _serve_console(self, text: str, password: str | None) -> None:
        kind, _, url = text.partition("=")
        if kind.lower() not in CONSOLES or not url:
            raise SetupError(f"--console {text}: wanted {', '.join(f'{each}=URL' for each in CONSOLES)}")
        grammar = CONSOLES[kind.lower()]
        if grammar is None and not self.world.nodes:
            raise SetupError(f"--console {text}: DCL is spoken by a node, and only a mirror set brings one")

        def make(say: Say) -> Conversation:
            if grammar is None:
                return Interpreter(self.world, self.files, say)
            return HardwareConsole(self.world, self.files, say, grammar, cabinet=self.cabinet)

        banner = [f"hbvs {__version__}", *(door.slot.name for door in self.doors), ""]
        address = serve_console(self.loop, url, make, banner, password)
        _tell("LISTEN", f"operators are awaited at {address}")

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
                unit.medium.submit(_Flush(partial(_flushed, f"unit {unit.number} of {controller.name}")))

    # ---- the end

    def close(self) -> bool:
        """Say goodbye, make everything durable, close; returns whether something was lost."""
        for door in self.doors:
            if door.slot.session is not None:
                door.slot.session.dismiss("the controller is being switched off")
        self.loop.turn()
        self.loop.close()
        failures: list[MediumError] = []
        for disk in self.cabinet.disks.values():
            if not disk.medium.write_protected:
                self._wait_for_flush(disk.medium, failures)
        self.cabinet.close()
        return bool(failures)

    def _wait_for_flush(self, medium: BlockDevice, failures: list[MediumError]) -> None:
        ended: list[MediumError | None] = []
        medium.submit(_Flush(ended.append))
        clock = self.world.clock
        clock.run_until(lambda: bool(ended), clock.now_ns + PATIENCE_NS)
        error = ended[0] if ended else MediumError("it does not end")
        if error is not None:
            failures.append(error)
            _flushed("an image", error)


class _Flush(BlockRequest):
    def __init__(self, ended: Callable[[MediumError | None], None]) -> None:
        self.function = Function.FLUSH
        self.lbn = self.byte_count = 0
        self.views = ()
        self._ended = ended

    def done(self, error: MediumError | None) -> None:
        self._ended(error)


def _flushed(what: str, error: MediumError | None) -> None:
    if error is not None:
        print(f"%HBVS-E-FLUSH, {what} could not be made durable: {error}", file=sys.stderr, flush=True)


def unit_request(text: str) -> UnitRequest:
    """Read a `--unit`; raises SetupError."""
    match = _UNIT.fullmatch(text)
    if match is None:
        raise SetupError(f"--unit {text}: a unit is written DUA0=PATH, then ,drive=NAME or ,ro if need be")
    letter, number, rest = match[1].upper(), int(match[2]), match[3]
    shadow = _SHADOW.match(rest)
    if shadow is not None:
        paths = tuple(path.strip() for path in shadow[1].split(","))
        extras = rest[shadow.end() :].removeprefix(",")
    else:
        path, _, extras = rest.partition(",")
        paths = () if path.lower() == _NONE else (path,)
    drive, read_only = _extras(text, extras.split(",") if extras else ())
    if not all(paths):
        raise SetupError(f"--unit {text}: an image has no name")
    return UnitRequest(letter, number, paths, shadow is not None, drive, read_only)


def _extras(text: str, extras: Iterable[str]) -> tuple[str, bool]:
    drive, read_only = "", False
    for extra in extras:
        if extra.lower().startswith("drive="):
            drive = extra[len("drive=") :]
        elif extra.lower() == "ro":
            read_only = True
        else:
            raise SetupError(f"--unit {text}: {extra} is neither drive=NAME nor ro")
    return drive, read_only


def _password(path: str | None) -> str | None:
    return None


def _tell(ident: str, text: str) -> None:
    try:
        print(f"%HBVS-I-{ident}, {text}", flush=True)
    except BrokenPipeError:
        pass  # nobody reads the log any more; the controllers go on
