"""A place on somebody else's bus: what stays while hosts come and go.

A slot has the memory and the interrupt line that a port is made with.  One host at a time is connected; a second is
told so.  A host that connects in FROZEN mode makes the time, and must find a clock that nobody else drives.
"""

from collections.abc import Callable

from emu.core.clock import Scheduler
from emu.front.buslink.memory import LinkMemory
from emu.front.buslink.session import Board, Session
from emu.wire.codes.buslink import Mode
from emu.wire.generated.buslink import Hello

INSTRUCTION_NS = 200  # what one of a frozen host's instructions takes: an init step of 100 µs is 500 of them
_COUNTER = 1 << 32


class LinkLine:
    """The interrupt line of the slot: it leads to whatever host is there."""

    def __init__(self) -> None:
        self.session: Session | None = None

    def request(self, vector: int) -> None:
        if self.session is not None:
            self.session.request(vector)

    def withdraw(self) -> None:
        if self.session is not None:
            self.session.withdraw()


class HostTime:
    """The clock of a slot, driven by a frozen host's instructions."""

    def __init__(self, clock: Scheduler) -> None:
        self._clock = clock
        self._seen: int | None = None

    def start(self) -> None:
        """Take whatever the host says next as now."""
        self._seen = None

    def advance(self, instructions: int) -> None:
        passed = 0 if self._seen is None else (instructions - self._seen) % _COUNTER
        self._seen = instructions
        if passed:
            self._clock.run_for(passed * INSTRUCTION_NS)

    def next_event(self) -> int:
        deadline_ns = self._clock.next_deadline_ns()
        if deadline_ns is None:
            return 0
        return max(1, min(-(-(deadline_ns - self._clock.now_ns) // INSTRUCTION_NS), _COUNTER - 1))

    def settle(self) -> None:
        self._clock.run_soon()


class Slot:
    """One controller's place on a distant bus.

    mode: the mode hosts must have.  arrived, gone: called when a host has connected, and when it has gone.
    """

    def __init__(
        self,
        name: str,
        clock: Scheduler,
        mode: Mode,
        arrived: Callable[["Slot"], None],
        gone: Callable[["Slot"], None],
    ) -> None:
        self.name = name
        self.mode = mode
        self.memory = LinkMemory()
        self.line = LinkLine()
        self.session: Session | None = None
        self.hosts = 0  # that have been connected since the start
        self._time = HostTime(clock)
        self._arrived = arrived
        self._gone = gone
        self._board: Board | None = None

    def plug_in(self, board: Board) -> None:
        """Name the port that was made with this slot's memory and line."""
        self._board = board

    def accept(self) -> Session:
        """Make the conversation with a host that has just connected."""
        assert self._board is not None, "a slot is served with a board in it"
        return Session(self.name, self._board, self.memory, self._time, self._greet, self._forget)

    def _greet(self, session: Session, hello: Hello) -> str | None:
        if self.session is not None:
            return f"{self.name} is busy with {self.session.host or 'another host'}"
        if hello.mode != self.mode:
            return f"{self.name} is served in {self.mode.name} mode, the host runs in {Mode(hello.mode).name}"
        self.session = self.line.session = session
        self.hosts += 1
        self._time.start()
        self._arrived(self)
        return None

    def _forget(self, session: Session) -> None:
        self.session = self.line.session = None
        self._gone(self)
