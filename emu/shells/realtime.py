"""Virtual time that keeps up with wall time, while somebody sits before it.

Virtual time never runs ahead of the wall by itself; when there is more to do than wall time allows, it falls
behind and stays there, rather than hurry afterwards.
"""

import time
from collections.abc import Callable
from math import inf

from emu.core.clock import Scheduler

SLICE_NS = 5_000_000  # wall time of one turn: short enough for a key to be answered at once
STEPS_AT_A_TIME = 64  # between two looks at the wall clock


class RealtimeLoop:
    """A scheduler tied to the wall clock from the moment this is made."""

    def __init__(self, clock: Scheduler, wall_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock = clock
        self._wall_ns = wall_ns
        self._offset_ns = clock.now_ns - wall_ns()

    def turn(self) -> float:
        """Do what is due, for one slice at most; returns the seconds until there is more to do, `inf` for never."""
        clock, wall_ns = self._clock, self._wall_ns
        start_ns = wall_ns()
        if clock.now_ns > start_ns + self._offset_ns:  # somebody let it run ahead: go on from there
            self._offset_ns = clock.now_ns - start_ns
        while True:
            for _ in range(STEPS_AT_A_TIME):
                due_ns = clock.next_deadline_ns()
                target_ns = wall_ns() + self._offset_ns
                if due_ns is None or due_ns > target_ns:
                    clock.now_ns = max(clock.now_ns, target_ns)
                    return inf if due_ns is None else (due_ns - target_ns) / 1e9
                clock.step()
            if wall_ns() - start_ns >= SLICE_NS:
                self._offset_ns = min(self._offset_ns, clock.now_ns - wall_ns())
                return 0.0
