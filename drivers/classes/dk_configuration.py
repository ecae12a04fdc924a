"""Disks on a bus: who is there, and what is looked at and set before a disk is used.

(Spec "SCSI", commands and order, mode-page bits DKDRIVER wants.)
"""

# DEVIATION: disks are addressed with ten-byte commands only, 2 TB at most.
# UNCERTAIN: the order of DKDRIVER's commands.
# UNCERTAIN: what VMS takes as the identity of a SCSI disk.  Here it is the first 64-bit designator of vital product
# data page 83; a drive without that page is known by allocation class and unit number.

from contextlib import suppress
from typing import TYPE_CHECKING

from drivers.classes.dk_exchange import NoAnswer
from drivers.classes.dk_sense import key_and_asc, system_status
from drivers.classes.dk_unit import DkUnit
from drivers.platform.process import Procedure
from drivers.port.scsi_request import UNTAGGED, PortStatus
from emu.core.block import BLOCK_BYTES
from emu.core.clock import SECOND_NS
from emu.wire.codes.scsi import EIGHT_BYTES, Asc, ModePage, Opcode, SenseKey, Status, Vpd
from emu.wire.codes.scsi_bus import MESSAGE
from emu.wire.codes.vms import SS
from emu.wire.generated.scsi_block import Capacity10
from emu.wire.generated.scsi_cdb import Cdb6, Cdb10, InquiryCdb, ModeSense6Cdb, RequestSenseCdb, StartStopCdb
from emu.wire.generated.scsi_inquiry import DesignatorHeader, StandardInquiry, VpdHeader
from emu.wire.generated.scsi_mode import CachingPage, ErrorRecoveryPage, ModeHeader6

if TYPE_CHECKING:
    from drivers.classes.dkdriver import DkDriver

TARGETS, LUNS = 8, 8
TRANSFER_TIMEOUT_NS = 60 * SECOND_NS
DEPTH = 32  # requests of one disk with the port, if it queues
READY_POLL_NS = SECOND_NS
READY_PATIENCE = 30  # polls of a unit that becomes ready
INQUIRY_BYTES = 36
PAGE_BYTES = 252  # a buffer for what a unit tells of itself

_SIMPLE = int(MESSAGE.SIMPLE_QUEUE_TAG)
_GOOD, _CHECK_CONDITION = int(Status.GOOD), int(Status.CHECK_CONDITION)
_CONFLICT = int(Status.RESERVATION_CONFLICT)
_ENDED = PortStatus.ENDED
_NOT_READY = int(SenseKey.NOT_READY)
_DISK = 0x00  # INQUIRY byte 0: a disk, and it is there
_CMDQUE, _EVPD = 0x02, 0x01
_WP = 0x80
_WCE = 0x04
_QERR_DQUE = 0x07
# Mode page 01: what DKDRIVER requires of a disk, and what it prefers.
_TB, _RC, _PER, _DTE = 0x20, 0x10, 0x04, 0x02
_REQUIRED_ON, _REQUIRED_OFF, _PREFERRED_ON = _TB | _PER, _RC, _DTE
_PF = 0x10
_DBD = 0x08
_START = 0x01
_DESIGNATOR_KIND = 0x3F  # association and type
_NAA, _EUI = 0x03, 0x02


