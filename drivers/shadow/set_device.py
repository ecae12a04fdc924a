"""SET DEVICE, as far as shadow sets are concerned, and DISMOUNT/FORCE_REMOVAL (spec 2.7, 4.12).

What is set is this node's, and lasts until the member or the set is dismounted.
"""

from drivers.message import Failure, Message, Say
from drivers.platform.process import Procedure
from drivers.shadow.dismount import Dismount
from drivers.shadow.messages import dism_message, not_mounted
from drivers.shadow.requests import GiveUp
from drivers.shadow.shdriver import Member, VirtualUnit
from drivers.shadow.utility import Policy
from drivers.shadow.volume_processing import THE_SET
from emu.core.clock import MILLISECOND_NS

ABORT_POLL_NS = 100 * MILLISECOND_NS


class SetDevice(Dismount):
    """What SET DEVICE does; the callers check ranges."""

    def set_read_cost(self, device: str, cost: int) -> None:
        """Make reads from a member cheaper or dearer: they go where queue length and cost are lowest.

        Raises Failure.
        """
        _, member = self._set_of(device)
        member.unit.read_cost = cost
        member.cost_given = True

    def set_site(self, name: str, site: int) -> None:
        """Tell where this node is, by a virtual unit, or where a member is; what is elsewhere costs more to read.

        Raises Failure.
        """
        if name in self._shadow.units:
            vu = self._virtual_unit(name)
            vu.site = site
        else:
            vu, member = self._set_of(name)
            member.site = site
        vu.weigh()

    def set_member_timeout(self, device: str, seconds: int) -> None:
        """Wait for this member for so long, in place of SHADOW_MBR_TMO; raises Failure."""
        _, member = self._set_of(device)
        member.timeout_s = seconds

    def set_verification_timeout(self, unit: str, seconds: int) -> None:
        """Wait for any member of a set for so long, in place of MVTIMEOUT; raises Failure."""
        self._virtual_unit(unit).verification_timeout_s = seconds

    def set_copy_source(self, name: str) -> None:
        """Have copies by the host read from this member, or from the master member of this set; raises Failure."""
        if name in self._shadow.units:
            vu = self._virtual_unit(name)
            vu.copy_source = vu.sources[0].device if vu.sources else ""
        else:
            vu, member = self._set_of(name)
            vu.copy_source = member.device

    def abort_virtual_unit(self, unit: str) -> Procedure:
        """End the mount verification of a set: its requests fail from now on, on all nodes.

        Raises Failure: it is not mounted, or a member can be reached (SS$_UNSUPPORTED).
        """
        vu = self._virtual_unit(unit)
        if not (yield from self._give_up(vu, THE_SET)):
            raise Failure(Message("SYSTEM", "E", "UNSUPPORTED", "unsupported operation or function"))
        while vu.changing:
            yield ABORT_POLL_NS

    def force_removal(self, device: str, say: Say) -> Procedure:
        """Put a member out at once, also while it is waited for; raises Failure.

        In mount verification of the set it is waited for no more, and is no member when the set goes on.
        """
        vu, member = self._set_of(device)
        if vu.sources == (member,):
            raise Failure(
                dism_message("W", "CANNOTDMT", f"{device} cannot be dismounted"),
                dism_message("F", "SRCMEM", "only source member of shadow set cannot be dismounted"),
            )
        if not (yield from self._give_up(vu, device)):
            yield from self.dismount_member(device, Policy.DEFAULT, say)

    def _give_up(self, vu: VirtualUnit, device: str) -> Procedure:
        """Tell whichever node waits for a member, or for all, to wait no more; returns whether one does."""
        answers = yield from self._cluster.ask_all(vu.state.nodes, GiveUp(vu.name, device))
        return any(answer is True for answer in answers)

    def _virtual_unit(self, unit: str) -> VirtualUnit:
        if unit not in self._shadow.units:
            raise Failure(not_mounted())
        return self._shadow.units[unit]

    def _set_of(self, device: str) -> tuple[VirtualUnit, Member]:
        for vu in self._shadow.units.values():
            for member in vu.members:
                if member.device == device:
                    return vu, member
        raise Failure(not_mounted())
