"""Logins: stages, keys, CHAP, and who is kept out."""

import hashlib
from base64 import b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.front.iscsi import chap
from emu.front.iscsi.chap import Credentials
from emu.front.iscsi.connection import LOGIN_NS
from emu.front.iscsi.parameters import Parameters, negotiate
from emu.front.iscsi.session import transport_id
from emu.front.iscsi.text import TextError, format_binary, parse_binary, parse_number, parse_text
from tests.unit.iscsi_initiator import INITIATOR, TARGET, Bench, Initiator

NAMES = f"InitiatorName={INITIATOR} TargetName={TARGET} SessionType=Normal"
SECRET = b"SECRETSECRET"
OTHER_SECRET = b"ANOTHERSECRET"
WITH_CHAP = Credentials({"fred": SECRET})
MUTUAL = Credentials({"fred": SECRET}, ("disk", OTHER_SECRET))

# A login as libiscsi writes it, captured on a wire: its header, with the length of the text below.
LIBISCSI_HEADER = "438700000000018b80c8094e000000003acd5a07000000006b5bdd2f00000001" + "00" * 16
LIBISCSI_KEYS = (
    "HeaderDigest=None,CRC32C DataDigest=None InitialR2T=No ImmediateData=Yes MaxBurstLength=262144 "
    "FirstBurstLength=262144 DefaultTime2Wait=2 DefaultTime2Retain=0 MaxOutstandingR2T=1 ErrorRecoveryLevel=0 "
    "IFMarker=No OFMarker=No MaxConnections=1 MaxRecvDataSegmentLength=262144 DataPDUInOrder=Yes "
    "DataSequenceInOrder=Yes"
)


def proof(answer: dict[str, str], secret: bytes = SECRET) -> str:
    identifier, challenge = int(answer["CHAP_I"]), bytes.fromhex(answer["CHAP_C"].removeprefix("0x"))
    return "0x" + hashlib.md5(bytes((identifier,)) + secret + challenge).hexdigest().upper()


def challenged(bench: Bench, algorithms: str = "5") -> tuple[Initiator, dict[str, str]]:
    initiator = bench.initiator()
    assert initiator.ask(f"{NAMES} AuthMethod=CHAP,None", 0x81).text["AuthMethod"] == "CHAP"
    answer = initiator.ask(f"CHAP_A={algorithms}", 0x01)
    assert answer.flags == 0x00
    return initiator, answer.text


def test_the_login_of_libiscsi_is_answered_in_one_pdu() -> None:
    initiator = Bench().initiator()
    text = f"{NAMES} {LIBISCSI_KEYS}".replace(" ", "\0").encode() + b"\0"
    initiator.send(initiator.pdu(bytes.fromhex(LIBISCSI_HEADER), text))
    answer = initiator.one()
    # T, CSG 1, NSG 3; its ISID; a TSIH; its ITT; StatSN as it said; ExpCmdSN its CmdSN; a window of 128.
    length = f"{len(answer.data):06x}"
    assert answer.header.hex() == (
        f"2387000000{length}80c8094e000000013acd5a0700000000000000016b5bdd2f6b5bddae" + "00" * 12
    )
    assert answer.text == {
        "TargetPortalGroupTag": "1",
        "HeaderDigest": "None",
        "DataDigest": "None",
        "InitialR2T": "No",
        "ImmediateData": "Yes",
        "MaxBurstLength": "262144",
        "FirstBurstLength": "262144",
        "DefaultTime2Wait": "2",
        "DefaultTime2Retain": "0",
        "MaxOutstandingR2T": "1",
        "ErrorRecoveryLevel": "0",
        "IFMarker": "No",
        "OFMarker": "No",
        "MaxConnections": "1",
        "DataPDUInOrder": "Yes",
        "DataSequenceInOrder": "Yes",
        "MaxRecvDataSegmentLength": "262144",
    }


def test_open_iscsi_passes_security_first() -> None:
    initiator = Bench().initiator()
    first = initiator.ask(f"{NAMES} InitiatorAlias=here AuthMethod=None", 0x81)
    assert (first.flags, first.half(14), first.half(36)) == (0x81, 0, 0)
    assert first.text == {"TargetPortalGroupTag": "1", "AuthMethod": "None"}
    second = initiator.ask("MaxRecvDataSegmentLength=262144 InitialR2T=Yes", 0x87)
    assert (second.flags, second.half(14)) == (0x87, 1)
    assert second.word(24) == first.word(24) + 1  # StatSN


