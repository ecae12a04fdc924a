"""Logical names in place of devices, and those that volumes have while they are mounted.

MOUNT gives a volume the name DISK$label, and one more if that is wanted; /SYSTEM and /CLUSTER put them in the system
table.  DISMOUNT takes them away.

DEVIATION: without /SYSTEM VMS has them in the table of the job, here they are the process's; DISMOUNT by somebody
else leaves them there.
"""

from collections.abc import Iterable
from dataclasses import replace

from drivers.cluster.node import Node
from emu.console.dcl import Command, Keyword, Kind
from emu.console.session import Job, Session


def device(session: Session, name: str) -> str:
    """A device's name with the logical name translated that it may be; an underscore says that it is none."""
    logical = name.partition(":")[0]
    meaning = name if name.startswith("_") else session.translate(logical)
    return name if meaning in (name, logical) else meaning


def with_devices(session: Session, command: Command) -> Command:
    """The command with logical names translated wherever it wants a device."""
    verb = command.verb
    every = [*verb.parameters, *(p for q in verb.qualifiers for p in q.parameters or ())]
    devices = {parameter.name for parameter in every if parameter.kind is Kind.DEVICE}
    parameters = {
        name: [device(session, value) for value in values] if name in devices else values
        for name, values in command.parameters.items()
    }
    lists = {qualifier.name for qualifier in verb.qualifiers if _takes_devices(qualifier)}
    qualifiers = {
        name: replace(given, values=tuple(device(session, value) for value in given.values))
        if name in lists
        else given
        for name, given in command.qualifiers.items()
    }
    return replace(command, parameters=parameters, qualifiers=qualifiers)


def _takes_devices(qualifier: Keyword) -> bool:
    return qualifier.value is not None and qualifier.value.kind is Kind.DEVICE


def name_volume(job: Job, nodes: Iterable[Node], unit: str, names: Iterable[str], *, system: bool) -> None:
    """Give a volume that was mounted its names."""
    names = tuple(names)
    for node in nodes:
        table = node.platform.logical_names if system else job.process.logicals
        table.update(dict.fromkeys(names, unit))
        node.utilities.volume_names[unit] = names


def unname_volume(job: Job, node: Node, unit: str) -> None:
    """Take away what `name_volume` gave."""
    for name in node.utilities.volume_names.pop(unit, ()):
        for table in (node.platform.logical_names, job.process.logicals):
            if table.get(name) == unit:
                del table[name]
