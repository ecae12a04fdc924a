"""One loop that ties a scheduler to wall time and moves the bytes of byte machines.

One `epoll_wait`, one `readv`, the machine, whatever is due and needs no time, one `writev`: that is a round trip.
A machine whose output does not go out is not read from until it has; nobody waits for one peer.
"""

import math
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from types import FrameType

from emu.core.clock import Scheduler
from emu.front import ByteMachine, Bytes
from emu.shells.realtime import RealtimeLoop
from emu.shells.streams import Listener, Stream, StreamError

__all__ = ["ByteMachine", "Loop"]

MakeMachine = Callable[[str], ByteMachine]

AWAKE_NS = (
    60_000 if (os.cpu_count() or 1) > 1 else 0
)  # after the last event; one processor has other things to do
CONNECTIONS = (
    500  # who comes then is hung up on: without descriptors nobody could be, and the poll would not sleep
)
RETRY_SECONDS = 0.1  # between two looks at a line that was hung up
SIGNALS = (signal.SIGINT, signal.SIGTERM)

_READ, _WRITE = select.EPOLLIN, select.EPOLLOUT


class _Connection:
    """A stream, its machine, and what has not gone out yet.

    watched: what is waited for; 0 when it is closed.
    """

    __slots__ = ("machine", "pending", "stream", "watched")

    def __init__(self, stream: Stream, machine: ByteMachine) -> None:
        self.stream = stream
        self.machine = machine
        self.pending: Sequence[Bytes] = ()
        self.watched = _READ


