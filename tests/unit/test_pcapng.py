"""Captures: the bytes of pcapng, typed from its draft; every event comes back; broken files are refused."""

from contextlib import suppress
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.core.trace import (
    BitmapChanged,
    BlocksMoved,
    ConsoleLine,
    CopyMoved,
    Event,
    InterruptRequested,
    MessageMoved,
    RegisterAccess,
    StateChanged,
    TaskEnded,
    TaskTaken,
)
from emu.trace.pcapng import PcapngError, PcapngWriter, read_events

WRITE = bytes.fromhex("20000000 07000000 02000000 22000000 00020000" + "00" * 12 + "05000000")

SECTION = bytes.fromhex("0a0d0d0a 1c000000 4d3c2b1a 0100 0000 ffffffffffffffff 1c000000")
INTERFACE = bytes.fromhex(
    "01000000 28000000 fc00 0000 00000000"  # link type 252, all of a packet is kept
    "0200 0300 50554100"  # if_name PUA
    "0900 0100 09000000"  # if_tsresol: 10^-9
    "0000 0000 28000000"
)

EVENTS = [
    RegisterAccess(0, "PUA", "write", "SA", 0x8000),
    RegisterAccess(1, "PUA", "stray read", "0o4/2", 0),
    StateChanged(2, "ALPHA1/DSA1:/$1$DUA1:", "copy target", "full member"),
    MessageMoved(3, "PUA", "H>C", WRITE),
    MessageMoved(3 << 32 | 5, "PUA", "C>H", WRITE),
    InterruptRequested(4, "PUA", 0o774),
    TaskTaken(5, "DKA0", 3, 7, bytes.fromhex("28000000000500000100")),
    TaskTaken(5, "DKA0", 0, 8, bytes.fromhex("7f00000000000018") + bytes(range(24))),
    TaskTaken(5, "DKA0", 300, 9, bytes(6)),
    TaskEnded(6, "DKA0", 7, 2, bytes.fromhex("70000300000000 0a00000000 11000000 0000")),
    TaskEnded(6, "DKA0", 8, 0, b""),
    BlocksMoved(7, "PUA", "WRITE", 2, 1 << 40, 1 << 33),
    BitmapChanged(8, "ALPHA1/DSA1:", 0x00010001, 7, 3, True),
    BitmapChanged(8, "ALPHA1/DSA1:", 0x00010001, 7, 1, False),
    CopyMoved(9, "ALPHA1/DSA1:", "$1$DUA1:", 1016),
    ConsoleLine(10, "ALPHA1", "%PU-W-RESTART, sœur → again"),
]


def captured(*events: Event, **options: object) -> bytes:
    parts: list[bytes] = []
    writer = PcapngWriter(parts.append, **options)  # type: ignore[arg-type]
    for event in events:
        writer.hear(event)
    return b"".join(parts)


def test_a_capture_begins_with_its_section_header() -> None:
    assert captured() == SECTION


def test_the_section_header_names_the_application() -> None:
    assert captured(application="hbvs 9") == bytes.fromhex(
        "0a0d0d0a 2c000000 4d3c2b1a 0100 0000 ffffffffffffffff0400 0600 68627673 20390000 0000 0000 2c000000"
    )


def test_a_register_access_is_a_packet_of_its_own_dissector_after_its_interface() -> None:
    packet = bytes.fromhex(
        "06000000 50000000 00000000 01000000 02000000 2d000000 2d000000"
        "000c 0004 68627673 0019 0004 00000000 001a 0004 00000000 0000 0000"  # the dissector is hbvs
        "01000000 00800000 7772697465 00 5341 00 000000"  # kind 1, the value, write, SA, filled to 32 bits
        "50000000"
    )
    event = RegisterAccess((1 << 32) + 2, "PUA", "write", "SA", 0x8000)
    assert captured(event) == SECTION + INTERFACE + packet


