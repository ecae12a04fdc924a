"""The interpreter: takes lines, carries out commands, says what came of them.

A command is a procedure on the node the session is logged in to.  `start` begins it, and it ends as the world goes
on; `execute` lets the world go on, as fast as it can, until it has.  What a command started in the background goes
on whenever the world does.  There may be several consoles on one world.

A line of a command procedure goes the way of a line that was typed, and the next one follows when its command has
ended.
"""

import re
from collections.abc import Callable, Iterable, Sequence

from drivers.message import Failure, Message
from drivers.platform import process
from drivers.platform.pool import InsufficientMemory
from drivers.platform.process import Procedure
from emu.console.conversation import Say
from emu.console.dcl import Command, DclError, Keyword, MissingParameter, Verb, parse
from emu.console.dcl.command import without_dollar
from emu.console.dcl.errors import MissingLabel
from emu.console.dcl.quoting import is_continued, unquoted, without_comment
from emu.console.dcl.source import Source, take_label
from emu.console.dcl.symbols import substitute, substitute_ampersands
from emu.console.host_files import HostFiles
from emu.console.levels import Level
from emu.console.lexicals import Lexicals
from emu.console.logical_names import with_devices
from emu.console.session import CommandsInHand, Job, Session
from emu.console.status import NORMAL, SHOWN, condition_value, counting, severity
from emu.console.verbs import VERBS
from emu.core.clock import MICROSECOND_NS, SECOND_NS
from emu.sim.world import World

Ask = Callable[[str], str | None]

LINE_NS = (
    100 * MICROSECOND_NS
)  # a line of a procedure takes its time, so one that goes round in circles stops nobody
LINE_LIMIT = 1024  # characters of a command
CONTROL_Y = 0x611  # SS$_CONTROLY
_PATIENCE = 2  # times Ctrl-C is pressed until the console stops waiting for a command that looks out for it

_ASSIGNMENT = re.compile(r"\s*([A-Z$_][\w$]*)\s*(:?==?)(.*)", re.IGNORECASE | re.DOTALL)
_VERB = re.compile(r"\s*([A-Z$_][\w$]*)(?![\w$:=])", re.IGNORECASE)


