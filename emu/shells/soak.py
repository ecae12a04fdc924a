"""`hbvs soak`: plays scenarios by the thousand, on all processors or on all machines of a dask cluster."""

import argparse
import gc
import os
import signal
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from emu.core.trace import Event
from emu.shells.firmware_files import load_firmware, load_scripts
from emu.sim.drawing import draw, draw_scsi
from emu.sim.outcome import Outcome
from emu.sim.scenario import FIRMWARE, Scenario
from emu.sim.shrink import shrink
from emu.sim.simulation import Simulation
from emu.sim.storage import Equipment
from emu.trace.ladder import Ladder

BATCH = 20  # seeds a process is given at a time
COLLECT_AFTER = 5000  # new objects; Python's own 700 costs a twentieth of the time
LADDER_LINES = 30
FILE_COLUMNS = 160  # of what is not printed on a terminal
EVENTS_KEPT = 400
REPORTS = 5  # failures that are told whole

Span = tuple[int, int]  # first seed, how many


@dataclass
class Summary:
    """What came of a batch, or of several.

    digest: of the digests of its runs, in the order of their seeds.
    """

    first: int
    runs: int = 0
    writes: int = 0
    reads: int = 0
    virtual_ns: int = 0
    digest: str = ""
    failures: list[tuple[int, str]] = field(default_factory=list)
    reached: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, other: "Summary") -> None:
        self.runs += other.runs
        self.writes += other.writes
        self.reads += other.reads
        self.virtual_ns += other.virtual_ns
        self.failures += other.failures
        self.reached += other.reached


class SoakError(Exception):
    """The soak cannot be made; the text says why."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seeds", type=int, default=1000, metavar="N", help="how many (default 1000)")
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="the first seed (default 0)")
    parser.add_argument("--minutes", type=float, metavar="M", help="begin no more after so many minutes")
    parser.add_argument(
        "--until-failure", action="store_true", help="stop at the first failure, and do not shrink it"
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=os.cpu_count() or 1,
        metavar="N",
        help="processes (default one a processor)",
    )
    parser.add_argument(
        "--scsi", action="store_true", help="the same stories, on SCSI disks: all nodes are Alphas on one bus"
    )
    parser.add_argument(
        "--scheduler",
        metavar="tcp://HOST:PORT",
        help="of a dask cluster whose workers have hbvs; needs hbvs[soak]",
    )
    parser.add_argument("--replay", type=int, metavar="SEED", help="play one seed and tell its story")
    parser.add_argument(
        "--steps", metavar="N,N,...", help="with --replay: these steps of the story alone, '' for none"
    )


def run(arguments: argparse.Namespace) -> int:
    """Soak, or replay one seed; returns the exit code: 0, 1 when something was found, 2 for wrong usage.

    Raises:
        KeyboardInterrupt: after ^C, when the soak has said what was played until then.
    """
    console = Console(highlight=False, markup=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = FILE_COLUMNS
    try:
        if arguments.replay is not None:
            return _replay(console, arguments.replay, arguments.steps, scsi=arguments.scsi)
        if arguments.steps is not None:
            raise SoakError("--steps goes with --replay")
        if arguments.seeds < 1 or arguments.jobs < 1:
            raise SoakError("there is at least one seed, and one job")
        return _soak(console, arguments)
    except SoakError as error:
        print(f"%HBVS-F-SOAK, {error}", file=sys.stderr)
        return 2


# -- runs


@cache
def equipment() -> Equipment:
    """Load what worlds are made of, once."""
    return Equipment({name: load_firmware(name) for name in FIRMWARE}, load_scripts("pke"))


def play(scenario: Scenario, hear: Callable[[Event], None] | None = None) -> Outcome:
    """Play one scenario."""
    return Simulation(scenario, equipment(), hear).run()


def _begin() -> None:
    """Have the garbage collector leave what is loaded alone, and look less often; leave ^C to who began the process.

    A run leaves one large heap of cycles behind, and hardly anything before it ends.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)


def drawn(seed: int, *, scsi: bool) -> Scenario:
    """Draw the scenario of a seed."""
    return draw_scsi(seed) if scsi else draw(seed)


def play_batch(span: Span, *, scsi: bool = False) -> Summary:
    """Play some seeds; what a process or a worker does."""
    first, count = span
    summary = Summary(first)
    digests = sha256()
    for seed in range(first, first + count):
        outcome = play(drawn(seed, scsi=scsi))
        summary.runs += 1
        summary.writes += outcome.writes
        summary.reads += outcome.reads
        summary.virtual_ns += outcome.virtual_ns
        summary.failures += [(seed, failure) for failure in outcome.failures]
        summary.reached += outcome.reached
        digests.update(outcome.digest.encode())
    summary.digest = digests.hexdigest()
    return summary


def batches(first: int, seeds: int) -> Iterator[Span]:
    for start in range(first, first + seeds, BATCH):
        yield start, min(BATCH, first + seeds - start)


