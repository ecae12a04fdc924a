"""A process killed with SIGKILL while it writes to real images: the set mounts again and its members become equal."""

import subprocess
import sys
from pathlib import Path

import pytest

BLOCKS = 40_000
MEMBERS = "$1$DUA10:,$1$DUA11:"


def console(images: list[Path], *commands: str) -> list[str]:
    return [sys.executable, "-m", "emu", "console", *map(str, images), "-c", "; ".join(commands)]


@pytest.mark.parametrize("killed_at", ["%LOAD-S-STARTED", "DISMOUNTED", "SHDWMEMMCPY"])
def test_a_killed_process_loses_no_set(killed_at: str, tmp_path: Path) -> None:
    images = [tmp_path / "one.dsk", tmp_path / "two.dsk"]
    for image in images:
        with image.open("wb") as file:
            file.truncate(BLOCKS * 512)
    story = console(
        images,
        f"INITIALIZE/SHADOW=({MEMBERS}) PAYROLL",
        f"MOUNT DSA1:/SHADOW=({MEMBERS}) PAYROLL",
        "LOAD DSA1:/WRITES=1000000",
        "DISMOUNT $1$DUA11:/POLICY=MINICOPY",
        "SHOW DEVICE $1$DUA11:",
        "MOUNT DSA1:/SHADOW=$1$DUA11: PAYROLL/POLICY=MINICOPY",
        "WAIT/LOAD",
    )
    seen = "$1$DUA11:   (ALPHA1)    Online" if killed_at == "DISMOUNTED" else killed_at
    with subprocess.Popen(story, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if seen in line:
                process.kill()
                break
        else:
            raise AssertionError(f"the story never came to {seen}")
    assert process.returncode == -9
    again = subprocess.run(
        console(images, f"MOUNT DSA1:/SHADOW=({MEMBERS}) PAYROLL", "WAIT DSA1:", "DISMOUNT DSA1:"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode == 0, again.stdout + again.stderr
    assert "SHDWMEM" in again.stdout
    one, two = (image.read_bytes() for image in images)
    assert one == two
