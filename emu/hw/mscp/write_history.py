"""Write history: a controller notes which blocks are being written, so that after a crash only those are merged.

(spec "MSCP", shadowing-era extensions.)  A WRITE that asks for it has an entry from before its data moves until a
host takes the entry away: by WRITE HISTORY MANAGEMENT, or by using it again for another WRITE.  Extents are blocks of
512 bytes.
"""

# UNCERTAIN: nearly all of this beyond the layouts.  That a table without room lets the WRITE go on with end flag
# ALLOF; that REUSE wants an entry of the same unit; that lengths are blocks; that "deallocate all" without a unit takes
# what the whole controller has; that the reserved longword before the buffer tells its length; the table's size.

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from emu.core.bus import BusError
from emu.hw.mscp.movement import bus_status
from emu.hw.mscp.outstanding import Outstanding, Reject
from emu.hw.mscp.writing import Write
from emu.hw.uqssp.buffers import HostBuffer
from emu.wire.codes.mscp import BLOCK_BYTES, EF, END, MD, SB, ST_MASK, WHE, WHM, invalid_command
from emu.wire.generated.mscp import (
    HistoryWriteCommand,
    HistoryWriteEnd,
    TransferEnd,
    WriteHistoryEnd,
    WriteHistoryEntry,
    WriteHistoryKeyCommand,
)

if TYPE_CHECKING:
    from emu.hw.mscp.unit import Unit

ENTRIES = 512

_LOG_WRITE = int(MD.HISLO)
_REUSE = int(MD.REUSE)
_LOGGED = int(EF.HISLO)
_NO_ROOM = int(EF.ALLOF)
_FAILED = int(WHE.ERR)
_OPERATION_FIELD = WriteHistoryKeyCommand.LAYOUT["oper"][0]
_ENTRY_BYTES = WriteHistoryEntry.SIZE


class WriteHistory:
    """The table of one controller, for all of its units."""

    def __init__(self, size: int = ENTRIES) -> None:
        self._entries: dict[int, WriteHistoryEntry] = {}
        self._free = [*range(size, 0, -1)]  # locators; 0 is none

    @property
    def free_count(self) -> int:
        return len(self._free)

    def allocate(self) -> WriteHistoryEntry | None:
        """Take a free entry; None when there is no room."""
        if not self._free:
            return None
        locator = self._free.pop()
        entry = self._entries[locator] = WriteHistoryEntry(elo=locator)
        return entry

    def find(self, locator: int, unit: "Unit") -> WriteHistoryEntry | None:
        entry = self._entries.get(locator)
        return entry if entry is not None and entry.unit == unit.number else None

    def of_unit(self, unit: "Unit") -> Iterator[WriteHistoryEntry]:
        """Go through a unit's entries, oldest first."""
        return (entry for entry in self._entries.values() if entry.unit == unit.number)

    @property
    def entries(self) -> list[WriteHistoryEntry]:
        return [*self._entries.values()]

    def deallocate(self, entries: list[WriteHistoryEntry]) -> int:
        """Free entries; return how many."""
        for entry in entries:
            del self._entries[entry.elo]
            self._free.append(entry.elo)
        return len(entries)


