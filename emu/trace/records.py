"""What a capture file says of an event: the bytes, and the name of the dissector that reads them.

A message of a UQSSP port is itself: envelope and text.  A SCSI task is written as the iSCSI PDUs that would have
carried it, because those are what every reader of captures can take apart; data, sequence numbers and expected
lengths are left out.  All other events are our own records (`emu.wire.layouts.events`).
"""

from dataclasses import dataclass
from typing import Final

from emu.core.trace import (
    BitmapChanged,
    BlocksMoved,
    ConsoleLine,
    CopyMoved,
    Event,
    InterruptRequested,
    MessageMoved,
    RegisterAccess,
    StateChanged,
    TaskEnded,
    TaskTaken,
)
from emu.wire.codes import iscsi
from emu.wire.codes.events import LAYOUTS, TEXTS, Kind
from emu.wire.codes.iscsi import (
    AHS_SHIFT,
    AHS_WORD_BYTES,
    FINAL,
    LENGTH_MASK,
    OPCODE_MASK,
    AhsType,
    Opcode,
)
from emu.wire.codes.pcapng import Direction
from emu.wire.codes.scsi import lun_field, lun_number
from emu.wire.codes.uqssp import ENVELOPE_BYTES
from emu.wire.decode import HEADER_BYTES
from emu.wire.generated import events
from emu.wire.generated.iscsi import AdditionalHeader, ScsiCommand, ScsiResponse, SenseLength
from emu.wire.packet import Packet, ShortPacket

UQSSP: Final = "uqssp"
ISCSI: Final = "iscsi"
EVENT: Final = "hbvs"

TO_CONTROLLER: Final = int(Direction.INBOUND)
TO_HOST: Final = int(Direction.OUTBOUND)
NO_DIRECTION: Final = 0

_CDB_BYTES = 16
_TAG_MASK = 0xFFFF_FFFF
_CDB_BYTES_OF_GROUP = {0: 6, 1: 10, 2: 10, 4: 16, 5: 12}  # SPC: bits 7-5 of the operation code
_GROUP_SHIFT = 5


class RecordError(ValueError):
    """Bytes that are no record of an event."""


@dataclass(frozen=True, slots=True)
class Record:
    """An event as a packet; direction as the controller sees it, where there is one."""

    dissector: str
    data: bytes
    direction: int = NO_DIRECTION


def record_of(event: Event) -> Record | None:
    """Write an event; None for a kind that has no place in a capture."""
    match event:
        case MessageMoved():
            return Record(UQSSP, event.data, TO_CONTROLLER if event.direction == "H>C" else TO_HOST)
        case TaskTaken():
            return Record(ISCSI, _command(event), TO_CONTROLLER)
        case TaskEnded():
            return Record(ISCSI, _response(event), TO_HOST)
        case RegisterAccess():
            head = events.Register.pack_fields(event=Kind.REGISTER, value=event.value)
            return _own(head, event.kind, event.register)
        case StateChanged():
            return _own(events.Event.pack_fields(event=Kind.STATE), event.before, event.after)
        case InterruptRequested():
            return _own(events.Interrupt.pack_fields(event=Kind.INTERRUPT, vector=event.vector))
        case BlocksMoved():
            head = events.Blocks.pack_fields(
                event=Kind.BLOCKS, unit=event.unit, lbn=event.lbn, byte_count=event.byte_count
            )
            return _own(head, event.function)
        case BitmapChanged():
            return _own(
                events.Bitmap.pack_fields(
                    event=Kind.BITMAP,
                    set=event.value,
                    bitmap=event.bitmap,
                    first=event.first,
                    count=event.count,
                )
            )
        case CopyMoved():
            return _own(events.Copy.pack_fields(event=Kind.COPY, fence_lbn=event.fence_lbn), event.member)
        case ConsoleLine():
            return _own(events.Event.pack_fields(event=Kind.LINE), event.text)
        case _:
            return None


def event_of(record: Record, now_ns: int, source: str) -> Event | None:
    """Read an event back; None for a packet of another dissector.

    Raises:
        RecordError: it is not what its dissector reads.
    """
    data = record.data
    try:
        if record.dissector == UQSSP:
            if len(data) < ENVELOPE_BYTES + HEADER_BYTES:
                raise ShortPacket("a message", ENVELOPE_BYTES + HEADER_BYTES, len(data))
            direction = "H>C" if record.direction == TO_CONTROLLER else "C>H"
            return MessageMoved(now_ns, source, direction, data)
        if record.dissector == ISCSI:
            return _task_event(data, now_ns, source)
        if record.dissector == EVENT:
            return _own_event(data, now_ns, source)
    except ShortPacket as error:
        raise RecordError(str(error)) from None
    return None


