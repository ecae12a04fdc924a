"""Seek, rotation and transfer of a drive with an arm, against its figures and against arithmetic by hand."""

from dataclasses import replace

import pytest
from check_block_device import Asked
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.core.block import BlockRequest, Function
from emu.core.chance import Chance
from emu.core.clock import MILLISECOND_NS, Scheduler
from emu.media.mechanics import Arm, Mechanics
from emu.media.memory import MemoryDevice
from emu.media.slow import SlowDevice
from emu.shells.firmware_files import known_firmware, load_firmware
from emu.sim.world import mechanics_of

# 6000 rpm: 10 ms a revolution; 10 blocks a track, so 1 ms a block; 2 tracks a cylinder, 100 cylinders.
ROUND = Mechanics(10, 20, 100, 6000, 1 * MILLISECOND_NS, 5 * MILLISECOND_NS, 9 * MILLISECOND_NS)
MS = MILLISECOND_NS
DRIVES = sorted(
    {drive.name: drive for name in known_firmware() for drive in load_firmware(name).drives.values()}.items()
)
MOVING = [(name, drive) for name, drive in DRIVES if drive.rpm]


def read(lbn: int, blocks: int = 1) -> BlockRequest:
    return Asked(Function.READ, lbn, 512 * blocks)


def test_the_published_seeks_are_met() -> None:
    assert [ROUND.seek_ns(distance) for distance in (0, 1, 33, 99)] == [0, 1 * MS, 5 * MS, 9 * MS]


def test_a_block_under_the_head_takes_its_own_time() -> None:
    assert Arm(ROUND).access_time_ns(read(0), 0) == 1 * MS


def test_a_block_that_has_just_gone_by_takes_a_revolution() -> None:
    arm = Arm(ROUND)
    arm.access_time_ns(read(0), 0)
    assert arm.access_time_ns(read(0), 1 * MS) == 9 * MS + 1 * MS


def test_the_platter_turns_while_the_drive_waits() -> None:
    assert Arm(ROUND).access_time_ns(read(4), 1_000_000 * MS + 2 * MS) == 2 * MS + 1 * MS


def test_what_comes_next_is_waited_for_not_at_all() -> None:
    arm, now = Arm(ROUND), 0
    for lbn in range(0, 40, 4):
        now += arm.access_time_ns(read(lbn, 4), now)
    assert now == 40 * MS + 1 * MS, "forty blocks, and one seek between the two cylinders"


def test_a_seek_goes_from_where_the_last_transfer_ended() -> None:
    arm = Arm(ROUND)
    arm.access_time_ns(read(0, 60), 0)
    assert arm.cylinder == 2
    now = 100 * MS
    time = arm.access_time_ns(read(40), now)
    assert time <= 10 * MS + 1 * MS, "no seek: cylinder 2 has block 40"


def test_a_flush_and_nothing_take_no_time() -> None:
    arm = Arm(ROUND)
    assert arm.access_time_ns(Asked(Function.FLUSH), 5) == 0
    assert arm.access_time_ns(read(7, 0), 5) == 0


@settings(deadline=None, max_examples=200)
@given(st.integers(0, 1979), st.integers(1, 20), st.integers(0, 10**12), st.integers(0, 99))
def test_an_access_is_a_seek_less_than_a_revolution_and_the_transfer(
    lbn: int, blocks: int, now_ns: int, cylinder: int
) -> None:
    arm = Arm(ROUND)
    arm.cylinder = cylinder
    seek = ROUND.seek_ns(abs(lbn // 20 - cylinder))
    time = arm.access_time_ns(read(lbn, blocks), now_ns)
    wait = time - seek - ROUND.transfer_ns(lbn, blocks)
    assert 0 <= wait < 10 * MS
    assert (now_ns + seek + wait - ROUND.stream_ns(lbn)) % (10 * MS) == 0, "the block is under the head"


@pytest.mark.parametrize(("name", "drive"), MOVING, ids=[name for name, _ in MOVING])
def test_a_longer_seek_takes_no_less_on_any_drive(name: str, drive: object) -> None:
    mechanics = mechanics_of(drive)  # type: ignore[arg-type]
    assert mechanics is not None
    times = [mechanics.seek_ns(distance) for distance in range(mechanics.cylinders)]
    assert times == sorted(times)
    assert times[1] == mechanics.seek_one_ns
    assert times[-1] <= mechanics.seek_full_ns


@pytest.mark.parametrize(("name", "drive"), MOVING, ids=[name for name, _ in MOVING])
def test_random_blocks_take_the_average_seek_and_half_a_revolution(name: str, drive: object) -> None:
    mechanics = mechanics_of(drive)  # type: ignore[arg-type]
    assert mechanics is not None
    stream, arm, now = Chance(1).stream(name), Arm(mechanics), 0
    for _ in range(400):
        now += arm.access_time_ns(
            read(stream.randrange(mechanics.cylinders * mechanics.cylinder_blocks)), now
        )
    wanted = mechanics.seek_average_ns + mechanics.revolution_ns / 2 + mechanics.block_ns
    assert now / 400 == pytest.approx(wanted, rel=0.2)


def test_an_ra81_reads_at_the_rate_it_is_known_for() -> None:
    mechanics = mechanics_of(dict(DRIVES)["RA81"])
    assert mechanics is not None
    seconds = mechanics.transfer_ns(0, 891_072) / 1e9
    # 51 blocks in 16.7 ms: 1.57 million bytes a second, less a seek for every 714 blocks.
    assert 891_072 * 512 / seconds == pytest.approx(1_520_000, rel=0.03)


def test_drives_without_an_arm_or_figures_have_no_mechanics() -> None:
    assert {name for name, drive in DRIVES if mechanics_of(drive) is None} == {
        "ESE20", "ESE52", "ESE56", "ESE58", "RX18",
    }  # fmt: skip


def test_a_device_serves_by_its_arm_in_virtual_time() -> None:
    clock, log = Scheduler(), []

    class Noted(Asked):
        def done(self, error: object) -> None:
            assert error is None
            log.append((self.lbn, clock.now_ns))

    device = SlowDevice.of_drive(MemoryDevice(2000), ROUND, clock)
    for lbn in (0, 1, 20):
        device.submit(Noted(Function.READ, lbn, 512, [memoryview(bytearray(512))]))
    clock.run_for(100 * MS)
    assert log == [(0, 1 * MS), (1, 2 * MS), (20, 12 * MS)], "a seek of 1 ms, and the block comes by at 11 ms"


@pytest.mark.parametrize(
    "more",
    [{"rpm": 0}, {"track_blocks": 0}, {"cylinder_blocks": 5}, {"seek_one_ns": 10**12}, {"cylinders": 0}],
)
def test_figures_of_no_disk_are_refused(more: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"drive|seek"):
        replace(ROUND, **more)  # type: ignore[arg-type]
