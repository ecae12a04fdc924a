"""The file system of a mounted volume: files and directories, by block I/O to the unit.

`FileSystem` is opened for one command, under the volume's lock, and forgets what it read when that ends: so no two
nodes have different ideas of a bitmap.  Every change goes to the disk in an order that leaves, wherever it ends, at
worst blocks or headers that are taken and not used: taken in the bitmap first, freed in the bitmap last.

A procedure raises Failure with the message of VMS for what cannot be done.
"""

from dataclasses import replace
from typing import NoReturn

from bitarray import bitarray

from drivers.files.directory import Version, pack_directory, unpack_directory
from drivers.files.headers import (
    NO_FILE,
    BadHeader,
    Extent,
    File,
    FileId,
    RecordAttributes,
    extension_of,
    header_count,
    pack_headers,
    unpack_file,
    unpack_header,
    unpack_map,
)
from drivers.files.names import LATEST, FileSpec
from drivers.files.storage_map import BITS_PER_BLOCK, DeviceFull, StorageMap, changed_blocks
from drivers.message import Failure, Message
from drivers.platform.host import Platform
from drivers.platform.process import Procedure
from drivers.shadow.messages import status_message
from drivers.shadow.volume import BlockUnit, find_home_block, read_blocks, write_blocks
from emu.core.block import BLOCK_BYTES
from emu.wire.codes.ods2 import FH2, FID, RATTRIB, RTYPE, STRUCLEV
from emu.wire.codes.vms import SS
from emu.wire.generated.ods2 import FileHeader, HomeBlock

PIECE_BLOCKS = 127  # one transfer: the largest below 64 KB
INDEX_EXTEND_BLOCKS = 64
DIRECTORY_TYPE = "DIR"
_MFD = FileId(FID.MFD, FID.MFD)
_INDEX = FileId(FID.INDEXF, FID.INDEXF)
_MAP = FileId(FID.BITMAP, FID.BITMAP)
_HEADERS_LIMIT = 1000  # of one file: a chain that is longer goes in a circle


def system_failure(ident: str, text: str, severity: str = "W") -> Failure:
    return Failure(Message("SYSTEM", severity, ident, text))


def _damaged(error: BadHeader) -> Failure:
    return Failure(
        Message("SYSTEM", "W", "BADFILEHDR", "bad file header"),
        Message("F11BXQP", "I", "HEADER", str(error), continued=True),
    )


