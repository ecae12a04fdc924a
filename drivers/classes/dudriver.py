"""DUDRIVER: the class driver of MSCP disks.

It turns I/O request packets into MSCP commands and end messages into status, finds the units of a
controller, brings them on line, and keeps every request until it is answered: when the controller is
reinitialised, units come on line again and what was outstanding is sent again, in the order in which it was
first sent.  (spec "What host drivers do", recipe and timeouts.)
"""

from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import cast

from drivers.platform.host import Platform
from drivers.platform.irp import Irp
from drivers.platform.process import EventFlag, Procedure
from drivers.port.pudriver import PuDriver
from emu.core.block import BLOCK_BYTES
from emu.core.bus import Bytes
from emu.core.clock import SECOND_NS, Timer
from emu.core.trace import StateChanged
from emu.wire.codes.mscp import CF, END, MD, OP, ST, ST_MASK, UF, media_text
from emu.wire.codes.uqssp import ConnectionId
from emu.wire.codes.vms import IO, SS
from emu.wire.generated.mscp import (
    DiskCopyDataCommand,
    EndHeader,
    GetCommandStatusEnd,
    GetUnitStatusEnd,
    Header,
    OnlineCommand,
    OnlineEnd,
    ReferenceCommand,
    SetControllerCharacteristicsCommand,
    SetControllerCharacteristicsEnd,
    TransferCommand,
    TransferEnd,
)

RESERVED_CREDITS = 1  # kept back for an immediate command, as Ultrix and 2.11BSD do
DEFAULT_TIMEOUT_S = 240  # when the controller names none
DEFAULT_MAXIMUM_BYTES = 1 << 24
RETRY_LIMIT = 2
MAXIMUM_BLOCKS_PER_COPY = 1 << 24  # UNCERTAIN: a limit for DISK COPY DATA is not documented
HOST_FLAGS = CF.ATN | CF.MSC | CF.THS  # 00D0, what VMS and BSD send

_OPCODE = {
    int(IO.READPBLK): int(OP.RD),
    int(IO.WRITEPBLK): int(OP.WR),
    int(IO.WRITECHECK): int(OP.CMP),
    int(IO.DSE): int(OP.ERS),
}
_TRANSFER_ENDS = frozenset(opcode | END for opcode in _OPCODE.values())
_COPY = int(IO.DISK_COPY_DATA)
_ERASE = int(IO.DSE)
_OPCODE_OFFSET = Header.LAYOUT["opcd"][0]
_SUCCESS, _AVAILABLE, _OFFLINE = int(ST.SUC), int(ST.AVL), int(ST.OFL)
_RETRYABLE = frozenset((int(ST.DRV), int(ST.CNT)))
_NORMAL = int(SS.NORMAL)
_EXCHANGE = -1  # function of a request that is no I/O

_STATUS = {
    ST.SUC: SS.NORMAL,
    ST.CMD: SS.ILLBLKNUM,
    ST.ABO: SS.ABORT,
    ST.OFL: SS.MEDOFL,
    ST.AVL: SS.MEDOFL,
    ST.MFE: SS.VOLINV,
    ST.WPR: SS.WRITLCK,
    ST.CMP: SS.DATACHECK,
    ST.DAT: SS.PARITY,
    ST.HST: SS.IVBUFLEN,
    ST.CNT: SS.CTRLERR,
    ST.DRV: SS.DRVERR,
    ST.SHST: SS.SHACHASTA,
    ST.SBC: SS.DRVERR,
}


def _system_status(status: int) -> int:
    code = status & ST_MASK
    return int(_STATUS.get(cast(ST, code), SS.CTRLERR))


class UnitState(Enum):
    OFFLINE = "offline"
    AVAILABLE = "available"
    ONLINE = "online"
    RECOVERING = "recovering"  # was on line, and is being brought on line again


class Exchange(Irp):
    """A command that is no I/O: it knows how to write itself, and its end message wakes a process."""

    __slots__ = ("encode", "end", "finished", "immediate")

    def __init__(self, finished: EventFlag, encode: Callable[[int], bytes], immediate: bool) -> None:
        super().__init__(_EXCHANGE)
        self.encode = encode
        self.immediate = immediate
        self.finished = finished
        self.end = b""

    def complete(self) -> None:
        self.finished.set(self.end)


