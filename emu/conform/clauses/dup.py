"""DUP, the diagnostic and utilities protocol: its messages, and a dialogue with the program DIRECT.

Connection 2.  This host fetches messages with RECEIVE DATA and answers with SEND DATA.
"""

from emu.conform.clause import clause, expect, expect_in, expect_that, require
from emu.conform.host import DATA, Host, Message
from emu.conform.numbers import longwords, number, words
from emu.conform.target import Need

STANDALONE = 1
ANSWER = DATA + 0x1000


def _ask(host: Host, opcode: int, modifiers: int = 0, parameters: bytes = b"") -> Message:
    return host.ask(opcode, 0, modifiers, parameters, connection=2)


def _run(host: Host, name: bytes, modifiers: int = STANDALONE) -> Message:
    host.initialise()
    return _ask(host, 3, modifiers, name.ljust(6))


def _fetch(host: Host) -> tuple[int, bytes]:
    """RECEIVE DATA: the type of the next message, and its text."""
    end = _ask(host, 5, parameters=longwords(512, DATA, 0, 0))
    expect("status of RECEIVE DATA", end.status, 0)
    data = host.read(DATA, end.byte_count)
    return number(data, 0, 2) >> 12, data[2:]


def _send(host: Host, line: bytes) -> Message:
    host.write(ANSWER, line.ljust(2))
    return _ask(host, 4, parameters=longwords(max(len(line), 2), ANSWER, 0, 0))


def _listen(host: Host) -> list[tuple[int, bytes]]:
    """Everything that a program says until it ends or asks."""
    heard: list[tuple[int, bytes]] = []
    while len(heard) < 200:
        heard.append(_fetch(host))
        if heard[-1][0] != 3:
            return heard
    expect_that(False, "a program ends, or asks, after two hundred messages")
    return heard


@clause("4.2", Need.DUP)
def get_dust_status_succeeds(host: Host) -> None:
    host.initialise()
    end = _ask(host, 1)
    expect("endcode", end.endcode, 0x81)
    expect("status", end.status, 0)


@clause("4.1", Need.DUP)
def get_dust_status_has_22_or_23_bytes(host: Host) -> None:
    host.initialise()
    expect_in("length", _ask(host, 1).length, (22, 23))


@clause("4", Need.DUP)
def end_messages_come_over_connection_2(host: Host) -> None:
    host.initialise()
    end = _ask(host, 1)
    expect("connection", end.connection, 2)
    expect("message type", end.type, 0)


@clause("4", Need.DUP)
def dup_has_credits_of_its_own(host: Host) -> None:
    """It starts with one, whatever MSCP has given."""
    host.start()
    for _ in range(3):
        expect_in("credits", _ask(host, 1).credits, range(1, 16))


@clause("4.2", Need.DUP)
def the_program_extension_is_three_characters(host: Host) -> None:
    host.initialise()
    extension = _ask(host, 1).text[12:15]
    expect_that(
        all(0x20 <= sign < 0x7F for sign in extension), f"the extension is printable, it is {extension!r}"
    )


@clause("4.2", Need.DUP)
def no_program_is_active_at_first(host: Host) -> None:
    host.initialise()
    expect("flag 08", _ask(host, 1).u8(15) & 0x08, 0)


@clause("4.1", Need.DUP)
def an_unknown_opcode_ends_with_0801(host: Host) -> None:
    host.initialise()
    end = _ask(host, 0x2A)
    expect("endcode", end.endcode, 0x80)
    expect("status", end.status, 0x0801)


@clause("4.3", Need.DUP)
def execute_supplied_program_is_refused_where_the_flag_says_so(host: Host) -> None:
    host.initialise()
    require(_ask(host, 1).u8(15) & 0x04, "a server that executes no supplied programs (flag 04)")
    end = _ask(host, 2, STANDALONE, longwords(512, DATA, 0, 0, 0, 0, 0))
    expect("status", end.status, 0x0801)


@clause("4.4", Need.DUP)
def an_unknown_program_ends_with_0004(host: Host) -> None:
    end = _run(host, b"NOSUCH")
    expect("endcode", end.endcode, 0x83)
    expect("status", end.status, 0x0004)


@clause("4.4", Need.DUP_PROGRAMS)
def execute_local_program_starts_a_program(host: Host) -> None:
    end = _run(host, b"DIRECT")
    expect("status", end.status, 0)
    expect_in("length", end.length, (16, 17))
    expect_that(end.u8(14), "the timeout for data is not zero")
    expect("standard dialogue", end.u8(15) & 0x08, 0x08)


@clause("4.2", Need.DUP_PROGRAMS)
def a_program_that_runs_is_active(host: Host) -> None:
    _run(host, b"PARAMS")
    expect("flag 08", _ask(host, 1).u8(15) & 0x08, 0x08)


