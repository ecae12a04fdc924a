"""The loop: bytes, machines, and a clock that follows the wall."""

import asyncio
import os
import select
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

import pytest

from emu.core.clock import SECOND_NS, Scheduler
from emu.front import Bytes
from emu.shells.console_terminal import go_on
from emu.shells.loop import Loop
from emu.shells.realtime import RealtimeLoop
from emu.shells.streams import Stream, StreamError, listen

MILLISECOND_NS = 1_000_000
GUARD_SECONDS = 10.0


class Machine:
    """Answers what it hears, by a routine."""

    def __init__(self, answer: Callable[[bytes], Sequence[Bytes]] = lambda data: [data]) -> None:
        self.answer = answer
        self.heard = bytearray()
        self.to_say: list[Bytes] = []
        self.ended = False
        self.losses = 0

    def receive(self, data: bytes) -> None:
        assert not self.losses
        self.heard += data
        self.to_say += self.answer(data)

    def outgoing(self) -> Sequence[Bytes]:
        said, self.to_say = self.to_say, []
        return said

    def lost(self) -> None:
        self.losses += 1


class Bench:
    """A loop on a clock, and peers at the other ends of socket pairs."""

    def __init__(self) -> None:
        self.clock = Scheduler()
        self.loop = Loop(self.clock)
        self.peers: list[socket.socket] = []

    def attach(self, machine: Machine) -> socket.socket:
        near, far = socket.socketpair()
        far.settimeout(GUARD_SECONDS)
        self.peers.append(far)
        self.loop.attach(Stream("peer", near.detach()), machine)
        return far

    def until(self, condition: Callable[[], bool]) -> None:
        """Run until the condition holds; a guard ends what never comes."""
        guard = threading.Timer(GUARD_SECONDS, self.loop.stop)
        guard.start()
        try:
            self.loop.run(condition)
        finally:
            guard.cancel()
        assert condition(), "it never came"

    def close(self) -> None:
        self.loop.close()
        for peer in self.peers:
            peer.close()


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.close()


def test_what_is_heard_is_answered(bench: Bench) -> None:
    machine = Machine(lambda data: [b"<", memoryview(data), bytearray(b">")])
    peer = bench.attach(machine)
    peer.sendall(b"hello")
    bench.until(lambda: bool(machine.heard))
    assert peer.recv(100) == b"<hello>"


def test_what_a_machine_has_to_say_at_once_is_sent(bench: Bench) -> None:
    machine = Machine()
    machine.to_say = [b"hello"]
    peer = bench.attach(machine)
    bench.loop.turn()
    assert peer.recv(100) == b"hello"


def test_work_that_needs_no_time_is_done_before_the_answer_goes(bench: Bench) -> None:
    def answer(data: bytes) -> Sequence[Bytes]:
        bench.clock.call_soon(lambda: machine.to_say.append(b"done"))
        return ()

    machine = Machine(answer)
    peer = bench.attach(machine)
    peer.sendall(b"x")
    bench.until(lambda: bool(machine.heard))
    assert peer.recv(100) == b"done"


def test_a_machine_that_is_touched_is_heard(bench: Bench) -> None:
    machine = Machine()
    peer = bench.attach(machine)

    def speak() -> None:
        machine.to_say.append(b"news")
        bench.loop.touch(machine)

    bench.clock.call_after(MILLISECOND_NS, speak)
    bench.until(lambda: bench.clock.now_ns >= MILLISECOND_NS)
    assert peer.recv(100) == b"news"


def test_touching_a_machine_that_nobody_serves_does_nothing(bench: Bench) -> None:
    bench.loop.touch(Machine())
    bench.loop.turn()


def test_a_machine_sees_the_time_that_it_is(bench: Bench) -> None:
    times: list[int] = []
    wall = [5 * SECOND_NS]
    loop = Loop(bench.clock, lambda: wall[0])
    near, far = socket.socketpair()
    machine = Machine(lambda data: times.append(bench.clock.now_ns) or [])
    loop.attach(Stream("peer", near.detach()), machine)
    loop.turn()
    wall[0] += 3 * SECOND_NS
    far.sendall(b"x")
    loop.turn()
    assert times == [3 * SECOND_NS]
    loop.close()
    far.close()


def test_a_peer_that_goes_is_told_to_its_machine_once(bench: Bench) -> None:
    machine = Machine()
    bench.attach(machine).close()
    bench.until(lambda: bool(machine.losses))
    bench.loop.turn()
    bench.loop.close()
    assert machine.losses == 1


def test_a_machine_that_ends_is_hung_up_on_after_its_last_word(bench: Bench) -> None:
    machine = Machine()
    peer = bench.attach(machine)

    def answer(data: bytes) -> Sequence[Bytes]:
        machine.ended = True
        return [b"bye"]

    machine.answer = answer
    peer.sendall(b"x")
    bench.until(lambda: machine.ended)
    assert peer.recv(100) == b"bye"
    assert peer.recv(100) == b""
    assert not machine.losses


