"""The ladder: one line an event, arrows for what crossed the bus."""

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
)
from emu.trace.ladder import Ladder

PORT, DRIVER = "PUA", "ALPHA1"

# crf 7, unit 2, 512 bytes at LBN 5; without and with the envelope's credit
WRITE = bytes.fromhex("20000000 07000000 02000000 22000000 00020000" + "00" * 12 + "05000000")
WRITE_END = bytes.fromhex("20000100 07000000 02000000 a2000000 00020000" + "00" * 16)
BAD_LBN_END = bytes.fromhex("20000300 07000000 02000000 a200011c 00000000" + "00" * 16)
LAST_FAIL = bytes.fromhex("18001002 00000000 00000000 00010a00" + "00" * 12)


def drawn(event: Event) -> str:
    """The line of one event, without time and rules."""
    ladder = Ladder()
    ladder.hear(event)
    (line,) = ladder.lines
    return " ".join(line[12:].replace("─", "").replace("┄", "").split())


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (MessageMoved(0, PORT, "H>C", WRITE), "WRITE: crf 0x7, unit 2, bcnt 512, lbn 5 ▶"),
        (
            MessageMoved(0, PORT, "C>H", WRITE_END),
            "◀ WRITE end: crf 0x7, unit 2, bcnt 512, success, +1 credit",
        ),
        (
            MessageMoved(0, PORT, "C>H", BAD_LBN_END),
            "◀ WRITE end: crf 0x7, unit 2, bcnt 0, invalid command: field lbn at offset 28, +3 credits",
        ),
        (InterruptRequested(0, PORT, 0o774), "◀ interrupt, vector 774"),
        (RegisterAccess(0, PORT, "read", "IP", 0), "read IP ▶"),
        (RegisterAccess(0, PORT, "read", "SA", 0x0B40), "◀ read SA 0B40"),
        (RegisterAccess(0, PORT, "write", "SA", 0x8000), "write SA 8000 ▶"),
        (RegisterAccess(0, PORT, "stray read", "0o4/2", 0), "stray read 0o4/2 0000 ▶"),
        (BlocksMoved(0, PORT, "WRITE", 2, 5, 512), "unit 2: WRITE 1 block at LBN 5"),
        (BlocksMoved(0, PORT, "READ", 2, 5, 513), "unit 2: READ 2 blocks at LBN 5"),
        (BitmapChanged(0, DRIVER, 0x00010001, 7, 1, True), "bitmap 00010001: bit 7 set"),
        (BitmapChanged(0, DRIVER, 0x00010001, 7, 3, False), "bitmap 00010001: bits 7 to 9 cleared"),
        (CopyMoved(0, "ALPHA1/DSA1:", "$1$DUA1:", 1016), "$1$DUA1: is equal below LBN 1016"),
        (StateChanged(0, PORT, "S1", "S2"), "PUA S1 → S2"),
        (
            StateChanged(0, "ALPHA1/DSA1:/$1$DUA1:", "copy target", "full member"),
            "DSA1:/$1$DUA1: copy target → full member",
        ),
        (ConsoleLine(0, DRIVER, "%PU-W-RESTART, again"), "%PU-W-RESTART, again"),
    ],
)
def test_every_kind_of_event_has_its_line(event: Event, text: str) -> None:
    assert drawn(event) == text


def test_an_error_log_datagram_is_named() -> None:
    assert drawn(MessageMoved(0, PORT, "C>H", LAST_FAIL)).startswith("◀ error log: crf 0x0, unit 0")


def test_the_host_stands_left_and_the_controller_right() -> None:
    ladder = Ladder("ALPHA1", "PUA")
    ladder.hear(StateChanged(0, "ALPHA1/PUA0", "down", "running"))
    ladder.hear(StateChanged(0, "PUA", "S4", "RUN"))
    heading, host, controller = ladder.text().splitlines()
    assert heading.split() == ["µs", "ALPHA1", "PUA"]
    assert heading.index("ALPHA1") == host.index("PUA0") == 12
    assert len(heading) == len(controller) == 102


def test_arrows_span_from_side_to_side() -> None:
    ladder = Ladder()
    ladder.hear(MessageMoved(0, PORT, "H>C", WRITE))
    ladder.hear(MessageMoved(0, PORT, "C>H", WRITE_END))
    there, back = ladder.lines
    assert (there[-1], back[12]) == ("▶", "◀")
    assert len(there) == len(back) == 102


def test_times_are_microseconds_from_the_first_event_and_equal_ones_are_said_once() -> None:
    ladder = Ladder()
    for now_ns in (5_000_000, 5_000_000, 5_001_500, 17_000_000):
        ladder.hear(InterruptRequested(now_ns, PORT, 4))
    assert [line[:10].strip() for line in ladder.lines] == ["0.0", "", "1.5", "12000.0"]


def test_a_kind_of_event_it_does_not_know_is_left_out() -> None:
    @dataclass(frozen=True, slots=True)
    class Unknown(Event):
        pass

    ladder = Ladder()
    ladder.hear(Unknown(0, PORT))
    assert ladder.lines == []


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.binary(min_size=64, max_size=64), st.sampled_from(["H>C", "C>H"]))
def test_whatever_a_broken_host_sends_is_drawn(packet: bytes, direction: str) -> None:
    ladder = Ladder()
    ladder.hear(MessageMoved(0, PORT, direction, packet))
    assert len(ladder.lines) == 1


def test_two_ladders_know_nothing_of_each_other() -> None:
    first, second = Ladder(), Ladder()
    first.hear(InterruptRequested(1_000, PORT, 4))
    second.hear(InterruptRequested(9_000, PORT, 4))
    assert first.lines == second.lines
