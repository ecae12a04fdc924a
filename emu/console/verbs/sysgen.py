"""SYSGEN: system parameters, in a dialogue of its own or in one line (shadowing reference, 4.16).

It works on a copy of the parameters: the active ones at first.  SET changes the copy, WRITE gives it to the running
system, or to the next boot.

UNCERTAIN: SYSGEN's messages and the columns of its display are from general knowledge of VMS.
"""

from dataclasses import dataclass, field

from drivers.message import Failure, Message
from drivers.platform.parameters import NO_LIMIT, Parameter, SystemParameters
from drivers.platform.process import Procedure
from emu.console import dcl
from emu.console import help as help_text
from emu.console.dcl import Command, DclError, Keyword, Kind, MissingParameter, Verb, parse
from emu.console.session import Job

_PROMPT = "SYSGEN> "
_HEADING = (
    "Parameter Name           Current    Default     Min.        Max.     Unit         Dynamic",
    "--------------           -------    -------    -------     -------   ----         -------",
)


@dataclass
class _Dialogue:
    """One run of SYSGEN.  values: the copy it works on."""

    job: Job
    values: dict[str, int] = field(default_factory=dict)
    ended: bool = False

    @property
    def parameters(self) -> SystemParameters:
        return self.job.node.platform.parameters

    def use(self, what: str) -> None:
        """Take the ACTIVE, CURRENT or DEFAULT values."""
        read = {
            "ACTIVE": self.parameters.__getitem__,
            "CURRENT": self.parameters.current,
            "DEFAULT": self.parameters.default,
        }[what]
        self.values = {parameter.name: read(parameter.name) for parameter in self.parameters}

    def find(self, name: str) -> list[Parameter]:
        """The parameters whose names begin so; raises Failure."""
        found = [p for p in self.parameters if p.name.startswith(name)]
        found = [p for p in found if p.name == name] or found
        if not found:
            raise Failure(Message("SYSGEN", "W", "NOPARAM", f"{name} - no such parameter"))
        return found

    # -- its verbs

    def show(self, command: Command) -> Procedure:
        name = command.parameter("PARAMETER").upper()
        if not name and not command.is_given("ALL"):
            raise MissingParameter("Parameter")
        chosen = self.find(name) if name else list(self.parameters)
        for line in _HEADING:
            self.job.say(line)
        for parameter in chosen:
            self.job.say(self._line(parameter))
        return
        yield

    def _line(self, parameter: Parameter) -> str:
        name = parameter.name
        return (
            f"{name:22}{self.values[name]:10}{self.parameters.default(name):11}{parameter.minimum:11}"
            f"{parameter.maximum:12}   {parameter.unit:12}{'    D' if parameter.dynamic else ''}"
        ).rstrip()

    def set(self, command: Command) -> Procedure:
        name, text = command.parameter("PARAMETER").upper(), command.parameter("VALUE")
        found = self.find(name)
        if len(found) > 1:
            raise DclError("ABKEYW", name)
        parameter = found[0]
        if text.upper() == "DEFAULT":
            value = self.parameters.default(parameter.name)
        else:
            value = NO_LIMIT if text == "-1" else dcl.parse_number(text)
        if not parameter.allows(value):
            ident = "BELOWMIN" if value < parameter.minimum else "ABOVEMAX"
            limit = parameter.minimum if value < parameter.minimum else parameter.maximum
            raise Failure(
                Message(
                    "SYSGEN",
                    "W",
                    ident,
                    f"{parameter.name} - the limit is {limit}, the value stays what it was",
                )
            )
        self.values[parameter.name] = value
        return
        yield

    def use_values(self, command: Command) -> Procedure:
        self.use(_choice(command.parameter("WHAT"), ("ACTIVE", "CURRENT", "DEFAULT")))
        return
        yield

    def write(self, command: Command) -> Procedure:
        what = _choice(command.parameter("WHAT"), ("ACTIVE", "CURRENT"))
        self.job.process.require(("CMKRNL",) if what == "ACTIVE" else ("SYSPRV",))
        for parameter in self.parameters:
            name = parameter.name
            if what == "CURRENT":
                self.parameters.write_current(name, self.values[name])
            elif parameter.dynamic:
                self.parameters.write_active(name, self.values[name])
        ident, text = ("WRITEACT", "active") if what == "ACTIVE" else ("WRITECUR", "current")
        message = Message("SYSGEN", "I", ident, f"{text} system parameters modified by process ID 00000201")
        self.job.node.platform.operator(str(message))
        return
        yield

    def help(self, command: Command) -> Procedure:
        topics = [topic.upper() for topic in command.parameters.get("TOPIC", [])]
        for line in help_text.help_lines(_VERBS, topics, self.job.node.kind):
            self.job.say(line)
        return
        yield

    def exit(self, command: Command) -> Procedure:
        self.ended = True
        return
        yield


def _choice(text: str, words: tuple[str, ...]) -> str:
    found = [word for word in words if word.startswith(text.upper())]
    if len(found) != 1:
        raise DclError("IVKEYW", text.upper())
    return found[0]


_PARAMETER = dcl.Parameter("PARAMETER", "Parameter")

_VERBS = (
    Verb("EXIT", "End SYSGEN.", _Dialogue.exit, examples=("EXIT",)),
    Verb(
        "HELP",
        "Explain a command.",
        _Dialogue.help,
        (dcl.Parameter("TOPIC", "Topic", Kind.TOPIC, required=False, rest=True),),
        examples=("HELP SET",),
    ),
    Verb(
        "SET",
        "Change a value in the copy that SYSGEN works on: a number, -1 for the largest one, or DEFAULT.",
        _Dialogue.set,
        (_PARAMETER, dcl.Parameter("VALUE", "Value")),
        examples=("SET SHADOW_MBR_TMO 60", "SET WBM_MSG_INT DEFAULT"),
    ),
    Verb(
        "SHOW",
        "Display a parameter, or all whose names begin so.",
        _Dialogue.show,
        (dcl.Parameter("PARAMETER", "Parameter", required=False),),
        (Keyword("ALL", "All parameters."),),
        ("SHOW SHADOW_MAX_COPY", "SHOW WBM", "SHOW/ALL"),
    ),
    Verb(
        "USE",
        "Work on the ACTIVE, CURRENT or DEFAULT values.",
        _Dialogue.use_values,
        (dcl.Parameter("WHAT", "File"),),
        examples=("USE CURRENT",),
    ),
    Verb(
        "WRITE",
        "Give the values to the running system, ACTIVE, as far as they are dynamic, or to its next boot, CURRENT.",
        _Dialogue.write,
        (dcl.Parameter("WHAT", "File"),),
        examples=("WRITE ACTIVE",),
    ),
)


def _carry_out(dialogue: _Dialogue, line: str) -> Procedure:
    command = parse(line, _VERBS, dialogue.job.node.kind)
    if command is not None:
        assert command.verb.routine is not None, "all verbs do something"
        yield from command.verb.routine(dialogue, command)


def run(job: Job, line: str) -> Procedure:
    """Carry out one command, or talk."""
    dialogue = _Dialogue(job)
    dialogue.use("ACTIVE")
    if line:
        yield from _carry_out(dialogue, line)
        return
    while not dialogue.ended:
        answer = yield from job.read_input(_PROMPT)
        if answer is None:
            return
        try:
            yield from _carry_out(dialogue, answer)
        except Failure as failure:
            job.session.complain(failure)
