"""The commands of the MSCP server, one class each; a table says which opcode is which."""

# DEVIATION: of what a controller knows, DISK COPY DATA, write history, FLUSH, REPLACE, FORMAT and COMPARE CONTROLLER
# DATA are invalid commands here; and of modifiers only next unit, compare and force error count.

from typing import TYPE_CHECKING, ClassVar

from drivers.classes.disk import Disk, UnitState
from drivers.cluster.served_units import is_in_use, media_of, mscp_status, unit_flags
from drivers.platform.host import WaitingIrp
from drivers.platform.pool import InsufficientMemory
from drivers.platform.process import EventFlag, Procedure
from emu.core.block import BLOCK_BYTES
from emu.core.clock import MILLISECOND_NS
from emu.wire.codes.mscp import CF, END, MD, OP, SB, invalid_command
from emu.wire.codes.scs import TransferStatus
from emu.wire.codes.vms import IO, SS
from emu.wire.generated.mscp import (
    AbortEnd,
    EndHeader,
    GetCommandStatusEnd,
    GetUnitNameEnd,
    GetUnitStatusLoadEnd,
    Header,
    HistoryWriteEnd,
    NamedBuffer,
    OnlineEnd,
    PortTransferCommand,
    ReferenceCommand,
    SetControllerCharacteristicsCommand,
    SetControllerCharacteristicsEnd,
    TransferEnd,
)

if TYPE_CHECKING:
    from drivers.cluster.mscp_server import ServedHost

SERVED_FLAGS = int(CF.RPL | CF.LOAD | CF.MLH)  # A004, what a VMS server answers
SOFTWARE_VERSION, HARDWARE_VERSION = 0x47, 0x05  # the same
CONTROLLER_TIMEOUT_S = 120  # UNCERTAIN: of a VMS server; it is longer than local class drivers go on trying
LOAD_AVAILABLE = 0x6E  # UNCERTAIN: what it counts; what a VMS server says
SHORT_CHARACTERISTICS_BYTES = 28  # the form of a VMS server, without a maximum byte count
FRAGMENT_BYTES = 127 * BLOCK_BYTES
POOL_RETRY_NS = 10 * MILLISECOND_NS
_VERSION_FIELD = SetControllerCharacteristicsCommand.LAYOUT["vrsn"][0]
_AHEAD_SHIFT, _AHEAD_LIMIT = 28, 15  # a waiting command's status counts those ahead of it

_TRANSFER_STATUS = {
    TransferStatus.NORMAL: SB.SUC,
    TransferStatus.BAD_NAME: SB.HST_INVALID_NAME,
    TransferStatus.BAD_EXTENT: SB.HST_LENGTH,
}


class Immediate:
    """A command that is answered at once, ahead of everything."""

    def __init__(self, host: "ServedHost", header: Header, text: bytes) -> None:
        self.host = host
        self.header = header
        self.text = text

    def answer(self) -> None:
        self.host.send(self.end())

    def end(self) -> bytes:
        raise AssertionError("an immediate command has an end message")


class SetControllerCharacteristics(Immediate):
    def end(self) -> bytes:
        command = SetControllerCharacteristicsCommand.unpack(self.text)
        if command.vrsn:
            status = invalid_command(_VERSION_FIELD)
            return EndHeader(crf=command.crf, unit=command.unit, opcd=END, sts=status).pack()
        self.host.flags = command.cntf
        return SetControllerCharacteristicsEnd(
            crf=command.crf,
            unit=command.unit,
            opcd=OP.SCC | END,
            cntf=SERVED_FLAGS,
            ctmo=CONTROLLER_TIMEOUT_S,
            csvr=SOFTWARE_VERSION,
            chvr=HARDWARE_VERSION,
            cnti=self.host.server.identifier,
        ).pack()[:SHORT_CHARACTERISTICS_BYTES]


