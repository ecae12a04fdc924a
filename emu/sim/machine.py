"""The hardware of one node, as far as it outlives what runs on it: memory, and the ports in its buses.

A machine that crashes loses its memory; its buses are initialised, so that ports forget their host and what they had
to do for it.  A transfer under way in a medium ends in memory that is no more.
"""

from collections.abc import Callable

from drivers.cluster.node import Node
from drivers.platform.alpha import AlphaPlatform
from drivers.platform.alpha_pci import PciBridge, PciSlot
from drivers.platform.host import InterruptRequest, Platform
from emu.core.bus import HostMemory
from emu.hw.firmware import PortKind
from emu.hw.memory.pci_window import PciWindows
from emu.hw.memory.ram import Ram
from emu.hw.memory.store_buffer import StoreBuffer
from emu.hw.mscp.controller import Controller
from emu.hw.sym53c810.chip import Sym53c810
from emu.hw.uqssp.port import UqsspPort
from emu.wire.scripts_image import ScriptsImage

MakeChip = Callable[[PciWindows, InterruptRequest, int], Sym53c810]


class Machine:
    """One node's hardware.

    platform: makes the lowest layer of software.  node: makes the node on a platform.  bus: memory as ports see it.
    """

    def __init__(
        self,
        ram: Ram,
        bus: HostMemory,
        platform: Callable[[], Platform],
        node: Callable[[Platform], Node],
        stores: StoreBuffer | None = None,
    ) -> None:
        self._ram = ram
        self._bus = bus
        self._stores = stores
        self._make_platform = platform
        self._make_node = node
        self._ports: list[tuple[UqsspPort, InterruptRequest]] = []
        self._chips: list[tuple[Sym53c810, InterruptRequest]] = []
        self._windows: PciWindows | None = None
        self._program: ScriptsImage | None = None
        self._scsi_id = 7
        self._first: Platform | None = platform()

    def plug_controller(self, controller: Controller, kind: PortKind | None = None) -> None:
        """Plug a controller in."""
        line = self._platform.interrupt_line()
        self._ports.append((controller.attach_port(self._bus, line, kind=kind), line))

    def plug_chips(self, program: ScriptsImage, scsi_id: int, count: int, make: MakeChip) -> None:
        """Plug in 53C810s, that many; `make` gets their memory, line and number."""
        self._windows = PciWindows(self._ram)
        self._program, self._scsi_id = program, scsi_id
        platform = self._platform
        assert isinstance(platform, AlphaPlatform), "only an Alpha has a PCI bus"
        for number in range(count):
            line = platform.pci_interrupt_line()
            self._chips.append((make(self._windows, line, number), line))

    @property
    def _platform(self) -> Platform:
        assert self._first is not None, "what is plugged in is there before the node is started"
        return self._first

    def start_software(self) -> Node:
        """Load the drivers: a node that has yet to boot."""
        platform = self._first or self._make_platform()
        self._first = None
        node = self._make_node(platform)
        node.reset_buses.append(self._reset)
        for port, line in self._ports:
            line.platform = platform
            node.configure_port(port)
        if self._windows is not None:
            assert isinstance(platform, AlphaPlatform), "only an Alpha has a PCI bus"
            assert self._program is not None, "a 53C810 needs SCRIPTS"
            bridge = PciBridge(platform, self._windows)
            for chip, line in self._chips:
                line.platform = platform
                node.configure_scsi(bridge, PciSlot(chip.configuration, chip), self._program, self._scsi_id)
        return node

    def _reset(self) -> None:
        for port, _ in self._ports:
            port.initialise()
        for chip, _ in self._chips:
            chip.power_up()
        if self._stores is not None:
            self._stores.lose()
        self._ram.lose()
