"""An Alpha: 8 KB pages, weakly ordered stores, and a page table that controllers may walk.

UNCERTAIN: the MSCP port of an Alpha node.  Alphas reached MSCP disks through KDM70-class adapters on XMI; how
their drivers filled the mapped buffer descriptor (UQSSP 1.15) was not found.  Here all of pool is described once,
at boot, by a table of 512-byte page frames, so that a transfer writes no entry.
"""

from collections.abc import Callable
from typing import ClassVar

from drivers.platform.host import InterruptRequest, Platform
from drivers.platform.map_registers import entries_of
from emu.core.bus import HostMemory
from emu.core.clock import Scheduler
from emu.core.trace import Tracer

FRAME_BYTES = 512  # a UQSSP page-table entry counts 512-byte frames, whatever the host's page is
MAPPED = 0x8000_0000
PCI_VECTOR = 0x800  # where the vectors of PCI devices begin in the system control block, 16 bytes each
PCI_INTERRUPTS = 64


class PciInterruptRequest(InterruptRequest):
    """INTA# of one PCI device, which knows its vector by the number in its interrupt line register."""

    def request(self, vector: int) -> None:
        super().request(PCI_VECTOR + 16 * vector)


class AlphaPlatform(Platform):
    """One Alpha processor and its memory.

    memory_barrier: what MB does, where stores wait before they are in memory.
    """

    kind: ClassVar[str] = "Alpha"
    page_bytes: ClassVar[int] = 8192
    masters_bitmaps: ClassVar[bool] = True
    maximum_buffer_bytes: ClassVar[int] = 1 << 30  # what the 21 bits of an entry's index can name

    def __init__(
        self,
        name: str,
        clock: Scheduler,
        memory: HostMemory,
        memory_bytes: int,
        tracer: Tracer,
        memory_barrier: Callable[[], None] | None = None,
    ) -> None:
        frames = memory_bytes // FRAME_BYTES
        table_bytes = -(-4 * frames // self.page_bytes) * self.page_bytes
        super().__init__(name, clock, memory, table_bytes, memory_bytes - table_bytes, tracer)
        self._memory_barrier = memory_barrier
        memory.write(self.page_table, entries_of(frames))
        self.barrier()

    def barrier(self) -> None:
        if self._memory_barrier is not None:
            self._memory_barrier()

    def map_buffer(self, address: int, length: int) -> int:
        # The descriptor's bits 29-9 are the first entry's index and 8-0 the offset: with frame n
        # described by entry n, both together are the physical address.
        return MAPPED | address

    def map_area(self, address: int, length: int) -> int:
        return address

    def pci_interrupt_line(self) -> PciInterruptRequest:
        """Make the line that a new PCI device's INTA# is wired to."""
        return PciInterruptRequest(self)

    def connect_pci_interrupt(self, service: Callable[[], None]) -> int:
        """Give out a free interrupt and name the routine that serves it; returns what the device is to be told."""
        for number in range(PCI_INTERRUPTS):
            vector = PCI_VECTOR + 16 * number
            if vector not in self._services:
                self._services[vector] = service
                return number
        raise AssertionError("every interrupt of the bridge is taken")
