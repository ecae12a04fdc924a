"""Foreign initiators and targets for the tests of iSCSI, and our own target as a process.

Debian has them in libiscsi-bin, and qemu-utils with qemu-block-extra.  Where they are absent and may be installed,
they are; else the tests that need them are skipped.
"""

import subprocess
from pathlib import Path

from tests.interop import debian

PACKAGES = {
    "iscsi-test-cu": ("libiscsi-bin",),
    "iscsi-ls": ("libiscsi-bin",),
    "iscsi-inq": ("libiscsi-bin",),
    "iscsi-perf": ("libiscsi-bin",),
    "iscsi-readcapacity16": ("libiscsi-bin",),
    "iscsi-swp": ("libiscsi-bin",),
    "fio": ("fio",),
    "qemu-nbd": ("qemu-utils", "qemu-block-extra"),
    "qemu-img": ("qemu-utils", "qemu-block-extra"),
    "qemu-io": ("qemu-utils", "qemu-block-extra"),
}


def require(program: str) -> str:
    """Find a program, or skip the test."""
    return debian.require(program, *PACKAGES[program])


def run(program: str, *arguments: str | Path, seconds: float = 30) -> str:
    """Run a foreign program that must succeed; returns what it prints."""
    done = subprocess.run(
        [require(program), *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def qemu_io(url: str, *commands: str) -> str:
    """Run commands of qemu-io on a unit, which must all succeed."""
    words = [word for command in commands for word in ("-c", command)]
    said = run("qemu-io", "-f", "raw", *words, url)
    assert "verification failed" not in said, said
    assert "error" not in said.lower(), said
    return said
