"""Images and side files of a mirror set: what is made, what is refused, what is never touched."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from check_block_device import Asked, read

from emu.core.block import Function
from emu.media.file import FileDevice, ImageError
from emu.shells.firmware_files import load_firmware
from emu.shells.mirror_files import MirrorFiles, shadow_paths
from emu.sim.mirror import MirrorSet
from emu.sim.world import World

BLOCKS = 500
CONTENT = bytes(1 + n % 251 for n in range(BLOCKS * 512))


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    """a.dsk with contents, b.dsk with zeros."""
    (tmp_path / "a.dsk").write_bytes(CONTENT)
    (tmp_path / "b.dsk").write_bytes(bytes(BLOCKS * 512))
    return [str(tmp_path / "a.dsk"), str(tmp_path / "b.dsk")]


@contextmanager
def served(
    paths: list[str], *, create: bool = False, clean: bool = True
) -> Iterator[tuple[World, MirrorSet]]:
    """A set from its files, and its proper end unless `clean` is False."""
    files = MirrorFiles.open(paths, create=create)
    try:
        world = World()
        mirror = world.add_mirror(
            "M1", files.media, load_firmware("hbvs-shadow"), block_count=files.block_count
        )
        world.run(mirror.node, mirror.create(files.label) if files.label else mirror.open())
        settle(world, mirror)
        yield world, mirror
        if clean:
            world.run(mirror.node, mirror.close())
            files.seal()
    finally:
        files.close()


def settle(world: World, mirror: MirrorSet) -> None:
    copying = ("MERGING", "NORMALIZING", "COPYING")
    assert world.settle(lambda: not any(mirror.state(disk) in copying for disk in mirror.disks))


def write(world: World, mirror: MirrorSet, lbn: int, data: bytes) -> None:
    request = Asked(Function.WRITE, lbn, len(data), [memoryview(data)])
    mirror.device.submit(request)
    assert world.settle(lambda: bool(request.answers))
    assert request.answers == [None]


def made(paths: list[str]) -> list[str]:
    """A set that was created and closed."""
    with served(paths, create=True):
        pass
    return paths


def states(mirror: MirrorSet) -> list[str]:
    return [mirror.state(disk) for disk in mirror.disks]


def test_the_images_stay_raw_and_the_side_files_have_128_blocks(paths: list[str]) -> None:
    with served(paths, create=True) as (world, mirror):
        write(world, mirror, 3, b"\xee" * 512)
    expected = CONTENT[: 3 * 512] + b"\xee" * 512 + CONTENT[4 * 512 :]
    for path in paths:
        assert Path(path).read_bytes() == expected
        side = Path(path + ".shadow").read_bytes()
        assert len(side) == 128 * 512
        assert side[127 * 512 : 127 * 512 + 10] == b"HBVSSIDE\1\0"
        assert int.from_bytes(side[127 * 512 + 24 :][:8], "little") == BLOCKS * 512
        assert int.from_bytes(side[127 * 512 + 32 :][:8], "little") == os.stat(path).st_mtime_ns


def test_what_was_closed_properly_opens_without_a_copy(paths: list[str]) -> None:
    made(paths)
    before = [os.stat(path).st_mtime_ns for path in paths]
    with served(paths) as (_, mirror):
        assert states(mirror) == ["NORMAL", "NORMAL"]
        assert mirror.node.shadow.server.copies == []
    assert [os.stat(path).st_mtime_ns for path in paths] == before


def test_what_was_not_closed_is_made_equal_again(paths: list[str]) -> None:
    made(paths)
    with served(paths, clean=False) as (world, mirror):
        write(world, mirror, 9, b"\x12" * 512)
    with served(paths) as (_, mirror):
        assert len(mirror.node.shadow.server.merges) == 1
        assert mirror.node.shadow.server.copies == []
    assert Path(paths[0]).read_bytes() == Path(paths[1]).read_bytes()


def test_a_copy_of_a_reduced_image_is_the_guest_s_disk_of_that_moment(
    paths: list[str], tmp_path: Path
) -> None:
    backup = tmp_path / "backup.dsk"
    made(paths)
    with served(paths) as (world, mirror):
        write(world, mirror, 1, b"\1" * 512)
        world.run(mirror.node, mirror.reduce(mirror.disks[1]))
        write(world, mirror, 1, b"\2" * 512)
        backup.write_bytes(Path(paths[1]).read_bytes())
        world.run(mirror.node, mirror.replace(mirror.disks[1]))
        settle(world, mirror)
        assert mirror.node.shadow.server.copies[-1].bitmap is not None
    assert backup.read_bytes() == CONTENT[:512] + b"\1" * 512 + CONTENT[1024:]
    assert Path(paths[1]).read_bytes() == CONTENT[:512] + b"\2" * 512 + CONTENT[1024:]


def test_a_reduced_image_that_somebody_writes_to_returns_by_a_full_copy(paths: list[str]) -> None:
    made(paths)
    with served(paths) as (world, mirror):
        world.run(mirror.node, mirror.reduce(mirror.disks[1]))
        with open(paths[1], "r+b") as image:
            image.write(b"somebody else's")
        os.utime(paths[1], ns=(1, 1))  # whatever the file system's clock is worth
        world.run(mirror.node, mirror.replace(mirror.disks[1]))
        settle(world, mirror)
        assert mirror.node.shadow.server.copies[-1].bitmap is None
    assert Path(paths[1]).read_bytes() == CONTENT


def test_images_without_side_files_need_create_and_the_sentence_says_what_it_overwrites(
    paths: list[str],
) -> None:
    with pytest.raises(ImageError, match=r"what .*a\.dsk holds now; .*b\.dsk will be overwritten"):
        MirrorFiles.open(paths)
    assert not any(Path(path + ".shadow").exists() for path in paths)
    assert Path(paths[1]).read_bytes() == bytes(BLOCKS * 512)


def test_create_is_refused_where_a_set_is(paths: list[str]) -> None:
    made(paths)
    with pytest.raises(ImageError, match=r"a\.dsk is in a mirror set already: start without --create"):
        MirrorFiles.open(paths, create=True)


def test_a_creation_that_came_to_nothing_can_be_begun_again(paths: list[str]) -> None:
    MirrorFiles.open(paths, create=True).close()
    with pytest.raises(ImageError, match="--create makes one"):
        MirrorFiles.open(paths)
    made(paths)


def test_an_image_without_a_side_file_is_a_spare_and_stays_as_it_is(paths: list[str], tmp_path: Path) -> None:
    made(paths)
    (tmp_path / "c.dsk").write_bytes(b"\x77" * BLOCKS * 512)
    three = [*paths, str(tmp_path / "c.dsk")]
    for _ in range(2):
        with served(three) as (world, mirror):
            assert states(mirror) == ["NORMAL", "NORMAL", "SPARE"]
            write(world, mirror, 0, b"\1" * 512)
        assert (tmp_path / "c.dsk").read_bytes() == b"\x77" * BLOCKS * 512
    with served(three) as (world, mirror):
        world.run(mirror.node, mirror.replace(mirror.disks[2]))
        settle(world, mirror)
    assert (tmp_path / "c.dsk").read_bytes() == b"\1" * 512 + CONTENT[512:]
    with served(three) as (_, mirror):
        assert states(mirror) == ["NORMAL"] * 3


def test_an_image_changed_since_the_set_was_closed_is_refused(paths: list[str]) -> None:
    made(paths)
    with open(paths[0], "r+b") as image:
        image.write(b"an emulator was here")
    os.utime(paths[0], ns=(1, 1))
    with pytest.raises(ImageError, match=r"a\.dsk was changed by somebody else .* remove .*a\.dsk\.shadow"):
        MirrorFiles.open(paths)
    os.unlink(paths[0] + ".shadow")
    with served(paths) as (world, mirror):
        assert states(mirror) == ["SPARE", "NORMAL"]
        assert Path(paths[0]).read_bytes().startswith(b"an emulator was here")
        world.run(mirror.node, mirror.replace(mirror.disks[0]))
        settle(world, mirror)
    assert Path(paths[0]).read_bytes() == CONTENT


def test_a_former_member_may_be_changed_by_anybody(paths: list[str]) -> None:
    made(paths)
    with served(paths) as (world, mirror):
        world.run(mirror.node, mirror.reduce(mirror.disks[1]))
    Path(paths[1]).write_bytes(b"\x66" * BLOCKS * 512)
    with served(paths) as (_, mirror):
        assert states(mirror) == ["NORMAL", "SPARE"]
    assert Path(paths[1]).read_bytes() == b"\x66" * BLOCKS * 512


def test_a_side_file_of_another_image_is_refused(paths: list[str], tmp_path: Path) -> None:
    made(paths)
    with open(paths[1], "ab") as image:
        image.write(bytes(512))
    with pytest.raises(ImageError, match=r"belongs to an image of 256000 bytes, .*b\.dsk has 256512"):
        MirrorFiles.open(paths)
    Path(paths[1] + ".shadow").write_bytes(bytes(128 * 512))
    with pytest.raises(ImageError, match="is not a side file"):
        MirrorFiles.open(paths)
    Path(paths[1] + ".shadow").write_bytes(bytes(512))
    with pytest.raises(ImageError, match="too short"):
        MirrorFiles.open(paths)
    Path(paths[1]).write_bytes(bytes(BLOCKS * 512))
    Path(paths[1] + ".shadow").write_bytes(Path(paths[0] + ".shadow").read_bytes())
    with pytest.raises(ImageError, match="are copies of each other"):
        MirrorFiles.open(paths)


def test_an_image_smaller_than_the_set_is_refused(paths: list[str], tmp_path: Path) -> None:
    made(paths)
    (tmp_path / "small.dsk").write_bytes(bytes(100 * 512))
    with pytest.raises(ImageError, match=r"small\.dsk has 100 blocks, fewer than the 500"):
        MirrorFiles.open([*paths, str(tmp_path / "small.dsk")])
    assert not (tmp_path / "small.dsk.shadow").exists()


def test_the_guest_sees_as_many_blocks_as_the_smallest_image_has(paths: list[str], tmp_path: Path) -> None:
    (tmp_path / "small.dsk").write_bytes(bytes(100 * 512))
    three = [*paths, str(tmp_path / "small.dsk")]
    with served(three, create=True) as (_, mirror):
        assert mirror.device.block_count == 100
    with served(three) as (_, mirror):
        assert mirror.device.block_count == 100
    assert Path(paths[0]).read_bytes() == CONTENT


def test_files_that_cannot_be_used_are_refused(paths: list[str], tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="No such file"):
        MirrorFiles.open([paths[0], str(tmp_path / "none.dsk")], create=True)
    with pytest.raises(ImageError, match="is in use"):
        MirrorFiles.open([paths[0], paths[0]], create=True)
    Path(paths[1]).chmod(0o444)
    with pytest.raises(ImageError, match="write-protected"):
        MirrorFiles.open(paths, create=True)
    with pytest.raises(ImageError, match="1 to 3 images, not 4"):
        MirrorFiles.open(paths * 2)
    assert not any(Path(path + ".shadow").exists() for path in paths)


def test_an_image_in_use_by_another_process_is_refused_and_nothing_stays_locked(paths: list[str]) -> None:
    made(paths)
    other = FileDevice.open(paths[1])
    with pytest.raises(ImageError, match=r"b\.dsk is in use"):
        MirrorFiles.open(paths)
    other.close()
    with served(paths) as (_, mirror):
        assert read(mirror.disks[0].medium, 127, 512) == CONTENT[:512]
        with pytest.raises(ImageError, match=r"a\.dsk is in use"):
            MirrorFiles.open(paths)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("shadow(a.dsk,b.dsk)", ["a.dsk", "b.dsk"]),
        ("SHADOW( a.dsk , b dir/b.dsk,c.dsk )", ["a.dsk", "b dir/b.dsk", "c.dsk"]),
        ("shadow()", []),
        ("a.dsk", None),
        ("shadow(a.dsk", None),
    ],
)
def test_the_paths_stand_between_parentheses(text: str, expected: list[str] | None) -> None:
    assert shadow_paths(text) == expected
