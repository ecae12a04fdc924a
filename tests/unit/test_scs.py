"""Connections between SYSAPs: their life, credits, datagrams, block transfers, and who breaks the rules."""

from collections.abc import Callable

import pytest

from drivers.cluster.pedriver import CircuitState
from drivers.cluster.scs import RECEIVE_CREDITS, Connection, ConnectionState, Scs
from emu.core.chance import Chance
from emu.core.clock import MILLISECOND_NS
from emu.sim.lan import Weather
from emu.wire.codes.scs import ConnectStatus, PpdOpcode, TransferStatus
from emu.wire.generated.scs import BlockTransfer
from tests.unit.cluster_stage import Ether


class Echo:
    """A SYSAP that remembers what it hears."""

    def __init__(self) -> None:
        self.connection: Connection | None = None
        self.messages: list[bytes] = []
        self.datagrams: list[bytes] = []
        self.reasons: list[int] = []

    def opened(self, connection: Connection) -> None:
        self.connection = connection

    def message_came(self, connection: Connection, data: bytes) -> None:
        self.messages.append(data)

    def datagram_came(self, connection: Connection, data: bytes) -> None:
        self.datagrams.append(data)

    def closed(self, connection: Connection, reason: int) -> None:
        self.reasons.append(reason)


class Pair:
    """Nodes A and B with an open circuit; B has the process ECHO."""

    def __init__(self, *, weather: Weather | None = None, seed: int = 1) -> None:
        self.ether = Ether("A", "B", weather=weather, seed=seed)
        self.scs = {name: Scs(port) for name, port in self.ether.ports.items()}
        self.near, self.far = Echo(), Echo()
        self.scs["B"].listen("ECHO", lambda asked: asked.accept(self.far, b"welcome"))
        self.ether.start()
        self.ether.run(3.5)

    def connect(self, name: str = "ECHO") -> Connection:
        circuit = self.ether.ports["A"].circuits[2]
        connection = self.scs["A"].connect(circuit, name, "TEST", self.near, b"hello")
        self.ether.run(0.5)
        return connection


def test_a_connection_opens_and_each_end_hears_what_the_other_said() -> None:
    pair = Pair()
    connection = pair.connect()
    assert connection.state is ConnectionState.OPEN
    assert pair.far.connection is not None
    assert connection.data.rstrip(b"\0") == b"welcome"
    assert pair.far.connection.data.rstrip(b"\0") == b"hello"
    assert pair.far.connection.remote_name == "TEST"


def test_a_process_that_is_not_there_and_one_that_refuses_say_why() -> None:
    pair = Pair()
    pair.connect("NOBODY")
    pair.scs["B"].listen("SHY", lambda asked: asked.reject(ConnectStatus.INSUFFICIENT_CREDIT))
    pair.connect("SHY")
    assert pair.near.reasons == [10, 33]
    assert pair.scs["A"].connections == pair.scs["B"].connections == {}


def test_more_messages_than_credits_wait_and_arrive_in_order() -> None:
    pair = Pair(weather=Weather(latency_ns=(MILLISECOND_NS, 3 * MILLISECOND_NS)))
    connection = pair.connect()
    assert connection.send_credits == RECEIVE_CREDITS == 10
    messages = [bytes((number,)) for number in range(100)]
    for message in messages:
        connection.send_message(message)
    assert connection.credit_waits == 90
    pair.ether.run(5)
    assert pair.far.messages == messages


def test_a_datagram_needs_no_credit() -> None:
    pair = Pair()
    connection = pair.connect()
    for number in range(20):
        connection.send_datagram(bytes((number,)))
    pair.ether.run(0.1)
    assert len(pair.far.datagrams) == 20


@pytest.mark.parametrize("by_circuit", [True, False])
def test_both_ends_hear_that_a_connection_has_ended(*, by_circuit: bool) -> None:
    pair = Pair()
    connection = pair.connect()
    if by_circuit:
        connection.circuit.close()
    else:
        connection.disconnect()
    pair.ether.run(0.1)
    assert pair.near.reasons == pair.far.reasons == [ConnectStatus.DISCONNECTED]
    assert pair.scs["A"].connections == pair.scs["B"].connections == {}


