"""Sequential files: bytes in and out piece by piece, and text as records.

Stream_LF and fixed-length files hold bytes as they are.  A variable-length record is a word with its length, its
bytes, and one more where that is odd; a line of text becomes a record without its end.
(OpenVMS Record Management Services Reference Manual, record formats.)
"""

from collections.abc import Callable, Iterator

from drivers.files.headers import File
from drivers.files.xqp import FileSystem
from drivers.message import Failure, Message
from drivers.platform.process import Procedure
from emu.core.block import BLOCK_BYTES
from emu.wire.codes.ods2 import RTYPE
from emu.wire.generated.ods2 import VariableRecord

PIECE_BYTES = 127 * BLOCK_BYTES
EXTEND_BLOCKS = 2 * 127  # when a file turns out longer than it was thought to be
RECORD_LIMIT = 32767
LINE_END = b"\n"
_NO_MORE = 0xFFFF


class FileWriter:
    """Appends to a new file; `close` writes what is left, and the headers."""

    def __init__(self, files: FileSystem, file: File) -> None:
        self._files = files
        self.file = file
        self._waiting = bytearray()
        self._next_vbn = 1

    def write(self, data: bytes) -> Procedure:
        self._waiting += data
        self.file.size_bytes += len(data)
        while len(self._waiting) >= PIECE_BYTES:
            yield from self._flush(PIECE_BYTES)

    def _flush(self, byte_count: int) -> Procedure:
        piece = bytes(self._waiting[:byte_count])
        del self._waiting[:byte_count]
        block_count = -(-byte_count // BLOCK_BYTES)
        missing = self._next_vbn - 1 + block_count - self.file.block_count
        if missing > 0:
            yield from self._files.extend(self.file, max(missing, EXTEND_BLOCKS))
        yield from self._files.write(self.file, self._next_vbn, piece.ljust(block_count * BLOCK_BYTES, b"\0"))
        self._next_vbn += block_count

    def close(self) -> Procedure:
        if self._waiting:
            yield from self._flush(len(self._waiting))
        yield from self._files.write_headers(self.file)


def read_pieces(files: FileSystem, file: File, take: Callable[[bytes], None]) -> Procedure:
    """Read a file from its beginning to its end, piece by piece."""
    left = file.size_bytes
    for vbn in range(1, file.used_blocks + 1, PIECE_BYTES // BLOCK_BYTES):
        length = min(left, PIECE_BYTES)
        data: bytes = yield from files.read(file, vbn, -(-length // BLOCK_BYTES))
        take(data[:length])
        left -= length


class LinesToRecords:
    """Makes variable-length records of lines that come in pieces.  longest: bytes of the longest record."""

    def __init__(self) -> None:
        self.longest = 0
        self._rest = b""

    def feed(self, data: bytes, *, last: bool = False) -> bytes:
        """Return the records that are whole; raises Failure for a line that is too long."""
        *lines, self._rest = (self._rest + data).split(LINE_END)
        if last and self._rest:
            lines.append(self._rest)
        records = bytearray()
        for line in lines:
            if len(line) > RECORD_LIMIT:
                raise Failure(Message("RMS", "F", "RSZ", f"invalid record size, {len(line)} bytes"))
            self.longest = max(self.longest, len(line))
            records += VariableRecord.pack_fields(len(line))
            records += line
            if len(line) % 2:
                records += b"\0"
        return bytes(records)


class RecordsToLines:
    """Makes lines of the variable-length records of a file that comes in pieces.

    control_bytes: at the beginning of each record, and no text.
    """

    def __init__(self, control_bytes: int = 0) -> None:
        self._control_bytes = control_bytes
        self._rest = b""
        self._place = 0  # of the rest in the file
        self._skip = 0  # bytes of padding that are still to come

    def feed(self, data: bytes) -> bytes:
        """Return the lines whose records are whole."""
        data = self._rest + data[self._skip :]
        self._skip = used = 0
        lines = bytearray()
        for end, line in self._records(data):
            lines += line
            used = end
        self._rest = data[used:]
        self._skip = max(0, used - len(data))
        self._place += used
        return bytes(lines)

    def _records(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """(offset behind the record, line) of each record that is whole."""
        place = 0
        while place + VariableRecord.SIZE <= len(data):
            size = VariableRecord.unpack(data, place).size
            if size == _NO_MORE:
                place += -(self._place + place) % BLOCK_BYTES or BLOCK_BYTES
                yield place, b""
                continue
            end = place + VariableRecord.SIZE + size
            if end > len(data):
                return
            line = data[place + VariableRecord.SIZE + self._control_bytes : end] + LINE_END
            place = end + size % 2
            yield place, line


def text_filter(file: File) -> Callable[[bytes], bytes]:
    """What makes bytes for a host of the pieces of a file: lines of records, anything else as it is."""
    if file.records.format in (RTYPE.VARIABLE, RTYPE.VFC) and not file.is_directory:
        return RecordsToLines(file.records.control_bytes).feed
    return bytes
