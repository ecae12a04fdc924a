"""Firmware images: what is committed, what is refused, and the drive table against the book.

The numbers of drives and controllers are typed from the MSCP page: media ids from its first table of drives,
geometry from its second, words of SA from its initialisation steps.
"""

import tomllib
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.hw.firmware import (
    Behaviour,
    DriveType,
    Firmware,
    FirmwareError,
    PortKind,
    build_firmware,
    parse_firmware,
)
from emu.shells.firmware_build import build_all, compile_controller, compile_drives, main, stale_files
from emu.shells.firmware_files import known_firmware, load_firmware
from emu.wire.layouts.firmware import CRC, IMAGE
from tests.dumb_host import DumbHost, SparseBlocks, longword, make_controller, status

IMAGES = Path(__file__).parents[2] / "firmware_images"
ALL = [
    "hbvs-shadow",
    "hsc50",
    "hsc70",
    "kda50",
    "kda50-replace",
    "kdb50",
    "kdm70",
    "kfqsa",
    "rc25",
    "rqdx1",
    "rqdx2",
    "rqdx3",
    "rqdx3-bbr",
    "uda50",
    "uda50a",
    "uda50a-replace",
]
RQDX3 = IMAGES.joinpath("rqdx3.fw").read_bytes()
SOURCE = tomllib.loads(IMAGES.joinpath("sources/rqdx3.toml").read_text())
DRIVES = compile_drives(tomllib.loads(IMAGES.joinpath("sources/drives.toml").read_text()))


# The committed files


def test_committed_images_and_manifest_are_what_the_sources_give() -> None:
    assert stale_files(IMAGES) == []
    assert build_all(IMAGES) == build_all(IMAGES)


def test_manifest_names_every_image_and_source_with_its_sha256() -> None:
    manifest = tomllib.loads(IMAGES.joinpath("manifest.toml").read_text())
    assert [image["file"] for image in manifest["image"]] == sorted(f"{name}.fw" for name in ALL)
    for image in manifest["image"]:
        assert sha256(IMAGES.joinpath(image["file"]).read_bytes()).hexdigest() == image["sha256"]
        assert sha256(IMAGES.joinpath(image["source"]).read_bytes()).hexdigest() == image["source_sha256"]
        assert load_firmware(image["file"].removesuffix(".fw")).name == image["name"]
    drives = manifest["drives"]
    assert sha256(IMAGES.joinpath(drives["source"]).read_bytes()).hexdigest() == drives["source_sha256"]


@pytest.mark.parametrize("name", ALL)
def test_every_image_survives_parsing_and_building(name: str) -> None:
    image = IMAGES.joinpath(f"{name}.fw").read_bytes()
    assert build_firmware(parse_firmware(image)) == image


# What the controllers are


@pytest.mark.parametrize(
    ("name", "step1", "step4"),
    [
        ("rqdx3", 0x0B40, 0x4133),
        ("rqdx1", 0x0B40, 0x4073),
        ("uda50a", 0x0940, 0x4063),
        ("uda50", 0x0940, 0x4023),
        ("kda50", 0x0B40, 0x40D3),
        ("kdm70", 0x0940, 0x41B3),
        ("hbvs-shadow", 0x0940, 0x41B3),
        ("hsc50", 0x0940, 0x4013),
        ("hsc70", 0x0940, 0x4203),
        ("kdb50", 0x0B40, 0x4123),
        ("kfqsa", 0x0B40, 0x4153),
        ("rc25", 0x0940, 0x4033),
        ("rqdx2", 0x0B40, 0x407A),
        ("rqdx3-bbr", 0x0B40, 0x4133),
    ],
)
def test_controller_shows_its_words_in_steps_1_and_4(name: str, step1: int, step4: int) -> None:
    firmware = load_firmware(name)
    assert (firmware.step1_word, firmware.step4_word) == (step1, step4)


