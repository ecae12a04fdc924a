"""A serial line that damages bits: a relay between a device and a pseudo-terminal of its own."""

import os
import select
import tty
from random import Random
from threading import Thread
from typing import Self


class NoisyLine:
    """`name` is the end for whoever is to talk to `device` over the line."""

    def __init__(self, device: str, bit_error_rate: float, seed: int) -> None:
        self.bits_flipped = 0
        self._rate = bit_error_rate
        self._random = Random(seed)
        self._device = os.open(device, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self._device)
        self._near, far = os.openpty()
        tty.setraw(far)
        self.name = os.ttyname(far)
        self._far = far  # kept open: the line does not hang up when the other end is closed
        self._stop_reading, self._stop_writing = os.pipe()
        self._until = self._next_error()
        self._thread = Thread(target=self._relay)
        self._thread.start()

    def _next_error(self) -> int:
        """Good bits until the next bad one."""
        return int(self._random.expovariate(self._rate))

    def _damage(self, data: bytes) -> bytes:
        damaged = bytearray(data)
        bits = 8 * len(data)
        while self._until < bits:
            damaged[self._until // 8] ^= 1 << self._until % 8
            self.bits_flipped += 1
            self._until += 1 + self._next_error()
        self._until -= bits
        return bytes(damaged)

    def _relay(self) -> None:
        other = {self._device: self._near, self._near: self._device}
        while True:
            ready = select.select([self._device, self._near, self._stop_reading], [], [])[0]
            if self._stop_reading in ready:
                return
            for end in ready:
                try:
                    data = os.read(end, 4096)
                    view = memoryview(self._damage(data))
                    while view:
                        view = view[os.write(other[end], view) :]
                except OSError:
                    return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.write(self._stop_writing, b"x")
        self._thread.join(10)
        for end in (self._device, self._near, self._far, self._stop_reading, self._stop_writing):
            os.close(end)
