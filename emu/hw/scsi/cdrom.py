"""What only a CD-ROM knows: READ TOC and READ HEADER of a disc with one data track.

(SCSI-2, "CD-ROM devices"; MMC, "READ TOC/PMA/ATIP".)  An address is an LBA in the unit's blocks, or minute, second and
frame of the disc, whose frames have 2048 bytes and begin two seconds in.
"""

# DEVIATION: a disc is one session with one track of data; there is no sound, and no command to play it.

from typing import TYPE_CHECKING

from emu.hw.scsi.sense import invalid_field_in_cdb
from emu.hw.scsi.task import Task
from emu.wire.generated.scsi_cdb import Cdb10, ReadTocCdb
from emu.wire.generated.scsi_cdrom import CdHeader, TocHeader, TocTrack

if TYPE_CHECKING:
    from emu.hw.scsi.logical_unit import LogicalUnit

_MSF = 0x02
_FORMAT, _OLD_FORMAT_SHIFT = 0x0F, 6
_TOC, _SESSION = 0, 1
_TRACK, _LEAD_OUT = 1, 0xAA
_DATA_TRACK = 0x14  # ADR 1: the address is a position; CONTROL 4: data
_FRAME_BYTES, _FRAMES, _SECONDS, _LEAD_IN_FRAMES = 2048, 75, 60, 150
_MODE_1 = 1


def read_toc(unit: "LogicalUnit", task: Task, cdb: ReadTocCdb) -> None:
    """READ TOC: the track and the lead-out behind it, or the first track of the last session."""
    form = cdb.format & _FORMAT or cdb.control >> _OLD_FORMAT_SHIFT
    if form not in (_TOC, _SESSION):
        raise invalid_field_in_cdb(2, 3)
    is_msf = bool(cdb.flags & _MSF)
    track = TocTrack.pack_fields(_DATA_TRACK, _TRACK, _address(unit, 0, is_msf))
    if form == _SESSION:
        tracks = track
    else:
        if _TRACK < cdb.first_track != _LEAD_OUT:
            raise invalid_field_in_cdb(6)
        end = _address(unit, unit.block_count, is_msf)
        tracks = TocTrack.pack_fields(_DATA_TRACK, _LEAD_OUT, end)
        if cdb.first_track != _LEAD_OUT:
            tracks = track + tracks
    header = TocHeader.pack_fields(2 + len(tracks), _TRACK, _TRACK)
    task.reply(header + tracks, cdb.allocation)


def read_header(unit: "LogicalUnit", task: Task, cdb: Cdb10) -> None:
    """READ HEADER: where a block is on the disc, and how it is coded."""
    unit.require_extent(cdb.lba, 1)
    address = _address(unit, cdb.lba, bool(cdb.flags & _MSF))
    task.reply(CdHeader.pack_fields(_MODE_1, address), cdb.length)


def _address(unit: "LogicalUnit", lba: int, is_msf: bool) -> int:
    if not is_msf:
        return lba
    frame = lba * unit.block_bytes // _FRAME_BYTES + _LEAD_IN_FRAMES
    seconds, frame = divmod(frame, _FRAMES)
    minutes, second = divmod(seconds, _SECONDS)
    return min(minutes, 0xFF) << 16 | second << 8 | frame
