"""The iSCSI target of `hbvs serve`: logical units, who may log in, and the portals.

One target; its LUNs are the `--lun` arguments in their order, or as they are numbered.
"""

import hashlib
import os
import re
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from emu.core.block import BlockDevice
from emu.core.clock import Scheduler
from emu.core.trace import Tracer
from emu.front import ByteMachine
from emu.front.iscsi.chap import Credentials
from emu.front.iscsi.device import Nexus
from emu.front.iscsi.node import Node
from emu.front.iscsi.transfer import DataTransfer
from emu.hw.scsi.logical_unit import LogicalUnit
from emu.hw.scsi.profiles import PROFILES, Profile
from emu.hw.scsi.target import Target
from emu.hw.scsi.task import Nexus as ScsiNexus
from emu.hw.scsi.task import Task
from emu.shells.iscsi_arguments import IscsiError, LunRequest
from emu.shells.loop import Loop
from emu.shells.streams import Listener, Stream, listen
from emu.wire.codes.iscsi import NAME_BYTES
from emu.wire.codes.scsi import lun_number

SERIAL_CHARACTERS = 16

_NAME = re.compile(r"(iqn\.\d{4}-\d{2}\.[a-z0-9.-]+(:[a-z0-9.:-]+)?|eui\.[0-9a-f]{16}|naa\.[0-9a-f]{16,32})")


# ---- the SCSI target device behind the target name


class IscsiTask(DataTransfer, Task):
    """A SCSI task whose data moves over iSCSI."""


class IscsiDevice:
    """A SCSI target, as iSCSI sessions use it."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.submit: Callable[[IscsiTask], None] = target.submit
        self._luns: dict[bytes, int] = {}

    def connect(self, initiator_port: str, transport_id: bytes) -> ScsiNexus:
        nexus = ScsiNexus(initiator_port, 1, transport_id)
        self.target.connect(nexus)
        return nexus

    def disconnect(self, nexus: Nexus) -> None:
        self.target.disconnect(nexus)

    def task(
        self,
        nexus: Nexus,
        lun: bytes,
        cdb: bytes,
        attribute: int,
        tag: int,
        expected_in: int,
        expected_out: int,
    ) -> IscsiTask:
        number = self._luns.get(lun)
        if number is None:
            number = self._number(lun)
        return IscsiTask(nexus, number, cdb, attribute, tag, expected_in, expected_out)

    def manage(self, function: int, nexus: Nexus, lun: bytes, tag: int) -> int:
        return int(self.target.manage(function, nexus, self._number(lun), tag))

    def _number(self, lun: bytes) -> int:
        number = lun_number(lun)
        if number in self.target.units:
            self._luns[lun] = number
        return number


class StateFile:
    """What a unit keeps without power, in a file of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> bytes:
        with suppress(FileNotFoundError):
            return self._path.read_bytes()
        return b""

    def write(self, content: bytes) -> None:
        new = self._path.with_name(self._path.name + ".new")
        with new.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
        directory = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


# ---- serving


class IscsiService:
    """One target with its units, on any number of portals.

    told: gets an ident and a text for whoever reads the log.
    """

    def __init__(
        self,
        loop: Loop,
        clock: Scheduler,
        tracer: Tracer,
        name: str,
        credentials: Credentials | None,
        told: Callable[[str, str], None],
    ) -> None:
        if not _NAME.fullmatch(name) or len(name) > NAME_BYTES:
            raise IscsiError(
                f"{name} is no iSCSI name: wanted iqn.YYYY-MM.reversed.domain:whatever, in lower case"
            )
        self.name = name
        self.target = Target(clock, tracer, name)
        self._loop = loop
        self._clock = clock
        self._tracer = tracer
        self._protected = credentials is not None
        self.node = Node(clock, {name: IscsiDevice(self.target)}, os.urandom, credentials, told=told)

    def attach(self, request: LunRequest, medium: BlockDevice, identity: str) -> int:
        """Make a logical unit of a medium; `identity` is what stays the same when the program is started again.

        Returns the LUN; raises IscsiError.
        """
        number = request.number
        if number is None:
            number = max(self.target.units, default=-1) + 1
        profile = _profile(request.profile)
        if request.removable:
            profile = replace(profile, removable=True)
        try:
            unit = LogicalUnit(
                medium,
                profile,
                self._clock,
                self._tracer,
                f"LUN{number}",
                serial_of(identity),
                write_protect_switch=request.read_only or medium.write_protected,
                nonvolatile=StateFile(Path(request.state)) if request.state else None,
            )
            self.target.attach(number, unit)
        except ValueError as error:
            raise IscsiError(f"LUN {number}: {error}") from error
        return number

    def listen(self, url: str, *, exposed: bool) -> str:
        """Open a portal; returns its URL; raises IscsiError, StreamError.

        exposed: other machines may reach it though there is no secret.
        """
        if not url.lower().startswith("tcp://"):
            raise IscsiError(f"{url}: iSCSI goes over tcp://HOST:PORT")
        portal = Portal(listen(url))
        if portal.exposed and not (self._protected or exposed):
            portal.close()
            raise IscsiError(
                f"{url} can be reached from other machines: that needs --chap-file, or --iscsi-open"
            )
        self._loop.listen(portal, partial(self._accept, portal))
        return portal.name

    def _accept(self, portal: "Portal", peer: str) -> ByteMachine:
        connection = self.node.accept(portal.local, peer)
        connection.wake = partial(self._loop.touch, connection)
        connection.hang_up = partial(self._loop.hang_up, connection)
        return connection


class Portal:
    """A TCP port.

    local: the address that the last peer came to, written host:port; SendTargets tells it.
    """

    telnet = False

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self.name = listener.name
        self.exposed = listener.exposed
        self.local = ""

    def fileno(self) -> int | None:
        return self._listener.fileno()

    def accept(self) -> Stream | None:
        stream = self._listener.accept()
        if stream is not None:
            self.local = _address_of(stream)
        return stream

    def close(self) -> None:
        self._listener.close()


def _address_of(stream: Stream) -> str:
    with socket.socket(fileno=os.dup(stream.fileno())) as peer:
        host, port = peer.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _profile(name: str) -> Profile:
    profiles: Mapping[str, Profile] = PROFILES
    profile = profiles.get(name.upper())
    if profile is None:
        raise IscsiError(f"there is no profile {name}; there are {', '.join(sorted(profiles))}")
    return profile


def serial_of(identity: str) -> str:
    """Make a unit serial number of what a medium is called."""
    return hashlib.blake2b(identity.encode(), digest_size=SERIAL_CHARACTERS // 2).hexdigest().upper()