@contextmanager
def players(jobs: int, scheduler: str | None) -> Iterator[tuple[Executor, int]]:
    """Open what plays batches, and say how many it plays at a time.

    Processes of this machine, or with a scheduler the workers of a dask cluster; raises SoakError.
    """
    if scheduler is None:
        with ProcessPoolExecutor(jobs, initializer=_begin) as pool:
            yield pool, jobs
        return
    try:
        from distributed import Client  # noqa: PLC0415 (an extra)
    except ImportError:
        raise SoakError("a cluster needs dask.distributed: pip install 'hbvs[soak]'") from None
    try:
        client = Client(scheduler, timeout="4s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise SoakError(f"{scheduler} cannot be reached: {error}") from error
    with client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise SoakError(f"{scheduler} has no workers")
        with client.get_executor(pure=False) as executor:
            yield executor, threads


def play_all(
    spans: Iterator[Span], executor: Executor, at_a_time: int, *, scsi: bool = False
) -> Iterator[Summary]:
    """Have batches played; summaries come as they are ready."""
    pending: set[Future[Summary]] = set()
    for span in spans:
        pending.add(executor.submit(play_batch, span, scsi=scsi))
        if len(pending) > 2 * at_a_time:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    while pending:
        done, pending = wait(pending, return_when=FIRST_COMPLETED)
        yield from (future.result() for future in done)


# -- the soak


@contextmanager
def _interrupt_heard() -> Iterator[Callable[[], bool]]:
    """Let the first ^C end nothing; what is yielded tells whether there was one."""
    heard = False

    def hear(signum: int, frame: object) -> None:
        nonlocal heard
        heard = True
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, hear)
    try:
        yield lambda: heard
    finally:
        signal.signal(signal.SIGINT, before)


def _soak(console: Console, arguments: argparse.Namespace) -> int:
    begun = monotonic()
    end = begun + 60 * arguments.minutes if arguments.minutes is not None else None

    total = Summary(arguments.first)

    def spans() -> Iterator[Span]:
        for span in batches(arguments.first, arguments.seeds):
            late = end is not None and monotonic() > end
            if late or interrupted() or (arguments.until_failure and total.failures):
                return
            yield span

    digests: dict[int, str] = {}
    columns = (
        TextColumn("{task.completed} runs"),
        BarColumn(),
        TextColumn("{task.fields[rate]:.0f}/s, {task.fields[failed]} failed"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with (
        _interrupt_heard() as interrupted,
        players(arguments.jobs, arguments.scheduler) as (executor, at_a_time),
        Progress(*columns, console=console) as progress,
    ):
        task = progress.add_task("", total=arguments.seeds, rate=0.0, failed=0)
        for summary in play_all(spans(), executor, at_a_time, scsi=arguments.scsi):
            total.add(summary)
            digests[summary.first] = summary.digest
            rate = total.runs / (monotonic() - begun)
            progress.update(task, completed=total.runs, rate=rate, failed=len(total.failures))
    seconds = monotonic() - begun
    console.print(_coverage(total))
    digest = sha256("".join(digests[first] for first in sorted(digests)).encode()).hexdigest()
    console.print(
        f"{total.runs} runs in {seconds:.1f} s, {total.runs / seconds:.0f} a second; {total.writes} writes and "
        f"{total.reads} reads in {total.virtual_ns / 1e9 / 3600:.1f} hours of their time"
    )
    console.print(f"digest {digest[:16]}")
    if total.failures:
        seeds = ", ".join(str(seed) for seed, _ in sorted(total.failures))
        verdict = f"%HBVS-E-SOAK, {len(total.failures)} of {total.runs} runs failed: seeds {seeds}"
    else:
        verdict = f"%HBVS-S-SOAK, {total.runs} runs, none failed"
    try:
        if interrupted():
            raise KeyboardInterrupt  # what failed is not shrunk then: that takes its time
        for seed, _ in [] if arguments.until_failure else sorted(total.failures)[:REPORTS]:
            _report(console, seed, scsi=arguments.scsi)
    finally:
        console.print(verdict)
    return 1 if total.failures else 0


def _coverage(total: Summary) -> Table:
    """How often which step of a story met a set in which states; a set may be in several."""
    met: Counter[tuple[str, str]] = Counter()
    for (action, states), count in total.reached.items():
        for state in states.split(", "):
            met[action, state] += count
    columns = sorted({state for _, state in met})
    table = Table(title="what happened, and what the set was then")
    table.add_column("", no_wrap=True)
    for state in columns:
        table.add_column(state, justify="right")
    for action in sorted({action for action, _ in met}):
        table.add_row(action, *(str(met[action, state] or "") for state in columns))
    return table


def _report(console: Console, seed: int, *, scsi: bool) -> None:
    """Tell the shortest story of a failure, and how to see it again."""
    shortest = shrink(drawn(seed, scsi=scsi), play)
    console.rule(f"seed {seed}")
    _tell(console, shortest)
    steps = ",".join(str(step.number) for step in shortest.steps)
    console.print(f"again: hbvs soak {'--scsi ' * scsi}--replay {seed} --steps '{steps}'")


def _tell(console: Console, scenario: Scenario) -> Sequence[str]:
    """Play a scenario and print its story, the end of its ladder when it fails, and what was found."""
    events: deque[Event] = deque(maxlen=EVENTS_KEPT)
    outcome = play(scenario, events.append)
    console.print(str(scenario))
    if outcome.failures:
        picture = Ladder()
        for event in events:
            picture.hear(event)
        for line in picture.text().splitlines()[-LADDER_LINES:]:
            console.print(line)
    for failure in outcome.failures:
        console.print(failure)
    console.print(f"digest {outcome.digest[:16]}")
    return outcome.failures


def _replay(console: Console, seed: int, steps: str | None, *, scsi: bool) -> int:
    scenario = drawn(seed, scsi=scsi)
    if steps is not None:
        try:
            numbers = frozenset(int(word) for word in steps.split(",") if word)
        except ValueError:
            raise SoakError(f"--steps {steps}: numbers of steps, with commas between them") from None
        unknown = numbers - {step.number for step in scenario.steps}
        if unknown:
            raise SoakError(f"seed {seed} has no step {min(unknown)}")
        scenario = scenario.only(numbers)
    if _tell(console, scenario):
        return 1
    console.print(f"%HBVS-S-SOAK, seed {seed} does not fail")
    return 0
