"""XRQ, the simulator's end of the bus link, against a controller's end that was written from the book alone."""

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop import fake_controller as link
from tests.interop.fake_controller import FakeController, FakeLine, FakeListener, extent
from tests.interop.simh import Simulator

IP, SA = 0o17772150, 0o17772152
LOOP, LOOP_AT = 0o000777, 0o1000  # BR .
POLL_AT = 0o1004
MEMORY_BYTES = 256 * 1024
FATAL_ERROR = 0o100014
VECTOR = 0o154
OWN = 0x8000_0000


@pytest.fixture
def pdp11(simh_with_xrq: Path) -> Iterator[Simulator]:
    """A PDP-11/73 with 256 KB and an XRQ at RQ's place; it will run a loop from 1000."""
    commands = ["set cpu 11/73 256k", "set rq disabled", "set xrq enabled"]
    with Simulator(simh_with_xrq / "pdp11", commands) as simulator:
        prepare(simulator)
        yield simulator


@pytest.fixture
def listener() -> Iterator[FakeListener]:
    with FakeListener() as listener:
        yield listener


@pytest.fixture
def peer(pdp11: Simulator, listener: FakeListener) -> FakeController:
    """What the PDP-11's XRQ is attached to."""
    return attach(pdp11, listener)


def prepare(simulator: Simulator) -> None:
    simulator.deposit(LOOP_AT, LOOP)
    simulator.command(f"deposit pc {LOOP_AT:o}")
    for place, word in ((POLL_AT, 0o005737), (POLL_AT + 2, IP & 0xFFFF), (POLL_AT + 4, 0o000773)):
        simulator.deposit(place, word)  # TST @#172150; BR 1000
    simulator.command("deposit sp 700")
    simulator.command("step 1")  # the I/O page is there from the first instruction on


def attach(simulator: Simulator, listener: FakeListener, unit: str = "xrq") -> FakeController:
    simulator.run(f"attach {unit} {listener.address}")
    controller = listener.accept()
    controller.greet()
    printed = simulator.wait_for_prompt()
    assert not printed.strip(), printed
    return controller


def step(simulator: Simulator, instructions: int = 2000) -> str:
    """Let the loop run; the simulator looks at the link many times meanwhile."""
    return simulator.command(f"step {instructions}")


def poll(simulator: Simulator) -> None:
    """Have the processor read IP."""
    simulator.command(f"deposit pc {POLL_AT:o}")
    simulator.command("step 2")


def until_applied(simulator: Simulator, controller: FakeController) -> None:
    """Let the simulator apply all that was sent: it answers a DMA_READ of nothing when it comes to it."""
    controller.send(link.DMA_READ, value=0xDEAD)
    step(simulator, 20_000)
    while controller.receive().value != 0xDEAD:
        pass


def counted(simulator: Simulator, label: str) -> int:
    printed = simulator.command("show xrq statistics")
    line = next(line for line in printed.splitlines() if line.strip().startswith(label))
    return int(line.split()[-1])


# ---- greeting


def test_hello_says_who_the_simulator_is(pdp11: Simulator, listener: FakeListener) -> None:
    pdp11.run(f"attach xrq {listener.address}")
    controller = listener.accept()
    hello = controller.greet()
    pdp11.wait_for_prompt()
    assert (hello.flags, hello.epoch, hello.address, hello.value, hello.count) == (0, 0, 0, 0, 0)
    assert hello.data == (
        b"HBVS\x01\x00\x01\x00"  # version 1, Q-bus, posted
        b"\x68\xf4\x3f\x00"  # 17772150
        b"\x00\x00\x04\x00" + bytes(16) + b"SIMH PDP-11 XRQ".ljust(32, b"\0")  # 256 KB
    )


def test_show_peer_names_the_controller(
    pdp11: Simulator, peer: FakeController, listener: FakeListener
) -> None:
    printed = pdp11.command("show xrq peer")
    assert f'connected to "FAKE-1" at {listener.address}' in printed


def test_attach_fails_when_nobody_listens(pdp11: Simulator) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    printed = pdp11.command(f"attach xrq tcp://127.0.0.1:{port}")
    assert "Connection refused" in printed
    assert "File open error" in printed


