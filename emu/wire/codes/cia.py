"""The DECchip 21171 (CIA), host bridge of a 21164 Alpha: its PCI address windows.

Offsets are bytes from 87.6000.0000, where the address translation registers stand; addresses and PTEs are
little-endian.  UNCERTAIN: register and bit positions as drivers of the chip use them; its manual was not at hand.
"""

from typing import Final

from emu.wire.codes import Bits, Code

WINDOWS: Final = 4
WINDOW_STRIDE: Final = 0x100


class CIA(Code):
    """Address translation registers; those of windows 1 to 3 follow at WINDOW_STRIDE."""

    TBIA = 0x100, "translation buffer invalidate all"
    W_BASE = 0x400, "window base: address bits 31-20, and what kind of window"
    W_MASK = 0x440, "window mask, bits 31-20: ones are not compared, they are the offset"
    T_BASE = 0x480, "translated base: bits 31-8 are physical address bits 33-10"
    W_DAC = 0x7C0, "bits 7-0 are address bits 39-32 of window 3, if that is for 64-bit masters"


class W_BASE(Bits):
    """Low bits of a window base register."""

    W_EN = 0x1, "the window is open"
    SG = 0x2, "through a scatter-gather map, not direct"
    DAC_EN = 0x8, "window 3 only: answer dual address cycles"


PAGE_SHIFT: Final = 13
PAGE_BYTES: Final = 1 << PAGE_SHIFT
WINDOW_GRAIN: Final = 0x000F_FFFF  # address bits that no window compares
PTE_BYTES: Final = 8
PTE_VALID: Final = 1
PTE_PFN_SHIFT: Final = 1
PTE_PFN_MASK: Final = 0x1F_FFFF  # physical address bits 33-13
TBIA_ALL: Final = 3
T_BASE_SHIFT: Final = 2
