"""The DUP server and its local programs: literal numbers from the DUP chapter, and what DEC's KA655 console sends.

Two hosts: one that fetches with RECEIVE DATA, and a console, which gives a credit with every command and is sent to.
"""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.hw.mscp.controller import Controller
from emu.media.faulty import BadBlocks, FaultyDevice, Hold
from emu.media.memory import MemoryDevice
from emu.shells.firmware_files import load_firmware
from tests.dumb_host import (
    DATA,
    DumbHost,
    RingHost,
    SparseBlocks,
    byte_count,
    longword,
    longwords,
    make_controller,
    rx33,
    status,
    word,
    words,
)
from tests.unit.test_buslink import Bench
from tests.unit.test_buslink import Host as FarHost

QUESTION, DEFAULT_QUESTION, INFORMATION, TERMINATION, FATAL_ERROR = 1, 2, 3, 4, 5
STANDALONE = 1
SECOND_NS = 1_000_000_000


def command(crf: int, opcode: int, modifiers: int = 0, parameters: bytes = b"") -> bytes:
    return longwords(crf, 0) + bytes([opcode, 0]) + words(modifiers) + parameters


class Fetcher:
    """A host's DUP client with buffers."""

    credit = 0

    def __init__(self, host: RingHost) -> None:
        self.host = host
        self.crf = 0

    def put(self, opcode: int, modifiers: int = 0, parameters: bytes = b"") -> int:
        self.crf += 1
        text = command(self.crf, opcode, modifiers, parameters)
        self.host.put(text, envelope=words(len(text), 0x0200 | self.credit))
        self.host.poll()
        return self.crf

    def take(self) -> bytes | None:
        """The next message's text, which must be DUP's and sequential."""
        packet = self.host.answer()
        if packet is None:
            return None
        assert packet[3] == 2
        assert packet[2] >> 4 == 0
        assert word(packet, 0) == len(packet) - 4
        return packet[4:]

    def ask(self, opcode: int, modifiers: int = 0, parameters: bytes = b"") -> bytes:
        crf = self.put(opcode, modifiers, parameters)
        text = self.take()
        assert text is not None, f"opcode {opcode} is answered"
        assert longword(text, 0) == crf
        return text

    def execute(self, name: bytes, modifiers: int = STANDALONE) -> bytes:
        return self.ask(3, modifiers, name.ljust(6))

    def receive(self, length: int = 512) -> tuple[int, str]:
        """Fetch a message: type and text."""
        self.put(5, parameters=longwords(length, DATA, 0, 0))
        return self.fetched()

    def fetched(self) -> tuple[int, str]:
        for _ in range(100):
            text = self.take()
            if text is not None:
                break
            self.host.run()
        assert text is not None
        assert (text[8], status(text)) == (0x85, 0)
        data = bytes(self.host.ram.read(DATA, byte_count(text)))
        return word(data, 0) >> 12, data[2:].decode()

    def send(self, line: bytes) -> bytes:
        """Answer a question; an empty answer is a blank, as counts are 2 and more."""
        data = line.ljust(2)
        self.host.ram.write(DATA + 0x400, data)
        return self.ask(4, parameters=longwords(len(data), DATA + 0x400, 0, 0))

    def talk(self, *answers: bytes) -> list[tuple[int, str]]:
        """Hold a dialogue to its end."""
        left = list(answers)
        heard = [self.receive()]
        while heard[-1][0] not in (TERMINATION, FATAL_ERROR):
            if heard[-1][0] in (QUESTION, DEFAULT_QUESTION):
                assert status(self.send(left.pop(0))) == 0
            heard.append(self.receive())
        assert not left
        return heard


