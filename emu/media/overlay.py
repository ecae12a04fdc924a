"""Copy on write: what is written stays in memory, the device below never changes.

Chunks of 16 blocks hold what was written, each with a mask of its changed blocks, so that a WRITE
never needs to read the device below.  `lbn` and counts are blocks of 512 bytes.
"""

from collections.abc import Iterator, Sequence

from emu.core.block import BLOCK_BYTES, BlockDevice, BlockRequest, Function
from emu.core.views import split
from emu.media.copying import copy_through_buffer
from emu.media.procedure import Procedure, Steps

CHUNK_BLOCKS = 16
_CHUNK_BYTES = CHUNK_BLOCKS * BLOCK_BYTES

_READ = int(Function.READ)
_WRITE = int(Function.WRITE)
_ERASE = int(Function.ERASE)
_COPY = int(Function.COPY)
_FLUSH = int(Function.FLUSH)


class OverlayDevice:
    """A device of its own on top of `base`, writable also where `base` is not."""

    descriptor: int | None = None
    write_protected = False

    def __init__(self, base: BlockDevice) -> None:
        self._base = base
        self.block_count = base.block_count
        self._chunks: dict[int, memoryview] = {}
        self._masks: dict[int, int] = {}  # bit n: block n of the chunk is changed

    @property
    def changed_blocks(self) -> int:
        return sum(mask.bit_count() for mask in self._masks.values())

    def discard(self) -> None:
        """Forget every change: the device is again what `base` is."""
        self._chunks.clear()
        self._masks.clear()

    def submit(self, request: BlockRequest) -> None:
        function = request.function
        if function == _READ:
            Procedure(request, lambda piece: self._read(request, piece)).start()
        elif function == _COPY:
            copy_through_buffer(self, request)
        else:
            if function == _WRITE:
                self._write(request.lbn, request.views)
            elif function == _ERASE:
                self._erase(request.lbn, -(-request.byte_count // BLOCK_BYTES))
            else:
                assert function == _FLUSH, "a request has one of the five functions"
            request.done(None)

    def close(self) -> None:
        """Close `base`, and lose every change."""
        self.discard()
        self._base.close()

    def _read(self, request: BlockRequest, piece: Procedure) -> Steps:
        """Read run by run, in order: what lies before a bad block of `base` has been read."""
        piece.function = _READ
        views = request.views
        rest = request.byte_count
        for changed, lbn, blocks in self._runs(request.lbn, -(-rest // BLOCK_BYTES)):
            length = min(blocks * BLOCK_BYTES, rest)
            rest -= length
            run, views = split(views, length)
            if changed:
                first = lbn % CHUNK_BLOCKS * BLOCK_BYTES
                for view in run:
                    view[:] = self._chunks[lbn // CHUNK_BLOCKS][first : first + len(view)]
                    first += len(view)
            else:
                piece.lbn = lbn
                piece.byte_count = length
                piece.views = run
                error = yield self._base
                if error is not None:
                    return error
        return None

    def _runs(self, lbn: int, blocks: int) -> Iterator[tuple[bool, int, int]]:
        """Cut an extent into changed runs, each within one chunk, and unchanged ones."""
        end = lbn + blocks
        unchanged = lbn  # where the unchanged run that is growing began
        while lbn < end:
            chunk, first = divmod(lbn, CHUNK_BLOCKS)
            mask = self._masks.get(chunk, 0) >> first
            if mask & 1:
                if unchanged < lbn:
                    yield False, unchanged, lbn - unchanged
                run = (~mask & mask + 1).bit_length() - 1  # trailing ones
                run = min(run, end - lbn)
                yield True, lbn, run
                lbn = unchanged = lbn + run
            else:
                run = (mask & -mask).bit_length() - 1 if mask else CHUNK_BLOCKS - first  # trailing zeros
                lbn = min(lbn + run, end)
        if unchanged < end:
            yield False, unchanged, end - unchanged

    def _write(self, lbn: int, views: Sequence[memoryview]) -> None:
        position = lbn * BLOCK_BYTES
        for view in views:
            taken = 0
            while taken < len(view):
                chunk, first = divmod(position, _CHUNK_BYTES)
                length = min(_CHUNK_BYTES - first, len(view) - taken)
                self._change(chunk, first, view[taken : taken + length])
                taken += length
                position += length
        if position % BLOCK_BYTES:
            chunk, first = divmod(position, _CHUNK_BYTES)
            self._change(chunk, first, memoryview(bytes(-position % BLOCK_BYTES)))

    def _erase(self, lbn: int, blocks: int) -> None:
        zeros = memoryview(bytes(_CHUNK_BYTES))
        end = lbn + blocks
        while lbn < end:
            chunk, first = divmod(lbn, CHUNK_BLOCKS)
            run = min(CHUNK_BLOCKS - first, end - lbn)
            self._change(chunk, first * BLOCK_BYTES, zeros[: run * BLOCK_BYTES])
            lbn += run

    def _change(self, chunk: int, first: int, data: memoryview) -> None:
        """Put bytes into a chunk; blocks that it touches count as changed from now on."""
        content = self._chunks.get(chunk)
        if content is None:
            content = self._chunks[chunk] = memoryview(bytearray(_CHUNK_BYTES))
            self._masks[chunk] = 0
        content[first : first + len(data)] = data
        first_block = first // BLOCK_BYTES
        end_block = -(-(first + len(data)) // BLOCK_BYTES)
        self._masks[chunk] |= (1 << end_block) - (1 << first_block)
