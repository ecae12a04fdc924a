"""Tasks and nexuses: what a transport and the logical units share.

(SAM, "I_T nexus", "task attributes"; spec "SCSI", object model, queueing.)  A transport subclasses `Task`
with its way to move data and status, gives each one to `Target.submit`, and hears of its end by exactly
one of `complete` and `aborted`.  Lengths are bytes.

A task is itself the request its unit's medium works on, so that a READ or WRITE makes one object and no
more.  What a command does is a generator: it yields a block device to have the task's request done there,
a byte count to fetch that much data-out, or a function that calls what it is given when something else has
happened; it goes on with the answer.  A READ or WRITE, which mostly has nothing in between, goes on with a plain
function instead (`bring`, `move`): that costs half.
"""

from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from emu.core.block import BlockDevice, BlockRequest, Function
from emu.core.trace import BlocksMoved
from emu.hw.scsi.sense import Refusal, Sense
from emu.wire.codes.scsi import Attribute, Status

if TYPE_CHECKING:
    from emu.hw.scsi.commands import Command
    from emu.hw.scsi.logical_unit import ItlNexus, LogicalUnit

Views = Sequence[memoryview]
Wait = Callable[[Callable[[Any], None]], None]
Steps = Generator[BlockDevice | int | Wait, Any, None]
Then = Callable[["LogicalUnit", "Task", Any], Steps | None]

_GOOD = int(Status.GOOD)
_SIMPLE = int(Attribute.SIMPLE)
_READ = int(Function.READ)


class Nexus:
    """An I_T nexus: one initiator port and one target port.

    initiator: the initiator port's name (iSCSI: name,i,0x and the ISID; parallel bus: the id).  target_port: the
    relative target port identifier, from 1.  transport_id: the initiator's TransportID as PERSISTENT RESERVE IN
    shows it.  Reservations and unit attentions belong to `name`: a nexus that comes back is the same one.
    """

    __slots__ = ("initiator", "name", "target_port", "transport_id")

    def __init__(self, initiator: str, target_port: int = 1, transport_id: bytes = bytes(24)) -> None:
        self.initiator = initiator
        self.target_port = target_port
        self.transport_id = transport_id
        self.name = f"{initiator},t,{target_port}"

    def __repr__(self) -> str:
        return f"Nexus({self.name})"


