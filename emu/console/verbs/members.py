"""What MOUNT asks of members-to-be: /INCLUDE finds them, /POLICY=VERIFY_LABEL looks at their labels."""

from collections.abc import Callable, Sequence

from drivers.message import Failure, Message
from drivers.platform.process import Procedure
from drivers.shadow.volume import VolumeIdentity
from emu.console.session import Job

SCRATCH_LABEL = "SCRATCH_DISK"


def former_members(job: Job, devices: Sequence[str]) -> Procedure:
    """Return the disks that the named ones know as members of their set, and that are not named."""
    found: list[str] = []
    for device in devices:
        if job.session.set_of(device) is not None:
            continue
        members: list[int] = yield from job.node.utilities.members_of_record(device)
        for unit in job.node.disks:
            is_free = job.session.set_of(unit.name) is None and not job.session.is_mounted(unit.name)
            if unit.identifier in members and is_free and unit.name not in (*devices, *found):
                found.append(unit.name)
    return found


def telling_of_included(job: Job, included: Sequence[str]) -> Callable[[Message], None]:
    """Say what happened to members; of those that /INCLUDE found, by the identifications they have for that."""

    def tell(message: Message) -> None:
        if message.ident.startswith("SHDWMEM") and message.text.split(" ")[0].lstrip("_") in included:
            ident = "AUTOMEM" + message.ident.removeprefix("SHDWMEM")
            message = Message(message.facility, message.severity, ident, message.text)
        job.tell(message)

    return tell


def verify_labels(job: Job, targets: Sequence[str]) -> Procedure:
    """Raise Failure unless every target of a copy has the label that gives it away.

    UNCERTAIN: the label and the message are from general knowledge of VMS.
    """
    for device in targets:
        target: VolumeIdentity = yield from job.node.utilities.volume_identity(device)
        if target.label != SCRATCH_LABEL:
            raise Failure(
                Message(
                    "MOUNT", "F", "POLICYFAIL", f"_{device} would be copied to, and is not {SCRATCH_LABEL}"
                )
            )
