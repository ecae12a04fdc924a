"""The process an operator works in: privileges, symbols, logical names, open files, command levels, $STATUS."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from drivers.message import Failure, Message
from emu.console.dcl.errors import DclError
from emu.console.dcl.symbols import Symbol, SymbolTables
from emu.console.levels import DEEPEST, Level
from emu.console.status import NORMAL

# The privileges that something here asks for, and those every user has.
PRIVILEGES = (
    "ALTPRI",
    "BYPASS",
    "CMKRNL",
    "GRPNAM",
    "LOG_IO",
    "MOUNT",
    "NETMBX",
    "OPER",
    "PHY_IO",
    "SYSNAM",
    "SYSPRV",
    "TMPMBX",
    "VOLPRO",
    "WORLD",
)
PARAMETERS = 8  # P1 to P8
NOPRIV = Message("SYSTEM", "F", "NOPRIV", "insufficient privilege or object protection violation")


class TextReader:
    """A text file open for READ."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)

    def line(self) -> str | None:
        return next(self._lines, None)


@dataclass
class Process:
    """One process.

    authorized: privileges that SET PROCESS/PRIVILEGES may give.  prompt: "" for the usual one.  verify: the lines of
    procedures are shown.
    """

    user: str = "SYSTEM"
    privileges: set[str] = field(default_factory=lambda: set(PRIVILEGES))
    authorized: frozenset[str] = frozenset(PRIVILEGES)
    symbols: SymbolTables = field(default_factory=SymbolTables)
    logicals: dict[str, str] = field(default_factory=dict)
    levels: list[Level] = field(default_factory=lambda: [Level()])
    files: dict[str, object] = field(default_factory=dict)
    status: int = NORMAL
    prompt: str = ""
    verify: bool = False

    @property
    def level(self) -> Level:
        return self.levels[-1]

    def require(self, privileges: Iterable[str]) -> None:
        """Raise Failure if a privilege is missing."""
        if not self.privileges.issuperset(privileges):
            raise Failure(NOPRIV)

    def lookup(self, name: str) -> Symbol | None:
        """The value of a symbol; None when it is undefined."""
        if name.upper() == "$STATUS":
            return f"%X{self.status:08X}"
        if name.upper() == "$SEVERITY":
            return str(self.status & 7)
        return self.symbols.get(name)

    def push(self, level: Level, parameters: list[str]) -> None:
        """Call a procedure; raises DclError."""
        if len(self.levels) > DEEPEST:
            raise DclError("NESTLIM")
        if len(parameters) > PARAMETERS:
            raise DclError("MAXPARM", parameters[PARAMETERS])
        self.levels.append(level)
        padded = [*parameters, *[""] * (PARAMETERS - len(parameters))]
        self.symbols.levels.append({f"P{number}": value for number, value in enumerate(padded, 1)})

    def pop(self) -> None:
        """Leave a procedure."""
        self.levels.pop()
        self.symbols.levels.pop()
