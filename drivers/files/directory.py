"""Directories: names in order, each with its versions, highest first.

A directory is a file of records that cross no block boundary.  A record is one name with some of its versions; a
block ends with the word FFFF.  Names are compared byte by byte.
(Files-11 On-Disk Structure Specification, section 4.)
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from drivers.files.headers import BadHeader, FileId
from emu.core.block import BLOCK_BYTES
from emu.wire.generated.ods2 import DirectoryEntry, DirectoryRecord
from emu.wire.packet import Bytes

END_OF_BLOCK = b"\xff\xff"
NAME_LIMIT = 80  # bytes of name and type with the point
VERSION_LIMIT = 32767
_ROOM_BYTES = BLOCK_BYTES - len(END_OF_BLOCK)
_SIZE_BYTES = 2  # of the word that does not count itself


@dataclass(frozen=True, slots=True)
class Version:
    """One file in a directory: name and type, version, identification; limit of versions for the name."""

    name: str
    version: int
    fid: FileId
    limit: int = VERSION_LIMIT


def unpack_directory(data: Bytes) -> Iterator[Version]:
    """List what is in the blocks of a directory; raises BadHeader when they are none."""
    for start in range(0, len(data), BLOCK_BYTES):
        place = start
        while place < start + _ROOM_BYTES and bytes(data[place : place + 2]) != END_OF_BLOCK:
            record = DirectoryRecord.unpack(data, place)
            end = place + _SIZE_BYTES + record.size
            place += DirectoryRecord.SIZE
            name = bytes(data[place : place + record.namecount])
            place += record.namecount + record.namecount % 2
            if not record.namecount or end > start + BLOCK_BYTES or place >= end:
                raise BadHeader("a directory record is damaged")
            while place < end:
                entry = DirectoryEntry.unpack(data, place)
                fid = FileId(entry.fid_nmx << 16 | entry.fid_num, entry.fid_seq)
                yield Version(name.decode("latin-1"), entry.version, fid, record.verlimit)
                place += DirectoryEntry.SIZE


def pack_directory(versions: Iterable[Version]) -> bytes:
    """Make the blocks of a directory; at least one."""
    blocks: list[bytes] = []
    block = b""
    for name, same in groupby(sorted(versions, key=_order), key=lambda each: each.name):
        left = list(same)
        while left:
            room = _ROOM_BYTES - len(block) - DirectoryRecord.SIZE - len(name) - len(name) % 2
            count = min(len(left), max(0, room // DirectoryEntry.SIZE))
            if count:
                block += _record(name, left[:count])
                del left[:count]
            if left:
                blocks.append(block)
                block = b""
    return b"".join((each + END_OF_BLOCK).ljust(BLOCK_BYTES, b"\0") for each in [*blocks, block])


def _order(version: Version) -> tuple[bytes, int]:
    return version.name.encode("latin-1"), -version.version


def _record(name: str, versions: Sequence[Version]) -> bytes:
    encoded = name.encode("latin-1")
    value = encoded + bytes(len(encoded) % 2)
    for each in versions:
        fid = each.fid
        value += DirectoryEntry.pack_fields(each.version, fid.low, fid.sequence, fid_nmx=fid.high)
    size = DirectoryRecord.SIZE - _SIZE_BYTES + len(value)
    return DirectoryRecord.pack_fields(size, versions[0].limit, 0, len(encoded)) + value
