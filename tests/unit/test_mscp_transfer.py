"""READ, WRITE, COMPARE, ACCESS, ERASE, FLUSH: bytes, counts and what goes wrong.  Numbers are the spec's."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.core.trace import BlocksMoved, Event
from emu.media.faulty import BadBlocks, DeadFrom, FailAfter, FaultyDevice
from emu.shells.firmware_files import load_firmware
from tests.dumb_host import (
    DATA,
    MEMORY_BYTES,
    DumbHost,
    SparseBlocks,
    byte_count,
    extent,
    longwords,
    make_controller,
    started,
    status,
)

PATTERN = bytes(range(251)) * 200


def with_fault(rule: object) -> DumbHost:
    """Make a host whose unit 0 follows the rule, after having gone online."""
    host = started()
    unit = host.controller.units[0]
    assert unit.medium is not None
    unit.medium = FaultyDevice(unit.medium, [rule])  # type: ignore[list-item]
    return host


def outcome(end: bytes) -> tuple[int, int]:
    return status(end), byte_count(end)


@pytest.mark.parametrize("count", [512, 2, 510, 514, 4096, 32770])
def test_what_is_written_is_read_back_to_the_byte(count: int) -> None:
    host = started()
    host.ram.write(DATA, PATTERN[:count])
    assert outcome(host.write(7, count)) == (0, count)
    host.ram.write(DATA, bytes(count + 2))
    assert outcome(host.read(7, count)) == (0, count)
    assert host.ram.read(DATA, count + 2) == PATTERN[:count] + bytes(2)


def test_a_write_that_ends_inside_a_block_fills_it_with_zeros() -> None:
    host = started()
    host.ram.write(DATA, b"\xee" * 1024)
    host.write(0, 1024)
    host.write(0, 514)
    host.read(0, 1024)
    assert host.ram.read(DATA, 1024) == b"\xee" * 514 + bytes(510)


@pytest.mark.parametrize("opcode", [0x10, 0x11, 0x12, 0x20, 0x21, 0x22])
def test_zero_bytes_are_a_success(opcode: int) -> None:
    assert outcome(started().transfer(opcode, 0, 0)) == (0, 0)


@pytest.mark.parametrize(
    ("lbn", "count", "address", "wanted"),
    [
        (0, 512, DATA + 1, 0x0029),
        (0, 1 << 28, DATA, 0x0C01),
        (1 << 28, 512, DATA, 0x1C01),
        (0, 511, DATA, 0x0049),
        (2400, 512, DATA, 0x1C01),
        (2400, 0, DATA, 0x1C01),
        (2399, 1024, DATA, 0x0C01),
        (2399, 513 * 2, DATA, 0x0C01),
        (1 << 28, 1 << 28, DATA + 1, 0x0029),
        (1 << 28, 1 << 28, DATA, 0x0C01),
        (1 << 28, 511, DATA, 0x1C01),
        (2400, 511, DATA, 0x0049),
    ],
)
@pytest.mark.parametrize("opcode", [0x20, 0x21, 0x22])
def test_validation_finds_the_first_fault_in_the_book_s_order(
    opcode: int, lbn: int, count: int, address: int, wanted: int
) -> None:
    end = started().transfer(opcode, lbn, count, address)
    assert (end[8], *outcome(end)) == (opcode | 0x80, wanted, 0)


@pytest.mark.parametrize("opcode", [0x10, 0x12])
def test_commands_without_a_buffer_do_not_look_at_its_address(opcode: int) -> None:
    assert outcome(started().transfer(opcode, 0, 512, 0xFFFFFFF1)) == (0, 512)


def test_a_port_that_shows_od_takes_odd_addresses() -> None:
    firmware = load_firmware("rqdx3")
    host = started(replace(firmware, step1_bits=firmware.step1_bits | 0x80))
    host.ram.write(DATA + 1, PATTERN[:512])
    assert outcome(host.write(0, 512, DATA + 1)) == (0, 512)


def test_bits_above_the_bus_are_ignored() -> None:
    assert outcome(started().read(0, 512, 0x0F000000 | DATA)) == (0, 512)


def test_a_uda50_blames_a_bad_lbn_with_endcode_80() -> None:
    controller = make_controller("uda50")
    drive = controller.firmware.drives["RA81"]
    controller.attach_unit(0, SparseBlocks(drive.block_count), drive)
    host = DumbHost(controller)
    host.start()
    host.online()
    end = host.read(5_000_000, 512)
    assert (end[8], status(end)) == (0x80, 0x1C01)
    assert outcome(host.read(891072, 512)) == (0, 512), "the first RCT copy can be read"
    assert status(host.read(891072, 1024)) == 0x0C01
    assert status(host.write(891072, 512)) == 0x1C01


def test_memory_that_ends_in_the_middle_moves_what_is_before() -> None:
    host = started()
    host.ram.write(DATA, b"\x77" * 2048)
    host.write(0, 2048)
    top = MEMORY_BYTES - 700
    assert outcome(host.read(0, 2048, top)) == (0x0069, 700)
    assert host.ram.read(top, 700) == b"\x77" * 700
    assert outcome(host.read(0, 512, 0x3F0000)) == (0x0069, 0)


def test_a_write_from_memory_that_ends_writes_whole_blocks_only() -> None:
    host = started()
    host.ram.write(DATA, b"\x11" * 1024)
    host.write(0, 1024)
    host.ram.write(MEMORY_BYTES - 700, b"\x22" * 700)
    assert outcome(host.write(0, 1024, MEMORY_BYTES - 700)) == (0x0069, 512)
    host.read(0, 1024)
    assert host.ram.read(DATA, 1024) == b"\x22" * 512 + b"\x11" * 512


def test_mapped_transfers_walk_the_page_table() -> None:
    host = started()
    host.ram.write(0x8000, longwords(0x80000000 | DATA >> 9, 0xA0000000 | 0x20000 >> 9, 0))
    host.ram.write(DATA + 4, PATTERN[:508])
    host.ram.write(0x20000, PATTERN[508:1020])
    assert outcome(host.write(0, 1020, 0x80000004, pte=0x8000)) == (0, 1020)
    assert outcome(host.read(0, 1020, 0x30000)) == (0, 1020)
    assert host.ram.read(0x30000, 1020) == PATTERN[:1020]
    assert outcome(host.read(0, 2048, 0x80000004, pte=0x8000)) == (0x00A9, 1020)


def test_a_bad_block_ends_a_transfer_with_what_was_good() -> None:
    host = with_fault(BadBlocks([12]))
    host.ram.write(DATA, b"\xaa" * 4096)
    assert outcome(host.write(10, 4096)) == (0x000B, 1024)
    host.ram.write(DATA, bytes(4096))
    assert outcome(host.read(10, 4096)) == (0x00E8, 1024)
    assert host.ram.read(DATA, 1026) == b"\xaa" * 1024 + bytes(2)
    assert outcome(host.transfer(0x10, 10, 4096)) == (0x00E8, 1024)
    assert outcome(host.transfer(0x12, 10, 4096)) == (0x000B, 1024)
    assert status(host.ask(0x03)) == 0, "the unit stays online"


def test_a_dead_disk_fails_without_moving_anything() -> None:
    host = with_fault(DeadFrom(0))
    assert outcome(host.read(0, 1024)) == (0x000B, 0)
    assert status(host.transfer(0x13, 0, 0)) == 0x000B


def test_a_failure_that_does_not_come_back_is_recovered() -> None:
    host = with_fault(FailAfter(0))
    host.ram.write(DATA, PATTERN[:2048])
    assert outcome(host.write(0, 2048)) == (0, 2048)
    assert outcome(host.transfer(0x20, 0, 2048)) == (0, 2048)


def test_compare_host_data_counts_the_bytes_that_are_equal() -> None:
    host = started()
    host.ram.write(DATA, PATTERN[:2048])
    host.write(3, 2048)
    assert outcome(host.transfer(0x20, 3, 2048)) == (0, 2048)
    host.ram.write(DATA + 1500, b"\xff")
    assert outcome(host.transfer(0x20, 3, 2048)) == (0x0007, 1500)


@pytest.mark.parametrize("opcode", [0x21, 0x22])
@pytest.mark.parametrize(("flags", "modifiers"), [(0, 0x4000), (3, 0)])
def test_comparing_transfers_succeed_on_a_good_disk(opcode: int, flags: int, modifiers: int) -> None:
    host = started()
    host.ask(0x0A, 0, 0, bytes(2) + flags.to_bytes(2, "little") + bytes(20))
    heard: list[Event] = []
    host.controller.tracer.subscribe(heard.append)
    assert outcome(host.transfer(opcode, 0, 1024, modifiers=modifiers)) == (0, 1024)
    moved = [event.function for event in heard if isinstance(event, BlocksMoved)]
    assert moved == [{0x21: "READ", 0x22: "WRITE"}[opcode], "READ"]


def test_a_disk_that_forgets_is_found_out_by_compare() -> None:
    class Forgetful(BadBlocks):
        """Loses what is written, without a word."""

        def on_request(self, request):  # type: ignore[no-untyped-def]
            if request.function == 1:
                request.views = [memoryview(bytes(len(view))) for view in request.views]

    host = with_fault(Forgetful([]))
    host.ram.write(DATA, bytes(512) + b"\x01" * 512)
    assert outcome(host.write(0, 1024, modifiers=0x4000)) == (0x0007, 512)


def test_erase_writes_zeros_over_every_block_it_touches() -> None:
    host = started()
    host.ram.write(DATA, b"\x99" * 1536)
    host.write(0, 1536)
    assert outcome(host.transfer(0x12, 0, 514)) == (0, 514)
    host.read(0, 1536)
    assert host.ram.read(DATA, 1536) == bytes(1024) + b"\x99" * 512


def test_flush_succeeds() -> None:
    assert status(started().transfer(0x13, 0, 0, modifiers=1)) == 0


def test_a_transfer_of_any_length_is_one_request() -> None:
    host = started()
    heard: list[Event] = []
    host.controller.tracer.subscribe(heard.append)
    host.read(0, 512 * 600)
    moved = [event for event in heard if isinstance(event, BlocksMoved)]
    assert [(event.function, event.unit, event.lbn, event.byte_count) for event in moved] == [
        ("READ", 0, 0, 307200)
    ]


@settings(derandomize=True, deadline=None, max_examples=120)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0x10, 0x12, 0x20, 0x21, 0x22]),
            st.integers(0, 2405),
            st.integers(0, 5000),
            st.integers(0, MEMORY_BYTES + 1000),
        ),
        max_size=8,
    ),
    st.lists(st.integers(0, 2400), max_size=3),
)
def test_the_byte_count_never_says_more_than_was_asked(
    commands: list[tuple[int, int, int, int]], bad: list[int]
) -> None:
    host = with_fault(BadBlocks(bad))
    for opcode, lbn, count, address in commands:
        # Rings and packets lie below DATA; a READ into them would be the host's own fault.
        end = host.ask(opcode, 0, 0, extent(lbn, count, max(address, DATA)))
        code, moved = outcome(end)
        assert moved <= count
        assert moved == count if code == 0 else True
        assert code in {0, 0x07, 0x0B, 0xE8, 0x29, 0x49, 0x69, 0xC01, 0x1C01}
