"""COPY for devices that cannot ask the kernel: read from the source, write on the target.

Sizes are bytes, `lbn` counts blocks of 512.
"""

from emu.core.block import BLOCK_BYTES, BlockDevice, BlockRequest, CopySourceError, Function
from emu.media.procedure import Procedure, Steps

PIECE_BYTES = 1 << 20

_READ = int(Function.READ)
_WRITE = int(Function.WRITE)


def whole_blocks_bytes(byte_count: int) -> int:
    """Round up to whole blocks: COPY and ERASE know no part of a block."""
    return (byte_count + BLOCK_BYTES - 1) & -BLOCK_BYTES


def copies_onto_itself_ahead(request: BlockRequest) -> bool:
    """Say whether a COPY from the first block on would read what it has already overwritten.

    That needs source and target to be the same blocks; a wrapper can hide that they are, so block
    numbers alone decide.
    """
    ahead = request.lbn - request.source_lbn
    return ahead > 0 and ahead * BLOCK_BYTES < request.byte_count


def copy_through_buffer(device: BlockDevice, request: BlockRequest) -> None:
    """Carry out a COPY onto `device` by READ and WRITE, in pieces of at most `PIECE_BYTES`.

    Answers `request` with `CopySourceError` when the source failed, with the target's own error
    when the target did.  Either may complete later.
    """
    Procedure(request, lambda piece: _copy(device, request, piece)).start()


def _copy(device: BlockDevice, request: BlockRequest, piece: Procedure) -> Steps:
    source = request.source
    assert source is not None, "a COPY names its source"
    total = whole_blocks_bytes(request.byte_count)
    offsets = range(0, total, PIECE_BYTES)
    if copies_onto_itself_ahead(request):
        offsets = offsets[::-1]
    buffer = memoryview(bytearray(min(total, PIECE_BYTES)))
    for offset in offsets:
        length = min(PIECE_BYTES, total - offset)
        block = offset // BLOCK_BYTES
        piece.byte_count = length
        piece.views = (buffer[:length],)
        piece.function = _READ
        piece.lbn = request.source_lbn + block
        error = yield source
        if error is not None:
            return CopySourceError(str(error), error.lbn)
        piece.function = _WRITE
        piece.lbn = request.lbn + block
        error = yield device
        if error is not None:
            return error
    return None
