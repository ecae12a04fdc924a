"""How iscsi-test-cu judges our target and tgtd: `python -m emu.shells.iscsi_scores` prints the table.

Needs Debian's libiscsi-bin, and tgt (as root) for the second column; what is not there is left out.  CUnit counts a
skipped test as passed; here it is skipped.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

TEST_PROGRAM = "iscsi-test-cu"
NAME = "iqn.2026-01.test:disk"
IMAGE_BYTES = 64 << 20
PATIENCE_SECONDS = 20
SUITE_SECONDS = 150
PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"

_SUITE = re.compile(r"^Suite: (\S+)")
_TEST = re.compile(r"^  Test: (\S+) \.\.\.")
_FAILED = re.compile(
    r"(?<!\[)FAILED"
)  # CUnit's word; in brackets it is a message of a test, which may expect it
_LISTENING = re.compile(r"awaited at tcp://(\S+)")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the suite says of one test, with its words."""

    result: str
    words: str


Verdicts = Mapping[str, Verdict]  # by Suite.Test
Serve = Callable[[Path], AbstractContextManager[Mapping[str, str]]]  # URLs by the names of units


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the program: which suites, or tests as a shell's patterns, and on which logical unit."""

    tests: Sequence[str]
    unit: str
    paths: int = 1
    options: tuple[str, ...] = ()


# fmt: off
SUITES = (
    "CompareAndWrite", "ExtendedCopy", "GetLBAStatus", "Inquiry", "Mandatory", "ModeSense6", "NoMedia", "OrWrite",
    "Prefetch10", "Prefetch16", "PreventAllow", "PrinReadKeys", "PrinServiceactionRange", "PrinReportCapabilities",
    "ProutRegister", "ProutReserve", "ProutClear", "ProutPreempt", "Read6", "Read10", "Read12", "Read16",
    "ReadCapacity10", "ReadCapacity16", "ReadDefectData10", "ReadDefectData12", "ReadOnly", "ReceiveCopyResults",
    "ReportSupportedOpcodes", "Reserve6", "Sanitize", "StartStopUnit", "TestUnitReady", "Unmap", "Verify10",
    "Verify12", "Verify16", "Write10", "Write12", "Write16", "WriteAtomic16", "WriteSame10", "WriteSame16",
    "WriteVerify10", "WriteVerify12", "WriteVerify16", "iSCSIcmdsn", "iSCSIdatasn", "iSCSIResiduals", "iSCSITMF",
    "MultipathIO",
)
# fmt: on
APART = ("Reserve6", "iSCSIcmdsn", "Sanitize", "ReadOnly", "MultipathIO")  # they sleep, or need another unit
SANITIZE = ("--allow-sanitize",)
# All at once, on a unit each.
RUNS: Sequence[Run] = (
    Run([suite for suite in SUITES if suite not in APART], "main"),
    Run(["Reserve6"], "reserved"),
    Run(["iSCSIcmdsn"], "numbered"),
    Run(["Sanitize.Overwrite"], "overwritten", options=SANITIZE),
    Run(
        ["Sanitize.[BCEI]*", "Sanitize.OverwriteReserved", "Sanitize.Readonly", "Sanitize.Reservations"],
        "erased",
        options=SANITIZE,
    ),
    Run(["ReadOnly"], "readonly"),
    Run(["MultipathIO"], "paths", paths=2),
)
# Looks once a minute whether the operation that it began is over.
PATIENT_RUN = Run(["Sanitize.Reset"], "patient", options=SANITIZE)
UNITS = tuple(run.unit for run in (*RUNS, PATIENT_RUN))


def judge(url: str, run: Run, seconds: float = SUITE_SECONDS) -> Verdicts:
    """Run tests against a logical unit; a program that does not end, or dies, fails the test it was at."""
    tests = ",".join(f"ALL.{test}" for test in run.tests)
    command = [TEST_PROGRAM, "--dataloss", *run.options, "-t", tests, *[url] * run.paths]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        try:
            text, _ = process.communicate(timeout=seconds)
            end = "" if process.returncode in (0, 1) else f"the suite died with status {process.returncode}"
        except subprocess.TimeoutExpired:
            process.kill()
            text, _ = process.communicate()
            end = f"the suite did not end in {seconds} s"
    return read_verdicts(text, end)


def read_verdicts(text: str, end: str = "") -> Verdicts:
    """Read what the suite prints; `end` says why that is not all."""
    found: dict[str, Verdict] = {}
    suite = test = ""
    lines: list[str] = []

    def close() -> None:
        if test:
            words = " ".join(line.strip() for line in lines).strip()
            result = PASSED
            if _FAILED.search(words):
                result = FAILED
            elif "[SKIPPED]" in words:
                result = SKIPPED
            found[f"{suite}.{test}"] = Verdict(result, words)

    for line in text.partition("Run Summary:")[0].splitlines():
        if match := _SUITE.match(line):
            close()
            suite, test = match[1], ""
        elif match := _TEST.match(line):
            close()
            test, lines = match[1], [line[match.end() :]]
        else:
            lines.append(line)
    close()
    if end:
        found[f"{suite}.{test}" if test else "start"] = Verdict(FAILED, f"FAILED {end}")
    return found


# ---- targets


