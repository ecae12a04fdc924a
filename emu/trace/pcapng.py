"""Capture files: events as packets that Wireshark reads, and the way back.

pcapng (draft-ietf-opsawg-pcapng) with link type 252: each packet names its own dissector.  Every source of events is
an interface under its name.  Times of packets are virtual, in nanoseconds from the start of the world; what the wall
clock showed stands in the packet's comment.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from emu.core.trace import Event
from emu.trace.records import Record, RecordError, event_of, record_of
from emu.wire.codes.pcapng import (
    ALIGNMENT_BYTES,
    BYTE_ORDER,
    DIRECTION_MASK,
    LENGTH_NOT_TOLD,
    NANOSECONDS,
    UPPER_PDU,
    VERSION,
    Block,
    InterfaceOption,
    Option,
    PacketOption,
    SectionOption,
    Tag,
)
from emu.wire.generated import pcapng as wire
from emu.wire.packet import LONGWORD, ShortPacket

_SECOND_NS = 1_000_000_000
_HALF = 32
_HALF_MASK = 0xFFFF_FFFF
_NO_INTERFACE = ("", 0)
_TSRESOL_BINARY = 0x80  # the unit is a power of 2, not of 10
_DEFAULT_TSRESOL = 6

_HEADER_BYTES = wire.BlockHeader.SIZE
_FRAME_BYTES = _HEADER_BYTES + wire.BlockEnd.SIZE
_PACKET_BYTES = wire.EnhancedPacket.SIZE
_ENHANCED_PACKET = int(Block.ENHANCED_PACKET)
_END_OF_TAGS = wire.Tag.pack_fields(code=Tag.END)
_END_OF_OPTIONS = wire.Option.pack_fields(code=Option.END)


class PcapngError(ValueError):
    """A file that is no capture, or not one of ours; the text says why."""


class PcapngWriter:
    """Turns events into a capture; subscribe `hear`.

    write: takes the bytes, which begin with the section header at once.  wall_ns: nanoseconds since 1970; without it
    packets have no comments, and equal runs make equal files.
    """

    def __init__(
        self,
        write: Callable[[bytes], object],
        *,
        application: str = "",
        wall_ns: Callable[[], int] | None = None,
    ) -> None:
        self.packets = 0
        self._write = write
        self._wall_ns = wall_ns
        self._interfaces: dict[str, int] = {}
        header = wire.SectionHeader.pack_fields(
            byte_order=BYTE_ORDER, major=VERSION, section_length=LENGTH_NOT_TOLD
        )
        options = _option(SectionOption.APPLICATION, application.encode()) if application else b""
        write(_block(Block.SECTION_HEADER, header, options))

    def hear(self, event: Event) -> None:
        """Write an event; a kind that has no place in a capture is left out."""
        record = record_of(event)
        if record is None:
            return
        interface = self._interfaces.get(event.source)
        if interface is None:
            interface = self._describe(event.source)
        packet = _exported(record, interface)
        head = wire.EnhancedPacket.pack_fields(
            interface=interface,
            time_high=event.now_ns >> _HALF,
            time_low=event.now_ns & _HALF_MASK,
            captured_length=len(packet),
            original_length=len(packet),
        )
        options = _option(PacketOption.FLAGS, LONGWORD.pack(record.direction)) if record.direction else b""
        if self._wall_ns is not None:
            options += _option(Option.COMMENT, _wall_words(self._wall_ns()).encode())
        self._write(_block(_ENHANCED_PACKET, head + _filled(packet), options))
        self.packets += 1

    def _describe(self, source: str) -> int:
        body = wire.InterfaceDescription.pack_fields(link_type=UPPER_PDU)
        options = _option(InterfaceOption.NAME, source.encode())
        options += _option(InterfaceOption.TSRESOL, bytes((NANOSECONDS,)))
        self._write(_block(Block.INTERFACE_DESCRIPTION, body, options))
        number = self._interfaces[source] = len(self._interfaces)
        return number


def _block(kind: int, body: bytes, options: bytes) -> bytes:
    if options:
        options += _END_OF_OPTIONS
    total = _FRAME_BYTES + len(body) + len(options)
    head = wire.BlockHeader.pack_fields(type=kind, total_length=total)
    return head + body + options + wire.BlockEnd.pack_fields(total_length=total)


def _option(code: int, value: bytes) -> bytes:
    return wire.Option.pack_fields(code=code, length=len(value)) + _filled(value)


def _filled(data: bytes) -> bytes:
    return data + bytes(-len(data) % ALIGNMENT_BYTES)


def _exported(record: Record, interface: int) -> bytes:
    """Put the tags before a record: its dissector, and by the ports the source, which tells conversations apart."""
    name = _filled(record.dissector.encode())
    tags = (
        _tag(Tag.DISSECTOR, name),
        _port(Tag.SOURCE_PORT, interface),
        _port(Tag.DESTINATION_PORT, interface),
    )
    return b"".join(tags) + _END_OF_TAGS + record.data


def _port(code: int, interface: int) -> bytes:
    return _tag(code, wire.PortTag.pack_fields(port=interface))


def _tag(code: int, value: bytes) -> bytes:
    return wire.Tag.pack_fields(code=code, length=len(value)) + value


def _wall_words(wall_ns: int) -> str:
    seconds, ns = divmod(wall_ns, _SECOND_NS)
    return f"wall clock {datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{ns:09} UTC"


# ---- the way back


def read_events(data: bytes) -> Iterator[Event]:
    """Read the events of a capture, in the order of the file; packets of others are passed over.

    A file that a writer did not finish gives what is whole.

    Raises:
        PcapngError: it is no capture, or was made where the first byte is the high one.
    """
    interfaces: list[tuple[str, int]] = []
    for kind, body in _blocks(data):
        try:
            if kind == Block.SECTION_HEADER:
                interfaces = []
            elif kind == Block.INTERFACE_DESCRIPTION:
                interfaces.append(_interface(body))
            elif kind == _ENHANCED_PACKET:
                event = _event(body, interfaces)
                if event is not None:
                    yield event
        except (ShortPacket, RecordError) as error:
            raise PcapngError(f"a block in it is broken: {error}") from None


def _blocks(data: bytes) -> Iterator[tuple[int, memoryview]]:
    view = memoryview(data)
    if len(data) < _HEADER_BYTES + LONGWORD.size or LONGWORD.unpack_from(data)[0] != Block.SECTION_HEADER:
        raise PcapngError("it is no pcapng file")
    if LONGWORD.unpack_from(data, _HEADER_BYTES)[0] != BYTE_ORDER:
        raise PcapngError("it was written with the high byte first, which is not read here")
    offset = 0
    while offset + _FRAME_BYTES <= len(data):
        header = wire.BlockHeader.unpack(data, offset)
        end = offset + header.total_length
        if header.total_length < _FRAME_BYTES or header.total_length % ALIGNMENT_BYTES:
            raise PcapngError(f"the block at byte {offset} cannot have {header.total_length} bytes")
        if end > len(data):
            return
        yield header.type, view[offset + _HEADER_BYTES : end - wire.BlockEnd.SIZE]
        offset = end


def _interface(body: memoryview) -> tuple[str, int]:
    """Name of an interface, and the nanoseconds of its unit of time."""
    if wire.InterfaceDescription.unpack(body).link_type != UPPER_PDU:
        return _NO_INTERFACE
    options = _options(body[wire.InterfaceDescription.SIZE :])
    (resolution,) = options.get(InterfaceOption.TSRESOL, b"")[:1] or (_DEFAULT_TSRESOL,)
    if resolution & _TSRESOL_BINARY or resolution > NANOSECONDS:
        raise PcapngError("its times have a unit that is not read here")
    return options.get(InterfaceOption.NAME, b"").decode(errors="replace"), 10 ** (NANOSECONDS - resolution)


def _event(body: memoryview, interfaces: list[tuple[str, int]]) -> Event | None:
    head = wire.EnhancedPacket.unpack(body)
    if head.interface >= len(interfaces):
        raise PcapngError(f"a packet belongs to interface {head.interface}, which was not described")
    source, unit_ns = interfaces[head.interface]
    if not unit_ns:
        return None
    end = _PACKET_BYTES + head.captured_length
    dissector, data = _exported_parts(body[_PACKET_BYTES:end])
    options = _options(body[end + -end % ALIGNMENT_BYTES :])
    flags = options.get(PacketOption.FLAGS, b"").ljust(LONGWORD.size, b"\0")
    record = Record(dissector, data, LONGWORD.unpack_from(flags)[0] & DIRECTION_MASK)
    return event_of(record, (head.time_high << _HALF | head.time_low) * unit_ns, source)


def _options(data: memoryview) -> dict[int, bytes]:
    options: dict[int, bytes] = {}
    offset = 0
    while offset + wire.Option.SIZE <= len(data):
        option = wire.Option.unpack(data, offset)
        if option.code == Option.END:
            break
        offset += wire.Option.SIZE
        options[option.code] = bytes(data[offset : offset + option.length])
        offset += option.length + -option.length % ALIGNMENT_BYTES
    return options


def _exported_parts(packet: memoryview) -> tuple[str, bytes]:
    """Part a packet into the name of its dissector and the bytes for that."""
    dissector = ""
    offset = 0
    while True:
        tag = wire.Tag.unpack(packet, offset)
        offset += wire.Tag.SIZE
        if tag.code == Tag.END:
            return dissector, bytes(packet[offset:])
        if tag.code == Tag.DISSECTOR:
            dissector = bytes(packet[offset : offset + tag.length]).rstrip(b"\0").decode(errors="replace")
        offset += tag.length
