"""The structure INITIALIZE gives to a volume: home blocks, index file, storage bitmap, master file directory.

    VBN of INDEXF.SYS   1             boot block                        LBN 0
                        2 to 2c       home block, and its copies        LBN 1
                        2c+1 to 3c    alternate home block
                        3c+1          backup of the index file header
                        4c+1          index file bitmap, and behind it the headers, file 1 first

c is the cluster factor.  (Files-11 On-Disk Structure Specification, section 5; defaults of the DCL Dictionary.)

DEVIATION: where alternate home blocks stand depends on sectors, tracks and cylinders, of which disks here know
nothing: the volume counts as one track, its search delta is 1.  LBN 0 holds no program.

DEVIATION: INITIALIZE/INDEX is BEGINNING unless said otherwise, where V7.3 takes the MIDDLE.  The blocks behind the
structure can so be used by programs that want blocks and no files.

DEVIATION: SECURITY.SYS is there with six blocks of zeros; what V7.3 keeps in it is not published.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from bitarray import bitarray

from drivers.files.directory import Version, pack_directory
from drivers.files.headers import (
    DEFAULT_PROTECTION,
    RECORD_PROTECTION,
    STRUCTURE_LEVEL,
    Extent,
    File,
    FileId,
    RecordAttributes,
    pack_headers,
)
from drivers.files.storage_map import BITS_PER_BLOCK, DeviceFull, StorageMap, bitmap_blocks
from drivers.message import Failure, Message
from emu.core.block import BLOCK_BYTES
from emu.wire.codes.ods2 import (
    CHECKSUM1_WORDS,
    CHECKSUM2_WORDS,
    FH2,
    FID,
    HOME_BLOCK_LBN,
    RATTRIB,
    RTYPE,
    STRUCTURE_NAME,
    ods2_checksum,
)
from emu.wire.generated.ods2 import HomeBlock

LABEL_BYTES = 12
SYSTEM_UIC = 1 << 16 | 4  # [1,4]
SMALL_VOLUME_BLOCKS = 50_000  # below, a cluster is one block
LARGE_CLUSTER_BLOCKS = 3
USUAL_BITMAP_BITS = 255 * BITS_PER_BLOCK  # the cluster factor grows so that the storage bitmap does not
CLUSTER_LIMIT_BLOCKS = 16_382
LEAST_HEADERS = 16
FILES_LIMIT = (1 << 24) - 1
SECURITY_BLOCKS = 6
MFD_NAME = "000000.DIR"
MFD_PROTECTION = 0xBA00  # S:RWED, O:RWED, G:RE, W:E
WINDOW_POINTERS = 7
DIRECTORY_CACHE = 3
EXTEND_BLOCKS = 5

# As a volume has them that VMS V7.3 initialized on a VAX.
_RECORD_BYTES = {FID.VOLSET: 64, FID.BACKUP: 64, FID.BADLOG: 16}


class IndexPlace(Enum):
    """Where /INDEX puts the index file."""

    BEGINNING = "from the first block on"
    MIDDLE = "around the middle block"
    END = "at the end"


@dataclass(frozen=True, slots=True)
class VolumeOptions:
    """What qualifiers of INITIALIZE say; 0 takes the default.

    index: where index file, directory and storage bitmap go; a place, or an LBN.  characteristics: HM2 bits.
    """

    label: str = ""
    owner_name: str = ""
    owner: int = SYSTEM_UIC
    cluster_blocks: int = 0
    maximum_files: int = 0
    headers: int = LEAST_HEADERS
    index: IndexPlace | int = IndexPlace.BEGINNING
    characteristics: int = 0


class FreshVolume:
    """The structure of a volume of `block_count` blocks; raises Failure when it cannot have one."""

    def __init__(self, block_count: int, options: VolumeOptions) -> None:
        self.block_count = block_count
        self._options = options
        self.cluster_blocks = cluster = options.cluster_blocks or _default_cluster(block_count)
        if not 1 <= cluster <= min(CLUSTER_LIMIT_BLOCKS, max(1, block_count // 50)):
            raise Failure(Message("INIT", "F", "CLUSTER", "unsuitable cluster factor"))
        most = min(block_count // (cluster + 1), FILES_LIMIT)
        files = options.maximum_files or max(block_count // ((cluster + 1) * 2), LEAST_HEADERS)
        self.maximum_files = min(max(files, LEAST_HEADERS), most)
        self._index_map_blocks = bitmap_blocks(self.maximum_files)
        self._map_blocks = bitmap_blocks(-(-block_count // cluster))
        self.headers = min(max(options.headers, LEAST_HEADERS), self.maximum_files)
        self._space = StorageMap.fresh(block_count, cluster)
        try:
            if self._index_lbn >= block_count:
                raise DeviceFull
            self._place()
        except DeviceFull:
            raise Failure(Message("INIT", "F", "ALLOCFAIL", "index file allocation failure")) from None

    @property
    def _index_lbn(self) -> int:
        place = self._options.index
        if isinstance(place, int):
            return place
        if place is IndexPlace.BEGINNING:
            return 0
        if place is IndexPlace.MIDDLE:
            return self.block_count // 2
        pieces = (self._index_map_blocks + self.headers, 1, SECURITY_BLOCKS, 1 + self._map_blocks)
        # The last cluster may not be whole.
        clusters = 1 + sum(-(-piece // self.cluster_blocks) for piece in pieces)
        return max(0, self.block_count - clusters * self.cluster_blocks)

    def _place(self) -> None:
        cluster, near = self.cluster_blocks, self._index_lbn
        first = Extent(0, 4 * cluster)
        if not self._space.is_free(first):
            raise DeviceFull
        self._space.take(first)
        (index,) = self._allocate(self._index_map_blocks + self.headers, near)
        self._index_map_lbn = index.lbn
        contiguous = first.end == index.lbn
        self._index = [Extent(0, index.end)] if contiguous else [first, index]
        (self._mfd,) = self._allocate(1, near)
        (self._security,) = self._allocate(SECURITY_BLOCKS, near)
        (self._bitmap,) = self._allocate(1 + self._map_blocks, near)

    def _allocate(self, block_count: int, near: int) -> list[Extent]:
        return self._space.allocate(block_count, contiguous=True, near=min(near, self.block_count - 1))

    @property
    def scb_lbn(self) -> int:
        """Where the storage control block is to go: the first block of BITMAP.SYS."""
        return self._bitmap.lbn

    def blocks(self, now: int, control_block: bytes) -> Iterator[tuple[int, bytes]]:
        """Make all there is to write: (first LBN, blocks).  now: a VMS time.

        The home block comes last: a volume half made is none.
        """
        files = self._files(now)
        headers = b"".join(header for file in files for header in pack_headers(file))
        numbers = bitarray(self._index_map_blocks * BITS_PER_BLOCK, "little")
        numbers.setall(0)
        numbers[: len(files)] = 1
        backup = 3 * self.cluster_blocks
        yield self._index_map_lbn, numbers.tobytes() + headers
        yield backup, headers[:BLOCK_BYTES]
        directory = pack_directory(Version(file.name[:-2], 1, file.fid, 1) for file in files)
        yield self._mfd.lbn, directory + pack_directory(()) * (self._mfd.block_count - 1)
        yield self._security.lbn, bytes(self._security.block_count * BLOCK_BYTES)
        yield self._bitmap.lbn, control_block + self._space.pack()
        yield 0, bytes(BLOCK_BYTES) + self._home_blocks(now)

    def _files(self, now: int) -> list[File]:
        extents = {
            FID.INDEXF: self._index,
            FID.BITMAP: [self._bitmap],
            FID.MFD: [self._mfd],
            FID.SECURITY: [self._security],
        }
        files = []
        for fid in FID:
            record_bytes = _RECORD_BYTES.get(fid, BLOCK_BYTES)
            file = File(
                FileId(fid, fid),
                f"{fid.words};1",
                RecordAttributes(RTYPE.FIXED, longest=record_bytes, maximum=record_bytes),
                extents.get(fid, []),
                directory=FileId(FID.MFD, FID.MFD),
                owner=self._options.owner,
                created=now,
                revised=now,
            )
            file.size_bytes = file.block_count * BLOCK_BYTES
            if fid in extents and fid is not FID.INDEXF:
                file.characteristics |= FH2.CONTIG
            files.append(file)
        index, mfd = files[FID.INDEXF - 1], files[FID.MFD - 1]
        index.size_bytes = (4 * self.cluster_blocks + self._index_map_blocks + len(files)) * BLOCK_BYTES
        bitmap = files[FID.BITMAP - 1]
        bitmap.size_bytes = (1 + self._map_blocks) * BLOCK_BYTES
        mfd.size_bytes = BLOCK_BYTES
        mfd.records = RecordAttributes(RTYPE.VARIABLE, RATTRIB.NOSPAN, BLOCK_BYTES, BLOCK_BYTES)
        mfd.characteristics |= FH2.DIRECTORY
        mfd.protection = MFD_PROTECTION
        return files

    def _home_blocks(self, now: int) -> bytes:
        """The primary home block with its copies, then the alternate ones."""
        return b"".join(self._home_block(now, lbn) for lbn in range(HOME_BLOCK_LBN, 3 * self.cluster_blocks))

    def _home_block(self, now: int, lbn: int) -> bytes:
        cluster, options = self.cluster_blocks, self._options
        block = HomeBlock(
            homelbn=lbn,
            alhomelbn=2 * cluster,
            altidxlbn=3 * cluster,
            struclev=STRUCTURE_LEVEL,
            cluster=cluster,
            homevbn=lbn + 1,
            alhomevbn=2 * cluster + 1,
            altidxvbn=3 * cluster + 1,
            ibmapvbn=4 * cluster + 1,
            ibmaplbn=self._index_map_lbn,
            maxfiles=self.maximum_files,
            ibmapsize=self._index_map_blocks,
            resfiles=len(FID),
            volchar=options.characteristics,
            volowner=options.owner,
            fileprot=DEFAULT_PROTECTION,
            recprot=RECORD_PROTECTION,
            credate=now,
            window=WINDOW_POINTERS,
            lru_lim=DIRECTORY_CACHE,
            extend=EXTEND_BLOCKS,
            strucname=b" " * LABEL_BYTES,
            volname=options.label.encode("ascii").ljust(LABEL_BYTES),
            ownername=options.owner_name.encode("ascii").ljust(LABEL_BYTES),
            format=STRUCTURE_NAME,
        )
        return sealed_home_block(block)


def sealed_home_block(block: HomeBlock) -> bytes:
    """The bytes of a home block with both checksums."""
    block.checksum1 = ods2_checksum(block.pack(), CHECKSUM1_WORDS)
    block.checksum2 = ods2_checksum(block.pack(), CHECKSUM2_WORDS)
    return block.pack()


def _default_cluster(block_count: int) -> int:
    if block_count < SMALL_VOLUME_BLOCKS:
        return 1
    return max(LARGE_CLUSTER_BLOCKS, -(-block_count // USUAL_BITMAP_BITS))
