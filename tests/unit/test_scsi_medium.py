"""The medium as a whole: eject and load, prevent, FORMAT UNIT, SANITIZE, EXTENDED COPY."""

import pytest

from emu.core.trace import BlocksMoved
from emu.media.faulty import DeadFrom, FaultyDevice
from emu.media.memory import MemoryDevice
from tests.unit.scsi_initiator import GOOD, Stage

READY = "00 00 00 00 00 00"
EJECT, LOAD, STOP, START = "1b 00 00 00 02 00", "1b 00 00 00 03 00", "1b 00 00 00 00 00", "1b 00 00 00 01 00"
PREVENT, ALLOW = "1e 00 00 00 01 00", "1e 00 00 00 00 00"
ONE = b"\x11" * 512


@pytest.fixture
def stage():
    return Stage(removable=True)


def read(stage, lba, count, lun=0):
    return stage.good(f"28 00 {lba:08x} 00 {count:04x} 00", lun=lun)


def write(stage, lba, data, lun=0):
    stage.good(f"2a 00 {lba:08x} 00 {len(data) // 512:04x} 00", data, lun=lun)


# ---- eject and load


def test_an_ejected_medium_is_not_present(stage):
    other = stage.initiator("other")
    stage.good(EJECT)
    stage.good(EJECT)
    for cdb in (
        READY, "35 06 00000000 00 0001 00", "91 06" + "00" * 14, "28 00 00000000 00 0001 00", "2a" + "00" * 9,
        "2e 02 00000000 00 0001 00", "2f 02 00000000 00 0001 00", "9e 12" + "00" * 14, "34" + "00" * 9,
        "8b" + "00" * 15, "89" + "00" * 15, "41" + "00" * 9, "93" + "00" * 15, "42" + "00" * 9, "25" + "00" * 9,
        "9e 10" + "00" * 8 + "0000000f 0000",
    ):  # fmt: skip
        assert stage.refused(cdb, ONE) == "02/3a/02", cdb
    stage.good("12 00 00 00 24 00")
    stage.good(LOAD)
    stage.good(READY)
    assert stage.refused(READY, nexus=other) == "06/28/00"


def test_prevention_is_the_or_of_all_nexuses(stage):
    other = stage.initiator("other")
    stage.good(PREVENT)
    stage.good(PREVENT, nexus=other)
    assert stage.refused(EJECT) == "05/53/02"
    stage.good(ALLOW)
    assert stage.refused(EJECT) == "05/53/02"
    stage.target.disconnect(other)
    stage.good(EJECT)


@pytest.mark.parametrize("function", [5, 6, 7, 11])
def test_resets_end_prevention(stage, function):
    stage.good(PREVENT)
    stage.target.manage(function, stage.nexus, 0)
    stage.ask(READY)
    stage.good(EJECT)


def test_loading_is_prevented_too(stage):
    stage.good(EJECT)
    stage.good(PREVENT)
    assert stage.refused(LOAD) == "05/53/02"


def test_a_power_condition_ejects_nothing(stage):
    stage.good("1b 00 00 00 22 00")
    stage.good(READY)


def test_a_fixed_disk_cannot_be_ejected_but_stopped():
    stage = Stage()
    assert stage.refused(EJECT) == "05/24/00"
    stage.good(STOP)
    stage.good(READY)
    stage.good(START)


def test_a_medium_can_be_taken_out_and_put_in(stage):
    medium = stage.unit.remove()
    assert medium is stage.medium
    assert stage.refused(READY) == "02/3a/00"
    assert stage.refused(LOAD) == "02/3a/00"
    stage.unit.insert(MemoryDevice(77))
    assert stage.refused(READY) == "06/28/00"
    assert stage.good("25" + "00" * 9).hex() == "0000004c00000200"
    stage.unit.insert(MemoryDevice(78))
    assert stage.refused(READY) == "06/2a/09"


# ---- format and sanitize


def test_format_leaves_zeros(stage):
    write(stage, 5, ONE)
    stage.good("04 00 00 00 00 00")
    assert read(stage, 5, 1) == bytes(512)


