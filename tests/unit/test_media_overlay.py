"""The overlay: changes in memory, the base untouched."""

import hashlib
from contextlib import closing
from pathlib import Path

from check_block_device import Asked, ask, read, write
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.core.block import Function, MediumError
from emu.media.faulty import BadBlocks, FaultyDevice
from emu.media.file import FileDevice
from emu.media.memory import MemoryDevice
from emu.media.overlay import OverlayDevice

CONTENT = bytes(n // 512 + 1 for n in range(64 * 512))


def base() -> MemoryDevice:
    device = MemoryDevice(64)
    write(device, 0, CONTENT)
    return device


def test_a_write_is_seen_above_and_not_below() -> None:
    below = base()
    above = OverlayDevice(below)
    assert write(above, 15, b"\xff" * 700) is None
    assert read(above, 14, 4 * 512) == b"\x0f" * 512 + b"\xff" * 700 + bytes(324) + b"\x12" * 512
    assert read(below, 0, 64 * 512) == CONTENT


@settings(derandomize=True, deadline=None, max_examples=60, database=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 63), st.integers(1, 40)), max_size=10))
def test_blocks_count_as_changed_exactly_when_written(steps: list[tuple[bool, int, int]]) -> None:
    below = base()
    above = OverlayDevice(below)
    model, changed = bytearray(CONTENT), set()
    for erase, lbn, wanted in steps:
        blocks = min(wanted, 64 - lbn)
        data = bytes(blocks * 512) if erase else b"\xee" * (blocks * 512)
        function = Function.ERASE if erase else Function.WRITE
        assert ask(above, Asked(function, lbn, len(data), [memoryview(data)])) is None
        model[lbn * 512 : lbn * 512 + len(data)] = data
        changed.update(range(lbn, lbn + blocks))
    assert read(above, 0, 64 * 512) == model
    assert above.changed_blocks == len(changed)
    above.discard()
    assert above.changed_blocks == 0
    assert read(above, 0, 64 * 512) == read(below, 0, 64 * 512) == CONTENT


def test_a_write_over_a_bad_block_heals_it_and_reads_nothing() -> None:
    above = OverlayDevice(FaultyDevice(base(), [BadBlocks([10, 20])]))
    assert write(above, 10, b"new" + bytes(509)) is None
    memory = bytearray(32 * 512)
    error = ask(above, Asked(Function.READ, 0, len(memory), [memoryview(memory)]))
    assert isinstance(error, MediumError)
    assert error.lbn == 20
    assert memory[: 10 * 512] == CONTENT[: 10 * 512]
    assert memory[10 * 512 : 20 * 512] == b"new" + bytes(509) + CONTENT[11 * 512 : 20 * 512]


def test_a_read_only_image_can_be_written_above_and_never_changes(tmp_path: Path) -> None:
    path = tmp_path / "image.dsk"
    path.write_bytes(CONTENT)
    path.chmod(0o444)
    with closing(OverlayDevice(FileDevice.open(path))) as above:
        assert not above.write_protected
        assert ask(above, Asked(Function.COPY, 0, 1024, (), above, 8)) is None
        assert ask(above, Asked(Function.ERASE, 5, 512)) is None
        assert ask(above, Asked(Function.FLUSH)) is None
        assert read(above, 0, 512) == b"\x09" * 512
    assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(CONTENT).digest()


def test_many_alternating_runs_need_no_depth_of_stack() -> None:
    above = OverlayDevice(MemoryDevice(8192))
    for lbn in range(0, 8192, 2):
        write(above, lbn, b"\1" * 512)
    assert read(above, 0, 8192 * 512) == (b"\1" * 512 + bytes(512)) * 4096


def test_two_overlays_share_a_base_and_nothing_else() -> None:
    below = base()
    one, two = OverlayDevice(below), OverlayDevice(below)
    write(one, 0, b"\xaa" * 512)
    assert read(two, 0, 512) == b"\x01" * 512
