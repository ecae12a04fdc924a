"""Several hosts, several controllers, several drives with one number: who may have a unit.  Numbers are the spec's."""

import pytest

from emu.core.clock import SECOND_NS, Scheduler
from emu.core.trace import Tracer
from emu.hw.mscp.controller import Controller
from emu.media.faulty import FaultyDevice, Hold
from emu.media.memory import MemoryDevice
from emu.shells.firmware_files import load_firmware
from tests.dumb_host import (
    DumbHost,
    extent,
    longword,
    make_controller,
    rx33,
    status,
    word,
    words,
)

ATTN = 0x80
EXCAC, EXACC = 0x20, 0x0400


def two_hosts() -> tuple[DumbHost, DumbHost]:
    """Make two hosts of one controller that listen to attentions, with unit 0 available."""
    controller = make_controller()
    rx33(controller)
    hosts = DumbHost(controller), DumbHost(controller)
    for host in hosts:
        host.start()
        host.scc(ATTN)
    return hosts


def two_controllers() -> tuple[DumbHost, DumbHost]:
    """Make two controllers, a host each, and a drive with a port at both: unit 0 here, unit 3 there."""
    clock, tracer, firmware = Scheduler(), Tracer(), load_firmware("kda50")
    drive = firmware.drives["RAUSER"].user_sized(100)
    controllers = [Controller(clock, tracer, name, firmware, serial) for serial, name in enumerate("AB", 1)]
    one, other = controllers
    unit = one.attach_unit(0, MemoryDevice(100), drive)
    other.attach_path(unit, one, 3)
    hosts = DumbHost(one), DumbHost(other)
    for host in hosts:
        host.start()
        host.scc(ATTN)
    return hosts


def attentions(host: DumbHost) -> list[tuple[int, int, int]]:
    """Opcode, unit and reference number of what a host is told without having asked."""
    return [(packet[12], word(packet, 8), longword(packet, 4)) for packet in host.responses()]


# ---- duplicate unit numbers


def test_two_drives_with_one_number_are_offline_and_the_host_is_told() -> None:
    host, _ = two_hosts()
    rx33(host.controller, 1, serial=0x51)
    host.responses()
    host.online()
    host.controller.change_number(1, 0)
    assert host.take() == bytes.fromhex(
        "20 00 00 00 00 00 00 00 00 00 00 00 41 00 00 00 00 00 80 80 00 00 00 00"
        "51 00 00 00 00 00 0A 02 21 80 65 25"
    )
    assert status(host.ask(0x03)) == 0x0083
    assert status(host.online()) == 0x0083
    assert status(host.read(0, 512)) == 0x0083
    assert status(host.ask(0x03, 1)) == 0x0003


def test_outstanding_commands_end_when_a_number_is_doubled() -> None:
    host, _ = two_hosts()
    rx33(host.controller, 1)
    host.responses()
    host.online()
    unit = host.controller.units[0]
    assert unit.medium is not None
    unit.medium = FaultyDevice(unit.medium, [Hold()])
    host.send(0x21, parameters=extent(0, 512))
    host.controller.change_number(1, 0)
    end, attention = host.responses()
    assert (end[12], status(end[4:]), attention[12]) == (0xA1, 0x0083, 0x41)


def test_both_drives_become_available_when_the_number_is_one_drive_s_again() -> None:
    host, _ = two_hosts()
    rx33(host.controller, 1)
    host.controller.change_number(1, 0)
    host.responses()
    host.controller.change_number(0, 2)
    assert attentions(host) == [(0x40, 0, 0), (0x40, 2, 0)]
    assert [status(host.online(number)) for number in (0, 1, 2)] == [0, 0x0003, 0]


def test_of_three_drives_with_one_number_two_stay_offline() -> None:
    host, _ = two_hosts()
    for number in (1, 2):
        rx33(host.controller, number)
        host.controller.change_number(number, 0)
    host.responses()
    host.controller.change_number(0, 5)
    assert attentions(host) == [(0x40, 5, 0)]
    assert status(host.ask(0x03)) == 0x0083


def test_a_number_plug_needs_a_drive_and_a_number() -> None:
    controller = make_controller()
    rx33(controller)
    with pytest.raises(ValueError, match="there is no unit 4"):
        controller.change_number(4, 5)
    with pytest.raises(ValueError, match="out of range"):
        controller.change_number(0, 0x4000)


# ---- two ports of a drive


def test_a_dual_ported_drive_is_online_to_one_controller_at_a_time() -> None:
    one, other = two_controllers()
    assert [status(one.ask(0x03)), status(other.ask(0x03, 3))] == [4, 4]
    assert one.online()[20:28] == other.ask(0x03, 3)[20:28], "one drive has one identifier"
    assert status(other.ask(0x03, 3)) == 0x0003
    assert status(other.online(3)) == 0x0003
    assert attentions(other) == []
    assert status(one.ask(0x08)) == 0
    assert attentions(other) == [(0x40, 3, 0)]
    assert attentions(one) == []
    assert status(other.online(3)) == 0
    assert status(one.online()) == 0x0003


def test_a_controller_that_loses_its_host_gives_the_drive_back() -> None:
    one, other = two_controllers()
    one.online()
    one.reset()
    assert attentions(other) == [(0x40, 3, 0)]
    assert status(other.online(3)) == 0


def test_determine_access_paths_is_answered_by_the_other_controller_s_attention() -> None:
    one, other = two_controllers()
    one.online()
    assert status(one.ask(0x0B)) == 0
    (path,) = other.responses()
    assert (path[:4], path[12], word(path, 8), path[24:32]) == (
        bytes.fromhex("20 00 00 00"),
        0x42,
        3,
        one.ask(0x03)[20:28],
    )
    assert attentions(one) == []