class Interpreter:
    """One console: a `Conversation`.

    ask: shows a prompt and returns the operator's line, None for Ctrl-Z; `execute` uses it, and without it nobody is
    asked.  commands: what the consoles of one world have in hand together.  changed: called when a command has ended
    or asks something.  status: the severity the last command ended with, one of S, I, W, E, F.  failures: commands
    that did not do what they were asked to.
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
        self.settle: Callable[[Callable[[], bool]], bool] = world.settle  # or what lets others go on, too
        node = next(iter(world.nodes.values()))
        self.session = Session(world, node, host_files, say, verbs, commands or CommandsInHand())
        self.process = self.session.process
        self.status = "S"
        self.failures = 0
        self.changed: Callable[[], None] = lambda: None
        self._ask = ask
        self._lexicals = Lexicals(self.session)
        self._job: Job | None = None
        self._patience = 1
        self._incomplete: tuple[str, MissingParameter] | None = None  # a line, and what it lacks
        self._held = ""  # a line that ended with a hyphen
        self._busy = False
        self._control_y = False
        self._called = False  # whether a call of ours is under way, so that nobody need be told of changes

    @property
    def ended(self) -> bool:
        """Whether EXIT or LOGOUT has been said."""
        return self.session.ended

    @property
    def prompt(self) -> str:
        """The dollar sign, after the node's name where there are several."""
        usual = f"{self.session.node.name}$ " if len(self.world.nodes) > 1 else "$ "
        return ("_" if self._held else "") + (self.process.prompt or usual)

    @property
    def succeeded(self) -> bool:
        """Whether the last command did what it was asked to: VMS's low bit of $STATUS."""
        return self.status in "SI"

    @property
    def busy(self) -> bool:
        """Whether a command is being carried out, or asks something."""
        return self._busy

    @property
    def question(self) -> str | None:
        """The prompt for an answer that is waited for."""
        if self._incomplete is not None:
            return f"_{self._incomplete[1].prompt}: "
        return self._job.question[0] if self._job is not None and self._job.question is not None else None

    def execute(self, line: str) -> str:
        """Carry out one line while nothing else runs the world; returns the severity the command ended with."""
        self.start(line)
        self._run()
        return self.status

    def execute_procedure(self, name: str, lines: Iterable[str], on: str = "E") -> str:
        """Carry out a procedure; a command that ends with severity `on` or worse ends it, "" for none does."""
        self._begin()
        level = Level(Source(name, lines), on=on or "F", errors_matter=bool(on))
        self.process.push(level, [])
        self._go_on()
        self._called = False
        self._run()
        return self.status

    def _run(self) -> None:
        while self.busy:
            question = self.question
            if question is not None:
                self.answer(self._ask(question) if self._ask is not None else None)
            elif not self.settle(lambda: not self.busy or self.question is not None):
                text = "the command waits for something that never comes"
                self._give_up(Failure(Message("SYSTEM", "F", "HANGUP", text)))

    def start(self, line: str) -> None:
        """Begin to carry out one line; it ends when the world has gone on far enough."""
        self._begin()
        line, self._held = self._held + line, ""
        if is_continued(line):
            self._held = without_comment(line).rstrip()[:-1] + " "
            self._busy = False
        elif self._take(line, fresh=True):
            self._go_on()
        self._called = False

    def _begin(self) -> None:
        assert not self.busy, "one command at a time"
        self.status = "S"
        self._busy = self._called = True
        self._control_y = False

    def answer(self, line: str | None) -> None:
        """Answer the question; None for Ctrl-Z."""
        self._called = True
        if self._incomplete is not None:
            (text, missing), self._incomplete = self._incomplete, None
            if line is None:
                self._report(missing)
                done = True
            else:
                done = self._carry_out_text(f"{text} {line}")
            if done:
                self._go_on()
        elif self._job is not None:
            self._job.answer(line)
        self._called = False

    def interrupt(self) -> None:
        """Ctrl-C or Ctrl-Y: have what is being carried out end.  May come at any time, from a signal."""
        job = self._job
        self._control_y = self._busy and len(self.process.levels) > 1
        if self.question is not None:
            self.answer(None)
        elif job is not None:
            job.interruptions += 1
            if job.interruptions >= self._patience:
                self.world.clock.call_soon(lambda: self._wait_no_longer(job))
        elif not self._busy:
            self._held = ""

    def hang_up(self) -> None:
        """The operator is gone: what heeds Ctrl-C ends, the rest goes on in the background, and nothing is said."""
        self.session.leave()
        self._incomplete, self._busy = None, False
        self._unwind()
        job, self._job = self._job, None
        if job is not None:
            job.interruptions += 1
            job.leave()

    # -- lines

    def _go_on(self) -> None:
        """Carry out what comes next, until a command takes its time or nothing is left."""
        while self._busy and self._job is None and self._incomplete is None:
            if self._control_y:
                self._take_control_y()
            level = self.process.level
            item = level.next_line()
            if item is None:
                if len(self.process.levels) == 1:
                    self._finish()
                    return
                self._leave_level(self.process.status)
                continue
            line, fresh = item
            if fresh and self.process.verify:
                self.session.say(line if line.startswith("$") else f"$ {line}")
            if not self._take(line, fresh):
                return
            if fresh:
                self.world.clock.call_after(LINE_NS, self._go_on)
                return

    def _finish(self) -> None:
        self._busy = False
        if not self._called:
            self.changed()

    def _take(self, line: str, fresh: bool) -> bool:
        """Carry out a line; returns whether that is done, and not waited for."""
        level = self.process.level
        try:
            if level.passes_over(line):
                return True
            if len(line) > LINE_LIMIT:
                raise DclError("BUFOVF")
            text = without_dollar(line)
            if fresh:
                text = substitute(text, self.process.lookup, self._lexicals.evaluate)
            text = without_comment(text).strip()
            label, rest = take_label(text)
            while label:
                text = rest.strip()
                if level.source is None:
                    self._report(DclError("NOLBLS", label))
                label, rest = take_label(text)
            if not text:
                return True
            assignment = _ASSIGNMENT.match(text)
            if assignment is not None:
                self._assign(assignment[1].upper(), assignment[2], assignment[3].strip())
                return True
            verb = _VERB.match(text)
            alias = self.process.symbols.get(verb[1]) if verb is not None else None
            if verb is not None and isinstance(alias, str):
                text = alias + text[verb.end() :]
            text = substitute_ampersands(text, self.process.lookup)
        except Failure as failure:
            self._report(failure)
            return True
        return self._carry_out_text(text)

    def _carry_out_text(self, text: str) -> bool:
        """Parse and begin a command; returns whether it has ended already."""
        session = self.session
        try:
            command = self._parse(text)
            if command is None:
                return True
            self.process.require(command.verb.privileges)
            for given in command.qualifiers.values():
                keyword = next(k for k in command.verb.qualifiers if k.name == given.name)
                if not given.negated:
                    self.process.require(
                        _privileges(keyword, [k.name for k in given.keywords if not k.negated])
                    )
        except MissingParameter as missing:
            self._incomplete = (text, missing)
            return False
        except Failure as failure:
            self._report(failure)
            return True
        self._carry_out(with_devices(session, command))
        return False

    def _parse(self, text: str) -> Command | None:
        """Read a command as the node does that this console is at, or was at; raises Failure."""
        session = self.session
        try:
            session.find_node()
        except Failure:
            command = parse(text, session.verbs, session.node.kind)
            if command is None or command.verb.needs_node:
                raise
            return command
        return parse(text, session.verbs, session.node.kind)

    def _assign(self, name: str, operator: str, text: str) -> None:
        symbols = self.process.symbols
        table = symbols.globals if operator.endswith("==") else symbols.local
        if name in ("$STATUS", "$SEVERITY"):
            raise DclError("IVSYMB", name)
        if operator.startswith(":"):
            pieces = re.findall(r'"(?:[^"]|"")*"?|[^"]+', text)
            table[name] = "".join(
                unquoted(p) if p.startswith('"') else re.sub(r"\s+", " ", p).upper() for p in pieces
            )
        else:
            text = substitute_ampersands(text, self.process.lookup)
            table[name] = self._lexicals.evaluate(text)
        self.process.status = NORMAL

    # -- commands

    def _carry_out(self, command: Command) -> None:
        routine = command.verb.routine
        assert routine is not None, "a verb has a routine, or options that have one"
        job = self._job = Job(self.session, command, self._lexicals.evaluate, self._asked)
        self._patience = _PATIENCE if command.verb.cancellable else 1
        self.session.jobs.append(job)
        body = _guarded(lambda: routine(job, command))
        if command.verb.needs_node:
            job.node.run(command.path, body, lambda result: self._ended(job, result))
            self._watch(job)
        else:
            process.run(self.world.clock, command.path, body, lambda result: self._ended(job, result))

    def _watch(self, job: Job) -> None:
        """See that the node lives that carries the command out; what died with it will not end."""
        if job is not self._job:
            return
        if job.node.crashed:
            self.session.jobs.remove(job)
            self._give_up(Failure(Message("SYSTEM", "F", "NODELEAVE", f"node {job.node.name} is down")))
        else:
            self.world.clock.call_after(SECOND_NS, lambda: self._watch(job))

    def _asked(self) -> None:
        if not self._called:
            self.changed()

    def _ended(self, job: Job, result: object) -> None:
        self.session.jobs.remove(job)
        waited_for = job is self._job
        if waited_for:
            self._job = None
        if isinstance(result, Failure):
            if waited_for:
                self._report(result)
            else:
                self._say_why(result)
        elif waited_for:
            self.status = "S"
            if not job.command.verb.keeps_status:
                self.process.status = NORMAL
            if job.exit_status is not None:
                self._exit(job.exit_status)
        if not waited_for:
            return
        if len(self.process.levels) > 1:
            self.world.clock.call_after(LINE_NS, self._go_on)
        else:
            self._go_on()

    def _exit(self, status: int) -> None:
        """EXIT in a procedure."""
        if not status & 1 and not status & SHOWN:
            self.session.say(self._lexicals.message(status))
        self._leave_level(status | (0 if status & 1 else SHOWN))

    def _leave_level(self, status: int) -> None:
        """End a procedure: what it came to is what the line that called it has come to."""
        self.process.status = status
        self.status = severity(status)
        self.process.pop()
        self._react()

    def _react(self) -> None:
        """Do what ON says about the status; procedures end for errors if it says nothing."""
        level = self.process.level
        action = level.reaction(self.status) if level.source is not None else None
        if action:
            level.pending.appendleft(action)
        elif action is not None:
            self._leave_level(self.process.status | SHOWN)

    def _take_control_y(self) -> None:
        """Do what the innermost procedure says that says something of Ctrl-Y; those it called end."""
        self._control_y = False
        while len(self.process.levels) > 1:
            level = self.process.level
            if level.on_control_y is not None:
                level.pending.appendleft(level.on_control_y)
                return
            self.process.pop()
        self.session.say(" Interrupt")
        self.process.status, self.status = CONTROL_Y, "F"

    def _unwind(self) -> None:
        while len(self.process.levels) > 1:
            self.process.pop()

    def _wait_no_longer(self, job: Job) -> None:
        if job is self._job:
            self._give_up(Failure(Message("DCL", "W", "CONTINUES", f"{job.name} goes on in the background")))

    def _give_up(self, failure: Failure) -> None:
        job, self._job = self._job, None
        assert job is not None, "a command is being carried out"
        job.leave()
        self._report(failure)
        self._go_on()

    def _report(self, failure: Failure) -> None:
        """Say what went wrong, and have $STATUS and ON know it."""
        self.status, self.process.status = self._say_why(failure)
        self.failures += self.status not in "SI"
        if isinstance(failure, MissingLabel) and not self._control_y:
            self._leave_level(self.process.status | SHOWN)
        elif not self._control_y:  # which is what ended the command, and has its own consequence
            self._react()

    def _say_why(self, failure: Failure) -> tuple[str, int]:
        """Say what went wrong; returns the worst severity, and its message's number."""
        self.session.complain(failure)
        message = counting(failure.messages)
        return message.severity, condition_value(message)


def _privileges(keyword: Keyword, given: Sequence[str]) -> list[str]:
    """What a qualifier with these keywords asks for."""
    wanted = list(keyword.privileges)
    for value in keyword.value.keywords if keyword.value is not None else ():
        if value.name in given:
            wanted += value.privileges
    return wanted


def _guarded(routine: Callable[[], Procedure]) -> Procedure:
    try:
        return (yield from routine())
    except InsufficientMemory:
        raise Failure(Message("SYSTEM", "F", "INSFMEM", "insufficient dynamic memory")) from None
