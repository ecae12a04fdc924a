"""Images of users: opened, or copied first."""

import hashlib
import os
from contextlib import closing
from pathlib import Path

import pytest
from check_block_device import read, write

import emu.shells.image_files
from emu.media.file import FileDevice, ImageError
from emu.shells.image_files import open_image, private_copy


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """16 MiB, nearly all of it hole."""
    path = tmp_path / "user.dsk"
    with closing(FileDevice.create(path, 32768)) as device:
        write(device, 20_000, b"\1" * 4096)
    return path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_copy_is_equal_sparse_and_writable(image: Path, tmp_path: Path) -> None:
    (tmp_path / "copies").mkdir()
    image.chmod(0o444)
    copy = private_copy(image, tmp_path / "copies")
    assert copy == tmp_path / "copies" / "user.dsk"
    assert digest(copy) == digest(image)
    assert copy.stat().st_blocks * 512 < 1 << 20
    with closing(FileDevice.open(copy)) as device:
        assert not device.write_protected


def test_progress_ends_at_the_whole(image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emu.shells.image_files, "PIECE_BYTES", 6 << 20)
    (tmp_path / "copies").mkdir()
    seen: list[tuple[int, int]] = []
    private_copy(image, tmp_path / "copies", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(6 << 20, 16 << 20), (12 << 20, 16 << 20), (16 << 20, 16 << 20)]


def test_a_copy_never_replaces_a_file(image: Path, tmp_path: Path) -> None:
    before = digest(image)
    with pytest.raises(ImageError, match="File exists"):
        private_copy(image, tmp_path)
    assert digest(image) == before


def test_an_image_that_is_being_written_is_not_copied(image: Path, tmp_path: Path) -> None:
    (tmp_path / "copies").mkdir()
    with closing(FileDevice.open(image)), pytest.raises(ImageError, match="is in use"):
        private_copy(image, tmp_path / "copies")
    assert list((tmp_path / "copies").iterdir()) == []


def test_an_interrupted_copy_leaves_nothing(image: Path, tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    (tmp_path / "copies").mkdir()
    with pytest.raises(KeyboardInterrupt):
        private_copy(image, tmp_path / "copies", progress=interrupt)
    assert list((tmp_path / "copies").iterdir()) == []
    FileDevice.open(image).close()


def test_a_private_image_takes_writes_that_the_original_never_sees(
    image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    before = digest(image)
    with closing(open_image(image, private=True, block_count=32768)) as device:
        assert read(device, 20_000, 4096) == b"\1" * 4096
        assert write(device, 20_000, b"\2" * 4096) is None
        assert list((tmp_path / "temporary").iterdir()) == []  # it has no name any more
    assert digest(image) == before


def test_a_private_image_of_the_wrong_size_is_refused(image: Path) -> None:
    with pytest.raises(ImageError, match="too short"):
        open_image(image, private=True, block_count=40_000)


def test_the_home_directory_has_its_short_name(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", os.fspath(image.parent))
    with closing(open_image("~/user.dsk", read_only=True)) as device:
        assert device.write_protected