class Console(Fetcher):
    """DEC's console: no buffers, every command brings a credit."""

    credit = 1

    def __init__(self, host: RingHost, patience: int = 100) -> None:
        super().__init__(host)
        self.patience = patience

    def hear(self) -> tuple[int, str]:
        """Take a whole message and end its commands."""
        data = b""
        while True:
            text = self.take()
            for _ in range(self.patience):
                if text is not None:
                    break
                self.host.run()
                text = self.take()
            assert text is not None
            assert (text[8], len(text)) == (7, 36)
            length = word(text, 12)
            assert 0 < length <= 22
            data += text[14 : 14 + length]
            self.end(text)
            if not word(text, 10) & 8:
                return word(data, 0) >> 12, data[2:].decode()

    def end(self, text: bytes, status: int = 0) -> None:
        """End a command of the controller's."""
        end = text[:8] + bytes([0x87, 0]) + words(status)
        self.host.put(end, envelope=words(len(end), 0x0201))
        self.host.credits += 1  # an end message costs none
        self.host.poll()

    def say(self, line: bytes) -> None:
        """Answer in pieces of 22."""
        while True:
            piece, line = line[:22], line[22:]
            end = self.ask(7, 8 if line else 0, words(len(piece)) + piece.ljust(22, b"\0"))
            assert (end[8], len(end)) == (0x87, 12)
            assert status(end) == 0
            if not line:
                return


def bench(firmware: str = "rqdx3", **more: int) -> tuple[Controller, MemoryDevice, DumbHost]:
    controller = make_controller(firmware)
    medium = rx33(controller, **more)
    host = DumbHost(controller)
    host.start()
    return controller, medium, host


def fetcher(firmware: str = "rqdx3") -> Fetcher:
    return Fetcher(bench(firmware)[2])


def console() -> Console:
    return Console(bench()[2])


# GET DUST STATUS


def test_dust_status_is_what_the_book_has_but_for_the_flags() -> None:
    host = bench()[2]
    host.put(command(8, 1), envelope=bytes.fromhex("0C 00 00 02"))
    host.poll()
    packet = host.take()
    assert packet == bytes.fromhex(
        "16 00 0F 02 08 00 00 00 00 00 00 00 81 00 00 00 52 51 33 16 00 00 00 00 3C 00"
    )


def test_a_running_program_shows_as_active_and_its_progress_grows() -> None:
    client = fetcher()
    client.execute(b"DIRECT")
    seen = []
    for _ in range(3):
        end = client.ask(1)
        assert end[15] & 8
        seen.append(longword(end, 16))
        client.receive()
    assert seen == sorted(set(seen))
    assert seen[0] > 0


def test_a_controller_without_programs_says_so_and_knows_none() -> None:
    controller = make_controller("uda50a")
    host = DumbHost(controller)
    host.start()
    client = Fetcher(host)
    assert client.ask(1)[12:16] == b"UDA\x14"
    assert status(client.execute(b"DIRECT")) == 4


# What is refused


def test_an_unknown_opcode_is_answered_by_a_bare_end() -> None:
    end = fetcher().ask(9)
    assert end[8:] == bytes.fromhex("80 00 01 08")


def test_a_supplied_program_is_refused() -> None:
    end = fetcher().ask(2, parameters=bytes(28))
    assert end[8:] == bytes.fromhex("82 00 01 08")


@pytest.mark.parametrize(("opcode", "endcode"), [(4, 0x84), (5, 0x85), (6, 0x86), (7, 0x87)])
def test_without_a_program_nothing_is_sent_received_or_aborted(opcode: int, endcode: int) -> None:
    end = fetcher().ask(opcode, parameters=longwords(512, DATA, 0, 0))
    assert (end[8], status(end)) == (endcode, 1)


def test_an_unknown_program_is_status_4_and_format_wants_to_stand_alone() -> None:
    client = fetcher()
    assert status(client.execute(b"CHESS")) == 4
    assert status(client.execute(b"FORMAT", modifiers=0)) == 6
    end = client.execute(b"FORMAT")
    assert end[8:] == bytes.fromhex("83 00 00 00 01 00 3C 09")
    assert status(client.execute(b"DIRECT")) == 1, "one program at a time"


def test_counts_below_2_and_the_wrong_direction_are_invalid() -> None:
    client = fetcher()
    client.execute(b"PARAMS")
    assert status(client.ask(5, parameters=longwords(1, DATA, 0, 0))) == 0x0C01
    assert status(client.ask(4, parameters=longwords(2, DATA, 0, 0))) == 0x0801
    assert client.receive() == (QUESTION, "PARAMS> ")
    assert status(client.ask(5, parameters=longwords(512, DATA, 0, 0))) == 0x0801
    assert status(client.send(b"EXIT")) == 0


