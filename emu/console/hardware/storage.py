"""Disks, mirrorsets and units as an HSZ has them: containers under names, units Dn on containers.

Units are those of the first controller: of THIS_CONTROLLER.

UNCERTAIN: the widths of the columns, and the words of the switches, are from examples in prose.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from drivers.message import Failure, Message
from drivers.platform.process import Procedure
from emu.console.hardware import places, units
from emu.console.hardware.cabinet import Disk
from emu.console.hardware.grammar import Arguments
from emu.console.hardware.places import UnitPlace
from emu.console.hardware.refusal import Reason, Refused
from emu.console.hardware.session import Session
from emu.console.host_files import HostFileError, OutputFile
from emu.core.block import BLOCK_BYTES, BlockDevice, Function
from emu.sim.mirror import MirrorDisk, MirrorSet

BACKUP_BYTES = 1 << 20
PERCENT_STEP = 25  # between two lines of a backup's progress

_HEADER = f"{'Name':14}{'Storageset':22}{'Uses':22}{'Used by'}"
_RULE = "-" * 72


# ---- names


def _unit(session: Session, name: str) -> UnitPlace:
    place = places.unit(session.world, name)
    if place.place.position:
        raise Refused(Reason.NO_UNIT, f"{name.upper()} is of another controller")
    return place


def _short(place: UnitPlace) -> str:
    return f"D{place.number}"


def _place_of(session: Session, medium: BlockDevice) -> UnitPlace | None:
    """The unit that uses a medium, also one that is stopped."""
    for controller in places.controllers(session.world):
        for place in controller.units():
            idle = session.cabinet.idle.get(place.key)
            if (place.unit is not None and place.unit.medium is medium) or (idle and idle.medium is medium):
                return place
    return None


def _user_name(place: UnitPlace | None) -> str:
    if place is None:
        return ""
    return place.name if place.place.position else _short(place)


def _member(session: Session, name: str) -> tuple[MirrorSet, MirrorDisk]:
    found = places.mirror_disk(session.world, name)
    if found is None:
        raise Refused(Reason.NO_DEVICE, f"{name.upper()} is no disk of a mirrorset")
    return found


def _member_of(session: Session, arguments: Arguments) -> tuple[MirrorSet, MirrorDisk]:
    mirror = places.mirror(session.world, arguments["mirrorset"])
    owner, disk = _member(session, arguments["disk"])
    if owner is not mirror:
        raise Refused(Reason.ARGUMENT, f"{disk.name} is a disk of {owner.name}")
    return mirror, disk


# ---- containers and units come and go


def add_disk(session: Session, arguments: Arguments) -> None:
    name = arguments["name"].upper()
    if not name.isalnum() or not name[0].isalpha() or places.is_unit_name(name):
        raise Refused(Reason.ARGUMENT, f"{name} is no name for a disk: letters and digits, as DISK10100")
    if (
        name in session.cabinet.disks
        or name in session.world.mirrors
        or places.mirror_disk(session.world, name)
    ):
        raise Refused(Reason.ALREADY_ATTACHED, f"{name} is there already")
    session.cabinet.open(name, arguments["image"], read_only="READ_ONLY" in arguments.words)


def add_unit(session: Session, arguments: Arguments) -> None:
    place = places.unit_place(session.world, arguments["unit"])
    container = arguments["container"].upper()
    mirror = session.world.mirrors.get(container)
    if mirror is not None or places.mirror_disk(session.world, container):
        what = container if mirror is not None else f"the mirrorset of {container}"
        raise Refused(Reason.NOT_ALLOWED, f"{what} got its unit when the program started")
    disk = places.disk_in(session.cabinet.disks, container)
    user = _place_of(session, disk.medium)
    if user is not None:
        raise Refused(Reason.ALREADY_ATTACHED, f"{disk.name} is used by {_user_name(user)}")
    units.plug_in(session, place, disk, "")
    if "WRITE_PROTECT" in arguments.words:
        units.lock(session, arguments)


def delete(session: Session, arguments: Arguments) -> Procedure | None:
    name = arguments["name"].upper()
    if places.is_unit_name(name):
        return _delete_unit(session, _unit(session, name))
    if name in session.world.mirrors or places.mirror_disk(session.world, name):
        raise Refused(Reason.NOT_ALLOWED, "a mirrorset lasts as long as the program")
    disk = places.disk_in(session.cabinet.disks, name)
    user = _place_of(session, disk.medium)
    if user is not None:
        raise Refused(Reason.NOT_ALLOWED, f"{disk.name} is used by {_user_name(user)}")
    session.cabinet.take_out(disk)
    return None


def _delete_unit(session: Session, place: UnitPlace) -> Procedure:
    if session.cabinet.idle.pop(place.key, None) is None:
        _require_not_online(place)
        yield from units.take_away(session, place, keep=True)


def _require_not_online(place: UnitPlace) -> None:
    if place.is_online:
        raise Refused(Reason.NOT_ALLOWED, f"a host has {_short(place)} on line")


def stop_unit(session: Session, arguments: Arguments) -> Procedure:
    """NORUN: the unit is there, and off line for every host."""
    place = _unit(session, arguments["unit"])
    if place.key in session.cabinet.idle:
        return
    _require_not_online(place)
    assert place.unit is not None, "the unit is there"
    disk = session.cabinet.disk_of(place.unit.medium)
    if disk is None and place.unit.medium is not None:
        raise Refused(
            Reason.NOT_ALLOWED, f"{_short(place)} cannot be stopped: its container is not the operator's"
        )
    if disk is not None:
        session.cabinet.idle[place.key] = disk
    yield from units.take_away(session, place, keep=True)


def run_unit(session: Session, arguments: Arguments) -> None:
    place = _unit(session, arguments["unit"])
    disk = session.cabinet.idle.pop(place.key, None)
    if disk is not None:
        place.controller.load_unit(place.number, disk.medium)
    elif place.unit is None or place.unit.medium is None:
        raise Refused(Reason.UNIT_NOT_ATTACHED, f"{_short(place)} has no container")


# ---- mirrorsets


def reduce(session: Session, arguments: Arguments) -> Procedure:
    members = [_member(session, name) for name in arguments.all("disk")]
    mirror = members[0][0]
    if any(owner is not mirror for owner, _ in members):
        raise Refused(
            Reason.NOT_ALLOWED, "several mirrorsets cannot be cut at one instant: reduce one after the other"
        )
    disks = [disk for _, disk in members]
    procedure = mirror.reduce(*disks)
    return session.on_node(mirror.node, f"REDUCE {' '.join(disk.name for disk in disks)}", procedure)


def replace_member(session: Session, arguments: Arguments) -> Procedure:
    """Bring a disk in, and tell whether that is a minicopy (COPYING) or a full copy (NORMALIZING)."""
    mirror, disk = _member_of(session, arguments)
    yield from session.on_node(mirror.node, f"REPLACE={disk.name}", mirror.replace(disk))
    session.say(f"{disk.name} is {_disk_state(mirror, disk)}")


def remove_member(session: Session, arguments: Arguments) -> Procedure:
    mirror, disk = _member_of(session, arguments)
    return session.on_node(mirror.node, f"REMOVE={disk.name}", mirror.remove(disk))


def set_mirrorset(session: Session, arguments: Arguments) -> None:
    """Take the settings that are what this model does anyhow, and refuse the others."""
    mirror = places.mirror(session.world, arguments["mirrorset"])
    for setting, fixed in _settings(mirror).items():
        if setting in arguments.words and arguments["value"].upper() != fixed:
            raise Refused(Reason.NOT_ALLOWED, f"{setting} is {fixed} here, nothing else can be had")


def _settings(mirror: MirrorSet) -> dict[str, str]:
    return {
        "POLICY": "NOPOLICY",
        "COPY": "NORMAL",
        "READ_SOURCE": "LEAST_BUSY",
        "MEMBERSHIP": str(len(_members(mirror))),
    }


def _members(mirror: MirrorSet) -> list[MirrorDisk]:
    return [
        disk for disk in mirror.disks if mirror.state(disk) in ("NORMAL", "MERGING", "NORMALIZING", "COPYING")
    ]


def backup(session: Session, arguments: Arguments) -> Procedure:
    """Write the blocks that a guest sees of a disk into a new raw image."""
    name, path = arguments["disk"].upper(), arguments["file"]
    found = places.mirror_disk(session.world, name)
    if found is None:
        disk = places.disk_in(session.cabinet.disks, name)
        place = _place_of(session, disk.medium)
        if place is not None and place.is_online and not place.write_protected:
            raise Refused(Reason.NOT_ALLOWED, f"a host has {disk.name} on line, and may write to it")
        yield from _backup_disk(session, disk, place, path)
        return
    mirror, member = found
    output = session.create_file(path, overlay=False, hint="and is not replaced")
    stopped = False

    def progress(done: int, total: int) -> None:
        if stopped:
            raise Failure(Message("BACKUP", "F", "ABORT", "operation canceled by operator"))
        tell(done, total)

    def body() -> Procedure:
        try:
            yield from mirror.backup(member, partial(_write, output), progress)
            _keep(output)
        finally:
            output.close()

    tell = _progress(session, name)
    try:
        yield from session.on_node(mirror.node, f"BACKUP {name}", body(), goes_on=False)
    finally:
        stopped = True


def _backup_disk(session: Session, disk: Disk, place: UnitPlace | None, path: str) -> Procedure:
    output = session.create_file(path, overlay=False, hint="and is not replaced")
    tell = _progress(session, disk.name)
    try:
        total, buffer = disk.medium.block_count, memoryview(bytearray(BACKUP_BYTES))
        for lbn in range(0, total, BACKUP_BYTES // BLOCK_BYTES):
            piece = buffer[: (total - lbn) * BLOCK_BYTES]
            yield from session.ask_medium(disk.medium, Function.READ, lbn, [piece])
            if place is not None and place.is_online and not place.write_protected:
                raise Refused(
                    Reason.NOT_ALLOWED, f"a host has taken {disk.name} meanwhile: no backup is kept"
                )
            if session.cabinet.disks.get(disk.name) is not disk:
                raise Refused(Reason.NOT_ALLOWED, f"{disk.name} was taken away meanwhile: no backup is kept")
            output.write(piece)
            tell(lbn + len(piece) // BLOCK_BYTES, total)
            yield 0
        output.keep()
    finally:
        output.close()


def _write(output: OutputFile, data: memoryview) -> None:
    try:
        output.write(data)
    except HostFileError as error:
        raise Failure(Message("BACKUP", "F", "WRITEERR", str(error))) from error


def _keep(output: OutputFile) -> None:
    try:
        output.keep()
    except HostFileError as error:
        raise Failure(Message("BACKUP", "F", "WRITEERR", str(error))) from error


def _progress(session: Session, name: str) -> Callable[[int, int], None]:
    shown = 0

    def tell(done: int, total: int) -> None:
        nonlocal shown
        percent = done * 100 // total
        if percent >= shown + PERCENT_STEP:
            shown = percent - percent % PERCENT_STEP
            session.say(f"{name}: {done} of {total} blocks, {percent}%")

    return tell


# ---- what this model has not


def refused(sentence: str) -> Callable[[Session, Arguments], None]:
    """Make the routine of a verb that is known and cannot be done."""

    def routine(session: Session, arguments: Arguments) -> None:
        raise Refused(Reason.NOT_ALLOWED, sentence)

    return routine


# ---- SHOW


def _row(name: str, storageset: str = "", uses: str = "", used_by: str = "") -> str:
    return f"{name:14}{storageset:22}{uses:22}{used_by}".rstrip()


def _container(session: Session, place: UnitPlace) -> str:
    """The name of what a unit is on."""
    idle = session.cabinet.idle.get(place.key)
    medium = idle.medium if idle is not None else place.unit.medium if place.unit is not None else None
    if medium is None:
        return ""
    mirror = places.mirror_of_medium(session.world, medium)
    if mirror is not None:
        return mirror.name
    disk = session.cabinet.disk_of(medium)
    return disk.name if disk is not None else ""


def _unit_rows(session: Session, place: UnitPlace, *, full: bool) -> Iterator[str]:
    yield _row(_short(place), uses=_container(session, place))
    if not full:
        return
    unit = place.unit
    assert unit is not None, "the unit is there"
    assert unit.drive is not None, "a known unit has a drive"
    stopped = place.key in session.cabinet.idle
    yield "        Switches:"
    protection = "WRITE_PROTECT" if unit.write_protected else "NOWRITE_PROTECT"
    yield f"          {'NORUN' if stopped else 'RUN':24}{protection}"
    yield "        State:"
    if stopped:
        yield "          OFFLINE, stopped by the operator"
    elif unit.medium is None:
        yield "          OFFLINE, no container"
    else:
        yield f"          {'ONLINE to a host' if place.is_online else 'AVAILABLE'}"
    yield f"          {unit.drive.name}"
    yield f"        Size: {unit.block_count} blocks"


def _mirror_rows(session: Session, mirror: MirrorSet, *, full: bool) -> Iterator[str]:
    used_by = _user_name(_place_of(session, mirror.device))
    for index, disk in enumerate(mirror.disks):
        yield _row(mirror.name, "mirrorset", disk.name, used_by) if not index else _row("", uses=disk.name)
    if not full:
        return
    settings = _settings(mirror)
    present = settings.pop("MEMBERSHIP")
    yield "        Switches:"
    for name, value in settings.items():
        yield f"          {name} = {value}"
    yield f"          MEMBERSHIP = {present}, {present} members present"
    yield "        State:"
    members = _members(mirror)
    copying = [mirror.state(disk) for disk in members if mirror.state(disk) != "NORMAL"]
    yield f"          {copying[0] if copying else 'NORMAL' if members else 'FAILED'}"
    for index, disk in enumerate(mirror.disks):
        yield f"          {disk.name} (member {index}) is {_disk_state(mirror, disk)}"
    yield "        Membership: in a side file beside each image, the volume itself does not know of it"
    yield f"        Size: {mirror.block_count} blocks"


def _disk_state(mirror: MirrorSet, disk: MirrorDisk) -> str:
    state = mirror.state(disk)
    copied, changed = mirror.copied_percent(disk), mirror.bitmap_percent(disk)
    if copied is not None:
        return f"{state}, {copied}% complete"
    if state == "REDUCED" and changed is not None:
        return f"{state}, {changed}% of its bitmap is set"
    return state


def _disk_rows(session: Session, disk: Disk, *, full: bool) -> Iterator[str]:
    place = _place_of(session, disk.medium)
    yield _row(disk.name, "disk", used_by=_user_name(place))
    if full:
        yield f"        Image: {disk.path}{', read-only' if disk.read_only else ''}"
        yield f"        Size: {disk.medium.block_count} blocks"


def _member_rows(mirror: MirrorSet, disk: MirrorDisk, *, full: bool) -> Iterator[str]:
    yield _row(disk.name, "disk", used_by=mirror.name)
    if full:
        yield f"        Image: {disk.path}"
        yield f"        State: {_disk_state(mirror, disk)}"
        yield f"        Size: {mirror.block_count} blocks"


def _all_disk_rows(session: Session, *, full: bool) -> Iterator[str]:
    for disk in session.cabinet.disks.values():
        yield from _disk_rows(session, disk, full=full)
    for mirror in session.world.mirrors.values():
        for member in mirror.disks:
            yield from _member_rows(mirror, member, full=full)


def _own_units(session: Session) -> list[UnitPlace]:
    return list(places.first_controller(session.world).units())


def _all_unit_rows(session: Session, *, full: bool) -> Iterator[str]:
    for place in _own_units(session):
        yield from _unit_rows(session, place, full=full)


def _all_mirror_rows(session: Session, *, full: bool) -> Iterator[str]:
    for mirror in session.world.mirrors.values():
        yield from _mirror_rows(session, mirror, full=full)


def _show(session: Session, rows: Iterable[str]) -> None:
    for line in (_HEADER, _RULE, *rows):
        session.say(line)


def show_disks(session: Session, arguments: Arguments) -> None:
    _show(session, _all_disk_rows(session, full="FULL" in arguments.words))


def show_units(session: Session, arguments: Arguments) -> None:
    _show(session, _all_unit_rows(session, full="FULL" in arguments.words))


def show_mirrorsets(session: Session, arguments: Arguments) -> None:
    _show(session, _all_mirror_rows(session, full="FULL" in arguments.words))


def show_this_controller(session: Session, arguments: Arguments) -> None:
    place = places.first_controller(session.world)
    firmware = place.controller.firmware
    session.say("Controller:")
    session.say(f"        {firmware.name}")
    session.say(f"        Software version {firmware.software_version}")
    session.say(f"        Hardware version {firmware.hardware_version}")
    session.say(f"        Serial number {place.controller.serial}")
    session.say("Host ports:")
    for index, port in enumerate(place.controller.ports):
        session.say(f"        Port {index + 1}: {firmware.port_kind.name}, {port.state.value}")
    session.say(f"Units: {len(place.controller.units)} of {firmware.unit_limit}")


def show_name(session: Session, arguments: Arguments) -> None:
    """SHOW of one thing tells all there is of it, with or without FULL."""
    name, world = arguments["name"].upper(), session.world
    member = places.mirror_disk(world, name)
    if places.is_unit_name(name):
        _show(session, _unit_rows(session, _unit(session, name), full=True))
    elif name in world.mirrors:
        _show(session, _mirror_rows(session, world.mirrors[name], full=True))
    elif member is not None:
        _show(session, _member_rows(*member, full=True))
    else:
        _show(session, _disk_rows(session, places.disk_in(session.cabinet.disks, name), full=True))
