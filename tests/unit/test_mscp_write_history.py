"""Write history: WRITE with an entry, and WRITE HISTORY MANAGEMENT.  Numbers are the spec's."""

import pytest

from emu.hw.mscp.write_history import WriteHistory
from emu.media.faulty import BadBlocks, FaultyDevice, Hold
from emu.media.memory import MemoryDevice
from tests.dumb_host import (
    DATA,
    DumbHost,
    extent,
    longword,
    longwords,
    make_controller,
    started,
    status,
    word,
    words,
)

LOG, SUPPRESS, REUSE = 0x0008, 0x0010, 0x0080
LOGGED, NO_ROOM = 0x04, 0x08
ENTRIES = 0x20000  # where entries are read to


def keeping(size: int = 512) -> DumbHost:
    """Make a host with two units online at a controller that keeps a write history."""
    controller = make_controller("hbvs-shadow", serial=3)
    controller.write_history = WriteHistory(size)
    drive = controller.firmware.drives["RAUSER"].user_sized(1000)
    host = DumbHost(controller)
    for number in (0, 1):
        controller.attach_unit(number, MemoryDevice(1000), drive)
    host.start()
    assert word(host.scc(), 14) & 0x0200, "WHL"
    for number in (0, 1):
        assert status(host.online(number)) == 0
    return host


def write(
    host: DumbHost,
    lbn: int,
    blocks: int,
    modifiers: int = LOG,
    *,
    unit: int = 0,
    hrn: int = 0,
    entry: int = 0,
) -> bytes:
    return host.ask(0x22, unit, modifiers, extent(lbn, 512 * blocks) + words(hrn, entry))


def manage(
    host: DumbHost,
    operation: int,
    *,
    unit: int = 0,
    offset: int = 0,
    hrn: int = 0,
    entry: int = 0,
    room: int = 4096,
) -> tuple[int, ...]:
    """Status; entries allocated for the unit, in the server, and free; count."""
    parameters = longwords(room, ENTRIES, 0, 0) + words(operation, offset, hrn, entry)
    end = host.ask(0x19, unit, 0, parameters)
    assert (len(end), end[8], word(end, 30)) == (32, 0x99, offset)
    return status(end), word(end, 16), word(end, 18), word(end, 20), word(end, 28)


def entries(host: DumbHost, count: int) -> list[tuple[int, ...]]:
    """Locator, unit, length, LBN, host reference number and flags of entries that were read."""
    found = []
    for index in range(count):
        entry = bytes(host.ram.read(ENTRIES + 16 * index, 16))
        found.append(
            (
                word(entry, 0),
                word(entry, 2),
                longword(entry, 4),
                longword(entry, 8),
                word(entry, 12),
                word(entry, 14),
            )
        )
    return found


def test_a_logged_write_ends_in_36_bytes_with_its_locator() -> None:
    host = keeping()
    end = write(host, 100, 3, hrn=7)
    assert (len(end), end[8], status(end), longword(end, 12)) == (36, 0xA2, 0, 1536)
    assert (end[9], word(end, 32)) == (LOGGED, 1)
    assert manage(host, 4) == (0, 1, 1, 511, 1)
    assert entries(host, 1) == [(1, 0, 3, 100, 7, 0)]


def test_a_write_that_does_not_ask_is_as_ever() -> None:
    host = keeping()
    for modifiers in (0, SUPPRESS):
        end = write(host, 100, 3, modifiers)
        assert (len(end), end[9], status(end)) == (32, 0, 0)
    assert manage(host, 4) == (0, 0, 0, 512, 0)


def test_the_entry_is_there_before_the_data_is() -> None:
    host, hold = keeping(), Hold()
    unit = host.controller.units[0]
    assert unit.medium is not None
    unit.medium = FaultyDevice(unit.medium, [hold])
    host.send(0x22, 0, LOG, extent(5, 512) + words(1, 0))
    assert manage(host, 4)[4] == 1
    host.start()
    host.scc()
    hold.holding = False
    hold.release()
    host.online()
    assert manage(host, 4)[4] == 1, "what was in flight when the host was lost is what a merge needs"


def test_the_unit_says_that_it_has_a_history() -> None:
    host = keeping()
    assert word(host.ask(0x03), 14) & 0x0008 == 0
    write(host, 0, 1)
    assert word(host.ask(0x03), 14) & 0x0008
    assert word(host.ask(0x03, 1), 14) & 0x0008 == 0


def test_an_entry_is_used_again() -> None:
    host = keeping()
    locator = word(write(host, 100, 3, hrn=7), 32)
    end = write(host, 200, 4, LOG | REUSE, hrn=8, entry=locator)
    assert (status(end), word(end, 32)) == (0, locator)
    assert manage(host, 4)[4] == 1
    assert entries(host, 1) == [(locator, 0, 4, 200, 8, 0)]