def test_attach_fails_at_an_address_that_is_none(pdp11: Simulator) -> None:
    assert "wanted tcp:HOST:PORT" in pdp11.command("attach xrq carrier-pigeon:5001")


def test_attach_fails_when_the_peer_speaks_another_version(pdp11: Simulator, listener: FakeListener) -> None:
    pdp11.run(f"attach xrq {listener.address}")
    controller = listener.accept()
    controller.greet(version=2)
    assert "version 1 of the bus link is spoken here" in pdp11.wait_for_prompt()
    assert b"version 1" in controller.expect(link.GOODBYE).data


def test_attach_fails_when_the_peer_refuses(pdp11: Simulator, listener: FakeListener) -> None:
    pdp11.run(f"attach xrq {listener.address}")
    controller = listener.accept()
    controller.expect(link.HELLO)
    controller.send(link.GOODBYE, data=b"somebody else is here")
    assert "the peer has left: somebody else is here" in pdp11.wait_for_prompt()


def test_attach_fails_when_the_peer_never_speaks(pdp11: Simulator, listener: FakeListener) -> None:
    pdp11.command("set xrq timeout=1")
    assert "the peer did not answer in time" in pdp11.command(f"attach xrq {listener.address}")


def test_attach_fails_at_a_peer_of_another_protocol(pdp11: Simulator, listener: FakeListener) -> None:
    pdp11.run(f"attach xrq {listener.address}")
    listener.accept().stream.send(b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n")
    assert "a message is longer than any can be" in pdp11.wait_for_prompt()


def test_a_deferred_attach_connects_when_the_peer_comes(pdp11: Simulator, tmp_path: Path) -> None:
    pdp11.command(f"attach -d xrq unix:{tmp_path / 'link'}")
    assert pdp11.examine(SA) == FATAL_ERROR
    with FakeListener(tmp_path / "link") as late:
        pdp11.run("cont")
        controller = late.accept()
        controller.greet()
        controller.send(link.SHADOW, address=2, value=0o4400)
        controller.send(link.DMA_READ)
        controller.expect(link.DMA_DATA)
        pdp11.stop()
    assert pdp11.examine("xrq sa") == 0o4400


def test_a_peer_may_send_one_byte_at_a_time(pdp11: Simulator, listener: FakeListener) -> None:
    pdp11.run(f"attach xrq {listener.address}")
    controller = listener.accept()
    controller.expect(link.HELLO)
    for byte in (
        link.message(link.HELLO, data=struct.pack("<4sHBBII16x32s", b"HBVS", 1, 1, 0, 0, 0, b"SLOW"))
        + link.message(link.SHADOW, flags=link.TELL_READ | link.RESETS)
        + link.message(link.SHADOW, address=2, value=0o5500)
    ):
        controller.stream.send(bytes((byte,)))
    assert not pdp11.wait_for_prompt().strip()
    assert pdp11.examine(SA) == 0o5500


# ---- registers and epochs


def test_reading_shows_the_shadow_and_a_telling_register_is_told(
    pdp11: Simulator, peer: FakeController
) -> None:
    peer.send(link.SHADOW, address=2, value=0o4400)
    peer.send(link.SHADOW, flags=link.TELL_READ | link.RESETS, address=0, value=0o1234)
    until_applied(pdp11, peer)
    assert pdp11.examine(SA) == 0o4400
    assert pdp11.examine(IP) == 0o1234
    poll(pdp11)
    read = peer.expect(link.READ)  # nothing was said of SA
    assert (read.flags, read.address, read.data) == (0, 0, b"")


def test_count_says_how_many_messages_were_applied(pdp11: Simulator, peer: FakeController) -> None:
    until_applied(pdp11, peer)  # HELLO, two SHADOWs, DMA_READ
    poll(pdp11)
    assert peer.expect(link.READ).count == 4


def test_time_counts_instructions(pdp11: Simulator, peer: FakeController) -> None:
    poll(pdp11)
    before = peer.expect(link.READ).time
    step(pdp11, 1000)
    poll(pdp11)
    assert peer.expect(link.READ).time == before + 1002


def test_writing_ip_starts_an_epoch(pdp11: Simulator, peer: FakeController) -> None:
    peer.send(link.SHADOW, address=2, value=0o4400)
    until_applied(pdp11, peer)
    pdp11.deposit(IP, 1)
    write = peer.expect(link.WRITE)
    assert (write.flags, write.epoch, write.address, write.value) == (0, 1, 0, 1)
    assert pdp11.examine(SA) == 0


def test_what_was_on_its_way_when_ip_was_written_is_dropped(pdp11: Simulator, peer: FakeController) -> None:
    pdp11.deposit(IP, 1)
    peer.expect(link.WRITE)
    pdp11.deposit(0o2000, 0o111111)
    peer.send(link.SHADOW, epoch=0, address=2, value=0o4400)
    peer.send(link.DMA_WRITE, epoch=0, data=extent(0o2000, b"\xff\xff"))
    peer.send(link.DMA_READ, epoch=0, value=77, data=struct.pack("<II", 0o2000, 2))
    peer.send(link.INTERRUPT, epoch=0, value=VECTOR)
    peer.send(link.WATCH, epoch=0, data=b"nonsense")
    peer.send(link.DMA_READ, value=78, data=struct.pack("<II", 0o2000, 2))
    step(pdp11)
    answer = peer.expect(link.DMA_DATA)
    assert (answer.value, answer.data) == (78, b"\x49\x92")
    assert pdp11.examine(SA) == 0
    assert counted(pdp11, "stale messages") == 5


def test_a_bus_reset_starts_an_epoch_and_says_how_much_memory_there_is(
    pdp11: Simulator, peer: FakeController
) -> None:
    peer.send(link.SHADOW, address=2, value=0o4400)
    until_applied(pdp11, peer)
    pdp11.command("set cpu 128k")
    pdp11.command("reset")
    reset = peer.expect(link.RESET)
    assert (reset.flags, reset.epoch, reset.value) == (0, 1, 128 * 1024)
    assert pdp11.examine(SA) == 0


def test_access_flags_outlive_an_epoch(pdp11: Simulator, peer: FakeController) -> None:
    pdp11.deposit(IP, 0)
    pdp11.deposit(IP, 0)
    assert [peer.expect(link.WRITE).epoch for _ in range(2)] == [1, 2]


# ---- waiting


def test_a_write_that_waits_goes_on_after_the_answer(pdp11: Simulator, peer: FakeController) -> None:
    peer.send(link.SHADOW, flags=link.WAIT_WRITE, address=2, value=0o4400)
    until_applied(pdp11, peer)
    pdp11.run(f"deposit {SA:o} 100001")
    write = peer.expect(link.WRITE)
    assert (write.flags, write.address, write.value) == (link.WAIT, 2, 0o100001)
    peer.send(link.SHADOW, flags=link.WAIT_WRITE, address=2, value=0o10222)
    peer.answer(write)
    assert not pdp11.wait_for_prompt().strip()
    assert pdp11.examine(SA) == 0o10222
    assert counted(pdp11, "waits of the processor") == 1


def test_dma_is_served_while_the_processor_waits(pdp11: Simulator, peer: FakeController) -> None:
    peer.send(link.SHADOW, flags=link.WAIT_WRITE, address=2)
    until_applied(pdp11, peer)
    pdp11.deposit(0o2000, 0o123456)
    pdp11.run(f"deposit {SA:o} 1")
    write = peer.expect(link.WRITE)
    peer.send(link.DMA_READ, value=5, data=struct.pack("<II", 0o2000, 2))
    assert peer.expect(link.DMA_DATA).data == b"\x2e\xa7"
    peer.answer(write)
    pdp11.wait_for_prompt()


def test_a_peer_that_does_not_answer_in_time_is_lost(pdp11: Simulator, peer: FakeController) -> None:
    peer.send(link.SHADOW, flags=link.WAIT_WRITE, address=2)
    until_applied(pdp11, peer)
    pdp11.command("set xrq timeout=1")
    assert "the peer did not answer in time" in pdp11.command(f"deposit {SA:o} 1")
    assert pdp11.examine(SA) == FATAL_ERROR


def test_everything_waits_in_frozen_mode(pdp11: Simulator, listener: FakeListener) -> None:
    pdp11.command("set xrq frozen")
    pdp11.run(f"attach xrq {listener.address}")
    peer = listener.accept()
    assert peer.greet().data[7] == 1
    pdp11.wait_for_prompt()
    pdp11.command(f"deposit pc {POLL_AT:o}")
    for line, kind in (
        ("step 2", link.READ),
        (f"deposit {IP:o} 0", link.WRITE),
        (f"deposit {SA:o} 0", link.WRITE),
        ("reset", link.RESET),
    ):
        pdp11.run(line)
        came = peer.expect(kind)
        assert came.flags == link.WAIT
        if kind == link.RESET:
            peer.send(link.CALL, value=500)
        peer.answer(came)
        pdp11.wait_for_prompt()
    pdp11.run("step 1000")
    tick = peer.expect(link.TICK)
    assert tick.flags == link.WAIT
    peer.answer(tick)
    pdp11.wait_for_prompt()


def test_the_mode_is_the_one_hello_told(pdp11: Simulator, peer: FakeController) -> None:
    assert "already attached" in pdp11.command("set xrq frozen").lower()


def test_call_asks_for_one_tick_after_so_many_instructions(pdp11: Simulator, peer: FakeController) -> None:
    pdp11.deposit("xrq poll", 1)
    pdp11.deposit("xrq idle", 1)
    peer.send(link.CALL, value=10)
    peer.send(link.CALL, value=700)
    peer.send(link.DMA_READ, value=1)
    step(pdp11, 3000)
    before = peer.expect(link.DMA_DATA).time
    assert peer.expect(link.TICK).time == before + 700
    peer.send(link.CALL, value=100)
    peer.send(link.CALL)  # cancels it: no TICK comes before the answer
    peer.send(link.DMA_READ, value=2)
    step(pdp11, 3000)
    peer.expect(link.DMA_DATA)
    poll(pdp11)
    peer.expect(link.READ)


# ---- memory


def test_a_read_brings_watched_memory_and_the_packets_that_descriptors_point_at(
    pdp11: Simulator, peer: FakeController
) -> None:
    ring, packet = 0o2000, 0o4000
    words = [(packet + 4) & 0xFFFF, 0xC000, (packet + 0x104) & 0xFFFF, 0x4000, 0, 0x8000 + 0o74, 0, 0]
    for place, word in enumerate(words):
        pdp11.deposit(ring + 2 * place, word)
    pdp11.deposit(packet, 0o12345)
    peer.send(link.WATCH, data=struct.pack("<HHIIHHII", 0, 0, ring, 16, 1, 0, ring, 16))
    until_applied(pdp11, peer)
    poll(pdp11)
    read = peer.expect(link.READ)
    expected = extent(ring, struct.pack("<8H", *words)) + extent(
        packet, struct.pack("<H", 0o12345) + bytes(62)
    )
    assert read.data == expected  # the second descriptor is the host's, the third points beyond memory
    pdp11.deposit(IP, 0)
    peer.expect(link.WRITE)
    poll(pdp11)
    assert peer.expect(link.READ).data == b""  # a new epoch forgets the watches


def test_watches_that_cannot_be_read_are_left_out(pdp11: Simulator, peer: FakeController) -> None:
    peer.send(link.WATCH, data=struct.pack("<HHIIHHII", 0, 0, MEMORY_BYTES - 2, 4, 0, 0, 0o1000, 2))
    until_applied(pdp11, peer)
    poll(pdp11)
    assert peer.expect(link.READ).data == extent(0o1000, b"\xff\x01")


@pytest.mark.parametrize("start", [0o2000, 0o2001])
@pytest.mark.parametrize("length", [1, 2, 511, 512, 60_000])
def test_dma_moves_any_bytes(pdp11: Simulator, peer: FakeController, start: int, length: int) -> None:
    data = bytes(place * 7 & 0xFF for place in range(length))
    peer.send(link.DMA_WRITE, value=9, flags=link.WAIT, data=extent(start, data))
    peer.send(link.DMA_READ, value=10, data=struct.pack("<II", start, length))
    step(pdp11, 20_000)
    done = peer.expect(link.DMA_DONE)
    assert (done.flags, done.value) == (0, 9)
    read = peer.expect(link.DMA_DATA)
    assert (read.flags, read.value, read.data) == (0, 10, data)


def test_a_write_to_missing_memory_fails_where_memory_ends(pdp11: Simulator, peer: FakeController) -> None:
    data = extent(MEMORY_BYTES - 2, b"\x01\x02\x03\x04") + extent(0o2000, b"\xff\xff")
    peer.send(link.DMA_WRITE, value=3, data=data)
    peer.send(link.DMA_WRITE, value=4, flags=link.WAIT, data=data)
    step(pdp11)
    answers = [peer.expect(link.DMA_DONE) for _ in range(2)]
    assert [(done.flags, done.address, done.value) for done in answers] == [
        (2, MEMORY_BYTES, 0),
        (2, MEMORY_BYTES, 4),
    ]
    assert pdp11.examine(MEMORY_BYTES - 2) == 0x0201
    assert pdp11.examine(0o2000) == 0  # nothing behind the failing address was done


def test_a_read_of_missing_memory_brings_what_lies_before(pdp11: Simulator, peer: FakeController) -> None:
    pdp11.deposit(0o2000, 0o1)
    pdp11.deposit(MEMORY_BYTES - 2, 0o2)
    runs = struct.pack("<IIIIII", 0o2000, 2, MEMORY_BYTES - 2, 4, 0o2000, 2)
    peer.send(link.DMA_READ, value=6, data=runs)
    step(pdp11)
    answer = peer.expect(link.DMA_DATA)
    assert (answer.flags, answer.address, answer.value, answer.data) == (
        2,
        MEMORY_BYTES,
        6,
        b"\x01\x00\x02\x00",
    )


def test_the_io_page_is_no_memory(pdp11: Simulator, peer: FakeController) -> None:
    peer.send(link.DMA_WRITE, flags=link.WAIT, value=1, data=extent(SA, b"\x01\x00"))
    step(pdp11)
    done = peer.expect(link.DMA_DONE)
    assert (done.flags, done.address) == (link.NONEXISTENT, SA)


# ---- interrupts


def test_an_interrupt_is_taken_and_granted_with_the_next_message(
    pdp11: Simulator, peer: FakeController
) -> None:
    handle_interrupts(pdp11)
    peer.send(link.INTERRUPT, value=VECTOR)
    step(pdp11)
    assert pdp11.examine(0o3000) == 1
    poll(pdp11)
    granted = peer.expect(link.GRANTED)
    assert granted.value == VECTOR
    peer.expect(link.READ)
    assert "vector=154" in pdp11.command("show xrq vector")


def test_a_second_request_replaces_the_first_and_withdraw_drops_it(
    pdp11: Simulator, peer: FakeController
) -> None:
    handle_interrupts(pdp11)
    peer.send(link.INTERRUPT, value=0o300)
    peer.send(link.INTERRUPT, value=VECTOR)
    until_applied(pdp11, peer)
    assert pdp11.examine(0o3000) == 1
    peer.send(link.INTERRUPT, value=VECTOR)
    peer.send(link.WITHDRAW)
    until_applied(pdp11, peer)
    assert pdp11.examine(0o3000) == 1


@pytest.mark.parametrize(("descriptor", "expected"), [(OWN | 0x4000_0000, 1), (0x4000_0000, 0)])
def test_announce_looks_at_the_owner_bit(
    pdp11: Simulator, peer: FakeController, descriptor: int, expected: int
) -> None:
    handle_interrupts(pdp11)
    peer.send(link.DMA_WRITE, data=extent(0o4000, struct.pack("<I", descriptor)))
    peer.send(link.ANNOUNCE, address=0o4000, value=VECTOR, data=extent(0o5000, b"\x01\x00"))
    until_applied(pdp11, peer)
    assert pdp11.examine(0o5000) == expected
    assert pdp11.examine(0o3000) == expected


def test_announce_without_vector_only_writes(pdp11: Simulator, peer: FakeController) -> None:
    handle_interrupts(pdp11)
    peer.send(link.DMA_WRITE, data=extent(0o4000, struct.pack("<I", OWN)))
    peer.send(link.ANNOUNCE, address=0o4000, data=extent(0o5000, b"\x01\x00"))
    until_applied(pdp11, peer)
    assert (pdp11.examine(0o5000), pdp11.examine(0o3000)) == (1, 0)


def test_two_controllers_interrupt_each_with_its_vector(
    pdp11: Simulator, peer: FakeController, tmp_path: Path
) -> None:
    handle_interrupts(pdp11)
    for place, word in ((0o300, 0o2100), (0o302, 0o340), (0o2100, 0o005237), (0o2102, 0o3002), (0o2104, 2)):
        pdp11.deposit(place, word)
    pdp11.command("set xrqb enabled")
    with FakeListener(tmp_path / "second") as listener:
        second = attach(pdp11, listener, "xrqb")
        second.send(link.INTERRUPT, value=0o300)
        peer.send(link.INTERRUPT, value=VECTOR)
        until_applied(pdp11, second)
        until_applied(pdp11, peer)
        assert (pdp11.examine(0o3000), pdp11.examine(0o3002)) == (1, 1)


def handle_interrupts(simulator: Simulator) -> None:
    """Count interrupts through 154 at 3000."""
    for place, word in (
        (VECTOR, 0o2000),
        (VECTOR + 2, 0o340),
        (0o2000, 0o005237),  # INC @#3000
        (0o2002, 0o003000),
        (0o2004, 0o000002),  # RTI
    ):
        simulator.deposit(place, word)
    simulator.command("deposit psw 0")


# ---- loss


def test_a_lost_peer_shows_as_fatal_error_until_ip_is_written_to_its_successor(
    pdp11: Simulator, listener: FakeListener, peer: FakeController
) -> None:
    handle_interrupts(pdp11)
    peer.send(link.INTERRUPT, value=VECTOR)
    until_applied(pdp11, peer)
    peer.stream.close()
    assert "lost its peer" in step(pdp11, 100_000)
    assert pdp11.examine(SA) == FATAL_ERROR
    assert pdp11.examine(0o3000) == 2  # the driver was woken
    pdp11.run("cont")
    successor = listener.accept()
    successor.greet(b"FAKE-2")
    pdp11.wait_for("is connected again")
    pdp11.stop()
    assert pdp11.examine(SA) == FATAL_ERROR
    pdp11.deposit(IP, 0)
    assert successor.expect(link.WRITE).epoch == 1
    assert pdp11.examine(SA) == 0
    assert counted(pdp11, "connections") == 2


@pytest.mark.parametrize(
    "garbage",
    [
        link.message(99),
        link.message(link.READ),
        link.message(link.HELLO, data=bytes(64)),
        link.message(link.SHADOW, data=b"\0"),
        link.message(link.SHADOW, address=4),
        link.message(link.WATCH, data=bytes(11)),
        link.message(link.WATCH, data=struct.pack("<HHII", 7, 0, 0, 4)),
        link.message(link.WATCH, data=struct.pack("<HHII", 0, 0, 0, 1 << 21)),
        link.message(link.DMA_READ, data=bytes(7)),
        link.message(link.DMA_READ, data=struct.pack("<II", 0, 0xFFFF_FFFF)),
        link.message(link.DMA_WRITE, data=struct.pack("<II", 0, 8) + bytes(7)),
        link.message(link.DMA_WRITE, data=struct.pack("<II", 0, 0xFFFF_FFF9) + bytes(7)),
        link.message(link.ANNOUNCE, value=0x1000),
        link.message(link.INTERRUPT, value=0xFFFF_FFFF),
        struct.pack(link.HEADER, link.DMA_WRITE, 0, 0, (1 << 20) + 1, 0, 0, 0, 0),
    ],
    ids=lambda garbage: f"kind-{garbage[0]}-{len(garbage)}",
)
def test_a_message_that_makes_no_sense_ends_the_connection(
    pdp11: Simulator, peer: FakeController, garbage: bytes
) -> None:
    peer.stream.send(garbage)
    assert "lost its peer: a message" in step(pdp11, 20_000)
    assert peer.expect(link.GOODBYE).data.startswith(b"a message")
    peer.expect_end()
    assert pdp11.examine(SA) == FATAL_ERROR


def test_detach_says_goodbye(pdp11: Simulator, peer: FakeController) -> None:
    assert not pdp11.command("detach xrq").strip()
    assert peer.expect(link.GOODBYE).data == b"detached"
    peer.expect_end()
    assert "no peer" in pdp11.command("show xrq peer")
    assert pdp11.examine(SA) == FATAL_ERROR


def test_a_peer_that_asks_for_much_and_reads_late_gets_it_all(pdp11: Simulator, peer: FakeController) -> None:
    wanted = struct.pack("<II", 0, MEMORY_BYTES)
    for tag in range(60):
        peer.send(link.DMA_READ, value=tag, data=wanted)
    pdp11.run("cont")
    assert [len(peer.expect(link.DMA_DATA).data) for _ in range(60)] == [MEMORY_BYTES] * 60
    pdp11.stop()


# ---- BOOT


def test_boot_reads_block_0_and_goes_there(pdp11: Simulator, peer: FakeController) -> None:
    """The controller's part of the port, step by step; the boot block halts."""
    response, command = 0o17000, 0o17004
    pdp11.deposit("xrq bootunit", 5)
    pdp11.run("boot xrq")
    peer.expect(link.RESET)
    assert peer.expect(link.WRITE).address == 0
    for shown, word in ((0o4400, 0o100000), (0o10200, response), (0o20000, 0), (0o40423, 1)):
        peer.send(link.SHADOW, address=2, value=shown)
        write = peer.expect(link.WRITE)
        assert (write.address, write.value) == (2, word)
    peer.send(link.SHADOW, address=2)
    for opcode in (0o11, 0o41):
        peer.expect(link.READ)
        peer.send(link.DMA_READ, value=1, data=struct.pack("<IIII", response, 8, 0o17174, 36))
        memory = peer.expect(link.DMA_DATA).data
        assert memory[:8] == struct.pack("<II", OWN | 0o17040, OWN | 0o17200)
        assert memory[8:10] == bytes((48, 0))  # length of the packet
        assert (memory[16], memory[20]) == (5, opcode)
        end = struct.pack("<IHHBBH", 0, 5, 0, opcode | 0o200, 0, 0)
        block = extent(0, b"\0\0") if opcode == 0o41 else b""
        given_back = b"\0\0"  # the owner bit is in the high word, the address stays
        done = extent(0o17040, end) + extent(command + 2, given_back) + extent(response + 2, given_back)
        peer.send(link.DMA_WRITE, data=block + done)
    assert struct.unpack("<II", memory[24:32])[0] == 512
    assert peer.expect(link.WRITE).address == 0
    assert pdp11.wait_for_halt() == 2
    assert (pdp11.examine("r0"), pdp11.examine("r1")) == (5, 0o172150)


# ---- statistics and help


def test_statistics_count_and_are_cleared(pdp11: Simulator, peer: FakeController) -> None:
    poll(pdp11)
    peer.send(link.DMA_WRITE, flags=link.WAIT, data=extent(0o2000, bytes(512)))
    step(pdp11)
    assert counted(pdp11, "READs") == 1
    assert counted(pdp11, "DMA bytes to memory") == 512
    assert counted(pdp11, "messages received") == 4
    pdp11.command("set xrq nostatistics")
    assert counted(pdp11, "messages received") == 0


def test_help_is_there(pdp11: Simulator) -> None:
    assert "ATTACH {-D} XRQ" in pdp11.command("show xrq help")


# ---- a serial line


@pytest.fixture
def line() -> Iterator[FakeLine]:
    with FakeLine() as line:
        yield line


def attach_line(simulator: Simulator, line: FakeLine) -> FakeController:
    simulator.run(f"attach xrq {line.address}")
    line.await_open()
    controller = FakeController(line)
    controller.greet()
    assert not simulator.wait_for_prompt().strip()
    return controller


def test_a_serial_line_carries_the_same_messages(pdp11: Simulator, line: FakeLine) -> None:
    peer = attach_line(pdp11, line)
    data = bytes(range(256)) * 8  # every byte that must be escaped among them
    peer.send(link.DMA_WRITE, flags=link.WAIT, value=1, data=extent(0o2000, data))
    peer.send(link.DMA_READ, value=2, data=struct.pack("<II", 0o2000, len(data)))
    pdp11.run("cont")
    assert peer.expect(link.DMA_DONE).flags == 0
    assert peer.expect(link.DMA_DATA).data == data
    line.settle()
    pdp11.stop()


def test_frames_that_the_simulator_does_not_get_are_asked_for_again(pdp11: Simulator, line: FakeLine) -> None:
    peer = attach_line(pdp11, line)
    line.settle()
    line.drop_sent = [4, 9]
    line.damage_sent = [7]
    data = bytes(range(256)) * 12
    peer.send(link.DMA_WRITE, flags=link.WAIT, value=1, data=extent(0o2000, data))
    pdp11.run("cont")
    assert peer.expect(link.DMA_DONE).flags == 0
    pdp11.stop()
    assert [sequence for kind, sequence in line.heard if kind == link.AGAIN_FRAME] == [4]  # once for the gap
    assert counted(pdp11, "frames damaged") == 1
    peer.send(link.DMA_READ, value=2, data=struct.pack("<II", 0o2000, len(data)))
    pdp11.run("cont")
    assert peer.expect(link.DMA_DATA).data == data
    pdp11.stop()


def test_frames_that_the_peer_does_not_get_are_sent_again(pdp11: Simulator, line: FakeLine) -> None:
    peer = attach_line(pdp11, line)
    line.drop_received = [2, 5]
    peer.send(link.DMA_READ, value=2, data=struct.pack("<II", 0, 4000))
    pdp11.run("cont")
    assert len(peer.expect(link.DMA_DATA).data) == 4000
    pdp11.stop()
    assert counted(pdp11, "frames sent again") >= 2


def test_a_line_that_was_silent_before_is_opened_again_and_again(pdp11: Simulator, line: FakeLine) -> None:
    pdp11.run(f"attach xrq {line.address}")
    line.await_open()
    line.opened = 0
    controller = FakeController(line)
    controller.greet()
    pdp11.wait_for_prompt()
    sessions = [sequence for kind, sequence in line.heard if kind == link.OPEN_FRAME]
    pdp11.command("detach xrq")
    controller.expect(link.GOODBYE)
    pdp11.run(f"attach xrq {line.address}")
    line.await_open()
    second = FakeController(line)
    second.greet()
    pdp11.wait_for_prompt()
    sessions += [sequence for kind, sequence in line.heard if kind == link.OPEN_FRAME]
    assert sessions[0] != sessions[-1]


# ---- the other simulators


@pytest.mark.parametrize(
    ("program", "hello"),
    [
        ("vax", b"HBVS\x01\x00\x01\x00\x68\xf4\x3f\x00\x00\x00\x00\x00"),  # Q-bus, 17772150, behind a map
        ("vax780", b"HBVS\x01\x00\x00\x00\x68\xf4\x03\x00\x00\x00\x00\x00"),  # UNIBUS, 772150, behind a map
    ],
)
def test_the_vaxen_greet_too(simh_with_xrq: Path, listener: FakeListener, program: str, hello: bytes) -> None:
    with Simulator(simh_with_xrq / program, ["set rq disabled", "set xrq enabled"]) as vax:
        vax.run(f"attach xrq {listener.address}")
        controller = listener.accept()
        assert controller.greet().data.startswith(hello)
        vax.wait_for_prompt()
        vax.command("detach xrq")


def test_a_unibus_without_a_map_has_memory_of_its_own(simh_with_xrq: Path, listener: FakeListener) -> None:
    with Simulator(
        simh_with_xrq / "pdp11", ["set cpu 11/34 256k", "set rq disabled", "set xrq enabled"]
    ) as pdp11:
        pdp11.run(f"attach xrq {listener.address}")
        hello = listener.accept().greet().data
        pdp11.wait_for_prompt()
    assert (hello[6], struct.unpack("<II", hello[8:16])) == (0, (0o772150, 0o760000))