class Configuration:
    """What one driver does to find the units of its bus, and to bring them on line."""

    def __init__(self, driver: "DkDriver") -> None:
        self._driver = driver
        self._exchanges = driver.exchanges

    def search(self) -> Procedure:
        """Ask every target for LUN 0, and those that answer for the others."""
        for target in range(TARGETS):
            if target != self._driver.port.scsi_id:
                for lun in range(LUNS):
                    if not (yield from self.find_unit(target, lun)) and lun == 0:
                        break
        self._driver.ready.set(True)

    def find_unit(self, target: int, lun: int) -> Procedure:
        """INQUIRY; returns whether a target answers, and remembers a disk."""
        number = 100 * target + lun
        unit = self._driver.units.get(number) or DkUnit(self._driver, target, lun, bytes(INQUIRY_BYTES))
        inquiry = yield from self._inquire(unit)
        if inquiry is None:
            return False
        if inquiry[0] == _DISK and number not in self._driver.units:
            unit = DkUnit(self._driver, target, lun, inquiry)
            with suppress(NoAnswer):  # it is read again when the unit comes on line
                yield from self._read_designator(unit)
            self._driver.units[number] = unit
            self._driver.units = dict(sorted(self._driver.units.items()))
        return True

    def _inquire(self, unit: DkUnit) -> Procedure:
        """INQUIRY; returns 36 bytes, None when nobody answers."""
        cdb = InquiryCdb.pack_fields(opcode=int(Opcode.INQUIRY), allocation=INQUIRY_BYTES)
        _, data = yield from self._exchanges.ask(unit, cdb, INQUIRY_BYTES)
        return data if len(data) == INQUIRY_BYTES else None

    def _read_designator(self, unit: DkUnit) -> Procedure:
        """Learn who the unit is from vital product data page 83, if it has that."""
        if StandardInquiry.unpack(unit.inquiry).version < 3:
            return
        cdb = InquiryCdb.pack_fields(
            opcode=int(Opcode.INQUIRY),
            flags=_EVPD,
            page=int(Vpd.DEVICE_IDENTIFICATION),
            allocation=PAGE_BYTES,
        )
        _, data = yield from self._exchanges.learn(unit, cdb, PAGE_BYTES)
        position, end = VpdHeader.SIZE, len(data)
        while position + DesignatorHeader.SIZE < end:
            header = DesignatorHeader.unpack(data, position)
            position += DesignatorHeader.SIZE
            if header.type & _DESIGNATOR_KIND in (_NAA, _EUI) and header.length >= EIGHT_BYTES.size:
                unit.designator = data[position : position + header.length]
                (unit.identifier,) = EIGHT_BYTES.unpack_from(unit.designator)
                return
            position += header.length

    # -- a unit comes on line

    def come_online(self, unit: DkUnit) -> Procedure:
        """Wait until a unit is ready, and learn what it is; returns SS.*."""
        if self._driver.is_dead:
            return SS.DEVOFFLINE
        status: int = yield from self._await_ready(unit)
        if status != SS.NORMAL:
            return status
        before = unit.identifier, unit.inquiry
        try:
            status = yield from self._learn(unit)
        except NoAnswer:
            status = SS.MEDOFL
        if status != SS.NORMAL and unit.block_count:
            unit.identifier, unit.inquiry = before  # still the disk that is looked for
        return status

    def _learn(self, unit: DkUnit) -> Procedure:
        """Learn what a unit is that is ready; returns SS.*.

        Raises:
            NoAnswer: it has said too little.
        """
        before = unit.identifier, unit.inquiry
        inquiry = yield from self._inquire(unit)
        if inquiry is None:
            return SS.MEDOFL
        if inquiry[0] != _DISK:
            return SS.VOLINV
        known = unit.block_count
        unit.inquiry = inquiry
        yield from self._read_designator(unit)
        capacity = Cdb10.pack_fields(opcode=int(Opcode.READ_CAPACITY_10))
        _, data = yield from self._exchanges.learn(unit, capacity, Capacity10.SIZE)
        if len(data) < Capacity10.SIZE:
            return SS.MEDOFL
        told = Capacity10.unpack(data)
        if told.block_bytes != BLOCK_BYTES:
            return SS.MEDOFL
        if known and (known != told.last_lba + 1 or before != (unit.identifier, inquiry)):
            return SS.VOLINV  # another disk answers: write nothing to it
        if not (yield from self._set_mode(unit)):
            return SS.DRVERR
        if not known:
            yield from self._driver.forced_errors.probe(unit)
            yield from self._driver.copies.learn(unit)
        unit.block_count = told.last_lba + 1
        return SS.NORMAL

    def _await_ready(self, unit: DkUnit) -> Procedure:
        """TEST UNIT READY until it is, or will not be; returns SS.*."""
        test = Cdb6.pack_fields(opcode=int(Opcode.TEST_UNIT_READY))
        started = False
        for _ in range(READY_PATIENCE):
            request = yield from self._exchanges.exchange(unit, test)
            if request.port_status is not _ENDED or request.status == _CONFLICT:
                return SS.MEDOFL
            if request.status == _GOOD:
                return SS.NORMAL
            key, asc = key_and_asc(request.sense)
            if key != _NOT_READY:
                return system_status(key, asc)
            if asc >> 8 == Asc.MEDIUM_NOT_PRESENT >> 8:
                return SS.MEDOFL
            if asc == Asc.NOT_READY_INITIALIZING_COMMAND_REQUIRED and not started:
                started = True
                start = StartStopCdb.pack_fields(opcode=int(Opcode.START_STOP_UNIT), start=_START)
                yield from self._exchanges.exchange(unit, start, timeout_ns=TRANSFER_TIMEOUT_NS)
            else:
                yield READY_POLL_NS
        return SS.MEDOFL

    def _mode_page(self, unit: DkUnit, page: ModePage) -> Procedure:
        """MODE SENSE; returns the page's bytes, b"" when there is none, and the device-specific parameter."""
        cdb = ModeSense6Cdb.pack_fields(
            opcode=int(Opcode.MODE_SENSE_6), flags=_DBD, page=int(page), allocation=PAGE_BYTES
        )
        _, data = yield from self._exchanges.learn(unit, cdb, PAGE_BYTES)
        if len(data) < ModeHeader6.SIZE:
            return b"", 0
        header = ModeHeader6.unpack(data)
        return data[ModeHeader6.SIZE + header.descriptor_length :], header.device_specific

    def _set_mode(self, unit: DkUnit) -> Procedure:
        """Look at the bits that matter, set what is not as it has to be; False when that cannot be had."""
        recovery, specific = yield from self._mode_page(unit, ModePage.ERROR_RECOVERY)
        unit.write_protected = bool(specific & _WP)
        if len(recovery) >= ErrorRecoveryPage.SIZE:
            page = ErrorRecoveryPage.unpack(recovery)
            wanted = (page.flags | _REQUIRED_ON | _PREFERRED_ON) & ~_REQUIRED_OFF
            is_usable = page.flags & (_REQUIRED_ON | _REQUIRED_OFF) == _REQUIRED_ON
            if wanted != page.flags and not is_usable:
                page.flags = wanted
                if not (yield from self._select_mode(unit, page.pack())):
                    return False
        caching, _ = yield from self._mode_page(unit, ModePage.CACHING)
        if len(caching) >= CachingPage.SIZE - 8:  # SCSI-2 has a shorter one
            unit.write_cache = bool(caching[2] & _WCE)
            if unit.write_cache:
                changed = bytes((caching[0], caching[1], caching[2] & ~_WCE)) + caching[3:]
                unit.write_cache = not (yield from self._select_mode(unit, changed))
        control, _ = yield from self._mode_page(unit, ModePage.CONTROL)
        queueing = control[3] if len(control) > 3 else _QERR_DQUE
        flags = StandardInquiry.unpack(unit.inquiry).flags7
        if flags & _CMDQUE and not queueing & _QERR_DQUE:
            unit.tag, unit.depth = _SIMPLE, DEPTH
        else:
            unit.tag, unit.depth = UNTAGGED, 1
        return True

    def _select_mode(self, unit: DkUnit, page: bytes) -> Procedure:
        """MODE SELECT of one page; returns whether the unit took it."""
        data = bytes(ModeHeader6.SIZE) + bytes((page[0] & 0x3F,)) + page[1:]
        cdb = RequestSenseCdb.pack_fields(opcode=int(Opcode.MODE_SELECT_6), flags=_PF, allocation=len(data))
        request = yield from self._exchanges.tell(unit, cdb, data)
        return request.is_good
