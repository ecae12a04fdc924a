"""The printed dissector: every layout, every field under one name, masks and values from the book."""

import re

from emu.wire.codes.mscp import OP
from emu.wire.fields import fields_of, layouts_of
from emu.wire.layouts import buslink, dup, events, mscp, uqssp
from emu.wire.lua_dissector import lua_dissector

SCRIPT = lua_dissector()
LINES = SCRIPT.splitlines()


def declared(name: str) -> list[str]:
    """The ProtoFields under a filter name."""
    return [line for line in LINES if line.startswith("field(") and f'("{name}",' in line]


def test_it_is_printed_the_same_again() -> None:
    assert lua_dissector() == SCRIPT


def test_every_layout_is_there() -> None:
    for protocol, module in (
        ("uqssp", uqssp),
        ("mscp", mscp),
        ("dup", dup),
        ("hbvs", events),
        ("buslink", buslink),
    ):
        for name, layout in layouts_of(module).items():
            size = sum(field.size for field in fields_of(layout))
            (line,) = [line for line in LINES if line.startswith(f'  ["{protocol}.{name}"] =')]
            assert f"size = {size}," in line


def test_every_field_that_a_layout_has_is_declared() -> None:
    keys = set(re.findall(r'^field\("([^"]+)"', SCRIPT, re.MULTILINE))
    used = set(re.findall(r'key = "([^"]+)"', SCRIPT))
    assert used <= keys


def test_values_that_a_field_has_are_there() -> None:
    there = set(re.findall(r'^  \["([^"]+)"\] = \{', SCRIPT, re.MULTILINE))
    assert set(re.findall(r'VALUES\["([^"]+)"\]', SCRIPT)) <= there


def test_a_field_bears_the_manuals_symbol_and_its_width() -> None:
    transfer, replace = declared("mscp.lbn")[:2]
    assert 'ProtoField.uint32("mscp.lbn", "P.LBN logical block number", base.DEC, nil)' in transfer
    assert '"P.LBN logical block number to be revectored"' in replace


def test_a_flag_is_a_bit_of_its_field() -> None:
    (line,) = declared("mscp.unfl.wph")
    assert 'ProtoField.bool("mscp.unfl.wph", "WPH' in line
    assert line.endswith("16, nil, 0x2000))")


def test_a_status_word_is_parted_into_code_and_subcode() -> None:
    (code,) = declared("mscp.sts.code")
    (subcode,) = declared("mscp.sts.subcode")
    assert code.endswith('"code", base.HEX, VALUES["mscp.ST"], 0x1f))')
    assert subcode.endswith('"subcode", base.DEC, nil, 0xffe0))')


def test_credits_and_message_type_share_a_byte() -> None:
    assert declared("uqssp.credits_type.type")[0].endswith('VALUES["uqssp.MessageType"], 0xf0))')
    assert declared("uqssp.credits_type.credits")[0].endswith("nil, 0xf))")


def test_opcodes_and_endcodes_have_their_words() -> None:
    (line,) = [line for line in LINES if line.startswith('  ["mscp.OP"] =')]
    assert '[33] = "READ"' in line
    assert '[161] = "READ end"' in line
    assert '[128] = "end message of an unknown opcode"' in line


def test_a_command_finds_its_layout_by_its_opcode() -> None:
    (line,) = [line for line in LINES if line.startswith("  commands = ") and "mscp." in line]
    assert '[33] = "mscp.TransferCommand"' in line
    assert '[4] = "mscp.SetControllerCharacteristicsCommand"' in line


def test_modifiers_are_those_of_the_command() -> None:
    read, available = (
        next(line for line in LINES if line.startswith(f"  [{int(op)}] = {{ {{")) for op in (OP.RD, OP.AVL)
    )
    assert '"mscp.mod.exp", bit = 0x8000' in read
    assert "mscp.mod.spd" not in read
    assert '"mscp.mod.spd", bit = 0x1' in available


def test_quotes_and_backslashes_cannot_end_a_string() -> None:
    for line in LINES:
        if line.startswith(("field(", '  ["')):
            assert line.replace('\\"', "").count('"') % 2 == 0, line


def test_names_written_by_hand_are_not_those_of_a_packets_field() -> None:
    """Wireshark takes two fields of one name for one, whatever they hold."""
    by_hand, places = SCRIPT.partition("local uqssp = Proto(")[2], SCRIPT.partition("local LAYOUTS")[0]
    names = re.findall(r'Proto(?:Field\.\w+|Expert\.new)\("([^"]+)"', by_hand)
    assert "mscp.response_time" in names
    for name in names:
        assert f'("{name}",' not in places
