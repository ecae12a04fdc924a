"""How a merge gives way to applications: it waits between its I/Os while these take longer than they should.

The ideal time of an I/O is what the merge itself has seen on a quiet set.  A factor, in percent, says how much longer
an I/O may take before the merge takes it that somebody else wants the disks.  It comes from logical names in the
node's system table, one for a set or else one for all; the larger it is, the less the merge gives way.  A thousand
I/Os later it is looked up again, and the ideal is that of the last thousand.

Times are nanoseconds.

UNCERTAIN: names, default, range and the thousand I/Os are published (Ask the Wizard, 6084 and 5153); how the ideal is
found and how long a merge waits are not.  Here the ideal is the shortest of a thousand I/Os, and the merge waits before
each I/O as long as the last ten took too long, on an average.
"""

from collections.abc import Mapping

from emu.core.clock import SECOND_NS

NAME = "SHAD$MERGE_DELAY_FACTOR"
DEFAULT = 200
LOWEST, HIGHEST = 100, 10_000  # UNCERTAIN: up to 1000 at first, up to 10000 later; V7.3 is taken for later
LOOKUP_IOS = 1000
ROW_IOS = 10
LIMIT_NS = (
    SECOND_NS  # an I/O that takes longer waits for a disk or a controller to come back, not for applications
)


def delay_factor(logical_names: Mapping[str, str], unit: str) -> int:
    """The factor of a virtual unit, "DSA1:"; a value that makes no sense counts as none."""
    for name in (f"{NAME}_{unit.rstrip(':')}", NAME):
        text = logical_names.get(name, "")
        if text.isascii() and text.isdigit():
            return int(text) if LOWEST <= int(text) <= HIGHEST else DEFAULT
    return DEFAULT


class Throttle:
    """The pace of one merge.

    factor: percent.  delay_ns: how long to wait before the next I/O.
    """

    def __init__(self, logical_names: Mapping[str, str], unit: str) -> None:
        self._logical_names = logical_names
        self._unit = unit
        self.factor = delay_factor(logical_names, unit)
        self.delay_ns = 0
        self._ios = 0
        self._row_ns = 0
        self._shortest_ns = LIMIT_NS  # of this thousand so far
        self._shortest_before_ns = LIMIT_NS  # of the thousand before

    def took(self, duration_ns: int) -> None:
        """Take note of an I/O; all are of one size."""
        self._ios += 1
        self._row_ns += min(duration_ns, LIMIT_NS)
        self._shortest_ns = min(self._shortest_ns, duration_ns)
        if self._ios % ROW_IOS:
            return
        average_ns, self._row_ns = self._row_ns // ROW_IOS, 0
        ideal_ns = min(self._shortest_ns, self._shortest_before_ns)
        self.delay_ns = max(average_ns - ideal_ns * self.factor // 100, 0)
        if self._ios % LOOKUP_IOS == 0:
            self.factor = delay_factor(self._logical_names, self._unit)
            self._shortest_before_ns, self._shortest_ns = self._shortest_ns, LIMIT_NS
