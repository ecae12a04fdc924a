"""What a console remembers between commands, and what a command has in hand while it runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from drivers.classes.disk import Disk
from drivers.cluster.node import Node
from drivers.message import Failure, Message
from drivers.platform.process import EventFlag, Procedure
from drivers.shadow.shdriver import VirtualUnit
from emu.console.conversation import Say
from emu.console.dcl import Command, DclError, Verb
from emu.console.dcl.symbols import Evaluate
from emu.console.host_files import HostFiles
from emu.console.levels import Level
from emu.console.load import Load
from emu.console.operator import CLASSES, OperatorLog, OperatorTerminal
from emu.console.process import Process
from emu.console.times import absolute_time
from emu.sim.world import World

LOGICAL_DEPTH = 10  # translations of a name one after another, as in VMS


@dataclass
class CommandsInHand:
    """What the consoles of one world work on together.

    loads: by node and virtual unit.  claimed: disks that a command works on by itself, while its node is up.  jobs: the
    commands that have not ended, also those whose operator waits no longer.  operator_log: of all messages.
    """

    loads: dict[tuple[str, str], Load] = field(default_factory=dict)
    claimed: dict[str, "Job"] = field(default_factory=dict)
    jobs: "list[Job]" = field(default_factory=list)
    operator_log: OperatorLog = field(default_factory=OperatorLog)


class Session:
    """One operator at one console.

    hosts: names of the nodes logged in to by SET HOST, the present one last.
    """

    def __init__(
        self,
        world: World,
        node: Node,
        host_files: HostFiles,
        say: Say,
        verbs: Sequence[Verb],
        commands: CommandsInHand,
    ) -> None:
        self.world = world
        self.hosts = [node.name]
        self.host_files = host_files
        self.say = say
        self.verbs = verbs
        self.jobs = commands.jobs
        self.loads = commands.loads
        self.claimed = commands.claimed
        self.ended = False
        self.process = Process()
        self.operator = OperatorTerminal(world, lambda: self.hosts[-1], self._say_now)
        self.operator_log = commands.operator_log

    @property
    def node(self) -> Node:
        return self.world.nodes[self.hosts[-1]]

    @property
    def nodes_up(self) -> list[Node]:
        """The nodes that have not crashed."""
        return [node for node in self.world.nodes.values() if not node.crashed]

    def find_node(self) -> None:
        """See that the present node is up: if it has crashed, go back to one that is.  Raises Failure."""
        while self.node.crashed and len(self.hosts) > 1:
            lost = self.hosts.pop()
            self.tell(Message("REM", "F", "NETERR", f"path to node {lost} is lost"))
            self.tell(Message("REM", "S", "END", f"control returned to node _{self.hosts[-1]}::"))
        if not self.node.crashed:
            return
        if not self.nodes_up:
            text = f"node {self.node.name} is down, and so are all others; BOOT brings one up"
            raise Failure(Message("HBVS", "F", "NODEDOWN", text))
        up = self.nodes_up[0].name
        self.tell(
            Message("HBVS", "W", "NODEDOWN", f"node {self.node.name} is down, this console is at {up} now")
        )
        self.hosts = [up]

    def tell(self, message: Message) -> None:
        self.say(str(message))

    def _say_now(self, line: str) -> None:
        self.say(line)  # which leaving makes another one

    def complain(self, failure: Failure) -> None:
        """Say why something was not done."""
        for index, message in enumerate(failure.messages):
            text = str(message)
            self.say("-" + text[1:] if index else text)
        if isinstance(failure, DclError) and failure.token:
            self.say(f" \\{failure.token}\\")
            if failure.hint:
                self.say(f" ({failure.hint})")

    def leave(self) -> None:
        """Say nothing more: nobody is there."""
        self.enable_operator(False)
        self.say = _to_nobody

    def now(self) -> str:
        """The time of day, as VMS writes it."""
        return absolute_time(self.node.platform.system_time())

    def enable_operator(self, enable: bool) -> None:
        """Show all messages to operators here, or none."""
        (self.operator.enable if enable else self.operator.disable)(CLASSES)

    # -- logical names

    def logical_name(self, name: str) -> str | None:
        """What a logical name stands for: in the process's table or else in this node's system table."""
        name = name.strip().upper().rstrip(":")
        meaning = self.process.logicals.get(name)
        return meaning if meaning is not None else self.node.platform.logical_names.get(name)

    def translate(self, name: str) -> str:
        """A logical name's meaning, as far as it has one."""
        for _ in range(LOGICAL_DEPTH):
            meaning = self.logical_name(name)
            if meaning is None:
                return name
            name = meaning
        return name

    # -- devices

    def unit(self, name: str) -> VirtualUnit | Disk:
        """Find a virtual unit that is mounted on this node, or a disk; raises Failure."""
        unit_name = virtual_unit_name(name)
        if unit_name is None:
            return self.node.disk(name)
        vu = self.node.shadow.units.get(unit_name)
        if vu is None:
            raise Failure(
                Message("SYSTEM", "F", "DEVNOTMOUNT", f"device is not mounted, _{unit_name}"),
            )
        return vu

    def loads_on(self, unit: str) -> list[Load]:
        """The loads on a virtual unit, of all nodes."""
        return [load for (_, name), load in self.loads.items() if name == unit]

    def mounted_set(self, name: str) -> VirtualUnit:
        """A virtual unit that is mounted on this node; raises Failure."""
        unit = self.unit(name)
        if not isinstance(unit, VirtualUnit):
            raise Failure(
                Message("SYSTEM", "F", "NOTSHDWVU", f"{name.upper()} is not a shadow set virtual unit")
            )
        return unit

    def set_of(self, device: str) -> VirtualUnit | None:
        """The mounted set that a disk is a member of, on whatever node."""
        for node in (self.node, *self.nodes_up):
            for vu in node.shadow.units.values():
                if vu.state.member(device) is not None:
                    return vu
        return None

    def is_mounted(self, device: str, *, writable: bool = False) -> bool:
        """Tell whether a disk is mounted by itself, on whatever node."""
        for node in self.nodes_up:
            mount = node.utilities.private.get(device)
            if mount is not None and not (writable and mount.write_locked):
                return True
        return False

    def refuse_claimed(self, device: str) -> None:
        """Raise Failure if a command has the disk for itself."""
        job = self.claimed.get(device)
        if job is not None and not job.node.crashed:
            text = f"device already allocated to another user, _{device} ({job.name})"
            raise Failure(Message("SYSTEM", "W", "DEVALLOC", text))


