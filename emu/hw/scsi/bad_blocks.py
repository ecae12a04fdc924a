"""Blocks an initiator has made unreadable by WRITE LONG: what forced error is on DSA disks.

(SBC, "WRITE LONG"; spec "SCSI", READ LONG / WRITE LONG and forced error.)  A block's check bytes are a function of
its data; a block is bad while it has others.
"""

from collections.abc import Iterable, Mapping
from zlib import crc32

from emu.hw.scsi.sense import CheckCondition, Sense
from emu.wire.codes.scsi import FOUR_BYTES, Asc, SenseKey

# UNCERTAIN: what the check bytes of a real drive are; nobody but the drive can know.
UNCORRECTABLE = b""  # the mark of WR_UNCOR, which has no check bytes of its own


class BadBlocks:
    """The marks of a unit.

    marks: LBA to the check bytes stored there, or UNCORRECTABLE.  check_bytes: how many a block has.
    """

    def __init__(self, check_bytes: int) -> None:
        self.check_bytes = check_bytes
        self.marks: dict[int, bytes] = {}

    def natural(self, lba: int, data: bytes) -> bytes:
        """Return the check bytes that a good block with this data has."""
        code = FOUR_BYTES.pack(crc32(data, lba & 0xFFFF_FFFF))
        return (code * (self.check_bytes // len(code) + 1))[: self.check_bytes]

    def stored(self, lba: int, data: bytes) -> bytes:
        """Return the check bytes of a block as it is."""
        mark = self.marks.get(lba)
        return mark if mark else self.natural(lba, data)

    def between(self, lba: int, count: int) -> Iterable[int]:
        """Return the marked blocks of an extent, in order."""
        if not self.marks:
            return ()
        return sorted(marked for marked in self.marks if lba <= marked < lba + count)

    def failure(self, lba: int, data: bytes) -> CheckCondition | None:
        """Say how reading this block fails, if it does."""
        mark = self.marks.get(lba)
        if mark is None or mark == self.natural(lba, data):
            return None
        asc = Asc.UNRECOVERED_READ_ERROR if mark else Asc.MARKED_BAD_BY_APPLICATION_CLIENT
        return CheckCondition(Sense(SenseKey.MEDIUM_ERROR, asc, information=lba))

    def clear(self, lba: int, count: int) -> bool:
        """Make blocks good again; say whether one was not."""
        found = list(self.between(lba, count))
        for marked in found:
            del self.marks[marked]
        return bool(found)

    def record(self) -> dict[str, str]:
        """Return the marks for the nonvolatile memory."""
        return {str(lba): mark.hex() for lba, mark in sorted(self.marks.items())}

    def recall(self, record: Mapping[str, str]) -> None:
        """Take the marks out of the nonvolatile memory."""
        self.marks = {int(lba): bytes.fromhex(mark) for lba, mark in record.items()}
