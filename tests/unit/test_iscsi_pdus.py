"""Headers as foreign programs wrote them, and the sizes of all; captured on a wire between libiscsi, QEMU and tgtd."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.wire.generated.iscsi import (
    PACKETS,
    DataIn,
    DataOut,
    LoginRequest,
    LoginResponse,
    LogoutRequest,
    LogoutResponse,
    ReadyToTransfer,
    ScsiCommand,
    ScsiResponse,
    TextRequest,
    TextResponse,
)
from emu.wire.layouts import iscsi as layouts

Z16, Z12 = "00" * 16, "00" * 12
GOLDEN: list[tuple[Any, str, dict[str, int | bytes]]] = [
    (
        LoginRequest,
        f"438700000000018b80c8094e000000003acd5a07000000006b5bdd2f00000001{Z16}",
        {
            "flags": 0x87,
            "lengths": 395,
            "isid": bytes.fromhex("80c8094e0000"),
            "tsih": 0,
            "cmd_sn": 0x6B5BDD2F,
        },
    ),
    (
        LoginResponse,
        f"238700000000012c80c8094e000001003acd5a0700000000000000006b5bdd2f6b5bdd30{Z12}",
        {"tsih": 0x0100, "stat_sn": 0, "exp_cmd_sn": 0x6B5BDD2F, "max_cmd_sn": 0x6B5BDD30, "status": 0},
    ),
    (
        TextRequest,
        f"448000000000001000000000000000003acd5a08ffffffff6b5bdd2f00000001{Z16}",
        {"ttt": 0xFFFFFFFF, "exp_stat_sn": 1},
    ),
    (
        TextResponse,
        f"24800000000000c200000000000000003acd5a08ffffffff000000016b5bdd2f6b5bdd30{Z12}",
        {"lengths": 0xC2, "stat_sn": 1},
    ),
    (
        LogoutRequest,
        f"468000000000000000000000000000003acd5a09000000006b5bdd2f00000002{Z16}",
        {"reason": 0x80, "cid": 0},
    ),
    (
        LogoutResponse,
        f"268000000000000000000000000000003acd5a0900000000000000026b5bdd2f6b5bdd30{Z12}",
        {"response": 0, "time2wait": 0},
    ),
    (
        ScsiCommand,
        f"0181000000000000000100000000000003e1251f0000000021103c1c{'00' * 20}",
        {"flags": 0x81, "lun": b"\0\1" + bytes(6), "expected_bytes": 0, "cdb": bytes(16)},
    ),
    (
        ScsiResponse,
        f"2180000200000014000000000000000003e1251f000000000000000121103c1d21103c9d{Z12}",
        {"status": 2, "lengths": 0x14, "stat_sn": 1, "residual": 0},
    ),
    (
        DataIn,
        f"2581000000000040000000000000000003e12521ffffffff0000000321103c1f21103c9f{Z12}",
        {"flags": 0x81, "stat_sn": 3, "lengths": 64},
    ),
    (
        ReadyToTransfer,
        "318000000000000000010000000000005cb4d77a1018ad2e0000000c14e8850714e88587000000000000200000040000",
        {"ttt": 0x1018AD2E, "r2t_sn": 0, "offset": 0x2000, "desired_bytes": 0x40000},
    ),
    (
        DataOut,
        "050000000000200000010000000000005cb4d77a1018ad2e000000000000000d00000000000000010000400000000000",
        {"exp_stat_sn": 13, "data_sn": 1, "offset": 0x4000, "lengths": 0x2000},
    ),
]


@pytest.mark.parametrize(("packet", "wire", "fields"), GOLDEN, ids=lambda each: getattr(each, "__name__", ""))
def test_captured_headers_are_understood_and_written_again(
    packet: Any, wire: str, fields: dict[str, int | bytes]
) -> None:
    header = bytes.fromhex(wire)
    found = packet.unpack(header)
    assert {name: found.fields()[name] for name in fields} == fields
    assert found.pack() == header


def test_every_header_has_48_bytes() -> None:
    others = {"SenseLength": 2, "AdditionalHeader": 4, "TransportId": 4}
    assert {name: packet.SIZE for name, packet in PACKETS.items()} == {
        name: others.get(name, 48) for name in PACKETS
    }


@given(st.sampled_from(list(PACKETS)), st.binary(min_size=48, max_size=48))
@settings(derandomize=True, deadline=None, max_examples=200)
def test_the_codecs_read_what_construct_reads(name: str, header: bytes) -> None:
    packet, layout = PACKETS[name], getattr(layouts, name)
    parsed = layout.parse(header)
    assert packet.unpack(header).fields() == {field: parsed[field] for field in packet.LAYOUT}
