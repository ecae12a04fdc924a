"""A stage on a SCSI bus: disks $1$DKA100:, $1$DKA101: ... of one target, perhaps $1$DUA10: beside them."""

from collections.abc import Sequence

from drivers.shadow.utility import Policy
from emu.core.block import BlockDevice
from emu.core.chance import Chance
from emu.hw.memory.ram import Ram
from emu.hw.memory.store_buffer import StoreBuffer
from emu.hw.scsi.profiles import Profile
from emu.media.faulty import FaultyDevice, Rule
from emu.media.memory import MemoryDevice
from emu.media.slow import SlowDevice
from emu.shells.firmware_files import load_firmware, load_scripts
from emu.sim.storage_shelf import HSZ
from emu.sim.world import World, drive_for
from tests.simulation.stage import FIRST_UNIT, SET, Stage

TARGET = 1


class ScsiStage(Stage):
    """SCSI disks behind rules and latencies, on one bus with one or two Alphas.

    drives: one target each instead of units of one.  mscp_members: more disks, behind an MSCP controller.  votes: of
    the Alphas.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        members: int = 3,
        mscp_members: int = 0,
        block_count: int = 20_000,
        latency_us: tuple[int, int] | None = (20, 2000),
        rules: Sequence[Sequence[Rule]] = (),
        profile: Profile = HSZ,
        drives: bool = False,
        alphas: int = 1,
        votes: Sequence[int] = (2, 2),
    ) -> None:
        self.chance = Chance(seed)
        self.world = World()
        self.vax = None
        self.said = []
        self.names = []
        self.disks = [MemoryDevice(block_count) for _ in range(members + mscp_members)]
        self.shelf = self.world.add_shelf()
        for index, disk in enumerate(self.disks):
            medium: BlockDevice = disk
            if index < len(rules):
                medium = FaultyDevice(medium, rules[index])
            if latency_us is not None:
                latency = self._latency(index, *latency_us)
                medium = SlowDevice(medium, self.world.clock, latency, parallel=True)
            if index < members:
                target, lun = (TARGET + index, 0) if drives else (TARGET, index)
                self.shelf.add_disk(target, medium, profile, lun=lun)
                self.names.append(f"$1$DKA{100 * target + lun}:")
            else:
                self._add_mscp_disk(index - members, medium)
        program = load_scripts("pke")
        controllers = self.world.controllers
        self.alphas = [
            self.world.add_alpha(
                f"ALPHA{number + 1}",
                *controllers,
                shelves=[self.shelf],
                program=program,
                scsi_id=7 - number,
                stores=self._stores,
                cluster={"votes": votes[number]},
            )
            for number in range(alphas)
        ]
        self.alpha = self.alphas[0]
        self.world.boot()

    def _stores(self, memory: Ram) -> StoreBuffer:
        stream = self.chance.stream("stores")
        return StoreBuffer(memory, 6, stream.randrange)

    def _add_mscp_disk(self, number: int, medium: BlockDevice) -> None:
        if not self.world.controllers:
            self.controller = self.world.add_controller(load_firmware("hbvs-shadow"))
        drive = drive_for(self.controller.firmware, medium)
        self.controller.attach_unit(FIRST_UNIT + number, medium, drive)
        self.names.append(f"$1$DUA{FIRST_UNIT + number}:")

    @property
    def data_bytes(self) -> int:
        """What has crossed the bus in data phases."""
        return self.shelf.data_in_bytes + self.shelf.data_out_bytes

    def leave_and_return(self, name: str, writes: int = 60, **options: object) -> int:
        """A member leaves, the set is written, the member returns by minicopy; the data phases of that, in bytes."""
        (vu,) = self.alpha.shadow.units.values()
        self.dismount(name, Policy.MINICOPY)
        self.run_application(self.application(vu, read_share=0, **options), writes)
        before = self.data_bytes
        self.mount([name], Policy.MINICOPY, unit=SET)
        self.wait_for_copies(vu)
        return self.data_bytes - before
