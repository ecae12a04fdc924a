"""The chip: configuration space, operating registers, interrupt pin, SCRIPTS processor and SCSI core, wired.

(spec "SCSI", 53C810.)  As a RegisterSpace it is what both base addresses of its configuration space select: 256
bytes, registers at 00-5F, any of the widths 1, 2 and 4.  Times are virtual nanoseconds.
"""

from emu.core.bus import HostMemory, InterruptLine
from emu.core.clock import Clock
from emu.core.trace import InterruptRequested, RegisterAccess, Tracer
from emu.hw.scsibus.bus import ParallelBus
from emu.hw.sym53c810.configuration import Configuration
from emu.hw.sym53c810.dma import Dma
from emu.hw.sym53c810.interrupts import Interrupts
from emu.hw.sym53c810.profile import SYM53C810, Profile
from emu.hw.sym53c810.registers import OperatingRegisters
from emu.hw.sym53c810.scripts import ScriptsProcessor
from emu.hw.sym53c810.scsi_core import ScsiCore, State
from emu.wire.codes.sym53c810 import (
    COMMAND,
    CTEST2,
    DCNTL,
    DMODE,
    DSTAT,
    ISTAT,
    REG,
    SCNTL0,
    SCNTL1,
    STEST3,
)

# Plain integers: these registers are read and written with every command.
_ISTAT, _CTEST2, _DMODE = int(REG.ISTAT), int(REG.CTEST2), int(REG.DMODE)
_ABRT, _SRST, _SIGP, _INTF = int(ISTAT.ABRT), int(ISTAT.SRST), int(ISTAT.SIGP), int(ISTAT.INTF)
_CON, _KEPT = int(ISTAT.CON), int(ISTAT.ABRT | ISTAT.SRST | ISTAT.SIGP | ISTAT.SEM)
_DDIR, _SIGP_COPY, _CIO, _CM = int(CTEST2.DDIR), int(CTEST2.SIGP), int(CTEST2.CIO), int(CTEST2.CM)
_IO, _MEMORY, _MASTER = int(COMMAND.IO), int(COMMAND.MEMORY), int(COMMAND.MASTER)
_MAN = int(DMODE.MAN)
_INPUT = 1  # bit of a phase: towards the chip


