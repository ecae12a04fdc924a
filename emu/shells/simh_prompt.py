"""A SIMH simulator under a pseudo terminal: commands in, what it says out.

The program is unmodified; its `sim>` prompt is the only channel.  A pseudo terminal and no pipe, because the
simulator buffers a pipe and does not flush before it asks for the next command.  (SIMH 3.8, scp.c.)
"""

import os
import pty
import select
import subprocess
import tempfile
import termios
import tty
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

PROMPT = b"sim> "
PATIENCE_S = 60.0  # the longest command takes a fraction of a second
QUIT_PATIENCE_S = 5.0


class SimhError(Exception):
    """The simulator said something else than was hoped for, or nothing any more."""


class SimhPrompt:
    """One running simulator; also a context manager that ends it.

    program: its name or path.  patience_s: wall time granted to one command; a simulator that hangs is killed.
    Raises FileNotFoundError when there is no such program, SimhError when it is no simulator.
    """

    def __init__(self, program: str = "pdp11", patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._scratch = tempfile.TemporaryDirectory(prefix="hbvs-simh-")
        self._script = Path(self._scratch.name, "script")
        self._dump = Path(self._scratch.name, "dump")
        self._terminal, theirs = pty.openpty()
        try:
            _stay_silent(theirs)
            self._process = subprocess.Popen(
                [program],
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
                cwd=self._scratch.name,  # a script has a short name there, and finds no simh.ini
                start_new_session=True,
            )
        except BaseException:
            os.close(self._terminal)
            self._scratch.cleanup()
            raise
        finally:
            os.close(theirs)
        self._closed = False
        try:
            self.banner = self._hear()
        except SimhError:
            self.close()
            raise

    def ask(self, command: str) -> str:
        """Give one command; return what the simulator says to it, lines ended by a newline."""
        os.write(self._terminal, command.encode() + b"\n")
        return self._hear()

    def tell(self, command: str) -> None:
        """Give a command that is done without a word.  Raises SimhError when there is one."""
        answer = self.ask(command).strip()
        if answer:
            raise SimhError(f"{command}: {answer}")

    def tell_all(self, commands: Sequence[str]) -> None:
        """Give many commands at once, as a command file: some microseconds each."""
        self._script.write_text("\n".join(commands) + "\n")
        self.tell(f"do {self._script.name}")

    def examine(self, what: str) -> str:
        """EXAMINE much at once, by way of a file: the terminal is ten times slower."""
        self.tell(f"examine @{self._dump.name} {what}")
        answer = self._dump.read_text()
        self._dump.unlink()  # the simulator would append to it
        return answer

    def _hear(self) -> str:
        """Listen until the prompt comes."""
        heard = bytearray()
        while not heard.endswith(PROMPT):
            ready, _, _ = select.select([self._terminal], [], [], self._patience_s)
            if not ready:
                self._process.kill()
                raise SimhError(f"no prompt for {self._patience_s} s after {bytes(heard[-200:])!r}")
            try:
                piece = os.read(self._terminal, 1 << 16)
            except OSError:  # EIO: the other end is closed
                piece = b""
            if not piece:
                raise SimhError(f"the simulator has ended: {bytes(heard[-200:])!r}")
            heard += piece
        return heard[: -len(PROMPT)].decode("latin-1")

    def close(self) -> None:
        """End the simulator, which closes its images."""
        if self._closed:
            return
        self._closed = True
        try:
            os.write(self._terminal, b"quit\n")
            self._process.wait(QUIT_PATIENCE_S)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        os.close(self._terminal)
        self._scratch.cleanup()

    def __enter__(self) -> "SimhPrompt":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _stay_silent(terminal: int) -> None:
    """Take a line at a time, echo nothing, change no byte of the output.

    The simulator remembers this as its command mode and comes back to it after every run.
    """
    tty.setraw(terminal)
    attributes = termios.tcgetattr(terminal)
    attributes[3] |= termios.ICANON
    termios.tcsetattr(terminal, termios.TCSANOW, attributes)