def test_a_message_is_itself_with_the_direction_that_the_controller_sees() -> None:
    packet = bytes.fromhex(
        "06000000 70000000 00000000 00000000 09000000 44000000 44000000"
        "000c 0008 75717373 70000000 0019 0004 00000000 001a 0004 00000000 0000 0000"  # the dissector is uqssp
    )
    packet += WRITE
    packet += bytes.fromhex("0200 0400 01000000 0000 0000 70000000")  # epb_flags: inbound
    assert captured(MessageMoved(9, "PUA", "H>C", WRITE))[len(SECTION + INTERFACE) :] == packet


def test_the_wall_clock_stands_in_the_comment() -> None:
    data = captured(InterruptRequested(0, "PUA", 4), wall_ns=lambda: 957_533_400_000_000_123)
    assert b"\x01\x00\x2c\x00wall clock 2000-05-05 13:30:00.000000123 UTC" in data


def test_without_a_wall_clock_equal_runs_make_equal_files() -> None:
    assert captured(*EVENTS) == captured(*EVENTS)


def test_every_source_is_described_once() -> None:
    data = captured(*EVENTS, *EVENTS)
    assert data.count(b"DKA0") == 1


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_every_kind_of_event_comes_back(event: Event) -> None:
    assert list(read_events(captured(event, wall_ns=lambda: 0))) == [event]


def test_events_come_back_in_their_order() -> None:
    assert list(read_events(captured(*EVENTS))) == EVENTS


def test_a_kind_of_event_it_does_not_know_is_left_out() -> None:
    @dataclass(frozen=True, slots=True)
    class Unknown(Event):
        pass

    assert captured(Unknown(0, "PUA")) == SECTION


def test_a_capture_that_was_cut_short_gives_what_is_whole() -> None:
    data = captured(*EVENTS)
    for length in range(len(SECTION), len(data)):
        events = list(read_events(data[:length]))
        assert events == EVENTS[: len(events)]


def test_blocks_and_packets_of_others_are_passed_over() -> None:
    name_resolution = bytes.fromhex("04000000 10000000 00000000 10000000")
    ethernet = bytes.fromhex("01000000 14000000 0100 0000 00000000 14000000")
    frame = bytes.fromhex("06000000 24000000 00000000 00000000 00000000 04000000 04000000 00000000 24000000")
    event = InterruptRequested(0, "PUA", 4)
    ours = captured(event)[len(SECTION) :].replace(
        bytes.fromhex("06000000 44000000 00000000"), bytes.fromhex("06000000 44000000 01000000")
    )
    assert list(read_events(SECTION + name_resolution + ethernet + frame + ours)) == [event]


def test_times_in_microseconds_are_read_too() -> None:
    data = captured(InterruptRequested(3, "PUA", 4)).replace(
        bytes.fromhex("0900 0100 09000000"), bytes.fromhex("0900 0100 06000000")
    )
    assert list(read_events(data)) == [InterruptRequested(3_000, "PUA", 4)]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no pcapng"),
        (b"#!/bin/sh\n" * 9, "no pcapng"),
        (bytes.fromhex("0a0d0d0a 0000001c 1a2b3c4d 0001 0000 ffffffffffffffff 0000001c"), "high byte first"),
        (SECTION + bytes.fromhex("06000000 07000000 00000000"), "cannot have 7 bytes"),
        (SECTION + captured(*EVENTS)[len(SECTION + INTERFACE) :], "interface"),
        (captured(MessageMoved(0, "PUA", "H>C", bytes(9))), "a message needs 16 bytes"),
    ],
)
def test_what_is_no_capture_of_ours_is_refused_with_its_reason(data: bytes, words: str) -> None:
    with pytest.raises(PcapngError, match=words):
        list(read_events(data))


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.data())
def test_a_damaged_capture_is_read_or_refused(data: st.DataObject) -> None:
    capture = bytearray(captured(*EVENTS))
    for _ in range(data.draw(st.integers(1, 4))):
        capture[data.draw(st.integers(0, len(capture) - 1))] = data.draw(st.integers(0, 255))
    with suppress(PcapngError):
        list(read_events(bytes(capture)))
