"""The file system of a volume, through the whole stack down to a medium in memory, judged by the book's checker."""

from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from drivers.files.directory import VERSION_LIMIT, Version, pack_directory, unpack_directory
from drivers.files.fresh_volume import VolumeOptions
from drivers.files.headers import (
    Extent,
    File,
    FileId,
    RecordAttributes,
    header_count,
    pack_headers,
    unpack_header,
    unpack_map,
)
from drivers.files.names import parse_file_spec
from drivers.files.sequential import FileWriter, LinesToRecords, RecordsToLines, read_pieces
from drivers.files.storage_map import DeviceFull, StorageMap
from drivers.files.xqp import FileSystem
from drivers.message import Failure
from emu.wire.codes.ods2 import RTYPE
from tests.ods2_checker import Ods2Checker
from tests.simulation.stage import Stage, contents

BYTES = RecordAttributes(RTYPE.STREAM_LF)


class Volume:
    """A shadow set of one small disk, and commands on its files."""

    def __init__(self, block_count: int = 1_500, **options: int) -> None:
        self.stage = Stage(members=1, block_count=block_count)
        alpha = self.stage.alpha
        volume_options = VolumeOptions(**options)  # type: ignore[arg-type]
        initialize = alpha.utilities.initialize(
            self.stage.names, "PAYROLL", shadow=True, options=volume_options
        )
        self.stage.world.run(alpha, initialize)
        self.vu = self.stage.mount()

    def run(self, body: Any) -> Any:
        """Open the file system, and run `body(files)`."""

        def command() -> Generator[Any, Any, Any]:
            files = yield from FileSystem.open(self.stage.alpha.platform, self.vu)
            result = yield from body(files)
            return result

        return self.stage.world.run(self.stage.alpha, command())

    def put(self, text: str, data: bytes, *, expected: int | None = None) -> None:
        """Make a file; `expected` is what its size is thought to be at first, in bytes."""
        spec = parse_file_spec(text)

        def body(files: FileSystem) -> Generator[Any, Any, Any]:
            directory = yield from files.directory(spec.directory)
            version = yield from files.next_version(directory, spec)
            blocks = -(-(len(data) if expected is None else expected) // 512)
            file = yield from files.create(directory, f"{spec.full_name};{version}", BYTES, blocks)
            writer = FileWriter(files, file)
            try:
                yield from writer.write(data)
                yield from writer.close()
            except Failure:
                yield from files.delete(file)
                raise
            yield from files.enter(directory, file, spec.full_name, version, VERSION_LIMIT)

        self.run(body)

    def get(self, text: str) -> bytes:
        pieces: list[bytes] = []

        def body(files: FileSystem) -> Generator[Any, Any, Any]:
            _, (version,) = yield from files.find(parse_file_spec(text))
            file = yield from files.file(version.fid)
            yield from read_pieces(files, file, pieces.append)

        self.run(body)
        return b"".join(pieces)

    def delete(self, text: str) -> None:
        def body(files: FileSystem) -> Generator[Any, Any, Any]:
            directory, versions = yield from files.find(parse_file_spec(text, wild=True))
            for version in versions:
                yield from files.remove(directory, version)

        self.run(body)

    def make_directory(self, *path: str) -> None:
        self.run(lambda files: files.create_directory(path))

    @property
    def free_blocks(self) -> int:
        blocks: int = self.run(lambda files: files.space()).free_blocks
        return blocks

    def check(self) -> Ods2Checker:
        return Ods2Checker(contents(self.stage.disks[0]))

    def refusal(self, action: Any) -> list[str]:
        with pytest.raises(Failure) as refused:
            action()
        return [message.ident for message in refused.value.messages]


def test_what_is_written_is_read_and_found_by_the_book() -> None:
    volume = Volume()
    volume.make_directory("A", "B")
    data = bytes(range(256)) * 300 + b"odd"
    volume.put("[A.B]DATA.BIN", data)
    volume.put("[A.B]DATA.BIN", b"second")
    volume.put("[A]EMPTY.", b"")
    assert volume.get("[A.B]DATA.BIN;1") == data
    assert volume.get("[A.B]DATA.BIN") == b"second"
    files = volume.check().files
    assert files["[A.B]DATA.BIN;1"].content == data
    assert files["[A.B]DATA.BIN;2"].content == b"second"
    assert files["[A]EMPTY.;1"].content == b""
    assert files["[000000]A.DIR;1"].fid == (11, 1)


def test_a_file_number_that_is_used_again_has_another_sequence_number() -> None:
    volume = Volume()
    volume.put("[]ONE.DAT", b"1")
    volume.delete("[]ONE.DAT;*")
    volume.put("[]TWO.DAT", b"2")
    assert volume.check().files["[000000]TWO.DAT;1"].fid == (11, 2)


def test_the_index_file_grows_when_its_headers_are_used_up() -> None:
    volume = Volume()
    for number in range(30):
        volume.put(f"[]F{number}.DAT", bytes([number]))
    files = volume.check().files
    assert [files[f"[000000]F{number}.DAT;1"].content for number in range(30)] == [
        bytes([n]) for n in range(30)
    ]


def test_a_directory_grows_and_stays_in_order() -> None:
    volume = Volume(block_count=3_000)
    for number in range(40):
        volume.put(f"[]{number * 7 % 40:02}{'LONG' * 9}.DAT", b"")
    assert len(volume.check().files) == 50


def test_a_fragmented_file_has_several_headers() -> None:
    volume = Volume(block_count=1_500)
    for number in range(180):
        volume.put(f"[]P{number}.DAT", b"x")
    for number in range(0, 180, 2):
        volume.delete(f"[]P{number}.DAT;1")
    data = (bytes(range(251)) * 3_000)[: volume.free_blocks * 512 - 1_000]
    volume.put("[]LARGE.DAT", data)
    assert volume.get("[]LARGE.DAT") == data
    assert volume.check().header_counts["[000000]LARGE.DAT;1"] == 2
    volume.delete("[]LARGE.DAT;1")
    volume.check()


def test_a_file_that_gets_longer_than_was_thought_is_extended() -> None:
    volume = Volume()
    volume.put("[]GROWN.DAT", b"y" * 200_000, expected=10)
    assert volume.get("[]GROWN.DAT") == b"y" * 200_000
    volume.check()


def test_a_full_volume_refuses_and_stays_as_it_was() -> None:
    volume = Volume()
    before = volume.free_blocks
    assert volume.refusal(lambda: volume.put("[]A.DAT", bytes(2_000_000))) == ["DEVICEFULL"]
    assert volume.refusal(lambda: volume.put("[]A.DAT", bytes(2_000_000), expected=10)) == ["DEVICEFULL"]
    assert volume.free_blocks == before
    assert len(volume.check().files) == 10


def test_no_more_files_than_the_volume_may_have() -> None:
    volume = Volume(maximum_files=16)
    for number in range(6):
        volume.put(f"[]F{number}.DAT", b"")
    assert volume.refusal(lambda: volume.put("[]F6.DAT", b"abc")) == ["IDXFILEFULL"]
    volume.check()


@pytest.mark.parametrize(
    ("action", "idents"),
    [
        (lambda v: v.get("[]NONE.DAT"), ["FNF"]),
        (lambda v: v.get("[NONE]A.DAT"), ["DNF", "NOSUCHFILE"]),
        (lambda v: v.put("[]A.DAT;1", b""), ["FEX"]),
        (lambda v: v.delete("[]D.DIR;1"), ["DIRNOTEMPTY"]),
        (lambda v: v.delete("[]INDEXF.SYS;1"), ["NOPRIV"]),
        (lambda v: v.put("[]TOO?BAD.DAT", b""), ["FNM"]),
        (lambda v: v.put("[A..B]X.DAT", b""), ["DIR"]),
        (lambda v: v.put(f"[]{'N' * 40}.DAT", b""), ["FNM"]),
        (lambda v: v.put("[]X.DAT;40000", b""), ["VER"]),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_message_of_vms(action: Any, idents: list[str]) -> None:
    volume = Volume()
    volume.put("[]A.DAT", b"")
    volume.make_directory("D")
    volume.put("[D]B.DAT", b"")
    before = contents(volume.stage.disks[0])
    assert volume.refusal(lambda: action(volume)) == idents
    assert contents(volume.stage.disks[0]) == before


def test_a_damaged_index_file_header_is_replaced_by_its_backup() -> None:
    volume = Volume()
    volume.put("[]A.DAT", b"abc")
    disk = volume.stage.disks[0]
    lbn = int.from_bytes(contents(disk)[512 + 24 : 512 + 28], "little") + 1
    volume.stage.write_now(volume.vu, lbn, b"\xff" * 512)
    assert volume.get("[]A.DAT") == b"abc"


def test_a_damaged_header_is_no_file() -> None:
    volume = Volume()
    volume.put("[]A.DAT", b"abc")
    lbn = int.from_bytes(contents(volume.stage.disks[0])[512 + 24 : 512 + 28], "little") + 1 + 10
    volume.stage.write_now(volume.vu, lbn, b"\xff" * 512)
    assert volume.refusal(lambda: volume.get("[]A.DAT")) == ["BADFILEHDR", "HEADER"]


# ---- parts


def test_a_map_takes_each_format_of_retrieval_pointer() -> None:
    extents = [Extent(5, 256), Extent(1 << 22, 16_384), Extent(9, 1 << 20), Extent(3, 1)]
    file = File(FileId(11, 1), "X.Y;1", BYTES, extents)
    (block,) = pack_headers(file)
    assert block[58] == 2 + 3 + 4 + 2
    assert block[200:222] == bytes.fromhex("ff400500 ffbf00004000 0fc0ffff09000000 00400300")
    assert list(unpack_map(block, unpack_header(block))) == extents


def test_a_map_that_is_too_long_goes_on_in_another_header() -> None:
    extents = [Extent(2 * n, 1) for n in range(78)]  # 155 words hold 77 pointers of two
    assert header_count(extents[:77]) == 1
    assert header_count(extents) == 2


def test_versions_of_one_name_go_on_in_the_next_block() -> None:
    versions = [Version("NAME.TYP", number, FileId(number, 1)) for number in range(100, 0, -1)]
    data = pack_directory(versions)
    assert len(data) == 1024
    assert list(unpack_directory(data)) == versions


def test_free_clusters_are_taken_in_one_piece_if_there_is_one() -> None:
    space = StorageMap.fresh(100, 2)
    space.take(Extent(10, 2))
    assert space.allocate(20) == [Extent(12, 20)]
    assert space.allocate(9) == [Extent(0, 10)]
    with pytest.raises(DeviceFull):
        space.allocate(70, contiguous=True)
    assert space.free_blocks == 68


def test_lines_become_records_and_lines_again_however_they_are_cut() -> None:
    text = b"one\n\nthree and more\nlast"
    for size in (1, 2, 3, 7, 100):
        encoder, decoder = LinesToRecords(), RecordsToLines()
        records = b"".join(encoder.feed(text[at : at + size]) for at in range(0, len(text), size))
        records += encoder.feed(b"", last=True)
        assert records == b"\x03\0one\0\0\0\x0e\0three and more\x04\0last"
        lines = b"".join(decoder.feed(records[at : at + size]) for at in range(0, len(records), size))
        assert lines == text + b"\n"
        assert encoder.longest == 14


# ---- at random

NAMES = st.sampled_from(("A", "B", "LONGER_NAME_OF_A_FILE", "C$1"))
DIRECTORIES = st.sampled_from(((), ("D",), ("D", "E"), ("F",)))


class RandomFiles(RuleBasedStateMachine):
    """Files made and deleted at random; after each step the volume agrees with itself and with a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.volume = Volume(block_count=400, cluster_blocks=2)
        self.model: dict[str, bytes] = {}
        self.directories: set[tuple[str, ...]] = {()}

    @rule(path=DIRECTORIES)
    def make_directory(self, path: tuple[str, ...]) -> None:
        self.volume.make_directory(*path)
        self.directories.update(path[:depth] for depth in range(len(path) + 1))

    @rule(path=DIRECTORIES, name=NAMES, size=st.integers(0, 30_000), fill=st.integers(0, 255))
    def put(self, path: tuple[str, ...], name: str, size: int, fill: int) -> None:
        text = f"[{'.'.join(path) or '000000'}]{name}.DAT"
        data = bytes([fill]) * size
        try:
            self.volume.put(text, data)
        except Failure as failure:
            problem = failure.messages[0].ident
        else:
            problem = ""
        if path not in self.directories:
            assert problem == "DNF"
        elif problem:
            assert problem == "DEVICEFULL"
            assert self.volume.free_blocks < size // 512 + 10
        if problem:
            return
        version = 1 + max(
            (int(key.rpartition(";")[2]) for key in self.model if key.startswith(f"{text};")), default=0
        )
        self.model[f"{text};{version}"] = data

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        if self.model:
            text = data.draw(st.sampled_from(sorted(self.model)))
            self.volume.delete(text)
            del self.model[text]

    @invariant()
    def everything_agrees(self) -> None:
        found = {
            text: file.content
            for text, file in self.volume.check().files.items()
            if ".SYS;" not in text and ".DIR;" not in text
        }
        assert found == self.model


TestRandomFiles = RandomFiles.TestCase
TestRandomFiles.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)
