"""Full copy, minicopy and a bare loop of `copy_file_range` on image files, by turns.

All three begin alike: every page of the files is in the page cache and on the disk, and a whole image has gone through
the processor's caches since the segments were last touched, which are others for each and in each round.  The second
image gets its pages from the first full copy, as a new member does.  A time is taken twice: when the copy has ended, in
processor time, and, by the wall clock, when `fdatasync` says that it is on the disk.
"""

import gc
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.pair import BLOCK_BYTES, SEGMENT_BLOCKS, Pair
from drivers.shadow.utility import Policy
from emu.media.file import FileDevice

ROUNDS = 5
_PIECE_BYTES = 1 << 20


@dataclass
class Times:
    """What was measured of one thing, in milliseconds."""

    processor: list[float] = field(default_factory=list)
    durable: list[float] = field(default_factory=list)

    @property
    def processor_ms(self) -> float:
        return median(self.processor)

    @property
    def durable_ms(self) -> float:
        return median(self.durable)


class FilePair:
    """A pair on two image files, and a third file for the bare loop."""

    def __init__(self, directory: Path, megabytes: int, *, by_controller: bool) -> None:
        self._size_bytes = megabytes << 20
        paths = [directory / f"{name}.dsk" for name in ("source", "target", "bare")]
        data = os.urandom(_PIECE_BYTES)
        with paths[0].open("wb", buffering=0) as image:
            for _ in range(megabytes):
                image.write(data)
        block_count = self._size_bytes // BLOCK_BYTES
        devices = [FileDevice.open(paths[0])]
        devices += [FileDevice.create(path, block_count) for path in paths[1:]]
        descriptors = [device.descriptor for device in devices]
        self._source, self._target, self._bare = (each for each in descriptors if each is not None)
        self.pair = Pair("", lambda world: devices[:2], by_controller=by_controller)
        self._copy([0], Policy.NOMINICOPY, Times())
        self._bare_loop([(offset, _PIECE_BYTES) for offset in range(0, self._size_bytes, _PIECE_BYTES)])

    def measure(self, percent: int, group: int) -> tuple[Times, Times, Times]:
        """Return the times of full copies, minicopies and bare loops over such segments."""
        full, mini, bare = Times(), Times(), Times()
        for seed in range(ROUNDS):
            segments = self.pair.segments(percent, group, seed)
            self._copy(segments, Policy.NOMINICOPY, full)
            self._copy(segments, Policy.MINICOPY, mini)
            extents = self._extents(self.pair.segments(percent, group, ROUNDS + seed))
            with self._timed(self._bare, bare):
                self._bare_loop(extents)
        return full, mini, bare

    def _copy(self, segments: Sequence[int], policy: Policy, times: Times) -> None:
        self.pair.begin_copy(segments, policy)
        with self._timed(self._target, times):
            self.pair.finish_copy()

    @contextmanager
    def _timed(self, target: int, times: Times) -> Iterator[None]:
        for descriptor in (self._source, self._target, self._bare):
            os.fdatasync(descriptor)
        gc.collect()
        processor_s, wall_s = time.process_time(), time.perf_counter()
        yield
        times.processor.append((time.process_time() - processor_s) * 1e3)
        os.fdatasync(target)
        times.durable.append((time.perf_counter() - wall_s) * 1e3)

    def _extents(self, segments: Sequence[int]) -> list[tuple[int, int]]:
        """Return (offset, bytes) of segments; neighbours are one extent, as in a minicopy."""
        size = SEGMENT_BLOCKS * BLOCK_BYTES
        extents: list[tuple[int, int]] = []
        for segment in segments:
            offset = segment * size
            length = min(size, self._size_bytes - offset)
            if extents and sum(extents[-1]) == offset:
                extents[-1] = (extents[-1][0], extents[-1][1] + length)
            else:
                extents.append((offset, length))
        return extents

    def _bare_loop(self, extents: Sequence[tuple[int, int]]) -> None:
        copy: Callable[[int, int, int, int, int], int] = os.copy_file_range
        for offset, length in extents:
            copy(self._source, self._bare, length, offset, offset)


@contextmanager
def file_pair(directory: Path | None, megabytes: int, *, by_controller: bool) -> Iterator[FilePair]:
    """Have a pair in a directory of its own, which goes when it is done with."""
    with TemporaryDirectory(dir=directory) as own:
        yield FilePair(Path(own), megabytes, by_controller=by_controller)
