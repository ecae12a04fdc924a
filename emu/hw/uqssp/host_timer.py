"""The host access timer: a controller expects to hear from its host.

(spec "UQSSP", host access timer.)  Times are virtual.
"""

from collections.abc import Callable

from emu.core.clock import SECOND_NS, Clock, Timer
from emu.hw.uqssp.traffic import Traffic

DEFAULT_HOST_TIMEOUT_S = 60


class HostTimer:
    """Calls `expired` when the host is silent for its timeout with nothing outstanding."""

    def __init__(self, clock: Clock, traffic: Traffic, expired: Callable[[], None]) -> None:
        self._clock = clock
        self._traffic = traffic
        self._expired = expired
        self._timeout_ns = 0
        self._timer: Timer | None = None

    def set(self, seconds: int) -> None:
        """Begin anew with another timeout; 0 is for ever."""
        self.stop()
        self._timeout_ns = seconds * SECOND_NS
        if seconds:
            self._timer = self._clock.call_after(self._timeout_ns, self._check)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check(self) -> None:
        """One appointment per interval, not per command: what happened since moves the next one."""
        traffic, now_ns = self._traffic, self._clock.now_ns
        since_ns = now_ns if traffic.busy else traffic.idle_since_ns
        left_ns = since_ns + self._timeout_ns - now_ns
        if left_ns > 0:
            self._timer = self._clock.call_after(left_ns, self._check)
        else:
            self._timer = None
            self._expired()
