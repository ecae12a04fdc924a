"""Lines of a console: connections that an operator opens with ATTACH LINE, sends to and listens on."""

from collections.abc import Callable, Sequence

from emu.console.hardware.cabinet import Line
from emu.console.host_files import HostFileError
from emu.front import ByteMachine, Bytes
from emu.front.telnet import TelnetMachine
from emu.shells.loop import Loop
from emu.shells.streams import StreamError, connect


def open_line(loop: Loop, url: str) -> Line:
    """Connect to an address; raises HostFileError."""
    try:
        stream = connect(url)
    except StreamError as error:
        raise HostFileError(str(error)) from error
    line = OpenLine(url)
    machine: ByteMachine = TelnetMachine(line, server=False) if stream.telnet else line
    line.wake = lambda: loop.touch(machine)
    line.hang_up = lambda: loop.hang_up(machine)
    loop.attach(stream, machine)
    return line


class OpenLine:
    """One line, as a ByteMachine for the loop and as a Line for the console."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.ended = False
        self.wake: Callable[[], None] = _nobody
        self.hang_up: Callable[[], None] = _nobody
        self._hear: Callable[[bytes], None] = _nobody_hears
        self._out: list[bytes] = []

    def send(self, data: bytes) -> None:
        if not self.ended:
            self._out.append(data)
            self.wake()

    def listen(self, hear: Callable[[bytes], None]) -> None:
        self._hear = hear

    def close(self) -> None:
        if not self.ended:
            self.hang_up()

    def receive(self, data: bytes) -> None:
        self._hear(data)

    def outgoing(self) -> Sequence[Bytes]:
        out, self._out = self._out, []
        return out

    def lost(self) -> None:
        self.ended = True


def _nobody() -> None:
    return None


def _nobody_hears(data: bytes) -> None:
    return None
