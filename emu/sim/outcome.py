"""What came of a run, and how a judge says that something is wrong."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Outcome:
    """What came of a run.

    failures: what the judges found, in words.  digest: of all that could be seen from outside.  reached: how often a
    step met which state of the set.
    """

    seed: int
    failures: list[str] = field(default_factory=list)
    digest: str = ""
    reached: Counter[tuple[str, str]] = field(default_factory=Counter)
    writes: int = 0
    reads: int = 0
    virtual_ns: int = 0


class Wrong(Exception):
    """A judge found something."""
