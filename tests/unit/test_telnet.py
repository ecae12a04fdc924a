"""Telnet as RFC 854 and its options have it.  Numbers are typed from the RFCs: IAC 255, WILL 251, DO 253, ECHO 1."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.front.telnet import Option, Telnet, TelnetMachine

OFFERS = bytes((255, 251, 1, 255, 251, 3))  # IAC WILL ECHO, IAC WILL SUPPRESS-GO-AHEAD
noise = st.binary(max_size=200) | st.lists(
    st.sampled_from(list(b"\xff\xff\xfb\xfc\xfd\xfe\xfa\xf0\xf6\x00\x01\x03\x22\r\n\x00az")), max_size=200
).map(bytes)


@pytest.fixture
def server() -> Telnet:
    telnet = Telnet()
    telnet.replies()
    return telnet


def test_a_server_offers_to_echo_and_to_suppress_go_ahead() -> None:
    assert Telnet().replies() == OFFERS


def test_a_client_says_nothing_first() -> None:
    assert Telnet(server=False).replies() == b""


def test_agreement_with_an_offer_is_not_answered(server: Telnet) -> None:
    assert server.decode(bytes((255, 253, 1, 255, 253, 3))) == b""
    assert server.replies() == b""


def test_a_refused_offer_is_off(server: Telnet) -> None:
    server.decode(bytes((255, 254, 1)))
    assert server.replies() == b""
    assert not server.we_do(Option.ECHO)
    assert server.we_do(Option.SGA)


def test_an_option_that_is_switched_off_is_acknowledged_once(server: Telnet) -> None:
    server.decode(bytes((255, 253, 1)))
    server.decode(bytes((255, 254, 1, 255, 254, 1)))
    assert server.replies() == bytes((255, 252, 1))


def test_unknown_options_are_refused_on_both_sides(server: Telnet) -> None:
    assert server.decode(bytes((255, 251, 34, 255, 253, 24))) == b""  # WILL LINEMODE, DO TERMINAL-TYPE
    assert server.replies() == bytes((255, 254, 34, 255, 252, 24))


def test_what_a_simulator_sends_at_its_console_port_is_answered_once_each() -> None:
    client = Telnet(server=False)
    greeting = bytes((255, 251, 34, 255, 251, 3, 255, 251, 1, 255, 251, 0, 255, 253, 0))
    assert client.decode(greeting + b"\r\n\nConnected\r\n") == b"\r\n\nConnected\r\n"
    assert client.replies() == bytes((255, 254, 34, 255, 253, 3, 255, 253, 1, 255, 253, 0, 255, 251, 0))
    client.decode(greeting[3:])  # again: all of it is so already
    assert client.replies() == b""


def test_iac_is_doubled_both_ways(server: Telnet) -> None:
    assert server.encode(b"\x01\xff\xff") == b"\x01\xff\xff\xff\xff"
    assert server.decode(b"\x01\xff\xff\xff\xff\x02") == b"\x01\xff\xff\x02"


def test_a_bare_carriage_return_travels_with_a_nul(server: Telnet) -> None:
    assert server.encode(b"a\rb\r\n") == b"a\r\0b\r\n"
    assert server.decode(b"a\r\0b\r\n\0") == b"a\rb\r\n\0"


def test_binary_leaves_carriage_returns_alone(server: Telnet) -> None:
    server.decode(bytes((255, 251, 0, 255, 253, 0)))  # WILL BINARY, DO BINARY
    assert server.replies() == bytes((255, 253, 0, 255, 251, 0))
    assert server.decode(b"\r\0\r") == b"\r\0\r"
    assert server.encode(b"\rx\xff") == b"\rx\xff\xff"


def test_commands_are_keys_of_the_terminal(server: Telnet) -> None:
    assert server.decode(b"a\xff\xf3b\xff\xf4\xff\xf7\xff\xf8") == b"a\x03b\x03\x7f\x15"  # BRK, IP, EC, EL
    assert server.decode(b"\xff\xec\xff\xed\xff\xee") == b"\x1a\x19\x03"  # EOF, SUSP, ABORT


def test_are_you_there_is_answered(server: Telnet) -> None:
    assert server.decode(b"\xff\xf6") == b""
    assert server.replies() == b"\r\n[Yes]\r\n"


def test_a_subnegotiation_is_passed_over(server: Telnet) -> None:
    assert server.decode(b"a\xff\xfa\x18\0vt\xff\xffx\xff\xf0b") == b"ab"
    assert server.replies() == b""


def test_a_subnegotiation_that_never_ends_does_not_swallow_the_session(server: Telnet) -> None:
    server.decode(b"\xff\xfa" + bytes(5000))
    assert server.decode(b"SHOW TIME") == b"SHOW TIME"


@given(noise, st.lists(st.integers(0, 200), max_size=5), st.booleans())
@settings(derandomize=True, deadline=None, max_examples=300)
def test_where_the_stream_is_cut_does_not_matter(data: bytes, cuts: list[int], is_server: bool) -> None:
    whole, cut = Telnet(server=is_server), Telnet(server=is_server)
    expected = whole.decode(data)
    edges = [0, *sorted(min(c, len(data)) for c in cuts), len(data)]
    assert b"".join(cut.decode(data[a:b]) for a, b in pairwise(edges)) == expected
    assert cut.replies() == whole.replies()


@given(st.binary(max_size=200), st.booleans())
@settings(derandomize=True, deadline=None, max_examples=200)
def test_data_comes_out_as_it_went_in(data: bytes, is_binary: bool) -> None:
    one, other = Telnet(), Telnet(server=False)
    other.decode(one.replies())
    if is_binary:
        one.decode(bytes((255, 253, 0)))
        other.decode(one.replies())
    assert other.decode(one.encode(data)) == data


@given(noise, noise)
@settings(derandomize=True, deadline=None, max_examples=300)
def test_two_ends_come_to_rest_whatever_was_said_before(first: bytes, second: bytes) -> None:
    one, other = Telnet(), Telnet(server=False)
    one.decode(first)
    other.decode(second)
    one.decode(b"x\xff\xf0xx")  # out of whatever the noise began
    other.decode(b"x\xff\xf0xx")
    for _ in range(20):
        to_other, to_one = one.replies(), other.replies()
        if not to_other and not to_one:
            break
        other.decode(to_other)
        one.decode(to_one)
    else:
        pytest.fail("they answer each other for ever")


class Parrot:
    """A machine that says what it hears, until it hears Q."""

    def __init__(self) -> None:
        self.heard = b""
        self.is_lost = False
        self._said = 0

    @property
    def ended(self) -> bool:
        return b"Q" in self.heard

    def receive(self, data: bytes) -> None:
        self.heard += data

    def outgoing(self) -> Sequence[bytes]:
        said, self._said = self.heard[self._said :], len(self.heard)
        return (said,) if said else ()

    def lost(self) -> None:
        self.is_lost = True


def test_a_machine_behind_the_filter_sees_data_alone() -> None:
    parrot = Parrot()
    machine = TelnetMachine(parrot)
    machine.receive(b"\xff\xfd\x01" + b"he\xff\xff")
    assert parrot.heard == b"he\xff"
    assert b"".join(machine.outgoing()) == OFFERS + b"he\xff\xff"
    assert machine.outgoing() == []
    assert not machine.ended
    machine.receive(b"Q")
    assert machine.ended
    machine.lost()
    assert parrot.is_lost


def test_a_client_that_echoes_by_itself_is_heard() -> None:
    said: list[bool] = []
    machine = TelnetMachine(Parrot(), echo=said.append)
    machine.receive(b"\xff\xfd\x01")
    machine.receive(b"\xff\xfe\x01")
    assert said == [True, False]
