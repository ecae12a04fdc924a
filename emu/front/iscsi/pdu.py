"""PDUs out of a byte stream, and the digests of both directions.  RFC 7143 sections 11.2 and 13.1.

A PDU is its basic header, additional header segments, header digest, data segment filled up to four bytes, data
digest.  Data segments are never copied: they are views of the bytes as they were received.  Lengths are bytes.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from crc32c import crc32c

from emu.wire.codes.iscsi import (
    AHS_SHIFT,
    AHS_WORD_BYTES,
    DEFAULT_SEGMENT_BYTES,
    DIGEST_BYTES,
    HEADER_BYTES,
    LENGTH_MASK,
    OPCODE_MASK,
    PAD_BYTES,
    AhsType,
    Opcode,
)
from emu.wire.generated.iscsi import (
    AdditionalHeader,
    DataOut,
    LoginRequest,
    LogoutRequest,
    NopOut,
    Request,
    ScsiCommand,
    TaskManagementRequest,
    TextRequest,
)
from emu.wire.packet import LONGWORD

Pdu = (
    ScsiCommand
    | DataOut
    | NopOut
    | TaskManagementRequest
    | LoginRequest
    | TextRequest
    | LogoutRequest
    | Request
)
Views = Sequence[memoryview]

REQUESTS: Mapping[int, type[Pdu]] = MappingProxyType(
    {
        int(Opcode.NOP_OUT): NopOut,
        int(Opcode.SCSI_COMMAND): ScsiCommand,
        int(Opcode.TASK_MANAGEMENT_REQUEST): TaskManagementRequest,
        int(Opcode.LOGIN_REQUEST): LoginRequest,
        int(Opcode.TEXT_REQUEST): TextRequest,
        int(Opcode.DATA_OUT): DataOut,
        int(Opcode.LOGOUT_REQUEST): LogoutRequest,
    }
)
PADS = (b"", b"\0\0\0", b"\0\0", b"\0")  # by length modulo 4
PIECES = 64  # views a data segment may come in before they are joined


class StreamBroken(Exception):
    """The bytes make no sense any more, and there is no way to find the next PDU; the text says why."""


def digest(*parts: bytes | memoryview) -> bytes:
    """Return the CRC32C of parts, as it stands behind them."""
    crc = 0
    for part in parts:
        crc = crc32c(part, crc)
    return LONGWORD.pack(crc)  # least significant byte first, unlike everything else here


def extended_cdb(ahs: bytes) -> bytes:
    """Return the bytes of a CDB behind the sixteenth, from the additional header segments; b"" if there are none."""
    at = 0
    while at + AdditionalHeader.SIZE <= len(ahs):
        segment = AdditionalHeader.unpack(ahs, at)
        if segment.type == AhsType.EXTENDED_CDB:
            return ahs[at + AdditionalHeader.SIZE : at + AdditionalHeader.SIZE + segment.length - 1]
        at += AdditionalHeader.SIZE + segment.length - 1
        at += -at % PAD_BYTES
    return b""


class PduReader:
    """Cuts a stream into PDUs.

    segment_limit: the longest data segment that is accepted.  header_digest, data_digest: whether they are there; all
    three may change between two PDUs.  ahs: the additional header segments of the PDU that was given last.
    """

    def __init__(self) -> None:
        self.segment_limit = DEFAULT_SEGMENT_BYTES
        self.header_digest = False
        self.data_digest = False
        self.ahs = b""
        self._held = b""  # the beginning of a header
        self._header: tuple[bytes, int] = (b"", 0)
        self._pdu: Pdu | None = None  # whose data segment is not complete
        self._missing = 0  # of the data segment
        self._pieces: list[memoryview] = []
        self._tail = b""  # of padding and data digest
        self._tail_bytes = 0

    @property
    def header(self) -> bytes:
        """The basic header of the PDU that was given last, as it came."""
        data, at = self._header
        return data[at : at + HEADER_BYTES]

    def receive(self, data: bytes) -> Iterator[tuple[Pdu, Views, bool]]:
        """Give the PDUs that have become complete: header, data segment, and whether that agrees with its digest.

        Raises:
            StreamBroken: what follows cannot be understood.
        """
        if self._held:
            data = self._held + data
            self._held = b""
        at, end = 0, len(data)
        view = memoryview(data)
        while True:
            if self._pdu is None:
                if end - at < HEADER_BYTES:
                    break
                pdu = REQUESTS.get(data[at] & OPCODE_MASK, Request).unpack(data, at)
                lengths = pdu.lengths
                plain = not self.header_digest  # all of it is here, and nothing but header and data segment
                body = after = at + HEADER_BYTES
                if lengths:
                    after += lengths + -lengths % PAD_BYTES
                    plain = plain and after <= end and lengths <= self.segment_limit and not self.data_digest
                if plain:
                    self._header = (data, at)
                    self.ahs = b""
                    at = after
                    yield pdu, (view[body : body + lengths],) if lengths else (), True
                    continue
                head_bytes = HEADER_BYTES + (lengths >> AHS_SHIFT) * AHS_WORD_BYTES
                body = at + head_bytes + (DIGEST_BYTES if self.header_digest else 0)
                if body > end:
                    break
                self._take_header(pdu, data, at, head_bytes)
                at = body
            at = self._take_segment(data, at, end)
            if self._missing or len(self._tail) < self._tail_bytes:
                return
            pdu, pieces, self._pieces = self._pdu, self._pieces, []  # type: ignore[assignment]
            self._pdu = None
            yield pdu, pieces, self._is_intact(pieces)
        self._held = data[at:]

    def _take_header(self, pdu: Pdu, data: bytes, at: int, head_bytes: int) -> None:
        """Begin a PDU; raises StreamBroken."""
        head = data[at : at + head_bytes]
        if self.header_digest:
            found = data[at + head_bytes : at + head_bytes + DIGEST_BYTES]
            if found != digest(head):
                raise StreamBroken("a header does not agree with its digest")
        segment_bytes = pdu.lengths & LENGTH_MASK
        if segment_bytes > self.segment_limit:
            raise StreamBroken(f"a data segment of {segment_bytes} bytes, {self.segment_limit} are allowed")
        self._header = (data, at)
        self.ahs = head[HEADER_BYTES:]
        self._pdu = pdu
        self._missing = segment_bytes
        self._tail = b""
        self._tail_bytes = 0
        if segment_bytes:
            self._tail_bytes = -segment_bytes % PAD_BYTES + (DIGEST_BYTES if self.data_digest else 0)

    def _take_segment(self, data: bytes, at: int, end: int) -> int:
        """Take what is there of a data segment and what follows it; returns where that ends."""
        take = min(self._missing, end - at)
        if take:
            self._pieces.append(memoryview(data)[at : at + take])
            if len(self._pieces) > PIECES:
                self._pieces = [memoryview(b"".join(self._pieces))]
            self._missing -= take
            at += take
        if not self._missing and len(self._tail) < self._tail_bytes:
            rest = data[at : at + self._tail_bytes - len(self._tail)]
            self._tail += rest
            at += len(rest)
        return at

    def _is_intact(self, pieces: Views) -> bool:
        if not self.data_digest or not self._tail:
            return True
        padding = self._tail[:-DIGEST_BYTES]
        return self._tail[-DIGEST_BYTES:] == digest(*pieces, padding)
