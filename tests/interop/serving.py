"""A running `hbvs serve`, as a process."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Self

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 20


class Serving:
    """`hbvs serve` with these arguments; a context manager that ends it with SIGTERM.

    buses, consoles: the addresses it took, in the order of the arguments.
    """

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "emu", "serve", *arguments],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self.lines: list[str] = []
        self._queue: Queue[str | None] = Queue()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()
        self.buses: list[str] = []
        self.consoles: list[str] = []
        try:
            while len(self.buses) < arguments.count("--bus"):
                line = self.expect("%HBVS-I-LISTEN")
                place = re.search(r"at (\S+)$", line)
                assert place is not None, line
                (self.consoles if "operators" in line else self.buses).append(place[1])
        except BaseException:
            self.close()
            raise

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._queue.put(line.rstrip())
        self._queue.put(None)

    def expect(self, text: str) -> str:
        """Wait for a line with this text in it."""
        while True:
            try:
                line = self._queue.get(timeout=PATIENCE_S)
            except Empty:
                raise AssertionError(f"{text!r} does not come; so far: {self.lines}") from None
            assert line is not None, f"serve ended before {text!r}: {self.lines}"
            self.lines.append(line)
            if text in line:
                return line

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def stop(self) -> int:
        """End it, and return its exit status."""
        if self.alive:
            self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(PATIENCE_S)
        while (line := self._queue.get(timeout=PATIENCE_S)) is not None:
            self.lines.append(line)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status

    def close(self) -> None:
        """Be rid of it, by SIGKILL if it still runs."""
        if self.alive:
            self.process.kill()
            self.process.wait(PATIENCE_S)
        if self.process.stdout is not None:
            self._reader.join(PATIENCE_S)
            self.process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def dial(url: str) -> socket.socket:
    """Connect to an address that `serve` printed."""
    scheme, _, place = url.partition("://")
    if scheme == "unix":
        peer = socket.socket(socket.AF_UNIX)
        peer.settimeout(PATIENCE_S)
        peer.connect(place)
        return peer
    host, _, port = place.rpartition(":")
    peer = socket.create_connection((host, int(port)), PATIENCE_S)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return peer


class WireMachine:
    """A byte machine at the other end of a socket, for a host that knows nothing of sockets."""

    def __init__(self, peer: socket.socket) -> None:
        self.peer = peer
        self.ended = False

    def receive(self, data: bytes) -> None:
        self.peer.sendall(data)

    def outgoing(self) -> Sequence[bytes]:
        """What comes within a short while; empty when nothing does."""
        self.peer.settimeout(0.003)
        try:
            data = self.peer.recv(1 << 20)
        except TimeoutError:
            return ()
        except OSError:
            data = b""
        if not data:
            self.ended = True
            return ()
        return (data,)

    def lost(self) -> None:
        self.peer.close()


class WallTime:
    """A clock for a host whose controller lives in real time: to wait is to look at the link."""

    def run_for(self, duration_ns: int) -> None:
        return None
