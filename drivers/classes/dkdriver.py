"""DKDRIVER: the class driver of SCSI disks.

It turns I/O request packets into command descriptor blocks and statuses and sense into system status, finds the disks
on a bus, brings them on line, and keeps every request until it is answered.  (spec "SCSI", class driver flow, OpenVMS
Alpha specifics.)

    AVAILABLE ──online──▶ ONLINE ──unit lost, bus reset──▶ RECOVERING ──it is the same disk──▶ ONLINE
                                                               └──it does not come back──▶ OFFLINE

RECOVERING is what VMS calls mount verification: TEST UNIT READY, then who the unit is and how large; what was under way
is sent again when it is the same.  Transfers are here, with what may become of them; configuration, forced errors,
erasing and copying are modules of their own.
"""

# UNCERTAIN: DKDRIVER's retry counts and time-outs.
# DEVIATION: VMS's SCDRP and the SPI calls between class and port driver are not there: a request and its answer are.

from collections import deque
from functools import partial

from drivers.classes.disk import UnitState
from drivers.classes.dk_configuration import READY_POLL_NS, TRANSFER_TIMEOUT_NS, Configuration
from drivers.classes.dk_copy import Copies
from drivers.classes.dk_erase import Erasure
from drivers.classes.dk_exchange import BUSY_RETRY_NS, Exchanges
from drivers.classes.dk_forced_error import ForcedErrors
from drivers.classes.dk_sense import bytes_before_error, key_and_asc, system_status
from drivers.classes.dk_unit import DkUnit
from drivers.platform.alpha import AlphaPlatform
from drivers.platform.irp import Irp
from drivers.platform.process import Procedure
from drivers.port.pkedriver import PkeDriver
from drivers.port.scsi_request import PortStatus, ScsiRequest
from emu.core.block import BLOCK_BYTES
from emu.wire.codes.scsi import Asc, Opcode, SenseKey, Status
from emu.wire.codes.vms import IO, SS
from emu.wire.generated.scsi_cdb import Cdb10

VERIFY_PATIENCE = 5  # attempts to find a lost unit again
RETRY_LIMIT = 2  # of a drive or transport error
RESTART_LIMIT = 3  # of a request that was under way when its unit was lost

READ, WRITE, CHECK = int(IO.READPBLK), int(IO.WRITEPBLK), int(IO.WRITECHECK)
ERASE, COPY = int(IO.DSE), int(IO.DISK_COPY_DATA)
_BYTCHK = 0x02  # compare with the data that is sent
_OPCODES = {
    READ: (int(Opcode.READ_10), 0),
    WRITE: (int(Opcode.WRITE_10), 0),
    CHECK: (int(Opcode.VERIFY_10), _BYTCHK),
}
_transfer_cdb = Cdb10.pack_fields

_GOOD, _CHECK_CONDITION = int(Status.GOOD), int(Status.CHECK_CONDITION)
_BUSY, _FULL = int(Status.BUSY), int(Status.TASK_SET_FULL)
_CONFLICT = int(Status.RESERVATION_CONFLICT)
_ENDED = PortStatus.ENDED
_NORMAL = int(SS.NORMAL)
_RETRIED = (int(SenseKey.NO_SENSE), int(SenseKey.HARDWARE_ERROR), int(SenseKey.ABORTED_COMMAND))
_ATTENTION = int(SenseKey.UNIT_ATTENTION)
_NOT_READY = int(SenseKey.NOT_READY)
_ILLEGAL = int(SenseKey.ILLEGAL_REQUEST)
_MISCOMPARE = int(SenseKey.MISCOMPARE)


class _Transfer(ScsiRequest):
    """A request packet on its way, as the command that does it."""

    __slots__ = ("irp", "unit")

    def __init__(self, unit: "DkUnit", irp: Irp, cdb: bytes) -> None:
        self.target = unit.target
        self.lun = unit.lun
        self.cdb = cdb
        self.timeout_ns = TRANSFER_TIMEOUT_NS
        self.address = irp.address
        self.byte_count = irp.byte_count
        self.io_epoch = irp.io_epoch
        self.tag = unit.tag
        self.mapped = None
        self.status = _GOOD
        self.sense = b""
        self.residual = 0
        self.overrun = False
        self.unit = unit
        self.irp = irp

    def complete(self) -> None:
        self.unit.driver.transfer_ended(self)


