"""The 53C810 in its slot: finding it, setting it up, starting its SCRIPTS.

(spec "SCSI", chip initialisation; 40 MHz on the SCLK pin.)
"""

from drivers.platform.alpha import AlphaPlatform
from drivers.platform.alpha_pci import PciBridge, PciSlot
from emu.core.clock import MICROSECOND_NS
from emu.wire.codes.scsi_bus import PERIOD_UNIT_NS
from emu.wire.codes.sym53c810 import (
    COMMAND,
    DCNTL,
    DECODED_BYTES,
    DSTAT,
    ISTAT,
    PCI,
    REG,
    SCID,
    SCNTL0,
    SCNTL1,
    SIST0,
    SIST1,
    SSTAT0,
    STEST3,
    VENDOR,
)

SOFT_RESET_NS = 10 * MICROSECOND_NS
SCNTL3_ASYNCHRONOUS = 0x03
SCNTL3_SYNCHRONOUS = 0x13
CLOCK_NS = 25
XFERP_FIRST, XFERP_LAST = 4, 11
_SIGP = int(ISTAT.SIGP)
_ISTAT, _DSP = int(REG.ISTAT), int(REG.DSP)
_SXFER, _SCNTL1, _SCNTL3 = int(REG.SXFER), int(REG.SCNTL1), int(REG.SCNTL3)
_SSTAT0 = int(REG.SSTAT0)


class Adapter:
    """One chip: its registers, and whether SCRIPTS run.

    running: SCRIPTS go on by themselves; an interrupt of theirs stops them.  revision: of the chip, once it is found.
    """

    def __init__(
        self, platform: AlphaPlatform, bridge: PciBridge, slot: PciSlot, interrupt_number: int, scsi_id: int
    ) -> None:
        self.slot = slot
        self.read = slot.registers.read_register
        self.write = slot.registers.write_register
        self.running = False
        self.revision = 0
        self._barrier = platform.barrier
        self._base = bridge.claim_memory(DECODED_BYTES)
        self._interrupt_number = interrupt_number
        self._scsi_id = scsi_id

    def find(self) -> bool:
        """Give the chip its place on the bus; False when it is not there."""
        configuration = self.slot.configuration
        read, write = configuration.read_register, configuration.write_register
        if read(PCI.ID, 4) & 0xFFFF != VENDOR:
            return False
        self.revision = read(PCI.CLASS, 1)
        write(PCI.MEMORY_BASE, self._base, 4)
        write(PCI.INTERRUPT_LINE, self._interrupt_number, 1)
        write(PCI.COMMAND, int(COMMAND.MEMORY | COMMAND.MASTER | COMMAND.PARITY), 2)
        return True

    def reset(self) -> None:
        """Begin a software reset; SOFT_RESET_NS later `set_up` ends it."""
        self.running = False
        self.write(_ISTAT, int(ISTAT.SRST), 1)

    def set_up(self) -> None:
        """End a software reset, and write what is to be as the driver wants it."""
        self.write(_ISTAT, 0, 1)
        for register, value in (
            (REG.SCNTL0, SCNTL0.ARB1 | SCNTL0.ARB0 | SCNTL0.EPC | SCNTL0.AAP),
            (REG.SCNTL1, 0),
            (REG.SCNTL3, SCNTL3_ASYNCHRONOUS),
            (REG.SCID, SCID.RRE | self._scsi_id),
            (REG.RESPID, 1 << self._scsi_id),
            (REG.STIME0, 0x0C),  # selection 256 ms, no handshake timer
            (REG.STEST3, STEST3.TE),
            (REG.DMODE, 0xC0),  # bursts of 16
            (REG.DCNTL, DCNTL.COM),
            (REG.SIEN0, SIST0.MA | SIST0.SGE | SIST0.UDC | SIST0.RST | SIST0.PAR),
            (REG.SIEN1, SIST1.STO),
            (REG.DIEN, DSTAT.MDPE | DSTAT.BF | DSTAT.ABRT | DSTAT.SSI | DSTAT.SIR | DSTAT.IID),
        ):
            self.write(int(register), int(value), 1)

    def start_scripts(self, address: int) -> None:
        """Start SCRIPTS; what was stored before is there for them."""
        self.running = True
        self._barrier()
        self.write(_DSP, address, 4)

    def signal(self) -> None:
        """Let SCRIPTS that wait for a reselection look into the slot."""
        self._barrier()
        self.write(_ISTAT, _SIGP, 1)

    def assert_reset(self) -> None:
        """Begin a bus reset."""
        self.write(_SCNTL1, int(SCNTL1.RST), 1)

    def release_reset(self) -> None:
        self.write(_SCNTL1, 0, 1)

    @property
    def sees_reset(self) -> bool:
        """Whether any host holds the bus reset."""
        return bool(self.read(_SSTAT0, 1) & SSTAT0.RST)

    def set_transfer(self, sxfer: int) -> None:
        """Go on with the bus at this agreement."""
        self.write(_SXFER, sxfer, 1)
        self.write(_SCNTL3, clock_divider(sxfer), 1)


def clock_divider(sxfer: int) -> int:
    """Return SCNTL3 for an agreement."""
    return SCNTL3_SYNCHRONOUS if sxfer else SCNTL3_ASYNCHRONOUS


def transfer_setting(period: int, offset: int) -> int | None:
    """Return SXFER for an agreement, 0 for asynchronous; None when it is slower than the chip's slowest.

    period: in units of 4 ns, as SDTR has it.
    """
    if not offset:
        return 0
    xferp = max(XFERP_FIRST, -(-period * PERIOD_UNIT_NS // CLOCK_NS))
    return None if xferp > XFERP_LAST else xferp - XFERP_FIRST << 5 | offset
