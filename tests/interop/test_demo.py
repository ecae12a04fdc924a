"""The main job as a newcomer sees it: `hbvs demo` in a process of its own, on real image files."""

import hashlib
import subprocess
import sys
from pathlib import Path
from random import Random


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "emu", "demo", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)


def test_the_demo_on_three_images_of_one_and_a_half_gigabytes() -> None:
    run = demo()
    assert run.returncode == 0, run.stdout + run.stderr
    assert "%MOUNT-I-SHDWMEMMCPY" in run.stdout
    assert run.stdout.count("identical, byte for byte") == 4
    assert "DISK COPY DATA" in run.stdout
    assert "FAILED" not in run.stdout


def test_the_demo_on_the_users_images_leaves_them_as_they_are(tmp_path: Path) -> None:
    paths = [tmp_path / "one.dsk", tmp_path / "two.dsk"]
    for index, path in enumerate(paths):
        path.write_bytes(Random(index).randbytes(60_000 * 512))
    before = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    run = demo(*map(str, paths))
    assert run.returncode == 0, run.stdout + run.stderr
    assert [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths] == before
    assert "%MOUNT-I-SHDWMEMCOPY, _$1$DUA11:" in run.stdout


def test_the_demo_with_a_controller_that_cannot_copy_goes_through_the_host(tmp_path: Path) -> None:
    run = demo("--firmware", "kdm70", "--drive", "RA70", "--keep", str(tmp_path / "kept"))
    assert run.returncode == 0, run.stdout + run.stderr
    assert "host reads and writes" in run.stdout
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == [
        "backup.dsk",
        "dua10.dsk",
        "dua11.dsk",
        "dua12.dsk",
    ]


def test_the_demo_on_scsi_disks_copies_without_moving_a_block_across_the_bus(tmp_path: Path) -> None:
    run = demo("--node", "alpha-scsi", "--drive", "RZ24", "--keep", str(tmp_path / "kept"))
    assert run.returncode == 0, run.stdout + run.stderr
    assert "$1$DKA101:" in run.stdout
    assert run.stdout.count("EXTENDED COPY") == 2
    assert "FAILED" not in run.stdout
    traffic = [line.split("│") for line in run.stdout.splitlines() if "│ data " in line]
    for _, _, minicopy, full_copy, _ in traffic:
        assert int(minicopy.split()[0]) < 20_000, "home and control blocks, parameter lists"
        assert int(full_copy.split()[0]) < 40_000
    assert len(traffic) == 2
    assert (tmp_path / "kept" / "dka102.dsk").stat().st_size == 409_792 * 512


def test_bad_input_to_the_demo_is_answered_in_one_line(tmp_path: Path) -> None:
    odd = tmp_path / "odd.dsk"
    odd.write_bytes(bytes(1000))
    good = tmp_path / "good.dsk"
    good.write_bytes(bytes(40_000 * 512))
    other = tmp_path / "other.dsk"
    other.write_bytes(bytes(40_001 * 512))
    for arguments, words in (
        ([str(good)], "two or three images"),
        ([str(odd), str(good)], "truncated"),
        ([str(good), str(tmp_path / "none.dsk")], "none.dsk"),
        ([str(good), str(other)], "the command failed: MOUNT"),
        (["--drive", "RD99"], "knows no drive RD99"),
        (["--node", "alpha-scsi", "--drive", "RA92"], "knows no drive RA92"),
        (["--firmware", "nonsense"], "nonsense"),
        (["--keep", str(tmp_path)], "File exists"),
    ):
        run = demo(*arguments)
        assert run.returncode == 1, arguments
        (line,) = run.stderr.splitlines()
        assert line.startswith("%HBVS-F-"), line
        assert words in line, line
