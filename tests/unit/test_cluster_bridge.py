"""The bridge of a cluster over a stream: who knows the password is let in, and nobody else gets anywhere."""

from collections.abc import Callable

import pytest

from emu.core.chance import Chance
from emu.core.clock import Scheduler
from emu.front.cluster_bridge import QUEUE_LIMIT, BridgeState, ClusterBridge
from emu.wire.codes.scs import DATAGRAM_BYTES

HELLO = bytes.fromhex("2800 01 00") + b"HBCL" + bytes.fromhex("0100 0700")


class End:
    """One end, and what it did."""

    def __init__(
        self, clock: Scheduler, *, listened: bool, group: int = 7, password: str = "secret", seed: int = 1
    ) -> None:
        self.delivered: list[bytes] = []
        self.said: list[str] = []
        self.woken = 0
        self.bridge = ClusterBridge(
            clock,
            "tcp://peer",
            listened=listened,
            group=group,
            password=password,
            chance=Chance(seed).stream(f"nonce {listened}").randbytes,
            deliver=self.delivered.append,
            told=self.said.append,
            wake=self._wake,
            gone=lambda bridge: None,
        )

    def _wake(self, bridge: ClusterBridge) -> None:
        self.woken += 1


class Pair:
    """Two ends and the stream between them, cut anywhere."""

    def __init__(self, *, change: Callable[[bytes], bytes] = bytes, **listener: object) -> None:
        self.clock = Scheduler()
        self.near = End(self.clock, listened=False)
        self.far = End(self.clock, listened=True, **listener)  # type: ignore[arg-type]
        self._change = change

    def go_on(self, piece: int = 1 << 20) -> None:
        for _ in range(10):
            for one, other in ((self.near, self.far), (self.far, self.near)):
                data = self._change(b"".join(one.bridge.outgoing()))
                for place in range(0, len(data), piece):
                    other.bridge.receive(data[place : place + piece])


@pytest.mark.parametrize("piece", [1, 7, 5_000])
def test_datagrams_go_both_ways_however_the_stream_is_cut(piece: int) -> None:
    pair = Pair()
    pair.go_on(piece)
    assert pair.near.bridge.state is pair.far.bridge.state is BridgeState.OPEN
    longest = bytes(range(250)) * 6
    pair.near.bridge.carry(longest[:DATAGRAM_BYTES])
    pair.near.bridge.carry(b"x")
    pair.far.bridge.carry(b"")
    pair.go_on(piece)
    assert pair.far.delivered == [longest[:1498], b"x"]
    assert pair.near.delivered == [b""]
    assert pair.near.said == ["%PEA0, LAN bridge to tcp://peer opened"]


def test_a_hello_is_what_the_layout_says() -> None:
    (frame,) = End(Scheduler(), listened=True).bridge.outgoing()
    assert bytes(frame[:12]) == HELLO
    assert len(frame) == 44


@pytest.mark.parametrize(
    ("listener", "reason"),
    [
        ({"group": 8}, "wrong cluster group"),
        ({"password": "guess"}, "wrong cluster password"),
    ],
)
def test_who_has_another_group_or_password_is_refused_and_both_operators_read_it(
    listener: dict[str, object], reason: str
) -> None:
    pair = Pair(**listener)  # type: ignore[arg-type]
    pair.go_on()
    assert pair.near.bridge.ended
    assert pair.far.bridge.ended
    assert all(reason in end.said[-1] for end in (pair.near, pair.far))
    pair.near.bridge.carry(b"x")
    assert pair.near.bridge.outgoing() == ()


def test_who_reflects_what_it_hears_is_refused() -> None:
    end = End(Scheduler(), listened=False)
    for _ in range(4):
        end.bridge.receive(b"".join(end.bridge.outgoing()))
    assert end.bridge.ended
    assert end.said == ["%PEA0, LAN bridge to tcp://peer closed: it sends our own nonce back"]


def test_two_connections_cannot_be_played_against_each_other() -> None:
    clock = Scheduler()
    one, two = (End(clock, listened=True, seed=seed) for seed in (1, 2))
    hellos = [b"".join(end.bridge.outgoing()) for end in (one, two)]
    one.bridge.receive(hellos[1])
    two.bridge.receive(hellos[0])
    assert one.bridge.outgoing() == two.bridge.outgoing() == ()  # who listens proves nothing first


@pytest.mark.parametrize("place", [0, 5, 21, 40])
def test_a_datagram_that_was_changed_on_its_way_ends_the_bridge(place: int) -> None:
    pair = Pair()
    pair.go_on()
    pair.near.bridge.carry(b"a datagram of some length")
    frame = bytearray(b"".join(pair.near.bridge.outgoing()))
    frame[place] ^= 0x40
    pair.far.bridge.receive(bytes(frame))
    assert pair.far.delivered == []
    if place:  # a length that is larger waits for the rest
        assert pair.far.bridge.ended


def test_a_datagram_is_not_taken_twice_or_out_of_order() -> None:
    pair = Pair()
    pair.go_on()
    pair.near.bridge.carry(b"once")
    frame = b"".join(pair.near.bridge.outgoing())
    pair.far.bridge.receive(frame + frame)
    assert pair.far.delivered == [b"once"]
    assert pair.far.said[-1].endswith("a datagram with a wrong seal")


def test_a_peer_that_says_nothing_or_drips_is_hung_up_on() -> None:
    pair = Pair()
    hello = b"".join(pair.near.bridge.outgoing())
    for place in range(20):
        pair.far.bridge.receive(hello[place : place + 1])
        pair.clock.run_for(1_000_000_000)
    assert pair.far.bridge.ended
    assert pair.far.woken == 1
    assert pair.far.said[-1].endswith("it did not say who it is")


def test_a_frame_that_is_too_long_is_refused_before_it_has_come() -> None:
    for kind, length in ((1, 41), (2, 33), (3, 1515), (4, 121), (9, 0)):
        end = End(Scheduler(), listened=True)
        end.bridge.receive(length.to_bytes(2, "little") + bytes((kind, 0)))
        assert end.bridge.ended


def test_a_peer_that_does_not_take_datagrams_costs_bounded_memory() -> None:
    pair = Pair()
    pair.go_on()
    for _ in range(5_000):
        pair.near.bridge.carry(b"x" * 1_000)
    assert len(pair.near.bridge.outgoing()) == QUEUE_LIMIT
    assert pair.near.bridge.dropped == 5_000 - QUEUE_LIMIT


@pytest.mark.parametrize("seed", range(4))
def test_noise_gets_nowhere(seed: int) -> None:
    stream = Chance(seed).stream("noise")
    for _ in range(150):
        end = End(Scheduler(), listened=bool(stream.randrange(2)))
        if stream.randrange(2):
            end.bridge.receive(HELLO + stream.randbytes(32))
        for _ in range(5):
            noise = bytearray(stream.randbytes(stream.randrange(120)))
            noise[:4] = stream.choice((bytes(noise[:4]), bytes((32, 0, 2, 0)), bytes((40, 0, 3, 0))))
            end.bridge.receive(bytes(noise))
        assert end.bridge.state is not BridgeState.OPEN
        assert end.delivered == []
