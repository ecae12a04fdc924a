"""File headers: identification, record attributes, and where the blocks of a file are.

Block counts are blocks of 512 bytes; LBN and VBN as in the manuals: a VBN counts from 1.
(Files-11 On-Disk Structure Specification, section 3.)
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from emu.core.block import BLOCK_BYTES
from emu.wire.codes.ods2 import (
    CHECKSUM2_WORDS,
    FH2,
    NO_AREA,
    RATTRIB,
    RTYPE,
    STRUCLEV,
    STRUCTURE_VERSION,
    ods2_checksum,
)
from emu.wire.generated.ods2 import (
    FileHeader,
    FileIdent,
    RetrievalPointer1,
    RetrievalPointer2,
    RetrievalPointer3,
)
from emu.wire.packet import Bytes

STRUCTURE_LEVEL = int(STRUCLEV.ODS2) | STRUCTURE_VERSION
IDENT_WORDS = 40  # where V7.3 puts the ident area, and the map area behind it
MAP_WORDS = 100
MAP_ROOM_WORDS = CHECKSUM2_WORDS - MAP_WORDS
NAME_BYTES = 20  # of a name in the first part of the ident area
RECORD_PROTECTION = 0xFE00  # S:RWED, O:RWED, G:R, W: as V7.3 writes it
DEFAULT_PROTECTION = 0xFA00  # S:RWED, O:RWED, G:RE, W: denied are write and delete to group, all to world

_AREAS_OFFSET = FileHeader.LAYOUT["areas"][0]
_FORMAT_SHIFT = 14
_FORMAT1_LIMITS = (1 << 8, 1 << 22)  # blocks, LBN
_FORMAT2_BLOCKS = 1 << 14
_FORMAT3_BLOCKS = 1 << 30


@dataclass(frozen=True, slots=True, order=True)
class FileId:
    """Number and sequence number of a file; 0 is no file."""

    number: int
    sequence: int

    @property
    def low(self) -> int:
        return self.number & 0xFFFF

    @property
    def high(self) -> int:
        return self.number >> 16

    def __str__(self) -> str:
        return f"({self.number},{self.sequence},0)"


NO_FILE = FileId(0, 0)


@dataclass(frozen=True, slots=True)
class Extent:
    """Consecutive blocks of a volume."""

    lbn: int
    block_count: int

    @property
    def end(self) -> int:
        return self.lbn + self.block_count


@dataclass(frozen=True, slots=True)
class RecordAttributes:
    """How the records of a sequential file stand in its blocks; sizes are bytes.

    longest: of the records there are.  maximum: a record may have, 0 for no limit.  control_bytes: at the beginning
    of each record of a file with fixed control.
    """

    format: RTYPE
    attributes: RATTRIB = RATTRIB(0)  # noqa: RUF009 - immutable
    longest: int = 0
    maximum: int = 0
    control_bytes: int = 0


class BadHeader(ValueError):
    """A block that is no file header, or not that of the file wanted."""


@dataclass(slots=True)
class File:
    """One file: what all its headers say together.

    fid: of the first header; extensions: of the others.  size_bytes: where the end of file is.  directory: the
    directory that names it.  Dates are VMS times.
    """

    fid: FileId
    name: str
    records: RecordAttributes
    extents: list[Extent] = field(default_factory=list)
    size_bytes: int = 0
    extensions: list[FileId] = field(default_factory=list)
    directory: FileId = NO_FILE
    characteristics: int = 0
    owner: int = 0
    protection: int = DEFAULT_PROTECTION
    created: int = 0
    revised: int = 0
    revision: int = 1

    @property
    def block_count(self) -> int:
        """Blocks allocated."""
        return sum(extent.block_count for extent in self.extents)

    @property
    def used_blocks(self) -> int:
        """Blocks up to the end of file."""
        return -(-self.size_bytes // BLOCK_BYTES)

    @property
    def is_directory(self) -> bool:
        return bool(self.characteristics & FH2.DIRECTORY)

    def pieces(self, vbn: int, block_count: int) -> Iterator[Extent]:
        """Map blocks of the file to blocks of the volume, in as few pieces as there are extents."""
        skip = vbn - 1
        for extent in self.extents:
            if not block_count:
                return
            if skip >= extent.block_count:
                skip -= extent.block_count
                continue
            length = min(extent.block_count - skip, block_count)
            yield Extent(extent.lbn + skip, length)
            block_count -= length
            skip = 0
        assert not block_count, "the blocks of a file are within what it has allocated"

    def lbn_of(self, vbn: int) -> int:
        """Map one block."""
        return next(self.pieces(vbn, 1)).lbn


def pack_headers(file: File) -> list[bytes]:
    """Make the headers of a file, first to last.

    There must be as many `extensions` as the map needs: one less than `header_count` says.
    """
    maps = _pack_map(file.extents)
    fids = [file.fid, *file.extensions]
    assert len(fids) == len(maps), "a file has as many headers as its map needs"
    return [
        _pack_header(file, segment, fid, following, area)
        for segment, (fid, following, area) in enumerate(
            zip(fids, [*fids[1:], NO_FILE], maps, strict=True),
        )
    ]


def header_count(extents: Sequence[Extent]) -> int:
    """Say how many headers a map of these extents needs."""
    return len(_pack_map(extents))


def _pack_header(file: File, segment: int, fid: FileId, following: FileId, area: bytes) -> bytes:
    encoded = file.name.encode("latin-1")
    ident = FileIdent(
        filename=encoded[:NAME_BYTES].ljust(NAME_BYTES),
        revision=file.revision,
        credate=file.created,
        revdate=file.revised,
        filenamext=encoded[NAME_BYTES:].ljust(FileIdent.LAYOUT["filenamext"][1]),
    ).pack()
    end_block, free_byte = divmod(file.size_bytes, BLOCK_BYTES)
    allocated = file.block_count
    back = file.directory if segment == 0 else file.fid
    header = FileHeader(
        idoffset=IDENT_WORDS,
        mpoffset=MAP_WORDS,
        acoffset=NO_AREA,
        rsoffset=NO_AREA,
        seg_num=segment,
        struclev=STRUCTURE_LEVEL,
        fid_num=fid.low,
        fid_seq=fid.sequence,
        fid_nmx=fid.high,
        ext_num=following.low,
        ext_seq=following.sequence,
        ext_nmx=following.high,
        rtype=file.records.format,
        rattrib=file.records.attributes,
        rsize=file.records.longest,
        hiblk_high=allocated >> 16,
        hiblk_low=allocated & 0xFFFF,
        efblk_high=(end_block + 1) >> 16,
        efblk_low=(end_block + 1) & 0xFFFF,
        ffbyte=free_byte,
        vfcsize=file.records.control_bytes,
        maxrec=file.records.maximum,
        filechar=file.characteristics,
        recprot=RECORD_PROTECTION,
        map_inuse=len(area) // 2,
        fileowner=file.owner,
        fileprot=file.protection,
        back_num=back.low,
        back_seq=back.sequence,
        back_nmx=back.high,
        highwater=file.used_blocks + 1 if segment == 0 else 0,
        areas=(ident + area).ljust(FileHeader.LAYOUT["areas"][1], b"\0"),
    )
    header.checksum = ods2_checksum(header.pack(), CHECKSUM2_WORDS)
    return header.pack()


def unpack_header(block: Bytes, fid: FileId | None = None) -> FileHeader:
    """Read one header; raises BadHeader when it is none, or not the file's with this identification."""
    header = FileHeader.unpack(block)
    if header.checksum != ods2_checksum(block, CHECKSUM2_WORDS) or header.struclev & 0xFF00 not in (
        STRUCLEV.ODS2,
        STRUCLEV.ODS5,
    ):
        raise BadHeader("the block is no file header")
    if not header.fid_num and not header.fid_nmx:
        raise BadHeader("the header is not in use")
    if fid is not None and fid_of(header) != fid:
        raise BadHeader(f"the header is that of file {fid_of(header)}")
    if not _AREAS_OFFSET <= 2 * header.idoffset <= 2 * header.mpoffset <= 2 * CHECKSUM2_WORDS:
        raise BadHeader("the areas of the header overlap")
    if header.mpoffset + header.map_inuse > min(header.acoffset, CHECKSUM2_WORDS):
        raise BadHeader("the map is longer than its area")
    return header


