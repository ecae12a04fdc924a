"""The disk controller: units, and a port with a server for every host.

(spec "MSCP", identifiers; attention messages; unit states.)
"""

from collections.abc import Callable
from dataclasses import replace

from emu.core.block import BlockDevice, Function
from emu.core.bus import HostMemory, InterruptLine
from emu.core.clock import Clock
from emu.core.trace import BlocksMoved, Tracer
from emu.hw.dup.server import DupServer
from emu.hw.firmware import Behaviour, DriveType, Firmware, PortKind
from emu.hw.mscp.attention import announce_available, announce_duplicate
from emu.hw.mscp.elevator import Elevator
from emu.hw.mscp.own_blocks import own_block_count
from emu.hw.mscp.server import MscpServer
from emu.hw.mscp.unit import AccessPath, Unit, identifier
from emu.hw.mscp.write_history import WriteHistory
from emu.hw.uqssp.port import UqsspPort
from emu.wire.codes.mscp import SB, SLUN_UNIT

_NUMBER_BITS = 16
_FUNCTIONS = {int(function): function.name for function in Function}
_OFFLINE = int(SB.OFL)
_DUPLICATE = int(SB.OFL_DUPLICATE_UNIT)
_NO_VOLUME = int(SB.OFL_NO_VOLUME)


OwnStore = Callable[[int], BlockDevice]


