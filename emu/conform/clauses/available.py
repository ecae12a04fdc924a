"""AVAILABLE."""

from emu.conform.clause import clause, expect, expect_in, expect_that
from emu.conform.host import Host
from emu.conform.target import Need


@clause("3.5")
def an_online_unit_becomes_available(host: Host) -> None:
    host.start_online()
    end = host.ask(0x08)
    expect("endcode", end.endcode, 0x88)
    expect("status", end.status, 0)
    expect("status of GET UNIT STATUS", host.ask(0x03).status, 0x0004)


@clause("3.5")
def its_end_message_has_12_bytes(host: Host) -> None:
    host.start_online()
    expect("length", host.ask(0x08).length, 12)


@clause("3.5")
def it_succeeds_on_an_available_unit(host: Host) -> None:
    host.start()
    expect("status", host.ask(0x08).status, 0)


@clause("3.5")
def an_unknown_unit_is_offline(host: Host) -> None:
    host.start()
    end = host.ask(0x08, host.facts.absent)
    expect("endcode", end.endcode, 0x88)
    expect("status", end.status, 0x0003)


@clause("3.5", Need.EMPTY_UNIT)
def a_drive_without_a_medium_is_offline_0023(host: Host) -> None:
    host.start()
    expect("status", host.ask(0x08, host.facts.empty).status, 0x0023)


@clause("3.5")
def it_clears_the_unit_flags(host: Host) -> None:
    host.start()
    host.online(flags=0x1000, modifiers=0x0004)
    host.ask(0x08)
    expect("unit flag WRTPS", host.online().u16(14) & 0x1000, 0)


@clause("3.5")
def a_transfer_afterwards_ends_with_0004(host: Host) -> None:
    host.start_online()
    host.ask(0x08)
    end = host.transfer(0x21, 0)
    expect("status", end.status, 0x0004)
    expect("byte count", end.byte_count, 0)


@clause("2.5")
def the_host_is_not_told_of_what_it_did_itself(host: Host) -> None:
    """No AVAILABLE attention for the host's own AVAILABLE."""
    host.start_online(flags=0x0080)
    host.idle(host.facts.attention_seconds)
    before = len(host.attentions(0x40))
    host.ask(0x08)
    host.idle(host.facts.attention_seconds)
    expect("AVAILABLE attention messages", len(host.attentions(0x40)) - before, 0)


@clause("3.5", Need.HOLDING)
def it_waits_for_earlier_commands(host: Host) -> None:
    host.start_online()
    host.operator.hold(host.facts.scratch)
    read = host.send(0x21, parameters=host.extent(0, 512))
    available = host.send(0x08)
    expect_that(host.end_of(available) is None, "AVAILABLE does not end before the READ in front of it")
    host.operator.release(host.facts.scratch)
    expect("status of READ", host.answer(read).status, 0)
    expect("status of AVAILABLE", host.answer(available).status, 0)


@clause("2.9", Need.HOLDING)
def what_comes_after_it_finds_the_unit_available(host: Host) -> None:
    host.start_online()
    host.operator.hold(host.facts.scratch)
    host.send(0x21, parameters=host.extent(0, 512))
    host.send(0x08)
    late = host.send(0x21, parameters=host.extent(0, 512))
    host.operator.release(host.facts.scratch)
    expect("status of the READ behind AVAILABLE", host.answer(late).status, 0x0004)


@clause("3.5", Need.REMOVABLE_UNIT, Need.LOADING)
def spin_down_unloads_a_removable_medium(host: Host) -> None:
    host.start()
    host.online(host.facts.removable)
    expect("status", host.ask(0x08, host.facts.removable, 0x0001).status, 0)
    expect("status of GET UNIT STATUS", host.ask(0x03, host.facts.removable).status, 0x0023)


@clause("2.6", Need.WHOLE_MSCP, open_question="a drive that can spin down may do so, and be offline")
def spin_down_of_a_fixed_disk_is_ignored_0020(host: Host) -> None:
    host.start_online()
    expect_in("status", host.ask(0x08, modifiers=0x0001).status, (0x0020,))
    expect("status of GET UNIT STATUS", host.ask(0x03).status, 0x0004)


@clause("3.5")
def dissolve_does_not_disturb_a_unit_without_a_shadow_set(host: Host) -> None:
    """ULT4 has the modifier as 0004, VMS as 0010."""
    for modifier in (0x0004, 0x0010):
        host.start_online()
        expect("status", host.ask(0x08, modifiers=modifier).status, 0)


@clause("2.5", Need.SECOND_HOST)
def it_ends_with_0040_while_another_host_has_the_unit(host: Host) -> None:
    other = host.second_host()
    other.start_online()
    host.start_online()
    expect("status", host.ask(0x08).status, 0x0040)


@clause("2.5", Need.SECOND_HOST)
def another_hosts_unit_stays_online(host: Host) -> None:
    other = host.second_host()
    other.start_online()
    host.start_online()
    host.ask(0x08)
    expect("status of the other host's READ", other.transfer(0x21, 0).status, 0)


@clause("2.3", Need.SECOND_HOST)
def with_allcd_the_unit_is_available_to_every_host(host: Host) -> None:
    other = host.second_host()
    other.start_online()
    host.start_online()
    expect("status", host.ask(0x08, modifiers=0x0002).status, 0)
    expect("status of the other host's GET UNIT STATUS", other.ask(0x03).status, 0x0004)