@pytest.mark.parametrize("seed", range(5))
def test_block_transfers_move_data_both_ways_over_a_bad_lan(seed: int) -> None:
    weather = Weather(latency_ns=(MILLISECOND_NS, 20 * MILLISECOND_NS), loss=0.1, doubling=0.1)
    pair = Pair(weather=weather, seed=seed)
    connection = pair.connect()
    pair.ether.run(10)
    assert pair.far.connection is not None
    here, there = bytearray(5000), bytearray(Chance(seed).stream("data").randbytes(5000))
    name = connection.transfers.map(memoryview(here))
    remote = pair.far.connection.transfers.map(memoryview(there))
    ended: list[TransferStatus] = []
    connection.transfers.request_data(name, remote, 100, 4900, ended.append)
    pair.ether.run(20)
    assert ended == [TransferStatus.NORMAL]
    assert here[:4900] == there[100:]
    connection.transfers.send_data(name, remote, 3, 4000, ended.append)
    pair.ether.run(20)
    assert ended == [TransferStatus.NORMAL] * 2
    assert there[3:4003] == here[:4000]


def test_a_block_transfer_beyond_a_buffer_or_without_one_is_refused() -> None:
    pair = Pair()
    connection = pair.connect()
    assert pair.far.connection is not None
    name = connection.transfers.map(memoryview(bytearray(100)))
    remote = pair.far.connection.transfers.map(memoryview(bytes(50)))
    ended: list[TransferStatus] = []
    connection.transfers.request_data(name, remote, 40, 20, ended.append)
    connection.transfers.request_data(name, 77, 0, 10, ended.append)
    connection.transfers.send_data(name, remote, 0, 10, ended.append)  # of bytes, so read only
    pair.ether.run(0.1)
    assert ended == [TransferStatus.BAD_EXTENT, TransferStatus.BAD_NAME, TransferStatus.BAD_NAME]
    assert connection.state is ConnectionState.OPEN


def _without_credit(connection: Connection) -> None:
    for _ in range(3):
        connection._send_counted(b"x")


def _to_nobody(connection: Connection) -> None:
    connection.remote_conid = 0x7777
    connection._send_counted(b"x")


def _of_no_opcode(connection: Connection) -> None:
    connection.circuit.send(b"\x55\0\0\0")


def _of_no_transfer(connection: Connection) -> None:
    connection._send_transfer(PpdOpcode.RETDAT, 0, 1, _piece(), b"abc")


def _piece() -> BlockTransfer:
    return BlockTransfer(rspid=5, xct_len=3)


@pytest.mark.parametrize("sin", [_without_credit, _to_nobody, _of_no_opcode, _of_no_transfer])
def test_who_breaks_the_rules_loses_the_circuit(sin: Callable[[Connection], None]) -> None:
    pair = Pair()
    connection = pair.connect()
    assert pair.far.connection is not None
    pair.far.connection._receive_credits = 2  # it has no more buffers
    sin(connection)
    pair.ether.run(0.01)
    assert len(pair.scs["B"].violations) == 1
    assert connection.state is ConnectionState.CLOSED
    assert connection.circuit.state is CircuitState.CLOSED


def test_noise_in_packets_closes_circuits_and_nothing_else() -> None:
    pair = Pair()
    stream = Chance(5).stream("noise")
    for number in range(400):
        circuit = pair.ether.ports["A"].circuits.get(2)
        if circuit is None:
            pair.ether.run(3.1)
            continue
        connection = pair.connect() if number % 3 == 0 else None
        noise = bytearray(stream.randbytes(stream.randrange(1, 80)))
        noise[0] = stream.choice((1, 2, 3, 8, 0x10, 0x11))
        if connection is not None and len(noise) > 20:
            noise[4:8] = connection.remote_conid.to_bytes(4, "little")
        circuit.send(bytes(noise))
        pair.ether.run(0.05)
    pair.ether.run(10)
    assert pair.connect().state is ConnectionState.OPEN
