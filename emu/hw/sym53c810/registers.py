"""The operating registers: offsets, reset values, what a host may write, and whose bytes have side effects.

(spec "SCSI", 53C810: operating registers; write masks as axpbox has them.)  The bytes live here as on the chip:
a longword register is four bytes, DCMD and DBC together are the first word of the current instruction.
"""

# DEVIATION: no SCSI or DMA FIFO: DFE is always set, OLF and ORF never, DBC and DNAD are exact; FIFO and counter
# tests (STEST3.STR/STW, CTEST5, CTEST6), shadow registers (CTEST4.SRTM), loopback and low-level mode store bits.
# DEVIATION: SLPAR does not accumulate longitudinal parity.

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from emu.core.registers import Reg, RegisterFile
from emu.wire.codes.sym53c810 import REG, REGISTER_SPACE_BYTES

assert sys.byteorder == "little", "longwords of the register file are read as the host's own"

DSA = REG.DSA >> 2  # indexes of longwords
TEMP = REG.TEMP >> 2
DBC = REG.DBC >> 2  # with DCMD in bits 31-24
DNAD = REG.DNAD >> 2
DSP = REG.DSP >> 2
DSPS = REG.DSPS >> 2
ADDER = REG.ADDER >> 2


@dataclass(frozen=True, slots=True)
class ChipRegister(Reg):
    """A register with storage.

    writable: bits a write changes; the others keep what they have.  on_read, on_write: methods for one byte
    (the last one of a longword register) which replace reading and storing.
    """

    reset: int = 0
    writable: int = 0

    @property
    def access(self) -> str:
        return "rw" if self.writable or self.on_write else "ro"


def _register(
    name: str,
    width: int = 1,
    reset: int = 0,
    writable: int = 0,
    on_read: str | None = None,
    on_write: str | None = None,
) -> ChipRegister:
    declared = REG[name]
    return ChipRegister(int(declared), width, name, declared.words, on_read, on_write, reset, writable)


_LONGWORD = 0xFFFF_FFFF

REGISTERS = RegisterFile(
    _register("SCNTL0", reset=0xC0, writable=0xFB, on_write="write_scntl0"),
    _register("SCNTL1", writable=0xEF, on_read="read_scntl1", on_write="write_scntl1"),
    _register("SCNTL2", writable=0x80),
    _register("SCNTL3", writable=0x77),
    _register("SCID", writable=0x67),
    _register("SXFER", writable=0xEF),
    _register("SDID", writable=0x07),
    _register("GPREG", reset=0x0F, writable=0x03),  # UNCERTAIN: 0F with open pins; other tables say 00
    _register("SFBR"),
    _register("SOCL", writable=0xFF),
    _register("SSID"),
    _register("SBCL", on_read="read_sbcl"),
    _register("DSTAT", reset=0x80, on_read="read_dstat"),
    _register("SSTAT0", on_read="read_sstat0"),
    _register("SSTAT1", on_read="read_sstat1"),
    _register("SSTAT2", reset=0x02),
    _register("DSA", 4, writable=_LONGWORD),
    _register("ISTAT", on_read="read_istat", on_write="write_istat"),
    _register("CTEST0", writable=0xFF),
    _register("CTEST1", reset=0xF0),
    _register("CTEST2", reset=0x01, on_read="read_ctest2"),
    _register("CTEST3", writable=0x03, on_read="read_ctest3"),
    _register("TEMP", 4, writable=_LONGWORD),
    _register("DFIFO", on_read="read_dfifo"),
    _register("CTEST4", writable=0xFF),
    _register("CTEST5", writable=0x18),
    _register("CTEST6"),
    _register("DBC", 3, writable=0xFF_FFFF),
    _register("DCMD", writable=0xFF),
    _register("DNAD", 4, writable=_LONGWORD),
    _register("DSP", 4, writable=_LONGWORD, on_write="write_dsp_top"),
    _register("DSPS", 4, writable=_LONGWORD),
    _register("SCRATCHA", 4, writable=_LONGWORD),
    _register("DMODE", writable=0xFF),
    _register("DIEN", writable=0x7D, on_write="write_dien"),
    _register("SBR", writable=0xFF),
    _register("DCNTL", writable=0xFB, on_write="write_dcntl"),
    _register("ADDER", 4),
    _register("SIEN0", writable=0xFF, on_write="write_sien0"),
    _register("SIEN1", writable=0x07, on_write="write_sien1"),
    _register("SIST0", on_read="read_sist0"),
    _register("SIST1", on_read="read_sist1"),
    _register("SLPAR", writable=0xFF),
    _register("SWIDE"),
    _register("MACNTL", reset=0x40, writable=0x0F),
    _register("GPCNTL", reset=0x0F, writable=0xCF),
    _register("STIME0", writable=0xFF),
    _register("STIME1", writable=0x0F, on_write="write_stime1"),
    _register("RESPID", writable=0xFF),
    _register("STEST0", reset=0x03),
    _register("STEST1", writable=0xC0),
    _register("STEST2", writable=0x9B),
    _register("STEST3", writable=0xF7, on_write="write_stest3"),
    _register("SIDL", on_read="read_sidl"),
    _register("SODL", writable=0xFF),
    _register("SBDL", on_read="read_sbdl"),
    _register("SCRATCHB", 4, writable=_LONGWORD),
)


class OperatingRegisters:
    """The register bytes of one chip; `chip` has the methods the table names."""

    def __init__(self, chip: Any) -> None:
        self.bytes = bytearray(REGISTER_SPACE_BYTES)
        self.longwords = memoryview(self.bytes).cast("I")
        self._chip_type = int(chip.profile.chip_type)
        self._writable = bytearray(REGISTER_SPACE_BYTES)
        self._readers: list[Callable[[], int] | None] = [None] * REGISTER_SPACE_BYTES
        self._writers: list[Callable[[int], None] | None] = [None] * REGISTER_SPACE_BYTES
        self._names: list[str | None] = [None] * REGISTER_SPACE_BYTES
        for register in REGISTERS.registers:
            assert isinstance(register, ChipRegister), "the table is made of chip registers"
            last = register.offset + register.width - 1
            for index in range(register.width):
                self._writable[register.offset + index] = register.writable >> 8 * index & 0xFF
                self._names[register.offset + index] = register.name
            if register.on_read:
                self._readers[last] = getattr(chip, register.on_read)
            if register.on_write:
                self._writers[last] = getattr(chip, register.on_write)
        self.reset()

    def reset(self) -> None:
        """Give every register its value after reset."""
        self.bytes[:] = bytes(REGISTER_SPACE_BYTES)
        for register in REGISTERS.registers:
            assert isinstance(register, ChipRegister), "the table is made of chip registers"
            for index in range(register.width):
                self.bytes[register.offset + index] = register.reset >> 8 * index & 0xFF
        self.bytes[REG.MACNTL] = self._chip_type

    def name(self, offset: int) -> str | None:
        """Name the register a byte belongs to; None for a gap."""
        return self._names[offset] if offset < REGISTER_SPACE_BYTES else None

    def read(self, offset: int) -> int:
        """Read one byte, with side effects."""
        reader = self._readers[offset]
        return self.bytes[offset] if reader is None else reader()

    def write(self, offset: int, value: int) -> None:
        """Write one byte, with side effects."""
        writer = self._writers[offset]
        if writer is None:
            self.store(offset, value)
        else:
            writer(value)

    def store(self, offset: int, value: int) -> None:
        """Change the writable bits of one byte."""
        writable = self._writable[offset]
        self.bytes[offset] = self.bytes[offset] & ~writable | value & writable
