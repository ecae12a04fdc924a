"""What SHOW CLUSTER knows: the systems that a node has heard of, as rows."""

from dataclasses import dataclass

from drivers.cluster.connection_manager import ConnectionManager
from drivers.cluster.csb import CsbState
from emu.wire.codes.scs import Capability


@dataclass(frozen=True, slots=True)
class SystemRow:
    """One system; csid 0 and bitmaps "" for one that is no member.

    status: as SHOW CLUSTER has it: MEMBER, BRK_MEM (a member that is not reached), NEW, BRK_NEW.  system: SCSSYSTEMID.
    """

    name: str
    system: int
    software: str
    hardware: str
    csid: int
    status: str
    votes: int
    bitmaps: str


def systems(manager: ConnectionManager, software: str) -> tuple[SystemRow, ...]:
    """List this node's cluster: the members in order of joining, then who is none.

    software: of this node.
    """
    rows = []
    members = manager.view.members if manager.view is not None else ()
    for member in members:
        csb = manager.csbs.get(member.key)
        here = member.key == manager.key
        reached = here or (csb is not None and csb.state is CsbState.OPEN)
        rows.append(
            SystemRow(
                member.name,
                member.system,
                csb.identity.software if csb is not None else software,
                member.hardware,
                member.csid,
                "MEMBER" if reached else "BRK_MEM",
                member.votes,
                "MINICOPY" if member.capabilities & Capability.WBM_SHADOW else "UNSUPPORTED",
            )
        )
    known = {member.key for member in members}
    for key, csb in manager.csbs.items():
        if key not in known and csb.state is not CsbState.DEAD:
            status = "NEW" if csb.state is CsbState.OPEN else "BRK_NEW"
            who = csb.identity
            rows.append(
                SystemRow(who.name, who.system, who.software, who.hardware, 0, status, csb.status.votes, "")
            )
    return tuple(rows)
