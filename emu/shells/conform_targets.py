"""Targets of the suite by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from emu.conform.target import Target
from emu.hw.firmware import FirmwareError
from emu.shells.conform_emulation import EmulationTarget
from emu.shells.conform_simh import SimhTarget
from emu.shells.simh_prompt import SimhError


class TargetError(Exception):
    """A target that is not there; the text says which and why."""


OURS: Mapping[str, str] = {}  # what of ours is known to be wrong


@dataclass(frozen=True, slots=True)
class OpenTarget:
    """A target, and why some clauses fail there, by name."""

    target: Target
    expected: Mapping[str, str] = field(default_factory=dict)


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
        return OpenTarget(EmulationTarget(place), OURS)
    except FirmwareError as error:
        raise TargetError(str(error)) from error


def _simh(place: str) -> OpenTarget:
    try:
        return OpenTarget(SimhTarget(place))
    except (OSError, SimhError) as error:
        raise TargetError(f"{place}: {error}") from error


KINDS: Mapping[str, Callable[[str], OpenTarget]] = {"emulation": _emulation, "simh": _simh}
