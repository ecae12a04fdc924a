"""Kernel processes: long driver procedures written as they are told, as VMS's KP services allow.

A body is a generator.  It yields what it waits for: an `EventFlag`, or a number of nanoseconds.  Every
resumption goes through the fork queue, never from inside the one who set the flag.
"""

from collections.abc import Callable, Generator
from typing import Any

from drivers.message import Failure
from emu.core.clock import Clock

Procedure = Generator["EventFlag | int", Any, Any]


class EventFlag:
    """A flag that kernel processes wait for; it carries a value and stays set until cleared."""

    __slots__ = ("_clock", "_waiting", "is_set", "value")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: list[KernelProcess] = []
        self.is_set = False
        self.value: Any = None

    def set(self, value: Any = None) -> None:
        self.is_set = True
        self.value = value
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            for process in waiting:
                self._clock.call_soon(process.resume)

    def clear(self) -> None:
        self.is_set = False

    def add_waiter(self, process: "KernelProcess") -> None:
        self._waiting.append(process)


class KernelProcess:
    """One running procedure; `finished` is set with what it returns."""

    def __init__(self, clock: Clock, name: str, body: Procedure) -> None:
        self.name = name
        self._clock = clock
        self._body: Procedure | None = body
        self._awaited: EventFlag | None = None
        self.finished = EventFlag(clock)
        clock.call_soon(self.resume)

    @property
    def running(self) -> bool:
        return self._body is not None

    def resume(self) -> None:
        """Go on until the next thing to wait for."""
        body = self._body
        if body is None:
            return
        flag = self._awaited
        value = flag.value if flag is not None else None
        try:
            while True:
                waited = body.send(value)
                if isinstance(waited, int):
                    self._awaited = None
                    self._clock.call_after(waited, self.resume)
                    return
                if not waited.is_set:
                    self._awaited = waited
                    waited.add_waiter(self)
                    return
                value = waited.value
        except StopIteration as end:
            self._body = None
            self.finished.set(end.value)

    def kill(self) -> None:
        """Stop where it waits."""
        if self._body is not None:
            self._body.close()
            self._body = None
            self.finished.set(None)


def run(clock: Clock, name: str, body: Procedure, ended: Callable[[object], None]) -> None:
    """Run a procedure as a process; `ended` gets its result, or the Failure it raised."""

    def guarded() -> Procedure:
        try:
            result = yield from body
        except Failure as failure:
            result = failure
        ended(result)

    KernelProcess(clock, name, guarded())
