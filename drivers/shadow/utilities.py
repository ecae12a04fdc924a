"""The utilities of a node, all at one place."""

from drivers.shadow.dismount import Dismount
from drivers.shadow.initialize import Initialize
from drivers.shadow.mount import Mount


class ShadowUtilities(Mount, Dismount, Initialize):
    """MOUNT, DISMOUNT, DELETE/BITMAP and INITIALIZE on one node."""
