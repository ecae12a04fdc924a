"""How a command says that it cannot have a device: a system status, in the words of the command's facility.

SHOW and F$GETDVI pass the status on.  MOUNT and INITIALIZE make it their own and fatal, whatever the system thought of
it, so a procedure's ON ERROR is done; what VMS has not got, LOAD and its like, does as MOUNT does.  Others say what
they were at, and the status follows.

UNCERTAIN: %MOUNT-F-NOSUCHDEV and SHOW's %SYSTEM-W-NOSUCHDEV, both without the device's name, are what V7.3 was seen
to say; %INIT-F-NOSUCHDEV follows from MOUNT, and the first lines of the others are from general knowledge of VMS.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from drivers.message import Failure, Message


@contextmanager
def made_fatal(facility: str, name: str = "") -> Iterator[None]:
    """Give a failure inside to a facility.  name: which one of several devices is meant, said behind the text."""
    try:
        yield
    except Failure as failure:
        first, *others = failure.messages
        text = f"{first.text}, {name.upper()}" if name else first.text
        raise Failure(Message(facility, "F", first.ident, text), *others) from None


@contextmanager
def preceded(message: Message) -> Iterator[None]:
    """Have a failure inside follow a message."""
    try:
        yield
    except Failure as failure:
        raise Failure(message, *failure.messages) from None
