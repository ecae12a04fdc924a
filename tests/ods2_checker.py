"""Reads an ODS-2 volume by the book alone, and finds what contradicts itself: bitmaps, headers, directories.

Offsets are typed from the Files-11 specification: the second witness beside `drivers.files`.
"""

from dataclasses import dataclass


def word(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 2], "little")


def longword(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 4], "little")


def swapped(data: bytes, offset: int) -> int:
    return word(data, offset) << 16 | word(data, offset + 2)


def words_sum(data: bytes, end: int) -> int:
    return sum(word(data, offset) for offset in range(0, end, 2)) % 65536


@dataclass(frozen=True)
class Found:
    """A file found on the volume: (number, sequence), content up to the end of file, record format."""

    fid: tuple[int, int]
    content: bytes
    format: int


class Ods2Checker:
    """The volume in `data`; `files` maps "[A.B]NAME.TYP;1" to what was found.  Asserts that all agree."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        home = self._block(1)
        assert home[496:508] == b"DECFILE11B  "
        assert word(home, 58) == words_sum(home, 58)
        assert word(home, 510) == words_sum(home, 510)
        self.cluster = word(home, 14)
        self._map_lbn, self._map_blocks, self._maximum = (
            longword(home, 24),
            word(home, 32),
            longword(home, 28),
        )
        self._first_header_vbn = word(home, 22) + self._map_blocks
        first = self._block(self._map_lbn + self._map_blocks)
        assert self._block(longword(home, 8)) == first, "the backup of the index file header differs"
        self._index = self._extents(first)
        self._owners: dict[int, int] = {}  # cluster -> file number
        self._headers = self._check_headers()
        self.files: dict[str, Found] = {}
        self.header_counts: dict[str, int] = {}
        self._named: set[int] = set()
        self._check_directory(4, ())
        primary = {number for number, block in self._headers.items() if word(block, 4) == 0}
        assert self._named == primary, "every file is named by exactly one directory"
        self._check_storage_map()

    def _block(self, lbn: int) -> bytes:
        return self._data[lbn * 512 : (lbn + 1) * 512]

    @staticmethod
    def _extents(header: bytes) -> list[tuple[int, int]]:
        place, extents = header[1] * 2, []
        end = place + header[58] * 2
        while place < end:
            form, low = header[place + 1] >> 6, word(header, place)
            if form == 1:
                lbn = (header[place + 1] & 0x3F) << 16 | word(header, place + 2)
                extents.append((lbn, (low & 0xFF) + 1))
                place += 4
            elif form == 2:
                extents.append((longword(header, place + 2), (low & 0x3FFF) + 1))
                place += 6
            else:
                assert form == 3
                extents.append(
                    (longword(header, place + 4), ((low & 0x3FFF) << 16 | word(header, place + 2)) + 1)
                )
                place += 8
        assert place == end
        return extents

    def _check_headers(self) -> dict[int, bytes]:
        index_lbns = [lbn + n for lbn, count in self._index for n in range(count)]
        end_vbn = swapped(self._block(self._map_lbn + self._map_blocks), 28) - 1
        used = int.from_bytes(
            self._data[self._map_lbn * 512 : (self._map_lbn + self._map_blocks) * 512], "little"
        )
        headers: dict[int, bytes] = {}
        for number in range(1, self._maximum + 1):
            vbn = self._first_header_vbn + number - 1
            if vbn > end_vbn:
                assert not used >> (number - 1), "a file number behind the end of the index file is taken"
                break
            block = self._block(index_lbns[vbn - 1])
            if not used >> (number - 1) & 1:
                assert word(block, 8) == 0, f"header {number} is in use, its bit is not set"
                continue
            assert word(block, 510) == words_sum(block, 510), f"header {number} has a wrong checksum"
            assert word(block, 8) == number
            headers[number] = block
            for lbn, count in self._extents(block):
                assert lbn % self.cluster == count % self.cluster == 0
                for cluster in range(lbn // self.cluster, (lbn + count) // self.cluster):
                    assert cluster not in self._owners, f"cluster {cluster} has two owners"
                    self._owners[cluster] = number
        return headers

    def _check_storage_map(self) -> None:
        ((lbn, count),) = self._extents(self._headers[2])
        bits = int.from_bytes(self._data[(lbn + 1) * 512 : (lbn + count) * 512], "little")
        clusters = len(self._data) // 512 // self.cluster
        free = {cluster for cluster in range(clusters) if bits >> cluster & 1}
        assert bits >> clusters == 0
        assert free == set(range(clusters)) - set(self._owners), (
            "the storage bitmap is not what the headers say"
        )

    def _check_directory(self, number: int, path: tuple[str, ...]) -> None:
        data = self._content(number)
        names: list[tuple[bytes, int]] = []
        for start in range(0, len(data), 512):
            place = start
            while word(data, place) != 0xFFFF:
                end = place + 2 + word(data, place)
                assert end <= start + 510
                name = data[place + 6 : place + 6 + data[place + 5]]
                place += 6 + len(name) + len(name) % 2
                assert place < end
                while place < end:
                    names.append((name, -word(data, place)))
                    fid = (word(data, place + 2), word(data, place + 4))
                    self._check_entry(number, path, name.decode(), word(data, place), fid)
                    place += 8
                assert place == end
        assert names == sorted(set(names)), "a directory is out of order"

    def _check_entry(
        self, directory: int, path: tuple[str, ...], name: str, version: int, fid: tuple[int, int]
    ) -> None:
        header = self._headers[fid[0]]
        assert word(header, 10) == fid[1], "a directory has an old sequence number"
        assert word(header, 66) == directory, "a file does not know its directory"
        assert fid[0] not in self._named
        self._named.add(fid[0])
        text = f"[{'.'.join(path) or '000000'}]{name};{version}"
        self.files[text] = Found(fid, self._content(fid[0]), header[20])
        self.header_counts[text] = 1
        while word(header, 14):
            header = self._headers[word(header, 14)]
            self.header_counts[text] += 1
        header = self._headers[fid[0]]
        if name.endswith(".DIR") and fid[0] != 4:
            assert longword(header, 52) & 0x2000
            self._check_directory(fid[0], (*path, name[:-4]))

    def _content(self, number: int) -> bytes:
        header = self._headers[number]
        size = max(0, swapped(header, 28) - 1) * 512 + word(header, 32)
        extents = self._extents(header)
        segment = 0
        while word(header, 14):
            segment += 1
            header = self._headers[word(header, 14)]
            assert word(header, 4) == segment
            extents += self._extents(header)
        data = b"".join(self._data[lbn * 512 : (lbn + count) * 512] for lbn, count in extents)
        assert size <= len(data)
        return data[:size]