class GetUnitStatus(Immediate):
    def end(self) -> bytes:
        header, units = self.header, self.host.server.known_units()
        number = header.unit
        if header.mod & MD.NXU:
            # Behind the last unit comes the first one: so the host knows that it has seen all.
            number = next((each for each in units if each >= number), next(iter(units), number))
        end = GetUnitStatusLoadEnd(crf=header.crf, unit=number, opcd=OP.GUS | END, shun=number)
        disk = units.get(number)
        if disk is None:
            end.sts = SB.OFL
            return end.pack()
        if disk.state is UnitState.OFFLINE:
            end.sts = SB.OFL_NO_VOLUME
        elif number not in self.host.online:
            end.sts = SB.AVL
        end.mlun = number
        end.unfl, end.unti, end.medi = unit_flags(disk), disk.identifier, media_of(disk)
        end.load = LOAD_AVAILABLE
        return end.pack()


class GetUnitName(Immediate):
    # UNCERTAIN: a server of VMS knows the command, but what its answers look like is only known from $MSCPDEF.
    def end(self) -> bytes:
        header = self.header
        end = GetUnitNameEnd(crf=header.crf, unit=header.unit, opcd=OP.GUN | END)
        disk = self.host.server.units.get(header.unit)
        if disk is None:
            end.sts = SB.OFL
        else:
            end.name = disk.name.encode("ascii")
            end.namelen = len(end.name)
        return end.pack()


class GetCommandStatus(Immediate):
    def end(self) -> bytes:
        asked = ReferenceCommand.unpack(self.text)
        left = 0
        for ahead, command in enumerate(self.host.outstanding):
            if command.header.crf == asked.otrf and command.unit == asked.unit:
                left = command.left | min(ahead, _AHEAD_LIMIT) << _AHEAD_SHIFT
        return GetCommandStatusEnd(
            crf=asked.crf, unit=asked.unit, opcd=OP.GCS | END, otrf=asked.otrf, cmst=left
        ).pack()


class Abort(Immediate):
    """ABORT: what waits ends at once, what goes on ends behind the fragment that is under way."""

    def answer(self) -> None:
        asked = ReferenceCommand.unpack(self.text)
        for command in list(self.host.outstanding):
            if command.header.crf == asked.otrf and command.unit == asked.unit:
                command.aborted = True
                if not command.started:
                    self.host.end(command, command.ended(SB.ABO))
        end = AbortEnd(crf=asked.crf, unit=asked.unit, opcd=OP.ABO | END, otrf=asked.otrf)
        self.host.send(end.pack())


class Command:
    """A command of one unit that takes time.

    left: bytes still to do.  started: it does not wait any more.
    """

    sequential: ClassVar[bool] = True

    def __init__(self, host: "ServedHost", header: Header, text: bytes) -> None:
        self.host = host
        self.header = header
        self.text = text
        self.unit = header.unit
        self.left = 0
        self.started = False
        self.aborted = False

    @property
    def disk(self) -> Disk | None:
        return self.host.server.units.get(self.unit)

    def carry_out(self) -> Procedure:
        """Do it; returns the end message."""
        raise AssertionError("a command can be carried out")

    def ended(self, status: int) -> bytes:
        header = self.header
        return EndHeader(crf=header.crf, unit=header.unit, opcd=header.opcd | END, sts=status).pack()

    def connection_lost(self) -> None:
        """Hear that nobody waits for the end message."""
        self.aborted = True


class UnitCharacteristics(Command):
    """SET UNIT CHARACTERISTICS: describes the unit."""

    def carry_out(self) -> Procedure:
        yield from ()
        return self.ended(self._status())

    def _status(self) -> int:
        if self.disk is None:
            return SB.OFL
        return SB.SUC if self.unit in self.host.online else SB.AVL

    def ended(self, status: int) -> bytes:
        header, disk = self.header, self.disk
        end = OnlineEnd(crf=header.crf, unit=header.unit, opcd=header.opcd | END, sts=status)
        end.mlun = end.shun = header.unit
        if disk is not None:
            end.unfl, end.unti, end.medi = unit_flags(disk), disk.identifier, media_of(disk)
            end.unsz = disk.block_count
        return end.pack()


