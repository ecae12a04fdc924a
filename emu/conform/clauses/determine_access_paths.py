"""DETERMINE ACCESS PATHS."""

from emu.conform.clause import clause, expect, expect_that
from emu.conform.host import Host
from emu.conform.target import Need


@clause("3.8")
def its_end_message_has_12_bytes(host: Host) -> None:
    host.start_online()
    expect("length", host.ask(0x0B).length, 12)


@clause("3.8")
def it_succeeds_on_an_online_unit(host: Host) -> None:
    host.start_online()
    end = host.ask(0x0B)
    expect("endcode", end.endcode, 0x8B)
    expect("status", end.status & 0x1F, 0)


@clause("3.8")
def it_does_not_change_the_state_of_the_unit(host: Host) -> None:
    host.start_online()
    host.ask(0x0B)
    expect("status of GET UNIT STATUS", host.ask(0x03).status, 0)


@clause("3.8", open_question="an RQDX3 answers with success and does not look at the unit")
def an_unknown_unit_is_offline(host: Host) -> None:
    host.start()
    expect("status", host.ask(0x0B, host.facts.absent).status, 0x0003)


@clause("2.11", Need.SECOND_PATH)
def the_other_controller_sends_access_path(host: Host) -> None:
    other = host.second_path()
    other.start(0x0080)
    host.start()
    host.ask(0x0B)
    other.idle()
    found = other.attentions(0x42)
    expect("number of ACCESS PATH messages", len(found), 1)


@clause("2.11", Need.SECOND_PATH)
def access_path_names_the_drive(host: Host) -> None:
    """The identifier is the same over both controllers: that is how a host knows."""
    other = host.second_path()
    other.start(0x0080)
    host.start()
    identifier = host.ask(0x03).u64(20)
    host.ask(0x0B)
    other.idle()
    found = other.attentions(0x42)
    expect_that(found, "an ACCESS PATH message has come")
    expect("unit identifier", found[0].u64(20), identifier)
    expect("reference number", found[0].crn, 0)


@clause("2.11", Need.SECOND_PATH)
def no_access_path_without_the_attention_flag(host: Host) -> None:
    other = host.second_path()
    other.start(0)
    host.start()
    host.ask(0x0B)
    other.idle()
    expect("number of ACCESS PATH messages", len(other.attentions(0x42)), 0)


@clause("2.11", Need.SECOND_PATH)
def the_asking_controller_sends_no_access_path(host: Host) -> None:
    host.second_path()
    host.start(0x0080)
    host.ask(0x0B)
    host.idle()
    expect("number of ACCESS PATH messages", len(host.attentions(0x42)), 0)
