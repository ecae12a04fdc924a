"""A stage for stories: one controller with memory disks, an Alpha, perhaps a VAX, and what to do with them."""

from collections.abc import Callable, Sequence
from random import Random

from drivers.cluster.node import Node
from drivers.message import Failure, Message
from drivers.platform.host import WaitingIrp
from drivers.shadow.mount import MountRequest
from drivers.shadow.shdriver import VirtualUnit
from drivers.shadow.utility import Policy
from emu.core.block import BLOCK_BYTES, BlockDevice, BlockRequest, Function, MediumError
from emu.core.chance import Chance
from emu.core.clock import SECOND_NS
from emu.media.faulty import FaultyDevice, Rule
from emu.media.memory import MemoryDevice
from emu.media.slow import SlowDevice
from emu.shells.firmware_files import load_firmware
from emu.sim.application import Application
from emu.sim.ledger import stamp
from emu.sim.world import NO_CHANGES, SERVES_DISKS, World, drive_for
from emu.wire.codes.vms import IO, SS

FIRST_UNIT = 10
LABEL = "PAYROLL"
SET = "DSA1:"
COPY_LIMIT_NS = 60 * SECOND_NS


class _Whole(BlockRequest):
    def __init__(self, view: memoryview) -> None:
        self.function, self.lbn, self.byte_count, self.views = Function.READ, 0, len(view), (view,)
        self.source, self.source_lbn = None, 0

    def done(self, error: MediumError | None) -> None:
        assert error is None


def contents(device: BlockDevice) -> bytes:
    """All bytes of a device that answers at once."""
    data = bytearray(device.block_count * BLOCK_BYTES)
    device.submit(_Whole(memoryview(data)))
    return bytes(data)


