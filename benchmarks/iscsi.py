"""iSCSI requests a second and what each costs the target: ours and tgtd, side by side.

Run as `python -m benchmarks.iscsi`, as root for tgtd.  The clients are iscsi-perf of Debian's libiscsi-bin for reads
and qemu-img (with qemu-block-extra) for writes, which iscsi-perf does not do; the images lie in memory (/dev/shm), so
that what is measured is code.  The two targets take turns, and of each the highest rate and the lowest cost count.
Processor time is the target's alone, in µs a request; it hardly depends on what else the machine does.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from emu.shells.iscsi_scores import IMAGE_BYTES, can_serve_tgtd, serve_ours, serve_tgtd

CLIENTS = ("iscsi-perf", "qemu-img")
SECONDS = 1  # of one run of iscsi-perf
ROUNDS = 4
UNIT = "paths"
STRIDE_BYTES = 1021 * 4096  # of writes to all over the image: qemu-img has no random ones
BLOCK_BYTES = 512


@dataclass(frozen=True, slots=True)
class Workload:
    """Requests of one size, so many under way.  count: how many qemu-img makes; iscsi-perf counts by itself."""

    name: str
    size_bytes: int
    depth: int
    writes: bool = False
    scattered: bool = True
    count: int = 0


WORKLOADS = (
    Workload("read 4 KiB random, depth 1", 4096, 1),
    Workload("read 4 KiB random, depth 32", 4096, 32),
    Workload("read 64 KiB sequential, depth 32", 65536, 32, scattered=False),
    Workload("write 4 KiB scattered, depth 1", 4096, 1, writes=True, count=10_000),
    Workload("write 4 KiB scattered, depth 32", 4096, 32, writes=True, count=30_000),
    Workload("write 64 KiB sequential, depth 32", 65536, 32, writes=True, scattered=False, count=10_000),
)

_AVERAGE = re.compile(r"iops average (\d+)")
_SECONDS = re.compile(r"in ([\d.]+) seconds")


def fill(image: Path) -> None:
    """Leave no holes in an image."""
    with image.open("r+b") as file:
        file.write(bytes(range(256)) * (IMAGE_BYTES // 256))


def processes_below(parent: int) -> Iterator[int]:
    """This process's descendants."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == parent:
                yield int(entry.name)
                yield from processes_below(int(entry.name))


def processor_seconds(processes: set[int]) -> float:
    """User and system time of processes so far."""
    ticks = 0
    for process in processes:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def run_client(*command: str) -> str:
    """Run a client; returns what it prints."""
    run = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        errors="replace",
        check=True,
    )
    return run.stdout


def read(url: str, workload: Workload) -> tuple[float, float]:
    """Read as fast as it goes; returns requests a second, and how many there were."""
    options = ("-r",) if workload.scattered else ()
    blocks = workload.size_bytes // BLOCK_BYTES
    begin = monotonic()
    text = run_client(
        "iscsi-perf", "-t", str(SECONDS), *options, "-m", str(workload.depth), "-b", str(blocks), url
    )
    rate = float(_AVERAGE.findall(text)[-1])
    return rate, rate * min(monotonic() - begin, SECONDS)


def write(url: str, workload: Workload) -> tuple[float, float]:
    """Write as fast as it goes; returns requests a second, and how many there were."""
    step = STRIDE_BYTES if workload.scattered else workload.size_bytes
    sizes = ("-s", str(workload.size_bytes), "-S", str(step))
    count, depth = str(workload.count), str(workload.depth)
    text = run_client(
        "qemu-img", "bench", "-w", "-f", "raw", "-t", "none", "-c", count, "-d", depth, *sizes, url
    )
    return workload.count / float(_SECONDS.findall(text)[-1]), workload.count


def measure(url: str, target: set[int], workload: Workload) -> tuple[float, float]:
    """Requests a second, and µs of the target's processor time for each."""
    before = processor_seconds(target)
    rate, count = (write if workload.writes else read)(url, workload)
    return rate, (processor_seconds(target) - before) / count * 1e6


def main() -> int:
    for client in CLIENTS:
        if shutil.which(client) is None:
            print(f"{client} is not here: Debian has it in libiscsi-bin, qemu-utils", file=sys.stderr)
            return 1
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/dev/shm")))
        targets = {}
        known: set[int] = set()
        for name, serve in (("hbvs", serve_ours), ("tgtd", serve_tgtd if can_serve_tgtd() else None)):
            if serve is not None:
                url = stack.enter_context(serve(directory))[UNIT]
                all_now = set(processes_below(os.getpid()))
                targets[name] = url, all_now - known
                fill(directory / (f"{UNIT}.img" if name == "hbvs" else f"{name}-{UNIT}.img"))
                known = all_now
        heads = [f"{name} requests/s | {name} µs CPU" for name in targets]
        heads += ["rate, times tgtd's", "CPU, times tgtd's"] if len(targets) > 1 else []
        print(f"| Workload | {' | '.join(heads)} |")
        print("|---" * (1 + 2 * len(targets) + 2 * (len(targets) > 1)) + "|")
        for workload in WORKLOADS:
            found: dict[str, list[tuple[float, float]]] = {name: [] for name in targets}
            for _ in range(ROUNDS):
                for name, (url, processes) in targets.items():
                    found[name].append(measure(url, processes, workload))
            rates = [max(rate for rate, _ in each) for each in found.values()]
            costs = [min(cost for _, cost in each) for each in found.values()]
            cells = [f"{rate:,.0f} | {cost:.1f}" for rate, cost in zip(rates, costs, strict=True)]
            if len(targets) > 1:
                cells += [f"{rates[0] / rates[1]:.2f}", f"{costs[0] / costs[1]:.2f}"]
            print(f"| {workload.name} | {' | '.join(cells)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