class FileSystem:
    """The files of one volume.  `unit` is a disk or a virtual unit; made by `open`."""

    def __init__(self, platform: Platform, unit: BlockUnit, home: HomeBlock) -> None:
        self._platform = platform
        self._unit = unit
        self._home = home
        self.cluster_blocks = home.cluster
        self.maximum_files = home.maxfiles
        self.owner = home.volowner
        self.index_backup_used = False
        self._index = File(_INDEX, "", RecordAttributes(RTYPE.FIXED))
        self._space: StorageMap | None = None
        self._map_file: File | None = None
        self._numbers: bitarray | None = None
        self._numbers_changed: set[int] = set()

    @classmethod
    def open(cls, platform: Platform, unit: BlockUnit) -> Procedure:
        """Find the index file; returns a FileSystem, or raises Failure when there is no ODS-2 volume."""
        status, home, _ = yield from find_home_block(platform, unit)
        if status != SS.NORMAL:
            raise Failure(
                Message("SYSTEM", "F", "FILESTRUCT", "the home block is unreadable"), status_message(status)
            )
        # DEVIATION: no files of ODS-5 volumes, whose names and headers are others; blocks and shadowing alone
        is_ods2 = home is not None and home.struclev & 0xFF00 == STRUCLEV.ODS2
        if home is None or not is_ods2 or not home.ibmaplbn or not home.cluster:
            raise system_failure("FILESTRUCT", "unsupported file structure level: no ODS-2 volume", "F")
        self = cls(platform, unit, home)
        try:
            self._index = yield from self._file_at(home.ibmaplbn + home.ibmapsize, _INDEX)
        except BadHeader:
            try:
                self._index = yield from self._file_at(home.altidxlbn, _INDEX)
            except BadHeader as error:
                raise _damaged(error) from None
            self.index_backup_used = True
        return self

    # -- blocks

    def _read(self, lbn: int, block_count: int) -> Procedure:
        status, data = yield from read_blocks(self._platform, self._unit, lbn, block_count)
        self._require(status)
        return data

    def _write(self, lbn: int, data: bytes) -> Procedure:
        for start in range(0, len(data), PIECE_BLOCKS * BLOCK_BYTES):
            piece = data[start : start + PIECE_BLOCKS * BLOCK_BYTES]
            self._require(
                (yield from write_blocks(self._platform, self._unit, lbn + start // BLOCK_BYTES, piece))
            )

    def _require(self, status: int) -> None:
        if status != SS.NORMAL:
            raise Failure(status_message(status))

    def read(self, file: File, vbn: int, block_count: int) -> Procedure:
        """Read blocks of a file; returns bytes."""
        pieces = []
        for extent in file.pieces(vbn, block_count):
            for lbn in range(extent.lbn, extent.end, PIECE_BLOCKS):
                pieces.append((yield from self._read(lbn, min(PIECE_BLOCKS, extent.end - lbn))))
        return b"".join(pieces)

    def write(self, file: File, vbn: int, data: bytes) -> Procedure:
        """Write whole blocks, within what the file has allocated."""
        place = 0
        for extent in file.pieces(vbn, len(data) // BLOCK_BYTES):
            length = extent.block_count * BLOCK_BYTES
            yield from self._write(extent.lbn, data[place : place + length])
            place += length

    # -- headers

    def _header_lbn(self, number: int) -> int:
        return self._index.lbn_of(self._header_vbn(number))

    def _header_vbn(self, number: int) -> int:
        return self._home.ibmapvbn + self._home.ibmapsize + number - 1

    def _file_at(self, lbn: int, fid: FileId) -> Procedure:
        """Read all headers of a file, the first at this LBN; returns a File, raises BadHeader."""
        block = yield from self._read(lbn, 1)
        header = unpack_header(block, fid)
        file = unpack_file(block, header)
        while (following := extension_of(header)) != NO_FILE:
            if len(file.extensions) > _HEADERS_LIMIT:
                raise BadHeader("the headers of the file go in a circle")
            if fid == _INDEX:
                self._index = file  # its own later headers are in the part mapped so far
            block = yield from self._read(self._header_lbn(following.number), 1)
            header = unpack_header(block, following)
            file.extensions.append(following)
            file.extents += unpack_map(block, header)
        return file

    def file(self, fid: FileId) -> Procedure:
        """Read the headers of a file; returns a File."""
        if fid == _INDEX:
            return self._index
        if not 0 < fid.number <= self.maximum_files or self._header_vbn(fid.number) > self._index.block_count:
            raise system_failure("NOSUCHFILE", "no such file")
        try:
            return (yield from self._file_at(self._header_lbn(fid.number), fid))
        except BadHeader as error:
            raise _damaged(error) from None

    def write_headers(self, file: File) -> Procedure:
        """Write all headers of a file, of the index file its backup too."""
        blocks = pack_headers(file)
        for fid, block in reversed(list(zip([file.fid, *file.extensions], blocks, strict=True))):
            yield from self._write(self._header_lbn(fid.number), block)
        if file.fid == _INDEX:
            yield from self._write(self._home.altidxlbn, blocks[0])

    # -- free blocks

    def space(self) -> Procedure:
        """Read the storage bitmap; returns a StorageMap, the same each time."""
        if self._space is None:
            self._map_file = yield from self.file(_MAP)
            data = yield from self.read(self._map_file, 2, self._map_file.used_blocks - 1)
            self._space = StorageMap.unpack(data, self.cluster_blocks)
        return self._space

    def _save_space(self) -> Procedure:
        if self._space is not None and self._map_file is not None:
            for number, data in self._space.changes():
                yield from self.write(self._map_file, 2 + number, data)

    def _allocate(self, block_count: int, *, contiguous: bool = False) -> Procedure:
        """Take blocks, on the disk too; returns extents."""
        space: StorageMap = yield from self.space()
        try:
            extents = space.allocate(block_count, contiguous=contiguous)
        except DeviceFull:
            raise system_failure("DEVICEFULL", "device full; allocation failure") from None
        yield from self._save_space()
        return extents

    def _give(self, extents: list[Extent]) -> Procedure:
        space: StorageMap = yield from self.space()
        space.give(extents)
        yield from self._save_space()

    # -- file numbers

    def _index_map(self) -> Procedure:
        if self._numbers is None:
            data = yield from self._read_run(self._home.ibmaplbn, self._home.ibmapsize)
            self._numbers = bitarray(endian="little")
            self._numbers.frombytes(data)
        return self._numbers

    def _read_run(self, lbn: int, block_count: int) -> Procedure:
        pieces = []
        for start in range(lbn, lbn + block_count, PIECE_BLOCKS):
            pieces.append((yield from self._read(start, min(PIECE_BLOCKS, lbn + block_count - start))))
        return b"".join(pieces)

    def _mark_number(self, number: int, used: int) -> Procedure:
        numbers: bitarray = yield from self._index_map()
        numbers[number - 1] = used
        self._numbers_changed.add((number - 1) // BITS_PER_BLOCK)
        for first, data in changed_blocks(numbers, self._numbers_changed):
            yield from self._write(self._home.ibmaplbn + first, data)

    def _new_fid(self) -> Procedure:
        """Take a file number; returns a FileId whose header is nobody's."""
        numbers: bitarray = yield from self._index_map()
        number = numbers.find(0, 0, self.maximum_files) + 1
        if not number:
            raise system_failure("IDXFILEFULL", "index file is full", "F")
        vbn = self._header_vbn(number)
        sequence = 1
        if vbn <= self._index.used_blocks:
            old = FileHeader.unpack((yield from self._read(self._index.lbn_of(vbn), 1)))
            sequence = old.fid_seq % 0xFFFF + 1
        else:
            if vbn > self._index.block_count:
                yield from self._extend_index()
            # What is between the old end and the new one is a header of nobody.
            yield from self._write(self._index.lbn_of(vbn), bytes(BLOCK_BYTES))
            self._index.size_bytes = vbn * BLOCK_BYTES
            yield from self.write_headers(self._index)
        yield from self._mark_number(number, 1)
        return FileId(number, sequence)

    def _extend_index(self) -> Procedure:
        wanted = max(INDEX_EXTEND_BLOCKS, self._index.block_count // 4)
        space: StorageMap = yield from self.space()
        largest = space.largest_free().block_count
        if not largest:
            raise system_failure("DEVICEFULL", "device full; allocation failure")
        extents = yield from self._allocate(min(wanted, largest), contiguous=True)
        grown = _joined([*self._index.extents, *extents])
        if header_count(grown) > 1 + len(self._index.extensions):
            yield from self._give(extents)
            raise system_failure("HEADERFULL", "file header is full")
        self._index.extents = grown

    def _give_fid(self, fid: FileId) -> Procedure:
        """Make a header nobody's: its sequence number stays."""
        lbn = self._header_lbn(fid.number)
        header = FileHeader.unpack((yield from self._read(lbn, 1)))
        header.fid_num = header.fid_nmx = header.checksum = 0
        header.fid_seq = fid.sequence
        yield from self._write(lbn, header.pack())
        yield from self._mark_number(fid.number, 0)

    # -- files

    def create(
        self,
        directory: File,
        name: str,
        records: RecordAttributes,
        block_count: int,
        *,
        characteristics: int = 0,
        contiguous: bool = False,
    ) -> Procedure:
        """Make a file that no directory names yet; returns a File.  name: with type and version, "A.B;1"."""
        now = self._platform.system_time()
        extents = yield from self._allocate(block_count, contiguous=contiguous)
        file = File(
            NO_FILE,
            name,
            records,
            extents,
            directory=directory.fid,
            characteristics=characteristics,
            owner=directory.owner,
            created=now,
            revised=now,
        )
        try:
            file.fid = yield from self._new_fid()
            yield from self._chain(file)
        except Failure:
            for fid in filter(NO_FILE.__ne__, (file.fid, *file.extensions)):
                yield from self._give_fid(fid)
            yield from self._give(extents)
            raise
        yield from self.write_headers(file)
        return file

    def _chain(self, file: File) -> Procedure:
        """Take as many headers as the map of a file needs."""
        while len(file.extensions) < header_count(file.extents) - 1:
            file.extensions.append((yield from self._new_fid()))

    def extend(self, file: File, block_count: int) -> Procedure:
        """Give a file more blocks; its headers are written."""
        extents = yield from self._allocate(block_count)
        before, headers = file.extents, len(file.extensions)
        file.extents = _joined([*file.extents, *extents])
        try:
            yield from self._chain(file)
        except Failure:
            for fid in file.extensions[headers:]:
                yield from self._give_fid(fid)
            file.extents = before
            del file.extensions[headers:]
            yield from self._give(extents)
            raise
        yield from self.write_headers(file)

    def delete(self, file: File) -> Procedure:
        """Free headers and blocks of a file that no directory names any more."""
        for fid in (file.fid, *file.extensions):
            yield from self._give_fid(fid)
        yield from self._give(file.extents)

    # -- directories

    def versions(self, directory: File) -> Procedure:
        """Read a directory; returns a list of Version in order."""
        data = yield from self.read(directory, 1, directory.used_blocks)
        try:
            return list(unpack_directory(data))
        except ValueError:
            raise system_failure("BADIRECTORY", "bad directory file format") from None

    def _save_directory(self, directory: File, versions: list[Version]) -> Procedure:
        data = pack_directory(versions)
        size_bytes, old, given = len(data), b"", []
        if size_bytes > directory.block_count * BLOCK_BYTES:
            # A directory is contiguous: a larger one stands elsewhere.
            given = directory.extents
            directory.extents = yield from self._allocate(2 * size_bytes // BLOCK_BYTES, contiguous=True)
        else:
            old = yield from self.read(directory, 1, directory.block_count)
        data += pack_directory(()) * (directory.block_count - size_bytes // BLOCK_BYTES)
        for start in range(0, len(data), BLOCK_BYTES):
            block = data[start : start + BLOCK_BYTES]
            if old[start : start + BLOCK_BYTES] != block:
                yield from self.write(directory, start // BLOCK_BYTES + 1, block)
        if given or directory.size_bytes != size_bytes:
            directory.size_bytes = size_bytes
            yield from self.write_headers(directory)
        if given:
            yield from self._give(given)

    def directory(self, path: tuple[str, ...]) -> Procedure:
        """Find a directory by names, outermost first; returns a File."""
        directory: File = yield from self.file(_MFD)
        for name in path:
            for each in (yield from self.versions(directory)):
                if each.name == f"{name}.{DIRECTORY_TYPE}":
                    directory = yield from self.file(each.fid)
                    break
            else:
                self._no_directory()
            if not directory.is_directory:
                self._no_directory()
        return directory

    def _no_directory(self) -> NoReturn:
        raise Failure(
            Message("RMS", "E", "DNF", "directory not found"),
            Message("SYSTEM", "W", "NOSUCHFILE", "no such file", continued=True),
        )

    def find(self, spec: FileSpec) -> Procedure:
        """Find what a specification means in its directory; returns (directory, list of Version).

        Without a version it means the highest of each name.
        """
        directory: File = yield from self.directory(spec.directory)
        found: list[Version] = []
        for each in (yield from self.versions(directory)):
            if spec.matches(each.name, each.version) and not (
                spec.version == LATEST and found and found[-1].name == each.name
            ):
                found.append(each)
        if not found:
            raise Failure(Message("RMS", "E", "FNF", "file not found"))
        return directory, found

    def enter(self, directory: File, file: File, name: str, version: int, limit: int) -> Procedure:
        """Name a file in a directory; one that cannot be named is deleted."""
        versions: list[Version] = yield from self.versions(directory)
        versions.append(Version(name, version, file.fid, limit))
        try:
            yield from self._save_directory(directory, versions)
        except Failure:
            yield from self.delete(file)
            raise

    def next_version(self, directory: File, spec: FileSpec) -> Procedure:
        """The version a new file of this name gets; raises Failure when it is there already."""
        taken = [v.version for v in (yield from self.versions(directory)) if v.name == spec.full_name]
        version = spec.version or max(taken, default=0) + 1
        if version in taken:
            raise Failure(Message("RMS", "E", "FEX", "file already exists, not superseded"))
        return version

    def remove(self, directory: File, version: Version) -> Procedure:
        """Take a name out of a directory, and delete its file."""
        file: File = yield from self.file(version.fid)
        if version.fid.number <= self._home.resfiles:
            raise system_failure("NOPRIV", f"{version.name} is a reserved file, it cannot be deleted", "F")
        if file.is_directory and (yield from self.versions(file)):
            raise system_failure("DIRNOTEMPTY", "directory file is not empty", "F")
        versions: list[Version] = yield from self.versions(directory)
        versions.remove(version)
        yield from self._save_directory(directory, versions)
        yield from self.delete(file)

    def create_directory(self, path: tuple[str, ...]) -> Procedure:
        """Make a directory, and those above it that are missing; returns False when it was there."""
        directory: File = yield from self.file(_MFD)
        made = False
        for name in path:
            full = f"{name}.{DIRECTORY_TYPE}"
            for each in (yield from self.versions(directory)):
                if each.name == full:
                    directory = yield from self.file(each.fid)
                    break
            else:
                records = RecordAttributes(RTYPE.VARIABLE, RATTRIB.NOSPAN, BLOCK_BYTES, BLOCK_BYTES)
                new: File = yield from self.create(
                    directory,
                    f"{full};1",
                    records,
                    1,
                    characteristics=int(FH2.DIRECTORY | FH2.CONTIG),
                    contiguous=True,
                )
                new.size_bytes = BLOCK_BYTES
                yield from self.write(new, 1, pack_directory(()) * new.block_count)
                yield from self.write_headers(new)
                yield from self.enter(directory, new, full, 1, 1)
                directory, made = new, True
        return made


def _joined(extents: list[Extent]) -> list[Extent]:
    """The same blocks in as few extents as there can be."""
    joined: list[Extent] = []
    for extent in extents:
        if joined and joined[-1].end == extent.lbn:
            joined[-1] = replace(joined[-1], block_count=joined[-1].block_count + extent.block_count)
        else:
            joined.append(extent)
    return joined