class Sym53c810:
    """One host adapter.

    memory: PCI memory space as a bus master reaches it.  interrupt: INTA#, a level: requested with the number in the
    configuration space's interrupt line register, withdrawn when nothing is pending any more.
    """

    def __init__(
        self,
        clock: Clock,
        memory: HostMemory,
        interrupt: InterruptLine,
        bus: ParallelBus,
        tracer: Tracer,
        name: str = "PKA",
        profile: Profile = SYM53C810,
    ) -> None:
        self.name = name
        self.profile = profile
        self._clock = clock
        self._interrupt = interrupt
        self._tracer = tracer
        self.registers = OperatingRegisters(self)
        self.configuration = Configuration(profile, self, self._reconfigured)
        self._bytes = self.registers.bytes
        self.interrupts = Interrupts(self._bytes, self._drive_interrupt)
        self.processor = ScriptsProcessor(
            clock,
            profile,
            self.registers,
            self.configuration,
            self.interrupts,
            Dma(memory, self.configuration, self.registers),
        )
        self.core = ScsiCore(
            clock, bus, self._bytes, self.interrupts, self.processor.wake, self.processor.halt
        )
        self.processor.core = self.core

    def power_up(self) -> None:
        """Reset all but configuration space, as RST# and ISTAT.SRST do."""
        self.processor.reset()
        self.core.reset()
        self.registers.reset()
        self.interrupts.reset()

    # ---- registers

    def read_register(self, offset: int, width: int) -> int:
        value = 0
        for index in range(width):
            if self.registers.name(offset + index) is not None:
                value |= self.registers.read(offset + index) << 8 * index
        self.interrupts.settle()
        if RegisterAccess in self._tracer.heard:
            self._trace("read", offset, value)
        return value

    def write_register(self, offset: int, value: int, width: int) -> None:
        if RegisterAccess in self._tracer.heard:
            self._trace("write", offset, value)
        for index in range(width):
            if self.registers.name(offset + index) is not None:
                self.registers.write(offset + index, value >> 8 * index & 0xFF)

    def _trace(self, kind: str, offset: int, value: int) -> None:
        name = self.registers.name(offset)
        if name is None:
            kind, name = f"stray {kind}", f"{offset:#04x}"
        self._tracer.emit(RegisterAccess(self._clock.now_ns, self.name, kind, name, value))

    def write_scntl0(self, value: int) -> None:
        self.registers.store(REG.SCNTL0, value)
        if value & SCNTL0.START:
            self.core.start()

    def read_scntl1(self) -> int:
        connected = self.core.state is State.CONNECTED
        return self._bytes[REG.SCNTL1] | (int(SCNTL1.CON) if connected else 0)

    def write_scntl1(self, value: int) -> None:
        before = self._bytes[REG.SCNTL1]
        self.registers.store(REG.SCNTL1, value)
        if (before ^ value) & SCNTL1.RST:
            self.core.bus.assert_reset(self.core, bool(value & SCNTL1.RST))

    def read_sbcl(self) -> int:
        return self.core.control_lines

    def read_dstat(self) -> int:
        bits = self.interrupts.take_dstat()
        if self._bytes[_ISTAT] & _ABRT:  # it aborts until the host takes it away
            self.interrupts.raise_dma(int(DSTAT.ABRT))
        return bits

    def read_sist0(self) -> int:
        return self.interrupts.take_sist0()

    def read_sist1(self) -> int:
        return self.interrupts.take_sist1()

    def read_sstat0(self) -> int:
        return self.core.sstat0

    def read_sstat1(self) -> int:
        return self.core.latched_phase

    def read_istat(self) -> int:
        bits = self._bytes[_ISTAT] & _KEPT | self.interrupts.pending
        return bits | _CON if self.core.state is State.CONNECTED else bits

    def write_istat(self, value: int) -> None:
        rising = value & ~self._bytes[_ISTAT]
        self._bytes[_ISTAT] = value & _KEPT
        if rising & _SRST:
            self.power_up()
            self._bytes[_ISTAT] = value & _KEPT
            return
        if value & _INTF:
            self.interrupts.clear_on_the_fly()
        if rising & _ABRT:
            self.processor.halt()
            self.interrupts.raise_dma(int(DSTAT.ABRT))
        elif value & _SIGP:
            self.processor.wake()

    def read_ctest2(self) -> int:
        istat = self._bytes[_ISTAT]
        self._bytes[_ISTAT] = istat & ~_SIGP
        command = self.configuration.command
        bits = self._bytes[_CTEST2]
        bits |= _DDIR if self.core.latched_phase & _INPUT else 0
        bits |= _SIGP_COPY if istat & _SIGP else 0
        bits |= _CIO if command & _IO else 0
        return bits | _CM if command & _MEMORY else bits

    def read_ctest3(self) -> int:
        return self._bytes[REG.CTEST3] | self.profile.chip_revision

    def read_dfifo(self) -> int:
        return self._bytes[REG.DBC] & 0x7F  # equal to the byte counter: nothing is between

    def write_dsp_top(self, value: int) -> None:
        self.registers.store(REG.DSP + 3, value)
        if not self._bytes[_DMODE] & _MAN:
            self._start()

    def write_dcntl(self, value: int) -> None:
        self.registers.store(REG.DCNTL, value)
        self.interrupts.update()
        if value & DCNTL.STD:
            self._start()

    def _start(self) -> None:
        if not self._bytes[_ISTAT] & (_ABRT | _SRST):
            self.processor.start()

    def write_dien(self, value: int) -> None:
        self.registers.store(REG.DIEN, value)
        self.interrupts.settle()

    def write_sien0(self, value: int) -> None:
        self.registers.store(REG.SIEN0, value)
        self.interrupts.settle()

    def write_sien1(self, value: int) -> None:
        self.registers.store(REG.SIEN1, value)
        self.interrupts.settle()

    def write_stime1(self, value: int) -> None:
        self.registers.store(REG.STIME1, value)
        self.core.start_general_timer()

    def write_stest3(self, value: int) -> None:
        self.registers.store(REG.STEST3, value & ~int(STEST3.CSF))  # clearing the FIFO is done at once

    def read_sidl(self) -> int:
        return self.core.bus.data

    def read_sbdl(self) -> int:
        return self.core.bus.data

    # ---- wiring

    def _drive_interrupt(self, asserted: bool) -> None:
        if not asserted:
            self._interrupt.withdraw()
            return
        vector = self.configuration.interrupt_line
        if InterruptRequested in self._tracer.heard:
            self._tracer.emit(InterruptRequested(self._clock.now_ns, self.name, vector))
        self._interrupt.request(vector)

    def _reconfigured(self) -> None:
        """Go on where the lack of bus mastership stopped SCRIPTS."""
        if self.configuration.command & _MASTER and self.processor.running:
            self.processor.resume()
