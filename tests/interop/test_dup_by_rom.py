"""DEC's own DUP client, the console of the KA655, holds dialogues with our programs.

docs/howto/dup.md has such a session.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.interop.serving import Serving
from tests.interop.test_bus_link import RD54_BLOCKS, RX33_BLOCKS, Ka655, blank

DISK = "SET HOST/DUP/UQSSP/DISK 0"
TASK = r"Task Name\? "
STOPPED = "Stopping DUP server...\n>>>"


@contextmanager
def console(directory: Path, rom: Path, rd54: Path, rx33: Path) -> Iterator[Ka655]:
    """A console whose controller is an RQDX3 with these two drives."""
    units = ["--unit", f"DUA0={rd54},drive=RD54", "--unit", f"DUA1={rx33},drive=RX33"]
    with (
        Serving("--bus", "tcp://127.0.0.1:0", "--controller", "rqdx3", *units) as serving,
        Ka655(directory, rom, "set xrq enabled", f"attach xrq {serving.buses[0]}") as vax,
    ):
        yield vax


def test_decs_console_lists_the_programs_and_talks_with_them(
    simh_with_xrq: Path, ka655_rom: Path, tmp_path: Path
) -> None:
    rd54 = blank(tmp_path / "rd54.dsk", RD54_BLOCKS, b"\xa5" * 512)
    rx33 = blank(tmp_path / "rx33.dsk", RX33_BLOCKS, b"\xa5" * 512)
    with console(simh_with_xrq, ka655_rom, rd54, rx33) as vax:
        listed = vax.type(DISK, TASK)
        assert "Starting DUP server...\n\nUQSSP Disk Controller 0 (772150)\n" in listed
        for name in ("DIRECT", "FORMAT", "HISTRY", "PARAMS", "VERIFY"):
            assert f"\n{name} V1.0 D\n" in listed

        assert "PARAMS> " in vax.type("params", "PARAMS> ")
        shown = vax.type("show wrtprt0", "PARAMS> ")
        assert [line.split() for line in shown.splitlines() if line.startswith("WRTPRT0")] == [
            ["WRTPRT0", "0", "0", "Boolean", "0/1"]
        ]
        vax.type("set wrtprt0 1", "PARAMS> ")
        vax.type("write", "PARAMS> ")
        vax.type("exit", TASK)

        vax.type("format", r"Unit number to format \[0\]\? ")
        assert "Unit 0 is write protected." in vax.type("0", TASK)
        vax.type("format", r"Unit number to format \[0\]\? ")
        assert "Unit 1: RX33, 2400 blocks" in vax.type("1", r"Continue \[Y/\(N\)\]\? ")
        assert "Unit 1 is formatted." in vax.type("y", TASK)

        vax.type("verify", r"Unit number to verify \[0\]\? ")
        assert "311200 blocks read, no errors." in vax.type("", TASK)
        assert vax.type("").endswith(STOPPED)
    assert rx33.read_bytes() == bytes(512 * RX33_BLOCKS)
    with rd54.open("rb") as image:
        assert image.read(512) == b"\xa5" * 512


def test_decs_console_runs_the_task_it_is_given_and_its_control_c_leaves_it(
    simh_with_xrq: Path, ka655_rom: Path, tmp_path: Path
) -> None:
    rd54, rx33 = blank(tmp_path / "rd54.dsk", RD54_BLOCKS), blank(tmp_path / "rx33.dsk")
    with console(simh_with_xrq, ka655_rom, rd54, rx33) as vax:
        assert vax.type(f"{DISK} DIRECT").endswith(STOPPED)
        vax.type(f"{DISK} PARAMS", "PARAMS> ")
        assert "MODEL                  19" in vax.type("SHOW ALL", "PARAMS> ")
        assert vax.type("EXIT").endswith(STOPPED)
        assert "Port PUA: running, no failure" in vax.type(f"{DISK} HISTRY")
        vax.type(f"{DISK} PARAMS", "PARAMS> ")
        assert "PARAMS> " in vax.type("\x14", "PARAMS> "), "control-T: asked again"
        vax.type("\x03")
        vax.simulator.wait_for(">>>")  # for the RETURN behind it
        printed = vax.type(f"{DISK} CHESS")
        assert "Starting DUP server..." in printed
        assert printed.endswith(STOPPED)
        assert "-DUA1 (RX 33)" in vax.type("SHOW DEVICE")
