"""The utilities of a node, all at one place."""

from drivers.shadow.initialize import Initialize
from drivers.shadow.mount import Mount
from drivers.shadow.set_device import SetDevice


class ShadowUtilities(Mount, SetDevice, Initialize):
    """MOUNT, DISMOUNT, SET DEVICE, DELETE/BITMAP and INITIALIZE on one node."""