def test_a_machine_whose_output_is_stuck_is_not_read_from_and_others_are(bench: Bench) -> None:
    big = bytes(8 << 20)
    stuck, lively = Machine(lambda data: [big]), Machine()
    stuck_peer, lively_peer = bench.attach(stuck), bench.attach(lively)
    stuck_peer.sendall(b"1")
    bench.until(lambda: stuck.heard == b"1")
    stuck_peer.sendall(b"2")
    for number in range(20):
        lively_peer.sendall(b"x")
        bench.until(lambda number=number: len(lively.heard) > number)  # type: ignore[misc]
    assert stuck.heard == b"1"
    got = 0
    while got < 2 * len(big):
        bench.loop.turn()
        got += len(stuck_peer.recv(1 << 20))
    assert stuck.heard == b"12"
    assert got == 2 * len(big)


def test_parts_are_sent_in_order_however_many_and_however_cut(bench: Bench) -> None:
    parts = [bytes((number % 251,)) * (number % 700) for number in range(5000)]
    peer = bench.attach(Machine(lambda data: parts))
    peer.sendall(b"x")
    expected, got = b"".join(parts), bytearray()
    while len(got) < len(expected):
        bench.loop.turn()
        peer.setblocking(False)
        with suppress(BlockingIOError):
            got += peer.recv(1 << 16)
    assert got == expected


def test_a_stuck_peer_that_goes_is_noticed(bench: Bench) -> None:
    machine = Machine(lambda data: [bytes(8 << 20)])
    peer = bench.attach(machine)
    peer.sendall(b"x")
    bench.until(lambda: bool(machine.heard))
    peer.close()
    bench.until(lambda: bool(machine.losses))


def test_an_idle_loop_sleeps_until_something_comes(bench: Bench) -> None:
    bench.attach(Machine())
    bench.loop.turn()
    assert bench.loop.turn() == float("inf")
    bench.clock.call_after(3600 * SECOND_NS, lambda: None)
    assert 3599 < bench.loop.turn() <= 3600


def test_a_machine_may_be_hung_up_on(bench: Bench) -> None:
    machine = Machine()
    peer = bench.attach(machine)
    bench.loop.hang_up(machine)
    bench.loop.hang_up(machine)
    assert peer.recv(1) == b""
    assert machine.losses == 1


def test_one_of_two_that_are_heard_at_once_may_hang_up_on_the_other(bench: Bench) -> None:
    machines = [Machine(), Machine()]

    def hang_up_on_the_other(data: bytes) -> Sequence[Bytes]:
        for machine in machines:
            if not machine.heard:
                bench.loop.hang_up(machine)
        return [data]

    for machine in machines:
        machine.answer = hang_up_on_the_other
    peers = [bench.attach(machine) for machine in machines]
    for peer in peers:
        peer.sendall(b"x")
    bench.loop.turn()
    assert sorted(machine.losses for machine in machines) == [0, 1]
    assert sorted(bytes(machine.heard) for machine in machines) == [b"", b"x"]


def test_everybody_who_comes_gets_a_machine_and_closing_ends_them_all(bench: Bench) -> None:
    listener = listen("tcp://:0")
    machines: list[Machine] = []

    def make(peer: str) -> Machine:
        assert peer.startswith("tcp://127.0.0.1:")
        machines.append(Machine())
        return machines[-1]

    bench.loop.listen(listener, make)
    assert bench.loop.serves
    port = int(listener.name.rpartition(":")[2])
    for _ in range(5):
        bench.peers.append(socket.create_connection(("127.0.0.1", port), GUARD_SECONDS))
    bench.until(lambda: len(machines) == 5)
    bench.loop.close()
    assert [machine.losses for machine in machines] == [1] * 5
    assert not bench.loop.serves
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), GUARD_SECONDS)


def test_a_line_gets_a_new_machine_after_a_hang_up(bench: Bench) -> None:
    listener = listen("pty:")
    machines: list[Machine] = []

    def make(peer: str) -> Machine:
        machines.append(Machine())
        machines[-1].to_say = [b"hello"]
        return machines[-1]

    bench.loop.listen(listener, make)
    far = os.open(listener.name, os.O_RDWR | os.O_NOCTTY)
    bench.loop.turn()
    assert os.read(far, 100) == b"hello"
    os.close(far)
    bench.until(lambda: machines[0].losses == 1)
    far = os.open(listener.name, os.O_RDWR | os.O_NOCTTY)
    bench.until(lambda: len(machines) == 2)
    bench.loop.turn()
    assert os.read(far, 100) == b"hello"
    machines[1].ended = True
    bench.loop.touch(machines[1])
    bench.until(lambda: len(machines) == 3)  # the line is still there: somebody else may log in
    os.close(far)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it(bench: Bench, number: signal.Signals) -> None:
    before = signal.getsignal(number)
    bench.clock.call_after(MILLISECOND_NS, lambda: os.kill(os.getpid(), number))
    bench.loop.run()
    assert signal.getsignal(number) is before


