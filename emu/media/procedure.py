"""A request that is carried out by several others, one after another.

The steps are a generator, as VMS kernel processes are: it fills in the request it was given, yields
the device that is to do it, and goes on with that device's answer.  What it returns is the answer to
the whole.  Devices may answer at once or later; answers at once cost no depth of stack.
"""

from collections.abc import Callable, Generator

from emu.core.block import BlockDevice, BlockRequest, MediumError

Steps = Generator[BlockDevice, MediumError | None, MediumError | None]


class Procedure(BlockRequest):
    """The request of every step of `steps(self)`, and the answer to `whole` after the last."""

    __slots__ = ("_answer", "_answered", "_running", "_steps", "_whole")

    def __init__(self, whole: BlockRequest, steps: "Callable[[Procedure], Steps]") -> None:
        self._whole = whole
        self._answer: MediumError | None = None
        self._answered = True
        self._running = False
        self._steps = steps(self)

    def start(self) -> None:
        """Do the first step, and all that follow as long as devices answer at once."""
        self._running = True
        while self._answered:
            self._answered = False
            try:
                device = self._steps.send(self._answer)
            except StopIteration as end:
                answer = end.value
                break
            device.submit(self)
        else:
            self._running = False
            return
        self._whole.done(answer)

    def done(self, error: MediumError | None) -> None:
        assert not self._answered, "a step was answered twice"
        self._answer = error
        self._answered = True
        if not self._running:
            self.start()
