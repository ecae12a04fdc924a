"""Rings: ownership, the interrupt rule, credits, and a response ring that is full."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.hw.memory.ram import Ram
from emu.hw.uqssp.buffers import mapped_buffer, unmapped_buffer
from emu.hw.uqssp.rings import Ring
from tests.dumb_host import FLAG, OWN, RING_BASE, DumbHost, make_controller, started

BASE, WORD = 0x106, 0x100  # word-aligned only, as the KA655's VMB has it


def ring_of(length: int, descriptor: int) -> tuple[Ram, Ring]:
    ram = Ram(4096)
    for index in range(length):
        ram.write_longword(BASE + 4 * index, descriptor)
    return ram, Ring(ram, BASE, length, WORD)


@pytest.mark.parametrize("length", [1, 2, 8, 128])
def test_a_returned_descriptor_keeps_its_address_and_always_has_the_flag(length: int) -> None:
    ram, ring = ring_of(length, OWN | 0x1234)
    for index in range(length):
        ring.give_back(ring.peek())
        assert ram.read_longword(BASE + 4 * index) == FLAG | 0x1234
    assert not ring.peek() & OWN, "and round it goes"


@pytest.mark.parametrize("length", [1, 2, 8])
def test_the_first_of_a_full_ring_makes_the_transition(length: int) -> None:
    ram, ring = ring_of(length, OWN | FLAG)
    assert [ring.give_back(ring.peek()) for _ in range(length)] == [True] + [False] * (length - 1)
    assert ram.read(WORD, 2) == b"\x01\x00"


@pytest.mark.parametrize("length", [1, 2, 8])
def test_without_the_flag_there_is_no_interrupt_and_no_word(length: int) -> None:
    ram, ring = ring_of(length, OWN)
    assert not any(ring.give_back(ring.peek()) for _ in range(length))
    assert ram.read(WORD, 2) == b"\x00\x00"


def test_a_ring_of_one_makes_its_transition_every_time() -> None:
    ram, ring = ring_of(1, OWN | FLAG)
    for _ in range(3):
        ram.write_longword(BASE, OWN | FLAG)
        assert ring.give_back(ring.peek())


@settings(derandomize=True, deadline=None, max_examples=100)
@given(log2=st.integers(0, 7), posts=st.lists(st.integers(1, 128), max_size=20), flag=st.booleans())
def test_a_transition_is_what_the_counts_say(log2: int, posts: list[int], flag: bool) -> None:
    length = 1 << log2
    ram, ring = ring_of(length, 0)
    put = taken = 0
    for wanted in posts:
        for _ in range(min(wanted, length - (put - taken))):
            ram.write_longword(BASE + 4 * (put % length), OWN | (FLAG if flag else 0))
            put += 1
        for _ in range((wanted + 1) // 2):
            if put == taken:
                break
            full = put - taken == length
            assert ring.give_back(ring.peek()) is (full and flag)
            taken += 1


# ---- through the port


@pytest.mark.parametrize("log2", [0, 1, 3])
def test_the_first_response_into_an_empty_ring_interrupts(log2: int) -> None:
    host = DumbHost(make_controller(), log2)
    host.start()
    before = len(host.line.requests)
    host.scc()
    # A ring of one was full of commands, too.
    assert len(host.line.requests) == before + (2 if log2 == 0 else 1)
    assert host.ram.read(RING_BASE - 2, 2) == b"\x01\x00"


def test_responses_behind_an_unread_one_do_not_interrupt() -> None:
    host = started()
    before = len(host.line.requests)
    for _ in range(4):
        host.send(0x03)
    assert len(host.line.requests) == before + 1


def test_vector_0_writes_the_word_and_interrupts_nobody() -> None:
    host = DumbHost(make_controller(), vector=0)
    host.start()
    host.scc()
    assert host.line.requests == []
    assert host.ram.read(RING_BASE - 2, 2) == b"\x01\x00"


def test_one_poll_takes_all_commands() -> None:
    host = started()
    for _ in range(8):
        host.put(host.command(0x03))
    host.poll()
    assert len(host.responses()) == 8


def test_credits_come_as_15_then_2_then_1() -> None:
    host = DumbHost(make_controller())
    host.start()
    given_back = []
    for _ in range(20):
        host.send(0x03)
        packet = host.take()
        assert packet is not None
        given_back.append(packet[2])
    assert given_back == [15, 2] + [1] * 18
    assert host.credits == 16


def test_a_full_response_ring_keeps_responses_in_order_until_there_is_room() -> None:
    host = started()
    for _ in range(2):
        for _ in range(6):
            host.put(host.command(0x03))
        host.poll()
    first = host.crf - 11
    host.run(1_000_000_000)
    got = []
    while len(got) < 12:
        got += host.responses()
        host.run(6_000_000)
    assert [packet[4] for packet in got] == list(range(first, first + 12))


def test_a_waiting_response_is_also_delivered_at_the_next_poll() -> None:
    host = started()
    for _ in range(2):
        for _ in range(6):
            host.put(host.command(0x03))
        host.poll()
    assert len(host.responses()) == 8
    host.poll()
    assert len(host.responses()) == 4


def test_the_length_of_a_slot_is_not_asked() -> None:
    host = started()
    host.ram.write(host.packet(host.response_next) - 4, b"\x00\x00")
    assert len(host.ask(0x03)) == 48


# ---- buffers


def table(*entries: int) -> Ram:
    ram = Ram(1 << 16)
    for index, entry in enumerate(entries):
        ram.write_longword(0x400 + 4 * index, entry)
    return ram


def test_consecutive_pages_are_one_run() -> None:
    buffer = mapped_buffer(table(0x80000010, 0x80000011, 0x80000012), 0x80000004, 0x400, 1400)
    assert [len(view) for view in buffer.views] == [1400]
    assert buffer.error is None


def test_scattered_pages_are_joined_where_they_can_be() -> None:
    ram = table(0x80000010, 0x80000011, 0x80000020, 0x80000008)
    buffer = mapped_buffer(ram, 0x80000000 | 10, 0x400, 2000)
    assert [len(view) for view in buffer.views] == [1014, 512, 474]
    for view, value in zip(buffer.views, (1, 2, 3), strict=True):
        view[:] = bytes([value]) * len(view)
    assert ram.read(0x2000 + 10, 1)[0] == 1
    assert ram.read(0x4000, 1)[0] == 2
    assert ram.read(0x1000, 1)[0] == 3


def test_the_index_of_the_first_entry_is_in_bits_29_to_9() -> None:
    buffer = mapped_buffer(table(0, 0, 0x80000010), 0x80000000 | 2 << 9, 0x400, 512)
    assert buffer.byte_count == 512


def test_an_invalid_entry_ends_the_buffer_there() -> None:
    buffer = mapped_buffer(table(0x80000010, 0x00000011, 0x80000012), 0x80000000 | 100, 0x400, 1200)
    assert buffer.byte_count == 412
    assert sum(len(view) for view in buffer.views) == 412
    assert type(buffer.error).__name__ == "MapError"


def test_memory_that_ends_in_the_buffer_leaves_what_is_before() -> None:
    buffer = unmapped_buffer(Ram(1 << 16), 0xFF00, 1024)
    assert buffer.byte_count == 256
    assert type(buffer.error).__name__ == "NonexistentMemory"


def test_a_poll_from_inside_an_interrupt_takes_nothing_twice() -> None:
    host = started()
    plain = host.line.request

    def answer_at_once(vector: int) -> None:
        plain(vector)
        host.poll()

    host.line.request = answer_at_once  # type: ignore[method-assign]
    for _ in range(8):
        host.put(host.command(0x03))
    host.poll()
    assert [packet[4] for packet in host.responses()] == list(range(host.crf - 7, host.crf + 1))
