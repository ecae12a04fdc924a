"""The command table: every CDB gets exactly one answer, and the usage maps say which bits count."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.hw.scsi.commands import COMMANDS, commands_of
from emu.hw.scsi.profiles import DISK, PROFILES, Kind
from emu.hw.scsi.target import Target
from emu.wire.codes.scsi import lun_field, lun_number
from tests.unit.scsi_initiator import ACA_ACTIVE, CHECK_CONDITION, CONFLICT, GOOD, Stage

STAGES = {name: (lambda name=name: Stage(PROFILES[name], blocks=300)) for name in ("DISK", "RRD42")}
STAGES["RZ"] = lambda: Stage(PROFILES["RZ28M"], block_count=300)
# CDB usage maps as the standards print them, typed from there; those that are the same for every service action.
USAGE_MAPS = """
00 00 00 00 00 07
03 01 00 00 ff 07
04 ff 00 00 00 07
07 03 00 00 00 07
08 1f ff ff ff 07
0a 1f ff ff ff 07
12 01 ff ff ff 07
15 11 00 00 ff 07
55 11 00 00 00 00 00 ff ff 07
16 00 00 00 00 07
17 00 00 00 00 07
56 00 00 00 00 00 00 00 00 07
57 00 00 00 00 00 00 00 00 07
1a 08 ff ff ff 07
5a 18 ff ff 00 00 00 ff ff 07
1b 01 00 0f f7 07
1c 01 ff ff ff 07
1d ff 00 ff ff 07
1e 00 00 00 03 07
28 18 ff ff ff ff 1f ff ff 07
a8 18 ff ff ff ff ff ff ff ff 1f 07
88 18 ff ff ff ff ff ff ff ff ff ff ff ff 1f 07
2a 18 ff ff ff ff 1f ff ff 07
aa 18 ff ff ff ff ff ff ff ff 1f 07
8a 18 ff ff ff ff ff ff ff ff ff ff ff ff 1f 07
2f 16 ff ff ff ff 1f ff ff 07
af 16 ff ff ff ff ff ff ff ff 1f 07
8f 16 ff ff ff ff ff ff ff ff ff ff ff ff 1f 07
34 02 ff ff ff ff 1f ff ff 07
90 02 ff ff ff ff ff ff ff ff ff ff ff ff 1f 07
35 02 ff ff ff ff 1f ff ff 07
91 02 ff ff ff ff ff ff ff ff ff ff ff ff 1f 07
37 00 1f 00 00 00 00 ff ff 07
b7 1f ff ff ff ff ff ff ff ff 00 07
3b 1f ff ff ff ff ff ff ff 07
3c 1f ff ff ff ff ff ff ff 07
3e 06 ff ff ff ff 00 ff ff 07
3f e0 ff ff ff ff 00 ff ff 07
42 00 00 00 00 00 1f ff ff 07
4d 00 ff ff 00 ff ff ff ff 07
4c 03 ff ff 00 00 00 ff ff 07
89 18 ff ff ff ff ff ff ff ff 00 00 00 ff 1f 07
8b 18 ff ff ff ff ff ff ff ff ff ff ff ff 1f 07
9c 18 ff ff ff ff ff ff ff ff 00 00 ff ff 1f 07
9e 10 ff ff ff ff ff ff ff ff ff ff ff ff 01 07
9e 12 ff ff ff ff ff ff ff ff ff ff ff ff 00 07
a0 00 ff 00 00 00 ff ff ff ff 00 07
a3 ea 00 00 00 00 ff ff ff ff 00 07
a3 0c 87 ff ff ff ff ff ff ff 00 07
a3 0d 80 00 00 00 ff ff ff ff 00 07
""".strip().splitlines()
# What no disk of 1994 may refuse, nor one of today.
ERA_OPCODES = (
    0x00,
    0x01,
    0x03,
    0x04,
    0x07,
    0x08,
    0x0A,
    0x0B,
    0x12,
    0x15,
    0x16,
    0x17,
    0x1A,
    0x1B,
    0x1C,
    0x1D,
    0x1E,
)
ERA_OPCODES += (
    0x25,
    0x28,
    0x2A,
    0x2B,
    0x2E,
    0x2F,
    0x34,
    0x35,
    0x37,
    0x3B,
    0x3C,
    0x3E,
    0x3F,
    0x4C,
    0x4D,
    0x55,
    0x5A,
)
OPCODES = sorted({row.opcode for row in COMMANDS})


@pytest.mark.parametrize("name", STAGES)
@settings(derandomize=True, deadline=None, max_examples=250)
@given(data=st.data())
def test_any_bytes_get_exactly_one_answer(name, data):
    stage = STAGES[name]()
    for _ in range(6):
        opcode = data.draw(st.sampled_from(OPCODES) | st.integers(0, 255))
        small = st.sampled_from([0, 0, 0, 1, 2, 16, 255])
        rest = data.draw(st.lists(small | st.integers(0, 255), max_size=15))
        out = data.draw(st.binary(max_size=64) | st.just(bytes(1024)))
        task = stage.ask(bytes((opcode, *rest)), out)
        assert task.ends == 1
        assert task.status in (GOOD, CHECK_CONDITION, CONFLICT, ACA_ACTIVE)
        assert (task.status == CHECK_CONDITION) == bool(task.sense)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(data=st.data())
def test_any_parameter_list_gets_exactly_one_answer(data):
    stage = Stage(blocks=300, removable=True)
    row = data.draw(st.sampled_from([row for row in COMMANDS if Kind.DISK in row.kinds]))
    cdb = bytearray(row.usage)
    for offset in range(2 if row.action is not None else 1, len(cdb) - 1):
        cdb[offset] &= data.draw(st.sampled_from([0, 0, 0, 1, 24, 255]))
    cdb[-1] = 0
    out = data.draw(st.binary(max_size=80) | st.just(bytes(1 << 16)))
    assert stage.ask(bytes(cdb), out).ends == 1


@pytest.mark.parametrize("usage", USAGE_MAPS)
def test_a_usage_map_is_the_standards(usage):
    wanted = bytes.fromhex(usage)
    stage = Stage()
    option = 2 if wanted[0] in (0x9E, 0xA3) else 1
    action = wanted[1] & 0x1F if option == 2 else 0
    data = stage.good(bytes((0xA3, 0x0C, option, wanted[0], 0, action, 0, 0, 0, 255, 0, 0)))
    assert data == bytes((0, 3, 0, len(wanted))) + wanted


@pytest.mark.parametrize("opcode", ERA_OPCODES)
def test_a_drive_of_the_era_knows_the_commands_of_its_time(opcode):
    task = STAGES["RZ"]().ask(bytes((opcode,)) + bytes(9), bytes(64))
    assert task.status == GOOD or task.why != "05/20/00"


def test_an_empty_cdb_is_no_command():
    assert Stage().refused(b"") == "05/20/00"


@pytest.mark.parametrize("kind", [Kind.RZ, Kind.DISK, Kind.CD])
def test_an_unknown_operation_code_is_told_as_such(kind):
    stage = {Kind.RZ: STAGES["RZ"], Kind.DISK: STAGES["DISK"], Kind.CD: STAGES["RRD42"]}[kind]()
    for opcode, entry in enumerate(commands_of(kind)):
        if entry is None:
            assert stage.refused(bytes((opcode,)) + bytes(15)) == "05/20/00"


def test_an_unknown_service_action_points_at_byte_1():
    task = Stage().ask("9e 1e" + "00" * 14)
    assert task.sense.hex() == "70000500000000 0a 00000000 2400 00 cc0001".replace(" ", "")


@pytest.mark.parametrize(
    "row", [row for row in COMMANDS if Kind.DISK in row.kinds], ids=lambda row: row.usage.hex()
)
def test_every_bit_that_no_usage_map_has_is_refused_with_a_pointer_at_it(row):
    stage = Stage(removable=True)
    for place in range(8, (len(row.usage) - 1) * 8):
        byte, bit = place >> 3, 7 - (place & 7)
        if row.usage[byte] >> bit & 1 or (byte == 1 and row.action is not None and bit < 5):
            continue
        cdb = bytearray(len(row.usage))
        cdb[0] = row.opcode
        if row.action is not None:
            cdb[1] = row.action
        cdb[byte] |= 1 << bit
        task = stage.ask(bytes(cdb))
        assert (task.status, task.why) == (CHECK_CONDITION, "05/24/00")
        assert task.sense[15:18] == bytes((0xC8 | bit, 0, byte))


def test_link_is_refused_and_naca_where_it_is_not_known():
    for stage in (Stage(), STAGES["RZ"](), STAGES["RRD42"]()):
        assert stage.refused("00 00 00 00 00 01") == "05/24/00"
        assert stage.refused("00 00 00 00 00 02") == "05/24/00"
    Stage().good("00 00 00 00 00 04")
    assert STAGES["RZ"]().refused("00 00 00 00 00 04") == "05/24/00"


def test_before_scsi_3_byte_1_may_have_the_lun():
    stage = STAGES["RZ"]()
    assert stage.good("08 e0 00 00 01 00") == bytes(512)
    assert stage.good("00 e0 00 00 00 c0") == b""


def test_report_supported_operation_codes_lists_every_command_with_its_timeouts():
    stage = Stage()
    data = stage.good("a3 0c 80 00 00 00 00 00 ff ff 00 00")
    assert int.from_bytes(data[:4], "big") == len(data) - 4
    entries = [data[at : at + 20] for at in range(4, len(data), 20)]
    assert len(entries) == sum(Kind.DISK in row.kinds for row in COMMANDS)
    for entry in entries:
        assert entry[5] & 0x02
        assert entry[8:10] == b"\x00\x0a"
        if not entry[5] & 0x01:
            assert entry[2:4] == b"\0\0"


def test_report_supported_operation_codes_answers_for_one_command():
    stage = Stage()
    one = stage.good("a3 0c 01 28 00 00 00 00 00 ff 00 00")
    assert one == bytes.fromhex("00 03 00 0a 28 18 ff ff ff ff 1f ff ff 07")
    capacity = stage.good("a3 0c 02 9e 00 10 00 00 00 ff 00 00")
    assert capacity[:6] == bytes.fromhex("00 03 00 10 9e 10")
    assert stage.good("a3 0c 03 02 00 00 00 00 00 ff 00 00") == bytes.fromhex("00 01 00 00")


def test_report_supported_operation_codes_refuses_options_that_do_not_fit_with_a_pointer():
    stage = Stage()
    for cdb in ("a3 0c 01 9e", "a3 0c 02 28", "a3 0c 07 28"):
        task = stage.ask(cdb + "00 00 00 00 00 ff 00 00")
        assert task.why == "05/24/00"
        assert task.sense[15] & 0xC0 == 0xC0
        assert task.sense[16:18] == b"\x00\x02"


def test_luns_are_read_and_written_in_peripheral_and_flat_form():
    assert lun_field(5).hex() == "0005000000000000"
    assert lun_field(300).hex() == "412c000000000000"
    assert lun_number(bytes.fromhex("0005000000000000")) == 5
    assert lun_number(bytes.fromhex("4005000000000000")) == 5
    assert lun_number(bytes.fromhex("c101000000000000")) == 0xC101
    assert lun_number(bytes.fromhex("0005000100000000")) == -1
    assert lun_number(bytes.fromhex("8005000000000000")) == -1


def test_where_there_is_no_unit_each_command_says_so_in_its_way():
    stage = Stage()
    assert stage.good("12 00 00 00 24 00", lun=3)[0] == 0x7F
    assert (
        stage.good("03 00 00 00 12 00", lun=3)[2:14].hex() == "05" + "00000000" + "0a" + "00000000" + "2500"
    )
    assert stage.good("a0 00 00 00 00 00 00 00 00 10 00 00", lun=3).hex() == "0000000800000000" + "00" * 8
    assert stage.refused("00 00 00 00 00 00", lun=3) == "05/25/00"


def test_two_targets_know_nothing_of_each_other():
    one, two = Stage(), Stage()
    one.good("16 00 00 00 00 00")
    one.good("2a 00 00 00 00 00 00 00 01 00", b"\1" * 512)
    other = two.initiator("other")
    assert two.good("28 00 00 00 00 00 00 00 01 00", nexus=other) == bytes(512)


def test_a_lun_is_taken_once():
    stage = Stage()
    with pytest.raises(ValueError, match="LUN 0 is taken"):
        stage.target.attach(0, stage.make_unit("SN2", stage.medium))
    with pytest.raises(ValueError, match="there is no LUN 7"):
        stage.target.detach(7)
    assert isinstance(stage.target, Target)
    assert DISK.modern
