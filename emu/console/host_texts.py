"""Text files that are on no volume: examples shipped with this program, files of the host."""

from contextlib import suppress

from drivers.message import Failure
from emu.console.host_files import HostFileError, HostFileMissing
from emu.console.refusals import NOT_FOUND, file_message, refused_by_host
from emu.console.session import Session

EXAMPLES = "SYS$EXAMPLES:"


def translated(session: Session, name: str) -> str:
    """A file's name with the logical name at its beginning translated."""
    device, colon, rest = name.partition(":")
    if colon:
        return session.translate(device).rstrip(":") + ":" + rest
    return session.translate(name)


def read_host_text(session: Session, name: str, default_type: str = "") -> str:
    """Read a text file; the default type is tried in capitals and in small letters.  Raises Failure."""
    last = name.rsplit("/", maxsplit=1)[-1].rpartition(":")[2]
    names = [name] if "." in last or not default_type else [name + default_type, name + default_type.lower()]
    if name.upper().startswith(EXAMPLES):
        example = names[0].upper()
        try:
            return session.host_files.read_example(example[len(EXAMPLES) :])
        except HostFileError:
            raise Failure(file_message("DCL", "E", "OPENIN", example + ";"), NOT_FOUND) from None
    for typed in names:
        with suppress(HostFileMissing):
            return _read(session, typed)
    shown = names[0] if name.isupper() else names[-1]
    error = HostFileMissing()
    raise refused_by_host(file_message("DCL", "E", "OPENIN", shown), shown, error)


def _read(session: Session, name: str) -> str:
    try:
        return session.host_files.read_text(name)
    except HostFileMissing:
        raise
    except HostFileError as error:
        raise refused_by_host(file_message("DCL", "E", "OPENIN", name), name, error) from error