def fid_of(header: FileHeader) -> FileId:
    return FileId(header.fid_nmx << 16 | header.fid_num, header.fid_seq)


def extension_of(header: FileHeader) -> FileId:
    """The file's next header; NO_FILE when there is none."""
    return FileId(header.ext_nmx << 16 | header.ext_num, header.ext_seq)


def unpack_file(block: Bytes, header: FileHeader) -> File:
    """Take a file out of its first header; the extents are those of this header alone."""
    start = 2 * header.idoffset
    raw = bytes(block[start : 2 * header.mpoffset]).ljust(FileIdent.SIZE)
    ident = FileIdent.unpack(raw)
    name = (ident.filename + ident.filenamext).decode("latin-1").split("\0")[0].rstrip()
    end_block = header.efblk_high << 16 | header.efblk_low
    allocated = header.hiblk_high << 16 | header.hiblk_low
    size_bytes = max(0, end_block - 1) * BLOCK_BYTES + header.ffbyte
    try:
        record_format = RTYPE(header.rtype & 0xF)
    except ValueError:
        record_format = RTYPE.UNDEFINED
    return File(
        fid_of(header),
        name,
        RecordAttributes(
            record_format,
            RATTRIB(header.rattrib),
            header.rsize,
            header.maxrec,
            header.vfcsize if record_format is RTYPE.VFC else 0,
        ),
        list(unpack_map(block, header)),
        min(size_bytes, allocated * BLOCK_BYTES),
        directory=FileId(header.back_nmx << 16 | header.back_num, header.back_seq),
        characteristics=header.filechar,
        owner=header.fileowner,
        protection=header.fileprot,
        created=ident.credate,
        revised=ident.revdate,
        revision=ident.revision,
    )