class Controller:
    """A controller as its firmware makes it.

    serial: tells it, and its units, from every other controller; 32 bits.
    """

    def __init__(self, clock: Clock, tracer: Tracer, name: str, firmware: Firmware, serial: int) -> None:
        self.clock = clock
        self.tracer = tracer
        self.name = name
        self.firmware = firmware
        self.serial = serial
        self.identifier = identifier(serial, firmware.model, firmware.class_)
        self.units: dict[int, Unit] = {}
        self.write_history = WriteHistory()
        self._duplicates: dict[int, list[Unit]] = {}  # drives whose number is another's already
        self.ports: list[UqsspPort] = []
        self.servers: list[MscpServer] = []
        self.dup_servers: list[DupServer] = []

    def attach_port(
        self, memory: HostMemory, interrupt: InterruptLine, kind: PortKind | None = None
    ) -> UqsspPort:
        """Plug the controller into a host; the first port bears the controller's name.

        kind: the host's bus, where it is not the one that the firmware is made for.
        """
        name = self.name if not self.ports else f"{self.name}.{len(self.ports) + 1}"
        firmware = self.firmware if kind is None else replace(self.firmware, port_kind=kind)
        port = UqsspPort(self.clock, memory, interrupt, self.tracer, name, firmware, self.identifier)
        self.ports.append(port)
        self.servers.append(MscpServer(self, port))
        if firmware.dup_extension:
            self.dup_servers.append(DupServer(self, port))
        return port

    def attach_unit(
        self,
        number: int,
        medium: BlockDevice,
        drive: DriveType,
        *,
        serial: int | None = None,
        write_protect_switch: bool = False,
        has_arm: bool = False,
        own_store: OwnStore | None = None,
    ) -> Unit:
        """Plug in a drive with its medium, at any time; hosts that want to know are told.

        serial: 48 bits of the unit's identifier; by default made of the controller's and the number.
        has_arm: the medium serves one request at a time, and how long that takes depends on where the last one was.
        own_store: makes a device of so many blocks, for those that the drive keeps for itself; it answers at
        once, and is closed when the medium leaves.  Without one they are in memory.

        Raises:
            ValueError: the number is taken or out of range, the medium is too small for the drive, or the store
                is another drive's.
        """
        self._require_place(number)
        if medium.block_count < drive.block_count:
            raise ValueError(
                f"{self.name}: an {drive.name} has {drive.block_count} blocks, "
                f"the medium for unit {number} only {medium.block_count}"
            )
        if serial is None:
            serial = self.serial << _NUMBER_BITS | number
        store = None if own_store is None else own_store(own_block_count(drive))
        try:
            unit = Unit(number, drive, medium, serial, write_protect_switch, store)
        except ValueError:
            assert store is not None, "only a store can be refused"
            store.close()
            raise
        if has_arm and self.firmware.behaviour & Behaviour.ELEVATOR:
            unit.elevator = Elevator(drive.cylinder_blocks)
        self.units[number] = unit
        self._announce(unit)
        return unit

    def attach_path(self, unit: Unit, of: "Controller", number: int | None = None) -> Unit:
        """Cable the second port of another controller's drive to this one; return the unit it is here.

        Of the two controllers one at a time can have the drive online.  number: here, by default the same.

        Raises:
            ValueError: as `attach_unit`, or the drive is not there, is cabled already, or has no medium.
        """
        if of is self or of.units.get(unit.number) is not unit or unit.other_path is not None:
            raise ValueError(f"{self.name}: unit {unit.number} of {of.name} has no port left for it")
        if unit.medium is None or unit.drive is None:
            raise ValueError(f"{self.name}: there is no medium in unit {unit.number} of {of.name}")
        here = self.attach_unit(
            unit.number if number is None else number,
            unit.medium,
            unit.drive,
            serial=unit.serial,
            write_protect_switch=unit.write_protect_switch,
            has_arm=unit.elevator is not None,
        )
        _join(AccessPath(self, here), AccessPath(of, unit))
        return here

    def change_number(self, number: int, new_number: int) -> None:
        """Change a drive's number plug; of several that show the number, that of the last to come.

        Drives that show one number are offline until it is one drive's alone.

        Raises:
            ValueError: there is no such unit, or the new number is out of range.
        """
        if number not in self.units:
            raise ValueError(f"{self.name}: there is no unit {number}")
        self._require_range(new_number)
        others = self._duplicates.get(number)
        if others:
            unit = others.pop()
        else:
            unit = self.units.pop(number)
            self._take_offline(unit, _OFFLINE)
        unit.duplicate = False
        if others == []:
            del self._duplicates[number]
            self.units[number].duplicate = False
            self._announce(self.units[number])
        self.write_history.deallocate([*self.write_history.of_unit(unit)])
        unit.number = new_number
        present = self.units.setdefault(new_number, unit)
        if present is unit:
            self._announce(unit)
            return
        self._duplicates.setdefault(new_number, []).append(unit)
        self._take_offline(present, _DUPLICATE)
        present.duplicate = unit.duplicate = True
        for server in self.servers:
            announce_duplicate(server, unit)

    def attach_drive(self, number: int, drive: DriveType) -> None:
        """Plug in a drive that has no medium; `load_unit` puts one in.

        Raises:
            ValueError: the number is taken or out of range.
        """
        self._require_place(number)
        self.units[number] = Unit(number, drive, None, self.serial << _NUMBER_BITS | number, False)

    def _require_place(self, number: int) -> None:
        present = self.units.get(number)
        if present is not None and present.medium is not None:
            raise ValueError(f"{self.name}: unit {number} is there already")
        self._require_range(number)
        if present is None and len(self.units) >= self.firmware.unit_limit:
            raise ValueError(f"{self.name}: {self.firmware.unit_limit} units are all that can be plugged in")

    def _require_range(self, number: int) -> None:
        if not 0 <= number < SLUN_UNIT:
            raise ValueError(f"{self.name}: unit number {number} is out of range 0 to {SLUN_UNIT - 1}")

    def detach_unit(self, number: int) -> BlockDevice:
        """Take the medium away, whoever uses it: outstanding commands end, the unit is offline.

        The drive stays known under its number.  The caller closes the medium.

        Raises:
            ValueError: there is no such unit, or no medium in it.
        """
        unit = self.units.get(number)
        if unit is None or unit.medium is None:
            raise ValueError(f"{self.name}: there is no medium in unit {number}")
        medium = self.unload(unit)
        _end_commands(unit, _NO_VOLUME)
        path = unit.other_path
        if path is not None:
            _end_commands(path.unit, _NO_VOLUME)
        return medium

    def unload(self, unit: Unit) -> BlockDevice:
        """Make a unit offline for every host."""
        medium = unit.medium
        assert medium is not None, "only what is loaded can be unloaded"
        unit.medium = None
        self._let_go(unit)
        self.write_history.deallocate([*self.write_history.of_unit(unit)])
        path = unit.other_path
        if path is not None:
            path.unit.medium = None
            path.controller._let_go(path.unit)
        assert unit.replacement is not None, "a medium was in a drive"
        unit.replacement.own.store.close()
        for controller in (self,) if path is None else (self, path.controller):
            for server in controller.dup_servers:
                server.medium_lost(medium)
        return medium

    def _let_go(self, unit: Unit) -> None:
        unit.exclusive = None
        for server in self.servers:
            server.let_go(unit)

    def _take_offline(self, unit: Unit, status: int) -> None:
        self._let_go(unit)
        _end_commands(unit, status)

    def load_unit(self, number: int, medium: BlockDevice, own_store: OwnStore | None = None) -> None:
        """Put a medium into a drive that has none; hosts that want to know are told.

        own_store: as for `attach_unit`.

        Raises:
            ValueError: as `attach_unit`, or there is no such drive.
        """
        unit = self.units.get(number)
        if unit is None or unit.drive is None:
            raise ValueError(f"{self.name}: there is no unit {number}")
        loaded = self.attach_unit(
            number,
            medium,
            unit.drive,
            serial=unit.serial,
            write_protect_switch=unit.write_protect_switch,
            has_arm=unit.elevator is not None,
            own_store=own_store,
        )
        path = unit.other_path
        if path is not None:
            unit.other_path = path.unit.other_path = None
            path.controller.load_unit(path.unit.number, medium)
            other = path.controller.units[path.unit.number]
            _join(AccessPath(path.controller, other), AccessPath(self, loaded))

    # ---- who has a unit

    def is_online(self, unit: Unit, *, beside: MscpServer | None = None) -> bool:
        """Whether any host, or any beside this one, has a unit online here."""
        return any(server.online.get(unit.number) is unit for server in self.servers if server is not beside)

    def release(self, unit: Unit, server: MscpServer) -> None:
        """A host has let a unit go: end its claim to it, and tell those who can have the unit now."""
        if unit.exclusive is server:
            unit.exclusive = None
            for other in self.servers:
                if other is not server:
                    self.tell_available(unit, other)
        path = unit.other_path
        if path is not None and not self.is_online(unit):
            path.controller._announce(path.unit)

    def force_available(self, unit: Unit) -> None:
        """Take a unit away from every host that has it online, as its drive does that cannot go on, and tell them."""
        self._let_go(unit)
        self._announce(unit)

    def tell_available(self, unit: Unit, server: MscpServer) -> None:
        """Tell a host that a unit is available to it again, by what another host did."""
        if unit.medium is not None and not unit.duplicate:
            announce_available(server, unit)

    def _announce(self, unit: Unit) -> None:
        for server in self.servers:
            self.tell_available(unit, server)

    def trace_blocks(self, function: int, unit: int, lbn: int, byte_count: int) -> None:
        """Tell observers what a unit's medium is asked for."""
        event = BlocksMoved(self.clock.now_ns, self.name, _FUNCTIONS[function], unit, lbn, byte_count)
        self.tracer.emit(event)


def _join(one: AccessPath, other: AccessPath) -> None:
    """Make two units the two ports of one drive, whose own blocks are those of the second."""
    one.unit.other_path, other.unit.other_path = other, one
    one.unit.share_blocks(other.unit)


def _end_commands(unit: Unit, status: int) -> None:
    if unit.elevator is not None:
        unit.elevator.forget()
    for command in unit.outstanding():
        if not command.ended:  # one may have started behind another's end, and been refused
            command.cut_short(status)
