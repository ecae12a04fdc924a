"""Credits: how many commands a host may have outstanding."""

from emu.conform.clause import clause, expect, expect_that
from emu.conform.host import Host
from emu.conform.target import Need


def _credits_of(host: Host, count: int) -> list[int]:
    return [host.ask(0x04, parameters=bytes(20)).credits for _ in range(count)]


@clause("1.9")
def every_end_message_gives_back_a_credit_at_least(host: Host) -> None:
    host.initialise()
    expect_that(all(credit >= 1 for credit in _credits_of(host, 20)), "each end message carries a credit")


@clause("1.9")
def the_window_is_two_commands_at_least(host: Host) -> None:
    """Ultrix and 2.11BSD keep one credit back, and hang otherwise."""
    host.initialise()
    total = 1 + sum(credit - 1 for credit in _credits_of(host, 20))
    expect_that(total >= 2, f"the host holds two credits at least, here {total}")


@clause("1.9")
def the_window_stops_growing(host: Host) -> None:
    """Once the pool is given away, an end message gives back its own credit and no more."""
    host.initialise()
    expect("credits of the last of 40 end messages", _credits_of(host, 40)[-1], 1)


@clause("1.9")
def the_whole_window_can_be_used(host: Host) -> None:
    """As many commands as there are credits, all with one poll, and all are answered."""
    host.initialise(commands=5, responses=5)
    window = 1 + sum(credit - 1 for credit in _credits_of(host, 40))
    crns = [host.put_command(0x03) for _ in range(window)]
    host.poll()
    for crn in crns:
        host.answer(crn)
    expect("bit 15 of SA", host.read_sa() & 0x8000, 0)


@clause("1.9")
def the_credits_of_the_whole_window_come_back(host: Host) -> None:
    host.initialise(commands=5, responses=5)
    window = 1 + sum(credit - 1 for credit in _credits_of(host, 40))
    before = len(host.received)
    crns = [host.put_command(0x03) for _ in range(window)]
    host.poll()
    for crn in crns:
        host.answer(crn)
    expect("credits", sum(message.credits for message in host.received[before:]), window)


@clause("1.9", Need.LOADING, Need.PROMPT_NEWS)
def attention_messages_carry_no_credit(host: Host) -> None:
    """They cost the host nothing and give it nothing; a host adds whatever comes all the same."""
    host.start(0x0080)
    host.operator.unload(host.facts.scratch)
    host.operator.load(host.facts.scratch)
    host.idle(host.facts.attention_seconds)
    found = host.attentions(0x40)
    expect_that(found, "the medium that was loaded is announced")
    expect("credits of attention messages", [message.credits for message in found], [0] * len(found))


@clause("1.9", Need.HOLDING, open_question="controllers that ran out of packets die of 478 instead (SIMH)")
def more_commands_than_credits_are_fatal_10(host: Host) -> None:
    """One command more than the window, while the drive keeps all the others."""
    host.initialise(commands=5, responses=5)
    window = 1 + sum(credit - 1 for credit in _credits_of(host, 40))
    host.online()
    host.operator.hold(host.facts.scratch)
    for _ in range(window + 1):
        host.put_command(0x21, parameters=host.extent(0, 512))
    host.poll()
    expect("fatal code", host.await_fatal(2.0), 10)


@clause("1.9")
def a_credit_in_a_commands_envelope_does_not_disturb(host: Host) -> None:
    """VMB of the VAX-11/780 sends 1."""
    host.initialise()
    for _ in range(3):
        expect("status", host.ask(0x04, parameters=bytes(20), credits=1).status, 0)