def test_an_immediate_format_tells_how_far_it_is():
    stage = Stage(blocks=400_000)
    stage.good("04 10 00 00 00 00", b"\x00\x02\x00\x00")
    assert stage.refused(READY) == "02/04/04"
    sense = stage.good("03 00 00 00 12 00")
    assert sense[2] == 0x02
    assert sense[15] == 0x80
    assert 0 < int.from_bytes(sense[16:18], "big") < 65535
    stage.clock.run_until(lambda: stage.unit.operation is None)
    stage.good(READY)


def test_overwrite_writes_its_pattern_and_lets_nothing_else_happen():
    stage = Stage(blocks=5000)
    stage.good("48 81 00000000 00 0006 00", b"\x83\x00\x00\x02\xab\xcd")
    for cdb in (READY, "28" + "00" * 9, START, "1a 00 0a 00 ff 00"):
        assert stage.refused(cdb) == "02/04/1b"
    stage.good("12 00 00 00 24 00")
    stage.good("a0 00 00 00 00 00 00 00 00 10 00 00")
    stage.target.manage(5, stage.nexus, 0)
    assert stage.refused(READY) == "06/29/03"
    assert stage.refused(READY) == "02/04/1b"
    stage.clock.run_until(lambda: stage.unit.operation is None)
    assert read(stage, 4999, 1) == b"\xab\xcd" * 256


def test_a_sanitize_command_ends_with_its_operation(stage):
    write(stage, 5, ONE)
    task = stage.start("48 02 00000000 00 0000 00")
    assert not task.ends
    stage.clock.run_until(lambda: task.ends)
    assert task.status == GOOD
    assert read(stage, 5, 1) == bytes(512)


def test_sanitize_goes_on_without_its_command(stage):
    task = stage.start("48 01 00000000 00 0005 00", b"\x01\x00\x00\x01\x55")
    stage.target.manage(1, stage.nexus, 0, task.tag)
    assert task.was_aborted
    stage.clock.run_until(lambda: stage.unit.operation is None)
    assert read(stage, 999, 1) == b"\x55" * 512


@pytest.mark.parametrize(
    ("cdb", "data", "why"),
    [
        ("48 01 00000000 00 0004 00", b"\x01\x00\x00\x01", "05/24/00"),
        ("48 01 00000000 00 0205 00", bytes(517), "05/24/00"),
        ("48 01 00000000 00 0005 00", b"\x00\x00\x00\x01\x55", "05/26/00"),
        ("48 01 00000000 00 0005 00", b"\x01\x00\x00\x00\x55", "05/26/00"),
        ("48 02 00000000 00 0001 00", b"\x00", "05/24/00"),
        ("48 1f 00000000 00 0008 00", bytes(8), "05/24/00"),
        ("48 04 00000000 00 0000 00", b"", "05/24/00"),
        ("48 42 00000000 00 0000 00", b"", "05/24/00"),
    ],
)
def test_wrong_sanitize_commands(stage, cdb, data, why):
    assert stage.refused(cdb, data) == why


def test_a_failed_sanitize_is_told_until_it_is_left():
    stage = Stage(medium=FaultyDevice(MemoryDevice(1000), [DeadFrom(0)]))
    assert stage.refused("48 02 00000000 00 0000 00") == "03/31/03"
    assert stage.refused(READY) == "03/31/03"
    assert stage.refused("48 02 00000000 00 0000 00") == "03/31/03"
    stage.good("48 1f 00000000 00 0000 00")
    stage.good(READY)


# ---- EXTENDED COPY


def target_descriptor(stage, lun=0, kind=0xE4, device=0):
    page = stage.good("12 01 83 00 ff 00", lun=lun)
    return bytes((kind, device, 0, 0, 1, 3, 0, 8)) + page[8:16].ljust(20, b"\0") + b"\x00\x00\x02\x00"


def segment(source, destination, blocks, source_lba, destination_lba, kind=2, flags=0):
    return (
        bytes((kind, flags)) + b"\x00\x18" + source.to_bytes(2, "big") + destination.to_bytes(2, "big") + bytes(2)
        + blocks.to_bytes(2, "big") + source_lba.to_bytes(8, "big") + destination_lba.to_bytes(8, "big")
    )  # fmt: skip


