"""ONLINE."""

from emu.conform.clause import clause, expect, expect_in, expect_that
from emu.conform.host import Host
from emu.conform.numbers import longwords, words
from emu.conform.target import Need


@clause("3.6")
def an_available_unit_comes_online(host: Host) -> None:
    host.start()
    end = host.ask(0x09, parameters=bytes(24))
    expect("endcode", end.endcode, 0x89)
    expect("status", end.status, 0)


@clause("3.6")
def its_end_message_has_44_bytes(host: Host) -> None:
    host.start()
    expect("length", host.online().length, 44)


@clause("2.5")
def an_online_unit_is_already_online(host: Host) -> None:
    host.start_online()
    expect("status", host.ask(0x09, parameters=bytes(24)).status, 0x0100)


@clause("2.5")
def a_second_online_does_not_change_the_unit_flags(host: Host) -> None:
    host.start()
    host.online(flags=0x1000, modifiers=0x0004)
    end = host.ask(0x09, modifiers=0x0004, parameters=words(0, 0) + bytes(20))
    expect("unit flag WRTPS in the end message", end.u16(14) & 0x1000, 0x1000)
    expect("unit flag WRTPS afterwards", host.ask(0x03).u16(14) & 0x1000, 0x1000)


@clause("3.6")
def an_unknown_unit_is_offline(host: Host) -> None:
    host.start()
    end = host.ask(0x09, host.facts.absent, parameters=bytes(24))
    expect("endcode", end.endcode, 0x89)
    expect("status", end.status, 0x0003)


@clause("3.6", Need.EMPTY_UNIT)
def a_drive_without_a_medium_is_offline_0023(host: Host) -> None:
    host.start()
    expect("status", host.ask(0x09, host.facts.empty, parameters=bytes(24)).status, 0x0023)


@clause("3.6")
def it_reports_the_unit_size(host: Host) -> None:
    """The last block of that size can be read, the one behind it is no LBN of the unit."""
    host.start()
    size = host.online().u32(36)
    expect_that(size > 0, "the unit size is not zero")
    expect("status of READ of the last block", host.transfer(0x21, size - 1).status, 0)
    expect_in(
        "status code of a READ of two blocks there", host.transfer(0x21, size - 1, 1024).status & 0x1F, (1,)
    )


@clause("3.6")
def a_second_online_reports_the_unit_size_too(host: Host) -> None:
    host.start()
    size = host.online().u32(36)
    expect("unit size", host.online().u32(36), size)


@clause("3.6")
def it_identifies_the_unit_as_get_unit_status_does(host: Host) -> None:
    host.start()
    status = host.ask(0x03)
    end = host.online()
    expect("multi-unit code", end.u16(12), status.u16(12))
    expect("unit identifier", end.u64(20), status.u64(20))
    expect("media identifier", end.u32(28), status.u32(28))


@clause("3.6")
def the_shadow_unit_is_the_unit_itself(host: Host) -> None:
    host.start()
    end = host.online()
    expect("shadow unit", end.u16(32), host.facts.scratch)
    expect("shadow status", end.u16(34), 0)


@clause("2.4")
def software_write_protect_is_taken_with_stwrp(host: Host) -> None:
    host.start()
    expect("unit flag WRTPS", host.online(flags=0x1000, modifiers=0x0004).u16(14) & 0x1000, 0x1000)


@clause("2.4")
def software_write_protect_is_not_taken_without_stwrp(host: Host) -> None:
    host.start()
    expect("unit flag WRTPS", host.online(flags=0x1000).u16(14) & 0x1000, 0)


@clause("2.4", Need.WHOLE_MSCP)
def compare_flags_are_taken_as_they_come(host: Host) -> None:
    host.start()
    expect("unit flags CMPRD and CMPWR", host.online(flags=0x0003).u16(14) & 0x0003, 0x0003)


@clause("2.4")
def flags_that_the_host_may_not_set_are_not_taken(host: Host) -> None:
    """Hosts echo them: VMS sends 8000."""
    host.start()
    before = host.ask(0x03).u16(14)
    end = host.online(flags=0xA384)
    expect("unit flags", end.u16(14), before)


@clause("2.3")
def an_unknown_modifier_is_forgiven(host: Host) -> None:
    """Hosts in the field set bits a given controller does not know; no controller seen refuses one."""
    host.start()
    expect("status", host.ask(0x09, modifiers=0x0001, parameters=bytes(24)).status, 0)


@clause("2.5", Need.OTHER_UNIT)
def it_concerns_the_unit_that_it_names(host: Host) -> None:
    host.start_online()
    expect("status of the other unit", host.ask(0x03, host.facts.other).status, 0x0004)


@clause("2.5", Need.OTHER_UNIT)
def several_units_may_be_online(host: Host) -> None:
    host.start_online()
    host.online(host.facts.other)
    for unit in (host.facts.scratch, host.facts.other):
        expect(f"status of READ from unit {unit}", host.transfer(0x21, 0, unit=unit).status, 0)


@clause("3.6", Need.LOCKED_UNIT)
def a_locked_unit_comes_online_and_shows_wrtph(host: Host) -> None:
    host.start()
    end = host.online(host.facts.locked)
    expect("unit flag WRTPH", end.u16(14) & 0x2000, 0x2000)


@clause("3.6")
def an_excluded_extent_does_not_disturb(host: Host) -> None:
    host.start()
    parameters = words(0, 0, 0, 0) + longwords(5, 9, 0)
    expect("status", host.ask(0x09, parameters=parameters).status, 0)


@clause("3.6")
def a_volume_serial_number_stays_the_same(host: Host) -> None:
    host.start()
    before = host.online().u32(40)
    host.start()
    expect("volume serial number", host.online().u32(40), before)


@clause("2.5", Need.LOADING)
def a_medium_that_was_loaded_comes_online(host: Host) -> None:
    host.start_online()
    host.operator.unload(host.facts.scratch)
    expect("status without it", host.ask(0x09, parameters=bytes(24)).status, 0x0023)
    host.operator.load(host.facts.scratch)
    expect("status with it", host.ask(0x09, parameters=bytes(24)).status, 0)
