"""Sessions in full feature phase: numbers, task management, text, NOP, logout, silence, nonsense."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.front.iscsi.connection import PATIENCE_NS, SILENCE_NS
from tests.unit.iscsi_initiator import INITIATOR, NO_TAG, TARGET, Bench, Initiator, u32

TEST_UNIT_READY = bytes(6)


def logged_in(keys: str = "") -> tuple[Bench, Initiator]:
    bench = Bench()
    initiator = bench.initiator()
    initiator.login(keys)
    return bench, initiator


def discovery(bench: Bench) -> Initiator:
    initiator = bench.initiator()
    answer = initiator.ask(f"InitiatorName={INITIATOR} SessionType=Discovery", 0x87)
    assert (answer.flags, answer.half(36), answer.half(14)) == (0x87, 0, 1)
    return initiator


# ---- numbers


def test_every_answer_counts_and_shows_the_window() -> None:
    _, initiator = logged_in()
    for number in range(3):
        initiator.send(initiator.command_pdu(TEST_UNIT_READY, 0x81))
        answer = initiator.one()
        assert answer.word(24) == 2 + number
        assert answer.word(28) == 2 + number
        assert answer.word(32) == 2 + number + 127


@pytest.mark.parametrize("offset", [-1, 128, 129, 0x7FFFFFFF])
def test_a_command_outside_the_window_is_not_answered(offset: int) -> None:
    bench, initiator = logged_in()
    initiator.send(initiator.command_pdu(TEST_UNIT_READY, 0x81, cmd_sn=initiator.cmd_sn + offset))
    assert initiator.receive() == []
    initiator.send(initiator.command_pdu(TEST_UNIT_READY, 0x81, tag=2))
    assert initiator.one().itt == 2
    assert bench.device.tasks == []


def test_numbers_pass_through_zero() -> None:
    bench = Bench()
    initiator = bench.initiator()
    initiator.cmd_sn = initiator.exp_stat_sn = 0xFFFFFFFE
    initiator.login()
    for tag in range(5):
        initiator.send(initiator.command_pdu(TEST_UNIT_READY, 0x81, tag=tag))
        initiator.cmd_sn &= 0xFFFFFFFF
        assert initiator.one().itt == tag
    assert initiator.connection.session.exp_cmd_sn == 3


def test_commands_out_of_order_are_done_in_order() -> None:
    _, initiator = logged_in()
    for tag, cmd_sn in ((3, 3), (2, 2)):
        initiator.send(initiator.command_pdu(TEST_UNIT_READY, 0x81, tag=tag, cmd_sn=cmd_sn))
        assert initiator.receive() == []
    initiator.send(initiator.command_pdu(TEST_UNIT_READY, 0x81, tag=1, cmd_sn=1))
    assert [pdu.itt for pdu in initiator.receive()] == [1, 2, 3]


def test_the_window_closes_and_opens_with_the_tasks() -> None:
    bench, initiator = logged_in()
    bench.device.late = True
    for tag in range(130):
        initiator.send(initiator.command_pdu(TEST_UNIT_READY, 0x81, tag=tag))
    assert len(bench.device.tasks) == 128
    bench.device.tasks[0].end()
    answer = initiator.one()
    assert answer.word(32) == answer.word(28)
    initiator.send(initiator.command_pdu(TEST_UNIT_READY, 0x81, tag=200, cmd_sn=129))
    assert len(bench.device.tasks) == 128


def test_an_immediate_command_has_no_number() -> None:
    _, initiator = logged_in()
    initiator.send(initiator.command_pdu(TEST_UNIT_READY, 0x81, immediate=True))
    answer = initiator.one()
    assert (answer.word(28), answer.word(32)) == (1, 128)


def test_immediate_commands_are_bounded() -> None:
    bench, initiator = logged_in()
    bench.device.late = True
    for tag in range(200):
        initiator.send(initiator.command_pdu(TEST_UNIT_READY, 0x81, tag=tag, immediate=True))
    assert len(bench.device.tasks) == 160
    assert {pdu.header[2] for pdu in initiator.receive()} == {0x06}


def test_a_tag_that_is_in_use_is_refused() -> None:
    bench, initiator = logged_in()
    bench.device.late = True
    pdus = [initiator.command_pdu(TEST_UNIT_READY, 0x81, tag=9) for _ in range(2)]
    initiator.send(b"".join(pdus))
    reject = initiator.one()
    assert (reject.opcode, reject.header[2], reject.data) == (0x3F, 0x07, pdus[1])
    assert len(bench.device.tasks) == 1


def test_what_ends_later_wakes_whoever_sends() -> None:
    bench, initiator = logged_in()
    bench.device.late = True
    woken = []
    initiator.connection.wake = lambda: woken.append(True)
    initiator.send(initiator.command_pdu(TEST_UNIT_READY, 0x81))
    assert not woken
    bench.device.finish()
    assert woken
    assert initiator.one().opcode == 0x21


def test_two_connections_share_the_numbers() -> None:
    bench = Bench()
    first, second = bench.initiator(), bench.initiator()
    tsih = first.login("MaxConnections=2").half(14)
    second.login(tsih=tsih, cid=2)
    second.send(second.command_pdu(TEST_UNIT_READY, 0x81, tag=2, cmd_sn=2))
    assert second.receive() == []
    first.send(first.command_pdu(TEST_UNIT_READY, 0x81, tag=1, cmd_sn=1))
    assert first.one().itt == 1
    assert second.one().itt == 2


# ---- task management


def test_an_aborted_task_is_never_answered() -> None:
    bench, initiator = logged_in()
    initiator.send(initiator.write_pdu(0, 4, tag=5))
    asked = initiator.one()
    answer = initiator.manage(1, referenced=5, ref_cmd_sn=1)
    assert (answer.opcode, answer.flags, answer.header[2]) == (0x22, 0x80, 0)
    assert answer.word(32) == answer.word(28) + 127
    initiator.send(initiator.data_out_pdu(bytes(2048), 0, 0, asked.word(20), final=True, tag=5))
    assert initiator.receive() == []
    assert bench.device.tasks == []


def test_a_task_that_is_over_does_not_exist() -> None:
    _, initiator = logged_in()
    initiator.send(initiator.command_pdu(TEST_UNIT_READY, 0x81, tag=5))
    initiator.receive()
    assert initiator.manage(1, referenced=5, ref_cmd_sn=1).header[2] == 1


def test_a_task_that_has_not_come_yet_is_dropped_when_it_does() -> None:
    bench, initiator = logged_in()
    bench.device.late = True
    late = initiator.command_pdu(TEST_UNIT_READY, 0x81, tag=5)
    assert initiator.manage(1, referenced=5, ref_cmd_sn=1).header[2] == 0
    initiator.send(late)
    assert bench.device.tasks == []
    initiator.send(initiator.command_pdu(TEST_UNIT_READY, 0x81, tag=6))
    assert [task.tag for task in bench.device.tasks] == [6]


@pytest.mark.parametrize(
    ("function", "response"), [(8, 4), (9, 5), (12, 5), (13, 5), (0, 5), (2, 0), (5, 0), (6, 0)]
)
def test_every_function_is_answered(function: int, response: int) -> None:
    bench, initiator = logged_in()
    bench.device.late = True
    initiator.send(initiator.command_pdu(TEST_UNIT_READY, 0x81))
    assert initiator.manage(function).header[2] == response
    assert bool(bench.device.tasks) == (response != 0)


def test_a_window_that_others_opened_is_told() -> None:
    bench, initiator = logged_in()
    bench.device.late = True
    for tag in range(128):
        initiator.send(initiator.command_pdu(TEST_UNIT_READY, 0x81, tag=tag))
    bench.device.manage(4, "another", bytes(8), 0)
    told = initiator.one()
    assert (told.opcode, told.itt, told.word(20)) == (0x20, NO_TAG, NO_TAG)
    assert told.word(32) == told.word(28)


def test_a_cold_reset_is_answered_and_ends_every_session() -> None:
    bench, initiator = logged_in()
    other = bench.initiator()
    other.login(isid=bytes.fromhex("800000000009"))
    assert initiator.manage(7).header[2] in (0, 1)
    assert bench.device.managed == [7]
    bench.device.late = True
    assert initiator.connection.ended
    assert other.hung_up
    assert bench.device.nexuses == []


# ---- text


def test_discovery_tells_the_targets_and_where_they_are() -> None:
    initiator = discovery(Bench())
    answer = initiator.text("SendTargets=All")
    assert (answer.flags, answer.word(20)) == (0x80, NO_TAG)
    assert answer.data == f"TargetName={TARGET}\0TargetAddress=127.0.0.1:3260,1\0".encode()
    assert initiator.text(f"SendTargets={TARGET}").data == answer.data
    assert initiator.text("SendTargets=iqn.2026-01.test:none").data == b""
    assert initiator.text("SendTargets=").text == {"SendTargets": "Reject"}


def test_in_a_normal_session_only_its_own_target_is_told() -> None:
    _, initiator = logged_in()
    for value in ("", TARGET):
        assert initiator.text(f"SendTargets={value}").text["TargetName"] == TARGET
    for value in ("All", "iqn.2026-01.test:other"):
        assert initiator.text(f"SendTargets={value}").text == {"SendTargets": "Reject"}
    assert initiator.text("sendtargets=").text == {"sendtargets": "NotUnderstood"}


def test_text_that_is_none_is_rejected_and_the_connection_goes_on() -> None:
    _, initiator = logged_in()
    reject = initiator.text("nonsense")
    assert (reject.opcode, reject.header[2]) == (0x3F, 0x04)
    assert initiator.text("SendTargets=").opcode == 0x24


def test_text_in_two_pieces_is_one() -> None:
    initiator = discovery(Bench())
    initiator.send(initiator.request_pdu(0x04, 0x40, data=b"SendTar"))
    first = initiator.one()
    assert (first.flags, first.data) == (0x00, b"")
    assert first.word(20) != NO_TAG
    initiator.send(initiator.request_pdu(0x04, 0x80, word5=first.word(20), data=b"gets=All\0"))
    assert initiator.one().text["TargetName"] == TARGET


def test_longer_data_in_may_be_agreed_on_at_any_time() -> None:
    _, initiator = logged_in()
    initiator.send(initiator.read_pdu(0, 32))
    assert len(initiator.receive()) == 2
    assert initiator.text("MaxRecvDataSegmentLength=65536").data == b""
    initiator.send(initiator.read_pdu(0, 32))
    assert len(initiator.receive()) == 1


def test_a_discovery_session_has_no_tasks() -> None:
    initiator = discovery(Bench())
    initiator.send(initiator.command_pdu(TEST_UNIT_READY, 0x81))
    assert initiator.one().header[2] == 0x04
    assert initiator.manage(6).opcode == 0x3F


# ---- NOP, logout, silence


def test_a_ping_comes_back() -> None:
    _, initiator = logged_in()
    initiator.send(initiator.request_pdu(0x40, itt=3, data=b"hello"))
    answer = initiator.one()
    assert (answer.opcode, answer.flags, answer.itt, answer.word(20)) == (0x20, 0x80, 3, NO_TAG)
    assert answer.data == b"hello"
    initiator.send(initiator.request_pdu(0x40, itt=NO_TAG))
    assert initiator.receive() == []
    initiator.send(initiator.request_pdu(0x00, itt=4))
    assert initiator.one().word(28) == 2


def test_logout_ends_tasks_nexus_and_stream() -> None:
    bench, initiator = logged_in()
    bench.device.late = True
    initiator.send(initiator.command_pdu(TEST_UNIT_READY, 0x81, tag=5))
    answer = initiator.logout()
    assert (answer.opcode, answer.header[2], answer.half(40), answer.half(42)) == (0x26, 0, 2, 0)
    assert initiator.connection.ended
    assert not initiator.hung_up  # what is there is sent first
    assert bench.device.nexuses == []
    assert bench.node.sessions == {}


@pytest.mark.parametrize(("reason", "cid", "response"), [(1, 9, 1), (2, 1, 2)])
def test_a_logout_that_cannot_be_is_told_so(reason: int, cid: int, response: int) -> None:
    _, initiator = logged_in()
    assert initiator.logout(reason, cid).header[2] == response
    assert not initiator.connection.ended


def test_one_of_two_connections_may_leave() -> None:
    bench = Bench()
    first, second = bench.initiator(), bench.initiator()
    tsih = first.login("MaxConnections=2").half(14)
    second.login(tsih=tsih, cid=2)
    assert first.logout(1, 2).header[2] == 0
    assert second.hung_up
    assert first.logout(1, 1).header[2] == 0
    assert bench.node.sessions == {}


def test_a_lost_connection_takes_its_session_along() -> None:
    bench = Bench()
    first, second = bench.initiator(), bench.initiator()
    tsih = first.login("MaxConnections=2").half(14)
    second.login(tsih=tsih, cid=2)
    second.connection.lost()
    assert first.hung_up
    assert bench.device.nexuses == []
    assert bench.node.connections == []


def test_a_silent_peer_is_asked_and_given_up() -> None:
    bench, initiator = logged_in()
    bench.clock.run_for(SILENCE_NS)
    ping = initiator.one()
    assert (ping.opcode, ping.itt, ping.data) == (0x20, NO_TAG, b"")
    assert ping.word(20) != NO_TAG
    assert ping.word(24) == 2  # the next StatSN, not used up
    bench.clock.run_for(PATIENCE_NS - SILENCE_NS - 1)
    assert not initiator.hung_up
    assert initiator.receive() == []
    bench.clock.run_for(1)
    assert initiator.hung_up
    assert bench.device.nexuses == []


def test_a_peer_that_answers_stays() -> None:
    bench, initiator = logged_in()
    pings = 0
    for _ in range(40):
        bench.clock.run_for(SILENCE_NS // 2)
        for ping in initiator.receive():
            pings += 1
            initiator.send(initiator.request_pdu(0x40, itt=NO_TAG, word5=ping.word(20)))
    assert not initiator.hung_up
    assert pings >= 4


def test_a_node_that_stops_says_so() -> None:
    bench, initiator = logged_in()
    bench.node.dismiss()
    told = initiator.one()
    assert (told.opcode, told.header[36], told.half(40)) == (0x32, 3, 2)
    assert initiator.connection.ended
    assert bench.device.nexuses == []


# ---- what no initiator sends


@pytest.mark.parametrize(
    ("opcode", "reason"), [(0x10, 0x03), (0x03, 0x04), (0x1C, 0x05), (0x1F, 0x05), (0x21, 0x05), (0x3F, 0x05)]
)
def test_requests_that_we_have_not_are_rejected(opcode: int, reason: int) -> None:
    _, initiator = logged_in()
    pdu = initiator.request_pdu(opcode | 0x40)
    initiator.send(pdu)
    reject = initiator.one()
    assert (reject.opcode, reject.header[2], reject.itt, reject.data) == (0x3F, reason, NO_TAG, pdu)
    assert not initiator.connection.ended


def test_data_of_no_task_is_ignored() -> None:
    _, initiator = logged_in()
    initiator.send(initiator.data_out_pdu(bytes(512), 0, 0, NO_TAG, final=True, tag=77))
    initiator.send(initiator.request_pdu(0x40, itt=3))
    assert initiator.one().itt == 3


header = st.builds(
    lambda opcode, flags, body: bytes((opcode, flags)) + body,
    st.sampled_from([0x00, 0x40, 0x01, 0x41, 0x02, 0x42, 0x03, 0x43, 0x04, 0x44, 0x05, 0x06, 0x10, 0x3F]),
    st.sampled_from([0x00, 0x80, 0x81, 0xC1, 0xA1, 0x21, 0xE1, 0x87, 0xFF]),
    st.binary(min_size=46, max_size=46),
)


@given(
    logged_in_first=st.booleans(),
    digests=st.sampled_from(["", "HeaderDigest=CRC32C DataDigest=CRC32C"]),
    headers=st.lists(st.tuples(header, st.binary(max_size=64), st.booleans()), min_size=1, max_size=12),
    tail=st.binary(max_size=60),
)
@settings(derandomize=True, deadline=None, max_examples=1000)
def test_nonsense_does_no_harm(
    logged_in_first: bool, digests: str, headers: list[tuple[bytes, bytes, bool]], tail: bytes
) -> None:
    bench = Bench()
    bench.device.late = True
    initiator = bench.initiator()
    if logged_in_first:
        initiator.login(digests)
    for head, data, in_order in headers:
        if initiator.connection.ended:
            break
        numbered = head
        if in_order:
            numbered = (
                head[:24] + u32(initiator.connection.session.exp_cmd_sn if logged_in_first else 0) + head[28:]
            )
        initiator.send(initiator.pdu(numbered, data))
        bench.device.finish()
    if not initiator.connection.ended:
        initiator.send(tail)
    for pdu in initiator.receive():
        assert pdu.opcode >= 0x20
    if not initiator.connection.ended:
        initiator.connection.lost()
    assert bench.node.connections == []
    assert bench.node.sessions == {}
    assert bench.device.nexuses == []
    another = bench.initiator()
    another.login()
    another.send(another.command_pdu(TEST_UNIT_READY, 0x81))
    bench.device.finish()
    assert another.one().header[3] == 0
