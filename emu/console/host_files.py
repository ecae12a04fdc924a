"""Files of the host, as a console needs them; a shell provides them.

Sizes are bytes.  A file being made appears under its name only when it is kept.
"""

from typing import Protocol, runtime_checkable

from emu.core.block import BlockDevice


class HostFileError(Exception):
    """The host refused; the text says why."""


class HostFileMissing(HostFileError):
    """A file that was to be read is not there."""


class HostFileExists(HostFileError):
    """A file that was to be made is there already."""


class InputFile(Protocol):
    """A file being read."""

    @property
    def size(self) -> int: ...

    def read_into(self, view: memoryview) -> int:
        """Fill a view; returns the bytes read, less than its length at the end only.  Raises HostFileError."""
        ...

    def close(self) -> None: ...


class OutputFile(Protocol):
    """A file being made."""

    def write(self, view: memoryview) -> None:
        """Append bytes; raises HostFileError."""
        ...

    def reopen(self) -> InputFile:
        """Read what was written so far, from the start; raises HostFileError."""
        ...

    def keep(self) -> None:
        """Give it its name, durably; raises HostFileError."""
        ...

    def close(self) -> None:
        """End; what was not kept is gone."""
        ...


@runtime_checkable
class TextFile(Protocol):
    """A text file that grows line by line."""

    def write_line(self, line: str) -> None:
        """Append a line; raises HostFileError."""
        ...

    def close(self) -> None: ...


class HostFiles(Protocol):
    """The host's files."""

    def open(self, name: str) -> InputFile:
        """Open a file that exists; raises HostFileError."""
        ...

    def create(self, name: str, *, overlay: bool) -> OutputFile:
        """Make a file.  With `overlay` it may replace one when it is kept; raises HostFileError."""
        ...

    def read_text(self, name: str) -> str:
        """Read a text file; raises HostFileError."""
        ...

    def append(self, name: str) -> TextFile:
        """Open a text file to add lines to, made if there is none; raises HostFileError."""
        ...

    def read_example(self, name: str) -> str:
        """Read a command procedure that is shipped with this program; raises HostFileError."""
        ...


class HardwareFiles(HostFiles, Protocol):
    """The host's files for a console that plugs in disks; sizes are blocks of 512 bytes."""

    def open_image(self, path: str, *, read_only: bool, new_blocks: int | None) -> BlockDevice:
        """Open an image, or make one of `new_blocks` where no file is; raises HostFileError."""
        ...

    def open_own_blocks(self, image: str, block_count: int, *, write_protected: bool) -> BlockDevice:
        """Open, beside an image, what its drive keeps for itself; raises HostFileError."""
        ...
