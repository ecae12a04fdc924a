"""The disks of a simulated world, which outlive its power, and what they hold before a story begins."""

from emu.hw.firmware import Firmware
from emu.media.memory import MemoryDevice
from emu.sim.faults import Trouble
from emu.sim.ledger import Ledger
from emu.sim.world import World, drive_for

LABEL = "SOAK"
FIRST_UNIT = 10
NODE_MEMORY_BYTES = 3 << 19  # for the largest requests of an application, and a copy beside them


class Disk:
    """A disk of the world: what it holds and what ails it outlive the power."""

    def __init__(self, number: int, block_count: int, device: str, content: bytes = b"") -> None:
        self.number = number
        self.device = device
        self.platter = MemoryDevice(block_count, content=content)
        self.trouble = Trouble()
        self.is_out = False  # somebody has taken it out
        self.current = True  # it is a member, or would be one
        self.departed: Ledger | None = None  # what it holds, when it left in good order
        self.images: list[
            tuple[bytes, Ledger]
        ] = []  # as it was each time that it left so, where somebody keeps them

    @property
    def ails(self) -> bool:
        return self.trouble.exists or self.is_out

    @property
    def content(self) -> bytearray:
        return self.platter.content


def device_name(number: int) -> str:
    """Tell the name of a disk behind the MSCP controller."""
    return f"$1$DUA{FIRST_UNIT + number}:"


_INITIALIZED: dict[tuple[str, int, int], tuple[bytes, ...]] = {}  # the same few are wanted again and again


def initialized(firmware: Firmware, block_count: int, count: int) -> tuple[bytes, ...]:
    """Make the contents of disks that INITIALIZE/SHADOW has made members of one set."""
    key = (firmware.name, block_count, count)
    if key not in _INITIALIZED:
        _INITIALIZED[key] = _initialize(firmware, block_count, count)
    return _INITIALIZED[key]


def _initialize(firmware: Firmware, block_count: int, count: int) -> tuple[bytes, ...]:
    world = World(boot_time=1 << 49)
    controller = world.add_controller(firmware)
    platters = [MemoryDevice(block_count) for _ in range(count)]
    for number, platter in enumerate(platters):
        controller.attach_unit(FIRST_UNIT + number, platter, drive_for(firmware, platter))
    node = world.add_alpha("ALPHA1", controller, memory_bytes=NODE_MEMORY_BYTES)
    world.boot()
    devices = [device_name(number) for number in range(count)]
    world.run(node, node.utilities.initialize(devices, LABEL, shadow=True))
    return tuple(bytes(platter.content) for platter in platters)
