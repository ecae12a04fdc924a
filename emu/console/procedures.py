"""Where command procedures come from: the examples shipped with this program, files of the host."""

from drivers.message import Failure, Message
from emu.console.dcl.source import Source
from emu.console.host_files import HostFileError
from emu.console.session import Session

EXAMPLES = "SYS$EXAMPLES:"


def read_procedure(session: Session, name: str) -> Source:
    """Find a procedure, of type .COM if none is given; raises Failure."""
    return Source(name, read_text(session, name, ".COM").splitlines())


def read_text(session: Session, name: str, default_type: str = "") -> str:
    """Read a text file; raises Failure."""
    device, colon, rest = name.rpartition(":")
    name = (
        session.process.translate(device).rstrip(":") + ":" + rest
        if colon
        else session.process.translate(name)
    )
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
