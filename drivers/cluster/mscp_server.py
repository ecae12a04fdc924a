"""The MSCP server (SYSAP MSCP$DISK): other nodes reach the disks of this one.

A host is another node's class driver at the end of a connection.  Its commands are those that a controller takes; data
go by block transfers from and to the host's named buffers, a fragment at a time, through a buffer of this node.

    host's DUDRIVER ──commands──▶ ServedHost ──IRPs──▶ DUDRIVER or DKDRIVER of this node ──▶ disk
                    ◀─end messages──   ◀──block transfers──▶ the host's buffer

A unit is on line for a host from ONLINE to AVAILABLE, or as long as the connection lasts.  Per host and unit, ONLINE,
AVAILABLE and SET UNIT CHARACTERISTICS wait for what came before and hold back what comes after.

DEVIATION: the disk stays on line at its controller when no host uses it any more; flags of units are not kept.
"""

import re
from collections.abc import Callable, Iterable

from drivers.classes.disk import Disk, UnitState
from drivers.cluster.scs import Connection, Scs
from drivers.cluster.served_commands import COMMANDS, Command, Immediate
from drivers.cluster.served_units import media_of, unit_flags
from drivers.platform.host import Platform
from drivers.platform.process import Procedure
from emu.core.clock import SECOND_NS, Timer
from emu.wire.codes.mscp import CF, END, OP, SB
from emu.wire.generated.mscp import AvailableAttention, EndHeader, Header

SERVER_NAME = "MSCP$DISK"
CLASS_DRIVER_NAME = "VMS$DISK_CL_DRVR"
CONTROLLER_CLASS, SERVER_MODEL = 1, 4
SCAN_NS = SECOND_NS  # how often it looks for units that have become available, as an RQDX3 does
COMMANDS_LIMIT = 64  # outstanding of one host; one with more has gone mad
TEXT_BYTES = 60  # a shorter text is as if padded with zeros
SLUN = 0x4000  # a unit number that only this server knows
_NAME = re.compile(r"\$\d+\$([A-Z]{2})([A-Z])(\d+):")
_NUMBER_MASK = 0x7FF
_LETTER_SHIFT = 11
_LAST_NUMBER = 0x7FFF  # reserved


def server_identifier(system: int) -> int:
    """Make the controller identifier of a node's server: class 1, model 4, and the SCSSYSTEMID."""
    return CONTROLLER_CLASS << 56 | SERVER_MODEL << 48 | system


class ServedHost:
    """One host of the server; the SYSAP at this end of its connection.

    online: numbers of the units that are on line for it.  flags: of its SET CONTROLLER CHARACTERISTICS.
    """

    def __init__(self, server: "MscpServer", connection: Connection) -> None:
        self.server = server
        self.platform = server.platform
        self.connection = connection
        self.flags = 0
        self.online: set[int] = set()
        self.outstanding: list[Command] = []
        self.gone = self.platform.flag()

    def opened(self, connection: Connection) -> None:
        """The host speaks first."""

    def datagram_came(self, connection: Connection, data: bytes) -> None:
        """Hosts send none."""

    def closed(self, connection: Connection, reason: int) -> None:
        """What is outstanding gets no answer; what was begun at a disk comes to its end."""
        self.outstanding = [command for command in self.outstanding if command.started]
        self.gone.set()
        for command in self.outstanding:
            command.connection_lost()
        self.server.host_left(self)

    def message_came(self, connection: Connection, data: bytes) -> None:
        text = data[:TEXT_BYTES].ljust(TEXT_BYTES, b"\0")
        header = Header.unpack(text)
        kind = COMMANDS.get(header.opcd)
        if kind is None:
            # An opcode that is none is answered with the endcode alone (spec 2.8).
            self.send(EndHeader(crf=header.crf, unit=header.unit, opcd=END, sts=SB.CMD_OPCODE).pack())
        elif issubclass(kind, Immediate):
            kind(self, header, text).answer()
        elif len(self.outstanding) >= COMMANDS_LIMIT:
            connection.disconnect()
        else:
            self.outstanding.append(kind(self, header, text))
            self.server.count_queue(header.unit)
            self.start_ready()

    def send(self, text: bytes) -> None:
        if not self.gone.is_set:
            self.connection.send_message(text)

    def start_ready(self) -> None:
        """Start what nothing holds back."""
        for command in list(self.outstanding):
            if not command.started and not self._is_held_back(command):
                command.started = True
                self.platform.process(f"serve {command.unit}", self._carry_out(command))

    def _is_held_back(self, command: Command) -> bool:
        for earlier in self.outstanding:
            if earlier is command:
                return False
            if earlier.unit == command.unit and (earlier.sequential or command.sequential):
                return True
        return False

    def _carry_out(self, command: Command) -> Procedure:
        self.end(command, (yield from command.carry_out()))

    def end(self, command: Command, text: bytes) -> None:
        """Answer a command that is outstanding."""
        self.outstanding.remove(command)
        self.send(text)
        if not self.gone.is_set:
            self.start_ready()


