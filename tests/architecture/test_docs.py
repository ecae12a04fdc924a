"""The pages tell the truth: printed parts are current, links and names of files and tests lead somewhere."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from emu.shells.deviations import marks
from emu.shells.docs_pages import printed_files
from tests.architecture.test_layers import LAYERS, ROOT

PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("firmware_images/*.md"),
        *ROOT.glob("tests/**/*.md"),
    ]
)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"`((?:emu|drivers|tests|benchmarks|firmware_images|docs)/[\w./-]*)")
TEST = re.compile(r"`(test_\w+\.py)::(\w+)`")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def prose(path: Path) -> str:
    return CODE.sub("", path.read_text())


def anchors(path: Path) -> Iterator[str]:
    """The anchors of a page's headings."""
    for line in prose(path).splitlines():
        if line.startswith("#"):
            yield re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-")


def test_the_printed_parts_are_current() -> None:
    stale = [name(path) for path, text in printed_files(ROOT).items() if path.read_text() != text]
    assert not stale, "run: python -m emu.shells.docs_pages"


def test_every_ladder_is_printed_by_someone() -> None:
    printed = {path for path in printed_files(ROOT) if path.suffix == ".txt"}
    assert {*ROOT.glob("tests/ladders/*")} == printed


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_relative_link_is_dead(page: Path) -> None:
    for target in LINK.findall(prose(page)):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{name(page)} links to {target}"
        if anchor:
            assert anchor in anchors(linked), f"{name(page)} links to {target}, a heading that is not there"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_file_that_is_named_exists(page: Path) -> None:
    for path in FILE.findall(prose(page)):
        assert (ROOT / path).exists(), f"{name(page)} names {path}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_test_that_is_named_exists(page: Path) -> None:
    for file, test in TEST.findall(prose(page)):
        (path,) = ROOT.glob(f"tests/**/{file}")
        functions = [
            node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)
        ]
        assert test in functions, f"{name(page)} names {file}::{test}"


def test_every_fact_of_volume_shadowing_has_a_test_or_a_deviation() -> None:
    rows = re.findall(
        r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", prose(ROOT / "docs/volume-shadowing.md"), re.MULTILINE
    )
    facts = [row for row in rows if row[0] not in ("Fact", "---")]
    assert facts
    for fact, where, shown_by in facts:
        assert FILE.search(where), f"{fact}: where in the code?"
        deviation = re.fullmatch(r"deviation: `([\w./-]+)`", shown_by)
        if deviation is None:
            assert TEST.search(shown_by), f"{fact}: which test?"
        else:
            assert any(marks(ROOT / deviation[1])), f"{fact}: {deviation[1]} has no mark"


def test_the_import_table_of_the_architecture_is_the_one_that_is_enforced() -> None:
    rows = re.findall(
        r"^\| `([\w.]+)` \|.*\| ([^|]*) \|$", (ROOT / "docs/architecture.md").read_text(), re.MULTILINE
    )
    told = {package: set(re.findall(r"`([\w.]+)`", allowed)) for package, allowed in rows}
    assert {package: told[package] for package in LAYERS} == LAYERS
