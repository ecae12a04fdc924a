"""The controller's end of the bus link, judged by a host made of literal numbers."""

import struct
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.core.clock import Scheduler
from emu.core.trace import Tracer
from emu.front.buslink.frames import Framed, FrameReader, frame
from emu.front.buslink.session import Session
from emu.front.buslink.slot import Slot
from emu.hw.firmware import PortKind
from emu.hw.mscp.controller import Controller
from emu.media.memory import MemoryDevice
from emu.shells.firmware_files import load_firmware
from emu.wire.codes.buslink import Mode
from tests.dumb_host import DATA, RingHost, byte_count, longwords, status
from tests.link_host import (
    ANNOUNCE,
    DMA_DONE,
    DMA_WRITE,
    FROZEN,
    HELLO,
    IP,
    POSTED,
    READ,
    RESET,
    SA,
    SHADOW,
    WAIT_WRITE,
    WRITE,
    LinkHost,
    hello,
)

NXM = 0x0069


class Bench:
    """A controller in a slot, with one unit of 2400 blocks in memory."""

    def __init__(self, mode: int = POSTED, firmware: str = "rqdx3") -> None:
        self.clock = Scheduler()
        self.tracer = Tracer()
        self.arrivals: list[str] = []
        self.slot = Slot(
            "PUA",
            self.clock,
            Mode(mode),
            lambda slot: self.arrivals.append("came"),
            lambda slot: self.arrivals.append("went"),
        )
        image = load_firmware(firmware)
        self.controller = Controller(self.clock, self.tracer, "PUA", image, 0)
        medium = MemoryDevice(2400)
        self.blocks = medium.content  # beside the controller
        self.controller.attach_unit(0, medium, image.drives["RX33"])
        self.port = self.controller.attach_port(self.slot.memory, self.slot.line, PortKind.QBUS)
        self.slot.plug_in(self.port)

    def link(self, mode: int = POSTED, *, mapped: bool = False, memory_bytes: int = 1 << 20) -> LinkHost:
        link = LinkHost(self.slot.accept(), self.clock, mode=mode, mapped=mapped, memory_bytes=memory_bytes)
        link.connect()
        return link


class Host(RingHost):
    """The dumb host at the far end of a link."""

    def __init__(self, link: LinkHost, log2: int = 3) -> None:
        super().__init__(link, link.ram, link, log2)
        self.link = link

    def answer(self) -> bytes | None:
        self.run()
        return self.take()


def running(
    mode: int = POSTED, *, mapped: bool = False, log2: int = 3, memory_bytes: int = 1 << 20
) -> tuple[Bench, Host]:
    bench = Bench(mode)
    host = Host(bench.link(mode, mapped=mapped, memory_bytes=memory_bytes), log2)
    host.start()
    host.scc()
    assert status(host.online()) == 0
    return bench, host


MODES = [(POSTED, False), (POSTED, True), (FROZEN, False), (FROZEN, True)]


@pytest.mark.parametrize(("mode", "mapped"), MODES)
def test_a_host_reads_back_what_it_wrote_over_the_link(mode: int, mapped: bool) -> None:
    bench, host = running(mode, mapped=mapped)
    data = bytes(n % 251 for n in range(5 * 512))
    host.ram.write(DATA, data)
    assert status(host.write(100, len(data))) == 0
    assert bytes(bench.blocks[100 * 512 : 105 * 512]) == data
    host.ram.write(DATA, bytes(len(data)))
    assert status(host.read(100, len(data))) == 0
    assert bytes(host.ram.read(DATA, len(data))) == data


@pytest.mark.parametrize(("mode", "mapped"), MODES)
def test_init_shows_the_steps_of_an_rqdx3(mode: int, mapped: bool) -> None:
    host = Host(Bench(mode).link(mode, mapped=mapped))
    assert host.reset() == 0x0B40
    assert host.write_sa(0x8000) == 0x1080
    assert host.write_sa(0x01C6) == 0x2000
    assert host.write_sa(0) == 0x4133
    host.port.write_register(SA, 1, 2)
    assert host.sa() == 0


def test_after_go_no_step_is_seen_any_more() -> None:
    host = Host(Bench().link())
    host.reset()
    for word in (0x8000, 0x1008, 0):
        host.write_sa(word)
    assert host.sa() == 0x4133
    host.port.write_register(SA, 1, 2)
    assert host.port.read_register(SA, 2) == 0  # no time has passed


def test_a_wrap_word_is_read_back_by_the_next_instruction() -> None:
    host = Host(Bench().link())
    host.reset()
    assert host.sa() == 0x0B40
    for word in (0xC000, 0x1234, 0):
        host.port.write_register(SA, word, 2)
        assert host.port.read_register(SA, 2) == word


