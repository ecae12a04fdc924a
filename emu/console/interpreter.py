"""The interpreter: takes lines, carries out commands, says what came of them.

A command is a procedure on the node the session is logged in to.  `start` begins it, and it ends as the world goes
on; `execute` lets the world go on, as fast as it can, until it has.  What a command started in the background goes
on whenever the world does.  There may be several consoles on one world.
"""

from collections.abc import Callable, Sequence

from drivers.message import Failure, Message
from drivers.platform.pool import InsufficientMemory
from drivers.platform.process import Procedure
from emu.console.conversation import Say
from emu.console.dcl import Command, DclError, MissingParameter, Verb, parse
from emu.console.host_files import HostFiles
from emu.console.session import CommandsInHand, Job, Session
from emu.console.verbs import VERBS
from emu.sim.world import World

Ask = Callable[[str], str | None]

_SEVERITIES = "SIWEF"
_PATIENCE = 2  # times Ctrl-C is pressed until the console stops waiting for a command that looks out for it


class Interpreter:
    """One console: a `Conversation`.

    ask: shows a prompt and returns the operator's line, None for Ctrl-Z; `execute` uses it, and without it nobody is
    asked.  commands: what the consoles of one world have in hand together.  changed: called when a command has ended
    or asks something.  status: the severity the last command ended with, one of S, I, W, E, F.
    """

    def __init__(
        self,
        world: World,
        host_files: HostFiles,
        say: Say,
        ask: Ask | None = None,
        verbs: Sequence[Verb] = VERBS,
        commands: CommandsInHand | None = None,
    ) -> None:
        self.world = world
        node = next(iter(world.nodes.values()))
        self.session = Session(world, node, host_files, say, verbs, commands or CommandsInHand())
        self.status = "S"
        self.changed: Callable[[], None] = lambda: None
        self._ask = ask
        self._job: Job | None = None
        self._patience = 1
        self._incomplete: tuple[str, MissingParameter] | None = None  # a line, and what it lacks

    @property
    def ended(self) -> bool:
        """Whether EXIT or LOGOUT has been said."""
        return self.session.ended

    @property
    def prompt(self) -> str:
        """The dollar sign, after the node's name where there are several."""
        return f"{self.session.node.name}$ " if len(self.world.nodes) > 1 else "$ "

    @property
    def succeeded(self) -> bool:
        """Whether the last command did what it was asked to: VMS's low bit of $STATUS."""
        return self.status in "SI"

    @property
    def busy(self) -> bool:
        """Whether a command is being carried out, or asks something."""
        return self._job is not None or self._incomplete is not None

    @property
    def question(self) -> str | None:
        """The prompt for an answer that is waited for."""
        if self._incomplete is not None:
            return f"_{self._incomplete[1].prompt}: "
        return self._job.question[0] if self._job is not None and self._job.question is not None else None

    def execute(self, line: str) -> str:
        """Carry out one line while nothing else runs the world; returns the severity the command ended with."""
        self.start(line)
        while self.busy:
            question = self.question
            if question is not None:
                self.answer(self._ask(question) if self._ask is not None else None)
            elif not self.world.settle(lambda: not self.busy or self.question is not None):
                text = "the command waits for something that never comes"
                self._give_up(Failure(Message("SYSTEM", "F", "HANGUP", text)))
        return self.status

    def start(self, line: str) -> None:
        """Begin to carry out one line; it ends when the world has gone on far enough."""
        assert not self.busy, "one command at a time"
        self.status = "S"
        try:
            command = parse(line, self.session.verbs, self.session.node.kind)
        except MissingParameter as missing:
            self._incomplete = (line, missing)
        except Failure as failure:
            self._report(failure)
        else:
            if command is not None:
                self._carry_out(command)

    def answer(self, line: str | None) -> None:
        """Answer the question; None for Ctrl-Z."""
        if self._incomplete is not None:
            (start, missing), self._incomplete = self._incomplete, None
            if line is None:
                self._report(missing)
            else:
                self.start(f"{start.split('!', maxsplit=1)[0]} {line}")
        elif self._job is not None:
            self._job.answer(line)

    def interrupt(self) -> None:
        """Ctrl-C: have the command that is being carried out end.  May come at any time, from a signal."""
        job = self._job
        if self.question is not None:
            self.answer(None)
        elif job is not None:
            job.interruptions += 1
            if job.interruptions >= self._patience:
                self.world.clock.call_soon(lambda: self._wait_no_longer(job))

    def hang_up(self) -> None:
        """The operator is gone: what heeds Ctrl-C ends, the rest goes on in the background, and nothing is said."""
        self.session.leave()
        self._incomplete = None
        job, self._job = self._job, None
        if job is not None:
            job.interruptions += 1
            job.leave()

    def _carry_out(self, command: Command) -> None:
        routine = command.verb.routine
        assert routine is not None, "a verb has a routine, or options that have one"
        job = self._job = Job(self.session, command.path, self._asked)
        self._patience = _PATIENCE if command.verb.cancellable else 1
        self.session.jobs.append(job)
        body = _guarded(routine(job, command))
        job.node.run(command.path, body, lambda result: self._ended(job, result))

    def _asked(self) -> None:
        self.changed()

    def _ended(self, job: Job, result: object) -> None:
        self.session.jobs.remove(job)
        waited_for = job is self._job
        if waited_for:
            self._job = None
        if isinstance(result, Failure):
            status = self._say_why(result)
            if waited_for:
                self.status = status
        if waited_for:
            self.changed()

    def _wait_no_longer(self, job: Job) -> None:
        if job is self._job:
            self._give_up(Failure(Message("DCL", "W", "CONTINUES", f"{job.name} goes on in the background")))
            self.changed()

    def _give_up(self, failure: Failure) -> None:
        job, self._job = self._job, None
        assert job is not None, "a command is being carried out"
        job.leave()
        self._report(failure)

    def _report(self, failure: Failure) -> None:
        self.status = self._say_why(failure)

    def _say_why(self, failure: Failure) -> str:
        """Say what went wrong; returns the worst severity."""
        for index, message in enumerate(failure.messages):
            text = str(message)
            self.session.say("-" + text[1:] if index else text)
        if isinstance(failure, DclError) and failure.token:
            self.session.say(f" \\{failure.token}\\")
            if failure.hint:
                self.session.say(f" ({failure.hint})")
        return max((m.severity for m in failure.messages), key=_SEVERITIES.index, default="F")


def _guarded(body: Procedure) -> Procedure:
    try:
        return (yield from body)
    except InsufficientMemory:
        raise Failure(Message("SYSTEM", "F", "INSFMEM", "insufficient dynamic memory")) from None
