"""Error logs: what went wrong, in datagrams to the hosts that want to know.

(spec "MSCP", error log messages.)  A host's flags say which it wants: those of its own commands (THS), of
other hosts' commands (OTH), of no command at all (MSC).  Each host's logs are numbered from 1 since its
last initialisation; a number that is missing is a datagram that was lost.  LBNs are 512-byte blocks.
"""

# UNCERTAIN: whether numbers count for each host or for the controller, that the first carries the flag SNR,
# and that a host sees 0 for the reference number of another host's command.
# UNCERTAIN: recovery level and retry count are 0, as is what the drive itself would say beyond its switches.

from typing import TYPE_CHECKING

from emu.core.bus import BusError
from emu.hw.firmware import Behaviour
from emu.hw.mscp.unit import VOLUME_SERIAL_MASK, Unit
from emu.wire.codes.mscp import CF, FM, HEADER, LF, SB, ST, ST_MASK
from emu.wire.generated.mscp import (
    ControllerLog,
    DiskTransferLog,
    HostMemoryLog,
    ReplacementLog,
    SdiLog,
    SmallDiskLog,
)

if TYPE_CHECKING:
    from emu.hw.mscp.controller import Controller
    from emu.hw.mscp.outstanding import Outstanding
    from emu.hw.mscp.server import MscpServer

NUMBER_LIMIT = 0xFFFF

_HEADER_SHIFT = 28

# SDI drive status: request, mode, error byte.
_SDI_RUNNING = 0x13  # RUN/STOP in, port switch in, spindle ready
_SDI_WRITE_PROTECT = 0x10  # switch of subunit 0
_SDI_DRIVE_ERROR = 0x80
_SDI_REST = bytes(9)

Log = ControllerLog | HostMemoryLog | DiskTransferLog | SdiLog | SmallDiskLog | ReplacementLog


def log_controller_error(server: "MscpServer", code: int) -> None:
    """Tell the other hosts, if they take miscellaneous logs, that this one's port died of a fatal code."""
    log = ControllerLog(fmt=FM.CNT, evnt=SB.CNT, code=code)
    _send(server.controller, log, None)


def log_host_memory_error(command: "Outstanding", status: int, error: BusError) -> int:
    """Log an access to host memory that failed; return the log's number for the command's host, or 0."""
    log = HostMemoryLog(unit=command.unit.number, fmt=FM.BAD, evnt=status, badr=error.address)
    return _send(command.server.controller, log, command)


def log_disk_error(
    command: "Outstanding", unit: Unit, status: int, lbn: int, *, recovered: bool = False
) -> int:
    """Log a medium that failed at a block, for good or not; return the number as above.

    RQDX controllers log what they know of a small disk; the others a drive's error as an SDI error, and
    one of the data as a disk transfer error.
    """
    drive = unit.drive
    assert drive is not None, "what has a medium has a drive"
    flags = LF.SUC if recovered else 0
    vser = unit.serial & VOLUME_SERIAL_MASK
    log: Log
    if command.server.firmware.behaviour & Behaviour.SMALL_DISK_LOGS:
        track, sector = divmod(lbn, drive.track)
        surfaces = drive.group * drive.cylinder
        cylinder = track // surfaces
        position = bytes((sector & 0xFF, track % surfaces & 0xFF, cylinder & 0xFF))
        log = SmallDiskLog(fmt=FM.SDE, scyl=cylinder, vser=vser, sde=bytes(3) + position)
    elif status & ST_MASK == ST.DRV:
        protected = _SDI_WRITE_PROTECT if unit.write_protect_switch else 0
        sdi = bytes((_SDI_RUNNING, protected, _SDI_DRIVE_ERROR)) + _SDI_REST
        log = SdiLog(fmt=FM.SDI, vser=vser, hdcd=HEADER.LBN << _HEADER_SHIFT | lbn, sdi=sdi)
    else:
        log = DiskTransferLog(fmt=FM.DSK, vser=vser, hdcd=HEADER.LBN << _HEADER_SHIFT | lbn)
    log.unit = log.mlun = unit.number
    log.unti = unit.identifier
    log.flgs = flags
    log.evnt = status
    return _send(command.server.controller, log, command)


def log_replacement(
    command: "Outstanding", event: int, flags: int, lbn: int, old_rbn: int, new_rbn: int, cause: int
) -> int:
    """Log that the controller has replaced a block, or tried; return the number as above.

    flags: replacement flags.  old_rbn: of an earlier replacement, 0 if there was none.  cause: why it was begun.
    """
    unit = command.unit
    log = ReplacementLog(
        unit=unit.number,
        fmt=FM.RPL,
        flgs=LF.BBR | LF.SUC if event == SB.BBR_OK else LF.BBR,
        evnt=event,
        mlun=unit.number,
        unti=unit.identifier,
        rpfl=flags,
        vser=unit.serial & VOLUME_SERIAL_MASK,
        bad_lbn=lbn,
        old_rbn=old_rbn,
        new_rbn=new_rbn,
        cause=cause,
    )
    return _send(command.server.controller, log, command)


def _send(controller: "Controller", log: Log, command: "Outstanding | None") -> int:
    """Send a log to every host that asks for its kind."""
    firmware = controller.firmware
    log.cnti = controller.identifier
    log.csvr = firmware.software_version
    log.chvr = firmware.hardware_version
    flags, number = log.flgs, 0
    for server in controller.servers:
        own = command is not None and server is command.server
        wanted = CF.MSC if command is None else CF.THS if own else CF.OTH
        if not server.controller_flags & wanted:
            continue
        server.log_number = server.log_number % NUMBER_LIMIT + 1
        log.crf = command.command.crf if command is not None and own else 0
        log.seqn = server.log_number
        log.flgs = flags | LF.SNR if log.seqn == 1 else flags
        server.connection.send_datagram(log.pack())
        if own:
            number = log.seqn
    return number
