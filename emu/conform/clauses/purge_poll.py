"""The purge/poll test between step 3 and step 4."""

from emu.conform.clause import clause, expect, expect_that, require
from emu.conform.host import RING_BASE, Host


def _at_the_test(host: Host) -> None:
    require(host.reset() & 0x0100, "enhanced diagnostics (DI of step 1)")
    host.step(0x8000, 0x1000)
    host.step(RING_BASE, 0x2000)
    host.write_sa(0x8000)
    expect_that(
        host.target.wait(lambda: host.read_sa() == 0, 10), "SA reads 0 when the purge/poll test begins"
    )


@clause("1.2")
def the_test_shows_zero_and_waits(host: Host) -> None:
    _at_the_test(host)
    host.idle()
    expect("SA", host.read_sa(), 0)


@clause("1.2")
def a_purge_and_a_poll_lead_to_step_4(host: Host) -> None:
    _at_the_test(host)
    host.write_sa(0)
    host.idle(0.001)
    host.poll()
    expect("SA at step 4", host.await_sa(0xC000) & 0xF800, 0x4000)


@clause("1.2")
def a_purge_alone_does_not_lead_to_step_4(host: Host) -> None:
    _at_the_test(host)
    host.write_sa(0)
    host.idle()
    expect("SA", host.read_sa(), 0)


@clause("1.2")
def a_poll_alone_does_not_lead_to_step_4(host: Host) -> None:
    _at_the_test(host)
    host.poll()
    host.idle()
    expect("SA", host.read_sa(), 0)


@clause("1.2")
def a_word_other_than_zero_is_fatal_21(host: Host) -> None:
    _at_the_test(host)
    host.write_sa(1)
    expect("fatal code", host.await_fatal(), 21)


@clause("1.2")
def without_pp_there_is_no_test(host: Host) -> None:
    host.reset()
    host.step(0x8000, 0x1000)
    host.step(RING_BASE, 0x2000)
    expect("SA at step 4", host.step(0, 0x4000) & 0xF800, 0x4000)
