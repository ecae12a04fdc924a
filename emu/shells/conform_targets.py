"""Targets of the suite by name, with the failures that are expected of them."""

import runpy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from emu.conform.clauses import all_clauses
from emu.conform.expectation import Expectation, parse_expectations
from emu.conform.target import Target
from emu.hw.firmware import FirmwareError
from emu.shells.conform_buslink import BusLinkTarget
from emu.shells.conform_emulation import EmulationTarget
from emu.shells.conform_simh import SimhTarget
from emu.shells.simh_prompt import SimhError
from emu.shells.streams import StreamError


class TargetError(Exception):
    """A target that is not there; the text says which and why."""


SIMH_EXPECTED = resources.files("emu.conform").joinpath("expected", "simh-3.8.toml")


@dataclass(frozen=True, slots=True)
class OpenTarget:
    """A target, and what is known not to work there."""

    target: Target
    expected: Sequence[Expectation] = ()


def open_target(name: str) -> OpenTarget:
    """Open the target of this name, `KIND:PLACE`.

    Raises:
        TargetError: there is no such kind or place.
    """
    kind, _, place = name.partition(":")
    opener = KINDS.get(kind)
    if opener is None or not place:
        raise TargetError(f"{name!r} is no target: it is {' or '.join(f'{kind}:…' for kind in KINDS)}")
    return opener(place)


def _emulation(place: str) -> OpenTarget:
    try:
        return OpenTarget(EmulationTarget(place))
    except FirmwareError as error:
        raise TargetError(str(error)) from error


def _simh(place: str) -> OpenTarget:
    try:
        return OpenTarget(SimhTarget(place), simh_expectations())
    except (OSError, SimhError) as error:
        raise TargetError(f"{place}: {error}") from error


def _python(place: str) -> OpenTarget:
    """Run a file and call its `target()`."""
    try:
        names = runpy.run_path(place)
    except (OSError, SyntaxError, ImportError) as error:
        raise TargetError(f"{place}: {error}") from error
    make = names.get("target")
    if not callable(make):
        raise TargetError(f"{place}: there is no function target() in it")
    return OpenTarget(make())


def _buslink(place: str) -> OpenTarget:
    try:
        return OpenTarget(BusLinkTarget(place))
    except (StreamError, ValueError) as error:
        raise TargetError(str(error)) from error


def simh_expectations() -> list[Expectation]:
    """What SIMH 3.8 is known not to do."""
    return parse_expectations(
        SIMH_EXPECTED.read_text(encoding="utf-8"), {clause.name for clause in all_clauses()}
    )


KINDS: Mapping[str, Callable[[str], OpenTarget]] = {
    "emulation": _emulation,
    "buslink": _buslink,
    "simh": _simh,
    "python": _python,
}
