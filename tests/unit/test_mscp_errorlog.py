"""Error-log datagrams: formats, numbers, who gets them.  Numbers are the spec's."""

from dataclasses import replace

import pytest

from emu.core.block import BlockRequest, MediumError
from emu.media.faulty import BadBlocks, CorrectableBlocks, DeadFrom, FailAfter, FaultyDevice
from emu.media.memory import MemoryDevice
from tests.dumb_host import (
    DATA,
    IP,
    MEMORY_BYTES,
    DumbHost,
    SparseBlocks,
    extent,
    longword,
    make_controller,
    rx33,
    started,
    status,
    word,
    words,
)

THIS, OTHER, MISC = 0x10, 0x20, 0x40
ERLOG, BBLKR = 0x20, 0x80


def logging(flags: int = THIS, rule: object = None) -> DumbHost:
    """Make a host that takes error logs, whose unit 0 follows the rule."""
    host = started()
    host.scc(flags)
    break_unit(host, rule)
    return host


def break_unit(host: DumbHost, rule: object) -> None:
    unit = host.controller.units[0]
    assert unit.medium is not None
    unit.medium = FaultyDevice(unit.medium, [rule] if rule else [])  # type: ignore[list-item]


def sdi_host(rule: object, flags: int = THIS, firmware: str = "kda50") -> DumbHost:
    controller = make_controller(firmware)
    drive = controller.firmware.drives["RA81"]
    controller.attach_unit(0, FaultyDevice(SparseBlocks(drive.block_count), [rule]), drive)  # type: ignore[list-item]
    host = DumbHost(controller)
    host.start()
    host.scc(flags)
    assert status(host.online()) == 0
    return host


def log_and_end(host: DumbHost, opcode: int, parameters: bytes, modifiers: int = 0) -> tuple[bytes, bytes]:
    """Send a command; return the text of its one error log, and that of its end message."""
    host.send(opcode, 0, modifiers, parameters)
    log, end = host.responses()
    assert (log[2], log[3], end[2] >> 4) == (0x10, 0, 0), "the log is a datagram, and comes first"
    return log[4:], end[4:]


def test_memory_that_does_not_answer_is_logged_in_format_1() -> None:
    controller = make_controller()
    rx33(controller, 1)
    host = DumbHost(controller)
    host.start()
    host.scc(THIS)
    host.online(1)
    host.send(0x21, 1, 0, extent(0, 512, 0x3E0000))
    host.run()
    log, end = host.responses()
    assert log == bytes.fromhex(
        "1C 00 10 00 03 00 00 00 01 00 01 00 01 01 69 00 00 00 00 00 00 00 13 01 03 01 00 00 00 00 3E 00"
    )
    assert (word(end, 10), end[13]) == (1, ERLOG)


def test_the_bus_address_is_that_of_the_first_byte_missing() -> None:
    log, end = log_and_end(logging(), 0x22, extent(0, 2048, MEMORY_BYTES - 700))
    assert (log[8], word(log, 10), longword(log, 24)) == (1, 0x0069, MEMORY_BYTES)
    assert (status(end), longword(end, 12)) == (0x0069, 512)


def test_an_rqdx3_logs_a_bad_block_in_format_4_with_its_place_on_the_disk() -> None:
    host = logging(rule=BadBlocks([1234]))
    host.controller.units[0].serial = 0x1234
    log, end = log_and_end(host, 0x21, extent(1232, 2048))
    # An RX33 has 15 sectors a track and two surfaces: 1234 = 41 * 30 + 0 * 15 + 4.
    assert len(log) == 46
    assert (longword(log, 0), word(log, 4), word(log, 6), log[8], log[9]) == (host.crf, 0, 1, 4, 0x01)
    assert (word(log, 10), log[12:20]) == (0x00E8, bytes.fromhex("00 00 00 00 00 00 13 01"))
    assert (word(log, 22), log[24:32]) == (0, bytes.fromhex("00 00 00 00 00 00 0A 02"))
    assert (word(log, 34), longword(log, 36), log[40:46]) == (41, 0x1234, bytes([0, 0, 0, 4, 0, 41]))
    assert (status(end), longword(end, 12), end[9], word(end, 6)) == (0x00E8, 1024, ERLOG, 1)


