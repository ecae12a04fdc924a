"""Bad block replacement: the replacement control table, the replacement blocks, and REPLACE.

(spec "MSCP", forced error, RCT and bad block replacement.)  Behind the host's blocks lie the copies of the
table, and out of any command's reach the replacement blocks (RBNs).  Blocks are of 512 bytes.
"""

# DEVIATION: there are no headers, so a primary RBN is found as any other.

from bisect import bisect_left, insort
from collections.abc import Generator, Iterator

from emu.core.block import BLOCK_BYTES, BlockDevice, BlockRequest, CopySourceError, Function, MediumError
from emu.core.views import pieces
from emu.hw.firmware import DriveType
from emu.hw.mscp.outstanding import Outstanding, Reject
from emu.hw.mscp.own_blocks import DESCRIPTORS, TABLE_HEAD_BLOCKS, OwnBlocks
from emu.wire.codes.mscp import END, RCT, RCT_ENTRY, SB, UF, invalid_command
from emu.wire.generated.mscp import EndHeader, ReplaceCommand, ReplacementControl

_READ = int(Function.READ)
_WRITE = int(Function.WRITE)
_COPY = int(Function.COPY)
_FLUSH = int(Function.FLUSH)
_BLOCK_SHIFT = BLOCK_BYTES.bit_length() - 1
_CODE_SHIFT = 28
_FIELDS = {name: place for name, (place, _) in ReplaceCommand.LAYOUT.items()}


class ReplacementArea:
    """What a drive has behind the host's blocks, and what that means.

    replaced_lbns: the blocks that replacement blocks stand for, in order.
    """

    def __init__(self, drive: DriveType, own: OwnBlocks) -> None:
        self._drive = drive
        self.own = own
        self._replaced = dict(own.revectors())
        self.replaced_lbns = sorted(self._replaced)

    @property
    def incomplete(self) -> bool:
        """Whether the table tells of a replacement that was begun and not finished."""
        if not self._drive.rct_copies * self._drive.rct_size:
            return False
        return bool(ReplacementControl.unpack(self.own.read_table(0)).flags & (RCT.P1 | RCT.P2))

    def rbn_of(self, lbn: int) -> int | None:
        """Return the replacement block that stands for a block, if it was replaced."""
        return self._replaced.get(lbn)

    def serves_another(self, rbn: int, lbn: int) -> bool:
        """Whether a replacement block stands for another block already."""
        return any(other != lbn and used == rbn for other, used in self._replaced.items())

    def revector(self, lbn: int, rbn: int) -> None:
        """Have a block replaced by a blank one; raises MediumError."""
        self.own.clear_replacement(rbn)
        self.own.save_revectors([*{**self._replaced, lbn: rbn}.items()])
        if lbn not in self._replaced:
            insort(self.replaced_lbns, lbn)
        self._replaced[lbn] = rbn

    def over(self, medium: BlockDevice) -> BlockDevice:
        """Return the medium as its drive shows it: with replacement blocks where blocks were replaced."""
        return RevectoredDevice(medium, self) if self._replaced else medium

    def next_replaced(self, lbn: int, end: int) -> int:
        """Find the first replaced block of an extent, or its end."""
        index = bisect_left(self.replaced_lbns, lbn)
        return min(self.replaced_lbns[index], end) if index < len(self.replaced_lbns) else end

    # ---- the table, as a controller that replaces blocks uses it

    def primary_rbn(self, lbn: int) -> int:
        """Return the replacement block to try first: that of the track where each has its own (SDI), else as RQDX3."""
        drive = self._drive
        if drive.rbns == -(-drive.block_count // drive.track) * drive.rbns_per_track:
            return lbn // drive.track * drive.rbns_per_track
        return lbn * drive.rbns // drive.block_count

    def free_rbn(self, lbn: int) -> int | None:
        """Find a replacement block: the primary, then around it in its table block, then any further on."""
        primary = self.primary_rbn(lbn)
        return next((rbn for rbn in self._candidates(primary) if not self._descriptor(rbn)), None)

    def _candidates(self, primary: int) -> Iterator[int]:
        rbns = self._drive.rbns
        first = primary - primary % DESCRIPTORS
        last = min(first + DESCRIPTORS, rbns)
        if not first <= primary < last:
            return
        yield primary
        for distance in range(1, DESCRIPTORS):
            for rbn in (primary + distance, primary - distance):
                if first <= rbn < last:
                    yield rbn
        yield from range(last, rbns)
        yield from range(first)

    def _descriptor(self, rbn: int) -> int:
        place, index = divmod(rbn, DESCRIPTORS)
        block = self.own.read_table(TABLE_HEAD_BLOCKS + place)
        return memoryview(block).cast("I")[index]

    def allocate(self, lbn: int, rbn: int) -> None:
        """Enter in all copies of the table that one block stands for another; raises MediumError."""
        old = self._replaced.get(lbn)
        code = RCT_ENTRY.PRIMARY if rbn == self.primary_rbn(lbn) else RCT_ENTRY.NON_PRIMARY
        if old is not None:
            self._write_descriptor(old, RCT_ENTRY.UNUSABLE << _CODE_SHIFT | lbn)
        self._write_descriptor(rbn, code << _CODE_SHIFT | lbn)
        control = ReplacementControl.unpack(self.own.read_table(0))
        control.lbn, control.new_rbn, control.bad_rbn = lbn, rbn, old or 0
        self._write_all_copies(0, control.pack())

    def _write_descriptor(self, rbn: int, value: int) -> None:
        place, index = divmod(rbn, DESCRIPTORS)
        block = bytearray(self.own.read_table(TABLE_HEAD_BLOCKS + place))
        memoryview(block).cast("I")[index] = value
        self._write_all_copies(TABLE_HEAD_BLOCKS + place, bytes(block))

    def _write_all_copies(self, place: int, data: bytes) -> None:
        for copy in range(self._drive.rct_copies):
            self.own.write_table(copy * self._drive.rct_size + place, data)


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
            rbn = area.rbn_of(lbn)
            if rbn is None:
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
                self.function, self.byte_count = function, size
                self.views = [*pieces(views, moved, size)] if function in (_READ, _WRITE) else ()
                if source is not None:
                    block = memoryview(bytearray(BLOCK_BYTES))
                    self.function, self.lbn, self.byte_count = _READ, request.source_lbn + done, BLOCK_BYTES
                    self.views = (block,)
                    error = yield source
                    if error is not None:
                        return CopySourceError(str(error), self.lbn)
                    self.function = _WRITE
                self.lbn = area.own.replacement_block(rbn)
                error = yield area.own.store
                if error is not None:
                    return MediumError(str(error), lbn)
            moved += size
        return None


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
        if unit.replacement.serves_another(command.rbn, command.lbn):
            raise Reject(invalid_command(_FIELDS["rbn"]))  # UNCERTAIN: no host does that
        if server.unit_flags.get(unit.number, 0) & UF.WPS:
            raise Reject(SB.WPR_SOFTWARE)
        if unit.write_protected:
            raise Reject(SB.WPR_HARDWARE)
        try:
            unit.replacement.revector(command.lbn, command.rbn)
        except MediumError as error:
            raise Reject(SB.DRV) from error
        self.refuse(SB.SUC)

    def refuse(self, status: int) -> None:
        command = self.command
        self.end(EndHeader(crf=command.crf, unit=command.unit, opcd=command.opcd | END, sts=status).pack())
