"""A medium in a raw image file: block n stands at byte 512 n, nothing else is in the file.

One transfer is one system call into, or out of, the memory of the request.  Nothing is buffered
here: what a WRITE was answered for is with the kernel, and a FLUSH makes it durable.  The file may be
sparse: ERASE makes holes where the file system can, large COPYs keep them.  An image is never created,
truncated or extended unasked, and an advisory lock keeps a second writer away for as long as it is open.

Sizes and offsets are bytes unless they say blocks.
"""

import ctypes
import errno
import fcntl
import os
import stat
from collections.abc import Callable, Sequence
from os import preadv, pwritev
from typing import Self

from emu.core.block import (
    BLOCK_BYTES,
    BlockRequest,
    CopySourceError,
    Function,
    MediumError,
    MediumWriteProtected,
)
from emu.core.views import split
from emu.media.copying import copies_onto_itself_ahead, copy_through_buffer, whole_blocks_bytes

IOV_MAX = 1024  # views one system call takes: UIO_MAXIOV of Linux
SPARSE_COPY_BYTES = 1 << 20  # from here on a COPY looks for holes; shorter ones are one system call
_BUFFER_BYTES = 1 << 20
_ZEROS = memoryview(bytes(_BUFFER_BYTES))

_READ = int(Function.READ)
_WRITE = int(Function.WRITE)
_ERASE = int(Function.ERASE)
_COPY = int(Function.COPY)
_FLUSH = int(Function.FLUSH)

PathName = str | os.PathLike[str]

# The C library has it since glibc 2.27; musl does not.
_copy_file_range: Callable[[int, int, int, int, int], int] | None = getattr(os, "copy_file_range", None)

_KEEP_SIZE_AND_PUNCH_HOLE = 0x01 | 0x02  # of fallocate(2)


def _find_fallocate() -> Callable[[int, int, int, int], int] | None:
    """Find fallocate in the C library; Python has only the one of POSIX, which makes no holes."""
    library = ctypes.CDLL(None, use_errno=True)
    fallocate = getattr(library, "fallocate64", None) or getattr(library, "fallocate", None)
    if fallocate is not None:
        fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    return fallocate


_fallocate = _find_fallocate()


class ImageError(Exception):
    """An image file that cannot be used; the text says why."""


