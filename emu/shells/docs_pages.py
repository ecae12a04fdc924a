"""Prints the parts of docs/ that the program knows better than its authors: ladders, a session, tables.

python -m emu.shells.docs_pages          write them into the pages, and the ladders to tests/ladders
python -m emu.shells.docs_pages --check  say what is not current; exit status 1 if anything is

A page has `<!-- printed: name -->` and `<!-- end -->` around each such part.  The ladders and the session come from a
small world of memory disks and virtual time, so they are the same wherever they are printed.
"""

import re
import sys
import tempfile
import tomllib
from argparse import ArgumentParser
from collections.abc import Callable, Mapping, Sequence
from contextlib import chdir
from datetime import datetime
from functools import cache
from pathlib import Path

from drivers.platform.host import WaitingIrp
from drivers.shadow.shdriver import VirtualUnit
from emu.console.hardware import Cabinet, Grammar, HardwareConsole
from emu.console.hardware.help import reference
from emu.console.hardware.operations import OPERATIONS
from emu.console.help import help_lines
from emu.console.interpreter import Interpreter
from emu.console.times import vms_time
from emu.console.verbs import VERBS
from emu.core.block import BLOCK_BYTES
from emu.core.clock import MICROSECOND_NS, MILLISECOND_NS
from emu.core.trace import Event, MessageMoved
from emu.hw.firmware import Behaviour
from emu.hw.mscp.server import IMMEDIATE, OUTSTANDING
from emu.hw.uqssp.port import REGISTERS
from emu.media.memory import MemoryDevice
from emu.media.slow import SlowDevice, fixed_times
from emu.shells.firmware_files import known_firmware, load_firmware
from emu.shells.host_files import DiskFiles
from emu.sim.mirror import MirrorMedia
from emu.sim.world import World, drive_for
from emu.trace.ladder import Ladder, rung_of
from emu.trace.svg import svg
from emu.wire.codes.mscp import END, OP
from emu.wire.codes.uqssp import ENVELOPE_BYTES
from emu.wire.codes.vms import IO
from emu.wire.decode import OPCODE_OFFSET, decode_packet
from emu.wire.generated.uqssp import Envelope

BLOCK_COUNT = 20_000
FIRST_UNIT = 10
SEEKS_NS = (
    8 * MILLISECOND_NS,
    9 * MILLISECOND_NS,
    10 * MILLISECOND_NS,
)  # three drives that can be told apart
BLOCK_NS = 100 * MICROSECOND_NS
BOOT = datetime(2000, 5, 5, 13, 30)
SET = "DSA1:"
A, B, C = (f"$1$DUA{FIRST_UNIT + index}:" for index in range(3))

INITIALIZE = f"INITIALIZE/SHADOW=({A},{B},{C}) PAYROLL"
MOUNT = f"MOUNT/SYSTEM {SET}/SHADOW=({A},{B},{C}) PAYROLL"
LEAVE = f"DISMOUNT/POLICY=MINICOPY {C}"
RETURN = f"MOUNT/POLICY=MINICOPY {SET}/SHADOW={C} PAYROLL"

TOUR_OUT = (
    "SHOW CLUSTER",
    INITIALIZE,
    MOUNT,
    f"LOAD {SET}/WRITES=600/READS=30/RATE=20",
    "SET HOST VAX1",
    f"MOUNT/SYSTEM {SET} PAYROLL",
    f"LOAD {SET}/WRITES=200/RATE=8",
    "LOGOUT",
    LEAVE,
    f"BACKUP/PHYSICAL/VERIFY {C} monday.dsk",
    f"SHOW DEVICE/BITMAP/FULL {SET}",
    f"SHOW DEVICE {SET}",
    "SET HOST VAX1",
    f"SHOW DEVICE {SET}",
    f"SHOW DEVICE/BITMAP {SET}",
    f"DISMOUNT/POLICY=MINICOPY {B}",
    RETURN,
    "DELETE/BITMAP 00010001",
    "LOGOUT",
)
TOUR_BACK = (
    RETURN,
    f"SHOW DEVICE {SET}",
    f"WAIT {SET}",
    f"SHOW DEVICE {SET}",
    f"SHOW DEVICE/BITMAP {SET}",
    "WAIT/LOAD",
    f"DISMOUNT/CLUSTER {SET}",
)
REFUSED_BY_A_VAX = "IVQUAL", "IVKEYW", "CONFLICT"

