"""Order of commands, ABORT, GET COMMAND STATUS, and DISK COPY DATA.  Numbers are the spec's."""

import pytest

from emu.core.clock import MILLISECOND_NS
from emu.hw.mscp.controller import Controller
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
    words,
)


def held() -> tuple[DumbHost, Hold]:
    """Make a host whose unit 0 answers only when released."""
    host, hold = started(), Hold()
    unit = host.controller.units[0]
    assert unit.medium is not None
    unit.medium = FaultyDevice(unit.medium, [hold])
    return host, hold


def endings(host: DumbHost) -> list[tuple[int, int, int]]:
    """Reference number, endcode and status of every message that has come."""
    return [(longword(p, 4), p[12], status(p[4:])) for p in host.responses()]


def command_status(host: DumbHost, reference: int) -> int:
    end = host.ask(0x02, parameters=longwords(reference))
    assert (end[8], status(end), longword(end, 12)) == (0x82, 0, reference)
    return longword(end, 16)


def test_a_transfer_that_waits_for_its_medium_ends_when_that_answers() -> None:
    host, hold = held()
    read = host.send(0x21, parameters=extent(0, 512))
    assert host.take() is None
    hold.release()
    assert endings(host) == [(read, 0xA1, 0)]


def test_immediate_commands_do_not_wait() -> None:
    host, _ = held()
    host.send(0x21, parameters=extent(0, 512))
    assert status(host.ask(0x03)) == 0


def test_transfers_end_in_any_order() -> None:
    host, hold = held()
    first, second = (host.send(0x21, parameters=extent(lbn, 512)) for lbn in (0, 1))
    hold.release(hold.held[1])
    hold.release()
    assert endings(host) == [(second, 0xA1, 0), (first, 0xA1, 0)]


def test_a_sequential_command_waits_for_earlier_ones_and_holds_later_ones_back() -> None:
    host, hold = held()
    first = host.send(0x21, parameters=extent(0, 512))
    available = host.send(0x08)
    late = host.send(0x21, parameters=extent(0, 512))
    assert endings(host) == []
    assert len(hold.held) == 1
    hold.release()
    assert endings(host) == [(first, 0xA1, 0), (available, 0x88, 0), (late, 0xA1, 4)]


def test_flush_waits_for_writes_and_holds_back_what_follows() -> None:
    host, hold = held()
    write = host.send(0x22, parameters=extent(0, 512))
    flush = host.send(0x13, parameters=extent(0, 0))
    read = host.send(0x21, parameters=extent(0, 512))
    hold.release()
    assert endings(host) == [(write, 0xA2, 0)]
    hold.release()
    assert endings(host) == [(flush, 0x93, 0)]
    hold.release()
    assert endings(host) == [(read, 0xA1, 0)]


def test_abort_of_nothing_succeeds() -> None:
    host = started()
    for unit in (0, 9):
        end = host.ask(0x01, unit, 0, longwords(0x1234))
        assert (end[8], status(end), longword(end, 12), len(end)) == (0x81, 0, 0x1234, 16)


def test_abort_of_an_active_transfer_ends_it_and_its_memory_is_left_alone() -> None:
    host, hold = held()
    host.ram.write(DATA, b"\x55" * 512)
    read = host.send(0x21, parameters=extent(0, 512))
    abort = host.send(0x01, 0, 0, longwords(read))
    assert endings(host) == [(read, 0xA1, 2), (abort, 0x81, 0)]
    hold.release()
    assert endings(host) == []
    assert host.ram.read(DATA, 512) == b"\x55" * 512


def test_abort_of_a_queued_command_leaves_the_rest_in_order() -> None:
    host, hold = held()
    first = host.send(0x21, parameters=extent(0, 512))
    queued = host.send(0x08)
    late = host.send(0x21, parameters=extent(1, 512))
    abort = host.send(0x01, 0, 0, longwords(queued))
    assert endings(host) == [(queued, 0x88, 2), (abort, 0x81, 0)]
    assert len(hold.held) == 2, "what was behind it may start"
    hold.release()
    assert endings(host) == [(first, 0xA1, 0), (late, 0xA1, 0)]


def test_command_status_shrinks_with_the_place_in_the_queue() -> None:
    host, hold = held()
    first = host.send(0x21, parameters=extent(0, 1024))
    second = host.send(0x08)
    third = host.send(0x21, parameters=extent(0, 512))
    assert command_status(host, first) == 1024
    assert command_status(host, second) == 1 << 28 | 0xFFFF
    assert command_status(host, third) == 2 << 28 | 512
    hold.release()
    assert [ending[0] for ending in endings(host)] == [first, second, third]
    assert command_status(host, third) == 0


