"""Bad block replacement: the replacement control table, the replacement blocks, and REPLACE.

(spec "MSCP", forced error, RCT and bad block replacement.)  Behind the host's blocks lie the copies of the
table, and out of any command's reach the replacement blocks (RBNs).  Blocks are of 512 bytes.
"""

# DEVIATION: all of this is kept in memory beside the medium, and is gone when the medium leaves the unit.
# DEVIATION: no controller replaces blocks by itself, whatever its flag says, and so none logs that it did;
# hosts that replace log it themselves.  There are no headers, so a primary RBN is like any other.

from bisect import bisect_left, insort
from collections.abc import Generator, Iterable

from emu.core.block import BLOCK_BYTES, BlockDevice, BlockRequest, CopySourceError, Function, MediumError
from emu.core.views import pieces
from emu.hw.firmware import DriveType
from emu.hw.mscp.outstanding import Outstanding, Reject
from emu.wire.codes.mscp import END, RCT, RCT_ENTRY, SB, UF, invalid_command
from emu.wire.generated.mscp import EndHeader, ReplaceCommand, ReplacementControl

DESCRIPTORS = BLOCK_BYTES // 4  # of a table block
TABLE_HEAD_BLOCKS = 2  # state and saved data, before the descriptors

_READ = int(Function.READ)
_WRITE = int(Function.WRITE)
_COPY = int(Function.COPY)
_FLUSH = int(Function.FLUSH)
_BLOCK_SHIFT = BLOCK_BYTES.bit_length() - 1
_NULL = RCT_ENTRY.NULL << 28
_FIELDS = {name: place for name, (place, _) in ReplaceCommand.LAYOUT.items()}


class ReplacementArea:
    """What a drive has behind the host's blocks.

    volume_serial: as the table's first block tells it.  A fresh table has every replacement block free.
    replaced_lbns: the blocks that replacement blocks stand for, in order.
    """

    def __init__(self, drive: DriveType, volume_serial: int) -> None:
        self._drive = drive
        self._volume_serial = volume_serial
        self._written: dict[int, bytes] = {}
        self._replaced: dict[int, memoryview] = {}
        self.replaced_lbns: list[int] = []

    def read_table(self, index: int) -> bytes:
        """Read a block of the table; blocks count through all copies."""
        written = self._written.get(index)
        return self._fresh(index % self._drive.rct_size) if written is None else written

    def write_table(self, index: int, data: bytes) -> None:
        assert len(data) == BLOCK_BYTES, "the table is written in whole blocks"
        self._written[index] = data

    def _fresh(self, place: int) -> bytes:
        if place == 0:
            return ReplacementControl(vser=self._volume_serial).pack()
        block = memoryview(bytearray(BLOCK_BYTES))
        if place >= TABLE_HEAD_BLOCKS:
            descriptors = block.cast("I")
            used = self._drive.rbns - (place - TABLE_HEAD_BLOCKS) * DESCRIPTORS
            for index in range(max(used, 0), DESCRIPTORS):
                descriptors[index] = _NULL
        return bytes(block)

    @property
    def incomplete(self) -> bool:
        """Whether the table tells of a replacement that was begun and not finished."""
        if not self._drive.rct_copies * self._drive.rct_size:
            return False
        return bool(ReplacementControl.unpack(self.read_table(0)).flags & (RCT.P1 | RCT.P2))

    def revector(self, lbn: int) -> None:
        """Have a block replaced by a fresh one."""
        if lbn not in self._replaced:
            insort(self.replaced_lbns, lbn)
        self._replaced[lbn] = memoryview(bytearray(BLOCK_BYTES))

    def over(self, medium: BlockDevice) -> BlockDevice:
        """Return the medium as its drive shows it: with replacement blocks where blocks were replaced."""
        return RevectoredDevice(medium, self) if self._replaced else medium

    def next_replaced(self, lbn: int, end: int) -> int:
        """Find the first replaced block of an extent, or its end."""
        index = bisect_left(self.replaced_lbns, lbn)
        return min(self.replaced_lbns[index], end) if index < len(self.replaced_lbns) else end

    def block(self, lbn: int) -> memoryview | None:
        """Return the replacement block that stands for a block, if it was replaced."""
        return self._replaced.get(lbn)