def test_security_may_lead_straight_into_full_feature_phase() -> None:
    answer = Bench().initiator().ask(f"{NAMES} AuthMethod=None", 0x83)
    assert (answer.flags, answer.half(14), answer.half(36)) == (0x83, 1, 0)


def test_text_may_come_in_pieces() -> None:
    initiator = Bench().initiator()
    middle = len(NAMES) // 2
    whole = NAMES.replace(" ", "\0")
    header = bytes.fromhex(LIBISCSI_HEADER)
    initiator.send(initiator.pdu(header[:1] + b"\x44" + header[2:], whole[:middle].encode()))
    first = initiator.one()
    assert (first.flags, first.data) == (0x04, b"")
    initiator.send(initiator.pdu(header, whole[middle:].encode() + b"\0"))
    last = initiator.one()
    assert (last.flags, last.half(36)) == (0x87, 0)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("", 0x0207),
        (f"InitiatorName={INITIATOR}", 0x0207),
        (f"InitiatorName={INITIATOR} TargetName={TARGET}x", 0x0203),
        (f"InitiatorName={INITIATOR} TargetName={TARGET.upper()}", 0x0203),
        (f"InitiatorName={INITIATOR} TargetName={TARGET} SessionType=Odd", 0x0209),
        ("no-pair", 0x0200),
        (f"InitiatorName={'x' * 224} TargetName={TARGET}", 0x0200),
        (f"{NAMES} MaxConnections=1 MaxConnections=1", 0x0200),
    ],
)
def test_a_login_that_is_wrong_is_refused_and_the_stream_closed(text: str, status: int) -> None:
    initiator = Bench().initiator()
    assert initiator.ask(text).half(36) == status
    assert initiator.connection.ended


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"version": 1}, 0x0205),
        ({"tsih": 5}, 0x020A),
        ({"flags": 0x8F}, 0x020B),
        ({"flags": 0x86}, 0x0200),
        ({"flags": 0x85}, 0x0200),
        ({"flags": 0xC7}, 0x0200),
    ],
)
def test_a_header_that_is_wrong_is_refused(fields: dict[str, int], status: int) -> None:
    initiator = Bench().initiator()
    assert initiator.ask(NAMES, **fields).half(36) == status  # type: ignore[arg-type]
    assert initiator.connection.ended


def test_anything_but_a_login_closes_the_stream_at_once() -> None:
    initiator = Bench().initiator()
    initiator.send(initiator.request_pdu(0x40))
    assert initiator.connection.ended
    assert initiator.receive() == []


def test_whoever_does_not_log_in_is_hung_up_on() -> None:
    bench = Bench()
    initiator = bench.initiator()
    initiator.send(b"\x43")
    bench.clock.run_for(LOGIN_NS - 1)
    assert not initiator.hung_up
    bench.clock.run_for(1)
    assert initiator.hung_up
    assert bench.node.connections == []


def test_a_login_without_end_is_refused() -> None:
    initiator = Bench().initiator()
    answer = initiator.ask(NAMES, 0x04)
    for number in range(100):
        if initiator.connection.ended:
            break
        answer = initiator.ask(f"X-key{number}=1", 0x04)
    assert answer.half(36) == 0x0200


# ---- keys


@pytest.mark.parametrize(
    ("offer", "answer"),
    [
        ("HeaderDigest=CRC32C,None", "CRC32C"),
        ("HeaderDigest=odd,None", "None"),
        ("DataDigest=odd", "Reject"),
        ("MaxConnections=8", "4"),
        ("MaxConnections=0", "Reject"),
        ("InitialR2T=Yes", "Yes"),
        ("InitialR2T=No", "No"),
        ("InitialR2T=yes", "Reject"),
        ("ImmediateData=No", "No"),
        ("MaxBurstLength=512", "512"),
        ("MaxBurstLength=0x100000", "1048576"),
        ("MaxBurstLength=16777215", "1048576"),
        ("MaxBurstLength=511", "Reject"),
        ("MaxBurstLength=many", "Reject"),
        ("FirstBurstLength=65536", "65536"),
        ("DefaultTime2Wait=0", "2"),
        ("DefaultTime2Wait=5", "5"),
        ("DefaultTime2Retain=20", "0"),
        ("MaxOutstandingR2T=4", "4"),
        ("DataPDUInOrder=No", "Yes"),
        ("DataSequenceInOrder=No", "Yes"),
        ("ErrorRecoveryLevel=2", "0"),
        ("IFMarker=Yes", "No"),
        ("OFMarkInt=2048~4096", "Irrelevant"),
        ("TaskReporting=RFC3720,FastAbort", "RFC3720"),
        ("iSCSIProtocolLevel=2", "1"),
        ("X-com.example.odd=1", "NotUnderstood"),
        ("maxburstlength=512", "NotUnderstood"),
    ],
)
def test_every_key_is_answered_as_the_standard_combines_it(offer: str, answer: str) -> None:
    key, _, value = offer.partition("=")
    assert negotiate(Parameters(), key, value, leading=True) == answer
    assert Bench().initiator().login(offer).text[key] == answer


