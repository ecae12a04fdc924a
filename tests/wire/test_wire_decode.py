"""The explanation of packets: the words an operator looks for."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wire_goldens import GOLDENS

from emu.wire import tables
from emu.wire.decode import decode_packet, status_words
from emu.wire.generated.mscp import (
    AvailableAttention,
    DiskCopyDataCommand,
    DiskTransferLog,
    GetUnitStatusLoadEnd,
    SetControllerCharacteristicsCommand,
    TransferCommand,
    TransferEnd,
)


def explained(data, with_envelope=None):
    return {line.name: line.meaning for line in decode_packet(data, with_envelope=with_envelope)}


WORDS = {
    "ka655_scc_command": {"opcd": "SET CONTROLLER CHARACTERISTICS", "connection": "disk MSCP"},
    "ka655_scc_end": {
        "credits_type": "sequential message, 15 credits",
        "opcd": "SET CONTROLLER CHARACTERISTICS end",
        "cntf": "RPL",
        "ctmo": "120 s",
        "cnti": "0x0, model 19 (RQDX3, Q-bus), class 1 (mass storage controller)",
    },
    "ka655_online_end": {"medi": "DU RD54", "unsz": "311200", "sts": "success"},
    "ka655_read_lbn_1_command": {"opcd": "READ", "bcnt": "512", "buff": "bus address 0x418", "lbn": "1"},
    "ka630_online_end": {"unfl": "WPH RPL", "medi": "DU RD53"},
    "vax780_online_end": {"medi": "DU RA81"},
    "m9312_online_command": {"opcd": "ONLINE", "length": "1284 bytes of text"},
    "bsd_scc_command": {"cntf": "THS MSC ATN", "htmo": "0 = none", "time": "0 = unknown"},
    "gus_next_unit_command": {"opcd": "GET UNIT STATUS", "mod": "NXU"},
    "gus_rd54_end": {"sts": "available", "trck": "17", "unti": "0x1, model 13, class 2 (disk, DEC STD 166)"},
    "online_write_protect_command": {"mod": "SWP", "unfl": "WPS"},
    "read_forced_error_end": {"sts": "data error: block was written with force error"},
    "write_protected_end": {"opcd": "WRITE end", "sts": "write protected: software"},
    "read_lbn_out_of_range_end": {"sts": "invalid command: field lbn at offset 28"},
    "unknown_opcode_end": {"opcd": "end message of an unknown opcode", "sts": "invalid command: opcode"},
    "available_attention": {"opcd": "AVAILABLE attention", "medi": "DU RD54"},
    "host_memory_log": {"evnt": "host buffer: non-existent memory", "badr": "0x3e000", "crf": "0x4"},
    "last_fail_log": {"flgs": "SNR", "code": "host access timeout"},
    "dup_get_dust_status_command": {"opcd": "GET DUST STATUS"},
    "dup_get_dust_status_end": {"ext": "'RQ3'", "flags": "LOCAL", "timeout": "60 s"},
    "dup_execute_format_command": {"name": "'FORMAT'", "mod": "STANDALONE"},
}


@pytest.mark.parametrize("name", WORDS)
def test_golden_packet_is_explained_in_the_manuals_words(name):
    meanings = explained(GOLDENS[name].data)
    assert {field: meanings[field] for field in WORDS[name]} == WORDS[name]


@pytest.mark.parametrize("name", GOLDENS)
def test_envelope_of_every_golden_packet_is_recognised(name):
    lines = decode_packet(GOLDENS[name].data, with_envelope=None)
    assert [line.offset for line in lines[:4]] == [-4, -2, -1, 0]


@pytest.mark.parametrize(
    "name", [name for name in GOLDENS if "log" not in name and not name.startswith("dup_")]
)
def test_text_without_envelope_is_recognised(name):
    lines = decode_packet(GOLDENS[name].text, with_envelope=None)
    assert lines[0].offset == 0
    assert lines[0].symbol == "P.CRF"


@pytest.mark.parametrize("name", GOLDENS)
def test_every_byte_is_explained_once(name):
    data = GOLDENS[name].data
    lines = decode_packet(data, with_envelope=True)
    covered = [at for line in lines for at in range(line.offset, line.offset + line.size)]
    assert covered == list(range(-4, len(data) - 4))


def test_line_shows_offset_symbol_value_and_meaning():
    line = decode_packet(GOLDENS["write_protected_end"].text, with_envelope=False)[5]
    assert str(line) == "  10  2  P.STS        1006              write protected: software"


def test_mapped_buffer_and_adapter_channel_are_told_apart():
    mapped = TransferCommand(opcd=0x22, buff=0x80000000 | 5 << 9 | 0x1F0, pte_base=0x1000)
    assert explained(mapped.pack(), False)["buff"] == "mapped, entry 5, offset 496"
    channel = TransferCommand(opcd=0x22, buff=0x03000400)
    assert explained(channel.pack(), False)["buff"] == "bus address 0x400, adapter channel 3"


def test_virtual_unit_and_unknown_bits_are_named():
    meanings = explained(TransferCommand(opcd=0x21, unit=0x8005, mod=0x4001).pack(), False)
    assert meanings["unit"] == "virtual unit 5"
    assert meanings["mod"] == "CMP unknown 0x1"


def test_end_flags_are_named():
    assert explained(TransferEnd(opcd=0xA1, flgs=0xA0).pack(), False)["flgs"] == "BBR LOG"


def test_disk_copy_data_is_explained():
    meanings = explained(DiskCopyDataCommand(opcd=0x0D, mod=3, lbcount=127, src_unum=2).pack(), False)
    assert meanings["opcd"] == "DISK COPY DATA"
    assert meanings["mod"] == "LOCSU ESTCP"
    assert meanings["lbcount"] == "127"


def test_time_is_a_vms_date():
    noon = SetControllerCharacteristicsCommand(opcd=4, time=(40587 * 86400 + 43200) * 10_000_000)
    assert explained(noon.pack(), False)["time"] == "01-Jan-1970 12:00:00"
    never = SetControllerCharacteristicsCommand(opcd=4, time=2**64 - 1)
    assert explained(never.pack(), False)["time"] == "beyond the calendar"


def test_longer_end_message_of_a_vms_server_is_recognised():
    assert explained(GetUnitStatusLoadEnd(opcd=0x83, load=110).pack(), False)["load"] == "110"


def test_log_with_device_dependent_bytes_shows_them_raw():
    log = DiskTransferLog(fmt=2, evnt=0xE8, hdcd=0x60000011).pack() + b"\x01\x02"
    lines = decode_packet(b"\x2e\x00\x10\x00" + log, with_envelope=True)
    assert [line.meaning for line in lines if line.name == "hdcd"] == ["replacement block 17"]
    assert (lines[-1].raw, lines[-1].meaning) == (b"\x01\x02", "not in the layout")


def test_attention_of_a_shadow_set_shows_its_unit():
    assert explained(AvailableAttention(opcd=0x40, unit=0x8001).pack(), False)["unit"] == "virtual unit 1"


def test_unknown_opcode_is_shown_raw():
    assert explained(TransferCommand(opcd=0x3F).pack(), False)["opcd"] == "unknown opcode 0x3f"


def test_status_words_fall_back_on_the_code():
    assert status_words(0x0069) == "host buffer: non-existent memory"
    assert status_words(0x0563) == "unit-offline, subcode 43"
    assert status_words(0x000F) == "unknown code 0xf, subcode 0"


@pytest.mark.parametrize(("length", "with_envelope"), [(0, None), (11, None), (11, False), (15, True)])
def test_input_without_a_whole_header_is_refused(length, with_envelope):
    with pytest.raises(ValueError, match="a packet has at least"):
        decode_packet(bytes(length), with_envelope=with_envelope)


def test_text_cut_in_the_middle_of_a_field_is_explained_as_far_as_it_goes():
    lines = decode_packet(TransferCommand(opcd=0x21, bcnt=512).pack()[:14], with_envelope=False)
    assert (lines[-1].name, lines[-1].raw, lines[-1].meaning) == ("bcnt", b"\x00\x02", "cut short")


@given(data=st.binary(min_size=16, max_size=80), with_envelope=st.sampled_from([True, False, None]))
@settings(derandomize=True, deadline=None, max_examples=60)
def test_any_bytes_are_explained_to_the_last(data, with_envelope):
    lines = decode_packet(data, with_envelope=with_envelope)
    assert sum(line.size for line in lines) == len(data)
    assert all(str(line) for line in lines)


def test_wire_page_is_what_the_declarations_say():
    page = Path(__file__).parents[2] / "docs" / "wire.md"
    assert page.read_text() == tables.page()


def test_wire_page_has_packets_and_codes():
    page = tables.page()
    assert "| 28 | 4 | `lbn` | `P.LBN` | logical block number |" in page
    assert "| 0x0069 | `SB.HST_NXM` | host buffer: non-existent memory |" in page
    assert "| GET UNIT STATUS | `NXU` 0x0001 |" in page
