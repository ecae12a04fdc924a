"""Units: images attached and detached, locks, and what there is."""

import re
from collections.abc import Iterator

from drivers.platform.process import Procedure
from emu.console.hardware import places
from emu.console.hardware.cabinet import Disk
from emu.console.hardware.grammar import Arguments
from emu.console.hardware.places import ControllerPlace, UnitPlace
from emu.console.hardware.refusal import Reason, Refused
from emu.console.hardware.session import Session
from emu.console.host_files import HostFileError
from emu.core.block import Function
from emu.core.clock import SECOND_NS
from emu.sim.world import drive_for

UNIT_BLOCK_LIMIT = 0xFFFF_FFFF  # a unit tells its size in 32 bits

_FILE = re.compile(r"(\"[^\"]*\"|'[^']*'|.*?)(?:,\s*([A-Za-z][A-Za-z0-9]*))?")


def attach(session: Session, arguments: Arguments) -> None:
    place = places.unit_place(session.world, arguments["unit"])
    match = _FILE.fullmatch(arguments["file"])
    path = match[1].strip("\"'") if match is not None else ""
    if not path:
        raise Refused(Reason.TOO_FEW, "which file?")
    drive = (match[2] or "").upper() if match is not None else ""
    read_only, new = "r" in arguments.switches, "n" in arguments.switches
    if read_only and new:
        raise Refused(Reason.SWITCH, "a new image cannot be read-only")
    cabinet = session.cabinet
    _require_empty(session, place)
    new_blocks = _blocks_of_drive(place, drive) if new else None
    name = cabinet.free_name(*place.key)
    disk = cabinet.open(name, path, read_only=read_only, new_blocks=new_blocks)
    try:
        plug_in(session, place, disk, drive)
    except Refused:
        cabinet.take_out(disk)
        raise
    if new:
        session.say(f"{place.name}: creating new file")


def _require_empty(session: Session, place: UnitPlace) -> None:
    if place.unit is not None and place.unit.medium is not None:
        raise Refused(Reason.ALREADY_ATTACHED, f"DETACH {place.name} first")
    if place.key in session.cabinet.idle:
        raise Refused(Reason.ALREADY_ATTACHED, f"{place.name} is stopped, and still has its disk")


def _blocks_of_drive(place: UnitPlace, drive: str) -> int:
    known = place.controller.firmware.drives
    kind = known.get(drive)
    if kind is None:
        raise Refused(
            Reason.MISSING_VALUE if not drive else Reason.NO_PARAMETER,
            f"a new image needs a drive after a comma, one of {', '.join(known)}",
        )
    return kind.block_count


def plug_in(session: Session, place: UnitPlace, disk: Disk, drive: str) -> None:
    """Put a disk into a unit; raises Refused."""
    _require_empty(session, place)
    if disk.medium.block_count > UNIT_BLOCK_LIMIT:
        raise Refused(Reason.ARGUMENT, f"{disk.path} has more blocks than a unit can tell of")
    locked = place.unit is not None and place.unit.write_protect_switch
    try:
        kind = drive_for(place.controller.firmware, disk.medium, drive)
        place.controller.attach_unit(
            place.number,
            disk.medium,
            kind,
            write_protect_switch=locked,
            own_store=lambda block_count: session.cabinet.files.open_own_blocks(
                disk.path, block_count, write_protected=disk.medium.write_protected
            ),
        )
    except (ValueError, HostFileError) as error:
        raise Refused(Reason.ARGUMENT, str(error)) from error


def detach(session: Session, arguments: Arguments) -> Procedure | None:
    name = arguments["unit"].upper()
    if name == "LINE":
        if session.line is None:
            raise Refused(Reason.UNIT_NOT_ATTACHED, "there is no line")
        session.line.close()
        session.line = None
        return None
    if name == "ALL":
        return _detach_all(session)
    return take_away(session, places.unit(session.world, name))


def _detach_all(session: Session) -> Procedure:
    for controller in places.controllers(session.world):
        for place in controller.units():
            medium = place.unit.medium if place.unit is not None else None
            if medium is not None and session.cabinet.disk_of(medium) is not None:
                yield from take_away(session, place)


def take_away(session: Session, place: UnitPlace, *, keep: bool = False) -> Procedure:
    """Take the disk out of a unit, whoever uses it, make it durable, and close it unless it is to be kept."""
    assert place.unit is not None, "the unit is there"
    medium = place.unit.medium
    if medium is None:
        raise Refused(Reason.UNIT_NOT_ATTACHED, f"there is nothing in {place.name}")
    mirror = places.mirror_of_medium(session.world, medium)
    if mirror is not None:
        raise Refused(
            Reason.NOT_ALLOWED,
            f"{place.name} shows mirrorset {mirror.name}, which lasts as long as the program",
        )
    place.controller.detach_unit(place.number)
    disk = session.cabinet.disk_of(medium)
    try:
        if not medium.write_protected:
            yield from session.ask_medium(medium, Function.FLUSH)
    finally:
        if disk is not None and not keep:
            session.cabinet.take_out(disk)


def lock(session: Session, arguments: Arguments) -> None:
    place = places.unit(session.world, arguments["unit"])
    assert place.unit is not None, "the unit is there"
    place.unit.write_protect_switch = True


def unlock(session: Session, arguments: Arguments) -> None:
    place = places.unit(session.world, arguments["unit"])
    unit = place.unit
    assert unit is not None, "the unit is there"
    unit.write_protect_switch = False
    if unit.write_protected:
        unit.write_protect_switch = True
        raise Refused(
            Reason.NOT_ALLOWED, f"{place.name} is read-only: its drive or its image never takes a write"
        )


