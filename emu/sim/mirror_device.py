"""The virtual unit of a mirror set as a block device, for the controller that the guest sees.

Requests become I/O request packets for DSAn:, with their data in buffers of the Alpha's memory.
"""

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from drivers.message import Failure
from drivers.platform.host import Platform
from drivers.platform.irp import NORMAL, PENDING, Irp
from drivers.platform.pool import InsufficientMemory, Pool
from drivers.platform.process import Procedure
from drivers.shadow.messages import status_message
from drivers.shadow.write_bitmap import BLOCKS_PER_BIT
from emu.core.block import BLOCK_BYTES, BlockRequest, Function, MediumError, MediumWriteProtected
from emu.core.views import split
from emu.media.copying import copy_through_buffer, whole_blocks_bytes
from emu.wire.codes.vms import IO, SS

if TYPE_CHECKING:
    from emu.sim.mirror import MirrorSet

SIDE_BLOCKS = BLOCKS_PER_BIT
BUFFER_BYTES = 2 << 20  # for the requests of one set that are under way
PIECE_BYTES = 1 << 19  # the longest request that goes to the set in one
ERASE_PIECE_BYTES = 1 << 24

_READ = int(Function.READ)
_WRITE = int(Function.WRITE)
_ERASE = int(Function.ERASE)
_COPY = int(Function.COPY)
_FLUSH = int(Function.FLUSH)
_READ_IO = int(IO.READPBLK)
_FUNCTIONS = {_READ: _READ_IO, _WRITE: int(IO.WRITEPBLK), _ERASE: int(IO.DSE)}


class VirtualUnitDevice:
    """The virtual unit of a mirror set as a block device: the guest's block n is its LBN 127 + n.

    A request is one copy of its data into, or out of, the Alpha's memory; many may be under way.  While the
    membership changes they take longer; when no member is left they fail.
    """

    # The kernel would pass by the shadow set.
    descriptor: int | None = None
    write_protected = False

    def __init__(self, mirror: "MirrorSet") -> None:
        platform: Platform = mirror.node.platform
        self.block_count = mirror.block_count
        self._mirror = mirror
        self._platform = platform
        self._buffers = Pool(platform.pool.allocate(BUFFER_BYTES), BUFFER_BYTES)
        self._waiting: deque[_Transfer] = deque()  # for memory, or for a write to the same blocks
        self._writes: dict[_Transfer, None] = {}

    def submit(self, request: BlockRequest) -> None:
        function = request.function
        if function <= _ERASE:
            self._go_on(_Transfer(self, request))
        elif function == _COPY:
            copy_through_buffer(self, request)
        else:
            assert function == _FLUSH, "a request has one of the five functions"
            self._platform.process(f"{self._mirror.virtual_unit_name} flush", self._flush(request))

    def close(self) -> None:
        """Nothing: the set stays open until `MirrorSet.close`."""

    def _go_on(self, transfer: "_Transfer") -> None:
        if self._waiting or not self._begin(transfer):
            self._waiting.append(transfer)

    def _begin(self, transfer: "_Transfer") -> bool:
        """Start the next piece of a transfer, or end it after the last; False when it must wait."""
        # A controller whose host is gone makes what it still has here an empty READ.
        request, moved = transfer.request, transfer.moved
        rest = request.byte_count - moved
        if rest <= 0:
            request.done(None)
            return True
        vu = self._mirror.virtual_unit
        if vu is None:
            request.done(MediumError("the mirror set is not open"))
            return True
        function = request.function
        lbn = SIDE_BLOCKS + request.lbn + moved // BLOCK_BYTES
        address = 0
        if function == _ERASE:
            length = whole_blocks_bytes(min(rest, ERASE_PIECE_BYTES))
        else:
            length = whole_blocks_bytes(min(rest, PIECE_BYTES))
        if function != _READ and self._writes and self._meets_a_write(lbn, lbn + length // BLOCK_BYTES):
            return False
        if function != _ERASE:
            try:
                address = self._buffers.allocate(length)
            except InsufficientMemory:
                return False
        if function == _WRITE:
            window = self._platform.window(address, length)
            position = 0
            for view in transfer.views(length):
                window[position : position + len(view)] = view
                position += len(view)
            window[position:] = bytes(length - position)
        if function != _READ:
            self._writes[transfer] = None
        transfer.function = _FUNCTIONS[function]
        transfer.lbn = lbn
        transfer.byte_count = length
        transfer.address = address
        transfer.status = PENDING
        vu.queue_io(transfer)
        return True

    def _meets_a_write(self, lbn: int, end: int) -> bool:
        """Whether a write to any of these blocks is under way.

        A write that a member failed is done again, later.  Had another one to the same blocks gone by
        meanwhile, it would be undone.
        """
        return any(
            lbn < other.lbn + other.byte_count // BLOCK_BYTES and other.lbn < end for other in self._writes
        )

    def ended(self, transfer: "_Transfer") -> None:
        """Hear from the shadow set."""
        request = transfer.request
        if transfer.function == _READ_IO and transfer.status == NORMAL:
            window = self._platform.window(transfer.address, transfer.byte_count)
            position = 0
            for view in transfer.views(transfer.byte_count):
                view[:] = window[position : position + len(view)]
                position += len(view)
        if transfer.address:
            self._buffers.free(transfer.address)
        self._writes.pop(transfer, None)
        transfer.moved += transfer.byte_count
        if transfer.status != NORMAL:
            request.done(_medium_error(transfer.status))
        elif transfer.moved < request.byte_count:
            self._go_on(transfer)
        else:
            request.done(None)
        while self._waiting and self._begin(self._waiting[0]):
            self._waiting.popleft()

    def _flush(self, request: BlockRequest) -> Procedure:
        error: MediumError | None = None
        try:
            yield from self._mirror.flush()
        except Failure as failure:
            error = MediumError(failure.messages[0].text)
        request.done(error)


class _Transfer(Irp):
    """A request of the guest on its way through the virtual unit, piece by piece; `moved` bytes have gone."""

    __slots__ = ("device", "moved", "request")

    def __init__(self, device: VirtualUnitDevice, request: BlockRequest) -> None:
        super().__init__(_READ_IO)
        self.device = device
        self.request = request
        self.moved = 0

    def views(self, length: int) -> Sequence[memoryview]:
        """The memory of the next `length` bytes."""
        views = self.request.views
        if self.moved:
            views = split(views, self.moved)[1]
        return split(views, length)[0]

    def complete(self) -> None:
        self.device.ended(self)


def _medium_error(status: int) -> MediumError:
    kind = MediumWriteProtected if status == SS.WRITLCK else MediumError
    return kind(f"the shadow set: {status_message(status).text}")
