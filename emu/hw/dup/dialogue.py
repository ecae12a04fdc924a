"""The standard dialogue: what a program says to the user of a host, and hears.

(spec "DUP", standard dialogue.)  A program is a generator.  It yields messages and is sent the user's answer to
each question; it yields work for a medium and is sent how that ended; it returns its last message.  A message is
one line of ASCII without its end, which is the host's affair.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from emu.core.block import BLOCK_BYTES, BlockDevice, BlockRequest, Function, MediumError
from emu.core.clock import MILLISECOND_NS, Clock
from emu.wire.codes.dup import DIALOGUE, DIALOGUE_NUMBER_MASK, DIALOGUE_TYPE_SHIFT
from emu.wire.generated import dup

PACE_NS = MILLISECOND_NS  # before each piece of work, so that the commands of hosts have their turn

_QUESTIONS = (DIALOGUE.QUESTION, DIALOGUE.DEFAULT_QUESTION)
_LAST = (DIALOGUE.TERMINATION, DIALOGUE.FATAL_ERROR)


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a program; the number tells it from its like, for a host that does not read."""

    kind: DIALOGUE
    text: str
    number: int = 0

    @property
    def word(self) -> bytes:
        """Type and number, as they stand before the text."""
        return dup.Dialogue(self.kind << DIALOGUE_TYPE_SHIFT | self.number & DIALOGUE_NUMBER_MASK).pack()

    def pack(self) -> bytes:
        # DEC's consoles print a message by way of their formatted output, where a percent sign is no percent sign.
        return self.word + self.text.replace("%", " percent").encode("ascii", "replace")

    @property
    def asks(self) -> bool:
        return self.kind in _QUESTIONS

    @property
    def last(self) -> bool:
        return self.kind in _LAST


class Work(BlockRequest):
    """A request to a medium, for which the program waits.

    progress: what to tell a user who wants to know how far the program has come.  device: the medium as the drive
    shows it.
    """

    __slots__ = ("answer", "device", "medium", "progress")

    def __init__(
        self,
        progress: str,
        medium: BlockDevice,
        device: BlockDevice,
        function: Function,
        lbn: int,
        block_count: int,
        views: Sequence[memoryview] = (),
    ) -> None:
        self.progress = progress
        self.medium = medium
        self.device = device
        self.function = function
        self.lbn = lbn
        self.byte_count = block_count * BLOCK_BYTES
        self.views = views
        self.answer: Callable[[MediumError | None], None] | None = None

    def done(self, error: MediumError | None) -> None:
        if self.answer is not None:
            self.answer(error)

    def revoke(self) -> None:
        """Hear no answer, and leave nothing to move to a medium that still has the request."""
        self.answer = None
        self.function = Function.READ
        self.lbn = 0
        self.byte_count = 0
        self.views = ()


Step = Message | Work
Reply = str | MediumError | None
Dialogue = Generator[Step, Reply, Message]
Part = Generator[Step, Reply, None]


def tell(text: str, number: int = 0) -> Part:
    """Say a line."""
    yield Message(DIALOGUE.INFORMATION, text, number)


def ask(text: str, number: int = 0) -> Generator[Step, Reply, str]:
    """Ask; return the answer in capitals, without outer blanks."""
    return (yield from _answer(Message(DIALOGUE.QUESTION, text, number)))


def ask_or_default(text: str, default: str, number: int = 0) -> Generator[Step, Reply, str]:
    """Ask, showing what no answer means; return the answer, or that."""
    answer = yield from _answer(Message(DIALOGUE.DEFAULT_QUESTION, f"{text} [{default}]? ", number))
    return answer or default


def confirm(text: str, number: int = 0) -> Generator[Step, Reply, bool]:
    """Ask for a yes; nothing, or anything else, is no."""
    answer = yield from _answer(Message(DIALOGUE.DEFAULT_QUESTION, f"{text} [Y/(N)]? ", number))
    return answer in ("Y", "YES")


def _answer(question: Message) -> Generator[Step, Reply, str]:
    answer = yield question
    assert isinstance(answer, str), "a question is answered with text"
    return answer.strip().upper()


def do(work: Work) -> Generator[Step, Reply, MediumError | None]:
    """Have a medium do something; return its failure."""
    error = yield work
    assert error is None or isinstance(error, MediumError), "work is answered by a medium"
    return error


def finished(text: str, number: int = 0) -> Message:
    """Make the last message of a program that has done what it was asked."""
    return Message(DIALOGUE.TERMINATION, text, number)


def given_up(text: str, number: int = 0) -> Message:
    """Make the last message of a program that cannot go on."""
    return Message(DIALOGUE.FATAL_ERROR, text, number)


class Conversation:
    """A running program, and where it stands.

    message: what the host is to get next.  question: what it was asked, while the answer is awaited.  With neither a
    medium is at work, unless the program has `ended`: the host has its last message.  moved: called when the program
    has got on.
    """

    def __init__(self, clock: Clock, dialogue: Dialogue, moved: Callable[[], None]) -> None:
        self.message: Message | None = None
        self.question: Message | None = None
        self.ended = False
        self._clock = clock
        self._dialogue = dialogue
        self._moved = moved
        self._work: Work | None = None
        self._reply: Reply = None

    def start(self) -> None:
        """Let the program run to its first message."""
        self._resume(None)

    def received(self) -> None:
        """Hear that the host has the message."""
        message, self.message = self.message, None
        assert message is not None, "only what was said can be received"
        if message.last:
            self.ended = True
        elif message.asks:
            self.question = message
        elif self._work is None:
            reply, self._reply = self._reply, None
            self._resume(reply)

    def answer(self, text: str) -> None:
        """Give the program the user's answer."""
        assert self.question is not None, "only a question can be answered"
        self.question = None
        self._resume(text)

    def report(self) -> None:
        """Tell the user where the program stands: how far its work is, or what it has asked."""
        if self.message is not None:
            return
        if self.question is not None:
            self.message, self.question = self.question, None
        elif self._work is not None:
            self.message = Message(DIALOGUE.INFORMATION, self._work.progress)

    def abort(self) -> None:
        """Stop the program without another word; it puts back what it has taken."""
        if self._work is not None:
            self._work.revoke()
            self._work = None
        self._dialogue.close()
        self.message = self.question = None
        self.ended = True

    def medium_lost(self, medium: BlockDevice) -> None:
        """Fail what is at work on a medium that is taken away."""
        work = self._work
        if work is not None and work.medium is medium:
            work.revoke()
            self._done(MediumError("the unit went offline"))

    def _resume(self, reply: Reply) -> None:
        try:
            step = self._dialogue.send(reply)
        except StopIteration as end:
            step = end.value
        if isinstance(step, Work):
            self._work = step
            step.answer = self._done
            self._clock.call_after(PACE_NS, lambda: self._begin(step))
        else:
            self.message = step
        self._moved()

    def _begin(self, work: Work) -> None:
        if work is self._work:
            work.device.submit(work)

    def _done(self, error: MediumError | None) -> None:
        self._work = None
        if self.message is None:
            self._resume(error)
        else:
            self._reply = error  # a report is on its way