def test_writes_to_sa_wait_in_an_init_sequence_only() -> None:
    _, host = running()
    assert host.link.shadows[SA] == [0, 0]
    host.link.write_register(IP, 0, 2)
    host.run()
    assert host.link.shadows[SA] == [0x0B40, WAIT_WRITE]


def test_a_read_command_is_one_message_there_and_one_batch_back() -> None:
    _, host = running()
    sent = host.link.sent
    host.link.log.clear()
    host.send(0x21, parameters=longwords(512, DATA, 0, 0, 7))
    assert host.link.sent == sent + 1
    assert host.link.log == [DMA_WRITE, ANNOUNCE, DMA_WRITE, ANNOUNCE]  # command taken; data and end message


def test_data_is_in_memory_before_the_response_and_that_before_the_interrupt() -> None:
    bench, host = running()
    bench.blocks[512 * 9 : 512 * 10] = b"\x5a" * 512
    seen: list[tuple[bytes, int]] = []

    def look() -> None:
        seen.append(
            (bytes(host.ram.read(DATA, 512)), host.ram.read_longword(0x1008 + 4 * host.response_next))
        )

    host.link.on_interrupt = look
    host.send(0x21, parameters=longwords(512, DATA, 0, 0, 9))
    assert seen
    data, descriptor = seen[-1]
    assert data == b"\x5a" * 512
    assert not descriptor & 0x80000000


def test_many_commands_go_with_one_poll() -> None:
    _, host = running()
    for lbn in range(6):
        host.put(host.command(0x21, parameters=longwords(512, DATA + 512 * lbn, 0, 0, lbn)))
    host.poll()
    assert [status(packet[4:]) for packet in host.responses()] == [0] * 6


def test_what_was_under_way_at_a_reset_does_not_reach_memory() -> None:
    bench, host = running()
    bench.blocks[0:512] = b"\xff" * 512
    host.link.hold = True  # the link is slow: nothing arrives for a while
    host.send(0x21, parameters=longwords(512, DATA, 0, 0, 0))
    host.link.hold = False
    host.link._new_epoch()  # what the simulator does when IP is written, before it looks at the link again
    host.link.send(WRITE, 0, IP, 0)
    host.run()
    assert host.link.stale >= 3
    assert bytes(host.ram.read(DATA, 512)) == bytes(512)
    assert host.sa() == 0x0B40


def test_a_write_cut_short_by_a_reset_writes_nothing() -> None:
    bench, host = running()
    host.link.hold = True
    host.send(0x22, parameters=longwords(512, DATA, 0, 0, 3))
    host.link._new_epoch()
    host.link.send(WRITE, 0, IP, 0)
    host.link.hold = False
    host.run()
    assert not any(bench.blocks)
    host.start()
    host.scc()
    assert status(host.online()) == 0


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("opcode", [0x20, 0x21, 0x22])
def test_memory_that_is_not_there_ends_a_transfer_where_it_ends(mapped: bool, opcode: int) -> None:
    bench, host = running(mapped=mapped, memory_bytes=1 << 17)
    end = host.transfer(opcode, 5, 2048, (1 << 17) - 1024)
    assert (status(end), byte_count(end)) == (NXM, 1024)
    bench.clock.run_for(1)
    assert status(host.read(0, 512)) == 0


@pytest.mark.parametrize("mapped", [False, True])
def test_rings_where_no_memory_is_kill_the_port(mapped: bool) -> None:
    host = Host(Bench().link(mapped=mapped, memory_bytes=1 << 17))
    host.reset()
    for word in (0x8000, 0x0008, 0x0002):
        host.write_sa(word)
    host.run()
    assert host.sa() == 0x8007


def test_mapped_buffers_go_through_a_page_table_in_the_hosts_memory() -> None:
    bench, host = running(mapped=True)
    bench.blocks[0:1024] = bytes(range(256)) * 4
    host.ram.write(0x800, longwords(0x80000000 | 0x90, 0x80000000 | 0xA0, 0x80000000 | 0xA1))
    end = host.transfer(0x21, 0, 1024, 0x80000000 | 100, pte=0x800)
    assert status(end) == 0
    assert bytes(host.ram.read(0x90 * 512 + 100, 412)) == bytes(bench.blocks[:412])
    assert bytes(host.ram.read(0xA0 * 512, 612)) == bytes(bench.blocks[412:1024])
    host.ram.write(0x800, longwords(0x80000000 | 0x90, 0x00000000))
    end = host.transfer(0x22, 0, 1024, 0x80000000, pte=0x800)
    assert (status(end), byte_count(end)) == (0x00A9, 512)


