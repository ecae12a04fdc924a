"""The terminal: what an operator types and sees."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.console.conversation import Say
from emu.console.terminal import Terminal

END = b"\r\n"


class Talk:
    """A conversation with four commands: SLOW stays busy, ASK asks, LONG says much, BYE ends; the rest is repeated."""

    def __init__(self, say: Say) -> None:
        self.say = say
        self.changed: Callable[[], None] = lambda: None
        self.prompt = "$ "
        self.busy = False
        self.question: str | None = None
        self.ended = False
        self.lines: list[str] = []
        self.answers: list[str | None] = []
        self.interruptions = 0
        self.hang_ups = 0

    def start(self, line: str) -> None:
        assert not self.busy
        self.lines.append(line)
        if line == "SLOW":
            self.busy = True
        elif line == "ASK":
            self.busy, self.question = True, "Sure? "
        elif line == "LONG":
            for number in range(100_000):
                self.say(f"this is line {number}")
        elif line == "BYE":
            self.ended = True
        else:
            self.say(f"<{line}>")

    def answer(self, line: str | None) -> None:
        assert self.question is not None
        self.answers.append(line)
        self.question, self.busy = None, False

    def interrupt(self) -> None:
        self.interruptions += 1
        if self.question is not None:
            self.answer(None)

    def end_slow(self) -> None:
        self.busy = False
        self.changed()

    def hang_up(self) -> None:
        self.hang_ups += 1


class Desk:
    """A terminal and what can be seen of it."""

    def __init__(self, password: str | None = None) -> None:
        self.talks: list[Talk] = []
        self.terminal = Terminal(self._make, ["hbvs"], password)
        self.wakes = 0
        self.terminal.wake = self._woken
        self.banner = self.seen()

    def _make(self, say: Say) -> Talk:
        self.talks.append(Talk(say))
        return self.talks[-1]

    def _woken(self) -> None:
        self.wakes += 1

    @property
    def talk(self) -> Talk:
        return self.talks[0]

    def seen(self) -> bytes:
        return b"".join(self.terminal.outgoing())

    def types(self, data: bytes) -> bytes:
        self.terminal.receive(data)
        return self.seen()


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_the_banner_and_a_prompt_are_there_at_once(desk: Desk) -> None:
    assert desk.banner == b"hbvs\r\n$ "
    assert desk.seen() == b""


def test_keys_are_echoed_and_a_line_is_carried_out(desk: Desk) -> None:
    assert desk.types(b"SH") == b"SH"
    assert desk.types(b"OW\r") == b"OW\r\n<SHOW>\r\n$ "


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n", b"\r\0"])
def test_every_way_to_end_a_line_ends_one_line(desk: Desk, end: bytes) -> None:
    desk.types(b"A" + end + b"B" + end)
    assert desk.talk.lines == ["A", "B"]
    for byte in b"C" + end + b"D" + end:
        desk.types(bytes((byte,)))
    assert desk.talk.lines == ["A", "B", "C", "D"]
    assert not desk.talk.interruptions


def test_an_empty_line_gives_another_prompt_and_no_command(desk: Desk) -> None:
    assert desk.types(b"\r  \r") == b"\r\n$   \r\n$ "
    assert desk.talk.lines == []


def test_characters_are_rubbed_out(desk: Desk) -> None:
    assert desk.types(b"AB\x7f\x08\x7fC") == b"AB\b \b\b \bC"
    desk.types(b"\r")
    assert desk.talk.lines == ["C"]


def test_a_line_is_rubbed_out(desk: Desk) -> None:
    assert desk.types(b"ABC\x15") == b"ABC\r     \r$ "
    desk.types(b"D\r")
    assert desk.talk.lines == ["D"]


def test_a_line_is_written_again(desk: Desk) -> None:
    assert desk.types(b"ABC\x12") == b"ABC\r\n$ ABC"


def test_eight_bit_characters_are_latin_1(desk: Desk) -> None:
    assert desk.types(b"gr\xfc\xdf\r") == b"gr\xfc\xdf\r\n<gr\xfc\xdf>\r\n$ "
    desk.talk.say("δ")
    assert b"?" in desk.seen()


def test_control_characters_and_arrow_keys_are_passed_over(desk: Desk) -> None:
    assert desk.types(b"A\x01\x02\x1b[A\x1bOB\x1b[1;5CB\x90\x9b1mC\x1b=D\tE") == b"ABCD E"
    desk.types(b"\x1b")
    desk.types(b"[")
    assert desk.types(b"AF") == b"F"


@pytest.mark.parametrize(("up", "down"), [(b"\x02", b"\x1b[B"), (b"\x1b[A", b"\x1bOB")])
def test_earlier_lines_are_recalled_and_changed(desk: Desk, up: bytes, down: bytes) -> None:
    desk.types(b"ONE\rTWO\rTWO\r")
    assert desk.types(up) == b"\r  \r$ TWO"
    assert desk.types(up + up) == b"\r     \r$ ONE"
    assert desk.types(down) == b"\r     \r$ TWO"
    desk.types(b"\x7fICE\r")
    assert desk.talk.lines[-1] == "TWICE"
    assert desk.types(up + down) == b"\r  \r$ TWICE\r       \r$ "


def test_answers_are_not_recalled(desk: Desk) -> None:
    desk.types(b"ASK\r")
    assert desk.types(b"\x02") == b""
    desk.types(b"Y\r\x02\r")
    assert desk.talk.lines == ["ASK", "ASK"]


def test_ctrl_c_at_the_prompt_drops_the_line(desk: Desk) -> None:
    assert desk.types(b"ABC\x03") == b"ABC*CANCEL*\r\n$ "
    assert desk.types(b"D\r") == b"D\r\n<D>\r\n$ "
    assert desk.talk.interruptions == 0


@pytest.mark.parametrize("key", [b"\x03", b"\x19", b"\0"])
def test_an_interrupt_reaches_the_command_and_drops_what_was_typed_ahead(desk: Desk, key: bytes) -> None:
    desk.types(b"SLOW\rB\rC" + key)
    assert desk.talk.interruptions == 1
    desk.talk.end_slow()
    assert desk.talk.lines == ["SLOW"]


def test_what_is_typed_ahead_is_echoed_when_it_is_read(desk: Desk) -> None:
    assert desk.types(b"SLOW\r") == b"SLOW\r\n"
    assert desk.types(b"A\rSLOW\rB\r") == b""
    desk.talk.end_slow()
    assert desk.seen() == b"$ A\r\n<A>\r\n$ SLOW\r\n"
    desk.talk.end_slow()
    assert desk.talk.lines == ["SLOW", "A", "SLOW", "B"]


def test_what_is_typed_ahead_is_bounded(desk: Desk) -> None:
    desk.types(b"SLOW\r")
    seen = b"".join(desk.types(b"0123456789\r") for _ in range(5000))
    assert set(seen) == {7}
    desk.talk.end_slow()
    assert 1000 < len(desk.talk.lines) < 2000


def test_a_question_has_its_own_prompt(desk: Desk) -> None:
    assert desk.types(b"ASK\r") == b"ASK\r\nSure? "
    assert desk.types(b"Y\r") == b"Y\r\n$ "
    assert desk.talk.answers == ["Y"]


@pytest.mark.parametrize(("key", "echo"), [(b"\x1a", b"*EXIT*\r\n$ "), (b"\x03", b"*CANCEL*\r\n$ ")])
def test_ctrl_z_and_ctrl_c_are_no_answer(desk: Desk, key: bytes, echo: bytes) -> None:
    desk.types(b"ASK\r")
    assert desk.types(key) == echo
    assert desk.talk.answers == [None]


def test_ctrl_z_between_commands_does_nothing(desk: Desk) -> None:
    assert desk.types(b"AB\x1a") == b"AB*EXIT*\r\n$ "
    assert not desk.terminal.ended


def test_an_answer_may_be_typed_ahead(desk: Desk) -> None:
    desk.types(b"ASK\rN\rA\r")
    assert desk.talk.answers == ["N"]
    assert desk.talk.lines == ["ASK", "A"]


def test_a_line_of_1024_characters_is_read_and_a_longer_one_refused(desk: Desk) -> None:
    desk.types(b"x" * 1024 + b"\r")
    assert desk.talk.lines == ["x" * 1024]
    seen = desk.types(b"x" * 1020 + b"yyyyyyyy" + b"zz" + b"\r")
    assert seen.count(b"\a") == 1
    assert b"%HBVS-W-BUFOVF" in seen
    assert desk.talk.lines == ["x" * 1024]
    desk.types(b"A\r")
    assert desk.talk.lines[1:] == ["A"]


def test_a_message_stands_above_the_prompt_and_the_half_typed_line(desk: Desk) -> None:
    desk.types(b"SHOW D")
    desk.talk.say("%OPCOM, hear")
    desk.talk.say("hear")
    assert desk.wakes == 1
    assert desk.seen() == b"\r        \r%OPCOM, hear\r\nhear\r\n$ SHOW D"
    desk.types(b"EV\r")
    assert desk.talk.lines == ["SHOW DEV"]


def test_a_half_typed_line_of_more_than_a_row_is_left_standing(desk: Desk) -> None:
    desk.types(b"x" * 90)
    desk.talk.say("hear")
    assert desk.seen() == b"\r\nhear\r\n$ " + b"x" * 90


def test_xoff_holds_output_and_xon_lets_it_go(desk: Desk) -> None:
    assert desk.types(b"\x13A\r") == b""
    assert desk.types(b"\x11") == b"A\r\n<A>\r\n$ "


def test_an_interrupt_lets_held_output_go(desk: Desk) -> None:
    desk.types(b"\x13SLOW\r")
    assert desk.types(b"\x03") == b"SLOW\r\n*CANCEL*\r\n"


def test_output_that_nobody_takes_is_lost_and_counted(desk: Desk) -> None:
    desk.types(b"\x13LONG\r")
    desk.types(b"a" * 5000 + b"\x7f" * 100)
    seen = desk.types(b"\x11\x15")
    assert len(seen) < (1 << 20) + 4096
    shown = seen.count(b"this is line")
    assert f"OUTPUTLOST, {100_000 - shown} lines are lost".encode() in seen
    assert desk.types(b"\x15\rA\r").endswith(b"A\r\n<A>\r\n$ ")


def test_keys_while_output_is_held_take_no_memory_without_end(desk: Desk) -> None:
    desk.terminal.receive(b"\x13")
    for _ in range(50):
        desk.terminal.receive(b"x" * 1000 + b"\x12\x15\x08" * 1000)
    assert len(desk.types(b"\x11")) < (1 << 20) + 8192
    assert desk.types(b"\x15A\r").endswith(b"A\r\n<A>\r\n$ ")


def test_bye_hangs_up_after_the_last_word(desk: Desk) -> None:
    assert desk.types(b"BYE\rA\r") == b"BYE\r\n"
    assert desk.terminal.ended
    assert desk.talk.hang_ups == 1
    assert desk.talk.lines == ["BYE"]
    assert desk.types(b"X\r") == b""


def test_an_operator_who_vanishes_is_hung_up_on_once(desk: Desk) -> None:
    desk.types(b"SLOW\r")
    desk.terminal.lost()
    assert desk.talk.hang_ups == 1
    desk.talk.changed()
    assert desk.talk.hang_ups == 1


def test_a_terminal_that_echoes_by_itself_gets_no_echo(desk: Desk) -> None:
    desk.terminal.echoes = False
    assert desk.types(b"AB\r") == b"\r\n<AB>\r\n$ "


def test_a_password_is_asked_for_and_not_echoed() -> None:
    desk = Desk("sésame")
    assert desk.banner == b"hbvs\r\nPassword: "
    assert desk.types(b"s\xe9samx\x7fe") == b""
    assert not desk.talks
    assert desk.types(b"\r") == b"\r\n$ "
    assert len(desk.talks) == 1


def test_after_three_wrong_passwords_it_hangs_up() -> None:
    desk = Desk("sesame")
    assert desk.types(b"a\r") == b"\r\nUser authorization failure\r\nPassword: "
    desk.types(b"b\r")
    assert not desk.terminal.ended
    assert desk.types(b"c\rsesame\r") == b"\r\nUser authorization failure\r\n"
    assert desk.terminal.ended
    assert not desk.talks


def test_a_rubbed_out_or_interrupted_password_shows_nothing() -> None:
    desk = Desk("sesame")
    seen = desk.types(b"secret\x12secret\x15") + desk.types(b"secret\x03")
    assert b"s" not in seen.replace(b"Password", b"")
    desk.types(b"sesame\r")
    assert len(desk.talks) == 1


keys = st.binary(max_size=60) | st.lists(
    st.sampled_from(
        [b"SLOW\r", b"ASK\r", b"BYE\r", b"A", b"\r\n", b"\n", b"\r\0", b"\0", b"\x03", b"\x13", b"\x11"]
    ),
    max_size=20,
).map(b"".join)


@given(keys, st.lists(st.integers(0, 60), max_size=5), st.booleans())
@settings(derandomize=True, deadline=None, max_examples=300)
def test_no_keys_break_it_and_where_they_are_cut_does_not_matter(
    data: bytes, cuts: list[int], with_password: bool
) -> None:
    whole, cut = (Desk("A" if with_password else None) for _ in range(2))
    seen = whole.types(data)
    edges = [0, *sorted(min(c, len(data)) for c in cuts), len(data)]
    for a, b in pairwise(edges):
        cut.terminal.receive(data[a:b])
    assert cut.seen() == seen
    assert [talk.lines for talk in cut.talks] == [talk.lines for talk in whole.talks]
    assert cut.terminal.ended == whole.terminal.ended
