"""A cluster of two processes: the same image files, one shadow set, one password."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

HBVS = [sys.executable, "-m", "emu", "console"]
BLOCKS = 4_000
PATIENCE_S = 60
SETUP = (
    "INITIALIZE/SHADOW=($1$DUA10:,$1$DUA11:,$1$DUA12:) PAYROLL; "
    "MOUNT DSA1:/SHADOW=($1$DUA10:,$1$DUA11:,$1$DUA12:) PAYROLL; DISMOUNT $1$DUA11:/POLICY=MINICOPY; SHOW CLUSTER"
)


@pytest.fixture
def images(tmp_path: Path) -> list[str]:
    paths = [tmp_path / f"d{number}.dsk" for number in range(3)]
    for path in paths:
        path.write_bytes(bytes(512 * BLOCKS))
    (tmp_path / "password").write_text("sesame\n")
    (tmp_path / "guess").write_text("open\n")
    return [str(path) for path in paths]


@contextmanager
def alpha(images: list[str], password: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Run the Alpha's process until it has the set mounted; gives it and its cluster's address."""
    arguments = [
        "--cluster-listen",
        "tcp://127.0.0.1:0",
        "--cluster-password-file",
        str(password),
        "-c",
        SETUP,
    ]
    process = subprocess.Popen([*HBVS, *arguments, *images], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "MINICOPY|" in line:
                break
        match = re.search(r"awaited at (tcp://\S+)", "".join(lines))
        assert match, lines
        yield process, match[1]
    finally:
        process.kill()
        process.communicate()


def test_a_vax_in_another_process_writes_to_the_set_and_the_alpha_has_the_bits(images: list[str]) -> None:
    password = Path(images[0]).with_name("password")
    with alpha(images, password) as (process, address):
        arguments = ["--nodes", "vax:VAX1", "--cluster", address, "--cluster-password-file", str(password)]
        commands = "MOUNT DSA1: PAYROLL; LOAD DSA1: /WRITES=40; WAIT 00:00:01; SHOW DEVICE DSA1:; EXIT"
        vax = subprocess.run(
            [*HBVS, *arguments, "--expected-votes", "3", "-c", commands, *images],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert vax.returncode == 0, vax.stdout + vax.stderr
        assert "VAX1    %CNXMAN, Now a VMScluster member -- system ALPHA1" in vax.stdout
        assert "40 writes" in vax.stdout
        assert "0 faults" in vax.stdout
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=PATIENCE_S)
        assert "dismounting device _DSA1: on node ALPHA1" in out
    members = [Path(image).read_bytes() for image in images]
    assert members[0] == members[2]
    assert members[0] != members[1]


def test_who_does_not_know_the_password_is_refused_and_told_so(images: list[str]) -> None:
    password = Path(images[0]).with_name("password")
    with alpha(images, password) as (_, address):
        arguments = ["--nodes", "vax:VAX1", "--cluster", address, "--expected-votes", "3"]
        guess = ["--cluster-password-file", str(password.with_name("guess"))]
        stranger = subprocess.Popen(
            [*HBVS, *arguments, *guess, *images], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
        )
        try:
            assert stranger.stdout is not None
            said = stranger.stdout.readline()
        finally:
            stranger.kill()
            stranger.communicate()
    assert said.startswith(
        f"PEA0    %PEA0, LAN bridge to {address} closed: refused by the peer: wrong cluster password"
    )


def test_a_cluster_without_a_password_is_refused_at_once(images: list[str]) -> None:
    run = subprocess.run(
        [*HBVS, "--cluster-listen", "tcp://127.0.0.1:0", *images],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert run.returncode == 1
    assert "%HBVS-F-SETUP, a cluster of several processes needs a password" in run.stderr
