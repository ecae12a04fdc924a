"""Registers declared once: offset, width, name, access, and the chip's methods that answer.

A `RegisterFile` belongs to a class of device; `bind` ties it to one chip.  Reading and writing
call the methods named in the declaration (`on_read="read_sa"`), so that decode, access rules,
SHOW output and the documentation's table come from the same line.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Reg:
    """One register.

    offset, width: bytes.  on_read, on_write: names of the chip's methods; a missing name makes
    the register write-only or read-only: reads give 0, writes have no effect.
    """

    offset: int
    width: int
    name: str
    meaning: str
    on_read: str | None = None
    on_write: str | None = None

    @property
    def access(self) -> str:
        return {(True, True): "rw", (True, False): "ro", (False, True): "wo", (False, False): "-"}[
            (self.on_read is not None, self.on_write is not None)
        ]


class RegisterFile:
    """The registers of one kind of device, in order, without overlap."""

    def __init__(self, *registers: Reg) -> None:
        end = 0
        for register in registers:
            assert register.offset >= end, f"{register.name} overlaps the register before it"
            end = register.offset + register.width
        self.registers = registers

    def bind(self, chip: Any, undeclared: Callable[[str, int, int], None]) -> "BoundRegisters":
        """Tie the declarations to a chip; `undeclared(kind, offset, width)` hears of stray accesses."""
        return BoundRegisters(self, chip, undeclared)


class BoundRegisters:
    """The registers of one chip, as a RegisterSpace."""

    def __init__(
        self, declared: RegisterFile, chip: Any, undeclared: Callable[[str, int, int], None]
    ) -> None:
        self._readers: dict[tuple[int, int], Callable[[], int]] = {}
        self._writers: dict[tuple[int, int], Callable[[int], None]] = {}
        self._undeclared = undeclared
        for register in declared.registers:
            place = (register.offset, register.width)
            self._readers[place] = getattr(chip, register.on_read) if register.on_read else _read_zero
            self._writers[place] = getattr(chip, register.on_write) if register.on_write else _ignore_write

    def read_register(self, offset: int, width: int) -> int:
        reader = self._readers.get((offset, width))
        if reader is None:
            self._undeclared("read", offset, width)
            return 0
        return reader()

    def write_register(self, offset: int, value: int, width: int) -> None:
        writer = self._writers.get((offset, width))
        if writer is None:
            self._undeclared("write", offset, width)
            return
        writer(value)


def _read_zero() -> int:
    return 0


def _ignore_write(value: int) -> None:
    return None
