"""The clock as one node has it: when the node halts, nothing of what it had in mind happens any more."""

from functools import partial

from emu.core.clock import Action, Clock, Timer


class NodeClock:
    """A clock that can be stopped for one node alone."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._halted = False
        self.call_soon = clock.call_soon  # as it is: the busiest call of a run

    @property
    def now_ns(self) -> int:
        return self._clock.now_ns

    def call_after(self, delay_ns: int, action: Action) -> Timer:
        return self._clock.call_after(delay_ns, partial(self._fire, action))

    def _fire(self, action: Action) -> None:
        if not self._halted:
            action()

    def halt(self) -> None:
        """Call nobody any more, but who is called at this very instant."""
        self._halted = True
        self.call_soon = _forget


def _forget(action: Action) -> None:
    return None