def test_a_buffer_that_is_not_there_is_status_9_and_the_message_waits() -> None:
    client = fetcher()
    client.execute(b"PARAMS")
    assert status(client.ask(5, parameters=longwords(512, 0x3FFF00, 0, 0))) == 9
    assert client.receive() == (QUESTION, "PARAMS> ")
    assert status(client.ask(4, parameters=longwords(4, 0x3FFF00, 0, 0))) == 9
    assert status(client.send(b"EXIT")) == 0
    assert client.receive() == (TERMINATION, "")


# A host that fetches


def test_direct_lists_the_programs_of_the_firmware() -> None:
    client = fetcher()
    client.execute(b"DIRECT", modifiers=0)
    heard = client.talk()
    assert [kind for kind, _ in heard] == [INFORMATION] * 6 + [TERMINATION]
    names = [text.split()[0] for _, text in heard[1:-1]]
    assert names == ["DIRECT", "FORMAT", "HISTRY", "PARAMS", "VERIFY"]
    assert not client.ask(1)[15] & 8


def test_a_message_is_cut_to_the_hosts_buffer_and_its_count_tells() -> None:
    client = fetcher()
    client.execute(b"PARAMS")
    assert client.receive(5) == (QUESTION, "PAR")


def test_an_answer_may_begin_with_type_and_number_of_its_question() -> None:
    client = fetcher()
    client.execute(b"PARAMS")
    client.receive()
    client.send(b"\x00\x10EXIT")
    assert client.receive() == (TERMINATION, "")


def test_abort_ends_what_waits_and_then_the_program() -> None:
    controller, medium, host = bench()
    hold = Hold()
    controller.detach_unit(0)
    controller.load_unit(0, FaultyDevice(medium, [hold]))
    client = Fetcher(host)
    client.execute(b"VERIFY")
    client.receive()
    client.send(b"0")
    client.receive()
    waiting = client.put(5, parameters=longwords(512, DATA, 0, 0))
    host.run()
    assert len(hold.held) == 1
    assert client.take() is None
    abort = client.put(6)
    ends = [client.take(), client.take()]
    assert ends[0] is not None
    assert ends[1] is not None
    assert (longword(ends[0], 0), ends[0][8], status(ends[0])) == (waiting, 0x85, 1)
    assert (longword(ends[1], 0), ends[1][8], status(ends[1])) == (abort, 0x86, 0)
    hold.release(*hold.held)
    assert client.take() is None
    assert status(client.execute(b"DIRECT")) == 0


def test_a_reset_forgets_the_program() -> None:
    client = fetcher()
    client.execute(b"PARAMS")
    client.receive()
    client.host.start()
    assert not client.ask(1)[15] & 8
    assert status(client.execute(b"DIRECT")) == 0


def test_a_host_that_thinks_for_an_hour_still_has_its_controller() -> None:
    client = fetcher()
    client.execute(b"PARAMS")
    client.receive()
    client.host.run(3600 * SECOND_NS)
    assert client.host.sa() == 0
    client.send(b"EXIT")
    assert client.receive() == (TERMINATION, "")
    client.host.run(59 * SECOND_NS)
    assert client.host.sa() == 0
    client.host.run(62 * SECOND_NS)
    assert client.host.sa() == 0x8009


@pytest.mark.parametrize("mapped", [False, True])
def test_a_dialogue_reaches_memory_at_the_far_end_of_a_link(mapped: bool) -> None:
    far = FarHost(Bench().link(mapped=mapped))
    far.start()
    client = Fetcher(far)
    client.execute(b"PARAMS")
    heard = client.talk(b"SHOW MODEL", b"EXIT")
    assert heard[0] == (QUESTION, "PARAMS> ")
    assert heard[3][1].split() == ["MODEL", "19", "19", "Byte", "Dec", "RO"]


# A console


def test_a_console_is_sent_the_messages_in_pieces_of_22_bytes() -> None:
    client = console()
    client.execute(b"DIRECT")
    heard = [client.hear()]
    while heard[-1][0] == INFORMATION:
        heard.append(client.hear())
    assert heard[0] == (INFORMATION, "RQDX3 (PUA)")
    assert heard[-1] == (TERMINATION, "End of directory")
    assert client.take() is None


