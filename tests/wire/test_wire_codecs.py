"""Generated codecs: equal to construct, of the book's sizes, strict about length, and current."""

import pytest
from construct import Const, Flag, Int16ub, Int16ul, Padding, Struct
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.wire import codegen
from emu.wire.codes.mscp import invalid_command
from emu.wire.codes.ods2 import ods2_checksum
from emu.wire.fields import fields_of
from emu.wire.generated import buslink, dup, mscp, ods2, uqssp
from emu.wire.generated.mscp import TransferCommand
from emu.wire.layouts import buslink as buslink_layouts
from emu.wire.layouts import dup as dup_layouts
from emu.wire.layouts import mscp as mscp_layouts
from emu.wire.layouts import ods2 as ods2_layouts
from emu.wire.layouts import uqssp as uqssp_layouts
from emu.wire.packet import LONGWORD, QUADWORD, WORD, ShortPacket

PAIRS = {
    f"{name}.{packet}": (packets.PACKETS[packet], getattr(layouts, packet))
    for name, packets, layouts in (
        ("uqssp", uqssp, uqssp_layouts),
        ("mscp", mscp, mscp_layouts),
        ("dup", dup, dup_layouts),
        ("ods2", ods2, ods2_layouts),
        ("buslink", buslink, buslink_layouts),
    )
    for packet in packets.PACKETS
}
each_packet = pytest.mark.parametrize("name", PAIRS)

# Typed from the book, in bytes.
SIZES = {
    buslink: {"LinkHeader": 24, "Hello": 64, "Extent": 8, "Watch": 12, "FrameHeader": 2, "FrameCheck": 2},
    uqssp: {"Envelope": 4, "Descriptor": 4, "BufferDescriptor": 12, "CommunicationsArea": 8, "Scratchpad": 8},
    mscp: {
        "Header": 12,
        "EndHeader": 12,
        "GetUnitStatusEnd": 48,
        "GetUnitStatusLoadEnd": 52,
        "GetUnitNameEnd": 44,
        "SetControllerCharacteristicsCommand": 32,
        "SetControllerCharacteristicsEnd": 32,
        "OnlineCommand": 36,
        "OnlineEnd": 44,
        "ReferenceCommand": 16,
        "AbortEnd": 16,
        "GetCommandStatusEnd": 20,
        "TransferCommand": 32,
        "MappedBuffer": 12,
        "NamedBuffer": 12,
        "PortTransferCommand": 32,
        "TransferEnd": 32,
        "HistoryWriteCommand": 36,
        "HistoryWriteEnd": 36,
        "ReplaceCommand": 32,
        "FormatCommand": 32,
        "DisplayCommand": 32,
        "DiskCopyDataCommand": 60,
        "DiskCopyDataEnd": 34,
        "WriteHistoryCommand": 32,
        "WriteHistoryKeyCommand": 36,
        "WriteHistoryEnd": 32,
        "WriteHistoryEntry": 16,
        "AvailableAttention": 32,
        "ControllerLog": 24,
        "HostMemoryLog": 28,
        "UnitLog": 34,
        "DiskTransferLog": 44,
        "SdiLog": 56,
        "SmallDiskLog": 46,
        "ReplacementLog": 54,
        "ReplacementControl": 512,
    },
    dup: {
        "Header": 12,
        "EndHeader": 12,
        "GetDustStatusEnd": 22,
        "GetDustStatusLongEnd": 23,
        "ExecuteSuppliedProgramCommand": 40,
        "ExecuteLocalProgramCommand": 18,
        "ExecuteLocalProgramEnd": 16,
        "ExecuteLocalProgramLongEnd": 17,
        "DataCommand": 28,
        "DataEnd": 16,
        "SendDataImmediateCommand": 36,
        "ProgramHeader": 18,
        "Dialogue": 2,
    },
    ods2: {
        "HomeBlock": 512,
        "StorageControlBlock": 512,
        "FileHeader": 512,
        "FileIdent": 120,
        "DirectoryRecord": 6,
        "DirectoryEntry": 8,
        "VariableRecord": 2,
        "RetrievalPointer1": 4,
        "RetrievalPointer2": 6,
        "RetrievalPointer3": 8,
    },
}

