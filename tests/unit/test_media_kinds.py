"""Every kind of device keeps the promises of a block device, also around another."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from check_block_device import check_block_device

import emu.media.copying
import emu.media.file
from emu.core.block import BlockDevice
from emu.core.clock import Scheduler
from emu.media.faulty import FaultyDevice, Hold
from emu.media.file import FileDevice
from emu.media.memory import MemoryDevice
from emu.media.overlay import OverlayDevice
from emu.media.slow import SlowDevice, fixed_times


@pytest.fixture
def make_file(tmp_path: Path) -> Callable[[int], FileDevice]:
    numbers = itertools.count()
    return lambda blocks: FileDevice.create(tmp_path / f"{next(numbers)}.dsk", blocks)


def test_memory_device() -> None:
    check_block_device(MemoryDevice)


def test_memory_device_that_copies_in_small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emu.media.copying, "PIECE_BYTES", 1024)
    check_block_device(MemoryDevice)


def test_file_device(make_file: Callable[[int], FileDevice]) -> None:
    check_block_device(make_file)


def test_file_device_without_copy_file_range(
    make_file: Callable[[int], FileDevice], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emu.media.file, "_copy_file_range", None)
    check_block_device(make_file)


def test_file_device_where_copies_look_for_holes(
    make_file: Callable[[int], FileDevice], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emu.media.file, "SPARSE_COPY_BYTES", 0)
    check_block_device(make_file)


def test_overlay_device() -> None:
    check_block_device(lambda blocks: OverlayDevice(MemoryDevice(blocks)))


def test_overlay_device_on_a_file(make_file: Callable[[int], FileDevice]) -> None:
    check_block_device(lambda blocks: OverlayDevice(make_file(blocks)), examples=20)


@pytest.mark.parametrize("parallel", [False, True])
def test_slow_device(parallel: bool) -> None:
    clock = Scheduler()

    def make(blocks: int) -> BlockDevice:
        return SlowDevice(MemoryDevice(blocks), clock, fixed_times(10, 1), parallel=parallel)

    check_block_device(make, lambda: clock.run_until(lambda: False))


def test_overlay_device_on_a_slow_one() -> None:
    clock = Scheduler()

    def make(blocks: int) -> BlockDevice:
        return OverlayDevice(SlowDevice(MemoryDevice(blocks), clock, fixed_times(10, 1)))

    check_block_device(make, lambda: clock.run_until(lambda: False))


def test_slow_device_on_an_overlay_on_a_file(make_file: Callable[[int], FileDevice]) -> None:
    clock = Scheduler()

    def make(blocks: int) -> BlockDevice:
        return SlowDevice(OverlayDevice(make_file(blocks)), clock, fixed_times(10, 1))

    check_block_device(make, lambda: clock.run_until(lambda: False), examples=20)


def test_faulty_device_without_rules(make_file: Callable[[int], FileDevice]) -> None:
    check_block_device(lambda blocks: FaultyDevice(make_file(blocks), []), examples=20)


def test_faulty_device_that_holds_everything_for_a_while() -> None:
    hold = Hold()

    def release() -> None:
        while hold.held:
            hold.release()

    check_block_device(lambda blocks: FaultyDevice(MemoryDevice(blocks), [hold]), release)
