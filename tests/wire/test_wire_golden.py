"""Captured and published packets against both codecs."""

import pytest
from wire_goldens import GOLDENS, Golden

from emu.wire.generated.mscp import (
    AvailableAttention,
    ControllerLog,
    GetUnitStatusEnd,
    HostMemoryLog,
    OnlineCommand,
    OnlineEnd,
    SetControllerCharacteristicsCommand,
    SetControllerCharacteristicsEnd,
    TransferCommand,
    TransferEnd,
)
from emu.wire.generated.uqssp import Envelope

each_golden = pytest.mark.parametrize("golden", GOLDENS.values(), ids=list(GOLDENS))


def padded(golden: Golden) -> bytes:
    """A short text is as if padded with zeros."""
    return golden.text.ljust(golden.packet_type.SIZE, b"\0")


@each_golden
def test_golden_packet_survives_the_generated_codec(golden):
    packet = golden.packet_type.unpack(padded(golden))
    assert packet.pack().ljust(len(golden.text), b"\0")[: len(golden.text)] == golden.text


@each_golden
def test_golden_packet_survives_construct(golden):
    built = golden.construct.build(golden.construct.parse(padded(golden)))
    assert built.ljust(len(golden.text), b"\0")[: len(golden.text)] == golden.text


@each_golden
def test_golden_packet_means_the_same_to_both_codecs(golden):
    parsed = golden.construct.parse(padded(golden))
    fields = golden.packet_type.unpack(padded(golden)).fields()
    assert {name: parsed[name] for name in fields} == fields


def unpack(packet_type, name):
    return packet_type.unpack(GOLDENS[name].text.ljust(packet_type.SIZE, b"\0"))


def test_ka655_asks_for_controller_characteristics_with_sixty_bytes():
    envelope = Envelope.unpack(GOLDENS["ka655_scc_command"].data)
    assert (envelope.length, envelope.credits_type, envelope.connection) == (60, 0, 0)
    command = unpack(SetControllerCharacteristicsCommand, "ka655_scc_command")
    assert (command.crf, command.opcd, command.vrsn, command.cntf, command.htmo) == (1, 4, 0, 0, 0)


def test_rqdx3_tells_ka655_its_characteristics():
    end = unpack(SetControllerCharacteristicsEnd, "ka655_scc_end")
    assert Envelope.unpack(GOLDENS["ka655_scc_end"].data).credits_type == 15
    assert (end.opcd, end.sts, end.cntf, end.ctmo, end.csvr, end.chvr) == (0x84, 0, 0x8000, 120, 3, 1)
    assert end.cnti == 0x0113_0000_0000_0000
    assert end.mbcnt == 0


def test_rd54_comes_online_to_ka655():
    end = unpack(OnlineEnd, "ka655_online_end")
    assert (end.crf, end.unit, end.opcd, end.flgs, end.sts) == (1, 0, 0x89, 0, 0)
    assert (end.mlun, end.unfl, end.unti, end.medi) == (0, 0x8000, 0x020D_0000_0000_0000, 0x25644036)
    assert (end.shun, end.shst, end.unsz, end.vser) == (0, 0, 311200, 0x29C)


def test_ka655_reads_the_home_block():
    command = unpack(TransferCommand, "ka655_read_lbn_1_command")
    assert (command.opcd, command.mod, command.bcnt) == (0x21, 0, 512)
    assert (command.buff, command.pte_base, command.lbn) == (0x418, 0, 1)


def test_rqdx3_leaves_the_buffer_descriptor_in_the_end_message():
    end = unpack(TransferEnd, "ka655_read_lbn_1_end")
    assert (end.opcd, end.sts, end.bcnt, end.buff, end.fbbk) == (0xA1, 0, 512, 0x418, 1)


def test_ka630_sees_a_write_locked_rd53():
    end = unpack(OnlineEnd, "ka630_online_end")
    assert (end.unfl, end.unsz, end.medi) == (0xA000, 138672, 0x25644035)


def test_vax780_asks_for_a_host_timeout_and_sends_a_credit():
    assert Envelope.unpack(GOLDENS["vax780_scc_command"].data).credits_type == 1
    assert unpack(SetControllerCharacteristicsCommand, "vax780_scc_command").htmo == 255
    assert unpack(OnlineEnd, "vax780_online_end").unsz == 891072


def test_pdp11_boot_sends_sixteen_bytes_of_online():
    assert len(GOLDENS["pdp11_online_command"].text) == 16
    assert unpack(OnlineCommand, "pdp11_online_command") == OnlineCommand(opcd=9)
    assert unpack(OnlineEnd, "pdp11_online_end").unsz == 60480


def test_get_unit_status_end_gives_the_geometry_of_an_rd54():
    end = unpack(GetUnitStatusEnd, "gus_rd54_end")
    assert (end.unit, end.sts, end.mlun, end.unfl) == (1, 4, 1, 0x8000)
    assert (end.shun, end.shst, end.trck, end.grp, end.cyl) == (1, 0, 17, 15, 1)
    assert (end.usvr, end.uhvr, end.rcts, end.rbns, end.rctc) == (0, 0, 7, 1, 1)


def test_online_command_asks_for_software_write_protection():
    command = unpack(OnlineCommand, "online_write_protect_command")
    assert (command.unit, command.mod, command.unfl) == (1, 4, 0x1000)


def test_end_messages_carry_their_status_words():
    assert unpack(TransferEnd, "read_forced_error_end").sts == 0x0008
    assert unpack(TransferEnd, "read_forced_error_end").bcnt == 512
    assert unpack(TransferEnd, "write_protected_end").sts == 0x1006
    assert unpack(TransferEnd, "read_lbn_out_of_range_end").sts == 0x1C01


def test_attention_and_logs_have_their_fields_in_place():
    attention = unpack(AvailableAttention, "available_attention")
    assert (attention.opcd, attention.unit, attention.medi) == (0x40, 1, 0x25644036)
    log = unpack(HostMemoryLog, "host_memory_log")
    assert (log.crf, log.unit, log.seqn, log.fmt, log.flgs, log.evnt) == (4, 1, 1, 1, 0, 0x69)
    assert (log.cnti, log.csvr, log.chvr, log.badr) == (0x0113_0000_0000_0001, 3, 1, 0x3E000)
    last_fail = unpack(ControllerLog, "last_fail_log")
    assert (last_fail.fmt, last_fail.flgs, last_fail.evnt, last_fail.code) == (0, 1, 0x0A, 9)
