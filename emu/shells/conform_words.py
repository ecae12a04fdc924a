"""A target that can examine and deposit words, and nothing more: a board behind a monitor, a debugger, a probe.

Subclass `WordTarget`; docs/howto/conformance-target.md has an example.  Time is the wall's.
"""

import time
from collections.abc import Callable, Sequence

from emu.conform.numbers import number, words
from emu.conform.target import Facts, Operator

LOOK_S = 0.001


class WordTarget:
    """A controller in a machine whose memory and I/O page can be reached word by word.

    csr: where IP is.  facts: what there is.
    """

    facts: Facts
    operator: Operator | None = None
    csr = 0o17772150

    def examine(self, address: int) -> int:
        """Read the word at a bus address."""
        raise AssertionError("a subclass knows how to examine")

    def deposit(self, address: int, word: int) -> None:
        """Write a word."""
        raise AssertionError("a subclass knows how to deposit")

    def read_register(self, offset: int) -> int:
        return self.examine(self.csr + offset)

    def write_register(self, offset: int, word: int) -> None:
        self.deposit(self.csr + offset, word)

    def read_memory(self, address: int, length: int) -> bytes:
        first = address & ~1
        data = words(*(self.examine(place) for place in range(first, address + length, 2)))
        return data[address - first : address - first + length]

    def write_memory(self, address: int, data: bytes) -> None:
        if address & 1:
            address, data = address - 1, self.read_memory(address - 1, 1) + data
        if len(data) & 1:
            data += self.read_memory(address + len(data), 1)
        for place in range(0, len(data), 2):
            self.deposit(address + place, number(data, place, 2))

    def wait(self, condition: Callable[[], bool], seconds: float) -> bool:
        limit = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > limit:
                return False
            time.sleep(LOOK_S)
        return True

    def interrupts(self) -> Sequence[int]:
        return ()

    def renew(self) -> None:
        """What an earlier clause left is done away with by the next initialisation."""

    def close(self) -> None:
        """Nothing is held."""
