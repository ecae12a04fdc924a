"""Write history: which blocks were being written, so that after a crash only those are merged.

WRITE HISTORY MANAGEMENT 19: operations 1 deallocate all, 2 by host reference number, 3 by locator, 4 read all, 5 read
by host reference number.
"""

from emu.conform.clause import clause, expect, expect_that, require
from emu.conform.host import DATA, Host, Message
from emu.conform.numbers import longwords, number, words
from emu.conform.target import Need

LOG_IT, REUSE = 0x0008, 0x0080
BUFFER = DATA + 0x8000
IN_DOUBT = "beyond layouts and names nothing is published of write history"


def _write(host: Host, lbn: int, hrn: int = 1, modifiers: int = LOG_IT, entry: int = 0) -> Message:
    return host.ask(0x22, modifiers=modifiers, parameters=host.extent(lbn, 1024) + words(hrn, entry))


def _manage(host: Host, operation: int, key: int = 0) -> Message:
    return host.ask(0x19, parameters=longwords(4096, BUFFER, 0, 0) + words(operation, 0, key, key))


@clause("2.16", Need.WRITE_HISTORY)
def a_controller_with_write_history_sets_whl(host: Host) -> None:
    expect("controller flag WHL", host.start().u16(14) & 0x0200, 0x0200)


@clause("2.16", Need.WRITE_HISTORY, changes_data=True, open_question=IN_DOUBT)
def a_write_that_asks_for_it_is_logged(host: Host) -> None:
    host.start_online()
    end = _write(host, 40)
    expect("status", end.status, 0)
    expect("end flag HISLO", end.flags & 0x04, 0x04)
    expect("length", end.length, 36)
    expect_that(end.u16(32), "the entry locator is not zero")


@clause("2.16", Need.WRITE_HISTORY, changes_data=True, open_question=IN_DOUBT)
def a_plain_write_is_not_logged(host: Host) -> None:
    host.start_online()
    expect("end flag HISLO", _write(host, 40, modifiers=0).flags & 0x04, 0)
    expect("entries of the unit", _manage(host, 4).u16(16), 0)


@clause("2.16", Need.WRITE_HISTORY, changes_data=True, open_question=IN_DOUBT)
def the_entries_can_be_read(host: Host) -> None:
    host.start_online()
    locator = _write(host, 40, hrn=7).u16(32)
    end = _manage(host, 4)
    expect("status", end.status, 0)
    expect("count", end.u16(28), 1)
    entry = host.read(BUFFER, 16)
    expect("locator", number(entry, 0, 2), locator)
    expect("unit", number(entry, 2, 2), host.facts.scratch)
    expect("LBN", number(entry, 8, 4), 40)
    expect("host reference number", number(entry, 12, 2), 7)


@clause("2.16", Need.WRITE_HISTORY, changes_data=True, open_question=IN_DOUBT)
def entries_of_one_host_can_be_read_alone(host: Host) -> None:
    host.start_online()
    _write(host, 40, hrn=7)
    _write(host, 50, hrn=8)
    expect("count", _manage(host, 5, 8).u16(28), 1)
    expect("LBN", number(host.read(BUFFER, 16), 8, 4), 50)


@clause("2.16", Need.WRITE_HISTORY, changes_data=True, open_question=IN_DOUBT)
def an_entry_is_deallocated_by_its_locator(host: Host) -> None:
    host.start_online()
    locator = _write(host, 40).u16(32)
    _write(host, 50)
    end = _manage(host, 3, locator)
    expect("status", end.status, 0)
    expect("count", end.u16(28), 1)
    expect("entries of the unit", end.u16(16), 1)


@clause("2.16", Need.WRITE_HISTORY, changes_data=True, open_question=IN_DOUBT)
def a_locator_that_is_not_there_is_an_access_error(host: Host) -> None:
    host.start_online()
    expect("status", _manage(host, 3, 999).status, 0x010D)


@clause("2.16", Need.WRITE_HISTORY, changes_data=True, open_question=IN_DOUBT)
def all_entries_of_a_unit_are_deallocated(host: Host) -> None:
    host.start_online()
    for lbn in (40, 50, 60):
        _write(host, lbn)
    expect("count", _manage(host, 1).u16(28), 3)
    expect("entries of the unit", _manage(host, 4).u16(16), 0)


@clause("2.16", Need.WRITE_HISTORY, changes_data=True, open_question=IN_DOUBT)
def an_entry_can_be_used_again(host: Host) -> None:
    host.start_online()
    locator = _write(host, 40).u16(32)
    expect("locator", _write(host, 50, modifiers=LOG_IT | REUSE, entry=locator).u16(32), locator)
    expect("entries of the unit", _manage(host, 4).u16(16), 1)


@clause("2.16", Need.WRITE_HISTORY, open_question=IN_DOUBT)
def an_unknown_operation_is_invalid(host: Host) -> None:
    host.start_online()
    expect("status", _manage(host, 99).status, 0x1C01)


@clause("2.2")
def without_write_history_the_command_is_invalid(host: Host) -> None:
    require(not host.start().u16(14) & 0x0200, "a controller without write history")
    end = _manage(host, 4)
    expect("endcode", end.endcode, 0x80)
    expect("status", end.status, 0x0801)