# Text offsets typed from the book, where a slip would be quiet.
OFFSETS = {
    ("mscp.TransferCommand", "buff"): 16,
    ("mscp.TransferCommand", "lbn"): 28,
    ("mscp.PortTransferCommand", "buff"): 16,
    ("mscp.PortTransferCommand", "lbn"): 28,
    ("mscp.NamedBuffer", "name"): 4,
    ("mscp.NamedBuffer", "conid"): 8,
    ("mscp.TransferEnd", "fbbk"): 28,
    ("mscp.OnlineCommand", "unfl"): 14,
    ("mscp.OnlineCommand", "shun"): 32,
    ("mscp.OnlineCommand", "copy"): 34,
    ("mscp.OnlineEnd", "unti"): 20,
    ("mscp.OnlineEnd", "unsz"): 36,
    ("mscp.OnlineEnd", "vser"): 40,
    ("mscp.GetUnitStatusEnd", "trck"): 36,
    ("mscp.GetUnitStatusEnd", "rcts"): 44,
    ("mscp.GetUnitStatusLoadEnd", "load"): 48,
    ("mscp.SetControllerCharacteristicsCommand", "time"): 20,
    ("mscp.SetControllerCharacteristicsEnd", "cnti"): 20,
    ("mscp.SetControllerCharacteristicsEnd", "mbcnt"): 28,
    ("mscp.GetCommandStatusEnd", "cmst"): 16,
    ("mscp.ReplaceCommand", "lbn"): 28,
    ("mscp.FormatCommand", "func"): 28,
    ("mscp.DiskCopyDataCommand", "src_uid"): 20,
    ("mscp.DiskCopyDataCommand", "dest_lbn"): 28,
    ("mscp.DiskCopyDataCommand", "hrn"): 32,
    ("mscp.DiskCopyDataCommand", "src_lbn"): 40,
    ("mscp.DiskCopyDataCommand", "port_adr"): 44,
    ("mscp.DiskCopyDataCommand", "sys_adr"): 52,
    ("mscp.DiskCopyDataEnd", "sbc_sts"): 16,
    ("mscp.DiskCopyDataEnd", "ent_loc"): 32,
    ("mscp.WriteHistoryCommand", "oper"): 28,
    ("mscp.WriteHistoryEnd", "unit_al"): 16,
    ("mscp.WriteHistoryEnd", "count"): 28,
    ("mscp.ControllerLog", "code"): 22,
    ("mscp.HostMemoryLog", "badr"): 24,
    ("mscp.UnitLog", "unti"): 24,
    ("mscp.DiskTransferLog", "hdcd"): 40,
    ("mscp.SdiLog", "sdi"): 44,
    ("mscp.SmallDiskLog", "scyl"): 34,
    ("mscp.ReplacementLog", "bad_lbn"): 40,
    ("mscp.ReplacementLog", "cause"): 52,
    ("mscp.ReplacementControl", "bad_rbn"): 20,
    ("dup.GetDustStatusEnd", "timeout"): 20,
    ("dup.ExecuteSuppliedProgramCommand", "overlay_buff"): 28,
    ("dup.ProgramHeader", "flags"): 16,
    ("uqssp.CommunicationsArea", "purge_channel"): 3,
    ("uqssp.CommunicationsArea", "command_interrupt"): 4,
    ("uqssp.CommunicationsArea", "response_interrupt"): 6,
    ("ods2.HomeBlock", "checksum1"): 58,
    ("ods2.FileHeader", "fid_num"): 8,
    ("ods2.FileHeader", "ext_num"): 14,
    ("ods2.FileHeader", "rtype"): 20,
    ("ods2.FileHeader", "filechar"): 52,
    ("ods2.FileHeader", "map_inuse"): 58,
    ("ods2.FileHeader", "fileowner"): 60,
    ("ods2.FileHeader", "back_num"): 66,
    ("ods2.FileHeader", "highwater"): 76,
    ("ods2.FileHeader", "checksum"): 510,
    ("ods2.FileIdent", "filenamext"): 54,
    ("ods2.HomeBlock", "serialnum"): 456,
    ("ods2.HomeBlock", "volname"): 472,
    ("ods2.HomeBlock", "format"): 496,
    ("ods2.HomeBlock", "checksum2"): 510,
    ("ods2.StorageControlBlock", "volockname"): 34,
    ("ods2.StorageControlBlock", "mounttime"): 46,
    ("ods2.StorageControlBlock", "genernum"): 56,
    ("ods2.StorageControlBlock", "shadow_status"): 72,
    ("ods2.StorageControlBlock", "member_status_0"): 74,
    ("ods2.StorageControlBlock", "member_id_0"): 80,
    ("ods2.StorageControlBlock", "member_id_2"): 96,
    ("ods2.StorageControlBlock", "scb_lbn"): 104,
    ("ods2.StorageControlBlock", "decram_mbrs"): 113,
    ("ods2.StorageControlBlock", "checksum"): 510,
}


def test_generated_files_are_what_the_layouts_say():
    assert codegen.stale_modules() == []
    assert codegen.main(["--check"]) == 0


@pytest.mark.parametrize("module", SIZES, ids=lambda module: module.__name__)
def test_packets_have_the_sizes_of_the_book(module):
    assert {name: packet.SIZE for name, packet in module.PACKETS.items()} == SIZES[module]


