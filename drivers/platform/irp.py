"""The I/O request packet.

One disk request on its way down: the function, the extent, the buffer's physical address; and on its
way up: status and the bytes transferred.  Whoever makes one subclasses it and answers `complete`.
"""

from typing import Any

from emu.wire.codes.vms import SS

PENDING = 0
NORMAL = int(SS.NORMAL)
AT_ONCE = -1  # the io_epoch of a request that is queued as soon as it is decided on


class Irp:
    """One request.

    function: IO.*.  unit: the disk it was queued to.  address: physical address of a buffer that is
    contiguous and locked.
    status: PENDING, then SS.*.  mapped: what the platform mapped the buffer to, while it is.
    source, source_lbn: for IO.DISK_COPY_DATA, the unit that is read.  io_epoch: of the platform,
    when it was decided on; a request of an earlier one fails with SS.DEVOFFLINE.
    """

    __slots__ = (
        "address",
        "byte_count",
        "function",
        "io_epoch",
        "lbn",
        "mapped",
        "retries",
        "source",
        "source_lbn",
        "status",
        "transferred",
        "unit",
    )

    def __init__(self, function: int, lbn: int = 0, byte_count: int = 0, address: int = 0) -> None:
        self.function = function
        self.unit: Any = None
        self.lbn = lbn
        self.byte_count = byte_count
        self.address = address
        self.status = PENDING
        self.io_epoch = AT_ONCE
        self.transferred = 0
        self.retries = 0
        self.mapped: int | None = None
        self.source: object = None
        self.source_lbn = 0

    def complete(self) -> None:
        """Hear that `status` and `transferred` are final."""
        raise AssertionError("a request is answered by its subclass")