class HistoryWrite(Write):
    """WRITE at a controller that keeps a write history."""

    __slots__ = ("_entry",)

    command: HistoryWriteCommand
    _entry: WriteHistoryEntry | None

    def start(self) -> None:
        self._entry = None
        if self.command.mod & _LOG_WRITE:
            self._require_writable(self._require_extent())
            self._note()
        super().start()

    def _note(self) -> None:
        """Write the entry before any data moves."""
        command, unit, history = self.command, self.unit, self.server.controller.write_history
        if command.mod & _REUSE:
            entry = history.find(command.ent_id, unit)
            if entry is None:
                raise Reject(SB.WHE_NO_ENTRY)
        else:
            entry = history.allocate()
            if entry is None:
                self.end_flags |= _NO_ROOM
                return
        entry.unit = unit.number
        entry.lbn = command.lbn
        entry.length = -(-command.bcnt // BLOCK_BYTES)
        entry.hrn = command.hrn
        entry.entflgs = 0
        self._entry = entry
        self.end_flags |= _LOGGED

    def _end_text(self, status: int, byte_count: int) -> bytes:
        text = super()._end_text(status, byte_count)
        if not self.command.mod & _LOG_WRITE:
            return text
        locator = 0
        if self._entry is not None:
            locator = self._entry.elo
            if status & ST_MASK:
                self._entry.entflgs |= _FAILED
        end = TransferEnd.unpack(text)
        return HistoryWriteEnd(
            end.crf,
            end.unit,
            end.seqn,
            end.opcd,
            end.flgs,
            end.sts,
            end.bcnt,
            end.buff,
            end.pte_base,
            end.fbbk,
            locator,
        ).pack()


class WriteHistoryManagement(Outstanding):
    """WRITE HISTORY MANAGEMENT: read the entries of a unit, or take them away."""

    __slots__ = ("_count",)

    sequential: ClassVar[bool] = False
    command: WriteHistoryKeyCommand

    def start(self) -> None:
        server, unit, command = self.server, self.unit, self.command
        self._count = 0
        if unit.number not in server.online:
            raise Reject(unit.status_for(server))
        history = server.controller.write_history
        operation = command.oper
        if operation in (WHM.RALL, WHM.RHRN):
            self._read([*self._chosen(operation)][command.offs :])
        elif operation in (WHM.DALL, WHM.DHRN, WHM.DELO, WHM.DAFC):
            self._count = history.deallocate([*self._chosen(operation)])
            if operation == WHM.DELO and not self._count:
                raise Reject(SB.WHE_NO_ENTRY)
            self.refuse(SB.SUC)
        else:
            raise Reject(invalid_command(_OPERATION_FIELD))

    def _chosen(self, operation: int) -> Iterator[WriteHistoryEntry]:
        history, command = self.server.controller.write_history, self.command
        if operation == WHM.DAFC:
            return iter(history.entries)
        entries = history.of_unit(self.unit)
        if operation in (WHM.DHRN, WHM.RHRN):
            return (entry for entry in entries if entry.hrn == command.hrn)
        if operation == WHM.DELO:
            return (entry for entry in entries if entry.elo == command.ent_loc)
        return entries

    def _read(self, entries: list[WriteHistoryEntry]) -> None:
        """Bring as many entries as the host has room for."""
        command = self.command
        entries = entries[: command.bcnt // _ENTRY_BYTES]
        data = b"".join(entry.pack() for entry in entries)
        port = self.server.port
        if not port.open_buffer(
            command.buff, command.pte_base, len(data), False, lambda buffer: self._fill(buffer, data)
        ):
            self.ended = True

    def _fill(self, buffer: HostBuffer, data: bytes) -> None:
        if self.ended:
            return
        if buffer.error is not None:
            self.refuse(bus_status(buffer.error))
            return
        place = 0
        for view in buffer.views:
            view[:] = data[place : place + len(view)]
            place += len(view)
        self._count = len(data) // _ENTRY_BYTES
        buffer.store(len(data), self._filled)

    def _filled(self, error: BusError | None) -> None:
        if self.ended:
            return
        if error is not None:
            self._count = 0
        self.refuse(SB.SUC if error is None else bus_status(error))

    def refuse(self, status: int) -> None:
        command, history = self.command, self.server.controller.write_history
        end = WriteHistoryEnd(
            crf=command.crf,
            unit=command.unit,
            opcd=command.opcd | END,
            sts=status,
            unit_al=len([*history.of_unit(self.unit)]),
            serv_al=len(history.entries),
            serv_unal=history.free_count,
            count=self._count if not status & ST_MASK else 0,
            offs=command.offs,
        )
        self.end(end.pack())