@pytest.mark.parametrize("log2", [0, 1, 3])
@pytest.mark.parametrize("mapped", [False, True])
def test_a_hundred_commands_with_late_looks_at_the_link_are_all_answered(log2: int, mapped: bool) -> None:
    _, host = running(log2=log2, mapped=mapped)
    asked = answered = 0
    while answered < 100:
        if asked < 100 and host.credits > 0 and asked - answered < host.count:
            host.link.hold = asked % 3 == 1
            host.send(0x21, parameters=longwords(512, DATA, 0, 0, asked))
            asked += 1
            continue
        host.link.hold = False
        host.run(6_000_000)
        answered += len(host.responses())
    assert answered == 100


def test_an_attention_message_finds_a_slot_given_after_the_last_poll() -> None:
    bench, host = running(log2=0)
    host.scc(flags=0x0080)  # attention messages wanted; the only slot was filled, and armed again just now
    drive = bench.controller.firmware.drives["RX33"]
    bench.controller.attach_unit(1, MemoryDevice(2400), drive)
    for _ in range(4):
        host.run(6_000_000)
    packets = host.responses()
    assert [packet[4 + 8] for packet in packets] == [0x40]  # AVAILABLE


def test_an_interrupt_is_not_lost_when_the_host_takes_the_slot_before_in_the_meantime() -> None:
    """The transition of the response ring is judged by the memory of the moment, not by an old copy."""
    _, host = running()
    host.link.interrupts.clear()
    host.put(host.command(0x21, parameters=longwords(512, DATA, 0, 0, 1)))
    host.put(host.command(0x21, parameters=longwords(512, DATA, 0, 0, 2)))
    taken: list[bytes] = []
    host.link.on_interrupt = lambda: taken.extend(host.responses())  # takes the slot and arms it again
    host.poll()
    assert len(taken) + len(host.responses()) == 2
    assert len(host.link.interrupts) >= 2


def test_a_second_host_is_told_that_the_controller_is_busy() -> None:
    bench, host = running()
    second = LinkHost(bench.slot.accept(), bench.clock)
    second.connect()
    assert second.goodbye == "PUA is busy with test host"
    assert second.machine.ended
    assert status(host.read(0, 512)) == 0


def test_when_the_host_goes_the_port_starts_anew_and_the_next_host_finds_it_fresh() -> None:
    bench, host = running()
    host.link.machine.lost()
    assert bench.arrivals == ["came", "went"]
    assert not bench.port.running
    again = Host(bench.link())
    again.start()
    again.scc()
    assert status(again.online()) == 0
    assert bench.arrivals == ["came", "went", "came"]


def test_a_bus_reset_initialises_the_port() -> None:
    bench, host = running()
    host.link.bus_reset()
    host.run()
    assert host.sa() == 0x0B40
    assert not bench.port.running


def test_the_mode_must_be_the_one_the_controller_is_served_in() -> None:
    bench = Bench(POSTED)
    link = LinkHost(bench.slot.accept(), bench.clock, mode=FROZEN)
    link.connect()
    assert link.goodbye == "PUA is served in POSTED mode, the host runs in FROZEN"


def test_a_frozen_run_repeats_exactly() -> None:
    def record() -> tuple[list[str], int]:
        bench = Bench(FROZEN)
        events: list[str] = []
        bench.tracer.subscribe(lambda event: events.append(repr(event)))
        host = Host(bench.link(FROZEN))
        host.start()
        host.scc()
        host.online()
        for lbn in range(5):
            host.read(lbn, 512)
        return events, bench.clock.now_ns

    assert record() == record()


HEAD = struct.Struct("<BBHIIIII")


def message(kind: int, data: bytes = b"", **fields: int) -> bytes:
    return HEAD.pack(
        kind, fields.get("flags", 0), fields.get("epoch", 0), fields.get("length", len(data)), 0, 0, 0, 0
    ) + data  # fmt: skip


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (message(READ), "a conversation begins with HELLO, and has one"),
        (message(HELLO, b"HBVS"), "HELLO has 64 bytes of data, not 4"),
        (message(HELLO, hello(magic=b"GET ")), "this is no bus link: HELLO begins otherwise"),
        (message(HELLO, hello(version=2)), "version 1 is spoken here, not 2"),
        (message(HELLO, hello(bus=9)), "bus 9 in mode 0 is not known here"),
        (message(SHADOW), "a host does not send messages of kind 11"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "a message of"),
        (message(HELLO, hello()) * 2, "a conversation begins with HELLO, and has one"),
        (message(HELLO, hello()) + message(READ, b"123"), "a list of extents ends inside one"),
        (message(HELLO, hello()) + message(READ, struct.pack("<II", 0, 9)), "an extent is longer than its message"),
    ],
)  # fmt: skip
def test_a_peer_that_speaks_otherwise_is_told_so_and_hung_up_on(stream: bytes, reason: str) -> None:
    session = Bench().slot.accept()
    session.receive(stream)
    out = b"".join(session.outgoing())
    assert session.ended
    assert reason.encode() in out
    session.receive(b"more")
    assert not session.outgoing()