class DkDriver:
    """The driver of the disks on one adapter's bus.

    letter: the controller's letter in device names.  `units` is ordered by unit number, 100 times the target plus LUN.
    ready: set with True when the bus has been searched, with False when the port is dead.
    """

    def __init__(
        self, platform: AlphaPlatform, port: PkeDriver, letter: str = "A", allocation_class: int = 1
    ) -> None:
        self.platform = platform
        self.port = port
        self.letter = letter
        self.allocation_class = allocation_class
        self.units: dict[int, DkUnit] = {}
        self.maximum_bytes = port.maximum_bytes
        self.ready = platform.flag()
        self.is_dead = False
        self.exchanges = Exchanges(platform, port)
        self.configuration = Configuration(self)
        self.forced_errors = ForcedErrors(self.exchanges)
        self.erasure = Erasure(self)
        self.copies = Copies(self)
        port.connect(self)

    # -- requests

    def start_io(self, unit: DkUnit, irp: Irp) -> None:
        if self.platform.io_blocked:
            self.platform.hold_io(partial(self.start_io, unit, irp))
        elif irp.io_epoch != self.platform.io_epoch:
            self.fail_later(irp, SS.DEVOFFLINE)  # nodes that are lost may have changed what is where
        elif unit.state is not UnitState.ONLINE:
            self.put_aside(unit, irp)
        elif irp.function in _OPCODES:
            if irp.byte_count > self.maximum_bytes:
                self.fail_later(irp, SS.IVBUFLEN)
            elif unit.under_way < unit.depth and not unit.waiting:
                self._send(unit, irp)
            else:
                unit.waiting.append(irp)
        elif irp.function == ERASE:
            self.platform.process(f"{unit.name} erase", self.erasure.erase(unit, irp))
        else:
            assert irp.function == COPY, "a disk knows transfers, erasing and copying"
            unit.copies.append(irp)
            self.copies.start(unit)

    def _send(self, unit: DkUnit, irp: Irp) -> None:
        function = irp.function
        if not irp.byte_count:
            irp.status = _NORMAL
            self.platform.fork(lambda: self.finish(irp))
            return
        if function == CHECK and not unit.verifies:
            self.platform.process(f"{unit.name} compare", self.erasure.compare(unit, irp))
            return
        opcode, flags = _OPCODES[function]
        blocks = (irp.byte_count + BLOCK_BYTES - 1) // BLOCK_BYTES
        unit.under_way += 1
        self.port.send(
            _Transfer(unit, irp, _transfer_cdb(opcode=opcode, flags=flags, lba=irp.lbn, length=blocks))
        )

    def _send_waiting(self, unit: DkUnit) -> None:
        while unit.waiting and unit.under_way < unit.depth and unit.state is UnitState.ONLINE:
            self._send(unit, unit.waiting.popleft())

    def put_aside(self, unit: DkUnit, irp: Irp) -> None:
        """Keep a request whose unit is being looked for; else it fails."""
        if unit.state is UnitState.RECOVERING:
            unit.held.append(irp)
        else:
            self.fail_later(irp, SS.MEDOFL)

    def _put_back(self, unit: DkUnit, irp: Irp) -> None:
        """Let a request be the next one that is sent."""
        if unit.state is UnitState.ONLINE:
            unit.waiting.appendleft(irp)
        else:
            self.put_aside(unit, irp)

    def _find_again(self, unit: DkUnit, irp: Irp) -> None:
        """Let a request be sent when its unit has been found again."""
        self._recover(unit)
        self.put_aside(unit, irp)

    def fail_later(self, irp: Irp, status: int) -> None:
        irp.status = status
        self.platform.fork(lambda: self.finish(irp))

    def finish(self, irp: Irp) -> None:
        unit: DkUnit = irp.unit
        unit.queue_length -= 1
        if irp.status == _NORMAL:
            unit.operations += 1
        irp.complete()

    # -- ends

    def transfer_ended(self, request: _Transfer) -> None:
        """Take the end of a transfer."""
        unit, irp = request.unit, request.irp
        unit.under_way -= 1
        if request.port_status is not _ENDED:
            self.transport_failed(unit, irp, request.port_status)
        elif request.status == _GOOD:
            self._transferred(unit, irp, request)
        elif request.status == _CHECK_CONDITION:
            self._check_condition(unit, irp, request)
        elif request.status in (_BUSY, _FULL):
            self._unit_is_full(unit, irp)
        else:
            unit.errors += 1
            irp.status = int(SS.MEDOFL if request.status == _CONFLICT else SS.DRVERR)
            self.finish(irp)
        if unit.waiting:
            self._send_waiting(unit)

    def _transferred(self, unit: DkUnit, irp: Irp, request: _Transfer) -> None:
        if request.residual or (request.overrun and not irp.byte_count % BLOCK_BYTES):
            unit.errors += 1
            self._retry(unit, irp, SS.DRVERR)
            return
        irp.transferred = irp.byte_count
        irp.status = _NORMAL
        unit.queue_length -= 1
        unit.operations += 1
        irp.complete()

    def _retry(self, unit: DkUnit, irp: Irp, status: int) -> None:
        """Send a request again, unless that has been done often enough."""
        irp.retries += 1
        if irp.retries > RETRY_LIMIT:
            irp.status = int(status)
            self.finish(irp)
        else:
            self._put_back(unit, irp)

    def _check_condition(self, unit: DkUnit, irp: Irp, request: _Transfer) -> None:
        key, asc = key_and_asc(request.sense)
        if key == SenseKey.RECOVERED_ERROR:
            unit.errors += 1
            self._transferred(unit, irp, request)
            return
        if key == _ATTENTION:
            # Whoever caused it, what was asked for was not done.  A reset, or pages another host has set: the unit is
            # looked at again before anything else goes there.
            self._find_again(unit, irp)
            return
        if irp.function == CHECK and key == _ILLEGAL and asc == Asc.INVALID_OPERATION_CODE:
            unit.verifies = False
            self._put_back(unit, irp)
            return
        unit.errors += key != _MISCOMPARE  # that two blocks differ is no error of the disk
        if key == _NOT_READY:
            self._find_again(unit, irp)
        elif key in _RETRIED:
            self._retry(unit, irp, system_status(key, asc))
        else:
            irp.transferred = bytes_before_error(irp, request)
            irp.status = system_status(key, asc)
            self.finish(irp)

    def _unit_is_full(self, unit: DkUnit, irp: Irp) -> None:
        """Give the unit no more than it has now; with nothing under way, ask again a little later."""
        self._put_back(unit, irp)
        if unit.under_way:
            unit.depth = unit.under_way
        else:
            unit.depth = 0
            self.platform.clock.call_after(BUSY_RETRY_NS, lambda: self._ask_again(unit))

    def _ask_again(self, unit: DkUnit) -> None:
        unit.depth = max(unit.depth, 1)
        self._send_waiting(unit)

    def transport_failed(self, unit: DkUnit, irp: Irp, port_status: PortStatus) -> None:
        unit.errors += 1
        if port_status in (PortStatus.DEAD, PortStatus.REFUSED):
            irp.status = int(SS.DEVOFFLINE)
            self.finish(irp)
            return
        # A reset is nobody's fault; the others may be this request's.
        irp.retries += port_status is not PortStatus.BUS_RESET
        if irp.retries > RESTART_LIMIT:
            irp.status = int(SS.TIMEOUT if port_status is PortStatus.TIMED_OUT else SS.DRVERR)
            self.finish(irp)
            self._recover(unit)
        else:
            self._find_again(unit, irp)

    # -- the port

    def port_ready(self) -> None:
        self.platform.process(f"{self.port.name} configure", self.configuration.search())

    def port_lost(self) -> None:
        self.is_dead = True
        for unit in self.units.values():
            unit.enter(UnitState.OFFLINE)
            self._release(unit, SS.DEVOFFLINE)
        self.ready.set(False)

    # -- a unit comes on line, is lost and found, is given up

    def bring_online(self, unit: DkUnit) -> Procedure:
        """PACKACK; returns SS.*."""
        while unit.is_recovering:
            yield BUSY_RETRY_NS
        status: int = yield from self.configuration.come_online(unit)
        if not unit.is_recovering:  # else who verifies the unit has the word
            if status == SS.NORMAL:
                unit.enter(UnitState.ONLINE)
            elif status in (SS.MEDOFL, SS.DEVOFFLINE, SS.VOLINV):
                unit.enter(UnitState.OFFLINE)
        return status

    def _recover(self, unit: DkUnit) -> None:
        if unit.state is UnitState.ONLINE:
            unit.enter(UnitState.RECOVERING)
            unit.held.extend(unit.waiting)
            unit.waiting.clear()
            self.platform.process(f"{unit.name} mount verification", self._verify(unit))

    def _verify(self, unit: DkUnit) -> Procedure:
        """Find a unit again and send what it holds, or fail that."""
        status: int = SS.MEDOFL
        for attempt in range(VERIFY_PATIENCE):
            if attempt:
                yield READY_POLL_NS
            if self.is_dead or unit.state is not UnitState.RECOVERING:
                break
            status = yield from self.configuration.come_online(unit)
            if status in (SS.NORMAL, SS.VOLINV):
                break
        while unit.under_way:  # their ends are on the way, and belong to the same failure
            yield BUSY_RETRY_NS
        if unit.state is UnitState.RECOVERING:
            unit.enter(UnitState.ONLINE if status == SS.NORMAL else UnitState.OFFLINE)
        self._release(unit, status)

    def _release(self, unit: DkUnit, status: int) -> None:
        """Send what a unit holds if it is on line, or fail it."""
        held, unit.held = unit.held, deque()
        for irp in held:
            if unit.state is UnitState.ONLINE:
                self.start_io(unit, irp)
            else:
                irp.status = int(status)
                self.finish(irp)
        self.copies.start(unit)

    def make_available(self, unit: DkUnit) -> Procedure:
        """Give a unit up, its cache written out; it keeps turning, other hosts may use it.  Returns SS.*."""
        if self.is_dead:
            return SS.DEVOFFLINE
        if unit.state is UnitState.ONLINE and unit.write_cache:
            cdb = Cdb10.pack_fields(opcode=int(Opcode.SYNCHRONIZE_CACHE_10))
            yield from self.exchanges.exchange(unit, cdb, timeout_ns=TRANSFER_TIMEOUT_NS)
        if unit.state is not UnitState.OFFLINE:
            unit.enter(UnitState.AVAILABLE)
        unit.held.extend(unit.waiting)
        unit.waiting.clear()
        self._release(unit, SS.MEDOFL)
        return SS.NORMAL
