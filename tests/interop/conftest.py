"""Simulators with our devices in them, built once per session."""

from pathlib import Path

import pytest

from emu.shells.simh_build import BuildImpossible, build


@pytest.fixture(scope="session")
def simh_with_xrq() -> Path:
    """Directory of pdp11, vax and vax780 with XRQ; skips the test if they cannot be built here."""
    try:
        return build()
    except BuildImpossible as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def ka655_rom(simh_with_xrq: Path) -> Path:
    """DEC's KA655 boot ROM, which SIMH's source has in it; skips the test without."""
    rom = simh_with_xrq / "ka655x.bin_old"
    if not rom.is_file():
        pytest.skip("SIMH's source brought no KA655 ROM")
    return rom