class Loop:
    """A scheduler and the streams that its machines serve.  Made on one thread and run there."""

    def __init__(self, clock: Scheduler, wall_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock = clock
        self._wall_ns = wall_ns
        self._time = RealtimeLoop(clock, wall_ns)
        self._poll = select.epoll()
        self._actions: dict[int, Callable[[], None]] = {}  # by descriptor: what its events lead to
        self._connections: dict[int, _Connection] = {}  # by the machine's identity
        self._touched: list[_Connection] = []
        self._listeners: list[Listener] = []
        self._vacant: list[tuple[Listener, MakeMachine]] = []  # lines that nobody is at, and that do not tell
        self._next_look_ns = 0
        self._stopping = False
        self._awake_until_ns = 0
        self._closed = False
        self._wake_far, self._wake_near = socket.socketpair()
        for end in (self._wake_far, self._wake_near):
            end.setblocking(False)
        self._on_event(self._wake_near.fileno(), self._woken)

    @property
    def clock(self) -> Scheduler:
        """The scheduler that follows wall time."""
        return self._clock

    # -- what is served

    def listen(self, listener: Listener, make: MakeMachine) -> None:
        """Serve whoever comes with a machine of his own; `make` gets the peer's name."""
        self._listeners.append(listener)
        descriptor = listener.fileno()
        if descriptor is None:
            self._serve_line(listener, make)
        else:
            self._on_event(descriptor, lambda: self._accept(listener, make))

    @property
    def serves(self) -> bool:
        """Whether anybody is served or may come."""
        return bool(self._listeners or self._connections)

    def attach(self, stream: Stream, machine: ByteMachine) -> None:
        """Serve a stream with a machine."""
        connection = _Connection(stream, machine)
        self._connections[id(machine)] = connection
        self._on_event(stream.fileno(), partial(self._ready, connection))
        self._touched.append(connection)

    def touch(self, machine: ByteMachine) -> None:
        """Note that a machine has something to send, or has ended, though nothing came in."""
        connection = self._connections.get(id(machine))
        if connection is not None:
            self._touched.append(connection)

    def hang_up(self, machine: ByteMachine) -> None:
        """Close a machine's stream as if the peer had gone."""
        connection = self._connections.get(id(machine))
        if connection is not None:
            self._close(connection, lost=True)

    # -- going on

    def fileno(self) -> int:
        """Readable when `turn` has bytes to move: for a loop around this one."""
        return self._poll.fileno()

    def turn(self) -> float:
        """Do all there is to do now, for a loop around this one; returns the seconds until there is more."""
        self._move(0)
        return self._advance()

    def run(
        self, until: Callable[[], bool] = lambda: False, signalled: Callable[[int], None] | None = None
    ) -> None:
        """Serve until the condition holds or `stop` is called.

        SIGINT and SIGTERM end it too, unless `signalled` takes their numbers.
        """
        with ExitStack() as stack:
            if threading.current_thread() is threading.main_thread():
                self._catch_signals(stack, signalled or (lambda _: self.stop()))
            while True:
                seconds = self._advance()
                if self._stopping or until():
                    self._stopping = False
                    return
                self._move(None if seconds == math.inf else seconds)

    def stop(self) -> None:
        """End `run`.  May come from a signal handler or another thread."""
        self._stopping = True
        self.wake()

    def wake(self) -> None:
        """Have `turn` stop waiting.  May come from a signal handler or another thread."""
        with suppress(BlockingIOError):  # so full that it will wake
            self._wake_far.send(b"\0")

    def _woken(self) -> None:
        with suppress(BlockingIOError):
            self._wake_near.recv(1 << 12)

    def _catch_signals(self, stack: ExitStack, signalled: Callable[[int], None]) -> None:
        def caught(signum: int, frame: FrameType | None) -> None:
            signalled(signum)

        before = signal.set_wakeup_fd(self._wake_far.fileno(), warn_on_full_buffer=False)
        stack.callback(signal.set_wakeup_fd, before)
        for number in SIGNALS:
            stack.callback(signal.signal, number, signal.signal(number, caught))

    def close(self) -> None:
        """Hang up on everybody, end every machine, close what was listened on; may be called again."""
        if self._closed:
            return
        self._closed = True
        for connection in list(self._connections.values()):
            self._close(connection, lost=True)
        for listener in self._listeners:
            descriptor = listener.fileno()
            if descriptor is not None:
                self._poll.unregister(descriptor)
            listener.close()
        self._listeners.clear()
        self._vacant.clear()
        self._actions.clear()
        self._poll.close()
        self._wake_near.close()
        self._wake_far.close()

    # -- what every turn does

    def _move(self, seconds: float | None) -> None:
        """Wait for bytes or for somebody who comes, for so long, and serve all that are there."""
        events = self._await(seconds)
        if events:
            self._time.turn()  # a machine sees the time that it is
            self._awake_until_ns = self._wall_ns() + AWAKE_NS
            for descriptor, _ in events:
                action = self._actions.get(descriptor)
                if action is not None:  # it may have been closed a moment ago
                    action()

    def _await(self, seconds: float | None) -> list[tuple[int, int]]:
        """Wait for events, for a short while without going to sleep: to be woken takes as long as an answer does."""
        poll, wall_ns, awake_until_ns = self._poll.poll, self._wall_ns, self._awake_until_ns
        while wall_ns() < awake_until_ns:
            events = poll(0)
            if events or seconds == 0:
                return events
        return poll(seconds)

    def _on_event(self, descriptor: int, action: Callable[[], None]) -> None:
        self._poll.register(descriptor, _READ)
        self._actions[descriptor] = action

    def _advance(self) -> float:
        """Virtual time as far as wall time is, and what came of it; returns the seconds until there is more."""
        if self._vacant:
            self._ask_vacant_lines()
        while True:
            seconds = self._time.turn()
            if not self._touched:
                return min(seconds, RETRY_SECONDS) if self._vacant else seconds
            touched, self._touched = self._touched, []
            for connection in touched:
                if connection.watched:
                    self._send(connection)

    def _ask_vacant_lines(self) -> None:
        now_ns = self._wall_ns()
        if now_ns >= self._next_look_ns:
            self._next_look_ns = now_ns + int(RETRY_SECONDS * 1e9)
            vacant, self._vacant = self._vacant, []
            for listener, make in vacant:
                self._serve_line(listener, make)

    def _serve_line(self, listener: Listener, make: MakeMachine) -> None:
        stream = listener.accept()
        if stream is None:
            self._vacant.append((listener, make))
        else:
            stream.on_close(lambda: self._vacant.append((listener, make)))
            self.attach(stream, make(stream.name))

    def _accept(self, listener: Listener, make: MakeMachine) -> None:
        stream = listener.accept()
        if stream is None:
            return
        if len(self._connections) < CONNECTIONS:
            self.attach(stream, make(stream.name))
        else:
            stream.close()

    # -- one connection

    def _ready(self, connection: _Connection) -> None:
        if connection.watched == _READ:
            try:
                data = connection.stream.read()
            except BlockingIOError:
                return
            except StreamError:
                data = b""
            if not data:
                self._close(connection, lost=True)
                return
            connection.machine.receive(data)
            self._clock.run_soon()
        if connection.watched:  # it may have been closed meanwhile
            self._send(connection)

    def _send(self, connection: _Connection) -> None:
        """Send what there is, and what comes while it goes, until there is no more or no room."""
        machine, stream = connection.machine, connection.stream
        try:
            while True:
                parts = connection.pending or machine.outgoing()
                if not parts:
                    break
                sent = stream.write(*parts)
                left = _unsent(parts, sent)
                connection.pending = left
                if left and not sent:
                    self._watch(connection, _WRITE)
                    return
        except StreamError:
            self._close(connection, lost=True)
            return
        if machine.ended:
            self._close(connection, lost=False)
        else:
            self._watch(connection, _READ)

    def _watch(self, connection: _Connection, events: int) -> None:
        if connection.watched != events:
            connection.watched = events
            self._poll.modify(connection.stream.fileno(), events)

    def _close(self, connection: _Connection, *, lost: bool) -> None:
        connection.watched = 0
        connection.pending = ()
        del self._connections[id(connection.machine)]
        descriptor = connection.stream.fileno()
        del self._actions[descriptor]
        self._poll.unregister(descriptor)
        connection.stream.close()
        if lost:
            connection.machine.lost()


def _unsent(parts: Sequence[Bytes], sent: int) -> Sequence[Bytes]:
    """What is left of parts, in bytes, after so many have gone."""
    if sent == sum(map(len, parts)):
        return ()
    for index, part in enumerate(parts):
        if sent < len(part):
            return (memoryview(part)[sent:], *parts[index + 1 :])
        sent -= len(part)
    return ()