class Online(UnitCharacteristics):
    def carry_out(self) -> Procedure:
        disk = self.disk
        if disk is None:
            return self.ended(SB.OFL)
        already = self.unit in self.host.online and is_in_use(disk)
        if not is_in_use(disk):
            status = yield from disk.online()
            if status != SS.NORMAL:
                return self.ended(mscp_status(status))
        self.host.online.add(self.unit)
        return self.ended(SB.SUC_ALREADY_ONLINE if already else SB.SUC)


class Available(Command):
    def carry_out(self) -> Procedure:
        yield from ()
        self.host.online.discard(self.unit)
        return self.ended(SB.OFL if self.disk is None else SB.SUC)


class Transfer(Command):
    """What works on blocks, a fragment at a time.

    command: what the host wants.  done: bytes done.
    """

    sequential = False
    writes: ClassVar[bool] = False
    has_buffer: ClassVar[bool] = True

    def __init__(self, host: "ServedHost", header: Header, text: bytes) -> None:
        super().__init__(host, header, text)
        self.command = PortTransferCommand.unpack(text)
        self.buffer = NamedBuffer.unpack(self.command.buff)
        self.left = self.command.bcnt
        self.done = 0
        self._moving: EventFlag | None = None

    def carry_out(self) -> Procedure:
        status = self._refusal()
        disk = self.disk
        if status == SB.SUC and disk is not None:
            status = yield from self._work(disk)
        return self.ended(status)

    def ended(self, status: int) -> bytes:
        header = self.header
        return TransferEnd(
            crf=header.crf, unit=header.unit, opcd=header.opcd | END, sts=status, bcnt=self.done
        ).pack()

    def _refusal(self) -> int:
        """Look whether the command can be done, in the order of an RQDX3 (spec 3.9)."""
        command, disk = self.command, self.disk
        if disk is None:
            return SB.OFL
        if self.unit in self.host.online and not is_in_use(disk):
            self.host.online.discard(self.unit)  # it dropped from on line: the host brings it back
        if disk.state is UnitState.OFFLINE:
            return SB.OFL_NO_VOLUME
        if self.unit not in self.host.online:
            return SB.AVL
        if command.bcnt & 1:
            return SB.HST_ODD_COUNT
        if command.lbn >= disk.block_count:
            return SB.CMD_LBN
        if command.lbn + -(-command.bcnt // BLOCK_BYTES) > disk.block_count:
            return SB.CMD_BYTE_COUNT
        if self.writes and disk.write_protected:
            return SB.WPR_HARDWARE
        return SB.SUC

    def _work(self, disk: Disk) -> Procedure:
        if self.writes and self.command.mod & MD.ERR:
            return (yield from self._force_errors(disk))
        if not self.left:
            return SB.SUC
        pool, size = self.host.platform.pool, min(self.left, FRAGMENT_BYTES)
        while True:
            try:
                address = pool.allocate(size)
                break
            except InsufficientMemory:
                yield POOL_RETRY_NS
                if self.aborted:
                    return SB.ABO
        transfers = self.host.connection.transfers
        local = transfers.map(self.host.platform.window(address, size))
        try:
            while self.left:
                if self.aborted:
                    return SB.ABO
                status = yield from self._fragment(disk, address, min(self.left, size), local)
                if status != SB.SUC:
                    return status
            return SB.SUC
        finally:
            transfers.unmap(local)
            pool.free(address)

    def _fragment(self, disk: Disk, address: int, size: int, local: int) -> Procedure:
        """Do so many bytes by the buffer at `address`, whose name is `local`; returns a status word."""
        raise AssertionError("a transfer does its fragments")

    def _force_errors(self, disk: Disk) -> Procedure:
        while self.left:
            if self.aborted:
                return SB.ABO
            status = yield from disk.force_error(self.command.lbn + self.done // BLOCK_BYTES)
            if status != SS.NORMAL:
                return mscp_status(status)
            self._advance(min(self.left, BLOCK_BYTES))
        return SB.SUC

    def _advance(self, size: int) -> None:
        self.done += size
        self.left -= size

    def _io(self, disk: Disk, function: IO, address: int, size: int) -> Procedure:
        """Have the disk do so much; returns a status word, `done` counts what was done before an error."""
        lbn = self.command.lbn + self.done // BLOCK_BYTES
        irp = WaitingIrp(self.host.platform, function, lbn, size, address)
        disk.queue_io(irp)
        status: int = yield irp.finished
        if status == SS.NORMAL:
            return SB.SUC
        self._advance(min(irp.transferred, size))
        if status == SS.MEDOFL and disk.state is UnitState.AVAILABLE:
            self.host.online.discard(self.unit)
            return SB.AVL
        return mscp_status(status)

    def _move(self, local: int, size: int, *, to_host: bool) -> Procedure:
        """Move a fragment to or from the host's buffer; returns a status word."""
        self._moving = self.host.platform.flag()
        transfers, buffer = self.host.connection.transfers, self.buffer
        move = transfers.send_data if to_host else transfers.request_data
        if self.aborted:
            return SB.ABO
        move(local, buffer.name, buffer.offset + self.done, size, self._moving.set)
        status = yield self._moving
        self._moving = None
        return SB.ABO if status is None else _TRANSFER_STATUS[status]

    def connection_lost(self) -> None:
        super().connection_lost()
        if self._moving is not None:
            self._moving.set(None)


class Read(Transfer):
    def _fragment(self, disk: Disk, address: int, size: int, local: int) -> Procedure:
        status = yield from self._io(disk, IO.READPBLK, address, size)
        if status == SB.SUC and self.command.mod & MD.CMP:
            status = yield from self._io(disk, IO.WRITECHECK, address, size)
        if status == SB.SUC:
            status = yield from self._move(local, size, to_host=True)
        if status == SB.SUC:
            self._advance(size)
        return status


class Write(Transfer):
    writes = True

    def ended(self, status: int) -> bytes:
        header = self.header
        return HistoryWriteEnd(
            crf=header.crf, unit=header.unit, opcd=header.opcd | END, sts=status, bcnt=self.done
        ).pack()

    def _fragment(self, disk: Disk, address: int, size: int, local: int) -> Procedure:
        status = yield from self._move(local, size, to_host=False)
        if status == SB.SUC:
            status = yield from self._io(disk, IO.WRITEPBLK, address, size)
        if status == SB.SUC and self.command.mod & MD.CMP:
            status = yield from self._io(disk, IO.WRITECHECK, address, size)
        if status == SB.SUC:
            self._advance(size)
        return status


class CompareHostData(Transfer):
    def _fragment(self, disk: Disk, address: int, size: int, local: int) -> Procedure:
        status = yield from self._move(local, size, to_host=False)
        if status == SB.SUC:
            status = yield from self._io(disk, IO.WRITECHECK, address, size)
        if status == SB.SUC:
            self._advance(size)
        return status


class Access(Transfer):
    """ACCESS: blocks are read, and go nowhere."""

    def _fragment(self, disk: Disk, address: int, size: int, local: int) -> Procedure:
        status = yield from self._io(disk, IO.READPBLK, address, size)
        if status == SB.SUC:
            self._advance(size)
        return status


class Erase(Transfer):
    writes = True

    def _work(self, disk: Disk) -> Procedure:
        if self.command.mod & MD.ERR:
            return (yield from self._force_errors(disk))
        while self.left:
            if self.aborted:
                return SB.ABO
            size = min(self.left, FRAGMENT_BYTES)
            status = yield from self._io(disk, IO.DSE, 0, size)
            if status != SB.SUC:
                return status
            self._advance(size)
        return SB.SUC


COMMANDS: dict[int, type[Immediate] | type[Command]] = {
    OP.ABO: Abort,
    OP.GCS: GetCommandStatus,
    OP.GUS: GetUnitStatus,
    OP.SCC: SetControllerCharacteristics,
    OP.GUN: GetUnitName,
    OP.AVL: Available,
    OP.ONL: Online,
    OP.SUC: UnitCharacteristics,
    OP.ACC: Access,
    OP.ERS: Erase,
    OP.CMP: CompareHostData,
    OP.RD: Read,
    OP.WR: Write,
}
