"""What INITIALIZE puts on a volume, byte by byte: offsets and values typed from the Files-11 specification."""

import pytest

from drivers.files.fresh_volume import FreshVolume, VolumeOptions
from drivers.message import Failure

NOW = 0x00A0_1234_5678_9ABC


def image(block_count: int, options: VolumeOptions | None = None) -> bytes:
    """The volume's bytes; its storage control block is left out."""
    volume = FreshVolume(block_count, options or VolumeOptions("PAYROLL"))
    data = bytearray(block_count * 512)
    for lbn, blocks in volume.blocks(NOW, b"\xcc" * 512):
        data[lbn * 512 : lbn * 512 + len(blocks)] = blocks
    return bytes(data)


def block(data: bytes, lbn: int) -> bytes:
    return data[lbn * 512 : (lbn + 1) * 512]


def word(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 2], "little")


def longword(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 4], "little")


def words_sum(data: bytes, end: int) -> int:
    return sum(word(data, offset) for offset in range(0, end, 2)) % 65536


def test_a_home_block_says_where_the_index_file_is() -> None:
    home = block(image(20_000), 1)
    assert longword(home, 0) == 1  # this block
    assert longword(home, 4) == 2  # alternate home block
    assert longword(home, 8) == 3  # backup index file header
    assert home[12:14] == b"\x01\x02"
    assert word(home, 14) == 1  # cluster factor
    assert (word(home, 16), word(home, 18), word(home, 20), word(home, 22)) == (2, 3, 4, 5)
    assert longword(home, 24) == 4  # index file bitmap
    assert longword(home, 28) == 5_000  # maximum files: 20 000 / ((1 + 1) * 2)
    assert word(home, 32) == 2
    assert word(home, 34) == 10  # reserved files
    assert longword(home, 44) == 0x0001_0004  # [1,4]
    assert (word(home, 54), word(home, 56)) == (0xFA00, 0xFE00)
    assert home[68:72] == b"\x07\x03\x05\0"  # window, directory cache, extension
    assert home[60:68] == NOW.to_bytes(8, "little")
    assert home[460:508] == b"            PAYROLL                 DECFILE11B  "
    assert word(home, 58) == words_sum(home, 58)
    assert word(home, 510) == words_sum(home, 510)


def test_every_copy_of_the_home_block_knows_its_own_place() -> None:
    data = image(60_000)  # cluster factor 3
    for lbn in range(1, 9):
        home = block(data, lbn)
        assert (longword(home, 0), word(home, 16)) == (lbn, lbn + 1)
        assert (longword(home, 4), longword(home, 8), longword(home, 24)) == (6, 9, 12)
        assert (word(home, 18), word(home, 20), word(home, 22)) == (7, 10, 13)
        assert word(home, 510) == words_sum(home, 510)


def test_the_ten_reserved_files_have_headers_behind_the_index_file_bitmap() -> None:
    data = image(20_000)
    assert block(data, 4)[:2] == b"\xff\x03"
    names = (
        "INDEXF.SYS BITMAP.SYS BADBLK.SYS 000000.DIR CORIMG.SYS "
        "VOLSET.SYS CONTIN.SYS BACKUP.SYS BADLOG.SYS SECURITY.SYS"
    )
    for number, name in enumerate(names.split(), 1):
        header = block(data, 5 + number)
        assert header[:4] == bytes([40, 100, 255, 255])
        assert header[8:14] == bytes([number, 0, number, 0, 0, 0])
        assert header[66:72] == b"\x04\0\x04\0\0\0"  # in 000000.DIR
        assert header[80:100] == f"{name};1".encode().ljust(20)
        assert word(header, 510) == words_sum(header, 510)
    assert block(data, 3) == block(data, 6)  # the backup


def test_retrieval_pointers_lead_to_the_blocks() -> None:
    data = image(20_000)
    index, bitmap, directory = (block(data, 5 + number) for number in (1, 2, 4))
    assert (index[58], index[200:204]) == (2, bytes([21, 0x40, 0, 0]))  # format 1: 22 blocks from LBN 0
    assert bitmap[200:204] == bytes([5, 0x40, 29, 0])  # control block and 5 blocks of bitmap
    assert directory[200:204] == bytes([0, 0x40, 22, 0])
    assert longword(directory, 52) == 0x2080
    assert bitmap[24:34] == bytes([0, 0, 6, 0, 0, 0, 7, 0, 0, 0])  # HIBLK, EFBLK, FFBYTE
    assert index[28:34] == bytes([0, 0, 17, 0, 0, 0])  # the end is behind the last header in use
    assert block(data, 29) == b"\xcc" * 512


def test_the_directory_lists_the_reserved_files_in_order() -> None:
    directory = block(image(20_000), 22)
    assert directory[:24] == b"\x16\0\x01\0\0\x0a000000.DIR\x01\0\x04\0\x04\0\0\0"
    place, names = 0, []
    while word(directory, place) != 0xFFFF:
        names.append(directory[place + 6 : place + 6 + directory[place + 5]].decode())
        place += 2 + word(directory, place)
    assert names == sorted(names)
    assert len(names) == 10


def test_a_free_cluster_is_a_bit_that_is_set() -> None:
    data = image(20_000)
    bits = int.from_bytes(data[30 * 512 : 35 * 512], "little")
    assert bits == ((1 << 20_000) - 1) ^ ((1 << 35) - 1)


def test_a_cluster_that_the_disk_does_not_hold_whole_is_never_free() -> None:
    options = VolumeOptions("X", cluster_blocks=7)
    volume = FreshVolume(5_000, options)
    data = image(5_000, options)
    bits = int.from_bytes(data[(volume.scb_lbn + 1) * 512 : (volume.scb_lbn + 2) * 512], "little")
    assert bits.bit_length() == 714  # 5000 / 7 = 714 and a rest


@pytest.mark.parametrize(
    ("block_count", "cluster_blocks"), [(49_999, 1), (50_000, 3), (2_940_951, 3), (5_000_000, 5)]
)
def test_the_cluster_factor_grows_with_the_volume(block_count: int, cluster_blocks: int) -> None:
    assert FreshVolume(block_count, VolumeOptions("X")).cluster_blocks == cluster_blocks


def test_the_index_file_goes_where_it_is_wanted() -> None:
    data = image(20_000, VolumeOptions("X", index=10_000))
    assert longword(block(data, 1), 24) == 10_000
    index = block(data, 10_002)
    assert (index[58], index[200:208]) == (
        4,
        bytes([3, 0x40, 0, 0, 17, 0x40]) + (10_000).to_bytes(2, "little"),
    )


@pytest.mark.parametrize(
    ("block_count", "options", "ident"),
    [
        (20_000, VolumeOptions("X", cluster_blocks=401), "CLUSTER"),
        (20, VolumeOptions("X"), "ALLOCFAIL"),
    ],
)
def test_what_does_not_fit_is_refused(block_count: int, options: VolumeOptions, ident: str) -> None:
    with pytest.raises(Failure) as refusal:
        FreshVolume(block_count, options)
    assert refusal.value.messages[0].ident == ident
