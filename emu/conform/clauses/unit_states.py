"""How units come and go by themselves."""

from emu.conform.clause import clause, expect, expect_in
from emu.conform.host import Host
from emu.conform.numbers import pattern
from emu.conform.target import Need


@clause("2.5", Need.LOADING)
def an_online_unit_without_its_medium_is_offline(host: Host) -> None:
    host.start_online()
    host.operator.unload(host.facts.scratch)
    expect("status of GET UNIT STATUS", host.ask(0x03).status, 0x0023)
    expect("status of READ", host.transfer(0x21, 0).status, 0x0023)


@clause("2.5", Need.LOADING)
def a_medium_put_back_is_available_not_online(host: Host) -> None:
    host.start_online()
    host.operator.unload(host.facts.scratch)
    host.operator.load(host.facts.scratch)
    host.idle()
    expect("status of GET UNIT STATUS", host.ask(0x03).status, 0x0004)
    expect("status of READ", host.transfer(0x21, 0).status, 0x0004)


@clause("2.5", Need.LOADING)
def the_unit_flags_are_gone_with_the_medium(host: Host) -> None:
    host.start()
    host.online(flags=0x1000, modifiers=0x0004)
    host.operator.unload(host.facts.scratch)
    host.operator.load(host.facts.scratch)
    expect("unit flag WRTPS", host.online().u16(14) & 0x1000, 0)


@clause("2.5", Need.LOADING, changes_data=True)
def the_data_stays_on_the_medium(host: Host) -> None:
    host.start_online()
    host.write_disk(6, pattern(6))
    host.operator.unload(host.facts.scratch)
    host.operator.load(host.facts.scratch)
    host.online()
    expect("the block", host.read_disk(6), pattern(6))


@clause("2.5", Need.LOADING, Need.HOLDING)
def waiting_commands_end_when_the_medium_goes(host: Host) -> None:
    host.start_online()
    host.operator.hold(host.facts.scratch)
    crns = [
        host.send(0x21, parameters=host.extent(0, 512)),
        host.send(0x09, parameters=bytes(24)),
        host.send(0x21, parameters=host.extent(8, 512)),
    ]
    host.operator.unload(host.facts.scratch)
    for crn in crns:
        expect_in("status", host.answer(crn).status, (0x0023, 0x0004))


@clause("2.5", Need.NUMBER_PLUGS, Need.OTHER_UNIT)
def units_with_one_number_are_offline_0083(host: Host) -> None:
    host.start()
    host.operator.renumber(host.facts.other or 0, host.facts.scratch)
    expect("status of GET UNIT STATUS", host.ask(0x03).status, 0x0083)
    expect("status of ONLINE", host.ask(0x09, parameters=bytes(24)).status, 0x0083)


@clause("2.5", Need.NUMBER_PLUGS, Need.OTHER_UNIT)
def the_number_that_was_left_is_unknown(host: Host) -> None:
    host.start()
    host.operator.renumber(host.facts.other or 0, 77)
    expect("status of the old number", host.ask(0x03, host.facts.other).status, 0x0003)
    expect("status of the new number", host.ask(0x03, 77).status, 0x0004)


@clause("2.5", Need.NUMBER_PLUGS, Need.OTHER_UNIT)
def units_are_available_when_each_number_is_one_drives_again(host: Host) -> None:
    host.start()
    host.operator.renumber(host.facts.other or 0, host.facts.scratch)
    host.operator.renumber(host.facts.scratch, 77)
    for unit in (host.facts.scratch, 77):
        expect(f"status of unit {unit}", host.ask(0x03, unit).status, 0x0004)


@clause("2.12", Need.NUMBER_PLUGS, Need.OTHER_UNIT)
def the_unit_identifier_stays_with_the_drive(host: Host) -> None:
    host.start()
    before = host.ask(0x03, host.facts.other).u64(20)
    host.operator.renumber(host.facts.other or 0, 77)
    expect("unit identifier under the new number", host.ask(0x03, 77).u64(20), before)
