"""One connection of a host: messages into register accesses, and what the port does into messages.

Rules: docs/buslink.md.  States:

    GREETING ──HELLO──▶ TALKING ──GOODBYE, bad message, end of the stream──▶ ENDED
        └────────────anything else──────────────────────────────────────────▶ ENDED

While TALKING: whatever the port does inside `receive`, or when the clock calls it, becomes messages in the order in
which it does it; `outgoing` gives them away.  Consecutive writes share a message.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Protocol

from emu.core.bus import Bytes, Run
from emu.front.buslink.memory import Fetched, LinkMemory, Stored, fault_at
from emu.front.buslink.messages import LinkError, MessageReader, extents_of, list_of
from emu.wire.codes.buslink import MAGIC, VERSION, Access, Bus, Flag, Kind, Mode, WatchKind
from emu.wire.codes.uqssp import DESCRIPTOR_BYTES, FATAL, IP, SA
from emu.wire.generated.buslink import Extent, Hello, LinkHeader, Watch

LARGE_BYTES = 4096  # from here on bytes are handed on as they are, not copied together

_WORD_BYTES = 2
_NUMBER_MASK = 0xFFFF_FFFF
_HEADER = LinkHeader.pack_fields
_EXTENT_BYTES = Extent.SIZE

_WAIT = int(Flag.WAIT)
_FAULT = int(Flag.NONEXISTENT | Flag.PARITY)
_DMA_WRITE = int(Kind.DMA_WRITE)
_ANNOUNCE = int(Kind.ANNOUNCE)
_IP_ACCESS = int(Access.TELL_READ | Access.RESETS)
_WAIT_WRITE = int(Access.WAIT_WRITE)


class RingPlace(Protocol):
    """Where a ring is: bus address of its first descriptor, number of descriptors."""

    @property
    def base(self) -> int: ...

    @property
    def length(self) -> int: ...


class Board(Protocol):
    """What stands on the bus: a UQSSP port."""

    @property
    def sa(self) -> int: ...

    @property
    def running(self) -> bool: ...

    @property
    def rings(self) -> tuple[RingPlace, RingPlace] | None: ...

    def read_register(self, offset: int, width: int) -> int: ...

    def write_register(self, offset: int, value: int, width: int) -> None: ...

    def initialise(self) -> None: ...

    def fail(self, code: FATAL) -> None: ...

    def on_state(self, heard: Callable[[], None]) -> None: ...


class LinkTime(Protocol):
    """The time a host in FROZEN mode makes."""

    def advance(self, instructions: int) -> None:
        """Let time go on to the host's, given modulo 2^32."""
        ...

    def next_event(self) -> int:
        """Instructions from now to the next event; 0 when there is none."""
        ...

    def settle(self) -> None:
        """Do everything that needs no time."""
        ...


class Phase(Enum):
    """Where a session is; the drawing is in the module's docstring."""

    GREETING = "greeting"
    TALKING = "talking"
    ENDED = "ended"


