"""Image files: opening them, one system call a transfer, holes, locks, errors of the host."""

import errno
import hashlib
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from check_block_device import Asked, ask, cut, read, write

import emu.media.file
from emu.core.block import CopySourceError, Function, MediumError, MediumWriteProtected
from emu.media.file import FileDevice, ImageError
from emu.media.memory import MemoryDevice

ROOT = Path(__file__).parents[2]
MIB_BLOCKS = 2048

# Opens the image it is given, says how that went, and stays until it is ended.
OPENER = """
import sys
from emu.media.file import FileDevice, ImageError
try:
    device = FileDevice.open(sys.argv[1], read_only=len(sys.argv) > 2)
    print("open", flush=True)
except ImageError as error:
    print(error, flush=True)
sys.stdin.read()
"""


@contextmanager
def other_process(path: Path, *more: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-c", OPENER, str(path), *more]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """An image of 16 blocks; every byte of block n is n + 1."""
    path = tmp_path / "image.dsk"
    path.write_bytes(b"".join(bytes([n + 1]) * 512 for n in range(16)))
    return path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def allocated_bytes(path: Path) -> int:
    return path.stat().st_blocks * 512


# Opening


def test_an_image_shows_its_blocks(image: Path) -> None:
    with closing(FileDevice.open(image, block_count=16)) as device:
        assert device.block_count == 16
        assert not device.write_protected
        assert read(device, 3, 512) == b"\x04" * 512
        assert read(device, 15, 512) == b"\x10" * 512


def test_a_write_is_in_the_file_when_it_is_answered(image: Path) -> None:
    with closing(FileDevice.open(image)) as device:
        assert write(device, 2, b"abc") is None
        assert image.read_bytes()[1024:1536] == b"abc" + bytes(509)
        assert image.stat().st_size == 8192


def test_a_missing_image_is_refused_and_not_created(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"none\.dsk cannot be opened: No such file or directory"):
        FileDevice.open(tmp_path / "none.dsk")
    assert list(tmp_path.iterdir()) == []


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="is a directory, not an image"):
        FileDevice.open(tmp_path)


def test_a_pipe_or_device_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", Path("/dev/null")):
        with pytest.raises(ImageError, match="is not a regular file"):
            FileDevice.open(path)


def test_a_truncated_image_is_refused(image: Path) -> None:
    os.truncate(image, 8000)
    with pytest.raises(ImageError, match=r"is truncated: 8000 bytes found, 8192 wanted"):
        FileDevice.open(image)
    assert image.stat().st_size == 8000


def test_an_empty_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.dsk").touch()
    with pytest.raises(ImageError, match=r"empty\.dsk is empty"):
        FileDevice.open(tmp_path / "empty.dsk")


@pytest.mark.parametrize(("blocks", "sentence"), [(17, "too short"), (15, "too long")])
def test_an_image_of_another_size_than_wanted_is_refused(image: Path, blocks: int, sentence: str) -> None:
    with pytest.raises(ImageError, match=rf"is {sentence}.*: 8192 bytes found, {blocks * 512} wanted"):
        FileDevice.open(image, block_count=blocks)
    assert image.stat().st_size == 8192


def test_a_refused_image_is_not_left_open_or_locked(image: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(ImageError):
        FileDevice.open(image, block_count=1)
    assert len(os.listdir("/proc/self/fd")) == before
    FileDevice.open(image).close()


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read every file")
def test_an_image_nobody_may_read_is_refused(image: Path) -> None:
    image.chmod(0)
    with pytest.raises(ImageError, match="cannot be opened: Permission denied"):
        FileDevice.open(image)


def test_create_makes_one_hole(tmp_path: Path) -> None:
    path = tmp_path / "new.dsk"
    with closing(FileDevice.create(path, 1 << 31)) as device:  # 1 TiB
        assert device.block_count == 1 << 31
        assert path.stat().st_size == 1 << 40
        assert allocated_bytes(path) < 1 << 20
        assert write(device, (1 << 31) - 1, b"last" * 128) is None
        assert read(device, (1 << 31) - 1, 512) == b"last" * 128
        assert allocated_bytes(path) < 1 << 20


def test_create_refuses_a_file_that_exists(image: Path) -> None:
    before = digest(image)
    with pytest.raises(ImageError, match="cannot be created: File exists"):
        FileDevice.create(image, 4)
    assert digest(image) == before


@pytest.mark.parametrize("blocks", [0, -1, 1 << 54, 1 << 60])
def test_create_refuses_an_impossible_size_and_leaves_nothing(tmp_path: Path, blocks: int) -> None:
    with pytest.raises(ImageError, match=rf"{blocks} blocks"):
        FileDevice.create(tmp_path / "new.dsk", blocks)
    assert list(tmp_path.iterdir()) == []


# Write protection


@pytest.mark.parametrize("by_mode", [False, True])
def test_a_read_only_image_never_changes(image: Path, by_mode: bool) -> None:
    if by_mode:
        image.chmod(0o444)
    before, modified_ns = digest(image), image.stat().st_mtime_ns
    with closing(FileDevice.open(image, read_only=not by_mode)) as device:
        assert device.write_protected
        assert read(device, 0, 512) == b"\1" * 512
        source = MemoryDevice(16)
        for request in (
            Asked(Function.WRITE, 0, 512, [memoryview(bytes(512))]),
            Asked(Function.WRITE, 0, 5, [memoryview(bytes(5))]),
            Asked(Function.ERASE, 0, 512),
            Asked(Function.COPY, 0, 512, (), source, 0),
            Asked(Function.COPY, 0, 512, (), device, 5),
        ):
            assert isinstance(ask(device, request), MediumWriteProtected)
        assert ask(device, Asked(Function.FLUSH)) is None
    assert digest(image) == before
    assert image.stat().st_mtime_ns == modified_ns


# Locks


def test_a_second_writer_in_this_process_is_refused(image: Path) -> None:
    with (
        closing(FileDevice.open(image)),
        pytest.raises(ImageError, match="is in use: another process, or another unit"),
    ):
        FileDevice.open(image)
    FileDevice.open(image).close()


def test_a_link_is_the_same_image(image: Path, tmp_path: Path) -> None:
    (tmp_path / "other_name.dsk").hardlink_to(image)
    with closing(FileDevice.open(image)), pytest.raises(ImageError, match="is in use"):
        FileDevice.open(tmp_path / "other_name.dsk")


def test_readers_share_an_image_and_keep_a_writer_away(image: Path) -> None:
    with closing(FileDevice.open(image, read_only=True)), closing(FileDevice.open(image, read_only=True)):
        with pytest.raises(ImageError, match="is in use"):
            FileDevice.open(image)
        with other_process(image, "read_only") as (_, said):
            assert said == "open\n"


def test_a_writer_in_another_process_is_refused(image: Path) -> None:
    with closing(FileDevice.open(image)), other_process(image) as (_, said):
        assert "is in use" in said


def test_a_killed_writer_leaves_no_lock(image: Path) -> None:
    with other_process(image) as (process, said):
        assert said == "open\n"
        with pytest.raises(ImageError, match="is in use"):
            FileDevice.open(image)
        process.send_signal(signal.SIGKILL)
        process.wait()
        FileDevice.open(image).close()


def test_close_may_come_twice_and_hits_no_stranger(image: Path, tmp_path: Path) -> None:
    device = FileDevice.open(image)
    device.close()
    with (tmp_path / "stranger").open("wb") as stranger:  # most likely gets the same number
        device.close()
        stranger.write(b"still open")
    assert device.descriptor is None


# Transfers


def test_more_views_than_one_system_call_takes(tmp_path: Path) -> None:
    data = bytes(n % 251 for n in range(3000 * 10))
    with closing(FileDevice.create(tmp_path / "new.dsk", 60)) as device:
        pieces = cut(memoryview(data), range(10, 30_000, 10))
        assert ask(device, Asked(Function.WRITE, 0, 30_000, pieces)) is None
        memory = bytearray(30_000)
        pieces = cut(memoryview(memory), range(10, 30_000, 10))
        assert ask(device, Asked(Function.READ, 0, 30_000, pieces)) is None
        assert memory == data
        assert read(device, 58, 1024) == data[58 * 512 :] + bytes(1024 - 304)


def test_no_bytes_at_all_are_no_error(image: Path) -> None:
    before = digest(image)
    with closing(FileDevice.open(image)) as device:
        for function in (Function.READ, Function.WRITE, Function.ERASE, Function.COPY):
            assert ask(device, Asked(function, 16, 0, (), device, 16)) is None
    assert digest(image) == before


def test_a_write_past_the_end_is_a_bug_and_extends_nothing(image: Path) -> None:
    with closing(FileDevice.open(image)) as device:
        with pytest.raises(AssertionError, match="must not extend"):
            write(device, 15, bytes(513))
        assert image.stat().st_size == 8192


def test_an_image_cut_off_behind_our_back_fails_at_its_last_block(image: Path) -> None:
    with closing(FileDevice.open(image)) as device:
        os.truncate(image, 1000)
        memory = bytearray(2048)
        error = ask(device, Asked(Function.READ, 0, 2048, [memoryview(memory)]))
        assert isinstance(error, MediumError)
        assert (str(error), error.lbn) == ("the image ends at byte 1000", 1)
        assert memory[:512] == b"\1" * 512


def test_a_write_that_stops_half_way_names_its_block(tmp_path: Path) -> None:
    with closing(FileDevice.create(tmp_path / "new.dsk", 16)) as device:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4 * 512, hard))
        try:
            error = write(device, 1, b"\7" * 4096)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert isinstance(error, MediumError)
        assert (str(error), error.lbn) == ("File too large", 4)
        assert read(device, 0, 5 * 512) == bytes(512) + b"\7" * 1536 + bytes(512)


def test_a_full_host_disk_is_an_error_of_the_medium() -> None:
    with closing(FileDevice(os.open("/dev/full", os.O_RDWR), 16, write_protected=False)) as device:
        error = write(device, 0, bytes(512))
        assert isinstance(error, MediumError)
        assert str(error) == "No space left on device"


@pytest.mark.parametrize("function", list(Function))
def test_a_closed_image_fails_and_raises_nothing(image: Path, function: Function) -> None:
    device = FileDevice.open(image)
    device.close()
    views = [memoryview(bytearray(512))] if function in (Function.READ, Function.WRITE) else []
    error = ask(device, Asked(function, 0, 512, views, MemoryDevice(4), 0))
    assert isinstance(error, MediumError)
    assert str(error) == "Bad file descriptor"


def test_a_copy_from_or_to_a_closed_image_fails_on_the_right_side(image: Path, tmp_path: Path) -> None:
    closed = FileDevice.create(tmp_path / "closed.dsk", 16)
    closed.close()
    with closing(FileDevice.open(image)) as device:
        error = ask(closed, Asked(Function.COPY, 0, 512, (), device, 0))
        assert isinstance(error, MediumError)
        assert not isinstance(error, CopySourceError)
        assert isinstance(ask(device, Asked(Function.COPY, 0, 512, (), closed, 0)), CopySourceError)


def test_an_error_does_not_hold_the_memory_of_its_transfer(image: Path) -> None:
    with closing(FileDevice.open(image)) as device:
        os.truncate(image, 0)
        memory = bytearray(512)
        error = ask(device, Asked(Function.READ, 0, 512, [memoryview(memory)]))
        assert isinstance(error, MediumError)
        assert error.__traceback__ is None


def test_a_flush_that_failed_once_fails_ever_after(image: Path) -> None:
    """The kernel forgets lost pages; the writes that were in them stay lost."""
    reader, writer = os.pipe()
    os.close(reader)
    with closing(FileDevice(writer, 16, write_protected=False)) as device:
        assert isinstance(ask(device, Asked(Function.FLUSH)), MediumError)
        good = os.open(image, os.O_RDWR)
        os.dup2(good, writer)
        os.close(good)
        assert read(device, 0, 512) == b"\1" * 512
        assert isinstance(ask(device, Asked(Function.FLUSH)), MediumError)


# Holes


def test_erase_leaves_holes_alone_and_zeros_data(tmp_path: Path) -> None:
    path = tmp_path / "new.dsk"
    blocks = 64 * MIB_BLOCKS
    with closing(FileDevice.create(path, blocks)) as device:
        write(device, 100, b"\1" * 4096)
        write(device, blocks - 8, b"\2" * 4096)
        assert ask(device, Asked(Function.ERASE, 0, blocks * 512)) is None
        assert read(device, 100, 4096) == bytes(4096)
        assert read(device, blocks - 8, 4096) == bytes(4096)
    assert allocated_bytes(path) < 1 << 20


def test_erase_of_more_than_its_buffer(tmp_path: Path) -> None:
    size = 5 * 512 * MIB_BLOCKS // 2
    with closing(FileDevice.create(tmp_path / "new.dsk", size // 512 + 2)) as device:
        write(device, 0, b"\1" * (size + 1024))
        assert ask(device, Asked(Function.ERASE, 1, size)) is None
        assert read(device, 0, size + 1024) == b"\1" * 512 + bytes(size) + b"\1" * 512


@pytest.fixture
def sparse_pair(tmp_path: Path) -> Iterator[tuple[FileDevice, FileDevice]]:
    """A source and a target of 16 MiB: data in the middle of one, stale data elsewhere in the other."""
    source = FileDevice.create(tmp_path / "source.dsk", 16 * MIB_BLOCKS)
    target = FileDevice.create(tmp_path / "target.dsk", 16 * MIB_BLOCKS)
    write(source, 5000, b"\1" * 65536)
    write(target, 0, b"\2" * 65536)
    write(target, 9000, b"\2" * 512)
    with closing(source), closing(target):
        yield source, target


@pytest.mark.parametrize("refusal", [None, errno.EXDEV, errno.ENOSYS, errno.EIO])
def test_a_large_copy_is_true_and_keeps_holes(
    sparse_pair: tuple[FileDevice, FileDevice],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    refusal: int | None,
) -> None:
    def refuse(*arguments: int) -> int:
        raise OSError(refusal, "refused")

    if refusal is not None:
        monkeypatch.setattr(emu.media.file, "_copy_file_range", refuse)
    source, target = sparse_pair
    size = 16 * MIB_BLOCKS * 512
    assert ask(target, Asked(Function.COPY, 0, size, (), source, 0)) is None
    source.close()
    target.close()
    assert digest(tmp_path / "source.dsk") == digest(tmp_path / "target.dsk")
    assert allocated_bytes(tmp_path / "target.dsk") < 1 << 20


def test_a_chunk_of_one_mebibyte_finds_holes(sparse_pair: tuple[FileDevice, FileDevice]) -> None:
    source, target = sparse_pair
    before = allocated_bytes_of(target)
    for lbn in range(8 * MIB_BLOCKS, 16 * MIB_BLOCKS, MIB_BLOCKS):
        assert ask(target, Asked(Function.COPY, lbn, 1 << 20, (), source, lbn)) is None
    assert allocated_bytes_of(target) == before


def test_chunks_of_one_run_of_data_look_for_its_end_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    lseek = os.lseek

    def count(descriptor: int, position: int, whence: int) -> int:
        asked.append(whence)
        return lseek(descriptor, position, whence)

    with (
        closing(FileDevice.create(tmp_path / "source.dsk", 8 * MIB_BLOCKS)) as source,
        closing(FileDevice.create(tmp_path / "target.dsk", 8 * MIB_BLOCKS)) as target,
    ):
        write(source, 0, b"\1" * (8 << 20))
        monkeypatch.setattr(os, "lseek", count)
        for lbn in range(0, 4 * MIB_BLOCKS, MIB_BLOCKS):
            assert ask(target, Asked(Function.COPY, lbn, 1 << 20, (), source, lbn)) is None
        assert asked == [os.SEEK_DATA, os.SEEK_HOLE]
        assert ask(source, Asked(Function.ERASE, 5 * MIB_BLOCKS, 1 << 20)) is None
        for lbn in range(4 * MIB_BLOCKS, 8 * MIB_BLOCKS, MIB_BLOCKS):
            assert ask(target, Asked(Function.COPY, lbn, 1 << 20, (), source, lbn)) is None
    assert digest(tmp_path / "source.dsk") == digest(tmp_path / "target.dsk")


def allocated_bytes_of(device: FileDevice) -> int:
    assert device.descriptor is not None
    return os.fstat(device.descriptor).st_blocks * 512


def test_a_small_copy_is_one_system_call(
    image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[int, ...]] = []

    def copy_file_range(*arguments: int) -> int:
        calls.append(arguments)
        return os.copy_file_range(*arguments)

    def lseek(*arguments: int) -> int:
        raise AssertionError("a small copy looks for no holes")

    monkeypatch.setattr(emu.media.file, "_copy_file_range", copy_file_range)
    monkeypatch.setattr(os, "lseek", lseek)
    with closing(FileDevice.open(image)) as source, closing(FileDevice.create(tmp_path / "n", 16)) as target:
        assert ask(target, Asked(Function.COPY, 2, 5 * 512, (), source, 3)) is None
        assert read(target, 2, 512) == b"\4" * 512
        assert calls == [(source.descriptor, target.descriptor, 2560, 1536, 1024)]


def test_short_copies_go_on(image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def at_most_1000(source: int, target: int, count: int, source_at: int, target_at: int) -> int:
        return os.copy_file_range(source, target, min(count, 1000), source_at, target_at)

    monkeypatch.setattr(emu.media.file, "_copy_file_range", at_most_1000)
    with closing(FileDevice.open(image)) as source, closing(FileDevice.create(tmp_path / "n", 16)) as target:
        assert ask(target, Asked(Function.COPY, 0, 8192, (), source, 0)) is None
    assert digest(tmp_path / "n") == digest(image)


def test_short_writes_of_a_copy_by_hand_go_on(
    image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pwrite = os.pwrite
    monkeypatch.setattr(emu.media.file, "_copy_file_range", None)
    monkeypatch.setattr(os, "pwrite", lambda target, data, at: pwrite(target, data[:1000], at))
    with closing(FileDevice.open(image)) as source, closing(FileDevice.create(tmp_path / "n", 16)) as target:
        assert ask(target, Asked(Function.COPY, 0, 8192, (), source, 0)) is None
    assert digest(tmp_path / "n") == digest(image)


@pytest.mark.parametrize(("source_lbn", "lbn"), [(0, 1), (1, 0), (0, 3000), (3000, 0)])
def test_a_large_copy_onto_its_own_source(tmp_path: Path, source_lbn: int, lbn: int) -> None:
    size = 3 << 20
    data = b"".join(bytes([n % 256, n // 256]) * 256 for n in range(size // 512))
    with closing(FileDevice.create(tmp_path / "new.dsk", 10_000)) as device:
        write(device, source_lbn, data)
        assert ask(device, Asked(Function.COPY, lbn, size, (), device, source_lbn)) is None
        assert read(device, lbn, size) == data


@pytest.mark.parametrize("size", [8192, 1 << 20])
def test_a_source_that_was_cut_off_fails_the_copy(tmp_path: Path, size: int) -> None:
    with (
        closing(FileDevice.create(tmp_path / "source.dsk", size // 512)) as source,
        closing(FileDevice.create(tmp_path / "target.dsk", size // 512)) as target,
    ):
        os.truncate(tmp_path / "source.dsk", 4096)
        error = ask(target, Asked(Function.COPY, 0, size, (), source, 0))
        assert isinstance(error, CopySourceError)


def test_a_source_that_cannot_be_read_fails_the_copy(tmp_path: Path) -> None:
    source = FileDevice(os.open(tmp_path, os.O_RDONLY), 16, write_protected=True)  # a directory
    with closing(source), closing(FileDevice.create(tmp_path / "target.dsk", 16)) as target:
        error = ask(target, Asked(Function.COPY, 0, 1024, (), source, 3))
        assert isinstance(error, CopySourceError)
        assert (str(error), error.lbn) == ("Is a directory", 3)


def test_a_target_that_takes_nothing_fails_the_copy_as_itself(image: Path) -> None:
    target = FileDevice(os.open("/dev/full", os.O_RDWR), 16, write_protected=False)
    with closing(target), closing(FileDevice.open(image)) as source:
        error = ask(target, Asked(Function.COPY, 0, 1024, (), source, 3))
        assert isinstance(error, MediumError)
        assert not isinstance(error, CopySourceError)
        assert str(error) == "No space left on device"