def copy(stage, targets, segments, usage=0, identifier=1):
    targets, segments = b"".join(targets), b"".join(segments)
    header = bytes((identifier, usage << 3)) + len(targets).to_bytes(2, "big") + bytes(4)
    data = header + len(segments).to_bytes(4, "big") + bytes(4) + targets + segments
    return stage.ask("83 00" + "00" * 8 + f"{len(data):08x} 00 00", data)


@pytest.fixture
def pair():
    stage = Stage()
    stage.target.attach(1, stage.make_unit("SN2", MemoryDevice(1000)))
    assert stage.refused(READY) == "06/3f/0e"
    assert stage.refused(READY, lun=1) == "06/29/00"
    return stage


def test_blocks_go_from_unit_to_unit(pair):
    write(pair, 10, ONE * 5)
    moved = []
    pair.tracer.subscribe(moved.append)
    targets = [target_descriptor(pair, 0), target_descriptor(pair, 1)]
    assert copy(pair, targets, [segment(0, 1, 3, 10, 20), segment(0, 1, 0, 0, 0)]).status == GOOD
    assert read(pair, 20, 4, lun=1) == ONE * 3 + bytes(512)
    assert BlocksMoved(pair.clock.now_ns, "SN1", "COPY", 0, 20, 1536) in moved
    status = pair.good("84 00 01" + "00" * 7 + "000000ff 00 00")
    assert status.hex() == "00000008" + "01" + "0002" + "01" + "00000001"
    assert pair.refused("84 00 01" + "00" * 7 + "000000ff 00 00") == "05/24/00"


def test_operating_parameters_hold(pair):
    data = pair.good("84 03 00" + "00" * 7 + "000000ff 00 00")
    assert len(data) == 46
    assert data[:20].hex() == "0000002a" + "01000000" + "0010" + "0010" + "00000800" + "04000000"
    assert data[43:].hex() == "0202e4"
    one, move = target_descriptor(pair), segment(0, 0, 1, 0, 9)
    assert copy(pair, [one] * 16, [move] * 16).status == GOOD
    assert copy(pair, [one] * 17, [move]).why == "05/26/06"
    assert copy(pair, [one], [move] * 17).why == "05/26/08"
    assert copy(pair, [one] * 17, [move] * 60).why == "05/1a/00"


def test_descriptors_that_are_not_known(pair):
    one, move = target_descriptor(pair), segment(0, 0, 1, 0, 9)
    assert copy(pair, [target_descriptor(pair, kind=0xE0)], [move]).why == "05/26/07"
    assert copy(pair, [one], [segment(0, 0, 1, 0, 9, kind=3)]).why == "05/26/09"
    assert copy(pair, [target_descriptor(pair, device=0xC0)], [move]).status == GOOD
    assert copy(pair, [one], [move], usage=3).why == "05/26/00"
    assert pair.refused("83 00" + "00" * 8 + "0000000f 00 00", bytes(15)) == "05/1a/00"
    assert pair.good("83 00" + "00" * 14) == b""


def test_copies_that_cannot_be_done(pair):
    one, two = target_descriptor(pair), target_descriptor(pair, 1)
    lost = one[:8] + b"\x33lost..." + one[16:]
    assert copy(pair, [one], [segment(0, 1, 1, 0, 9)]).why == "0a/0d/02"
    assert copy(pair, [one, lost], [segment(0, 1, 1, 0, 9)]).why == "0a/0d/02"
    task = copy(pair, [one, two], [segment(0, 1, 1, 0, 9), segment(0, 1, 2, 0, 999)])
    assert task.why == "0a/00/00"
    assert task.sense[8:12] == b"\x00\x00\x00\x01"
    pair.unit.write_protect_switch = True
    assert pair.ask("83 00" + "00" * 14).status == GOOD
    assert copy(pair, [one, two], [segment(1, 0, 1, 0, 9)]).why == "0a/0d/01"


def test_another_ones_reservation_keeps_a_copy_out(pair):
    stranger = pair.initiator("stranger")
    pair.good("16 00 00 00 00 00", nexus=stranger, lun=1)
    targets = [target_descriptor(pair, 0), target_descriptor(pair, 1)]
    assert copy(pair, targets, [segment(0, 1, 1, 0, 9)]).why == "0a/0d/01"