def test_a_signal_may_be_taken_instead(bench: Bench) -> None:
    taken: list[int] = []
    bench.clock.call_after(MILLISECOND_NS, lambda: os.kill(os.getpid(), signal.SIGINT))
    bench.loop.run(lambda: bool(taken), taken.append)
    assert taken == [signal.SIGINT]


def test_it_can_be_stopped_from_another_thread(bench: Bench) -> None:
    threading.Timer(0.001, bench.loop.stop).start()
    bench.loop.run()
    threading.Timer(0.001, bench.loop.stop).start()
    bench.loop.run()


def test_a_loop_around_it_sees_when_bytes_come(bench: Bench) -> None:
    machine = Machine()
    peer = bench.attach(machine)
    bench.loop.turn()
    assert not select.select([bench.loop.fileno()], [], [], 0)[0]
    peer.sendall(b"x")
    assert select.select([bench.loop.fileno()], [], [], GUARD_SECONDS)[0]
    bench.loop.turn()
    assert machine.heard == b"x"


def test_two_loops_work_side_by_side(bench: Bench) -> None:
    other = Bench()
    one, two = Machine(), Machine()
    bench.attach(one).sendall(b"one")
    other.attach(two).sendall(b"two")
    bench.until(lambda: bool(one.heard))
    other.until(lambda: bool(two.heard))
    assert (one.heard, two.heard) == (b"one", b"two")
    other.close()


# ---- virtual time and the wall


class Wall:
    def __init__(self) -> None:
        self.now_ns = 1_000 * SECOND_NS

    def __call__(self) -> int:
        return self.now_ns


def test_virtual_time_is_as_far_as_the_wall() -> None:
    clock, wall, done = Scheduler(), Wall(), []
    loop = RealtimeLoop(clock, wall)
    clock.call_after(SECOND_NS, lambda: done.append("one"))
    assert loop.turn() == 1.0
    wall.now_ns += SECOND_NS // 2
    assert loop.turn() == 0.5
    assert not done
    wall.now_ns += SECOND_NS
    assert loop.turn() == float("inf")
    assert done == ["one"]
    assert clock.now_ns == 3 * SECOND_NS // 2


def test_a_clock_that_ran_ahead_goes_on_from_where_it_is() -> None:
    clock, wall = Scheduler(), Wall()
    loop = RealtimeLoop(clock, wall)
    clock.run_for(3600 * SECOND_NS)
    clock.call_after(SECOND_NS, lambda: None)
    assert loop.turn() == 1.0
    wall.now_ns += SECOND_NS
    loop.turn()
    assert clock.now_ns == 3601 * SECOND_NS


def test_work_without_end_does_not_keep_the_loop_from_anything_else() -> None:
    clock, wall = Scheduler(), Wall()
    loop = RealtimeLoop(clock, wall)

    def again() -> None:
        wall.now_ns += MILLISECOND_NS
        clock.call_soon(again)

    clock.call_soon(again)
    start_ns = wall.now_ns
    assert loop.turn() == 0.0
    assert wall.now_ns - start_ns < SECOND_NS


def test_a_broken_stream_is_told_as_a_loss(bench: Bench) -> None:
    class Broken(Stream):
        def read(self) -> bytes:
            raise StreamError("the line is on fire")

    near, far = socket.socketpair()
    bench.peers.append(far)
    machine = Machine()
    bench.loop.attach(Broken("peer", near.detach()), machine)
    far.sendall(b"x")
    bench.until(lambda: machine.losses == 1)


def test_who_comes_when_the_house_is_full_is_hung_up_on_and_the_others_go_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emu.shells.loop.CONNECTIONS", 2)
    listener = listen("tcp://127.0.0.1:0")
    port = int(listener.name.rpartition(":")[2])
    machines: list[Machine] = []

    def make(peer: str) -> Machine:
        machines.append(Machine())
        return machines[-1]

    bench.loop.listen(listener, make)
    visitors = [socket.create_connection(("127.0.0.1", port), GUARD_SECONDS) for _ in range(3)]
    bench.peers += visitors
    third = visitors[2]
    bench.until(lambda: bool(select.select([third], [], [], 0)[0]))
    assert third.recv(1) == b""
    visitors[0].sendall(b"still here")
    bench.until(lambda: bool(select.select([visitors[0]], [], [], 0)[0]))
    assert visitors[0].recv(64) == b"still here"
    assert len(machines) == 2


# ---- around it, the loop of a prompt


@pytest.mark.parametrize("steps", range(8))
def test_a_world_that_a_prompt_let_go_on_is_left_although_bytes_come_just_then(
    bench: Bench, steps: int
) -> None:
    peer = bench.attach(Machine())

    async def prompt() -> bool:
        world = asyncio.create_task(go_on(bench.loop))
        await asyncio.sleep(0)
        peer.send(b"bytes")
        for _ in range(steps):
            await asyncio.sleep(0)
        world.cancel()
        for _ in range(20):
            await asyncio.sleep(0)
        left = world.done()
        world.cancel()
        return left

    assert asyncio.run(prompt())
