"""Inquiry, mode and log pages, buffers and diagnostics: bytes typed from the standards."""

import pytest

from emu.hw.scsi.nonvolatile import NonvolatileError
from emu.hw.scsi.profiles import PROFILES
from emu.media.memory import MemoryDevice
from tests.unit.scsi_initiator import Cells, Stage

READY = "00 00 00 00 00 00"


def rz(name="RZ28M", **changes):
    return Stage(PROFILES[name], block_count=10000, **changes)


def test_an_rz28m_looks_like_one():
    data = rz().good("12 00 00 00 ff 00")
    assert data == bytes.fromhex("00000202 1f000002") + b"DEC     RZ28M    (C) DEC0568"


def test_an_rz23_is_a_scsi_1_device():
    stage = rz("RZ23")
    assert stage.good("12 00 00 00 ff 00")[2:4] == b"\x01\x01"
    assert len(stage.good("03 00 00 00 00 00")) == 4
    assert stage.refused("12 01 80 00 ff 00") == "05/24/00"


def test_real_capacities():
    last = {"RZ26": 2050859, "RZ25": 832526, "RZ55": 648437, "RRD42": 9}
    for name, lbn in last.items():
        profile = PROFILES[name]
        assert (profile.block_count or 10) == lbn + 1


def test_a_cd_is_removable_and_read_only():
    stage = Stage(PROFILES["RRD42"])
    assert stage.good("12 00 00 00 24 00")[:2] == b"\x05\x80"
    assert stage.good("1a 00 01 00 ff 00")[2] == 0x80


def test_a_medium_too_small_for_the_drive_is_refused():
    with pytest.raises(ValueError, match="RZ26 has 2050860 blocks, the medium only 100"):
        Stage(PROFILES["RZ26"], MemoryDevice(100))


@pytest.mark.parametrize("length", [0, 1, 5, 36, 95, 96, 512])
def test_an_allocation_length_only_cuts(length):
    stage = Stage()
    whole = stage.good("12 00 00 ff ff 00")
    assert len(whole) == 96
    assert stage.good(f"12 00 00 {length:04x} 00") == whole[:length]


def test_pages_want_evpd():
    stage = Stage()
    assert stage.refused("12 00 80 00 ff 00") == "05/24/00"
    assert stage.refused("12 01 b5 00 ff 00") == "05/24/00"
    assert stage.refused("12 02 00 00 ff 00") == "05/24/00"


def test_vital_product_data():
    stage = Stage()
    assert stage.good("12 01 00 00 ff 00").hex() == "00000008" + "008083868fb0b1b2"
    assert stage.good("12 01 80 00 ff 00") == b"\x00\x80\x00\x03SN1"
    limits = stage.good("12 01 b0 00 ff 00")
    assert len(limits) == 64
    assert limits[:12].hex() == "00b0003c" + "01ff0000" + "00010000"
    assert limits[20:36].hex() == "00100000" + "00000200" + "00000001" + "00000000"
    assert limits[44:48].hex() == "00000200"
    assert stage.good("12 01 b1 00 ff 00")[4:8].hex() == "00010052"
    assert stage.good("12 01 b2 00 ff 00").hex() == "00b20004" + "00e40200"
    assert stage.good("12 01 86 00 ff 00")[5] == 0x07
    assert Stage(thin=False).refused("12 01 b2 00 ff 00") == "05/24/00"


def test_every_unit_has_a_designator_of_its_own_on_every_path():
    stage = Stage()
    stage.target.attach(1, stage.make_unit("SN2", MemoryDevice(10)))
    other = stage.initiator("other", port=2)
    first = stage.good("12 01 83 00 ff 00")[4:16]
    assert first[:5].hex() == "0103000833"
    assert stage.good("12 01 83 00 ff 00", nexus=other)[4:16] == first
    assert stage.good("12 01 83 00 ff 00", lun=1)[4:16] != first
    assert stage.good("12 01 83 00 ff 00", nexus=other)[16:24].hex() == "01140004" + "00000002"


def test_capacity_beyond_32_bits():
    class Vast(MemoryDevice):
        def __init__(self):
            super().__init__(1)
            self.block_count = 1 << 33

    stage = Stage(medium=Vast())
    assert stage.good("25" + "00" * 9).hex() == "ffffffff00000200"
    capacity = stage.good("9e 10" + "00" * 8 + "000000ff 00 00")
    assert capacity.hex() == "00000001ffffffff" + "00000200" + "0000" + "c000" + "00" * 16
    for length in range(33):
        assert stage.good("9e 10" + "00" * 8 + f"{length:08x} 00 00") == capacity[:length]