@contextmanager
def serve_ours(directory: Path, *extra: str) -> Iterator[Mapping[str, str]]:
    """Serve new images with `hbvs serve`; gives the URLs of the units by their names."""
    units = {unit: ",removable" if unit == "main" else ",ro" if unit == "readonly" else "" for unit in UNITS}
    arguments: list[str] = []
    for unit, settings in units.items():
        image = directory / f"{unit}.img"
        with image.open("wb") as file:
            file.truncate(IMAGE_BYTES)
        arguments += ["--lun", f"{image}{settings}"]
    command = [sys.executable, "-m", "emu", "serve", "--iscsi", "tcp://127.0.0.1:0", "--iscsi-name", NAME]
    log = directory / "serve.log"
    with (
        log.open("w") as out,
        subprocess.Popen([*command, *arguments, *extra], stdout=out, stderr=subprocess.STDOUT) as process,
    ):
        try:
            deadline = monotonic() + PATIENCE_SECONDS
            while (place := _LISTENING.search(log.read_text())) is None:
                if monotonic() > deadline or process.poll() is not None:
                    raise RuntimeError(f"hbvs serve does not serve: {log.read_text()}")
                sleep(0.02)
            yield {unit: f"iscsi://{place[1]}/{NAME}/{lun}" for lun, unit in enumerate(units)}
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE_SECONDS)
        finally:
            process.kill()


def can_serve_tgtd() -> bool:
    """Whether tgtd is here and may run."""
    return all(map(shutil.which, ("tgtd", "tgtadm"))) and os.geteuid() == 0


@contextmanager
def serve_tgtd(directory: Path) -> Iterator[Mapping[str, str]]:
    """Serve new images with tgtd, as its manual says; gives the URLs of the units by their names."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    control = str(1 + port % 32000)
    command = ["tgtd", "-f", "-C", control, "--iscsi", f"portal=127.0.0.1:{port}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:

        def administer(*words: str) -> bool:
            run = subprocess.run(
                ["tgtadm", "-C", control, "--lld", "iscsi", *words], capture_output=True, check=False
            )
            return run.returncode == 0

        try:
            deadline = monotonic() + PATIENCE_SECONDS
            while not administer("--op", "new", "--mode", "target", "--tid", "1", "-T", NAME):
                if monotonic() > deadline or process.poll() is not None:
                    raise RuntimeError("tgtd does not serve")
                sleep(0.05)
            urls = {}
            for lun, unit in enumerate(UNITS, 1):
                parameters = "thin_provisioning=1,lbppbe=0"
                parameters += {"main": ",removable=1", "readonly": ",readonly=1"}.get(unit, "")
                image = directory / f"tgtd-{unit}.img"
                with image.open("wb") as file:
                    file.truncate(IMAGE_BYTES)
                where = ("--mode", "logicalunit", "--tid", "1", "--lun", str(lun))
                administer("--op", "new", *where, "-b", str(image))
                administer("--op", "update", *where, "--params", parameters)
                urls[unit] = f"iscsi://127.0.0.1:{port}/{NAME}/{lun}"
            administer("--op", "bind", "--mode", "target", "--tid", "1", "-I", "ALL")
            yield urls
        finally:
            process.kill()  # it takes no other signal while it has targets


# ---- the table


def judge_all(serve: Serve, directory: Path, runs: Sequence[Run] = RUNS) -> Verdicts:
    """Do runs at once, each on a target of its own: some of them reset it."""

    def judge_one(run: Run) -> Verdicts:
        place = directory / run.unit
        place.mkdir()
        with serve(place) as urls:
            return judge(urls[run.unit], run)

    found: dict[str, Verdict] = {}
    with ThreadPoolExecutor(len(runs)) as pool:
        for verdicts in pool.map(judge_one, runs):
            found.update(verdicts)
    return found


def table(columns: Mapping[str, Verdicts]) -> str:
    """Return the table, family by family."""
    heads = " | ".join(columns)
    rows = [f"| Suite | {heads} |", "|---" * (1 + len(columns)) + "|"]
    rows += [
        f"| {suite} | {' | '.join(_score(each, suite) for each in columns.values())} |" for suite in SUITES
    ]
    rows.append(f"| **all** | {' | '.join(f'**{_score(each)}**' for each in columns.values())} |")
    return "\n".join(rows) + "\n"


def _score(verdicts: Verdicts, suite: str | None = None) -> str:
    counted = Counter(
        verdict.result
        for name, verdict in verdicts.items()
        if suite is None or name.partition(".")[0] == suite
    )
    return "/".join(str(counted[result]) for result in (PASSED, FAILED, SKIPPED))


def main() -> int:
    if shutil.which(TEST_PROGRAM) is None:
        print(f"{TEST_PROGRAM} is not here: Debian has it in libiscsi-bin", file=sys.stderr)
        return 1
    columns: dict[str, Verdicts] = {}
    with tempfile.TemporaryDirectory() as directory:
        for name, serve in (("hbvs", serve_ours), ("tgtd", serve_tgtd)):
            if serve is serve_ours or can_serve_tgtd():
                place = Path(directory, name)
                place.mkdir()
                columns[name] = judge_all(serve, place, (*RUNS, PATIENT_RUN))
    print("Passed/failed/skipped.\n")
    print(table(columns))
    for name, verdict in columns["hbvs"].items():
        if verdict.result != PASSED:
            print(f"{name}: {verdict.words}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
