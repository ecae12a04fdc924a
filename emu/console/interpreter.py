"""The interpreter: takes lines, carries out commands, says what came of them.

A command is a procedure on the node the session is logged in to.  `execute` lets the world go on, as fast as it can,
until that procedure has ended; what it started in the background goes on whenever the world does.
"""

from collections.abc import Callable, Sequence

from drivers.message import Failure, Message
from drivers.platform.pool import InsufficientMemory
from drivers.platform.process import Procedure
from emu.console.dcl import Command, DclError, MissingParameter, Verb, parse
from emu.console.host_files import HostFiles
from emu.console.session import Job, Say, Session
from emu.console.verbs import VERBS
from emu.sim.world import World

Ask = Callable[[str], str | None]

_SEVERITIES = "SIWEF"
_PATIENCE = 2  # times Ctrl-C is pressed until the console stops waiting for a command that looks out for it


class Interpreter:
    """One console.

    ask: shows a prompt and returns the operator's line, None for Ctrl-Z; without it nobody is asked.  status: the
    severity the last command ended with, one of S, I, W, E, F.
    """

    def __init__(
        self,
        world: World,
        host_files: HostFiles,
        say: Say,
        ask: Ask | None = None,
        verbs: Sequence[Verb] = VERBS,
    ) -> None:
        self.world = world
        self.session = Session(world, next(iter(world.nodes.values())), host_files, say, verbs)
        self.status = "S"
        self._ask = ask
        self._job: Job | None = None

    @property
    def ended(self) -> bool:
        """Whether EXIT or LOGOUT has been said."""
        return self.session.ended

    @property
    def succeeded(self) -> bool:
        """Whether the last command did what it was asked to: VMS's low bit of $STATUS."""
        return self.status in "SI"

    @property
    def busy(self) -> bool:
        """Whether a command is being carried out."""
        return self._job is not None

    def interrupt(self) -> None:
        """Ctrl-C: have the command that is being carried out end.  May come at any time, from a signal."""
        if self._job is not None:
            self._job.interruptions += 1

    def execute(self, line: str) -> str:
        """Carry out one line; returns the severity the command ended with."""
        self.status = "S"
        try:
            command = self._parse(line)
            if command is not None:
                self._carry_out(command)
        except Failure as failure:
            self._report(failure)
        return self.status

    def _parse(self, line: str) -> Command | None:
        """Parse, asking for the required parameters that are missing."""
        while True:
            try:
                return parse(line, self.session.verbs, self.session.node.kind)
            except MissingParameter as missing:
                answer = self._ask(f"_{missing.prompt}: ") if self._ask is not None else None
                if answer is None:
                    raise
                line = f"{line.split('!', maxsplit=1)[0]} {answer}"

    def _carry_out(self, command: Command) -> None:
        routine = command.verb.routine
        assert routine is not None, "a verb has a routine, or options that have one"
        job = self._job = Job(self.session)
        results: list[object] = []
        job.node.run(command.path, _guarded(routine(job, command)), results.append)
        patience = _PATIENCE if command.verb.cancellable else 1
        try:
            while not results:
                something_left = self.world.clock.run_until(
                    lambda: bool(results or job.question or job.interruptions >= patience)
                )
                if job.question is not None:
                    (prompt, flag), job.question = job.question, None
                    flag.set(self._ask(prompt) if self._ask is not None else None)
                elif not results and job.interruptions >= patience:
                    raise Failure(
                        Message("DCL", "W", "CONTINUES", f"{command.path} goes on in the background")
                    )
                elif not something_left:
                    raise Failure(
                        Message("SYSTEM", "F", "HANGUP", "the command waits for something that never comes")
                    )
        finally:
            self._job = None
        if isinstance(results[0], Failure):
            raise results[0]

    def _report(self, failure: Failure) -> None:
        for index, message in enumerate(failure.messages):
            text = str(message)
            self.session.say("-" + text[1:] if index else text)
        if isinstance(failure, DclError) and failure.token:
            self.session.say(f" \\{failure.token}\\")
            if failure.hint:
                self.session.say(f" ({failure.hint})")
        self.status = max((m.severity for m in failure.messages), key=_SEVERITIES.index, default="F")


def _guarded(body: Procedure) -> Procedure:
    try:
        return (yield from body)
    except InsufficientMemory:
        raise Failure(Message("SYSTEM", "F", "INSFMEM", "insufficient dynamic memory")) from None
