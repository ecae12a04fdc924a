"""F$GETSYI: what can be asked about a node ($GETSYI's item names)."""

from drivers.cluster.node import Node
from emu.console.dcl.errors import DclError
from emu.console.dcl.symbols import Symbol
from emu.console.session import Session


def system_item(session: Session, node: Node, item: str) -> Symbol:
    """The value of an item; raises DclError."""
    view = node.cluster.manager.view
    members = view.members if view is not None else ()
    own = view.named(node.name) if view is not None else None
    items: dict[str, Symbol] = {
        "ARCH_NAME": node.kind,
        "ARCH_TYPE": 1 if node.kind == "VAX" else 2,
        "CLUSTER_EVOTES": max((member.expected_votes for member in members), default=0),
        "CLUSTER_MEMBER": "TRUE" if len(members) > 1 else "FALSE",
        "CLUSTER_NODES": len(members),
        "CLUSTER_QUORUM": view.quorum if view is not None else 0,
        "CLUSTER_VOTES": sum(member.votes for member in members),
        "NODE_CSID": f"{own.csid:08X}" if own is not None else "",
        "NODE_VOTES": own.votes if own is not None else 0,
        "NODENAME": node.name,
        "SCSNODE": node.name.ljust(8),
        "SID": 0,
        "VERSION": "V7.3    ",
    }
    items |= {
        parameter.name: node.platform.parameters[parameter.name] for parameter in node.platform.parameters
    }
    if item not in items:
        raise DclError("IVKEYW", item)
    return items[item]
