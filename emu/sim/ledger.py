"""What the blocks of a virtual unit may hold, as those know who write them.

Every write has a number, larger than those before it, and stamps each of its blocks with that number and the block's
LBN.  Who writes a block waits until the last write to it was answered, as an application's own locks would have
it, so numbers rise on every block.  A block may then hold the last write that was acknowledged before one looked, or
any that was issued since: one under way, or one that failed or whose node died, of which nobody knows how far it came.
"""

from collections.abc import Iterable, Iterator

from emu.core.block import BLOCK_BYTES
from emu.wire.packet import QUADWORD, TWO_QUADWORDS, Bytes

_pack = TWO_QUADWORDS.pack
_COPIES = BLOCK_BYTES // TWO_QUADWORDS.size


def stamp(number: int, lbn: int) -> bytes:
    """The contents of a block after write `number`."""
    return _pack(number, lbn) * _COPIES


def stamps(numbers: Iterable[int], lbns: range) -> bytes:
    """The contents of blocks, each after the write of its number."""
    return b"".join([_pack(number, lbn) * _COPIES for number, lbn in zip(numbers, lbns, strict=False)])


class Ledger:
    """The writes of all applications on one virtual unit.

    written: LBN -> number of the last acknowledged write.  issued: LBN -> number of the last write begun.
    """

    def __init__(self, first_number: int = 1) -> None:
        self.written: dict[int, int] = {}
        self.issued: dict[int, int] = {}
        self._busy: set[int] = set()
        self._number = first_number

    def may_write(self, lbns: range) -> bool:
        """Whether no write is under way on any of these blocks."""
        return self._busy.isdisjoint(lbns)

    def begin(self, lbns: range) -> int:
        """Note that a write begins; returns its number."""
        number = self._number
        self._number += 1
        self._busy.update(lbns)
        self.issued.update(dict.fromkeys(lbns, number))
        return number

    def acknowledged(self, number: int, lbns: range) -> None:
        """Note that a write was answered well."""
        self.written.update(dict.fromkeys(lbns, number))
        self._busy.difference_update(lbns)

    def forget(self, lbns: range) -> None:
        """Note that a write failed, or that its node is gone: it may have come anywhere."""
        self._busy.difference_update(lbns)

    def promised(self, lbns: range) -> list[int]:
        """Say what blocks hold at least, from now on: for each the number of its last acknowledged write."""
        number_of = self.written.get
        return [number_of(lbn, 0) for lbn in lbns]

    def fault_in(self, data: Bytes, lbns: range, promised: list[int]) -> str:
        """Find what is wrong with blocks that were read; "" for nothing.

        promised: as it was when the read began.  Blocks nobody had written then may hold anything.
        """
        content, issued = bytes(data), self.issued  # views compare slowly
        numbers = memoryview(content).cast("Q")[:: BLOCK_BYTES // QUADWORD.size].tolist()
        whole = content == stamps(numbers, lbns)
        if whole and numbers == promised:
            return ""  # as nearly always, and then no block is looked at alone
        starts = range(0, len(content), BLOCK_BYTES)
        for start, lbn, first, number in zip(starts, lbns, promised, numbers, strict=True):
            if not first:
                continue
            if not first <= number <= issued[lbn]:
                return f"LBN {lbn} held write {number}, not between {first} and {issued[lbn]}"
            if not whole and not content.startswith(stamp(number, lbn), start):
                return f"LBN {lbn} is torn"
        return ""

    def copy(self) -> "Ledger":
        """Take what is known at this instant."""
        other = Ledger(self._number)
        other.written, other.issued = dict(self.written), dict(self.issued)
        return other

    def extents(self) -> Iterator[tuple[range, list[int]]]:
        """Give the blocks with an acknowledged write in ascending runs, each with what they hold at least."""
        lbns = sorted(self.written)
        start = 0
        for index in range(1, len(lbns) + 1):
            if index == len(lbns) or lbns[index] != lbns[index - 1] + 1:
                run = range(lbns[start], lbns[index - 1] + 1)
                yield run, self.promised(run)
                start = index
