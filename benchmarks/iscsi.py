"""iSCSI requests a second and what each costs the target: ours and tgtd, side by side.

Run as `python -m benchmarks.iscsi`, as root for tgtd.  The client is iscsi-perf of Debian's libiscsi-bin; the images
lie in memory (/dev/shm), so that what is measured is code.  The two targets take turns, three times, and the best
counts.  Processor time is the target's alone, in µs a request.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

from emu.shells.iscsi_scores import IMAGE_BYTES, can_serve_tgtd, serve_ours, serve_tgtd

CLIENT = "iscsi-perf"
SECONDS = 2
ROUNDS = 3
UNIT = "paths"
BLOCKS_OF_4_KIB, BLOCKS_OF_64_KIB = 8, 128
WORKLOADS: Mapping[str, tuple[str, ...]] = {
    "4 KiB random, depth 1": ("-r", "-m", "1", "-b", str(BLOCKS_OF_4_KIB)),
    "4 KiB random, depth 32": ("-r", "-m", "32", "-b", str(BLOCKS_OF_4_KIB)),
    "64 KiB sequential, depth 32": ("-m", "32", "-b", str(BLOCKS_OF_64_KIB)),
}

_AVERAGE = re.compile(r"iops average (\d+)")


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


def measure(url: str, target: set[int], arguments: tuple[str, ...]) -> tuple[float, float]:
    """Requests a second, and µs of the target's processor time for each."""
    before, begin = processor_seconds(target), monotonic()
    run = subprocess.run(
        [CLIENT, "-t", str(SECONDS), *arguments, url],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        errors="replace",
        check=True,
    )
    seconds, spent = monotonic() - begin, processor_seconds(target) - before
    rate = float(_AVERAGE.findall(run.stdout)[-1])
    return rate, spent / (rate * min(seconds, SECONDS)) * 1e6


def main() -> int:
    if shutil.which(CLIENT) is None:
        print(f"{CLIENT} is not here: Debian has it in libiscsi-bin", file=sys.stderr)
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
        print("| Workload | " + " | ".join(f"{name} requests/s | {name} µs CPU" for name in targets) + " |")
        print("|---" * (1 + 2 * len(targets)) + "|")
        for workload, arguments in WORKLOADS.items():
            best: dict[str, tuple[float, float]] = {}
            for _ in range(ROUNDS):
                for name, (url, processes) in targets.items():
                    best[name] = max(best.get(name, (0.0, 0.0)), measure(url, processes, arguments))
            cells = " | ".join(f"{rate:,.0f} | {cost:.1f}" for rate, cost in best.values())
            print(f"| {workload} | {cells} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