def test_keys_of_the_session_are_the_first_connections() -> None:
    assert negotiate(Parameters(), "MaxBurstLength", "512", leading=False) == "Reject"
    assert negotiate(Parameters(), "DataDigest", "CRC32C", leading=False) == "CRC32C"


def test_the_first_burst_is_never_longer_than_a_burst() -> None:
    parameters = Parameters()
    negotiate(parameters, "FirstBurstLength", "131072", leading=True)
    negotiate(parameters, "MaxBurstLength", "4096", leading=True)
    assert parameters.first_burst_bytes == 4096


@given(st.binary(max_size=300))
@settings(derandomize=True, deadline=None, max_examples=300)
def test_any_bytes_are_text_or_refused(data: bytes) -> None:
    try:
        pairs = parse_text(data)
    except TextError:
        return
    assert all(key and len(key) <= 63 for key in pairs)


@given(st.text(max_size=30))
@settings(derandomize=True, deadline=None, max_examples=300)
def test_any_value_is_a_number_or_refused(value: str) -> None:
    try:
        assert parse_number(value) >= 0
    except TextError:
        return


@given(st.binary(max_size=40))
@settings(derandomize=True, deadline=None, max_examples=50)
def test_binary_values_come_back(value: bytes) -> None:
    assert parse_binary(format_binary(value)) == value


def test_binary_values_have_three_forms() -> None:
    assert parse_binary("0x00fF") == parse_binary("0X00FF") == parse_binary("0bAP8=") == b"\x00\xff"
    for wrong in ("00ff", "0xzz", "0b!", ""):
        with pytest.raises(TextError):
            parse_binary(wrong)


# ---- CHAP


def test_the_response_is_the_one_computed_by_hand() -> None:
    challenge = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
    found = chap.response("5", 0x27, b"secretsecret", challenge)
    assert found.hex() == "40386b1129753e961284f2b76fd6da32"


def test_who_knows_the_secret_comes_in() -> None:
    initiator, answer = challenged(Bench(WITH_CHAP))
    assert answer["CHAP_A"] == "5"
    assert len(answer["CHAP_C"]) == 2 + 64
    passed = initiator.ask(f"CHAP_N=fred CHAP_R={proof(answer)}", 0x81)
    assert (passed.flags, passed.half(36), passed.data) == (0x81, 0, b"")
    assert initiator.ask(LIBISCSI_KEYS, 0x87).half(14) == 1


@pytest.mark.parametrize(
    "words",
    [
        "CHAP_N=fred CHAP_R=0x" + "00" * 16,
        "CHAP_N=nobody CHAP_R={proof}",
        "CHAP_R={proof}",
        "CHAP_N=fred CHAP_R=odd",
        "CHAP_N=fred CHAP_R={proof} CHAP_I=1 CHAP_C=0x1234",  # there is no secret of ours
    ],
)
def test_who_does_not_is_refused(words: str) -> None:
    initiator, answer = challenged(Bench(WITH_CHAP))
    assert initiator.ask(words.format(proof=proof(answer)), 0x81).half(36) == 0x0201
    assert initiator.connection.ended


@pytest.mark.parametrize("stage_flags", [0x87, 0x83, 0x81])
def test_nobody_gets_round_the_secret(stage_flags: int) -> None:
    initiator = Bench(WITH_CHAP).initiator()
    answer = initiator.ask(f"{NAMES} AuthMethod=None" if stage_flags != 0x87 else NAMES, stage_flags)
    assert answer.half(36) == 0x0201