@given(st.binary(max_size=300), st.booleans())
@settings(derandomize=True, deadline=None, max_examples=200)
def test_no_bytes_crash_a_session(noise: bytes, greeted: bool) -> None:
    bench = Bench()
    session = bench.slot.accept()
    if greeted:
        session.receive(message(HELLO, hello()))
    session.receive(noise)
    bench.clock.run_for(10_000_000)
    session.outgoing()
    session.lost()
    assert bench.slot.session is None


@given(
    st.lists(
        st.tuples(st.sampled_from([WRITE, READ, RESET, 6, 7, DMA_DONE, 9]), st.integers(0, 7),
                  st.integers(0, 3), st.integers(0, 4), st.integers(0, 0xFFFF), st.binary(max_size=40)),
        max_size=30,
    )
)  # fmt: skip
@settings(derandomize=True, deadline=None, max_examples=200)
def test_no_messages_of_a_host_crash_a_session(messages: list[tuple[int, int, int, int, int, bytes]]) -> None:
    bench = Bench()
    session = bench.slot.accept()
    session.receive(message(HELLO, hello()))
    for kind, flags, epoch, address, value, data in messages:
        session.receive(HEAD.pack(kind, flags, epoch, len(data), address, value, 0, 0) + data)
        bench.clock.run_for(300_000)
        session.outgoing()
    session.lost()


def test_messages_may_be_cut_anywhere() -> None:
    whole = message(HELLO, hello()) + message(WRITE, epoch=1) + message(RESET, epoch=2)
    outputs = []
    for size in (1, 7, len(whole)):
        session = Bench().slot.accept()
        for place in range(0, len(whole), size):
            session.receive(whole[place : place + size])
        outputs.append(b"".join(session.outgoing()))
    assert outputs[0] == outputs[1] == outputs[2]


# ---- frames


def test_the_crc_is_ibm_3740() -> None:
    made = frame(0, 0, b"")
    assert made == b"\x7e\x00\x00\x0f\x1d\x7e"
    from binascii import crc_hqx  # noqa: PLC0415  the catalogue's check value, beside the function used

    assert crc_hqx(b"123456789", 0xFFFF) == 0x29B1


def test_flags_escapes_and_flow_control_bytes_do_not_stand_in_a_frame() -> None:
    made = frame(0, 1, bytes((0x7E, 0x7D, 0x11, 0x13, 0x20)))
    assert made.startswith(b"\x7e\x00\x01\x7d\x5e\x7d\x5d\x7d\x31\x7d\x33\x20")
    assert not set(made[1:-1]) & {0x7E, 0x11, 0x13}
    assert FrameReader().receive(made) == [(0, 1, bytes((0x7E, 0x7D, 0x11, 0x13, 0x20)))]


@given(st.binary(max_size=240), st.integers(0, 255), st.integers(1, 50))
@settings(derandomize=True, deadline=None, max_examples=200)
def test_a_frame_comes_out_as_it_went_in_wherever_it_is_cut(payload: bytes, sequence: int, size: int) -> None:
    made = frame(2, sequence, payload)
    reader = FrameReader()
    found = [f for place in range(0, len(made), size) for f in reader.receive(made[place : place + size])]
    assert found == [(2, sequence, payload)]


