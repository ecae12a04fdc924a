"""A command that is no I/O: one for whose end message a process waits."""

from collections.abc import Callable

from drivers.platform.irp import Irp
from drivers.platform.process import EventFlag

EXCHANGE = -1  # function of a request that is no I/O


class Exchange(Irp):
    """It knows how to write itself, and its end message wakes a process."""

    __slots__ = ("encode", "end", "finished")

    def __init__(self, finished: EventFlag, encode: Callable[[int], bytes]) -> None:
        super().__init__(EXCHANGE)
        self.encode = encode
        self.finished = finished
        self.end = b""

    def complete(self) -> None:
        self.finished.set(self.end)
