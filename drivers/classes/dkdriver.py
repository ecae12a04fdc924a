"""DKDRIVER: the class driver of SCSI disks.

It turns I/O request packets into command descriptor blocks and statuses and sense into system status, finds the disks
on a bus, brings them on line, and keeps every request until it is answered.  (spec "SCSI", class driver flow, OpenVMS
Alpha specifics.)

    AVAILABLE ──online──▶ ONLINE ──unit lost, bus reset──▶ RECOVERING ──it is the same disk──▶ ONLINE
                                                               └──it does not come back──▶ OFFLINE

RECOVERING is what VMS calls mount verification: TEST UNIT READY, then who the unit is and how large; what was under way
is sent again when it is the same.
"""

# DEVIATION: disks are addressed with ten-byte commands only, 2 TB at most.
# UNCERTAIN: the order of DKDRIVER's commands, its retry counts and time-outs, which condition it makes of a sense key.
# UNCERTAIN: what VMS takes as the identity of a SCSI disk.  Here it is the first 64-bit designator of vital product
# data page 83; a drive without that page is known by allocation class and unit number.

from collections import deque
from collections.abc import Generator
from typing import Any

from drivers.classes.disk import Disk, UnitState
from drivers.platform.alpha import AlphaPlatform
from drivers.platform.host import WaitingIrp
from drivers.platform.irp import Irp
from drivers.platform.pool import InsufficientMemory
from drivers.platform.process import EventFlag, Procedure
from drivers.port.pkedriver import PkeDriver
from drivers.port.scsi_request import UNTAGGED, PortStatus, ScsiRequest
from emu.core.block import BLOCK_BYTES
from emu.core.clock import MILLISECOND_NS, SECOND_NS
from emu.wire.codes.scsi import EIGHT_BYTES, Asc, ModePage, Opcode, SenseKey, Status, Vpd
from emu.wire.codes.scsi_bus import MESSAGE
from emu.wire.codes.vms import IO, SS
from emu.wire.generated import scsi as wire

TARGETS, LUNS = 8, 8
COMMAND_TIMEOUT_NS = 10 * SECOND_NS  # of what a disk does without its platter
TRANSFER_TIMEOUT_NS = 60 * SECOND_NS
COPY_TIMEOUT_NS = 600 * SECOND_NS
DEPTH = 32  # requests of one disk with the port, if it queues
BUSY_RETRY_NS = 100 * MILLISECOND_NS
READY_POLL_NS = SECOND_NS
READY_PATIENCE = 30  # polls of a unit that becomes ready
VERIFY_PATIENCE = 5  # attempts to find a lost unit again
ATTENTION_LIMIT = 10  # unit attentions in a row
RETRY_LIMIT = 2  # of a drive or transport error
RESTART_LIMIT = 3  # of a request that was under way when its unit was lost
ERASE_PIECE_BLOCKS = 127
INQUIRY_BYTES = 36
PAGE_BYTES = 252  # a buffer for what a unit tells of itself
LONG_GUESS_BYTES = BLOCK_BYTES + 2

READ, WRITE, CHECK = int(IO.READPBLK), int(IO.WRITEPBLK), int(IO.WRITECHECK)
ERASE, COPY = int(IO.DSE), int(IO.DISK_COPY_DATA)
_BYTCHK = 0x02  # compare with the data that is sent
_OPCODES = {
    READ: (int(Opcode.READ_10), 0),
    WRITE: (int(Opcode.WRITE_10), 0),
    CHECK: (int(Opcode.VERIFY_10), _BYTCHK),
}
_SIMPLE = int(MESSAGE.SIMPLE_QUEUE_TAG)
_transfer_cdb = wire.Cdb10.pack_fields

_GOOD, _CHECK_CONDITION = int(Status.GOOD), int(Status.CHECK_CONDITION)
_BUSY, _FULL = int(Status.BUSY), int(Status.TASK_SET_FULL)
_CONFLICT = int(Status.RESERVATION_CONFLICT)
_ENDED = PortStatus.ENDED
_NORMAL = int(SS.NORMAL)

_DISK = 0x00  # INQUIRY byte 0: a disk, and it is there
_3PC, _CMDQUE, _EVPD = 0x08, 0x02, 0x01
_KEY, _ILI = 0x0F, 0x20
_WP = 0x80
_WCE = 0x04
_QERR_DQUE = 0x07
# Mode page 01: what DKDRIVER requires of a disk, and what it prefers.
_TB, _RC, _PER, _DTE = 0x20, 0x10, 0x04, 0x02
_REQUIRED_ON, _REQUIRED_OFF, _PREFERRED_ON = _TB | _PER, _RC, _DTE
_PF = 0x10
_DBD = 0x08
_START = 0x01
_COPY_ACTION_STATUS, _COPY_ACTION_PARAMETERS = 0x00, 0x03
_IDENTIFICATION, _BLOCK_TO_BLOCK = 0xE4, 0x02
_DESIGNATOR_KIND = 0x3F  # association and type
_NAA, _EUI = 0x03, 0x02
_DESIGNATOR_BYTES = 20
_BINARY = 1
_HOLD = 0x00
_LIST_IDENTIFIERS = 255

