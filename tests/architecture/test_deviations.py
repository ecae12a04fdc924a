"""docs/deviations.md lists every DEVIATION: and UNCERTAIN: comment of the code, and nothing else."""

from emu.shells.deviations import deviations_page
from tests.architecture.test_layers import ROOT


def test_the_page_of_deviations_is_current() -> None:
    page = (ROOT / "docs" / "deviations.md").read_text()
    assert page == deviations_page(ROOT), "run: python -m emu.shells.deviations"
