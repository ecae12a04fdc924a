"""What every block device promises, as one check to run against each kind.

The oracle is a bytearray.  `make(block_count)` gives a new device of zeros, `settle` lets pass whatever
time it needs.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from emu.core.block import BlockDevice, BlockRequest, CopySourceError, Function, MediumError
from emu.media.faulty import BadBlocks, FaultyDevice
from emu.media.memory import MemoryDevice

Make = Callable[[int], BlockDevice]
Settle = Callable[[], object]


class Asked(BlockRequest):
    """A request that remembers its answers."""

    def __init__(
        self,
        function: Function,
        lbn: int = 0,
        byte_count: int = 0,
        views: Sequence[memoryview] = (),
        source: BlockDevice | None = None,
        source_lbn: int = 0,
    ) -> None:
        self.function = function
        if function is not Function.FLUSH:  # which has no extent: nobody may look at one
            self.lbn = lbn
            self.byte_count = byte_count
        self.views = views
        self.source = source
        self.source_lbn = source_lbn
        self.answers: list[MediumError | None] = []

    def done(self, error: MediumError | None) -> None:
        self.answers.append(error)


def ask(device: BlockDevice, request: Asked, settle: Settle = lambda: None) -> MediumError | None:
    device.submit(request)
    settle()
    [answer] = request.answers
    return answer


def read(device: BlockDevice, lbn: int, byte_count: int, settle: Settle = lambda: None) -> bytes:
    memory = bytearray(byte_count)
    error = ask(device, Asked(Function.READ, lbn, byte_count, [memoryview(memory)]), settle)
    assert error is None
    return bytes(memory)


def write(device: BlockDevice, lbn: int, data: bytes, settle: Settle = lambda: None) -> MediumError | None:
    return ask(device, Asked(Function.WRITE, lbn, len(data), [memoryview(data)]), settle)


def cut(data: memoryview, cuts: Sequence[int]) -> list[memoryview]:
    """Cut at these offsets; pieces may be empty."""
    edges = [0, *sorted(min(edge, len(data)) for edge in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


BLOCKS = 40

_step = st.tuples(
    st.sampled_from([Function.READ, Function.WRITE, Function.ERASE, Function.COPY, Function.FLUSH]),
    st.integers(0, BLOCKS),  # lbn
    st.integers(0, BLOCKS * 512),  # bytes, as far as the device goes
    st.integers(0, BLOCKS),  # source lbn
    st.booleans(),  # copy from another device
    st.lists(st.integers(0, BLOCKS * 512), max_size=4),  # where the views are cut
    st.integers(1, 255),  # what to write
)


def check_block_device(make: Make, settle: Settle = lambda: None, examples: int = 60) -> None:
    """Check everything, on devices that `make` makes."""
    _check_model(make, settle, examples)
    _check_rest_of_block(make, settle)
    _check_failing_source(make, settle)
    _check_side_by_side(make, settle)


def _check_model(make: Make, settle: Settle, examples: int) -> None:
    other_content = bytes(1 + n % 251 for n in range(BLOCKS * 512))
    other = MemoryDevice(BLOCKS)
    assert write(other, 0, other_content) is None

    @settings(derandomize=True, deadline=None, max_examples=examples, database=None)
    @given(st.booleans(), st.lists(_step, min_size=1, max_size=12))
    def holds_what_was_written(
        filled: bool, steps: list[tuple[Function, int, int, int, bool, list[int], int]]
    ) -> None:
        device = make(BLOCKS)
        try:
            assert device.block_count == BLOCKS
            assert not device.write_protected
            model = bytearray(BLOCKS * 512)
            if filled:
                model[:] = bytes(1 + n // 512 for n in range(BLOCKS * 512))
                assert write(device, 0, bytes(model), settle) is None
            for function, lbn, wanted, source_lbn, from_other, cuts, fill in steps:
                last = max(lbn, source_lbn) if function is Function.COPY else lbn
                length = min(wanted, (BLOCKS - last) * 512)
                start, whole = lbn * 512, (length + 511) // 512 * 512
                source, source_start = (other if from_other else device), source_lbn * 512
                memory = bytearray((fill + n) % 256 for n in range(length))
                before = bytes(memory)
                views = cut(memoryview(memory), cuts) if function in (Function.READ, Function.WRITE) else ()
                request = Asked(function, lbn, length, views, source, source_lbn)
                assert ask(device, request, settle) is None
                if function is Function.READ:
                    assert memory == model[start : start + length]
                elif function is Function.WRITE:
                    assert memory == before
                    model[start : start + whole] = before.ljust(whole, b"\0")
                elif function is Function.ERASE:
                    model[start : start + whole] = bytes(whole)
                elif function is Function.COPY:
                    content = other_content if from_other else bytes(model)
                    model[start : start + whole] = content[source_start : source_start + whole]
            assert read(device, 0, BLOCKS * 512, settle) == model
        finally:
            device.close()

    holds_what_was_written()


def _check_rest_of_block(make: Make, settle: Settle) -> None:
    device = make(BLOCKS)
    assert write(device, 0, b"\xff" * 4 * 512, settle) is None
    assert write(device, 0, b"\1", settle) is None
    assert write(device, 2, b"\2" * 511, settle) is None
    assert ask(device, Asked(Function.ERASE, 3, 1), settle) is None
    expected = b"\1" + bytes(511) + b"\xff" * 512 + b"\2" * 511 + bytes(1) + bytes(512)
    assert read(device, 0, 4 * 512, settle) == expected
    assert read(device, 2, 3, settle) == b"\2\2\2"
    device.close()


def _check_failing_source(make: Make, settle: Settle) -> None:
    device = make(BLOCKS)
    source = FaultyDevice(MemoryDevice(BLOCKS), [BadBlocks([7])])
    error = ask(device, Asked(Function.COPY, 20, 8 * 512, (), source, 2), settle)
    assert isinstance(error, CopySourceError)
    assert error.lbn == 7
    device.close()


def _check_side_by_side(make: Make, settle: Settle) -> None:
    one, two = make(8), make(9)
    assert write(one, 0, b"\1" * 4096, settle) is None
    assert read(two, 0, 9 * 512, settle) == bytes(9 * 512)
    assert ask(two, Asked(Function.COPY, 1, 8 * 512, (), one, 0), settle) is None
    assert read(two, 0, 9 * 512, settle) == bytes(512) + b"\1" * 4096
    assert (one.block_count, two.block_count) == (8, 9)
    one.close()
    two.close()
