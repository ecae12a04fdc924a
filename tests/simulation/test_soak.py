"""The soak: seeds that pass, the same everywhere; what is broken is found, told in short, and can be seen again."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic

import pytest

from drivers.shadow.state import BitmapRecord, SetState
from drivers.shadow.write_bitmap import WriteBitmap
from emu.core.chance import Chance
from emu.shells.soak import equipment, play, play_batch
from emu.sim.drawing import draw, draw_scsi
from emu.sim.scenario import WITHOUT_END, Action
from emu.sim.scene import Scene
from emu.sim.shrink import kind_of, shrink
from emu.sim.workload import Workload, chooser

ROOT = Path(__file__).resolve().parents[2]
SEEDS = 60
PARAMETERS = (
    "SHADOW_MAX_COPY", "SHADOW_MBR_TMO", "MVTIMEOUT", "WBM_MSG_INT", "WBM_MSG_UPPER", "WBM_MSG_LOWER"
)  # fmt: skip
PATIENCE_SECONDS = 60


def soak(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "emu", "soak", *arguments],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "160", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )


def digest_in(printed: str) -> str:
    found = re.search(r"^digest ([0-9a-f]{16})$", printed, re.MULTILINE)
    assert found is not None, printed
    return found[1]


@pytest.mark.parametrize("first", range(0, SEEDS, 20))
def test_no_seed_loses_anything(first: int) -> None:
    summary = play_batch((first, 20))
    assert summary.failures == []
    assert summary.writes > 100


def test_no_seed_loses_anything_on_scsi_disks() -> None:
    summary = play_batch((0, 20), scsi=True)
    assert summary.failures == []
    assert summary.writes > 100


def test_the_same_stories_are_played_on_scsi_disks() -> None:
    told = soak("--scsi", "--replay", "7")
    assert told.returncode == 0
    assert "SCSI" in told.stdout.splitlines()[0]
    assert draw_scsi(7).steps == draw(7).steps  # but of those in which units want attention
    kinds = {draw_scsi(seed).firmware for seed in range(20)}
    assert kinds == {"SCSI array", "SCSI drives"}


def test_the_first_seeds_meet_every_action_and_every_kind_of_world() -> None:
    scenarios = [draw(seed) for seed in range(4 * SEEDS)]
    on_scsi = [draw_scsi(seed) for seed in range(SEEDS)]
    assert {step.action for scenario in scenarios + on_scsi for step in scenario.steps} == set(Action)
    assert {scenario.nodes for scenario in scenarios} == {
        ("ALPHA1",), ("ALPHA1", "VAX1"), ("ALPHA1", "ALPHA2"), ("ALPHA1", "VAX1", "ALPHA2")
    }  # fmt: skip


def test_the_first_seeds_meet_every_setting_of_a_node() -> None:
    settings = [each for seed in range(4 * SEEDS) for each in draw(seed).settings.values()]
    assert {name for each in settings for name in each.parameters} == set(PARAMETERS)
    assert {each.stores for each in settings} == {0, 1, 2, 4, 16, WITHOUT_END}
    assert {each.keeps_local for each in settings} == {True, False}
    assert {each.map_registers for each in settings} == {0, 131, 140, 300}
    assert {each.interrupt_us for each in settings} == {0, 5, 50, 500}
    assert sum(not str(each) for each in settings) > len(settings) // 3


def test_the_first_seeds_meet_every_number_of_credits() -> None:
    assert {draw(seed).credits for seed in range(4 * SEEDS)} == {None, 1, 2, 5}


def test_the_first_seeds_meet_every_workload() -> None:
    assert {draw(seed).workload for seed in range(40)} == set(Workload)


def test_a_sequence_meets_itself_nowhere_and_begins_anew_at_the_end() -> None:
    choose = chooser(Workload.SEQUENTIAL, 30, 100, 20)
    assert choose is not None
    assert [choose(Chance(1).stream("any")) for _ in range(5)] == [30, 50, 70, 90, 30]


def test_a_file_system_writes_a_few_blocks_again_and_again() -> None:
    choose, stream = chooser(Workload.FILES, 30, 1000, 10), Chance(1).stream("any")
    assert choose is not None
    lbns = Counter(choose(stream) for _ in range(100))
    structure = [lbn for lbn in lbns if lbn in range(31, 36)]
    assert len(structure) == 5
    assert min(lbns[lbn] for lbn in structure) > 1
    assert sum(lbns[lbn] for lbn in range(30, 36)) < 60


def test_settings_do_not_change_the_story() -> None:
    scenario = draw(3)
    assert str(scenario.settings["ALPHA1"])
    assert [step.action for step in scenario.steps] == [Action.REBOOT, Action.HEAL, Action.MOUNT]


def test_a_node_boots_with_its_parameters_again_and_again() -> None:
    scenario = next(
        scenario
        for scenario in map(draw, range(SEEDS))
        if "SHADOW_MBR_TMO" in scenario.settings["ALPHA1"].parameters
    )
    scene = Scene(scenario, equipment(), lambda *_: None)
    scene.begin()
    wanted = scenario.settings["ALPHA1"]
    for node in (scene.world.nodes["ALPHA1"], scene.world.reboot("ALPHA1")):
        assert node.platform.parameters["SHADOW_MBR_TMO"] == wanted.parameters["SHADOW_MBR_TMO"]


def test_a_seed_has_one_digest_whatever_the_hash_seed() -> None:
    printed = [soak("--seeds", "6", "--jobs", "1", PYTHONHASHSEED=seed).stdout for seed in ("1", "2")]
    assert digest_in(printed[0]) == digest_in(printed[1])


def test_seeds_differ() -> None:
    assert len({play(draw(seed)).digest for seed in range(8)}) == 8


def test_a_bitmap_that_forgets_is_found_and_its_story_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WriteBitmap, "set_bits", lambda self, first, last: None)
    seed = next(seed for seed in range(200) if play(draw(seed)).failures)
    failure = play(draw(seed)).failures[0]
    shortest = shrink(draw(seed), play)
    assert len(shortest.steps) <= 3
    assert kind_of(play(shortest).failures[0]) == kind_of(failure)


def test_a_disk_that_is_restored_from_an_older_image_is_copied_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    story = draw(226)
    assert Action.RESTORE in {step.action for step in story.steps}
    assert play(story).failures == []

    def by_name_alone(state: SetState, member: int, name: bytes, generation: int) -> BitmapRecord | None:
        return next((b for b in state.bitmaps if (b.member, b.name) == (member, name) and not b.in_use), None)

    monkeypatch.setattr(SetState, "bitmap_of", by_name_alone)
    assert "differ at LBN" in play(story).failures[0]


def test_a_replay_tells_the_story() -> None:
    told = soak("--replay", "7")
    assert told.returncode == 0
    assert told.stdout.startswith("seed 7: ALPHA1")
    assert digest_in(told.stdout) == play(draw(7)).digest[:16]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interrupted_soak_says_what_it_played(jobs: str) -> None:
    terminal, end = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "emu", "soak", "--seeds", "1000000", "--jobs", jobs],
        cwd=ROOT,
        env={**os.environ, "TERM": "xterm"},
        stdout=end,
        stderr=end,
        start_new_session=True,  # so that all of its processes hear ^C, and none of ours
    )
    os.close(end)
    printed = b""
    try:
        while not re.search(rb"[1-9]\d* runs", printed):
            printed += os.read(terminal, 4096)
        os.killpg(process.pid, signal.SIGINT)
        with suppress(OSError):  # the end of a terminal is an error
            while more := os.read(terminal, 4096):
                printed += more
        assert process.wait(PATIENCE_SECONDS) == 130
    finally:
        process.kill()
        os.close(terminal)
    told = printed.decode()
    assert re.search(r"^[1-9]\d* runs in [\d.]+ s, \d+ a second; ", told, re.MULTILINE), told
    assert re.search(r"^%HBVS-S-SOAK, [1-9]\d* runs, none failed", told, re.MULTILINE), told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--steps", "1"], "--steps goes with --replay"),
        (["--replay", "1", "--steps", "one"], "numbers of steps"),
        (["--replay", "1", "--steps", "99"], "has no step 99"),
        (["--seeds", "0"], "at least one seed"),
        (["--scheduler", "tcp://127.0.0.1:1"], "cannot be reached"),
    ],
)
def test_what_cannot_be_done_is_said(arguments: list[str], words: str) -> None:
    if "--scheduler" in arguments:
        pytest.importorskip("distributed")
    refused = soak(*arguments)
    assert refused.returncode == 2
    assert refused.stderr.startswith("%HBVS-F-SOAK, ")
    assert words in refused.stderr


@contextmanager
def dask(*words: str) -> Iterator[subprocess.Popen[str]]:
    """A program of dask's, with its words on stderr."""
    process = subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_" + words[0], *words[1:], "--no-dashboard"],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_SECONDS)


def wait_for(process: subprocess.Popen[str], words: str) -> None:
    end = monotonic() + PATIENCE_SECONDS
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return
        assert monotonic() < end
    raise AssertionError(f"dask never said {words}")


def test_two_workers_of_a_dask_scheduler_come_to_the_same_digest() -> None:
    pytest.importorskip("distributed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    worker = ("worker", url, "--host", "127.0.0.1", "--nthreads", "1", "--no-nanny")
    with (
        dask(
            "scheduler", "--host", url.removeprefix("tcp://").split(":")[0], "--port", url.rsplit(":", 1)[1]
        ) as boss,
    ):
        wait_for(boss, "Scheduler at")
        with dask(*worker) as one, dask(*worker) as two:
            for each in (one, two):
                wait_for(each, "Registered to")
            there = soak("--seeds", "40", "--scheduler", url)
    assert there.returncode == 0, there.stderr
    here = soak("--seeds", "40", "--jobs", "1")
    assert digest_in(there.stdout) == digest_in(here.stdout)
