"""What a drive keeps for itself: in memory, in a store, in a file beside the image."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.core.block import BlockDevice, BlockRequest, MediumError
from emu.hw.mscp.controller import Controller, OwnStore
from emu.hw.mscp.own_blocks import FORCED_EXTENTS, OwnBlocks, own_block_count
from emu.media.faulty import BadBlocks, FaultyDevice
from emu.media.file import ImageError
from emu.media.memory import MemoryDevice
from emu.shells.own_files import own_file
from tests.dumb_host import DATA, DumbHost, byte_count, longwords, make_controller, status, word

BLOCKS, RBNS = 1000, 200


class Kept(MemoryDevice):
    """A store that outlives its unit, as a file does."""

    closed = 0

    def close(self) -> None:
        self.closed += 1


def controller_with(store: OwnStore | None, *bad: int) -> Controller:
    controller = make_controller("kda50-replace")
    drive = replace(
        controller.firmware.drives["RA70"], block_count=BLOCKS, rct_size=4, rct_copies=7, rbns=RBNS
    )
    medium = FaultyDevice(MemoryDevice(BLOCKS), [BadBlocks(bad)])
    controller.attach_unit(0, medium, drive, serial=0x1234, own_store=store)
    return controller


def host_of(controller: Controller) -> DumbHost:
    host = DumbHost(controller)
    host.start()
    host.scc()
    host.online()
    return host


def replace_block(host: DumbHost, lbn: int, rbn: int) -> int:
    return status(host.ask(0x14, 0, 1, longwords(rbn, 0, 0, 0, lbn)))


def small() -> OwnBlocks:
    drive = make_controller("kda50").firmware.drives["RA70"]
    return OwnBlocks(replace(drive, block_count=BLOCKS, rct_size=4, rct_copies=2, rbns=RBNS), 7)


def make_once() -> tuple[OwnStore, list[Kept]]:
    """Make a store that is there again for the next unit."""
    made: list[Kept] = []

    def store(count: int) -> BlockDevice:
        if not made:
            made.append(Kept(count))
        return made[0]

    return store, made


def test_table_replaced_blocks_and_marks_are_there_again_when_the_medium_comes_back() -> None:
    store, made = make_once()
    host = host_of(controller_with(store, 77))
    host.ram.write(DATA, b"\xa5" * 512)
    assert status(host.write(BLOCKS + 3, 512)) == 0
    assert replace_block(host, 77, 9) == 0
    assert status(host.write(77, 512)) == 0
    assert status(host.write(500, 1024, modifiers=0x1000)) == 0
    host.controller.detach_unit(0)
    assert made[0].closed == 1

    host = host_of(controller_with(store, 77))
    host.ram.write(DATA, bytes(512))
    assert status(host.read(BLOCKS + 3, 512)) == 0
    assert host.ram.read(DATA, 512) == b"\xa5" * 512
    host.ram.write(DATA, bytes(512))
    assert status(host.read(77, 512)) == 0
    assert host.ram.read(DATA, 512) == b"\xa5" * 512
    assert (status(end := host.read(499, 1024)), byte_count(end)) == (0x0008, 512)
    assert status(host.read(BLOCKS + 2, 512)) == 0
    assert host.ram.read(DATA, 4) == bytes(4), "the rest of the table is fresh"
    assert status(host.read(BLOCKS, 512)) == 0
    assert host.ram.read(DATA, 8) == longwords(0x1234, 0)


def test_in_memory_all_is_gone_with_the_medium() -> None:
    host = host_of(controller_with(None))
    host.write(5, 512, modifiers=0x1000)
    assert status(host.read(5, 512)) == 0x0008
    medium = host.controller.detach_unit(0)
    host.controller.load_unit(0, medium)
    host.online()
    assert status(host.read(5, 512)) == 0


def test_a_store_of_another_drive_is_refused_and_nothing_is_plugged_in() -> None:
    store, made = make_once()
    host = host_of(controller_with(store))
    host.write(5, 512, modifiers=0x1000)
    controller = make_controller("kda50")
    drive = replace(controller.firmware.drives["RA70"], block_count=900, rct_size=4, rct_copies=7, rbns=RBNS)
    with pytest.raises(ValueError, match="is of a drive of 1000 blocks, an RA70 has 900"):
        controller.attach_unit(0, MemoryDevice(900), drive, own_store=store)
    assert (controller.units, made[0].closed) == ({}, 1)
    made[0].content[:8] = b"NOT OURS"
    with pytest.raises(ValueError, match="is not a drive's own blocks"):
        controller_with(store)
    with pytest.raises(ValueError, match="blocks of its own"):
        controller_with(lambda count: MemoryDevice(count - 1))


class Full(MemoryDevice):
    """A store that takes no writes any more."""

    full = False

    def submit(self, request: BlockRequest) -> None:
        if self.full and request.function in (1, 4):
            request.done(MediumError("no room"))
        else:
            super().submit(request)


def test_a_store_that_fails_is_a_drive_error_of_the_command_that_needed_it() -> None:
    stores: list[Full] = []

    def store(count: int) -> BlockDevice:
        stores.append(Full(count))
        return stores[0]

    host = host_of(controller_with(store))
    host.write(9, 512, modifiers=0x1000)
    stores[0].full = True
    for end in (
        host.write(5, 512, modifiers=0x1000),
        host.transfer(0x12, 5, 512, modifiers=0x1000),
        host.write(9, 512),
        host.write(BLOCKS, 512),
    ):
        assert (status(end), byte_count(end)) == (0x000B, 0)
    assert replace_block(host, 7, 1) == 0x000B
    assert status(host.ask(0x13, parameters=bytes(20))) == 0x000B, "FLUSH is of these blocks too"
    assert host.controller.units[0].replaced_lbns == [], "what could not be kept has not happened"
    assert status(host.write(100, 512)) == 0, "what needs nothing of it goes on"


def test_more_extents_than_there_is_room_for_are_refused() -> None:
    own = small()
    pairs = [(2 * index, 2 * index + 1) for index in range(FORCED_EXTENTS)]
    own.save_forced_extents(pairs)
    assert own.forced_extents() == pairs
    with pytest.raises(MediumError):
        own.save_forced_extents([*pairs, (100_000, 100_001)])


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)), max_size=RBNS),
    st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)), max_size=200),
)
def test_lists_of_any_length_come_back_and_do_not_touch_each_other(
    revectors: list[tuple[int, int]], extents: list[tuple[int, int]]
) -> None:
    own = small()
    own.save_forced_extents([(1, 2)] * 300)
    own.save_revectors(revectors)
    own.save_forced_extents(extents)
    for rbn in (0, RBNS - 1):
        own.clear_replacement(rbn)
    for index in range(8):
        own.write_table(index, bytes([index]) * 512)
    assert (own.revectors(), own.forced_extents()) == (revectors, extents)
    assert [own.read_table(index) for index in range(8)] == [bytes([index]) * 512 for index in range(8)]


def test_both_ports_of_a_drive_know_what_it_keeps_also_after_it_was_loaded_again() -> None:
    store, _ = make_once()
    one = controller_with(store)
    other = Controller(one.clock, one.tracer, "PUB", one.firmware, 2)
    other.attach_path(one.units[0], one)
    host = host_of(one)
    host.write(5, 512, modifiers=0x1000)
    one.load_unit(0, one.detach_unit(0), store)
    assert status(host.online()) == 0
    assert status(host.read(5, 512)) == 0x0008
    host.ask(0x08)
    assert status(host_of(other).read(5, 512)) == 0x0008


# ---- the file


def test_there_is_no_file_until_there_is_something_to_keep(tmp_path: Path) -> None:
    image = tmp_path / "a.dsk"
    host = host_of(controller_with(own_file(str(image))))
    host.write(5, 512)
    host.read(BLOCKS, 512)
    assert status(host.transfer(0x13, 0, 512)) == 0  # FLUSH
    host.controller.detach_unit(0)
    assert list(tmp_path.iterdir()) == []
    host = host_of(controller_with(own_file(str(image))))
    host.write(5, 512, modifiers=0x1000)
    host.controller.detach_unit(0)
    assert [path.name for path in tmp_path.iterdir()] == ["a.dsk.rct"]
    host = host_of(controller_with(own_file(str(image))))
    assert status(host.read(5, 512)) == 0x0008


def test_a_file_that_is_something_else_is_refused(tmp_path: Path) -> None:
    beside = tmp_path / "a.dsk.rct"
    beside.write_bytes(b"a letter" + bytes(504))
    with pytest.raises(ImageError):
        controller_with(own_file(str(tmp_path / "a.dsk")))


def test_a_write_protected_image_gets_no_file(tmp_path: Path) -> None:
    device = own_file(str(tmp_path / "a.dsk"), write_protected=True)(10)
    own = small()
    own.store = device
    with pytest.raises(MediumError):
        own.clear_replacement(0)
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_as_long_as_the_drive_keeps_blocks_and_mostly_a_hole(tmp_path: Path) -> None:
    controller = make_controller("kda50")
    drive = controller.firmware.drives["RA81"]
    own = OwnBlocks(drive, 1, own_file(str(tmp_path / "a.dsk"))(own_block_count(drive)))
    own.save_forced_extents([(5, 6)])
    state = (tmp_path / "a.dsk.rct").stat()
    assert state.st_size == 512 * own_block_count(drive)
    assert state.st_blocks * 512 < state.st_size / 4
    own.store.close()


def test_the_table_reads_as_it_did_before_anything_was_kept() -> None:
    own = small()
    before = [own.read_table(index) for index in range(8)]
    own.save_forced_extents([])
    assert [own.read_table(index) for index in range(8)] == before
    assert word(before[0], 0) == 7