class DiskUnit:
    """One disk: what VMS keeps in its unit control block.

    queue_length: requests handed down and not yet answered; operations, errors: counts since boot.
    """

    __slots__ = (
        "block_count",
        "copy_capable",
        "driver",
        "errors",
        "held",
        "identifier",
        "media",
        "name",
        "number",
        "operations",
        "queue_length",
        "read_cost",
        "state",
        "write_protected",
    )

    def __init__(self, driver: "DuDriver", number: int, media: str, identifier: int) -> None:
        self.driver = driver
        self.number = number
        self.media = media
        self.identifier = identifier
        prefix = media.split(maxsplit=1)[0] if media.strip() else "DU"
        self.name = f"${driver.allocation_class}${prefix}{driver.letter}{number}:"
        self.state = UnitState.AVAILABLE
        self.block_count = 0
        self.write_protected = False
        self.queue_length = 0
        self.operations = 0
        self.errors = 0
        self.read_cost = 2  # UNCERTAIN: default cost of a directly connected disk on the same site
        self.copy_capable = False
        self.held: deque[Irp] = deque()

    @property
    def platform(self) -> Platform:
        return self.driver.platform

    def queue_io(self, irp: Irp) -> None:
        """Start a request; it completes later, never inside this call."""
        irp.unit = self
        self.queue_length += 1
        self.driver.start_io(self, irp)

    def online(self) -> Procedure:
        """Bring the unit on line (PACKACK); returns SS.*."""
        return self.driver.bring_online(self)

    def available(self) -> Procedure:
        """Give the unit up (AVAILABLE); returns SS.*."""
        return self.driver.make_available(self)


