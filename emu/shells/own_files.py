"""The file beside an image that has what a drive keeps for itself: `a.dsk` has `a.dsk.rct`.

The replacement control table, replaced blocks and forced errors: `emu/hw/mscp/own_blocks.py`.  The image stays the
host's blocks and nothing else.  Most drives never have anything to keep, and so no file.
"""

from collections.abc import Callable
from pathlib import Path

from emu.core.block import BlockRequest, Function, MediumError, MediumWriteProtected
from emu.media.file import FileDevice, ImageError

SUFFIX = ".rct"

_READ = int(Function.READ)
_FLUSH = int(Function.FLUSH)


class OwnFile:
    """Blocks of zeros until the first is written, and then a file."""

    descriptor: int | None = None

    def __init__(self, path: Path, block_count: int, *, write_protected: bool = False) -> None:
        self.block_count = block_count
        self.write_protected = write_protected
        self._path = path
        self._file: FileDevice | None = None
        if path.exists():
            self._file = FileDevice.open(path, read_only=write_protected, block_count=block_count)

    def submit(self, request: BlockRequest) -> None:
        if self._file is None and request.function in (_READ, _FLUSH):
            if request.function == _READ:
                for view in request.views:
                    view[:] = bytes(len(view))
            request.done(None)
            return
        if self._file is None:
            if self.write_protected:
                request.done(MediumWriteProtected(f"{self._path} is not made for a write-protected image"))
                return
            try:
                self._file = FileDevice.create(self._path, self.block_count)
            except ImageError as error:
                request.done(MediumError(str(error)))
                return
        self._file.submit(request)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def own_file(image: str, *, write_protected: bool = False) -> Callable[[int], OwnFile]:
    """Make what opens the file beside an image, once it is known how many blocks the drive keeps.

    That raises ImageError when the file is there and cannot be used, or is another drive's.
    """
    path = Path(image).expanduser()
    beside = path.with_name(path.name + SUFFIX)
    return lambda block_count: OwnFile(beside, block_count, write_protected=write_protected)