def test_removal_ends_everything_and_touches_memory_no_more() -> None:
    host, hold = held()
    host.ram.write(DATA, b"\x55" * 512)
    read = host.send(0x21, parameters=extent(0, 512))
    queued = host.send(0x08)
    host.controller.detach_unit(0)
    assert endings(host) == [(read, 0xA1, 0x23), (queued, 0x88, 0x23)]
    hold.release()
    assert endings(host) == []
    assert host.ram.read(DATA, 512) == b"\x55" * 512


def test_a_reset_forgets_commands_and_touches_memory_no_more() -> None:
    host, hold = held()
    host.ram.write(DATA, b"\x55" * 512)
    host.send(0x21, parameters=extent(0, 512))
    host.start()
    host.scc()
    hold.release()
    assert host.ram.read(DATA, 512) == b"\x55" * 512
    hold.holding = False
    assert status(host.online()) == 0
    assert endings(host) == []


def test_command_status_stands_still_when_nothing_moves() -> None:
    host, _ = held()
    first = host.send(0x21, parameters=extent(0, 1024))
    available = host.send(0x08)
    assert [command_status(host, first) for _ in range(3)] == [1024] * 3
    assert [command_status(host, available) for _ in range(3)] == [1 << 28 | 0xFFFF] * 3


def test_command_status_shrinks_with_every_command_that_ends_before_however_many_there_are() -> None:
    host, hold = started(log2=5), Hold()
    unit = host.controller.units[0]
    assert unit.medium is not None
    unit.medium = FaultyDevice(unit.medium, [hold])
    for lbn in range(12):
        host.send(0x21, parameters=extent(lbn, 512))
    available = host.send(0x08)
    seen = []
    while hold.held:
        seen.append(command_status(host, available))
        hold.release(hold.held[0])
        host.take()
    assert seen == sorted(set(seen), reverse=True)


def test_abort_takes_the_one_command_out_of_a_long_queue() -> None:
    host, hold = held()
    first = host.send(0x21, parameters=extent(0, 512))
    flush = host.send(0x13, parameters=extent(0, 0))
    reads = [host.send(0x21, parameters=extent(lbn, 512)) for lbn in (1, 2, 3)]
    abort = host.send(0x01, 0, 0, longwords(reads[1]))
    assert endings(host) == [(reads[1], 0xA1, 2), (abort, 0x81, 0)]
    for _ in range(3):
        hold.release()
    assert endings(host) == [(first, 0xA1, 0), (flush, 0x93, 0), (reads[0], 0xA1, 0), (reads[2], 0xA1, 0)]


# ---- DISK COPY DATA

BLOCKS = 20_000


def shadow_host() -> tuple[DumbHost, Controller]:
    """Make a host with two units of one size online, unit 0 full of a pattern."""
    controller = make_controller("hbvs-shadow", serial=3)
    drive = controller.firmware.drives["RAUSER"].user_sized(BLOCKS)
    for number in (0, 1):
        controller.attach_unit(number, MemoryDevice(BLOCKS), drive)
    host = DumbHost(controller)
    host.start()
    host.scc()
    for number in (0, 1):
        assert status(host.online(number)) == 0
    source = controller.units[0].medium
    assert isinstance(source, MemoryDevice)
    source.content[:] = bytes(range(256)) * (2 * BLOCKS)
    return host, controller


def copy(count: int, lbn: int = 0, *, source: int = 0, source_lbn: int = 0, identifier: int = 0) -> bytes:
    return (
        longwords(count)
        + words(source, 0)
        + identifier.to_bytes(8, "little")
        + longwords(lbn, 0, 0, source_lbn)
        + bytes(16)
    )


def content(controller: Controller, number: int) -> memoryview:
    medium = controller.units[number].medium
    assert isinstance(medium, MemoryDevice)
    return medium.content


def test_a_copy_of_one_chunk_is_done_at_once() -> None:
    host, controller = shadow_host()
    end = host.ask(0x0D, 1, 1, copy(127, 1000, source_lbn=500, identifier=controller.units[0].identifier))
    assert (len(end), end[8], end[9], status(end)) == (34, 0x8D, 0, 0)
    assert (
        content(controller, 1)[512_000 : 512_000 + 127 * 512]
        == content(controller, 0)[256_000 : 256_000 + 127 * 512]
    )
    assert bytes(content(controller, 1)[511_000:512_000]) == bytes(1000)
    assert bytes(content(controller, 1)[1127 * 512 : 1128 * 512]) == bytes(512)


def test_a_long_copy_lets_others_have_their_turn_and_shows_its_progress() -> None:
    host, controller = shadow_host()
    reference = host.send(0x0D, 1, 5, copy(BLOCKS))
    assert host.take() is None
    seen = [command_status_of(host, 1, reference)]
    while True:
        host.clock.step()
        ended = endings(host)
        if ended:
            break
        assert status(host.read(0, 512, unit=1)) == 0, "overlapping traffic goes on"
        seen.append(command_status_of(host, 1, reference))
    assert ended == [(reference, 0x8D, 0)]
    assert seen == sorted(set(seen), reverse=True)
    assert len(seen) == 9
    assert content(controller, 1) == content(controller, 0)


