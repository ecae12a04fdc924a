"""Copies by the target: EXTENDED COPY, with as many segments as it takes, and what it says has been done.

(SPC-3, "third-party copy"; spec "SCSI", EXTENDED COPY and RECEIVE COPY RESULTS.)
"""

from collections import deque
from typing import TYPE_CHECKING

from drivers.classes.disk import UnitState
from drivers.classes.dk_sense import key_and_asc, system_status
from drivers.classes.dk_unit import DkUnit
from drivers.platform.irp import Irp
from drivers.platform.process import Procedure
from drivers.port.scsi_request import PortStatus, ScsiRequest
from emu.core.block import BLOCK_BYTES
from emu.core.clock import SECOND_NS
from emu.wire.codes.scsi import Opcode, Status
from emu.wire.codes.vms import SS
from emu.wire.generated.scsi_cdb import CopyCdb
from emu.wire.generated.scsi_inquiry import StandardInquiry
from emu.wire.generated.scsi_third_party_copy import (
    CopyListHeader,
    CopyParameters,
    CopySegment,
    CopyStatus,
    CopyTarget,
)

if TYPE_CHECKING:
    from drivers.classes.dkdriver import DkDriver

COPY_TIMEOUT_NS = 600 * SECOND_NS
PARAMETERS_BYTES = 252
_GOOD = int(Status.GOOD)
_ENDED = PortStatus.ENDED
_NORMAL = int(SS.NORMAL)
_3PC = 0x08
_COPY_ACTION_STATUS, _COPY_ACTION_PARAMETERS = 0x00, 0x03
_IDENTIFICATION, _BLOCK_TO_BLOCK = 0xE4, 0x02
_NAA = 0x03
_DESIGNATOR_BYTES = 20
_BINARY = 1
_HOLD = 0x00
_LIST_IDENTIFIERS = 255


