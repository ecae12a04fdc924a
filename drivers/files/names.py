"""File specifications: device:[directory]name.type;version, as ODS-2 allows them."""

import re
from dataclasses import dataclass

from drivers.message import Failure, Message

PART_LIMIT = 39  # characters of a name, a type or a directory
MFD_DIRECTORY = "000000"
LATEST = 0  # the version nobody named
_SPECIFICATION = re.compile(
    r"(?P<device>[^\[\]:;]*:)?(\[(?P<directory>[^\[\]]*)\])?(?P<name>[^\[\]:;.]*)"
    r"(\.(?P<type>[^\[\]:;.]*))?(;(?P<version>-?\d*|\*))?"
)
_PART = re.compile(r"[A-Z0-9$_-]*")
_WILD_PART = re.compile(r"[A-Z0-9$_*%-]*")
_VERSION_LIMIT = 32767


@dataclass(frozen=True, slots=True)
class FileSpec:
    """What a specification says; `version` is LATEST when it names none, None for all of them.

    device: with its colon, "" when there is none.  directory: outermost first.
    """

    device: str
    directory: tuple[str, ...]
    name: str
    type: str
    version: int | None

    @property
    def is_wild(self) -> bool:
        return self.version is None or bool({"*", "%"} & {*self.name, *self.type})

    @property
    def full_name(self) -> str:
        return f"{self.name}.{self.type}"

    @property
    def directory_text(self) -> str:
        return f"[{'.'.join(self.directory) or MFD_DIRECTORY}]"

    @property
    def whole(self) -> str:
        """The specification in full."""
        version = "*" if self.version is None else "" if self.version == LATEST else self.version
        return f"{self.device}{self.directory_text}{self.full_name};{version}"

    def matches(self, full_name: str, version: int) -> bool:
        """Whether a file is meant; LATEST leaves the version to whoever asks."""
        pattern = re.escape(self.full_name).replace(r"\*", ".*").replace("%", ".")
        return re.fullmatch(pattern, full_name) is not None and self.version in (None, LATEST, version)


def parse_file_spec(text: str, *, wild: bool = False, default: str = "") -> FileSpec:
    """Read a specification; raises Failure.

    wild: the name, type and version may be patterns.  default: name and type where the text has none, "A.B".
    """
    match = _SPECIFICATION.fullmatch(text.upper())
    if match is None:
        raise _error("FNM", "error in file name")
    if not match["name"] and match["type"] is None and default:
        return parse_file_spec(
            f"{match['device'] or ''}{_bracketed(match['directory'])}{default.upper()}", wild=wild
        )
    parts = [match["name"], match["type"] or ""]
    allowed = _WILD_PART if wild else _PART
    if any(len(part) > PART_LIMIT or not allowed.fullmatch(part) for part in parts):
        raise _error("FNM", "error in file name")
    directory = tuple((match["directory"] or MFD_DIRECTORY).split("."))
    if any(not part or len(part) > PART_LIMIT or not _PART.fullmatch(part) for part in directory):
        raise _error("DIR", "error in directory name")
    if directory[0] == MFD_DIRECTORY:
        directory = directory[1:]
    version_text = match["version"] or "0"
    if version_text == "*" and not wild:
        raise _error("WLD", "invalid wildcard operation")
    version = None if version_text == "*" else int(version_text) if version_text != "-" else -1
    if version is not None and not 0 <= version <= _VERSION_LIMIT:
        raise _error("VER", "error in version number")
    return FileSpec(match["device"] or "", directory, parts[0], parts[1], version)


def _bracketed(directory: str | None) -> str:
    return f"[{directory}]" if directory is not None else ""


def _error(ident: str, text: str) -> Failure:
    return Failure(Message("RMS", "F", ident, text))
