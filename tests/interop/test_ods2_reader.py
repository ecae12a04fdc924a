"""Volumes as a stranger reads them: XFERX, a reader of Files-11, finds every file, byte for byte."""

import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tests.ods2_checker import Ods2Checker

MEMBERS = "$1$DUA0:,$1$DUA1:,$1$DUA2:"
BLOCKS = 20_000
READER = Path(__file__).with_name("read_with_xferx.py")

Files = dict[str, bytes]


def run_script(directory: Path, *lines: str) -> None:
    (directory / "story.com").write_text("\n".join(lines) + "\n")
    units = [word for index in range(3) for word in ("--unit", f"DUA{index}={directory}/{index}.dsk")]
    command = [sys.executable, "-m", "emu", "console", *units, "--script", str(directory / "story.com")]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    run = subprocess.run(
        command, cwd=directory, env=environment, check=False, timeout=120, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr


def host_files(directory: Path) -> Files:
    """Files of all sizes around a block and a transfer; the names are those they get on the volume."""
    stream = Random(5)
    sizes = (0, 1, 511, 512, 513, 127 * 512, 127 * 512 + 1, 700_000)
    files = {f"F{size}.DAT": stream.randbytes(size) for size in sizes}
    files["LINES.TXT"] = b"".join(b"line %d\n" % number for number in range(3_000))
    for name, data in files.items():
        (directory / name).write_bytes(data)
    return files


@pytest.fixture(scope="session")
def xferx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where XFERX is installed, for this session; skips the test if it cannot be."""
    target = tmp_path_factory.mktemp("xferx")
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        str(target),
        "xferx==3.9.*",
    ]
    if subprocess.run(install, capture_output=True, check=False, timeout=120).returncode:
        pytest.skip("xferx cannot be installed")
    return target


def read_by_stranger(xferx: Path, image: Path) -> Files:
    """Path with version -> all blocks, of every file that is no directory."""
    run = subprocess.run(
        [sys.executable, str(READER), str(image)],
        env={**os.environ, "PYTHONPATH": str(xferx)},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    return {name: bytes.fromhex(blocks) for name, blocks in json.loads(run.stdout).items()}


def assert_holds(xferx: Path, image: Path, expected: Files) -> None:
    read = read_by_stranger(xferx, image)
    found = {name: data for name, data in read.items() if ".SYS;" not in name}
    assert sorted(found) == sorted(expected)
    for name, data in expected.items():
        assert found[name][: len(data)] == data
        assert not any(found[name][len(data) : -(-len(data) // 512) * 512])
    checked = Ods2Checker(image.read_bytes()).files
    assert {name: checked[name].content for name in expected} == expected


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{index}.dsk" for index in range(3)]
    for path in paths:
        with path.open("wb") as image:
            image.truncate(BLOCKS * 512)
    return paths


def test_a_stranger_reads_every_member_and_the_backup_of_one_that_left(
    xferx: Path, tmp_path: Path, images: list[Path]
) -> None:
    files = host_files(tmp_path)
    backup = tmp_path / "backup.dsk"
    names = list(files)
    early, late = names[:5], names[5:]
    run_script(
        tmp_path,
        f"INITIALIZE/SHADOW=({MEMBERS}) PAYROLL",
        f"MOUNT DSA1:/SHADOW=({MEMBERS}) PAYROLL",
        "CREATE/DIRECTORY DSA1:[A.B]",
        *(f"COPY {name} DSA1:[A.B]" for name in early),
        f"COPY {early[0]} DSA1:[A.B]",
        "DISMOUNT $1$DUA1:/POLICY=MINICOPY",
        "BACKUP/PHYSICAL $1$DUA1: backup.dsk",
        *(f"COPY {name} DSA1:[A]" for name in late),
        f"DELETE DSA1:[A.B]{early[1]};1",
        "MOUNT DSA1:/POLICY=MINICOPY/SHADOW=$1$DUA1: PAYROLL",
        "WAIT 0:1:0",
        "COPY DSA1:[A]F700000.DAT out.dat",
        "DISMOUNT DSA1:",
    )
    before = {f"[A.B]{name};1": files[name] for name in early} | {f"[A.B]{early[0]};2": files[early[0]]}
    after = before | {f"[A]{name};1": files[name] for name in late}
    del after[f"[A.B]{early[1]};1"]
    assert_holds(xferx, backup, before)
    for image in images:
        assert_holds(xferx, image, after)
    assert (tmp_path / "out.dat").read_bytes() == files["F700000.DAT"]


@pytest.mark.parametrize(
    "qualifiers", ["/CLUSTER_SIZE=7/INDEX=MIDDLE", "/HEADERS=500/MAXIMUM_FILES=1000/INDEX=END"]
)
def test_a_stranger_reads_volumes_of_other_parameters(
    xferx: Path, tmp_path: Path, images: list[Path], qualifiers: str
) -> None:
    files = host_files(tmp_path)
    run_script(
        tmp_path,
        f"INITIALIZE{qualifiers} $1$DUA0: OTHER",
        "MOUNT $1$DUA0: OTHER",
        *(f"COPY {name} $1$DUA0:[]" for name in files),
        "DISMOUNT $1$DUA0:",
    )
    assert_holds(xferx, images[0], {f"[000000]{name};1": data for name, data in files.items()})
