"""Files of the host, as a console needs them; a shell provides them.

Sizes are bytes.  A file being made appears under its name only when it is kept.
"""

from typing import Protocol


class HostFileError(Exception):
    """The host refused; the text says why."""


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


class HostFiles(Protocol):
    """The host's files."""

    def open(self, name: str) -> InputFile:
        """Open a file that exists; raises HostFileError."""
        ...

    def create(self, name: str, *, overlay: bool) -> OutputFile:
        """Make a file.  With `overlay` it may replace one when it is kept; raises HostFileError."""
        ...
