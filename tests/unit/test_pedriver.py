"""Circuits: what goes in at one end comes out at the other, in order, however bad the LAN; or the circuit closes."""

from functools import partial

import pytest

from drivers.cluster.pedriver import Circuit, CircuitState
from emu.core.chance import Chance
from emu.core.clock import MILLISECOND_NS, SECOND_NS
from emu.sim.lan import Weather
from emu.wire.codes.scs import Channel
from emu.wire.generated.scs import CircuitHeader, DatagramHeader
from tests.unit.cluster_stage import Ether

BAD = Weather(latency_ns=(MILLISECOND_NS, 40 * MILLISECOND_NS), loss=0.2, doubling=0.2)
TEXT = b"\x02\0\0\0"  # a packet of some kind; what is in it is not the circuit's business


def circuits(ether: Ether) -> tuple[Circuit, Circuit]:
    a, b = ether.ports["A"], ether.ports["B"]
    return a.circuits[2], b.circuits[1]


def _note(got: list[bytes], circuit: Circuit, packet: bytes) -> None:
    got.append(packet)


def test_two_nodes_open_a_circuit_and_know_each_other() -> None:
    ether = Ether("A", "B")
    ether.start()
    ether.run(0.001)
    for circuit, name in zip(circuits(ether), ("B", "A"), strict=True):
        assert circuit.state is CircuitState.OPEN
        assert circuit.peer is not None
        assert (circuit.peer.name, circuit.peer.software) == (name, "VMS V7.3")


def test_a_hello_is_what_the_layout_says() -> None:
    ether = Ether("A", "B")
    heard: list[bytes] = []
    ether.lan.station("EAR").open(99, heard.append)
    ether.ports["A"].start()
    ether.run(0.001)
    assert heard == [bytes.fromhex("00000000 0000 1100 01000000 0000 01 00 e803000000000000")]


@pytest.mark.parametrize("seed", range(12))
def test_packets_arrive_once_and_in_order_over_a_bad_lan(seed: int) -> None:
    ether = Ether("A", "B", seed=seed, weather=BAD)
    got: dict[str, list[bytes]] = {"A": [], "B": []}
    for name, port in ether.ports.items():
        port.packet = partial(_note, got[name])
    ether.start()
    opened = ether.clock.run_until(
        lambda: (
            all(c.state is CircuitState.OPEN for p in ether.ports.values() for c in p.circuits.values())
            and all(port.circuits for port in ether.ports.values())
        ),
        60 * SECOND_NS,
    )
    assert opened
    sent = {name: [TEXT + bytes((number,)) for number in range(100)] for name in ("A", "B")}
    for circuit, name in zip(circuits(ether), ("A", "B"), strict=True):
        for packet in sent[name]:
            circuit.send(packet)
    ether.run(60)
    text = [[packet for packet in got[name] if packet[0]] for name in ("B", "A")]  # without NOPs
    assert text == [sent["A"], sent["B"]]
    assert ether.lan.lost > 10


@pytest.mark.parametrize("both", [True, False])
def test_a_broken_cable_closes_the_circuit_at_both_ends_and_it_comes_back(*, both: bool) -> None:
    ether = Ether("A", "B")
    closed: list[str] = []
    for name, port in ether.ports.items():
        port.closed = partial(lambda name, circuit: closed.append(name), name)
    ether.start()
    ether.run(1)
    ether.lan.cut("A", "B", both=both)
    ether.run(12)
    assert sorted(closed) == ["A", "B"]
    ether.lan.mend()
    ether.run(15)
    assert all(circuit.state is CircuitState.OPEN for circuit in circuits(ether))


def test_a_short_break_is_not_noticed() -> None:
    ether = Ether("A", "B")
    got: list[bytes] = []
    ether.ports["B"].packet = lambda circuit, packet: got.append(packet)
    ether.start()
    ether.run(0.1)
    ether.lan.cut("A", "B")
    circuits(ether)[0].send(TEXT)
    ether.run(5)
    assert TEXT not in got
    ether.lan.mend()
    ether.run(2)
    assert TEXT in got
    assert all(circuit.state is CircuitState.OPEN for circuit in circuits(ether))


def test_a_node_that_boots_again_gets_a_new_circuit_at_once() -> None:
    ether = Ether("A", "B")
    ether.start()
    ether.run(1)
    first = circuits(ether)[0]
    ether.ports["B"].stop(last_gasp=False)
    ether.ports["B"] = ether.port("B", 2, incarnation=5000)
    ether.ports["B"].start()
    ether.run(0.01)
    second = circuits(ether)[0]
    assert first.state is CircuitState.CLOSED
    assert second.state is CircuitState.OPEN
    assert second.peer is not None
    assert second.peer.incarnation == 5000


def test_a_start_of_an_older_circuit_that_comes_late_changes_nothing() -> None:
    ether = Ether("A", "B")
    ether.start()
    ether.run(1)
    before = circuits(ether)
    datagram = DatagramHeader.pack_fields(1, 0, 17, 2, 0, Channel.CONTROL, 0)
    late = datagram + CircuitHeader.pack_fields(900) + bytes(64)
    ether.ports["A"].receive(late)
    ether.run(1)
    assert circuits(ether) == before


def test_a_last_gasp_closes_the_circuits_of_the_others_at_once() -> None:
    ether = Ether("A", "B")
    ether.start()
    ether.run(1)
    ether.ports["B"].stop(last_gasp=True)
    ether.run(0.001)
    assert ether.ports["A"].circuits == {}


def test_nodes_of_another_group_do_not_see_each_other() -> None:
    ether = Ether("A", "B")
    ether.ports["B"] = ether.port("B", 2, group=18)
    ether.start()
    ether.run(10)
    assert ether.ports["A"].circuits == ether.ports["B"].circuits == {}
    assert ether.ports["A"].foreign > 2


def test_noise_is_counted_and_harms_nobody() -> None:
    ether = Ether("A", "B")
    ether.start()
    ether.run(1)
    stream = Chance(3).stream("noise")
    header = DatagramHeader.pack_fields(1, 0, 17, 2, 0)
    for _ in range(2000):
        noise = bytearray(header + stream.randbytes(stream.randrange(60)))
        for place in (14, 15):
            noise[place] = stream.randrange(8)
        ether.ports["A"].receive(bytes(noise[: stream.randrange(len(noise) + 1)]))
    ether.run(30)
    assert ether.ports["A"].bad > 100
    assert all(circuit.state is CircuitState.OPEN for circuit in circuits(ether))