@clause("4.4", Need.DUP_PROGRAMS)
def a_second_program_is_refused_with_0001(host: Host) -> None:
    _run(host, b"PARAMS")
    expect("status", _ask(host, 3, STANDALONE, b"DIRECT").status, 0x0001)


@clause("4.5", Need.DUP)
def data_commands_without_a_program_end_with_0001(host: Host) -> None:
    host.initialise()
    for opcode in (4, 5):
        end = _ask(host, opcode, parameters=longwords(512, DATA, 0, 0))
        expect(f"endcode of {opcode}", end.endcode, opcode | 0x80)
        expect(f"status of {opcode}", end.status, 0x0001)


@clause("4.5", Need.DUP_PROGRAMS)
def a_count_below_two_ends_with_0c01(host: Host) -> None:
    _run(host, b"DIRECT")
    expect("status", _ask(host, 5, parameters=longwords(1, DATA, 0, 0)).status, 0x0C01)


@clause("4.6", Need.DUP)
def abort_without_a_program_ends_with_0001(host: Host) -> None:
    host.initialise()
    expect("status", _ask(host, 6).status, 0x0001)


@clause("4.6", Need.DUP_PROGRAMS)
def abort_ends_a_program(host: Host) -> None:
    _run(host, b"PARAMS")
    expect("status", _ask(host, 6).status, 0)
    expect("flag 08", _ask(host, 1).u8(15) & 0x08, 0)


@clause("4.7", Need.DUP_PROGRAMS)
def a_dialogue_ends_with_a_termination_message(host: Host) -> None:
    _run(host, b"DIRECT")
    expect("type of the last message", _listen(host)[-1][0], 4)


@clause("4.7", Need.DUP_PROGRAMS)
def messages_are_text(host: Host) -> None:
    _run(host, b"DIRECT")
    for _, text in _listen(host):
        expect_that(all(0x20 <= sign < 0x7F for sign in text), f"a message is printable text: {text!r}")


@clause("4.8", Need.DUP_PROGRAMS)
def direct_lists_the_local_programs(host: Host) -> None:
    _run(host, b"DIRECT")
    said = b"\n".join(text for _, text in _listen(host))
    for name in (b"DIRECT", b"PARAMS"):
        expect_that(name in said, f"the list has {name.decode()}")


@clause("4.7", Need.DUP_PROGRAMS)
def no_program_is_active_after_its_last_message(host: Host) -> None:
    _run(host, b"DIRECT")
    _listen(host)
    expect("flag 08", _ask(host, 1).u8(15) & 0x08, 0)


@clause("4.7", Need.DUP_PROGRAMS)
def a_question_waits_for_its_answer(host: Host) -> None:
    _run(host, b"PARAMS")
    expect_in("type of the last message", _listen(host)[-1][0], (1, 2))
    expect("status of SEND DATA", _send(host, b"EXIT").status, 0)
    expect("type of the last message", _listen(host)[-1][0], 4)


@clause("4.5", Need.DUP_PROGRAMS)
def send_data_tells_how_much_it_took(host: Host) -> None:
    _run(host, b"PARAMS")
    _listen(host)
    expect("byte count", _send(host, b"EXIT").byte_count, 4)


@clause("4.2", Need.DUP_PROGRAMS)
def the_progress_indicator_grows_while_a_program_runs(host: Host) -> None:
    _run(host, b"PARAMS")
    _listen(host)
    before = _ask(host, 1).u32(16)
    _send(host, b"HELP")
    _listen(host)
    expect_that(_ask(host, 1).u32(16) > before, "the progress indicator has grown")


@clause("4.8", Need.DUP_PROGRAMS)
def a_program_stops_when_the_host_initialises(host: Host) -> None:
    _run(host, b"PARAMS")
    host.initialise()
    expect("flag 08", _ask(host, 1).u8(15) & 0x08, 0)


@clause("4.5", Need.DUP_PROGRAMS, Need.NONEXISTENT_MEMORY)
def a_buffer_that_is_not_there_ends_receive_data_with_0009(host: Host) -> None:
    _run(host, b"DIRECT")
    nowhere = (host.facts.nonexistent or 0) + 0x100
    expect("status", _ask(host, 5, parameters=longwords(512, nowhere, 0, 0)).status, 0x0009)


@clause("4", Need.DUP_PROGRAMS)
def mscp_goes_on_beside_a_program(host: Host) -> None:
    _run(host, b"PARAMS")
    host.ask(0x04, parameters=words(0, 0) + bytes(16))
    host.online()
    expect("status of READ", host.transfer(0x21, 0).status, 0)
