"""A medium in memory: empty at first, gone with the process."""

from emu.core.block import BLOCK_BYTES, BlockRequest, Function, MediumWriteProtected
from emu.media.copying import copy_through_buffer, whole_blocks_bytes

_READ = int(Function.READ)
_WRITE = int(Function.WRITE)
_ERASE = int(Function.ERASE)
_COPY = int(Function.COPY)
_FLUSH = int(Function.FLUSH)


class MemoryDevice:
    """Blocks of zeros until they are written, or of what is there already.

    content: the bytes, for whoever stands beside the device.
    """

    descriptor: int | None = None

    def __init__(self, block_count: int, *, write_protected: bool = False, content: bytes = b"") -> None:
        assert not content or len(content) == block_count * BLOCK_BYTES, "contents are whole"
        self.block_count = block_count
        self.write_protected = write_protected
        self.content = bytearray(content or block_count * BLOCK_BYTES)
        self._view = memoryview(self.content)

    def submit(self, request: BlockRequest) -> None:
        function = request.function
        if function == _FLUSH:
            request.done(None)
            return
        if self.write_protected and function != _READ:
            request.done(MediumWriteProtected("the medium is write-protected"))
            return
        if function == _COPY:
            copy_through_buffer(self, request)
            return
        content = self._view
        position = request.lbn * BLOCK_BYTES
        assert position + request.byte_count <= len(content), "an extent lies on the device"
        if function == _READ:
            for view in request.views:
                end = position + len(view)
                view[:] = content[position:end]
                position = end
        elif function == _WRITE:
            for view in request.views:
                end = position + len(view)
                content[position:end] = view
                position = end
            if position % BLOCK_BYTES:
                content[position : whole_blocks_bytes(position)] = bytes(-position % BLOCK_BYTES)
        else:
            assert function == _ERASE, "a request has one of the five functions"
            length = whole_blocks_bytes(request.byte_count)
            content[position : position + length] = bytes(length)
        request.done(None)

    def close(self) -> None:
        """Nothing is held open; what was written stays until the device is forgotten."""
