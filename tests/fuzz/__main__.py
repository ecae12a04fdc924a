"""Fuzz one target, guided by coverage, until it breaks or is stopped; needs atheris.

    python -m tests.fuzz messages -max_total_time=600

What libFuzzer understands may follow the target's name.  New inputs are kept in `.fuzz/TARGET`; one that breaks the
target is left in this folder as `crash-…`, and belongs into `tests/fuzz/corpus/TARGET.hex` with its mending.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["emu", "drivers"]):
    from tests.fuzz.targets import TARGETS, corpus


def main() -> int:
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        print(f"usage: python -m tests.fuzz TARGET [option of libFuzzer ...]\ntargets: {', '.join(TARGETS)}")
        return 2
    name = sys.argv[1]
    target = TARGETS[name]
    kept = Path(".fuzz") / name
    kept.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate([*target.seeds(), *corpus(name)]):
        (kept / f"seed-{number:03}").write_bytes(seed)
    limits = ["-timeout=1", "-rss_limit_mb=1024", "-max_len=4096"]
    atheris.Setup([sys.argv[0], *limits, *sys.argv[2:], str(kept)], target.run)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
