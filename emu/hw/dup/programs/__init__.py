"""The local programs: what a controller can run by itself.  Which of them one has, its firmware says."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emu.hw.dup.dialogue import Dialogue
from emu.hw.dup.programs.direct import direct
from emu.hw.dup.programs.dkutil import dkutil
from emu.hw.dup.programs.format import erase, format_unit
from emu.hw.dup.programs.histry import histry
from emu.hw.dup.programs.params import params
from emu.hw.dup.programs.verify import verify
from emu.wire.codes.dup import PF

if TYPE_CHECKING:
    from emu.hw.mscp.controller import Controller


@dataclass(frozen=True, slots=True)
class LocalProgram:
    """How a program starts; flags as in the EXECUTE LOCAL PROGRAM end message."""

    run: Callable[["Controller"], Dialogue]
    flags: int


_DIALOGUE = int(PF.DIALOGUE)
_STANDALONE = int(PF.DIALOGUE | PF.STANDALONE)

LOCAL_PROGRAMS: Mapping[str, LocalProgram] = {
    "DIRECT": LocalProgram(direct, _DIALOGUE),
    "DKUTIL": LocalProgram(dkutil, _DIALOGUE),
    "ERASE": LocalProgram(erase, _STANDALONE),
    "FORMAT": LocalProgram(format_unit, _STANDALONE),
    "HISTRY": LocalProgram(histry, _DIALOGUE),
    "PARAMS": LocalProgram(params, _DIALOGUE),
    "VERIFY": LocalProgram(verify, _DIALOGUE),
}
