"""F$GETDVI: what can be asked about a device (shadowing reference, 4.11; $GETDVI's item names).

A device is a virtual unit that is mounted on the node, or a disk.
"""

from collections.abc import Callable
from dataclasses import dataclass

from drivers.classes.disk import Disk, UnitState
from drivers.classes.dk_unit import DkUnit
from drivers.shadow.shdriver import Member, VirtualUnit
from drivers.shadow.state import MemberState
from emu.console.dcl.symbols import Symbol
from emu.console.displays import transactions
from emu.console.session import Session
from emu.wire.codes.vms import DEV2, UCB

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
            return self.unit.write_locked
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


def _characteristics(asked: Asked) -> int:
    """DEVCHAR2: what shadowing and drivers make of a device."""
    if asked.is_set:
        return int(DEV2.VRT | DEV2.SHD)
    unit = asked.unit
    assert isinstance(unit, Disk), "what is no virtual unit is a disk"
    bits = DEV2.SCSI if isinstance(unit, DkUnit) else DEV2.MSCP
    if asked.member is not None:
        bits |= DEV2.SSM | DEV2.SHD
    if unit.no_forced_error:
        bits |= DEV2.NOFE
    if _is_served(asked):
        bits |= DEV2.SRV
    return int(bits)


def _is_served(asked: Asked) -> bool:
    """Whether this node's MSCP server offers the disk to others."""
    direct = isinstance(asked.unit, Disk) and not asked.unit.served_by
    return direct and asked.session.node.server.started


def _status(asked: Asked) -> int:
    """STS: the unit control block's status."""
    unit, status = asked.unit, UCB(0)
    if isinstance(unit, VirtualUnit):
        status |= UCB.ONLINE | UCB.VALID
        if unit.stalled and unit.members:
            status |= UCB.MNTVERIP
        return int(status | (UCB.BSY if unit.active else UCB(0)))
    if unit.state is not UnitState.OFFLINE:
        status |= UCB.ONLINE
    if unit.state is UnitState.ONLINE:
        status |= UCB.VALID
    return int(status | (UCB.BSY if unit.queue_length else UCB(0)))


def _host(asked: Asked) -> str:
    served_by = asked.unit.served_by if isinstance(asked.unit, Disk) else ""
    return served_by or asked.session.node.name


def _cluster_blocks(asked: Asked) -> int:
    """The volume's cluster factor, as far as it is known: a set's."""
    return asked.vu.state.cluster_blocks if asked.vu is not None else 0


def _available(asked: Asked) -> bool:
    return not isinstance(asked.unit, Disk) or asked.unit.state is not UnitState.OFFLINE


ITEMS: dict[str, Callable[[Asked], Symbol]] = {
    "ALLDEVNAM": lambda asked: f"_{asked.unit.name}",
    "ALLOCLASS": lambda asked: asked.disk.driver.allocation_class if asked.disk is not None else 0,
    "AVL": lambda asked: _truth(_available(asked)),
    "CLUSTER": _cluster_blocks,
    "DEVBUFSIZ": lambda asked: _BLOCK_BYTES,
    "DEVCHAR2": _characteristics,
    "DEVCLASS": lambda asked: _DISK_CLASS,
    "DEVNAM": lambda asked: f"_{asked.unit.name}",
    "ERRCNT": lambda asked: asked.unit.errors,
    "EXISTS": lambda asked: "TRUE",
    "FULLDEVNAM": lambda asked: f"_{asked.unit.name}",
    "HOST_NAME": _host,
    "FREEBLOCKS": lambda asked: asked.session.node.utilities.free_blocks.get(asked.unit.name, 0),
    "MAXBLOCK": lambda asked: asked.unit.block_count,
    "MEDIA_NAME": _media,
    "MNT": lambda asked: _truth(asked.is_set or bool(asked.label)),
    "MOUNTCNT": lambda asked: (
        len(asked.vu.state.nodes) if asked.vu and asked.is_set else int(bool(asked.label))
    ),
    "OPCNT": lambda asked: asked.unit.operations,
    "REMOTE_DEVICE": lambda asked: _truth(_host(asked) != asked.session.node.name),
    "SERVED_DEVICE": lambda asked: _truth(_is_served(asked)),
    "SHDW_CATCHUP_COPYING": lambda asked: _truth(_is_target(asked)),
    "SHDW_FAILED_MEMBER": lambda asked: "FALSE",  # a member that fails leaves the set
    "SHDW_MASTER": lambda asked: _truth(asked.is_set),
    "SHDW_MASTER_NAME": lambda asked: f"_{asked.vu.name}" if asked.vu and not asked.is_set else "",
    "SHDW_MEMBER": lambda asked: _truth(asked.member is not None),
    "SHDW_MERGE_COPYING": lambda asked: _truth(asked.vu is not None and asked.vu.state.merging),
    "SHDW_NEXT_MBR_NAME": Asked.next_member,
    "STS": _status,
    "SWL": lambda asked: _truth(asked.is_write_locked),
    "TRANSCNT": lambda asked: (
        transactions(asked.session, asked.unit)
        if isinstance(asked.unit, VirtualUnit)
        else int(bool(asked.label))
    ),
    "UNIT": lambda asked: int("".join(filter(str.isdigit, asked.unit.name.rsplit("$", 1)[-1]))),
    "VOLNAM": lambda asked: asked.label,
}


def ask(session: Session, unit: VirtualUnit | Disk) -> Asked:
    """Prepare the questions about a device."""
    if isinstance(unit, VirtualUnit):
        return Asked(session, unit, unit)
    vus = session.node.shadow.units.values()
    return Asked(session, unit, next((vu for vu in vus if vu.state.member(unit.name)), None))
