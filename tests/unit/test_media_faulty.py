"""Faulty devices: what the rules do to requests."""

from check_block_device import Asked, ask, read, write

from emu.core.block import CopySourceError, Function, MediumError
from emu.media.faulty import BadBlocks, DeadFrom, FailAfter, FaultyDevice, Hold
from emu.media.memory import MemoryDevice


def numbered() -> MemoryDevice:
    device = MemoryDevice(16)
    write(device, 0, bytes(n // 512 + 1 for n in range(16 * 512)))
    return device


def one_read(device: FaultyDevice) -> MediumError | None:
    return ask(device, Asked(Function.READ, 0, 512, [memoryview(bytearray(512))]))


def test_a_bad_block_fails_what_touches_it_and_names_itself() -> None:
    device = FaultyDevice(numbered(), [BadBlocks({5, 9})])
    assert read(device, 0, 5 * 512)[-1] == 5
    memory = bytearray(8 * 512)
    error = ask(device, Asked(Function.READ, 3, 8 * 512, [memoryview(memory)]))
    assert isinstance(error, MediumError)
    assert error.lbn == 5
    assert memory == b"\4" * 512 + b"\5" * 512 + bytes(6 * 512)  # what came before has moved
    assert read(device, 6, 3 * 512)[0] == 7


def test_a_transfer_ending_inside_a_bad_block_touches_it() -> None:
    device = FaultyDevice(numbered(), [BadBlocks([5])])
    error = ask(device, Asked(Function.READ, 4, 513, [memoryview(bytearray(513))]))
    assert isinstance(error, MediumError)
    assert error.lbn == 5


def test_a_write_or_erase_or_copy_stops_at_a_bad_block() -> None:
    for function in (Function.WRITE, Function.ERASE, Function.COPY):
        inner = numbered()
        device = FaultyDevice(inner, [BadBlocks([5])])
        views = [memoryview(bytes(4 * 512))] if function is Function.WRITE else []
        error = ask(device, Asked(function, 4, 4 * 512, views, MemoryDevice(16), 0))
        assert isinstance(error, MediumError)
        assert not isinstance(error, CopySourceError)
        assert error.lbn == 5
        assert read(inner, 4, 1024) == bytes(512) + b"\6" * 512


def test_a_flush_meets_no_bad_block() -> None:
    assert ask(FaultyDevice(numbered(), [BadBlocks([0])]), Asked(Function.FLUSH)) is None


def test_fail_after_fails_once() -> None:
    device = FaultyDevice(numbered(), [FailAfter(2)])
    assert [one_read(device) is None for _ in range(5)] == [True, True, False, True, True]


def test_a_dead_disk_stays_dead() -> None:
    device = FaultyDevice(numbered(), [DeadFrom(2)])
    assert [one_read(device) is None for _ in range(5)] == [True, True, False, False, False]
    assert ask(device, Asked(Function.FLUSH)) is not None


def test_the_first_rule_that_speaks_decides() -> None:
    device = FaultyDevice(numbered(), [BadBlocks([0]), DeadFrom(0)])
    error = one_read(device)
    assert error is not None
    assert error.lbn == 0


def test_held_requests_go_on_in_the_order_of_their_release() -> None:
    hold = Hold()
    device = FaultyDevice(numbered(), [hold])
    first, second = (Asked(Function.WRITE, 0, 512, [memoryview(bytes([n]) * 512)]) for n in (1, 2))
    device.submit(first)
    device.submit(second)
    assert hold.held == [first, second]
    hold.release(second)
    assert (first.answers, second.answers) == ([], [None])
    hold.release()
    assert first.answers == [None]
    assert hold.held == []
    hold.holding = False
    assert read(device, 0, 512) == b"\1" * 512


def test_a_held_request_meets_the_rules_after_the_hold() -> None:
    hold = Hold(lambda request: request.function == Function.READ)
    device = FaultyDevice(numbered(), [hold, DeadFrom(1)])
    request = Asked(Function.READ, 0, 512, [memoryview(bytearray(512))])
    device.submit(request)
    assert write(device, 1, bytes(512)) is None
    hold.release()
    [error] = request.answers
    assert isinstance(error, MediumError)