def test_rqdx3_is_what_its_firmware_and_the_book_say() -> None:
    rqdx3 = load_firmware("rqdx3")
    assert rqdx3.class_ == 1
    assert rqdx3.port_kind is PortKind.QBUS
    assert rqdx3.controller_flags == 0x8000
    assert rqdx3.controller_timeout_s == 120
    assert rqdx3.credits == 15
    assert rqdx3.unit_limit == 4
    assert rqdx3.dup_extension == "RQ3"
    assert rqdx3.programs["FORMAT"] == 1
    wanted = Behaviour.INTERRUPT_ON_FATAL | Behaviour.SMALL_DISK_LOGS | Behaviour.ELEVATOR
    assert rqdx3.behaviour == wanted
    assert sorted(rqdx3.commands) == [1, 2, 3, 4, 8, 9, 10, 11, 16, 17, 18, 19, 32, 33, 34, 47]
    assert set(rqdx3.drives) == {
        "RX18", "RX33", "RX50", "RD31", "RD32", "RD33", "RD51", "RD52", "RD53", "RD54",
    }  # fmt: skip


@pytest.mark.parametrize("name", ALL)
def test_controller_that_replaces_bad_blocks_has_no_replace(name: str) -> None:
    firmware = load_firmware(name)
    replaces = bool(firmware.controller_flags & 0x8000)
    assert replaces is not name.endswith("-replace")
    assert (0x14 in firmware.commands) is not replaces


def test_legal_modifiers_are_the_books() -> None:
    commands = load_firmware("kdm70").commands
    assert commands[0x01] == 0  # ABORT
    assert commands[0x03] == 0x0001  # GET UNIT STATUS: NXUNT
    assert commands[0x21] == 0xCF80  # READ: EXPRS COMP SCCHH SCCHL SECOR SEREC SSHDW
    assert commands[0x13] == 0x0003  # FLUSH: FLENU VOLTL


def test_shadow_controller_is_a_kdm70_that_copies() -> None:
    shadow, kdm70 = load_firmware("hbvs-shadow"), load_firmware("kdm70")
    assert shadow.model == kdm70.model == 27
    assert shadow.port_kind is PortKind.XMI
    assert shadow.controller_flags == 0x8208  # RPL, WHL, LDCD
    assert shadow.commands == {**kdm70.commands, 0x0D: 0x0007, 0x18: 0, 0x19: 0}
    assert 0x0D not in kdm70.commands
    assert shadow.drives == kdm70.drives


def test_sdi_controllers_take_sdi_drives_only() -> None:
    for name in ("uda50", "uda50a", "kda50", "kdb50", "kdm70", "hsc50", "hsc70", "hbvs-shadow"):
        drives = load_firmware(name).drives
        assert len(drives) == 15
        assert all(drive.startswith(("RA", "ESE")) for drive in drives)


def test_controllers_for_drives_of_one_kind_take_no_others() -> None:
    assert set(load_firmware("rc25").drives) == {"RC25", "RCF25"}
    assert set(load_firmware("kfqsa").drives) == {"RF30", "RF31", "RF35", "RF71", "RF72", "RF73"}
    assert load_firmware("kfqsa").unit_limit == 1


@pytest.mark.parametrize("name", ALL)
def test_every_controller_comes_up_and_brings_a_drive_of_each_kind_online(name: str) -> None:
    for kind in load_firmware(name).drives.values():
        controller = make_controller(name)
        controller.attach_unit(0, SparseBlocks(kind.block_count), kind)
        host = DumbHost(controller)
        host.start()
        assert host.scc()[26:28] == bytes([controller.firmware.model, 1])
        end = host.online()
        assert (status(end), longword(end, 28), longword(end, 36)) == (0, kind.media_id, kind.block_count)
        assert status(host.read(kind.block_count - 1, 512)) == 0


# The drive table: name, model, media id, blocks, track, group, cylinder, cylinders, RCT, copies, RBNs


