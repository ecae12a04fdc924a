"""PCI configuration space of the chip.

(spec "SCSI", 53C810: PCI.)  256 bytes; offsets are bytes.  The operating registers appear once more at 80-DF.
"""

import sys
from collections.abc import Callable

from emu.core.bus import RegisterSpace
from emu.hw.sym53c810.profile import Profile
from emu.wire.codes.sym53c810 import (
    COMMAND,
    DECODED_BYTES,
    PCI,
    REGISTER_SPACE_BYTES,
    STATUS,
    VENDOR,
)

assert sys.byteorder == "little", "configuration longwords are read as the host's own"

CLASS_SCSI = 0x01_0000
INTERRUPT_LINE_UNKNOWN = 0xFF
INTERRUPT_PIN_A = 0x01
MIN_GNT = 0x11  # units of 250 ns
MAX_LAT = 0x40
SIZE_BYTES = 256

_COMMAND = COMMAND.IO | COMMAND.MEMORY | COMMAND.MASTER | COMMAND.PARITY | COMMAND.SERR
_STATUS_ERRORS = (
    STATUS.PARITY | STATUS.SERR | STATUS.MASTER_ABORT | STATUS.TARGET_ABORT | STATUS.MASTER_PARITY
)


class Configuration:
    """Configuration space of one chip, as a RegisterSpace.

    registers: for the copy at 80-DF.  changed: hears of a new command register or base address.
    """

    def __init__(self, profile: Profile, registers: RegisterSpace, changed: Callable[[], None]) -> None:
        self._registers = registers
        self._changed = changed
        self._bytes = bytearray(SIZE_BYTES)
        self._words = memoryview(self._bytes).cast("H")
        self._longwords = memoryview(self._bytes).cast("I")
        self._writable = bytearray(SIZE_BYTES)
        writable_words = memoryview(self._writable).cast("H")
        writable_longwords = memoryview(self._writable).cast("I")
        self._longwords[PCI.ID >> 2] = profile.device_id << 16 | VENDOR
        self._words[PCI.STATUS >> 1] = int(STATUS.DEVSEL_MEDIUM)
        self._longwords[PCI.CLASS >> 2] = CLASS_SCSI << 8 | profile.revision
        self._longwords[PCI.IO_BASE >> 2] = 1
        self._longwords[PCI.INTERRUPT_LINE >> 2] = (
            MAX_LAT << 24 | MIN_GNT << 16 | INTERRUPT_PIN_A << 8 | INTERRUPT_LINE_UNKNOWN
        )
        writable_words[PCI.COMMAND >> 1] = int(_COMMAND) | (
            int(COMMAND.MWI) if profile.writes_and_invalidates else 0
        )
        writable_longwords[PCI.IO_BASE >> 2] = ~(DECODED_BYTES - 1) & 0xFFFF_FFFF
        writable_longwords[PCI.MEMORY_BASE >> 2] = ~(DECODED_BYTES - 1) & 0xFFFF_FFFF
        self._writable[PCI.LATENCY] = 0xFF
        self._writable[PCI.INTERRUPT_LINE] = 0xFF

    def read_register(self, offset: int, width: int) -> int:
        value = 0
        for index in range(width):
            place = offset + index
            if PCI.REGISTERS <= place < PCI.REGISTERS + REGISTER_SPACE_BYTES:
                return self._registers.read_register(offset - PCI.REGISTERS, width)
            value |= (self._bytes[place] if place < SIZE_BYTES else 0) << 8 * index
        return value

    def write_register(self, offset: int, value: int, width: int) -> None:
        if PCI.REGISTERS <= offset < PCI.REGISTERS + REGISTER_SPACE_BYTES:
            self._registers.write_register(offset - PCI.REGISTERS, value, width)
            return
        for index in range(min(width, SIZE_BYTES - offset)):
            place, byte = offset + index, value >> 8 * index & 0xFF
            if place in (PCI.STATUS, PCI.STATUS + 1):
                self._bytes[place] &= ~(byte & int(_STATUS_ERRORS) >> 8 * (place - PCI.STATUS))
            else:
                writable = self._writable[place]
                self._bytes[place] = self._bytes[place] & ~writable | byte & writable
        self._changed()

    def report(self, errors: int) -> None:
        """Set error bits of the status register."""
        self._words[PCI.STATUS >> 1] |= errors

    @property
    def command(self) -> int:
        return self._words[PCI.COMMAND >> 1]

    @property
    def io_base(self) -> int:
        """Where the registers stand in I/O space; what is there may not be enabled."""
        return self._longwords[PCI.IO_BASE >> 2] & ~(DECODED_BYTES - 1)

    @property
    def memory_base(self) -> int:
        """Where the registers stand in memory space."""
        return self._longwords[PCI.MEMORY_BASE >> 2] & ~(DECODED_BYTES - 1)

    @property
    def interrupt_line(self) -> int:
        return self._bytes[PCI.INTERRUPT_LINE]