def test_an_sdi_controller_logs_a_bad_block_in_format_2() -> None:
    log, end = log_and_end(sdi_host(BadBlocks([700_000])), 0x21, extent(699_999, 1024))
    assert (len(log), log[8], word(log, 10), longword(log, 40)) == (44, 2, 0x00E8, 700_000)
    assert (log[30], log[31], log[34], log[35]) == (5, 2, 0, 0)
    assert (status(end), longword(end, 12)) == (0x00E8, 512)


def test_an_sdi_controller_logs_a_dead_drive_in_format_3() -> None:
    log, end = log_and_end(sdi_host(DeadFrom(0)), 0x22, extent(5, 1024))
    assert (len(log), log[8], word(log, 10), longword(log, 40)) == (56, 3, 0x000B, 5)
    assert log[44:56] == bytes([0x13, 0, 0x80]) + bytes(9)
    assert (status(end), longword(end, 12), end[9]) == (0x000B, 0, ERLOG)


@pytest.mark.parametrize("position", [0, 1, 31, 63])
@pytest.mark.parametrize(("opcode", "wanted"), [(0x21, 0xE8), (0x22, 0x0B), (0x10, 0xE8), (0x12, 0x0B)])
def test_one_bad_block_in_64_is_told_the_same_by_count_status_and_log(
    opcode: int, wanted: int, position: int
) -> None:
    host = logging(rule=BadBlocks([100 + position]))
    log, end = log_and_end(host, opcode, extent(100, 64 * 512))
    assert (status(end), longword(end, 12), end[9]) == (wanted, 512 * position, ERLOG)
    track, sector = divmod(100 + position, 15)
    assert (word(log, 10), word(log, 34), log[43], log[44]) == (wanted, track // 2, sector, track % 2)


@pytest.mark.parametrize(("opcode", "parameters"), [(0x21, extent(0, 4096)), (0x10, extent(0, 4096))])
def test_a_failure_that_does_not_come_back_is_logged_as_successful(opcode: int, parameters: bytes) -> None:
    log, end = log_and_end(logging(rule=FailAfter(0)), opcode, parameters)
    assert (log[9], word(log, 10)) == (0x81, 0x000B)
    assert (status(end), longword(end, 12), end[9]) == (0, 4096, ERLOG)


def test_without_error_recovery_the_first_failure_is_the_last() -> None:
    host = logging(rule=FailAfter(0))
    log, end = log_and_end(host, 0x21, extent(0, 4096), modifiers=0x0100)
    assert (log[9], status(end), longword(end, 12)) == (0x01, 0x000B, 0)
    assert status(host.read(0, 4096)) == 0


def test_without_error_recovery_what_came_before_the_guilty_block_counts() -> None:
    host = logging(rule=BadBlocks([7]))
    medium = host.controller.units[0].medium
    host.ram.write(DATA, b"\x33" * 4096)
    log, end = log_and_end(host, 0x22, extent(4, 4096), modifiers=0x0100)
    assert (word(log, 34), log[43]) == (0, 7)
    assert (status(end), longword(end, 12)) == (0x000B, 1536)
    assert medium is not None
    host.ram.write(DATA, bytes(2048))
    host.read(4, 1536)
    assert host.ram.read(DATA, 2048) == b"\x33" * 1536 + bytes(512)


def test_numbers_count_and_begin_anew_with_the_port() -> None:
    host = logging(rule=BadBlocks([0]))
    seen = [log_and_end(host, 0x21, extent(0, 512)) for _ in range(3)]
    assert [(word(log, 6), log[9], word(end, 6)) for log, end in seen] == [(1, 1, 1), (2, 0, 2), (3, 0, 3)]
    host.start()
    host.scc(THIS)
    host.online()
    log, _ = log_and_end(host, 0x21, extent(0, 512))
    assert (word(log, 6), log[9]) == (1, 1)


def test_the_number_after_65535_is_1_because_0_means_none() -> None:
    host = logging(rule=BadBlocks([0]))
    host.controller.servers[0].log_number = 65534
    numbers = [word(log_and_end(host, 0x21, extent(0, 512))[0], 6) for _ in range(2)]
    assert numbers == [65535, 1]


@pytest.mark.parametrize("flags", [0, OTHER, MISC])
def test_a_host_that_does_not_ask_gets_no_log_and_no_flag(flags: int) -> None:
    end = logging(flags, BadBlocks([0])).read(0, 512)
    assert (status(end), word(end, 6), end[9]) == (0x00E8, 0, 0)


def test_another_host_gets_what_it_asks_for_without_the_reference_number() -> None:
    controller = make_controller()
    rx33(controller)
    one, other, third = DumbHost(controller), DumbHost(controller), DumbHost(controller)
    for host, flags in ((one, 0), (other, OTHER), (third, THIS)):
        host.start()
        host.scc(flags)
    one.online()
    break_unit(one, BadBlocks([0]))
    end = one.read(0, 512)
    assert (status(end), end[9]) == (0x00E8, 0)
    (log,) = other.responses()
    assert (longword(log, 4), word(log, 8), word(log, 10), log[12]) == (0, 0, 1, 4)
    assert third.responses() == []


def test_a_port_that_dies_is_a_miscellaneous_event_for_the_other_hosts() -> None:
    controller = make_controller()
    rx33(controller)
    one, other = DumbHost(controller), DumbHost(controller)
    for host in (one, other):
        host.start()
        host.scc(MISC)
    one.put(bytes(12), envelope=bytes([12, 0, 0, 7]))
    one.poll()
    assert one.sa() == 0x800E
    (log,) = other.responses()
    assert log == bytes.fromhex(
        "18 00 10 00 00 00 00 00 00 00 01 00 00 01 0A 00 00 00 00 00 00 00 13 01 03 01 0E 00"
    )
    one.reset()
    assert other.responses() == []


def test_protection_and_comparison_are_no_errors_to_log() -> None:
    host = logging()
    assert host.transfer(0x20, 0, 512)[9] == 0
    host.ram.write(DATA, b"\x01" * 512)
    assert (status(end := host.transfer(0x20, 0, 512)), end[9]) == (0x0007, 0)
    host.ask(0x0A, 0, 4, words(0, 0x1000) + bytes(20))
    assert (status(end := host.write(0, 512)), end[9]) == (0x1006, 0)


def test_a_flush_that_fails_is_logged() -> None:
    log, end = log_and_end(logging(rule=DeadFrom(0)), 0x13, extent(0, 0))
    assert (word(log, 10), status(end), end[9]) == (0x000B, 0x000B, ERLOG)


def test_logs_that_the_host_leaves_no_room_for_are_lost_and_end_messages_are_not() -> None:
    host = logging(rule=BadBlocks([0]))
    for index in range(8):
        host.ram.write_longword(0x1008 + 4 * index, 0)
    for _ in range(6):
        host.send(0x21, parameters=extent(0, 512))
    for index in range(8):
        host.arm((host.response_next + index) % 8)
    host.port.read_register(IP, 2)
    seen = []
    for _ in range(3):
        seen += host.responses()
        host.run(10_000_000)
    assert [word(packet, 10) for packet in seen if packet[2] >> 4 == 1] == [1, 2, 3, 4]
    assert [word(packet, 10) for packet in seen if packet[2] >> 4 == 0] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("opcode", [0x21, 0x22])
def test_a_host_that_replaces_is_told_the_bad_block(opcode: int) -> None:
    controller = make_controller(replace(make_controller("kda50").firmware, controller_flags=0))
    drive = controller.firmware.drives["RA81"]
    controller.attach_unit(0, FaultyDevice(SparseBlocks(drive.block_count), [BadBlocks([44])]), drive)
    host = DumbHost(controller)
    host.start()
    assert word(host.online(), 14) & 0x8000 == 0
    end = host.transfer(opcode, 40, 4096)
    assert (end[9], longword(end, 28), longword(end, 12)) == (BBLKR, 44, 2048)
    end = host.transfer(opcode, 50, 4096)
    assert (end[9], status(end)) == (0, 0)


@pytest.mark.parametrize(("bad_unit", "event", "wanted"), [(0, 0x00E8, 0x809E), (1, 0x000B, 0x009E)])
def test_disk_copy_data_logs_the_unit_whose_medium_failed(bad_unit: int, event: int, wanted: int) -> None:
    controller = make_controller("hbvs-shadow")
    drive = controller.firmware.drives["RAUSER"].user_sized(1000)
    host = DumbHost(controller)
    host.start()
    host.scc(THIS)
    for number in (0, 1):
        controller.attach_unit(number, MemoryDevice(1000), drive)
        host.online(number)
    unit = controller.units[bad_unit]
    assert unit.medium is not None
    unit.medium = FaultyDevice(unit.medium, [BadBlocks([100])])
    copy = (127).to_bytes(4, "little") + bytes(44)
    host.send(0x0D, 1, 1, copy)
    log, end = host.responses()
    assert (word(log[4:], 4), word(log[4:], 10), longword(log[4:], 40)) == (bad_unit, event, 100)
    assert (status(end[4:]), end[4 + 9], word(end[4:], 6)) == (wanted, ERLOG, 1)


class Moody:
    """Fails the request with that number, once, without naming a block."""

    def __init__(self, number: int) -> None:
        self.left = number

    def on_request(self, request: BlockRequest) -> MediumError | None:
        self.left -= 1
        return MediumError("no reason given") if self.left == 0 else None


def test_a_comparison_that_had_to_read_twice_says_so() -> None:
    host = logging(rule=Moody(2))
    log, end = log_and_end(host, 0x21, extent(0, 1024), modifiers=0x4000)
    assert (log[9], status(end), end[9]) == (0x81, 0, ERLOG)


@pytest.mark.parametrize("symbols", [1, 8, 15])
@pytest.mark.parametrize("opcode", [0x21, 0x10, 0x20])
def test_a_block_that_can_be_corrected_is_and_the_log_counts_its_symbols(opcode: int, symbols: int) -> None:
    log, end = log_and_end(logging(rule=CorrectableBlocks({5: symbols})), opcode, extent(3, 4096))
    assert (log[9], word(log, 10)) == (0x81, 0x0108 + 0x20 * (symbols - 1))
    assert (status(end), longword(end, 12), end[9]) == (0, 4096, ERLOG)


@pytest.mark.parametrize("opcode", [0x21, 0x10, 0x20])
def test_without_error_correction_a_block_that_needs_it_is_an_error(opcode: int) -> None:
    host = logging(rule=CorrectableBlocks({5: 2}))
    log, end = log_and_end(host, opcode, extent(3, 4096), modifiers=0x0200)
    assert (log[9], word(log, 10)) == (0x01, 0x0128)
    assert (status(end), longword(end, 12), end[9]) == (0x0128, 1024, ERLOG)


def test_without_error_correction_a_failure_of_another_kind_is_still_recovered() -> None:
    log, end = log_and_end(logging(rule=FailAfter(0)), 0x21, extent(0, 4096), modifiers=0x0200)
    assert (log[9], status(end), longword(end, 12)) == (0x81, 0, 4096)


def test_several_blocks_are_corrected_in_one_transfer_each_with_its_log() -> None:
    host = logging(rule=CorrectableBlocks({5: 1, 6: 2, 9: 3}))
    host.send(0x21, parameters=extent(4, 4096))
    *logs, end = host.responses()
    assert sorted(word(log, 14) for log in logs) == [0x0108, 0x0128, 0x0148]
    assert (status(end[4:]), longword(end, 16), word(end, 10)) == (0, 4096, 3)
