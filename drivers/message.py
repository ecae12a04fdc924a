"""VMS messages: `%FACILITY-S-IDENT, text`."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """One message; `severity` is S, I, W, E or F.  A continuation line begins with "-"."""

    facility: str
    severity: str
    ident: str
    text: str
    continued: bool = False

    def __str__(self) -> str:
        return f"{'-' if self.continued else '%'}{self.facility}-{self.severity}-{self.ident}, {self.text}"

    @property
    def is_failure(self) -> bool:
        return self.severity in "EF"


class Failure(Exception):
    """A procedure that could not do what it was asked to; `messages` say why."""

    def __init__(self, *messages: Message) -> None:
        super().__init__("; ".join(map(str, messages)))
        self.messages = messages


Say = Callable[[Message], None]