def test_a_login_that_offers_no_method_does_not_leave_security() -> None:
    initiator = Bench(WITH_CHAP).initiator()
    assert initiator.ask(NAMES, 0x83).flags == 0x00
    assert initiator.ask("CHAP_A=5", 0x01).half(36) == 0x0201


def test_the_first_algorithm_that_is_known_is_taken() -> None:
    for algorithms, chosen in (("8,7,6,5", "8"), ("99,7,5", "7"), ("6", "6")):
        assert challenged(Bench(WITH_CHAP), algorithms)[1]["CHAP_A"] == chosen
    initiator = Bench(WITH_CHAP).initiator()
    initiator.ask(f"{NAMES} AuthMethod=CHAP", 0x81)
    assert initiator.ask("CHAP_A=99", 0x01).half(36) == 0x0201


def test_sha_256_with_base64_is_understood() -> None:
    initiator, answer = challenged(Bench(WITH_CHAP), "7")
    challenge = bytes.fromhex(answer["CHAP_C"][2:])
    digest = hashlib.sha256(bytes((int(answer["CHAP_I"]),)) + SECRET + challenge).digest()
    assert initiator.ask(f"CHAP_N=fred CHAP_R=0b{b64encode(digest).decode()}", 0x81).half(36) == 0


def test_the_target_proves_who_it_is_when_asked() -> None:
    initiator, answer = challenged(Bench(MUTUAL))
    passed = initiator.ask(f"CHAP_N=fred CHAP_R={proof(answer)} CHAP_I=9 CHAP_C=0x0102030405", 0x81)
    expected = hashlib.md5(b"\x09" + OTHER_SECRET + bytes.fromhex("0102030405")).hexdigest()
    assert passed.text == {"CHAP_N": "disk", "CHAP_R": f"0x{expected}"}


def test_our_own_challenge_is_not_answered() -> None:
    initiator, answer = challenged(Bench(MUTUAL))
    words = f"CHAP_N=fred CHAP_R={proof(answer)} CHAP_I=9 CHAP_C={answer['CHAP_C']}"
    assert initiator.ask(words, 0x81).half(36) == 0x0201


def test_where_there_is_no_secret_chap_is_not_needed() -> None:
    assert Bench().initiator().ask(f"{NAMES} AuthMethod=CHAP,None", 0x81).text["AuthMethod"] == "None"
    assert Bench().initiator().ask(f"{NAMES} AuthMethod=CHAP", 0x81).half(36) == 0x0201


# ---- sessions


def test_the_same_port_logging_in_again_ends_its_old_session() -> None:
    bench = Bench()
    old, new = bench.initiator(), bench.initiator()
    old.login()
    assert new.login().half(14) == 2
    assert old.hung_up
    assert bench.device.nexuses == [f"{INITIATOR},i,0x800000000001"]


def test_two_ports_have_two_sessions() -> None:
    bench = Bench()
    one, two = bench.initiator(), bench.initiator()
    one.login()
    two.login(isid=bytes.fromhex("800000000002"))
    assert not one.hung_up
    assert len(bench.node.sessions) == 2


def test_a_session_takes_as_many_connections_as_were_agreed() -> None:
    bench = Bench()
    first = bench.initiator()
    tsih = first.login("MaxConnections=2").half(14)
    second, third = bench.initiator(), bench.initiator()
    second.login(tsih=tsih, cid=2)
    assert third.ask(NAMES, tsih=tsih, cid=3).half(36) == 0x0206
    assert len(bench.node.sessions[tsih].connections) == 2


def test_a_connection_that_comes_again_replaces_the_old_one() -> None:
    bench = Bench()
    first, again = bench.initiator(), bench.initiator()
    tsih = first.login().half(14)
    again.login(tsih=tsih)
    assert first.hung_up
    assert bench.node.sessions[tsih].connections == {1: again.connection}
    again.send(again.command_pdu(bytes(6), 0x81))
    assert again.one().opcode == 0x21


def test_the_transport_id_names_the_port() -> None:
    found = transport_id("iqn.1991-05.com.microsoft:x", bytes.fromhex("400001370000"))
    name = b"iqn.1991-05.com.microsoft:x,i,0x400001370000\0"
    assert found == b"\x45\x00\x00\x30" + name + bytes(48 - len(name))
    assert len(transport_id("a", bytes(6))) == 24