@pytest.mark.parametrize(
    "row",
    [
        ("RX18", 17, 0x25658012, 360, 9, 1, 1, 40, 0, 0, 0),
        ("RX50", 7, 0x25658032, 800, 10, 5, 16, 80, 0, 0, 0),
        ("RX33", 10, 0x25658021, 2400, 15, 2, 1, 80, 0, 0, 0),
        ("RD31", 12, 0x2564401F, 41560, 17, 4, 1, 615, 3, 8, 100),
        ("RD32", 15, 0x25644020, 83236, 17, 6, 1, 820, 4, 8, 200),
        ("RD33", 24, 0x25644021, 138635, 17, 7, 1, 1170, 5, 8, 317),
        ("RD51", 6, 0x25644033, 21600, 18, 4, 1, 306, 36, 4, 144),
        ("RD52", 8, 0x25644034, 60480, 17, 8, 1, 512, 4, 8, 168),
        ("RD53", 9, 0x25644035, 138672, 17, 8, 1, 1024, 5, 8, 280),
        ("RD54", 13, 0x25644036, 311200, 17, 15, 1, 1225, 7, 8, 609),
        ("RC25", 2, 0x20643019, 50902, 50, 8, 1, 1260, 0, 1, 0),
        ("RCF25", 3, 0x20643319, 50902, 50, 8, 1, 1260, 0, 1, 0),
        ("RA60", 4, 0x22A4103C, 400176, 42, 6, 1, 1600, 1008, 1, 9528),
        ("RA70", 18, 0x25641046, 547041, 33, 11, 1, 1507, 198, 7, 16577),
        ("RA71", 40, 0x25641047, 1367310, 51, 14, 1, 1921, 1428, 1, 26810),
        ("RA72", 37, 0x25641048, 1953300, 51, 20, 1, 1921, 2040, 1, 38300),
        ("RA73", 47, 0x25641049, 3920490, 70, 21, 1, 2667, 198, 7, 56007),
        ("RA80", 1, 0x25641050, 237212, 31, 14, 1, 546, 0, 1, 0),
        ("RA81", 5, 0x25641051, 891072, 51, 14, 1, 1258, 2856, 1, 17472),
        ("RA82", 11, 0x25641052, 1216665, 57, 15, 1, 1435, 3420, 1, 21345),
        ("RA90", 19, 0x2564105A, 2376153, 69, 13, 1, 2656, 1794, 1, 34437),
        ("RA92", 29, 0x2564105C, 2940951, 73, 13, 1, 3101, 949, 1, 40287),
        ("ESE20", 25, 0x254B3294, 245760, 4, 128, 1, 480, 0, 1, 0),
        ("ESE52", 31, 0x254B32B4, 238080, 4, 128, 1, 465, 0, 1, 0),
        ("ESE56", 48, 0x254B32B8, 1196544, 4, 128, 1, 2337, 0, 1, 0),
        ("ESE58", 49, 0x254B32BA, 1915392, 4, 128, 1, 3741, 0, 1, 0),
        ("RRD40", 26, 0x25652228, 1331200, 128, 1, 1, 10400, 0, 0, 0),
        ("RF30", 21, 0x2264601E, 293040, 37, 6, 1, 1320, 1428, 1, 26810),
        ("RF31", 27, 0x2264601F, 744400, 50, 8, 1, 1861, 1428, 1, 26810),
        ("RF35", 27, 0x2264601F, 1664628, 57, 14, 1, 1861, 1428, 1, 26810),
        ("RF71", 22, 0x22646047, 781440, 37, 16, 1, 1320, 1428, 1, 26810),
        ("RF72", 28, 0x22646048, 1954050, 50, 21, 1, 1861, 1428, 1, 26810),
        ("RF73", 35, 0x22646049, 3907911, 71, 21, 1, 2621, 1428, 1, 26810),
    ],
    ids=lambda row: row[0],
)
def test_drive_reports_the_books_numbers(row: tuple[Any, ...]) -> None:
    name, model, media_id, block_count, track, group, cylinder, cylinders, rct_size, rct_copies, rbns = row
    drive = DRIVES[name]
    assert (drive.name, drive.model, drive.class_, drive.media_id) == (name, model, 2, media_id)
    assert drive.block_count == block_count
    assert (drive.track, drive.group, drive.cylinder, drive.cylinders) == (track, group, cylinder, cylinders)
    assert (drive.rct_size, drive.rct_copies, drive.rbns) == (rct_size, rct_copies, rbns)
    assert drive.rbns_per_track == (1 if rbns else 0)


def test_flags_of_drives_are_the_books() -> None:
    def flagged(flag: str) -> set[str]:
        return {name for name, drive in DRIVES.items() if getattr(drive, flag)}

    assert flagged("removable") == {"RX18", "RX50", "RX33", "RC25", "RA60", "RRD40"}
    assert flagged("read_only") == {"RRD40"}
    assert flagged("solid_state") == {"ESE20", "ESE52", "ESE56", "ESE58"}
    assert flagged("sized_by_user") == {"RAUSER"}
    assert flagged("uncertain") == {
        "RC25", "RCF25", "RA70", "RA71", "RA72", "RA73", "RA80", "RA81", "RA90", "RA92",
        "RF30", "RF31", "RF35", "RF71", "RF72", "RF73",
    }  # fmt: skip


