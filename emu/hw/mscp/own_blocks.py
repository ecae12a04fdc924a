"""A drive's own blocks: what it has behind the host's, in a store of its own.

(spec "MSCP", forced error, RCT and bad block replacement.)  In order: an owner's block, the copies of the replacement
control table, the replacement blocks (RBNs), the list of which blocks they stand for, and the list of extents with
forced errors.  Blocks have 512 bytes.
"""

# DEVIATION: a real drive has all of this on its platters.  Here it is beside the image, which stays the host's blocks
# and nothing else: in a store that the shell provides (a file IMAGE.rct), or in memory until the medium leaves.

from collections.abc import Iterable, Iterator, Sequence

from emu.core.block import BLOCK_BYTES, BlockDevice, BlockRequest, Function, MediumError
from emu.hw.firmware import DriveType
from emu.wire.codes.mscp import RCT_ENTRY
from emu.wire.generated.mscp import ReplacementControl
from emu.wire.layouts.own_blocks import OWNER, LayoutError

DESCRIPTORS = BLOCK_BYTES // 4  # of a table block
TABLE_HEAD_BLOCKS = 2  # state and saved data, before the descriptors
FORCED_EXTENTS = 8191

_READ = int(Function.READ)
_WRITE = int(Function.WRITE)
_ERASE = int(Function.ERASE)
_FLUSH = int(Function.FLUSH)
_NULL = RCT_ENTRY.NULL << 28
_BLANK = bytes(BLOCK_BYTES)

Pair = tuple[int, int]


class OwnBlocks:
    """The own blocks of one drive.

    volume_serial: as the table's first block tells it.  A fresh table has every replacement block free.
    store: where they are kept; it answers at once.  None is memory.

    Raises:
        ValueError: the store is too small, or another drive's.
    """

    def __init__(self, drive: DriveType, volume_serial: int, store: BlockDevice | None = None) -> None:
        self._drive = drive
        self._volume_serial = volume_serial
        self._table_blocks = drive.rct_size * drive.rct_copies
        self._replacements = 1 + self._table_blocks
        self._revectors = self._replacements + drive.rbns
        self._forced = self._revectors + _list_blocks(drive.rbns)
        self.store: BlockDevice = store or VolatileBlocks(own_block_count(drive))
        self._formatted = store is not None and self._is_ours()

    def _is_ours(self) -> bool:
        """Whether the store has been written before; raises ValueError."""
        if self.store.block_count < own_block_count(self._drive):
            raise ValueError(f"an {self._drive.name} has {own_block_count(self._drive)} blocks of its own")
        first = self._read(0)
        if first == _BLANK:
            return False
        try:
            owner = OWNER.parse(first)
        except LayoutError as error:
            raise ValueError("what is kept beside its image (.rct) is not a drive's own blocks") from error
        if (owner.unit_size, owner.table_blocks, owner.rbns) != self._shape:
            raise ValueError(
                f"what is kept beside its image (.rct) is of a drive of {owner.unit_size} blocks, "
                f"an {self._drive.name} has {self._drive.block_count}"
            )
        return True

    @property
    def _shape(self) -> tuple[int, int, int]:
        return self._drive.block_count, self._table_blocks, self._drive.rbns

    # ---- the table

    def read_table(self, index: int) -> bytes:
        """Read a block of the table; blocks count through all copies."""
        return self._read(1 + index) if self._formatted else self._fresh(index % self._drive.rct_size)

    def write_table(self, index: int, data: bytes) -> None:
        """Write one; raises MediumError."""
        assert len(data) == BLOCK_BYTES, "the table is written in whole blocks"
        self._write(1 + index, data)

    def _fresh(self, place: int) -> bytes:
        if place == 0:
            return ReplacementControl(vser=self._volume_serial).pack()
        block = memoryview(bytearray(BLOCK_BYTES))
        if place >= TABLE_HEAD_BLOCKS:
            descriptors = block.cast("I")
            used = self._drive.rbns - (place - TABLE_HEAD_BLOCKS) * DESCRIPTORS
            for index in range(max(used, 0), DESCRIPTORS):
                descriptors[index] = _NULL
        return bytes(block)

    # ---- the rest

    def replacement_block(self, rbn: int) -> int:
        """Return where in the store a replacement block is."""
        return self._replacements + rbn

    def clear_replacement(self, rbn: int) -> None:
        """Make a replacement block blank; raises MediumError."""
        self._write(self._replacements + rbn, _BLANK)

    def revectors(self) -> list[Pair]:
        """List which blocks have a replacement block: LBN and RBN."""
        return self._read_list(self._revectors)

    def save_revectors(self, pairs: Sequence[Pair]) -> None:
        """Keep that list; raises MediumError."""
        self._write_list(self._revectors, pairs)

    def forced_extents(self) -> list[Pair]:
        """List the extents with forced errors: first LBN, and the one behind the last."""
        return self._read_list(self._forced)

    def save_forced_extents(self, pairs: Sequence[Pair]) -> None:
        """Keep that list; raises MediumError."""
        if len(pairs) > FORCED_EXTENTS:
            raise MediumError(f"there is room for {FORCED_EXTENTS} extents with forced errors")
        self._write_list(self._forced, pairs)

    def _read_list(self, place: int) -> list[Pair]:
        if not self._formatted:
            return []
        count = memoryview(self._read(place)).cast("I")[0]
        numbers = memoryview(self._read(place, _list_blocks(count))).cast("I").tolist()
        return [(numbers[index], numbers[index + 1]) for index in range(2, 2 + 2 * count, 2)]

    def _write_list(self, place: int, pairs: Sequence[Pair]) -> None:
        """Write a list: its length, an unused longword, and the pairs."""
        data = memoryview(bytearray(_list_blocks(len(pairs)) * BLOCK_BYTES))
        numbers = data.cast("I")
        numbers[0] = len(pairs)
        for index, (one, other) in enumerate(pairs, 1):
            numbers[2 * index], numbers[2 * index + 1] = one, other
        self._write(place, data)

    def flush(self) -> None:
        """Make all of it durable; raises MediumError."""
        self._do(_FLUSH, 0, memoryview(b""))

    # ---- the store

    def _read(self, place: int, blocks: int = 1) -> bytes:
        data = bytearray(blocks * BLOCK_BYTES)
        self._do(_READ, place, memoryview(data))
        return bytes(data)

    def _write(self, place: int, data: bytes | memoryview) -> None:
        if not self._formatted:
            self._formatted = True
            for index, block in self._first_blocks():
                self._do(_WRITE, index, memoryview(block))
        self._do(_WRITE, place, memoryview(data))

    def _first_blocks(self) -> Iterator[tuple[int, bytes]]:
        unit_size, table_blocks, rbns = self._shape
        yield 0, OWNER.build({"unit_size": unit_size, "table_blocks": table_blocks, "rbns": rbns})
        for index in range(table_blocks):
            block = self._fresh(index % self._drive.rct_size)
            if block != _BLANK:
                yield 1 + index, block

    def _do(self, function: int, place: int, data: memoryview) -> None:
        request = _Request(function, place, data)
        self.store.submit(request)
        assert request.answered, "the store of a drive's own blocks answers at once"
        if request.error is not None:
            raise request.error


