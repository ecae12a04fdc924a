"""Devices end to end: one device, whatever the seams."""

import itertools
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from check_block_device import Asked, ask, check_block_device, read, write

import emu.media.file
from emu.core.block import BlockDevice, CopySourceError, Function, MediumError, MediumWriteProtected
from emu.core.clock import Scheduler
from emu.media.faulty import BadBlocks, FailAfter, FaultyDevice, Hold
from emu.media.file import FileDevice
from emu.media.joined import JoinedDevice
from emu.media.memory import MemoryDevice
from emu.media.slow import SlowDevice, fixed_times


def joined(*sizes: int) -> JoinedDevice:
    return JoinedDevice(*(MemoryDevice(size) for size in sizes))


def thirds(make: Callable[[int], BlockDevice]) -> Callable[[int], BlockDevice]:
    """One block, then the rest in two parts."""
    return lambda blocks: JoinedDevice(make(1), make(3), make(blocks - 4))


@pytest.fixture
def make_file(tmp_path: Path) -> Callable[[int], FileDevice]:
    numbers = itertools.count()
    return lambda blocks: FileDevice.create(tmp_path / f"{next(numbers)}.dsk", blocks)


def test_it_keeps_the_promises_of_a_block_device() -> None:
    check_block_device(thirds(MemoryDevice))


def test_it_keeps_them_with_one_part() -> None:
    check_block_device(lambda blocks: JoinedDevice(MemoryDevice(blocks)), examples=20)


def test_it_keeps_them_on_files(make_file: Callable[[int], FileDevice]) -> None:
    check_block_device(thirds(make_file), examples=30)


def test_it_keeps_them_on_files_where_copies_look_for_holes(
    make_file: Callable[[int], FileDevice], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emu.media.file, "SPARSE_COPY_BYTES", 0)
    check_block_device(thirds(make_file), examples=30)


def test_it_keeps_them_on_slow_parts() -> None:
    clock = Scheduler()
    check_block_device(
        thirds(lambda blocks: SlowDevice(MemoryDevice(blocks), clock, fixed_times(10, 1))),
        lambda: clock.run_until(lambda: False),
        examples=30,
    )


def test_the_first_block_of_a_part_follows_the_last_of_the_one_before() -> None:
    one, two = MemoryDevice(127), MemoryDevice(10)
    device = JoinedDevice(one, two)
    assert device.block_count == 137
    assert write(device, 126, b"\1" * 512 + b"\2" * 512) is None
    assert read(one, 126, 512) == b"\1" * 512
    assert read(two, 0, 512) == b"\2" * 512


def test_a_bad_block_is_named_by_its_number_in_the_whole() -> None:
    device = JoinedDevice(MemoryDevice(127), FaultyDevice(MemoryDevice(50), [BadBlocks([7])]))
    memory = memoryview(bytearray(20 * 512))
    for request in (
        Asked(Function.READ, 130, 10 * 512, [memory[: 10 * 512]]),
        Asked(Function.READ, 120, 20 * 512, [memory]),
        Asked(Function.ERASE, 134, 512),
        Asked(Function.COPY, 120, 20 * 512, (), MemoryDevice(20), 0),
    ):
        error = ask(device, request)
        assert isinstance(error, MediumError)
        assert error.lbn == 134


def test_what_lies_before_a_bad_block_behind_a_seam_has_been_written() -> None:
    one = MemoryDevice(4)
    device = JoinedDevice(one, FaultyDevice(MemoryDevice(4), [BadBlocks([1])]))
    assert write(device, 2, b"\3" * 4 * 512) is not None
    assert read(device, 2, 3 * 512) == b"\3" * 3 * 512


def test_copies_between_devices_cut_alike_go_from_part_to_part() -> None:
    class Counting(MemoryDevice):
        copies = 0

        def submit(self, request: object) -> None:
            Counting.copies += request.function == Function.COPY  # type: ignore[attr-defined]
            super().submit(request)  # type: ignore[arg-type]

    source, target = joined(127, 300), JoinedDevice(Counting(127), Counting(300))
    assert write(source, 0, bytes(1 + n % 251 for n in range(427 * 512))) is None
    assert ask(target, Asked(Function.COPY, 100, 300 * 512, (), source, 100)) is None
    assert Counting.copies == 2
    assert read(target, 100, 300 * 512) == read(source, 100, 300 * 512)
    assert read(target, 0, 100 * 512) == bytes(100 * 512)


def test_a_copy_between_devices_cut_differently_is_the_same_copy() -> None:
    source, target = joined(5, 35), joined(7, 33)
    content = bytes(1 + n % 251 for n in range(40 * 512))
    assert write(source, 0, content) is None
    assert ask(target, Asked(Function.COPY, 3, 30 * 512, (), source, 6)) is None
    assert read(target, 3, 30 * 512) == content[6 * 512 : 36 * 512]


def test_a_source_that_fails_is_named_by_its_own_block() -> None:
    source = JoinedDevice(MemoryDevice(10), FaultyDevice(MemoryDevice(30), [BadBlocks([4])]))
    target = joined(10, 30)
    error = ask(target, Asked(Function.COPY, 2, 20 * 512, (), source, 5))
    assert isinstance(error, CopySourceError)
    assert error.lbn == 14


def test_a_flush_reaches_every_part_also_behind_one_that_fails() -> None:
    hold = Hold(lambda request: request.function == Function.FLUSH)
    device = JoinedDevice(
        FaultyDevice(MemoryDevice(4), [FailAfter(0)]), FaultyDevice(MemoryDevice(4), [hold])
    )
    request = Asked(Function.FLUSH)
    device.submit(request)
    assert request.answers == []
    hold.release()
    [answer] = request.answers
    assert isinstance(answer, MediumError)


def test_one_protected_part_protects_the_whole() -> None:
    device = JoinedDevice(MemoryDevice(4), MemoryDevice(4, write_protected=True))
    assert device.write_protected
    assert isinstance(write(device, 5, bytes(512)), MediumWriteProtected)


def test_requests_of_one_part_may_overtake_each_other() -> None:
    hold = Hold()
    device = JoinedDevice(MemoryDevice(127), FaultyDevice(MemoryDevice(10), [hold]))
    data = [memoryview(bytes([n]) * 512) for n in range(3)]
    requests = [Asked(Function.WRITE, 127 + n, 512, [data[n]]) for n in range(3)]
    for request in requests:
        device.submit(request)
    hold.release(*reversed(hold.held))
    hold.holding = False
    assert [request.answers for request in requests] == [[None]] * 3
    assert read(device, 127, 3 * 512) == b"".join(data)


def test_closing_closes_every_part(make_file: Callable[[int], FileDevice]) -> None:
    one, two = make_file(1), make_file(2)
    with closing(JoinedDevice(one, two)):
        assert one.descriptor is not None
    assert (one.descriptor, two.descriptor) == (None, None)
