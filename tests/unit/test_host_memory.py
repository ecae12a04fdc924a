"""Every host memory keeps the promises of one."""

import pytest
from check_host_memory import check_host_memory

from emu.hw.memory.qbus_map import VALID, QbusMap
from emu.hw.memory.ram import Ram

PAGES = 16


def test_ram() -> None:
    check_host_memory(lambda: Ram(8192), 8192)


@pytest.mark.parametrize("frames", [range(16), range(15, -1, -1), [4, 5, 6, 1, 0, 9, 10, 3, 2]])
def test_qbus_map_ends_at_an_invalid_register(frames: list[int]) -> None:
    def make() -> QbusMap:
        memory = QbusMap(Ram(PAGES * 512))
        entries = memory.registers.cast("I")
        for register, frame in enumerate(frames):
            entries[register] = VALID | frame
        return memory

    check_host_memory(make, len(frames) * 512)


@pytest.mark.parametrize("frames", [range(8, 16), [12, 11, 10, 9, 8]])
def test_qbus_map_ends_at_a_register_that_points_outside_memory(frames: list[int]) -> None:
    def make() -> QbusMap:
        memory = QbusMap(Ram(PAGES * 512))
        entries = memory.registers.cast("I")
        for register, frame in enumerate([*frames, PAGES, PAGES + 1, PAGES + 2, PAGES + 3]):
            entries[register] = VALID | frame
        return memory

    check_host_memory(make, len(frames) * 512)