class Task(BlockRequest):
    """One command on its way.

    lun: as `emu.wire.codes.scsi.lun_number` reads it.  cdb: at least as long as the opcode wants; what is
    behind that is not looked at.  tag: tells the tasks of one nexus and unit apart; UNTAGGED ones have `UNTAGGED`.
    expected_in, expected_out: what the initiator expects to move, None where a transport does not tell.
    """

    __slots__ = (
        "_answer",
        "_answered",
        "_running",
        "_steps",
        "_then",
        "attribute",
        "cdb",
        "command",
        "ended",
        "expected_in",
        "expected_out",
        "itl",
        "lun",
        "nexus",
        "started",
        "tag",
        "unit",
    )

    autosense: ClassVar[bool] = True  # the transport carries sense with the status
    UNTAGGED: ClassVar[int] = -1

    unit: "LogicalUnit"
    itl: "ItlNexus"
    command: "Command | None"

    def __init__(
        self,
        nexus: Nexus,
        lun: int,
        cdb: bytes,
        attribute: int = _SIMPLE,
        tag: int = 0,
        expected_in: int | None = None,
        expected_out: int | None = None,
    ) -> None:
        self.nexus = nexus
        self.lun = lun
        self.cdb = cdb
        self.attribute = attribute
        self.tag = tag
        self.expected_in = expected_in
        self.expected_out = expected_out
        self.command = None
        self.started = False
        self.ended = False
        self._steps: Steps | None = None
        self._then: Then | None = None
        self._running = False

    # ---- what a transport brings

    def fetch(self, length: int, done: Callable[[Views], None]) -> None:
        """Bring `length` bytes of data-out, or all there are if the initiator expects to send less.

        Calls `done` once with memory that stays as it is until the task ends; inline if the data is there.  A task
        fetches at most once.
        """
        raise AssertionError("a transport moves data")

    def room(self, length: int) -> Views:
        """Give memory for `length` bytes of data-in, writable, to be filled at any time until `send`."""
        raise AssertionError("a transport moves data")

    def send(self, length: int) -> None:
        """Move the first `length` bytes of the room to the initiator, at most what it expects; once."""
        raise AssertionError("a transport moves data")

    def complete(self, status: int, sense: bytes) -> None:
        """Send the status behind all data; `sense` is empty unless the transport has autosense."""
        raise AssertionError("a transport moves status")

    def hold(self, sense: Sense) -> None:
        """Keep sense until the initiator asks: where the transport has no autosense."""
        self.itl.sense = sense

    def aborted(self) -> None:
        """Hear that the task ended without a status: the initiator, or another one, wanted it so."""
        raise AssertionError("a transport hears of aborted tasks")

    # ---- what commands use

    def reply(self, data: bytes, allocation: int) -> None:
        """Send as much of `data` as the initiator allocated memory for."""
        length = min(len(data), allocation)
        position = 0
        for view in self.room(length):
            view[:] = data[position : position + len(view)]
            position += len(view)
        self.send(length)

    def bring(self, length: int, then: Then) -> None:
        """Fetch data-out, and go on with `then`, which gets it."""
        self._then = then
        self.fetch(length, self.done)

    def move(self, device: BlockDevice, then: Then) -> None:
        """Have a device do the task's request, and go on with `then`, which gets the error or None."""
        self._then = then
        if BlocksMoved in self.unit.tracer.heard:
            self.unit.trace_blocks(self)
        device.submit(self)

    # ---- being driven

    def run(self) -> None:
        """Do the command."""
        self.started = True
        try:
            self._follow(self.unit.execute(self))
        except Refusal as refusal:
            self.unit.refuse(self, refusal)

    def _follow(self, steps: Steps | None) -> None:
        """Take the steps that are left of a command; without any it is done, unless something is on its way."""
        if steps is not None:
            self._steps = steps
            self._answer = None
            self._answered = True
            self._go_on()
        elif self._then is None and self._steps is None and not self.ended:
            self.unit.finish(self, _GOOD, b"")

    def done(self, answer: Any) -> None:
        """Hear from a medium, or whatever else the steps wait for."""
        if self.ended:
            return
        then = self._then
        if then is not None:
            self._then = None
            try:
                self._follow(then(self.unit, self, answer))
            except Refusal as refusal:
                self.unit.refuse(self, refusal)
            return
        assert not self._answered, "a step was answered twice"
        self._answer = answer
        self._answered = True
        if not self._running:
            self._go_on()

    def _go_on(self) -> None:
        """Drive the steps as long as they are answered at once; `done` comes back here when they are not."""
        steps = self._steps
        assert steps is not None, "a task goes on with its steps"
        self._running = True
        try:
            while self._answered:
                self._answered = False
                wanted = steps.send(self._answer)
                if isinstance(wanted, int):
                    self.fetch(wanted, self.done)
                elif callable(wanted):
                    wanted(self.done)
                else:
                    if BlocksMoved in self.unit.tracer.heard:
                        self.unit.trace_blocks(self)
                    wanted.submit(self)
                if self.ended:  # a transport that is lost while it moves data aborts its tasks
                    return
        except StopIteration:
            if not self.ended:
                self.unit.finish(self, _GOOD, b"")
        except Refusal as refusal:
            if not self.ended:
                self.unit.refuse(self, refusal)
        else:
            self._running = False

    def revoke(self) -> None:
        """Take the memory away from a request the medium still has: whatever it does, nothing moves."""
        self.ended = True
        self.function = _READ
        self.lbn = 0
        self.byte_count = 0
        self.views = ()
        steps = self._steps
        if steps is not None:
            self._steps = None
            if not self._running:  # a generator cannot be closed from inside
                steps.close()