def test_descriptor_sense_has_64_bits_of_information():
    stage = Stage()
    stage.good("15 10 00 00 10 00", bytes.fromhex("00000000 0a0a04000000 0000ffff0000"))
    stage.good("3f 40 00000005 00 0000 00")
    task = stage.ask("28 00 00000005 00 0001 00")
    assert task.sense.hex() == "7203111400000" + "00c" + "000a8000" + "0000000000000005"


def test_physical_blocks_may_be_larger():
    stage = Stage(physical_exponent=3)
    assert stage.good("9e 10" + "00" * 8 + "00000020 00 00")[13] == 3


# ---- mode pages


def test_mode_sense_of_all_pages_fits_six_bytes():
    stage = Stage()
    data = stage.good("1a 00 3f 00 ff 00")
    assert data[0] == len(data) - 1
    assert data[:12].hex() == f"{len(data) - 1:02x}001008" + "000003e8" + "00000200"
    codes = []
    at = 12
    while at < len(data):
        codes.append(data[at] & 0x3F)
        at += 2 + data[at + 1]
    assert codes == sorted(codes)
    assert data[12:] == b"".join(stage.good(f"1a 08 {code:02x} 00 ff 00")[4:] for code in codes)


def test_mode_sense_10_has_long_descriptors_and_subpages():
    stage = Stage()
    data = stage.good("5a 10 0a ff 00 00 00 00 ff 00")
    assert data[:8].hex() == f"{len(data) - 2:04x}0010" + "01000010"
    assert data[8:24].hex() == "00000000000003e8" + "00000000" + "00000200"
    assert data[24:26].hex() == "0a0a"
    assert data[36:40].hex() == "4a01001c"


def test_pages_of_an_rz_are_what_dkdriver_requires():
    stage = rz()
    assert stage.good("1a 08 01 00 ff 00")[4:7].hex() == "010ae6"
    assert stage.good("1a 08 08 00 ff 00")[6] & 0x04 == 0
    assert stage.good("1a 08 0a 00 ff 00")[7] & 0x06 == 0
    format_page, geometry = stage.good("1a 08 03 00 ff 00")[4:], stage.good("1a 08 04 00 ff 00")[4:]
    sectors = int.from_bytes(format_page[10:12], "big")
    cylinders, heads = int.from_bytes(geometry[2:5], "big"), geometry[5]
    assert 10000 <= cylinders * heads * sectors < 10000 + heads * sectors
    assert stage.good("1a 08 25 00 ff 00")[4:7].hex() == "251701"


def test_page_controls():
    stage = Stage()
    assert stage.good("1a 08 4a 00 ff 00")[4:].hex() == "0a0a04060840" + "00" * 6
    assert stage.good("1a 08 8a 00 ff 00")[4:].hex() == "0a0a00000000" + "0000ffff0000"
    assert stage.refused("1a 08 ca 00 ff 00") == "05/39/00"
    assert stage.refused("1a 08 3e 00 ff 00") == "05/24/00"


def test_software_write_protect_can_be_set_and_cleared():
    stage = Stage()
    other = stage.initiator("other")
    stage.good("15 10 00 00 10 00", bytes.fromhex("00000000 0a0a00000800 0000ffff0000"))
    assert stage.refused("2a 00 00000000 00 0001 00", bytes(512)) == "07/27/02"
    assert stage.good("1a 00 3f 00 ff 00")[2] == 0x90
    assert stage.refused(READY, nexus=other) == "06/2a/01"
    stage.good("15 10 00 00 10 00", bytes.fromhex("00000000 0a0a00000000 0000ffff0000"))
    stage.good("2a 00 00000000 00 0001 00", bytes(512))


