"""The lock manager: modes, turns, conversions, value blocks, and what a lost node leaves behind."""

from collections.abc import Callable
from functools import partial

import pytest

from drivers.cluster.lock_manager import COMPATIBLE, Granted
from drivers.platform.process import Procedure
from emu.core.chance import Chance
from emu.core.clock import MILLISECOND_NS, SECOND_NS
from emu.sim.lan import Weather
from emu.wire.codes.scs import LockMode
from tests.unit.cluster_stage import Members

NL, CR, CW, PR, PW, EX = LockMode
THREE = {"ALPHA1": 1, "ALPHA2": 1, "VAX1": 1}
BAD = Weather(latency_ns=(MILLISECOND_NS, 30 * MILLISECOND_NS), loss=0.1, doubling=0.1)


def three() -> Members:
    members = Members(THREE)
    members.run(6)
    return members


class Asker:
    """Locks of one node, and what it heard of them."""

    def __init__(self, members: Members, node: str) -> None:
        self.members = members
        self.locks = members.nodes[node].locks
        self.heard: list[Granted | None] = []
        self.blocked = 0

    def ask(self, mode: LockMode, *, noqueue: bool = False, resource: str = "R") -> int:
        number = self.locks.enqueue(
            resource, mode, self.heard.append, blocking=self._blocking, noqueue=noqueue
        )
        self.members.run(0.1)
        return number

    def convert(self, number: int, mode: LockMode, value: bytes | None = None) -> None:
        self.locks.convert(number, mode, self.heard.append, value)
        self.members.run(0.1)

    def give_up(self, number: int, value: bytes | None = None) -> None:
        self.locks.dequeue(number, value)
        self.members.run(0.1)

    def _blocking(self) -> None:
        self.blocked += 1


def test_the_table_of_modes_is_the_manuals() -> None:
    allowed = ["".join("Y" if other in COMPATIBLE[mode] else "n" for other in LockMode) for mode in LockMode]
    assert allowed == ["YYYYYY", "YYYYYn", "YYYnnn", "YYnYnn", "YYnnnn", "Ynnnnn"]


def test_readers_share_and_a_writer_waits_for_them() -> None:
    members = three()
    one, two, writer = (Asker(members, name) for name in THREE)
    a, b = one.ask(PR), two.ask(PR)
    writer.ask(EX)
    assert (len(one.heard), len(two.heard), len(writer.heard)) == (1, 1, 0)
    assert (one.blocked, two.blocked) == (1, 1)
    one.give_up(a)
    assert writer.heard == []
    two.give_up(b)
    assert len(writer.heard) == 1


def test_who_does_not_want_to_wait_is_told_so() -> None:
    members = three()
    one, two, three_ = (Asker(members, name) for name in THREE)
    one.ask(EX)
    two.ask(PR, noqueue=True)
    three_.ask(NL, noqueue=True)
    assert two.heard == [None]
    assert len(three_.heard) == 1
    assert two.locks.locks == {}


def test_conversions_go_before_new_locks_and_the_value_block_goes_with_them() -> None:
    members = three()
    one, two, other = (Asker(members, name) for name in THREE)
    a = one.ask(EX)
    b = two.ask(NL)
    other.ask(PR)
    two.convert(b, PW)
    one.convert(a, NL, b"value".ljust(16))
    assert two.heard[-1] == Granted(b, b"value".ljust(16), valid=True)
    assert other.heard == []
    two.give_up(b, b"newer".ljust(16))
    assert other.heard[-1] is not None
    assert other.heard[-1].value == b"newer".ljust(16)


def test_who_gives_up_a_lock_that_it_waits_for_is_out_of_the_queue() -> None:
    members = three()
    one, two, other = (Asker(members, name) for name in THREE)
    a, b = one.ask(EX), two.ask(EX)
    other.ask(EX)
    two.give_up(b)
    one.give_up(a)
    assert two.heard == []
    assert len(other.heard) == 1


@pytest.mark.parametrize("lost", ["ALPHA1", "VAX1"])
def test_a_lost_writer_is_succeeded_by_the_next_who_hears_that_the_value_is_not_valid(lost: str) -> None:
    members = three()
    writer, next_one = Asker(members, lost), Asker(members, "ALPHA2")
    writer.ask(EX)
    next_one.ask(EX)
    members.crash(lost)
    members.run(20)
    assert next_one.heard == []
    members.run(15)
    assert [granted.valid for granted in next_one.heard if granted] == [False]
    next_one.give_up(1, b"whole again".ljust(16))
    next_one.ask(EX)
    assert next_one.heard[-1] == Granted(2, b"whole again".ljust(16), valid=True)


def test_when_the_master_is_lost_who_holds_holds_and_who_waits_waits() -> None:
    members = three()
    holder, waiter = Asker(members, "ALPHA2"), Asker(members, "VAX1")
    reader = Asker(members, "VAX1")
    a = holder.ask(EX)
    waiter.ask(EX)
    reader.ask(PR, resource="S")
    last = Asker(members, "ALPHA2")
    last.ask(EX)
    members.crash("ALPHA1")
    members.run(40)
    assert waiter.heard == last.heard == []
    holder.give_up(a, b"kept".ljust(16))
    (granted,) = (*waiter.heard, *last.heard)
    assert granted is not None
    assert (granted.value, granted.valid) == (b"kept".ljust(16), True)
    reader.convert(2, EX)
    assert len(reader.heard) == 2


def test_nothing_is_granted_without_quorum() -> None:
    members = Members({"ALPHA1": 1, "VAX1": 1})
    members.run(6)
    members.lan.isolate("VAX1")
    members.run(20)
    alpha = Asker(members, "ALPHA1")
    alpha.ask(EX)
    assert alpha.heard == []
    members.lan.mend()
    members.run(10)
    assert len(alpha.heard) == 1


@pytest.mark.parametrize("seed", range(8))
def test_never_two_hold_an_exclusive_lock_whatever_happens(seed: int) -> None:
    members = Members(THREE, seed=seed, weather=BAD, expected_votes=3)
    members.run(40)
    stream = Chance(seed).stream("locks")
    inside: set[str] = set()
    taken = dict.fromkeys(THREE, 0)

    def work(name: str, life: int, pause: Callable[[], int]) -> Procedure:
        cluster = members.nodes[name]
        while True:
            yield from cluster.lock("R")
            assert not inside & {other for other in inside if alive(other)}, f"{name} is not alone"
            inside.add(f"{name}/{life}")
            yield pause()
            inside.discard(f"{name}/{life}")
            taken[name] += 1
            cluster.unlock("R")
            yield pause()

    lives = dict.fromkeys(THREE, 1)

    def alive(who: str) -> bool:
        name, _, life = who.partition("/")
        return int(life) == lives[name] and not members.nodes[name].platform.halted

    def begin(name: str) -> None:
        pause = partial(stream.randint, 1, SECOND_NS)
        members.nodes[name].platform.process("work", work(name, lives[name], pause))

    for name in THREE:
        begin(name)
    for _ in range(3):
        members.run(30)
        victim = stream.choice(list(THREE))
        members.crash(victim)
        members.run(stream.randint(1, 40))
        members.boot(victim)
        lives[victim] += 1
        begin(victim)
    before = dict(taken)
    members.run(60)
    assert members.exits == {}
    assert all(taken[name] > before[name] + 3 for name in THREE)