def command_status_of(host: DumbHost, unit: int, reference: int) -> int:
    return longword(host.ask(0x02, unit, 0, longwords(reference)), 16)


def test_abort_stops_a_copy_between_chunks() -> None:
    host, controller = shadow_host()
    reference = host.send(0x0D, 1, 1, copy(BLOCKS))
    abort = host.send(0x01, 1, 0, longwords(reference))
    assert endings(host) == [(reference, 0x8D, 2), (abort, 0x81, 0)]
    host.run(MILLISECOND_NS)
    assert bytes(content(controller, 1)[2048 * 512 :]) == bytes((BLOCKS - 2048) * 512)
    assert endings(host) == []


def test_abort_waits_for_the_chunk_that_the_medium_still_writes() -> None:
    host, controller = shadow_host()
    hold, unit = Hold(), controller.units[1]
    assert unit.medium is not None
    unit.medium = FaultyDevice(unit.medium, [hold])
    reference = host.send(0x0D, 1, 1, copy(BLOCKS))
    abort = host.send(0x01, 1, 0, longwords(reference))
    assert endings(host) == []
    hold.release()
    assert endings(host) == [(reference, 0x8D, 2), (abort, 0x81, 0)]


def test_after_a_reset_online_waits_for_the_chunk_under_way() -> None:
    host, controller = shadow_host()
    hold, unit = Hold(), controller.units[1]
    assert unit.medium is not None
    unit.medium = FaultyDevice(unit.medium, [hold])
    host.send(0x0D, 1, 1, copy(BLOCKS))
    host.start()
    online = host.send(0x09, 1, 0, bytes(24))
    assert endings(host) == []
    hold.release()
    assert endings(host) == [(online, 0x89, 0)]


@pytest.mark.parametrize(
    ("parameters", "wanted"),
    [
        (copy(1, source=7), 0x805E),
        (copy(1, identifier=99), 0x805E),
        (copy(1, BLOCKS), 0x1C01),
        (copy(2, BLOCKS - 1), 0x0C01),
        (copy(2, 0, source_lbn=BLOCKS - 1), 0x2801),
        (copy(0), 0),
    ],
)
def test_a_copy_that_cannot_be_is_refused(parameters: bytes, wanted: int) -> None:
    host, _ = shadow_host()
    assert status(host.ask(0x0D, 1, 1, parameters)) == wanted


def test_destination_and_source_must_be_online_and_the_destination_writable() -> None:
    host, _ = shadow_host()
    host.ask(0x0A, 1, 4, words(0, 0x1000) + bytes(20))
    assert status(host.ask(0x0D, 1, 1, copy(1))) == 0x1006
    host.ask(0x08, 0)
    host.ask(0x0A, 1, 4, words(0, 0) + bytes(20))
    assert status(host.ask(0x0D, 1, 1, copy(1))) == 0x805E
    host.ask(0x08, 1)
    assert status(host.ask(0x0D, 1, 1, copy(1))) == 0x0004
    assert status(host.ask(0x0D, 9, 1, copy(1))) == 0x0003


@pytest.mark.parametrize(("bad_unit", "wanted"), [(0, 0x809E), (1, 0x009E)])
def test_a_failing_medium_is_told_apart_by_its_side(bad_unit: int, wanted: int) -> None:
    host, controller = shadow_host()
    unit = controller.units[bad_unit]
    assert unit.medium is not None
    unit.medium = FaultyDevice(unit.medium, [BadBlocks([100])])
    assert status(host.ask(0x0D, 1, 1, copy(127))) == wanted


def test_a_source_removed_in_the_middle_ends_the_copy() -> None:
    host, controller = shadow_host()
    reference = host.send(0x0D, 1, 1, copy(BLOCKS))
    controller.detach_unit(0)
    host.run(MILLISECOND_NS)
    assert endings(host) == [(reference, 0x8D, 0x805E)]


def test_an_rqdx3_does_not_know_the_command() -> None:
    assert status(started().ask(0x0D, parameters=copy(1))) == 0x0801


def test_queued_commands_of_a_lost_host_never_start() -> None:
    host, hold = held()
    for opcode in (0x21, 0x08, 0x21, 0x13):
        host.send(opcode, parameters=extent(0, 512))
    host.start()
    hold.release()
    host.scc()
    assert (host.port.traffic.outstanding, host.port.traffic.pool, host.credits) == (0, 1, 15)
    assert hold.held == []
