"""How units are named on a command line: DUA0=PATH or DKA100=PATH, then ,drive=RA92 or ,ro or ,mechanics."""

import re
from dataclasses import dataclass

_UNIT = re.compile(r"(?:\$\d+\$)?D([UK])([A-Z])(\d+):?=((?:shadow\([^)]*\))?[^,]*)(?:,(.*))?", re.IGNORECASE)


class SetupError(Exception):
    """What was asked for cannot be put together; the text says why."""


@dataclass(frozen=True, slots=True)
class UnitOption:
    """One `--unit`.

    bus: DU for MSCP, DK for SCSI.  medium: as it was written.  drive: "" is the one of the medium's size.  mechanics:
    it takes its time.
    """

    bus: str
    letter: str
    number: int
    medium: str
    drive: str
    read_only: bool
    mechanics: bool

    @property
    def name(self) -> str:
        return f"{self.bus}{self.letter}{self.number}"


def unit_option(text: str) -> UnitOption:
    """Read a `--unit`; raises SetupError."""
    match = _UNIT.fullmatch(text)
    if match is None or not match[4]:
        raise SetupError(
            f"--unit {text}: a unit is written DUA0=PATH, then ,drive=NAME, ,ro or ,mechanics if need be"
        )
    drive, read_only, mechanics = "", False, False
    for extra in match[5].split(",") if match[5] is not None else ():
        if extra.lower().startswith("drive="):
            drive = extra[len("drive=") :]
        elif extra.lower() == "ro":
            read_only = True
        elif extra.lower() == "mechanics":
            mechanics = True
        else:
            raise SetupError(f"--unit {text}: {extra} is neither drive=NAME nor ro nor mechanics")
    bus = f"D{match[1].upper()}"
    return UnitOption(bus, match[2].upper(), int(match[3]), match[4], drive, read_only, mechanics)
