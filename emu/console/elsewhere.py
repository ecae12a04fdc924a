"""What nodes of other processes use disks for.

DEVIATION: VMS locks the disks that it mounts.  Here nodes of one process see what the others have mounted, and those of
other processes are asked; nothing keeps them from mounting a disk between their answer and what is done about it.
"""

from drivers.platform.process import Procedure
from drivers.shadow.requests import Usage
from emu.console.session import Job
from emu.wire.codes.shadowing import DiskUse


def usage_elsewhere(job: Job, device: str) -> Procedure:
    """Return what a disk is used for by nodes of other processes: the most exclusive use."""
    world = job.session.world.nodes
    nodes = [name for name in job.node.cluster.nodes if name not in world]
    usages: list[Usage] = yield from job.node.utilities.uses_of(device, nodes)
    return max(usages, default=Usage(DiskUse.NONE))
