"""Blocks: READ, WRITE, VERIFY, COMPARE AND WRITE, WRITE SAME, UNMAP, READ LONG, and how they fail."""

import pytest

from emu.hw.scsi.profiles import PROFILES
from emu.media.faulty import BadBlocks, FaultyDevice
from emu.media.file import FileDevice
from emu.media.memory import MemoryDevice
from tests.unit.scsi_initiator import CHECK_CONDITION, GOOD, Cells, Stage

ONE, TWO = b"\x11" * 512, b"\x22" * 512
READS = {
    "28": "28 {f} {a} 00 {n} 00",
    "a8": "a8 {f} {a} 00 00 {n} 00 00",
    "88": "88 {f} 00000000 {a} 0000 {n} 00 00",
}
WRITES = {"2a": READS["28"], "aa": READS["a8"], "8a": READS["88"]}
VERIFIES = {"2f": READS["28"], "af": READS["a8"], "8f": READS["88"]}
AND_VERIFY = {"2e": READS["28"], "ae": READS["a8"], "8e": READS["88"]}
ALL = READS | WRITES | VERIFIES | AND_VERIFY


def cdb(opcode, lba, count, flags=0):
    text = ALL[opcode].format(f=f"{flags:02x}", a=f"{lba:08x}", n=f"{count:04x}")
    return opcode + text.replace(" ", "")[2:]


@pytest.mark.parametrize(("write", "read"), [*zip(WRITES, READS, strict=True)])
def test_what_was_written_is_read(write, read):
    stage = Stage()
    assert stage.good(cdb(write, 7, 2), ONE + TWO) == b""
    assert stage.good(cdb(read, 6, 4)) == bytes(512) + ONE + TWO + bytes(512)


def test_six_bytes_name_21_bits_of_lba_and_up_to_256_blocks():
    stage = Stage(blocks=1 << 17)
    stage.good("0a 01 00 05 01 00", ONE)
    assert stage.good("28 00 00 01 00 05 00 00 01 00") == ONE
    assert len(stage.good("08 00 00 00 00 00")) == 256 * 512


@pytest.mark.parametrize("opcode", ALL)
def test_nothing_is_legal_up_to_the_very_end_and_no_further(opcode):
    stage = Stage()
    stage.good(cdb(opcode, 0, 0))
    stage.good(cdb(opcode, 1000, 0))
    for lba, count in ((1001, 0), (0x80000000, 0), (0xFFFFFFFF, 0), (999, 2), (1000, 1)):
        assert stage.refused(cdb(opcode, lba, count), ONE * 2) == "05/21/00"


@pytest.mark.parametrize("opcode", ALL)
def test_every_protect_value_is_refused(opcode):
    stage = Stage()
    for protect in range(1, 8):
        assert stage.refused(cdb(opcode, 0, 1, protect << 5), ONE) == "05/24/00"


@pytest.mark.parametrize("opcode", READS | WRITES)
def test_dpo_and_fua_are_taken(opcode):
    Stage().good(cdb(opcode, 0, 1, 0x18), ONE)


def test_an_initiator_that_sends_less_writes_whole_blocks_only():
    stage = Stage()
    stage.good(cdb("2a", 0, 3), ONE * 3)
    stage.good(cdb("2a", 0, 3), (TWO * 3)[:1000])
    assert stage.good(cdb("28", 0, 3)) == TWO + ONE * 2


def test_verify_compares_only_if_it_is_told_to():
    stage = Stage()
    stage.good(cdb("2a", 0, 2), ONE + TWO)
    stage.good(cdb("2f", 0, 2), TWO * 2)
    stage.good(cdb("2f", 0, 2, 0x02), ONE + TWO)
    assert stage.refused(cdb("2f", 0, 2, 0x02), ONE + ONE) == "0e/1d/00"
    assert stage.refused(cdb("2f", 0, 2, 0x04), ONE + ONE) == "05/24/00"
    assert stage.refused(cdb("2f", 0, 2, 0x06), ONE) == "0e/1d/00"
    stage.good(cdb("2f", 1, 1, 0x06), TWO)


def test_write_and_verify_writes():
    stage = Stage()
    stage.good(cdb("2e", 3, 1, 0x02), ONE)
    assert stage.good(cdb("28", 3, 1)) == ONE


def test_compare_and_write_writes_if_equal():
    stage = Stage()
    stage.good("89 00" + "0000000000000004" + "000000 02 00 00", bytes(1024) + ONE + TWO)
    assert stage.good(cdb("28", 4, 2)) == ONE + TWO


def test_a_miscompare_tells_the_first_byte_that_differs_and_writes_nothing():
    stage = Stage()
    data = bytes(700) + b"\x01" + bytes(323) + ONE * 2
    task = stage.ask("89 00" + "0000000000000004" + "000000 02 00 00", data)
    assert task.why == "0e/1d/00"
    assert task.sense[0] == 0xF0
    assert task.sense[3:7] == (700).to_bytes(4, "big")
    assert stage.good(cdb("28", 4, 2)) == bytes(1024)


