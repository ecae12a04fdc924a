"""SET UNIT CHARACTERISTICS."""

from emu.conform.clause import clause, expect, expect_that
from emu.conform.host import Host, Message
from emu.conform.numbers import words
from emu.conform.target import Need


def _set(host: Host, flags: int, modifiers: int = 0, unit: int | None = None) -> Message:
    return host.ask(0x0A, unit, modifiers, words(0, flags) + bytes(20))


@clause("3.7")
def it_succeeds_on_an_online_unit(host: Host) -> None:
    host.start_online()
    end = _set(host, 0)
    expect("endcode", end.endcode, 0x8A)
    expect("status", end.status, 0)


@clause("3.7")
def its_end_message_has_44_bytes(host: Host) -> None:
    host.start_online()
    expect("length", _set(host, 0).length, 44)


@clause("3.7")
def it_succeeds_on_an_available_unit(host: Host) -> None:
    """RQDX3; and the unit stays available."""
    host.start()
    expect("status", _set(host, 0).status, 0)
    expect("status of GET UNIT STATUS", host.ask(0x03).status, 0x0004)


@clause("3.7")
def an_unknown_unit_is_offline(host: Host) -> None:
    host.start()
    expect("status", _set(host, 0, unit=host.facts.absent).status, 0x0003)


@clause("3.7", Need.EMPTY_UNIT)
def a_drive_without_a_medium_is_offline_0023(host: Host) -> None:
    host.start()
    expect("status", _set(host, 0, unit=host.facts.empty).status, 0x0023)


@clause("3.7")
def it_sets_software_write_protect(host: Host) -> None:
    host.start_online()
    expect("unit flag WRTPS", _set(host, 0x1000, 0x0004).u16(14) & 0x1000, 0x1000)
    expect("status of WRITE", host.transfer(0x22, 0).status, 0x1006)


@clause("3.7", changes_data=True)
def it_clears_software_write_protect(host: Host) -> None:
    host.start()
    host.online(flags=0x1000, modifiers=0x0004)
    expect("unit flag WRTPS", _set(host, 0, 0x0004).u16(14) & 0x1000, 0)
    expect("status of WRITE", host.transfer(0x22, 0).status, 0)


@clause("2.4", open_question="without the modifier SIMH clears the flag, and what an RQDX3 does is not known")
def without_stwrp_software_write_protect_stays(host: Host) -> None:
    host.start()
    host.online(flags=0x1000, modifiers=0x0004)
    expect("unit flag WRTPS", _set(host, 0).u16(14) & 0x1000, 0x1000)


@clause("2.4", Need.WHOLE_MSCP)
def it_sets_and_clears_the_compare_flags(host: Host) -> None:
    host.start_online()
    expect("unit flags CMPRD and CMPWR", _set(host, 0x0003).u16(14) & 0x0003, 0x0003)
    expect("unit flags CMPRD and CMPWR", _set(host, 0).u16(14) & 0x0003, 0)


@clause("3.7")
def it_does_not_change_the_state(host: Host) -> None:
    host.start_online()
    _set(host, 0)
    expect("status of GET UNIT STATUS", host.ask(0x03).status, 0)


@clause("3.7")
def it_describes_the_unit_as_online_does(host: Host) -> None:
    host.start()
    online = host.online()
    expect("bytes 16 to 43", _set(host, 0).text[16:44], online.text[16:44])


@clause("2.9", Need.HOLDING)
def it_waits_for_earlier_commands(host: Host) -> None:
    host.start_online()
    host.operator.hold(host.facts.scratch)
    host.send(0x21, parameters=host.extent(0, 512))
    late = host.send(0x0A, parameters=bytes(24))
    expect_that(host.end_of(late) is None, "it does not end before the READ in front of it")
    host.operator.release(host.facts.scratch)
    expect("status", host.answer(late).status, 0)


@clause("2.9", Need.HOLDING)
def later_writes_are_under_its_protection(host: Host) -> None:
    host.start_online()
    host.operator.hold(host.facts.scratch)
    host.send(0x21, parameters=host.extent(0, 512))
    host.send(0x0A, modifiers=0x0004, parameters=words(0, 0x1000) + bytes(20))
    write = host.send(0x22, parameters=host.extent(0, 512))
    host.operator.release(host.facts.scratch)
    expect("status of WRITE", host.answer(write).status, 0x1006)
