"""INITIALIZE: fresh volumes, alone or as the future members of one shadow set (spec 4.13)."""

from collections.abc import Sequence
from dataclasses import replace

from drivers.classes.disk import Disk
from drivers.files.fresh_volume import LABEL_BYTES, FreshVolume, VolumeOptions
from drivers.message import Failure, Message
from drivers.platform.host import WaitingIrp
from drivers.platform.process import Procedure
from drivers.shadow.messages import incompatible, status_message
from drivers.shadow.state import MAXIMUM_MEMBERS, MemberRecord, MemberState, SetState
from drivers.shadow.utility import Utility
from drivers.shadow.volume import BARE_SCB_LBN, bare_home_block, storage_control_block, write_blocks
from emu.core.block import BLOCK_BYTES
from emu.wire.codes.ods2 import HOME_BLOCK_LBN
from emu.wire.codes.vms import IO, SS

SHADOW_LIMIT = 6
ERASE_PIECE_BLOCKS = 1 << 15
WRITE_PIECE_BYTES = 127 * BLOCK_BYTES


class Initialize(Utility):
    """The image INITIALIZE."""

    def initialize(
        self,
        devices: Sequence[str],
        label: str,
        *,
        shadow: bool,
        erase: bool = False,
        files: bool = True,
        options: VolumeOptions | None = None,
    ) -> Procedure:
        """Make fresh volumes; with `shadow` any three of them can be mounted together without a copy.  Raises Failure.

        files: a volume has a file structure, with what `options` say of it.
        """
        if not label.strip() or len(label) > LABEL_BYTES or not (label.isascii() and label.isprintable()):
            raise Failure(Message("INIT", "F", "BADVOLLBL", "a volume label has 1 to 12 characters"))
        if shadow and len(devices) > SHADOW_LIMIT:
            text = f"{SHADOW_LIMIT} disks at most are initialized together"
            raise Failure(Message("INIT", "F", "XSMBRS", text))
        units: list[Disk] = []
        for device in devices:
            unit = self._shadow.find_unit(device)
            if self._is_member(unit.name) or unit.name in self.private:
                raise Failure(Message("INIT", "F", "DEVMOUNT", f"_{unit.name} is mounted"))
            status = yield from unit.online()
            if status == SS.NORMAL and unit.write_protected:
                status = SS.WRITLCK
            if status != SS.NORMAL:
                raise Failure(
                    Message("INIT", "F", "ERASEFAIL", f"_{unit.name} not initialized"), status_message(status)
                )
            units.append(unit)
        size = units[0].block_count
        for unit in units:
            if unit.block_count != size:
                raise incompatible(unit, size)
        volume = FreshVolume(size, replace(options or VolumeOptions(), label=label)) if files else None
        now = self._platform.system_time()
        state = SetState(
            name="",
            unit_id=0,
            label=label,
            block_count=size,
            scb_lbn=volume.scb_lbn if volume is not None else BARE_SCB_LBN,
            cluster_blocks=volume.cluster_blocks if volume is not None else 0,
            mount_time=now,
            generation=max(now, 1) if shadow else 0,
            members=tuple(
                MemberRecord(u.name, u.identifier, MemberState.SOURCE) for u in units[:MAXIMUM_MEMBERS]
            )
            if shadow
            else (),
            nodes=(),
        )
        control_block = storage_control_block(state, mounted=False)
        for unit in units:
            if erase:
                yield from self._erase(unit)
            if volume is not None:
                for lbn, blocks in volume.blocks(now, control_block):
                    yield from self._write(unit, lbn, blocks)
            else:
                yield from self._write(unit, HOME_BLOCK_LBN, bare_home_block(label, now) + control_block)
            yield from unit.available()

    def _write(self, unit: Disk, lbn: int, blocks: bytes) -> Procedure:
        for start in range(0, len(blocks), WRITE_PIECE_BYTES):
            piece = blocks[start : start + WRITE_PIECE_BYTES]
            status = yield from write_blocks(self._platform, unit, lbn + start // BLOCK_BYTES, piece)
            if status != SS.NORMAL:
                raise Failure(
                    Message("INIT", "F", "WRITEERR", f"error writing _{unit.name}"), status_message(status)
                )

    def _erase(self, unit: Disk) -> Procedure:
        for lbn in range(0, unit.block_count, ERASE_PIECE_BLOCKS):
            length = min(ERASE_PIECE_BLOCKS, unit.block_count - lbn) * BLOCK_BYTES
            irp = WaitingIrp(self._platform, IO.DSE, lbn, length)
            unit.queue_io(irp)
            if (yield irp.finished) != SS.NORMAL:
                raise Failure(
                    Message("INIT", "F", "ERASEFAIL", f"_{unit.name} not erased"), status_message(irp.status)
                )
