"""What every host memory promises a bus master, as one check to run against each kind.

`make()` gives a new memory of zeros in which bus addresses 0 to `end` answer and `end` does not.
"""

from collections.abc import Callable

import pytest

from emu.core.bus import BusError, HostMemory

Make = Callable[[], HostMemory]


def check_host_memory(make: Make, end: int) -> None:
    """Check everything; `end` is a multiple of 512 and at least 2048."""
    _check_words(make())
    _check_windows(make())
    _check_announcing(make())
    _check_nothing_there(make(), end)
    _check_side_by_side(make(), make())


def _check_words(memory: HostMemory) -> None:
    memory.write_longword(8, 0x04030201)
    assert bytes(memory.read(8, 4)) == b"\1\2\3\4"
    memory.write_word(10, 0xAABB)
    assert memory.read_longword(8) == 0xAABB0201
    for address in (6, 510, 512, 1022):  # word-aligned, also over the end of a page
        memory.write_longword(address, 0x80FF7F01)
        assert bytes(memory.read(address, 4)) == b"\x01\x7f\xff\x80"
        assert memory.read_longword(address) == 0x80FF7F01
    memory.write(1023, b"odd")
    assert bytes(memory.read(1023, 3)) == b"odd"


def _check_windows(memory: HostMemory) -> None:
    for address, length in ((0, 512), (100, 1), (511, 2), (3, 1500), (512, 0)):
        data = bytes((address + n) % 251 for n in range(length))
        views = memory.window(address, length)
        assert sum(map(len, views)) == length
        start = 0
        for view in views:
            view[:] = data[start : start + len(view)]
            start += len(view)
        assert bytes(memory.read(address, length)) == data
        memory.write(address, bytes(length))
        assert b"".join(memory.window(address, length)) == bytes(length)


def _check_announcing(memory: HostMemory) -> None:
    """A word becomes 1 only while bit 31 of the longword looked at is set."""
    for longword, announced in ((0x7FFFFFFF, False), (0x80000000, True)):
        memory.write_longword(510, longword)  # word-aligned, over the end of a page
        memory.write_word(6, 0xFFFF)
        assert memory.announce(510, 6) is announced
        assert bytes(memory.read(6, 2)) == (b"\1\0" if announced else b"\xff\xff")


def _check_nothing_there(memory: HostMemory, end: int) -> None:
    """The error names the bus address at which the transfer stopped."""
    for action in (
        lambda: memory.read_longword(end),
        lambda: memory.write_longword(end, 0),
        lambda: memory.write_word(end, 0),
        lambda: memory.announce(end, 0),
        lambda: memory.read(end, 1),
        lambda: memory.window(end, 512),
        lambda: memory.window(end + 3, 1),
        lambda: memory.read(end - 1, 2),
        lambda: memory.write(end - 1024, bytes(1025)),
        lambda: memory.window(end - 513, 2048),
    ):
        with pytest.raises(BusError) as raised:
            action()
        assert raised.value.address in (end, end + 3)
    assert bytes(memory.read(end - 1024, 1024)) == bytes(1024)  # a failed write wrote nothing


def _check_side_by_side(one: HostMemory, two: HostMemory) -> None:
    one.write(0, b"one")
    assert bytes(two.read(0, 3)) == bytes(3)
