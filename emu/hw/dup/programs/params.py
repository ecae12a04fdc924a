"""PARAMS: parameters shown and set.  What is set counts after WRITE; EXIT without it forgets."""

# DEVIATION: a controller's own parameters are its firmware's: they can be shown, not set.  Of a unit the write protect
# switch can be set.
# UNCERTAIN: the columns of SHOW and the words of the answers.

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emu.hw.dup.dialogue import Dialogue, Part, ask, finished, tell

if TYPE_CHECKING:
    from emu.hw.mscp.controller import Controller
    from emu.hw.mscp.unit import Unit

HEADING = (
    "Parameter         Current           Default  Type      Radix",
    "---------  --------------  ----------------  --------  -----",
)
HELP = (
    "SHOW name       show a parameter; SHOW ALL shows them all",
    "SET name value  set a parameter; it counts after WRITE",
    "WRITE           put what was set into effect",
    "STATUS          tell what was set and not written",
    "EXIT            leave",
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter.  read: what is in force.  write: puts a value into force; None for what is read only."""

    name: str
    kind: str
    radix: str
    default: str
    read: Callable[[], str]
    write: Callable[[int], None] | None = None

    def row(self, current: str) -> str:
        access = "" if self.write is not None else "  RO"
        return f"{self.name:9}  {current:>14}  {self.default:>16}  {self.kind:8}  {self.radix:5}{access}".rstrip()


def params(controller: "Controller") -> Dialogue:
    """Take commands until EXIT."""
    parameters = {parameter.name: parameter for parameter in _parameters(controller)}
    changed: dict[str, int] = {}
    while True:
        line = yield from ask("PARAMS> ")
        verb, *words = line.replace("=", " ").split() or [""]
        if verb == "EXIT":
            return finished("Changes are not written." if changed else "")
        if not verb:
            continue
        if verb == "SHOW" and len(words) == 1:
            yield from _show(parameters, words[0].lstrip("/"), changed)
        elif verb == "SET" and len(words) == 2:
            yield from _set(parameters, words[0], words[1], changed)
        elif verb == "WRITE" and not words:
            for name, value in changed.items():
                write = parameters[name].write
                assert write is not None, "only what can be written was set"
                write(value)
            changed.clear()
        elif verb == "STATUS" and not words:
            yield from tell("Not written: " + ", ".join(changed) if changed else "All changes are written.")
        elif verb in ("HELP", "?"):
            for text in HELP:
                yield from tell(text)
        else:
            yield from tell("Illegal command; HELP lists the legal ones.")


def _show(parameters: dict[str, Parameter], wanted: str, changed: dict[str, int]) -> Part:
    shown = [parameter for name, parameter in parameters.items() if wanted in (name, "ALL")]
    if not shown:
        yield from tell("There is no such parameter; SHOW ALL shows those there are.")
        return
    for text in HEADING:
        yield from tell(text)
    for parameter in shown:
        value = changed.get(parameter.name)
        yield from tell(parameter.row(parameter.read() if value is None else str(value)))


def _set(parameters: dict[str, Parameter], name: str, value: str, changed: dict[str, int]) -> Part:
    parameter = parameters.get(name)
    if parameter is None:
        yield from tell("There is no such parameter; SHOW ALL shows those there are.")
    elif parameter.write is None:
        yield from tell(f"{name} is read only.")
    elif value not in ("0", "1"):
        yield from tell(f"{name} is 0 or 1.")
    else:
        changed[name] = int(value)


def _parameters(controller: "Controller") -> list[Parameter]:
    firmware = controller.firmware

    def fixed(name: str, kind: str, radix: str, value: str) -> Parameter:
        return Parameter(name, kind, radix, value, lambda: value)

    numbers = (
        ("MODEL", "Byte", firmware.model),
        ("SOFTVERS", "Byte", firmware.software_version),
        ("HARDVERS", "Byte", firmware.hardware_version),
        ("UCODEVER", "Byte", firmware.microcode_version),
        ("TIMEOUT", "Word", firmware.controller_timeout_s),
        ("CREDITS", "Byte", firmware.credits),
        ("UNITLIM", "Word", firmware.unit_limit),
    )
    parameters = [
        fixed("NODENAME", "String", "Ascii", controller.name),
        fixed("SYSTEMID", "Quadword", "Hex", f"{controller.identifier & (1 << 48) - 1:012X}"),
        *(fixed(name, kind, "Dec", str(value)) for name, kind, value in numbers),
    ]
    for number, unit in sorted(controller.units.items()):
        parameters += [
            fixed(f"DRIVE{number}", "String", "Ascii", unit.drive.name if unit.drive is not None else ""),
            fixed(f"SIZE{number}", "Longword", "Dec", str(unit.block_count)),
            _write_protect(unit),
        ]
    return parameters


def _write_protect(unit: "Unit") -> Parameter:
    def read() -> str:
        return str(int(unit.write_protect_switch))

    def write(value: int) -> None:
        unit.write_protect_switch = bool(value)

    return Parameter(f"WRTPRT{unit.number}", "Boolean", "0/1", "0", read, write)