class Job:
    """One command being carried out on one node.

    evaluate: the value of an expression.  question: what the operator is to be asked, and the flag that takes the
    answer.  asked: called when there is a question.  exit_status: given by EXIT, what the present procedure ends with.
    """

    def __init__(
        self, session: Session, command: Command, evaluate: Evaluate, asked: Callable[[], None]
    ) -> None:
        self.session = session
        self.command = command
        self.node = session.node
        self.evaluate = evaluate
        self.interruptions = 0
        self.question: tuple[str, EventFlag] | None = None
        self.exit_status: int | None = None
        self._asked = asked
        self._attended = True

    @property
    def name(self) -> str:
        """The verb and its options."""
        return self.command.path

    @property
    def process(self) -> Process:
        return self.session.process

    @property
    def level(self) -> Level:
        return self.session.process.level

    def say(self, line: str = "") -> None:
        self.session.say(line)

    def tell(self, message: Message) -> None:
        self.session.tell(message)

    def ask(self, prompt: str) -> Procedure:
        """Ask the operator; returns the answer, None for Ctrl-Z or when nobody is there."""
        if not self._attended:
            return None
        flag = self.node.platform.flag()
        self.question = (prompt, flag)
        self._asked()
        answer = yield flag
        return answer

    def read_input(self, prompt: str) -> Procedure:
        """Read what a program reads: data of the procedure, or the operator's answer; None at the end of it."""
        source = self.level.source
        if source is not None:
            return source.data()
        line = yield from self.ask(prompt)
        return line

    def answer(self, line: str | None) -> None:
        """Hand the operator's answer to the command that asked."""
        assert self.question is not None, "an answer answers a question"
        (_, flag), self.question = self.question, None
        flag.set(line)

    def leave(self) -> None:
        """Nobody waits for the command any more, or answers it."""
        self._attended = False
        if self.question is not None:
            self.answer(None)

    def stop_if_interrupted(self, facility: str, text: str = "operation canceled by operator") -> None:
        """Raise Failure after Ctrl-C."""
        if self.interruptions:
            raise Failure(Message(facility, "F", "ABORT", text))


def _to_nobody(line: str) -> None:
    """Where the words of a session go when its operator has gone."""


def virtual_unit_name(name: str) -> str | None:
    """Write the name of a virtual unit as VMS does, "DSA1:"; None for other names."""
    digits = name.upper().lstrip("_").rstrip(":").removeprefix("DSA")
    if (
        name.upper().lstrip("_").startswith("DSA")
        and digits.isascii()
        and digits.isdigit()
        and len(digits) < 5
    ):
        return f"DSA{int(digits)}:"
    return None
