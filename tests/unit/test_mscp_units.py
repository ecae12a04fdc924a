"""Unit states, characteristics, attention, two hosts on one controller.  Numbers are the spec's."""

from dataclasses import replace

import pytest

from emu.hw.firmware import Behaviour
from emu.media.memory import MemoryDevice
from emu.shells.firmware_files import load_firmware
from tests.dumb_host import (
    DumbHost,
    extent,
    longword,
    make_controller,
    rx33,
    started,
    status,
    word,
    words,
)

RQDX3 = load_firmware("rqdx3")


def test_set_controller_characteristics_answers_as_the_example() -> None:
    host = DumbHost(make_controller())
    host.start()
    assert host.scc(0xD0) == bytes.fromhex(
        "01 00 00 00 00 00 00 00 84 00 00 00 00 00 D0 80 78 00 03 01 00 00 00 00 00 00 13 01 00 00 00 00"
    )


def test_host_flags_are_replaced_and_reserved_ones_not_kept() -> None:
    host = started()
    assert word(host.scc(0xFFFF), 14) == 0x80F0
    assert word(host.scc(0x0010), 14) == 0x8010


def test_a_version_other_than_0_ends_as_an_unknown_opcode_does() -> None:
    host = started()
    end = host.scc(version=1)
    assert (len(end), end[8], status(end)) == (12, 0x80, 0x0C01)


@pytest.mark.parametrize("opcode", [0x00, 0x05, 0x14, 0x19, 0x23, 0x3F, 0x40, 0xFF])
def test_an_unknown_opcode_ends_with_endcode_80_alone(opcode: int) -> None:
    host = started()
    end = host.ask(opcode, 7)
    assert end == host.crf.to_bytes(4, "little") + bytes.fromhex("07 00 00 00 80 00 01 08")


def test_get_unit_status_answers_as_the_example() -> None:
    controller = make_controller()
    rd54 = controller.firmware.drives["RD54"]
    controller.attach_unit(1, MemoryDevice(311200), rd54, serial=1)
    host = DumbHost(controller)
    host.start()
    end = host.ask(0x03, 1, 1)
    example = bytes.fromhex(
        "02 00 00 00 01 00 00 00 83 00 04 00 01 00 00 80 00 00 00 00 01 00 00 00 00 00 0D 02 36 40 64 25"
        "01 00 00 00 11 00 0F 00 01 00 00 00 07 00"
    )
    assert end[4:46] == example[4:46]
    assert len(end) == 48


def test_the_walk_over_units_skips_gaps_and_ends_at_unit_0() -> None:
    controller = make_controller()
    for number in (0, 2, 9):
        rx33(controller, number)
    host = DumbHost(controller)
    host.start()
    found = [host.ask(0x03, number, 1) for number in (0, 1, 3, 10)]
    assert [(word(end, 4), status(end)) for end in found] == [(0, 4), (2, 4), (9, 4), (0, 4)]


def test_the_walk_ends_at_an_unknown_unit_0_where_there_is_none() -> None:
    controller = make_controller()
    rx33(controller, 3)
    host = DumbHost(controller)
    host.start()
    end = host.ask(0x03, 4, 1)
    assert (word(end, 4), status(end), end[12:32]) == (0, 0x0003, bytes(20))


def test_status_of_units_online_available_unloaded_and_unknown() -> None:
    host = started()
    rx33(host.controller, 1)
    rx33(host.controller, 2)
    host.controller.detach_unit(2)
    assert [status(host.ask(0x03, number)) for number in range(4)] == [0, 0x0004, 0x0023, 0x0003]
    assert longword(host.ask(0x03, 2), 28) == 0x25658021, "the drive is known without its medium"


def test_online_twice_succeeds_and_changes_no_flags() -> None:
    host = started()
    again = host.online(flags=0x0003)
    assert (status(again), word(again, 14) & 3) == (0x0100, 0)


def test_online_tells_size_media_and_flags() -> None:
    controller = make_controller()
    rx33(controller, 1, serial=0x123456789ABC)
    host = DumbHost(controller)
    host.start()
    end = host.online(1, 0x1000, 4)
    assert len(end) == 44
    assert (end[8], status(end), word(end, 12), word(end, 14)) == (0x89, 0, 1, 0x9080)
    assert end[20:28] == bytes.fromhex("BC 9A 78 56 34 12 0A 02")
    assert (longword(end, 28), word(end, 32), longword(end, 36)) == (0x25658021, 1, 2400)


def test_write_protect_by_software_counts_only_with_its_modifier() -> None:
    host = started()
    assert word(host.ask(0x0A, 0, 0, words(0, 0x1000) + bytes(20)), 14) & 0x1000 == 0
    assert word(host.ask(0x0A, 0, 4, words(0, 0x1000) + bytes(20)), 14) & 0x1000
    assert word(host.ask(0x0A, 0, 0, words(0, 0) + bytes(20)), 14) & 0x1000, "not named, not changed"
    assert status(host.write(0, 512)) == 0x1006