@pytest.mark.parametrize("unit", [0, 1])
def test_an_entry_that_is_not_there_is_not_used_and_nothing_is_written(unit: int) -> None:
    host = keeping()
    write(host, 100, 1, unit=1 - unit)
    host.ram.write(DATA, b"\x55" * 512)
    end = write(host, 300, 1, LOG | REUSE, unit=unit, entry=1)
    assert (len(end), status(end), longword(end, 12), end[9]) == (36, 0x010D, 0, 0)
    host.read(300, 512, unit=unit)
    assert host.ram.read(DATA, 512) == bytes(512)


def test_a_table_without_room_lets_the_write_go_on_and_says_so() -> None:
    host = keeping(size=1)
    write(host, 0, 1)
    end = write(host, 1, 1)
    assert (status(end), longword(end, 12), end[9], word(end, 32)) == (0, 512, NO_ROOM, 0)
    assert manage(host, 4) == (0, 1, 1, 0, 1)


def test_a_refused_write_has_no_entry() -> None:
    host = keeping()
    end = write(host, 1000, 1)
    assert (len(end), status(end)) == (36, 0x1C01)
    assert manage(host, 4)[2] == 0


def test_a_write_that_fails_marks_its_entry() -> None:
    host = keeping()
    unit = host.controller.units[0]
    assert unit.medium is not None
    unit.medium = FaultyDevice(unit.medium, [BadBlocks([101])])
    assert (status(end := write(host, 100, 3)), longword(end, 12)) == (0x000B, 512)
    manage(host, 4)
    assert entries(host, 1) == [(1, 0, 3, 100, 0, 0x8000)]


def filled() -> DumbHost:
    """Make a history: four entries of unit 0 for hosts 1 and 2 in turn, and one of unit 1."""
    host = keeping()
    for index in range(4):
        write(host, 10 * index, 1, hrn=1 + index % 2)
    write(host, 500, 1, unit=1, hrn=1)
    return host


@pytest.mark.parametrize(
    ("operation", "more", "lbns"),
    [
        (4, {}, [0, 10, 20, 30]),
        (4, {"offset": 2}, [20, 30]),
        (4, {"offset": 9}, []),
        (4, {"room": 47}, [0, 10]),
        (4, {"room": 0}, []),
        (5, {"hrn": 2}, [10, 30]),
        (5, {"hrn": 3}, []),
        (4, {"unit": 1}, [500]),
    ],
)
def test_entries_are_read(operation: int, more: dict[str, int], lbns: list[int]) -> None:
    host = filled()
    outcome = manage(host, operation, **more)
    assert (outcome[0], outcome[4]) == (0, len(lbns))
    assert [entry[3] for entry in entries(host, len(lbns))] == lbns
    assert host.ram.read(ENTRIES + 16 * len(lbns), 16) == bytes(16), "no more than that"


@pytest.mark.parametrize(
    ("operation", "more", "outcome"),
    [
        (1, {}, (0, 0, 1, 511, 4)),
        (2, {"hrn": 1}, (0, 2, 3, 509, 2)),
        (2, {"hrn": 9}, (0, 4, 5, 507, 0)),
        (3, {"entry": 3}, (0, 3, 4, 508, 1)),
        (3, {"entry": 5}, (0x010D, 4, 5, 507, 0)),  # that one is unit 1's
        (6, {}, (0, 0, 0, 512, 5)),
        (0, {}, (0x1C01, 4, 5, 507, 0)),
        (7, {}, (0x1C01, 4, 5, 507, 0)),
    ],
)
def test_entries_are_taken_away(operation: int, more: dict[str, int], outcome: tuple[int, ...]) -> None:
    assert manage(filled(), operation, **more) == outcome


def test_memory_that_is_not_there_is_a_host_buffer_error() -> None:
    host = filled()
    end = host.ask(0x19, 0, 0, longwords(64, 0x3E0000, 0, 0) + words(4, 0, 0, 0))
    assert (status(end), word(end, 28)) == (0x0069, 0)


def test_a_unit_must_be_online() -> None:
    host = filled()
    host.ask(0x08)
    assert manage(host, 4)[0] == 0x0004
    assert host.controller.write_history.free_count == 507, "AVAILABLE forgets nothing"
    host.controller.detach_unit(0)
    assert manage(host, 4)[:3] == (0x0023, 0, 1), "a medium that leaves takes its history with it"


def test_a_controller_without_a_history_says_so_and_knows_no_such_command() -> None:
    host = started()
    assert word(host.scc(), 14) & 0x0200 == 0
    assert status(host.ask(0x19, parameters=bytes(24))) == 0x0801
