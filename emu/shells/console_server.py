"""Consoles for operators elsewhere: any conversation, at any address that can be listened on."""

from collections.abc import Sequence
from pathlib import Path

from emu.console.conversation import MakeConversation
from emu.console.terminal import Terminal
from emu.front import ByteMachine
from emu.front.telnet import TelnetMachine
from emu.shells.loop import Loop
from emu.shells.streams import Stream, StreamError, listen


class PasswordError(Exception):
    """There is no password where one was said to be; the text says why."""


def read_password(path: str) -> str:
    """Take the password from the first line of a file.

    Raises:
        PasswordError: the file cannot be read, or its first line is empty.
    """
    try:
        lines = Path(path).expanduser().read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise PasswordError(f"--password-file {path} cannot be read: {reason}") from error
    if not lines or not lines[0]:
        raise PasswordError(f"--password-file {path}: its first line is no password")
    return lines[0]


def serve_console(
    loop: Loop,
    url: str,
    make_conversation: MakeConversation,
    banner: Sequence[str] = (),
    password: str | None = None,
) -> str:
    """Serve a console to everybody who comes to an address; returns the address, with the port that was taken.

    Raises:
        StreamError: the address cannot be listened on, or other machines can reach it and there is no password.
    """
    listener = listen(url)
    if listener.exposed and not password:
        listener.close()
        raise StreamError(f"{url} can be reached from other machines: a console there needs a password")
    telnet = listener.telnet

    def make(peer: str) -> ByteMachine:
        return _terminal(loop, make_conversation, banner, password, telnet=telnet, server=True)

    loop.listen(listener, make)
    return listener.name


def attach_console(
    loop: Loop,
    stream: Stream,
    make_conversation: MakeConversation,
    banner: Sequence[str] = (),
    password: str | None = None,
) -> None:
    """Serve a console on a line that we connected to, a terminal line of another simulator for one."""
    machine = _terminal(loop, make_conversation, banner, password, telnet=stream.telnet, server=False)
    loop.attach(stream, machine)


def _terminal(
    loop: Loop,
    make_conversation: MakeConversation,
    banner: Sequence[str],
    password: str | None,
    *,
    telnet: bool,
    server: bool,
) -> ByteMachine:
    terminal = Terminal(make_conversation, banner, password)

    def echo(wanted: bool) -> None:
        terminal.echoes = wanted

    machine = TelnetMachine(terminal, server=server, echo=echo) if telnet else terminal
    terminal.wake = lambda: loop.touch(machine)
    return machine
