"""A console for the hardware: takes lines, carries them out on the world's clock, says what came of them.

It is a conversation (`emu.console.conversation`): no call of it lasts.  What a command starts on a node goes on when
the command is interrupted; everything else ends with it.
"""

from collections.abc import Callable

from drivers.platform.process import KernelProcess, Procedure
from emu.console.hardware.cabinet import Cabinet
from emu.console.hardware.grammar import Grammar
from emu.console.hardware.operations import OPERATIONS
from emu.console.hardware.refusal import Reason, Refused
from emu.console.hardware.session import Say, Session
from emu.console.host_files import HardwareFiles
from emu.sim.world import World


class HardwareConsole:
    """One console.

    cabinet: what is plugged in where; consoles of one world share one.  Without it the console has one of its own,
    which knows nothing of images that others have opened.  status: SIMH's word for why the last command was not
    carried out, "" when it was.
    """

    question: str | None = None

    def __init__(
        self,
        world: World,
        files: HardwareFiles,
        say: Say,
        grammar: Grammar = Grammar.SIMH,
        *,
        cabinet: Cabinet | None = None,
    ) -> None:
        self.changed: Callable[[], None] = _nobody_listens
        self.status = ""
        self._world = world
        self._say = say
        self._process: KernelProcess | None = None
        cabinet = cabinet if cabinet is not None else Cabinet(world, files)
        self._session = Session(world, cabinet, self._tell, grammar, OPERATIONS)

    @property
    def prompt(self) -> str:
        return self._session.grammar.value

    @property
    def busy(self) -> bool:
        return self._process is not None

    @property
    def ended(self) -> bool:
        return self._session.ended

    def start(self, line: str) -> None:
        """Carry out one line; it ends when the clock has gone on."""
        assert not self.busy, "a terminal keeps what is typed ahead"
        self.status = ""
        self._process = KernelProcess(self._world.clock, "console command", self._carry_out(line))

    def execute(self, line: str) -> str:
        """Carry out one line and let the world go on until it has ended; returns `status`."""
        self.start(line)
        if not self._world.clock.run_until(lambda: not self.busy):
            self._cancel("it waits for something that never comes")
        return self.status

    def answer(self, line: str | None) -> None:
        raise AssertionError("no command of this console asks anything")

    def interrupt(self) -> None:
        """Ctrl-C or ^E: have the command end, as soon as the clock goes on."""
        process = self._process

        def cancel() -> None:
            if process is not None and process is self._process:
                self._cancel("interrupted")

        self._world.clock.call_soon(cancel)

    def hang_up(self) -> None:
        """Free everything; nothing is said any more."""
        self._say = _nobody_hears
        if self._process is not None:
            self._process.kill()
            self._process = None
        self._session.close()
        self._session.ended = True

    def _tell(self, line: str) -> None:
        self._say(line)

    def _carry_out(self, line: str) -> Procedure:
        try:
            yield from self._session.perform(line)
        except Refused as refused:
            self._session.report(refused)
            self._end(refused.reason.value)
        else:
            self._end("")

    def _cancel(self, sentence: str) -> None:
        assert self._process is not None, "a command is being carried out"
        self._process.kill()
        refused = Refused(Reason.NOT_COMPLETED, sentence)
        self._session.report(refused)
        self._end(refused.reason.value)

    def _end(self, status: str) -> None:
        self.status = status
        self._process = None
        if self.ended:
            self._session.close()
        self.changed()


def _nobody_listens() -> None:
    return None


def _nobody_hears(line: str) -> None:
    return None
