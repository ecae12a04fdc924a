"""A shelf of SCSI devices: one parallel bus, the target devices on it, their logical units.

An RZ drive is a target of its own, with logical unit 0.  An array controller of the HSZ kind is one target with many
units; its disks can copy to each other by EXTENDED COPY.
"""

from dataclasses import replace

from emu.core.block import BlockDevice
from emu.core.clock import Clock
from emu.core.trace import Tracer
from emu.hw.scsi.logical_unit import LogicalUnit
from emu.hw.scsi.nonvolatile import Nonvolatile
from emu.hw.scsi.profiles import DISK, PROFILES, Profile
from emu.hw.scsi.target import Target
from emu.hw.scsibus.bus import ParallelBus
from emu.hw.scsibus.target_port import TargetPort
from emu.wire.codes.scsi_bus import INBOUND, PHASE

# DEVIATION: an HSZ of the time knew neither EXTENDED COPY nor vital product data page 83; its units do, as those of
# later arrays.  UNCERTAIN: its revision text.
HSZ = replace(
    DISK,
    name="HSZ70",
    vendor="DEC",
    product="HSZ70",
    revision="V70Z",
    thin=False,
    rotation=5400,
    queue_depth=64,
    write_cache=False,
    error_recovery=0xE6,
)
"""A unit of an array controller, as large as its medium."""


class StorageShelf:
    """One bus.

    targets: by identifier.  disks: the name of a unit is the shelf's, its identifier times 100 plus the LUN.
    """

    def __init__(self, clock: Clock, tracer: Tracer, name: str) -> None:
        self.name = name
        self.bus = ParallelBus(clock, tracer, name)
        self.targets: dict[int, Target] = {}
        self.ports: dict[int, TargetPort] = {}
        self._clock = clock
        self._tracer = tracer

    def add_disk(
        self,
        scsi_id: int,
        medium: BlockDevice,
        profile: Profile | None = None,
        *,
        lun: int = 0,
        serial: str = "",
        nonvolatile: Nonvolatile | None = None,
    ) -> LogicalUnit:
        """Put a disk into the shelf; the first one with a new identifier brings its target with it.

        profile: by default the drive of just this size, or a unit of an array controller.

        Raises:
            ValueError: the LUN is taken, or the medium does not fit the profile.
        """
        target = self.targets.get(scsi_id)
        if target is None:
            target = self.targets[scsi_id] = Target(self._clock, self._tracer)
            self.ports[scsi_id] = TargetPort(self._clock, self.bus, scsi_id, target)
        name = f"{self.name}-{100 * scsi_id + lun}"
        unit = LogicalUnit(
            medium,
            profile or drive_of_size(medium.block_count),
            self._clock,
            self._tracer,
            name,
            serial or name,
            nonvolatile=nonvolatile,
        )
        target.attach(lun, unit)
        return unit

    @property
    def data_in_bytes(self) -> int:
        """What has crossed the bus in DATA IN, to hosts."""
        return self.bus.moved_bytes[PHASE.DATA_IN]

    @property
    def data_out_bytes(self) -> int:
        """What has crossed the bus in DATA OUT, from hosts."""
        return self.bus.moved_bytes[PHASE.DATA_IN ^ INBOUND]


def drive_of_size(block_count: int) -> Profile:
    """Choose the RZ drive that has just so many blocks, else a unit of an array controller."""
    return next((p for p in PROFILES.values() if p.block_count == block_count and not p.removable), HSZ)
