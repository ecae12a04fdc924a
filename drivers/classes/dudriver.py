"""DUDRIVER: the class driver of MSCP disks.

It turns I/O request packets into MSCP commands and end messages into status, finds the units of a
controller, brings them on line, and keeps every request until it is answered: when the controller is
reinitialised, units come on line again and what was outstanding is sent again, in the order in which it was
sent before.  (spec "What host drivers do", recipe and timeouts.)

Where a request may be:

    outstanding   sent; its end message is due
    waiting       for a credit, for map registers, or for the controller
    held          by its unit, while that is RECOVERING
"""

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Generic, TypeVar, cast

from drivers.classes.disk import Disk, UnitState
from drivers.platform.host import Platform, WaitingIrp
from drivers.platform.irp import Irp
from drivers.platform.pool import InsufficientMemory
from drivers.platform.process import EventFlag, KernelProcess, Procedure
from drivers.port.mscp_port import MscpPort
from emu.core.block import BLOCK_BYTES
from emu.core.bus import Bytes
from emu.core.clock import SECOND_NS, Timer
from emu.wire.codes.mscp import CF, END, MD, OP, ST, ST_MASK, UF, media_text
from emu.wire.codes.uqssp import ConnectionId
from emu.wire.codes.vms import IO, SS
from emu.wire.generated.mscp import (
    DiskCopyDataCommand,
    EndHeader,
    GetCommandStatusEnd,
    GetUnitNameEnd,
    GetUnitStatusEnd,
    Header,
    OnlineCommand,
    OnlineEnd,
    PortTransferCommand,
    ReferenceCommand,
    SetControllerCharacteristicsCommand,
    SetControllerCharacteristicsEnd,
    TransferEnd,
)

RESERVED_CREDITS = 1  # kept back for an immediate command, as Ultrix and 2.11BSD do
DEFAULT_TIMEOUT_S = 240  # when the controller names none
DEFAULT_MAXIMUM_BYTES = 1 << 24
RETRY_LIMIT = 2
COPIES_AT_A_TIME = 8
# UNCERTAIN: how often VMS sends a request again that the controller does not survive.  VMS sends one at a time
# after a restart, to know the guilty one; here it is the oldest.
RESTART_LIMIT = 3
WATCH_NS = SECOND_NS  # Ultrix looks at SA once a second
HOST_FLAGS = CF.ATN | CF.MSC | CF.THS  # 00D0, what VMS and BSD send

_BUFFERED = {  # functions that have a buffer, their opcodes and modifiers
    int(IO.READPBLK): (int(OP.RD), 0),
    int(IO.WRITEPBLK): (int(OP.WR), 0),
    int(IO.WRITECHECK): (int(OP.CMP), 0),
    int(IO.WRITE_FORCED_ERROR): (int(OP.WR), int(MD.ERR)),
}
_TRANSFER_ENDS = frozenset(int(opcode | END) for opcode in (OP.RD, OP.WR, OP.CMP, OP.ERS))
_COPY = int(IO.DISK_COPY_DATA)
_ERASE = int(IO.DSE)
_transfer_text = PortTransferCommand.pack_fields
_OPCODE_OFFSET = Header.LAYOUT["opcd"][0]
_SUCCESS, _AVAILABLE, _OFFLINE, _COMPARE = int(ST.SUC), int(ST.AVL), int(ST.OFL), int(ST.CMP)
_RETRYABLE = frozenset((int(ST.DRV), int(ST.CNT)))
_NORMAL = int(SS.NORMAL)
_PROTECTED = int(UF.WPH | UF.WPS | UF.WPD)
_DISK_COPY_DATA, _LOCAL_SOURCE = int(OP.DCD), int(MD.LOCSU)
_EXCHANGE = -1  # function of a request that is no I/O
_NEVER_ASKED = (0, 0xFFFF_FFFF)  # the command status before the first answer, as Ultrix has it

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
_FORCED_ERROR = int(ST.DAT)  # with subcode 0


