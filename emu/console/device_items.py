"""F$GETDVI: what can be asked about a device (shadowing reference, 4.11; $GETDVI's item names).

A device is a virtual unit that is mounted on the node, or a disk.
"""

from collections.abc import Callable
from dataclasses import dataclass

from drivers.classes.disk import Disk, UnitState
from drivers.shadow.shdriver import Member, VirtualUnit
from drivers.shadow.state import MemberState
from emu.console.dcl.symbols import Symbol
from emu.console.session import Session

_DISK_CLASS = 1  # DC$_DISK
_BLOCK_BYTES = 512


@dataclass(frozen=True, slots=True)
class Asked:
    """A device that something is asked about.  vu: the virtual unit, or the set the disk is a member of here."""

    session: Session
    unit: VirtualUnit | Disk
    vu: VirtualUnit | None

    @property
    def is_set(self) -> bool:
        return isinstance(self.unit, VirtualUnit)

    @property
    def member(self) -> Member | None:
        if self.vu is None or self.is_set:
            return None
        return next((m for m in self.vu.members if m.device == self.unit.name), None)

    @property
    def disk(self) -> Disk | None:
        """The disk, or the first member."""
        if isinstance(self.unit, Disk):
            return self.unit
        return self.unit.members[0].unit if self.unit.members else None

    @property
    def label(self) -> str:
        if isinstance(self.unit, VirtualUnit):
            return self.unit.state.label
        mount = self.session.node.utilities.private.get(self.unit.name)
        return mount.label if mount is not None else ""

    @property
    def is_write_locked(self) -> bool:
        if isinstance(self.unit, VirtualUnit):
            return False
        mount = self.session.node.utilities.private.get(self.unit.name)
        return self.unit.write_protected or (mount is not None and mount.write_locked)

    def next_member(self) -> str:
        """The next member of a walk that begins with the virtual unit; "" at its end."""
        if self.vu is None:
            return ""
        names = ["", *(member.device for member in self.vu.members)]
        here = "" if self.is_set else self.unit.name
        following = names[names.index(here) + 1 :] if here in names else []
        return f"_{following[0]}" if following else ""


def _truth(value: bool) -> str:
    return "TRUE" if value else "FALSE"


def _media(asked: Asked) -> str:
    return asked.disk.media.rsplit(" ", maxsplit=1)[-1] if asked.disk is not None else ""


def _is_target(asked: Asked) -> bool:
    return asked.member is not None and asked.member.state is MemberState.TARGET


def _available(asked: Asked) -> bool:
    return not isinstance(asked.unit, Disk) or asked.unit.state is not UnitState.OFFLINE


ITEMS: dict[str, Callable[[Asked], Symbol]] = {
    "ALLDEVNAM": lambda asked: f"_{asked.unit.name}",
    "AVL": lambda asked: _truth(_available(asked)),
    "DEVBUFSIZ": lambda asked: _BLOCK_BYTES,
    "DEVCLASS": lambda asked: _DISK_CLASS,
    "DEVNAM": lambda asked: f"_{asked.unit.name}",
    "ERRCNT": lambda asked: asked.unit.errors,
    "EXISTS": lambda asked: "TRUE",
    "FULLDEVNAM": lambda asked: f"_{asked.unit.name}",
    "HOST_NAME": lambda asked: asked.session.node.name,
    "FREEBLOCKS": lambda asked: asked.session.node.utilities.free_blocks.get(asked.unit.name, 0),
    "MAXBLOCK": lambda asked: asked.unit.block_count,
    "MEDIA_NAME": _media,
    "MNT": lambda asked: _truth(asked.is_set or bool(asked.label)),
    "MOUNTCNT": lambda asked: (
        len(asked.vu.state.nodes) if asked.vu and asked.is_set else int(bool(asked.label))
    ),
    "OPCNT": lambda asked: asked.unit.operations,
    "SHDW_CATCHUP_COPYING": lambda asked: _truth(_is_target(asked)),
    "SHDW_FAILED_MEMBER": lambda asked: "FALSE",  # a member that fails leaves the set
    "SHDW_MASTER": lambda asked: _truth(asked.is_set),
    "SHDW_MASTER_NAME": lambda asked: f"_{asked.vu.name}" if asked.vu and not asked.is_set else "",
    "SHDW_MEMBER": lambda asked: _truth(asked.member is not None),
    "SHDW_MERGE_COPYING": lambda asked: _truth(asked.vu is not None and asked.vu.state.merging),
    "SHDW_NEXT_MBR_NAME": Asked.next_member,
    "SWL": lambda asked: _truth(asked.is_write_locked),
    "UNIT": lambda asked: int("".join(filter(str.isdigit, asked.unit.name.rsplit("$", 1)[-1]))),
    "VOLNAM": lambda asked: asked.label,
}


def ask(session: Session, unit: VirtualUnit | Disk) -> Asked:
    """Prepare the questions about a device."""
    if isinstance(unit, VirtualUnit):
        return Asked(session, unit, unit)
    vus = session.node.shadow.units.values()
    return Asked(session, unit, next((vu for vu in vus if vu.state.member(unit.name)), None))
