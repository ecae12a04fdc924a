"""A guest's commands a second over the bus link, beside SIMH's own RQ running the same guest.

Run as `python -m benchmarks.buslink`; it builds Debian's SIMH with XRQ first (`emu/shells/simh_build.py`).

The guest is firmware_images/guests/mscp11 in its read and write loops, one command in flight: it polls its ring and
does nothing else.  "waits" is how often the processor stood still for an answer, "messages" how many went each way,
both a command.  Images lie in memory (/dev/shm), so that what is measured is code.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from emu.shells.guest_build import GUESTS
from emu.shells.simh_build import build
from emu.shells.simh_prompt import SimhPrompt

IMAGE_BLOCKS = 311200  # an RD54, which RQ has too
READ_LOOP, WRITE_LOOP = 1, 2
SPAN = 100
TRANSFERS = {1: 10_000, 64: 4_000}
SERIAL_TRANSFERS = {1: 2_000, 64: 200}
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Figure:
    """What one run showed, each per command."""

    seconds: float
    waits: float = 0.0
    sent: float = 0.0
    received: float = 0.0


def guest(simulator: SimhPrompt, mode: int, blocks: int, transfers: int) -> float:
    """Run the guest once; returns seconds a command, without those of bringing the port up."""
    times = []
    for count in (1, transfers + 1):
        words = {0o406: mode, 0o410: count & 0xFFFF, 0o412: count >> 16, 0o414: blocks, 0o422: SPAN}
        simulator.tell(f"load {GUESTS / 'mscp11.bin'}")
        for address, word in words.items():
            simulator.tell(f"deposit {address:o} {word:o}")
        start = perf_counter()
        said = simulator.ask("go 1000")
        times.append(perf_counter() - start)
        assert "done" in said, said
    return (times[1] - times[0]) / transfers


def counters(simulator: SimhPrompt) -> dict[str, float]:
    lines = (line.rsplit(None, 1) for line in simulator.ask("show xrq statistics").splitlines())
    return {parts[0].strip(): float(parts[1]) for parts in lines if len(parts) == 2}


@contextmanager
def serving(bus: str, image: Path) -> Iterator[str]:
    """A controller process; gives the address for ATTACH."""
    command = [sys.executable, "-m", "emu", "serve", "--bus", bus, "--controller", "rqdx3"]
    command += ["--unit", f"DUA0={image},drive=RD54"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().rsplit(None, 1)[1]
        try:
            yield f"serial:{address}" if address.startswith("/") else address
        finally:
            process.send_signal(signal.SIGTERM)


def machine(program: Path, *commands: str) -> SimhPrompt:
    simulator = SimhPrompt(str(program), 120)
    for command in ("set cpu 11/73", "set cpu 256k", *commands):
        simulator.ask(command)
    return simulator


def stock(program: Path, image: Path, mode: int, blocks: int) -> Figure:
    with machine(program, "set rq0 rd54", f"attach rq0 {image}") as simulator:
        return Figure(guest(simulator, mode, blocks, TRANSFERS[blocks]))


def linked(program: Path, image: Path, bus: str, mode: int, blocks: int) -> Figure:
    transfers = (SERIAL_TRANSFERS if bus.startswith("pty") else TRANSFERS)[blocks]
    with serving(bus, image) as address:
        commands = ("set rq disabled", "set xrq enabled", f"attach xrq {address}")
        with machine(program, *commands) as simulator:
            before = counters(simulator)
            seconds = guest(simulator, mode, blocks, transfers)
            after = counters(simulator)
    names = ("waits of the processor", "messages sent", "messages received")
    return Figure(seconds, *((after[name] - before[name]) / transfers for name in names))


def main() -> None:
    directory = build()
    program = directory / "pdp11"
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        image = Path(folder, "disk")
        with image.open("wb") as file:
            file.truncate(IMAGE_BLOCKS * 512)
        buses = {"TCP": "tcp://127.0.0.1:0", "Unix": f"unix://{folder}/bus", "serial": f"pty:{folder}/line"}
        print(f"{'':22}blocks  commands/s       us    MB/s  of stock  waits  messages there, back")
        for name, mode in (("READ", READ_LOOP), ("WRITE", WRITE_LOOP)):
            for blocks in TRANSFERS:
                figures: dict[str, list[Figure]] = {}
                for _ in range(ROUNDS):  # in turns, so that what else the machine does meets all of them
                    figures.setdefault("stock RQ", []).append(stock(program, image, mode, blocks))
                    for bus, url in buses.items():
                        figures.setdefault(bus, []).append(linked(program, image, url, mode, blocks))
                best = {each: min(runs, key=lambda run: run.seconds) for each, runs in figures.items()}
                for each, figure in best.items():
                    show(f"{name} {each}", blocks, figure, best["stock RQ"])


def show(name: str, blocks: int, figure: Figure, reference: Figure) -> None:
    rate = 1 / figure.seconds
    line = f"{name:22}{blocks:6}{rate:12.0f}{1e6 * figure.seconds:9.1f}{rate * blocks * 512 / 1e6:8.1f}"
    line += f"{reference.seconds / figure.seconds:10.2f}"
    if figure is not reference:
        line += f"{figure.waits:7.2f}{figure.sent:16.2f}{figure.received:6.2f}"
    print(line, flush=True)


if __name__ == "__main__":
    main()