_STATUS_OF_KEY = {
    int(SenseKey.NO_SENSE): int(SS.NORMAL),
    int(SenseKey.RECOVERED_ERROR): int(SS.NORMAL),
    int(SenseKey.NOT_READY): int(SS.MEDOFL),
    int(SenseKey.MEDIUM_ERROR): int(SS.PARITY),
    int(SenseKey.HARDWARE_ERROR): int(SS.DRVERR),
    int(SenseKey.ILLEGAL_REQUEST): int(SS.ILLIOFUNC),
    int(SenseKey.UNIT_ATTENTION): int(SS.DRVERR),
    int(SenseKey.DATA_PROTECT): int(SS.WRITLCK),
    int(SenseKey.COPY_ABORTED): int(SS.CTRLERR),
    int(SenseKey.ABORTED_COMMAND): int(SS.DRVERR),
    int(SenseKey.MISCOMPARE): int(SS.DATACHECK),
}
_RETRIED = (int(SenseKey.HARDWARE_ERROR), int(SenseKey.ABORTED_COMMAND))
_ATTENTION = int(SenseKey.UNIT_ATTENTION)
_NOT_READY = int(SenseKey.NOT_READY)
_ILLEGAL = int(SenseKey.ILLEGAL_REQUEST)


def _key_and_asc(sense: bytes) -> tuple[int, int]:
    """Read fixed format sense; hardware error where there is none to read."""
    if len(sense) < wire.FixedSense.SIZE:
        return int(SenseKey.HARDWARE_ERROR), 0
    fixed = wire.FixedSense.unpack(sense)
    return fixed.key & _KEY, fixed.asc


def _system_status(key: int, asc: int) -> int:
    if key == _ILLEGAL and asc == Asc.LBA_OUT_OF_RANGE:
        return int(SS.ILLBLKNUM)
    if key == _ILLEGAL and asc == Asc.LOGICAL_UNIT_NOT_SUPPORTED:
        return int(SS.MEDOFL)
    return _STATUS_OF_KEY.get(key, int(SS.DRVERR))


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


