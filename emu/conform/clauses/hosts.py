"""Two hosts at one controller, and two controllers at one drive."""

from emu.conform.clause import clause, expect, expect_that
from emu.conform.host import DATA, Host
from emu.conform.numbers import longwords, pattern
from emu.conform.target import Need


@clause("2.5", Need.SECOND_HOST)
def a_unit_is_online_to_the_host_that_asked(host: Host) -> None:
    other = host.second_host()
    other.start()
    host.start_online()
    expect("status of the other host's GET UNIT STATUS", other.ask(0x03).status, 0x0004)


@clause("2.5", Need.SECOND_HOST)
def both_hosts_may_have_a_unit_online(host: Host) -> None:
    other = host.second_host()
    other.start_online()
    host.start_online()
    for each in (host, other):
        expect("status of READ", each.transfer(0x21, 0).status, 0)


@clause("2.5", Need.SECOND_HOST, changes_data=True)
def both_hosts_see_the_same_blocks(host: Host) -> None:
    other = host.second_host()
    other.start_online()
    host.start_online()
    host.write_disk(9, pattern(9))
    expect("the block", other.read_disk(9), pattern(9))


@clause("2.5", Need.SECOND_HOST)
def unit_flags_are_each_hosts_own(host: Host) -> None:
    other = host.second_host()
    other.start_online()
    host.start()
    host.online(flags=0x1000, modifiers=0x0004)
    expect("unit flag WRTPS of the other host", other.ask(0x03).u16(14) & 0x1000, 0)


@clause("2.5", Need.SECOND_HOST)
def controller_flags_are_each_hosts_own(host: Host) -> None:
    other = host.second_host()
    other.start(0)
    host.start(0x00F0)
    flags = other.ask(0x04, parameters=bytes(20)).u16(14)
    expect("host's flags of the other host", flags & 0x00F0, 0)


@clause("2.5", Need.SECOND_HOST)
def an_initialisation_leaves_the_other_hosts_units_online(host: Host) -> None:
    other = host.second_host()
    other.start_online()
    host.start_online()
    host.reset()
    expect("status of the other host's READ", other.transfer(0x21, 0).status, 0)


@clause("2.5", Need.SECOND_HOST)
def a_fatal_error_leaves_the_other_host_alone(host: Host) -> None:
    other = host.second_host()
    other.start_online()
    host.start()
    host.put(host.command(0x03), connection=0x37)
    host.poll()
    host.await_fatal()
    expect("bit 15 of the other host's SA", other.read_sa() & 0x8000, 0)
    expect("status of the other host's READ", other.transfer(0x21, 0).status, 0)


@clause("2.9", Need.SECOND_HOST, Need.HOLDING)
def a_host_cannot_abort_anothers_command(host: Host) -> None:
    other = host.second_host()
    other.start_online()
    host.start_online()
    host.operator.hold(host.facts.scratch)
    read = other.send(0x21, parameters=other.extent(0, 512))
    host.ask(0x01, parameters=longwords(read))
    host.operator.release(host.facts.scratch)
    expect("status of the other host's READ", other.answer(read).status, 0)


@clause("2.5", Need.SECOND_HOST, Need.HOLDING)
def an_initialisation_drops_the_commands_of_that_host_alone(host: Host) -> None:
    other = host.second_host()
    other.start_online()
    host.start_online()
    host.operator.hold(host.facts.scratch)
    read = other.send(0x21, parameters=other.extent(0, 512))
    host.send(0x21, parameters=host.extent(0, 512))
    host.write(DATA, b"\xee" * 512)
    host.reset()
    host.operator.release(host.facts.scratch)
    expect("status of the other host's READ", other.answer(read).status, 0)
    expect("the buffer of the host that has gone", host.read(DATA, 512), b"\xee" * 512)


@clause("2.5", Need.SECOND_PATH)
def a_drive_is_online_through_one_controller_at_a_time(host: Host) -> None:
    other = host.second_path()
    other.start()
    host.start_online()
    expect("status of ONLINE at the second controller", other.ask(0x09, parameters=bytes(24)).status, 0x0003)


@clause("2.5", Need.SECOND_PATH)
def a_drive_can_be_had_through_the_other_controller_afterwards(host: Host) -> None:
    other = host.second_path()
    other.start()
    host.start_online()
    host.ask(0x08)
    expect("status of ONLINE at the second controller", other.ask(0x09, parameters=bytes(24)).status, 0)


@clause("2.12", Need.SECOND_PATH)
def both_controllers_show_one_unit_identifier(host: Host) -> None:
    other = host.second_path()
    other.start()
    host.start()
    expect("unit identifier", other.ask(0x03).u64(20), host.ask(0x03).u64(20))


@clause("2.12", Need.SECOND_PATH)
def two_controllers_have_two_identifiers(host: Host) -> None:
    other = host.second_path()
    expect_that(other.start().u64(20) != host.start().u64(20), "two controllers have two identifiers")


@clause("2.11", Need.SECOND_PATH)
def a_drive_that_one_controller_gave_up_is_announced_by_the_other(host: Host) -> None:
    other = host.second_path()
    other.start(0x0080)
    host.start_online()
    other.idle(host.facts.attention_seconds)
    before = len(other.attentions(0x40))
    host.ask(0x08)
    other.idle(host.facts.attention_seconds)
    expect_that(len(other.attentions(0x40)) > before, "the second controller announces the unit")


@clause("2.14", Need.SECOND_PATH, Need.WHOLE_MSCP, changes_data=True)
def a_forced_error_is_seen_through_the_other_controller(host: Host) -> None:
    other = host.second_path()
    other.start()
    host.start_online()
    host.write_disk(9, pattern(9), modifiers=0x1000)
    host.ask(0x08)
    other.online()
    expect("status of READ", other.transfer(0x21, 9).status, 0x0008)