class DuDriver:
    """The driver of one MSCP controller.

    letter: the controller's letter in device names.  `units` is ordered by unit number.
    """

    def __init__(
        self, platform: Platform, port: PuDriver, letter: str = "A", allocation_class: int = 1
    ) -> None:
        self.platform = platform
        self.port = port
        self.letter = letter
        self.allocation_class = allocation_class
        self.units: dict[int, DiskUnit] = {}
        self.controller_flags = 0
        self.controller_timeout_s = DEFAULT_TIMEOUT_S
        self.maximum_bytes = DEFAULT_MAXIMUM_BYTES
        self.ready = platform.flag()  # set with True when units are known, False when the controller is dead
        self.datagrams: deque[bytes] = deque(maxlen=64)
        self._connection = port.connect(ConnectionId.DISK, self)
        self._running = False
        self._dead = False
        self._starts = 0
        self._reference = 0
        self._outstanding: dict[int, Irp] = {}
        self._waiting: deque[Irp] = deque()
        self._watchdog: Timer | None = None
        self._watched = (0, 0xFFFF_FFFF)

    # -- requests

    def start_io(self, unit: DiskUnit, irp: Irp) -> None:
        if unit.state is not UnitState.ONLINE:
            if unit.state is UnitState.RECOVERING:
                unit.held.append(irp)
            else:
                irp.status = SS.MEDOFL
                self.platform.fork(lambda: self._finish(irp))
            return
        if self._waiting or not self._running or self._connection.credits <= RESERVED_CREDITS:
            self._waiting.append(irp)
        else:
            self._issue(irp)

    def _issue(self, irp: Irp) -> bool:
        """Send a request; False when it must wait for map registers."""
        reference = self._reference = self._reference + 1 & 0xFFFF_FFFF or 1
        function = irp.function
        if function == _EXCHANGE:
            text = cast(Exchange, irp).encode(reference)
        elif function == _COPY:
            text = self._copy_text(irp, reference)
        else:
            address = page_table = 0
            if function != _ERASE:
                mapping = self.platform.map_buffer(irp.address, irp.byte_count)
                if mapping is None:
                    self._waiting.append(irp)
                    return False
                irp.buffer_map = mapping
                address, page_table = mapping.address, mapping.page_table
            text = TransferCommand(
                crf=reference,
                unit=irp.unit.number,
                opcd=_OPCODE[function],
                bcnt=irp.byte_count,
                buff=address,
                pte_base=page_table,
                lbn=irp.lbn,
            ).pack()
        self._outstanding[reference] = irp
        self._connection.send(text)
        if self._watchdog is None:
            self._watch()
        return True

    def _copy_text(self, irp: Irp, reference: int) -> bytes:
        source = cast(DiskUnit, irp.source)
        return DiskCopyDataCommand(
            crf=reference,
            unit=irp.unit.number,
            opcd=int(OP.DCD),
            mod=MD.LOCSU,
            lbcount=irp.byte_count // BLOCK_BYTES,
            src_unum=source.number,
            src_uid=source.identifier,
            dest_lbn=irp.lbn,
            src_lbn=irp.source_lbn,
        ).pack()

    def credits_came(self) -> None:
        waiting, connection = self._waiting, self._connection
        while waiting and self._running and connection.credits > RESERVED_CREDITS:
            if not self._issue(waiting.popleft()):
                waiting.rotate(1)  # it went to the end; map registers come back with the next end message
                return

    # -- messages

    def receive(self, text: Bytes) -> None:
        opcode = text[_OPCODE_OFFSET]
        if opcode in _TRANSFER_ENDS:
            end = TransferEnd.unpack(text)
            irp = self._outstanding.pop(end.crf, None)
            if irp is None:
                return
            irp.transferred = end.bcnt
            self._ended(irp, end.sts)
        elif opcode & END:
            self._exchange_ended(text)
        elif opcode == OP.AVA:
            self._unit_announced(text)

    def _exchange_ended(self, text: Bytes) -> None:
        end = EndHeader.unpack(text)
        irp = self._outstanding.pop(end.crf, None)
        if irp is None:
            return  # an answer about a command that ended meanwhile
        if irp.function == _EXCHANGE:
            cast(Exchange, irp).end = bytes(text)
            irp.status = _NORMAL
            irp.complete()
            self.credits_came()
        else:
            # DISK COPY DATA, or endcode 80 alone: the UDA50's answer to a bad LBN.
            self._ended(irp, end.sts)

    def _ended(self, irp: Irp, status: int) -> None:
        mapping = irp.buffer_map
        if mapping is not None:
            mapping.release()
            irp.buffer_map = None
        code = status & ST_MASK
        if code == _SUCCESS:
            irp.status = _NORMAL
            unit = irp.unit
            unit.queue_length -= 1
            unit.operations += 1
            irp.complete()
            return
        if code == _AVAILABLE:
            # The unit dropped from on line by itself: bring it back and go on from here.
            self._recover(irp.unit)
            irp.unit.held.append(irp)
            return
        irp.unit.errors += 1
        if code == _OFFLINE:
            self._enter(irp.unit, UnitState.OFFLINE)
        if code in _RETRYABLE and irp.retries < RETRY_LIMIT:
            irp.retries += 1
            self._waiting.append(irp)
            self.platform.fork(self.credits_came)
            return
        irp.status = _system_status(status)
        self._finish(irp)

    def _finish(self, irp: Irp) -> None:
        irp.unit.queue_length -= 1
        irp.complete()

    def receive_datagram(self, text: Bytes) -> None:
        self.datagrams.append(bytes(text))

    def _unit_announced(self, text: Bytes) -> None:
        """AVAILABLE attention: a unit became ready by itself."""
        number = EndHeader.unpack(text).unit
        unit = self.units.get(number)
        if unit is None:
            self.platform.process(f"find unit {number}", self._find_unit(number))
        elif unit.state is UnitState.OFFLINE:
            self._enter(unit, UnitState.AVAILABLE)

    # -- exchanges

    def exchange(self, encode: Callable[[int], bytes], *, immediate: bool) -> Procedure:
        """Send one command and return its end message; b"" when the controller is lost meanwhile.

        encode: makes the text for a command reference number.  immediate: may use the last credit.
        """
        request = Exchange(self.platform.flag(), encode, immediate)
        if self._dead:
            return b""
        reserved = 0 if immediate else RESERVED_CREDITS
        if self._connection.credits > reserved and (self._running or immediate):
            self._issue(request)
        else:
            self._waiting.append(request)
        end: bytes = yield request.finished
        return end

    def redriven_exchange(self, encode: Callable[[int], bytes]) -> Procedure:
        """Send one command, again if the controller forgot it; b"" when the controller is dead."""
        while True:
            end = yield from self.exchange(encode, immediate=False)
            if end or self._dead:
                return end

    def bring_online(self, unit: DiskUnit) -> Procedure:
        """ONLINE; returns SS.*."""
        end = yield from self.redriven_exchange(
            lambda reference: OnlineCommand(crf=reference, unit=unit.number, opcd=int(OP.ONL)).pack()
        )
        if not end:
            return SS.DEVOFFLINE
        online = OnlineEnd.unpack(end)
        if online.sts & ST_MASK != _SUCCESS:
            self._enter(unit, UnitState.OFFLINE if online.sts & ST_MASK == _OFFLINE else UnitState.AVAILABLE)
            return _system_status(online.sts)
        if unit.block_count and unit.identifier != online.unti:
            self._enter(unit, UnitState.OFFLINE)
            return SS.VOLINV  # another disk answers to the number
        self._know(unit, online.medi, online.unti, online.unfl)
        unit.block_count = online.unsz
        unit.copy_capable = bool(self.controller_flags & CF.LDCD)
        self._enter(unit, UnitState.ONLINE)
        return SS.NORMAL

    def make_available(self, unit: DiskUnit) -> Procedure:
        end = yield from self.redriven_exchange(
            lambda reference: Header(crf=reference, unit=unit.number, opcd=int(OP.AVL)).pack()
        )
        if not end:
            return SS.DEVOFFLINE
        status = EndHeader.unpack(end).sts
        if status & ST_MASK == _SUCCESS:
            self._enter(unit, UnitState.AVAILABLE)
        return _system_status(status)

    def command_status(self, irp: Irp) -> Procedure:
        """Ask how much of a request is left (GET COMMAND STATUS); 0 when it has ended."""
        reference = next((crn for crn, each in self._outstanding.items() if each is irp), None)
        if reference is None:
            return 0
        end = yield from self._ask_status(irp.unit.number, reference)
        return GetCommandStatusEnd.unpack(end).cmst if end else 0

    def _ask_status(self, number: int, reference: int) -> Procedure:
        return self.exchange(
            lambda crn: ReferenceCommand(crf=crn, unit=number, opcd=int(OP.GCS), otrf=reference).pack(),
            immediate=True,
        )

    def abort(self, irp: Irp) -> None:
        """Ask the controller to end a request; it completes with SS.ABORT, or as it would have."""
        for reference, each in self._outstanding.items():
            if each is irp:
                self.platform.process("abort", self._abort(irp.unit.number, reference))
                return

    def _abort(self, number: int, reference: int) -> Procedure:
        return self.exchange(
            lambda crn: ReferenceCommand(crf=crn, unit=number, opcd=int(OP.ABO), otrf=reference).pack(),
            immediate=True,
        )

    # -- the controller comes and goes

    def port_ready(self) -> None:
        self._starts += 1
        self.platform.process("DU connect", self._connect())

    def _connect(self) -> Procedure:
        """SET CONTROLLER CHARACTERISTICS; then find the units, or bring them back."""
        end = yield from self.exchange(
            lambda reference: SetControllerCharacteristicsCommand(
                crf=reference, opcd=int(OP.SCC), cntf=int(HOST_FLAGS)
            ).pack(),
            immediate=True,
        )
        if not end:
            return
        answer = SetControllerCharacteristicsEnd.unpack(end)
        self.controller_flags = answer.cntf
        self.controller_timeout_s = answer.ctmo or DEFAULT_TIMEOUT_S
        self.maximum_bytes = answer.mbcnt or DEFAULT_MAXIMUM_BYTES
        first_time, starts = not self.ready.is_set, self._starts
        if first_time:
            yield from self._walk_units()
        if starts != self._starts:
            return  # lost again meanwhile; the next start does it all
        self._running = True
        for unit in self.units.values():
            if unit.state is UnitState.RECOVERING:
                self.platform.process(f"recover {unit.name}", self._bring_back(unit))
        self.credits_came()
        if first_time:
            self.ready.set(True)

    def _walk_units(self) -> Procedure:
        number = 0
        while True:
            found = yield from self._find_unit(number)
            if found is None or found < number:
                return
            number = found + 1

    def _find_unit(self, number: int) -> Procedure:
        """GET UNIT STATUS of this unit or the next above; returns its number, None when there is none."""
        end = yield from self.exchange(
            lambda reference: Header(crf=reference, unit=number, opcd=int(OP.GUS), mod=MD.NXU).pack(),
            immediate=True,
        )
        if not end:
            return None
        status = GetUnitStatusEnd.unpack(end)
        if status.sts & ST_MASK == _OFFLINE and not status.medi:
            return None
        if status.unit >= number and status.unit not in self.units:
            unit = DiskUnit(self, status.unit, media_text(status.medi), status.unti)
            if status.sts & ST_MASK == _OFFLINE:
                unit.state = UnitState.OFFLINE
            self._know(unit, status.medi, status.unti, status.unfl)
            self.units[status.unit] = unit
            self.units = dict(sorted(self.units.items()))
        return status.unit

    def _know(self, unit: DiskUnit, media: int, identifier: int, flags: int) -> None:
        unit.media = media_text(media)
        unit.identifier = identifier
        unit.write_protected = bool(flags & (UF.WPH | UF.WPS | UF.WPD))

    def port_lost(self, dead: bool) -> None:
        """Keep what was outstanding, to be sent again; or fail it when the controller is dead."""
        self._running = False
        self._starts += 1
        unanswered = list(self._outstanding.values())
        self._outstanding.clear()
        for irp in unanswered:
            if irp.buffer_map is not None:
                irp.buffer_map.release()
                irp.buffer_map = None
        for unit in self.units.values():
            if unit.state is UnitState.ONLINE:
                self._enter(unit, UnitState.RECOVERING)
        # The exchanges of the connection's own start are made anew; the rest keeps its order.
        again = [irp for irp in unanswered if irp.function != _EXCHANGE]
        exchanges = [irp for irp in (*unanswered, *self._waiting) if irp.function == _EXCHANGE]
        queued = [irp for irp in self._waiting if irp.function != _EXCHANGE]
        self._waiting.clear()
        for irp in (*again, *queued):
            irp.unit.held.append(irp)
        for irp in exchanges:
            irp.complete()  # with no end message
        if dead:
            self._dead = True
            for unit in self.units.values():
                self._enter(unit, UnitState.OFFLINE)
                self._fail_held(unit, SS.DEVOFFLINE)
            self.ready.set(False)

    def _recover(self, unit: DiskUnit) -> None:
        if unit.state is UnitState.ONLINE:
            self._enter(unit, UnitState.RECOVERING)
            self.platform.process(f"recover {unit.name}", self._bring_back(unit))

    def _bring_back(self, unit: DiskUnit) -> Procedure:
        status = yield from self.bring_online(unit)
        if unit.state is UnitState.ONLINE:
            held, unit.held = unit.held, deque()
            self._waiting.extend(held)
            self.credits_came()
        elif unit.state is not UnitState.RECOVERING:
            self._fail_held(unit, status)

    def _fail_held(self, unit: DiskUnit, status: int) -> None:
        held, unit.held = unit.held, deque()
        for irp in held:
            irp.status = status
            self._finish(irp)

    # -- the watchdog

    def _watch(self) -> None:
        delay_ns = self.controller_timeout_s * SECOND_NS
        self._watchdog = self.platform.clock.call_after(delay_ns, self._watchdog_fires)

    def _watchdog_fires(self) -> None:
        self._watchdog = None
        if not self._outstanding:
            return
        self.port.check_alive()
        if self._running and self._outstanding:
            reference, irp = next(iter(self._outstanding.items()))
            self.platform.process("watchdog", self._check_progress(reference, irp))
            self._watch()

    def _check_progress(self, reference: int, irp: Irp) -> Procedure:
        """Restart a controller whose oldest command makes no progress (the rule Ultrix uses)."""
        number = 0 if irp.function == _EXCHANGE else irp.unit.number
        end = yield from self._ask_status(number, reference)
        if not end or reference not in self._outstanding:
            return
        left = GetCommandStatusEnd.unpack(end).cmst
        before = self._watched[1] if self._watched[0] == reference else 0xFFFF_FFFF
        self._watched = (reference, left)
        if left >= before:
            self.port.restart()

    def _enter(self, unit: DiskUnit, state: UnitState) -> None:
        if unit.state is state:
            return
        tracer = self.platform.tracer
        if tracer.listening:
            now_ns, source = self.platform.clock.now_ns, f"{self.platform.name}/{unit.name}"
            tracer.emit(StateChanged(now_ns, source, unit.state.value, state.value))
        unit.state = state
