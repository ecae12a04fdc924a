"""F$GETSYI: what can be asked about a node ($GETSYI's item names)."""

from drivers.cluster.node import Node
from emu.console.dcl.errors import DclError
from emu.console.dcl.symbols import Symbol
from emu.console.session import Session


def system_item(session: Session, node: Node, item: str) -> Symbol:
    """The value of an item; raises DclError."""
    nodes = session.world.nodes
    items: dict[str, Symbol] = {
        "ARCH_NAME": node.kind,
        "ARCH_TYPE": 1 if node.kind == "VAX" else 2,
        "CLUSTER_MEMBER": "TRUE" if len(nodes) > 1 else "FALSE",
        "CLUSTER_NODES": len(nodes),
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