@pytest.mark.parametrize(("name", "field"), OFFSETS)
def test_fields_lie_where_the_book_puts_them(name, field):
    packet_type, _ = PAIRS[name]
    assert packet_type.LAYOUT[field][0] == OFFSETS[name, field]


@each_packet
@given(data=st.data())
@settings(derandomize=True, deadline=None, max_examples=12)
def test_generated_codec_equals_construct(name, data):
    packet_type, layout = PAIRS[name]
    values = {
        field: data.draw(
            st.binary(min_size=size, max_size=size) if isinstance(default, bytes) else extremes(size)
        )
        for (field, default), (_, size) in zip(
            packet_type().fields().items(), packet_type.LAYOUT.values(), strict=True
        )
    }
    packet = packet_type(**values)
    assert packet.pack() == layout.build(values)
    assert packet_type.pack_fields(**values) == packet.pack()
    assert packet_type.unpack(packet.pack()) == packet
    assert packet_type.unpack(packet.pack()).fields() == values


def extremes(size):
    top = 256**size - 1
    return st.sampled_from([0, 1, top - 1, top]) | st.integers(0, top)


@each_packet
def test_every_strict_prefix_is_refused(name):
    packet_type, _ = PAIRS[name]
    whole = packet_type().pack()
    assert len(whole) == packet_type.SIZE
    for length in range(len(whole)):
        with pytest.raises(ShortPacket):
            packet_type.unpack(whole[:length])


@each_packet
def test_packet_is_read_and_written_at_an_offset(name):
    packet_type, _ = PAIRS[name]
    size = packet_type.SIZE
    room = bytearray(b"\xff" * (size + 8))
    packet_type().pack_into(room, 4)
    assert room == b"\xff" * 4 + bytes(size) + b"\xff" * 4
    assert packet_type.unpack(memoryview(room), 4) == packet_type()


def test_short_packet_says_what_was_wanted_and_found():
    with pytest.raises(ShortPacket, match="TransferCommand needs 32 bytes, 31 are there") as refused:
        TransferCommand.unpack(bytes(40), 9)
    assert (refused.value.name, refused.value.wanted, refused.value.found) == ("TransferCommand", 32, 31)
    with pytest.raises(ShortPacket):
        TransferCommand().pack_into(bytearray(40), 9)


def test_packets_of_different_layouts_are_never_equal():
    assert mscp.TransferCommand() != mscp.ReplaceCommand()
    assert mscp.TransferCommand() == mscp.TransferCommand()
    assert mscp.TransferCommand(lbn=1) != mscp.TransferCommand()


def test_packet_shows_its_fields():
    assert repr(mscp.ReferenceCommand(crf=0x10001, opcd=1)) == (
        "ReferenceCommand(crf=0x10001, unit=0, opcd=1, mod=0, otrf=0)"
    )


def test_offset_of_the_guilty_field_makes_the_status():
    offset, size = TransferCommand.LAYOUT["lbn"]
    assert (offset, size) == (28, 4)
    assert invalid_command(offset) == 0x1C01


@pytest.mark.parametrize(
    "part",
    [
        "big" / Int16ub,
        "truth" / Flag,
        "nested" / Struct("word" / Int16ul),
        "fixed" / Const(b"DEC"),
        "named gap" / Padding(2),
        Int16ul,
    ],
    ids=repr,
)
def test_generator_refuses_what_its_codecs_cannot_do(part):
    with pytest.raises(TypeError, match=r"field big|integer, Bytes"):
        fields_of(Struct("word" / Int16ul, part))


def test_generator_prints_one_struct_for_the_whole_packet():
    source = codegen.class_source("Sample", Struct("word" / Int16ul, Padding(2)) * "Sample of a layout")
    assert '_Sample = struct.Struct("<H2x")' in source
    assert '"""Sample of a layout: 4 bytes."""' in source
    assert '"word": (0, 2)' in source


def test_words_are_little_endian():
    assert WORD.pack(0x1234) == b"\x34\x12"
    assert LONGWORD.pack(0x80000204) == b"\x04\x02\x00\x80"
    assert QUADWORD.unpack(b"\x01\0\0\0\0\0\x13\x01") == (0x0113_0000_0000_0001,)


def test_ods2_checksum_is_the_sum_of_words_modulo_65536():
    block = bytearray(512)
    assert ods2_checksum(block, 255) == 0
    block[0:2] = b"\x34\x12"
    block[56:60] = b"\x01\x00\xff\xff"
    assert ods2_checksum(block, 29) == 0x1235
    assert ods2_checksum(b"\xff" * 512, 255) == 0xFF01
