"""The manuals' numbers under the manuals' symbols, each with the manual's words beside it."""

from enum import IntEnum, IntFlag
from typing import Self


class Code(IntEnum):
    """A number and its meaning: `SB.HST_NXM == 0x0069`, `SB.HST_NXM.words == "host buffer access …"`."""

    _value_: int
    words: str

    def __new__(cls, value: int, words: str = "") -> Self:  # the default serves look-ups, `OP(0x21)`
        code = int.__new__(cls, value)
        code._value_ = value
        code.words = words
        return code


class Bits(IntFlag):
    """Bits of one field and their meanings; a combination of several bits has no words of its own."""

    _value_: int
    words: str

    def __new__(cls, value: int, words: str = "") -> Self:
        bit = int.__new__(cls, value)
        bit._value_ = value
        bit.words = words
        return bit
