"""What a terminal and the one who answers at it agree on: lines in, lines out, and nobody waits for anybody.

A conversation is made with `say`, by which it writes a line at any time: while a command is carried out, and
between commands when the world has something to tell.  It runs on the world's clock; no call of it lasts.
"""

from collections.abc import Callable
from typing import Protocol

Say = Callable[[str], None]


class Conversation(Protocol):
    """One operator's talk with one console.

    changed: called after `busy`, `question`, `ended` or `prompt` changed by themselves, not inside a call that the
    terminal makes; the terminal puts itself there.
    """

    changed: Callable[[], None]

    @property
    def prompt(self) -> str:
        """What stands before the next command: "$ ", "hbvs> ", "HBVS> "."""
        ...

    @property
    def busy(self) -> bool:
        """Whether a command is being carried out, also while it asks something."""
        ...

    @property
    def question(self) -> str | None:
        """The prompt for an answer, when the command asks something."""
        ...

    @property
    def ended(self) -> bool:
        """Whether the operator has said LOGOUT or EXIT."""
        ...

    def start(self, line: str) -> None:
        """Carry out one line.  It may end within this call, or go on; it raises nothing.  Not while `busy`."""
        ...

    def answer(self, line: str | None) -> None:
        """Answer the question; None is Ctrl-Z."""
        ...

    def interrupt(self) -> None:
        """Ctrl-C, Ctrl-Y or break; may come at any time."""
        ...

    def hang_up(self) -> None:
        """The operator is gone, with or without LOGOUT: end what can be ended, free everything, say nothing more.

        Called once, and nothing is called after it.
        """
        ...


MakeConversation = Callable[[Say], Conversation]