class MscpServer:
    """The MSCP server of one node.

    identifier: of the controller that it seems to be.  disks: lists what it serves.  units: by unit number.
    longest_queues: by unit number, how many commands were outstanding at most.
    """

    def __init__(self, platform: Platform, identifier: int, disks: Callable[[], Iterable[Disk]]) -> None:
        self.platform = platform
        self.identifier = identifier
        self.units: dict[int, Disk] = {}
        self.hosts: list[ServedHost] = []
        self.longest_queues: dict[int, int] = {}
        self.started = False
        self._disks = disks
        self._announced: set[int] = set()
        self._scan: Timer | None = None

    def start(self, scs: Scs) -> None:
        """Offer the disks to whoever connects."""
        self.started = True
        scs.listen(SERVER_NAME, self._asked)

    def nodes_lost(self, names: tuple[str, ...]) -> None:
        """Serve nodes no more that have been removed from the cluster."""
        for host in list(self.hosts):
            peer = host.connection.circuit.peer
            if peer is not None and peer.name in names:
                host.connection.disconnect()

    def _asked(self, connection: Connection) -> None:
        host = ServedHost(self, connection)
        self.hosts.append(host)
        connection.accept(host)
        if self._scan is None:
            self._announced = self._ready_units()
            self._scan = self.platform.clock.call_after(SCAN_NS, self._scan_units)

    def host_left(self, host: ServedHost) -> None:
        self.hosts.remove(host)

    # -- units

    def queue_length(self, unit: int) -> int:
        """Count the commands for a unit that are outstanding, of all hosts."""
        return sum(command.unit == unit for host in self.hosts for command in host.outstanding)

    def count_queue(self, unit: int) -> None:
        """Note that there is one command more for a unit."""
        self.longest_queues[unit] = max(self.longest_queues.get(unit, 0), self.queue_length(unit))

    def known_units(self) -> dict[int, Disk]:
        """Return the units by number, those of disks that were found meanwhile too."""
        known = {id(disk) for disk in self.units.values()}
        for disk in self._disks():
            if id(disk) not in known:
                self.units[self._free_number(disk)] = disk
                self.units = dict(sorted(self.units.items()))
        return self.units

    def _ready_units(self) -> set[int]:
        return {n for n, disk in self.known_units().items() if disk.state is not UnitState.OFFLINE}

    # UNCERTAIN: how VMS numbers the units that it serves.  It has the unit number of an MSCP disk, and for others a
    # word of controller and unit; here the latter is the letter and the number of the device.
    def _free_number(self, disk: Disk) -> int:
        """Choose a unit number that is the same in every life of the node, as far as numbers are free."""
        match = _NAME.fullmatch(disk.name)
        number = SLUN
        if match is not None:
            kind, letter, unit = match[1], ord(match[2]) - ord("A"), int(match[3])
            if kind == "DU" and not letter and unit < SLUN:
                number = unit
            else:
                number |= (letter & 7) << _LETTER_SHIFT | unit & _NUMBER_MASK
        while number in self.units:
            number = number + 1 & _LAST_NUMBER
        return number & _LAST_NUMBER

    def _scan_units(self) -> None:
        self._scan = None
        if not self.hosts:
            return
        self._scan = self.platform.clock.call_after(SCAN_NS, self._scan_units)
        ready = self._ready_units()
        appeared, self._announced = sorted(ready - self._announced), ready
        for number in appeared:
            for host in self.hosts:
                if host.flags & CF.ATN and number not in host.online:
                    host.send(self._announcement(number))

    def _announcement(self, number: int) -> bytes:
        disk = self.units[number]
        return AvailableAttention(
            unit=number,
            opcd=OP.AVA,
            mlun=number,
            unfl=unit_flags(disk),
            unti=disk.identifier,
            medi=media_of(disk),
        ).pack()
