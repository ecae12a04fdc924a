"""Kernel processes: procedures that wait for flags and for time."""

import pytest

from drivers.platform.process import EventFlag, KernelProcess, Procedure
from emu.core.clock import Scheduler


def test_a_process_starts_from_the_fork_queue_and_not_inside_its_maker() -> None:
    clock, steps = Scheduler(), []

    def body() -> Procedure:
        steps.append("body")
        yield 0

    KernelProcess(clock, "test", body())
    assert steps == []
    clock.run_soon()
    assert steps == ["body"]


def test_a_number_is_a_time_to_wait() -> None:
    clock = Scheduler()

    def body() -> Procedure:
        yield 1_500
        return clock.now_ns

    process = KernelProcess(clock, "test", body())
    clock.run_until(lambda: not process.running)
    assert process.finished.value == 1_500


def test_a_flag_hands_over_its_value() -> None:
    clock = Scheduler()
    flag = EventFlag(clock)

    def body() -> Procedure:
        return (yield flag)

    flag.set("already")
    process = KernelProcess(clock, "test", body())
    clock.run_soon()
    assert process.finished.value == "already"


def test_setting_a_flag_resumes_its_waiters_later_and_in_the_order_they_came() -> None:
    clock = Scheduler()
    flag, order = EventFlag(clock), []

    def body(name: str) -> Procedure:
        value = yield flag
        order.append((name, value))

    for name in "ABC":
        KernelProcess(clock, name, body(name))
    clock.run_soon()
    flag.set(7)
    assert order == []
    clock.run_soon()
    assert order == [("A", 7), ("B", 7), ("C", 7)]


def test_a_cleared_flag_is_waited_for_again() -> None:
    clock = Scheduler()
    flag, seen = EventFlag(clock), []

    def body() -> Procedure:
        for _ in range(2):
            seen.append((yield flag))
            flag.clear()

    KernelProcess(clock, "test", body())
    clock.run_soon()
    flag.set(1)
    clock.run_soon()
    assert seen == [1]
    flag.set(2)
    clock.run_soon()
    assert seen == [1, 2]


def test_a_process_waits_for_another_one_by_its_finished_flag() -> None:
    clock = Scheduler()

    def inner() -> Procedure:
        yield 10
        return "result"

    def outer() -> Procedure:
        return (yield KernelProcess(clock, "inner", inner()).finished)

    process = KernelProcess(clock, "outer", outer())
    clock.run_until(lambda: not process.running)
    assert process.finished.value == "result"


@pytest.mark.parametrize("wait", ["flag", "time"])
def test_a_killed_process_runs_its_finally_and_is_never_resumed(wait: str) -> None:
    clock = Scheduler()
    flag, steps = EventFlag(clock), []

    def body() -> Procedure:
        try:
            yield flag if wait == "flag" else 100
            steps.append("resumed")
        finally:
            steps.append("cleaned up")

    process = KernelProcess(clock, "test", body())
    clock.run_soon()
    process.kill()
    flag.set()
    clock.run_for(1_000)
    assert steps == ["cleaned up"]
    assert not process.running
    assert process.finished.is_set
