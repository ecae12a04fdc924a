"""User identification codes as they are written: [group,member] in octal, [1,4] by its name."""

import re

from drivers.files.fresh_volume import SYSTEM_UIC

_SYSTEM = "[SYSTEM]"
_LIMITS = 0o37776, 0o177776


def uic_text(uic: int) -> str:
    """Write a UIC; "" for 0, which nobody has."""
    if not uic:
        return ""
    return _SYSTEM if uic == SYSTEM_UIC else f"[{uic >> 16:o},{uic & 0xFFFF:o}]"


def parse_uic(text: str) -> int | None:
    """Read a UIC; None when it is none."""
    if text.upper() == _SYSTEM:
        return SYSTEM_UIC
    match = re.fullmatch(r"\[([0-7]{1,6}),([0-7]{1,6})\]", text)
    if match is None:
        return None
    group, member = int(match[1], 8), int(match[2], 8)
    return group << 16 | member if group <= _LIMITS[0] and member <= _LIMITS[1] else None
