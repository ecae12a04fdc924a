"""The suite's target in another process: a controller at the far end of a bus link (docs/buslink.md).

Time is the wall's.  What stands there is told by the address: tcp://HOST:PORT?bus=QBUS&other=1&locked=4 …; numbers are
units, bus is UNIBUS, QBUS or XMI.  Without more only unit 0 is used.
"""

import select
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from emu.conform.target import Facts, Need, TargetLost
from emu.front.buslink.host import HostEnd
from emu.hw.memory.ram import Ram
from emu.shells.streams import Stream, StreamError, connect
from emu.wire.codes.buslink import Bus

MEMORY_BYTES = 0x3E000
PATIENCE_S = 5.0  # a host that has waited so long takes the peer for lost
LOOK_S = 0.002
ADDRESS_BITS = {Bus.UNIBUS: 18, Bus.QBUS: 22, Bus.XMI: 30}
UNITS = ("scratch", "other", "locked", "empty", "removable", "gap", "absent", "model")
HAVE = {
    "dup": Need.DUP,
    "programs": Need.DUP_PROGRAMS,
    "replaces": Need.CONTROLLER_REPLACES,
    "whole": Need.WHOLE_MSCP,
    "copies": Need.DISK_COPY_DATA,
}


class BusLinkTarget:
    """A controller process.

    place: its address, with what stands there behind a question mark.

    Raises:
        ValueError: what stands there is not understood.
        StreamError: nobody answers, or it is no controller.
    """

    operator = None

    def __init__(self, place: str) -> None:
        self._url, _, told = place.partition("?")
        if not self._url.startswith(("tcp://", "unix://")):
            raise ValueError(f"{place}: the suite reaches a bus link by tcp://HOST:PORT or unix:///PATH")
        bus, facts = _facts(place, told)
        self.facts = facts
        self._bus = bus
        self._connect()

    def _connect(self) -> None:
        self._vectors: list[int] = []
        self._memory = Ram(MEMORY_BYTES)
        self._stream: Stream = connect(self._url)
        self._host = HostEnd(self._memory, MEMORY_BYTES, self._bus, self._vectors.append)
        try:
            greeted = self.wait(lambda: self._host.greeted, PATIENCE_S)
        except TargetLost as error:
            self.close()
            raise StreamError(str(error)) from error
        if not greeted:
            self.close()
            raise StreamError(f"{self._url}: it is no controller at a bus link, nothing was heard of it")

    # ---- Target

    def renew(self) -> None:
        if self._host.ended:
            self.close()
            try:
                self._connect()
            except StreamError as error:
                raise TargetLost(str(error)) from error
        self._vectors.clear()

    def read_register(self, offset: int) -> int:
        self._pump(0)
        word = self._host.read_register(offset)
        self._pump(0)
        return word

    def write_register(self, offset: int, word: int) -> None:
        self._pump(0)
        self._host.write_register(offset, word)
        limit = time.monotonic() + PATIENCE_S
        self._pump(0)
        while self._host.waiting:
            if time.monotonic() > limit:
                raise TargetLost("a register write was not answered")
            self._pump(LOOK_S)

    def read_memory(self, address: int, length: int) -> bytes:
        self._pump(0)
        return bytes(self._memory.read(address, length))

    def write_memory(self, address: int, data: bytes) -> None:
        self._memory.write(address, data)

    def wait(self, condition: Callable[[], bool], seconds: float) -> bool:
        limit = time.monotonic() + seconds
        while not condition():
            left = limit - time.monotonic()
            if left <= 0:
                return False
            self._pump(min(left, LOOK_S))
        return True

    def interrupts(self) -> Sequence[int]:
        vectors = [*self._vectors]
        self._vectors.clear()
        return vectors

    def close(self) -> None:
        self._stream.close()

    # ---- the link

    def _pump(self, seconds: float) -> None:
        """Send what is to be sent, and take what comes within a while."""
        if self._host.ended:
            raise TargetLost(f"{self._url}: the controller has left. {self._host.farewell}".rstrip())
        try:
            self._flush()
            if select.select([self._stream], [], [], seconds)[0]:
                data = self._stream.read()
                if data:
                    self._host.receive(data)
                else:
                    self._host.lost()
                self._flush()
        except BlockingIOError:
            return
        except StreamError as error:
            self._host.lost()
            raise TargetLost(str(error)) from error

    def _flush(self) -> None:
        data = b"".join(self._host.outgoing())
        while data:
            sent = self._stream.write(data)
            data = data[sent:]
            if data and not select.select([], [self._stream], [], PATIENCE_S)[1]:
                raise StreamError(f"{self._url}: it takes no bytes")


def _facts(place: str, told: str) -> tuple[Bus, Facts]:
    """Understand what stands behind the question mark; raises ValueError."""
    bus, units, has = Bus.QBUS, dict[str, Any](), {Need.INTERRUPTS}
    for key, value in parse_qsl(told, keep_blank_values=True, strict_parsing=bool(told)):
        if key == "bus":
            if value.upper() not in Bus.__members__:
                raise ValueError(f"{value} is no bus; they are {', '.join(Bus.__members__)}")
            bus = Bus[value.upper()]
        elif key == "has":
            for name in value.split(","):
                if name not in HAVE:
                    raise ValueError(
                        f"{name!r} is nothing that a controller can have; that is {', '.join(HAVE)}"
                    )
                has.add(HAVE[name])
        elif key in UNITS and value.isdecimal():
            units[key] = int(value)
        else:
            raise ValueError(f"{key}={value} is not understood; there are bus, has, {', '.join(UNITS)}")
    if bus is Bus.UNIBUS:
        has.add(Need.UNIBUS_ADAPTER)
    facts = Facts(
        name=f"buslink:{place}",
        model=units.pop("model", 13),
        bus_address_bits=ADDRESS_BITS[bus],
        memory_bytes=MEMORY_BYTES,
        nonexistent=MEMORY_BYTES,
        has=frozenset(has),
    )
    return bus, replace(facts, **units)
