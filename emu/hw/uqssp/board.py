"""The board under a port: what can break in it that no host causes.

(spec "UQSSP", fatal codes.)  Parity of its memories, its processor, its interrupt logic: none of that is modelled,
so a board is sound unless a rule says otherwise.  Times are virtual nanoseconds.
"""

from typing import TYPE_CHECKING, Protocol

from emu.core.chance import Chance
from emu.wire.codes.uqssp import FATAL

if TYPE_CHECKING:
    from emu.hw.uqssp.port import UqsspPort

SELF_TEST_FAILURES = (
    FATAL.ROM_AND_RAM_PARITY,
    FATAL.RAM_PARITY,
    FATAL.ROM_PARITY,
    FATAL.DIAGNOSTIC,
    FATAL.RAM,
)
RUNNING_FAILURES = (
    FATAL.RAM_PARITY,
    FATAL.ROM_PARITY,
    FATAL.INTERRUPT_MASTER,
    FATAL.BUS_MASTER,
    FATAL.INSTRUCTION_LOOP,
    FATAL.INTERRUPT_WRITE,
    FATAL.MAINTENANCE_REGION,
    FATAL.MAINTENANCE_NOT_LOADABLE,
    FATAL.RQDX3_T11,
    FATAL.RQDX3_SND,
    FATAL.RQDX3_RCV,
    FATAL.RQDX3_NO_RESOURCE,
)


class Board(Protocol):
    """What a port asks of the board it is on."""

    def self_test(self, port: "UqsspPort") -> int:
        """Return the fatal code that the self test of a port ends with, 0 when all is well."""
        ...

    def started(self, port: "UqsspPort") -> None:
        """Hear that the port runs."""
        ...


class SoundBoard:
    """A board that nothing is wrong with."""

    def self_test(self, port: "UqsspPort") -> int:
        return 0

    def started(self, port: "UqsspPort") -> None:
        return None


class FailsSelfTest(SoundBoard):
    """A board that fails its self test `times` times, or for ever, and is sound after that."""

    def __init__(self, code: int, times: int | None = None) -> None:
        self._code = code
        self._left = times

    def self_test(self, port: "UqsspPort") -> int:
        if self._left is None:
            return self._code
        if not self._left:
            return 0
        self._left -= 1
        return self._code


class DiesStarting(SoundBoard):
    """A board that dies of a code so long after its self test, wherever its host has got to by then; `times` times.

    left: how often it will yet do that.
    """

    def __init__(self, code: int, after_ns: int, times: int) -> None:
        self.left = times
        self._code = code
        self._after_ns = after_ns
        self._self_tests = 0

    def self_test(self, port: "UqsspPort") -> int:
        self._self_tests += 1
        this = self._self_tests

        def die() -> None:
            if this == self._self_tests and self.left:
                self.left -= 1
                port.fail(self._code)

        if self.left:
            port.clock.call_after(self._after_ns, die)
        return 0


class DiesRunning(SoundBoard):
    """A board that dies of a code some time after GO, once, unless the host resets it before."""

    def __init__(self, code: int, after_ns: int) -> None:
        self._code = code
        self._after_ns = after_ns
        self._conversation = 0

    def started(self, port: "UqsspPort") -> None:
        self._conversation += 1
        this, code = self._conversation, self._code

        def die() -> None:
            if port.running and this == self._conversation and self._code:
                self._code = 0
                port.fail(code)

        if code:
            port.clock.call_after(self._after_ns, die)


def random_board(chance: Chance, limit_ns: int) -> Board:
    """Make a board with one failure, of any sort, in the first self test or within `limit_ns` of GO."""
    stream = chance.stream("board")
    code = stream.choice(SELF_TEST_FAILURES + RUNNING_FAILURES)
    if code in SELF_TEST_FAILURES:
        return FailsSelfTest(code, times=1)
    return DiesRunning(code, stream.randrange(limit_ns))