def _system_status(status: int) -> int:
    if status == _FORCED_ERROR:
        return int(SS.FORCEDERROR)
    code = status & ST_MASK
    return int(_STATUS.get(cast(ST, code), SS.CTRLERR))


_ONLINE = UnitState.ONLINE
_IN_USE = (UnitState.ONLINE, UnitState.RECOVERING)


class Exchange(Irp):
    """A command that is no I/O: it knows how to write itself, and its end message wakes a process."""

    __slots__ = ("encode", "end", "finished")

    def __init__(self, finished: EventFlag, encode: Callable[[int], bytes]) -> None:
        super().__init__(_EXCHANGE)
        self.encode = encode
        self.finished = finished
        self.end = b""

    def complete(self) -> None:
        self.finished.set(self.end)


class DiskUnit(Disk):
    """One MSCP disk.

    held: requests that wait until the unit is on line again.
    """

    __slots__ = ("copy_capable", "held", "number")

    driver: "DuDriver[Any]"

    def __init__(
        self, driver: "DuDriver[Any]", number: int, media: str, identifier: int, name: str = ""
    ) -> None:
        prefix = media.split(maxsplit=1)[0] if media.strip() else "DU"
        name = name or f"${driver.allocation_class}${prefix}{driver.letter}{number}:"
        super().__init__(driver, name, media, identifier, driver.port.served_by)
        self.number = number
        self.copy_capable = False
        self.held: deque[Irp] = deque()

    def force_error(self, lbn: int) -> Procedure:
        return self.driver.write_forced_error(self, lbn)

    def copies_at_a_time(self, source: Disk) -> int:
        return COPIES_AT_A_TIME if self.copy_capable and source.driver is self.driver else 0


Port = TypeVar("Port", bound=MscpPort)


