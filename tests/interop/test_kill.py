"""A process killed with SIGKILL while it writes to real images: the set mounts again and its members become equal."""

import subprocess
import sys
from pathlib import Path

import pytest

BLOCKS = 40_000
DISKS = {"MSCP": ("DUA10", "DUA11"), "SCSI array": ("DKA100", "DKA101"), "SCSI drives": ("DKA0", "DKA100")}


def console(bus: str, images: list[Path], *commands: str) -> list[str]:
    units = [f"--unit={name}={image}" for name, image in zip(DISKS[bus], images, strict=True)]
    return [sys.executable, "-m", "emu", "console", *units, "-c", "; ".join(commands)]


@pytest.mark.parametrize("bus", DISKS)
@pytest.mark.parametrize("killed_at", ["%LOAD-S-STARTED", "DISMOUNTED", "SHDWMEMMCPY"])
def test_a_killed_process_loses_no_set(killed_at: str, bus: str, tmp_path: Path) -> None:
    first, second = (f"$1${name}:" for name in DISKS[bus])
    members = f"{first},{second}"
    images = [tmp_path / "one.dsk", tmp_path / "two.dsk"]
    for image in images:
        with image.open("wb") as file:
            file.truncate(BLOCKS * 512)
    story = console(
        bus,
        images,
        f"INITIALIZE/SHADOW=({members}) PAYROLL",
        f"MOUNT DSA1:/SHADOW=({members}) PAYROLL",
        "LOAD DSA1:/WRITES=1000000",
        f"DISMOUNT {second}/POLICY=MINICOPY",
        f"SHOW DEVICE {second}",
        f"MOUNT DSA1:/SHADOW={second} PAYROLL/POLICY=MINICOPY",
        "WAIT/LOAD",
    )
    seen = f"{second}{'(ALPHA1)':>{20 - len(second)}}    Online" if killed_at == "DISMOUNTED" else killed_at
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
        console(bus, images, f"MOUNT DSA1:/SHADOW=({members}) PAYROLL", "WAIT DSA1:", "DISMOUNT DSA1:"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode == 0, again.stdout + again.stderr
    assert "SHDWMEM" in again.stdout
    one, two = (image.read_bytes() for image in images)
    assert one == two
