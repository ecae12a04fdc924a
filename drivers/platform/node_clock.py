"""The clock as one node has it: when the node halts, nothing of what it had in mind happens any more.

A processor may also stand still for a while; what was to happen meanwhile happens when it goes on.
"""

from collections.abc import Callable
from functools import partial

from emu.core.clock import Action, Scheduler, Timer


class NodeClock:
    """A clock that can be stopped for one node alone, for ever or for a while."""

    def __init__(self, clock: Scheduler) -> None:
        self._clock = clock
        self._halted = False
        self._late: list[Action] | None = None  # while the processor stands still
        self.call_soon: Callable[[Action], None] = clock.call_soon  # as it is: the busiest call of a run
        self._gate = self._fire  # bound once

    @property
    def now_ns(self) -> int:
        return self._clock.now_ns

    def call_after(self, delay_ns: int, action: Action) -> Timer:
        return self._clock.call_after(delay_ns, action, self._gate)

    def _fire(self, timer: Timer, action: Action) -> None:
        if self._late is not None:
            timer.action = action  # it is pending, and may be cancelled yet
            self._late.append(partial(_expire, timer))
        elif not self._halted:
            action()

    def halt(self) -> None:
        """Call nobody any more, but who is called at this very instant."""
        self._halted = True
        self._late = None
        self.call_soon = _forget

    def pause(self) -> None:
        """Call nobody until `go_on`."""
        assert self._late is None, "a processor that stands still cannot be stopped again"
        late: list[Action] = []
        self._late, self.call_soon = late, late.append

    def go_on(self) -> None:
        """Call everybody who was to be called meanwhile, in that order."""
        late, self._late = self._late, None
        if late is not None:
            self.call_soon = self._clock.call_soon
            for action in late:
                self.call_soon(partial(self._call, action))

    def _call(self, action: Action) -> None:
        if not self._halted:
            action()


def _expire(timer: Timer) -> None:
    action, timer.action = timer.action, None
    if action is not None:
        action()


def _forget(action: Action) -> None:
    return None