def test_what_the_controller_sends_waits_for_the_consoles_end_message() -> None:
    client = console()
    client.execute(b"HISTRY")
    first = client.take()
    assert first is not None
    assert first[8:16] == bytes.fromhex("07 00 08 00 16 00 00 30"), "to be continued, 22 bytes, information"
    assert client.take() is None


def test_a_console_that_gives_no_credit_is_sent_nothing() -> None:
    client = fetcher()
    client.execute(b"DIRECT")
    assert client.take() is None


def test_a_console_answers_in_pieces_and_is_asked_again_after_control_g() -> None:
    client = console()
    client.execute(b"PARAMS")
    assert client.hear() == (QUESTION, "PARAMS> ")
    client.say(b"SHOW  " + b" " * 30 + b"MODEL")
    assert client.hear()[1].startswith("Parameter")
    assert client.hear()[1].startswith("---")
    assert client.hear()[1].startswith("MODEL")
    assert client.hear() == (QUESTION, "PARAMS> ")
    client.say(b"EX\x07")
    assert client.hear() == (QUESTION, "PARAMS> ")
    client.say(b"EXIT")
    assert client.hear() == (TERMINATION, "")
    assert not client.ask(1)[15] & 8


def test_a_program_at_work_tells_how_far_it_is() -> None:
    controller, medium, host = bench()
    hold = Hold()
    controller.detach_unit(0)
    controller.load_unit(0, FaultyDevice(medium, [hold]))
    client = Console(host)
    client.execute(b"VERIFY")
    client.hear()
    client.say(b"")
    client.hear()
    host.run()
    client.say(b"\x07")
    assert client.hear() == (INFORMATION, "0 of 2400 blocks done")
    assert client.take() is None
    hold.release(*hold.held)
    host.run()
    client.say(b"\x07")
    text = client.take()
    assert text is not None
    hold.release(*hold.held)  # while the report is on its way: it has two pieces
    for _ in range(2):
        client.end(text)
        text = client.take()
        assert text is not None
    data = text[14 : 14 + word(text, 12)]
    assert word(data, 0) >> 12 == TERMINATION


def test_a_console_that_refuses_a_message_ends_the_program() -> None:
    client = console()
    client.execute(b"DIRECT")
    text = client.take()
    assert text is not None
    client.end(text, 0x0C01)
    assert client.take() is None
    assert not client.ask(1)[15] & 8


def test_a_host_that_gives_credits_and_fetches_all_the_same_misses_nothing() -> None:
    client = console()
    client.execute(b"HISTRY")
    begun = client.take()
    assert begun is not None
    assert client.receive() == (INFORMATION, "RQDX3 (PUA), serial number 00000000")
    client.end(begun)
    assert client.take() is None
    assert client.receive()[1].startswith("Hardware revision 1")


def test_an_end_message_to_nothing_changes_nothing() -> None:
    client = console()
    client.execute(b"PARAMS")
    client.end(bytes(8))
    text = client.take()
    assert text is not None
    client.end(text[:4] + bytes(4))
    client.end(text[:4] + bytes(4))
    client.say(b"EXIT")
    assert client.hear() == (TERMINATION, "")


def test_an_answer_of_more_than_a_piece_in_one_command_is_refused() -> None:
    client = console()
    client.execute(b"PARAMS")
    client.hear()
    assert status(client.ask(7, parameters=words(23) + bytes(22))) == 0x0C01


# The programs


def test_format_erases_a_unit_that_no_host_has_and_no_host_can_have_it_meanwhile() -> None:
    controller, medium, host = bench()
    medium.content[:] = b"\xa5" * (2400 * 512)
    client = Fetcher(host)
    client.execute(b"FORMAT")
    assert client.receive() == (DEFAULT_QUESTION, "Unit number to format [0]? ")
    client.send(b"0")
    assert client.receive() == (INFORMATION, "Unit 0: RX33, 2400 blocks")
    assert status(host.online()) == 0x0103, "disabled by field service or diagnostic"
    assert client.receive()[0] == DEFAULT_QUESTION
    client.send(b"Y")
    assert client.receive() == (TERMINATION, "Unit 0 is formatted.")
    assert not any(medium.content)
    assert status(host.online()) == 0
    assert controller.units[0].in_diagnosis is False


