"""Virtual time: integer nanoseconds, one queue, ties broken by insertion order.

Two lists hold what is to come.  `call_soon` is for work that takes no time (a fork thread, an
interrupt): first in, first out, all of it before time moves on.  `call_at` and `call_after`
are for work that waits for a later instant.  The same calls in the same order give the same run.
"""

from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Protocol

Action = Callable[[], None]

MICROSECOND_NS = 1_000
MILLISECOND_NS = 1_000_000
SECOND_NS = 1_000_000_000
_NEVER = 1 << 127


class Timer:
    """One appointment.  `cancel` may come at any time, also after it has fired.

    gate: who is given the action in its time, to do it or not; None lets it be done.
    """

    __slots__ = ("action", "gate", "when_ns")

    def __init__(self, when_ns: int, action: Action, gate: "Gate | None" = None) -> None:
        self.when_ns = when_ns
        self.action: Action | None = action
        self.gate = gate

    def cancel(self) -> None:
        self.action = None

    @property
    def pending(self) -> bool:
        return self.action is not None


Gate = Callable[[Timer, Action], None]


class Clock(Protocol):
    """What a model may know of time."""

    @property
    def now_ns(self) -> int: ...

    def call_soon(self, action: Action) -> None: ...

    def call_after(self, delay_ns: int, action: Action) -> Timer: ...


class Scheduler:
    """The clock that runs everything, as fast as it can."""

    def __init__(self) -> None:
        self.now_ns = 0
        self._soon: deque[Action] = deque()
        self._later: list[tuple[int, int, Timer]] = []
        self._sequence = 0
        self.call_soon = self._soon.append  # bound once: the busiest call of a run

    def call_at(self, when_ns: int, action: Action) -> Timer:
        """Call `action` when virtual time reaches `when_ns`, or at once if that has passed."""
        return self.call_after(when_ns - self.now_ns, action)

    def call_after(self, delay_ns: int, action: Action, gate: Gate | None = None) -> Timer:
        when_ns = self.now_ns + delay_ns if delay_ns > 0 else self.now_ns
        timer = Timer(when_ns, action, gate)
        self._sequence += 1
        heappush(self._later, (when_ns, self._sequence, timer))
        return timer

    def step(self) -> bool:
        """Do the next thing; False when nothing is left to do."""
        if self._soon:
            self._soon.popleft()()
            return True
        return self._move_on(_NEVER)

    def run_until(self, condition: Callable[[], bool], limit_ns: int | None = None) -> bool:
        """Run until `condition` holds; False if time `limit_ns` or the work ends first."""
        soon = self._soon
        while not condition():
            if soon:
                soon.popleft()()
            elif not self._move_on(_NEVER if limit_ns is None else limit_ns):
                if limit_ns is None:
                    return False
                self.now_ns = max(self.now_ns, limit_ns)
                return condition()
        return True

    def run_for(self, duration_ns: int) -> None:
        """Let this much virtual time pass."""
        end_ns = self.now_ns + duration_ns
        self.run_soon()
        while self._move_on(end_ns):
            self.run_soon()
        self.now_ns = max(self.now_ns, end_ns)

    def run_soon(self) -> None:
        """Do everything that needs no time."""
        soon = self._soon
        while soon:
            soon.popleft()()

    def next_deadline_ns(self) -> int | None:
        """Say when `step` has something to do; None when never."""
        if self._soon:
            return self.now_ns
        later = self._later
        while later and later[0][2].action is None:
            heappop(later)
        return later[0][0] if later else None

    def _move_on(self, limit_ns: int) -> bool:
        """Let time move to the next appointment, and keep that; False when there is none up to `limit_ns`."""
        later = self._later
        while later:
            when_ns, _, timer = later[0]
            action = timer.action
            if action is None:
                heappop(later)
            elif when_ns > limit_ns:
                return False
            else:
                heappop(later)
                self.now_ns = when_ns
                timer.action = None
                if timer.gate is None:
                    action()
                else:
                    timer.gate(timer, action)
                return True
        return False
