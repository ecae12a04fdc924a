"""System parameters, as SYSGEN shows and sets them (spec 4.16, 3.8).

Each node has two sets of values: the active ones, which its drivers look at, and the current ones, which become active
when it boots.  Only dynamic parameters can be changed while a system runs.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_LARGEST = 0x7FFF_FFFF  # what SYSGEN shows as -1
NO_LIMIT = -1


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter.  maximum: NO_LIMIT for the largest positive longword.  default_vax: where a VAX has another."""

    name: str
    minimum: int
    maximum: int
    default: int
    unit: str
    dynamic: bool
    default_vax: int | None = None

    def default_of(self, kind: str) -> int:
        """Tell the default on an "Alpha" or a "VAX"."""
        return self.default_vax if kind == "VAX" and self.default_vax is not None else self.default

    def allows(self, value: int) -> bool:
        """Whether a value lies in the range; -1 stands for the largest longword where there is no limit."""
        if self.maximum == NO_LIMIT:
            return value == NO_LIMIT or self.minimum <= value <= _LARGEST
        return self.minimum <= value <= self.maximum


PARAMETERS = (
    # UNCERTAIN: ranges and units of the next two, general knowledge.
    Parameter("MSCP_LOAD", 0, 16_384, 0, "Coded-value", dynamic=False),
    Parameter("MSCP_SERVE_ALL", 0, 15, 4, "Bit-mask", dynamic=False),
    Parameter(
        "SHADOWING", 0, 3, 2, "Coded-value", dynamic=False
    ),  # 0 by the book: no shadowing, and no use here
    Parameter("SHADOW_MAX_COPY", 0, 200, 4, "Threads", dynamic=True),
    Parameter("SHADOW_MAX_UNIT", 10, 10_000, 500, "Units", dynamic=False, default_vax=100),
    Parameter("SHADOW_MBR_TMO", 1, 65_535, 120, "Seconds", dynamic=True),
    Parameter("SHADOW_SYS_DISK", 0, NO_LIMIT, 0, "Bit-mask", dynamic=True),
    Parameter("SHADOW_SYS_TMO", 1, 65_535, 120, "Seconds", dynamic=True),
    Parameter("SHADOW_SYS_UNIT", 0, 9_999, 0, "Unit number", dynamic=False),
    Parameter(
        "SHADOW_SYS_WAIT", 1, 65_535, 256, "Seconds", dynamic=True
    ),  # UNCERTAIN: 480 in later documents
    Parameter("WBM_MSG_INT", 10, NO_LIMIT, 10, "Msec", dynamic=True),
    # UNCERTAIN: a real VAX V7.3 shows 10 and 5 for the next two, the manual says 100 and 10 of both.
    Parameter("WBM_MSG_UPPER", 0, NO_LIMIT, 100, "Msgs/int", dynamic=True, default_vax=10),
    Parameter("WBM_MSG_LOWER", 0, NO_LIMIT, 10, "Msgs/int", dynamic=True, default_vax=5),
    Parameter("WBM_OPCOM_LVL", 0, 2, 1, "Mode", dynamic=True),
    Parameter("MVTIMEOUT", 1, 64_000, 3_600, "Seconds", dynamic=True),  # UNCERTAIN: range, general knowledge
)
_BY_NAME = {parameter.name: parameter for parameter in PARAMETERS}

# Bits of SHADOW_SYS_DISK that mean something here.
# DEVIATION: the others have to do with the system disk, with write logging and with bugchecks: none is there.  So
# SHADOW_SYS_UNIT, SHADOW_SYS_TMO and SHADOW_SYS_WAIT can be set, and nothing comes of it.
NO_BAD_BLOCK_RECOVERY = 1 << 13
ENFORCE_LOCAL_READ = 1 << 16

# Bits of MSCP_SERVE_ALL.  All controllers here are locally attached, so that the first two mean the same.  Bit 2 is for
# the system disk; bit 3 restricts bit 0 to disks of the node's allocation class, as all are that there are.
SERVE_AVAILABLE = 1 << 0
SERVE_LOCAL = 1 << 1


class ParameterError(ValueError):
    """A parameter cannot be set so; the text says why."""


class SystemParameters:
    """The parameters of one node of this kind ("Alpha", "VAX"); `parameters["SHADOW_MBR_TMO"]` is an active value.

    The current ones outlive the node's crashes, as a file on its system disk does.
    """

    def __init__(self, kind: str) -> None:
        self._defaults = {parameter.name: parameter.default_of(kind) for parameter in PARAMETERS}
        self._current = dict(self._defaults)
        self._active = dict(self._defaults)

    def __getitem__(self, name: str) -> int:
        value = self._active[name]
        return _LARGEST if value == NO_LIMIT else value

    def __iter__(self) -> Iterator[Parameter]:
        return iter(PARAMETERS)

    def default(self, name: str) -> int:
        return self._defaults[name]

    def current(self, name: str) -> int:
        """Tell the value that the next boot takes."""
        return self._current[name]

    def write_active(self, name: str, value: int) -> None:
        """Change what a running system works with; raises KeyError, ParameterError."""
        parameter = self._checked(name, value)
        if not parameter.dynamic:
            raise ParameterError(f"{name} is not dynamic: it changes when the system boots")
        self._active[name] = value

    def write_current(self, name: str, value: int) -> None:
        """Change what the next boot takes; raises KeyError, ParameterError."""
        self._checked(name, value)
        self._current[name] = value

    def boot(self) -> None:
        """Make the current values active."""
        self._active = dict(self._current)

    def _checked(self, name: str, value: int) -> Parameter:
        parameter = _BY_NAME[name]
        if not parameter.allows(value):
            raise ParameterError(f"{name} is {parameter.minimum} to {parameter.maximum}, not {value}")
        return parameter

    @property
    def serves_disks(self) -> bool:
        """Whether the node's MSCP server is loaded, and serves."""
        return bool(self["MSCP_LOAD"] and self["MSCP_SERVE_ALL"] & (SERVE_AVAILABLE | SERVE_LOCAL))


def changed_parameters(kind: str, changes: Mapping[str, int]) -> SystemParameters:
    """Make the parameters of an "Alpha" or a "VAX", all default but for these; raises KeyError, ParameterError."""
    parameters = SystemParameters(kind)
    for name, value in changes.items():
        parameters.write_current(name, value)
    parameters.boot()
    return parameters