def test_format_without_a_yes_erases_nothing() -> None:
    _, medium, host = bench()
    medium.content[:4] = b"data"
    client = Fetcher(host)
    client.execute(b"FORMAT")
    assert client.talk(b"", b"")[-1] == (TERMINATION, "Nothing was formatted.")
    assert bytes(medium.content[:4]) == b"data"


def test_format_leaves_a_unit_alone_that_a_host_has_online() -> None:
    host = bench()[2]
    host.online()
    client = Fetcher(host)
    client.execute(b"FORMAT")
    assert client.talk(b"0")[-1] == (FATAL_ERROR, "Unit 0 is online to a host.")


def test_format_leaves_a_protected_unit_and_one_that_is_not_there_alone() -> None:
    client = Fetcher(bench(write_protect_switch=True)[2])
    client.execute(b"FORMAT")
    assert client.talk(b"0")[-1] == (FATAL_ERROR, "Unit 0 is write protected.")
    client.execute(b"FORMAT")
    assert client.talk(b"7")[-1] == (FATAL_ERROR, "There is no such unit.  Units are: 0")


def test_a_reset_in_the_midst_of_format_gives_the_unit_back() -> None:
    controller, _, host = bench()
    client = Fetcher(host)
    client.execute(b"FORMAT")
    client.receive()
    client.send(b"0")
    client.receive()
    assert controller.units[0].in_diagnosis
    host.reset()
    assert not controller.units[0].in_diagnosis


def test_two_hosts_do_not_format_the_same_unit() -> None:
    controller, _, host = bench()
    other = DumbHost(controller)
    other.start()
    one, two = Fetcher(host), Fetcher(other)
    one.execute(b"FORMAT")
    one.receive()
    one.send(b"0")
    two.execute(b"FORMAT")
    assert two.talk(b"0")[-1] == (FATAL_ERROR, "Unit 0 is in use by another program.")


def test_a_host_hears_when_the_unit_is_available_again() -> None:
    host = bench()[2]
    host.scc(flags=0x80)
    client = Fetcher(host)
    client.execute(b"FORMAT")
    client.receive()
    client.send(b"0")
    client.receive()
    client.receive()
    client.send(b"N")
    attention = host.answer()
    assert attention is not None
    assert attention[12] == 0x40
    assert client.receive()[0] == TERMINATION


def test_verify_reads_everything_and_names_bad_blocks() -> None:
    controller, medium, host = bench()
    client = Fetcher(host)
    client.execute(b"VERIFY")
    assert client.talk(b"0")[-1] == (TERMINATION, "2400 blocks read, no errors.")
    controller.detach_unit(0)
    controller.load_unit(0, FaultyDevice(medium, [BadBlocks([5, 2399])]))
    client.execute(b"VERIFY")
    heard = client.talk(b"0")
    assert [text.split(":")[0] for _, text in heard[2:4]] == ["LBN 5", "LBN 2399"]
    assert heard[-1] == (TERMINATION, "2400 blocks read, 2 of them with errors.")


def test_verify_ends_when_the_medium_is_taken_away() -> None:
    controller, medium, host = bench()
    hold = Hold()
    controller.detach_unit(0)
    controller.load_unit(0, FaultyDevice(medium, [hold]))
    client = Fetcher(host)
    client.execute(b"VERIFY")
    client.receive()
    client.send(b"0")
    client.receive()
    client.put(5, parameters=longwords(512, DATA, 0, 0))
    host.run()
    controller.detach_unit(0)
    assert client.fetched() == (FATAL_ERROR, "Unit 0 went offline.")
    hold.release(*hold.held)


def test_params_shows_sets_and_writes() -> None:
    controller, _, host = bench()
    client = Fetcher(host)
    client.execute(b"PARAMS")
    heard = client.talk(b"show /all", b"SET MODEL 1", b"SET WRTPRT0 2", b"SET WRTPRT0 1", b"STATUS", b"EXIT")
    texts = [text for _, text in heard]
    assert "MODEL is read only." in texts
    assert "WRTPRT0 is 0 or 1." in texts
    assert "Not written: WRTPRT0" in texts
    assert heard[-1] == (TERMINATION, "Changes are not written.")
    assert not controller.units[0].write_protect_switch
    client.execute(b"PARAMS")
    assert client.talk(b"SET WRTPRT0=1", b"WRITE", b"STATUS", b"EXIT")[-1] == (TERMINATION, "")
    assert controller.units[0].write_protect_switch


