"""DUDRIVER: the class driver of MSCP disks.

It turns I/O request packets into MSCP commands and end messages into status, brings units on line, and keeps
every request until it is answered: when the controller is reinitialised, units come on line again and what was
outstanding is sent again, in the order in which it was sent before.  (spec "What host drivers do".)  How a controller
and its units are found, and the timeout mechanism, are modules of their own.

Where a request may be:

    outstanding   sent; its end message is due
    waiting       for a credit, for map registers, or for the controller
    held          by its unit, while that is RECOVERING
"""

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar, cast

from drivers.classes.disk import UnitState
from drivers.classes.du_configuration import DEFAULT_MAXIMUM_BYTES, Configuration
from drivers.classes.du_exchange import EXCHANGE, Exchange
from drivers.classes.du_timeout import DEFAULT_TIMEOUT_S, Timeout
from drivers.classes.du_unit import DiskUnit
from drivers.platform.host import Platform, WaitingIrp
from drivers.platform.irp import Irp
from drivers.platform.pool import InsufficientMemory
from drivers.platform.process import Procedure
from drivers.port.mscp_port import MscpPort
from emu.core.block import BLOCK_BYTES
from emu.core.bus import Bytes
from emu.wire.codes.mscp import CF, END, MD, OP, ST, ST_MASK
from emu.wire.codes.uqssp import ConnectionId
from emu.wire.codes.vms import IO, SS
from emu.wire.generated.mscp import (
    DiskCopyDataCommand,
    EndHeader,
    GetCommandStatusEnd,
    Header,
    OnlineCommand,
    OnlineEnd,
    PortTransferCommand,
    ReferenceCommand,
    TransferEnd,
)

RESERVED_CREDITS = 1  # kept back for an immediate command, as Ultrix and 2.11BSD do
RETRY_LIMIT = 2
# UNCERTAIN: how often VMS sends a request again that the controller does not survive.  VMS sends one at a time
# after a restart, to know the guilty one; here it is the oldest.
RESTART_LIMIT = 3

_BUFFERED = {  # functions that have a buffer, their opcodes and modifiers
    int(IO.READPBLK): (int(OP.RD), 0),
    int(IO.WRITEPBLK): (int(OP.WR), 0),
    int(IO.WRITECHECK): (int(OP.CMP), 0),
    int(IO.WRITE_FORCED_ERROR): (int(OP.WR), int(MD.ERR)),
}
_TRANSFER_ENDS = frozenset(int(opcode | END) for opcode in (OP.RD, OP.WR, OP.CMP, OP.ERS))
_COPY = int(IO.DISK_COPY_DATA)
_ERASE = int(IO.DSE)
_transfer_text = PortTransferCommand.STRUCT.pack
_transfer_end = TransferEnd.STRUCT.unpack_from
_OPCODE_OFFSET = Header.LAYOUT["opcd"][0]
_SUCCESS, _AVAILABLE, _OFFLINE, _COMPARE = int(ST.SUC), int(ST.AVL), int(ST.OFL), int(ST.CMP)
_RETRYABLE = frozenset((int(ST.DRV), int(ST.CNT)))
_NORMAL = int(SS.NORMAL)
_COPIES = int(CF.LDCD)
_DISK_COPY_DATA, _LOCAL_SOURCE = int(OP.DCD), int(MD.LOCSU)

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


Port = TypeVar("Port", bound=MscpPort)