class _Exchange(ScsiRequest):
    """A command for which a process waits."""

    __slots__ = ("finished",)

    def __init__(self, finished: EventFlag, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.finished = finished

    def complete(self) -> None:
        self.finished.set(self)


class DkUnit(Disk):
    """One SCSI disk.

    tag: the message that tags its commands, or UNTAGGED.  depth: requests it gets at once.  waiting: requests it has
    no room for; held: those that wait until it is on line again.  no_forced_error (NOFE): blocks cannot be marked bad.
    segments: of one EXTENDED COPY, 0 when it knows none.
    """

    __slots__ = (
        "_driver",
        "check_bytes",
        "copies",
        "copying",
        "depth",
        "designator",
        "erases",
        "held",
        "inquiry",
        "list_identifier",
        "lun",
        "no_forced_error",
        "segment_blocks",
        "segments",
        "tag",
        "target",
        "under_way",
        "verifies",
        "waiting",
        "write_cache",
    )

    def __init__(self, driver: "DkDriver", target: int, lun: int, inquiry: bytes) -> None:
        number = 100 * target + lun
        product = wire.StandardInquiry.unpack(inquiry).product.decode("ascii", "replace")
        super().__init__(
            f"${driver.allocation_class}$DK{driver.letter}{number}:",
            f"DK {product.split(maxsplit=1)[0] if product.strip() else 'disk'}",
            driver.allocation_class << 32 | number,
        )
        self._driver = driver
        self.target = target
        self.lun = lun
        self.inquiry = inquiry
        self.designator = b""
        self.tag = UNTAGGED
        self.depth = 1
        self.under_way = 0
        self.waiting: deque[Irp] = deque()
        self.held: deque[Irp] = deque()
        self.write_cache = False
        self.verifies = True
        self.erases = True
        self.no_forced_error = True
        self.check_bytes = 0
        self.segments = 0
        self.segment_blocks = 0
        self.copies: deque[Irp] = deque()
        self.copying = False
        self.list_identifier = 0

    @property
    def driver(self) -> "DkDriver":
        return self._driver

    @property
    def is_recovering(self) -> bool:
        return self.state is UnitState.RECOVERING

    def queue_io(self, irp: Irp) -> None:
        irp.unit = self
        self.queue_length += 1
        self._driver.start_io(self, irp)

    def online(self) -> Procedure:
        return self._driver.bring_online(self)

    def available(self) -> Procedure:
        return self._driver.make_available(self)

    def copies_at_a_time(self, source: Disk) -> int:
        """Two commands full of segments: one is collected while the other is done."""
        if (
            isinstance(source, DkUnit)
            and source.driver is self._driver
            and source.target == self.target
            and source.designator
            and self.designator
        ):
            return 2 * self.segments
        return 0

    def force_error(self, lbn: int) -> Procedure:
        """Mark a block so that it reads with a parity error until it is written (forced error); returns SS.*."""
        return self._driver.write_bad_block(self, lbn)


class DkDriver:
    """The driver of the disks on one adapter's bus.

    letter: the controller's letter in device names.  `units` is ordered by unit number, 100 times the target plus LUN.
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
        self.ready = (
            platform.flag()
        )  # set with True when the bus has been searched, False when the port is dead
        self._dead = False
        self._zeros = platform.pool.allocate(ERASE_PIECE_BLOCKS * BLOCK_BYTES)
        platform.memory.write(self._zeros, bytes(ERASE_PIECE_BLOCKS * BLOCK_BYTES))
        port.connect(self)

    # -- requests

    def start_io(self, unit: DkUnit, irp: Irp) -> None:
        if unit.state is not UnitState.ONLINE:
            self._put_aside(unit, irp)
        elif irp.function in _OPCODES:
            if irp.byte_count > self.maximum_bytes:
                self._fail_later(irp, SS.IVBUFLEN)
            elif unit.under_way < unit.depth and not unit.waiting:
                self._send(unit, irp)
            else:
                unit.waiting.append(irp)
        elif irp.function == ERASE:
            self.platform.process(f"{unit.name} erase", self._erase(unit, irp))
        else:
            assert irp.function == COPY, "a disk knows transfers, erasing and copying"
            unit.copies.append(irp)
            self._start_copying(unit)

    def _send(self, unit: DkUnit, irp: Irp) -> None:
        function = irp.function
        if not irp.byte_count:
            irp.status = _NORMAL
            self.platform.fork(lambda: self._finish(irp))
            return
        if function == CHECK and not unit.verifies:
            self.platform.process(f"{unit.name} compare", self._compare(unit, irp))
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

    def _put_aside(self, unit: DkUnit, irp: Irp) -> None:
        """Keep a request whose unit is being looked for; else it fails."""
        if unit.state is UnitState.RECOVERING:
            unit.held.append(irp)
        else:
            self._fail_later(irp, SS.MEDOFL)

    def _put_back(self, unit: DkUnit, irp: Irp) -> None:
        """Let a request be the next one that is sent."""
        if unit.state is UnitState.ONLINE:
            unit.waiting.appendleft(irp)
        else:
            self._put_aside(unit, irp)

    def _find_again(self, unit: DkUnit, irp: Irp) -> None:
        """Let a request be sent when its unit has been found again."""
        self._recover(unit)
        self._put_aside(unit, irp)

    def _fail_later(self, irp: Irp, status: int) -> None:
        irp.status = status
        self.platform.fork(lambda: self._finish(irp))

    def _finish(self, irp: Irp) -> None:
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
            self._transport_failed(unit, irp, request.port_status)
        elif request.status == _GOOD:
            self._transferred(unit, irp, request)
        elif request.status == _CHECK_CONDITION:
            self._check_condition(unit, irp, request)
        elif request.status in (_BUSY, _FULL):
            self._unit_is_full(unit, irp)
        else:
            unit.errors += 1
            irp.status = int(SS.MEDOFL if request.status == _CONFLICT else SS.DRVERR)
            self._finish(irp)
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
            self._finish(irp)
        else:
            self._put_back(unit, irp)

    def _check_condition(self, unit: DkUnit, irp: Irp, request: _Transfer) -> None:
        key, asc = _key_and_asc(request.sense)
        if key in (SenseKey.NO_SENSE, SenseKey.RECOVERED_ERROR):
            unit.errors += key == SenseKey.RECOVERED_ERROR
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
        unit.errors += 1
        if key == _NOT_READY:
            self._find_again(unit, irp)
        elif key in _RETRIED:
            self._retry(unit, irp, _system_status(key, asc))
        else:
            irp.transferred = _bytes_before_error(irp, request)
            irp.status = _system_status(key, asc)
            self._finish(irp)

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

    def _transport_failed(self, unit: DkUnit, irp: Irp, port_status: PortStatus) -> None:
        unit.errors += 1
        if port_status is PortStatus.DEAD:
            irp.status = int(SS.DEVOFFLINE)
            self._finish(irp)
            return
        # A reset is nobody's fault; the others may be this request's.
        irp.retries += port_status is not PortStatus.BUS_RESET
        if irp.retries > RESTART_LIMIT:
            irp.status = int(SS.TIMEOUT if port_status is PortStatus.TIMED_OUT else SS.DRVERR)
            self._finish(irp)
            self._recover(unit)
        else:
            self._find_again(unit, irp)

    # -- a unit is lost and found

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
            if self._dead or unit.state is not UnitState.RECOVERING:
                break
            status = yield from self._come_online(unit)
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
                self._finish(irp)
        self._start_copying(unit)

    # -- exchanges

    def _exchange(
        self,
        unit: DkUnit,
        cdb: bytes,
        *,
        address: int = 0,
        length: int = 0,
        timeout_ns: int = COMMAND_TIMEOUT_NS,
    ) -> Generator[EventFlag | int, Any, _Exchange]:
        """Send one command and wait for its end; a unit attention, or a busy unit, is asked again."""
        for _ in range(ATTENTION_LIMIT):
            request = _Exchange(
                self.platform.flag(),
                unit.target,
                unit.lun,
                cdb,
                timeout_ns,
                address=address,
                byte_count=length,
                tag=unit.tag,
            )
            self.port.send(request)
            yield request.finished
            if request.port_status is PortStatus.BUS_RESET:
                continue
            if request.port_status is not _ENDED:
                break
            if request.status in (_BUSY, _FULL):
                yield BUSY_RETRY_NS
            elif request.status != _CHECK_CONDITION or _key_and_asc(request.sense)[0] != _ATTENTION:
                break
        return request

    def _ask(
        self, unit: DkUnit, cdb: bytes, length: int
    ) -> Generator[EventFlag | int, Any, tuple[_Exchange, bytes]]:
        """Send a command that brings data; returns its end and the data."""
        address = self.platform.pool.allocate(length)
        try:
            request = yield from self._exchange(unit, cdb, address=address, length=length)
            if request.port_status is _ENDED and request.status == _GOOD:
                return request, bytes(self.platform.window(address, length - request.residual))
            return request, b""
        finally:
            self.platform.pool.free(address)

    def _tell(
        self, unit: DkUnit, cdb: bytes, data: bytes, timeout_ns: int = COMMAND_TIMEOUT_NS
    ) -> Generator[EventFlag | int, Any, _Exchange]:
        """Send a command with data."""
        address = self.platform.pool.allocate(len(data))
        try:
            self.platform.window(address, len(data))[:] = data
            return (
                yield from self._exchange(unit, cdb, address=address, length=len(data), timeout_ns=timeout_ns)
            )
        finally:
            self.platform.pool.free(address)

    # -- the bus is searched

    def port_ready(self) -> None:
        self.platform.process(f"{self.port.name} configure", self._configure())

    def port_lost(self) -> None:
        self._dead = True
        for unit in self.units.values():
            unit.enter(UnitState.OFFLINE)
            self._release(unit, SS.DEVOFFLINE)
        self.ready.set(False)

    def _configure(self) -> Procedure:
        """Ask every target for LUN 0, and those that answer for the others."""
        for target in range(TARGETS):
            if target != self.port.scsi_id:
                for lun in range(LUNS):
                    if not (yield from self._find_unit(target, lun)) and lun == 0:
                        break
        self.ready.set(True)

    def _find_unit(self, target: int, lun: int) -> Procedure:
        """INQUIRY; returns whether a target answers, and remembers a disk."""
        number = 100 * target + lun
        unit = self.units.get(number) or DkUnit(self, target, lun, bytes(INQUIRY_BYTES))
        inquiry = yield from self._inquire(unit)
        if inquiry is None:
            return False
        if inquiry[0] == _DISK and number not in self.units:
            unit = DkUnit(self, target, lun, inquiry)
            yield from self._read_designator(unit)
            self.units[number] = unit
            self.units = dict(sorted(self.units.items()))
        return True

    def _inquire(self, unit: DkUnit) -> Procedure:
        """INQUIRY; returns 36 bytes, None when nobody answers."""
        cdb = wire.InquiryCdb.pack_fields(opcode=int(Opcode.INQUIRY), allocation=INQUIRY_BYTES)
        _, data = yield from self._ask(unit, cdb, INQUIRY_BYTES)
        return data if len(data) == INQUIRY_BYTES else None

    def _read_designator(self, unit: DkUnit) -> Procedure:
        """Learn who the unit is from vital product data page 83, if it has that."""
        if wire.StandardInquiry.unpack(unit.inquiry).version < 3:
            return
        cdb = wire.InquiryCdb.pack_fields(
            opcode=int(Opcode.INQUIRY),
            flags=_EVPD,
            page=int(Vpd.DEVICE_IDENTIFICATION),
            allocation=PAGE_BYTES,
        )
        _, data = yield from self._ask(unit, cdb, PAGE_BYTES)
        position, end = wire.VpdHeader.SIZE, len(data)
        while position + wire.DesignatorHeader.SIZE < end:
            header = wire.DesignatorHeader.unpack(data, position)
            position += wire.DesignatorHeader.SIZE
            if header.type & _DESIGNATOR_KIND in (_NAA, _EUI) and header.length >= EIGHT_BYTES.size:
                unit.designator = data[position : position + header.length]
                (unit.identifier,) = EIGHT_BYTES.unpack_from(unit.designator)
                return
            position += header.length

    # -- a unit comes on line

    def bring_online(self, unit: DkUnit) -> Procedure:
        """PACKACK; returns SS.*."""
        while unit.is_recovering:
            yield BUSY_RETRY_NS
        status: int = yield from self._come_online(unit)
        if not unit.is_recovering:  # else who verifies the unit has the word
            if status == SS.NORMAL:
                unit.enter(UnitState.ONLINE)
            elif status in (SS.MEDOFL, SS.DEVOFFLINE, SS.VOLINV):
                unit.enter(UnitState.OFFLINE)
        return status

    def _come_online(self, unit: DkUnit) -> Procedure:
        """Wait until a unit is ready, and learn what it is; returns SS.*."""
        if self._dead:
            return SS.DEVOFFLINE
        status: int = yield from self._await_ready(unit)
        if status != SS.NORMAL:
            return status
        before = (unit.identifier, unit.inquiry)
        inquiry = yield from self._inquire(unit)
        if inquiry is None:
            return SS.MEDOFL
        if inquiry[0] != _DISK:
            return SS.VOLINV
        known = unit.block_count
        unit.inquiry = inquiry
        yield from self._read_designator(unit)
        capacity = wire.Cdb10.pack_fields(opcode=int(Opcode.READ_CAPACITY_10))
        _, data = yield from self._ask(unit, capacity, wire.Capacity10.SIZE)
        if len(data) < wire.Capacity10.SIZE:
            return SS.MEDOFL
        told = wire.Capacity10.unpack(data)
        if told.block_bytes != BLOCK_BYTES:
            return SS.MEDOFL
        if known and (known != told.last_lba + 1 or before != (unit.identifier, inquiry)):
            # Another disk answers: write nothing to it.
            unit.identifier = before[0]
            return SS.VOLINV
        if not (yield from self._set_mode(unit)):
            return SS.DRVERR
        if not known:
            yield from self._probe_check_bytes(unit)
            yield from self._learn_to_copy(unit)
        unit.block_count = told.last_lba + 1
        return SS.NORMAL

    def _await_ready(self, unit: DkUnit) -> Procedure:
        """TEST UNIT READY until it is, or will not be; returns SS.*."""
        test = wire.Cdb6.pack_fields(opcode=int(Opcode.TEST_UNIT_READY))
        started = False
        for _ in range(READY_PATIENCE):
            request = yield from self._exchange(unit, test)
            if request.port_status is not _ENDED or request.status == _CONFLICT:
                return SS.MEDOFL
            if request.status == _GOOD:
                return SS.NORMAL
            key, asc = _key_and_asc(request.sense)
            if key != _NOT_READY:
                return _system_status(key, asc)
            if asc >> 8 == Asc.MEDIUM_NOT_PRESENT >> 8:
                return SS.MEDOFL
            if asc == Asc.NOT_READY_INITIALIZING_COMMAND_REQUIRED and not started:
                started = True
                start = wire.StartStopCdb.pack_fields(opcode=int(Opcode.START_STOP_UNIT), start=_START)
                yield from self._exchange(unit, start, timeout_ns=TRANSFER_TIMEOUT_NS)
            else:
                yield READY_POLL_NS
        return SS.MEDOFL

    def _mode_page(self, unit: DkUnit, page: ModePage) -> Procedure:
        """MODE SENSE; returns the page's bytes, b"" when there is none, and the device-specific parameter."""
        cdb = wire.ModeSense6Cdb.pack_fields(
            opcode=int(Opcode.MODE_SENSE_6), flags=_DBD, page=int(page), allocation=PAGE_BYTES
        )
        _, data = yield from self._ask(unit, cdb, PAGE_BYTES)
        if len(data) < wire.ModeHeader6.SIZE:
            return b"", 0
        header = wire.ModeHeader6.unpack(data)
        return data[wire.ModeHeader6.SIZE + header.descriptor_length :], header.device_specific

    def _set_mode(self, unit: DkUnit) -> Procedure:
        """Look at the bits that matter, set what is not as it has to be; False when that cannot be had."""
        recovery, specific = yield from self._mode_page(unit, ModePage.ERROR_RECOVERY)
        unit.write_protected = bool(specific & _WP)
        if len(recovery) >= wire.ErrorRecoveryPage.SIZE:
            page = wire.ErrorRecoveryPage.unpack(recovery)
            wanted = (page.flags | _REQUIRED_ON | _PREFERRED_ON) & ~_REQUIRED_OFF
            is_usable = page.flags & (_REQUIRED_ON | _REQUIRED_OFF) == _REQUIRED_ON
            if wanted != page.flags and not is_usable:
                page.flags = wanted
                if not (yield from self._select_mode(unit, page.pack())):
                    return False
        caching, _ = yield from self._mode_page(unit, ModePage.CACHING)
        if len(caching) >= wire.CachingPage.SIZE - 8:  # SCSI-2 has a shorter one
            unit.write_cache = bool(caching[2] & _WCE)
            if unit.write_cache:
                changed = bytes((caching[0], caching[1], caching[2] & ~_WCE)) + caching[3:]
                unit.write_cache = not (yield from self._select_mode(unit, changed))
        control, _ = yield from self._mode_page(unit, ModePage.CONTROL)
        queueing = control[3] if len(control) > 3 else _QERR_DQUE
        flags = wire.StandardInquiry.unpack(unit.inquiry).flags7
        if flags & _CMDQUE and not queueing & _QERR_DQUE:
            unit.tag, unit.depth = _SIMPLE, DEPTH
        else:
            unit.tag, unit.depth = UNTAGGED, 1
        return True

    def _select_mode(self, unit: DkUnit, page: bytes) -> Procedure:
        """MODE SELECT of one page; returns whether the unit took it."""
        data = bytes(wire.ModeHeader6.SIZE) + bytes((page[0] & 0x3F,)) + page[1:]
        cdb = wire.RequestSenseCdb.pack_fields(
            opcode=int(Opcode.MODE_SELECT_6), flags=_PF, allocation=len(data)
        )
        request = yield from self._tell(unit, cdb, data)
        return request.port_status is _ENDED and request.status == _GOOD

    def make_available(self, unit: DkUnit) -> Procedure:
        """Give a unit up, its cache written out; it keeps turning, other hosts may use it.  Returns SS.*."""
        if self._dead:
            return SS.DEVOFFLINE
        if unit.state is UnitState.ONLINE and unit.write_cache:
            cdb = wire.Cdb10.pack_fields(opcode=int(Opcode.SYNCHRONIZE_CACHE_10))
            yield from self._exchange(unit, cdb, timeout_ns=TRANSFER_TIMEOUT_NS)
        if unit.state is not UnitState.OFFLINE:
            unit.enter(UnitState.AVAILABLE)
        unit.held.extend(unit.waiting)
        unit.waiting.clear()
        self._release(unit, SS.MEDOFL)
        return SS.NORMAL

    # -- forced error

    def _probe_check_bytes(self, unit: DkUnit) -> Procedure:
        """Find out how long a block with its check bytes is, as VMS does: a guess, and what the unit says to it."""
        length = LONG_GUESS_BYTES
        for _ in range(2):
            cdb = wire.Cdb10.pack_fields(opcode=int(Opcode.READ_LONG_10), length=length)
            request, data = yield from self._ask(unit, cdb, length)
            if data:
                unit.no_forced_error = False
                unit.check_bytes = len(data) - BLOCK_BYTES
                return
            if len(request.sense) < wire.FixedSense.SIZE:
                return
            sense = wire.FixedSense.unpack(request.sense)
            if not sense.key & _ILI:
                return
            excess = sense.information
            length -= excess - (1 << 32) if excess >> 31 else excess
            if not BLOCK_BYTES < length <= 2 * BLOCK_BYTES:
                return

    def write_bad_block(self, unit: DkUnit, lbn: int) -> Procedure:
        """Write a block with check bytes that cannot be right; returns SS.*."""
        if unit.no_forced_error:
            return SS.UNSUPPORTED
        length = BLOCK_BYTES + unit.check_bytes
        cdb = wire.Cdb10.pack_fields(opcode=int(Opcode.READ_LONG_10), lba=lbn, length=length)
        _, data = yield from self._ask(unit, cdb, length)
        if not data:
            return SS.DRVERR
        spoilt = data[:BLOCK_BYTES] + bytes(octet ^ 0xFF for octet in data[BLOCK_BYTES:])
        cdb = wire.Cdb10.pack_fields(opcode=int(Opcode.WRITE_LONG_10), lba=lbn, length=length)
        request = yield from self._tell(unit, cdb, spoilt)
        return SS.NORMAL if request.port_status is _ENDED and request.status == _GOOD else SS.DRVERR

    # -- erasing and comparing

    def _erase(self, unit: DkUnit, irp: Irp) -> Procedure:
        """WRITE SAME, or zeros in pieces for a disk that has no such command."""
        blocks = -(-irp.byte_count // BLOCK_BYTES)
        status = _NORMAL
        if unit.erases and blocks:
            status = yield from self._write_same(unit, irp.lbn, blocks)
        if not unit.erases:
            for lbn in range(irp.lbn, irp.lbn + blocks, ERASE_PIECE_BLOCKS):
                length = min(ERASE_PIECE_BLOCKS, irp.lbn + blocks - lbn) * BLOCK_BYTES
                piece = WaitingIrp(self.platform, IO.WRITEPBLK, lbn, length, self._zeros)
                unit.queue_io(piece)
                status = yield piece.finished
                if status != _NORMAL:
                    break
        irp.transferred = irp.byte_count if status == _NORMAL else 0
        irp.status = int(status)
        self._finish(irp)

    def _write_same(self, unit: DkUnit, lbn: int, blocks: int) -> Procedure:
        limit = 0xFFFF
        for first in range(lbn, lbn + blocks, limit):
            count = min(limit, lbn + blocks - first)
            cdb = wire.Cdb10.pack_fields(opcode=int(Opcode.WRITE_SAME_10), lba=first, length=count)
            request = yield from self._exchange(
                unit, cdb, address=self._zeros, length=BLOCK_BYTES, timeout_ns=COPY_TIMEOUT_NS
            )
            if request.port_status is not _ENDED:
                return SS.MEDOFL
            if request.status == _GOOD:
                continue
            key, asc = _key_and_asc(request.sense)
            if key == _ILLEGAL and asc == Asc.INVALID_OPERATION_CODE:
                unit.erases = False
                return SS.NORMAL
            return _system_status(key, asc)
        return SS.NORMAL

    def _compare(self, unit: DkUnit, irp: Irp) -> Procedure:
        """Read and compare, for a disk that does not compare by itself."""
        length = irp.byte_count
        try:
            address = self.platform.pool.allocate(length)
        except InsufficientMemory:
            self._fail_later(irp, SS.INSFMEM)
            return
        try:
            read = WaitingIrp(self.platform, IO.READPBLK, irp.lbn, length, address)
            unit.queue_io(read)
            status = yield read.finished
            window = self.platform.window
            if status == _NORMAL and window(address, length) != window(irp.address, length):
                status = int(SS.DATACHECK)
        finally:
            self.platform.pool.free(address)
        irp.status = int(status)
        irp.transferred = length if status == _NORMAL else 0
        self._finish(irp)

    # -- copying

    def _learn_to_copy(self, unit: DkUnit) -> Procedure:
        """RECEIVE COPY RESULTS, OPERATING PARAMETERS: what the unit's copy manager takes."""
        unit.segments = 0
        if not wire.StandardInquiry.unpack(unit.inquiry).flags5 & _3PC or not unit.designator:
            return
        cdb = wire.CopyCdb.pack_fields(
            opcode=int(Opcode.RECEIVE_COPY_RESULTS), action=_COPY_ACTION_PARAMETERS, length=PAGE_BYTES
        )
        _, data = yield from self._ask(unit, cdb, PAGE_BYTES)
        if len(data) < wire.CopyParameters.SIZE:
            return
        parameters = wire.CopyParameters.unpack(data)
        codes = data[wire.CopyParameters.SIZE :][: parameters.codes_length]
        if parameters.targets < 2 or _IDENTIFICATION not in codes or _BLOCK_TO_BLOCK not in codes:
            return
        room = parameters.list_bytes - 2 * wire.CopyTarget.SIZE
        unit.segments = max(0, min(parameters.segments, room // wire.CopySegment.SIZE))
        unit.segment_blocks = min(0xFFFF, parameters.segment_bytes // BLOCK_BYTES)
        if not unit.segment_blocks:
            unit.segments = 0

    def _start_copying(self, unit: DkUnit) -> None:
        """Let one EXTENDED COPY at a time take what has been collected at this instant."""
        if unit.copies and not unit.copying:
            unit.copying = True
            self.platform.process(f"{unit.name} copy", self._copy(unit))

    def _copy(self, unit: DkUnit) -> Procedure:
        while unit.copies and unit.state is UnitState.ONLINE:
            source: DkUnit = unit.copies[0].source  # type: ignore[assignment]
            batch: list[Irp] = []
            segments: list[tuple[Irp, bytes]] = []
            while unit.copies and unit.copies[0].source is source:
                pieces = self._segments_of(unit, unit.copies[0])
                if segments and len(segments) + len(pieces) > unit.segments:
                    break
                irp = unit.copies.popleft()
                batch.append(irp)
                segments += ((irp, piece) for piece in pieces)
            yield from self._copy_batch(unit, source, batch, segments)
        unit.copying = False
        if unit.state is not UnitState.ONLINE:
            copies, unit.copies = unit.copies, deque()
            for irp in copies:
                self._put_aside(unit, irp)

    def _segments_of(self, unit: DkUnit, irp: Irp) -> list[bytes]:
        """Write the segment descriptors of one range; they name the source as target 0, the unit as target 1."""
        pieces = []
        blocks, limit = irp.byte_count // BLOCK_BYTES, unit.segment_blocks
        for offset in range(0, blocks, limit or blocks):
            pieces.append(
                wire.CopySegment.pack_fields(
                    type=_BLOCK_TO_BLOCK,
                    length=wire.CopySegment.SIZE - 4,
                    source=0,
                    destination=1,
                    blocks=min(limit, blocks - offset),
                    source_lba=irp.source_lbn + offset,
                    destination_lba=irp.lbn + offset,
                )
            )
        return pieces

    def _copy_batch(
        self, unit: DkUnit, source: DkUnit, batch: list[Irp], segments: list[tuple[Irp, bytes]]
    ) -> Procedure:
        """One EXTENDED COPY; then COPY STATUS tells how many of its segments were done."""
        if not unit.copies_at_a_time(source) or len(segments) > unit.segments:
            for irp in batch:
                irp.status = int(SS.UNSUPPORTED)
                self._finish(irp)
            return
        unit.list_identifier = unit.list_identifier % _LIST_IDENTIFIERS + 1
        descriptors = b"".join(piece for _, piece in segments)
        targets = _copy_target(source) + _copy_target(unit)
        data = (
            wire.CopyListHeader.pack_fields(
                list_identifier=unit.list_identifier,
                flags=_HOLD,
                targets_length=len(targets),
                segments_length=len(descriptors),
            )
            + targets
            + descriptors
        )
        cdb = wire.CopyCdb.pack_fields(opcode=int(Opcode.EXTENDED_COPY), length=len(data))
        request = yield from self._tell(unit, cdb, data, COPY_TIMEOUT_NS)
        if request.port_status is not _ENDED:
            for irp in batch:
                self._transport_failed(unit, irp, request.port_status)
            return
        done = yield from self._segments_done(unit)
        if request.status == _GOOD and done is None:
            done = len(segments)  # a unit that has forgotten the list has said that all is well
        self._tell_copied(unit, batch, segments, done or 0, request)

    def _segments_done(self, unit: DkUnit) -> Procedure:
        """RECEIVE COPY RESULTS, COPY STATUS of the last list; None when the unit does not know it."""
        cdb = wire.CopyCdb.pack_fields(
            opcode=int(Opcode.RECEIVE_COPY_RESULTS),
            action=_COPY_ACTION_STATUS,
            list_identifier=unit.list_identifier,
            length=wire.CopyStatus.SIZE,
        )
        _, data = yield from self._ask(unit, cdb, wire.CopyStatus.SIZE)
        return wire.CopyStatus.unpack(data).segments if len(data) == wire.CopyStatus.SIZE else None

    def _tell_copied(
        self,
        unit: DkUnit,
        batch: list[Irp],
        segments: list[tuple[Irp, bytes]],
        done: int,
        request: ScsiRequest,
    ) -> None:
        """Answer the ranges that were copied and the one that failed; those behind it are tried again."""
        left = {id(irp): 0 for irp in batch}
        for irp, _ in segments[done:]:
            left[id(irp)] += 1
        guilty = segments[done][0] if done < len(segments) else None
        again = []
        for irp in batch:
            if not left[id(irp)]:
                irp.status = _NORMAL
                irp.transferred = irp.byte_count
                self._finish(irp)
            elif irp is guilty:
                unit.errors += 1
                irp.status = _system_status(*_key_and_asc(request.sense))
                if irp.status == _NORMAL:
                    irp.status = int(SS.CTRLERR)
                self._finish(irp)
            else:
                again.append(irp)
        unit.copies.extendleft(reversed(again))


def _copy_target(unit: DkUnit) -> bytes:
    """The target descriptor that names a unit by its designator."""
    designator = unit.designator[:_DESIGNATOR_BYTES]
    return wire.CopyTarget.pack_fields(
        type=_IDENTIFICATION,
        code_set=_BINARY,
        designator_type=_NAA,
        designator_length=len(designator),
        designator=designator.ljust(_DESIGNATOR_BYTES, b"\0"),
        block_bytes=BLOCK_BYTES,
    )


def _bytes_before_error(irp: Irp, request: ScsiRequest) -> int:
    """How much of a transfer came before the block that the sense names; 0 when it names none."""
    sense = wire.FixedSense.unpack(request.sense)
    if (
        not sense.response & 0x80
        or not irp.lbn <= sense.information < irp.lbn + irp.byte_count // BLOCK_BYTES
    ):
        return 0
    return (sense.information - irp.lbn) * BLOCK_BYTES
