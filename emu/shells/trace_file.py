"""`--trace FILE.pcapng` of the commands that run a world: everything that can be observed, into a capture."""

import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from emu import __version__
from emu.core.trace import Tracer
from emu.trace.pcapng import PcapngWriter


class TraceFileError(Exception):
    """The capture cannot be made; the text says why."""


def add_trace_argument(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--trace",
        metavar="FILE.pcapng",
        help="write registers, packets, interrupts and all else that happens into a capture, for Wireshark and "
        "for hbvs ladder",
    )


@contextmanager
def traced(path: str | None) -> Iterator[Tracer]:
    """Give a tracer for a world; with a path, what it hears is in that file when the block ends.

    Raises:
        TraceFileError: the file cannot be made.
    """
    tracer = Tracer()
    if path is None:
        yield tracer
        return
    try:
        file = open(path, "wb")  # noqa: SIM115  _Output closes it
    except OSError as error:
        raise TraceFileError(f"{path}: {error.strerror}") from error
    output = _Output(path, file)
    writer = PcapngWriter(output.write, application=f"hbvs {__version__}", wall_ns=time.time_ns)
    tracer.subscribe(writer.hear)
    try:
        yield tracer
    finally:
        tracer.unsubscribe(writer.hear)
        if output.close():
            print(f"%HBVS-I-TRACE, {writer.packets} packets are in {path}", file=sys.stderr, flush=True)


class _Output:
    """A file that may fill the disk: then the trace ends, and the world that is traced goes on."""

    def __init__(self, path: str, file: BinaryIO) -> None:
        self._path = path
        self._file = file
        self._has_failed = False

    def write(self, data: bytes) -> None:
        if self._has_failed:
            return
        try:
            self._file.write(data)
        except OSError as error:
            self._fail(error)

    def close(self) -> bool:
        """Close the file; returns whether all is in it."""
        try:
            self._file.close()
        except OSError as error:
            self._fail(error)
        return not self._has_failed

    def _fail(self, error: OSError) -> None:
        if not self._has_failed:
            print(
                f"%HBVS-W-TRACE, {self._path}: {error.strerror}; the trace ends", file=sys.stderr, flush=True
            )
        self._has_failed = True
