"""READ commands a second through a controller's rings, against the bare system call.

Run as `python -m benchmarks.mscp_read`.
The host side is the leanest there can be: it posts eight commands, reads IP once, takes eight responses.
The image lies in memory (/dev/shm), so that what is measured is code; both loops run alternately
in one process, and the ratio is the figure to compare.
"""

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from emu.core.clock import Scheduler
from emu.core.trace import Tracer
from emu.hw.memory.ram import Ram
from emu.hw.mscp.controller import Controller
from emu.media.file import FileDevice
from emu.shells.firmware_files import load_firmware
from emu.wire.generated.mscp import OnlineCommand, SetControllerCharacteristicsCommand, TransferCommand
from emu.wire.generated.uqssp import Envelope

RING = 8
RING_BASE, RESPONSES, COMMANDS, DATA = 0x1008, 0x2000, 0x3000, 0x10000
OWN, FLAG = 0x80000000, 0x40000000
DRIVE = "RD54"
ROUNDS = 5
SECONDS = 0.4


class _Line:
    def request(self, vector: int) -> None:
        return None

    def withdraw(self) -> None:
        return None


class Bench:
    """A controller with one file-backed unit, brought online, and memory with its rings."""

    def __init__(self, medium: FileDevice) -> None:
        self.clock = Scheduler()
        firmware = load_firmware("rqdx3")
        controller = Controller(self.clock, Tracer(), "PUA", firmware, 1)
        controller.attach_unit(0, medium, firmware.drives[DRIVE])
        self.ram = Ram(1 << 20)
        self.port = controller.attach_port(self.ram, _Line())
        self.longwords = self.ram.window(0, 1 << 20)[0].cast("I")
        self._initialise()

    def _initialise(self) -> None:
        self.clock.run_for(2_000_000)
        for word in (0x8000 | 3 << 11 | 3 << 8 | 0x1B, RING_BASE, 0):
            self.port.write_register(2, word, 2)
            self.clock.run_for(2_000_000)
        self.port.write_register(2, 1, 2)
        for index in range(RING):
            self.longwords[RING_BASE // 4 + index] = OWN | FLAG | RESPONSES + 64 * index + 4
        self.places = [COMMANDS + 64 * index for index in range(RING)]
        self.post([SetControllerCharacteristicsCommand(crf=1, opcd=4).pack()])
        self.post([OnlineCommand(crf=2, opcd=9).pack()] * (RING - 1))

    def post(self, texts: list[bytes]) -> None:
        """Send commands slowly; used until the rings stand at their beginning again."""
        for text in texts:
            place = self.places.pop(0)
            self.ram.write(place, Envelope(length=len(text)).pack() + text)
            self.longwords[RING_BASE // 4 + RING + (place - COMMANDS) // 64] = OWN | FLAG | place + 4
            self.port.read_register(0, 2)
            self.longwords[RING_BASE // 4 + (place - COMMANDS) // 64] = (
                OWN | FLAG | RESPONSES + (place - COMMANDS) + 4
            )

    def read_loop(self, byte_count: int) -> Callable[[], int]:
        """Make a loop that sends READ commands for some time and returns how many."""
        text = TransferCommand(crf=3, opcd=0x21, bcnt=byte_count, buff=DATA, lbn=0)
        commands = []
        blocks = byte_count // 512
        for index in range(RING):
            text.lbn = index * blocks
            commands.append(Envelope(length=32).pack() + text.pack())
        write, longwords, read_register = self.ram.write, self.longwords, self.port.read_register
        first_response, first_command = RING_BASE // 4, RING_BASE // 4 + RING

        def loop() -> int:
            done = 0
            end = perf_counter() + SECONDS
            while perf_counter() < end:
                for _ in range(50):
                    place = COMMANDS
                    for index in range(RING):
                        write(place, commands[index])
                        longwords[first_command + index] = OWN | FLAG | place + 4
                        place += 64
                    read_register(0, 2)
                    place = RESPONSES + 4
                    for index in range(RING):
                        assert not longwords[first_response + index] & OWN
                        longwords[first_response + index] = OWN | FLAG | place
                        place += 64
                done += 50 * RING
            return done

        return loop


def bare_loop(descriptor: int, byte_count: int) -> Callable[[], int]:
    """Make the loop that a program without a controller would write."""
    view = memoryview(bytearray(byte_count))

    def loop() -> int:
        done = 0
        end = perf_counter() + SECONDS
        while perf_counter() < end:
            for _ in range(50):
                for index in range(RING):
                    os.preadv(descriptor, (view,), index * byte_count)
            done += 50 * RING
        return done

    return loop


def main() -> None:
    directory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=directory) as folder:
        path = Path(folder) / "unit.dsk"
        blocks = load_firmware("rqdx3").drives[DRIVE].block_count
        FileDevice.create(path, blocks).close()
        with path.open("r+b") as image:
            image.write(bytes(range(256)) * 2048)
        medium = FileDevice.open(path)
        bench = Bench(medium)
        print(f"{'blocks':>6} {'READ/s':>9} {'preadv/s':>9} {'ratio':>6} {'us over':>8}")
        for blocks in (1, 64):
            through, bare = bench.read_loop(blocks * 512), bare_loop(medium.descriptor or 0, blocks * 512)
            rates = [(through() / SECONDS, bare() / SECONDS) for _ in range(ROUNDS)]
            best, best_bare = max(rate for rate, _ in rates), max(rate for _, rate in rates)
            over_us = 1e6 / best - 1e6 / best_bare
            print(f"{blocks:6} {best:9.0f} {best_bare:9.0f} {best / best_bare:6.2f} {over_us:8.2f}")
        medium.close()


if __name__ == "__main__":
    sys.exit(main())
