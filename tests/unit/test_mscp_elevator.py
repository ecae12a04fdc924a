"""The elevator: transfers to an arm, by cylinder and back; express requests.  An RX33 has 30 blocks a cylinder."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.core.block import MediumError
from emu.media.faulty import FaultyDevice, Hold
from emu.media.memory import MemoryDevice
from tests.dumb_host import DATA, DumbHost, extent, longword, longwords, make_controller, status

CYLINDER = 30
EXPRESS = 0x8000


def with_arm(firmware: str = "rqdx3") -> tuple[DumbHost, Hold]:
    """Make a host whose unit 0 has an arm that moves when it is told."""
    controller, hold = make_controller(firmware), Hold()
    medium = FaultyDevice(MemoryDevice(2400), [hold])
    controller.attach_unit(0, medium, controller.firmware.drives["RX33"], has_arm=True)
    host = DumbHost(controller, log2=5)
    host.start()
    host.scc()
    hold.holding = False
    assert status(host.online()) == 0
    hold.holding = True
    return host, hold


def read(host: DumbHost, cylinder: int, modifiers: int = 0) -> int:
    return host.send(0x21, 0, modifiers, extent(cylinder * CYLINDER, 512))


def ended(host: DumbHost) -> list[int]:
    """Take the end messages; return their reference numbers."""
    return [longword(packet, 4) for packet in host.responses()]


def served(host: DumbHost, hold: Hold) -> list[int]:
    """Let the arm work until nothing is left; return the cylinders in the order served."""
    cylinders = []
    while hold.held:
        assert len(hold.held) == 1, "one arm"
        cylinders.append(hold.held[0].lbn // CYLINDER)
        hold.release()
    return cylinders


def test_the_arm_goes_up_and_comes_back() -> None:
    host, hold = with_arm()
    for cylinder in (40, 10, 70, 5, 60, 20):
        read(host, cylinder)
    assert served(host, hold) == [40, 60, 70, 20, 10, 5]


def test_a_transfer_for_where_the_arm_is_waits_for_the_way_back() -> None:
    host, hold = with_arm()
    for cylinder in (40, 50, 40):
        read(host, cylinder)
    assert served(host, hold) == [40, 50, 40]


def test_an_express_request_is_next_and_changes_no_sweep() -> None:
    host, hold = with_arm()
    for cylinder in (40, 50, 60):
        read(host, cylinder)
    read(host, 3, EXPRESS)
    read(host, 70, EXPRESS)
    assert served(host, hold) == [40, 3, 70, 50, 60]


def test_a_controller_without_an_elevator_leaves_the_order_to_the_medium() -> None:
    controller, hold = make_controller("rqdx1"), Hold()
    medium = FaultyDevice(MemoryDevice(800), [hold])
    controller.attach_unit(0, medium, controller.firmware.drives["RX50"], has_arm=True)
    host = DumbHost(controller)
    host.start()
    host.scc()
    host.online()
    for lbn in (700, 1, 300):
        host.send(0x21, parameters=extent(lbn, 512))
    assert [request.lbn for request in hold.held] == [700, 1, 300]


def test_command_status_counts_those_ahead_and_shrinks_though_others_get_ahead() -> None:
    host, hold = with_arm()
    read(host, 40)
    last = read(host, 70)
    seen = []
    for cylinder in range(41, 51):  # one is served, another gets ahead
        seen.append(longword(host.ask(0x02, parameters=longwords(last)), 16))
        read(host, cylinder)
        hold.release()
        host.take()
    assert seen[0] == 1 << 28 | 512
    assert seen == sorted(set(seen), reverse=True)
    assert served(host, hold)[-1] == 70


def test_abort_finds_a_transfer_that_waits_for_the_arm() -> None:
    host, hold = with_arm()
    first, second, third = (read(host, cylinder) for cylinder in (40, 50, 60))
    abort = host.send(0x01, parameters=longwords(second))
    assert ended(host) == [second, abort]
    assert served(host, hold) == [40, 60]
    assert ended(host) == [first, third]


def test_abort_of_the_one_at_the_arm_lets_the_next_begin() -> None:
    host, hold = with_arm()
    first, second = read(host, 40), read(host, 50)
    host.send(0x01, parameters=longwords(first))
    assert [request.lbn // CYLINDER for request in hold.held] == [0, 50], "the aborted one moves nothing"
    hold.release()
    assert ended(host)[-1] == second


def test_a_sequential_command_waits_until_the_arm_is_done() -> None:
    host, hold = with_arm()
    for cylinder in (40, 10):
        read(host, cylinder)
    available = host.send(0x08)
    late = read(host, 1)
    served(host, hold)
    assert ended(host)[2:] == [available, late]


@pytest.mark.parametrize("order", [(40, 50, 10), (40, 10, 50)])
def test_a_lost_host_leaves_nothing_at_the_arm(order: tuple[int, ...]) -> None:
    host, hold = with_arm()
    host.ram.write(DATA, b"\x55" * 512)
    for cylinder in order:
        read(host, cylinder)
    hold.release(hold.held[0])
    host.start()
    hold.holding = False
    hold.release()
    assert status(host.online()) == 0
    assert host.ram.read(DATA, 512) == bytes(512), "the first transfer alone has moved data"
    host.ram.write(DATA, b"\x55" * 512)
    assert status(host.read(0, 512)) == 0


def test_removal_ends_those_that_wait_for_the_arm() -> None:
    host, hold = with_arm()
    reads = [read(host, cylinder) for cylinder in (40, 50, 10)]
    host.controller.detach_unit(0)
    assert sorted(ended(host)) == reads
    hold.release()
    assert ended(host) == []


def test_a_failed_transfer_keeps_the_arm_until_it_has_ended() -> None:
    host, hold = with_arm()

    class Once:
        failed = False

        def on_request(self, request: object) -> MediumError | None:
            if self.failed:
                return None
            self.failed = True
            return MediumError("once", CYLINDER)

    unit = host.controller.units[0]
    unit.medium = FaultyDevice(FaultyDevice(MemoryDevice(2400), [Once()]), [hold])
    first = host.send(0x21, parameters=extent(CYLINDER, 1024))
    second = read(host, 50)
    for _ in range(3):  # the whole, then block by block
        hold.release(hold.held[0])
    assert ended(host) == [first]
    assert [request.lbn // CYLINDER for request in hold.held] == [50]
    hold.release()
    assert ended(host) == [second]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 79), st.booleans()), min_size=1, max_size=14), st.data())
def test_every_transfer_is_served_once_and_none_waits_for_more_than_two_sweeps(
    wanted: list[tuple[int, bool]], data: st.DataObject
) -> None:
    host, hold = with_arm()
    references, order = [], []
    for cylinder, express in wanted:
        references.append(read(host, cylinder, EXPRESS if express else 0))
        while hold.held and data.draw(st.booleans()):
            order.append(hold.held[0].lbn // CYLINDER)
            hold.release()
    order += served(host, hold)
    assert sorted(order) == sorted(cylinder for cylinder, _ in wanted)
    assert sorted(ended(host)) == references
