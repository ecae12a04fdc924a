"""Text files that are on no volume: examples shipped with this program, files of the host."""

from drivers.message import Failure, Message
from emu.console.host_files import HostFileError
from emu.console.session import Session

EXAMPLES = "SYS$EXAMPLES:"


def translated(session: Session, name: str) -> str:
    """A file's name with the logical name at its beginning translated."""
    device, colon, rest = name.partition(":")
    if colon:
        return session.process.translate(device).rstrip(":") + ":" + rest
    return session.process.translate(name)


def read_host_text(session: Session, name: str, default_type: str = "") -> str:
    """Read a text file; the default type is tried in capitals and in small letters.  Raises Failure."""
    last = name.rsplit("/", maxsplit=1)[-1].rpartition(":")[2]
    typed = name if "." in last or not default_type else name + default_type
    try:
        if typed.upper().startswith(EXAMPLES):
            return session.host_files.read_example(typed[len(EXAMPLES) :].upper())
        try:
            return session.host_files.read_text(typed)
        except HostFileError:
            if typed == name:
                raise
            return session.host_files.read_text(name + default_type.lower())
    except HostFileError as error:
        raise Failure(
            Message("DCL", "E", "OPENIN", f"error opening {typed} as input"),
            Message("RMS", "E", "FNF", f"file not found ({error})", continued=True),
        ) from error
