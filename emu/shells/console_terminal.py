"""`hbvs console` at a terminal: line editing, and the world goes on in wall time while the prompt waits."""

import asyncio
import signal
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from emu.console.interpreter import Interpreter
from emu.shells.console_machine import Machine, greeting, shut_down
from emu.shells.host_files import DiskFiles
from emu.shells.loop import Loop

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import Completer
    from prompt_toolkit.key_binding import KeyBindings

_CTRL_Y = b"\x19"
IDLE_SECONDS = 0.05  # the longest sleep while the prompt waits: a completion may have made work


class Terminal:
    """A person at a terminal."""

    def __init__(self, machine: Machine, loop: Loop) -> None:
        from prompt_toolkit import PromptSession  # noqa: PLC0415  it takes longer to load than all of ours
        from prompt_toolkit.history import InMemoryHistory  # noqa: PLC0415

        self._machine = machine
        self._loop = loop
        self._interpreter = Interpreter(
            machine.world, DiskFiles(), print, self._ask, commands=machine.commands
        )
        self._commands: PromptSession[str] = PromptSession(history=InMemoryHistory())
        self._answers: PromptSession[str] = PromptSession(history=InMemoryHistory())
        self._completer = _dcl_completer(self._interpreter)

    def run(self) -> int:
        """Talk until the operator leaves."""

        def interrupt(signum: int, frame: FrameType | None) -> None:
            self._interpreter.interrupt()  # which means nothing between two commands

        before = [(each, signal.signal(each, interrupt)) for each in (signal.SIGINT, signal.SIGQUIT)]
        try:
            with _control_y():
                self._talk()
        finally:
            for each, handler in before:
                signal.signal(each, handler)
        return 0

    def _talk(self) -> None:
        interpreter = self._interpreter
        print("\n".join(greeting(self._machine)))
        interpreter.session.enable_operator(True)
        while not interpreter.ended:
            try:
                line = self._read(self._commands, interpreter.prompt, self._completer)
            except KeyboardInterrupt:
                interpreter.interrupt()  # a line that was to be continued is forgotten
                continue
            except EOFError:
                break
            self._carry_out(line)
        interpreter.session.enable_operator(False)
        shut_down(self._machine, self._loop, interpreter.session.say)

    def _carry_out(self, line: str) -> None:
        """Carry out a line: as fast as the world can go, or in wall time when others may be at it too."""
        interpreter = self._interpreter
        if not self._loop.serves and self._machine.link is None:
            interpreter.execute(line)
            return
        interpreter.start(line)
        while interpreter.busy:
            question = interpreter.question
            if question is not None:
                interpreter.answer(self._ask(question))
            else:
                self._loop.run(
                    lambda: not interpreter.busy or interpreter.question is not None,
                    signalled=lambda _: interpreter.interrupt(),
                )

    def _ask(self, prompt: str) -> str | None:
        """Ask in the middle of a command; Ctrl-C and Ctrl-Z are no answer."""
        try:
            return self._read(self._answers, prompt, None)
        except (KeyboardInterrupt, EOFError):
            return None

    def _read(self, session: "PromptSession[str]", prompt: str, completer: "Completer | None") -> str:
        return asyncio.run(self._read_while_world_goes_on(session, prompt, completer))

    async def _read_while_world_goes_on(
        self, session: "PromptSession[str]", prompt: str, completer: "Completer | None"
    ) -> str:
        from prompt_toolkit.patch_stdout import patch_stdout  # noqa: PLC0415

        with patch_stdout():
            background = asyncio.create_task(go_on(self._loop))
            try:
                return await session.prompt_async(
                    prompt, completer=completer, complete_while_typing=False, key_bindings=_no_input()
                )
            finally:
                background.cancel()
                with suppress(asyncio.CancelledError):
                    await background


async def go_on(loop: Loop) -> NoReturn:
    """Let the world go on, and serve others, until cancelled.

    `asyncio.wait_for` is not used: in Python 3.11 it forgets that it was cancelled when something comes just then.
    """
    running, something_came = asyncio.get_running_loop(), asyncio.Event()
    running.add_reader(loop.fileno(), something_came.set)
    try:
        while True:
            something_came.clear()
            later = running.call_later(min(loop.turn(), IDLE_SECONDS), something_came.set)
            await something_came.wait()
            later.cancel()
    finally:
        running.remove_reader(loop.fileno())


@contextmanager
def _control_y() -> Iterator[None]:
    """Have Ctrl-Y send a signal while a command is carried out, in place of Unix's Ctrl-Backslash."""
    descriptor = sys.stdin.fileno()
    settings = termios.tcgetattr(descriptor)
    control_characters = settings[6]
    before = control_characters[termios.VQUIT]
    control_characters[termios.VQUIT] = _CTRL_Y
    termios.tcsetattr(descriptor, termios.TCSANOW, settings)
    try:
        yield
    finally:
        control_characters[termios.VQUIT] = before
        termios.tcsetattr(descriptor, termios.TCSANOW, settings)


def _no_input() -> "KeyBindings":
    """Ctrl-Z is no answer, and no command either; Ctrl-Y is as Ctrl-C.  Ctrl-D ends it all, as on Unix."""
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent  # noqa: PLC0415

    bindings = KeyBindings()

    @bindings.add("c-z")
    @bindings.add("c-y")
    def drop(event: KeyPressEvent) -> None:
        event.app.exit(exception=KeyboardInterrupt)

    return bindings


def _dcl_completer(interpreter: Interpreter) -> "Completer":
    from prompt_toolkit.completion import CompleteEvent, Completer, Completion  # noqa: PLC0415
    from prompt_toolkit.document import Document  # noqa: PLC0415

    from emu.console.completion import suggestions  # noqa: PLC0415

    class DclCompleter(Completer):
        def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
            for suggestion in suggestions(interpreter.session, document.text_before_cursor):
                yield Completion(suggestion.text, -suggestion.length, display_meta=suggestion.help)

    return DclCompleter()
