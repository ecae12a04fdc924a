"""VMS times as people read and write them.

A VMS time counts 100 ns since 17-Nov-1858; a delta time is written DDDD-HH:MM:SS.CC, its beginning and its
end may be left out.
"""

import re
from datetime import datetime, timedelta

from emu.core.clock import SECOND_NS

_EPOCH = datetime(1858, 11, 17)
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DELTA = re.compile(r"(?:(\d{1,4})-)?(\d{1,2})?(?::(\d{1,2})(?::(\d{1,2}(?:\.\d{1,2})?))?)?")


def absolute_time(vms_time: int) -> str:
    """Write a time with hundredths: " 5-MAY-2000 13:30:25.30"."""
    time = _EPOCH + timedelta(microseconds=vms_time // 10)
    return (
        f"{time.day:2}-{_MONTHS[time.month - 1]}-{time.year} "
        f"{time.hour:02}:{time.minute:02}:{time.second:02}.{time.microsecond // 10_000:02}"
    )


def vms_time(time: datetime) -> int:
    """The VMS time of a civil time without zone."""
    return (time - _EPOCH) // timedelta(microseconds=1) * 10


def parse_delta_ns(text: str) -> int | None:
    """Read a delta time; None when it is none."""
    match = _DELTA.fullmatch(text)
    if match is None or not any(match.groups()):
        return None
    days, hours, minutes, seconds = match.groups()
    if int(hours or 0) > 23 or int(minutes or 0) > 59 or float(seconds or 0) >= 60:
        return None
    whole_seconds, _, hundredths = (seconds or "0").partition(".")
    total_s = ((int(days or 0) * 24 + int(hours or 0)) * 60 + int(minutes or 0)) * 60 + int(whole_seconds)
    return total_s * SECOND_NS + int(hundredths.ljust(2, "0")) * (SECOND_NS // 100)


def parse_absolute(text: str) -> datetime | None:
    """Read an absolute time, "5-MAY-2000 13:30:25.30" or only its date; None when it is none."""
    match = re.fullmatch(
        r"\s*(\d{1,2})-([A-Z]{3})-(\d{4})(?:[ :]+(\d{1,2})(?::(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,2}))?)?)?)?\s*",
        text.upper(),
    )
    if match is None or match[2] not in _MONTHS:
        return None
    hour, minute, second = (int(match[group] or 0) for group in (4, 5, 6))
    hundredths = int((match[7] or "0").ljust(2, "0"))
    try:
        return datetime(
            int(match[3]),
            _MONTHS.index(match[2]) + 1,
            int(match[1]),
            hour,
            minute,
            second,
            hundredths * 10_000,
        )
    except ValueError:
        return None
