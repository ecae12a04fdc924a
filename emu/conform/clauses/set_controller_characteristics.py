"""SET CONTROLLER CHARACTERISTICS."""

from emu.conform.clause import clause, expect, expect_in, expect_that
from emu.conform.host import Host
from emu.conform.numbers import words
from emu.conform.target import Need


@clause("3.4")
def its_end_message_has_32_bytes(host: Host) -> None:
    """28 in the older form of VMS's server."""
    expect_in("length", host.start().length, (28, 32))


@clause("3.4")
def it_succeeds(host: Host) -> None:
    expect("status", host.start().status, 0)


@clause("3.4")
def the_version_it_reports_is_zero(host: Host) -> None:
    expect("MSCP version", host.start().u16(12), 0)


@clause("3.4")
def another_version_is_refused_with_0c01(host: Host) -> None:
    host.initialise()
    expect("status", host.ask(0x04, parameters=words(1) + bytes(18)).status, 0x0C01)


@clause("3.4")
def a_refused_version_changes_no_flags(host: Host) -> None:
    host.start(0x00D0)
    host.ask(0x04, parameters=words(1, 0) + bytes(16))
    end = host.start(0)
    expect("host's flags after an initialisation", end.u16(14) & 0x00F0, 0)


@clause("3.4")
def the_hosts_flags_come_back(host: Host) -> None:
    """ATTN, MISC, THIS, as VMS and BSD send them."""
    expect("host's flags", host.start(0x00D0).u16(14) & 0x00F0, 0x00D0)


@clause("3.4")
def flags_are_replaced_not_added(host: Host) -> None:
    host.start(0x00F0)
    end = host.ask(0x04, parameters=words(0, 0x0010) + bytes(16))
    expect("host's flags", end.u16(14) & 0x00F0, 0x0010)


@clause("2.4")
def flags_that_the_host_may_not_set_do_not_come_back(host: Host) -> None:
    before = host.start(0).u16(14)
    end = host.ask(0x04, parameters=words(0, 0x4F0F) + bytes(16))
    expect("controller flags", end.u16(14), before)


@clause("3.4")
def it_may_be_repeated_at_any_time(host: Host) -> None:
    host.start_online()
    for flags in (0x0010, 0x0080, 0x0000):
        expect("status", host.ask(0x04, parameters=words(0, flags) + bytes(16)).status, 0)


@clause("3.4")
def it_does_not_touch_units(host: Host) -> None:
    host.start()
    host.online(flags=0x1000, modifiers=0x0004)
    host.ask(0x04, parameters=bytes(20))
    end = host.ask(0x03)
    expect("status of GET UNIT STATUS", end.status, 0)
    expect("unit flag WRTPS", end.u16(14) & 0x1000, 0x1000)


@clause("2.12")
def the_controller_identifier_has_class_1(host: Host) -> None:
    expect("class", host.start().u8(27), 1)


@clause("1.16")
def the_controller_identifier_has_the_model(host: Host) -> None:
    expect("model", host.start().u8(26), host.facts.model)


@clause("2.12")
def the_controller_identifier_is_unique(host: Host) -> None:
    """Two units with one identifier on two controllers are one dual-ported drive: 0 is not unique."""
    expect_that(host.start().u64(20) & 0xFFFFFFFFFFFF, "the unique part of the identifier is not zero")


@clause("3.4")
def the_controller_identifier_stays_the_same(host: Host) -> None:
    before = host.start().u64(20)
    expect("controller identifier", host.start().u64(20), before)


@clause("2.4", Need.CONTROLLER_REPLACES)
def a_controller_that_replaces_bad_blocks_sets_replc(host: Host) -> None:
    expect("flag REPLC", host.start().u16(14) & 0x8000, 0x8000)


@clause("2.4", Need.REPLACE)
def a_controller_that_leaves_replacement_to_the_host_does_not_set_replc(host: Host) -> None:
    expect("flag REPLC", host.start().u16(14) & 0x8000, 0)


@clause("2.4", Need.DISK_COPY_DATA)
def a_controller_that_copies_sets_ldcd(host: Host) -> None:
    expect("flag LDCD", host.start().u16(14) & 0x0008, 0x0008)


@clause("2.4", Need.SECOND_HOST)
def a_controller_with_two_hosts_sets_mlths(host: Host) -> None:
    host.second_host().start()
    expect("flag MLTHS", host.start().u16(14) & 0x0004, 0x0004)


@clause("2.5")
def commands_work_without_it(host: Host) -> None:
    """Boot programs never send it."""
    host.initialise()
    host.online()
    expect("status of READ", host.transfer(0x21, 0).status, 0)


@clause("3.4")
def a_time_and_date_do_not_disturb(host: Host) -> None:
    host.initialise()
    end = host.ask(0x04, parameters=words(0, 0, 0, 0) + bytes.fromhex("00408cf2d3a79b00") + bytes(4))
    expect("status", end.status, 0)


@clause("3.4", Need.HOLDING)
def it_is_answered_while_a_unit_is_busy(host: Host) -> None:
    host.start_online()
    host.operator.hold(host.facts.scratch)
    host.send(0x21, parameters=host.extent(0, 512))
    host.send(0x09, parameters=bytes(24))
    expect("status", host.ask(0x04, parameters=bytes(20)).status, 0)