def test_what_is_written_through_one_port_is_read_through_the_other() -> None:
    one, other = two_controllers()
    one.online()
    one.ram.write(0x10000, b"\x42" * 512)
    one.write(9, 512)
    one.ask(0x08)
    other.responses()
    other.online(3)
    assert status(other.read(9, 512, unit=3)) == 0
    assert other.ram.read(0x10000, 512) == b"\x42" * 512


def test_a_medium_comes_and_goes_for_both_ports() -> None:
    one, other = two_controllers()
    medium = other.controller.detach_unit(3)
    assert [status(one.ask(0x03)), status(other.ask(0x03, 3))] == [0x23, 0x23]
    one.controller.load_unit(0, medium)
    assert (attentions(one), attentions(other)) == ([(0x40, 0, 0)], [(0x40, 3, 0)])
    one.online()
    assert status(other.online(3)) == 0x0003


def test_a_drive_has_two_ports_and_no_more() -> None:
    one, _ = two_controllers()
    third = make_controller("kda50")
    with pytest.raises(ValueError, match="no port left"):
        third.attach_path(one.controller.units[0], one.controller)


# ---- exclusive access


def test_exclusive_access_keeps_the_others_off() -> None:
    one, other = two_hosts()
    end = one.online(flags=EXACC, modifiers=EXCAC)
    assert (status(end), word(end, 14) & EXACC) == (0, EXACC)
    assert [status(other.ask(0x03)), status(other.online()), status(other.read(0, 512))] == [0x0203] * 3
    assert status(other.ask(0x08, 0, 2)) == 0x0203, "not even AVAILABLE for all class drivers"
    assert status(one.read(0, 512)) == 0


def test_exclusive_access_is_not_to_be_had_while_others_are_online() -> None:
    one, other = two_hosts()
    other.online()
    assert status(one.online(flags=EXACC, modifiers=EXCAC)) == 0x0404
    assert status(one.online()) == 0
    assert status(one.ask(0x0A, 0, EXCAC, words(0, EXACC) + bytes(20))) == 0x0404
    other.ask(0x08)
    end = one.ask(0x0A, 0, EXCAC, words(0, EXACC) + bytes(20))
    assert (status(end), word(end, 14) & EXACC) == (0, EXACC)


def test_the_flag_without_its_modifier_claims_nothing() -> None:
    one, other = two_hosts()
    assert word(one.online(flags=EXACC), 14) & EXACC == 0
    assert status(other.online()) == 0


@pytest.mark.parametrize("how", ["AVAILABLE", "SET UNIT CHARACTERISTICS", "reset"])
def test_exclusive_access_ends_and_the_others_are_told(how: str) -> None:
    one, other = two_hosts()
    one.online(flags=EXACC, modifiers=EXCAC)
    if how == "AVAILABLE":
        one.ask(0x08)
    elif how == "reset":
        one.reset()
    else:
        assert status(one.ask(0x0A, 0, EXCAC, words(0, 0) + bytes(20))) == 0
    assert attentions(other) == [(0x40, 0, 0)]
    assert status(other.online()) == 0


# ---- AVAILABLE among hosts


def test_available_for_all_class_drivers_is_announced_to_those_who_lose_the_unit() -> None:
    one, other = two_hosts()
    one.online()
    other.online()
    assert status(one.ask(0x08, 0, 2)) == 0
    assert attentions(other) == [(0x40, 0, 0)]
    assert attentions(one) == []
    assert status(other.read(0, 512)) == 0x0004


def test_a_unit_does_not_spin_down_under_another_host() -> None:
    one, other = two_hosts()
    one.online()
    other.online()
    assert status(one.ask(0x08, 0, 1)) == 0x0040
    assert status(other.read(0, 512)) == 0
    assert status(other.ask(0x08, 0, 1)) == 0
    assert status(one.online()) == 0x0023


@pytest.mark.parametrize("modifier", [0x0004, 0x0010])
def test_dissolving_a_shadow_set_that_is_none_is_plain_available(modifier: int) -> None:
    one, _ = two_hosts()
    one.online()
    assert status(one.ask(0x08, 0, modifier)) == 0
    assert status(one.read(0, 512)) == 0x0004


# ---- host timeouts of several hosts


def test_a_silent_host_loses_what_it_has_and_the_other_keeps_its_own() -> None:
    one, other = two_hosts()
    rx33(one.controller, 1)
    one.responses(), other.responses()
    one.scc(ATTN, timeout=10)
    other.scc(ATTN, timeout=0)
    one.online(0, flags=EXACC, modifiers=EXCAC)
    one.online(1)
    other.online(1)
    assert status(other.online(0)) == 0x0203
    other.run(11 * SECOND_NS)
    assert one.sa() == 0, "two seconds of grace"
    other.run(2 * SECOND_NS)
    assert one.sa() == 0x8009
    assert attentions(other) == [(0x40, 0, 0)], "the unit it had for itself is there for the others"
    assert status(other.ask(0x03, 1)) == 0, "what was shared is still online here"
    assert status(other.online(0)) == 0


def test_a_silent_host_gives_a_drive_back_to_the_controller_at_its_other_port() -> None:
    one, other = two_controllers()
    one.scc(ATTN, timeout=5)
    other.scc(ATTN, timeout=0)
    one.online(0)
    assert status(other.online(3)) == 0x0003
    other.run(8 * SECOND_NS)
    assert attentions(other) == [(0x40, 3, 0)]
    assert status(other.online(3)) == 0
