"""FORMAT, standard and RQDX3's.  Numbers are the spec's."""

import pytest

from emu.media.faulty import BadBlocks, FaultyDevice, Hold
from emu.media.memory import MemoryDevice
from tests.dumb_host import DATA, DumbHost, longword, longwords, make_controller, started, status, word

FORMAT, FORMAT_RX33 = 0x18, 0x2F
MAGIC = 0x80000000


def function(value: int) -> bytes:
    return longwords(0, 0, 0, 0, value)


def available() -> DumbHost:
    """Make a host that has written to its RX33 and let it go."""
    host = started()
    host.ram.write(DATA, b"\x55" * 1024)
    host.write(0, 512)
    host.write(2399, 512)
    host.write(5, 512, modifiers=0x1000)
    host.ask(0x08)
    return host


def standard() -> DumbHost:
    controller = make_controller("hbvs-shadow")
    drive = controller.firmware.drives["RAUSER"].user_sized(100)
    medium = MemoryDevice(100)
    controller.attach_unit(0, medium, drive)
    host = DumbHost(controller)
    host.start()
    host.scc()
    return host


def test_an_rx33_is_blank_after_its_format_and_free_of_forced_errors() -> None:
    host = available()
    end = host.ask(FORMAT_RX33, parameters=function(MAGIC))
    assert (len(end), end[8], status(end)) == (12, 0xAF, 0)
    host.online()
    for lbn in (0, 2399, 5):
        assert status(host.read(lbn, 512)) == 0
        assert host.ram.read(DATA, 512) == bytes(512)


def test_format_of_an_online_unit_makes_it_available_and_formats_nothing() -> None:
    host = started()
    host.ram.write(DATA, b"\x55" * 512)
    host.write(0, 512)
    assert status(host.ask(FORMAT_RX33, parameters=function(MAGIC))) == 0x0404
    assert status(host.ask(0x03)) == 0x0004
    host.online()
    host.ram.write(DATA, bytes(512))
    assert status(host.read(0, 512)) == 0
    assert host.ram.read(DATA, 512) == b"\x55" * 512


def test_a_unit_that_another_host_has_online_is_left_to_it() -> None:
    host = available()
    other = DumbHost(host.controller)
    other.start()
    other.scc()
    other.online()
    assert status(host.ask(FORMAT_RX33, parameters=function(MAGIC))) == 0x0404
    assert status(other.read(0, 512)) == 0


def test_without_the_bit_that_nobody_sets_by_chance_the_function_is_invalid() -> None:
    assert status(available().ask(FORMAT_RX33, parameters=function(0))) == 0x1C01


def test_another_drive_does_not_know_the_command() -> None:
    controller = make_controller()
    controller.attach_unit(0, MemoryDevice(800), controller.firmware.drives["RX50"])
    host = DumbHost(controller)
    host.start()
    end = host.ask(FORMAT_RX33, parameters=function(MAGIC))
    assert (end[8], status(end)) == (0x80, 0x0801)


def test_what_cannot_be_formatted_says_why() -> None:
    host = available()
    unit = host.controller.units[0]
    unit.write_protect_switch = True
    assert status(host.ask(FORMAT_RX33, parameters=function(MAGIC))) == 0x2006
    host.controller.detach_unit(0)
    assert status(host.ask(FORMAT_RX33, parameters=function(MAGIC))) == 0x0023
    assert status(host.ask(FORMAT_RX33, 7, parameters=function(MAGIC))) == 0x0003


def test_format_is_sequential() -> None:
    host, hold = available(), Hold()
    unit = host.controller.units[0]
    assert unit.medium is not None
    unit.medium = FaultyDevice(unit.medium, [hold])
    first = host.send(FORMAT_RX33, parameters=function(MAGIC))
    online = host.send(0x09, parameters=bytes(24))
    assert host.responses() == []
    hold.release()
    assert [longword(packet, 4) for packet in host.responses()] == [first, online]


def test_a_format_that_fails_is_logged() -> None:
    host = available()
    host.scc(0x10)
    unit = host.controller.units[0]
    assert unit.medium is not None
    unit.medium = FaultyDevice(unit.medium, [BadBlocks([77])])
    host.send(FORMAT_RX33, parameters=function(MAGIC))
    log, end = host.responses()
    assert (status(end[4:]), end[13], word(end, 10)) == (0x000B, 0x20, 1)
    assert (log[12], word(log, 14)) == (4, 0x000B)


def test_the_standard_opcode_takes_the_default_function_on_any_drive() -> None:
    host = standard()
    end = host.ask(FORMAT, parameters=function(0))
    assert (len(end), end[8], status(end)) == (12, 0x98, 0)


@pytest.mark.parametrize("value", [1, 2, 282, 3])
def test_the_standard_opcode_refuses_a_function_of_another_drive(value: int) -> None:
    assert status(standard().ask(FORMAT, parameters=function(value))) == 0x1C01


def test_an_rqdx3_has_no_standard_format_and_a_kda50_none_at_all() -> None:
    assert status(available().ask(FORMAT, parameters=function(0))) == 0x0801
    controller = make_controller("kda50")
    host = DumbHost(controller)
    host.start()
    for opcode in (FORMAT, FORMAT_RX33):
        assert status(host.ask(opcode, parameters=function(0))) == 0x0801