class Session:
    """The conversation with one host, as a ByteMachine.

    name: what the controller calls itself.  greet: sees the host's HELLO and returns why it is refused, or None.
    gone: called once, when the conversation of a host that was not refused has ended.  wake: called when there is
    something to send though nothing came in.
    """

    def __init__(
        self,
        name: str,
        board: Board,
        memory: LinkMemory,
        time: LinkTime,
        greet: Callable[["Session", Hello], str | None],
        gone: Callable[["Session"], None],
    ) -> None:
        self.name = name
        self.phase = Phase.GREETING
        self.host = ""
        self.mode = Mode.POSTED
        self.statistics = Statistics()
        self.wake: Callable[[], None] = _nobody
        self._board = board
        self._memory = memory
        self._time = time
        self._greet = greet
        self._gone = gone
        self._reader = MessageReader()
        self._out: list[Bytes] = []
        self._tail = bytearray()  # what comes behind `_out`
        self._sent = 0  # messages
        self._applied = 0
        self._epoch = 0
        self._busy = False  # inside receive or outgoing: whoever called looks for output by himself
        self._writes: list[Bytes] = []
        self._writes_bytes = 0
        self._announcement: tuple[int, bytes] | None = None
        self._requested = False
        self._shown: tuple[int, int] | None = None
        self._watching = False
        self._called = 0
        self._owed = 0  # number of the message that waits for its ANSWER
        self._tags = 0
        self._fetches: dict[int, tuple[Sequence[Run], Fetched]] = {}
        self._stores: dict[int, Stored] = {}
        self._actions: Mapping[int, Callable[[LinkHeader, memoryview], None]] = {
            Kind.HELLO: self._take_hello,
            Kind.GOODBYE: self._take_goodbye,
            Kind.WRITE: self._take_write,
            Kind.READ: self._take_read,
            Kind.RESET: self._take_reset,
            Kind.TICK: self._take_tick,
            Kind.DMA_DATA: self._take_data,
            Kind.DMA_DONE: self._take_done,
            Kind.GRANTED: self._take_granted,
        }

    # ---- ByteMachine

    @property
    def ended(self) -> bool:
        return self.phase is Phase.ENDED

    def receive(self, data: bytes) -> None:
        if self.phase is Phase.ENDED:
            return
        self._busy = True
        self.statistics.bytes_received += len(data)
        try:
            for header, body in self._reader.receive(data):
                self._take(header, body)
                if self.ended:
                    return
        except LinkError as error:
            self._leave(str(error))
        finally:
            self._busy = False

    def outgoing(self) -> Sequence[Bytes]:
        self._flush()
        out = self._out
        if self._tail:
            out.append(self._tail)
            self._tail = bytearray()
        self._out = []
        return out

    def lost(self) -> None:
        self._end()

    def dismiss(self, reason: str) -> None:
        """Say goodbye to the host."""
        if self.phase is not Phase.ENDED:
            self._leave(reason)
            self.wake()

    # ---- messages in

    def _take(self, header: LinkHeader, body: memoryview) -> None:
        kind = header.kind
        action = self._actions.get(kind)
        if action is None:
            raise LinkError(f"a host does not send messages of kind {kind}")
        if (self.phase is Phase.GREETING) != (kind == Kind.HELLO):
            raise LinkError("a conversation begins with HELLO, and has one")
        self._applied += 1
        if self.mode is Mode.FROZEN:
            self._time.advance(header.time)
        action(header, body)
        if header.flags & _WAIT:
            self._owed = self._applied
        if self._owed and not self.ended:
            self._answer()

    def _answer(self) -> None:
        """Let the host go on; a frozen one only when the data that was asked for has come and gone."""
        self._time.settle()
        if self.mode is Mode.FROZEN and (self._fetches or self._stores):
            return
        self._call()
        owed, self._owed = self._owed, 0
        self._emit(Kind.ANSWER, value=owed)

    def _take_hello(self, header: LinkHeader, body: memoryview) -> None:
        if len(body) != Hello.SIZE:
            raise LinkError(f"HELLO has {Hello.SIZE} bytes of data, not {len(body)}")
        hello = Hello.unpack(body)
        if hello.magic != MAGIC:
            raise LinkError("this is no bus link: HELLO begins otherwise")
        if hello.version != VERSION:
            raise LinkError(f"version {VERSION} is spoken here, not {hello.version}")
        if hello.bus not in (Bus.UNIBUS, Bus.QBUS, Bus.XMI) or hello.mode not in (Mode.POSTED, Mode.FROZEN):
            raise LinkError(f"bus {hello.bus} in mode {hello.mode} is not known here")
        self.host = hello.name.rstrip(b"\0").decode("ascii", "replace")
        refusal = self._greet(self, hello)
        if refusal is not None:
            raise LinkError(refusal)
        self.phase = Phase.TALKING
        self.mode = Mode(hello.mode)
        self._epoch = header.epoch
        self._memory.memory_bytes = hello.memory_bytes
        self._memory.connect(self)
        answer = Hello(
            magic=MAGIC, version=VERSION, bus=hello.bus, mode=hello.mode, name=self.name.encode()[:32]
        )
        self._emit(Kind.HELLO, data=answer.pack())
        self._emit(Kind.SHADOW, flags=_IP_ACCESS, address=IP)
        self._board.on_state(self._show)
        self._board.initialise()

    def _take_goodbye(self, header: LinkHeader, body: memoryview) -> None:
        self._end()

    def _take_write(self, header: LinkHeader, body: memoryview) -> None:
        self._follow(header.epoch)
        self._board.write_register(header.address, header.value & 0xFFFF, _WORD_BYTES)

    def _take_read(self, header: LinkHeader, body: memoryview) -> None:
        self.statistics.polls += 1
        self._memory.adopt(list(extents_of(body)), header.count)
        self._board.read_register(header.address, _WORD_BYTES)

    def _take_reset(self, header: LinkHeader, body: memoryview) -> None:
        self._follow(header.epoch)
        self._memory.memory_bytes = header.value
        self._board.initialise()

    def _take_tick(self, header: LinkHeader, body: memoryview) -> None:
        self._called = 0

    def _take_data(self, header: LinkHeader, body: memoryview) -> None:
        runs, done = self._fetches.pop(header.value, (None, None))
        if runs is None or done is None:
            return  # asked for before a reset
        wanted = sum(length for _, length in runs)
        fault = fault_at(header.address, header.flags) if header.flags & _FAULT else None
        if len(body) > wanted or (fault is None and len(body) < wanted):
            raise LinkError(f"{wanted} bytes of memory were asked for, {len(body)} came")
        views: list[memoryview] = []
        for _, length in runs:
            if not body:
                break
            views.append(body[:length])
            body = body[length:]
        done(views, fault)

    def _take_done(self, header: LinkHeader, body: memoryview) -> None:
        fault = fault_at(header.address, header.flags) if header.flags & _FAULT else None
        done = self._stores.pop(header.value, None)
        if done is not None:
            done(fault)
        elif fault is not None and header.epoch == self._epoch:
            inside = self._memory.covers(header.address) or not self._watching
            self._board.fail(FATAL.RING_WRITE if inside else FATAL.ENVELOPE_WRITE)

    def _take_granted(self, header: LinkHeader, body: memoryview) -> None:
        self._requested = False

    def _follow(self, epoch: int) -> None:
        """Go on to the epoch the host has begun, if it has; what was under way before is forgotten there."""
        if epoch == self._epoch:
            return
        self._flush()
        self._epoch = epoch
        self._requested = False
        self._watching = False
        self._called = 0
        self._shown = None
        self._fetches.clear()
        self._stores.clear()
        self._memory.forget()

    # ---- the end

    def _leave(self, reason: str) -> None:
        self._emit(Kind.GOODBYE, data=reason.encode("ascii", "replace"))
        self._end()

    def _end(self) -> None:
        before, self.phase = self.phase, Phase.ENDED
        if before is Phase.TALKING:
            self._flush()
            self._board.on_state(_nobody)
            self._memory.connect(None)
            self._fetches.clear()
            self._stores.clear()
            self._board.initialise()
            self._gone(self)

    # ---- what the port does: Sender

    @property
    def number(self) -> int:
        """The number of the message that is being made, or comes next."""
        return self._sent + 1

    def write(self, head: bytes, data: Bytes) -> None:
        """Have memory written: an extent and its bytes, which are given away."""
        if self._announcement is not None:
            self._flush_announcement(0)
        self._writes += (head, data)
        self._writes_bytes += _EXTENT_BYTES + len(data)
        self._stir()

    def announce(self, test: int, extents: bytes) -> None:
        """Have memory written if a longword has bit 31; an interrupt requested next belongs to it."""
        self._flush()
        self._announcement = test, extents
        self._stir()

    def fetch(self, runs: Sequence[Run], done: Fetched) -> None:
        tag = self._next_tag()
        self._fetches[tag] = runs, done
        self.statistics.fetches += 1
        self._emit(Kind.DMA_READ, value=tag, data=list_of(runs))

    def confirm(self, runs: Sequence[Run], views: Sequence[memoryview], done: Stored) -> None:
        """Have memory written, and hear whether it was."""
        tag = self._next_tag()
        self._stores[tag] = done
        self.statistics.confirmations += 1
        self._flush()
        for (address, length), view in zip(runs, views, strict=True):
            self._writes += (Extent.pack_fields(address, length), view)
            self._writes_bytes += _EXTENT_BYTES + length
        self._flush_writes(_WAIT, tag)
        self._stir()

    def _next_tag(self) -> int:
        self._tags = self._tags % _NUMBER_MASK + 1
        return self._tags

    # ---- what the port does: InterruptLine

    def request(self, vector: int) -> None:
        self._requested = True
        if self._announcement is not None:
            self._flush_announcement(vector)
            self._stir()
        else:
            self._emit(Kind.INTERRUPT, value=vector)

    def withdraw(self) -> None:
        if self._requested:
            self._requested = False
            self._emit(Kind.WITHDRAW)

    # ---- what the port does: its state

    def _show(self) -> None:
        """Tell the host what SA shows now; in an init sequence its writes wait, while running they do not."""
        board = self._board
        shown = board.sa, 0 if board.running else _WAIT_WRITE
        if shown != self._shown:
            self._shown = shown
            self._emit(Kind.SHADOW, flags=shown[1], address=SA, value=shown[0])
        rings = board.rings
        if rings is not None and not self._watching:
            self._watching = True
            responses, commands = ((ring.base, DESCRIPTOR_BYTES * ring.length) for ring in rings)
            self._memory.watch(responses, commands)
            watches = [
                (WatchKind.BYTES, responses),
                (WatchKind.BYTES, commands),
                (WatchKind.PACKETS, commands),
            ]
            data = b"".join(Watch.pack_fields(kind, *run) for kind, run in watches)
            self._emit(Kind.WATCH, data=data)

    def _call(self) -> None:
        """Ask a frozen host for the instant of the next event."""
        if self.mode is not Mode.FROZEN:
            return
        instructions = self._time.next_event()
        if instructions or self._called:
            self._called = instructions
            self._emit(Kind.CALL, value=instructions)

    # ---- messages out

    def _emit(
        self, kind: Kind, *, flags: int = 0, address: int = 0, value: int = 0, data: Bytes = b""
    ) -> None:
        self._flush()
        self._send(int(kind), flags, address, value, (data,) if data else (), len(data))
        self._stir()

    def _flush(self) -> None:
        if self._writes:
            self._flush_writes(0, 0)
        if self._announcement is not None:
            self._flush_announcement(0)

    def _flush_writes(self, flags: int, tag: int) -> None:
        writes, length = self._writes, self._writes_bytes
        self._writes, self._writes_bytes = [], 0
        self._send(_DMA_WRITE, flags, 0, tag, writes, length)

    def _flush_announcement(self, vector: int) -> None:
        assert self._announcement is not None, "there is one to send"
        (test, extents), self._announcement = self._announcement, None
        self._send(_ANNOUNCE, 0, test, vector, (extents,), len(extents))

    def _send(
        self, kind: int, flags: int, address: int, value: int, parts: Sequence[Bytes], length: int
    ) -> None:
        self._sent += 1
        self.statistics.messages_sent += 1
        tail = self._tail
        tail += _HEADER(kind, flags, self._epoch, length, address, value, self._applied & _NUMBER_MASK, 0)
        if length < LARGE_BYTES:
            for part in parts:
                tail += part
            return
        for part in parts:
            if len(part) < LARGE_BYTES:
                tail += part
            else:
                self._out += (tail, part)
                tail = self._tail = bytearray()

    def _stir(self) -> None:
        if not self._busy:
            self.wake()


class Statistics:
    """What a session has counted.

    fetches, confirmations: round trips for data of transfers.  polls: READs of the host.
    """

    def __init__(self) -> None:
        self.bytes_received = 0
        self.messages_sent = 0
        self.polls = 0
        self.fetches = 0
        self.confirmations = 0


def _nobody() -> None:
    return None