class FileDevice:
    """One open image file.

    `FileDevice.open` and `FileDevice.create` make one; the constructor takes over a descriptor that
    is already open, unlocked and unchecked.
    """

    def __init__(self, descriptor: int, block_count: int, *, write_protected: bool) -> None:
        self.block_count = block_count
        self.write_protected = write_protected
        self._descriptor = descriptor
        self._size = block_count * BLOCK_BYTES
        self._writes_lost: str | None = None  # why, if a FLUSH has failed
        self._source_data = (-1, 0, 0)  # of the last large COPY: descriptor, ends of a run of data in it

    @classmethod
    def open(
        cls,
        path: PathName,
        *,
        read_only: bool = False,
        block_count: int | None = None,
        shared: bool = False,
    ) -> Self:
        """Open an image that exists; it is write-protected if `read_only`, or if nobody may write it.

        shared: others that open it so may write too; they take care of each other, as nodes of a cluster do.

        Raises:
            ImageError: no such image, not an image, not of the size wanted, or in use.
        """
        name = os.fspath(path)
        try:
            mode = os.stat(name).st_mode
            if stat.S_ISDIR(mode):
                raise ImageError(f"{name} is a directory, not an image")
            if not stat.S_ISREG(mode):
                raise ImageError(f"{name} is not a regular file")
            # The mode counts for the superuser too, whom `access` always lets write.
            writable = mode & 0o222 and os.access(name, os.W_OK, effective_ids=True)
            write_protected = read_only or not writable
            descriptor = os.open(name, os.O_RDONLY if write_protected else os.O_RDWR)
        except OSError as error:
            raise ImageError(f"{name} cannot be opened: {_reason(error)}") from error
        try:
            _lock(descriptor, name, write_protected or shared)
            size = os.fstat(descriptor).st_size
            _require_size(name, size, block_count)
        except ImageError:
            os.close(descriptor)
            raise
        return cls(descriptor, size // BLOCK_BYTES, write_protected=write_protected)

    @classmethod
    def create(cls, path: PathName, block_count: int) -> Self:
        """Make a new image of zeros, all of it a hole, and open it.

        Raises:
            ImageError: the file exists, or cannot be made this long.
        """
        name = os.fspath(path)
        if block_count < 1:
            raise ImageError(f"{name} cannot be created with {block_count} blocks")
        try:
            descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        except OSError as error:
            raise ImageError(f"{name} cannot be created: {_reason(error)}") from error
        try:
            _lock(descriptor, name, shared=False)
            os.truncate(descriptor, block_count * BLOCK_BYTES)
        except (ImageError, OSError, OverflowError) as error:
            os.unlink(name)
            os.close(descriptor)
            if isinstance(error, ImageError):
                raise
            raise ImageError(f"{name} cannot have {block_count} blocks: {_reason(error)}") from error
        return cls(descriptor, block_count, write_protected=False)

    @property
    def descriptor(self) -> int | None:
        return None if self._descriptor < 0 else self._descriptor

    def allocation(self, lbn: int, block_count: int) -> tuple[bool, int]:
        """Say whether block `lbn` has room in the file, and for how many blocks, at most `block_count`, that holds.

        Raises:
            MediumError: the file does not tell, because it is closed.
        """
        start = lbn * BLOCK_BYTES
        end = start + block_count * BLOCK_BYTES
        try:
            data, data_end = _next_data(self._descriptor, start, end)
        except OSError as error:
            raise MediumError(_reason(error)) from error
        if data < start + BLOCK_BYTES:
            return True, -(-(data_end - start) // BLOCK_BYTES)
        return False, (data - start) // BLOCK_BYTES

    def close(self) -> None:
        """Close the file and so release its lock; every later request fails."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def submit(self, request: BlockRequest) -> None:
        """Do a request at once.  An error of a READ or WRITE that names an LBN came after all before it."""
        function = request.function
        if function > _WRITE:
            self._submit_other(request)
            return
        error: MediumError | None = None
        try:
            views = request.views
            total = request.byte_count
            offset = request.lbn * BLOCK_BYTES
            if function == _READ:
                moved = preadv(self._descriptor, views if len(views) <= IOV_MAX else views[:IOV_MAX], offset)
                if moved != total:
                    self._move_rest(preadv, views, offset, moved, total)
            else:
                if total % BLOCK_BYTES:
                    views = [*views, _ZEROS[: -total % BLOCK_BYTES]]
                    total = whole_blocks_bytes(total)
                self._require_writable(offset + total)
                moved = pwritev(self._descriptor, views if len(views) <= IOV_MAX else views[:IOV_MAX], offset)
                if moved != total:
                    self._move_rest(pwritev, views, offset, moved, total)
        except MediumError as failure:
            error = failure.with_traceback(None)  # which holds this frame, and so the views
        except OSError as failure:
            error = MediumError(_reason(failure))
        request.done(error)

    def _submit_other(self, request: BlockRequest) -> None:
        function = request.function
        source = None
        if function == _COPY:
            assert request.source is not None, "a COPY names its source"
            source = request.source.descriptor
            if source is None or copies_onto_itself_ahead(request):
                copy_through_buffer(self, request)
                return
        error: MediumError | None = None
        try:
            if source is not None:
                self._copy(request, source)
            elif function == _ERASE:
                start = request.lbn * BLOCK_BYTES
                end = start + whole_blocks_bytes(request.byte_count)
                self._require_writable(end)
                if not self._punch_hole(start, end):
                    self._write_zeros(start, end)
            else:
                assert function == _FLUSH, "a request has one of the five functions"
                self._flush()
        except MediumError as failure:
            error = failure.with_traceback(None)  # which holds this frame, and so the views
        except OSError as failure:
            error = MediumError(_reason(failure))
        request.done(error)

    def _require_writable(self, end: int) -> None:
        if self.write_protected:
            raise MediumWriteProtected("the image is write-protected")
        assert end <= self._size, "an extent lies on the device: a write must not extend the image"

    def _move_rest(
        self,
        move: Callable[[int, Sequence[memoryview], int], int],
        views: Sequence[memoryview],
        offset: int,
        moved: int,
        total: int,
    ) -> None:
        """Go on where a short transfer stopped, until everything has moved or nothing does."""
        assert moved <= total, "the views are together byte_count long"
        step = moved
        while moved < total:
            _, views = split(views, step)
            assert views, "the views are together byte_count long"
            lbn = (offset + moved) // BLOCK_BYTES
            try:
                step = move(self._descriptor, views[:IOV_MAX], offset + moved)
            except OSError as error:
                raise MediumError(_reason(error), lbn) from error
            if step == 0:
                raise MediumError(f"the image ends at byte {offset + moved}", lbn)
            moved += step

    def _punch_hole(self, start: int, end: int) -> bool:
        """Make bytes a hole, as far as whole pages go, and zeros; False if nothing was done."""
        if _fallocate is None or start == end:
            return False
        return not _fallocate(self._descriptor, _KEEP_SIZE_AND_PUNCH_HOLE, start, end - start)

    def _write_zeros(self, start: int, end: int) -> None:
        """Make bytes zero; what is a hole is zero already."""
        while start < end:
            position, data_end = _next_data(self._descriptor, start, end)
            start = data_end
            while position < data_end:
                position += os.pwrite(self._descriptor, _ZEROS[: data_end - position], position)

    def _flush(self) -> None:
        # After a failed write-back Linux takes the lost pages for clean, and the next fdatasync
        # succeeds.  Those writes stay lost, so every later FLUSH fails too.
        if self._writes_lost is not None:
            raise MediumError(self._writes_lost)
        if self._descriptor < 0:  # for which fdatasync alone has a ValueError
            raise MediumError(os.strerror(errno.EBADF))
        try:
            os.fdatasync(self._descriptor)
        except OSError as error:
            self._writes_lost = _reason(error)
            raise

    def _copy(self, request: BlockRequest, source: int) -> None:
        """Have the kernel copy from an open file."""
        start = request.source_lbn * BLOCK_BYTES
        shift = request.lbn * BLOCK_BYTES - start
        end = start + whole_blocks_bytes(request.byte_count)
        self._require_writable(end + shift)
        if end - start < SPARSE_COPY_BYTES:
            self._copy_data(source, start, end, shift)
            return
        if os.fstat(source).st_size < end:  # or a lost tail would pass for a hole
            raise CopySourceError("the image ends before the blocks to copy")
        while start < end:
            data, data_end = self._next_data_of(source, start, end)
            self._write_zeros(start + shift, data + shift)
            self._copy_data(source, data, data_end, shift)
            start = data_end

    def _next_data_of(self, source: int, start: int, end: int) -> tuple[int, int]:
        """Find the first run of data in another file, as `_next_data` does.

        The run found last is remembered: tmpfs looks at every page up to its end, which made a full copy take twenty
        times as long.  What has become a hole in it meanwhile is copied as the zeros it reads as.
        """
        descriptor, first, last = self._source_data
        if descriptor != source or not first <= start < last:
            first, last = _data_run(source, start, end)
            self._source_data = (source, first, last)
        return min(max(first, start), end), min(last, end)

    def _copy_data(self, source: int, position: int, end: int, shift: int) -> None:
        """Copy bytes `position` to `end` of `source` to where they belong here, `shift` further."""
        if _copy_file_range is not None:
            try:
                while position < end:
                    step = _copy_file_range(
                        source, self._descriptor, end - position, position, position + shift
                    )
                    if step == 0:
                        break
                    position += step
            except OSError:
                # Two file systems, or one that cannot do it, or a failure of one side or the other:
                # by hand it goes on, or shows which side it is.
                pass
        if position == end:
            return
        buffer = memoryview(bytearray(min(end - position, _BUFFER_BYTES)))
        while position < end:
            try:
                length = os.preadv(source, [buffer[: end - position]], position)
            except OSError as error:
                raise CopySourceError(_reason(error), position // BLOCK_BYTES) from error
            if length == 0:
                raise CopySourceError(f"the image ends at byte {position}", position // BLOCK_BYTES)
            written = 0
            while written < length:
                written += os.pwrite(self._descriptor, buffer[written:length], position + written + shift)
            position += length


def _next_data(descriptor: int, start: int, end: int) -> tuple[int, int]:
    """Find the first run of data between `start` and `end`: its ends; `(end, end)` if all is hole."""
    data, data_end = _data_run(descriptor, start, end)
    return data, min(data_end, end)


def _data_run(descriptor: int, start: int, end: int) -> tuple[int, int]:
    """Find the run of data that begins between `start` and `end`: its ends, wherever the second is."""
    try:
        data = os.lseek(descriptor, start, os.SEEK_DATA)
        if data >= end:
            return end, end
        return data, os.lseek(descriptor, data, os.SEEK_HOLE)
    except OSError as error:
        if error.errno == errno.ENXIO:  # no data from here to the end of the file
            return end, end
        if error.errno in (errno.EINVAL, errno.EOPNOTSUPP):  # a file system that does not tell
            return start, end
        raise


def _lock(descriptor: int, name: str, shared: bool) -> None:
    """Lock for as long as the file is open: many readers or one writer, also within one process."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ImageError(
            f"{name} is in use: another process, or another unit of this one, has it open"
        ) from error
    except OSError as error:
        raise ImageError(f"{name} cannot be locked: {_reason(error)}") from error


def _require_size(name: str, size: int, block_count: int | None) -> None:
    if block_count is not None:
        wanted = block_count * BLOCK_BYTES
        if size != wanted:
            what = "too short (truncated?)" if size < wanted else "too long"
            raise ImageError(f"{name} is {what}: {size} bytes found, {wanted} wanted ({block_count} blocks)")
    elif size == 0:
        raise ImageError(f"{name} is empty")
    elif size % BLOCK_BYTES:
        raise ImageError(
            f"{name} is truncated: {size} bytes found, {whole_blocks_bytes(size)} wanted (whole blocks)"
        )


def _reason(error: OSError | OverflowError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
