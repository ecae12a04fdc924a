"""The stream of messages: bytes in, headers and data out; and the other way round.

Layouts: emu/wire/layouts/buslink.py; rules: docs/buslink.md.
"""

from collections.abc import Iterator, Sequence

from emu.core.bus import Bytes, Run
from emu.wire.codes.buslink import HEADER_BYTES, MESSAGE_LIMIT_BYTES
from emu.wire.generated.buslink import Extent, LinkHeader

_EXTENT_BYTES = Extent.SIZE


class LinkError(Exception):
    """What the peer sent is no message of this protocol; the text says why."""


class MessageReader:
    """Cuts a stream into messages, wherever it was cut before."""

    def __init__(self) -> None:
        self._rest = b""

    def receive(self, data: bytes) -> list[tuple[LinkHeader, memoryview]]:
        """Take bytes; return the messages that are whole now, their data as views.

        Raises:
            LinkError: a message is longer than any can be.
        """
        if self._rest:
            data = self._rest + data
        view = memoryview(data)
        messages: list[tuple[LinkHeader, memoryview]] = []
        place, end = 0, len(data)
        while end - place >= HEADER_BYTES:
            header = LinkHeader.unpack(view, place)
            if header.length > MESSAGE_LIMIT_BYTES:
                raise LinkError(f"a message of {header.length} bytes is longer than any can be")
            after = place + HEADER_BYTES + header.length
            if after > end:
                break
            messages.append((header, view[place + HEADER_BYTES : after]))
            place = after
        self._rest = data[place:]
        return messages


def extents_of(data: Bytes) -> Iterator[tuple[int, memoryview]]:
    """Yield the address and the bytes of each extent with bytes.

    Raises:
        LinkError: the data ends inside one.
    """
    view = memoryview(data)
    place, end = 0, len(view)
    while place < end:
        if end - place < _EXTENT_BYTES:
            raise LinkError("a list of extents ends inside one")
        extent = Extent.unpack(view, place)
        place += _EXTENT_BYTES
        if extent.length > end - place:
            raise LinkError("an extent is longer than its message")
        yield extent.address, view[place : place + extent.length]
        place += extent.length


def list_of(runs: Sequence[Run]) -> bytes:
    """Make the data of DMA_READ."""
    return b"".join(Extent.pack_fields(address, length) for address, length in runs)
