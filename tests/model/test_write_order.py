"""The order of bit, data, copy and fence, checked by spin in every interleaving of a small world."""

import subprocess
from pathlib import Path

import pytest

from tests.interop.debian import require

MODEL = Path(__file__).with_name("write_order.pml")
WRONG_ORDERS = [
    "BIT_AFTER_DATA",
    "NO_RANGE_LOCK",
    "LATE_BITMAP",
    "FENCE_FIRST",
    "BLIND_REPAIR",
    "BITMAP_WHILE_TORN",
    "ASKED_TOO_EARLY",
]


def search(folder: Path, *names: str) -> str:
    """Search the whole state space; returns what the verifier prints."""
    spin = require("spin", "spin")
    compiler = require("gcc", "gcc", "libc6-dev")
    subprocess.run([spin, "-a", *(f"-D{name}" for name in names), MODEL], cwd=folder, check=True)
    # Safety only: nothing here claims that something happens in the end, but for the end states.
    flags = ["-w", "-O1", "-DSAFETY", "-DCOLLAPSE", "-DVECTORSZ=2048"]
    subprocess.run([compiler, *flags, "-o", "pan", "pan.c"], cwd=folder, check=True)
    run = subprocess.run(
        ["./pan", "-m100000", "-w24"], cwd=folder, capture_output=True, text=True, check=True
    )
    assert "max search depth too small" not in run.stdout
    return run.stdout


def test_no_history_of_a_set_loses_data_or_gets_stuck(tmp_path: Path) -> None:
    printed = search(tmp_path)
    assert "errors: 0" in printed
    assert "Search not completed" not in printed


@pytest.mark.parametrize("name", WRONG_ORDERS)
def test_a_wrong_order_loses_data(tmp_path: Path, name: str) -> None:
    printed = search(tmp_path, name)
    assert "assertion violated" in printed
    assert "errors: 1" in printed


def test_every_wrong_order_of_the_model_is_tried() -> None:
    text = MODEL.read_text()
    head = text[: text.index("*/")]
    assert [line.split()[1] for line in head.splitlines() if line.startswith(" *   ")] == WRONG_ORDERS
