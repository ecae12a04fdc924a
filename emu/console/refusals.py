"""How a command says that it cannot have a device or a file: what it was at, and the reason.

SHOW and F$GETDVI pass the system's status on.  MOUNT and INITIALIZE make it their own and fatal, whatever the system
thought of it, so a procedure's ON ERROR is done; what VMS has not got, LOAD and its like, does as MOUNT does.  Others
say what they were at, and the status follows.

Files of volumes are named in full, DSA1:[REPORTS]MONDAY.TXT;1, a version that was not given left open behind the
semicolon; files of the host, as the host was asked for them.

UNCERTAIN: %MOUNT-F-NOSUCHDEV and SHOW's %SYSTEM-W-NOSUCHDEV, both without the device's name, are what V7.3 was seen
to say, as are DCL's OPENIN and the SEARCHFAIL of TYPE and DELETE; %INIT-F-NOSUCHDEV follows from MOUNT, and the first
lines of the others are from general knowledge of VMS.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from drivers.message import Failure, Message
from emu.console.host_files import HostFileError, HostFileMissing

NO_DEVICE = Message("RMS", "F", "DEV", "error in device name or inappropriate device type for operation")
_NO_SUCH_DEVICE = Message("SYSTEM", "W", "NOSUCHDEV", "no such device available")
NOT_FOUND = Message("RMS", "E", "FNF", "file not found")
_SYSTEM = ("SYSTEM", "RMS")  # facilities that do not say what the command was at
_WITH_DEVICE = re.compile(r"[\w$]+:.*")

_TEXTS = {
    "SEARCHFAIL": "error searching for {}",
    "OPENIN": "error opening {} as input",
    "OPENOUT": "error opening {} as output",
    "READERR": "error reading {}",
    "WRITEERR": "error writing {}",
    "FILNOTDEL": "error deleting {}",
    "DIRNOTCRE": "{} directory file not created",
}


def file_message(facility: str, severity: str, ident: str, name: str) -> Message:
    """What a command was at with a file, or with a device that it takes for one."""
    return Message(facility, severity, ident, _TEXTS[ident].format(name))


def refused_by_host(message: Message, name: str, error: HostFileError) -> Failure:
    """What there is to say of a file of the host that cannot be had."""
    if message.ident != "OPENIN" or not isinstance(error, HostFileMissing):
        return Failure(message, Message("HOST", "E", "FILE", str(error)))
    if _WITH_DEVICE.fullmatch(name):  # no file of the host was meant
        return Failure(message, NO_DEVICE, _NO_SUCH_DEVICE)
    return Failure(message, NOT_FOUND)


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
    """Have what the system says of a failure inside follow a message."""
    try:
        yield
    except Failure as failure:
        if failure.messages[0].facility not in _SYSTEM:
            raise
        raise Failure(message, *failure.messages) from None