def own_block_count(drive: DriveType) -> int:
    """Say how many blocks of its own a drive has."""
    table_blocks = drive.rct_size * drive.rct_copies
    return 1 + table_blocks + drive.rbns + _list_blocks(drive.rbns) + _list_blocks(FORCED_EXTENTS)


def _list_blocks(pairs: int) -> int:
    """Say how many blocks a list of so many pairs takes."""
    return -(-8 * (pairs + 1) // BLOCK_BYTES)


class _Request(BlockRequest):
    """A request of the drive itself."""

    __slots__ = ("answered", "error")

    def __init__(self, function: int, place: int, data: memoryview) -> None:
        self.function = function
        self.lbn = place
        self.byte_count = len(data)
        self.views = (data,)
        self.answered = False
        self.error: MediumError | None = None

    def done(self, error: MediumError | None) -> None:
        self.answered = True
        self.error = error


class VolatileBlocks:
    """Blocks in memory, of which only those that were written take room."""

    descriptor: int | None = None
    write_protected = False

    def __init__(self, block_count: int) -> None:
        self.block_count = block_count
        self._blocks: dict[int, bytes] = {}

    def submit(self, request: BlockRequest) -> None:
        place, blocks = request.lbn, -(-request.byte_count // BLOCK_BYTES)
        if request.function == _READ:
            data = b"".join(self._blocks.get(place + index, _BLANK) for index in range(blocks))
            _scatter(data, request.views)
        elif request.function == _WRITE:
            data = b"".join(request.views)
            for index in range(blocks):
                block = data[index * BLOCK_BYTES : (index + 1) * BLOCK_BYTES]
                self._blocks[place + index] = block + bytes(BLOCK_BYTES - len(block))
        elif request.function == _ERASE:
            for index in range(blocks):
                self._blocks.pop(place + index, None)
        request.done(None)

    def close(self) -> None:
        """Nothing is held open."""


def _scatter(data: bytes, views: Iterable[memoryview]) -> None:
    place = 0
    for view in views:
        view[:] = data[place : place + len(view)]
        place += len(view)