# ---- our own records


def _own(head: bytes, *texts: str) -> Record:
    tail = b"".join(text.encode().replace(b"\0", b" ") + b"\0" for text in texts)
    return Record(EVENT, head + tail)


def _own_event(data: bytes, now_ns: int, source: str) -> Event:
    kind = events.Event.unpack(data).event
    if kind not in LAYOUTS:
        raise RecordError(f"{kind} is no kind of event")
    head = events.PACKETS[LAYOUTS[kind]].unpack(data)
    names = TEXTS[kind]
    texts = [text.decode(errors="replace") for text in data[head.SIZE :].split(b"\0")]
    if len(texts) <= len(names):
        raise RecordError(f"{len(names)} texts belong to {Kind(kind).words}")
    return _event(head, kind, texts, now_ns, source)


def _event(head: Packet, kind: int, texts: list[str], now_ns: int, source: str) -> Event:
    match head:
        case events.Register():
            return RegisterAccess(now_ns, source, texts[0], texts[1], head.value)
        case events.Interrupt():
            return InterruptRequested(now_ns, source, head.vector)
        case events.Blocks():
            return BlocksMoved(now_ns, source, texts[0], head.unit, head.lbn, head.byte_count)
        case events.Bitmap():
            return BitmapChanged(now_ns, source, head.bitmap, head.first, head.count, bool(head.set))
        case events.Copy():
            return CopyMoved(now_ns, source, texts[0], head.fence_lbn)
        case _ if kind == Kind.STATE:
            return StateChanged(now_ns, source, texts[0], texts[1])
        case _:
            return ConsoleLine(now_ns, source, texts[0])


# ---- SCSI tasks


def _command(event: TaskTaken) -> bytes:
    head, rest = event.cdb[:_CDB_BYTES].ljust(_CDB_BYTES, b"\0"), event.cdb[_CDB_BYTES:]
    additional = b""
    if rest:
        # RFC 7143 11.2.2.3: the length counts the reserved byte, too.
        additional = AdditionalHeader.pack_fields(length=len(rest) + 1, type=AhsType.EXTENDED_CDB)
        additional = _filled(additional + rest)
    return (
        ScsiCommand.pack_fields(
            opcode=Opcode.SCSI_COMMAND,
            flags=FINAL,
            lengths=len(additional) // AHS_WORD_BYTES << AHS_SHIFT,
            lun=lun_field(event.unit),
            itt=event.tag & _TAG_MASK,
            cdb=head,
        )
        + additional
    )


def _response(event: TaskEnded) -> bytes:
    segment = SenseLength.pack_fields(length=len(event.sense)) + event.sense if event.sense else b""
    header = ScsiResponse.pack_fields(
        opcode=Opcode.SCSI_RESPONSE,
        flags=FINAL,
        status=event.status,
        lengths=len(segment),
        itt=event.tag & _TAG_MASK,
    )
    return header + _filled(segment)


def _filled(data: bytes) -> bytes:
    return data + bytes(-len(data) % AHS_WORD_BYTES)


def _task_event(data: bytes, now_ns: int, source: str) -> Event | None:
    """Read one PDU; what is neither command nor response is no event of ours."""
    if len(data) < iscsi.HEADER_BYTES:
        raise ShortPacket("an iSCSI PDU", iscsi.HEADER_BYTES, len(data))
    opcode = data[0] & OPCODE_MASK
    if opcode == Opcode.SCSI_COMMAND:
        command = ScsiCommand.unpack(data)
        cdb = command.cdb[: _CDB_BYTES_OF_GROUP.get(command.cdb[0] >> _GROUP_SHIFT, _CDB_BYTES)]
        if command.lengths >> AHS_SHIFT:
            additional = AdditionalHeader.unpack(data, iscsi.HEADER_BYTES)
            start = iscsi.HEADER_BYTES + AdditionalHeader.SIZE
            cdb = command.cdb + data[start : start + additional.length - 1]
        return TaskTaken(now_ns, source, lun_number(command.lun), command.itt, cdb)
    if opcode == Opcode.SCSI_RESPONSE:
        response = ScsiResponse.unpack(data)
        sense = b""
        if response.lengths & LENGTH_MASK:
            length = SenseLength.unpack(data, iscsi.HEADER_BYTES).length
            start = iscsi.HEADER_BYTES + SenseLength.SIZE
            sense = data[start : start + length]
        return TaskEnded(now_ns, source, response.itt, response.status, sense)
    return None
