"""Files of the host for a console: read as they are, made under another name and renamed when complete.

Runs of zeros become holes.  Sizes are bytes.
"""

import errno
import fcntl
import os
import stat
import tempfile
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

from emu.console.host_files import HostFileError, HostFileExists, HostFileMissing
from emu.core.block import BlockDevice
from emu.media.file import FileDevice, ImageError
from emu.shells.image_files import open_image
from emu.shells.own_files import own_file

_ZEROS = memoryview(bytes(1 << 16))


class DiskInput:
    """A file being read."""

    def __init__(self, descriptor: int, name: str) -> None:
        self._descriptor = descriptor
        self._name = name
        self._position = 0

    @property
    def size(self) -> int:
        return os.fstat(self._descriptor).st_size

    def read_into(self, view: memoryview) -> int:
        moved = 0
        try:
            while moved < len(view):
                step = os.preadv(self._descriptor, [view[moved:]], self._position)
                if not step:
                    break
                moved += step
                self._position += step
        except OSError as error:
            raise _refused(self._name, "read", error) from error
        return moved

    def close(self) -> None:
        os.close(self._descriptor)


class DiskOutput:
    """A file being made."""

    def __init__(self, name: str, *, overlay: bool) -> None:
        self._name = name
        self._path = Path(name).expanduser()
        self._overlay = overlay
        self._position = 0
        _refuse_existing(self._path, overlay)
        try:
            self._descriptor, self._temporary = tempfile.mkstemp(
                prefix=f".{self._path.name}.", dir=self._path.parent
            )
        except OSError as error:
            raise _refused(name, "created", error) from error

    def write(self, view: memoryview) -> None:
        try:
            if len(view) <= len(_ZEROS) and view == _ZEROS[: len(view)]:
                self._position += len(view)
                return
            while view:
                step = os.pwrite(self._descriptor, view, self._position)
                self._position += step
                view = view[step:]
        except OSError as error:
            raise _refused(self._name, "written", error) from error

    def reopen(self) -> DiskInput:
        try:
            os.truncate(self._descriptor, self._position)
            return DiskInput(os.dup(self._descriptor), self._name)
        except OSError as error:
            raise _refused(self._name, "read", error) from error

    def keep(self) -> None:
        try:
            os.truncate(self._descriptor, self._position)
            os.fchmod(self._descriptor, 0o666 & ~_umask())
            os.fsync(self._descriptor)
            if self._overlay:
                _refuse_existing(self._path, overlay=True)
                os.replace(self._temporary, self._path)
            else:
                self._link()
        except OSError as error:
            raise _refused(self._name, "kept", error) from error

    def _link(self) -> None:
        try:
            os.link(self._temporary, self._path)  # which does not replace what came meanwhile
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS):
                raise
            _refuse_existing(self._path, overlay=False)  # a file system without links
            os.replace(self._temporary, self._path)

    def close(self) -> None:
        os.close(self._descriptor)
        with suppress(FileNotFoundError):
            os.unlink(self._temporary)


class DiskFiles:
    """The host's files, names relative to the working directory."""

    def open(self, name: str) -> DiskInput:
        try:
            descriptor = os.open(Path(name).expanduser(), os.O_RDONLY)
        except OSError as error:
            raise _refused(name, "opened", error) from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise HostFileError(f"{name} is not a regular file")
        return DiskInput(descriptor, name)

    def create(self, name: str, *, overlay: bool) -> DiskOutput:
        return DiskOutput(name, overlay=overlay)

    def open_image(self, path: str, *, read_only: bool, new_blocks: int | None) -> BlockDevice:
        try:
            if new_blocks is not None:
                FileDevice.create(Path(path).expanduser(), new_blocks).close()
            return open_image(path, read_only=read_only)
        except ImageError as error:
            raise HostFileError(str(error)) from error

    def open_own_blocks(self, image: str, block_count: int, *, write_protected: bool) -> BlockDevice:
        try:
            return own_file(image, write_protected=write_protected)(block_count)
        except ImageError as error:
            raise HostFileError(str(error)) from error

    def read_text(self, name: str) -> str:
        try:
            return Path(name).expanduser().read_text()
        except OSError as error:
            raise _refused(name, "read", error) from error
        except UnicodeDecodeError:
            raise HostFileError(f"{name} is no text") from None

    def append(self, name: str) -> "TextLines":
        return TextLines(name)

    def read_example(self, name: str) -> str:
        example = files("emu.console") / "examples" / name
        if "/" in name or not example.is_file():
            raise HostFileMissing(f"there is no example {name}")
        return example.read_text()


class TextLines:
    """A text file that grows; what was written stands in it at once."""

    def __init__(self, name: str) -> None:
        self._name = name
        try:
            self._descriptor = os.open(Path(name).expanduser(), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        except OSError as error:
            raise _refused(name, "opened", error) from error

    def write_line(self, line: str) -> None:
        data = memoryview(line.encode() + b"\n")
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError as error:
            raise _refused(self._name, "written", error) from error

    def close(self) -> None:
        os.close(self._descriptor)


def _refuse_existing(path: Path, overlay: bool) -> None:
    """Refuse a file that must not be replaced: any without `overlay`, an image in use always."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _refused(str(path), "replaced", error) from error
    try:
        if not overlay:
            raise HostFileExists(f"{path} exists; /OVERLAY replaces it")
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise HostFileError(f"{path} is not a regular file")
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise HostFileError(f"{path} is in use as an image") from None
    finally:
        os.close(descriptor)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _refused(name: str, what: str, error: OSError) -> HostFileError:
    kind = HostFileMissing if isinstance(error, FileNotFoundError) else HostFileError
    return kind(f"{name} cannot be {what}: {error.strerror}")