def test_histry_tells_the_last_failure_and_the_units() -> None:
    _, _, host = bench()
    host.put(host.command(4), envelope=words(12, 0x0010))
    host.poll()
    assert host.sa() == 0x8014
    host.start()
    client = Fetcher(host)
    client.execute(b"HISTRY")
    texts = [text for _, text in client.talk()]
    assert "Port PUA: running, last failure 24 octal" in texts
    assert any(text.startswith("Unit 0: RX33, 2400 blocks") and text.endswith("available") for text in texts)


def test_dkutil_dumps_a_block() -> None:
    controller = make_controller("kdm70")
    drive = controller.firmware.drives["RAUSER"].user_sized(100)
    medium = MemoryDevice(100)
    medium.content[7 * 512 : 7 * 512 + 4] = b"DATA"
    controller.attach_unit(3, medium, drive)
    host = DumbHost(controller)
    host.start()
    client = Fetcher(host)
    client.execute(b"DKUTIL")
    texts = [text for _, text in client.talk(b"", b"DISPLAY", b"DUMP 7", b"DUMP 100", b"WHAT", b"EXIT")]
    assert "Unit 3: RAUSER, 100 blocks" in texts
    assert "000  44 41 54 41 00 00 00 00 00 00 00 00 00 00 00 00  DATA............" in texts
    assert "Blocks are 0 to 99." in texts


def test_dkutil_tells_of_replaced_blocks_and_forced_errors() -> None:
    controller = make_controller("hsc70")
    drive = controller.firmware.drives["RA70"]
    unit = controller.attach_unit(0, SparseBlocks(drive.block_count), drive)
    assert unit.replacement is not None
    unit.replacement.revector(77, 9)
    unit.forced_errors.mark(5, 8)
    host = DumbHost(controller)
    host.start()
    client = Fetcher(host)
    client.execute(b"DKUTIL")
    texts = [text for _, text in client.talk(b"0", b"DISPLAY", b"EXIT")]
    assert "LBN 77 is replaced by RBN 9." in texts
    assert "Blocks with a forced error: 3." in texts


def test_verify_counts_forced_errors_and_format_ends_them() -> None:
    controller, _, host = bench()
    controller.units[0].forced_errors.mark(10, 12)
    client = Fetcher(host)
    client.execute(b"VERIFY")
    heard = [text for _, text in client.talk(b"0")]
    assert heard[-2:] == [
        "2 blocks have a forced error: their data is known to be wrong.",
        "2400 blocks read, no errors.",
    ]
    client.execute(b"FORMAT")
    assert client.talk(b"0", b"Y")[-1] == (TERMINATION, "Unit 0 is formatted.")
    assert controller.units[0].forced_errors.starts == []


def test_a_program_that_the_firmware_names_and_nobody_has_written_is_a_load_failure() -> None:
    controller = make_controller(replace(load_firmware("rqdx3"), programs={"CHESS": 1}))
    host = DumbHost(controller)
    host.start()
    assert status(Fetcher(host).execute(b"CHESS")) == 5


# Anything


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([1, 2, 3, 4, 5, 6, 7, 8, 0x87]),
            st.sampled_from([0, 1, 8]),
            st.one_of(
                st.binary(max_size=28),
                st.sampled_from([b"DIRECT", b"PARAMS", b"FORMAT", b"VERIFY"]),
                st.sampled_from([0, 2, 22, 512]).map(lambda count: longwords(count, DATA, 0, 0)),
            ),
        ),
        max_size=12,
    ),
    st.sampled_from([0, 1]),
)
def test_no_sequence_of_commands_breaks_the_server(
    commands: Sequence[tuple[int, int, bytes]], credit: int
) -> None:
    host = bench()[2]
    client = Fetcher(host)
    client.credit = credit
    for opcode, modifiers, parameters in commands:
        client.put(opcode, modifiers, parameters)
        host.run()
        host.responses()
        if host.sa():
            return  # too many waiting commands are the host's own fault
    assert client.host.sa() == 0
