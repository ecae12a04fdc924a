"""The windows of an Alpha's PCI bridge, and the map its drivers keep."""

import pytest
from check_host_memory import check_host_memory

from drivers.platform.alpha import AlphaPlatform
from drivers.platform.alpha_pci import PciBridge
from emu.core.bus import MapError, NonexistentMemory
from emu.core.clock import Scheduler
from emu.core.trace import Tracer
from emu.hw.memory.pci_window import PciWindows
from emu.hw.memory.ram import Ram

PAGE = 8192
TABLE = 15 * PAGE


def direct(ram: Ram, base: int = 0, translated: int = 0) -> PciWindows:
    windows = PciWindows(ram)
    windows.write_register(0x440, 0x0000_0000, 4)  # 1 MB
    windows.write_register(0x480, translated >> 2, 4)
    windows.write_register(0x400, base | 1, 4)
    return windows


def scattered(ram: Ram, frames: list[int], base: int = 0) -> PciWindows:
    windows = PciWindows(ram)
    for page, frame in enumerate(frames):
        ram.write_longword(TABLE + 8 * page, frame << 1 | 1)
    windows.write_register(0x540, 0, 4)
    windows.write_register(0x580, TABLE >> 2, 4)
    windows.write_register(0x500, base | 3, 4)
    return windows


def test_a_direct_window_is_host_memory() -> None:
    check_host_memory(lambda: direct(Ram(PAGE)), PAGE)


@pytest.mark.parametrize("frames", [[0, 1, 2, 3], [3, 2, 1, 0], [4, 5, 1, 9], [7, 7 + 1, 2, 3]])
def test_a_scattered_window_is_host_memory(frames: list[int]) -> None:
    check_host_memory(lambda: scattered(Ram(16 * PAGE), frames), 4 * PAGE)


def test_an_entry_that_points_outside_memory_is_answered_by_nobody() -> None:
    windows = scattered(Ram(16 * PAGE), [1, 16])
    with pytest.raises(NonexistentMemory) as raised:
        windows.read(0, 2 * PAGE)
    assert raised.value.address == PAGE


def test_an_invalid_entry_is_a_map_error_at_its_page() -> None:
    windows = scattered(Ram(16 * PAGE), [1, 2])
    with pytest.raises(MapError) as raised:
        windows.window(PAGE + 100, 2 * PAGE)
    assert raised.value.address == 2 * PAGE


def test_a_longword_over_the_end_of_a_page_comes_from_both() -> None:
    windows = scattered(Ram(16 * PAGE), [5, 2])
    windows.write_longword(PAGE - 2, 0x4433_2211)
    assert bytes(windows.read(PAGE - 2, 4)) == b"\x11\x22\x33\x44"
    assert windows.read_longword(PAGE - 2) == 0x4433_2211


def test_a_window_has_its_place_and_its_size() -> None:
    ram = Ram(4 << 20)
    ram.write(0x20_0010, b"here")
    windows = PciWindows(ram)
    windows.write_register(0x440, 0x0030_0000, 4)  # bits 21-20 are not compared: 4 MB
    windows.write_register(0x400, 0x4000_0001, 4)
    assert bytes(windows.read(0x4020_0010, 4)) == b"here"
    for address in (0x3FFF_FFFF, 0x4040_0000, 0):
        with pytest.raises(NonexistentMemory):
            windows.read(address, 1)
    windows.write_register(0x400, 0x4000_0000, 4)  # closed
    with pytest.raises(NonexistentMemory):
        windows.read(0x4020_0010, 4)


def test_a_transfer_that_leaves_its_window_fails_at_its_end() -> None:
    windows = direct(Ram(2 << 20), 0x1000_0000)
    with pytest.raises(NonexistentMemory) as raised:
        windows.window(0x100F_FFF0, 32)
    assert raised.value.address == 0x1010_0000


def test_window_3_answers_64_bit_masters_when_it_is_told_to() -> None:
    ram = Ram(1 << 20)
    ram.write(0x1234, b"far")
    windows = PciWindows(ram)
    windows.write_register(0x740, 0, 4)
    windows.write_register(0x7C0, 0x12, 4)
    windows.write_register(0x700, 0x8000_0009, 4)
    assert bytes(windows.read(0x12_8000_1234, 3)) == b"far"
    with pytest.raises(NonexistentMemory):
        windows.read(0x8000_1234, 3)


# -- the drivers' side


def bridge(memory_bytes: int = 8 << 20, clock: Scheduler | None = None) -> tuple[PciBridge, PciWindows, Ram]:
    ram = Ram(memory_bytes)
    windows = PciWindows(ram)
    platform = AlphaPlatform("ALPHA1", clock or Scheduler(), ram, memory_bytes, Tracer())
    return PciBridge(platform, windows), windows, ram


def test_an_area_is_seen_where_the_driver_says() -> None:
    alpha, windows, ram = bridge()
    ram.write(0x54_3210, b"SCRIPTS")
    assert bytes(windows.read(alpha.map_area(0x54_3210, 7), 7)) == b"SCRIPTS"


@pytest.mark.parametrize(("address", "length"), [(0x60_0000, 8192), (0x60_1FFF, 2), (0x60_0123, 100_000)])
def test_a_mapped_buffer_is_the_memory_itself_and_an_unmapped_one_is_nowhere(
    address: int, length: int
) -> None:
    alpha, windows, ram = bridge()
    mapped = alpha.map_buffer(address, length)
    assert mapped is not None
    (view,) = windows.window(mapped, length)
    view[:] = b"\x5a" * length
    assert bytes(ram.read(address, length)) == b"\x5a" * length
    alpha.unmap_buffer(mapped, length)
    with pytest.raises(MapError):
        windows.window(mapped, length)


def test_two_buffers_have_entries_of_their_own() -> None:
    alpha, windows, _ = bridge()
    one, two = alpha.map_buffer(0x60_0000, 8192), alpha.map_buffer(0x60_0000, 8192)
    assert one is not None
    assert two is not None
    assert one != two
    alpha.unmap_buffer(one, 8192)
    assert len(windows.read(two, 8192)) == 8192


def test_who_finds_no_entries_is_called_when_some_have_come_back() -> None:
    clock = Scheduler()
    alpha, _, _ = bridge(72 << 20, clock)
    mapped = alpha.map_buffer(0, 64 << 20)
    assert mapped is not None
    assert alpha.map_buffer(0, 1) is None
    called: list[int] = []
    alpha.await_map_registers(lambda: called.append(1))
    alpha.unmap_buffer(mapped, 64 << 20)
    assert not called
    clock.run_soon()
    assert called == [1]
    assert alpha.map_buffer(0, 1) is not None


def test_registers_of_devices_get_room_aligned_to_its_size() -> None:
    alpha, _, _ = bridge()
    assert [alpha.claim_memory(size) for size in (256, 4096, 256)] == [
        0x8000_0000,
        0x8000_1000,
        0x8000_2000,
    ]