class RevectoredDevice:
    """A medium some blocks of which are elsewhere."""

    # The kernel would find the bad blocks.
    descriptor: int | None = None

    def __init__(self, medium: BlockDevice, area: ReplacementArea) -> None:
        self.medium = medium
        self.area = area

    @property
    def block_count(self) -> int:
        return self.medium.block_count

    @property
    def write_protected(self) -> bool:
        return self.medium.write_protected

    def submit(self, request: BlockRequest) -> None:
        end = request.lbn + -(-request.byte_count // BLOCK_BYTES)
        if request.function == _FLUSH or self.area.next_replaced(request.lbn, end) == end:
            self.medium.submit(request)
        else:
            _Piecewise(request, self).step()

    def close(self) -> None:
        self.medium.close()


class _Piecewise(BlockRequest):
    """A request done in pieces: those on the medium there, replaced blocks here."""

    __slots__ = ("_answer", "_answered", "_request", "_stepping", "_steps")

    def __init__(self, request: BlockRequest, device: RevectoredDevice) -> None:
        self._request = request
        self._steps = self._pieces(device)
        self._answer: MediumError | None = None
        self._answered = True
        self._stepping = False

    def done(self, error: MediumError | None) -> None:
        self._answer = error
        self._answered = True
        if not self._stepping:
            self.step()

    def step(self) -> None:
        """Go on as long as answers come at once."""
        self._stepping = True
        while self._answered:
            self._answered = False
            try:
                device = self._steps.send(self._answer)
            except StopIteration as end:
                self._request.done(end.value)
                break
            device.submit(self)
        self._stepping = False

    def _pieces(
        self, device: RevectoredDevice
    ) -> Generator[BlockDevice, MediumError | None, MediumError | None]:
        request, area = self._request, device.area
        function, first, total, views = request.function, request.lbn, request.byte_count, request.views
        end = first + -(-total // BLOCK_BYTES)
        source = request.source if function == _COPY else None
        moved = 0
        while moved < total:
            done = moved >> _BLOCK_SHIFT
            lbn = first + done
            block = area.block(lbn)
            if block is None:
                size = min(area.next_replaced(lbn, end) - lbn << _BLOCK_SHIFT, total - moved)
                self.function, self.lbn, self.byte_count = function, lbn, size
                self.views = [*pieces(views, moved, size)] if function in (_READ, _WRITE) else ()
                if source is not None:
                    self.source, self.source_lbn = source, request.source_lbn + done
                error = yield device.medium
                if error is not None:
                    return error
            else:
                size = min(BLOCK_BYTES, total - moved)
                if source is not None:
                    self.function, self.lbn, self.byte_count = _READ, request.source_lbn + done, BLOCK_BYTES
                    self.views = (block,)
                    error = yield source
                    if error is not None:
                        return CopySourceError(str(error), self.lbn)
                else:
                    _move_block(function, block, pieces(views, moved, size) if views else ())
            moved += size
        return None


def _move_block(function: int, block: memoryview, views: Iterable[memoryview]) -> None:
    """Read or write a replaced block; without views it is erased."""
    place = 0
    for view in views:
        if function == _READ:
            view[:] = block[place : place + len(view)]
        else:
            block[place : place + len(view)] = view
        place += len(view)
    if function != _READ:
        block[place:] = bytes(BLOCK_BYTES - place)


class Replace(Outstanding):
    """REPLACE: from now on a replacement block stands for a bad one; what it holds is written later."""

    __slots__ = ()

    sequential = True
    command: ReplaceCommand

    def start(self) -> None:
        server, unit, command = self.server, self.unit, self.command
        if unit.number not in server.online:
            raise Reject(unit.status_for(server))
        assert unit.drive is not None, "an online unit has a drive"
        assert unit.replacement is not None, "a drive has a replacement area"
        if command.rbn >= unit.drive.rbns:
            raise Reject(invalid_command(_FIELDS["rbn"]))
        if command.lbn >= unit.block_count:
            raise Reject(invalid_command(_FIELDS["lbn"]))
        if server.unit_flags.get(unit.number, 0) & UF.WPS:
            raise Reject(SB.WPR_SOFTWARE)
        if unit.write_protected:
            raise Reject(SB.WPR_HARDWARE)
        unit.replacement.revector(command.lbn)
        self.refuse(SB.SUC)

    def refuse(self, status: int) -> None:
        command = self.command
        self.end(EndHeader(crf=command.crf, unit=command.unit, opcd=command.opcd | END, sts=status).pack())
