"""The three fences: who imports whom, where layouts stand, and that a run can be replayed."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# What a package may import of ours, besides itself.
LAYERS: dict[str, set[str]] = {
    "emu.core": set(),
    "emu.wire": set(),
    "emu.media": {"emu.core"},
    "emu.trace": {"emu.core", "emu.wire"},
    "emu.hw": {"emu.core", "emu.wire"},
    "drivers": {"emu.core", "emu.wire"},
    "emu.sim": {"emu.core", "emu.wire", "emu.hw", "emu.media", "drivers"},
    "emu.front": {"emu.core", "emu.wire"},
    "emu.conform": {"emu.wire"},
    "emu.conform.clauses": {"emu.conform"},
    "emu.console": {"emu.core", "emu.wire", "emu.trace", "emu.sim", "emu.front", "drivers"},
}
SECOND_WITNESSES = {"emu.conform", "emu.conform.clauses"}  # judge controllers without the project's layouts
OUTSIDE = {"socket", "selectors", "asyncio", "threading", "time", "random", "serial", "subprocess"}
MAY_USE_RANDOM = {"emu/core/chance.py"}
ONLY_A_TYPE = {  # take a stream that chance made
    "emu/sim/application.py",
    "emu/sim/lan.py",
    "emu/sim/workload.py",
    "emu/console/load.py",
}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""


def files(package: str) -> list[Path]:
    found = sorted(ROOT.joinpath(*package.split(".")).rglob("*.py"))
    assert found, f"{package} has files"
    return found


@pytest.mark.parametrize("package", LAYERS)
def test_a_package_imports_only_what_its_layer_allows(package: str) -> None:
    allowed = LAYERS[package] | {package}
    for path in files(package):
        place = path.relative_to(ROOT).as_posix()
        for name in imports(path):
            top = name.split(".")[0]
            if top == "random" and place in MAY_USE_RANDOM | ONLY_A_TYPE:
                continue
            assert top not in OUTSIDE, f"{place}: {name} belongs in a shell"
            if top in ("emu", "drivers"):
                assert any(name == a or name.startswith(a + ".") for a in allowed), f"{place}: imports {name}"


def test_drivers_reach_hardware_only_by_registers_memory_and_interrupts() -> None:
    for path in files("drivers"):
        assert not any(name.startswith(("emu.hw", "emu.media", "emu.sim")) for name in imports(path)), path


def test_layouts_stand_only_in_wire() -> None:
    for package in set(LAYERS) - {"emu.wire"} - SECOND_WITNESSES:
        for path in files(package):
            assert not {"struct", "construct"} & set(imports(path)), f"{path}: layouts belong in emu/wire"
            for node in ast.walk(ast.parse(path.read_text())):
                is_conversion = isinstance(node, ast.Attribute) and node.attr in ("from_bytes", "to_bytes")
                assert not is_conversion, f"{path}:{node.lineno}: numbers are converted in emu/wire"


REPLAY = """
from drivers.shadow.utility import Policy
from emu.sim.ledger import Ledger
from emu.trace.digest import TraceDigest
from tests.simulation.stage import Stage
stage = Stage(seed=7, latency_us=(20, 4000), vax=True, block_count=6000)
digest = TraceDigest()
stage.world.tracer.subscribe(digest.hear)
vu = stage.ready()
stage.mount([], node=stage.vax)
applications = [
    stage.application(vu, region=(31, 3000)),
    stage.application(stage.vax.shadow.units["DSA1:"], stage.vax, ledger=Ledger(1 << 32), region=(3000, 6000)),
]
for application in applications:
    application.start()
stage.world.settle(lambda: applications[0].writes > 40)
stage.dismount("$1$DUA11:", Policy.MINICOPY)
stage.world.settle(lambda: applications[0].writes > 80)
stage.mount(["$1$DUA11:"])
stage.wait_for_copies(vu)
for application in applications:
    application.stop()
stage.finish(*applications)
print(digest.events, digest.hexdigest())
"""


def test_the_same_scenario_replays_to_the_same_digest_under_two_hash_seeds() -> None:
    outputs = []
    for hash_seed in ("1", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
        run = subprocess.run(
            [sys.executable, "-c", REPLAY], env=environment, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr
        outputs.append(run.stdout)
    assert outputs[0] == outputs[1]
    assert int(outputs[0].split()[0]) > 1_000
