"""Numbers and ranges as operators write them: octal for registers and memory as on a PDP-11, decimal for blocks."""

import re

from emu.console.hardware.refusal import Reason, Refused

_RANGE = re.compile(r"([^-/]+)(?:([-/])([^-/]+))?")
_FORMATS = {8: "o", 10: "d", 16: "X"}


def number(text: str, radix: int) -> int:
    """Read a number that is not negative; raises Refused."""
    digits = "0123456789ABCDEF"[:radix]
    if not text or any(sign not in digits for sign in text.upper()):
        raise Refused(Reason.ARGUMENT, f"{text} is no number of radix {radix}")
    return int(text, radix)


def number_range(text: str, radix: int, step: int = 1) -> range:
    """Read a range: one number, first-last, or first/count; raises Refused."""
    match = _RANGE.fullmatch(text)
    if match is None:
        raise Refused(Reason.ARGUMENT, f"{text} is no range: first-last or first/count")
    first = number(match[1], radix)
    if first % step:
        raise Refused(Reason.ARGUMENT, f"{match[1]} is odd, and words are at even addresses")
    if match[2] is None:
        return range(first, first + step, step)
    second = number(match[3], radix)
    end = first + second * step if match[2] == "/" else second + 1
    if end <= first:
        raise Refused(Reason.ARGUMENT, f"{text} holds nothing")
    return range(first, end, step)


def radix_of(switches: str, default: int) -> int:
    """The radix that switches ask for: the last of -o, -d, -h."""
    for letter in reversed(switches):
        if letter in "odh":
            return {"o": 8, "d": 10, "h": 16}[letter]
    return default


def in_radix(value: int, radix: int, bits: int) -> str:
    """Write a value of so many bits, with its leading zeros as SIMH has them."""
    width = {8: -(-bits // 3), 10: 1, 16: bits // 4}[radix]
    return f"{value:0{width}{_FORMATS[radix]}}"


def words(data: bytes | memoryview) -> list[int]:
    """The 16-bit words of memory."""
    return [low | high << 8 for low, high in zip(data[::2], data[1::2], strict=True)]


def as_text(data: bytes | memoryview) -> str:
    """Bytes as characters, a dot for what is none."""
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in data)
