"""The slow device: virtual time, one spindle, data that moves when the time is over."""

from check_block_device import Asked, read, write

from emu.core.block import Function
from emu.core.clock import Scheduler
from emu.media.memory import MemoryDevice
from emu.media.slow import SlowDevice, fixed_times


class Timed(Asked):
    """Notes in `log` when it was answered."""

    def __init__(self, clock: Scheduler, log: list[tuple[str, int]], name: str, *more: object) -> None:
        super().__init__(*more)  # type: ignore[arg-type]
        self._note = lambda: log.append((name, clock.now_ns))

    def done(self, error: object) -> None:
        assert error is None
        self._note()


def view(blocks: int) -> list[memoryview]:
    return [memoryview(bytearray(blocks * 512))]


def test_one_spindle_serves_one_request_at_a_time_in_order() -> None:
    clock, log = Scheduler(), []
    device = SlowDevice(MemoryDevice(64), clock, fixed_times(1000, 10))
    device.submit(Timed(clock, log, "seek", Function.READ, 8, 1024, view(2)))
    device.submit(Timed(clock, log, "next", Function.WRITE, 10, 512, view(1)))
    device.submit(Timed(clock, log, "flush", Function.FLUSH))
    device.submit(Timed(clock, log, "back", Function.READ, 8, 512, view(1)))
    device.submit(Timed(clock, log, "erase", Function.ERASE, 9, 513))
    assert log == []
    clock.run_for(10_000)
    assert log == [("seek", 1020), ("next", 1030), ("flush", 1030), ("back", 2040), ("erase", 2060)]


def test_parallel_serves_each_as_if_alone() -> None:
    clock, log = Scheduler(), []
    device = SlowDevice(MemoryDevice(64), clock, lambda request: request.lbn * 100, parallel=True)
    for lbn in (3, 1, 2):
        device.submit(Timed(clock, log, str(lbn), Function.READ, lbn, 512, view(1)))
    clock.run_for(10_000)
    assert log == [("1", 100), ("2", 200), ("3", 300)]


def test_data_moves_when_the_time_is_over() -> None:
    clock, inner = Scheduler(), MemoryDevice(8)
    device = SlowDevice(inner, clock, fixed_times(1000, 0))
    memory = bytearray(b"\1" * 512)
    device.submit(Asked(Function.WRITE, 0, 512, [memoryview(memory)]))
    clock.run_for(999)
    assert read(inner, 0, 512) == bytes(512)
    memory[:] = b"\2" * 512
    clock.run_for(1)
    assert read(inner, 0, 512) == b"\2" * 512


def test_a_request_made_in_an_answer_waits_behind_those_before_it() -> None:
    clock, log = Scheduler(), []
    device = SlowDevice(MemoryDevice(8), clock, lambda request: 100)

    class Again(Asked):
        def done(self, error: object) -> None:
            device.submit(Timed(clock, log, "again", Function.READ, 0, 512, view(1)))

    device.submit(Again(Function.READ, 0, 512, view(1)))
    device.submit(Timed(clock, log, "second", Function.READ, 0, 512, view(1)))
    clock.run_for(1000)
    assert log == [("second", 200), ("again", 300)]


def test_two_slow_disks_copy_from_each_other_and_from_themselves() -> None:
    clock, log = Scheduler(), []
    one, two = MemoryDevice(16), MemoryDevice(16)
    write(one, 0, b"\1" * 512)
    write(two, 0, b"\2" * 512)
    slow_one, slow_two = (SlowDevice(inner, clock, lambda request: 100) for inner in (one, two))
    slow_one.submit(Timed(clock, log, "1", Function.COPY, 8, 512, (), slow_two, 0))
    slow_two.submit(Timed(clock, log, "2", Function.COPY, 8, 512, (), slow_one, 0))
    slow_one.submit(Timed(clock, log, "3", Function.COPY, 9, 512, (), slow_one, 0))
    clock.run_for(1000)
    assert sorted(name for name, _ in log) == ["1", "2", "3"]
    assert read(one, 8, 1024) == b"\2" * 512 + b"\1" * 512
    assert read(two, 8, 512) == b"\1" * 512


def test_a_copy_takes_the_time_of_its_reads_and_writes() -> None:
    clock, log = Scheduler(), []
    source = SlowDevice(MemoryDevice(8), clock, lambda request: 100)
    target = SlowDevice(MemoryDevice(8), clock, lambda request: 10)
    target.submit(Timed(clock, log, "copy", Function.COPY, 0, 4096, (), source, 0))
    clock.run_for(1000)
    assert log == [("copy", 110)]


def test_fixed_times_of_two_disks_know_nothing_of_each_other() -> None:
    one, two = fixed_times(1000, 1), fixed_times(1000, 1)
    assert one(Asked(Function.READ, 0, 512)) == 1001
    assert two(Asked(Function.READ, 1, 512)) == 1001
    assert one(Asked(Function.READ, 1, 512)) == 1