class DuDriver(Generic[Port]):
    """The driver of one MSCP controller, or of the MSCP server of another node.

    letter: the controller's letter in device names.  `units` is ordered by unit number.
    ready: set with True when units are known, with False when the controller is dead.  outstanding: by command
    reference number.  running: from the end of the unit walk until the controller is lost.  losses: how often it was.
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
        self.ready = platform.flag()
        self.datagrams: deque[bytes] = deque(maxlen=64)
        self._connection = port.connect(int(ConnectionId.DISK), self)
        self.running = platform.flag()
        self.is_dead = False
        self.losses = 0
        self._reference = 0
        self.outstanding: dict[int, Irp] = {}
        self._immediate: deque[Irp] = deque()
        self._waiting: deque[Irp] = deque()
        self._suspect: Irp | None = None  # was the oldest outstanding when the controller was lost, so often
        self._suspicions = 0
        self.timeout = Timeout(self)
        self.configuration = Configuration(self)

    # -- requests

    def start_io(self, unit: DiskUnit, irp: Irp) -> None:
        if self.platform.io_blocked:
            self.platform.hold_io(partial(self.start_io, unit, irp))
        elif irp.io_epoch != self.platform.io_epoch:
            self._fail_later(irp, SS.DEVOFFLINE)  # nodes that are lost may have changed what is where
        elif unit.state is not _ONLINE:
            self._put_aside(irp)
        elif irp.byte_count > self.maximum_bytes and irp.function in _BUFFERED:
            self._fail_later(irp, SS.IVBUFLEN)
        elif (
            self._waiting
            or self._connection.credits <= RESERVED_CREDITS
            or not self.running.is_set
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
                reference,
                irp.unit.number,
                opcode,
                modifiers,
                irp.byte_count,
                port.describe_buffer(mapped),
                irp.lbn,
            )
        elif function == EXCHANGE:
            text = cast(Exchange, irp).encode(reference)
        elif function == _ERASE:
            text = PortTransferCommand.pack_fields(
                crf=reference, unit=irp.unit.number, opcd=int(OP.ERS), bcnt=irp.byte_count, lbn=irp.lbn
            )
        else:
            assert function == _COPY, "a disk knows transfers, erasing and DISK COPY DATA"
            source = cast(DiskUnit, irp.source)
            if source.state is UnitState.RECOVERING:
                source.held.append(irp)
                return True
            text = _copy_text(irp, source, reference)
        self.outstanding[reference] = irp
        self._connection.send(text)
        if self.timeout.timer is None:
            self.timeout.start()
        return True

    def credits_came(self) -> None:
        """Send what waits, as far as credits and map registers go."""
        connection, waiting = self._connection, self._waiting
        while self._immediate and connection.credits:
            self._issue(self._immediate.popleft())
        while waiting and connection.credits > RESERVED_CREDITS and self.running.is_set:
            irp = waiting[0]
            if irp.function != EXCHANGE and irp.unit.state is not _ONLINE:
                self._put_aside(waiting.popleft())
            elif irp.function != EXCHANGE and self._must_not_go_on(irp):
                self.start_io(irp.unit, waiting.popleft())
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

    def _must_not_go_on(self, irp: Irp) -> bool:
        return self.platform.io_blocked or irp.io_epoch != self.platform.io_epoch

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
            reference, _, _, _, _, status, byte_count, _, _, _ = _transfer_end(text)
            irp = self.outstanding.pop(reference, None)
            if irp is not None:
                irp.transferred = byte_count
                self._ended(irp, status)
        elif opcode & END:
            self._other_ended(text)
        elif opcode == OP.AVA:
            self.configuration.unit_announced(EndHeader.unpack(text).unit)

    def _other_ended(self, text: Bytes) -> None:
        end = EndHeader.unpack(text)
        irp = self.outstanding.pop(end.crf, None)
        if irp is None:
            return  # an answer about a command that ended meanwhile
        if irp.function == EXCHANGE:
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

    # -- exchanges

    def exchange(self, encode: Callable[[int], bytes], *, immediate: bool) -> Procedure:
        """Send one command and return its end message; b"" when the controller is lost meanwhile.

        encode: makes the text for a command reference number.  immediate: may use the last credit, and goes
        ahead of everything that waits.
        """
        if self.is_dead:
            return b""
        request = Exchange(self.platform.flag(), encode)
        credits = self._connection.credits
        if immediate:
            if credits:
                self._issue(request)
            else:
                self._immediate.append(request)
        elif self._waiting or credits <= RESERVED_CREDITS or not self.running.is_set:
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
            losses = self.losses
            end = yield from self.exchange(encode, immediate=False)
            if losses == self.losses or self.is_dead:
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
        unit.learn(online.medi, online.unti, online.unfl)
        unit.block_count = online.unsz
        unit.copy_capable = bool(self.controller_flags & _COPIES)
        unit.enter(_ONLINE)
        return SS.NORMAL

    def make_available(self, unit: DiskUnit) -> Procedure:
        """AVAILABLE; returns SS.*."""
        end = yield from self._let_go(unit)
        if self.is_dead:
            return SS.DEVOFFLINE
        # A controller that was lost meanwhile has made every unit available.
        status = EndHeader.unpack(end).sts if end else _SUCCESS
        if status & ST_MASK == _SUCCESS:
            unit.enter(UnitState.AVAILABLE)
            self.fail_held(unit, SS.MEDOFL)
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
        end = yield from self.ask_about(OP.GCS, irp.unit.number, reference)
        return GetCommandStatusEnd.unpack(end).cmst if end else 0

    def abort(self, irp: Irp) -> None:
        """Ask the controller to end a request; it completes with SS.ABORT, or as it would have."""
        reference = self._reference_of(irp)
        if reference is not None:
            self.platform.process("abort", self.ask_about(OP.ABO, irp.unit.number, reference))

    def _reference_of(self, irp: Irp) -> int | None:
        return next((reference for reference, each in self.outstanding.items() if each is irp), None)

    def ask_about(self, opcode: OP, number: int, reference: int) -> Procedure:
        return self.exchange(
            lambda crn: ReferenceCommand(crf=crn, unit=number, opcd=int(opcode), otrf=reference).pack(),
            immediate=True,
        )

    # -- the controller comes and goes

    def port_ready(self) -> None:
        self.is_dead = False
        self.platform.process("DU connect", self.configuration.connect())

    def port_lost(self, dead: bool) -> None:
        """Keep what was outstanding, to be sent again; or fail it when the controller is dead."""
        self.losses += 1
        self.running.clear()
        self.timeout.stop()
        for unit in self.units.values():
            self._recover(unit)
        unanswered = [*self.outstanding.values()]
        unsent = [*self._immediate, *self._waiting]
        self.outstanding.clear()
        self._immediate.clear()
        self._waiting.clear()
        self.is_dead = dead
        guilty = self._find_guilty(unanswered)
        for irp in (*unanswered, *unsent):
            if irp.mapped is not None:
                self.port.unmap_buffer(irp.mapped, irp.byte_count)
                irp.mapped = None
            if irp.function == EXCHANGE:
                irp.complete()  # with no end message
            elif irp is guilty:
                self._fail_later(irp, SS.CTRLERR)
            else:
                self._put_aside(irp)
        if dead:
            for unit in self.units.values():
                unit.enter(UnitState.OFFLINE)
                self.fail_held(unit, SS.DEVOFFLINE)
            self.ready.set(False)

    def _find_guilty(self, unanswered: list[Irp]) -> Irp | None:
        """Name the request that the controller has not survived too often."""
        oldest = next((irp for irp in unanswered if irp.function != EXCHANGE), None)
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
        if not self.is_dead:
            yield self.running
        if unit.state is UnitState.RECOVERING:
            status = yield from self.bring_online(unit)
        if unit.state is _ONLINE:
            self._waiting.extend(unit.held)
            unit.held.clear()
            self.credits_came()
        else:
            self.fail_held(unit, status)

    def fail_held(self, unit: DiskUnit, status: int) -> None:
        held, unit.held = unit.held, deque()
        for irp in held:
            irp.status = status
            self._finish(irp)


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
