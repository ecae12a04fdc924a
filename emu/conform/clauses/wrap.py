"""Diagnostic wrap mode: SA gives back what is written to it."""

from emu.conform.clause import clause, expect, require
from emu.conform.host import Host


def _wrapped(host: Host) -> None:
    require(host.reset() & 0x0100, "enhanced diagnostics (DI of step 1)")
    host.write_sa(0xC000)
    host.idle(0.001)


@clause("1.3")
def a_step_1_word_with_wr_is_copied_back(host: Host) -> None:
    _wrapped(host)
    expect("SA", host.read_sa(), 0xC000)


@clause("1.3")
def every_later_word_is_copied_back(host: Host) -> None:
    _wrapped(host)
    for word in (0x0000, 0xFFFF, 0x5555, 0xAAAA, 0x8000, 0x0001):
        host.write_sa(word)
        host.idle(0.001)
        expect("SA", host.read_sa(), word)


@clause("1.3")
def no_word_leads_out_of_wrap_mode(host: Host) -> None:
    """A word that would be a good answer to step 1 is copied back like any other."""
    _wrapped(host)
    host.write_sa(0x8000)
    host.idle()
    expect("SA", host.read_sa(), 0x8000)


@clause("1.3")
def reading_ip_does_not_lead_out_of_wrap_mode(host: Host) -> None:
    _wrapped(host)
    host.poll()
    host.write_sa(0x1234)
    host.idle(0.001)
    expect("SA", host.read_sa(), 0x1234)


@clause("1.3")
def a_write_to_ip_leads_out_of_wrap_mode(host: Host) -> None:
    _wrapped(host)
    expect("bits 15-11 of SA", host.reset() & 0xF800, 0x0800)
    expect("SA at step 2", host.step(0x8000, 0x1000), 0x1080)
