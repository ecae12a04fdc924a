"""Data of commands: Data-In, immediate, unsolicited and solicited data-out, residuals, digests."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.front.iscsi import commands
from emu.front.iscsi.pdu import digest
from tests.unit.iscsi_initiator import (
    BLOCK,
    NO_TAG,
    Bench,
    Initiator,
    Pdu,
    crc32c,
    read_10,
)

ABORTED = "70000b000000000a00000000{}00000000"


def logged_in(keys: str = "InitialR2T=No MaxRecvDataSegmentLength=262144") -> tuple[Bench, Initiator]:
    bench = Bench()
    bench.device.data[:] = bytes(range(251)) * (len(bench.device.data) // 251) + bytes(
        len(bench.device.data) % 251
    )
    initiator = bench.initiator()
    initiator.login(keys)
    return bench, initiator


def is_failure(pdu: Pdu, asc: str) -> bool:
    sense = bytes.fromhex("0012" + ABORTED.format(asc))
    return (pdu.opcode, pdu.header[3], pdu.data) == (0x21, 2, sense)


# ---- data-in


def test_a_short_read_is_one_pdu_with_its_status() -> None:
    bench, initiator = logged_in()
    initiator.send(initiator.read_pdu(3, 2, tag=0x1234))
    answer = initiator.one()
    assert answer.header.hex() == (
        "2581000000000400"  # F and S, status GOOD, 1024 bytes
        "0000000000000000"
        "00001234ffffffff"
        "000000020000000200000081"  # StatSN, ExpCmdSN, MaxCmdSN
        "000000000000000000000000"  # DataSN, offset, residual
    )
    assert answer.data == bench.device.data[3 * BLOCK : 5 * BLOCK]


def test_a_long_read_is_cut_at_the_initiators_segments_and_bursts() -> None:
    bench, initiator = logged_in("MaxRecvDataSegmentLength=4096 MaxBurstLength=8192")
    initiator.send(initiator.read_pdu(0, 40))
    found = initiator.receive()
    assert [(pdu.flags, len(pdu.data), pdu.word(36), pdu.word(40)) for pdu in found] == [
        (0x00, 4096, 0, 0),
        (0x80, 4096, 1, 4096),
        (0x00, 4096, 2, 8192),
        (0x80, 4096, 3, 12288),
        (0x81, 4096, 4, 16384),
    ]
    assert b"".join(pdu.data for pdu in found) == bench.device.data[: 40 * BLOCK]


def test_data_in_is_what_the_medium_was_read_into() -> None:
    _, initiator = logged_in()
    initiator.send(initiator.read_pdu(0, 8))
    _, data = initiator.connection.outgoing()
    assert isinstance(data, memoryview)
    assert len(data) == 8 * BLOCK


def test_commands_that_come_together_are_answered_together() -> None:
    _, initiator = logged_in()
    initiator.send(b"".join(initiator.read_pdu(0, 1, tag=tag) for tag in range(32)))
    assert len(initiator.connection.outgoing()) == 64
    assert initiator.connection.outgoing() == []


@pytest.mark.parametrize(
    ("count", "expected", "flags", "moved", "residual"),
    [(2, 2048, 0x82, 1024, 1024), (2, 512, 0x84, 512, 512), (2, 100, 0x84, 100, 924), (1, 512, 0x80, 512, 0)],
)
def test_a_read_moves_what_is_expected_at_most(
    count: int, expected: int, flags: int, moved: int, residual: int
) -> None:
    bench, initiator = logged_in()
    initiator.send(initiator.read_pdu(1, count, expected=expected))
    answer = initiator.one()
    assert (answer.flags, answer.word(44)) == (flags | 1, residual)
    assert answer.data == bench.device.data[BLOCK : BLOCK + moved]


def test_a_read_of_which_nothing_is_expected_ends_good_without_data() -> None:
    _, initiator = logged_in()
    for flags, expected in ((0x81, 0), (0xA1, 512)):  # neither R nor W; W
        initiator.send(initiator.read_pdu(0, 2, expected=expected, flags=flags))
        answer = initiator.one()
        assert (answer.opcode, answer.header[3], answer.data) == (0x21, 0, b"")
        assert answer.flags == 0x84
        assert answer.word(44) == 2 * BLOCK - expected


def test_a_refused_command_has_its_sense_and_moves_nothing() -> None:
    _, initiator = logged_in()
    initiator.send(initiator.command_pdu(b"\xff", 0xC1, 512))
    answer = initiator.one()
    assert (answer.opcode, answer.header[2], answer.header[3]) == (0x21, 0, 2)
    assert (answer.flags, answer.word(44)) == (0x82, 512)
    assert answer.data.hex() == "0012700005000000000a00000000200000000000"


# ---- data-out


def test_immediate_data_needs_no_more_than_the_response() -> None:
    bench, initiator = logged_in()
    initiator.send(initiator.write_pdu(1, 2, b"x" * 1024))
    answer = initiator.one()
    assert (answer.opcode, answer.flags, answer.header[3], answer.word(44)) == (0x21, 0x80, 0, 0)
    assert bench.device.data[BLOCK : 3 * BLOCK] == b"x" * 1024


def test_what_is_not_there_is_asked_for_in_bursts() -> None:
    bench, initiator = logged_in("MaxBurstLength=1024 MaxOutstandingR2T=2 InitialR2T=No")
    data = bytes(range(256)) * 10
    initiator.send(initiator.write_pdu(0, 5, data[:256]))
    first = initiator.receive()
    assert [(pdu.opcode, pdu.word(36), pdu.word(40), pdu.word(44)) for pdu in first] == [
        (0x31, 0, 256, 1024),
        (0x31, 1, 1280, 1024),
    ]
    initiator.send(initiator.data_out_pdu(data[256:512], 256, 0, first[0].word(20), final=False))
    assert initiator.receive() == []
    initiator.send(initiator.data_out_pdu(data[512:1280], 512, 1, first[0].word(20), final=True))
    third = initiator.one()
    assert (third.word(36), third.word(40), third.word(44)) == (2, 2304, 256)
    assert third.word(24) == 2  # the next StatSN, which an R2T does not use up
    initiator.send(
        initiator.data_out_pdu(data[1280:2304], 1280, 0, first[1].word(20), final=True)
        + initiator.data_out_pdu(data[2304:], 2304, 0, third.word(20), final=True)
    )
    answer = initiator.one()
    assert (answer.opcode, answer.header[3], answer.word(24), answer.word(36)) == (0x21, 0, 2, 3)
    assert bench.device.data[: 5 * BLOCK] == data


def test_unsolicited_data_follows_a_command_that_is_not_final() -> None:
    bench, initiator = logged_in("InitialR2T=No ImmediateData=No FirstBurstLength=2048")
    initiator.send(initiator.write_pdu(0, 6, flags=0x21))
    assert initiator.receive() == []
    initiator.send(initiator.data_out_pdu(b"a" * 1024, 0, 0, NO_TAG, final=False))
    initiator.send(initiator.data_out_pdu(b"b" * 1024, 1024, 1, NO_TAG, final=True))
    asked = initiator.one()
    assert (asked.opcode, asked.word(40), asked.word(44)) == (0x31, 2048, 1024)
    initiator.send(initiator.data_out_pdu(b"c" * 1024, 2048, 0, asked.word(20), final=True))
    assert initiator.one().header[3] == 0
    assert bench.device.data[: 6 * BLOCK] == b"a" * 1024 + b"b" * 1024 + b"c" * 1024


@pytest.mark.parametrize(
    ("keys", "flags", "data"),
    [
        ("ImmediateData=No", 0xA1, b"x" * 512),
        ("InitialR2T=No FirstBurstLength=512", 0xA1, b"x" * 1024),
        ("InitialR2T=Yes", 0x21, b""),
    ],
)
def test_unsolicited_data_that_was_not_agreed_on_fails_the_command(
    keys: str, flags: int, data: bytes
) -> None:
    bench, initiator = logged_in(keys)
    initiator.send(initiator.write_pdu(0, 4, data, flags=flags))
    assert is_failure(initiator.one(), "0c0c")
    assert bench.device.written == []


@pytest.mark.parametrize(
    ("data_sn", "offset", "length"), [(1, 0, 1024), (27, 0, 1024), (-1, 0, 1024), (0, 512, 512), (0, 0, 512)]
)
def test_data_out_of_the_wrong_number_place_or_length_fails_the_command(
    data_sn: int, offset: int, length: int
) -> None:
    bench, initiator = logged_in()
    bench.device.late = False
    initiator.send(initiator.write_pdu(0, 2))
    asked = initiator.one()
    wrong = initiator.data_out_pdu(bytes(length), offset, data_sn, asked.word(20), final=True)
    initiator.send(wrong)
    assert is_failure(initiator.one(), "4b00")
    assert bench.device.written == []
    assert bench.device.tasks == []
    initiator.send(wrong)  # of a task that is over: ignored
    assert initiator.receive() == []


def test_data_out_of_another_burst_fails_the_command() -> None:
    _, initiator = logged_in()
    initiator.send(initiator.write_pdu(0, 2))
    asked = initiator.one()
    initiator.send(initiator.data_out_pdu(bytes(1024), 0, 0, asked.word(20) + 1, final=True))
    assert is_failure(initiator.one(), "4b00")


@pytest.mark.parametrize(
    ("count", "expected", "flags", "moved", "residual"),
    [(1, 1024, 0x82, 512, 512), (2, 512, 0x84, 512, 512), (1, 200, 0x84, 200, 312)],
)
def test_a_write_takes_what_is_expected_at_most(
    count: int, expected: int, flags: int, moved: int, residual: int
) -> None:
    bench, initiator = logged_in()
    initiator.send(initiator.write_pdu(0, count, b"w" * expected, expected=expected))
    answer = initiator.one()
    assert (answer.flags, answer.header[3], answer.word(44)) == (flags, 0, residual)
    assert bench.device.written == [moved]


def test_a_write_that_ends_early_is_not_asked_for_its_data() -> None:
    _, initiator = logged_in()
    initiator.send(initiator.command_pdu(b"\xff", 0x21, 4096))
    assert initiator.one().header[3] == 2
    initiator.send(initiator.data_out_pdu(bytes(4096), 0, 0, NO_TAG, final=True))
    assert initiator.receive() == []


def test_a_long_cdb_is_complete() -> None:
    bench, initiator = logged_in()
    bench.device.late = True
    cdb = bytes((0x7F,)) + bytes(range(1, 32))
    ahs = b"\x00\x11\x01\x00" + cdb[16:]
    initiator.send(initiator.command_pdu(cdb[:16], 0x81, ahs=ahs))
    assert bench.device.tasks[0].cdb == cdb


# ---- digests


def test_the_crc_is_the_standards() -> None:
    for data, wire in (
        (bytes(32), "aa36918a"),
        (b"\xff" * 32, "43aba862"),
        (bytes(range(32)), "4e79dd46"),
        (bytes(range(31, -1, -1)), "5cdb3f11"),
    ):
        assert digest(data).hex() == crc32c(data).hex() == wire
        assert digest(data[:5], memoryview(data)[5:]).hex() == wire


@pytest.mark.parametrize(
    "keys", ["HeaderDigest=CRC32C", "DataDigest=CRC32C", "HeaderDigest=CRC32C DataDigest=CRC32C"]
)
def test_digests_are_on_every_pdu(keys: str) -> None:
    bench, initiator = logged_in(f"{keys} InitialR2T=No")
    initiator.send(initiator.write_pdu(0, 2, b"d" * 1024, tag=1) + initiator.read_pdu(0, 2, tag=2))
    response, data_in = initiator.receive()
    assert (response.header[3], data_in.data) == (0, b"d" * 1024)
    initiator.send(initiator.write_pdu(4, 2, tag=3))
    asked = initiator.one()
    initiator.send(initiator.data_out_pdu(b"e" * 1023, 0, 0, asked.word(20), final=False, tag=3))
    initiator.send(initiator.data_out_pdu(b"e", 1023, 1, asked.word(20), final=True, tag=3))
    assert initiator.one().header[3] == 0
    assert bench.device.data[4 * BLOCK : 6 * BLOCK] == b"e" * 1024


def test_a_header_that_does_not_agree_with_its_digest_ends_the_connection() -> None:
    bench, initiator = logged_in("HeaderDigest=CRC32C")
    pdu = bytearray(initiator.read_pdu(0, 1))
    pdu[50] ^= 1
    initiator.send(bytes(pdu))
    assert initiator.connection.ended
    assert bench.device.nexuses == []


def test_data_that_does_not_agree_with_its_digest_fails_the_write() -> None:
    bench, initiator = logged_in("DataDigest=CRC32C")
    initiator.send(initiator.write_pdu(0, 1))
    asked = initiator.one()
    pdu = bytearray(initiator.data_out_pdu(b"x" * 512, 0, 0, asked.word(20), final=True))
    pdu[60] ^= 1
    initiator.send(bytes(pdu))
    reject, failure = initiator.receive()
    assert (reject.opcode, reject.header[2], reject.data) == (0x3F, 0x02, bytes(pdu[:48]))
    assert is_failure(failure, "4705")
    assert bench.device.written == []


def test_a_command_with_a_bad_data_digest_has_not_come() -> None:
    bench, initiator = logged_in("DataDigest=CRC32C InitialR2T=No")
    good = initiator.write_pdu(0, 1, b"x" * 512)
    bad = bytearray(good)
    bad[60] ^= 1
    initiator.send(bytes(bad))
    assert initiator.one().header[2] == 0x02
    initiator.send(good)  # with the same CmdSN
    assert initiator.one().header[3] == 0
    assert bench.device.written == [512]


# ---- pieces


@given(
    cuts=st.lists(st.integers(1, 700), max_size=12),
    keys=st.sampled_from(["", "HeaderDigest=CRC32C", "DataDigest=CRC32C"]),
)
@settings(derandomize=True, deadline=None, max_examples=60)
def test_where_the_stream_is_cut_does_not_matter(cuts: list[int], keys: str) -> None:
    _, initiator = logged_in(f"InitialR2T=No {keys}".strip())
    stream = (
        initiator.write_pdu(0, 2, bytes(range(256)) * 4, tag=1)
        + initiator.read_pdu(0, 2, tag=2)
        + initiator.request_pdu(0x40, itt=3, data=b"ping!")
    )
    at = 0
    for cut in [*cuts, len(stream)]:
        initiator.send(stream[at : at + cut])
        at += cut
    _, data_in, ping = initiator.receive()
    assert data_in.data == bytes(range(256)) * 4
    assert ping.data == b"ping!"


def test_a_stream_byte_by_byte_is_understood() -> None:
    bench, initiator = logged_in()
    for byte in initiator.write_pdu(0, 2, b"z" * 1024):
        initiator.send(bytes((byte,)))
    assert initiator.one().header[3] == 0
    assert bench.device.data[:1024] == b"z" * 1024


# ---- bounds


def test_data_that_waits_to_be_sent_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "TRANSFER_BYTES", 16 * BLOCK)
    _, initiator = logged_in()
    for tag in range(8):
        initiator.send(initiator.read_pdu(tag * 8, 8, tag=tag))
    first = initiator.connection.outgoing()
    assert len(first) == 4  # two of them: the others wait until those have gone
    found = [pdu.itt for pdu in initiator.receive()]
    assert found == [2, 3, 4, 5, 6, 7]
    assert not initiator.connection.session.tasks


def test_one_task_may_be_longer_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "TRANSFER_BYTES", 1 * BLOCK)
    _, initiator = logged_in()
    initiator.send(initiator.read_pdu(0, 8, tag=1) + initiator.read_pdu(0, 8, tag=2))
    assert [pdu.itt for pdu in initiator.receive()] == [1, 2]


def test_a_task_that_waits_for_room_can_be_aborted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "TRANSFER_BYTES", 1 * BLOCK)
    bench, initiator = logged_in()
    bench.device.late = True
    initiator.send(initiator.read_pdu(0, 8, tag=1) + initiator.read_pdu(0, 8, tag=2))
    assert len(bench.device.tasks) == 1
    assert initiator.manage(1, referenced=2).header[2] == 0
    bench.device.finish()
    assert [pdu.itt for pdu in initiator.receive()] == [1]
    assert bench.device.tasks == []


def test_a_data_segment_longer_than_we_said_ends_the_connection() -> None:
    _, initiator = logged_in()
    initiator.send(initiator.write_pdu(0, 1000, bytes(262148)))
    assert initiator.connection.ended


def test_what_is_not_wanted_takes_no_memory() -> None:
    bench, initiator = logged_in()
    bench.device.late = True
    initiator.send(initiator.command_pdu(read_10(0, 65535), 0xC1, 0))
    views = bench.device.tasks[0].room(65535 * BLOCK)
    assert sum(map(len, views)) == 65535 * BLOCK
    assert len({id(view.obj) for view in views}) == 1
