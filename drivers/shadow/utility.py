"""What the images MOUNT, DISMOUNT and INITIALIZE share: the shadow driver of a node, and who has which disk."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from drivers.classes.disk import Disk
from drivers.cluster.request import Answer
from drivers.message import Failure, Message
from drivers.platform.process import Procedure
from drivers.shadow.membership import ShadowDriver
from drivers.shadow.messages import status_message
from drivers.shadow.requests import FindUse, Usage
from emu.wire.codes.shadowing import DiskUse
from emu.wire.codes.vms import SS

NO_MINICOPY = "a node of the cluster does not support write bitmaps"  # spec 3.9


class Policy(Enum):
    """What /POLICY asked for."""

    DEFAULT = "none given"
    NOMINICOPY = "NOMINICOPY"
    OPTIONAL = "MINICOPY=OPTIONAL"
    MINICOPY = "MINICOPY"

    @property
    def wants_bitmap(self) -> bool:
        return self in (Policy.OPTIONAL, Policy.MINICOPY)


@dataclass(frozen=True, slots=True)
class PrivateMount:
    """A disk mounted by itself."""

    unit: Disk
    label: str
    write_locked: bool


class Utility:
    """An image that works on the disks of one node.

    private: disks mounted by themselves, by device name.  free_blocks, owners: of volumes, as far as this node knows,
    by the name of the disk or virtual unit; volume_names: the logical names they have, likewise.
    """

    def __init__(self, shadow: ShadowDriver) -> None:
        self._shadow = shadow
        self._platform = shadow.platform
        self._cluster = shadow.cluster
        self.private: dict[str, PrivateMount] = {}
        self.free_blocks: dict[str, int] = {}
        self.owners: dict[str, int] = {}
        self.volume_names: dict[str, tuple[str, ...]] = {}
        self._cluster.listen(FindUse, self._find_use)

    def _find_use(self, message: FindUse, answer: Answer) -> None:
        device = message.device
        unit = next((vu.name for vu in self._shadow.units.values() if vu.state.member(device)), None)
        mount = self.private.get(device)
        if unit is not None:
            answer(Usage(DiskUse.MEMBER, unit))
        elif mount is not None:
            answer(Usage(DiskUse.READ if mount.write_locked else DiskUse.WRITTEN))
        else:
            answer(Usage(DiskUse.NONE))

    def uses_of(self, device: str, nodes: Sequence[str]) -> Procedure:
        """Ask nodes what they use a disk for; returns a Usage for each, but for those that are lost."""
        answers = yield from self._cluster.ask_all(nodes, FindUse(device))
        return [answer for answer in answers if isinstance(answer, Usage)]

    def _is_member(self, device: str) -> bool:
        return any(vu.state.member(device) for vu in self._shadow.units.values())

    def _refuse_bitmap_policy(self, policy: Policy, facility: str) -> None:
        if policy.wants_bitmap and not self._platform.masters_bitmaps:
            raise Failure(
                Message(
                    facility, "F", "REQ_WBM_FAIL", f"a {self._platform.kind} cannot create a write bitmap"
                ),
                status_message(SS.UNSUPPORTED),
            )
