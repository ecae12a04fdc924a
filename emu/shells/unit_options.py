"""How units are named on a command line: DUA0=PATH, then ,drive=RA92 or ,ro or ,mechanics."""

import re
from dataclasses import dataclass

_UNIT = re.compile(r"(?:\$\d+\$)?DU([A-Z])(\d+):?=((?:shadow\([^)]*\))?[^,]*)(?:,(.*))?", re.IGNORECASE)


class SetupError(Exception):
    """What was asked for cannot be put together; the text says why."""


@dataclass(frozen=True, slots=True)
class UnitOption:
    """One `--unit`.

    medium: as it was written.  drive: "" is the one of the medium's size.  mechanics: it takes its time.
    """

    letter: str
    number: int
    medium: str
    drive: str
    read_only: bool
    mechanics: bool

    @property
    def name(self) -> str:
        return f"DU{self.letter}{self.number}"


def unit_option(text: str) -> UnitOption:
    """Read a `--unit`; raises SetupError."""
    match = _UNIT.fullmatch(text)
    if match is None or not match[3]:
        raise SetupError(
            f"--unit {text}: a unit is written DUA0=PATH, then ,drive=NAME, ,ro or ,mechanics if need be"
        )
    drive, read_only, mechanics = "", False, False
    for extra in match[4].split(",") if match[4] is not None else ():
        if extra.lower().startswith("drive="):
            drive = extra[len("drive=") :]
        elif extra.lower() == "ro":
            read_only = True
        elif extra.lower() == "mechanics":
            mechanics = True
        else:
            raise SetupError(f"--unit {text}: {extra} is neither drive=NAME nor ro nor mechanics")
    return UnitOption(match[1].upper(), int(match[2]), match[3], drive, read_only, mechanics)