@given(st.binary(max_size=100), st.integers(0, 10_000))
@settings(derandomize=True, deadline=None, max_examples=200)
def test_a_damaged_bit_never_passes(payload: bytes, where: int) -> None:
    made = bytearray(frame(0, 5, payload))
    bit = where % (8 * len(made))
    made[bit // 8] ^= 1 << bit % 8
    for kind, sequence, data in FrameReader().receive(bytes(made)):
        assert (kind, sequence, data) == (0, 5, payload)


class Echo:
    """A machine that sends back what it gets."""

    def __init__(self) -> None:
        self.ended = False
        self.out: list[bytes] = []
        self.is_lost = False

    def receive(self, data: bytes) -> None:
        self.out.append(data)

    def outgoing(self) -> Sequence[bytes]:
        out, self.out = self.out, []
        return out

    def lost(self) -> None:
        self.is_lost = True


class FarEnd:
    """The other end of a line, which counts frames by hand."""

    def __init__(self) -> None:
        self.clock = Scheduler()
        self.machines: list[Echo] = []
        self.line = Framed(self.clock, self._make)
        self.reader = FrameReader()

    def _make(self) -> Echo:
        self.machines.append(Echo())
        return self.machines[-1]

    def say(self, *frames: bytes) -> list[tuple[int, int, bytes]]:
        self.line.receive(b"".join(frames))
        return self.hear()

    def hear(self) -> list[tuple[int, int, bytes]]:
        return self.reader.receive(b"".join(self.line.outgoing()))


OPENED = (4, 9, b"")


def test_nothing_is_heard_before_open() -> None:
    end = FarEnd()
    assert end.say(frame(0, 0, b"early"), frame(1, 0), frame(2, 0)) == []
    assert end.say(frame(3, 9)) == [OPENED]
    assert end.say(frame(3, 9)) == [OPENED]  # repeated: nothing changes
    assert len(end.machines) == 1


def test_data_is_acknowledged_and_answered() -> None:
    end = FarEnd()
    end.say(frame(3, 9))
    assert end.say(frame(0, 0, b"one"), frame(0, 1, b"two")) == [(1, 2, b""), (0, 0, b"onetwo")]


def test_a_gap_is_asked_for_once_and_filled() -> None:
    end = FarEnd()
    end.say(frame(3, 9))
    assert end.say(frame(0, 1, b"b"), frame(0, 2, b"c")) == [(2, 0, b"")]
    assert end.say(frame(0, 0, b"a"), frame(0, 1, b"b"), frame(0, 2, b"c"))[-1] == (0, 0, b"abc")


def test_what_is_not_acknowledged_is_sent_again_until_the_line_is_lost() -> None:
    end = FarEnd()
    end.say(frame(3, 9))
    end.say(frame(0, 0, b"hello"))
    for _ in range(40):
        end.clock.run_for(250_000_000)
        assert end.hear() == [(0, 0, b"hello")]
    end.clock.run_for(250_000_000)
    assert end.machines[0].is_lost


def test_an_open_with_another_number_begins_a_new_session() -> None:
    end = FarEnd()
    end.say(frame(3, 9))
    end.say(frame(0, 0, b"x"))
    assert end.say(frame(3, 10)) == [(4, 10, b"")]
    assert [machine.is_lost for machine in end.machines] == [True, False]
    assert end.say(frame(0, 0, b"y"))[-1] == (0, 0, b"y")


@given(st.randoms(use_true_random=False), st.floats(0, 0.3))
@settings(derandomize=True, deadline=None, max_examples=30)
def test_a_noisy_line_loses_nothing(random: "object", loss: float) -> None:
    """Two ends, a line between them that damages frames: everything echoes in order."""
    end = FarEnd()
    end.say(frame(3, 9))
    text = bytes(n % 256 for n in range(3000))
    pieces = [text[place : place + 100] for place in range(0, len(text), 100)]
    first, expected, echoed = 0, 0, b""

    def noisy(data: bytes) -> bytes:
        if data and random.random() < loss:  # type: ignore[attr-defined]
            where = random.randrange(len(data))  # type: ignore[attr-defined]
            return data[:where] + bytes((data[where] ^ 0x10,)) + data[where + 1 :]
        return data

    for _ in range(2000):
        for index in range(first, min(first + 8, len(pieces))):
            end.line.receive(noisy(frame(0, index % 256, pieces[index])))
        for kind, sequence, payload in end.reader.receive(noisy(b"".join(end.line.outgoing()))):
            if kind in (1, 2) and (sequence - first) % 256 <= 8:
                first += (sequence - first) % 256
            elif kind == 0 and sequence == expected % 256:
                expected += 1
                echoed += payload
        end.line.receive(noisy(frame(1, expected % 256)))
        end.clock.run_for(100_000_000)
        if echoed == text:
            break
    assert echoed == text


def test_a_session_works_over_a_framed_line() -> None:
    bench = Bench()
    sessions: list[Session] = []

    def make() -> Session:
        sessions.append(bench.slot.accept())
        return sessions[-1]

    line = Framed(bench.clock, make)
    line.receive(frame(3, 1))
    line.receive(frame(0, 0, message(HELLO, hello())))
    kinds = [kind for kind, _, _ in FrameReader().receive(b"".join(line.outgoing()))]
    assert kinds == [4, 1, 0]
    assert bench.slot.session is sessions[0]
    line.lost()
    assert bench.slot.session is None
