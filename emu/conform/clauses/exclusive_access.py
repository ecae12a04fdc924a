"""Exclusive access: a unit that one host has for itself."""

from emu.conform.clause import clause, expect, expect_that
from emu.conform.host import Host
from emu.conform.numbers import words
from emu.conform.target import Need

EXACC, EXCAC = 0x0400, 0x0020


def _claimed(host: Host) -> Host:
    """Claim the unit; returns the other host, which has started."""
    other = host.second_host()
    other.start()
    host.start()
    host.online(flags=EXACC, modifiers=EXCAC)
    return other


@clause("3.6", Need.SECOND_HOST)
def a_claim_shows_the_flag(host: Host) -> None:
    host.start()
    expect("unit flag EXACC", host.online(flags=EXACC, modifiers=EXCAC).u16(14) & EXACC, EXACC)


@clause("2.4", Need.SECOND_HOST)
def the_flag_counts_with_the_modifier_only(host: Host) -> None:
    other = host.second_host()
    other.start()
    host.start()
    expect("unit flag EXACC", host.online(flags=EXACC).u16(14) & EXACC, 0)
    expect("status of the other host's ONLINE", other.ask(0x09, parameters=bytes(24)).status, 0)


@clause("3.6", Need.SECOND_HOST)
def a_claimed_unit_is_offline_0203_to_others(host: Host) -> None:
    other = _claimed(host)
    expect("status of ONLINE", other.ask(0x09, parameters=bytes(24)).status, 0x0203)
    expect("status of GET UNIT STATUS", other.ask(0x03).status, 0x0203)
    expect("status of READ", other.transfer(0x21, 0).status, 0x0203)


@clause("3.6", Need.SECOND_HOST)
def a_unit_that_another_host_has_cannot_be_claimed_0404(host: Host) -> None:
    other = host.second_host()
    other.start_online()
    host.start()
    end = host.ask(0x09, modifiers=EXCAC, parameters=words(0, EXACC) + bytes(20))
    expect("status", end.status, 0x0404)
    expect("status of the other host's READ", other.transfer(0x21, 0).status, 0)


@clause("3.5", Need.SECOND_HOST)
def available_ends_a_claim(host: Host) -> None:
    other = _claimed(host)
    host.ask(0x08)
    expect("status of the other host's ONLINE", other.ask(0x09, parameters=bytes(24)).status, 0)


@clause("2.5", Need.SECOND_HOST)
def an_initialisation_ends_a_claim(host: Host) -> None:
    other = _claimed(host)
    host.reset()
    expect("status of the other host's ONLINE", other.ask(0x09, parameters=bytes(24)).status, 0)


@clause("3.7", Need.SECOND_HOST)
def set_unit_characteristics_claims_and_lets_go(host: Host) -> None:
    other = host.second_host()
    other.start()
    host.start_online()
    host.ask(0x0A, modifiers=EXCAC, parameters=words(0, EXACC) + bytes(20))
    expect("status while it is claimed", other.ask(0x09, parameters=bytes(24)).status, 0x0203)
    host.ask(0x0A, modifiers=EXCAC, parameters=words(0, 0) + bytes(20))
    expect("status when it is not", other.ask(0x09, parameters=bytes(24)).status, 0)


@clause("2.11", Need.SECOND_HOST)
def the_end_of_a_claim_is_announced(host: Host) -> None:
    other = host.second_host()
    other.start(0x0080)
    host.start()
    host.online(flags=EXACC, modifiers=EXCAC)
    other.idle(host.facts.attention_seconds)
    before = len(other.attentions(0x40))
    host.ask(0x08)
    other.idle(host.facts.attention_seconds)
    expect_that(len(other.attentions(0x40)) > before, "the other host is told that the unit is available")
