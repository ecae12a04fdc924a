"""Image files of users: opened as they are, or copied first so that they never change.

Sizes are bytes.
"""

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from emu.core.block import BLOCK_BYTES, BlockRequest, Function, MediumError
from emu.media.file import FileDevice, ImageError

PathName = str | os.PathLike[str]
Progress = Callable[[int, int], None]  # bytes done, bytes in all

PIECE_BYTES = 64 << 20  # copied between two calls of the progress callback


def open_image(
    path: PathName,
    *,
    read_only: bool = False,
    private: bool = False,
    shared: bool = False,
    block_count: int | None = None,
    progress: Progress | None = None,
) -> FileDevice:
    """Open a user's image, `~` expanded; with `private`, a copy of it that is gone when closed.

    shared: other processes of a cluster may write to it, too.

    A private copy has no name, so nothing of it stays even when the process is killed later.  It lies
    in the directory for temporary files, which TMPDIR chooses.

    Raises:
        ImageError: the image cannot be used, or not be copied.
    """
    path = Path(path).expanduser()
    if not private:
        return FileDevice.open(path, read_only=read_only, block_count=block_count, shared=shared)
    with TemporaryDirectory(prefix="hbvs-") as directory:
        copy = private_copy(path, directory, block_count=block_count, progress=progress)
        return FileDevice.open(copy, read_only=read_only)


def private_copy(
    path: PathName,
    directory: PathName,
    *,
    block_count: int | None = None,
    progress: Progress | None = None,
) -> Path:
    """Copy an image into a directory, under its own name; holes stay holes.

    The original is opened read-only, and locked against writers meanwhile.

    Raises:
        ImageError: the image cannot be used, its copy exists, or the copy failed; then none is left.
    """
    path = Path(path).expanduser()
    copy = Path(directory) / path.name
    original = FileDevice.open(path, read_only=True, block_count=block_count)
    try:
        target = FileDevice.create(copy, original.block_count)
        try:
            _copy_all(original, target, progress)
        except MediumError as error:
            copy.unlink()
            raise ImageError(f"{path} cannot be copied to {copy}: {error}") from error
        except BaseException:
            copy.unlink()
            raise
        finally:
            target.close()
    finally:
        original.close()
    return copy


class _Piece(BlockRequest):
    """A COPY between files, which is over when `submit` returns."""

    def __init__(self, source: FileDevice) -> None:
        self.function = Function.COPY
        self.source = source
        self.views = ()
        self.error: MediumError | None = None

    def done(self, error: MediumError | None) -> None:
        self.error = error


def _copy_all(original: FileDevice, target: FileDevice, progress: Progress | None) -> None:
    total = original.block_count * BLOCK_BYTES
    piece = _Piece(original)
    for offset in range(0, total, PIECE_BYTES):
        piece.byte_count = min(PIECE_BYTES, total - offset)
        piece.lbn = piece.source_lbn = offset // BLOCK_BYTES
        target.submit(piece)
        if piece.error is not None:
            raise piece.error
        if progress is not None:
            progress(offset + piece.byte_count, total)