def test_d_sense_makes_descriptor_sense():
    stage = Stage()
    stage.good("15 10 00 00 10 00", bytes.fromhex("00000000 0a0a04000000 0000ffff0000"))
    task = stage.ask("88 00" + "ff" * 8 + "00000001 00 00")
    assert task.sense.hex() == "7205210000000000"
    field = stage.ask("12 01 b5 00 ff 00")
    assert field.sense.hex() == "7205240000000008" + "02060000" + "c0000200"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("00000000 0a0a00010000 0000ffff0000", "05/26/00"),  # QUERR may not be changed
        ("00000000 0a0900000000 0000ffff00", "05/26/00"),
        ("00000000 0a0a00000000 0000ffff", "05/1a/00"),
        ("00000000 3e020000", "05/26/00"),
        ("00000008 00000000 00000200 0a", "05/1a/00"),
        ("00000008 00000000 00000400", "05/26/00"),
        ("00000008 00000007 00000200", "05/26/00"),
        ("00000004 00000000", "05/26/00"),
        ("0000", "05/1a/00"),
    ],
)
def test_a_wrong_mode_parameter_list_changes_nothing(text, why):
    stage = Stage()
    before = stage.good("1a 00 3f 00 ff 00")
    data = bytes.fromhex(text)
    assert stage.refused(f"15 10 00 00 {len(data):02x} 00", data) == why
    assert stage.good("1a 00 3f 00 ff 00") == before


def test_mode_select_as_consoles_of_the_era_send_it():
    rz().good("15 00 00 00 0c 00", bytes.fromhex("00000008 00000000 00000200"))


def test_saved_pages_outlive_the_unit():
    cells = Cells()
    stage = Stage(nonvolatile=cells)
    assert stage.good("1a 08 08 00 ff 00")[4] == 0x88
    stage.good("15 11 00 00 18 00", bytes.fromhex("00000000 0812 00") + bytes(17))
    again = Stage(nonvolatile=cells)
    assert again.good("1a 08 08 00 ff 00")[6] == 0
    assert again.good("1a 08 c8 00 ff 00")[6] == 0
    assert again.good("1a 08 88 00 ff 00")[6] == 0x04


def test_a_memory_that_is_not_ours_is_refused():
    cells = Cells()
    cells.content = b"\x00\xff"
    with pytest.raises(NonvolatileError):
        Stage(nonvolatile=cells)


# ---- logs, buffers, diagnostics


def test_log_pages_count_bytes():
    stage = Stage()
    stage.good("28 00 00000000 00 0003 00")
    assert stage.good("4d 00 40 00 00 00 00 00 ff 00").hex() == "00000007" + "00020305060d2f"
    page = stage.good("4d 00 43 00 00 00 00 00 ff 00")
    assert page[:4].hex() == "03000054"
    assert page[4 + 5 * 12 : 4 + 6 * 12].hex() == "00050008" + "0000000000000600"
    assert stage.good("4d 00 4d 00 00 00 00 00 ff 00").hex() == "0d000006" + "00000302" + "0019"
    stage.good("4c 02 00 00 00 00 00 00 00 00")
    assert stage.good("4d 00 43 00 00 00 00 00 ff 00")[64:76].hex() == "00050008" + "00" * 8
    assert stage.refused("4d 00 55 00 00 00 00 00 ff 00") == "05/24/00"


def test_buffers_hold_what_was_written():
    stage = Stage()
    stage.good("3b 02 00 000010 000004 00", b"abcd")
    assert stage.good("3c 02 00 000010 000004 00") == b"abcd"
    assert stage.good("3c 00 00 000000 000006 00").hex() == "00010000" + "0000"
    assert stage.good("3c 03 00 000000 000004 00").hex() == "00010000"
    assert stage.refused("3b 02 00 00ffff 000002 00", b"ab") == "05/24/00"
    assert stage.refused("3b 05 00 000000 000002 00", b"ab") == "05/24/00"


def test_the_echo_buffer_is_each_initiators_own():
    stage = Stage()
    other = stage.initiator("other")
    stage.good("3b 0a 00 000000 000004 00", b"echo")
    assert stage.good("3c 0a 00 000000 000010 00") == b"echo"
    assert stage.refused("3c 0a 00 000000 000004 00", nexus=other) == "05/2c/00"
    assert stage.good("3c 0b 00 000000 000004 00").hex() == "00001000"


def test_diagnostics():
    stage = Stage()
    stage.good("1d 04 00 00 00 00")
    assert stage.refused("1d 04 00 00 04 00", bytes(4)) == "05/24/00"
    stage.good("1d 10 00 00 04 00", bytes(4))
    assert stage.good("1c 01 00 00 ff 00").hex() == "0000000100"


def test_a_disk_from_the_factory_has_no_defects():
    stage = Stage()
    assert stage.good("37 00 00 00 00 00 00 00 20 00").hex() == "00000000"
    assert stage.good("b7 18 00 00 00 00 00 00 00 20 00 00").hex() == "00180000" + "00000000"
    assert stage.refused("37 00 1e 00 00 00 00 00 20 00") == "01/1c/00"


