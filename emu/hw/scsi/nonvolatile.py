"""What a unit keeps without power: saved mode pages, registrations with APTPL, blocks marked bad.

The shell gives the place; what is in it is JSON, so that people can read it.
"""

import json
from typing import Any, Protocol


class Nonvolatile(Protocol):
    """A small memory that outlives the process."""

    def read(self) -> bytes:
        """Return what was written last; nothing if that never happened."""
        ...

    def write(self, content: bytes) -> None:
        """Keep this instead.  It is safe when this returns."""
        ...


class NonvolatileError(Exception):
    """A nonvolatile memory whose content is not ours."""


def read_record(memory: Nonvolatile) -> dict[str, Any]:
    """Return the record in a memory, empty if there is none.

    Raises:
        NonvolatileError: what is there is no such record.
    """
    content = memory.read()
    if not content:
        return {}
    try:
        record = json.loads(content)
    except ValueError as error:
        raise NonvolatileError(f"not a unit's record: {error}") from error
    if not isinstance(record, dict):
        raise NonvolatileError("not a unit's record: no object")
    return record


def write_record(memory: Nonvolatile, record: dict[str, Any]) -> None:
    memory.write(json.dumps(record, indent=1, sort_keys=True).encode() + b"\n")