def test_compare_and_write_wants_exactly_its_data():
    stage = Stage()
    refused = stage.refused("89 00" + "00" * 8 + "000000 01 00 00", bytes(2048), expected_out=2048)
    assert refused == "05/24/00"
    stage.good("89 00" + "00" * 8 + "000000 01 00 00", bytes(1024), expected_out=1024)


def test_orwrite_sets_bits():
    stage = Stage()
    stage.good(cdb("2a", 0, 1), b"\x0f" * 512)
    stage.good("8b 00" + "00" * 8 + "00000001 00 00", b"\x30" * 512)
    assert stage.good(cdb("28", 0, 1)) == b"\x3f" * 512


def test_write_same_repeats_a_block():
    stage = Stage(blocks=5000)
    stage.good("41 00 00000002 00 0003 00", ONE)
    assert stage.good(cdb("28", 1, 5)) == bytes(512) + ONE * 3 + bytes(512)
    stage.good("93 00" + f"{100:016x}" + f"{4900:08x}" + "00 00", TWO)
    assert stage.good(cdb("28", 99, 2)) == bytes(512) + TWO
    assert stage.good(cdb("28", 4999, 1)) == TWO
    stage.good("93 01" + f"{100:016x}" + f"{4900:08x}" + "00 00")
    assert stage.good(cdb("28", 100, 4900)) == bytes(4900 * 512)


def test_write_same_with_unmap_and_a_block_that_is_not_zero_writes_the_block():
    stage = Stage()
    stage.good("93 08" + "00" * 8 + "00000002 00 00", ONE)
    assert stage.good(cdb("28", 0, 2)) == ONE * 2


def test_write_same_wants_exactly_one_block():
    stage = Stage()
    for length in (256, 1024):
        refused = stage.refused("41 00 00000000 00 0001 00", bytes(length), expected_out=length)
        assert refused == "05/24/00"
    assert stage.refused("41 10 00000000 00 0001 00", ONE) == "05/24/00"
    assert stage.refused("41 00 00000000 00 0000 00", ONE) == "05/24/00"
    assert stage.refused("41 00 000003e9 00 0000 00", ONE) == "05/21/00"


def unmap_list(*extents):
    body = b"".join(lba.to_bytes(8, "big") + count.to_bytes(4, "big") + bytes(4) for lba, count in extents)
    return (len(body) + 6).to_bytes(2, "big") + len(body).to_bytes(2, "big") + bytes(4) + body


def unmap(stage, *extents):
    data = unmap_list(*extents)
    return stage.ask("42 00 00000000 00" + f"{len(data):04x}" + "00", data)


def test_unmapped_blocks_read_as_zeros():
    stage = Stage()
    stage.good(cdb("2a", 0, 10), ONE * 10)
    assert unmap(stage, (1, 2), (5, 0), (7, 1)).status == GOOD
    expected = [ONE if n not in (1, 2, 7) else bytes(512) for n in range(10)]
    assert stage.good(cdb("28", 0, 10)) == b"".join(expected)


def test_unmap_does_all_or_nothing():
    stage = Stage()
    stage.good(cdb("2a", 0, 1), ONE)
    assert unmap(stage, (0, 1), (999, 2)).why == "05/21/00"
    assert unmap(stage, *[(0, 1)] * 513).why == "05/26/00"
    assert stage.refused("42 00 00000000 00 0007 00", bytes(7)) == "05/1a/00"
    assert stage.good("42 00 00000000 00 0000 00") == b""
    assert stage.good(cdb("28", 0, 1)) == ONE
    assert unmap(stage, (1000, 0)).status == GOOD


def test_holes_of_an_image_are_seen_as_deallocated(tmp_path):
    medium = FileDevice.create(tmp_path / "thin.img", 4096)
    stage = Stage(medium=medium)
    stage.good(cdb("2a", 0, 64), ONE * 64)
    assert unmap(stage, (16, 16)).status == GOOD
    data = stage.good("9e 12" + "00" * 8 + "000000ff 00 00")
    assert int.from_bytes(data[:4], "big") == len(data) - 4
    extents = [
        (
            int.from_bytes(data[at : at + 8], "big"),
            int.from_bytes(data[at + 8 : at + 12], "big"),
            data[at + 12],
        )
        for at in range(8, len(data), 16)
    ]
    if extents != [(0, 4096, 0)]:  # a file system that does not tell
        assert extents == [(0, 16, 0), (16, 16, 1), (32, 32, 0), (64, 4032, 1)]
    assert stage.refused("9e 12" + "80" + "00" * 7 + "000000ff 00 00") == "05/21/00"
    medium.close()


