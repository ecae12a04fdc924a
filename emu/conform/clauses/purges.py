"""Purge interrupts: a UNIBUS adapter's buffered datapath is purged by the host before a transfer's end message."""

from emu.conform.clause import clause, expect, expect_that
from emu.conform.host import DATA, RING_BASE, VECTOR, Host
from emu.conform.target import Need

CHANNEL_3 = 0x03000000


def _read_through_a_datapath(host: Host, address: int = CHANNEL_3 | DATA, *, purges: bool = True) -> int:
    host.start_online(purges=purges)
    host.interrupts()
    return host.send(0x21, parameters=host.extent(0, 512, address))


@clause("1.5", Need.UNIBUS_ADAPTER)
def the_channel_is_at_ring_base_minus_5(host: Host) -> None:
    _read_through_a_datapath(host)
    host.idle(0.2)
    expect("channel", host.read(RING_BASE - 5, 1), b"\x03")


@clause("1.5", Need.UNIBUS_ADAPTER, Need.INTERRUPTS)
def a_purge_is_asked_for_by_an_interrupt(host: Host) -> None:
    _read_through_a_datapath(host)
    host.idle(0.2)
    expect("interrupts", list(host.interrupts()), [VECTOR])


@clause("1.5", Need.UNIBUS_ADAPTER)
def the_end_message_waits_for_the_purge(host: Host) -> None:
    crn = _read_through_a_datapath(host)
    expect_that(host.end_of(crn, 0.2) is None, "no end message comes before the datapath is purged")
    host.write(RING_BASE - 5, b"\0")
    host.write_sa(0)
    expect("status", host.answer(crn).status, 0)


@clause("1.5", Need.UNIBUS_ADAPTER)
def the_data_is_in_memory_when_the_purge_is_asked_for(host: Host) -> None:
    host.write(DATA, b"\xee" * 512)
    _read_through_a_datapath(host)
    host.idle(0.2)
    expect("the buffer was written", host.read(DATA, 512) != b"\xee" * 512, True)


@clause("1.5", Need.UNIBUS_ADAPTER)
def a_direct_datapath_needs_no_purge(host: Host) -> None:
    crn = _read_through_a_datapath(host, DATA)
    expect("status", host.answer(crn).status, 0)
    expect("channel", host.read(RING_BASE - 5, 1), b"\0")


@clause("1.2", Need.UNIBUS_ADAPTER)
def without_pi_no_purge_is_asked_for(host: Host) -> None:
    crn = _read_through_a_datapath(host, purges=False)
    expect("status", host.answer(crn).status, 0)


@clause("1.5", Need.UNIBUS_ADAPTER)
def a_refused_transfer_needs_no_purge(host: Host) -> None:
    host.start_online(purges=True)
    end = host.transfer(0x21, 0, 513, address=CHANNEL_3 | DATA)
    expect("status", end.status, 0x0049)
    expect("channel", host.read(RING_BASE - 5, 1), b"\0")


@clause("1.5", Need.UNIBUS_ADAPTER, Need.OTHER_UNIT)
def purges_are_asked_for_one_at_a_time(host: Host) -> None:
    host.start_online(purges=True)
    host.online(host.facts.other)
    first = host.send(0x21, parameters=host.extent(0, 512, 0x03000000 | DATA))
    second = host.send(0x21, host.facts.other, parameters=host.extent(1, 512, 0x05000000 | DATA + 512))
    for crn, channel in ((first, b"\x03"), (second, b"\x05")):
        host.idle(0.2)
        expect("channel", host.read(RING_BASE - 5, 1), channel)
        host.write(RING_BASE - 5, b"\0")
        host.write_sa(0)
        expect("status", host.answer(crn).status, 0)