class Copies:
    """The copies of one driver."""

    def __init__(self, driver: "DkDriver") -> None:
        self._driver = driver
        self._exchanges = driver.exchanges

    def learn(self, unit: DkUnit) -> Procedure:
        """RECEIVE COPY RESULTS, OPERATING PARAMETERS: what the unit's copy manager takes.

        Raises:
            NoAnswer: the unit says nothing.
        """
        unit.segments = 0
        if not StandardInquiry.unpack(unit.inquiry).flags5 & _3PC or not unit.designator:
            return
        cdb = CopyCdb.pack_fields(
            opcode=int(Opcode.RECEIVE_COPY_RESULTS), action=_COPY_ACTION_PARAMETERS, length=PARAMETERS_BYTES
        )
        _, data = yield from self._exchanges.learn(unit, cdb, PARAMETERS_BYTES)
        if len(data) < CopyParameters.SIZE:
            return
        parameters = CopyParameters.unpack(data)
        codes = data[CopyParameters.SIZE :][: parameters.codes_length]
        if parameters.targets < 2 or _IDENTIFICATION not in codes or _BLOCK_TO_BLOCK not in codes:
            return
        room = parameters.list_bytes - 2 * CopyTarget.SIZE
        unit.segments = max(0, min(parameters.segments, room // CopySegment.SIZE))
        unit.segment_blocks = min(0xFFFF, parameters.segment_bytes // BLOCK_BYTES)
        if not unit.segment_blocks:
            unit.segments = 0

    def start(self, unit: DkUnit) -> None:
        """Let one EXTENDED COPY at a time take what has been collected at this instant."""
        if unit.copies and not unit.copying:
            unit.copying = True
            self._driver.platform.process(f"{unit.name} copy", self._copy(unit))

    def _copy(self, unit: DkUnit) -> Procedure:
        while unit.copies and unit.state is UnitState.ONLINE:
            source: DkUnit = unit.copies[0].source  # type: ignore[assignment]
            batch: list[Irp] = []
            segments: list[tuple[Irp, bytes]] = []
            while unit.copies and unit.copies[0].source is source:
                pieces = self._segments_of(unit, unit.copies[0])
                if segments and len(segments) + len(pieces) > unit.segments:
                    break
                irp = unit.copies.popleft()
                batch.append(irp)
                segments += ((irp, piece) for piece in pieces)
            yield from self._copy_batch(unit, source, batch, segments)
        unit.copying = False
        if unit.state is not UnitState.ONLINE:
            copies, unit.copies = unit.copies, deque()
            for irp in copies:
                self._driver.put_aside(unit, irp)

    def _segments_of(self, unit: DkUnit, irp: Irp) -> list[bytes]:
        """Write the segment descriptors of one range; they name the source as target 0, the unit as target 1."""
        pieces = []
        blocks, limit = irp.byte_count // BLOCK_BYTES, unit.segment_blocks
        for offset in range(0, blocks, limit or blocks):
            pieces.append(
                CopySegment.pack_fields(
                    type=_BLOCK_TO_BLOCK,
                    length=CopySegment.SIZE - 4,
                    source=0,
                    destination=1,
                    blocks=min(limit, blocks - offset),
                    source_lba=irp.source_lbn + offset,
                    destination_lba=irp.lbn + offset,
                )
            )
        return pieces

    def _copy_batch(
        self, unit: DkUnit, source: DkUnit, batch: list[Irp], segments: list[tuple[Irp, bytes]]
    ) -> Procedure:
        """One EXTENDED COPY; then COPY STATUS tells how many of its segments were done."""
        if not unit.copies_at_a_time(source) or len(segments) > unit.segments:
            for irp in batch:
                irp.status = int(SS.UNSUPPORTED)
                self._driver.finish(irp)
            return
        unit.list_identifier = unit.list_identifier % _LIST_IDENTIFIERS + 1
        descriptors = b"".join(piece for _, piece in segments)
        targets = _copy_target(source) + _copy_target(unit)
        data = (
            CopyListHeader.pack_fields(
                list_identifier=unit.list_identifier,
                flags=_HOLD,
                targets_length=len(targets),
                segments_length=len(descriptors),
            )
            + targets
            + descriptors
        )
        cdb = CopyCdb.pack_fields(opcode=int(Opcode.EXTENDED_COPY), length=len(data))
        request = yield from self._exchanges.tell(
            unit, cdb, data, COPY_TIMEOUT_NS, io_epoch=min(irp.io_epoch for irp in batch)
        )
        if request.port_status is not _ENDED:
            for irp in batch:
                self._driver.transport_failed(unit, irp, request.port_status)
            return
        done = yield from self._segments_done(unit)
        if request.status == _GOOD and done is None:
            done = len(segments)  # a unit that has forgotten the list has said that all is well
        self._tell_copied(unit, batch, segments, done or 0, request)

    def _segments_done(self, unit: DkUnit) -> Procedure:
        """RECEIVE COPY RESULTS, COPY STATUS of the last list; None when the unit does not know it."""
        cdb = CopyCdb.pack_fields(
            opcode=int(Opcode.RECEIVE_COPY_RESULTS),
            action=_COPY_ACTION_STATUS,
            list_identifier=unit.list_identifier,
            length=CopyStatus.SIZE,
        )
        _, data = yield from self._exchanges.ask(unit, cdb, CopyStatus.SIZE)
        return CopyStatus.unpack(data).segments if len(data) == CopyStatus.SIZE else None

    def _tell_copied(
        self,
        unit: DkUnit,
        batch: list[Irp],
        segments: list[tuple[Irp, bytes]],
        done: int,
        request: ScsiRequest,
    ) -> None:
        """Answer the ranges that were copied and the one that failed; those behind it are tried again."""
        left = {id(irp): 0 for irp in batch}
        for irp, _ in segments[done:]:
            left[id(irp)] += 1
        guilty = segments[done][0] if done < len(segments) else None
        again = []
        for irp in batch:
            if not left[id(irp)]:
                irp.status = _NORMAL
                irp.transferred = irp.byte_count
                self._driver.finish(irp)
            elif irp is guilty:
                unit.errors += 1
                irp.status = system_status(*key_and_asc(request.sense))
                if irp.status == _NORMAL:
                    irp.status = int(SS.CTRLERR)
                self._driver.finish(irp)
            else:
                again.append(irp)
        unit.copies.extendleft(reversed(again))


def _copy_target(unit: DkUnit) -> bytes:
    """The target descriptor that names a unit by its designator."""
    designator = unit.designator[:_DESIGNATOR_BYTES]
    return CopyTarget.pack_fields(
        type=_IDENTIFICATION,
        code_set=_BINARY,
        designator_type=_NAA,
        designator_length=len(designator),
        designator=designator.ljust(_DESIGNATOR_BYTES, b"\0"),
        block_bytes=BLOCK_BYTES,
    )