# ---- SHOW


def unit_line(session: Session, place: UnitPlace) -> str:
    """Tell a unit as SIMH would."""
    unit = place.unit
    assert unit is not None, "the unit is there"
    assert unit.drive is not None, "a known unit has a drive"
    words = [place.name, unit.drive.name, f"{unit.block_count} blocks", attached_to(session, place)]
    words.append("write locked" if unit.write_protected else "write enabled")
    if place.is_online:
        words.append("on line")
    return ", ".join(words)


def attached_to(session: Session, place: UnitPlace) -> str:
    """Say what is in a unit."""
    idle = session.cabinet.idle.get(place.key)
    if idle is not None:
        return f"stopped, holds {idle.path}"
    medium = place.unit.medium if place.unit is not None else None
    if medium is None:
        return "not attached"
    mirror = places.mirror_of_medium(session.world, medium)
    if mirror is not None:
        return f"attached to mirrorset {mirror.name}"
    disk = session.cabinet.disk_of(medium)
    return f"attached to {disk.path}" if disk is not None else "attached"


def controller_lines(place: ControllerPlace) -> Iterator[str]:
    """Tell a controller, and each of its ports when there are several."""
    units = len(place.controller.units)
    line = f"{place.name}, {place.controller.firmware.name}, {units} unit{'' if units == 1 else 's'}"
    ports = place.controller.ports
    if len(ports) == 1:
        line += f", {ports[0].state.value}"
    yield line if ports else f"{line}, plugged into no host"
    if len(ports) > 1:
        yield from (f"  PU{place.letter}.{index + 1}, {port.state.value}" for index, port in enumerate(ports))


def _unit_lines(session: Session, place: ControllerPlace) -> Iterator[str]:
    yield from (f"  {unit_line(session, unit)}" for unit in place.units())


def show_configuration(session: Session, arguments: Arguments) -> None:
    session.say(f"{session.cabinet.product} configuration")
    session.say("")
    for place in places.controllers(session.world):
        for line in (*controller_lines(place), *_unit_lines(session, place)):
            session.say(line)
    for mirror in session.world.mirrors.values():
        session.say(f"{mirror.name}, mirrorset of {', '.join(disk.name for disk in mirror.disks)}")
    if session.line is not None:
        session.say(f"LINE, attached to {session.line.url}")


def show_controllers(session: Session, arguments: Arguments) -> None:
    for place in places.controllers(session.world):
        for line in controller_lines(place):
            session.say(line)


def show_units(session: Session, arguments: Arguments) -> None:
    for controller in places.controllers(session.world):
        for place in controller.units():
            session.say(unit_line(session, place))


def show_place(session: Session, arguments: Arguments) -> None:
    name = arguments["place"]
    if places.is_unit_name(name):
        session.say(unit_line(session, places.unit(session.world, name)))
        return
    place = places.controller(session.world, name)
    for line in (*controller_lines(place), *_unit_lines(session, place)):
        session.say(line)


def show_time(session: Session, arguments: Arguments) -> None:
    session.say(f"Time:\t{session.world.clock.now_ns / SECOND_NS:.6f} s")


def show_version(session: Session, arguments: Arguments) -> None:
    session.say(session.cabinet.product)


def show_links(session: Session, arguments: Arguments) -> None:
    links = session.cabinet.links
    for link in links:
        session.say(str(link))
    if not links:
        session.say("no links: everything is in this program")


# ---- SAVE


def saved_lines(session: Session) -> Iterator[str]:
    """Write the configuration as commands; what no command makes stands there as a comment."""
    yield f"; {session.cabinet.product} configuration, for RESTORE"
    yield "; saved: controllers, attached images, locks.  Not saved: contents of disks and memory, what hosts do,"
    yield "; time, debug, lines; mirrorsets are given when the program starts."
    for controller in places.controllers(session.world):
        yield f"ASSERT {controller.name} FIRMWARE={controller.controller.firmware.name.upper()}"
        for place in controller.units():
            yield from _saved_unit(session, place)
    for mirror in session.world.mirrors.values():
        disks = ", ".join(f"{disk.name} {disk.path} {mirror.state(disk)}" for disk in mirror.disks)
        yield f"; mirrorset {mirror.name}: {disks}"


def _saved_unit(session: Session, place: UnitPlace) -> Iterator[str]:
    unit = place.unit
    assert unit is not None, "the unit is there"
    assert unit.drive is not None, "a known unit has a drive"
    disk = session.cabinet.disk_of(unit.medium) or session.cabinet.idle.get(place.key)
    if disk is None:
        yield f"; {unit_line(session, place)}"
        return
    switch = "-r " if disk.read_only else ""
    quote = "'" if '"' in disk.path else '"'
    yield f"ATTACH {switch}{place.name} {quote}{disk.path}{quote},{unit.drive.name}"
    if unit.write_protect_switch:
        yield f"SET {place.name} LOCKED"


def save(session: Session, arguments: Arguments) -> None:
    text = "\n".join(saved_lines(session)) + "\n"
    file = session.create_file(arguments["file"], overlay="o" in arguments.switches, hint="-o replaces it")
    try:
        file.write(memoryview(text.encode()))
        file.keep()
    finally:
        file.close()


def restore_configuration(session: Session) -> Procedure:
    """Take out what is attached, so that a saved configuration can take its place."""
    for controller in places.controllers(session.world):
        for place in controller.units():
            if place.is_online:
                raise Refused(Reason.NOT_ALLOWED, f"a host has {place.name} on line")
    yield from _detach_all(session)
    for disk in session.cabinet.idle.values():
        session.cabinet.take_out(disk)
    session.cabinet.idle.clear()
