"""The command table: every command a unit knows, with what may be set in its CDB, and who does it.

(SPC, "CDB usage map"; spec "SCSI", command table; command classes under a reservation.)  The usage map drives the
validation of CDBs and REPORT SUPPORTED OPERATION CODES alike.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from emu.hw.scsi import (
    blocks,
    buffers,
    cdrom,
    compare,
    defects,
    inquiry,
    log,
    mode,
    persistent_reservations,
    provisioning,
    read_long,
    reports,
    reservations,
    sanitize,
    start_stop,
    third_party_copy,
)
from emu.hw.scsi.profiles import ANY, Kind
from emu.hw.scsi.reservations import Access
from emu.hw.scsi.task import Steps, Task
from emu.wire.codes.scsi import Opcode, bit_mask
from emu.wire.generated import scsi_cdb as wire
from emu.wire.packet import Packet

if TYPE_CHECKING:
    from emu.hw.scsi.logical_unit import LogicalUnit

# What a handler takes as its CDB is what its row of the table names as the layout.
Perform = Callable[["LogicalUnit", Task, Any], Steps | None]

_ACTION = 0x1F
_LUN_BITS = 0xE0  # of byte 1, before SCSI-3
_VENDOR_CONTROL, _NACA = 0xC0, 0x04


@dataclass(frozen=True, slots=True)
class Command:
    """One command, or one service action of an operation code.

    usage: the CDB usage map.  length: the CDB's, bytes.  medium: needs one.  writes: refused on a write-protected
    unit.  alone: nothing else is done meanwhile.  passes_...: is done in spite of a pending unit attention, of
    another's RESERVE, of a format or sanitize operation.  forbidden: mask of the bits that must be zero.
    """

    opcode: int
    action: int | None
    kinds: Kind
    usage: bytes
    layout: type[Packet]
    perform: Perform
    access: Access
    medium: bool
    writes: bool
    alone: bool
    passes_attention: bool
    passes_reserve: bool
    passes_operation: bool
    length: int
    forbidden: int = 0

    @property
    def words(self) -> str:
        return Opcode(self.opcode).words


def _command(
    kinds: Kind,
    usage: str,
    layout: type[Packet],
    perform: Perform,
    access: Access = Access.ALWAYS,
    *,
    action: int | None = None,
    medium: bool | None = None,
    writes: bool = False,
    alone: bool = False,
    passes: str = "",
) -> Command:
    """Write a row of the table; `passes` names what it passes: attention, reserve, operation."""
    octets = bytes.fromhex(usage)
    return Command(
        octets[0],
        action,
        kinds,
        octets,
        layout,
        perform,
        access,
        access in (Access.READ, Access.WRITE) if medium is None else medium,
        writes,
        alone,
        "attention" in passes,
        "reserve" in passes,
        "operation" in passes,
        len(octets),
    )


_R, _W, _NO_MEDIUM = Access.READ, Access.WRITE, False
_RZ, _DISK = Kind.RZ, Kind.DISK
_DISKS, _ERA = Kind.RZ | Kind.DISK, Kind.RZ | Kind.CD
_10, _12, _16 = wire.Cdb10, wire.Cdb12, wire.Cdb16
_LBA16 = "FFFFFFFFFFFFFFFF"

# UNCERTAIN: the classes of commands under a persistent reservation, beyond READ and WRITE.
COMMANDS: Sequence[Command] = (
    _command(ANY, "000000000007", wire.Cdb6, start_stop.test_unit_ready, medium=True),
    _command(_ERA, "010000000007", wire.Cdb6, start_stop.rezero_unit, _R),
    _command(
        ANY,
        "03010000FF07",
        wire.RequestSenseCdb,
        inquiry.request_sense,
        passes="attention reserve operation",
    ),
    _command(_DISKS, "04FF00000007", wire.Cdb6, defects.format_unit, _W, writes=True),
    _command(_DISKS, "070300000007", wire.Cdb6, defects.reassign_blocks, _W, writes=True),
    _command(ANY, "081FFFFFFF07", wire.Cdb6, blocks.read_6, _R),
    _command(_DISKS, "0A1FFFFFFF07", wire.Cdb6, blocks.write_6, _W, writes=True),
    _command(_ERA, "0B1FFFFF0007", wire.Cdb6, blocks.seek_6, _R),
    _command(ANY, "1201FFFFFF07", wire.InquiryCdb, inquiry.inquiry, passes="attention reserve operation"),
    _command(ANY, "15110000FF07", wire.RequestSenseCdb, mode.mode_select_6, _W, medium=_NO_MEDIUM),
    _command(ANY, "160000000007", wire.Cdb6, reservations.reserve),
    _command(ANY, "170000000007", wire.Cdb6, reservations.release, passes="reserve"),
    _command(ANY, "1A08FFFFFF07", wire.ModeSense6Cdb, mode.mode_sense_6, _W, medium=_NO_MEDIUM),
    _command(ANY, "1B01000FF707", wire.StartStopCdb, start_stop.start_stop_unit, Access.START),
    _command(ANY, "1C01FFFFFF07", wire.InquiryCdb, buffers.receive_diagnostic, _W, medium=_NO_MEDIUM),
    _command(ANY, "1DFF00FFFF07", wire.InquiryCdb, buffers.send_diagnostic, _W, medium=_NO_MEDIUM),
    _command(ANY, "1E0000000307", wire.RequestSenseCdb, start_stop.prevent_allow, Access.PREVENT),
    _command(ANY, "2500FFFFFFFF00000107", _10, inquiry.read_capacity_10, medium=True, passes="reserve"),
    _command(ANY, "2818FFFFFFFF1FFFFF07", _10, blocks.read, _R),
    _command(_DISKS, "2A18FFFFFFFF1FFFFF07", _10, blocks.write, _W, writes=True),
    _command(_ERA, "2B00FFFFFFFF00000007", _10, blocks.seek_10, _R),
    _command(_DISKS, "2E16FFFFFFFF1FFFFF07", _10, compare.write_and_verify, _W, writes=True),
    _command(ANY, "2F16FFFFFFFF1FFFFF07", _10, compare.verify, _R),
    _command(_DISKS, "3402FFFFFFFF1FFFFF07", _10, blocks.prefetch, _R),
    _command(_DISKS, "3502FFFFFFFF1FFFFF07", _10, blocks.synchronize_cache, _W),
    _command(_DISKS, "37001F00000000FFFF07", wire.DefectData10Cdb, defects.read_defect_data_10, _R),
    _command(ANY, "3B1FFFFFFFFFFFFFFF07", wire.BufferCdb, buffers.write_buffer, _W, medium=_NO_MEDIUM),
    _command(ANY, "3C1FFFFFFFFFFFFFFF07", wire.BufferCdb, buffers.read_buffer, _W, medium=_NO_MEDIUM),
    _command(_DISKS, "3E06FFFFFFFF00FFFF07", _10, read_long.read_long_10, _R),
    _command(_DISKS, "3FE0FFFFFFFF00FFFF07", _10, read_long.write_long_10, _W, writes=True),
    _command(_DISK, "4118FFFFFFFF1FFFFF07", _10, provisioning.write_same, _W, writes=True),
    _command(_DISK, "4200000000001FFFFF07", wire.ParameterListCdb, provisioning.unmap, _W, writes=True),
    _command(Kind.CD, "43020F000000FFFFFF07", wire.ReadTocCdb, cdrom.read_toc, _R),
    _command(Kind.CD, "4402FFFFFFFF00FFFF07", _10, cdrom.read_header, _R),
    *(
        _command(
            _DISK,
            f"48{0xA0 | action:02X}0000000000FFFF07",
            wire.ParameterListCdb,
            perform,
            _W,
            action=action,
            writes=True,
            passes="operation" if action == sanitize.EXIT_FAILURE_MODE else "",
        )
        for action, perform in sanitize.ACTIONS.items()
    ),
    _command(ANY, "4C03FFFF000000FFFF07", wire.LogCdb, log.log_select, _W, medium=_NO_MEDIUM),
    _command(ANY, "4D00FFFF00FFFFFFFF07", wire.LogCdb, log.log_sense, passes="reserve operation"),
    _command(ANY, "55110000000000FFFF07", wire.ParameterListCdb, mode.mode_select_10, _W, medium=_NO_MEDIUM),
    _command(ANY, "56000000000000000007", _10, reservations.reserve),
    _command(ANY, "57000000000000000007", _10, reservations.release, passes="reserve"),
    _command(ANY, "5A18FFFF000000FFFF07", wire.ModeSense10Cdb, mode.mode_sense_10, _W, medium=_NO_MEDIUM),
    *(
        _command(
            _DISK,
            f"5E{action:02X}0000000000FFFF07",
            wire.ParameterListCdb,
            perform,
            action=action,
            passes="operation",
        )
        for action, perform in persistent_reservations.IN_ACTIONS.items()
    ),
    *(
        _command(
            _DISK,
            f"5F{action:02X}FF0000FFFFFFFF07",
            wire.PersistentReserveOutCdb,
            perform,
            action=action,
            passes="operation",
        )
        for action, perform in persistent_reservations.OUT_ACTIONS.items()
    ),
    _command(
        _DISK,
        "83000000000000000000FFFFFFFF0007",
        wire.CopyCdb,
        third_party_copy.extended_copy,
        _W,
        action=0,
    ),
    *(
        _command(
            _DISK,
            f"84{action:02X}FF00000000000000FFFFFFFF0007",
            wire.CopyCdb,
            perform,
            _R,
            action=action,
            medium=_NO_MEDIUM,
        )
        for action, perform in third_party_copy.RESULTS.items()
    ),
    _command(_DISK, f"8818{_LBA16}FFFFFFFF1F07", _16, blocks.read, _R),
    _command(
        _DISK,
        f"8918{_LBA16}000000FF1F07",
        wire.CompareAndWriteCdb,
        compare.compare_and_write,
        _W,
        writes=True,
        alone=True,
    ),
    _command(_DISK, f"8A18{_LBA16}FFFFFFFF1F07", _16, blocks.write, _W, writes=True),
    _command(_DISK, f"8B18{_LBA16}FFFFFFFF1F07", _16, compare.orwrite, _W, writes=True, alone=True),
    _command(_DISK, f"8E16{_LBA16}FFFFFFFF1F07", _16, compare.write_and_verify, _W, writes=True),
    _command(_DISK, f"8F16{_LBA16}FFFFFFFF1F07", _16, compare.verify, _R),
    _command(_DISK, f"9002{_LBA16}FFFFFFFF1F07", _16, blocks.prefetch, _R),
    _command(_DISK, f"9102{_LBA16}FFFFFFFF1F07", _16, blocks.synchronize_cache, _W),
    _command(_DISK, f"9319{_LBA16}FFFFFFFF1F07", _16, provisioning.write_same, _W, writes=True),
    _command(_DISK, f"9C18{_LBA16}0000FFFF1F07", wire.WriteAtomicCdb, blocks.write_atomic, _W, writes=True),
    _command(
        _DISK,
        f"9E10{_LBA16}FFFFFFFF0107",
        wire.ServiceActionIn16Cdb,
        inquiry.read_capacity_16,
        action=0x10,
        medium=True,
        passes="reserve",
    ),
    _command(
        _DISK, f"9E11{_LBA16}0000FFFF0307", wire.LongBlock16Cdb, read_long.read_long_16, _R, action=0x11
    ),
    _command(
        _DISK,
        f"9E12{_LBA16}FFFFFFFF0007",
        wire.ServiceActionIn16Cdb,
        provisioning.get_lba_status,
        _R,
        action=0x12,
    ),
    _command(
        _DISK,
        f"9FF1{_LBA16}0000FFFF0007",
        wire.LongBlock16Cdb,
        read_long.write_long_16,
        _W,
        action=0x11,
        writes=True,
    ),
    _command(
        ANY,
        "A000FF000000FFFFFFFF0007",
        wire.ReportLunsCdb,
        reports.report_luns,
        passes="attention reserve operation",
    ),
    _command(
        _DISK,
        "A3EA00000000FFFFFFFF0007",
        wire.MaintenanceInCdb,
        reports.report_target_port_groups,
        action=0x0A,
        passes="attention operation",
    ),
    _command(
        _DISK,
        "A30C87FFFFFFFFFFFFFF0007",
        wire.MaintenanceInCdb,
        reports.report_supported_operation_codes,
        action=0x0C,
        passes="operation",
    ),
    _command(
        _DISK,
        "A30D80000000FFFFFFFF0007",
        wire.MaintenanceInCdb,
        reports.report_supported_task_management,
        action=0x0D,
        passes="operation",
    ),
    _command(_DISK | Kind.CD, "A818FFFFFFFFFFFFFFFF1F07", _12, blocks.read, _R),
    _command(_DISK, "AA18FFFFFFFFFFFFFFFF1F07", _12, blocks.write, _W, writes=True),
    _command(_DISK, "AE16FFFFFFFFFFFFFFFF1F07", _12, compare.write_and_verify, _W, writes=True),
    _command(_DISK, "AF16FFFFFFFFFFFFFFFF1F07", _12, compare.verify, _R),
    _command(_DISKS, "B71FFFFFFFFFFFFFFFFF0007", wire.DefectData12Cdb, defects.read_defect_data_12, _R),
)


def commands_of(kind: Kind) -> list[Command | Mapping[int, Command] | None]:
    """Return what a kind of device does for each operation code: a command, its service actions, or nothing."""
    table: list[Command | Mapping[int, Command] | None] = [None] * 256
    actions: dict[int, dict[int, Command]] = {}
    for row in COMMANDS:
        if kind not in row.kinds:
            continue
        command = replace(row, forbidden=_forbidden(row, strict=kind is Kind.DISK))
        if command.action is None:
            table[command.opcode] = command
        else:
            table[command.opcode] = actions.setdefault(command.opcode, {})
            actions[command.opcode][command.action] = command
    return table


def _forbidden(command: Command, strict: bool) -> int:
    """Make the mask of the bits that must be zero.

    Of CONTROL that is all but NACA: there are no linked commands.  Before SCSI-3 byte 1 has the LUN, which the
    message IDENTIFY has said already, and vendors had two bits of CONTROL.
    """
    allowed = bytearray(command.usage)
    allowed[0] = 0xFF
    allowed[1] |= _ACTION if command.action is not None else 0
    allowed[-1] = _NACA
    if not strict:
        allowed[1] |= _LUN_BITS
        allowed[-1] = _VENDOR_CONTROL
    return bit_mask(bytes(~octet & 0xFF for octet in allowed))
