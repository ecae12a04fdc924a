"""`--unit` as it is written."""

import pytest

from emu.shells.unit_options import SetupError, UnitOption, unit_option


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("DUA0=a.dsk", UnitOption("DU", "A", 0, "a.dsk", "", read_only=False, mechanics=False)),
        ("$1$dub12:=a.dsk,RO", UnitOption("DU", "B", 12, "a.dsk", "", read_only=True, mechanics=False)),
        (
            "DUA0=a.dsk,mechanics,drive=RA81,ro",
            UnitOption("DU", "A", 0, "a.dsk", "RA81", read_only=True, mechanics=True),
        ),
        ("DUA0=shadow(a.dsk,b.dsk)", UnitOption("DU", "A", 0, "shadow(a.dsk,b.dsk)", "", False, False)),
        ("DKA100=a.dsk", UnitOption("DK", "A", 100, "a.dsk", "", False, False)),
    ],
)
def test_an_option_is_read(text: str, wanted: UnitOption) -> None:
    assert unit_option(text) == wanted


@pytest.mark.parametrize("text", ["", "DUA0", "DUA0=", "DZA0=a.dsk", "DUA0=a.dsk,mechanic", "DUA0=a.dsk,"])
def test_what_is_none_says_why(text: str) -> None:
    with pytest.raises(SetupError, match="--unit"):
        unit_option(text)
