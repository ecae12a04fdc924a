"""A session: what the connections of one initiator port to one target share.  RFC 7143 sections 4.2.2 and 4.3.

Numbers are 32 bits and compared modulo 2^32 (RFC 1982).  A command that has its number finishes at most once; then
one more may come: ExpCmdSN + WINDOW - 1 - commands under way is MaxCmdSN, which so never goes back.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from emu.front.iscsi.device import Device, Nexus
from emu.front.iscsi.parameters import Parameters
from emu.front.iscsi.transfer import DataTransfer
from emu.wire.codes.iscsi import NUMBER_MASK, NUMBER_SIGN, TaskManagement
from emu.wire.generated.iscsi import TransportId

if TYPE_CHECKING:
    from emu.front.iscsi.connection import Connection

WINDOW = 128  # commands one session may have under way
IMMEDIATE_COMMANDS = 32  # and so many more that have no number

_ABORT_TASK = int(TaskManagement.ABORT_TASK)
_TRANSPORT_ID_NAME_BYTES = 20  # the least


class Session:
    """One session, of a logged-in initiator.

    device: None for a discovery session.  tasks: by initiator task tag.  held: what to do when its number's turn comes.
    """

    def __init__(
        self,
        initiator: str,
        isid: bytes,
        target_name: str,
        tsih: int,
        device: Device | None,
        parameters: Parameters,
        cmd_sn: int,
    ) -> None:
        self.initiator = initiator
        self.isid = isid
        self.target_name = target_name
        self.tsih = tsih
        self.device = device
        self.parameters = parameters
        self.exp_cmd_sn = cmd_sn
        self.max_cmd_sn = cmd_sn + WINDOW - 1 & NUMBER_MASK
        self.connections: dict[int, Connection] = {}
        self.tasks: dict[int, DataTransfer] = {}
        self.held: dict[int, Callable[[], None]] = {}
        self.nexus: Nexus = None
        if device is not None:
            self.nexus = device.connect(f"{initiator},i,0x{isid.hex()}", transport_id(initiator, isid))

    @property
    def is_shut(self) -> bool:
        """Whether no command may come."""
        return self.exp_cmd_sn == self.max_cmd_sn + 1 & NUMBER_MASK

    # ---- numbers

    def count(self, cmd_sn: int) -> bool:
        """Count a command that has come; False if its turn has not."""
        if cmd_sn != self.exp_cmd_sn or self.is_shut:
            return False
        self.exp_cmd_sn = cmd_sn + 1 & NUMBER_MASK
        return True

    def hold(self, cmd_sn: int, action: Callable[[], None]) -> bool:
        """Keep a command that came out of order until its turn; one outside the window is ignored, and False said."""
        if self.max_cmd_sn - cmd_sn & NUMBER_SIGN or cmd_sn - self.exp_cmd_sn & NUMBER_SIGN:
            return False
        self.held.setdefault(cmd_sn, action)
        return True

    def catch_up(self) -> None:
        """Do the held commands whose turn has come."""
        while (action := self.held.pop(self.exp_cmd_sn, None)) is not None:
            self.exp_cmd_sn = self.exp_cmd_sn + 1 & NUMBER_MASK
            action()

    def skip(self, cmd_sn: int) -> bool:
        """Have a number count as come, though its command never may; says whether it was still to come."""
        self.held.pop(cmd_sn, None)
        if not self.hold(cmd_sn, self.finish_command):
            return False
        self.catch_up()
        return True

    def finish_command(self) -> None:
        """Let one more numbered command come."""
        self.max_cmd_sn = self.max_cmd_sn + 1 & NUMBER_MASK

    # ---- tasks

    def forget(self, task: DataTransfer) -> None:
        """End a task, however it ends."""
        del self.tasks[task.tag]
        if task.numbered:
            self.max_cmd_sn = self.max_cmd_sn + 1 & NUMBER_MASK
        task.connection.commands.discharge(task)

    def abort(self, task: DataTransfer) -> None:
        """End a task; nothing is answered."""
        self.forget(task)
        self.revoke(task)

    def abort_all(self, tasks: Iterable[DataTransfer]) -> None:
        """End these tasks, the last one first: what waits for another is not to begin when that has gone."""
        for task in reversed(list(tasks)):
            if (
                self.tasks.get(task.tag) is task
            ):  # else it has ended meanwhile, with room for it or in its turn
                self.abort(task)

    def revoke(self, task: DataTransfer) -> None:
        """Have the device drop a task that has ended here."""
        if task.submitted and self.device is not None:
            self.device.manage(_ABORT_TASK, self.nexus, task.lun_field, task.tag)

    # ---- connections

    def remove(self, connection: "Connection") -> bool:
        """Take a connection out, and end its tasks; says whether it was the last one."""
        if self.connections.get(connection.cid) is connection:
            del self.connections[connection.cid]
        self.abort_all([task for task in self.tasks.values() if task.connection is connection])
        return not self.connections

    def close(self) -> None:
        """Lose the nexus."""
        self.tasks.clear()
        self.held.clear()
        if self.device is not None:
            self.device.disconnect(self.nexus)
            self.device = None


def transport_id(initiator: str, isid: bytes) -> bytes:
    """Return the TransportID of an iSCSI initiator port (SPC, format 01b: its name with the ISID)."""
    name = f"{initiator},i,0x{isid.hex()}".encode() + b"\0"
    length = max(_TRANSPORT_ID_NAME_BYTES, len(name) + -len(name) % 4)
    return TransportId.pack_fields(protocol=0x45, length=length) + name.ljust(length, b"\0")
