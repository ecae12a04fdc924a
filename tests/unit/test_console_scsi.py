"""SCSI disks at the `$` prompt: a set on $1$DKAn:, two Alphas on one bus, a VAX that they are served to."""

import re

import pytest

from emu.console.interpreter import Interpreter
from emu.media.memory import MemoryDevice
from emu.media.slow import BLOCK_NS, SEEK_NS, SlowDevice, fixed_times
from emu.shells.firmware_files import load_scripts
from emu.sim.storage_shelf import HSZ
from emu.sim.world import SERVES_DISKS, World
from tests.unit.test_console import BLOCKS, BOOT_TIME, Console, MemoryFiles

A, B, C = "$1$DKA100:", "$1$DKA101:", "$1$DKA200:"


class ScsiConsole(Console):
    """ALPHA1 and ALPHA2 on one bus, with two disks at one target and one at another; VAX1 has no controller."""

    def __init__(self) -> None:
        self.world = World(boot_time=BOOT_TIME)
        shelf = self.world.add_shelf()
        self.media = [MemoryDevice(BLOCKS) for _ in range(3)]
        for (target, lun), medium in zip(((1, 0), (1, 1), (2, 0)), self.media, strict=True):
            slow = SlowDevice(medium, self.world.clock, fixed_times(SEEK_NS, BLOCK_NS))
            shelf.add_disk(target, slow, HSZ, lun=lun)
        for number in (1, 2):
            self.world.add_alpha(
                f"ALPHA{number}",
                shelves=[shelf],
                program=load_scripts("pke"),
                scsi_id=8 - number,
                memory_bytes=2 << 20,
                parameters=SERVES_DISKS,
            )
        self.world.add_vax("VAX1", memory_bytes=2 << 20)
        self.world.boot()
        self.files = MemoryFiles()
        self.lines = []
        self.answers = []
        self.prompts = []
        self.interpreter = Interpreter(self.world, self.files, self.lines.append, self._ask)


@pytest.fixture
def console() -> ScsiConsole:
    console = ScsiConsole()
    console.well(f"INITIALIZE/SHADOW=({A},{B}) PAY", f"MOUNT/CLUSTER DSA1:/SHADOW=({A},{B}) PAY")
    return console


def test_a_set_on_scsi_disks_is_mounted_on_every_node(console: ScsiConsole) -> None:
    for node in ("ALPHA1", "ALPHA2", "VAX1"):
        console.well(f"SET HOST {node}")
        said = console.well("SHOW DEVICE D")
        assert sum("ShadowSetMember" in line for line in said) == 2
        console.well("LOAD DSA1:/WRITES=20")
    console.well("WAIT/LOAD")
    loads = [line.split() for line in console.well("SHOW LOAD")[1:]]
    assert [(load[1], load[2], load[3], load[6]) for load in loads] == [
        (node, "ended", "20", "0") for node in ("ALPHA1", "ALPHA2", "VAX1")
    ]


def test_a_member_leaves_with_a_bitmap_and_returns_by_minicopy(console: ScsiConsole) -> None:
    console.well(f"DISMOUNT/POLICY=MINICOPY {B}", "LOAD DSA1:/WRITES=30", "WAIT/LOAD")
    assert "00010001" in console.well("SHOW DEVICE/BITMAP DSA1:")[2]
    assert "SHDWMEMMCPY" in console.well(f"MOUNT/POLICY=MINICOPY DSA1:/SHADOW={B} PAY")[0]
    console.well("WAIT DSA1:", "DISMOUNT/CLUSTER DSA1:")
    assert are_equal(console.media[:2])


def test_a_disk_at_another_target_becomes_a_member_and_has_no_errors(console: ScsiConsole) -> None:
    console.well(f"MOUNT DSA1:/SHADOW={C} PAY")
    assert "ShadowCopying        0" in "".join(console.well("SHOW DEVICE DSA1:"))
    console.well("WAIT DSA1:")
    members = [line for line in console.well("SHOW DEVICE DSA1:") if "ShadowSetMember" in line]
    assert [line.split()[3] for line in members] == ["0", "0", "0"]
    console.well("DISMOUNT/CLUSTER DSA1:")
    assert are_equal(console.media)


def test_what_names_no_scsi_disk_is_refused(console: ScsiConsole) -> None:
    assert console.refused("MOUNT DSA1:/SHADOW=$1$DKA7: PAY") == ["MOUNT-F-NOSUCHDEV"]
    assert console.refused("MOUNT DSA1:/SHADOW=$1$DKB100: PAY") == ["MOUNT-F-NOSUCHDEV"]
    assert console.refused("DISMOUNT $1$DKA200:") == ["DISM-W-CANNOTDMT", "SYSTEM-F-DEVNOTMOUNT"]


def test_the_adapter_is_shown(console: ScsiConsole) -> None:
    said = " ".join(console.well("SHOW DEVICE PKA0:"))
    assert said.startswith("Device PKA0:, 53C810 SCSI adapter, ")
    assert re.search(r"SCSI identifier +7 ", said)
    assert re.search(r"Units +3 ", said)
    console.well("SET HOST VAX1")
    assert console.refused("SHOW DEVICE PKA0:") == ["SYSTEM-W-NOSUCHDEV"]


def are_equal(media: list[MemoryDevice]) -> bool:
    return all(bytes(medium.content) == bytes(media[0].content) for medium in media)