# The drive of any size


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.integers(1, 0xFFFF_FFFF))
def test_geometry_of_a_user_sized_drive_holds_its_blocks_and_no_spare_cylinder(block_count: int) -> None:
    drive = DRIVES["RAUSER"].user_sized(block_count)
    cylinder_blocks = drive.track * drive.group * drive.cylinder
    assert drive.block_count == block_count
    assert drive.cylinders <= 65535
    assert (drive.cylinders - 1) * cylinder_blocks < block_count <= drive.cylinders * cylinder_blocks
    assert (drive.model, drive.media_id) == (11, 0x25641052)


def test_user_sized_drive_doubles_the_smaller_of_track_and_group() -> None:
    sized = [DRIVES["RAUSER"].user_sized(blocks) for blocks in (1216665, 56_032_425, 56_032_426, 2**32 - 1)]
    assert [(drive.track, drive.group, drive.cylinders) for drive in sized] == [
        (57, 15, 1423),
        (57, 15, 65535),
        (57, 30, 32768),
        (456, 240, 39245),
    ]


@pytest.mark.parametrize(
    ("name", "block_count", "words"),
    [
        ("RD54", 1000, "RD54 has 311200 blocks and no other size"),
        ("RAUSER", 0, "cannot have 0 blocks"),
        ("RAUSER", 2**32, "cannot have 4294967296 blocks"),
    ],
)
def test_impossible_size_is_refused(name: str, block_count: int, words: str) -> None:
    with pytest.raises(FirmwareError, match=words):
        DRIVES[name].user_sized(block_count)


# Damaged images


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.integers(0, len(RQDX3) - 1), st.integers(1, 0xFF))
def test_any_changed_byte_is_refused(place: int, change: int) -> None:
    damaged = bytearray(RQDX3)
    damaged[place] ^= change
    with pytest.raises(FirmwareError):
        parse_firmware(bytes(damaged))


def test_every_strict_prefix_is_refused() -> None:
    for length in range(len(RQDX3)):
        with pytest.raises(FirmwareError, match="truncated" if length >= 7 else "not a firmware image"):
            parse_firmware(RQDX3[:length])


def _sealed(body: bytes) -> bytes:
    crc: bytes = CRC.build(crc32(body))
    return body + crc


def _saying(trailer: bytes = b"", **change: Any) -> bytes:
    """Make an image that is whole, with a good CRC, and says something bad."""
    container = IMAGE.parse(RQDX3[:-4])
    container.update(change)
    container.total_bytes = len(IMAGE.build(container)) + len(trailer) + 4
    return _sealed(IMAGE.build(container) + trailer)