class DuDriver(Generic[Port]):
    """The driver of one MSCP controller, or of the MSCP server of another node.

    letter: the controller's letter in device names.  `units` is ordered by unit number.
    """

    def __init__(self, platform: Platform, port: Port, letter: str = "A", allocation_class: int = 1) -> None:
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
        self._connection = port.connect(int(ConnectionId.DISK), self)
        self._running = platform.flag()  # from the end of the unit walk until the controller is lost
        self._dead = False
        self._losses = 0
        self._reference = 0
        self._outstanding: dict[int, Irp] = {}
        self._immediate: deque[Irp] = deque()
        self._waiting: deque[Irp] = deque()
        self._suspect: Irp | None = None  # was the oldest outstanding when the controller was lost, so often
        self._suspicions = 0
        self._watch: Timer | None = None
        self._progress_due_ns = 0
        self._progress_check: KernelProcess | None = None
        self._progress = _NEVER_ASKED  # of a command: its reference number, and its status when last asked

    # -- requests

    def start_io(self, unit: DiskUnit, irp: Irp) -> None:
        if self.platform.io_blocked:
            self._hold_back(unit, irp)
        elif unit.state is not _ONLINE:
            self._put_aside(irp)
        elif irp.byte_count > self.maximum_bytes and irp.function in _BUFFERED:
            self._fail_later(irp, SS.IVBUFLEN)
        elif (
            self._waiting
            or self._connection.credits <= RESERVED_CREDITS
            or not self._running.is_set
            or not self._issue(irp)
        ):
            self._waiting.append(irp)

    def _issue(self, irp: Irp) -> bool:
        """Send a request; False when it must wait for map registers."""
        reference = self._reference = self._reference + 1 & 0xFFFF_FFFF or 1
        function = irp.function
        if function in _BUFFERED:
            port = self.port
            opcode, modifiers = _BUFFERED[function]
            mapped = port.map_buffer(irp.address, irp.byte_count)
            if mapped is None:
                port.await_map_registers(self.credits_came)
                return False
            irp.mapped = mapped
            text = _transfer_text(
                crf=reference,
                unit=irp.unit.number,
                opcd=opcode,
                mod=modifiers,
                bcnt=irp.byte_count,
                buff=port.describe_buffer(mapped),
                lbn=irp.lbn,
            )
        elif function == _EXCHANGE:
            text = cast(Exchange, irp).encode(reference)
        elif function == _ERASE:
            text = _transfer_text(
                crf=reference, unit=irp.unit.number, opcd=int(OP.ERS), bcnt=irp.byte_count, lbn=irp.lbn
            )
        else:
            assert function == _COPY, "a disk knows transfers, erasing and DISK COPY DATA"
            source = cast(DiskUnit, irp.source)
            if source.state is UnitState.RECOVERING:
                source.held.append(irp)
                return True
            text = _copy_text(irp, source, reference)
        self._outstanding[reference] = irp
        self._connection.send(text)
        if self._watch is None:
            self._start_watch()
        return True

    def credits_came(self) -> None:
        """Send what waits, as far as credits and map registers go."""
        connection, waiting = self._connection, self._waiting
        while self._immediate and connection.credits:
            self._issue(self._immediate.popleft())
        while waiting and connection.credits > RESERVED_CREDITS and self._running.is_set:
            irp = waiting[0]
            if irp.function != _EXCHANGE and irp.unit.state is not _ONLINE:
                self._put_aside(waiting.popleft())
            elif irp.function != _EXCHANGE and self.platform.io_blocked:
                self._hold_back(irp.unit, waiting.popleft())
            elif self._issue(irp):
                waiting.popleft()
            else:
                return

    def _put_aside(self, irp: Irp) -> None:
        """Keep a request whose unit is on its way back on line; else it fails."""
        if irp.unit.state is UnitState.RECOVERING:
            irp.unit.held.append(irp)
        else:
            self._fail_later(irp, SS.MEDOFL)

    def _hold_back(self, unit: DiskUnit, irp: Irp) -> None:
        refuse = partial(self._fail_later, irp, SS.DEVOFFLINE)
        self.platform.hold_io(partial(self.start_io, unit, irp), refuse)

    def _fail_later(self, irp: Irp, status: int) -> None:
        irp.status = status
        self.platform.fork(lambda: self._finish(irp))

    def write_forced_error(self, unit: DiskUnit, lbn: int) -> Procedure:
        """Write a block of zeros that says of itself that it is wrong; returns SS.*."""
        pool = self.platform.pool
        try:
            address = pool.allocate(BLOCK_BYTES)
        except InsufficientMemory:
            return SS.INSFMEM
        try:
            self.platform.window(address, BLOCK_BYTES)[:] = bytes(BLOCK_BYTES)
            write = WaitingIrp(self.platform, IO.WRITE_FORCED_ERROR, lbn, BLOCK_BYTES, address)
            unit.queue_io(write)
            return (yield write.finished)
        finally:
            pool.free(address)

    # -- messages

    def receive(self, text: Bytes) -> None:
        opcode = text[_OPCODE_OFFSET]
        if opcode in _TRANSFER_ENDS:
            end = TransferEnd.unpack(text)
            irp = self._outstanding.pop(end.crf, None)
            if irp is not None:
                irp.transferred = end.bcnt
                self._ended(irp, end.sts)
        elif opcode & END:
            self._other_ended(text)
        elif opcode == OP.AVA:
            self._unit_announced(text)

    def _other_ended(self, text: Bytes) -> None:
        end = EndHeader.unpack(text)
        irp = self._outstanding.pop(end.crf, None)
        if irp is None:
            return  # an answer about a command that ended meanwhile
        if irp.function == _EXCHANGE:
            cast(Exchange, irp).end = bytes(text)
            irp.complete()
        else:
            # DISK COPY DATA, or endcode 80 alone: the UDA50's answer to a bad LBN.
            self._ended(irp, end.sts)

    def _ended(self, irp: Irp, status: int) -> None:
        if irp.mapped is not None:
            self.port.unmap_buffer(irp.mapped, irp.byte_count)
            irp.mapped = None
        unit = irp.unit
        code = status & ST_MASK
        if code == _SUCCESS:
            irp.status = _NORMAL
            unit.queue_length -= 1
            unit.operations += 1
            irp.complete()
        elif code == _AVAILABLE and unit.state in _IN_USE:
            # The unit dropped from on line by itself: bring it back and go on from here.
            self._recover(unit)
            unit.held.append(irp)
        elif code in _RETRYABLE and irp.retries < RETRY_LIMIT:
            unit.errors += 1
            irp.retries += 1
            self._waiting.append(irp)
            self.platform.fork(self.credits_came)
        else:
            unit.errors += code != _COMPARE  # that two blocks differ is no error of the disk
            if code == _OFFLINE:
                unit.enter(UnitState.OFFLINE)
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
            unit.enter(UnitState.AVAILABLE)

    # -- exchanges

    def exchange(self, encode: Callable[[int], bytes], *, immediate: bool) -> Procedure:
        """Send one command and return its end message; b"" when the controller is lost meanwhile.

        encode: makes the text for a command reference number.  immediate: may use the last credit, and goes
        ahead of everything that waits.
        """
        if self._dead:
            return b""
        request = Exchange(self.platform.flag(), encode)
        credits = self._connection.credits
        if immediate:
            if credits:
                self._issue(request)
            else:
                self._immediate.append(request)
        elif self._waiting or credits <= RESERVED_CREDITS or not self._running.is_set:
            self._waiting.append(request)
        else:
            self._issue(request)
        end: bytes = yield request.finished
        return end

    def bring_online(self, unit: DiskUnit) -> Procedure:
        """ONLINE; returns SS.*."""

        def encode(reference: int) -> bytes:
            return OnlineCommand(crf=reference, unit=unit.number, opcd=int(OP.ONL)).pack()

        for _ in range(1 + RESTART_LIMIT):
            losses = self._losses
            end = yield from self.exchange(encode, immediate=False)
            if losses == self._losses or self._dead:
                break  # else the controller has forgotten it
            end = b""
        if not end:
            unit.enter(UnitState.OFFLINE)
            return SS.DEVOFFLINE
        online = OnlineEnd.unpack(end)
        code = online.sts & ST_MASK
        if code != _SUCCESS:
            unit.enter(UnitState.OFFLINE if code == _OFFLINE else UnitState.AVAILABLE)
            return _system_status(online.sts)
        if unit.block_count and unit.identifier != online.unti:
            # Another disk answers to the number: let it go, and write nothing to it.
            unit.enter(UnitState.OFFLINE)
            yield from self._let_go(unit)
            return SS.VOLINV
        self._know(unit, online.medi, online.unti, online.unfl)
        unit.block_count = online.unsz
        unit.copy_capable = bool(self.controller_flags & CF.LDCD)
        unit.enter(_ONLINE)
        return SS.NORMAL

    def make_available(self, unit: DiskUnit) -> Procedure:
        """AVAILABLE; returns SS.*."""
        end = yield from self._let_go(unit)
        if self._dead:
            return SS.DEVOFFLINE
        # A controller that was lost meanwhile has made every unit available.
        status = EndHeader.unpack(end).sts if end else _SUCCESS
        if status & ST_MASK == _SUCCESS:
            unit.enter(UnitState.AVAILABLE)
            self._fail_held(unit, SS.MEDOFL)
        return _system_status(status)

    def _let_go(self, unit: DiskUnit) -> Procedure:
        return self.exchange(
            lambda reference: Header(crf=reference, unit=unit.number, opcd=int(OP.AVL)).pack(),
            immediate=False,
        )

    def command_status(self, irp: Irp) -> Procedure:
        """Ask how much of a request is left (GET COMMAND STATUS); 0 when it has ended."""
        reference = self._reference_of(irp)
        if reference is None:
            return 0
        end = yield from self._ask_about(OP.GCS, irp.unit.number, reference)
        return GetCommandStatusEnd.unpack(end).cmst if end else 0

    def abort(self, irp: Irp) -> None:
        """Ask the controller to end a request; it completes with SS.ABORT, or as it would have."""
        reference = self._reference_of(irp)
        if reference is not None:
            self.platform.process("abort", self._ask_about(OP.ABO, irp.unit.number, reference))

    def _reference_of(self, irp: Irp) -> int | None:
        return next((reference for reference, each in self._outstanding.items() if each is irp), None)

    def _ask_about(self, opcode: OP, number: int, reference: int) -> Procedure:
        return self.exchange(
            lambda crn: ReferenceCommand(crf=crn, unit=number, opcd=int(opcode), otrf=reference).pack(),
            immediate=True,
        )

    # -- the controller comes and goes

    def port_ready(self) -> None:
        self._dead = False
        self.platform.process("DU connect", self._connect())

    def _connect(self) -> Procedure:
        """SET CONTROLLER CHARACTERISTICS; then find the units, those that came meanwhile too."""
        losses = self._losses
        end = yield from self.exchange(
            lambda reference: SetControllerCharacteristicsCommand(
                crf=reference, opcd=int(OP.SCC), cntf=int(HOST_FLAGS)
            ).pack(),
            immediate=True,
        )
        if losses != self._losses:
            return  # lost again meanwhile; the next start does it all
        answer = SetControllerCharacteristicsEnd.unpack(end)
        if answer.sts & ST_MASK != _SUCCESS:
            self.port.restart()
            return
        self.controller_flags = answer.cntf
        self.controller_timeout_s = answer.ctmo or DEFAULT_TIMEOUT_S
        self._stop_watch()  # which knew of no timeout yet
        self.maximum_bytes = min(answer.mbcnt or DEFAULT_MAXIMUM_BYTES, self.platform.maximum_buffer_bytes)
        yield from self._walk_units()
        if losses != self._losses:
            return
        self.port.started()
        self._running.set()
        self.credits_came()
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
        offline = status.sts & ST_MASK == _OFFLINE
        if offline and not status.medi:
            return None
        if status.unit < number:
            return status.unit
        unit = self.units.get(status.unit)
        if unit is None:
            name = ""
            if self.port.served_by:
                name = yield from self._ask_name(status.unit)
                if not name:
                    return None
            unit = DiskUnit(self, status.unit, media_text(status.medi), status.unti, name)
            unit.state = UnitState.OFFLINE if offline else UnitState.AVAILABLE
            self._know(unit, status.medi, status.unti, status.unfl)
            self.units[status.unit] = unit
            self.units = dict(sorted(self.units.items()))
        elif unit.state not in _IN_USE:
            unit.enter(UnitState.OFFLINE if offline else UnitState.AVAILABLE)
        return status.unit

    def _ask_name(self, number: int) -> Procedure:
        """GET UNIT NAME: the device name that a unit has at its server; "" when it tells none."""
        end = yield from self.exchange(
            lambda reference: Header(crf=reference, unit=number, opcd=int(OP.GUN)).pack(), immediate=True
        )
        if not end or EndHeader.unpack(end).sts & ST_MASK != _SUCCESS:
            return ""
        answer = GetUnitNameEnd.unpack(end)
        return answer.name[: answer.namelen].decode("ascii", "replace")

    def _know(self, unit: DiskUnit, media: int, identifier: int, flags: int) -> None:
        unit.media = media_text(media)
        unit.identifier = identifier
        unit.write_protected = bool(flags & _PROTECTED)

    def port_lost(self, dead: bool) -> None:
        """Keep what was outstanding, to be sent again; or fail it when the controller is dead."""
        self._losses += 1
        self._running.clear()
        self._stop_watch()
        for unit in self.units.values():
            self._recover(unit)
        unanswered = [*self._outstanding.values()]
        unsent = [*self._immediate, *self._waiting]
        self._outstanding.clear()
        self._immediate.clear()
        self._waiting.clear()
        self._dead = dead
        guilty = self._find_guilty(unanswered)
        for irp in (*unanswered, *unsent):
            if irp.mapped is not None:
                self.port.unmap_buffer(irp.mapped, irp.byte_count)
                irp.mapped = None
            if irp.function == _EXCHANGE:
                irp.complete()  # with no end message
            elif irp is guilty:
                self._fail_later(irp, SS.CTRLERR)
            else:
                self._put_aside(irp)
        if dead:
            for unit in self.units.values():
                unit.enter(UnitState.OFFLINE)
                self._fail_held(unit, SS.DEVOFFLINE)
            self.ready.set(False)

    def _find_guilty(self, unanswered: list[Irp]) -> Irp | None:
        """Name the request that the controller has not survived too often."""
        oldest = next((irp for irp in unanswered if irp.function != _EXCHANGE), None)
        if oldest is None:
            return None
        self._suspicions = self._suspicions + 1 if oldest is self._suspect else 1
        self._suspect = oldest
        return oldest if self._suspicions > RESTART_LIMIT else None

    def _recover(self, unit: DiskUnit) -> None:
        if unit.state is _ONLINE:
            unit.enter(UnitState.RECOVERING)
            self.platform.process(f"recover {unit.name}", self._bring_back(unit))

    def _bring_back(self, unit: DiskUnit) -> Procedure:
        """Bring a unit on line again and send what it holds, or fail that."""
        status = SS.MEDOFL
        if not self._dead:
            yield self._running
        if unit.state is UnitState.RECOVERING:
            status = yield from self.bring_online(unit)
        if unit.state is _ONLINE:
            self._waiting.extend(unit.held)
            unit.held.clear()
            self.credits_came()
        else:
            self._fail_held(unit, status)

    def _fail_held(self, unit: DiskUnit, status: int) -> None:
        held, unit.held = unit.held, deque()
        for irp in held:
            irp.status = status
            self._finish(irp)

    # -- the watch: once a second on the port, once in the controller's timeout on the oldest command

    def _start_watch(self) -> None:
        clock = self.platform.clock
        self._watch = clock.call_after(WATCH_NS, self._look)
        self._progress_due_ns = clock.now_ns + self.controller_timeout_s * SECOND_NS

    def _stop_watch(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        self._progress_check = None
        self._progress = _NEVER_ASKED

    def _look(self) -> None:
        self.port.watch()
        if not self._outstanding:
            self._stop_watch()
            return
        clock = self.platform.clock
        if clock.now_ns >= self._progress_due_ns:
            self._progress_due_ns += self.controller_timeout_s * SECOND_NS
            if not self._running.is_set or (self._progress_check and self._progress_check.running):
                self.port.restart()  # not even an immediate command was answered
                return
            reference, irp = next(iter(self._outstanding.items()))
            self._progress_check = self.platform.process("watch", self._check_progress(reference, irp))
        self._watch = clock.call_after(WATCH_NS, self._look)

    def _check_progress(self, reference: int, irp: Irp) -> Procedure:
        """Restart a controller whose oldest command makes no progress (the rule Ultrix uses)."""
        if irp.function == _EXCHANGE:
            number = Header.unpack(cast(Exchange, irp).encode(reference)).unit
        else:
            number = irp.unit.number
        end = yield from self._ask_about(OP.GCS, number, reference)
        if not end or reference not in self._outstanding:
            return
        left = GetCommandStatusEnd.unpack(end).cmst
        before = self._progress[1] if self._progress[0] == reference else _NEVER_ASKED[1]
        self._progress = (reference, left)
        if left >= before:
            self.port.restart()


def _copy_text(irp: Irp, source: DiskUnit, reference: int) -> bytes:
    return DiskCopyDataCommand.pack_fields(
        crf=reference,
        unit=irp.unit.number,
        opcd=_DISK_COPY_DATA,
        mod=_LOCAL_SOURCE,
        lbcount=irp.byte_count // BLOCK_BYTES,
        src_unum=source.number,
        src_uid=source.identifier,
        dest_lbn=irp.lbn,
        src_lbn=irp.source_lbn,
    )
