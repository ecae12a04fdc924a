"""The names of things: PUA is the first controller, DUA0 its unit 0, D0 the same as an HSZ says it, M1 a mirrorset."""

import re
from collections.abc import Iterator

from emu.console.hardware.cabinet import Disk
from emu.console.hardware.refusal import Reason, Refused
from emu.sim.mirror import MirrorDisk, MirrorSet
from emu.sim.world import World

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_CONTROLLER = re.compile(r"PU([A-Z])0?(?:\.(\d+))?:?")
_UNIT = re.compile(r"DU([A-Z])(\d{1,5}):?|D(\d{1,5})")


class ControllerPlace:
    """A controller of the world, by its letter, and one of its ports."""

    def __init__(self, world: World, position: int, port: int = 0) -> None:
        self.position = position
        self.letter = LETTERS[position]
        self.controller = world.controllers[position]
        self.port = self.controller.ports[port] if port < len(self.controller.ports) else None
        self.server = self.controller.servers[port] if port < len(self.controller.servers) else None
        self.name = f"PU{self.letter}" + (f".{port + 1}" if port else "")

    def units(self) -> "Iterator[UnitPlace]":
        for number in sorted(self.controller.units):
            yield UnitPlace(self, number)


class UnitPlace:
    """A unit number of a controller, whether there is a unit or not."""

    def __init__(self, place: ControllerPlace, number: int) -> None:
        self.place = place
        self.number = number
        self.controller = place.controller
        self.unit = place.controller.units.get(number)
        self.name = f"DU{place.letter}{number}"

    @property
    def key(self) -> tuple[int, int]:
        return self.place.position, self.number

    @property
    def is_online(self) -> bool:
        """Whether a host has it."""
        return any(self.number in server.online for server in self.controller.servers)

    @property
    def write_protected(self) -> bool:
        return self.unit is not None and self.unit.write_protected


def controllers(world: World) -> Iterator[ControllerPlace]:
    for position in range(min(len(world.controllers), len(LETTERS))):
        yield ControllerPlace(world, position)


def first_controller(world: World) -> ControllerPlace:
    """The controller that is meant when none is named; raises Refused."""
    if not world.controllers:
        raise Refused(Reason.NO_DEVICE, "there is no controller")
    return ControllerPlace(world, 0)


def is_controller_name(name: str) -> bool:
    return _CONTROLLER.fullmatch(name.upper()) is not None


def controller(world: World, name: str) -> ControllerPlace:
    """Find a controller, and with a number after a dot one of its ports; raises Refused."""
    match = _CONTROLLER.fullmatch(name.upper())
    position = LETTERS.index(match[1]) if match is not None else -1
    if match is None or position >= len(world.controllers):
        there = ", ".join(place.name for place in controllers(world)) or "none"
        raise Refused(Reason.NO_DEVICE, f"{name.upper()} is no controller; there is {there}")
    place = ControllerPlace(world, position)
    if not match[2]:
        return place
    ports = len(place.controller.ports)
    if not 1 <= int(match[2]) <= ports:
        raise Refused(Reason.NO_DEVICE, f"{place.name} has {ports} ports")
    return ControllerPlace(world, position, int(match[2]) - 1)


def is_unit_name(name: str) -> bool:
    return _UNIT.fullmatch(name.upper()) is not None


def unit_place(world: World, name: str) -> UnitPlace:
    """Find where a unit is or may be; raises Refused."""
    match = _UNIT.fullmatch(name.upper())
    position = LETTERS.index(match[1]) if match is not None and match[1] else 0
    if match is None or position >= len(world.controllers):
        raise Refused(Reason.NO_DEVICE, f"{name.upper()} is no unit of a controller that is here")
    return UnitPlace(ControllerPlace(world, position), int(match[2] or match[3] or 0))


def unit(world: World, name: str) -> UnitPlace:
    """Find a unit that is there; raises Refused."""
    place = unit_place(world, name)
    if place.unit is None:
        raise Refused(Reason.NO_UNIT, f"there is no unit {place.name}")
    return place


def mirror(world: World, name: str) -> MirrorSet:
    """Find a mirrorset; raises Refused."""
    found = world.mirrors.get(name.upper())
    if found is None:
        there = ", ".join(world.mirrors) or "none"
        raise Refused(Reason.NO_DEVICE, f"{name.upper()} is no mirrorset; there is {there}")
    return found


def mirror_of_medium(world: World, medium: object) -> MirrorSet | None:
    """The mirrorset that a guest's unit shows."""
    return next((each for each in world.mirrors.values() if each.device is medium), None)


def mirror_disk(world: World, name: str) -> tuple[MirrorSet, MirrorDisk] | None:
    """The disk of a mirrorset with this name."""
    for mirrorset in world.mirrors.values():
        for disk in mirrorset.disks:
            if disk.name == name.upper():
                return mirrorset, disk
    return None


def disk_in(disks: dict[str, Disk], name: str) -> Disk:
    """Find a disk of the cabinet; raises Refused."""
    found = disks.get(name.upper())
    if found is None:
        raise Refused(Reason.NO_DEVICE, f"{name.upper()} is no disk here")
    return found