READ = {"opcode": 0x21, "modifiers": 0}
RD54 = IMAGE.parse(RQDX3[:-4]).drives[-1]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x7fELF" + RQDX3[4:], "not a firmware image"),
        (RQDX3[:7] + b"\1" + RQDX3[8:], "format version 1: only 3 is known"),
        (RQDX3[:689], "truncated: wanted 690 bytes, found 689"),
        (RQDX3[:9], "truncated: wanted at least 66 bytes, found 9"),
        (RQDX3 + b"\0", "trailing bytes: wanted 690 bytes, found 691"),
        (RQDX3[:-1] + bytes([RQDX3[-1] ^ 1]), "CRC-32 is wrong: stored [0-9A-F]{8}, computed [0-9A-F]{8}"),
        (_saying(model=128), "RQDX3: model 128 is out of range 1 to 127"),
        (_saying(microcode_version=16), "microcode version 16 is out of range 0 to 15"),
        (_saying(port_kind=4), "port kind 4 is out of range 0 to 3"),
        (_saying(step1_bits=0x0B40), "step-1 bits 0x0b40 is out of range"),
        (_saying(controller_flags=0x80D0), "controller flags 0x80d0 is out of range"),
        (_saying(unit_limit=0), "unit limit 0 is out of range 1 to 32768"),
        (_saying(behaviour=0x8000), "behaviour 0x8000 is out of range"),
        (_saying(name=b"RQDX3".ljust(16, b"\0")), "printable ASCII"),
        (_saying(name=b"RQDX\xb3".ljust(16)), "the contents do not follow the format"),
        (_saying(commands=[READ] * 16), "duplicate command 0x21"),
        (_saying(trailer=bytes(4)), "the contents do not follow the format"),
        (_sealed(RQDX3[:63] + b"\1" + RQDX3[64:-4]), "a reserved field is not zero"),
        (_saying(drives=[RD54] * 10), "duplicate drive RD54"),
        (_saying(programs=[{"name": b"DIRECT", "version": 1}] * 2), "RQDX3: duplicate program DIRECT"),
        (_saying(dup_extension=b"   "), "wanted 1 to 3 printable ASCII characters"),
        (_saying(drives=[{**RD54, "track": 0}]), "RD54: track 0 is out of range 1 to 65535"),
    ],
)
def test_message_says_what_is_wrong(data: bytes, words: str) -> None:
    with pytest.raises(FirmwareError, match=words):
        parse_firmware(data)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": ""}, "wanted 1 to 16"),
        ({"credits": 256}, "credits 256 is out of range 0 to 255"),
        ({"controller_timeout_s": -1}, "controller timeout -1 is out of range"),
        ({"commands": {0x80: 0}}, "opcode 128 is out of range 0 to 127"),
        ({"commands": {0x21: 0x10000}}, "modifiers of command 0x21"),
        ({"programs": {"DIRECTORY": 1}}, "wanted 1 to 6"),
        ({"programs": {"DIRECT": 0x10000}}, "version of program DIRECT 65536 is out of range 0 to 65535"),
        ({"dup_extension": "RQDX"}, "wanted 1 to 3"),
        ({"drives": {"RD53": DRIVES["RD54"]}}, "drive RD54 is listed as RD53"),
        ({"drives": {"RD54": replace(DRIVES["RD54"], track=0)}}, "RD54: track 0 is out of range 1 to 65535"),
    ],
)
def test_firmware_that_no_image_can_hold_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(FirmwareError, match=words):
        build_firmware(replace(parse_firmware(RQDX3), **change))


# Round trip

NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=8)
BYTE = st.integers(0, 0xFF)
WORD = st.integers(0, 0xFFFF)
WORD_FROM_1 = st.integers(1, 0xFFFF)
LONGWORD = st.integers(0, 0xFFFF_FFFF)
DRIVE_TYPES = st.builds(
    DriveType,
    name=NAMES,
    model=BYTE,
    class_=BYTE,
    media_id=LONGWORD,
    block_count=st.integers(1, 0xFFFF_FFFF),
    track=WORD_FROM_1,
    group=WORD_FROM_1,
    cylinder=WORD_FROM_1,
    cylinders=WORD_FROM_1,
    rct_size=WORD,
    rct_copies=BYTE,
    rbns=LONGWORD,
    rbns_per_track=BYTE,
    removable=st.booleans(),
    read_only=st.booleans(),
    solid_state=st.booleans(),
    uncertain=st.booleans(),
    sized_by_user=st.booleans(),
)
FIRMWARES = st.builds(
    Firmware,
    name=NAMES,
    model=st.integers(1, 127),
    class_=st.integers(1, 255),
    microcode_version=st.integers(0, 15),
    software_version=BYTE,
    hardware_version=BYTE,
    port_kind=st.sampled_from(PortKind),
    step1_bits=st.integers(0, 0x7F).map(lambda bits: bits << 4),
    controller_flags=WORD.map(lambda bits: bits & 0xFF0F),
    controller_timeout_s=WORD,
    credits=BYTE,
    unit_limit=st.integers(1, 0x8000),
    maximum_byte_count=LONGWORD,
    behaviour=st.integers(0, 0x1F).map(Behaviour),
    commands=st.dictionaries(st.integers(0, 0x7F), WORD, max_size=8),
    drives=st.lists(DRIVE_TYPES, max_size=3).map(lambda drives: {drive.name: drive for drive in drives}),
    dup_extension=st.sampled_from(["R", "RQ3"]),
    programs=st.dictionaries(NAMES.filter(lambda name: len(name) <= 6), WORD, max_size=3),
)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(FIRMWARES)
def test_what_is_built_parses_to_the_same_firmware(firmware: Firmware) -> None:
    image = build_firmware(firmware)
    assert parse_firmware(image) == firmware
    assert build_firmware(parse_firmware(image)) == image