class Stage:
    """Disks $1$DUA10:, $1$DUA11: ... of one controller, behind rules and latencies.

    served: the VAX has no controller, and reaches them through the Alpha's MSCP server.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        members: int = 3,
        block_count: int = 20_000,
        latency_us: tuple[int, int] | None = None,
        rules: Sequence[Sequence[Rule]] = (),
        firmware: str = "hbvs-shadow",
        vax: bool = False,
        served: bool = False,
        disks: Sequence[MemoryDevice] | None = None,
        boot_time: int = 0,
    ) -> None:
        self.chance = Chance(seed)
        self.world = World(boot_time=boot_time)
        self.disks = list(disks or (MemoryDevice(block_count) for _ in range(members)))
        self.controller = self.world.add_controller(load_firmware(firmware))
        for index, disk in enumerate(self.disks):
            medium: BlockDevice = disk
            if index < len(rules):
                medium = FaultyDevice(medium, rules[index])
            if latency_us is not None:
                medium = SlowDevice(
                    medium, self.world.clock, self._latency(index, *latency_us), parallel=True
                )
            drive = drive_for(self.controller.firmware, medium)
            self.controller.attach_unit(FIRST_UNIT + index, medium, drive)
        self.alpha = self.world.add_alpha(
            "ALPHA1", self.controller, parameters=SERVES_DISKS if served else NO_CHANGES
        )
        plugged = () if served else (self.controller,)
        self.vax = self.world.add_vax("VAX1", *plugged) if vax else None
        self.world.boot()
        self.said: list[Message] = []
        self.names = [f"$1$DUA{FIRST_UNIT + index}:" for index in range(len(self.disks))]

    def _latency(self, index: int, low_us: int, high_us: int) -> Callable[[BlockRequest], int]:
        stream: Random = self.chance.stream(f"latency {index}")
        return lambda request: stream.randint(low_us, high_us) * 1000

    # -- DCL, in Python

    def initialize(self, names: Sequence[str] | None = None, *, shadow: bool = True) -> None:
        names = names or self.names
        self.world.run(self.alpha, self.alpha.utilities.initialize(names, LABEL, shadow=shadow))

    def mount(
        self,
        names: Sequence[str] | None = None,
        policy: Policy = Policy.DEFAULT,
        *,
        node: Node | None = None,
        unit: str = SET,
        label: str = LABEL,
        copy: bool = True,
    ) -> VirtualUnit:
        node = node or self.alpha
        request = MountRequest(unit, list(self.names if names is None else names), label, policy, copy)
        self.world.run(node, node.utilities.mount(request, node.cluster.nodes, self.said.append))
        return node.shadow.units[unit]

    def ready(self) -> VirtualUnit:
        """Initialize all disks together and mount them: a steady set, no copy."""
        self.initialize()
        vu = self.mount()
        assert not vu.targets
        return vu

    def dismount(self, name: str, policy: Policy = Policy.DEFAULT, *, node: Node | None = None) -> None:
        node = node or self.alpha
        if name.startswith("DSA"):
            procedure = node.utilities.dismount_unit(name, self.said.append)
        else:
            procedure = node.utilities.dismount_member(name, policy, self.said.append)
        self.world.run(node, procedure)

    def wait_for_copies(self, vu: VirtualUnit) -> None:
        clock = self.world.clock
        done = clock.run_until(lambda: not vu.state.copier and vu.copy is None, clock.now_ns + COPY_LIMIT_NS)
        assert done, "copies and merges end"

    def idents(self) -> list[str]:
        """Identifiers of what was said so far, which is then forgotten."""
        said, self.said = self.said, []
        return [message.ident for message in said]

    def refusal(self, action: Callable[[], object]) -> list[str]:
        """Identifiers of the messages with which an action is refused."""
        try:
            action()
        except Failure as failure:
            return [message.ident for message in failure.messages]
        raise AssertionError("the action was not refused")

    # -- data

    def application(self, vu: VirtualUnit, node: Node | None = None, **options: object) -> Application:
        node = node or self.alpha
        stream = self.chance.stream(f"application on {node.name}")
        return Application(node, vu, stream, **options)  # type: ignore[arg-type]

    def run_application(self, application: Application, writes: int) -> None:
        """Let an application make so many writes, and end."""
        application.start(writes)
        self.finish(application)

    def finish(self, *applications: Application) -> None:
        """Wait until applications that end by themselves have ended."""
        assert self.world.settle(lambda: all(a.finished for a in applications)), "requests are answered"

    def write(self, vu: VirtualUnit, lbn: int, data: bytes, node: Node | None = None) -> WaitingIrp:
        """Start a write; the request that comes back has `finished`."""
        platform = (node or self.alpha).platform
        address = platform.pool.allocate(len(data))
        platform.window(address, len(data))[:] = data
        irp = WaitingIrp(platform, IO.WRITEPBLK, lbn, len(data), address)
        vu.queue_io(irp)
        return irp

    def write_now(self, vu: VirtualUnit, lbn: int, data: bytes, node: Node | None = None) -> int:
        irp = self.write(vu, lbn, data, node)
        assert self.world.settle(lambda: irp.finished.is_set), "the write is answered"
        return irp.status

    def read_now(self, vu: VirtualUnit, lbn: int, length: int, node: Node | None = None) -> tuple[int, bytes]:
        platform = (node or self.alpha).platform
        address = platform.pool.allocate(length)
        irp = WaitingIrp(platform, IO.READPBLK, lbn, length, address)
        vu.queue_io(irp)
        assert self.world.settle(lambda: irp.finished.is_set), "the read is answered"
        return irp.status, bytes(platform.window(address, length))

    def assert_members_identical(self, vu: VirtualUnit) -> None:
        images = [contents(self.disk(member.device)) for member in vu.members]
        assert all(image == images[0] for image in images), "members differ"

    def assert_holds(self, device: str, written: dict[int, int]) -> None:
        """Every block that was written is on the disk as it was written last."""
        data = contents(self.disk(device))
        wrong = [
            lbn
            for lbn, number in sorted(written.items())
            if data[lbn * BLOCK_BYTES : (lbn + 1) * BLOCK_BYTES] != stamp(number, lbn)
        ]
        assert not wrong, f"{device} is wrong at LBNs {wrong[:10]}"

    def disk(self, name: str) -> MemoryDevice:
        return self.disks[self.names.index(name)]


NORMAL = int(SS.NORMAL)