def test_the_grown_list_has_what_was_reassigned_and_outlives_power():
    cells = Cells()
    stage = rz(nonvolatile=cells, heads=16, sectors=99)
    stage.good("07 00 00 00 00 00", bytes.fromhex("0000000c 00000005 00000700 00000005"))
    again = rz(nonvolatile=cells, heads=16, sectors=99)
    assert again.good("37 00 08 00 00 00 00 00 ff 00").hex() == "00080008" + "00000005" + "00000700"
    assert again.good("37 00 10 00 00 00 00 00 ff 00").hex() == "00100000"
    assert again.good("b7 0b 00 00 00 01 00 00 00 ff 00 00").hex() == (
        "000b000000000010" + "0000000000000700"
    )
    # 700h is cylinder 1, head 2, sector 10 of a drive with 16 heads and 99 sectors.
    assert again.good("37 00 0d 00 00 00 00 00 ff 00").hex()[-16:] == "00000102" + "0000000a"
    assert again.good("37 00 0c 00 00 00 00 00 ff 00").hex()[-16:] == "00000102" + "00001400"


def test_spare_blocks_come_to_an_end():
    stage = Stage(blocks=5000)
    blocks = b"".join(lba.to_bytes(4, "big") for lba in range(4096))
    stage.good("07 00 00 00 00 00", bytes.fromhex("00004000") + blocks)
    task = stage.ask("07 00 00 00 00 00", bytes.fromhex("00000004 00001000"))
    assert (task.why, task.sense[8:12].hex()) == ("04/32/00", "00001000")
    stage.good("07 00 00 00 00 00", bytes.fromhex("00000004 00000fff"))


# ---- CD-ROM


def test_a_cd_has_one_track_of_data():
    stage = Stage(PROFILES["RRD42"], blocks=1200)
    track, end = "00140100" + "00000000", "0014aa00" + "000004b0"
    assert stage.good("43 00 00 00 00 00 00 00 ff 00").hex() == "00120101" + track + end
    assert stage.good("43 00 00 00 00 00 aa 00 ff 00").hex() == "000a0101" + end
    assert stage.good("43 00 00 00 00 00 00 00 04 40").hex() == "000a0101"
    assert stage.good("43 00 01 00 00 00 00 00 ff 00").hex() == "000a0101" + track
    assert stage.refused("43 00 00 00 00 00 02 00 ff 00") == "05/24/00"
    assert stage.refused("43 00 04 00 00 00 00 00 ff 00") == "05/24/00"


def test_a_position_of_a_cd_may_be_told_in_minutes_seconds_and_frames():
    stage = Stage(PROFILES["RRD42"], blocks=4 * 75 * 61 + 8)  # 61 seconds and 2 frames of 2048 bytes
    track, end = "00140100" + "00000200", "0014aa00" + "00010302"
    assert stage.good("43 02 00 00 00 00 00 00 ff 00").hex() == "00120101" + track + end
    assert stage.good("44 02 00000013 00 0008 00").hex() == "01000000" + "00000204"
    assert stage.good("44 00 00000013 00 0008 00").hex() == "01000000" + "00000013"
    assert stage.refused("44 00 00100000 00 0008 00") == "05/21/00"


def test_a_cd_has_the_page_of_its_kind():
    assert Stage(PROFILES["RRD45"]).good("1a 08 0d 00 ff 00")[4:].hex() == "0d060000003c004b"


def test_pages_of_an_rz_have_the_length_scsi_2_gives_them():
    assert rz().good("1a 08 08 00 ff 00")[4:].hex() == "080a" + "00" * 10
    assert rz().good("1a 08 0a 00 ff 00")[4:].hex() == "0a06" + "00" * 6


def test_target_port_groups():
    stage = Stage()
    assert (
        stage.good("a3 0a 00 00 00 00 00 00 00 ff 00 00").hex()
        == "0000000c" + "0001000100000001" + "00000001"
    )
    extended = stage.good("a3 2a 00 00 00 00 00 00 00 ff 00 00")
    assert extended.hex() == "00000010" + "10000000" + "0001000100000001" + "00000001"
    assert stage.good("a3 0d 00 00 00 00 00 00 00 04 00 00").hex() == "fe070000"
