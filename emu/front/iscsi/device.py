"""What a target name stands for: a SCSI target device, as the sessions of its initiators use it."""

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from emu.front.iscsi.transfer import DataTransfer

Nexus = Any  # the device's own; here it is only handed back


class Device(Protocol):
    """A SCSI target device with all its logical units."""

    def connect(self, initiator_port: str, transport_id: bytes) -> Nexus:
        """Begin an I_T nexus."""
        ...

    def disconnect(self, nexus: Nexus) -> None:
        """Lose an I_T nexus: its tasks end unheard."""
        ...

    def task(
        self,
        nexus: Nexus,
        lun: bytes,
        cdb: bytes,
        attribute: int,
        tag: int,
        expected_in: int,
        expected_out: int,
    ) -> "DataTransfer":
        """Make a task: the device's own kind, with iSCSI's way to move data.  Lengths are bytes."""
        ...

    def submit(self, task: Any) -> None:
        """Do a task that `task` made; it may complete before this returns."""
        ...

    def manage(self, function: int, nexus: Nexus, lun: bytes, tag: int) -> int:
        """Carry out a task management function; returns a TaskManagementStatus."""
        ...
