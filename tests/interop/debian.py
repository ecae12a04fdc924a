"""Programs of Debian's that tests need: found, else installed where that is allowed, else the test is skipped."""

import os
import shutil
import subprocess
from functools import cache

import pytest

INSTALL_SECONDS = 240


def require(program: str, *packages: str) -> str:
    """Find a program, by name or path, that these packages bring."""
    found = shutil.which(program)
    if found is None and "/" not in program and packages and _installed(packages):
        found = shutil.which(program)
    if found is None:
        pytest.skip(f"there is no {program}, and it could not be installed")
    return found


@cache
def _installed(packages: tuple[str, ...]) -> bool:
    """Try to install packages, once."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return False
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        subprocess.run(["apt-get", "update"], capture_output=True, timeout=INSTALL_SECONDS, check=False)
        run = subprocess.run(
            ["apt-get", "install", "-y", "--no-install-recommends", *packages],
            env=environment,
            capture_output=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return run.returncode == 0