# Sources and files


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "19"}, "model is '19', not a number"),
        ({"colour": "beige"}, "colour is not a known key"),
        ({"commands": ["RD", "READ"]}, "READ is not a symbol of OP"),
        ({"commands": ["RD", "RD"]}, "duplicate command RD"),
        ({"step1": ["XX"]}, "XX is not a symbol of STEP"),
        ({"behaviour": ["MOODY"]}, "MOODY is not a symbol of Behaviour"),
        ({"port_kind": "CI"}, "CI is not a symbol of PortKind"),
        ({"modifiers": {"DCD": []}}, "modifiers for DCD, which is not among the commands"),
        ({"modifiers": {"RD": ["FAST"]}}, "FAST is not a symbol of MD"),
        ({"drives": ["RK*"]}, "no drive matches"),
        ({"dup": {"extension": "RQ3"}}, "no programs"),
        (
            {"dup": {"extension": "RQ3", "programs": {"DIRECT": "1"}}},
            "version of DIRECT is '1', not a number",
        ),
    ],
)
def test_source_that_makes_no_sense_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(FirmwareError, match=words):
        compile_controller({**SOURCE, **change}, DRIVES)


def test_source_that_misses_a_value_is_refused() -> None:
    with pytest.raises(FirmwareError, match="RQDX3: no credits"):
        compile_controller({key: value for key, value in SOURCE.items() if key != "credits"}, DRIVES)


def test_modifiers_of_a_source_replace_the_books() -> None:
    firmware = compile_controller({**SOURCE, "modifiers": {"RD": ["EXP", "CMP"]}}, DRIVES)
    assert firmware.commands[0x21] == 0xC000
    assert firmware.commands[0x22] == load_firmware("rqdx3").commands[0x22]


def test_known_names_load_in_either_case_and_others_are_told_the_names() -> None:
    assert known_firmware() == ALL
    assert load_firmware("RQDX3") == load_firmware("rqdx3")
    with pytest.raises(
        FirmwareError, match="no firmware 'rqdx4': known are hbvs-shadow, hsc50, hsc70, kda50"
    ):
        load_firmware("rqdx4")


def test_missing_and_foreign_files_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(FirmwareError, match=r"cannot read .*none\.fw: No such file"):
        load_firmware(str(tmp_path / "none.fw"))
    foreign = tmp_path / "foreign.bin"
    foreign.write_bytes(b"\x7fELF")
    with pytest.raises(FirmwareError, match=r"foreign\.bin: not a firmware image"):
        load_firmware(str(foreign))


def test_a_quirky_controller_is_crafted_saved_and_loaded(tmp_path: Path) -> None:
    rqdx3 = load_firmware("rqdx3")
    commands = {opcode: legal for opcode, legal in rqdx3.commands.items() if opcode != 0x12}
    behaviour = rqdx3.behaviour | Behaviour.STRICT_MODIFIERS
    odd = replace(rqdx3, name="ODD", commands=commands, behaviour=behaviour, credits=2)
    path = tmp_path / "odd.fw"
    path.write_bytes(build_firmware(odd))
    assert load_firmware(str(path)) == odd


def test_ones_own_source_is_built_from_the_command_line(tmp_path: Path) -> None:
    source, image = tmp_path / "odd.toml", tmp_path / "odd.fw"
    source.write_text(IMAGES.joinpath("sources/rqdx3.toml").read_text().replace('"RQDX3"', '"ODD"', 1))
    assert main([str(source), str(image)]) == 0
    assert load_firmware(str(image)) == replace(load_firmware("rqdx3"), name="ODD")


def test_check_says_that_all_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0
    assert capsys.readouterr().out == "all images are current\n"


def test_stale_image_and_image_without_source_are_named(tmp_path: Path) -> None:
    (tmp_path / "sources").mkdir()
    for source in ("drives.toml", "rqdx3.toml"):
        (tmp_path / "sources" / source).write_bytes(IMAGES.joinpath("sources", source).read_bytes())
    (tmp_path / "rqdx3.fw").write_bytes(RQDX3[:-1])
    (tmp_path / "stray.fw").write_bytes(RQDX3)
    assert stale_files(tmp_path) == ["rqdx3.fw", "manifest.toml", "stray.fw"]