def test_the_guilty_block_is_told_and_what_is_before_it_is_sent():
    stage = Stage(medium=FaultyDevice(MemoryDevice(1000), [BadBlocks([12])]))
    task = stage.ask(cdb("28", 10, 5))
    assert (task.status, task.why) == (CHECK_CONDITION, "03/11/00")
    assert task.sense[0] == 0xF0
    assert task.sense[3:7] == b"\x00\x00\x00\x0c"
    assert task.data_in == bytes(1024)
    assert stage.refused(cdb("2a", 10, 5), ONE * 5) == "03/0c/00"


def test_read_long_tells_the_right_length_by_ili():
    stage = Stage(PROFILES["RZ26"], block_count=1000)
    stage.good("3e 00 00000005 00 0000 00")
    task = stage.ask("3e 00 00000005 00 0210 00")
    assert task.why == "05/24/00"
    assert task.sense[0] == 0xF0
    assert task.sense[2] == 0x25
    assert task.sense[3:7] == (528 - 514).to_bytes(4, "big")
    short = stage.ask("3e 00 00000005 00 0200 00")
    assert short.sense[3:7] == (-2).to_bytes(4, "big", signed=True)
    assert len(stage.good("3e 00 00000005 00 0202 00")) == 514


def test_wrong_check_bytes_make_a_block_unreadable_until_it_is_written():
    cells = Cells()
    stage = Stage(PROFILES["RZ26"], block_count=1000, nonvolatile=cells)
    stage.good(cdb("2a", 5, 1), ONE)
    block = stage.good("3e 00 00000005 00 0202 00")
    stage.good("3f 00 00000005 00 0202 00", block)
    assert stage.good(cdb("28", 5, 1)) == ONE
    stage.good("3f 00 00000005 00 0202 00", ONE + b"\xa5\x5a")
    task = stage.ask(cdb("28", 4, 3))
    assert task.why == "03/11/00"
    assert task.sense[3:7] == b"\x00\x00\x00\x05"
    assert stage.good("3e 00 00000005 00 0202 00") == ONE + b"\xa5\x5a"
    again = Stage(PROFILES["RZ26"], stage.medium, nonvolatile=cells, block_count=1000)
    assert again.refused(cdb("2f", 5, 1)) == "03/11/00"
    again.good(cdb("2a", 5, 1), TWO)
    assert again.good(cdb("28", 5, 1)) == TWO


def test_a_block_marked_uncorrectable_is_so_until_it_is_written():
    stage = Stage()
    stage.good("3f 40 00000005 00 0000 00")
    assert stage.refused(cdb("28", 0, 10)) == "03/11/14"
    stage.good("07 00 00 00 00 00", b"\x00\x00\x00\x04\x00\x00\x00\x05")
    assert stage.good(cdb("28", 5, 1)) == bytes(512)


def test_write_atomic_checks_the_range_before_its_limit():
    stage = Stage(blocks=5000)
    stage.good("9c 00" + "00" * 8 + "0000 0200 00 00", ONE * 512)
    assert stage.refused("9c 00" + "00" * 8 + "0000 0201 00 00", ONE * 513) == "05/24/00"
    assert stage.refused("9c 00" + f"{4999:016x}" + "0000 0201 00 00", ONE) == "05/21/00"


def test_more_than_one_command_may_move_is_refused():
    stage = Stage(blocks=0x20000)
    assert stage.refused("88 00" + "00" * 8 + "00010001 00 00") == "05/24/00"


def test_a_block_may_have_2048_bytes_and_be_switched_to_512():
    medium = MemoryDevice(4000)
    stage = Stage(PROFILES["RRD42"], medium, block_bytes=2048)
    assert stage.good("25" + "00" * 9).hex() == "000003e700000800"
    assert len(stage.good("28 00 00000001 00 0001 00")) == 2048
    stage.good("15 10 00 00 0c 00", bytes.fromhex("00000008 00000000 00000200"))
    assert stage.good("25" + "00" * 9).hex() == "00000f9f00000200"
    assert stage.refused("2a 00 00000001 00 0001 00", ONE) == "05/20/00"


def test_a_write_protected_unit_refuses_whatever_writes():
    stage = Stage(medium=MemoryDevice(1000, write_protected=True))
    for text in (
        "0a 00 00 00 01 00",
        "2a 00 00000000 00 0001 00",
        "aa 00 00000000 00000001 00 00",
        "8a 00" + "00" * 8 + "00000001 00 00",
        "2e 00 00000000 00 0001 00",
        "41 00 00000000 00 0001 00",
        "41 08 00000000 00 0001 00",
        "93 09" + "00" * 8 + "00000001 00 00",
        "42 00 00000000 00 0018 00",
        "89 00" + "00" * 8 + "000000 01 00 00",
        "8b 00" + "00" * 8 + "00000001 00 00",
        "9c 00" + "00" * 8 + "0000 0001 00 00",
        "3f 40 00000000 00 0000 00",
        "04 00 00 00 00 00",
        "48 82 00000000 00 0000 00",
        "07 00 00 00 00 00",
    ):
        assert stage.refused(text, bytes(4096)) == "07/27/01", text
    assert stage.good("1a 00 0a 00 ff 00")[2] == 0x90
