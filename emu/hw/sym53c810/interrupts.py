"""Interrupt status, its stacking, and the INTA# pin.

(spec "SCSI", 53C810: interrupts.)  DSTAT feeds DIP, SIST0 and SIST1 feed SIP, INTF stands alone.  While SIP or DIP
is set, what else happens waits behind and appears when the first has been read away.
"""

from collections.abc import Callable

from emu.wire.codes.sym53c810 import DCNTL, DSTAT, ISTAT, REG, SIST0, SIST1

FATAL_SIST0 = int(SIST0.MA | SIST0.SGE | SIST0.UDC | SIST0.RST | SIST0.PAR)
FATAL_SIST1 = int(SIST1.STO)

_DFE = int(DSTAT.DFE)
_DIP, _SIP, _INTF = int(ISTAT.DIP), int(ISTAT.SIP), int(ISTAT.INTF)
_IRQD = int(DCNTL.IRQD)
_DIEN, _SIEN0, _SIEN1, _DCNTL = int(REG.DIEN), int(REG.SIEN0), int(REG.SIEN1), int(REG.DCNTL)


class Interrupts:
    """The interrupt registers of one chip.

    registers: its register bytes, for the masks.  drive: sets the level of the pin.
    """

    def __init__(self, registers: bytearray, drive: Callable[[bool], None]) -> None:
        self._registers = registers
        self._drive = drive
        self._asserted = False
        self.reset()

    def reset(self) -> None:
        self.on_the_fly = False
        self._dstat = self._sist0 = self._sist1 = 0
        self._stacked_dstat = self._stacked_sist0 = self._stacked_sist1 = 0
        self.update()

    @property
    def pending(self) -> int:
        """SIP, DIP and INTF as ISTAT shows them; masked conditions set none of them."""
        registers = self._registers
        bits = _INTF if self.on_the_fly else 0
        if self._sist0 & registers[_SIEN0] or self._sist1 & registers[_SIEN1]:
            bits |= _SIP
        if self._dstat & registers[_DIEN]:
            bits |= _DIP
        return bits

    def raise_dma(self, bits: int) -> None:
        """Report conditions of DSTAT."""
        if self.pending & (_SIP | _DIP):
            self._stacked_dstat |= bits
        else:
            self._dstat |= bits
            self.update()

    def raise_scsi(self, bits0: int, bits1: int = 0) -> None:
        """Report conditions of SIST0 and SIST1."""
        if self.pending & (_SIP | _DIP):
            self._stacked_sist0 |= bits0
            self._stacked_sist1 |= bits1
        else:
            self._sist0 |= bits0
            self._sist1 |= bits1
            self.update()

    def raise_on_the_fly(self) -> None:
        self.on_the_fly = True
        self.update()

    def clear_on_the_fly(self) -> None:
        self.on_the_fly = False
        self.update()

    # Reading clears.  `settle` comes behind, so that one read of SIST0 and SIST1 gives both of one moment.

    def take_dstat(self) -> int:
        taken, self._dstat = self._dstat, 0
        return taken | _DFE

    def take_sist0(self) -> int:
        taken, self._sist0 = self._sist0, 0
        return taken

    def take_sist1(self) -> int:
        taken, self._sist1 = self._sist1, 0
        return taken

    def settle(self) -> None:
        """Bring what was stacked to the front if nothing stands before it any more."""
        if (self._stacked_dstat or self._stacked_sist0 or self._stacked_sist1) and not self.pending & (
            _SIP | _DIP
        ):
            self._dstat |= self._stacked_dstat
            self._sist0 |= self._stacked_sist0
            self._sist1 |= self._stacked_sist1
            self._stacked_dstat = self._stacked_sist0 = self._stacked_sist1 = 0
        self.update()

    def update(self) -> None:
        """Drive the pin as status, masks and IRQD say now."""
        asserted = bool(self.pending) and not self._registers[_DCNTL] & _IRQD
        if asserted != self._asserted:
            self._asserted = asserted
            self._drive(asserted)
