"""After how many seeds the soak finds each planted bug: `python -m tests.simulation.planted_table` prints it."""

import re
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from pathlib import Path

from tests.simulation.planting import Bug, bugs
from tests.simulation.test_planted import SEEDS, run


def seeds_needed(bug: Bug) -> int | None:
    """Let the soak look for a bug; returns the number of seeds up to the first that fails."""
    with tempfile.TemporaryDirectory() as directory:
        bug.plant(Path(directory))
        done = run(Path(directory), "emu", "soak", "--seeds", str(SEEDS), "--jobs", "1", "--until-failure")
    found = re.search(r"runs failed: seeds (\d+)", done.stdout)
    return int(found[1]) + 1 if found else None


def main() -> int:
    wanted = [bug for bug in bugs() if bug.soak and (not sys.argv[1:] or bug.name in sys.argv[1:])]
    with ThreadPoolExecutor(cpu_count()) as pool:
        needed = list(pool.map(seeds_needed, wanted))
    print("| Bug | | Seeds |\n|---|---|---|")
    for bug, seeds in zip(wanted, needed, strict=True):
        print(f"| {bug.name} | {bug.why} | {seeds or f'more than {SEEDS}'} |")
    return 0 if all(needed) else 1


if __name__ == "__main__":
    sys.exit(main())
