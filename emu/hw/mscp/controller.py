"""The disk controller: units, and a port with a server for every host.

(spec "MSCP", identifiers; attention messages; unit states.)
"""

from dataclasses import replace

from emu.core.block import BlockDevice, Function
from emu.core.bus import HostMemory, InterruptLine
from emu.core.clock import Clock
from emu.core.trace import BlocksMoved, Tracer
from emu.hw.firmware import DriveType, Firmware, PortKind
from emu.hw.mscp.attention import announce_available
from emu.hw.mscp.server import MscpServer
from emu.hw.mscp.unit import Unit, identifier
from emu.hw.uqssp.port import UqsspPort
from emu.wire.codes.mscp import SB, SLUN_UNIT

_NUMBER_BITS = 16
_FUNCTIONS = {int(function): function.name for function in Function}
_NO_VOLUME = int(SB.OFL_NO_VOLUME)


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
        self.ports: list[UqsspPort] = []
        self.servers: list[MscpServer] = []

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
        return port

    def attach_unit(
        self,
        number: int,
        medium: BlockDevice,
        drive: DriveType,
        *,
        serial: int | None = None,
        write_protect_switch: bool = False,
    ) -> Unit:
        """Plug in a drive with its medium, at any time; hosts that want to know are told.

        serial: 48 bits of the unit's identifier; by default made of the controller's and the number.

        Raises:
            ValueError: the number is taken or out of range, or the medium is too small for the drive.
        """
        self._require_place(number)
        if medium.block_count < drive.block_count:
            raise ValueError(
                f"{self.name}: an {drive.name} has {drive.block_count} blocks, "
                f"the medium for unit {number} only {medium.block_count}"
            )
        if serial is None:
            serial = self.serial << _NUMBER_BITS | number
        unit = Unit(number, drive, medium, serial, write_protect_switch)
        self.units[number] = unit
        self._announce(unit)
        return unit

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
        if not 0 <= number < SLUN_UNIT:
            raise ValueError(f"{self.name}: unit number {number} is out of range 0 to {SLUN_UNIT - 1}")
        if present is None and len(self.units) >= self.firmware.unit_limit:
            raise ValueError(f"{self.name}: {self.firmware.unit_limit} units are all that can be plugged in")

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
        for command in unit.outstanding():
            if not command.ended:  # one may have started behind another's end, and been refused
                command.cut_short(_NO_VOLUME)
        return medium

    def unload(self, unit: Unit) -> BlockDevice:
        """Make a unit offline for every host."""
        medium = unit.medium
        assert medium is not None, "only what is loaded can be unloaded"
        unit.medium = None
        for server in self.servers:
            server.online.pop(unit.number, None)
            server.unit_flags.pop(unit.number, None)
        return medium

    def load_unit(self, number: int, medium: BlockDevice) -> None:
        """Put a medium into a drive that has none; hosts that want to know are told.

        Raises:
            ValueError: as `attach_unit`, or there is no such drive.
        """
        unit = self.units.get(number)
        if unit is None or unit.drive is None:
            raise ValueError(f"{self.name}: there is no unit {number}")
        self.attach_unit(
            number,
            medium,
            unit.drive,
            serial=unit.serial,
            write_protect_switch=unit.write_protect_switch,
        )

    def _announce(self, unit: Unit) -> None:
        for server in self.servers:
            announce_available(server, unit)

    def trace_blocks(self, function: int, unit: int, lbn: int, byte_count: int) -> None:
        """Tell observers what a unit's medium is asked for."""
        event = BlocksMoved(self.clock.now_ns, self.name, _FUNCTIONS[function], unit, lbn, byte_count)
        self.tracer.emit(event)
