"""How long a merge waits between its I/Os."""

import pytest

from drivers.shadow.throttle import Throttle, delay_factor

GENERAL, OF_ONE = "SHAD$MERGE_DELAY_FACTOR", "SHAD$MERGE_DELAY_FACTOR_DSA1"


@pytest.mark.parametrize(
    ("names", "factor"),
    [
        ({}, 200),
        ({GENERAL: "1000"}, 1000),
        ({GENERAL: "1000", OF_ONE: "300"}, 300),
        ({GENERAL: "1000", "SHAD$MERGE_DELAY_FACTOR_DSA11": "300"}, 1000),
        ({GENERAL: "99"}, 200),
        ({GENERAL: "10001"}, 200),
        ({GENERAL: "100"}, 100),
        ({GENERAL: "10000"}, 10000),
        ({GENERAL: "1000", OF_ONE: "50"}, 200),
        ({GENERAL: "1000", OF_ONE: "FAST"}, 1000),
    ],
)
def test_the_factor_of_a_set_comes_before_that_of_all(names: dict[str, str], factor: int) -> None:
    assert delay_factor(names, "DSA1:") == factor


def test_nothing_waits_on_a_quiet_set() -> None:
    throttle = Throttle({}, "DSA1:")
    for _ in range(3000):
        throttle.took(1000)
        assert throttle.delay_ns == 0


def test_ten_ios_that_take_longer_than_the_factor_allows_bring_a_delay_and_ten_that_do_not_end_it() -> None:
    throttle = Throttle({GENERAL: "300"}, "DSA1:")
    delays = []
    for duration_ns in (1000, 3000, 3500, 7000, 1000):
        for _ in range(10):
            throttle.took(duration_ns)
        delays.append(throttle.delay_ns)
    assert delays == [0, 0, 500, 4000, 0]


def test_the_factor_is_looked_up_after_a_thousand_ios() -> None:
    names: dict[str, str] = {}
    throttle = Throttle(names, "DSA1:")
    names[OF_ONE] = "1000"
    for _ in range(999):
        throttle.took(1000)
    assert throttle.factor == 200
    throttle.took(1000)
    assert throttle.factor == 1000


def test_what_was_ideal_two_thousand_ios_ago_counts_no_more() -> None:
    throttle = Throttle({}, "DSA1:")
    throttle.took(1000)
    for _ in range(2009):
        throttle.took(5000)
    assert throttle.delay_ns == 0


def test_disks_that_take_no_time_bring_no_delay() -> None:
    throttle = Throttle({}, "DSA1:")
    for _ in range(20):
        throttle.took(0)
    assert throttle.delay_ns == 0


def test_an_io_that_waited_minutes_for_a_disk_makes_no_merge_wait_for_minutes() -> None:
    throttle = Throttle({}, "DSA1:")
    for duration_ns in (*[1000] * 9, 240_000_000_000):
        throttle.took(duration_ns)
    assert throttle.delay_ns <= 100_000_000
