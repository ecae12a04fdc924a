"""What passes between a SCSI class driver and a port driver: one command, and what became of it."""

from enum import Enum
from typing import Protocol

UNTAGGED = 0
NO_STATUS = 0xFF


class PortStatus(Enum):
    """What became of a request, as far as the port knows."""

    ENDED = "the target gave a status"
    SELECTION_TIMEOUT = "nobody answered"
    DISCONNECTED = "the target left the bus without a word"
    BUS_RESET = "the bus was reset"
    TIMED_OUT = "it took too long and was aborted"
    DEAD = "the adapter does not work"
    REFUSED = "it is of an earlier io_epoch"


class ScsiRequest:
    """One command for a target; a class driver subclasses it and answers `complete`.

    address: physical address of a contiguous, locked buffer of byte_count bytes.  tag: the message that tags it, or
    UNTAGGED.  io_epoch: of the platform, when what it is part of was decided on; None when it may always be sent.
    Then `status` and `sense` as the target gave them; residual: bytes that did not move; overrun: the target wanted to
    move more.
    """

    __slots__ = (
        "address",
        "byte_count",
        "cdb",
        "io_epoch",
        "lun",
        "mapped",
        "overrun",
        "port_status",
        "residual",
        "sense",
        "status",
        "tag",
        "target",
        "timeout_ns",
    )

    def __init__(
        self,
        target: int,
        lun: int,
        cdb: bytes,
        timeout_ns: int,
        *,
        address: int = 0,
        byte_count: int = 0,
        tag: int = UNTAGGED,
        io_epoch: int | None = None,
    ) -> None:
        self.target = target
        self.lun = lun
        self.cdb = cdb
        self.timeout_ns = timeout_ns
        self.address = address
        self.byte_count = byte_count
        self.tag = tag
        self.io_epoch = io_epoch
        self.mapped: int | None = None
        self.port_status = PortStatus.ENDED
        self.status = NO_STATUS
        self.sense = b""
        self.residual = 0
        self.overrun = False

    def complete(self) -> None:
        """Hear that the request has ended."""
        raise AssertionError("a request is answered by its subclass")


class Client(Protocol):
    """A class driver, as its port sees it."""

    def port_ready(self) -> None: ...

    def port_lost(self) -> None:
        """Hear that the adapter is dead; requests are answered before."""
        ...