def test_software_protection_is_seen_before_hardware() -> None:
    controller = make_controller()
    rx33(controller, write_protect_switch=True)
    host = DumbHost(controller)
    host.start()
    assert word(host.online(0, 0x1000, 4), 14) & 0x3000 == 0x3000
    assert status(host.write(0, 512)) == 0x1006
    host.ask(0x0A, 0, 4, words(0, 0) + bytes(20))
    assert status(host.write(0, 512)) == 0x2006
    assert status(host.transfer(0x12, 0, 512)) == 0x2006
    assert status(host.read(0, 512)) == 0
    assert status(host.write(2400, 512)) == 0x1C01, "the extent is checked first"


def test_available_lets_the_unit_go_and_clears_its_flags() -> None:
    host = started()
    host.ask(0x0A, 0, 4, words(0, 0x1003) + bytes(20))
    assert status(host.ask(0x08)) == 0
    assert status(host.read(0, 512)) == 0x0004
    assert word(host.ask(0x03), 14) & 0x1003 == 0
    assert status(host.ask(0x08)) == 0, "and again"


def test_spin_down_unloads_what_can_be_unloaded() -> None:
    host = started()
    assert status(host.ask(0x08, 0, 1)) == 0
    assert status(host.online()) == 0x0023
    rd = host.controller.firmware.drives["RD31"]
    host.controller.attach_unit(1, MemoryDevice(41560), rd)
    assert status(host.ask(0x08, 1, 1)) == 0x0020


@pytest.mark.parametrize("opcode", [0x08, 0x09, 0x0A, 0x0B, 0x10, 0x11, 0x12, 0x13, 0x20, 0x21, 0x22])
def test_an_unknown_unit_is_offline_for_every_command(opcode: int) -> None:
    host = started()
    end = host.ask(opcode, 77, 0, extent(0, 512) + bytes(8))
    assert (end[8], status(end), word(end, 4)) == (opcode | 0x80, 0x0003, 77)


def test_determine_access_paths_succeeds() -> None:
    assert status(started().ask(0x0B)) == 0


def test_a_unit_that_arrives_is_announced_to_those_who_asked() -> None:
    host = started()
    rx33(host.controller, 1)
    assert host.take() is None
    host.scc(0x80)
    rx33(host.controller, 2, serial=5)
    assert host.take() == bytes.fromhex(
        "20 00 00 00 00 00 00 00 02 00 00 00 40 00 00 00 02 00 80 80 00 00 00 00"
        "05 00 00 00 00 00 0A 02 21 80 65 25"
    )


def test_a_medium_taken_away_and_put_back() -> None:
    host = started()
    host.scc(0x80)
    medium = host.controller.detach_unit(0)
    assert status(host.read(0, 512)) == 0x0023
    host.controller.load_unit(0, medium)
    assert host.take() is not None
    assert status(host.read(0, 512)) == 0x0004
    assert status(host.online()) == 0


def test_a_medium_must_be_large_enough_and_a_number_free() -> None:
    controller = make_controller()
    drive = controller.firmware.drives["RX33"]
    with pytest.raises(ValueError, match="an RX33 has 2400 blocks, the medium for unit 0 only 2399"):
        controller.attach_unit(0, MemoryDevice(2399), drive)
    rx33(controller)
    with pytest.raises(ValueError, match="unit 0 is there already"):
        rx33(controller)
    for number in (1, 2, 3):
        rx33(controller, number)
    with pytest.raises(ValueError, match="4 units are all"):
        rx33(controller, 4)
    with pytest.raises(ValueError, match="no medium in unit 9"):
        controller.detach_unit(9)


def test_strict_firmware_refuses_an_unknown_modifier() -> None:
    strict = replace(RQDX3, behaviour=RQDX3.behaviour | Behaviour.STRICT_MODIFIERS)
    host = started(strict)
    end = host.ask(0x21, 0, 1, extent(0, 512))
    assert (end[8], status(end)) == (0xA1, 0x0A01)
    assert status(started().ask(0x21, 0, 1, extent(0, 512))) == 0


def test_identifiers_differ_between_units_and_controllers() -> None:
    seen = set()
    for serial in (1, 2):
        controller = make_controller(serial=serial)
        for number in (0, 1):
            rx33(controller, number)
            seen.add(controller.units[number].identifier)
    assert len(seen) == 4


def test_two_hosts_on_one_controller_each_have_their_own_online_units() -> None:
    controller = make_controller()
    rx33(controller)
    one, other = DumbHost(controller), DumbHost(controller)
    one.start()
    other.start()
    assert word(one.scc(0), 14) == 0x8004, "the multi-host flag"
    other.scc(0)
    one.online()
    assert status(other.read(0, 512)) == 0x0004
    other.online(0, 0x1000, 4)
    assert status(other.write(0, 512)) == 0x1006
    assert status(one.write(0, 512)) == 0
    assert status(one.ask(0x08)) == 0x0040, "still connected"
    one.online()
    one.reset()
    assert status(other.read(0, 512)) == 0
    assert status(other.ask(0x08, 0, 2)) == 0
