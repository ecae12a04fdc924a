"""What a console remembers between commands, and how it carries out one line."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from drivers.cluster.node import Node
from drivers.message import Failure
from drivers.platform.process import EventFlag, Procedure
from emu.console.hardware.cabinet import Cabinet, Line
from emu.console.hardware.debug import Debug
from emu.console.hardware.grammar import Grammar, Operation, parse
from emu.console.hardware.refusal import Reason, Refused
from emu.console.host_files import HostFileError, HostFileExists, OutputFile
from emu.core.block import BlockDevice, BlockRequest, Function, MediumError
from emu.core.bus import BusError
from emu.sim.world import World

Say = Callable[[str], None]


@dataclass
class Script:
    """A command file being done.

    arguments: %0 is its name.  verbose: lines are shown.  strict: the first error ends it.  on_error: what is
    done after an error, "" for nothing.
    """

    arguments: list[str]
    verbose: bool = False
    strict: bool = False
    on_error: str = ""


class Session:
    """One operator at one console.

    scripts: the command files being done, the innermost last.  line, heard: the connection of ATTACH LINE, and what
    came in on it that EXPECT has not taken yet.
    """

    def __init__(
        self,
        world: World,
        cabinet: Cabinet,
        say: Say,
        grammar: Grammar,
        operations: Sequence[Operation],
    ) -> None:
        self.world = world
        self.cabinet = cabinet
        self.files = cabinet.files
        self.say = say
        self.grammar = grammar
        self.operations = operations
        self.scripts: list[Script] = []
        self.debug = Debug(world, say)
        self.line: Line | None = None
        self.heard = bytearray()
        self.more_heard = EventFlag(world.clock)
        self.ended = False

    def perform(self, text: str) -> Procedure:
        """Carry out one line; raises Refused."""
        call = parse(text, self.operations, self.grammar)
        if call is None:
            return
        try:
            procedure = call.operation.routine(self, call.arguments)
            if procedure is not None:
                yield from procedure
        except HostFileError as error:
            raise Refused(Reason.OPEN, str(error)) from error
        except MediumError as error:
            raise Refused(Reason.IO, str(error)) from error
        except BusError as error:
            raise Refused(Reason.ADDRESS, str(error)) from error
        except Failure as failure:
            raise Refused(Reason.NOT_COMPLETED, "; ".join(m.text for m in failure.messages)) from failure

    def report(self, refused: Refused) -> None:
        """Say why a command was refused, as the grammar words it.

        UNCERTAIN: an HSZ numbers its errors; the numbers are not known, so the sentence stands alone.
        """
        reason, sentence = refused.reason.value, refused.sentence
        if self.grammar is Grammar.HSOF:
            self.say(f"Error: {sentence or reason}")
        else:
            self.say(f"{reason}: {sentence}" if sentence else reason)

    def on_node(self, node: Node, name: str, procedure: Procedure, *, goes_on: bool = True) -> Procedure:
        """Run a procedure of the drivers and wait for its end; interrupted, it is not waited for any more.

        goes_on: it then goes on to its end, and is not one that stops by itself.

        Raises:
            Failure: the procedure's.
        """
        done = EventFlag(self.world.clock)
        abandoned = False

        def ended(result: object) -> None:
            if abandoned and goes_on and isinstance(result, Failure):
                self.say(f"{name}: {'; '.join(m.text for m in result.messages)}")
            done.set(result)

        node.run(name, procedure, ended)
        try:
            result = yield done
        except GeneratorExit:
            abandoned = True
            if goes_on:
                self.say(f"{name} goes on in the background")
            raise
        if isinstance(result, Failure):
            raise result
        return result

    def ask_medium(
        self,
        medium: BlockDevice,
        function: Function,
        lbn: int = 0,
        views: Sequence[memoryview] = (),
    ) -> Procedure:
        """Have a medium do something and wait for it; raises MediumError.

        The views belong to the medium until it answers, also when nobody waits any more.
        """
        request = _Request(function, lbn, views, EventFlag(self.world.clock))
        medium.submit(request)
        error = yield request.flag
        if error is not None:
            raise error

    def create_file(self, name: str, *, overlay: bool, hint: str) -> OutputFile:
        """Make a file of the host; raises Refused with the hint when it exists, HostFileError."""
        try:
            return self.files.create(name, overlay=overlay)
        except HostFileExists:
            raise Refused(Reason.OPEN, f"{name} exists, {hint}") from None

    # -- the line

    def hear(self, data: bytes) -> None:
        """Take what came in on the line."""
        self.heard += data
        del self.heard[:-HEARD_BYTES]
        self.more_heard.set()

    def close(self) -> None:
        """Free everything."""
        self.debug.stop()
        if self.line is not None:
            self.line.close()
            self.line = None


HEARD_BYTES = 1 << 16  # of what came in on a line and nobody expected; the oldest is forgotten


class _Request(BlockRequest):
    __slots__ = ("flag",)

    def __init__(self, function: Function, lbn: int, views: Sequence[memoryview], flag: EventFlag) -> None:
        self.function = function
        self.lbn = lbn
        self.views = views
        self.byte_count = sum(len(view) for view in views)
        self.flag = flag

    def done(self, error: MediumError | None) -> None:
        self.flag.set(error)
