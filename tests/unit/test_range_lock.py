"""Ranges: a write and a copy never meet in the same blocks."""

from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.shadow.range_lock import RangeLock


def test_a_write_outside_a_locked_range_goes_on_and_one_inside_waits() -> None:
    ranges, granted = RangeLock(), []
    lock = ranges.lock(100, 227, lambda: granted.append("copy"))
    ranges.begin_write(50, 100, lambda token: granted.append("below"))
    ranges.begin_write(227, 230, lambda token: granted.append("above"))
    ranges.begin_write(226, 228, lambda token: granted.append("across"))
    assert granted == ["copy", "below", "above"]
    ranges.unlock(lock)
    assert granted[-1] == "across"
    assert ranges.collisions == 1


def test_a_copy_waits_for_the_writes_already_under_way_in_its_range() -> None:
    ranges, granted, tokens = RangeLock(), [], []
    ranges.begin_write(10, 20, tokens.append)
    ranges.begin_write(30, 40, tokens.append)
    ranges.lock(0, 127, lambda: granted.append("copy"))
    ranges.end_write(tokens[0])
    assert granted == []
    ranges.end_write(tokens[1])
    assert granted == ["copy"]


def test_a_waiting_copy_is_not_overtaken_by_new_writes() -> None:
    ranges, granted, tokens = RangeLock(), [], []
    ranges.begin_write(10, 20, tokens.append)
    lock = ranges.lock(0, 127, lambda: granted.append("copy"))
    ranges.begin_write(50, 60, lambda token: granted.append("late"))
    ranges.end_write(tokens[0])
    assert granted == ["copy"]
    ranges.unlock(lock)
    assert granted == ["copy", "late"]


steps = st.lists(
    st.tuples(st.sampled_from(["write", "end", "lock", "unlock"]), st.integers(0, 60), st.integers(1, 20)),
    max_size=60,
)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(steps)
def test_whatever_comes_no_write_and_no_copy_overlap_and_all_get_their_turn(
    sequence: list[tuple[str, int, int]],
) -> None:
    ranges = RangeLock()
    writing: dict[int, tuple[int, int]] = {}
    copying: list[tuple[object, tuple[int, int]]] = []
    asked = {"write": 0, "copy": 0}
    served = {"write": 0, "copy": 0}
    locks: dict[int, object] = {}

    def check() -> None:
        for _, (first, end) in copying:
            assert all(w_end <= first or end <= w_first for w_first, w_end in writing.values())

    def begin_write(first: int, end: int) -> None:
        def granted(token: int) -> None:
            writing[token] = (first, end)
            served["write"] += 1
            check()

        asked["write"] += 1
        ranges.begin_write(first, end, granted)

    def begin_copy(first: int, end: int) -> None:
        number = asked["copy"]
        asked["copy"] += 1

        def granted() -> None:
            copying.append((number, (first, end)))
            served["copy"] += 1
            check()

        locks[number] = ranges.lock(first, end, granted)

    def end_write(choice: int) -> None:
        if writing:
            token = list(writing)[choice % len(writing)]
            del writing[token]
            ranges.end_write(token)

    def end_copy(choice: int) -> None:
        if copying:
            number, _ = copying.pop(choice % len(copying))
            ranges.unlock(locks[number])  # type: ignore[index, arg-type]

    for action, first, count in sequence:
        if action == "write":
            begin_write(first, first + count)
        elif action == "lock":
            if not any(a < first + count and first < b for _, (a, b) in copying):
                begin_copy(first, first + count)
        elif action == "end":
            end_write(first)
        else:
            end_copy(first)
    for _ in range(200):
        end_write(0)
        end_copy(0)
    assert asked == served