BACKUP_SESSION = (
    INITIALIZE,
    MOUNT,
    f"LOAD {SET}/WRITES=600/RATE=20",
    f'@SYS$EXAMPLES:BACKUP_MEMBER {SET} {C} "monday.dsk"',
    f"SHOW DEVICE {SET}",
    "WAIT/LOAD",
)

HARDWARE_SESSION = (
    "ATTACH -n DUA0 work.dsk,RX33",
    "SHOW CONFIGURATION",
    "EXAMINE PUA CSTA,SA,CRED",
    "SHOW RINGS",
    "SET DEBUG PUA=STATES",
    "RESET PUA",
    "WAIT 2MS",
    "SET NODEBUG",
    "SET DUA0 LOCKED",
    "SHOW DUA0",
    "DEPOSIT -h 200 BEEF",
    "EXAMINE -h 200-203",
    "SAVE lab.ini",
)
MIRRORSET_SESSION = (
    "SHOW UNITS",
    "REDUCE DISK10100",
    "SHOW M1",
    "BACKUP DISK10100 TO monday.dsk",
    "SET M1 REPLACE=DISK10100",
    "WAIT 1",
    "SHOW DISK10100",
)
RA80_BLOCKS = 237_212

_OPCODE = ENVELOPE_BYTES + OPCODE_OFFSET
_PART = re.compile(r"(<!-- printed: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


class Scene:
    """One controller with three memory disks of different speed, and an Alpha with its console; perhaps a VAX."""

    def __init__(self, *, vax: bool = False) -> None:
        self.world = World(boot_time=vms_time(BOOT))
        self.controller = self.world.add_controller(load_firmware("hbvs-shadow"))
        for index, seek_ns in enumerate(SEEKS_NS):
            times = fixed_times(seek_ns, BLOCK_NS)
            medium = SlowDevice(MemoryDevice(BLOCK_COUNT), self.world.clock, times)
            drive = drive_for(self.controller.firmware, medium)
            self.controller.attach_unit(FIRST_UNIT + index, medium, drive)
        self.node = self.world.add_alpha("ALPHA1", self.controller)
        if vax:
            self.world.add_vax("VAX1", self.controller)
        self.world.boot()
        self.said: list[str] = []
        self._interpreter = Interpreter(self.world, DiskFiles(), self.said.append)

    @property
    def set(self) -> VirtualUnit:
        return self.node.shadow.units[SET]

    def do(self, *commands: str) -> None:
        for command in commands:
            self._interpreter.execute(command)
            assert self._interpreter.succeeded, f"{command}: {self.said[-1:]}"

    def type(self, command: str, may_be_refused: Sequence[str] = ()) -> None:
        """Carry out a command, and keep it with what it said."""
        place = len(self.said)
        self.said.append(self._interpreter.prompt + command)
        self._interpreter.execute(command)
        said = "\n".join(self.said[place + 1 :])
        refused = any(f"-{ident}," in said for ident in may_be_refused)
        assert self._interpreter.succeeded or refused, f"{command}: {said}"

    def write(self, lbn: int) -> WaitingIrp:
        """Start the write of one block; its `finished` tells when it has ended."""
        platform = self.node.platform
        irp = WaitingIrp(platform, IO.WRITEPBLK, lbn, BLOCK_BYTES, platform.pool.allocate(BLOCK_BYTES))
        self.set.queue_io(irp)
        return irp

    def finish(self, irp: WaitingIrp) -> None:
        assert self.world.settle(lambda: irp.finished.is_set), "the write is answered"

    def draw(self, action: Callable[[], None]) -> str:
        """Draw what happens while `action` runs."""
        ladder = Ladder(self.node.name, self.controller.name)
        self.world.tracer.subscribe(ladder.hear)
        action()
        self.world.tracer.unsubscribe(ladder.hear)
        return ladder.text()


def with_a_member_away() -> Scene:
    scene = Scene()
    scene.do(INITIALIZE, MOUNT, LEAVE)
    return scene


# ---- the parts


def init_ladder() -> str:
    """A MicroVAX brings up an RQDX3 with one drive, from the write to IP to the end of the unit walk."""
    world = World()
    controller = world.add_controller(load_firmware("rqdx3"))
    drive = controller.firmware.drives["RD31"]
    controller.attach_unit(0, MemoryDevice(drive.block_count), drive)
    vax = world.add_vax("VAX1", controller)
    ladder = Ladder(vax.name, controller.name)
    world.tracer.subscribe(ladder.hear)
    world.boot()
    return ladder.text()


def write_ladder() -> str:
    """One write to a set, one of whose three members is away."""
    scene = with_a_member_away()
    return scene.draw(lambda: scene.finish(scene.write(1000)))


def write_picture() -> str:
    """The same write as a picture."""
    scene = with_a_member_away()
    events: list[Event] = []
    scene.world.tracer.subscribe(events.append)
    scene.finish(scene.write(1000))
    rungs = [rung for rung in map(rung_of, events) if rung is not None]
    return svg(rungs, scene.node.name, scene.controller.name)


def minicopy_ladder() -> str:
    """The return of the member, after that one write."""
    scene = with_a_member_away()
    scene.finish(scene.write(1000))
    return scene.draw(lambda: scene.do(RETURN, f"WAIT {SET}"))


def collision_ladder() -> str:
    """A write into the range that is just being copied, drawn from the copy command on."""
    scene = with_a_member_away()
    scene.finish(scene.write(1000))
    ladder = Ladder(scene.node.name, scene.controller.name)
    copying = False

    def hear(event: Event) -> None:
        nonlocal copying
        copying = copying or (isinstance(event, MessageMoved) and event.data[_OPCODE] == OP.DCD)
        if copying:
            ladder.hear(event)

    scene.world.tracer.subscribe(hear)
    scene.do(RETURN)
    assert copying, "MOUNT has started the copy"
    scene.finish(scene.write(1001))
    scene.world.tracer.unsubscribe(hear)
    return ladder.text()


def write_packets() -> str:
    """The first WRITE of the first ladder and its end message, decoded."""
    scene = with_a_member_away()
    return _decoded(scene, OP.WR, lambda: scene.finish(scene.write(1000)))


def copy_packets() -> str:
    """The DISK COPY DATA of the second ladder and its end message, decoded."""
    scene = with_a_member_away()
    scene.finish(scene.write(1000))
    return _decoded(scene, OP.DCD, lambda: scene.do(RETURN, f"WAIT {SET}"))


def _decoded(scene: Scene, opcode: OP, action: Callable[[], None]) -> str:
    """Decode the first command with this opcode and the first end message, as `hbvs decode` does."""
    packets: dict[int, bytes] = {}

    def hear(event: Event) -> None:
        if isinstance(event, MessageMoved):
            packets.setdefault(event.data[_OPCODE], event.data)

    scene.world.tracer.subscribe(hear)
    action()
    scene.world.tracer.unsubscribe(hear)
    lines = []
    for code in (int(opcode), opcode | END):
        packet = packets[code]
        packet = packet[: ENVELOPE_BYTES + Envelope.unpack(packet).length]
        lines += [f"$ hbvs decode {packet.hex()}", *map(str, decode_packet(packet, with_envelope=True)), ""]
    return "\n".join(lines[:-1]) + "\n"


@cache
def tour() -> tuple[str, str]:
    """An Alpha and a VAX: a member leaves and is backed up, and it returns; what was typed and said, in two parts."""
    scene = Scene(vax=True)
    parts = []
    with tempfile.TemporaryDirectory(prefix="hbvs-") as folder, chdir(folder):
        for commands in (TOUR_OUT, TOUR_BACK):
            scene.said.clear()
            for command in commands:
                scene.type(command, REFUSED_BY_A_VAX)
            parts.append("\n".join(scene.said) + "\n")
    return parts[0], parts[1]


def backup_session() -> str:
    """BACKUP_MEMBER.COM under an application."""
    return _session(BACKUP_SESSION)


def _session(commands: Sequence[str]) -> str:
    scene = Scene()
    with tempfile.TemporaryDirectory(prefix="hbvs-") as folder, chdir(folder):
        for command in commands:
            scene.type(command)
    return "\n".join(scene.said) + "\n"


def dcl_verbs() -> str:
    """The verbs of DCL, as HELP explains them on an Alpha."""
    lines: list[str] = []
    for verb in VERBS:
        paths = [[verb.name, option.name] for option in verb.options] or [[verb.name]]
        for path in paths:
            lines += help_lines(VERBS, path, "Alpha")
    return "\n".join(lines).strip("\n") + "\n"


def hardware_session() -> str:
    """A session at `hbvs>`: an RQDX3 with one diskette, and a MicroVAX that has booted from nothing."""
    world = World()
    controller = world.add_controller(load_firmware("rqdx3"))
    said: list[str] = []
    cabinet = Cabinet(world, DiskFiles())
    console = HardwareConsole(world, cabinet.files, said.append, cabinet=cabinet)
    with tempfile.TemporaryDirectory(prefix="hbvs-") as folder, chdir(folder):
        for command in HARDWARE_SESSION:
            said.append(console.prompt + command)
            assert not console.execute(command), said[-1]
            if len(world.nodes) == 0:
                world.add_vax("VAX1", controller)
                world.boot()
    cabinet.close()
    return "\n".join(said) + "\n"


def mirrorset_session() -> str:
    """A session at `HBVS>`: a member leaves, is backed up and returns, under a MicroVAX."""
    world = World()
    controller = world.add_controller(load_firmware("kda50"))
    media = [
        MirrorMedia(f"{n}.dsk", MemoryDevice(127), MemoryDevice(RA80_BLOCKS), i) for i, n in enumerate("ab")
    ]
    mirror = world.add_mirror("M1", media, load_firmware("hbvs-shadow"))
    world.run(mirror.node, mirror.create("GUEST"))
    world.settle(lambda: all(mirror.state(disk) == "NORMAL" for disk in mirror.disks))
    controller.attach_unit(0, mirror.device, drive_for(controller.firmware, mirror.device))
    world.add_vax("VAX1", controller)
    world.boot()
    said: list[str] = []
    console = HardwareConsole(world, DiskFiles(), said.append, Grammar.HSOF)
    with tempfile.TemporaryDirectory(prefix="hbvs-") as folder, chdir(folder):
        for command in MIRRORSET_SESSION:
            said.append(console.prompt + command)
            assert not console.execute(command), said[-1]
    return "\n".join(said) + "\n"


def registers_table() -> str:
    rows = "".join(
        f"| {register.offset} | {8 * register.width} | `{register.name}` | {register.access} | {register.meaning} |\n"
        for register in REGISTERS.registers
    )
    return f"| Offset | Bits | Register | Access | Meaning |\n|---|---|---|---|---|\n{rows}"


def commands_table() -> str:
    firmwares = {name: load_firmware(name) for name in known_firmware()}
    rows = ""
    for opcode in OP:
        if opcode in IMMEDIATE:
            kind, module = "immediate", IMMEDIATE[opcode].__module__
        elif opcode in OUTSTANDING:
            command = OUTSTANDING[opcode][1]
            kind, module = "sequential" if command.sequential else "non-sequential", command.__module__
        else:
            continue
        known = [name for name, firmware in firmwares.items() if opcode in firmware.commands]
        where = "all" if len(known) == len(firmwares) else ", ".join(known)
        path = module.replace(".", "/") + ".py"
        rows += f"| {int(opcode):02X} | {opcode.words} | {kind} | {where} | `{path}` |\n"
    return f"| Opcode | Command | Class | Known to | File |\n|---|---|---|---|---|\n{rows}"


def firmware_table(root: Path) -> str:
    manifest = tomllib.loads((root / "firmware_images" / "manifest.toml").read_text())
    rows = ""
    for image in manifest["image"]:
        firmware = load_firmware(str(root / "firmware_images" / image["file"]))
        behaviour = ", ".join(f"`{b.name}`" for b in Behaviour if firmware.behaviour & b) or "none"
        rows += (
            f"| `{image['file'].removesuffix('.fw')}` | {image['description']} | {firmware.port_kind.name} "
            f"| {firmware.step1_word:04X} | {firmware.step4_word:04X} | {firmware.unit_limit} | {behaviour} |\n"
        )
    return (
        "| Image | What it is | Port | Step 1 | Step 4 | Units | Behaviour |\n|---|---|---|---|---|---|---|\n"
        + rows
    )


LADDERS: Mapping[str, Callable[[], str]] = {
    "init": init_ladder,
    "write": write_ladder,
    "minicopy": minicopy_ladder,
    "collision": collision_ladder,
    "leaves": lambda: tour()[0],
    "returns": lambda: tour()[1],
}


# ---- pages


def _fenced(text: str) -> str:
    return f"```text\n{text}```\n"


def printed_files(root: Path) -> dict[Path, str]:
    """Return what the files with printed parts should hold: pages of docs/, ladders.

    Raises:
        KeyError: a page names a part that nobody prints.
    """
    ladders = {name: draw() for name, draw in LADDERS.items()}
    parts = {name: _fenced(text) for name, text in ladders.items()}
    parts["write_packets"] = _fenced(write_packets())
    parts["copy_packets"] = _fenced(copy_packets())
    parts["backup_session"] = _fenced(backup_session())
    parts["dcl_verbs"] = _fenced(dcl_verbs())
    parts["hardware_session"] = _fenced(hardware_session())
    parts["mirrorset_session"] = _fenced(mirrorset_session())
    parts["simh_verbs"] = _fenced(reference(OPERATIONS, Grammar.SIMH))
    parts["hsof_verbs"] = _fenced(reference(OPERATIONS, Grammar.HSOF))
    parts["registers"] = registers_table()
    parts["commands"] = commands_table()
    parts["firmware"] = firmware_table(root)
    files = {root / "tests" / "ladders" / f"{name}.txt": text for name, text in ladders.items()}
    files[root / "docs" / "pictures" / "write.svg"] = write_picture()
    for path in sorted((root / "docs").rglob("*.md")):
        text = path.read_text()
        if _PART.search(text):
            files[path] = _PART.sub(lambda match: match[1] + parts[match[2]] + match[3], text)
    return files


def stale_files(root: Path) -> list[Path]:
    """List the files that are not what they should be."""
    return [
        path for path, text in printed_files(root).items() if not path.exists() or path.read_text() != text
    ]


def main() -> int:
    parser = ArgumentParser(
        prog="python -m emu.shells.docs_pages", description="Print the printed parts of docs/."
    )
    parser.add_argument("--check", action="store_true", help="only say what is not current")
    options = parser.parse_args()
    root = Path.cwd()
    if not (root / "docs").is_dir() or not (root / "emu").is_dir():
        print("%HBVS-F-DOCS, run this in the root of a checkout", file=sys.stderr)
        return 1
    if not options.check:
        for path, text in printed_files(root).items():
            path.write_text(text)
        return 0
    stale = stale_files(root)
    for path in stale:
        print(f"%HBVS-F-STALE, {path.relative_to(root)} is not current", file=sys.stderr)
    return int(bool(stale))


if __name__ == "__main__":
    sys.exit(main())