# ---- Retrieval pointers


def _pack_map(extents: Sequence[Extent]) -> list[bytes]:
    """Make the map areas of a file, one for each header."""
    areas: list[bytes] = []
    area = bytearray()
    for extent in extents:
        for pointer in _pointers(extent):
            if len(area) + len(pointer) > 2 * MAP_ROOM_WORDS:
                areas.append(bytes(area))
                area.clear()
            area += pointer
    return [*areas, bytes(area)]


def _pointers(extent: Extent) -> Iterator[bytes]:
    lbn, left = extent.lbn, extent.block_count
    while left:
        length = min(left, _FORMAT3_BLOCKS)
        count = length - 1
        if length <= _FORMAT1_LIMITS[0] and lbn < _FORMAT1_LIMITS[1]:
            yield RetrievalPointer1.pack_fields(count, 1 << 6 | lbn >> 16, lbn & 0xFFFF)
        elif length <= _FORMAT2_BLOCKS:
            yield RetrievalPointer2.pack_fields(2 << _FORMAT_SHIFT | count, lbn)
        else:
            yield RetrievalPointer3.pack_fields(3 << _FORMAT_SHIFT | count >> 16, count & 0xFFFF, lbn)
        lbn += length
        left -= length


def unpack_map(block: Bytes, header: FileHeader) -> Iterator[Extent]:
    """Read the map area of one header; raises BadHeader."""
    place = 2 * header.mpoffset
    end = place + 2 * header.map_inuse
    while place < end:
        form = block[place + 1] >> 6
        size = (2, RetrievalPointer1.SIZE, RetrievalPointer2.SIZE, RetrievalPointer3.SIZE)[form]
        if place + size > end:
            raise BadHeader("a retrieval pointer is cut off")
        if form == 1:
            one = RetrievalPointer1.unpack(block, place)
            yield Extent((one.highlbn & 0x3F) << 16 | one.lowlbn, one.count + 1)
        elif form == 2:
            two = RetrievalPointer2.unpack(block, place)
            yield Extent(two.lbn, (two.count & 0x3FFF) + 1)
        elif form == 3:
            three = RetrievalPointer3.unpack(block, place)
            yield Extent(three.lbn, ((three.highcount & 0x3FFF) << 16 | three.lowcount) + 1)
        place += size  # format 0 tells how the file was placed, and maps nothing
