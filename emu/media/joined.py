"""Block devices end to end as one: the first block of each follows the last of the one before.

A request that lies in one part goes down whole, renumbered; one that crosses a seam is done part by
part, in order.  `lbn` and counts are blocks of 512 bytes, lengths are bytes.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

from emu.core.block import BLOCK_BYTES, BlockDevice, BlockRequest, CopySourceError, Function, MediumError
from emu.core.views import split
from emu.media.copying import copies_onto_itself_ahead, copy_through_buffer, whole_blocks_bytes
from emu.media.procedure import Procedure, Steps

_WRITE = int(Function.WRITE)
_ERASE = int(Function.ERASE)
_COPY = int(Function.COPY)
_FLUSH = int(Function.FLUSH)


class _Renumbered(BlockRequest):
    """A request as one part sees it.  It is used again when it has been answered."""

    __slots__ = ("_idle", "start", "whole")

    whole: BlockRequest | None
    start: int

    def __init__(self, idle: "list[_Renumbered]") -> None:
        self._idle = idle

    def done(self, error: MediumError | None) -> None:
        whole = self.whole
        assert whole is not None, "a request is answered once"
        if error is not None:
            error = _moved(error, self.start)
        self.whole = None
        self.views = ()
        self._idle.append(self)
        whole.done(error)


class JoinedDevice:
    """Several devices as one.

    Parts that take their time keep the memory of a request until they have answered, whatever becomes
    of the request meanwhile: a slow device goes around the joined one, not into it, where that matters.
    """

    # No single file has all the blocks.
    descriptor: int | None = None

    def __init__(self, *parts: BlockDevice) -> None:
        assert parts, "there is something to join"
        assert all(part.block_count > 0 for part in parts), "every part has a first block"
        self.parts = parts
        self.starts: Sequence[int] = [0, *accumulate(part.block_count for part in parts[:-1])]
        self.block_count = sum(part.block_count for part in parts)
        self._idle: list[_Renumbered] = []

    @property
    def write_protected(self) -> bool:
        return any(part.write_protected for part in self.parts)

    def submit(self, request: BlockRequest) -> None:
        function = request.function
        if function > _ERASE:
            self._submit_other(request)
            return
        lbn = request.lbn
        starts = self.starts
        index = bisect_right(starts, lbn) - 1
        part, start = self.parts[index], starts[index]
        if lbn - start + (request.byte_count + BLOCK_BYTES - 1) // BLOCK_BYTES > part.block_count:
            Procedure(request, lambda piece: self._part_by_part(request, piece)).start()
        elif not start:
            part.submit(request)
        else:
            renumbered = self._idle.pop() if self._idle else _Renumbered(self._idle)
            renumbered.whole = request
            renumbered.start = start
            renumbered.function = function
            renumbered.lbn = lbn - start
            renumbered.byte_count = request.byte_count
            renumbered.views = request.views
            part.submit(renumbered)

    def close(self) -> None:
        """Close every part."""
        for part in self.parts:
            part.close()

    def _submit_other(self, request: BlockRequest) -> None:
        if request.function == _FLUSH:
            Procedure(request, self._flush).start()
            return
        assert request.function == _COPY, "a request has one of the five functions"
        source = request.source
        # Only where both are cut at the same blocks do the numbers in a part tell what they tell as a
        # whole: whether a copy onto the same device would overtake itself.
        if isinstance(source, JoinedDevice) and source.starts == self.starts:
            Procedure(request, lambda piece: self._copy(source, request, piece)).start()
        else:
            copy_through_buffer(self, request)

    def _flush(self, piece: Procedure) -> Steps:
        """Flush every part, whatever the others answer; the first error is the answer."""
        first: MediumError | None = None
        piece.function = _FLUSH
        for part in self.parts:
            error = yield part
            first = first or error
        return first

    def _part_by_part(self, request: BlockRequest, piece: Procedure) -> Steps:
        piece.function = request.function
        views, rest = request.views, request.byte_count
        for index, lbn, blocks in self._extents(request.lbn, whole_blocks_bytes(rest) // BLOCK_BYTES):
            start = self.starts[index]
            length = min(blocks * BLOCK_BYTES, rest)
            rest -= length
            piece.lbn = lbn - start
            piece.byte_count = length
            piece.views = ()
            if request.function <= _WRITE:
                piece.views, views = split(views, length)
            error = yield self.parts[index]
            if error is not None:
                return _moved(error, start)
        return None

    def _copy(self, source: "JoinedDevice", request: BlockRequest, piece: Procedure) -> Steps:
        """Copy from part to part, cut at the seams of both."""
        total = whole_blocks_bytes(request.byte_count) // BLOCK_BYTES
        shift = request.lbn - request.source_lbn
        extents = [
            (index, source_index, source_lbn, blocks)
            for index, lbn, count in self._extents(request.lbn, total)
            for source_index, source_lbn, blocks in source._extents(lbn - shift, count)
        ]
        if copies_onto_itself_ahead(request):
            extents.reverse()
        piece.function = _COPY
        piece.views = ()
        for index, source_index, source_lbn, blocks in extents:
            start, source_start = self.starts[index], source.starts[source_index]
            piece.lbn = source_lbn + shift - start
            piece.byte_count = blocks * BLOCK_BYTES
            piece.source = source.parts[source_index]
            piece.source_lbn = source_lbn - source_start
            error = yield self.parts[index]
            if error is not None:
                return _moved(error, source_start if isinstance(error, CopySourceError) else start)
        return None

    def _extents(self, lbn: int, blocks: int) -> Iterator[tuple[int, int, int]]:
        """Cut an extent at the seams: (index of the part, LBN, blocks)."""
        index = bisect_right(self.starts, lbn) - 1
        while blocks:
            end = self.starts[index] + self.parts[index].block_count
            run = min(blocks, end - lbn)
            yield index, lbn, run
            lbn += run
            blocks -= run
            index += 1


def _moved(error: MediumError, start: int) -> MediumError:
    """The error of a part that begins at block `start`, as one of the whole."""
    if error.lbn is None or not start:
        return error
    return type(error)(str(error), error.lbn + start)
